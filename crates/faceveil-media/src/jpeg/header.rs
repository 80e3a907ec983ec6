//! The tables and headers of a JPEG, ITU-T T.81 annex B, and what they make of its scans.

use crate::inspect::Part;
use crate::jpeg::entropy::{Scan, ScanComponent, ScanReader, TableSet};
use crate::jpeg::huffman::Huffman;
use crate::jpeg::units::Units;
use crate::{DecodeError, Format, Limits};

/// Zig-zag order: the row-by-row index of the `k`-th coefficient (T.81 figure A.6).
pub(super) const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7,
    14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39,
    46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// A component by the frame header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Component {
    pub id: u8,
    pub horizontal: u8,
    pub vertical: u8,
    /// Which quantisation table.
    pub table: u8,
}

/// A frame header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub progressive: bool,
    pub width: u32,
    pub height: u32,
    pub components: Vec<Component>,
}

impl Frame {
    /// The largest sampling factors, horizontal and vertical.
    fn max_sampling(&self) -> (u32, u32) {
        let max = |f: fn(&Component) -> u8| self.components.iter().map(f).max().unwrap_or(1).into();
        (max(|c| c.horizontal), max(|c| c.vertical))
    }

    /// Whether no component has more samples a row than the first: the pixel decoder scrambles others.
    pub fn first_is_widest(&self) -> bool {
        self.components.first().is_some_and(|c| u32::from(c.horizontal) == self.max_sampling().0)
    }

    /// Pixels of a unit of scans of several components (MCU), across and down.
    pub fn unit_size(&self) -> (u32, u32) {
        let (h, v) = self.max_sampling();
        (8 * h, 8 * v)
    }

    /// Units, across and down.
    pub fn units(&self) -> (u32, u32) {
        let (across, down) = self.unit_size();
        (self.width.div_ceil(across), self.height.div_ceil(down))
    }

    /// Blocks of a component that hold picture, across and down.
    pub fn blocks(&self, component: usize) -> (u32, u32) {
        let (h, v) = self.max_sampling();
        let c = self.components[component];
        let blocks = |side: u32, factor: u8, max| (side * u32::from(factor)).div_ceil(max).div_ceil(8);
        (blocks(self.width, c.horizontal, h), blocks(self.height, c.vertical, v))
    }
}

/// What a whole JPEG says of itself.
#[derive(Debug)]
pub(super) struct Header {
    pub frame: Frame,
    /// Row by row, by table number, as they stand at the first scan.
    pub tables: [Option<[u16; 64]>; 4],
    pub jfif: bool,
    /// The Adobe segment's colour transform.
    pub adobe: Option<u8>,
    /// Its coefficients.
    pub units: Units,
    /// Whether the picture is in one sequential scan.
    pub one_scan: bool,
    /// Whether all coefficients are those of a picture of 8 bits a sample; else some of `units` are
    /// not those of the file.
    pub in_range: bool,
}

/// Reads the headers and every scan: its codes, its restarts, and that it holds every block it
/// must.
pub(super) fn read(bytes: &[u8], parts: &[Part], limits: &Limits) -> Result<Header, DecodeError> {
    let mut walk = Walk::new(bytes, limits);
    for part in parts {
        walk.visit(part)?;
    }
    walk.finish()
}

struct Walk<'a> {
    bytes: &'a [u8],
    limits: &'a Limits,
    frame: Option<Frame>,
    tables: [Option<[u16; 64]>; 4],
    first_tables: Option<[Option<[u16; 64]>; 4]>,
    dc: TableSet,
    ac: TableSet,
    restart_interval: u32,
    jfif: bool,
    adobe: Option<u8>,
    reader: Option<ScanReader>,
    /// The scan header that waits for its data.
    scan: Option<Scan>,
    scans: usize,
}

/// Scans of a picture at most: each may cost a walk over all blocks for a few bytes of file.
pub(super) const MAX_SCANS: usize = 256;

fn damaged(what: &'static str, offset: usize) -> DecodeError {
    DecodeError::Damaged { format: Format::Jpeg, what, offset }
}

fn unsupported(feature: &'static str) -> DecodeError {
    DecodeError::UnsupportedFeature { format: Format::Jpeg, feature }
}

