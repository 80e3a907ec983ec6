//! New pictures from known ones: the remedies for training faces that are large, frontal, single and in the middle. A
//! network that has only seen those learns to blur the middle.
//!
//! [`augment`] moves, scales, turns and cuts one picture and puts occluders and other light on it; [`collage`] joins
//! several; [`paste`] puts faces into a scene that has none. Each is a function of its arguments: the same pictures,
//! configuration and [`Random`] give the same result. Faces are continuous ellipses (a pixel `x` covers `x..x + 1`), and
//! an occluded face keeps its whole ellipse: it is to be hidden all the same.

mod collage;
mod light;
mod occlude;
mod paste;
mod warp;

pub use collage::collage;
pub use paste::paste;
pub use warp::{Affine, draw};

use faceveil_data::truth::TruthFace;
use serde::{Deserialize, Serialize};

use super::picture::Picture;
use super::random::Random;

/// What may happen to a picture. Chances and shares are `0.0..=1.0`; all ranges name their lower end first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AugmentConfig {
    /// Sides of the result, pixels, at least 1.
    pub side: u32,
    /// Chance that one of the faces is put at a place and size drawn evenly, wherever it was.
    pub place: f32,
    /// The longer side of a placed face as a share of the frame's side, every ratio as likely as its inverse.
    pub face_share: [f32; 2],
    /// Chance that a placed face lies across the frame's border, 10 to 60 % of it outside.
    pub cut: f32,
    /// Size of a picture that is not placed, as a multiple of the size at which it just fits.
    pub zoom: [f32; 2],
    /// How far a picture that is not placed is shifted, at most, as a share of the frame's side.
    pub shift: f32,
    /// Largest tilt to either side, degrees.
    pub tilt_degrees: f32,
    /// Chance of a turn by 90°, 180° or 270°.
    pub quarter_turn: f32,
    /// Chance of left for right.
    pub mirror: f32,
    /// Chance that the frame shows a part of the picture without any face, where there is one.
    pub faceless: f32,
    /// Chance that beside the picture there is a colour or a shade rather than black.
    pub filled: f32,
    /// Chance, for each face, of something before it: a hand, a mask, a hat, glasses, or a thing.
    pub occlude: f32,
    /// Chance of a drawn hand or thing where no face is: a skin-coloured shape is no face.
    pub distract: f32,
    /// Chance that all skin becomes darker or lighter.
    pub skin_tone: f32,
    /// Chance of other brightness, contrast, colour of light, or light from one side.
    pub light: f32,
    /// Chance of a grey picture.
    pub grey: f32,
    /// Chance of sensor noise.
    pub noise: f32,
    /// Chance of a slightly soft picture.
    pub soft: f32,
}

impl Default for AugmentConfig {
    fn default() -> Self {
        Self {
            side: 128,
            place: 0.5,
            face_share: [0.06, 0.9],
            cut: 0.15,
            zoom: [0.55, 1.7],
            shift: 0.3,
            tilt_degrees: 25.0,
            quarter_turn: 0.03,
            mirror: 0.5,
            faceless: 0.06,
            filled: 0.5,
            occlude: 0.25,
            distract: 0.15,
            skin_tone: 0.3,
            light: 0.7,
            grey: 0.08,
            noise: 0.25,
            soft: 0.15,
        }
    }
}

impl AugmentConfig {
    /// Nothing but the frame: the picture just fits, in the middle of black.
    pub fn none(side: u32) -> Self {
        Self {
            side,
            place: 0.0,
            face_share: [0.1, 0.9],
            cut: 0.0,
            zoom: [1.0, 1.0],
            shift: 0.0,
            tilt_degrees: 0.0,
            quarter_turn: 0.0,
            mirror: 0.0,
            faceless: 0.0,
            filled: 0.0,
            occlude: 0.0,
            distract: 0.0,
            skin_tone: 0.0,
            light: 0.0,
            grey: 0.0,
            noise: 0.0,
            soft: 0.0,
        }
    }
}

/// One picture, otherwise: `side` × `side` pixels, and the faces of which something is in the frame.
pub fn augment(
    picture: &Picture,
    faces: &[TruthFace],
    config: &AugmentConfig,
    random: &mut Random,
) -> (Picture, Vec<TruthFace>) {
    let side = config.side.max(1);
    let mut frame = background((side, side), config, random);
    let window = [0, 0, side, side];
    let affine = placement(picture, faces, config, window, random);
    draw(&mut frame, picture, &affine, window);
    let upright = faces.iter().map(|face| (affine.face(face), affine.direction((0.0, -1.0))));
    let moved: Vec<(TruthFace, (f64, f64))> = upright.filter(|(face, _)| shows(face, window)).collect();
    finish(&mut frame, &moved, config, random);
    (frame, moved.into_iter().map(|(face, _)| face).collect())
}

/// Everything that happens to a frame once its faces lie where they are. Each face comes with the direction of its
/// forehead, of any length.
fn finish(
    frame: &mut Picture,
    faces: &[(TruthFace, (f64, f64))],
    config: &AugmentConfig,
    random: &mut Random,
) {
    if random.happens(config.skin_tone) {
        light::skin_tone(frame, faces, random);
    }
    for (face, up) in faces {
        if random.happens(config.occlude) {
            occlude::occlude(frame, face, *up, random);
        }
    }
    if random.happens(config.distract) {
        occlude::distract(frame, faces, random);
    }
    if random.happens(config.light) {
        light::relight(frame, random);
    }
    if random.happens(config.grey) {
        light::grey(frame);
    }
    if random.happens(config.soft) {
        light::soften(frame);
    }
    if random.happens(config.noise) {
        light::noise(frame, random);
    }
}

