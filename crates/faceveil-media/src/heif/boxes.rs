//! The boxes of a HEIC or AVIF (ISO/IEC 14496-12 section 4.2), read without trust.

use crate::{DecodeError, Format};
use std::ops::Range;

/// Kinds of boxes at a file's top that are known by name: one that does not fit is cut short. Others are
/// something behind the picture.
const TOP: [&[u8; 4]; 9] = [b"ftyp", b"meta", b"mdat", b"free", b"skip", b"moov", b"moof", b"uuid", b"wide"];

/// A box.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// Its name.
    pub kind: [u8; 4],
    /// Where it begins.
    pub start: usize,
    /// What is in it, from the file's start.
    pub content: Range<usize>,
}

/// A file with the format that is named in errors.
#[derive(Clone, Copy)]
pub(super) struct File<'a> {
    pub bytes: &'a [u8],
    pub format: Format,
}

impl<'a> File<'a> {
    pub fn damaged(self, what: &'static str, offset: usize) -> DecodeError {
        DecodeError::Damaged { format: self.format, what, offset }
    }

    pub fn truncated(self, wanted: &'static str) -> DecodeError {
        DecodeError::Truncated { format: self.format, wanted, len: self.bytes.len() }
    }

    pub fn unsupported(self, feature: &'static str) -> DecodeError {
        DecodeError::UnsupportedFeature { format: self.format, feature }
    }

    /// A reader of the numbers in `range`.
    pub fn fields(self, range: Range<usize>) -> Fields<'a> {
        Fields { file: self, at: range.start, end: range.end }
    }

    /// The boxes at the top, up to the end or to what is none.
    pub fn top(self) -> Result<Vec<Block>, DecodeError> {
        let mut blocks = Vec::new();
        let mut at = 0;
        while self.bytes.len() - at >= 8 {
            let kind = &self.bytes[at + 4..at + 8];
            match self.block(at, self.bytes.len()) {
                Ok(block) => {
                    at = block.content.end;
                    blocks.push(block);
                }
                Err(_) if TOP.iter().any(|t| t[..] == *kind) => return Err(self.truncated("a box")),
                Err(_) => break,
            }
        }
        Ok(blocks)
    }

    /// The boxes in `range`, without gap.
    pub fn blocks(self, range: Range<usize>) -> Result<Vec<Block>, DecodeError> {
        let mut blocks = Vec::new();
        let mut at = range.start;
        while at < range.end {
            let block = self.block(at, range.end)?;
            at = block.content.end;
            blocks.push(block);
        }
        Ok(blocks)
    }

    fn block(self, start: usize, end: usize) -> Result<Block, DecodeError> {
        let mut fields = self.fields(start..end);
        let (size, kind) = (fields.number(4)?, fields.kind()?);
        let size = match size {
            0 => (end - start) as u64,
            1 => fields.number(8)?,
            size => size,
        };
        let size = usize::try_from(size).ok().filter(|&size| size >= fields.at - start);
        let stop = size.and_then(|size| start.checked_add(size)).filter(|&stop| stop <= end);
        let stop = stop.ok_or_else(|| self.damaged("a box of impossible length", start))?;
        Ok(Block { kind, start, content: fields.at..stop })
    }
}

/// Numbers one after the other, big-endian.
#[derive(Clone)]
pub(super) struct Fields<'a> {
    pub file: File<'a>,
    pub at: usize,
    pub end: usize,
}

impl Fields<'_> {
    /// A number of 0 to 8 bytes.
    pub fn number(&mut self, bytes: usize) -> Result<u64, DecodeError> {
        let end = self.at.checked_add(bytes).filter(|&end| end <= self.end);
        let end = end.ok_or_else(|| self.file.damaged("a box that is too short", self.at))?;
        let number = self.file.bytes[self.at..end].iter().fold(0, |n, &b| n << 8 | u64::from(b));
        self.at = end;
        Ok(number)
    }

    /// A number of 32 bits.
    pub fn long(&mut self) -> Result<u32, DecodeError> {
        self.number(4).map(|n| n as u32)
    }

    /// A name of four characters.
    pub fn kind(&mut self) -> Result<[u8; 4], DecodeError> {
        self.long().map(u32::to_be_bytes)
    }

    /// Version and flags of a "full box".
    pub fn version(&mut self) -> Result<(u8, u32), DecodeError> {
        let both = self.long()?;
        Ok(((both >> 24) as u8, both & 0xFF_FFFF))
    }

    /// What is left.
    pub fn rest(&self) -> Range<usize> {
        self.at..self.end
    }
}
