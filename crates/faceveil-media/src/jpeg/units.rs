//! The coefficients of a picture in little memory, row of units by row of units.
//!
//! Each row is a list of tokens: what a sequential scan would hold (T.81 section F.1.2), but for the
//! codes, in one form only, so that nothing but the coefficients is in it. A row stands for itself:
//! its DC differences begin at 0.

use crate::jpeg::bit_writer::magnitude;
use crate::jpeg::block::Block;
use crate::jpeg::header::Frame;

/// Bytes that can be read behind a list of tokens.
const SLACK: usize = 3;

/// Symbols with their bits: a byte for the symbol, then 0 to 2 for the bits, the low ones first.
#[derive(Clone, Debug, Default)]
pub(super) struct Tokens {
    bytes: Vec<u8>,
    end: usize,
}

impl Tokens {
    /// `bits` are `size` bits, at most 16. The reader must know `size` from the symbol.
    #[inline]
    pub fn push(&mut self, symbol: u8, bits: u32, size: u32) {
        if self.bytes.len() < self.end + 1 + SLACK {
            // By little: what is not used is memory all the same, as it is written to.
            self.bytes.resize(self.bytes.len() + (self.bytes.len() / 8).max(1 << 12), 0);
        }
        let token = (u32::from(symbol) | bits << 8).to_le_bytes();
        self.bytes[self.end..self.end + 4].copy_from_slice(&token);
        self.end += 1 + size.div_ceil(8) as usize;
    }

    /// How many bytes there are to read.
    pub fn len(&self) -> usize {
        self.end
    }

    pub fn reader(&self) -> TokenReader<'_> {
        TokenReader { bytes: &self.bytes, at: 0 }
    }
}

/// Reads [`Tokens`]; behind their end, zeros.
#[derive(Clone, Copy, Debug)]
pub(super) struct TokenReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl TokenReader<'_> {
    /// The next symbol, its bits and their number, which `size` tells from the symbol.
    #[inline]
    pub fn next(&mut self, size: impl Fn(u8) -> u32) -> (u8, u32, u32) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let token = u32::from_le_bytes(rest.first_chunk().copied().unwrap_or_default());
        let symbol = token as u8;
        let size = size(symbol);
        self.at += 1 + size.div_ceil(8) as usize;
        (symbol, token >> 8 & ((1 << size) - 1), size)
    }

    /// Where the next token begins.
    pub fn position(&self) -> usize {
        self.at
    }
}

/// Bits that follow a symbol of a DC difference.
#[inline]
pub(super) fn dc_size(symbol: u8) -> u32 {
    u32::from(symbol & 15)
}

/// Bits that follow a symbol of an AC coefficient of a sequential scan.
#[inline]
pub(super) fn ac_size(symbol: u8) -> u32 {
    u32::from(symbol & 15)
}

/// The number that `size` bits stand for, T.81 table F.1.
#[inline]
pub(super) fn value(bits: u32, size: u32) -> i32 {
    let bits = bits as i32;
    if size > 0 && bits < 1 << (size - 1) { bits - (1 << size) + 1 } else { bits }
}

/// A block with a bit for each coefficient that is not 0, the lowest for DC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sparse {
    pub block: Block,
    pub occupied: u64,
}

impl Sparse {
    pub const EMPTY: Self = Self { block: [0; 64], occupied: 0 };

    /// All coefficients become 0.
    #[inline]
    pub fn clear(&mut self) {
        for k in places(self.occupied) {
            self.block[k] = 0;
        }
        self.occupied = 0;
    }

    #[inline]
    pub fn set(&mut self, k: usize, value: i16) {
        self.block[k & 63] = value;
        self.occupied |= u64::from(value != 0) << (k & 63);
    }
}

impl From<&Block> for Sparse {
    fn from(block: &Block) -> Self {
        let mut occupied = 0;
        for (i, eight) in block.chunks_exact(8).enumerate() {
            if *eight != [0; 8] {
                let bits = eight.iter().enumerate().map(|(j, &value)| u64::from(value != 0) << j);
                occupied |= bits.sum::<u64>() << (8 * i);
            }
        }
        Self { block: *block, occupied }
    }
}

/// The numbers of the bits that are set, the lowest first.
#[inline]
pub(super) fn places(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = bits.checked_ilog2().map(|_| bits.trailing_zeros() as usize)?;
        bits &= bits - 1;
        Some(place)
    })
}

/// A block of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub component: usize,
    /// Which of the component's blocks in the unit, from the left and from the top.
    pub dx: usize,
    pub dy: usize,
}

/// How a frame is made of units (MCU) and those of blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Units a row.
    pub across: usize,
    /// Rows of units.
    pub down: usize,
    /// The blocks of a unit in the order of a scan of all components.
    pub slots: Vec<Slot>,
    /// By component: sampling factors, then blocks with picture in them, across and down.
    pub components: Vec<([usize; 2], [usize; 2])>,
}

impl Layout {
    pub fn new(frame: &Frame) -> Self {
        let (across, down) = frame.units();
        let mut slots = Vec::new();
        let mut components = Vec::new();
        for (component, c) in frame.components.iter().enumerate() {
            let (h, v) = (usize::from(c.horizontal), usize::from(c.vertical));
            slots.extend((0..h * v).map(|i| Slot { component, dx: i % h, dy: i / h }));
            let (real_across, real_down) = frame.blocks(component);
            components.push(([h, v], [real_across as usize, real_down as usize]));
        }
        Self { across: across as usize, down: down as usize, slots, components }
    }

