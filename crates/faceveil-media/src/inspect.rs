//! What an encoded file is made of.

use crate::{DecodeError, Format, bmp, format, gif, heif, tiff};
use std::borrow::Cow;
use std::ops::Range;

/// A segment, chunk or other piece of a file. The parts of a file follow each other without gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// JPEG: `SOI`, `APP1`, `DQT`, …, `scan` (entropy-coded data), `EOI`. PNG: `signature`, then
    /// the chunks' names. WebP: `RIFF` (its first 12 bytes), then the chunks' names. TIFF: the
    /// fields' names, `strip`. BMP: `header`, `info`, `palette`, `pixels`, `profile`. GIF: `header`,
    /// `palette`, `image`, and extensions. HEIC and AVIF: the boxes' names, then for the data the kinds of
    /// its items, `thumbnail`, `auxiliary`, and `hidden` others. What nothing refers to is `unreferenced`, what follows the
    /// picture's end `trailing`. Unusual bytes in names are escaped.
    pub name: Cow<'static, str>,
    /// Bytes from the file's start.
    pub offset: usize,
    /// Bytes, with marker, length field, checksum and padding.
    pub length: usize,
    /// Where the part's own data lies in the file.
    pub payload: Range<usize>,
}

impl Part {
    /// The part's own data; empty if `bytes` is not the file it was found in.
    pub fn data<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.payload.clone()).unwrap_or_default()
    }
}

/// Place, size, time and flags of a WebP's frame, RFC 9649 section 2.7.1.1.
const FRAME_BYTES: usize = 16;

/// More parts than any sane file has: a bound on the memory of the list.
const MAX_PARTS: usize = 1 << 20;

/// Lists the parts of a file in any of [`Format::ALL`], without decoding any.
///
/// # Errors
/// [`DecodeError`] if the bytes are none of these, end within a part or lack the end.
pub fn inspect(bytes: &[u8]) -> Result<Vec<Part>, DecodeError> {
    let format = format::sniff(bytes)?;
    let mut list = PartList { bytes, format, at: 0, parts: Vec::new() };
    match format {
        Format::Jpeg => list.jpeg()?,
        Format::Png => list.png()?,
        Format::WebP => list.webp()?,
        Format::Bmp => {
            list.parts = bmp::parts(bytes)?;
            list.at = list.parts.last().map_or(0, |p| p.offset + p.length);
        }
        Format::Tiff => {
            for (name, range, payload) in tiff::pieces(bytes)? {
                list.push(name, range.len(), payload)?;
            }
        }
        Format::Heic | Format::Avif => {
            for (name, range, payload) in heif::pieces(bytes, list.format)? {
                list.push(name, range.len(), payload)?;
            }
        }
        Format::Gif => gif::walk(bytes, |name, length, payload| list.push(name, length, payload))?,
    }
    if list.at < bytes.len() {
        let rest = bytes.len() - list.at;
        list.push("trailing", rest, list.at..bytes.len())?;
    }
    Ok(list.parts)
}

struct PartList<'a> {
    bytes: &'a [u8],
    format: Format,
    at: usize,
    parts: Vec<Part>,
}

