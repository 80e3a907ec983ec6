//! The blocks of a GIF89a.

use crate::{DecodeError, Format};
use std::borrow::Cow;
use std::ops::Range;

/// Calls `push` with name, length and payload of each block up to the end.
pub(crate) fn walk(
    bytes: &[u8],
    mut push: impl FnMut(Cow<'static, str>, usize, Range<usize>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let truncated = || DecodeError::Truncated { format: Format::Gif, wanted: "a block", len: bytes.len() };
    let byte = |at: usize| bytes.get(at).copied().ok_or_else(truncated);
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    // Data in pieces of 1 to 255 bytes, closed by an empty one.
    let pieces = |mut at: usize| loop {
        let length = usize::from(byte(at)?);
        at += 1 + length;
        if length == 0 {
            return Ok::<_, DecodeError>(at);
        }
    };
    let mut at = 13;
    let colours = table(byte(10)?);
    byte(12 + colours)?;
    push("header".into(), at, 6..at)?;
    if colours > 0 {
        push("palette".into(), colours, at..at + colours)?;
        at += colours;
    }
    loop {
        let (name, end): (Cow<'static, str>, usize) = match byte(at)? {
            0x2C => ("image".into(), pieces(at + 11 + table(byte(at + 9)?))?),
            0x21 => (extension(bytes, at), pieces(at + 2)?),
            0x3B => return push("end".into(), 1, at + 1..at + 1),
            _ => {
                let what = "no block where one must be";
                return Err(DecodeError::Damaged { format: Format::Gif, what, offset: at });
            }
        };
        push(name, end - at, at + 1..end)?;
        at = end;
    }
}

fn extension(bytes: &[u8], at: usize) -> Cow<'static, str> {
    match bytes.get(at + 1) {
        Some(0xF9) => "control".into(),
        Some(0xFE) => "comment".into(),
        Some(0x01) => "text".into(),
        Some(0xFF) => match bytes.get(at + 3..at + 14) {
            Some(b"NETSCAPE2.0") => "loop".into(),
            Some(b"ICCRGBG1012") => "profile".into(),
            Some(name) => format!("application {}", name.escape_ascii()).into(),
            None => "application".into(),
        },
        _ => "extension".into(),
    }
}
