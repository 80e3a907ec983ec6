//! Reads the entropy-coded scans of a JPEG: every code valid, every restart in its place, every
//! block there. The pixel decoder lets a scan end early, which leaves the rest of the picture
//! grey; this is what turns that into an error.
//!
//! A sequential picture in one scan is recorded as it is read. Of all others the coefficients are
//! collected first.

use crate::jpeg::block::{self, State};
use crate::jpeg::coefficients::Coefficients;
use crate::jpeg::header::Frame;
use crate::jpeg::huffman::{Bits, Huffman};
use crate::jpeg::units::{Layout, Recorder, Units};

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

/// The Huffman tables as they stand, by number.
pub(super) type TableSet = [Option<Huffman>; 4];

/// Scan after scan of one frame.
#[derive(Debug)]
pub(super) struct ScanReader {
    frame: Frame,
    /// Whether each component's DC coefficients have come.
    begun: Vec<bool>,
    picture: Picture,
}

/// What has been read so far.
#[derive(Debug)]
enum Picture {
    /// Of a sequential picture in one scan.
    Recorded(Recording),
    Collected(Coefficients),
}

/// What a block of a scan holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Sequential,
    DcFirst,
    DcRefine,
    AcFirst,
    AcRefine,
}

impl ScanReader {
    pub fn new(frame: &Frame, first: &Scan) -> Self {
        let in_order = first.components.iter().enumerate().all(|(i, c)| c.index == i);
        let at_once = !frame.progressive && in_order && first.components.len() == frame.components.len();
        let picture = if at_once {
            Picture::Recorded(Recording::new(frame))
        } else {
            Picture::Collected(Coefficients::new(frame))
        };
        Self { frame: frame.clone(), begun: vec![false; frame.components.len()], picture }
    }

    /// The picture, whether it was in one sequential scan, and whether all its coefficients are
    /// those of a picture of 8 bits; else some are not as they were.
    pub fn finish(self) -> (Units, bool, bool) {
        match self.picture {
            Picture::Recorded(recording) => {
                let (rows, sound) = recording.recorder.finish();
                (Units { layout: recording.layout, rows }, true, sound)
            }
            Picture::Collected(coefficients) => {
                let (units, sound) = coefficients.units(&self.frame);
                (units, false, sound)
            }
        }
    }

    /// Whether every component has had data.
    pub fn complete(&self) -> bool {
        self.begun.iter().all(|&b| b)
    }

    /// Reads one scan's data, which holds the restart markers too.
    pub fn scan(&mut self, scan: &Scan, dc: &TableSet, ac: &TableSet, data: &[u8]) -> Result<(), Fault> {
        let kind = self.kind(scan).map_err(|what| Fault { what, at: 0 })?;
        let tables = tables(scan, kind, dc, ac).ok_or(Fault { what: "a Huffman table missing", at: 0 })?;
        scan.components.iter().for_each(|c| self.begun[c.index] = true);
        let (across, down) = match scan.components[..] {
            [one] => self.frame.blocks(one.index),
            _ => self.frame.units(),
        };
        let units = u64::from(across) * u64::from(down);
        let interval = if scan.restart_interval == 0 { units } else { scan.restart_interval.into() };
        let (mut at, mut done, mut restarts) = (0, 0, 0u8);
        loop {
            let stop = (done + interval).min(units);
            let mut interval = Interval { scan, kind, tables: &tables, bits: Bits::new(data, at) };
            at = match &mut self.picture {
                Picture::Recorded(recording) => interval.record(recording, done..stop)?,
                Picture::Collected(to) => interval.read(&self.frame, to, done..stop, across)?,
            };
            done = stop;
            if done == units {
                return leftover(data, at);
            }
            at = restart(data, at, restarts)?;
            restarts = (restarts + 1) % 8;
        }
    }

    /// What the scan holds, if the standard allows it here (T.81 sections G.1.1 and G.2).
    fn kind(&self, scan: &Scan) -> Result<Kind, &'static str> {
        let none_begun = !scan.components.iter().any(|c| self.begun[c.index]);
        let all_begun = scan.components.iter().all(|c| self.begun[c.index]);
        if !self.frame.progressive {
            return if none_begun { Ok(Kind::Sequential) } else { Err("a component's data twice") };
        }
        if scan.end > 63 || scan.start > scan.end || scan.low > 13 {
            return Err("a progressive scan out of range");
        }
        if scan.high != 0 && scan.high != scan.low + 1 {
            return Err("a progressive scan out of turn");
        }
        match (scan.start, scan.end, scan.high) {
            (0, 0, 0) if none_begun => Ok(Kind::DcFirst),
            (0, 0, 0) => Err("a component's data twice"),
            (0, 0, _) if all_begun => Ok(Kind::DcRefine),
            (0, ..) => Err("a progressive scan out of range"),
            _ if scan.components.len() != 1 => Err("a progressive scan of several components"),
            _ if !all_begun => Err("a progressive scan out of turn"),
            (_, _, 0) => Ok(Kind::AcFirst),
            _ => Ok(Kind::AcRefine),
        }
    }
}

