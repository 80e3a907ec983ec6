//! The directories of a TIFF, TIFF 6.0 section 2, read without trust: which bytes are what.

use crate::{DecodeError, Format};
use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

pub(super) const NEW_SUBFILE_TYPE: u16 = 254;
pub(super) const WIDTH: u16 = 256;
pub(super) const HEIGHT: u16 = 257;
pub(super) const COMPRESSION: u16 = 259;
pub(super) const PHOTOMETRIC: u16 = 262;
pub(super) const ORIENTATION: u16 = 274;
pub(super) const PLANAR: u16 = 284;
pub(super) const COLOR_MAP: u16 = 320;
pub(super) const EXTRA_SAMPLES: u16 = 338;
pub(super) const ICC: u16 = 34675;
pub(super) const DNG_VERSION: u16 = 50706;

const HEADER_BYTES: usize = 8;
const ENTRY_BYTES: usize = 12;
/// Pages of a file at most.
pub(super) const MAX_PAGES: usize = 10_000;

/// An entry of a directory.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub tag: u16,
    kind: u16,
    count: usize,
    /// Where the entry is.
    pub entry: usize,
    /// Where its value is, in the entry or elsewhere.
    pub value: Range<usize>,
}

/// A directory: what one page is.
#[derive(Clone, Debug)]
pub(super) struct Directory {
    at: usize,
    fields: Vec<Field>,
}

/// A TIFF's bytes and its directories, one a page.
pub(super) struct Tiff<'a> {
    bytes: &'a [u8],
    big_endian: bool,
    pub directories: Vec<Directory>,
}

fn damaged(what: &'static str, offset: usize) -> DecodeError {
    DecodeError::Damaged { format: Format::Tiff, what, offset }
}

impl<'a> Tiff<'a> {
    /// # Errors
    /// The chain of directories runs in a circle, is too long or leaves the file.
    pub fn read(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut tiff = Self { bytes, big_endian: bytes.starts_with(b"MM"), directories: Vec::new() };
        let mut seen = HashSet::new();
        let mut at = tiff.long(4)?;
        while at != 0 {
            if !seen.insert(at) {
                return Err(damaged("a directory that leads back to itself", at));
            }
            if tiff.directories.len() == MAX_PAGES {
                return Err(damaged("more than 10000 pages", at));
            }
            let (directory, next) = tiff.directory(at)?;
            tiff.directories.push(directory);
            at = next;
        }
        if tiff.directories.is_empty() { Err(damaged("no picture", 4)) } else { Ok(tiff) }
    }

    fn directory(&self, at: usize) -> Result<(Directory, usize), DecodeError> {
        let count = usize::from(self.short(at)?);
        let entries = (0..count).map(|n| at + 2 + n * ENTRY_BYTES);
        let fields = entries.map(|entry| self.field(entry)).collect::<Result<_, _>>()?;
        let next = self.long(at + 2 + count * ENTRY_BYTES)?;
        Ok((Directory { at, fields }, next))
    }

    fn field(&self, entry: usize) -> Result<Field, DecodeError> {
        let (tag, kind) = (self.short(entry)?, self.short(entry + 2)?);
        let count = self.long(entry + 4)?;
        let size = match kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 => 8,
            _ => 0,
        };
        let length = count.checked_mul(size).ok_or_else(|| damaged("a value beyond the file", entry))?;
        let start = if length <= 4 { entry + 8 } else { self.long(entry + 8)? };
        let value = start..start.saturating_add(length);
        if value.end > self.bytes.len() {
            return Err(damaged("a value beyond the file", entry));
        }
        Ok(Field { tag, kind, count, entry, value })
    }

    fn array<const N: usize>(&self, at: usize) -> Result<[u8; N], DecodeError> {
        let bytes = at.checked_add(N).and_then(|end| self.bytes.get(at..end)).and_then(|b| b.try_into().ok());
        let wanted = "a directory";
        bytes.ok_or(DecodeError::Truncated { format: Format::Tiff, wanted, len: self.bytes.len() })
    }

    fn short(&self, at: usize) -> Result<u16, DecodeError> {
        let bytes = self.array(at)?;
        Ok(if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn long(&self, at: usize) -> Result<usize, DecodeError> {
        let bytes = self.array(at)?;
        Ok(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) } as usize)
    }

    /// The values of a field of whole numbers; of others none.
    pub fn numbers(&self, field: &Field) -> Vec<usize> {
        let value = field.value.start;
        let one = |n: usize| match field.kind {
            1 => self.bytes.get(value + n).map(|&b| usize::from(b)),
            3 => self.short(value + 2 * n).ok().map(usize::from),
            4 => self.long(value + 4 * n).ok(),
            _ => None,
        };
        (0..field.count).map_while(one).collect()
    }

    /// The first number of a field.
    pub fn number(&self, directory: &Directory, tag: u16) -> Option<usize> {
        self.numbers(directory.field(tag)?).first().copied()
    }

    /// The bytes of a field.
    pub fn value(&self, directory: &Directory, tag: u16) -> Option<&'a [u8]> {
        self.bytes.get(directory.field(tag)?.value.clone())
    }

    /// The two bytes of a short number in the file's byte order.
    pub fn short_bytes(&self, value: u16) -> [u8; 2] {
        if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() }
    }
}

