//! Checks the entropy-coded data of a JPEG without decoding the picture: every code is valid,
//! every restart in its place, every block there. The pixel decoder lets a scan end early, which
//! leaves the rest grey; this is what turns that into an error.

use crate::jpeg::header::Frame;
use crate::jpeg::huffman::{Bits, Huffman};

/// Bytes after a scan's last block that are forgiven: some cameras pad.
const MAX_PADDING: usize = 16;

/// A scan header, T.81 section B.2.3.
#[derive(Clone, Debug)]
pub(super) struct Scan {
    pub components: Vec<ScanComponent>,
    /// First and last coefficient, in zig-zag order.
    pub start: u8,
    pub end: u8,
    /// Successive approximation: the bit position before and now.
    pub high: u8,
    pub low: u8,
    /// Units between restarts, 0 for none.
    pub restart_interval: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct ScanComponent {
    /// Which of the frame's components.
    pub index: usize,
    pub dc: u8,
    pub ac: u8,
}

/// What is wrong, and where in the scan's data.
#[derive(Debug)]
pub(super) struct Fault {
    pub what: &'static str,
    pub at: usize,
}

/// What is known of a frame's coefficients, scan by scan.
#[derive(Debug)]
pub(super) struct Checker {
    planes: Vec<Plane>,
    /// Units of interleaved scans, across and down.
    units: (u32, u32),
}

#[derive(Debug)]
struct Plane {
    /// Blocks that hold picture, across and down.
    blocks: (u32, u32),
    /// Whether the DC coefficients have come.
    begun: bool,
    /// Which coefficients of each block are not 0, for refinement; empty until one can be.
    nonzero: Vec<u64>,
    /// Run of blocks without new coefficients, across restarts of the loop over blocks.
    skip: u32,
}

/// The kind of a scan: what a block of it holds.
#[derive(Clone, Copy)]
enum Kind {
    Sequential,
    DcFirst,
    DcRefine,
    AcFirst,
    AcRefine,
}

impl Checker {
    pub fn new(frame: &Frame) -> Self {
        let (h_max, v_max) = frame.max_sampling();
        let blocks =
            |side: u32, factor: u8, max: u8| (side * u32::from(factor)).div_ceil(u32::from(max)).div_ceil(8);
        let plane = |c: &super::header::Component| Plane {
            blocks: (blocks(frame.width, c.horizontal, h_max), blocks(frame.height, c.vertical, v_max)),
            begun: false,
            nonzero: Vec::new(),
            skip: 0,
        };
        let unit = |side: u32, max: u8| side.div_ceil(8 * u32::from(max));
        Self {
            planes: frame.components.iter().map(plane).collect(),
            units: (unit(frame.width, h_max), unit(frame.height, v_max)),
        }
    }

    /// Whether every component has had data.
    pub fn complete(&self) -> bool {
        self.planes.iter().all(|p| p.begun)
    }

    /// Checks one scan's data, which holds the restart markers too.
    pub fn scan(
        &mut self,
        frame: &Frame,
        scan: &Scan,
        dc: &[Option<Huffman>; 4],
        ac: &[Option<Huffman>; 4],
        data: &[u8],
    ) -> Result<(), Fault> {
        let kind = self.kind(frame, scan).map_err(|what| Fault { what, at: 0 })?;
        let missing = Fault { what: "a Huffman table missing", at: 0 };
        let Some(tables) = tables(scan, kind, dc, ac) else { return Err(missing) };
        self.enter(scan, kind);
        let (across, down, single) = match scan.components[..] {
            [one] => (self.planes[one.index].blocks.0, self.planes[one.index].blocks.1, true),
            _ => (self.units.0, self.units.1, false),
        };
        let units = u64::from(across) * u64::from(down);
        let interval = match scan.restart_interval {
            0 => units,
            n => u64::from(n),
        };
        let mut at = 0;
        let mut done = 0;
        let mut restarts = 0u8;
        while done < units {
            let mut bits = Bits::new(data, at);
            let stop = (done + interval).min(units);
            for unit in done..stop {
                for (c, tables) in scan.components.iter().zip(&tables) {
                    let plane = &mut self.planes[c.index];
                    let blocks = if single { 1 } else { blocks_a_unit(frame, c.index) };
                    for _ in 0..blocks {
                        let mask = if single { plane.nonzero.get_mut(unit as usize) } else { None };
                        let sound = block(&mut bits, kind, scan, *tables, mask, &mut plane.skip);
                        if sound.is_none() || bits.overrun() {
                            let what =
                                if bits.overrun() { "picture data missing" } else { "an impossible code" };
                            return Err(Fault { what, at: bits.position() });
                        }
                    }
                }
            }
            done = stop;
            at = bits.position();
            self.planes.iter_mut().for_each(|p| p.skip = 0);
            if done < units {
                at = restart(data, at, restarts)?;
                restarts = (restarts + 1) % 8;
            }
        }
        leftover(data, at)
    }

