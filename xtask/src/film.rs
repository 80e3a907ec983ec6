//! A clip hidden in this process, frame by frame: detections, tracks, frozen veils. What the program does
//! to a video, without its codecs.

use std::path::Path;

use anyhow::{Context, Result};
use faceveil::Face;
use faceveil_core::face::Detector;
use faceveil_core::geom::{Point, RectF};
use faceveil_core::policy::{Outline, Policy};
use faceveil_core::raster::{Color, Raster, RgbView, Samples};
use faceveil_core::redact::{Region, SeededNoise, Style};
use faceveil_core::track::{
    CutDetector, Follower, Luma, Thumb, TrackId, TrackSettings, TrackedFrame, Tracker, Veils,
};
use faceveil_eval::{FaceVerdict, VideoJudge, judge_frame};
use faceveil_infer::detectors::YuNet;
use faceveil_infer::kernels::Isa;
use faceveil_infer::network::Precision;
use faceveil_infer::search::{Search, SearchSettings};
use serde_json::{Value, json};

use crate::clips::{Actor, HEIGHT, WIDTH};

/// Share of a face that must be seen for it to be judged.
pub const SEEN: f64 = 0.4;
/// Share from which it at least does not count as collateral.
const THERE: f64 = 0.02;
/// Longest side of the pictures that faces are followed in, pixels.
const SMALL: u32 = 480;

/// How a clip is hidden.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Finds weak faces, too.
    pub search: SearchSettings,
    pub tracks: TrackSettings,
    /// Size of a region as a multiple of the detected box.
    pub margin: f32,
    /// Frames from one search to the next.
    pub every: u32,
    /// Score of an unknown face at a glance that asks for a search; above 1 for none.
    pub sure: f32,
    /// Score of a face at a glance that continues a track.
    pub hint: f32,
}

/// Overlap with a known face from which a glance shows nothing new.
const KNOWN: f32 = 0.1;

/// The faces of each frame, weak ones included.
pub fn detect(frames: &[Vec<u8>], search: SearchSettings) -> Result<Vec<Vec<Face>>> {
    let mut search = Search::new(search)?;
    frames.iter().map(|rgb| Ok(search.faces(&raster(rgb)?)?)).collect()
}

/// What YuNet sees in each frame at half the size.
pub fn glance(frames: &[Vec<u8>], least: f32) -> Result<Vec<Vec<Face>>> {
    let mut yunet = YuNet::new(Isa::detect(), Precision::default())?;
    let (w, h) = (WIDTH / 2, HEIGHT / 2);
    let half = |rgb: &[u8]| -> Vec<u8> {
        let at = |x: usize, y: usize, c: usize| u32::from(rgb[(y * WIDTH + x) * 3 + c]);
        let mean = |i: usize| {
            let (x, y, c) = (i / 3 % w * 2, i / 3 / w * 2, i % 3);
            ((at(x, y, c) + at(x + 1, y, c) + at(x, y + 1, c) + at(x + 1, y + 1, c) + 2) / 4) as u8
        };
        (0..w * h * 3).map(mean).collect()
    };
    let double = |r: &RectF| RectF {
        left: r.left * 2.0,
        top: r.top * 2.0,
        right: r.right * 2.0,
        bottom: r.bottom * 2.0,
    };
    let look = |rgb: &Vec<u8>| {
        let small = half(rgb);
        let view = RgbView::new(w as u32, h as u32, &small).context("a frame of another size")?;
        let faces = yunet.detect(view, least)?;
        let enlarged = |f: Face| Face {
            rect: double(&f.rect),
            landmarks: f.landmarks.map(|marks| marks.map(|p| Point { x: p.x * 2.0, y: p.y * 2.0 })),
            ..f
        };
        Ok(faces.into_iter().map(enlarged).collect())
    };
    frames.iter().map(look).collect()
}

fn raster(rgb: &[u8]) -> Result<Raster> {
    Ok(Raster::new(WIDTH as u32, HEIGHT as u32, Color::Rgb, Samples::U8(rgb.to_vec()))?)
}

