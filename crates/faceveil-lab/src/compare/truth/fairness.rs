//! Faces of utkface, by group, pasted into pictures without faces, so that size and place vary. Place, size and scene are
//! drawn without looking at the group. All that is used is held out from training and choosing.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use faceveil_data::dataset::{self, Labels};
use faceveil_data::split::Set;
use faceveil_data::truth::TruthFace;
use faceveil_infer::weights::sha256_of;
use faceveil_media::Limits;
use faceveil_media::files::write_atomically;

use super::public::untouched;
use super::{Case, FaceTags, Role};
use crate::dataset::augment::{Affine, draw};
use crate::dataset::build::{Format, encode};
use crate::dataset::fingerprint::key;
use crate::dataset::picture::Picture;
use crate::dataset::random::Random;

/// Words of utkface's numbers.
pub const RACES: [&str; 5] = ["White", "Black", "Asian", "Indian", "others"];
/// Words of utkface's numbers.
pub const GENDERS: [&str; 2] = ["male", "female"];
/// Bands of age.
pub const AGES: [&str; 4] = ["0-12", "13-29", "30-59", "60+"];

/// Sides of a scene, pixels.
const SIDE: u32 = 480;
/// Faces of a scene.
const FACES: usize = 3;
/// The face's longer side as a share of the scene's, each ratio as likely.
const SHARE: [f32; 2] = [0.08, 0.4];
/// The face in utkface's aligned pictures of 200 × 200 pixels: centre and half lengths. Read off the mean of all.
const FACE: [f64; 4] = [100.0, 102.0, 70.0, 88.0];
/// How much of the picture around the face is pasted, as a multiple of its ellipse, and the rim that fades.
const HEAD: (f64, f64) = (1.1, 0.14);
/// Draws the scenes anew.
const SEED: u64 = 20;
/// Goes up when the same scene would be drawn otherwise than before.
const DRAWN: u32 = 1;

/// A face to be pasted.
struct Donor {
    name: &'static str,
    tags: FaceTags,
}

/// The scenes, written to `folder` unless they are there.
///
/// # Errors
/// If a picture is missing.
pub fn cases(shared: &Path, folder: &Path) -> Result<Vec<Case>> {
    let faces = shared.join("faces");
    let mut donors: Vec<Donor> = untouched(Set::Utkface).into_iter().filter_map(donor).collect();
    donors.sort_by_key(|d| key(SEED, d.name));
    let scenes = untouched(Set::Negatives);
    fs::create_dir_all(folder)?;
    let mut cases = Vec::new();
    for (at, three) in donors.chunks(FACES).enumerate() {
        let mut random = Random::stream(SEED, at as u64);
        let scene = scenes[random.below(scenes.len())];
        let made_of =
            format!("{DRAWN} {SEED} {SIDE} {scene} {:?}", three.iter().map(|d| d.name).collect::<Vec<_>>());
        let path = folder.join(format!("{at:04}-{}.jpg", &sha256_of(made_of.as_bytes())[..8]));
        let places = places(three.len(), &mut random);
        if !path.is_file() {
            let read = |set: Set, name: &str| -> Result<Picture> {
                let path = dataset::image_path(&faces, set, name);
                let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
                Picture::decode(&bytes, &Limits::default()).with_context(|| path.display().to_string())
            };
            let mut frame = backdrop(&read(Set::Negatives, scene)?);
            for (donor, affine) in three.iter().zip(&places) {
                paste(&mut frame, &read(Set::Utkface, donor.name)?, affine);
            }
            let bytes = encode(frame.pixels(), (SIDE, SIDE), false, Format::Jpg)?;
            write_atomically(&path, &bytes, true)?;
        }
        let truth = places.iter().map(|a| sampled(a.face(&chip_face()))).collect();
        let mut case = Case::plain("fairness", &format!("{at:04}"), path, Labels::Absolute(truth));
        case.role = Role::Fairness;
        case.tags = three.iter().map(|d| d.tags.clone()).collect();
        cases.push(case);
    }
    Ok(cases)
}

/// `AGE_GENDER_RACE_DATE`; `None` if a number is missing or none that is known.
fn donor(name: &'static str) -> Option<Donor> {
    let mut numbers = name.split('_').map(str::parse::<usize>);
    let (age, gender, race) = (numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?);
    let age = AGES[[13, 30, 60].iter().filter(|limit| age >= **limit).count()];
    let groups = [("race", *RACES.get(race)?), ("gender", *GENDERS.get(gender)?), ("age", age)];
    Some(Donor { name, tags: FaceTags { groups: groups.into(), ..FaceTags::default() } })
}