fn be16(data: &[u8]) -> u16 {
    u16::from_be_bytes([data[0], data[1]])
}

impl<'a> Walk<'a> {
    fn new(bytes: &'a [u8], limits: &'a Limits) -> Self {
        Self {
            bytes,
            limits,
            frame: None,
            tables: [None; 4],
            first_tables: None,
            dc: [const { None }; 4],
            ac: [const { None }; 4],
            restart_interval: 0,
            jfif: false,
            adobe: None,
            reader: None,
            scan: None,
            scans: 0,
        }
    }

    fn visit(&mut self, part: &Part) -> Result<(), DecodeError> {
        let data = part.data(self.bytes);
        match &*part.name {
            "SOF0" | "SOF1" | "SOF2" => self.frame(data, part)?,
            "SOF3" | "SOF7" | "SOF11" | "SOF15" => return Err(unsupported("lossless coding")),
            "SOF9" | "SOF10" | "SOF13" | "SOF14" | "DAC" => return Err(unsupported("arithmetic coding")),
            "SOF5" | "SOF6" | "DHP" | "EXP" => return Err(unsupported("hierarchical coding")),
            "DNL" => return Err(unsupported("its height after the picture")),
            "DQT" => self.quantisation(data, part.offset)?,
            "DHT" => self.huffman(data, part.offset)?,
            "DRI" => {
                let data = data.try_into().map_err(|_| damaged("a restart interval", part.offset))?;
                self.restart_interval = u16::from_be_bytes(data).into();
            }
            "APP0" => self.jfif |= data.starts_with(b"JFIF\0"),
            "APP14" if data.starts_with(b"Adobe") => self.adobe = data.get(11).copied().or(self.adobe),
            "SOS" => self.scan = Some(self.scan_header(data, part.offset)?),
            "scan" => self.scan_data(data, part.offset)?,
            _ => {}
        }
        Ok(())
    }

    fn frame(&mut self, data: &[u8], part: &Part) -> Result<(), DecodeError> {
        let bad = |what| damaged(what, part.offset);
        if self.frame.is_some() {
            return Err(bad("a second frame header"));
        }
        let count = *data.get(5).ok_or_else(|| bad("a short frame header"))?;
        if data[0] != 8 {
            return Err(unsupported("other than 8 bits a sample"));
        }
        let (height, width) = (be16(&data[1..]).into(), be16(&data[3..]).into());
        self.limits.check(width, height)?;
        if height == 0 {
            return Err(unsupported("its height after the picture"));
        }
        if width == 0 {
            return Err(bad("a side of 0 pixels"));
        }
        if !matches!(count, 1 | 3 | 4) {
            return Err(unsupported("other than 1, 3 or 4 components"));
        }
        if data.len() != 6 + 3 * usize::from(count) {
            return Err(bad("a frame header of the wrong length"));
        }
        let component =
            |d: &[u8]| Component { id: d[0], horizontal: d[1] >> 4, vertical: d[1] & 15, table: d[2] };
        let mut components: Vec<_> = data[6..].chunks_exact(3).map(component).collect();
        if let [only] = &mut components[..] {
            // Factors are relative to the other components: alone, any is the same as 1.
            (only.horizontal, only.vertical) = (only.horizontal.min(1), only.vertical.min(1));
        }
        let in_range = |n: u8| (1..=4).contains(&n);
        if !components.iter().all(|c| in_range(c.horizontal) && in_range(c.vertical) && c.table < 4) {
            return Err(bad("a component out of range"));
        }
        let distinct = |(i, c): (usize, &Component)| components[..i].iter().all(|other| other.id != c.id);
        if !components.iter().enumerate().all(distinct) {
            return Err(bad("two components of one name"));
        }
        self.frame = Some(Frame { progressive: part.name == "SOF2", width, height, components });
        Ok(())
    }

