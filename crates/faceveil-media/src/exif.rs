//! The few EXIF fields this crate looks at, read without trust and written afresh.

use crate::SafeMetadata;
use crate::orientation::Orientation;

const MAKE: u16 = 0x010F;
const MODEL: u16 = 0x0110;
const ORIENTATION: u16 = 0x0112;
const DATE_TIME: u16 = 0x0132;
const EXIF_IFD: u16 = 0x8769;
const DATE_TIME_ORIGINAL: u16 = 0x9003;

const BYTE: u16 = 1;
const ASCII: u16 = 2;
const SHORT: u16 = 3;
const LONG: u16 = 4;

/// Characters of a maker's or model's name.
const MAX_NAME: usize = 64;
const ENTRY_BYTES: usize = 12;

/// What the pictures' EXIF says, as far as it is sound: unreadable parts read as absent.
pub(crate) fn read(block: &[u8]) -> (Orientation, SafeMetadata) {
    let block = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
    let Some(tiff) = Tiff::new(block) else { return (Orientation::UPRIGHT, SafeMetadata::default()) };
    let main = tiff.long(4);
    let sub = main.and_then(|at| tiff.find(at, EXIF_IFD)).and_then(|e| tiff.number(e));
    let field = |ifd: Option<u32>, tag| ifd.and_then(|at| tiff.find(at, tag));
    let text = |ifd, tag| field(ifd, tag).and_then(|e| tiff.ascii(e));
    let time = |ifd, tag| text(ifd, tag).and_then(timestamp);
    let orientation = field(main, ORIENTATION).and_then(|e| tiff.number(e)).and_then(Orientation::new);
    let safe = SafeMetadata {
        capture_time: time(sub, DATE_TIME_ORIGINAL).or_else(|| time(main, DATE_TIME)),
        make: text(main, MAKE).and_then(name),
        model: text(main, MODEL).and_then(name),
    };
    (orientation.unwrap_or(Orientation::UPRIGHT), safe)
}

/// A fresh TIFF block with these fields and nothing else; `None` if there is none. Fields that
/// break the rules of [`SafeMetadata`] are left out.
///
/// Little-endian: header of 8 bytes, IFD 0 (make, model, pointer), its texts, the EXIF IFD (time),
/// its text.
pub(crate) fn write(safe: &SafeMetadata) -> Option<Vec<u8>> {
    let SafeMetadata { capture_time: time, make, model } = checked(safe);
    if make.is_none() && model.is_none() && time.is_none() {
        return None;
    }
    let mut main = Directory::default();
    main.text(MAKE, make);
    main.text(MODEL, model);
    let mut sub = Directory::default();
    sub.text(DATE_TIME_ORIGINAL, time);
    let mut tiff = b"II*\0\x08\0\0\0".to_vec();
    if !sub.entries.is_empty() {
        let at = tiff.len() + main.len_with(1);
        main.entries.push((EXIF_IFD, LONG, 1, Value::Inline((at as u32).to_le_bytes())));
    }
    main.append_to(&mut tiff);
    if !sub.entries.is_empty() {
        sub.append_to(&mut tiff);
    }
    Some(tiff)
}

/// The fields that keep the rules of [`SafeMetadata`].
pub(crate) fn checked(safe: &SafeMetadata) -> SafeMetadata {
    let checked = |value: &Option<String>, check: fn(&[u8]) -> Option<String>| {
        value.as_ref().and_then(|v| check(v.as_bytes()))
    };
    SafeMetadata {
        capture_time: checked(&safe.capture_time, timestamp),
        make: checked(&safe.make, name),
        model: checked(&safe.model, name),
    }
}

/// `YYYY:MM:DD HH:MM:SS`, all digits.
fn timestamp(text: &[u8]) -> Option<String> {
    let fits = |(&b, p): (&u8, u8)| if p == b'0' { b.is_ascii_digit() } else { b == p };
    let pattern = *b"0000:00:00 00:00:00";
    let sound = text.len() == pattern.len() && text.iter().zip(pattern).all(fits);
    sound.then(|| String::from_utf8_lossy(text).into_owned())
}

fn name(text: &[u8]) -> Option<String> {
    let text = text.trim_ascii();
    let printable = |&b: &u8| b == b' ' || b.is_ascii_graphic();
    let sound = (1..=MAX_NAME).contains(&text.len()) && text.iter().all(printable);
    sound.then(|| String::from_utf8_lossy(text).into_owned())
}

/// A TIFF block, TIFF 6.0 section 2. Every read is checked, nothing is followed twice.
struct Tiff<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

#[derive(Clone, Copy)]
struct Entry {
    kind: u16,
    count: u32,
    /// Where the four bytes of value or offset are.
    at: usize,
}