impl Directory {
    /// The first field with this tag.
    pub fn field(&self, tag: u16) -> Option<&Field> {
        self.fields.iter().find(|f| f.tag == tag)
    }
}

/// A piece of the file: name, where it is, where its own data is.
pub(crate) type Piece = (Cow<'static, str>, Range<usize>, Range<usize>);

/// All pieces in the order of the file, without gap or overlap up to the last; bytes that nothing refers to
/// are `unreferenced`, up to seven zeros `padding`. What lies in an earlier piece is counted there.
pub(crate) fn pieces(bytes: &[u8]) -> Result<Vec<Piece>, DecodeError> {
    let tiff = Tiff::read(bytes)?;
    let mut found: Vec<Piece> = vec![("header".into(), 0..HEADER_BYTES, HEADER_BYTES..HEADER_BYTES)];
    for directory in &tiff.directories {
        let (at, end) = (directory.at, directory.at + 2 + directory.fields.len() * ENTRY_BYTES);
        found.push(("IFD".into(), at..at + 2, at + 2..at + 2));
        found.push(("next".into(), end..end + 4, end..end + 4));
        for field in &directory.fields {
            let entry = field.entry..field.entry + ENTRY_BYTES;
            found.push((name(field.tag), entry.clone(), entry.clone()));
            if !entry.contains(&field.value.start) && !field.value.is_empty() {
                found.push((name(field.tag), field.value.clone(), field.value.clone()));
            }
        }
        for (offsets, lengths) in [(273, 279), (324, 325)] {
            let all = |tag| directory.field(tag).map(|f| tiff.numbers(f)).unwrap_or_default();
            for (start, length) in all(offsets).into_iter().zip(all(lengths)) {
                let strip = start.min(bytes.len())..start.saturating_add(length).min(bytes.len());
                found.push(("strip".into(), strip.clone(), strip));
            }
        }
    }
    Ok(joined(bytes, found))
}

fn joined(bytes: &[u8], mut found: Vec<Piece>) -> Vec<Piece> {
    found.sort_by_key(|(_, range, _)| (range.start, range.end));
    let mut pieces: Vec<Piece> = Vec::new();
    let mut at = 0;
    for (name, range, data) in found {
        if range.end <= at {
            continue;
        }
        if range.start > at {
            let gap = at..range.start;
            let zeros = gap.len() < 8 && bytes[gap.clone()].iter().all(|&b| b == 0);
            pieces.push((if zeros { "padding" } else { "unreferenced" }.into(), gap.clone(), gap));
        }
        let start = range.start.max(at);
        pieces.push((name, start..range.end, data.start.max(start)..data.end.max(start)));
        at = range.end;
    }
    pieces
}

fn name(tag: u16) -> Cow<'static, str> {
    match tag {
        254 => "NewSubfileType",
        256 => "ImageWidth",
        257 => "ImageLength",
        258 => "BitsPerSample",
        259 => "Compression",
        262 => "Photometric",
        271 => "Make",
        272 => "Model",
        273 => "StripOffsets",
        274 => "Orientation",
        277 => "SamplesPerPixel",
        278 => "RowsPerStrip",
        279 => "StripByteCounts",
        282 => "XResolution",
        283 => "YResolution",
        284 => "PlanarConfiguration",
        296 => "ResolutionUnit",
        306 => "DateTime",
        317 => "Predictor",
        320 => "ColorMap",
        322 => "TileWidth",
        323 => "TileLength",
        324 => "TileOffsets",
        325 => "TileByteCounts",
        338 => "ExtraSamples",
        339 => "SampleFormat",
        34675 => "ICCProfile",
        34665 => "EXIF",
        34853 => "GPS",
        330 => "SubIFDs",
        _ => return format!("tag {tag}").into(),
    }
    .into()
}