    fn quantisation(&mut self, mut data: &[u8], offset: usize) -> Result<(), DecodeError> {
        let bad = || damaged("a quantisation table", offset);
        while let Some((&info, rest)) = data.split_first() {
            let (wide, number) = (info >> 4, usize::from(info & 15));
            if wide > 1 || number > 3 {
                return Err(bad());
            }
            let step = 1 + usize::from(wide);
            let (values, rest) = rest.split_at_checked(64 * step).ok_or_else(bad)?;
            let mut table = [0; 64];
            for (value, &to) in values.chunks_exact(step).zip(&ZIGZAG) {
                table[usize::from(to)] = value.iter().fold(0, |n, &b| n << 8 | u16::from(b));
            }
            if table.contains(&0) {
                return Err(bad());
            }
            self.tables[number] = Some(table);
            data = rest;
        }
        Ok(())
    }

    fn huffman(&mut self, mut data: &[u8], offset: usize) -> Result<(), DecodeError> {
        let bad = || damaged("a Huffman table", offset);
        while let Some((&info, rest)) = data.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>().ok_or_else(bad)?;
            let total = counts.iter().map(|&n| usize::from(n)).sum();
            let (symbols, rest) = rest.split_at_checked(total).ok_or_else(bad)?;
            let class = match info >> 4 {
                0 => &mut self.dc,
                1 => &mut self.ac,
                _ => return Err(bad()),
            };
            let slot = class.get_mut(usize::from(info & 15)).ok_or_else(bad)?;
            *slot = Some(Huffman::new(counts, symbols).ok_or_else(bad)?);
            data = rest;
        }
        Ok(())
    }

    fn scan_header(&mut self, data: &[u8], offset: usize) -> Result<Scan, DecodeError> {
        let bad = |what| damaged(what, offset);
        let frame = self.frame.as_ref().ok_or_else(|| bad("a scan before the frame header"))?;
        let (&count, rest) = data.split_first().ok_or_else(|| bad("a short scan header"))?;
        if !(1..=4).contains(&count) || rest.len() != 2 * usize::from(count) + 3 {
            return Err(bad("a scan header of the wrong length"));
        }
        let (named, [start, end, bits]) = rest.split_last_chunk::<3>().ok_or_else(|| bad("a scan header"))?;
        let mut components: Vec<ScanComponent> = Vec::new();
        for pair in named.chunks_exact(2) {
            let index = frame.components.iter().position(|c| c.id == pair[0]);
            let index = index.ok_or_else(|| bad("a scan of an unknown component"))?;
            if components.iter().any(|c| c.index == index) {
                return Err(bad("a component twice in a scan"));
            }
            components.push(ScanComponent { index, dc: pair[1] >> 4, ac: pair[1] & 15 });
        }
        let restart_interval = self.restart_interval;
        Ok(Scan { components, start: *start, end: *end, high: bits >> 4, low: bits & 15, restart_interval })
    }

    fn scan_data(&mut self, data: &[u8], offset: usize) -> Result<(), DecodeError> {
        self.scans += 1;
        if self.scans > MAX_SCANS {
            return Err(unsupported("more than 256 scans"));
        }
        let scan = self.scan.take().ok_or_else(|| damaged("data without a scan header", offset))?;
        let frame = self.frame.as_ref().ok_or_else(|| damaged("data without a frame header", offset))?;
        match &self.first_tables {
            None => self.first_tables = Some(self.tables),
            Some(first) if *first != self.tables => {
                return Err(unsupported("quantisation tables that change between scans"));
            }
            Some(_) => {}
        }
        let reader = self.reader.get_or_insert_with(|| ScanReader::new(frame, &scan));
        reader.scan(&scan, &self.dc, &self.ac, data).map_err(|fault| damaged(fault.what, offset + fault.at))
    }

    fn finish(self) -> Result<Header, DecodeError> {
        let at = self.bytes.len();
        let frame = self.frame.ok_or_else(|| damaged("no frame header", at))?;
        let reader = self.reader.ok_or_else(|| damaged("no scan", at))?;
        if !reader.complete() {
            return Err(damaged("a component without data", at));
        }
        let tables = self.first_tables.unwrap_or(self.tables);
        if frame.components.iter().any(|c| tables[usize::from(c.table)].is_none()) {
            return Err(damaged("a quantisation table missing", at));
        }
        let (units, one_scan, in_range) = reader.finish();
        Ok(Header { frame, tables, jfif: self.jfif, adobe: self.adobe, units, one_scan, in_range })
    }
}
