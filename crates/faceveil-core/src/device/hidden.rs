//! Which pixels are hidden: from a coarse mask of 8-bit values to a bit a pixel.

use core::fmt;

use super::{grid, spread};

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
pub(super) const MOST_WORDS: usize = 64;

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
        grid::threshold(mask, rule.threshold, words, likely);
        grid::threshold(mask, rule.certain.max(rule.threshold), words, sure);
        spread::connect(words, likely, sure);
        let bits = if rule.growth_squared == 0 {
            sure
        } else {
            spread::grow(words, columns, rule.growth_squared, sure, likely);
            likely
        };
        Ok(Self { width: columns, height: rows, words, bits })
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
