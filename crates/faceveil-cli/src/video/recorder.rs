//! What a video's sidecar will say of its tracks.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use faceveil::core::geom::RectF;
use faceveil::core::look::look;
use faceveil::core::raster::{Color, Raster, Samples};
use faceveil::core::redact::YuvLayout;
use faceveil::core::track::Presence;
use faceveil_media::video::TimeBase;
use faceveil_media::{EncodeOptions, Format, Photo, PngCoding, PngColour, SafeMetadata, Source, encode};

use super::Told;
use super::keys::Keys;
use super::record::{Counts, KeyLine, MAX_KEYS, TrackRecord, VideoRecord};

/// Longer side of a thumbnail in pixels.
const THUMBNAIL: u32 = 96;
/// How much larger a face must be for a better thumbnail.
const BETTER: f32 = 1.3;
/// How often the number of key frames is looked at, in frames.
const COUNT_EVERY: u64 = 512;

/// Takes frames with their tracks, in order.
#[derive(Debug)]
pub(super) struct Recorder {
    layout: YuvLayout,
    time_base: TimeBase,
    /// When the file starts, in seconds.
    start: f64,
    thumbnails: bool,
    /// By the track, and whether it is left visible.
    tracks: BTreeMap<(u64, bool), Track>,
    cuts: Vec<u64>,
}

#[derive(Debug)]
struct Track {
    first: u64,
    keys: Keys,
    score: f32,
    best: u64,
    best_time: f64,
    /// Of the box where it is seen best.
    area: f32,
    thumbnail: Option<String>,
    note: Option<String>,
}

impl Recorder {
    pub(super) fn new(layout: YuvLayout, time_base: TimeBase, start: f64, thumbnails: bool) -> Self {
        Self { layout, time_base, start, thumbnails, tracks: BTreeMap::new(), cuts: Vec::new() }
    }

    /// Takes a frame before anything in it is hidden.
    ///
    /// # Errors
    /// There is more to record than a sidecar takes.
    pub(super) fn take(&mut self, told: &Told, note: Option<&str>) -> anyhow::Result<()> {
        let index = told.tracked.index;
        if told.tracked.cut {
            self.cuts.push(index);
        }
        for face in &told.tracked.faces {
            let kept = told.kept.contains(&face.track);
            let seconds = self.time_base.seconds(told.frame.pts) - self.start;
            let track = self.tracks.entry((face.track.0, kept)).or_insert_with(|| Track {
                first: index,
                keys: Keys::default(),
                score: 0.0,
                best: index,
                best_time: seconds,
                area: 0.0,
                thumbnail: None,
                note: note.filter(|_| kept).map(str::to_owned),
            });
            track.keys.push(index, &face.face);
            let seen = matches!(face.presence, Presence::Seen | Presence::Filled);
            let area = face.face.rect.area();
            if seen && area > track.area * BETTER {
                (track.area, track.best, track.best_time) = (area, index, seconds);
                if self.thumbnails {
                    track.thumbnail = Some(thumbnail(&told.frame.samples, &self.layout, &face.face.rect)?);
                }
            }
            if face.presence == Presence::Seen {
                track.score = track.score.max(face.face.score);
            }
        }
        if index.is_multiple_of(COUNT_EVERY) {
            let keys: usize = self.tracks.values().map(|track| track.keys.count()).sum();
            ensure!(keys <= MAX_KEYS, "its tracks have more key frames than the {MAX_KEYS} of a sidecar");
        }
        Ok(())
    }

    /// Puts all into the sidecar.
    pub(super) fn finish(self, record: &mut VideoRecord) {
        let mut tracks: Vec<((u64, bool), Track)> = self.tracks.into_iter().collect();
        tracks.sort_by_key(|((id, kept), track)| (track.first, *id, *kept));
        record.tracks = (1..)
            .zip(tracks)
            .map(|(number, ((_, kept), track)): (u64, _)| TrackRecord {
                id: format!("t{number}"),
                hidden: !kept,
                note: track.note,
                score: track.score,
                best: track.best,
                best_time: (track.best_time * 1e6).round() / 1e6,
                thumbnail: track.thumbnail,
                spans: track
                    .keys
                    .finish()
                    .iter()
                    .map(|span| span.iter().map(KeyLine::from).collect())
                    .collect(),
            })
            .collect();
        record.counts = Counts { tracks: record.tracks.len() };
        record.cuts = self.cuts;
    }
}

/// The face as a small JPEG, in base64.
fn thumbnail(samples: &Samples, layout: &YuvLayout, face: &RectF) -> anyhow::Result<String> {
    let side = face.width().max(face.height()) * 1.3;
    let factor = (side / THUMBNAIL as f32).ceil().max(1.0) as u32;
    let look = look(samples, layout, factor).context("a frame has too few samples")?;
    let centre = face.centre();
    let pixel = |v: f32, most: u32| (v / factor as f32).clamp(0.0, most as f32) as u32;
    let (left, right) = (pixel(centre.x - side / 2.0, look.width), pixel(centre.x + side / 2.0, look.width));
    let (top, bottom) =
        (pixel(centre.y - side / 2.0, look.height), pixel(centre.y + side / 2.0, look.height));
    let (left, top) = (left.min(look.width - 1), top.min(look.height - 1));
    let (right, bottom) = (right.max(left + 1), bottom.max(top + 1));
    let row = |y: u32| {
        let at = |x: u32| (y * look.width + x) as usize * 3;
        look.rgb[at(left)..at(right)].iter().copied()
    };
    let pixels: Vec<u8> = (top..bottom).flat_map(row).collect();
    Ok(base64(&jpeg(right - left, bottom - top, pixels)?))
}

/// A JPEG without any metadata.
pub(crate) fn jpeg(width: u32, height: u32, rgb: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    let photo = Photo {
        raster: Raster::new(width, height, Color::Rgb, Samples::U8(rgb))?,
        icc: None,
        safe: SafeMetadata::default(),
        source: Source::Png(PngCoding {
            bit_depth: 8,
            palette: false,
            interlaced: false,
            colour: PngColour::default(),
        }),
    };
    Ok(encode(&photo, &EncodeOptions { format: Some(Format::Jpeg), ..EncodeOptions::default() })?)
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for part in bytes.chunks(3) {
        let byte = |i: usize| u32::from(part.get(i).copied().unwrap_or(0));
        let all = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let there = digit <= part.len();
            let value = DIGITS[(all >> (18 - 6 * digit) & 63) as usize];
            text.push(if there { char::from(value) } else { '=' });
        }
    }
    text
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
    }

    #[test]
    fn thumbnails_of_faces_at_the_border_are_pictures() {
        let layout = YuvLayout::yuv420(64, 48);
        let samples = Samples::U8(vec![90; 64 * 48 * 3 / 2]);
        for (left, right) in [(-300.0, 30.0), (60.0, 70.0), (200.0, 260.0), (10.0, 11.0)] {
            let rect = RectF { left, top: left, right, bottom: right };
            let text = thumbnail(&samples, &layout, &rect).unwrap();
            assert!(text.starts_with("/9j/"), "{text}");
        }
    }
}
