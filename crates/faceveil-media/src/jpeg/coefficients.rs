//! The coefficients of a JPEG that comes in several scans, and the same picture in one scan.
//!
//! The pixel decoder would need them all beside the pixels, and misplaces blocks where scans of
//! single components meet subsampling. One scan, written from the coefficients and then decoded in
//! their stead, costs neither.

use crate::jpeg::bit_writer::{BitWriter, magnitude, segment};
use crate::jpeg::block::Block;
use crate::jpeg::header::{Frame, ZIGZAG};

/// All blocks of a frame, by rows of units, so that a row can be let go once it is written.
#[derive(Debug)]
pub(super) struct Coefficients {
    /// Each row holds component after component, each of those row by row; empty until its first
    /// block comes, so that a header's mere promise takes no memory.
    rows: Vec<Vec<Block>>,
    layout: Vec<Layout>,
    /// Blocks a row.
    len: usize,
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
        Self { rows: vec![Vec::new(); down as usize], layout, len }
    }

    /// Block `(x, y)` of a component.
    #[inline]
    pub fn block_mut(&mut self, component: usize, x: usize, y: usize) -> Option<&mut Block> {
        let layout = self.layout[component];
        let row = self.rows.get_mut(y / layout.vertical)?;
        if row.is_empty() {
            *row = vec![[0; 64]; self.len];
        }
        row.get_mut(layout.start + y % layout.vertical * layout.across + x)
    }

    /// Appends frame header, tables and one scan of all components; `None` for coefficients of more
    /// bits than the standard has (10, or 11 for a difference of DC).
    pub fn write_sequential(self, frame: &Frame, mut file: Vec<u8>) -> Option<Vec<u8>> {
        write_headers(frame, &mut file);
        let mut out = BitWriter::after(file);
        let mut previous = [0i32; 4];
        for row in self.rows {
            let units = self.layout.first().map_or(0, |l| l.across / l.horizontal);
            for unit in 0..units {
                for (layout, previous) in self.layout.iter().zip(&mut previous) {
                    for dy in 0..layout.vertical {
                        let from = layout.start + dy * layout.across + unit * layout.horizontal;
                        for block in row.get(from..from + layout.horizontal)? {
                            write_block(&mut out, block, previous)?;
                        }
                    }
                }
            }
        }
        let mut file = out.finish();
        file.extend(b"\xFF\xD9");
        Some(file)
    }
}

/// Symbols of AC coefficients: end of block, 16 zeros, then run × size. All have codes of 8 bits,
/// so that no statistics are needed; the scan is written for our own decoder only.
const AC_SYMBOLS: usize = 2 + 16 * 10;

fn write_headers(frame: &Frame, file: &mut Vec<u8>) {
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

/// Writes a block with the fixed codes of [`write_headers`].
fn write_block(out: &mut BitWriter, block: &Block, previous: &mut i32) -> Option<()> {
    let difference = i32::from(block[0]) - *previous;
    *previous = block[0].into();
    let (bits, size) = magnitude(difference);
    if size > 11 {
        return None;
    }
    out.put(size << size | bits, 4 + size);
    let mut run = 0;
    for &value in &block[1..] {
        if value == 0 {
            run += 1;
            continue;
        }
        while run > 15 {
            out.put(1, 8);
            run -= 16;
        }
        let (bits, size) = magnitude(value.into());
        if size > 10 {
            return None;
        }
        out.put((2 + run * 10 + size - 1) << size | bits, 8 + size);
        run = 0;
    }
    if run > 0 {
        out.put(0, 8);
    }
    Some(())
}
