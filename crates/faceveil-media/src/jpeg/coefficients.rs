//! The coefficients of a JPEG that comes in several scans, and the same picture in one scan.
//!
//! The pixel decoder would need them all beside the pixels, and misplaces blocks where scans of
//! single components meet subsampling. One scan, written from the coefficients and then decoded in
//! their stead, costs neither.

use crate::jpeg::block::Block;
use crate::jpeg::header::{Frame, ZIGZAG};

/// All blocks of a frame, by rows of units, so that a row can be let go once it is written.
#[derive(Debug)]
pub(super) struct Coefficients {
    /// Each row holds component after component, each of those row by row.
    rows: Vec<Vec<Block>>,
    layout: Vec<Layout>,
}

/// Where a component's blocks are in a row of units.
#[derive(Clone, Copy, Debug)]
struct Layout {
    start: usize,
    across: usize,
    horizontal: usize,
    vertical: usize,
}

impl Coefficients {
    pub fn new(frame: &Frame) -> Self {
        let (across, down) = frame.units();
        let mut layout = Vec::new();
        let mut len = 0;
        for c in &frame.components {
            let (horizontal, vertical) = (usize::from(c.horizontal), usize::from(c.vertical));
            let across = across as usize * horizontal;
            layout.push(Layout { start: len, across, horizontal, vertical });
            len += across * vertical;
        }
        Self { rows: (0..down).map(|_| vec![[0; 64]; len]).collect(), layout }
    }

    /// Block `(x, y)` of a component.
    #[inline]
    pub fn block_mut(&mut self, component: usize, x: usize, y: usize) -> Option<&mut Block> {
        let layout = self.layout[component];
        let row = self.rows.get_mut(y / layout.vertical)?;
        row.get_mut(layout.start + y % layout.vertical * layout.across + x)
    }

    /// Writes frame header, tables and one scan of all components; `None` for coefficients of more
    /// bits than the standard has (10, or 11 for a difference of DC).
    pub fn write_sequential(self, frame: &Frame, file: &mut Vec<u8>) -> Option<()> {
        write_headers(frame, file);
        let mut out = BitWriter { file, buffer: 0, filled: 0 };
        let mut previous = [0i32; 4];
        for row in self.rows {
            let units = self.layout.first().map_or(0, |l| l.across / l.horizontal);
            for unit in 0..units {
                for (layout, previous) in self.layout.iter().zip(&mut previous) {
                    for dy in 0..layout.vertical {
                        let from = layout.start + dy * layout.across + unit * layout.horizontal;
                        for block in &row[from..from + layout.horizontal] {
                            out.block(block, previous)?;
                        }
                    }
                }
            }
        }
        out.finish();
        file.extend(b"\xFF\xD9");
        Some(())
    }
}

/// Symbols of AC coefficients: end of block, 16 zeros, then run × size. All have codes of 8 bits,
/// so that no statistics are needed; the scan is written for our own decoder only.
const AC_SYMBOLS: usize = 2 + 16 * 10;

fn write_headers(frame: &Frame, file: &mut Vec<u8>) {
    let segment = |file: &mut Vec<u8>, code: u8, data: &[u8]| {
        file.extend([0xFF, code]);
        file.extend((data.len() as u16 + 2).to_be_bytes());
        file.extend_from_slice(data);
    };
    let mut sof = vec![8];
    sof.extend((frame.height as u16).to_be_bytes());
    sof.extend((frame.width as u16).to_be_bytes());
    sof.push(frame.components.len() as u8);
    let mut sos = vec![frame.components.len() as u8];
    for c in &frame.components {
        sof.extend([c.id, c.horizontal << 4 | c.vertical, c.table]);
        sos.extend([c.id, 0]);
    }
    sos.extend([0, 63, 0]);
    segment(file, 0xC0, &sof);
    let mut dc = vec![0x00, 0, 0, 0, 12];
    dc.resize(17, 0);
    dc.extend(0..12);
    segment(file, 0xC4, &dc);
    let mut ac = vec![0x10, 0, 0, 0, 0, 0, 0, 0, AC_SYMBOLS as u8];
    ac.resize(17, 0);
    ac.extend([0x00, 0xF0]);
    ac.extend((0..16).flat_map(|run| (1..=10).map(move |size| run << 4 | size)));
    segment(file, 0xC4, &ac);
    segment(file, 0xDA, &sos);
}

/// Quantisation tables as the decoder shall see them: all of 16 bits.
pub(super) fn write_tables(tables: &[Option<[u16; 64]>; 4], file: &mut Vec<u8>) {
    for (number, table) in tables.iter().enumerate() {
        let Some(table) = table else { continue };
        file.extend(b"\xFF\xDB\x00\x83");
        file.push(0x10 | number as u8);
        file.extend(ZIGZAG.iter().flat_map(|&from| table[usize::from(from)].to_be_bytes()));
    }
}

struct BitWriter<'a> {
    file: &'a mut Vec<u8>,
    buffer: u64,
    filled: u32,
}

impl BitWriter<'_> {
    fn put(&mut self, value: u32, bits: u32) {
        self.buffer = self.buffer << bits | u64::from(value);
        self.filled += bits;
        while self.filled >= 8 {
            self.filled -= 8;
            let byte = (self.buffer >> self.filled) as u8;
            self.file.push(byte);
            if byte == 0xFF {
                self.file.push(0);
            }
        }
    }

    fn block(&mut self, block: &Block, previous: &mut i32) -> Option<()> {
        let difference = i32::from(block[0]) - *previous;
        *previous = block[0].into();
        let (bits, size) = magnitude(difference);
        if size > 11 {
            return None;
        }
        self.put(size << size | bits, 4 + size);
        let mut run = 0;
        for &value in &block[1..] {
            if value == 0 {
                run += 1;
                continue;
            }
            while run > 15 {
                self.put(1, 8);
                run -= 16;
            }
            let (bits, size) = magnitude(value.into());
            if size > 10 {
                return None;
            }
            let code = 2 + run * 10 + size - 1;
            self.put(code << size | bits, 8 + size);
            run = 0;
        }
        if run > 0 {
            self.put(0, 8);
        }
        Some(())
    }

    /// Fills the last byte with ones.
    fn finish(&mut self) {
        let spare = (8 - self.filled % 8) % 8;
        self.put((1 << spare) - 1, spare);
    }
}

/// A value's bits and their number, T.81 table F.1.
fn magnitude(value: i32) -> (u32, u32) {
    let size = 32 - value.unsigned_abs().leading_zeros();
    let bits = if value < 0 { value - 1 } else { value } as u32 & ((1 << size) - 1);
    (bits, size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magnitudes_of_the_standard() {
        for (value, want) in [
            (0, (0, 0)),
            (1, (1, 1)),
            (-1, (0, 1)),
            (3, (3, 2)),
            (-3, (0, 2)),
            (-2, (1, 2)),
            (-1023, (0, 10)),
        ] {
            assert_eq!(magnitude(value), want, "{value}");
        }
    }
}
