//! Writes units as progressive scans, with the shortest codes.

use crate::jpeg::bit_writer::{BitWriter, Code, magnitude};
use crate::jpeg::segments::{huffman, scan_header};
use crate::jpeg::sequential::{DC_BITS, table};
use crate::jpeg::units::{Layout, Row, Sparse, Tokens, dc_size, places};

/// All scans of a picture.
pub(super) struct ProgressiveScans(Vec<Pass>);

/// First and last coefficient, bit position before (0 for none) and now.
type Part = (usize, usize, u8, u8);

/// The parts of a component's AC coefficients, of luma or the only kind, and of chroma: libjpeg's
/// choice (jcparam.c, `jpeg_simple_progression`).
const LUMA: [Part; 4] = [(1, 5, 0, 2), (6, 63, 0, 2), (1, 63, 2, 1), (1, 63, 1, 0)];
const CHROMA: [Part; 2] = [(1, 63, 0, 1), (1, 63, 1, 0)];

impl ProgressiveScans {
    /// `None` for coefficients of more bits than the standard has.
    pub fn new(layout: &Layout, rows: &[Row]) -> Option<Self> {
        let mut passes = plan(layout.components.len());
        let slots = layout.slots.len();
        let mut blocks = vec![Sparse::EMPTY; layout.across * slots];
        for (y, row) in rows.iter().enumerate() {
            let mut cursor = row.cursor();
            blocks.chunks_exact_mut(slots).for_each(|unit| cursor.unit(&layout.slots, unit));
            for pass in &mut passes {
                match pass.components[..] {
                    [component] if pass.start > 0 => pass.ac_row(layout, component, y, &blocks),
                    _ => pass.dc_row(layout, &blocks)?,
                }
            }
        }
        passes.iter_mut().for_each(Pass::end_run);
        Some(Self(passes))
    }

    /// Appends each scan with its tables. The tokens go as they are written.
    pub fn write(self, file: &mut Vec<u8>) {
        for pass in self.0 {
            pass.write(file);
        }
    }
}

/// The DC coefficients but for their last bit, each part of each component, the last DC bit.
fn plan(components: usize) -> Vec<Pass> {
    let all = || (0..components).collect();
    let parts = |c| if table(c) == 1 { &CHROMA[..] } else { &LUMA[..] };
    let mut passes = vec![Pass::new(all(), (0, 0, 0, 1))];
    for turn in 0..LUMA.len() {
        let at_turn = (0..components).filter_map(|c| Some(Pass::new(vec![c], *parts(c).get(turn)?)));
        passes.extend(at_turn);
    }
    passes.push(Pass::new(all(), (0, 0, 1, 0)));
    passes
}

/// One scan, of coefficients `start..=end`.
struct Pass {
    components: Vec<usize>,
    start: usize,
    end: usize,
    high: u8,
    low: u8,
    /// Of the first DC scan: [`TABLE`] is set where the second table is meant.
    tokens: Tokens,
    counts: [[u32; 256]; 2],
    previous: [i32; 4],
    /// Blocks since the last coefficient.
    run: u32,
    /// Correction bits of those blocks.
    held: Vec<bool>,
}

/// In a symbol of the first DC scan: of the second table.
const TABLE: u8 = 0x80;
/// Bits at most in a token without code.
const LOOSE: usize = 14;
/// Correction bits that a run of blocks may hold: a decoder must not have to wait for long.
const MOST_HELD: usize = 937;

/// Bits that follow a symbol of a first AC scan: those of the coefficient, or of a run of blocks.
fn first_size(symbol: u8) -> u32 {
    match (symbol >> 4, symbol & 15) {
        (15, 0) => 0,
        (run, 0) => run.into(),
        (_, size) => size.into(),
    }
}

/// The same of a refining scan, whose coefficients have one bit, the sign. Above that the symbol
/// only says how many loose bits there are, one more than their number.
fn refined_size(symbol: u8) -> u32 {
    match symbol & 15 {
        0 | 1 => first_size(symbol),
        loose => u32::from(loose) - 1,
    }
}

impl Pass {
    fn new(components: Vec<usize>, (start, end, high, low): Part) -> Self {
        let (tokens, counts, held) = (Tokens::default(), [[0; 256]; 2], Vec::new());
        Self { components, start, end, high, low, tokens, counts, previous: [0; 4], run: 0, held }
    }

    /// In the order of units, as a scan of several components has them (T.81 section G.1.2.1).
    fn dc_row(&mut self, layout: &Layout, blocks: &[Sparse]) -> Option<()> {
        for unit in blocks.chunks_exact(layout.slots.len()) {
            for (slot, Sparse { block, .. }) in layout.slots.iter().zip(unit) {
                let value = i32::from(block[0]) >> self.low;
                if self.high > 0 {
                    self.tokens.push(2, value as u32 & 1, 1);
                    continue;
                }
                let previous = &mut self.previous[slot.component];
                let (bits, size) = magnitude(value - *previous);
                if size > DC_BITS {
                    return None;
                }
                *previous = value;
                let table = table(slot.component);
                self.counts[table][size as usize] += 1;
                self.tokens.push(size as u8 | if table == 1 { TABLE } else { 0 }, bits, size);
            }
        }
        Some(())
    }

