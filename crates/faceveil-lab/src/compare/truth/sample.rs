//! Pictures made of the portrait in the repository, which is in the public domain: each shows one thing that goes wrong
//! easily. They may be shown and passed on, and count for nothing: one face is no measure.

use std::f64::consts::FRAC_PI_2;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use faceveil_data::dataset::Labels;
use faceveil_data::truth::TruthFace;
use faceveil_media::Limits;
use faceveil_media::files::write_atomically;

use super::{Case, Role};
use crate::dataset::augment::{Affine, AugmentConfig, augment, draw};
use crate::dataset::build::{Format, encode};
use crate::dataset::picture::Picture;
use crate::dataset::random::Random;

/// The portrait's face: centre and half lengths, drawn by hand.
const FACE: [f64; 4] = [224.5, 118.5, 52.0, 72.0];
/// Sides of the pictures, pixels.
const SIDE: u32 = 480;

/// The pictures, written to `folder` unless they are there.
///
/// # Errors
/// If the portrait is missing.
pub fn cases(portrait: &Path, folder: &Path) -> Result<Vec<Case>> {
    let bytes = fs::read(portrait).with_context(|| portrait.display().to_string())?;
    let portrait = Picture::decode(&bytes, &Limits::default())?;
    fs::create_dir_all(folder)?;
    let mut cases = Vec::new();
    for (name, picture, faces) in pictures(&portrait) {
        let path = folder.join(format!("{name}.jpg"));
        if !path.is_file() {
            let bytes = encode(picture.pixels(), (picture.width(), picture.height()), false, Format::Jpg)?;
            write_atomically(&path, &bytes, true)?;
        }
        let faces = faces.into_iter().map(|f| TruthFace { cx: f.cx - 0.5, cy: f.cy - 0.5, ..f }).collect();
        let mut case = Case::plain("sample", name, path, Labels::Absolute(faces));
        case.role = Role::Shown;
        cases.push(case);
    }
    Ok(cases)
}

type Made = (&'static str, Picture, Vec<TruthFace>);

fn pictures(portrait: &Picture) -> Vec<Made> {
    let [x, y, a, b] = FACE;
    let face = TruthFace::from_box(x - a, y - b, x + a, y + b);
    let side = f64::from(SIDE);
    // Each place: centre of the face, its longer side as a share of the frame's, turn.
    let at = |name, places: &[(f64, f64, f64, f64)]| -> Made {
        let mut frame = ground();
        let mut faces = Vec::new();
        for (px, py, share, turn) in places {
            let to = (px * side, py * side);
            let affine = Affine::placing((x, y), to, share * side / (2.0 * b), *turn, false);
            // Alone it keeps its surroundings; among others it must cover none of them.
            let around = if places.len() > 1 { 0.9 } else { 1.9 };
            let reach = ((share * side * around) as u32).max(8);
            let low = |v: f64| (v as u32).saturating_sub(reach);
            let window = [low(to.0), low(to.1), to.0 as u32 + reach, to.1 as u32 + reach];
            draw(&mut frame, portrait, &affine, window.map(|v| v.min(SIDE)));
            faces.push(affine.face(&face));
        }
        (name, frame, faces)
    };
    let mut dark = at("dark", &[(0.5, 0.4, 0.4, 0.0)]);
    dark.1.pixels_mut().iter_mut().flatten().for_each(|v| *v = (f64::from(*v) * 0.16) as u8);
    let plain = AugmentConfig { occlude: 1.0, ..AugmentConfig::none(SIDE) };
    let (occluded, hidden) = augment(portrait, &[face], &plain, &mut Random::new(5));
    let mut empty = Picture::flat(SIDE, SIDE, [0; 3]);
    let away = Affine::placing((430.0, 330.0), (side / 2.0, side / 2.0), side / 230.0, 0.0, false);
    draw(&mut empty, portrait, &away, [0, 0, SIDE, SIDE]);
    vec![
        at("large", &[(0.5, 0.4, 0.5, 0.0)]),
        at("small", &[(0.5, 0.45, 0.09, 0.0)]),
        at("corner", &[(0.16, 0.84, 0.2, 0.0)]),
        at("tilted", &[(0.5, 0.5, 0.35, 0.7)]),
        at("on-its-side", &[(0.5, 0.5, 0.35, FRAC_PI_2)]),
        at(
            "several",
            &[
                (0.22, 0.25, 0.22, 0.0),
                (0.76, 0.22, 0.14, 0.2),
                (0.3, 0.74, 0.12, -0.2),
                (0.74, 0.7, 0.28, 0.0),
            ],
        ),
        dark,
        ("occluded", occluded, hidden),
        ("no-face", empty, Vec::new()),
    ]
}

/// Soft stripes.
fn ground() -> Picture {
    let mut frame = Picture::flat(SIDE, SIDE, [0; 3]);
    for (i, pixel) in frame.pixels_mut().iter_mut().enumerate() {
        let (x, y) = (f64::from(i as u32 % SIDE), f64::from(i as u32 / SIDE));
        let wave = 24.0 * (x / 31.0 + y / 57.0).sin() + 14.0 * (y / 23.0 - x / 90.0).sin();
        *pixel = [118.0 + wave, 132.0 + 0.8 * wave, 150.0 - 0.4 * wave].map(|v| v as u8);
    }
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pictures_hold_the_faces_they_say() {
        let made = pictures(&Picture::flat(512, 512, [200; 3]));
        let faces: Vec<(&str, usize)> = made.iter().map(|(name, _, faces)| (*name, faces.len())).collect();
        assert_eq!(faces[5..], [("several", 4), ("dark", 1), ("occluded", 1), ("no-face", 0)]);
        for (name, picture, faces) in &made {
            assert_eq!((picture.width(), picture.height()), (SIDE, SIDE), "{name}");
            for face in faces {
                assert!(
                    (0.0..480.0).contains(&face.cx) && (0.0..480.0).contains(&face.cy),
                    "{name}: {face:?}"
                );
            }
        }
        let large = made[0].2[0].side_long() / f64::from(SIDE);
        assert!((large - 0.5).abs() < 1e-9, "{large}");
    }
}
