//! A video on the page: a picture with a row a track, its face at the left and its stretches of time as bars. To the
//! page a track is a region that can be hidden or shown, and is neither moved nor added.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use faceveil::core::geom::RectF;
use faceveil::core::look::look;
use faceveil_media::video::{Decoder, DecoderOptions, PixelLayout, Probe, Tools, probe};
use serde_json::{Value, json};

use crate::sidecar::RegionRecord;
use crate::video::record::{TrackRecord, VideoRecord};
use crate::video::{jpeg, keys, yuv_layout};

/// Pixels of the picture.
const WIDTH: u32 = 1200;
const ROW: u32 = 56;
const STILL: u32 = 48;
const EDGE: u32 = 4;
/// Where time begins and ends.
const FROM: f32 = 68.0;
const TO: f32 = 1188.0;
/// The shortest bar.
const LEAST: f32 = 8.0;
/// Tracks that are shown with their face; those after them without.
const MOST_STILLS: usize = 40;
/// Rows of the picture at most; later tracks are in the list only.
const MOST_ROWS: usize = 400;
/// Frames of more pixels are not decoded.
const MAX_PIXELS: u64 = 1 << 26;
const TIMEOUT: Duration = Duration::from_secs(30);

/// The sidecar as the page knows sidecars.
///
/// # Errors
/// It cannot be told as JSON.
pub fn page(record: &VideoRecord) -> anyhow::Result<Value> {
    let height = rows(record) as u32 * ROW;
    let faces: Vec<Value> = record
        .tracks
        .iter()
        .map(|track| {
            let (id, score) = (&track.id, track.score);
            json!({ "id": id, "box": [0, 0, 1, 1], "score": score, "landmarks": null, "opinions": [] })
        })
        .collect();
    let regions: Vec<Value> = record
        .tracks
        .iter()
        .enumerate()
        .map(|(row, track)| {
            let mut region = json!({
                "id": track.id, "origin": "detected", "face": track.id, "hidden": track.hidden, "feather": 0.0,
                "shapes": bars(record, row, track),
            });
            if let (Some(note), Some(fields)) = (&track.note, region.as_object_mut()) {
                fields.insert("note".to_owned(), json!(note));
            }
            region
        })
        .collect();
    let settings = serde_json::to_value(&record.settings)?;
    let video = json!({ "size": record.size, "frames": record.frames });
    let size = [WIDTH, height];
    Ok(json!({ "size": size, "video": video, "settings": settings, "faces": faces, "regions": regions }))
}

/// Takes what the page has decided about tracks.
///
/// # Errors
/// There is no such track, or one was added.
pub fn apply(
    record: &mut VideoRecord,
    edits: impl Iterator<Item = RegionRecord>,
) -> anyhow::Result<BTreeMap<String, String>> {
    for edit in edits {
        let Some(track) = record.tracks.iter_mut().find(|track| track.id == edit.id) else {
            bail!("a video's tracks can be hidden and shown here, but not added ({})", edit.id)
        };
        (track.hidden, track.note) = (edit.hidden, edit.note);
    }
    Ok(BTreeMap::new())
}

fn rows(record: &VideoRecord) -> usize {
    record.tracks.len().clamp(1, MOST_ROWS)
}

/// A box for each stretch, as the page draws shapes.
fn bars(record: &VideoRecord, row: usize, track: &TrackRecord) -> Vec<Value> {
    let place = |frame: u64| FROM + (TO - FROM) * frame as f32 / record.frames.max(1) as f32;
    let top = (row.min(MOST_ROWS - 1) as u32 * ROW + EDGE) as f32;
    let bar = |span: &Vec<crate::video::record::KeyLine>| {
        let (first, last) = (span.first()?.frame, span.last()?.frame);
        let left = place(first).min(TO - LEAST);
        let right = place(last + 1).max(left + LEAST);
        Some(json!({ "outline": "box", "corners": [left, top, right, top + STILL as f32] }))
    };
    track.spans.iter().filter_map(bar).take(64).collect()
}

