//! Chooses the operating points on the `tune` part of the public pictures, by box coverage: both
//! detectors' opinions are computed once, then every setting is tried on them.

use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use faceveil_core::face::{Detector, Face};
use faceveil_core::fusion::join;
use faceveil_core::geom::{Ellipse, Point, Rect};
use faceveil_core::policy::{Outline, Policy};
use faceveil_core::redact::{Region, Shape};
use faceveil_data::dataset::{self, Item};
use faceveil_data::split::{Part, Set};
use faceveil_data::truth::TruthFace;
use faceveil_infer::detectors::{CenterFace, DetectError, YuNet};
use faceveil_infer::kernels::Isa;
use faceveil_infer::network::Precision;
use faceveil_infer::view::{Backdrop, RgbImage, map_face};

/// Scales at which CenterFace is tried.
const SCALES: [f32; 5] = [0.35, 0.5, 0.7, 0.85, 1.0];
/// Scales at which YuNet is tried; the one used is the middle one.
const YUNET_SCALES: [f32; 3] = [0.5, 1.0, 1.5];
/// Weakest opinion kept.
const WEAKEST: f32 = 0.04;

/// Both detectors' opinions on a picture.
struct Opinions {
    width: u32,
    height: u32,
    truth: Vec<TruthFace>,
    yunet: [Vec<Face>; 3],
    centerface: [Vec<Face>; 5],
}

/// One setting.
#[derive(Clone, Copy, Debug)]
struct Setting {
    scales: &'static [usize],
    least: f32,
    margin: f32,
}

/// Runs the search over settings and prints a table a set; `dump` gets all opinions as JSON lines.
pub fn run(shared: &Path, turn: u32, precision: Precision, dump: Option<&Path>) -> Result<()> {
    let sets = [Set::Fddb, Set::MasksVoc, Set::WiderYolo, Set::Negatives];
    let mut data = Vec::new();
    for set in sets {
        data.push(opinions(&dataset::load(shared, set, Part::Tune)?, turn, precision)?);
    }
    if let Some(file) = dump {
        write_opinions(&sets, &data, file)?;
    }
    println!(
        "turn {turn}: centerface scales, least odds, margin | leak % / exposed % fddb, masks, wider | other pixels % fddb, masks | face-free hit %"
    );
    for scales in [&[][..], &[0], &[1], &[4], &[1, 2], &[1, 4]] {
        for least in [-3.0, -2.6, -2.3, -2.1, -1.9, -1.6, -1.3, -1.0] {
            for margin in [1.3, 1.35, 1.4, 1.5] {
                row(&data, Setting { scales, least, margin })?;
            }
        }
    }
    Ok(())
}