    /// What the scan holds, if the standard allows it here (T.81 sections G.1.1 and G.2).
    fn kind(&self, frame: &Frame, scan: &Scan) -> Result<Kind, &'static str> {
        let begun = |c: &ScanComponent| self.planes[c.index].begun;
        if !frame.progressive {
            return match (scan.start, scan.end, scan.components.iter().any(begun)) {
                (_, _, true) => Err("a component's data twice"),
                _ => Ok(Kind::Sequential),
            };
        }
        if scan.end > 63 || scan.start > scan.end || scan.low > 13 {
            return Err("a progressive scan out of range");
        }
        if scan.high != 0 && scan.high != scan.low + 1 {
            return Err("a progressive scan out of turn");
        }
        match (scan.start, scan.end, scan.high) {
            (0, 0, 0) if !scan.components.iter().any(begun) => Ok(Kind::DcFirst),
            (0, 0, 0) => Err("a component's data twice"),
            (0, 0, _) if scan.components.iter().all(begun) => Ok(Kind::DcRefine),
            (0, ..) => Err("a progressive scan out of range"),
            _ if scan.components.len() != 1 => Err("a progressive scan of several components"),
            _ if !scan.components.iter().all(begun) => Err("a progressive scan out of turn"),
            (_, _, 0) => Ok(Kind::AcFirst),
            _ => Ok(Kind::AcRefine),
        }
    }

    fn enter(&mut self, scan: &Scan, kind: Kind) {
        for c in &scan.components {
            let plane = &mut self.planes[c.index];
            plane.begun = true;
            plane.skip = 0;
            if matches!(kind, Kind::AcFirst | Kind::AcRefine) && plane.nonzero.is_empty() {
                plane.nonzero = vec![0; plane.blocks.0 as usize * plane.blocks.1 as usize];
            }
        }
    }
}

fn blocks_a_unit(frame: &Frame, index: usize) -> u32 {
    let c = &frame.components[index];
    u32::from(c.horizontal) * u32::from(c.vertical)
}

type Tables<'a> = (Option<&'a Huffman>, Option<&'a Huffman>);

/// The tables of each of the scan's components; `None` if one is needed and was not defined.
fn tables<'a>(
    scan: &Scan,
    kind: Kind,
    dc: &'a [Option<Huffman>; 4],
    ac: &'a [Option<Huffman>; 4],
) -> Option<Vec<Tables<'a>>> {
    let find = |tables: &'a [Option<Huffman>; 4], number: u8| tables.get(usize::from(number))?.as_ref();
    let of = |c: &ScanComponent| {
        let (dc, ac) = (find(dc, c.dc), find(ac, c.ac));
        let there = match kind {
            Kind::Sequential => dc.is_some() && ac.is_some(),
            Kind::DcFirst => dc.is_some(),
            Kind::DcRefine => true,
            Kind::AcFirst | Kind::AcRefine => ac.is_some(),
        };
        there.then_some((dc, ac))
    };
    scan.components.iter().map(of).collect()
}

/// Where the next interval begins, past the restart marker that must stand at `at`.
fn restart(data: &[u8], at: usize, number: u8) -> Result<usize, Fault> {
    let fault = Fault { what: "a restart marker missing", at };
    let fill = data[at.min(data.len())..].iter().take_while(|&&b| b == 0xFF).count();
    match data.get(at + fill) {
        Some(&code) if fill > 0 && code == 0xD0 + number => Ok(at + fill + 1),
        _ => Err(fault),
    }
}