/// Tracks, and how many frames were searched for them.
pub fn track(
    frames: &[Vec<u8>],
    faces: &[Vec<Face>],
    glances: &[Vec<Face>],
    setup: &Setup,
) -> Result<(Vec<TrackedFrame>, usize)> {
    let mut follower = Follower::new(setup.tracks.strong, setup.tracks.growth);
    let mut tracker = Tracker::new(setup.tracks)?;
    let mut cuts = CutDetector::new(0);
    let (mut told, mut known, mut until, mut searches) = (Vec::new(), Vec::<Face>::new(), 0, 0);
    for ((rgb, faces), glance) in frames.iter().zip(faces).zip(glances) {
        let plane: Vec<u8> = rgb.chunks_exact(3).map(grey).collect();
        let luma = Luma::shrunk(&plane, (WIDTH as u32, HEIGHT as u32), WIDTH, 0, SMALL).context("a frame")?;
        let cut = cuts.push(Some(Thumb::of(&luma)), false) == Some(true);
        let unknown = |f: &&Face| f.score >= setup.sure && known.iter().all(|k| k.rect.iou(&f.rect) < KNOWN);
        let search = until == 0 || cut || glance.iter().any(|f| unknown(&f));
        until = if search { setup.every - 1 } else { until - 1 };
        let complete = if search {
            searches += 1;
            known.clone_from(faces);
            follower.push(luma, Some(faces.clone()))
        } else {
            known.extend(glance.iter().filter(|f| f.score >= setup.sure).cloned());
            follower.glimpse(luma, glance.iter().filter(|f| f.score >= setup.hint).cloned().collect())
        };
        told.extend(complete.into_iter().filter_map(|frame| tracker.push(frame)));
    }
    told.extend(follower.finish().into_iter().filter_map(|frame| tracker.push(frame)));
    told.extend(std::iter::from_fn(|| tracker.finish()));
    Ok((told, searches))
}

fn grey(pixel: &[u8]) -> u8 {
    ((77 * u32::from(pixel[0]) + 150 * u32::from(pixel[1]) + 29 * u32::from(pixel[2])) >> 8) as u8
}

/// Hides the tracks in each frame and hands it on.
pub fn hide(
    frames: &[Vec<u8>],
    tracks: &[TrackedFrame],
    margin: f32,
    mut each: impl FnMut(usize, &[u8]) -> Result<()>,
) -> Result<()> {
    let policy = Policy::new(Outline::Ellipse, margin, 0.03)?;
    let (mut veils, mut noise) = (Veils::new(Style::Veil), SeededNoise::new(7));
    for (i, (rgb, tracked)) in frames.iter().zip(tracks).enumerate() {
        let mut raster = raster(rgb)?;
        let regions: Vec<(TrackId, Region)> =
            tracked.faces.iter().map(|face| (face.track, policy.region(&face.face))).collect();
        veils.hide(&mut raster, &regions, &mut noise)?;
        veils.next_frame();
        let Samples::U8(hidden) = raster.samples() else { anyhow::bail!("8 bits became 16") };
        each(i, hidden)?;
    }
    Ok(())
}

/// Judges one frame of a clip.
pub fn judge(
    judge: &mut VideoJudge,
    original: &[u8],
    output: &[u8],
    actors: &[Actor],
) -> Result<Vec<FaceVerdict>> {
    let there: Vec<&Actor> = actors.iter().filter(|actor| actor.visible >= THERE).collect();
    let faces: Vec<_> = there.iter().map(|actor| actor.face).collect();
    let verdict = judge_frame(view(original)?, view(output)?, &faces);
    let judged = there.iter().zip(&verdict.faces).filter(|(actor, _)| actor.visible >= SEEN);
    judge.add(verdict.outside, judged.map(|(actor, face)| (actor.id, *face)));
    Ok(verdict.faces)
}

fn view(rgb: &[u8]) -> Result<RgbView<'_>> {
    RgbView::new(WIDTH as u32, HEIGHT as u32, rgb).context("a frame of another size")
}

/// Detections from a file of an earlier run, or anew.
pub fn cached(path: &Path, detect: impl FnOnce() -> Result<Vec<Vec<Face>>>) -> Result<Vec<Vec<Face>>> {
    if let Ok(text) = std::fs::read_to_string(path) {
        let frames: Vec<Vec<Value>> = serde_json::from_str(&text)?;
        return frames.iter().map(|faces| faces.iter().map(face).collect()).collect();
    }
    let frames = detect()?;
    let lines: Vec<Vec<Value>> = frames.iter().map(|faces| faces.iter().map(value).collect()).collect();
    std::fs::write(path, serde_json::to_string(&lines)?)?;
    Ok(frames)
}

fn value(face: &Face) -> Value {
    let edges = |r: &RectF| [r.left, r.top, r.right, r.bottom];
    json!({
        "rect": edges(&face.rect),
        "score": face.score,
        "landmarks": face.landmarks.map(|marks| marks.map(|p| [p.x, p.y])),
        "also": face.also.iter().map(edges).collect::<Vec<_>>(),
    })
}

fn face(value: &Value) -> Result<Face> {
    let rect = |[left, top, right, bottom]: [f32; 4]| RectF { left, top, right, bottom };
    let landmarks: Option<[[f32; 2]; 5]> = serde_json::from_value(value["landmarks"].clone())?;
    let also: Vec<[f32; 4]> = serde_json::from_value(value["also"].clone())?;
    Ok(Face {
        rect: rect(serde_json::from_value(value["rect"].clone())?),
        score: serde_json::from_value(value["score"].clone())?,
        landmarks: landmarks.map(|marks| marks.map(|[x, y]| Point { x, y })),
        also: also.into_iter().map(rect).collect(),
    })
}