fn write_opinions(sets: &[Set], data: &[Vec<Opinions>], file: &Path) -> Result<()> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(file)?);
    for (set, pictures) in sets.iter().zip(data) {
        for p in pictures {
            let rows = |faces: &[Face]| -> Vec<[f32; 5]> {
                faces
                    .iter()
                    .map(|f| [f.rect.left, f.rect.top, f.rect.right, f.rect.bottom, f.score])
                    .collect()
            };
            let truth: Vec<[f64; 5]> = p.truth.iter().map(|t| [t.cx, t.cy, t.sxx, t.sxy, t.syy]).collect();
            let line = serde_json::json!({
                "set": set.name(), "size": [p.width, p.height], "truth": truth,
                "yunet": p.yunet.each_ref().map(|f| rows(f)), "centerface": p.centerface.each_ref().map(|f| rows(f)),
            });
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

fn row(data: &[Vec<Opinions>], setting: Setting) -> Result<()> {
    let policy = Policy::new(Outline::Ellipse, setting.margin, 0.0)?;
    let scales: Vec<f32> = setting.scales.iter().map(|&i| SCALES[i]).collect();
    let mut text = format!("{:10} {:5.2} {:4.2} |", format!("{scales:?}"), setting.least, setting.margin);
    let scores: Vec<Score> = data.iter().map(|set| score(set, setting, &policy)).collect();
    for s in &scores[..3] {
        text += &format!(" {:5.2} / {:5.2}", s.leak, s.exposed);
    }
    text += &format!(" | {:5.2} {:5.2} | {:4.1}", scores[0].other, scores[1].other, scores[3].hit);
    println!("{text}");
    Ok(())
}

#[derive(Debug)]
struct Score {
    leak: f64,
    exposed: f64,
    other: f64,
    hit: f64,
}

fn score(set: &[Opinions], setting: Setting, policy: &Policy) -> Score {
    let (mut faces, mut leaks, mut exposed, mut hits) = (0u32, 0u32, 0u32, 0u32);
    let mut other = 0.0;
    for picture in set {
        let opinions: Vec<Vec<Face>> = std::iter::once(&picture.yunet[1])
            .chain(setting.scales.iter().map(|&i| &picture.centerface[i]))
            .cloned()
            .collect();
        let regions = policy.regions(&join(&opinions, setting.least));
        hits += u32::from(!regions.is_empty());
        let covered = paint(&regions, picture.width, picture.height);
        for face in picture.truth.iter().filter(|f| f.side() >= 16.0) {
            let share = covered_share(face, &covered, picture);
            faces += 1;
            leaks += u32::from(share < 0.85);
            exposed += u32::from(share < 0.55);
        }
        other += other_share(&picture.truth, &covered, picture);
    }
    let percent = |n: u32, of: u32| 100.0 * f64::from(n) / f64::from(of.max(1));
    let pictures = set.len() as u32;
    Score {
        leak: percent(leaks, faces),
        exposed: percent(exposed, faces),
        other: 100.0 * other / f64::from(pictures),
        hit: percent(hits, pictures),
    }
}

/// Which pixels the regions cover.
fn paint(regions: &[Region], width: u32, height: u32) -> Vec<bool> {
    let mut covered = vec![false; (width * height) as usize];
    for shape in regions.iter().flat_map(|r| &r.shapes) {
        let Shape::Ellipse(e) = shape else { continue };
        let Some(window) = e.bounds().pixels(width, height) else { continue };
        for y in window.top..window.bottom {
            for x in window.left..window.right {
                if holds(e, x as f32 + 0.5, y as f32 + 0.5) {
                    covered[y as usize * width as usize + x as usize] = true;
                }
            }
        }
    }
    covered
}

fn holds(e: &Ellipse, x: f32, y: f32) -> bool {
    let (sin, cos) = e.angle.sin_cos();
    let (dx, dy) = (x - e.centre.x, y - e.centre.y);
    let (u, v) = ((dx * cos + dy * sin) / e.radius_x, (dy * cos - dx * sin) / e.radius_y);
    u * u + v * v <= 1.0
}

fn window(face: &TruthFace, scale: f32, picture: &Opinions) -> Option<Rect> {
    face.rect().scaled(scale).pixels(picture.width, picture.height)
}

fn covered_share(face: &TruthFace, covered: &[bool], picture: &Opinions) -> f64 {
    let Some(w) = window(face, 1.0, picture) else { return 1.0 };
    let inside = face.inside(0.8, (0, 0));
    let (mut all, mut hidden) = (0u32, 0u32);
    for y in w.top as u32..w.bottom as u32 {
        for x in w.left as u32..w.right as u32 {
            if inside.holds(x, y) {
                all += 1;
                hidden += u32::from(covered[(y * picture.width + x) as usize]);
            }
        }
    }
    if all == 0 { 1.0 } else { f64::from(hidden) / f64::from(all) }
}

fn other_share(truth: &[TruthFace], covered: &[bool], picture: &Opinions) -> f64 {
    let mut near = vec![false; covered.len()];
    for face in truth {
        let Some(w) = window(face, 1.3, picture) else { continue };
        let inside = face.inside(1.25, (0, 0));
        for y in w.top as u32..w.bottom as u32 {
            for x in w.left as u32..w.right as u32 {
                near[(y * picture.width + x) as usize] |= inside.holds(x, y);
            }
        }
    }
    let outside = near.iter().filter(|n| !**n).count();
    let hit = near.iter().zip(covered).filter(|(n, c)| !**n && **c).count();
    if outside * 50 < near.len() { 0.0 } else { hit as f64 / outside as f64 }
}

/// Looks at every picture once, on all processors.
fn opinions(items: &[Item], turn: u32, precision: Precision) -> Result<Vec<Opinions>> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let jobs = std::thread::available_parallelism()?.get();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs)
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    let (mut yunet, mut centerface) =
                        (YuNet::new(Isa::detect(), precision)?, CenterFace::new(Isa::detect(), precision)?);
                    while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let seen = look(item, turn, &mut yunet, &mut centerface)
                            .with_context(|| item.image_path.display().to_string())?;
                        done.lock().expect("no worker panics").push((item.name.clone(), seen));
                    }
                    Ok(())
                })
            })
            .collect();
        workers.into_iter().try_for_each(|w| w.join().expect("no worker panics"))
    })?;
    let mut all = done.into_inner().expect("no worker panics");
    all.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(all.into_iter().map(|(_, seen)| seen).collect())
}

fn look(item: &Item, turn: u32, yunet: &mut YuNet, centerface: &mut CenterFace) -> Result<Opinions> {
    let photo =
        faceveil_media::decode(&std::fs::read(&item.image_path)?, &faceveil_media::Limits::default())?;
    let (width, height) = (photo.raster.width(), photo.raster.height());
    let whole = Rect { left: 0, top: 0, right: width as i32, bottom: height as i32 };
    let upright = RgbImage::crop(&photo.raster, whole, Backdrop::None);
    let image = upright.turned(turn);
    let back = |faces: Vec<Face>| faces.iter().map(|f| upright.turn_back(f, turn)).collect::<Vec<_>>();
    let (turned_width, turned_height) = (image.view().width(), image.view().height());
    let at = |scale: f32, detector: &mut dyn Detector<Error = DetectError>| -> Result<Vec<Face>> {
        let (w, h) =
            ((turned_width as f32 * scale).round() as u32, (turned_height as f32 * scale).round() as u32);
        let small = image.resized(w.max(1), h.max(1))?;
        let faces = detector.detect(small.view(), WEAKEST)?;
        let (sx, sy) = (turned_width as f32 / w as f32, turned_height as f32 / h as f32);
        Ok(back(faces.iter().map(|f| map_face(f, |p| Point { x: p.x * sx, y: p.y * sy })).collect()))
    };
    let mut seen = Opinions {
        width,
        height,
        truth: item.faces(width, height).unwrap_or_default(),
        yunet: Default::default(),
        centerface: Default::default(),
    };
    for (faces, scale) in seen.yunet.iter_mut().zip(YUNET_SCALES) {
        *faces = at(scale, yunet)?;
    }
    for (faces, scale) in seen.centerface.iter_mut().zip(SCALES) {
        *faces = at(scale, centerface)?;
    }
    Ok(seen)
}