/// The picture, with faces from the original.
///
/// # Errors
/// The original cannot be read.
pub fn picture(record: &VideoRecord, original: &Path) -> anyhow::Result<Vec<u8>> {
    let tools = Tools::find(|name| std::env::var_os(name), TIMEOUT)?;
    let probe = probe(&tools, original)?;
    let height = rows(record) as u32 * ROW;
    let mut rgb = ground(height);
    for (row, track) in record.tracks.iter().enumerate().take(MOST_STILLS.min(MOST_ROWS)) {
        let still = still(&tools, &probe, original, track)?;
        for (y, line) in still.chunks_exact(STILL as usize * 3).enumerate() {
            let at = ((row as u32 * ROW + EDGE) as usize + y) * WIDTH as usize + EDGE as usize;
            rgb[at * 3..at * 3 + line.len()].copy_from_slice(line);
        }
    }
    jpeg(WIDTH, height, rgb)
}

/// Rows, and a line for each tenth of the time.
fn ground(height: u32) -> Vec<u8> {
    let tenth = |x: u32| {
        let at = (x as f32 - FROM) / (TO - FROM) * 10.0;
        (0.0..=10.01).contains(&at) && at.fract() < 10.0 / (TO - FROM)
    };
    let shade = |x: u32, y: u32| match (y % ROW, tenth(x)) {
        (0, _) => 70,
        (_, true) => 62,
        _ if x as f32 >= FROM && x as f32 <= TO => 48,
        _ => 40,
    };
    let places = (0..height).flat_map(|y| (0..WIDTH).map(move |x| (x, y)));
    places.flat_map(|(x, y)| [shade(x, y); 3]).collect()
}

/// The face of a track where it is seen best, as a square.
fn still(tools: &Tools, probe: &Probe, original: &Path, track: &TrackRecord) -> anyhow::Result<Vec<u8>> {
    let layout = PixelLayout::for_source(&probe.video.pixels)?;
    let start = Some((track.best_time - 0.001).max(0.0));
    let end = Some(track.best_time.max(0.0) + 2.0);
    let options = DecoderOptions { layout, max_pixels: MAX_PIXELS, keep_damaged: true, start, end };
    let mut decoder = Decoder::start(tools, original, probe, options)?;
    let frame = decoder.read()?.context("a frame of the original is not there")?;
    let yuv = yuv_layout(layout, decoder.size(), &probe.video.colours);
    let spans = track.keys();
    let face = spans.iter().find_map(|span| keys::at(span, track.best)).context("a track without a frame")?;
    let look = look(&frame.samples, &yuv, 1).context("a frame has too few samples")?;
    ensure!(look.width > 0 && look.height > 0, "an empty frame");
    let RectF { left, top, right, bottom } = face.rect.scaled(1.2);
    let at = |step: u32, from: f32, to: f32, most: u32| {
        (from + (to - from) * (step as f32 + 0.5) / STILL as f32).clamp(0.0, (most - 1) as f32) as u32
    };
    let pixel = |x: u32, y: u32| {
        let (u, v) = (at(x, left, right, look.width), at(y, top, bottom, look.height));
        let i = (v * look.width + u) as usize * 3;
        [look.rgb[i], look.rgb[i + 1], look.rgb[i + 2]]
    };
    let places = (0..STILL).flat_map(|y| (0..STILL).map(move |x| (x, y)));
    Ok(places.flat_map(|(x, y)| pixel(x, y)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video::record::tests::sample;

    #[test]
    fn tracks_are_rows_with_bars_and_take_decisions_only() {
        let mut record = sample();
        let page = page(&record).unwrap();
        assert_eq!(page["size"], json!([WIDTH, ROW]));
        assert_eq!(page["video"], json!({ "size": record.size, "frames": record.frames }));
        let region = &page["regions"][0];
        assert_eq!((&region["id"], &region["hidden"]), (&json!("t1"), &json!(false)));
        assert_eq!(region["shapes"].as_array().map(Vec::len), Some(2));
        let lines: Vec<crate::sidecar::RegionLine> = serde_json::from_value(page["regions"].clone()).unwrap();
        let edits = lines.into_iter().map(RegionRecord::from).map(|mut region| {
            region.hidden = true;
            region
        });
        let spans = record.tracks[0].spans.clone();
        apply(&mut record, edits).unwrap();
        assert!(record.tracks[0].hidden);
        assert_eq!(record.tracks[0].spans, spans);
    }
}
