//! Writes units as one sequential scan, with the shortest codes.

use crate::jpeg::bit_writer::{BitWriter, Code, magnitude};
use crate::jpeg::units::{Layout, Row, ac_size, dc_size, value};

/// Bits of a DC difference at most, T.81 table F.1 for 8 bits a sample.
pub(super) const DC_BITS: u32 = 11;

/// A scan of all components.
#[derive(Debug)]
pub(super) struct SequentialScan {
    /// DC then AC codes of each of the two tables.
    pub codes: [[Code; 2]; 2],
    pub data: Vec<u8>,
}

/// Which table a component uses: the second and third are chroma.
pub(super) fn table(component: usize) -> usize {
    usize::from(matches!(component, 1 | 2))
}

impl SequentialScan {
    /// `None` for a DC difference of more bits than the standard has.
    pub fn new(layout: &Layout, rows: &[Row]) -> Option<Self> {
        let mut counts = Counts([[[0; 256]; 2]; 2]);
        replay(layout, rows, &mut counts)?;
        let codes = counts.0.map(|class| class.map(|counts| Code::new(&counts)));
        let mut writer = Writer { codes, out: BitWriter::default() };
        replay(layout, rows, &mut writer)?;
        Some(Self { codes: writer.codes, data: writer.out.finish() })
    }
}

trait Sink {
    fn dc(&mut self, table: usize, bits: u32, size: u32);
    fn ac(&mut self, table: usize, symbol: u8, bits: u32, size: u32);
}

/// Frequencies of symbols: by table, DC then AC.
struct Counts([[[u32; 256]; 2]; 2]);

struct Writer {
    codes: [[Code; 2]; 2],
    out: BitWriter,
}

impl Sink for Counts {
    #[inline]
    fn dc(&mut self, table: usize, _: u32, size: u32) {
        self.0[table][0][size as usize & 255] += 1;
    }

    #[inline]
    fn ac(&mut self, table: usize, symbol: u8, _: u32, _: u32) {
        self.0[table][1][usize::from(symbol)] += 1;
    }
}

impl Sink for Writer {
    #[inline]
    fn dc(&mut self, table: usize, bits: u32, size: u32) {
        self.codes[table][0].put(&mut self.out, size as u8, bits, size);
    }

    #[inline]
    fn ac(&mut self, table: usize, symbol: u8, bits: u32, size: u32) {
        self.codes[table][1].put(&mut self.out, symbol, bits, size);
    }
}

fn replay<S: Sink>(layout: &Layout, rows: &[Row], sink: &mut S) -> Option<()> {
    let mut carried = [0i16; 4];
    for row in rows {
        let mut tokens = row.reader();
        // A row's first differences are from 0, a scan's go on from the row before.
        let mut first = carried.map(Some);
        carried = row.last;
        for _ in 0..layout.across {
            for slot in &layout.slots {
                let table = table(slot.component);
                let (_, mut bits, mut size) = tokens.next(dc_size);
                if let Some(before) = first[slot.component].take() {
                    (bits, size) = magnitude(value(bits, size) - i32::from(before));
                }
                if size > DC_BITS {
                    return None;
                }
                sink.dc(table, bits, size);
                let mut k = 1;
                while k < 64 {
                    let (symbol, bits, size) = tokens.next(ac_size);
                    sink.ac(table, symbol, bits, size);
                    if symbol == 0 {
                        break;
                    }
                    k += usize::from(symbol >> 4) + 1;
                }
            }
        }
    }
    Some(())
}