/// Whether any of the face's ellipse may be inside the window, by its upright box.
fn shows(face: &TruthFace, [left, top, right, bottom]: [u32; 4]) -> bool {
    let [x0, y0, x1, y1] = face.corners();
    x1 > f64::from(left) && y1 > f64::from(top) && x0 < f64::from(right) && y0 < f64::from(bottom)
}

/// Black, a colour, or a shade from one corner to the other.
fn background((width, height): (u32, u32), config: &AugmentConfig, random: &mut Random) -> Picture {
    if !random.happens(config.filled) {
        return Picture::flat(width, height, [0; 3]);
    }
    let mut colour = || [0; 3].map(|_: u8| random.below(256) as u8);
    let (first, last) = (colour(), colour());
    let mut picture = Picture::flat(width, height, first);
    if random.happens(0.5) {
        let long = (width + height) as i32;
        for (i, pixel) in picture.pixels_mut().iter_mut().enumerate() {
            let at = (i as u32 % width + i as u32 / width) as i32;
            for c in 0..3 {
                let (a, b) = (i32::from(first[c]), i32::from(last[c]));
                pixel[c] = (a + (b - a) * at / long) as u8;
            }
        }
    }
    picture
}

/// Where the picture goes in the window.
fn placement(
    picture: &Picture,
    faces: &[TruthFace],
    config: &AugmentConfig,
    window: [u32; 4],
    random: &mut Random,
) -> Affine {
    let [left, top, right, bottom] = window.map(f64::from);
    let (width, height) = (right - left, bottom - top);
    let tilt = f64::from(config.tilt_degrees).to_radians() * (2.0 * random.unit() - 1.0);
    let quarters = if random.happens(config.quarter_turn) { 1 + random.below(3) } else { 0 };
    let angle = tilt + quarters as f64 * std::f64::consts::FRAC_PI_2;
    let mirrored = random.happens(config.mirror);
    let whole = (f64::from(picture.width()), f64::from(picture.height()));
    let fitting = (width / whole.0).min(height / whole.1);
    if random.happens(config.faceless)
        && let Some((centre, side)) = without_faces(whole, faces, random)
    {
        let scale = width.max(height) / side;
        return Affine::placing(centre, ((left + right) / 2.0, (top + bottom) / 2.0), scale, 0.0, mirrored);
    }
    if !faces.is_empty() && random.happens(config.place) {
        let face = &faces[random.below(faces.len())];
        let long = random.ratio(config.face_share) * width.min(height);
        let scale = (long / face.side_long().max(1.0)).clamp(fitting / 64.0, fitting * 64.0);
        let to = place_for(long, window, random.happens(config.cut), random);
        return Affine::placing((face.cx, face.cy), to, scale, angle, mirrored);
    }
    let scale = fitting * random.ratio(config.zoom);
    let shift = |side: f64, random: &mut Random| f64::from(config.shift) * side * (2.0 * random.unit() - 1.0);
    let to = ((left + right) / 2.0 + shift(width, random), (top + bottom) / 2.0 + shift(height, random));
    Affine::placing((whole.0 / 2.0, whole.1 / 2.0), to, scale, angle, mirrored)
}

/// A place for the centre of a face `long` pixels long: anywhere that it fits in whole, or across a border.
fn place_for(long: f64, window: [u32; 4], cut: bool, random: &mut Random) -> (f64, f64) {
    let [left, top, right, bottom] = window.map(f64::from);
    let inside = |low: f64, high: f64, random: &mut Random| {
        let margin = (long / 2.0).min((high - low) / 2.0);
        low + margin + (high - low - 2.0 * margin) * random.unit()
    };
    let mut place = (inside(left, right, random), inside(top, bottom, random));
    if cut {
        // The share of the face's length that lies outside.
        let inward = long * (0.5 - random.between([0.1, 0.6]));
        match random.below(4) {
            0 => place.0 = left + inward,
            1 => place.0 = right - inward,
            2 => place.1 = top + inward,
            _ => place.1 = bottom - inward,
        }
    }
    place
}

/// The centre and side of a square of the picture that touches no face and nothing near it.
fn without_faces(
    (width, height): (f64, f64),
    faces: &[TruthFace],
    random: &mut Random,
) -> Option<((f64, f64), f64)> {
    const NEAR: f64 = 1.5;
    for _ in 0..24 {
        let side = width.min(height) * random.ratio([0.3, 1.0]);
        let (x, y) = ((width - side) * random.unit(), (height - side) * random.unit());
        let free = faces.iter().all(|face| {
            let (reach_x, reach_y) = (face.sxx.sqrt() * NEAR, face.syy.sqrt() * NEAR);
            let apart = |from: f64, at: f64, reach: f64| at + reach < from || at - reach > from + side;
            apart(x, face.cx, reach_x) || apart(y, face.cy, reach_y)
        });
        if free {
            return Some(((x + side / 2.0, y + side / 2.0), side));
        }
    }
    None
}

#[cfg(test)]
mod tests;