    /// Whether the block holds picture, rather than only filling the unit up.
    #[inline]
    pub fn is_real(&self, slot: Slot, x: usize, y: usize) -> bool {
        let ([h, v], [across, down]) = self.components[slot.component];
        x * h + slot.dx < across && y * v + slot.dy < down
    }

    /// Where the block stands among those of its unit.
    pub fn slot(&self, component: usize, dx: usize, dy: usize) -> usize {
        let before: usize = self.components[..component].iter().map(|([h, v], _)| h * v).sum();
        before + dy * self.components[component].0[0] + dx
    }
}

/// Rows of units, in one piece of memory: many small ones would not go back to the system.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    bytes: Vec<u8>,
    /// Where each row begins, and its last DC coefficients.
    rows: Vec<(usize, [i16; 4])>,
}

/// A row of units.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    /// From the row on.
    bytes: &'a [u8],
    /// By component, the last DC coefficient.
    pub last: [i16; 4],
}

impl Rows {
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        self.rows.iter().map(|&(start, last)| Row { bytes: &self.bytes[start..], last })
    }

    pub fn reverse(&mut self) {
        self.rows.reverse();
    }
}

impl<'a> Row<'a> {
    /// The tokens, unit by unit and slot by slot; behind them, those of other rows.
    pub fn reader(self) -> TokenReader<'a> {
        TokenReader { bytes: self.bytes, at: 0 }
    }

    pub fn cursor(self) -> Cursor<'a> {
        Cursor { tokens: self.reader(), previous: [0; 4] }
    }
}

/// A whole picture.
#[derive(Clone, Debug)]
pub(super) struct Units {
    pub layout: Layout,
    pub rows: Rows,
}

/// Takes a row's blocks back out of its tokens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    tokens: TokenReader<'a>,
    previous: [i32; 4],
}

impl Cursor<'_> {
    /// The next unit's blocks, in the order of the slots.
    pub fn unit(&mut self, slots: &[Slot], blocks: &mut [Sparse]) {
        for (slot, block) in slots.iter().zip(blocks) {
            block.clear();
            let (_, bits, size) = self.tokens.next(dc_size);
            let previous = &mut self.previous[slot.component];
            *previous += value(bits, size);
            block.set(0, *previous as i16);
            let mut k = 1;
            while k < 64 {
                let (symbol, bits, size) = self.tokens.next(ac_size);
                if symbol == 0 {
                    break;
                }
                k += usize::from(symbol >> 4);
                if size > 0 {
                    block.set(k, value(bits, size) as i16);
                }
                k += 1;
            }
        }
    }
}

/// Writes units, in order, into one row after another.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    /// Of the row that is being written.
    tokens: Tokens,
    previous: [i32; 4],
    rows: Rows,
    out_of_range: bool,
}

/// DC coefficients of 8-bit samples are 8 × (mean - 128) at the finest step; some encoders overshoot.
const DC_RANGE: std::ops::RangeInclusive<i32> = -2048..=2047;
/// Bits of an AC coefficient at most.
const AC_BITS: u32 = 10;

impl Recorder {
    /// A DC coefficient, which begins a block.
    #[inline]
    pub fn dc(&mut self, component: usize, dc: i32) {
        self.out_of_range |= !DC_RANGE.contains(&dc);
        let dc = dc.clamp(*DC_RANGE.start(), *DC_RANGE.end());
        let (bits, size) = magnitude(dc - self.previous[component]);
        self.previous[component] = dc;
        self.tokens.push(size as u8, bits, size);
    }

    /// A symbol of an AC coefficient.
    #[inline]
    pub fn ac(&mut self, symbol: u8, bits: u32) {
        let size = ac_size(symbol);
        self.out_of_range |= size > AC_BITS;
        self.tokens.push(symbol, bits, size);
    }

    /// A block without picture, which says: the same as the last one's mean, which costs the least.
    pub fn filler(&mut self) {
        self.tokens.push(0, 0, 0);
        self.tokens.push(0, 0, 0);
    }

    fn block(&mut self, component: usize, Sparse { block, occupied }: &Sparse) {
        self.dc(component, block[0].into());
        let mut next = 1;
        for k in places(occupied & !1) {
            let mut zeros = k - next;
            while zeros > 15 {
                self.ac(0xF0, 0);
                zeros -= 16;
            }
            let (bits, size) = magnitude(block[k].into());
            // 16 bits would make another symbol of it.
            self.ac((zeros as u8) << 4 | size.min(15) as u8, bits & 0x7FFF);
            next = k + 1;
        }
        if next < 64 {
            self.ac(0, 0);
        }
    }

    /// The blocks of unit `(x, y)` in the order of the slots.
    pub fn unit(&mut self, layout: &Layout, (x, y): (usize, usize), blocks: &[Sparse]) {
        for (slot, block) in layout.slots.iter().zip(blocks) {
            if layout.is_real(*slot, x, y) {
                self.block(slot.component, block);
            } else {
                self.filler();
            }
        }
    }

    /// The row is whole; the next one begins.
    pub fn end_row(&mut self) {
        self.rows.rows.push((self.rows.bytes.len(), self.previous.map(|dc| dc as i16)));
        self.rows.bytes.extend_from_slice(&self.tokens.bytes[..self.tokens.end]);
        self.tokens.end = 0;
        self.previous = [0; 4];
    }

    /// The rows, and whether all coefficients are those of a picture of 8 bits; else some are not as
    /// they were given.
    pub fn finish(mut self) -> (Rows, bool) {
        self.rows.bytes.extend([0; SLACK]);
        (self.rows, !self.out_of_range)
    }
}