impl PartList<'_> {
    fn push(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        length: usize,
        payload: Range<usize>,
    ) -> Result<(), DecodeError> {
        if self.parts.len() == MAX_PARTS {
            return Err(self.damaged("too many parts"));
        }
        self.parts.push(Part { name: name.into(), offset: self.at, length, payload });
        self.at += length;
        Ok(())
    }

    fn damaged(&self, what: &'static str) -> DecodeError {
        DecodeError::Damaged { format: self.format, what, offset: self.at }
    }

    fn truncated(&self, wanted: &'static str) -> DecodeError {
        DecodeError::Truncated { format: self.format, wanted, len: self.bytes.len() }
    }

    /// ITU-T T.81 annex B: markers `FF xx` after any number of fill bytes `FF`, most with a
    /// big-endian length that counts itself.
    fn jpeg(&mut self) -> Result<(), DecodeError> {
        self.push("SOI", 2, 2..2)?;
        loop {
            let code_at = self.marker()?;
            let code = self.bytes[code_at];
            let data = code_at + 1;
            match code {
                0xD9 => return self.push("EOI", data - self.at, data..data),
                0xD8 => return Err(self.damaged("a second start of image")),
                0xD0..=0xD7 | 0x01 => self.push(jpeg_name(code), data - self.at, data..data)?,
                _ => {
                    let length = self.bytes.get(data..data + 2).ok_or_else(|| self.truncated("a segment"))?;
                    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
                    if length < 2 {
                        return Err(self.damaged("a segment shorter than its own length"));
                    }
                    let end = data + length;
                    if end > self.bytes.len() {
                        return Err(self.truncated("a segment"));
                    }
                    self.push(jpeg_name(code), end - self.at, data + 2..end)?;
                    if code == 0xDA {
                        self.scan()?;
                    }
                }
            }
        }
    }

    /// Where the next marker's code is, past fill bytes.
    fn marker(&self) -> Result<usize, DecodeError> {
        match self.bytes.get(self.at) {
            Some(0xFF) => {}
            Some(_) => return Err(self.damaged("no marker where one must be")),
            None => return Err(self.truncated("the end of image")),
        }
        let fill = self.bytes[self.at..].iter().position(|&b| b != 0xFF);
        let code_at = self.at + fill.ok_or_else(|| self.truncated("the end of image"))?;
        if self.bytes[code_at] == 0 {
            return Err(self.damaged("no marker where one must be"));
        }
        Ok(code_at)
    }

    /// Entropy-coded data up to a marker that is no restart.
    fn scan(&mut self) -> Result<(), DecodeError> {
        let mut at = self.at;
        loop {
            let found = self.bytes[at..].iter().position(|&b| b == 0xFF);
            at += found.ok_or_else(|| self.truncated("the end of image"))?;
            match self.bytes.get(at + 1) {
                None => return Err(self.truncated("the end of image")),
                Some(0x00 | 0xD0..=0xD7) => at += 2,
                Some(0xFF) => at += 1,
                Some(_) => break,
            }
        }
        self.push("scan", at - self.at, self.at..at)
    }

    /// ISO/IEC 15948 section 5: length, name, data, CRC.
    fn png(&mut self) -> Result<(), DecodeError> {
        self.push("signature", 8, 8..8)?;
        loop {
            let head = self.bytes.get(self.at..self.at + 8).ok_or_else(|| self.truncated("a chunk"))?;
            let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
            let name = head[4..8].escape_ascii().to_string();
            let data = self.at + 8..(self.at + 8).saturating_add(length);
            if data.end.saturating_add(4) > self.bytes.len() {
                return Err(self.truncated("a chunk"));
            }
            let last = name == "IEND";
            self.push(name, length + 12, data)?;
            if last {
                return Ok(());
            }
        }
    }

    /// RFC 9649 section 2: RIFF, little-endian sizes, chunks padded to even sizes.
    fn webp(&mut self) -> Result<(), DecodeError> {
        let size = self.bytes.get(4..8).ok_or_else(|| self.truncated("the RIFF size"))?;
        let size = u32::from_le_bytes([size[0], size[1], size[2], size[3]]) as usize;
        let end = size.saturating_add(8);
        if end > self.bytes.len() {
            return Err(self.truncated("a chunk"));
        }
        if end < 12 {
            return Err(self.damaged("a RIFF size without room for a picture"));
        }
        self.push("RIFF", 12, 8..12)?;
        while self.at < end {
            let head = self.bytes.get(self.at..self.at + 8).ok_or_else(|| self.truncated("a chunk"))?;
            let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
            let name = head[..4].escape_ascii().to_string();
            let data = self.at + 8..(self.at + 8).saturating_add(length);
            if data.end > end {
                return Err(self.damaged("a chunk longer than the file's RIFF size"));
            }
            // Some writers leave out the last chunk's padding.
            let padded = (data.end + length % 2).min(end);
            if name == "ANMF" && length >= FRAME_BYTES {
                // The chunks within a frame follow as parts of their own.
                self.push(name, 8 + FRAME_BYTES, data.start..data.start + FRAME_BYTES)?;
                continue;
            }
            self.push(name, padded - self.at, data)?;
        }
        Ok(())
    }
}

fn jpeg_name(code: u8) -> Cow<'static, str> {
    match code {
        0x01 => "TEM".into(),
        0xC4 => "DHT".into(),
        0xC8 => "JPG".into(),
        0xCC => "DAC".into(),
        0xC0..=0xCF => format!("SOF{}", code - 0xC0).into(),
        0xD0..=0xD7 => format!("RST{}", code - 0xD0).into(),
        0xDA => "SOS".into(),
        0xDB => "DQT".into(),
        0xDC => "DNL".into(),
        0xDD => "DRI".into(),
        0xDE => "DHP".into(),
        0xDF => "EXP".into(),
        0xE0..=0xEF => format!("APP{}", code - 0xE0).into(),
        0xFE => "COM".into(),
        _ => format!("FF{code:02X}").into(),
    }
}
