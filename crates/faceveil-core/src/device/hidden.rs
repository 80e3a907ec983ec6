//! Which pixels are hidden: from a coarse mask of 8-bit values to a bit a pixel.

use core::fmt;

/// A network's mask: one value a square of `block` × `block` pixels.
#[derive(Clone, Copy, Debug)]
pub struct GridMask<'a> {
    /// Squares a row.
    pub width: usize,
    /// Rows of squares.
    pub height: usize,
    /// Side of a square, pixels, at most 16.
    pub block: usize,
    /// Row by row.
    pub values: &'a [i8],
}

/// From where on a pixel is hidden, in the mask's own values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// In 64ths of a step: pixels from here on are hidden, if connected to a certain one.
    pub threshold: i32,
    /// In 64ths of a step: a connected part (8 neighbours) must have one from here on.
    pub certain: i32,
    /// Square of the distance, in pixels, within which neighbours of hidden ones are hidden too.
    pub growth_squared: u32,
}

impl Rule {
    /// From a threshold, a certain value and a growth (pixels) in the network's units, where 8 bits `q` stand for
    /// `(q - zero) * scale`. What is no number hides everything.
    pub fn new(threshold: f32, certain: f32, growth: f32, (zero, scale): (i8, f32)) -> Self {
        // Rounded down, so that rounding hides rather than shows.
        let value = |v: f32| {
            let steps = (v / scale + f32::from(zero)) * 64.0;
            let whole = steps as i32;
            if steps.is_nan() { i32::MIN } else { whole - i32::from((whole as f32) > steps) }
        };
        let growth_squared = if growth.is_nan() { u32::MAX } else { (growth.max(0.0) * growth) as u32 };
        let (threshold, certain) = (value(threshold), value(certain));
        Self { threshold, certain, growth_squared: growth_squared.min(MOST_GROWTH * MOST_GROWTH) }
    }
}

/// Pixels that a region is grown by at most.
const MOST_GROWTH: u32 = 64;

/// The longest row, in words of 32 pixels.
const MOST_WORDS: usize = 64;

/// A mask or memory that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HiddenError {
    /// A side is 0, a square larger than 16 pixels, or a row longer than 2048.
    Size {
        /// Squares a row, rows, side of a square.
        got: [usize; 3],
    },
    /// More or fewer values than squares.
    Values {
        /// Values needed.
        need: usize,
        /// Values there.
        got: usize,
    },
    /// Too little memory.
    Memory {
        /// Words needed.
        need: usize,
        /// Words there.
        got: usize,
    },
}

impl fmt::Display for HiddenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Size { got: [width, height, block] } => {
                write!(f, "no mask of {width}×{height} squares of {block} pixels")
            }
            Self::Values { need, got } => write!(f, "the mask needs {need} values, got {got}"),
            Self::Memory { need, got } => write!(f, "a bit for each pixel needs {need} words, got {got}"),
        }
    }
}

impl core::error::Error for HiddenError {}

/// A bit for each pixel, set where it is hidden.
#[derive(Debug)]
pub struct Hidden<'a> {
    width: usize,
    height: usize,
    words: usize,
    bits: &'a [u32],
}

impl<'a> Hidden<'a> {
    /// Words of memory for a frame: two bits a pixel, rows in whole words.
    pub const fn memory(width: usize, height: usize) -> usize {
        width.div_ceil(32).saturating_mul(height).saturating_mul(2)
    }

    /// Which pixels `mask` hides by `rule`. Between the centres of squares values are interpolated bilinearly; outside of
    /// them they are those of the nearest centre.
    ///
    /// # Errors
    /// [`HiddenError`] if the mask cannot be or `memory` is too short; the frame must then not be shown.
    pub fn new(mask: &GridMask<'_>, rule: &Rule, memory: &'a mut [u32]) -> Result<Self, HiddenError> {
        let GridMask { width, height, block, values } = *mask;
        let sides = (1..=2048).contains(&width) && (1..=2048).contains(&height) && (1..=16).contains(&block);
        let words = width.saturating_mul(block).div_ceil(32);
        if !sides || words > MOST_WORDS {
            return Err(HiddenError::Size { got: [width, height, block] });
        }
        if values.len() != width * height {
            return Err(HiddenError::Values { need: width * height, got: values.len() });
        }
        let (columns, rows) = (width * block, height * block);
        let (need, got) = (Self::memory(columns, rows), memory.len());
        let Some((likely, rest)) = memory.split_at_mut_checked(words * rows) else {
            return Err(HiddenError::Memory { need, got });
        };
        let Some(sure) = rest.get_mut(..words * rows) else {
            return Err(HiddenError::Memory { need, got });
        };
        threshold(mask, rule, words, likely, sure);
        connect(words, likely, sure);
        grow(words, columns, rule.growth_squared, sure, likely);
        Ok(Self { width: columns, height: rows, words, bits: likely })
    }

    /// Pixels a row, and rows.
    pub fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// Whether the pixel is hidden; outside nothing is.
    pub fn at(&self, x: usize, y: usize) -> bool {
        x < self.width && self.word(x / 32, y) >> (x % 32) & 1 == 1
    }

    /// 32 pixels of a row, the first one in the lowest bit.
    pub(super) fn word(&self, index: usize, y: usize) -> u32 {
        if index < self.words { self.bits.get(y * self.words + index).copied().unwrap_or(0) } else { 0 }
    }

    /// Whether nothing is hidden.
    pub fn is_empty(&self) -> bool {
        self.bits.iter().all(|&word| word == 0)
    }

    /// How many pixels are hidden.
    pub fn count(&self) -> usize {
        self.bits.iter().map(|word| word.count_ones() as usize).sum()
    }
}

