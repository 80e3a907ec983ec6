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

/// Blue minus luma and red minus luma of the middle of the frame, one tint for the whole veil: a tint
/// of its own for each cell would look like a rainbow and tell more. Skin lies well inside the range.
const CHROMA: Coarse = Coarse { low: -0.24, high: 0.24, noise: 0.04, levels: 13 };

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
    let mut random = Random::draw(noise, grid.cells.len() + 2)?;
    let tint = tint(grid, color).map(|chroma| CHROMA.apply(chroma, random.next()));
    for cell in &mut grid.cells {
        let light = LUMA.apply(luma(to_rgb(color, *cell)), random.next());
        *cell = compose(color, light, tint);
    }
    Ok(())
}

/// The mean chroma, blue and red, of the cells in the middle, where the face is.
fn tint(grid: &Grid, color: Color) -> [f32; 2] {
    let middle = |count: usize| (count - 1) / 2..count / 2 + 1;
    let (mut sum, mut count) = ([0.0f32; 2], 0.0f32);
    for row in middle(grid.rows.count) {
        for column in middle(grid.columns.count) {
            let rgb = to_rgb(color, grid.cells[row * grid.columns.count + column]);
            let light = luma(rgb);
            sum = [sum[0] + rgb[2] - light, sum[1] + rgb[0] - light];
            count += 1.0;
        }
    }
    sum.map(|sum| sum / count)
}

/// A pixel of `color` from luma and chroma; grey takes the luma alone.
fn compose(color: Color, light: f32, [blue, red]: [f32; 2]) -> Pixel {
    if matches!(color, Color::Gray | Color::GrayAlpha) {
        return from_rgb(color, [light; 3]);
    }
    // Near black and white there is no room for colour: fade it rather than clip one channel.
    let room = (light * 2.5).min((1.0 - light) * 4.0).min(1.0);
    let (red, blue) = (light + red * room, light + blue * room);
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

#[cfg(test)]
mod tests {
    use super::super::{SeededNoise, VEIL_BITS};
    use super::*;

    #[test]
    fn the_documented_bound_is_that_of_the_constants() {
        let bits = |c: &Coarse| {
            let noise = 1.0 + (c.high - c.low) / c.noise;
            libm::log2f(noise.min(f32::from(c.levels)))
        };
        assert!((bits(&LUMA) - 2.81).abs() < 0.01 && (bits(&CHROMA) - 3.70).abs() < 0.01);
        let total = (CELLS * CELLS) as f32 * bits(&LUMA) + 2.0 * bits(&CHROMA);
        assert_eq!(libm::ceilf(total) as u32, VEIL_BITS, "{total} bits");
    }

    #[test]
    fn a_value_becomes_one_of_its_levels_within_noise_and_rounding() {
        let mut words = [0; 4];
        let mut noise = SeededNoise::new(5);
        for coarse in [LUMA, CHROMA] {
            let step = (coarse.high - coarse.low) / f32::from(coarse.levels - 1);
            for i in -20..=220 {
                let value = coarse.low + (coarse.high - coarse.low) * i as f32 / 200.0;
                noise.fill(&mut words).unwrap();
                let got = coarse.apply(value, u32::from_le_bytes(words));
                let level = (got - coarse.low) / step;
                assert!((level - libm::roundf(level)).abs() < 1e-4, "{value}: level {level}");
                let error = (got - value.clamp(coarse.low, coarse.high)).abs();
                assert!(error <= (step + coarse.noise) / 2.0 + 1e-5, "{value}: {got}");
            }
        }
    }

    #[test]
    fn noise_reaches_both_ends_of_its_width() {
        let coarse = Coarse { low: 0.0, high: 1.0, noise: 0.5, levels: 1001 };
        let ends = [coarse.apply(0.5, 0), coarse.apply(0.5, u32::MAX)];
        assert!((ends[0] - 0.25).abs() < 2e-3 && (ends[1] - 0.75).abs() < 2e-3, "{ends:?}");
    }

    #[test]
    fn tint_comes_from_the_middle_cells() {
        let (columns, rows) = (Axis::new(0.0, 40.0, 4), Axis::new(0.0, 40.0, 4));
        let mut cells = alloc::vec![[0.0, 0.0, 1.0, 0.0]; 16];
        for index in [5, 6, 9, 10] {
            cells[index] = [0.6, 0.5, 0.4, 0.0];
        }
        let [blue, red] = tint(&Grid { columns, rows, cells }, Color::Rgb);
        let light = luma([0.6, 0.5, 0.4]);
        assert!((blue - 0.4 + light).abs() < 1e-6 && (red - 0.6 + light).abs() < 1e-6, "{blue} {red}");
    }
}
