//! A picture reduced to a few cells, and enlarged again.

use alloc::vec::Vec;
use core::ops::Range;

use super::sample::{MOST_CHANNELS, Pixel, Sample};
use crate::geom::Rect;

/// A cell is at least this long in pixels, so that a tiny face is not shown pixel by pixel.
pub(super) const SHORTEST_CELL: f64 = 4.0;

/// A coarse cell with fewer pixels in the picture takes the mean of all cells instead of its own.
pub(super) const FEWEST_PIXELS: u64 = (SHORTEST_CELL * SHORTEST_CELL) as u64;

/// One direction of a grid: `count` cells of equal length from `start` on, in pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub(super) start: f64,
    /// Pixels a cell.
    pub(super) length: f64,
    /// How many cells, at least 1.
    pub(super) count: usize,
}

impl Axis {
    /// `count` cells between `start` and `end`, at least 1.
    pub(super) fn new(start: f64, end: f64, count: usize) -> Self {
        let count = count.max(1);
        Self { start, length: ((end - start) / count as f64).max(1e-3), count }
    }

    /// At most `count` cells between `start` and `end`, fewer if they would be too short.
    pub(super) fn coarse(start: f32, end: f32, count: usize) -> Self {
        let (start, end) = (f64::from(start), f64::from(end));
        Self::new(start, end, count.min(((end - start) / SHORTEST_CELL) as usize))
    }

    /// The cell of a pixel's centre and how far in it that lies, `0.0..=1.0`; pixels outside the axis
    /// count as lying on its ends.
    fn locate(&self, pixel: i32) -> (usize, f32) {
        let place = ((f64::from(pixel) + 0.5 - self.start) / self.length).clamp(0.0, self.count as f64);
        let cell = (place as usize).min(self.count - 1);
        (cell, (place - cell as f64) as f32)
    }

    /// Pixels `from..to`, cut where the cell changes.
    fn runs(&self, from: i32, to: i32) -> Vec<(usize, Range<i32>)> {
        let mut runs: Vec<(usize, Range<i32>)> = Vec::new();
        for pixel in from..to {
            let (cell, _) = self.locate(pixel);
            match runs.last_mut() {
                Some((last, run)) if *last == cell => run.end = pixel + 1,
                _ => runs.push((cell, pixel..pixel + 1)),
            }
        }
        runs
    }
}

/// The samples of a picture, row by row.
pub(super) struct View<'a, T> {
    /// `width` pixels a row.
    pub(super) samples: &'a [T],
    /// Pixels a row.
    pub(super) width: usize,
    /// Samples a pixel.
    pub(super) channels: usize,
}

impl<T> View<'_, T> {
    /// Where in the samples the columns `from..to` of row `y` lie.
    pub(super) fn row(&self, y: i32, from: i32, to: i32) -> Range<usize> {
        let at = |x: i32| (y as usize * self.width + x as usize) * self.channels;
        at(from)..at(to)
    }
}

/// A colour for each cell.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    pub(super) columns: Axis,
    pub(super) rows: Axis,
    /// Row by row.
    pub(super) cells: Vec<Pixel>,
}

impl Grid {
    /// One colour everywhere.
    pub(super) fn uniform(color: Pixel) -> Self {
        let axis = Axis::new(0.0, 1.0, 1);
        Self { columns: axis, rows: axis, cells: alloc::vec![color] }
    }

    /// The mean of each cell over the pixels of `source` that lie in it. A cell with fewer than `fewest`
    /// takes the mean of all.
    pub(super) fn means<T: Sample>(
        view: &View<T>,
        source: Rect,
        (columns, rows): (Axis, Axis),
        fewest: u64,
    ) -> Self {
        let mut sums = alloc::vec![([0u64; MOST_CHANNELS], 0u64); columns.count * rows.count];
        let column_runs = columns.runs(source.left, source.right);
        let mut stack = alloc::vec![0u32; (source.right - source.left) as usize * view.channels];
        for (row, ys) in rows.runs(source.top, source.bottom) {
            // 65,535 × 4,096 fits 32 bits.
            for top in ys.clone().step_by(4096) {
                let bottom = ys.end.min(top.saturating_add(4096));
                stack.fill(0);
                for y in top..bottom {
                    let samples = &view.samples[view.row(y, source.left, source.right)];
                    stack.iter_mut().zip(samples).for_each(|(sum, s)| *sum += s.widen());
                }
                for (column, xs) in &column_runs {
                    let at = |x: i32| (x - source.left) as usize * view.channels;
                    let (sum, count) = &mut sums[row * columns.count + column];
                    for pixel in stack[at(xs.start)..at(xs.end)].chunks_exact(view.channels) {
                        sum.iter_mut().zip(pixel).for_each(|(sum, &v)| *sum += u64::from(v));
                    }
                    *count += (xs.end - xs.start) as u64 * (bottom - top) as u64;
                }
            }
        }
        Self { columns, rows, cells: divide::<T>(&sums, fewest) }
    }

