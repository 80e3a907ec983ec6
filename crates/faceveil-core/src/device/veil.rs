//! The veil on a device: 4 × 4 cells over the whole frame.

use super::frame::{CameraFrame, Ink, Sum};
use super::hidden::Hidden;

/// Cells along each side of the frame. A face is never larger than the frame, so that no more cells lie on it.
const CELLS: usize = 4;

/// Side of the squares of one colour, pixels.
const SQUARE: usize = 4;

/// Words of noise that [`Veil::draw`] uses up.
pub const NOISE_WORDS: usize = CELLS * CELLS + 2;

/// A range around a middle, the width of the noise that is added, and the levels that are left, as for the PC's veil, of
/// 255.
struct Coarse {
    low: i32,
    high: i32,
    noise: i32,
    levels: i32,
}

/// In 256ths of a grey level: noise of 1/6 of the range, 7 levels.
const LUMA: Coarse = Coarse { low: 0, high: 255 << 8, noise: 255 * 256 / 6, levels: 7 };

/// Around 128: 0.24 of the range to both sides, noise of 0.04, 13 levels.
const CHROMA: Coarse = Coarse { low: -61 << 8, high: 61 << 8, noise: 10 << 8, levels: 13 };

impl Coarse {
    /// `value` (256ths) clamped, with noise from 32 random bits, rounded to a level: whole steps of 255.
    fn apply(&self, value: i32, random: u32) -> i32 {
        let noise = (((i64::from(random) - (1 << 31)) * i64::from(self.noise)) >> 32) as i32;
        let noisy = value.clamp(self.low, self.high) + noise - self.low;
        let (range, steps) = (self.high - self.low, self.levels - 1);
        let step = ((2 * noisy * steps + range).div_euclid(2 * range)).clamp(0, steps);
        (self.low * steps + step * range).div_euclid(steps << 8)
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
        let mut sums = [[Sum::default(); CELLS]; CELLS];
        let mut tinted = Sum::default();
        // A quarter of the pixels is enough for means.
        for y in (0..height).step_by(2) {
            let Some(row) = sums.get_mut(y * CELLS / height) else { continue };
            for (column, sum) in row.iter_mut().enumerate() {
                // From the first even column in the cell on, up to 32 at a time.
                let start = |column: usize| (column * width).div_ceil(CELLS).next_multiple_of(2);
                let (mut x, end) = (start(column), start(column + 1).min(width));
                while x < end {
                    let next = end.min((x | 31) + 1);
                    let word = if y < hidden.size().1 { hidden.word(x / 32, y) >> (x % 32) } else { 0 };
                    frame.add(y, (x, next), word, [sum, &mut tinted]);
                    x = next;
                }
            }
        }
        let mut random = noise.iter().copied();
        let mut next = || random.next().unwrap_or(0);
        let [_, blue, red] = frame.mean(&tinted);
        let tint = [blue, red].map(|mean| CHROMA.apply(mean, next()));
        let luma = sums.map(|row| row.map(|sum| LUMA.apply(frame.mean(&sum)[0], next()).clamp(0, 255) as u8));
        Self { luma, tint }
    }

    /// Replaces every hidden pixel; no bit of it stays. Pixels of the frame that `hidden` does not reach (it is smaller) are
    /// hidden too. Squares of 4 × 4 pixels have one colour.
    pub fn paint(&self, frame: &mut CameraFrame<'_>, hidden: &Hidden<'_>) {
        let (width, height) = frame.size();
        let inks = self.inks(frame);
        let step = step(width);
        for top in (0..height).step_by(SQUARE) {
            let row = self.row(top, height);
            for index in 0..width.div_ceil(32) {
                let first = 32 * index;
                let mut words = [0; SQUARE];
                for (y, word) in (top..height).zip(&mut words) {
                    *word = covered(hidden, index, y, width);
                }
                if words == [0; SQUARE] {
                    continue;
                }
                let mut pairs = [Ink::default(); 16];
                // To the middle of the first square.
                let mut place = (2 * first + SQUARE) as u32 * step;
                for pair in pairs.chunks_exact_mut(SQUARE / 2) {
                    pair.fill(inks.get(usize::from(blend(place, &row))).copied().unwrap_or_default());
                    place += 2 * SQUARE as u32 * step;
                }
                (top..).zip(words).for_each(|(y, word)| stroke(frame, (first, y), word, &pairs));
            }
        }
    }