fn chip_face() -> TruthFace {
    let [x, y, a, b] = FACE;
    TruthFace::from_box(x - a, y - b, x + a, y + b)
}

/// From places where a pixel covers `x..x + 1` to those where its sample lies at `x`.
fn sampled(face: TruthFace) -> TruthFace {
    TruthFace { cx: face.cx - 0.5, cy: face.cy - 0.5, ..face }
}

/// Where faces go that do not touch: one a column.
fn places(count: usize, random: &mut Random) -> Vec<Affine> {
    let side = f64::from(SIDE);
    let column = side / count.max(1) as f64;
    let place = |at: usize| {
        let long = (random.ratio(SHARE) * side).min(column / HEAD.0 * 1.1);
        let within = |low: f64, high: f64, share: f64| {
            let margin = HEAD.0 * long / 2.0;
            let (low, high) = (low + margin, (high - margin).max(low + margin));
            low + (high - low) * share
        };
        let x = within(column * at as f64, column * (at + 1) as f64, random.unit());
        let y = within(0.0, side, random.unit());
        let scale = long / (2.0 * FACE[3]);
        Affine::placing(
            (FACE[0], FACE[1]),
            (x, y),
            scale,
            0.35 * (2.0 * random.unit() - 1.0),
            random.happens(0.5),
        )
    };
    (0..count).map(place).collect()
}

/// The middle of the scene, filling the frame.
fn backdrop(scene: &Picture) -> Picture {
    let side = f64::from(SIDE);
    let (width, height) = (f64::from(scene.width()), f64::from(scene.height()));
    let mut frame = Picture::flat(SIDE, SIDE, [0; 3]);
    let middle = (side / 2.0, side / 2.0);
    let affine = Affine::placing((width / 2.0, height / 2.0), middle, side / width.min(height), 0.0, false);
    draw(&mut frame, scene, &affine, [0, 0, SIDE, SIDE]);
    frame
}

fn paste(frame: &mut Picture, donor: &Picture, affine: &Affine) {
    let mut layer = frame.clone();
    draw(&mut layer, donor, affine, [0, 0, SIDE, SIDE]);
    let face = affine.face(&chip_face());
    let det = (face.sxx * face.syy - face.sxy * face.sxy).max(1e-6);
    for (i, (under, over)) in frame.pixels_mut().iter_mut().zip(layer.pixels().as_chunks::<3>().0).enumerate()
    {
        let dx = f64::from(i as u32 % SIDE) + 0.5 - face.cx;
        let dy = f64::from(i as u32 / SIDE) + 0.5 - face.cy;
        let square = (face.syy * dx * dx - 2.0 * face.sxy * dx * dy + face.sxx * dy * dy) / det;
        let weight = ((1.0 - square.sqrt() / HEAD.0) / HEAD.1).clamp(0.0, 1.0);
        for (under, over) in under.iter_mut().zip(over) {
            let (old, new) = (f64::from(*under), f64::from(*over));
            *under = (old + (new - old) * weight).round() as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_read_off_names() {
        let of = |name| donor(name).map(|d| d.tags.groups.into_values().collect::<Vec<_>>());
        assert_eq!(of("34_1_2_20170112215032192.jpg.chip"), Some(vec!["30-59", "female", "Asian"]));
        assert_eq!(of("12_0_0_2017"), Some(vec!["0-12", "male", "White"]));
        assert_eq!(of("61_1_20170109150557335.jpg.chip"), None, "the race is missing");
        assert_eq!(of("x_0_0_1"), None);
    }

    #[test]
    fn pasted_faces_lie_inside_and_do_not_touch() {
        for seed in 0..200 {
            let faces: Vec<TruthFace> =
                places(FACES, &mut Random::new(seed)).iter().map(|a| a.face(&chip_face())).collect();
            for (i, face) in faces.iter().enumerate() {
                let [x0, y0, x1, y1] = face.corners();
                let side = f64::from(SIDE);
                assert!(x0 > -2.0 && y0 > -2.0 && x1 < side + 2.0 && y1 < side + 2.0, "{seed}: {face:?}");
                for other in &faces[i + 1..] {
                    assert!((face.cx - other.cx).hypot(face.cy - other.cy) > face.side() * 0.5, "{seed}");
                }
            }
        }
    }
}