    /// The colour of a cell; cells outside the grid are those at its edge.
    fn at(&self, column: usize, row: usize) -> &Pixel {
        &self.cells[row.min(self.rows.count - 1) * self.columns.count + column.min(self.columns.count - 1)]
    }
}

/// Sums and counts to means as shares.
fn divide<T: Sample>(sums: &[([u64; MOST_CHANNELS], u64)], fewest: u64) -> Vec<Pixel> {
    let mean = |(sum, count): ([u64; MOST_CHANNELS], u64)| {
        sum.map(|sum| (sum as f64 / (count.max(1) as f64 * f64::from(T::FULL))) as f32)
    };
    let all = sums.iter().fold(([0; MOST_CHANNELS], 0), |(mut total, n), (sum, count)| {
        total.iter_mut().zip(sum).for_each(|(total, sum)| *total += sum);
        (total, n + count)
    });
    // Where every cell is that small there is nothing better than their common mean.
    sums.iter().map(|&cell| mean(if cell.1 < fewest { all } else { cell })).collect()
}

/// How the space between the middles of cells is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Enlarge {
    /// A quadratic B-spline: smooth, and within the range of the neighbouring cells.
    Smooth,
    /// Every pixel as its cell: hard edges.
    Flat,
}

/// Draws a grid row by row into a window.
pub(super) struct Brush {
    grid: Grid,
    enlarge: Enlarge,
    left: i32,
    /// How far each column of the window lies in its cell.
    places: Vec<f32>,
    /// The window's columns, counted from its left, cut where the cell changes.
    runs: Vec<(usize, Range<usize>)>,
    /// The grid's columns at the height of the current row.
    controls: Vec<Pixel>,
}

impl Brush {
    /// For the columns `left..right` of the picture.
    pub(super) fn new(grid: Grid, enlarge: Enlarge, left: i32, right: i32) -> Self {
        let places = (left..right).map(|x| grid.columns.locate(x).1).collect();
        let within = |run: Range<i32>| (run.start - left) as usize..(run.end - left) as usize;
        let runs =
            grid.columns.runs(left, right).into_iter().map(|(cell, run)| (cell, within(run))).collect();
        let controls = alloc::vec![Pixel::default(); grid.columns.count];
        Self { grid, enlarge, left, places, runs, controls }
    }

    /// First column of the picture that is drawn.
    pub(super) fn left(&self) -> i32 {
        self.left
    }

    /// Draws the columns `columns` (counted from the window's left) of row `y` of the picture into
    /// `line`, which holds the window's whole row.
    pub(super) fn draw<T: Sample>(
        &mut self,
        y: i32,
        columns: &Range<usize>,
        channels: usize,
        line: &mut [T],
    ) {
        self.blend_rows::<T>(y);
        for (cell, run) in &self.runs {
            let run = run.start.max(columns.start)..run.end.min(columns.end);
            if run.is_empty() {
                continue;
            }
            let curve = self.curve(*cell);
            let places = &self.places[run.clone()];
            let line = &mut line[run.start * channels..run.end * channels];
            match channels {
                1 => fill::<T, 1>(&curve, places, line),
                2 => fill::<T, 2>(&curve, places, line),
                3 => fill::<T, 3>(&curve, places, line),
                _ => fill::<T, MOST_CHANNELS>(&curve, places, line),
            }
        }
    }

    /// Sets the controls of row `y`, in samples.
    fn blend_rows<T: Sample>(&mut self, y: i32) {
        let (row, t) = self.grid.rows.locate(y);
        let weights = match self.enlarge {
            Enlarge::Smooth => [(1.0 - t) * (1.0 - t) / 2.0, 0.5 + t * (1.0 - t), t * t / 2.0],
            Enlarge::Flat => [0.0, 1.0, 0.0],
        };
        for (column, control) in self.controls.iter_mut().enumerate() {
            let [above, here, below] =
                [row.saturating_sub(1), row, row + 1].map(|row| self.grid.at(column, row));
            for (channel, control) in control.iter_mut().enumerate() {
                let share =
                    weights[0] * above[channel] + weights[1] * here[channel] + weights[2] * below[channel];
                *control = share * T::FULL;
            }
        }
    }