    /// Row by row, only blocks that hold picture, as a scan of one component has them.
    fn ac_row(&mut self, layout: &Layout, component: usize, y: usize, blocks: &[Sparse]) {
        let ([h, v], [across, down]) = layout.components[component];
        let slots = layout.slots.len();
        for dy in (0..v).filter(|dy| y * v + dy < down) {
            let first = layout.slot(component, 0, dy);
            for x in 0..across {
                let block = &blocks[x / h * slots + first + x % h];
                if self.high == 0 { self.ac_first(block) } else { self.ac_refine(block) }
            }
        }
    }

    /// The scan's coefficients of a block that are not 0 at its bit position: where, their size, and
    /// whether they are negative.
    fn levels<'b>(&self, of: &'b Sparse) -> impl Iterator<Item = (usize, u32, bool)> + use<'b> {
        let low = self.low;
        let own = of.occupied & (u64::MAX >> (63 - self.end)) & (u64::MAX << self.start);
        let each = places(own).map(move |k| {
            let value = of.block[k];
            (k, u32::from(value.unsigned_abs()) >> low, value < 0)
        });
        each.filter(|&(_, level, _)| level > 0)
    }

    /// T.81 section G.1.2.2.
    fn ac_first(&mut self, block: &Sparse) {
        let mut next = self.start;
        for (k, level, negative) in self.levels(block) {
            self.end_run();
            let mut zeros = k - next;
            while zeros > 15 {
                self.symbol(0xF0, 0);
                zeros -= 16;
            }
            let (bits, size) = magnitude(if negative { -(level as i32) } else { level as i32 });
            self.symbol((zeros as u8) << 4 | size as u8, bits);
            next = k + 1;
        }
        if next <= self.end {
            self.no_more();
        }
    }

    /// T.81 section G.1.2.3: new coefficients, and a correction bit for each old one that is passed
    /// over. Bits of old ones behind the last new one wait for the end of the run of blocks.
    fn ac_refine(&mut self, block: &Sparse) {
        let newest = self.levels(block).filter(|&(_, level, _)| level == 1).last().map_or(0, |(k, ..)| k);
        let (mut next, mut zeros) = (self.start, 0);
        let (mut corrections, mut count) = (0u64, 0);
        for (k, level, negative) in self.levels(block) {
            zeros += k - next;
            next = k + 1;
            while zeros > 15 && k <= newest {
                self.end_run();
                self.symbol(0xF0, 0);
                self.loose(std::mem::take(&mut corrections), std::mem::take(&mut count));
                zeros -= 16;
            }
            if level > 1 {
                corrections = corrections << 1 | u64::from(level & 1);
                count += 1;
                continue;
            }
            self.end_run();
            self.symbol((zeros as u8) << 4 | 1, u32::from(!negative));
            self.loose(std::mem::take(&mut corrections), std::mem::take(&mut count));
            zeros = 0;
        }
        if next <= self.end || zeros > 0 || count > 0 {
            self.held.extend((0..count).rev().map(|i| corrections >> i & 1 == 1));
            self.no_more();
        }
    }

    /// The block has nothing more.
    fn no_more(&mut self) {
        self.run += 1;
        if self.run == 0x7FFF || self.held.len() > MOST_HELD {
            self.end_run();
        }
    }

    /// Writes how many blocks had nothing more.
    fn end_run(&mut self) {
        if let Some(size) = self.run.checked_ilog2() {
            self.symbol((size as u8) << 4, self.run - (1 << size));
            self.run = 0;
            for bits in std::mem::take(&mut self.held).chunks(LOOSE) {
                let value = bits.iter().fold(0, |value, &bit| value << 1 | u64::from(bit));
                self.loose(value, bits.len());
            }
        }
    }

    fn symbol(&mut self, symbol: u8, bits: u32) {
        self.counts[0][usize::from(symbol)] += 1;
        self.tokens.push(symbol, bits, first_size(symbol));
    }

    /// The lowest `count` of these bits, the first one highest, without a code.
    fn loose(&mut self, bits: u64, mut count: usize) {
        while count > 0 {
            let some = count.min(LOOSE);
            count -= some;
            let value = (bits >> count) as u32 & ((1 << some) - 1);
            self.tokens.push(some as u8 + 1, value, some as u32);
        }
    }

    fn write(self, file: &mut Vec<u8>) {
        let codes = self.counts.each_ref().map(Code::new);
        let class = u8::from(self.start > 0);
        codes.iter().enumerate().for_each(|(number, code)| huffman(file, class, number as u8, code));
        // One AC table, number 0, for every scan of one component.
        let number = |&c: &usize| (c, if class == 0 { table(c) as u8 * 0x10 } else { 0 });
        let named: Vec<_> = self.components.iter().map(number).collect();
        let rest = [self.start as u8, self.end as u8, self.high << 4 | self.low];
        scan_header(file, &named, rest);
        let mut out = BitWriter::after(std::mem::take(file));
        let mut tokens = self.tokens.reader();
        while tokens.position() < self.tokens.len() {
            match (class, self.high) {
                (0, 0) => {
                    let (symbol, bits, size) = tokens.next(dc_size);
                    codes[usize::from(symbol & TABLE != 0)].put(&mut out, size as u8, bits, size);
                }
                (_, 0) => {
                    let (symbol, bits, size) = tokens.next(first_size);
                    codes[0].put(&mut out, symbol, bits, size);
                }
                _ => match tokens.next(refined_size) {
                    (symbol, bits, size) if symbol & 15 < 2 => codes[0].put(&mut out, symbol, bits, size),
                    (_, bits, size) => out.put(bits, size),
                },
            }
        }
        *file = out.finish();
    }
}