impl<'a> Tiff<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let big_endian = match bytes.get(..4)? {
            b"II*\0" => false,
            b"MM\0*" => true,
            _ => return None,
        };
        Some(Self { bytes, big_endian })
    }

    fn short(&self, at: usize) -> Option<u16> {
        let b = self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.big_endian { u16::from_be_bytes(b) } else { u16::from_le_bytes(b) })
    }

    fn long(&self, at: usize) -> Option<u32> {
        let b = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.big_endian { u32::from_be_bytes(b) } else { u32::from_le_bytes(b) })
    }

    /// The first entry with this tag in the directory at `ifd`.
    fn find(&self, ifd: u32, tag: u16) -> Option<Entry> {
        let ifd = ifd as usize;
        let count = usize::from(self.short(ifd)?);
        (0..count).map(|i| ifd + 2 + i * ENTRY_BYTES).find_map(|at| {
            let entry = Entry { kind: self.short(at + 2)?, count: self.long(at + 4)?, at: at + 8 };
            (self.short(at)? == tag).then_some(entry)
        })
    }

    fn number(&self, entry: Entry) -> Option<u32> {
        match (entry.kind, entry.count) {
            (BYTE, 1) => self.bytes.get(entry.at).map(|&b| b.into()),
            (SHORT, 1) => self.short(entry.at).map(u32::from),
            (LONG, 1) => self.long(entry.at),
            _ => None,
        }
    }

    /// Up to the first zero byte.
    fn ascii(&self, entry: Entry) -> Option<&'a [u8]> {
        if entry.kind != ASCII {
            return None;
        }
        let count = entry.count as usize;
        let start = if count <= 4 { entry.at } else { self.long(entry.at)? as usize };
        let text = self.bytes.get(start..start.checked_add(count)?)?;
        text.split(|&b| b == 0).next()
    }
}

enum Value {
    Inline([u8; 4]),
    Text(Vec<u8>),
}

#[derive(Default)]
struct Directory {
    /// Tag, kind, count, value; in ascending order of tags.
    entries: Vec<(u16, u16, u32, Value)>,
}

impl Directory {
    fn text(&mut self, tag: u16, text: Option<String>) {
        let Some(text) = text else { return };
        let mut text = text.into_bytes();
        text.push(0);
        let count = text.len() as u32;
        let value = match <[u8; 4]>::try_from(&text[..]) {
            Ok(four) => Value::Inline(four),
            Err(_) if text.len() < 4 => {
                text.resize(4, 0);
                Value::Inline([text[0], text[1], text[2], text[3]])
            }
            Err(_) => Value::Text(text),
        };
        self.entries.push((tag, ASCII, count, value));
    }

    /// Bytes of the directory and its texts once it has `more` further inline entries.
    fn len_with(&self, more: usize) -> usize {
        let texts: usize = self.entries.iter().map(|(.., value)| padded_len(value)).sum();
        2 + (self.entries.len() + more) * ENTRY_BYTES + 4 + texts
    }

    fn append_to(&self, tiff: &mut Vec<u8>) {
        let mut text_at = tiff.len() + 2 + self.entries.len() * ENTRY_BYTES + 4;
        tiff.extend((self.entries.len() as u16).to_le_bytes());
        for (tag, kind, count, value) in &self.entries {
            tiff.extend(tag.to_le_bytes());
            tiff.extend(kind.to_le_bytes());
            tiff.extend(count.to_le_bytes());
            tiff.extend(match value {
                Value::Inline(bytes) => *bytes,
                Value::Text(_) => (text_at as u32).to_le_bytes(),
            });
            text_at += padded_len(value);
        }
        tiff.extend(0u32.to_le_bytes()); // no next directory: no thumbnail
        for (.., value) in &self.entries {
            if let Value::Text(text) = value {
                tiff.extend(text);
                tiff.resize(tiff.len() + text.len() % 2, 0);
            }
        }
    }
}

/// Bytes outside the entry; TIFF wants values at even offsets.
fn padded_len(value: &Value) -> usize {
    match value {
        Value::Inline(_) => 0,
        Value::Text(text) => text.len().next_multiple_of(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn safe(time: &str, make: &str, model: &str) -> SafeMetadata {
        let some = |s: &str| (!s.is_empty()).then(|| s.to_owned());
        SafeMetadata { capture_time: some(time), make: some(make), model: some(model) }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let time = "2024:02:29 23:59:58";
        for (time, make, model) in
            [(time, "Canon", "EOS R5"), (time, "", ""), ("", "LG", "V60"), ("", "", "ABCDE"), (time, "", "X")]
        {
            let safe = safe(time, make, model);
            let block = write(&safe).unwrap();
            assert_eq!(read(&block), (Orientation::UPRIGHT, safe), "{time} {make} {model}");
        }
        assert_eq!(write(&SafeMetadata::default()), None);
    }

    #[test]
    fn values_that_could_carry_more_are_dropped() {
        let long = "x".repeat(65);
        for (time, make) in
            [("2024:02:29", ""), ("2024:02:29 23:59:5x", ""), ("", "caf\u{e9}"), ("", &long), ("", "a\nb")]
        {
            assert_eq!(write(&safe(time, make, "")), None, "{time} {make:?}");
        }
    }

    #[test]
    fn any_truncation_or_flip_is_survived() {
        let block = write(&safe("2024:02:29 23:59:58", "Canon", "EOS R5")).unwrap();
        for n in 0..block.len() {
            read(&block[..n]);
            for value in [0, 1, 0x7F, 0x80, 0xFF] {
                let mut bad = block.clone();
                bad[n] = value;
                read(&bad);
            }
        }
    }
}