/// The tables of a component: DC, AC.
pub(super) type Tables<'a> = (Option<&'a Huffman>, Option<&'a Huffman>);

/// The tables of each of the scan's components; `None` if one is needed and was not defined.
fn tables<'a>(scan: &Scan, kind: Kind, dc: &'a TableSet, ac: &'a TableSet) -> Option<Vec<Tables<'a>>> {
    let find = |tables: &'a TableSet, number: u8| tables.get(usize::from(number))?.as_ref();
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

/// A sequential picture in one scan, as far as it has been read.
#[derive(Debug)]
struct Recording {
    layout: Layout,
    recorder: Recorder,
}

impl Recording {
    fn new(frame: &Frame) -> Self {
        Self { layout: Layout::new(frame), recorder: Recorder::default() }
    }
}

/// The data between two restarts.
struct Interval<'a> {
    scan: &'a Scan,
    kind: Kind,
    tables: &'a [Tables<'a>],
    bits: Bits<'a>,
}

impl Interval<'_> {
    /// Reads these units of a scan that is `across` units wide; gives where the data goes on.
    fn read(
        &mut self,
        frame: &Frame,
        collected: &mut Coefficients,
        units: std::ops::Range<u64>,
        across: u32,
    ) -> Result<usize, Fault> {
        let single = self.scan.components.len() == 1;
        let mut state = State::default();
        for unit in units {
            let (x, y) = ((unit % u64::from(across)) as usize, (unit / u64::from(across)) as usize);
            for (c, tables) in self.scan.components.iter().zip(self.tables) {
                let component = frame.components[c.index];
                let (h, v) =
                    if single { (1, 1) } else { (component.horizontal.into(), component.vertical.into()) };
                for (dy, dx) in (0..v).flat_map(|dy| (0..h).map(move |dx| (dy, dx))) {
                    let to = collected.block_mut(c.index, x * h + dx, y * v + dy);
                    state.component = c.index;
                    let read =
                        |to| block::read(&mut self.bits, self.kind, self.scan, *tables, to, &mut state);
                    if to.and_then(read).is_none() || self.bits.overrun() {
                        return Err(self.fault());
                    }
                }
            }
        }
        Ok(self.bits.position())
    }

    /// The same for a sequential scan of all components, into the recording.
    fn record(&mut self, to: &mut Recording, units: std::ops::Range<u64>) -> Result<usize, Fault> {
        let across = to.layout.across as u64;
        let mut previous = [0i32; 4];
        for unit in units {
            let (x, y) = ((unit % across) as usize, (unit / across) as usize);
            for &slot in &to.layout.slots {
                let tables = self.tables.get(slot.component).copied().unwrap_or((None, None));
                let recorder = to.layout.is_real(slot, x, y).then_some(&mut to.recorder);
                let read = block::record(&mut self.bits, tables, slot.component, recorder, &mut previous);
                if read.is_none() || self.bits.overrun() {
                    return Err(self.fault());
                }
                if !to.layout.is_real(slot, x, y) {
                    to.recorder.filler();
                }
            }
            if x + 1 == to.layout.across {
                to.recorder.end_row();
            }
        }
        Ok(self.bits.position())
    }

    fn fault(&self) -> Fault {
        let what = if self.bits.overrun() { "picture data missing" } else { "an impossible code" };
        Fault { what, at: self.bits.position() }
    }
}

/// Where the next interval begins, past the restart marker that must stand at `at`.
fn restart(data: &[u8], at: usize, number: u8) -> Result<usize, Fault> {
    let fill = data.get(at..).unwrap_or_default().iter().take_while(|&&b| b == 0xFF).count();
    match data.get(at + fill) {
        Some(&code) if fill > 0 && code == 0xD0 + number => Ok(at + fill + 1),
        _ => Err(Fault { what: "a restart marker missing", at }),
    }
}

/// What follows a scan's last block: a little padding and perhaps one last restart.
fn leftover(data: &[u8], at: usize) -> Result<(), Fault> {
    if data.len().saturating_sub(at) > MAX_PADDING {
        return Err(Fault { what: "more data than picture", at });
    }
    Ok(())
}
