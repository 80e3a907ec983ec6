//! The veil: few cells, noise, coarse levels. See the module above for what can remain.

use alloc::vec::Vec;

use super::grid::{Axis, Grid};
use super::noise::{Noise, NoiseError};
use super::sample::{Pixel, from_rgb, luma, to_rgb};
use crate::geom::RectF;
use crate::raster::Color;

/// Cells along each side of the frame.
pub(super) const CELLS: usize = 4;

/// Lightness of a cell.
const LUMA: Coarse = Coarse { low: 0.0, high: 1.0, noise: 1.0 / 6.0, levels: 7 };

/// Blue minus luma and red minus luma of a quarter of the frame. Skin, hair and most backgrounds lie
/// well inside; stronger colours fade.
const CHROMA: Coarse = Coarse { low: -0.24, high: 0.24, noise: 0.08, levels: 7 };

/// The veil's axes on a frame: at most 4×4 cells.
pub(super) fn axes(frame: &RectF) -> (Axis, Axis) {
    (Axis::coarse(frame.left, frame.right, CELLS), Axis::coarse(frame.top, frame.bottom, CELLS))
}

/// A range, the width of the uniform noise that is added to it, and the levels that are left.
struct Coarse {
    low: f32,
    high: f32,
    noise: f32,
    levels: u16,
}

impl Coarse {
    /// `value` clamped to the range, with noise from 32 random bits, rounded to a level.
    fn apply(&self, value: f32, random: u32) -> f32 {
        let noise = (f64::from(random) / 4_294_967_296.0 - 0.5) as f32 * self.noise;
        let noisy = value.clamp(self.low, self.high) + noise;
        let steps = f32::from(self.levels - 1);
        let step = libm::roundf((noisy - self.low) / (self.high - self.low) * steps).clamp(0.0, steps);
        self.low + step / steps * (self.high - self.low)
    }
}

/// Replaces the means of `grid` by what the veil shows.
pub(super) fn coarsen(grid: &mut Grid, color: Color, noise: &mut dyn Noise) -> Result<(), NoiseError> {
    let rgb: Vec<[f32; 3]> = grid.cells.iter().map(|&cell| to_rgb(color, cell)).collect();
    let mut random = Random::draw(noise, rgb.len() + 8)?;
    let tints = tints(grid, &rgb, &mut random);
    for (index, (cell, rgb)) in grid.cells.iter_mut().zip(rgb).enumerate() {
        let light = LUMA.apply(luma(rgb), random.next());
        let tint = tints[quarter(index, grid.columns.count, grid.rows.count)];
        *cell = compose(color, light, tint);
    }
    Ok(())
}

/// Which quarter of the grid a cell lies in.
fn quarter(index: usize, columns: usize, rows: usize) -> usize {
    let (column, row) = (index % columns, index / columns);
    usize::from(2 * column >= columns) + 2 * usize::from(2 * row >= rows)
}

/// The coarse chroma, blue and red, of each quarter of the grid.
fn tints(grid: &Grid, rgb: &[[f32; 3]], random: &mut Random) -> [[f32; 2]; 4] {
    let mut sums = [([0.0f32; 2], 0.0f32); 4];
    for (index, rgb) in rgb.iter().enumerate() {
        let (sum, count) = &mut sums[quarter(index, grid.columns.count, grid.rows.count)];
        let light = luma(*rgb);
        *sum = [sum[0] + rgb[2] - light, sum[1] + rgb[0] - light];
        *count += 1.0;
    }
    sums.map(|(sum, count)| sum.map(|sum| CHROMA.apply(sum / count.max(1.0), random.next())))
}

/// A pixel of `color` from luma and chroma; grey takes the luma alone.
fn compose(color: Color, light: f32, [blue, red]: [f32; 2]) -> Pixel {
    if matches!(color, Color::Gray | Color::GrayAlpha) {
        return from_rgb(color, [light; 3]);
    }
    let (red, blue) = (light + red, light + blue);
    let green = (light - 0.299 * red - 0.114 * blue) / 0.587;
    from_rgb(color, [red, green, blue].map(|v| v.clamp(0.0, 1.0)))
}

/// Random words, drawn all at once so that a source that fails does so before anything is shown.
struct Random {
    words: Vec<[u8; 4]>,
}

impl Random {
    fn draw(noise: &mut dyn Noise, count: usize) -> Result<Self, NoiseError> {
        let mut words = alloc::vec![[0; 4]; count];
        noise.fill(words.as_flattened_mut())?;
        Ok(Self { words })
    }

    fn next(&mut self) -> u32 {
        u32::from_le_bytes(self.words.pop().unwrap_or_default())
    }
}
