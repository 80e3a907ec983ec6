//! The segments of a JPEG, ITU-T T.81 annex B, as we write them.

use crate::JpegComponent;
use crate::jpeg::bit_writer::{Code, segment};
use crate::jpeg::header::ZIGZAG;
use crate::jpeg::progressive::ProgressiveScans;
use crate::jpeg::sequential::{SequentialScan, table};
use crate::jpeg::units::{Layout, Row};

/// A picture as its frame header describes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Described<'a> {
    pub width: u32,
    pub height: u32,
    pub components: &'a [JpegComponent],
}

/// Data of an APP2 segment at most, beside the 14 bytes that begin each piece of a profile.
const PROFILE_PIECE: usize = 65_533 - 14;

/// What stands before the picture: its colours' meaning and the metadata that may be kept. A JFIF
/// segment promises grey or YCbCr, so other pictures have an Adobe segment with their transform.
pub(super) fn beginning(adobe: Option<u8>, exif: Option<&[u8]>, profile: Option<&[u8]>) -> Vec<u8> {
    let mut file = b"\xFF\xD8".to_vec();
    match adobe {
        None => segment(&mut file, 0xE0, b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0"),
        Some(transform) => segment(&mut file, 0xEE, &[b"Adobe\0\x64\0\0\0\0", &[transform][..]].concat()),
    }
    // A segment's length is 16 bits; our own block has a few hundred bytes.
    if let Some(exif) = exif.filter(|e| e.len() < 65_000) {
        segment(&mut file, 0xE1, &[b"Exif\0\0", exif].concat());
    }
    let pieces = profile.unwrap_or_default().chunks(PROFILE_PIECE);
    let count = pieces.len();
    // Larger profiles than can be told in 255 pieces are none that `icc` lets through.
    for (i, piece) in pieces.enumerate().filter(|_| count < 256) {
        let head = [b"ICC_PROFILE\0", &[i as u8 + 1, count as u8][..]].concat();
        segment(&mut file, 0xE2, &[&head, piece].concat());
    }
    file
}

/// Appends the picture in one sequential scan and ends the file; `None` if its coefficients are too
/// large for that.
pub(super) fn sequential(
    mut file: Vec<u8>,
    picture: Described,
    layout: &Layout,
    rows: &[Row],
) -> Option<Vec<u8>> {
    let scan = SequentialScan::new(layout, rows)?;
    let wide = quantisation(&mut file, picture.components);
    frame(&mut file, if wide { 0xC1 } else { 0xC0 }, picture);
    for (number, classes) in scan.codes.iter().enumerate() {
        for (class, code) in classes.iter().enumerate() {
            huffman(&mut file, class as u8, number as u8, code);
        }
    }
    let named: Vec<_> = (0..picture.components.len()).map(|c| (c, table(c) as u8 * 0x11)).collect();
    scan_header(&mut file, &named, [0, 63, 0]);
    file.extend(scan.data);
    file.extend(b"\xFF\xD9");
    Some(file)
}

/// The same in progressive scans.
pub(super) fn progressive(
    mut file: Vec<u8>,
    picture: Described,
    layout: &Layout,
    rows: &[Row],
) -> Option<Vec<u8>> {
    let scans = ProgressiveScans::new(layout, rows)?;
    quantisation(&mut file, picture.components);
    frame(&mut file, 0xC2, picture);
    scans.write(&mut file);
    file.extend(b"\xFF\xD9");
    Some(file)
}

/// Each different table once; whether one needs 16 bits.
fn quantisation(file: &mut Vec<u8>, components: &[JpegComponent]) -> bool {
    let mut any_wide = false;
    for (number, table) in different_tables(components).into_iter().enumerate() {
        let values = ZIGZAG.map(|from| table[usize::from(from)]);
        let wide = values.iter().any(|&v| v > 255);
        any_wide |= wide;
        let mut data = vec![u8::from(wide) << 4 | number as u8];
        if wide {
            data.extend(values.iter().flat_map(|v| v.to_be_bytes()));
        } else {
            data.extend(values.iter().map(|&v| v as u8));
        }
        segment(file, 0xDB, &data);
    }
    any_wide
}

fn different_tables(components: &[JpegComponent]) -> Vec<&[u16; 64]> {
    let mut tables: Vec<&[u16; 64]> = Vec::new();
    for c in components {
        if !tables.contains(&&c.table) {
            tables.push(&c.table);
        }
    }
    tables
}

fn frame(file: &mut Vec<u8>, code: u8, picture: Described) {
    let tables = different_tables(picture.components);
    let mut data = vec![8];
    data.extend((picture.height as u16).to_be_bytes());
    data.extend((picture.width as u16).to_be_bytes());
    data.push(picture.components.len() as u8);
    for (i, c) in picture.components.iter().enumerate() {
        let number = tables.iter().position(|&t| *t == c.table).unwrap_or(0);
        data.extend([i as u8 + 1, c.horizontal << 4 | c.vertical, number as u8]);
    }
    segment(file, code, &data);
}

/// Nothing for a code without symbols.
pub(super) fn huffman(file: &mut Vec<u8>, class: u8, number: u8, code: &Code) {
    if !code.symbols.is_empty() {
        segment(file, 0xC4, &[&[class << 4 | number], &code.counts[..], &code.symbols].concat());
    }
}

/// `components` are indices with the numbers of their tables, DC in the high four bits; `rest` is the
/// first and last coefficient and the bit positions of successive approximation.
pub(super) fn scan_header(file: &mut Vec<u8>, components: &[(usize, u8)], rest: [u8; 3]) {
    let mut data = vec![components.len() as u8];
    data.extend(components.iter().flat_map(|&(c, tables)| [c as u8 + 1, tables]));
    data.extend(rest);
    segment(file, 0xDA, &data);
}
