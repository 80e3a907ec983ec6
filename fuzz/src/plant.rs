//! Puts metadata that must not survive into photos.

use faceveil_media::{Format, Part};

/// What must not survive.
pub const SECRET: &[u8] = b"PLANTED-SECRET";

/// Kinds of metadata that [`planted`] knows for each format.
pub const KINDS: usize = 8;

/// `file` with a secret: of kind `kind % KINDS`, at the `place`-th (modulo their number) of the places where the
/// format lets it stand. `parts` are the file's. Whether the metadata could influence the picture (EXIF
/// holds the orientation) is the second value.
pub fn planted(file: &[u8], format: Format, parts: &[Part], kind: usize, place: usize) -> (Vec<u8>, bool) {
    let kind = kind % KINDS;
    if kind == 0 {
        return ([file, SECRET].concat(), false);
    }
    match format {
        Format::Jpeg => (jpeg(file, parts, kind, place), kind == 1),
        Format::Png => (png(file, parts, kind, place), kind == 1),
        Format::WebP => (webp(file, parts, kind, place), kind == 1),
        Format::Gif => (gif(file, parts, kind, place), false),
        // Their places are numbers all over the file: what is inserted would tear it apart.
        Format::Bmp | Format::Tiff | Format::Heic | Format::Avif => ([file, SECRET].concat(), false),
    }
}

fn with_secret(prefix: &[u8]) -> Vec<u8> {
    [prefix, SECRET].concat()
}

/// A TIFF block with nothing but an artist, and a thumbnail.
fn exif() -> Vec<u8> {
    let mut block = b"MM\0*\0\0\0\x08\0\x01\x01\x3b\0\x02\0\0\0\x0e\0\0\0\x1a\0\0\0\x28".to_vec();
    block.extend(SECRET);
    block.extend(b"\0\0\0\0\0\0");
    block.extend(with_secret(b"\xff\xd8"));
    block
}

fn insert(file: &[u8], at: usize, what: &[u8]) -> Vec<u8> {
    [&file[..at], what, &file[at..]].concat()
}

/// The end of one of the parts before `last`.
fn somewhere(parts: &[Part], last: usize, place: usize) -> usize {
    let part = &parts[place % last.max(1)];
    part.offset + part.length
}

fn jpeg(file: &[u8], parts: &[Part], kind: usize, place: usize) -> Vec<u8> {
    let (code, data) = match kind {
        1 => (0xE1, [b"Exif\0\0", &exif()[..]].concat()),
        2 => (0xE1, with_secret(b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>")),
        3 => (0xED, with_secret(b"Photoshop 3.0\08BIM\x04\x04")),
        4 => (0xFE, with_secret(b"")),
        5 => (0xE2, with_secret(b"MPF\0II*\0")),
        6 => (0xEB, with_secret(b"JP\0\x01\0\0\0\x01\0\0\0\x20jumbc2pa")),
        _ => (0xEF, with_secret(b"")),
    };
    let mut segment = vec![0xFF, code];
    segment.extend((data.len() as u16 + 2).to_be_bytes());
    segment.extend(data);
    let first_scan = parts.iter().position(|p| p.name == "SOS").unwrap_or(1);
    insert(file, somewhere(parts, first_scan, place), &segment)
}

fn png(file: &[u8], parts: &[Part], kind: usize, place: usize) -> Vec<u8> {
    let (name, data) = match kind {
        1 => (b"eXIf", exif()),
        2 => (b"tEXt", with_secret(b"Author\0")),
        3 => (b"iTXt", with_secret(b"XML:com.adobe.xmp\0\0\0\0\0")),
        4 => (b"caBX", with_secret(b"")),
        5 => (b"prVt", with_secret(b"")),
        6 => (b"dSIG", with_secret(b"")),
        _ => (b"tEXt", with_secret(b"Comment\0")),
    };
    let body = [&name[..], &data].concat();
    let chunk = [&(data.len() as u32).to_be_bytes()[..], &body, &crc(&body).to_be_bytes()].concat();
    // Not before the header, and not behind the end.
    let end = parts.iter().position(|p| p.name == "IEND").unwrap_or(parts.len());
    let part = &parts[1 + place % (end - 1).max(1)];
    insert(file, part.offset + part.length, &chunk)
}

/// CRC-32 (ISO 3309), bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |c, _| if c & 1 == 1 { c >> 1 ^ 0xEDB8_8320 } else { c >> 1 })
    })
}

fn gif(file: &[u8], parts: &[Part], kind: usize, place: usize) -> Vec<u8> {
    let head: &[u8] = match kind % 3 {
        0 => b"\x21\xfe",
        1 => b"\x21\xff\x0bXMP DataXMP",
        _ => b"\x21\xff\x0bICCRGBG1013",
    };
    let block = [head, &[SECRET.len() as u8], SECRET, b"\0"].concat();
    let end = parts.iter().position(|p| p.name == "end").unwrap_or(1);
    // Behind the palette, and not between a control block and its picture.
    let free =
        |&n: &usize| parts[n].name != "control" && parts.get(n + 1).is_none_or(|p| p.name != "palette");
    let places: Vec<usize> = (0..end).filter(free).collect();
    let part = &parts[places[place % places.len().max(1)]];
    insert(file, part.offset + part.length, &block)
}

fn webp(file: &[u8], parts: &[Part], kind: usize, place: usize) -> Vec<u8> {
    let (name, data) = match kind {
        1 => (b"EXIF", exif()),
        2 => (b"XMP ", with_secret(b"<x:xmpmeta>")),
        3 => (b"C2PA", with_secret(b"")),
        _ => (b"UNKN", with_secret(b"")),
    };
    let mut chunk = [&name[..], &(data.len() as u32).to_le_bytes(), &data].concat();
    chunk.resize(chunk.len() + data.len() % 2, 0);
    let trailing = parts.iter().position(|p| p.name == "trailing").unwrap_or(parts.len());
    // A simple file's only chunk has to stay the first.
    let first = 1.min(trailing - 1);
    let part = &parts[first + place % (trailing - first)];
    let mut out = insert(file, part.offset + part.length, &chunk);
    let old = u32::from_le_bytes([file[4], file[5], file[6], file[7]]);
    out[4..8].copy_from_slice(&old.wrapping_add(chunk.len() as u32).to_le_bytes());
    out
}
