//! Chooses the operating points on the `tune` part of the public pictures, by box coverage: all looks'
//! opinions are computed once, then every setting is tried on them.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use faceveil_core::face::Face;
use faceveil_core::fusion::{Pairing, join};
use faceveil_core::geom::{Ellipse, Rect};
use faceveil_core::policy::{Outline, Policy};
use faceveil_core::redact::{Region, Shape};
use faceveil_data::dataset;
use faceveil_data::split::{Part, Set};
use faceveil_data::truth::TruthFace;
use faceveil_infer::detectors::DetectorName;
use faceveil_infer::network::Precision;

use crate::opinions::{Look, Seen, see, write};

const fn yunet(scale: f32, mirrored: bool) -> Look {
    Look { detector: DetectorName::YuNet, scale, mirrored }
}

const fn centerface(scale: f32, mirrored: bool) -> Look {
    Look { detector: DetectorName::CenterFace, scale, mirrored }
}

/// Weakest opinion that is joined, as in the search.
const WEAKEST: f32 = 0.04;

/// All looks that are tried.
const LOOKS: [Look; 12] = [
    yunet(0.5, false),
    yunet(1.0, false),
    yunet(1.5, false),
    yunet(2.0, false),
    yunet(0.5, true),
    yunet(1.0, true),
    centerface(0.35, false),
    centerface(0.5, false),
    centerface(1.0, false),
    centerface(0.5, true),
    centerface(1.0, true),
    yunet(1.5, true),
];

/// Which of them are joined, and how: those of the levels, and what they were chosen from.
const JOINED: [(&str, &[usize], Pairing); 9] = [
    ("yunet", &[1], Pairing::First),
    ("fast", &[1, 7], Pairing::First),
    ("balanced", &[1, 7, 8], Pairing::First),
    ("six", &[0, 1, 2, 6, 7, 8], Pairing::First),
    ("six, any", &[0, 1, 2, 6, 7, 8], Pairing::Any),
    ("larger, any", &[0, 1, 2, 3, 6, 7, 8, 10], Pairing::Any),
    ("eight, any", &[0, 1, 2, 4, 6, 7, 8, 9], Pairing::Any),
    ("ten, any", &[0, 1, 2, 4, 5, 6, 7, 8, 9, 10], Pairing::Any),
    ("thorough", &[0, 1, 2, 4, 5, 11, 6, 7, 8, 9, 10], Pairing::Any),
];

/// One setting.
#[derive(Clone, Copy, Debug)]
struct Setting {
    looks: &'static [usize],
    pairing: Pairing,
    least: f32,
}

/// Runs the search over settings and prints a table a set; `dump` gets all opinions as JSON lines.
pub fn run(shared: &Path, turn: u32, precision: Precision, dump: Option<&Path>) -> Result<()> {
    let sets = [Set::Fddb, Set::MasksVoc, Set::WiderYolo, Set::Negatives];
    let mut data = Vec::new();
    for set in sets {
        data.push(see(&dataset::load(shared, set, Part::Tune)?, &LOOKS, turn, precision)?);
    }
    if let Some(file) = dump {
        let mut out = std::io::BufWriter::new(std::fs::File::create(file)?);
        for (set, pictures) in sets.iter().zip(&data) {
            write(set.name(), &LOOKS, pictures, &mut out)?;
        }
        out.flush()?;
    }
    println!(
        "turn {turn}: looks, least odds, margin | leak % / exposed % fddb, masks, wider | other pixels % fddb, masks | face-free hit %"
    );
    for (name, looks, pairing) in JOINED {
        for step in 0..24 {
            let setting = Setting { looks, pairing, least: -3.3 + 0.1 * step as f32 };
            for margin in [1.3, 1.35] {
                row(&data, name, setting, margin)?;
            }
        }
    }
    Ok(())
}

fn row(data: &[Vec<Seen>], name: &str, setting: Setting, margin: f32) -> Result<()> {
    let policy = Policy::new(Outline::Ellipse, margin, 0.0)?;
    let mut text = format!("{name:12} {:5.2} {margin:4.2} |", setting.least);
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

fn score(set: &[Seen], setting: Setting, policy: &Policy) -> Score {
    let (mut faces, mut leaks, mut exposed, mut hits) = (0u32, 0u32, 0u32, 0u32);
    let mut other = 0.0;
    for picture in set {
        let opinions: Vec<Vec<Face>> = setting
            .looks
            .iter()
            .map(|&i| picture.opinions[i].iter().filter(|f| f.score >= WEAKEST).cloned().collect())
            .collect();
        let regions = policy.regions(&join(&opinions, setting.least, setting.pairing));
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

fn window(face: &TruthFace, scale: f32, picture: &Seen) -> Option<Rect> {
    face.rect().scaled(scale).pixels(picture.width, picture.height)
}

fn covered_share(face: &TruthFace, covered: &[bool], picture: &Seen) -> f64 {
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

fn other_share(truth: &[TruthFace], covered: &[bool], picture: &Seen) -> f64 {
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
