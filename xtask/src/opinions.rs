//! What detectors see in the `tune` part of the public pictures, computed once, for settings to be tried on.

use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use faceveil_core::face::Face;
use faceveil_core::geom::{Point, Rect};
use faceveil_data::dataset::Item;
use faceveil_data::truth::TruthFace;
use faceveil_infer::detectors::{BoxedDetector, CenterFace, DetectorName, YuNet};
use faceveil_infer::engine::EngineChoice;
use faceveil_infer::kernels::Isa;
use faceveil_infer::network::Precision;
use faceveil_infer::view::{Backdrop, RgbImage, map_face};

/// Weakest opinion kept.
const WEAKEST: f32 = 0.02;

/// One look at a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    pub detector: DetectorName,
    pub scale: f32,
    /// Left and right changed over.
    pub mirrored: bool,
}

/// What all looks have seen in a picture.
pub struct Seen {
    pub name: String,
    pub width: u32,
    pub height: u32,
    pub truth: Vec<TruthFace>,
    /// A list a look.
    pub opinions: Vec<Vec<Face>>,
}

/// Looks at every picture once, on all processors.
pub fn see(items: &[Item], looks: &[Look], turn: u32, precision: Precision) -> Result<Vec<Seen>> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let jobs = std::thread::available_parallelism()?.get();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs)
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    let mut detectors = load(looks, precision)?;
                    while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let seen = look(item, turn, looks, &mut detectors)
                            .with_context(|| item.image_path.display().to_string())?;
                        done.lock().expect("no worker panics").push(seen);
                    }
                    Ok(())
                })
            })
            .collect();
        workers.into_iter().try_for_each(|w| w.join().expect("no worker panics"))
    })?;
    let mut all = done.into_inner().expect("no worker panics");
    all.sort_by(|a: &Seen, b| a.name.cmp(&b.name));
    Ok(all)
}

/// Each detector of the looks once.
fn load(looks: &[Look], precision: Precision) -> Result<Vec<(DetectorName, BoxedDetector)>> {
    let mut detectors: Vec<(DetectorName, BoxedDetector)> = Vec::new();
    for name in looks.iter().map(|l| l.detector) {
        if detectors.iter().any(|(known, _)| *known == name) {
            continue;
        }
        let detector: BoxedDetector = match name {
            DetectorName::YuNet => Box::new(YuNet::new(Isa::detect(), precision)?),
            DetectorName::CenterFace => Box::new(CenterFace::new(Isa::detect(), precision)?),
            other => other.load(&EngineChoice::Inside)?,
        };
        detectors.push((name, detector));
    }
    Ok(detectors)
}

fn look(
    item: &Item,
    turn: u32,
    looks: &[Look],
    detectors: &mut [(DetectorName, BoxedDetector)],
) -> Result<Seen> {
    let photo =
        faceveil_media::decode(&std::fs::read(&item.image_path)?, &faceveil_media::Limits::default())?;
    let (width, height) = (photo.raster.width(), photo.raster.height());
    let whole = Rect { left: 0, top: 0, right: width as i32, bottom: height as i32 };
    let upright = RgbImage::crop(&photo.raster, whole, Backdrop::None);
    let image = upright.turned(turn);
    let mut opinions = Vec::new();
    for look in looks {
        let at = detectors.iter().position(|(name, _)| *name == look.detector).expect("all are loaded");
        let faces = at_scale(&image, *look, &mut detectors[at].1)?;
        opinions.push(faces.iter().map(|f| upright.turn_back(f, turn)).collect());
    }
    let truth = item.faces(width, height).unwrap_or_default();
    Ok(Seen { name: item.name.clone(), width, height, truth, opinions })
}

fn at_scale(image: &RgbImage, look: Look, detector: &mut BoxedDetector) -> Result<Vec<Face>> {
    let (width, height) = (image.view().width(), image.view().height());
    let side = |side: u32| ((side as f32 * look.scale).round() as u32).max(1);
    let mut small = image.resized(side(width), side(height))?;
    if look.mirrored {
        small = small.mirrored();
    }
    let faces = detector.detect(small.view(), WEAKEST)?;
    let (w, h) = (small.view().width() as f32, small.view().height() as f32);
    let (sx, sy) = (width as f32 / w, height as f32 / h);
    let back = |f: &Face| map_face(f, |p| Point { x: p.x * sx, y: p.y * sy });
    let upright = |f: &Face| if look.mirrored { small.mirror_back(f) } else { f.clone() };
    Ok(faces.iter().map(|f| back(&upright(f))).collect())
}

/// A JSON line a picture.
pub fn write(set: &str, looks: &[Look], seen: &[Seen], out: &mut impl Write) -> Result<()> {
    for p in seen {
        let rows = |faces: &[Face]| -> Vec<Vec<f32>> {
            faces
                .iter()
                .map(|f| {
                    let mut row = vec![f.rect.left, f.rect.top, f.rect.right, f.rect.bottom, f.score];
                    row.extend(f.landmarks.iter().flat_map(|l| [l[0].x, l[0].y, l[1].x, l[1].y]));
                    row
                })
                .collect()
        };
        let truth: Vec<[f64; 5]> = p.truth.iter().map(|t| [t.cx, t.cy, t.sxx, t.sxy, t.syy]).collect();
        let opinions: serde_json::Map<String, serde_json::Value> = looks
            .iter()
            .zip(&p.opinions)
            .map(|(look, faces)| {
                let name =
                    format!("{}@{}{}", look.detector, look.scale, if look.mirrored { "m" } else { "" });
                (name, serde_json::json!(rows(faces)))
            })
            .collect();
        let line = serde_json::json!({
            "set": set, "name": p.name, "size": [p.width, p.height], "truth": truth, "opinions": opinions,
        });
        writeln!(out, "{line}")?;
    }
    Ok(())
}