/// The two centres that a pixel lies between, and the weight of the second one in units of `1 / (2 · block)`.
fn between(pixel: usize, block: usize, count: usize) -> (usize, usize, i32) {
    let place = 2 * pixel + 1;
    let Some(inside) = place.checked_sub(block) else { return (0, 0, 0) };
    let cell = (inside / (2 * block)).min(count - 1);
    (cell, (cell + 1).min(count - 1), (inside % (2 * block)) as i32)
}

fn threshold(mask: &GridMask<'_>, rule: &Rule, words: usize, likely: &mut [u32], sure: &mut [u32]) {
    let (block, whole) = (mask.block, 2 * mask.block as i32);
    // What a sum of weighted values must reach: its weights add up to `whole²`, at most 1024, a step has 64 parts. No
    // value lies outside of these bounds, so that all fits 32 bits.
    let least = |bound: i32| bound.clamp(-129 * 64, 128 * 64) * whole * whole;
    let (least, least_sure) = (least(rule.threshold), least(rule.certain).max(least(rule.threshold)));
    let both = likely.chunks_exact_mut(words).zip(sure.chunks_exact_mut(words));
    for (y, (likely, sure)) in both.enumerate() {
        let (above, below, down) = between(y, block, mask.height);
        let row = |index: usize| mask.values.get(index * mask.width..).unwrap_or_default();
        let (above, below) = (row(above), row(below));
        let column = |index: usize| {
            let at = |row: &[i8]| i32::from(row.get(index).copied().unwrap_or(i8::MAX));
            64 * (at(above) * (whole - down) + at(below) * down)
        };
        // The centres on both sides change every `block` pixels.
        let (mut cell, mut start, mut slope) = (usize::MAX, 0, 0);
        let columns = mask.width * block;
        for (index, (likely, sure)) in likely.iter_mut().zip(sure).enumerate() {
            let (mut likely_bits, mut sure_bits) = (0, 0);
            for x in 32 * index..columns.min(32 * index + 32) {
                let (left, right, along) = between(x, block, mask.width);
                if left != cell || along < 2 {
                    let first = column(left);
                    (cell, start, slope) = (left, first * whole, column(right) - first);
                }
                let sum = start + slope * along;
                likely_bits |= u32::from(sum >= least) << (x % 32);
                sure_bits |= u32::from(sum >= least_sure) << (x % 32);
            }
            (*likely, *sure) = (likely_bits, sure_bits);
        }
    }
}

/// Spreads `sure` over all of `likely` that is connected to it.
fn connect(words: usize, likely: &[u32], sure: &mut [u32]) {
    let rows = likely.len() / words;
    let mut changed = true;
    while changed {
        changed = false;
        for step in 0..2 * rows {
            // Down, then up again.
            let y = if step < rows { step } else { 2 * rows - 1 - step };
            for index in 0..words {
                let mut near = 0;
                for row in y.saturating_sub(1)..(y + 2).min(rows) {
                    let at = |index: usize| sure.get(row * words + index).copied().unwrap_or(0);
                    let before = if index > 0 { at(index - 1) } else { 0 };
                    let behind = if index + 1 < words { at(index + 1) } else { 0 };
                    let here = at(index);
                    near |= here | here << 1 | here >> 1 | before >> 31 | behind << 31;
                }
                let allowed = likely.get(y * words + index).copied().unwrap_or(0);
                if let Some(word) = sure.get_mut(y * words + index) {
                    let new = flood(near & allowed | *word, allowed);
                    changed |= new != *word;
                    *word = new;
                }
            }
        }
    }
}

/// Spreads the set bits along their runs in `allowed`.
fn flood(mut set: u32, allowed: u32) -> u32 {
    loop {
        let wider = (set | set << 1 | set >> 1) & allowed | set;
        if wider == set {
            return set;
        }
        set = wider;
    }
}

/// Sets in `to` every pixel within the distance of one that is set in `from`.
fn grow(words: usize, columns: usize, squared: u32, from: &[u32], to: &mut [u32]) {
    let rows = from.len() / words;
    let reach = squared.isqrt() as usize;
    to.fill(0);
    for (y, row) in from.chunks_exact(words).enumerate() {
        if row.iter().all(|&word| word == 0) {
            continue;
        }
        for other in y.saturating_sub(reach)..(y + reach + 1).min(rows) {
            let down = y.abs_diff(other) as u32;
            let along = (squared - down * down).isqrt();
            let Some(out) = to.get_mut(other * words..(other + 1) * words) else { continue };
            widen(row, along, out);
        }
    }
    // Bits behind the last column are no pixels.
    let last = columns % 32;
    if last > 0 {
        to.chunks_exact_mut(words).filter_map(|row| row.last_mut()).for_each(|word| *word &= (1 << last) - 1);
    }
}

/// Adds `row` to `out`, spread by `along` pixels to both sides.
fn widen(row: &[u32], along: u32, out: &mut [u32]) {
    let at = |index: usize| u64::from(row.get(index).copied().unwrap_or(0));
    for (index, out) in out.iter_mut().enumerate() {
        let mut sum = at(index) as u32;
        for shift in 1..=along {
            let (words, bits) = (shift as usize / 32, shift % 32);
            // From the left: bits of lower columns move up.
            if let Some(first) = index.checked_sub(words) {
                let below = first.checked_sub(1).map_or(0, at);
                sum |= ((at(first) << 32 | below) << bits >> 32) as u32;
            }
            let above = at(index + words + 1);
            sum |= ((above << 32 | at(index + words)) >> bits) as u32;
        }
        *out |= sum;
    }
}