    /// The row in a cell as a polynomial of the place in it, lowest power first, by channel.
    fn curve(&self, cell: usize) -> [[f32; 3]; MOST_CHANNELS] {
        let here = &self.controls[cell];
        let before = &self.controls[cell.saturating_sub(1)];
        let after = &self.controls[(cell + 1).min(self.controls.len() - 1)];
        core::array::from_fn(|channel| {
            let [p, q, r] = [before, here, after].map(|control| control[channel]);
            match self.enlarge {
                Enlarge::Smooth => [(p + q) / 2.0, q - p, (p - 2.0 * q + r) / 2.0],
                Enlarge::Flat => [q, 0.0, 0.0],
            }
        })
    }
}

/// Evaluates the polynomials at each place.
fn fill<T: Sample, const N: usize>(curve: &[[f32; 3]; MOST_CHANNELS], places: &[f32], line: &mut [T]) {
    let curve: [[f32; 3]; N] = core::array::from_fn(|channel| curve[channel]);
    for (pixel, &t) in line.chunks_exact_mut(N).zip(places) {
        for (sample, [constant, linear, square]) in pixel.iter_mut().zip(&curve) {
            *sample = T::nearest(constant + t * (linear + t * square));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An 11×9 picture of two channels without any pattern.
    fn picture() -> Vec<u8> {
        (0..11 * 9 * 2).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
    }

    #[test]
    fn means_are_those_of_the_slow_way() {
        let samples = picture();
        let (columns, rows) = (Axis::new(-2.0, 10.5, 3), Axis::new(1.0, 8.0, 2));
        let source = Rect { left: 0, top: 1, right: 11, bottom: 8 };
        let view = View { samples: &samples, width: 11, channels: 2 };
        let grid = Grid::means(&view, source, (columns, rows), 1);
        for (index, got) in grid.cells.iter().enumerate() {
            let (mut sum, mut count) = ([0.0; 2], 0.0);
            for (y, x) in (1..8).flat_map(|y| (0..11).map(move |x| (y, x))) {
                let column = (((x as f32 + 2.5) / (12.5 / 3.0)) as usize).min(2);
                if (index % 3, index / 3) == (column, ((y as f32 - 0.5) / 3.5) as usize) {
                    let at = (y * 11 + x) * 2;
                    sum = [sum[0] + f32::from(view.samples[at]), sum[1] + f32::from(view.samples[at + 1])];
                    count += 255.0;
                }
            }
            for (sum, got) in sum.iter().zip(got) {
                assert!((sum / count - got).abs() < 1e-5, "cell {index}: {got} for {}", sum / count);
            }
        }
    }

    #[test]
    fn small_cells_take_the_mean_of_all() {
        let mut samples = [0u16; 40];
        samples[39] = 40_000;
        let view = View { samples: &samples, width: 40, channels: 1 };
        let source = Rect { left: 0, top: 0, right: 40, bottom: 1 };
        let axes = (Axis::new(0.0, 41.0, 2), Axis::new(0.0, 1.0, 1));
        let all = 1000.0 / 65535.0;
        for (fewest, want) in [(16, [0.0, 40_000.0 / 65535.0 / 20.0]), (21, [all, all])] {
            let grid = Grid::means(&view, source, axes, fewest);
            for (cell, want) in grid.cells.iter().zip(want) {
                assert!((cell[0] - want).abs() < 1e-6, "fewest {fewest}: {cell:?} for {want}");
            }
        }
    }

    #[test]
    fn smooth_enlarging_is_the_quadratic_b_spline() {
        let (columns, rows) = (Axis::new(2.0, 22.0, 4), Axis::new(0.0, 1.0, 1));
        let values = [0.1f32, 0.9, 0.4, 0.4];
        let cells = values.iter().map(|&v| [v; 4]).collect();
        let mut brush = Brush::new(Grid { columns, rows, cells }, Enlarge::Smooth, 0, 25);
        let mut line = [0u16; 25];
        brush.draw(0, &(0..25), 1, &mut line);
        // The spline's basis function, by its definition.
        let basis = |d: f32| match d.abs() {
            d if d < 0.5 => 0.75 - d * d,
            d if d < 1.5 => (1.5 - d) * (1.5 - d) / 2.0,
            _ => 0.0,
        };
        for (x, &got) in line.iter().enumerate() {
            let place = ((x as f32 + 0.5 - 2.0) / 5.0).clamp(0.0, 4.0) - 0.5;
            let want: f32 =
                (-2..6).map(|i: i32| values[i.clamp(0, 3) as usize] * basis(place - i as f32)).sum();
            assert!((f32::from(got) - want * 65535.0).abs() < 2.0, "x {x}: {got} for {}", want * 65535.0);
        }
    }
}