    /// The ink of every luma that can come up.
    fn inks(&self, frame: &CameraFrame<'_>) -> [Ink; 256] {
        let lumas = || self.luma.iter().flatten().copied();
        let (least, most) = (lumas().min().unwrap_or(0), lumas().max().unwrap_or(u8::MAX));
        let mut inks = [Ink::default(); 256];
        for (luma, ink) in (0..=u8::MAX).zip(&mut inks) {
            if (least..=most).contains(&luma) {
                *ink = frame.encode(self.color(luma.into()));
            }
        }
        inks
    }

    /// The cells' columns at the height of the squares whose first row is `y`, in 256ths. Cells are blended bilinearly between their middles.
    fn row(&self, y: usize, height: usize) -> [u32; CELLS] {
        let (above, below, down) = between((2 * y + SQUARE) as u32 * step(height));
        let [above, below] = [above, below].map(|row| self.luma.get(row).copied().unwrap_or([0; CELLS]));
        core::array::from_fn(|column| {
            let at = |row: &[u8; CELLS]| row.get(column).copied().map_or(0, u32::from);
            at(&above) * (256 - down) + at(&below) * down
        })
    }

    fn color(&self, luma: i32) -> [u8; 3] {
        // Near black and white there is no room for colour: fade it rather than clip one channel.
        let room = (luma * 5 / 2).min((255 - luma) * 4).min(255);
        let [blue, red] = self.tint.map(|tint| (128 + (tint * room) / 255).clamp(0, 255) as u8);
        [luma.clamp(0, 255) as u8, blue, red]
    }
}

/// The hidden pixels among 32 of the frame's; those beyond the mask are hidden, those beyond the frame are none.
fn covered(hidden: &Hidden<'_>, index: usize, y: usize, width: usize) -> u32 {
    let (known_width, known_height) = hidden.size();
    let upto =
        |end: usize| u32::MAX.checked_shr(32 - end.saturating_sub(32 * index).min(32) as u32).unwrap_or(0);
    let known = if y < known_height { upto(known_width) } else { 0 };
    (hidden.word(index, y) & known | !known) & upto(width)
}

/// Paints those of 32 pixels whose bit is set.
fn stroke(frame: &mut CameraFrame<'_>, (first, y): (usize, usize), mut word: u32, pairs: &[Ink; 16]) {
    if word == u32::MAX {
        return frame.fill(first, y, pairs);
    }
    while word != 0 {
        let along = word.trailing_zeros() as usize;
        word &= word - 1;
        if let Some(&ink) = pairs.get(along / 2) {
            frame.put(first + along, y, ink);
        }
    }
}

/// Half of a pixel in 2⁻²⁴ths of a cell, rounded down.
fn step(side: usize) -> u32 {
    ((CELLS as u32) << 23) / side.max(1) as u32
}

/// The two cells whose middles a place lies between, and the weight of the second one of 256.
#[inline]
fn between(place: u32) -> (usize, usize, u32) {
    // In 256ths of a cell from the first middle on.
    let place = (place >> 16).saturating_sub(128);
    let cell = (place as usize / 256).min(CELLS - 1);
    (cell, (cell + 1).min(CELLS - 1), place % 256)
}

/// The luma at a place of a row of cells.
#[inline]
fn blend(place: u32, row: &[u32; CELLS]) -> u8 {
    let (left, right, along) = between(place);
    let at = |column: usize| row.get(column).copied().unwrap_or(0);
    // Both weights add up to 256, and the row is in 256ths.
    ((at(left) * (256 - along) + at(right) * along + (1 << 15)) >> 16) as u8
}