/// What follows a scan's last block: a little padding and perhaps one last restart.
fn leftover(data: &[u8], at: usize) -> Result<(), Fault> {
    if data.len().saturating_sub(at) > MAX_PADDING {
        return Err(Fault { what: "more data than picture", at });
    }
    Ok(())
}

/// Reads one block; `None` for a code that cannot be.
#[inline]
fn block(
    bits: &mut Bits,
    kind: Kind,
    scan: &Scan,
    (dc, ac): Tables,
    nonzero: Option<&mut u64>,
    skip: &mut u32,
) -> Option<()> {
    match kind {
        Kind::Sequential => sequential(bits, dc?, ac?),
        Kind::DcFirst => dc_first(bits, dc?),
        Kind::DcRefine => {
            bits.take(1);
            Some(())
        }
        Kind::AcFirst => ac_first(bits, ac?, scan, nonzero?, skip),
        Kind::AcRefine => ac_refine(bits, ac?, scan, nonzero?, skip),
    }
}

/// Difference of DC coefficients: at most 11 bits at 8 bits a sample, T.81 table F.1.
fn dc_first(bits: &mut Bits, dc: &Huffman) -> Option<()> {
    let size = bits.symbol(dc).filter(|&s| s <= 11)?;
    bits.take(size.into());
    Some(())
}

/// T.81 section F.2.2.
fn sequential(bits: &mut Bits, dc: &Huffman, ac: &Huffman) -> Option<()> {
    dc_first(bits, dc)?;
    let mut k = 1;
    while k < 64 {
        let symbol = bits.symbol(ac)?;
        match (symbol >> 4, symbol & 15) {
            (15, 0) => k += 16,
            (_, 0) => break,
            (run, size) => {
                k += u32::from(run) + 1;
                if k > 64 {
                    return None;
                }
                bits.take(size.into());
            }
        }
    }
    Some(())
}

/// T.81 section G.1.2.2.
fn ac_first(bits: &mut Bits, ac: &Huffman, scan: &Scan, nonzero: &mut u64, skip: &mut u32) -> Option<()> {
    if *skip > 0 {
        *skip -= 1;
        return Some(());
    }
    let end = u32::from(scan.end);
    let mut k = u32::from(scan.start);
    while k <= end {
        let symbol = bits.symbol(ac)?;
        match (u32::from(symbol >> 4), u32::from(symbol & 15)) {
            (15, 0) => k += 16,
            (run, 0) => {
                *skip = (1 << run) - 1 + bits.take(run);
                break;
            }
            (run, size) => {
                k += run;
                if k > end {
                    return None;
                }
                bits.take(size);
                *nonzero |= 1 << k;
                k += 1;
            }
        }
    }
    Some(())
}

/// T.81 section G.1.2.3: a correction bit for each coefficient that is not 0 yet passed over.
fn ac_refine(bits: &mut Bits, ac: &Huffman, scan: &Scan, nonzero: &mut u64, skip: &mut u32) -> Option<()> {
    let end = u32::from(scan.end);
    let mut k = u32::from(scan.start);
    if *skip == 0 {
        while k <= end {
            let symbol = bits.symbol(ac)?;
            let (mut run, size) = (u32::from(symbol >> 4), symbol & 15);
            match size {
                0 if run < 15 => {
                    *skip = (1 << run) + bits.take(run);
                    break;
                }
                0 => {}
                1 => {
                    bits.take(1);
                }
                _ => return None,
            }
            while k <= end {
                if *nonzero >> k & 1 == 1 {
                    bits.take(1);
                } else if run == 0 {
                    break;
                } else {
                    run -= 1;
                }
                k += 1;
            }
            if size == 1 {
                if k > end {
                    return None;
                }
                *nonzero |= 1 << k;
            }
            k += 1;
        }
    }
    if *skip > 0 {
        *skip -= 1;
        for k in k..=end {
            if *nonzero >> k & 1 == 1 {
                bits.take(1);
            }
        }
    }
    Some(())
}
