//! Contact sheets: pictures beside their references, and pictures with what detectors do not agree on.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use faceveil_media::Limits;
use faceveil_media::files::read_photo;

use super::escaped;
use crate::dataset::build::{Format, encode};
use crate::dataset::fingerprint::key;
use crate::dataset::picture::Picture;
use crate::dataset::record::{Record, Scanned};

/// Longer side of a doubtful picture on the page, pixels.
const SHOWN: u32 = 220;

/// Pictures drawn evenly from all that are offered.
#[derive(Debug)]
pub struct Sheet {
    most: usize,
    /// By a number that means nothing.
    drawn: BTreeMap<u64, Record>,
}

impl Sheet {
    /// Takes `most` pictures.
    pub fn new(most: usize) -> Self {
        Self { most, drawn: BTreeMap::new() }
    }

    /// Takes the picture, or leaves it.
    pub fn offer(&mut self, record: Record) {
        self.drawn.insert(key(0, &record.file), record);
        if self.drawn.len() > self.most {
            self.drawn.pop_last();
        }
    }

    /// The sheet of a part: each picture, blurred, its mask.
    pub fn section(&self, folder: &Path, part: &str) -> String {
        let mut records: Vec<&Record> = self.drawn.values().collect();
        records.sort_unstable_by(|a, b| a.file.cmp(&b.file));
        let mut text = format!("<h2>Pictures of {}</h2>\n<div class=\"sheet\">", escaped(part));
        for record in records {
            let three: String =
                [&record.file, &record.blur, &record.mask].map(|name| embedded(folder, name)).concat();
            let _ = writeln!(
                text,
                "<figure><div class=\"three\">{three}</div><figcaption>{}: {} ({} faces)</figcaption></figure>",
                escaped(&record.file),
                escaped(&record.source),
                record.faces.len()
            );
        }
        text + "</div>\n"
    }
}

/// A file of the dataset inside the page, or words in its place.
fn embedded(folder: &Path, name: &str) -> String {
    let inside = !name.split(['/', '\\']).any(|part| part == ".." || part.is_empty());
    let kind = if name.ends_with(".png") { "png" } else { "jpeg" };
    match fs::read(folder.join(name)) {
        Ok(bytes) if inside => format!("<img alt=\"\" src=\"data:image/{kind};base64,{}\">", base64(&bytes)),
        _ => format!("<em>{} is missing</em>", escaped(name)),
    }
}

/// RFC 4648, with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0u32, |bits, b| bits << 8 | u32::from(*b)) << (8 * (3 - three.len()));
        for at in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= three.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

/// The pictures with doubts, the most doubtful first, up to `most`.
pub fn doubts_table(doubtful: &[Scanned], most: usize) -> String {
    let mut all: Vec<&Scanned> = doubtful.iter().filter(|s| !doubts_of(s).is_empty()).collect();
    if all.is_empty() {
        return String::new();
    }
    all.sort_by_key(|s| std::cmp::Reverse(doubts_of(s).len()));
    let mut text = format!(
        "<h2>Labels to look at</h2>\n<p>{} pictures have places where one detector sees a face and the other none. <span \
         class=\"kept\">Green</span> counts as a face, <span class=\"left\">red</span> does not; grey boxes are agreed on. \
         Shown are the first {}.</p>\n<div class=\"sheet doubts\">",
        all.len(),
        all.len().min(most)
    );
    for scanned in all.into_iter().take(most) {
        let words: String = doubts_of(scanned)
            .iter()
            .map(|doubt| {
                let by = doubt.seen_by.iter().map(|(name, score)| format!("{name} {score:.2}"));
                let class = if doubt.kept { "kept" } else { "left" };
                let words = format!("{}, not {}", by.collect::<Vec<_>>().join(", "), doubt.not_by.join(", "));
                format!("<span class=\"{class}\">{}</span> ", escaped(&words))
            })
            .collect();
        let _ = writeln!(
            text,
            "<figure>{}<figcaption>{}: {words}</figcaption></figure>",
            shown(scanned),
            escaped(&scanned.name)
        );
    }
    text + "</div>\n"
}

fn doubts_of(scanned: &Scanned) -> &[crate::dataset::record::Doubt] {
    scanned.result.as_ref().map_or(&[], |known| &known.doubts)
}

/// The picture, shrunk, with its boxes.
fn shown(scanned: &Scanned) -> String {
    let drawn = || -> Option<String> {
        let bytes = read_photo(&scanned.path, &Limits::default()).ok()?;
        let picture = Picture::decode(&bytes, &Limits::default()).ok()?;
        let known = scanned.result.as_ref().ok()?;
        let scale = (f64::from(SHOWN) / f64::from(picture.width().max(picture.height()))).min(1.0);
        let side = |n: u32| ((f64::from(n) * scale).round() as u32).max(1);
        let mut small = picture.resized(side(picture.width()), side(picture.height())).ok()?;
        known.faces.iter().for_each(|face| outline(&mut small, face.corners, scale, [150, 150, 150]));
        for doubt in &known.doubts {
            let colour = if doubt.kept { [20, 190, 90] } else { [230, 50, 30] };
            outline(&mut small, doubt.corners, scale, colour);
        }
        let size = (small.width(), small.height());
        let jpeg = encode(small.pixels(), size, false, Format::Jpg).ok()?;
        Some(format!("<img alt=\"\" src=\"data:image/jpeg;base64,{}\">", base64(&jpeg)))
    };
    drawn().unwrap_or_else(|| {
        format!("<em>{} cannot be shown</em>", escaped(&scanned.path.display().to_string()))
    })
}

/// A box of two pixels' width.
fn outline(picture: &mut Picture, corners: [f64; 4], scale: f64, colour: [u8; 3]) {
    let (width, height) = (picture.width() as i64, picture.height() as i64);
    let [left, top, right, bottom] = corners.map(|v| (v * scale).round().clamp(-1e6, 1e6) as i64);
    let pixels = picture.pixels_mut();
    let mut put = |x: i64, y: i64| {
        if (0..width).contains(&x) && (0..height).contains(&y) {
            pixels[(y * width + x) as usize] = colour;
        }
    };
    for thick in 0..2 {
        for x in left.max(0)..=right.min(width) {
            put(x, top + thick);
            put(x, bottom - thick);
        }
        for y in top.max(0)..=bottom.min(height) {
            put(left + thick, y);
            put(right - thick, y);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (bytes, want) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(bytes.as_bytes()), want);
        }
        assert_eq!(base64(&[0xFB, 0xFF]), "+/8=");
    }

    #[test]
    fn boxes_are_drawn_where_they_are_and_cut_at_the_edges() {
        let mut picture = Picture::flat(20, 20, [0; 3]);
        outline(&mut picture, [-5.0, 8.0, 20.0, 1e9], 0.5, [9; 3]);
        assert_eq!((picture.at(0, 4), picture.at(10, 4), picture.at(10, 19)), ([9; 3], [9; 3], [9; 3]));
        assert_eq!((picture.at(5, 10), picture.at(12, 4)), ([0; 3], [0; 3]));
    }
}
