//! The veil on a device: 4 × 4 cells over the whole frame.

use super::frame::CameraFrame;
use super::hidden::Hidden;

/// Cells along each side of the frame. A face is never larger than the frame, so that no more cells lie on it.
const CELLS: usize = 4;

/// Words of noise that [`Veil::draw`] uses up.
pub const NOISE_WORDS: usize = CELLS * CELLS + 2;

/// A range around a middle, the width of the noise that is added, and the levels that are left, as for the PC's veil, of
/// 255.
struct Coarse {
    low: i64,
    high: i64,
    noise: i64,
    levels: i64,
}

/// In 1024ths of a grey level: noise of 1/6 of the range, 7 levels.
const LUMA: Coarse = Coarse { low: 0, high: 255 << 10, noise: 255 * 1024 / 6, levels: 7 };

/// Around 128: 0.24 of the range to both sides, noise of 0.04, 13 levels.
const CHROMA: Coarse = Coarse { low: -61 << 10, high: 61 << 10, noise: 10 << 10, levels: 13 };

impl Coarse {
    /// `value` (1024ths) clamped, with noise from 32 random bits, rounded to a level: whole steps of 255.
    fn apply(&self, value: i64, random: u32) -> i32 {
        let noise = ((i64::from(random) - (1 << 31)) * self.noise) >> 32;
        let noisy = value.clamp(self.low, self.high) + noise - self.low;
        let (range, steps) = (self.high - self.low, self.levels - 1);
        let step = ((2 * noisy * steps + range).div_euclid(2 * range)).clamp(0, steps);
        ((self.low * steps + step * range).div_euclid(steps << 10)) as i32
    }
}

/// What is shown instead of hidden pixels. Painted into many frames it tells no more than the one that it was drawn
/// from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Veil {
    /// Row by row.
    luma: [[u8; CELLS]; CELLS],
    /// Blue and red minus luma, around 0.
    tint: [i32; 2],
}

impl Veil {
    /// Draws the veil of what is hidden in `frame`, which is not changed. `noise` must be fresh and unknown to anybody: from
    /// the device's source of true randomness; who can repeat it can subtract it.
    pub fn draw(frame: &CameraFrame<'_>, hidden: &Hidden<'_>, noise: &[u32; NOISE_WORDS]) -> Self {
        let (width, height) = frame.size();
        let mut sums = [[(0i64, 0i64); CELLS]; CELLS];
        let (mut tint, mut tinted) = ([0i64; 2], 0i64);
        // A quarter of the pixels is enough for means.
        for y in (0..height).step_by(2) {
            let row = y * CELLS / height;
            for x in (0..width).step_by(2) {
                let [luma, blue, red] = frame.color(x, y);
                if let Some((sum, count)) = sums.get_mut(row).and_then(|row| row.get_mut(x * CELLS / width)) {
                    *sum += i64::from(luma);
                    *count += 1;
                }
                if hidden.at(x, y) {
                    tint[0] += i64::from(blue) - 128;
                    tint[1] += i64::from(red) - 128;
                    tinted += 1;
                }
            }
        }
        let mean = |sum: i64, count: i64| (sum << 10).div_euclid(count.max(1));
        let mut random = noise.iter().copied();
        let mut next = || random.next().unwrap_or(0);
        let tint = tint.map(|sum| CHROMA.apply(mean(sum, tinted), next()));
        let luma =
            sums.map(|row| row.map(|(sum, count)| LUMA.apply(mean(sum, count), next()).clamp(0, 255) as u8));
        Self { luma, tint }
    }

    /// Replaces every hidden pixel; no bit of it stays. Pixels of the frame that `hidden` does not reach (it is smaller) are
    /// hidden too.
    pub fn paint(&self, frame: &mut CameraFrame<'_>, hidden: &Hidden<'_>) {
        let (width, height) = frame.size();
        let (known_width, known_height) = hidden.size();
        for y in 0..height {
            let row = self.row(y, height);
            for index in 0..width.div_ceil(32) {
                let first = 32 * index;
                let known = if y < known_height { known_width.saturating_sub(first).min(32) } else { 0 };
                let unknown = if known < 32 { u32::MAX << known } else { 0 };
                let mut word = hidden.word(index, y) | unknown;
                while word != 0 {
                    let x = first + word.trailing_zeros() as usize;
                    word &= word - 1;
                    if x < width {
                        frame.put(x, y, self.color(x, width, &row));
                    }
                }
            }
        }
    }

    /// The cells' columns at the height of row `y`, in 256ths. Cells are blended bilinearly between their middles.
    fn row(&self, y: usize, height: usize) -> [i32; CELLS] {
        let (above, below, down) = between(y, height);
        let [above, below] = [above, below].map(|row| self.luma.get(row).copied().unwrap_or([0; CELLS]));
        core::array::from_fn(|column| {
            let at = |row: &[u8; CELLS]| row.get(column).copied().map_or(0, i32::from);
            at(&above) * (256 - down) + at(&below) * down
        })
    }

    fn color(&self, x: usize, width: usize, row: &[i32; CELLS]) -> [u8; 3] {
        let (left, right, along) = between(x, width);
        let at = |column: usize| row.get(column).copied().unwrap_or(0);
        let luma = (at(left) * (256 - along) + at(right) * along + (1 << 15)) >> 16;
        // Near black and white there is no room for colour: fade it rather than clip one channel.
        let room = (luma * 5 / 2).min((255 - luma) * 4).min(255);
        let [blue, red] = self.tint.map(|tint| (128 + (tint * room) / 255).clamp(0, 255) as u8);
        [luma.clamp(0, 255) as u8, blue, red]
    }
}

/// The two cells whose middles a pixel lies between, and the weight of the second one of 256.
fn between(pixel: usize, side: usize) -> (usize, usize, i32) {
    // In 256ths of a cell from the first middle on.
    let place = ((2 * pixel + 1) * 128 * CELLS / side).saturating_sub(128);
    let cell = (place / 256).min(CELLS - 1);
    (cell, (cell + 1).min(CELLS - 1), (place % 256) as i32)
}
