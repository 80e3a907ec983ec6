//! A Gaussian blur of a whole window, computed on a coarse grid: its cost hardly depends on sigma.

use alloc::vec::Vec;

use super::grid::{Axis, Grid, View};
use super::sample::{Pixel, Sample};
use crate::geom::Rect;

/// Grid cells for one sigma: fine enough that the result is a Gaussian to about 1 grey level of
/// 255; near the window's edge it repeats the mean of the last cell rather than the last pixel.
const CELLS_PER_SIGMA: f64 = 4.0;

/// No side of the grid has more cells, which bounds time and memory; beyond it the blur is stronger
/// than asked for.
const MOST_CELLS: u32 = 1024;

/// The window's pixels blurred with `sigma` pixels (at least 1), edges repeated, as a grid to be
/// enlarged smoothly.
pub(super) fn grid<T: Sample>(view: &View<T>, window: Rect, sigma: f64) -> Grid {
    let sigma = sigma.max(1.0);
    // Whole pixels, so that each cell's mean belongs to the cell's middle.
    let axis = |from: i32, to: i32| {
        let side = from.abs_diff(to);
        let length = ((sigma / CELLS_PER_SIGMA) as u32).max(side.div_ceil(MOST_CELLS)).max(1);
        let count = side.div_ceil(length);
        let end = f64::from(from) + f64::from(count) * f64::from(length);
        Axis::new(from.into(), end, count as usize)
    };
    let (columns, rows) = (axis(window.left, window.right), axis(window.top, window.bottom));
    let mut grid = Grid::means(view, window, (columns, rows), 1);
    smooth(&mut grid.cells, columns.count, 1, &kernel(sigma, columns.length));
    smooth(&mut grid.cells, rows.count, columns.count, &kernel(sigma, rows.length));
    grid
}

/// The right half of a Gaussian kernel, the middle first, for cells `length` pixels long and a blur of
/// `sigma` pixels in all: the mean of a cell's pixels and the B-spline that enlarges it blur already,
/// with variances of `(length² - 1) / 12` and `length² / 4`.
fn kernel(sigma: f64, length: f64) -> Vec<f32> {
    let square = length * length;
    let variance = ((sigma * sigma - (square - 1.0) / 12.0 - square / 4.0) / square).max(0.05);
    let reach = libm::ceil(3.5 * libm::sqrt(variance)) as usize;
    let weights: Vec<f64> = (0..=reach).map(|i| libm::exp(-((i * i) as f64) / (2.0 * variance))).collect();
    let total = 2.0 * weights.iter().sum::<f64>() - weights[0];
    weights.iter().map(|w| (w / total) as f32).collect()
}

/// Convolves each line of `count` cells that lie `stride` apart.
fn smooth(cells: &mut [Pixel], count: usize, stride: usize, kernel: &[f32]) {
    let mut line = alloc::vec![Pixel::default(); count];
    let lines = cells.len() / count;
    for index in 0..lines {
        let start = if stride == 1 { index * count } else { index };
        for (i, pixel) in line.iter_mut().enumerate() {
            *pixel = cells[start + i * stride];
        }
        for i in 0..count {
            let mut sum = line[i].map(|v| v * kernel[0]);
            for (k, weight) in kernel.iter().enumerate().skip(1) {
                let (before, after) = (&line[i.saturating_sub(k)], &line[(i + k).min(count - 1)]);
                for (channel, sum) in sum.iter_mut().enumerate() {
                    *sum += weight * (before[channel] + after[channel]);
                }
            }
            cells[start + i * stride] = sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::grid::{Brush, Enlarge};
    use super::*;

    /// A Gaussian blur of `picture` by its definition, edges repeated.
    fn slow(picture: &[u8], width: i32, height: i32, sigma: f64) -> Vec<f64> {
        let reach = libm::ceil(4.0 * sigma) as i32;
        let weight = |d: i32| libm::exp(-f64::from(d * d) / (2.0 * sigma * sigma));
        let total: f64 = (-reach..=reach).map(weight).sum();
        let pass = |from: &dyn Fn(i32, i32) -> f64| -> Vec<f64> {
            let pixels = (0..width * height).map(|i| (i % width, i / width));
            pixels.map(|(x, y)| (-reach..=reach).map(|d| weight(d) / total * from(x + d, y)).sum()).collect()
        };
        let at = |x: i32, y: i32| (y * width + x.clamp(0, width - 1)) as usize;
        let rows = pass(&|x, y| f64::from(picture[at(x, y)]));
        let turned = |x: i32, y: i32| rows[(x.clamp(0, height - 1) * width + y) as usize];
        let pixels = (0..width * height).map(|i| (i % width, i / width));
        pixels.map(|(x, y)| (-reach..=reach).map(|d| weight(d) / total * turned(y + d, x)).sum()).collect()
    }

    #[test]
    fn blur_is_the_gaussian_to_about_a_grey_level() {
        let (width, height) = (60, 44);
        // Hard edges, and detail at every scale.
        let shade = |x: i32, y: i32| {
            120 * i32::from(x > 25) + 60 * i32::from(y > 30) + (x * x + 3 * x * y + 5 * y) % 70
        };
        let picture: Vec<u8> = (0..width * height).map(|i| shade(i % width, i / width) as u8).collect();
        let window = Rect { left: 0, top: 0, right: width, bottom: height };
        for (sigma, bound) in [(1.5, 3.0), (4.0, 1.5), (6.0, 1.5), (11.0, 1.5), (20.0, 1.5)] {
            let want = slow(&picture, width, height, sigma);
            let view = View { samples: &picture, width: width as usize, channels: 1 };
            let grid = grid(&view, window, sigma);
            let mut brush = Brush::new(grid, Enlarge::Smooth, 0, width);
            let mut line = alloc::vec![0u8; width as usize];
            for y in 0..height {
                brush.draw(y, &(0..width as usize), 1, &mut line);
                for (x, &got) in line.iter().enumerate() {
                    let want = want[y as usize * width as usize + x];
                    // The edge that is repeated is a cell's mean here, one pixel there.
                    let edge = (x as i32).min(y).min(width - 1 - x as i32).min(height - 1 - y);
                    let bound = if f64::from(edge) < 1.5 * sigma { 16.0 } else { bound };
                    assert!(
                        (f64::from(got) - want).abs() < bound,
                        "sigma {sigma} ({x}, {y}): {got} for {want}"
                    );
                }
            }
        }
    }
}
