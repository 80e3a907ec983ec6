//! A picture as it might have been taken: another place, size, angle, light, something before the face. Cheap enough
//! to be done anew for each pass.

mod canvas;
mod target;

pub use canvas::{Canvas, Outside, View};

use canvas::Window;

use super::args::Frames;
use super::photo::Photo;
use crate::dataset::random::Random;

/// What a network is shown and what it should say.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Three planes of `side` × `side`, 0..1.
    pub pixels: Vec<f32>,
    /// What should come out: see [`Task`].
    pub target: Vec<f32>,
    /// How much each of its numbers counts.
    pub weight: Vec<f32>,
}

/// What a network is to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// The share of each `cell` × `cell` square that faces cover.
    Mask {
        /// Side of a square, pixels.
        cell: usize,
        /// How much more a square of the smallest faces counts than one without a face.
        small: u16,
    },
    /// The picture with its faces blurred, three planes.
    Picture {
        /// How much more a pixel of a face counts than another.
        face: u16,
    },
}

/// The whole picture in the frame, as in use: its longer side fills it, at the top left, the rest black.
pub fn letterboxed(photo: &Photo, side: usize, task: Task) -> Sample {
    let view = whole(photo, side);
    let mut canvas = Canvas::new(side, task);
    canvas.draw(photo, &view, (0, 0, side), 0.0, Outside::Colour([0.0; 3]));
    canvas.finish()
}

fn whole(photo: &Photo, side: usize) -> View {
    let (w, h) = photo.size();
    let scale = w.max(h) as f64 / side as f64;
    let middle = scale * side as f64 / 2.0 - 0.5;
    View { centre: (middle, middle), turn: [scale, 0.0, 0.0, scale] }
}

/// The whole picture nearly as in use: mirrored half of the time, a little aside, a little larger or smaller.
pub fn plain_view(photo: &Photo, side: usize, random: &mut Random) -> View {
    let fit = whole(photo, side);
    let scale = fit.turn[0] * random.ratio([0.87, 1.15]);
    let flip = if random.happens(0.5) { -1.0 } else { 1.0 };
    let mut shifted = |middle: f64| middle + scale * side as f64 * random.between([-0.06, 0.06]);
    // Mirrored about the picture's own middle, not the frame's.
    let across = if flip < 0.0 { photo.size().0 as f64 - 1.0 - fit.centre.0 } else { fit.centre.0 };
    let centre = (shifted(across), shifted(fit.centre.1));
    View { centre, turn: [scale * flip, 0.0, 0.0, scale] }
}

/// A random view of `side` pixels.
pub fn view(photo: &Photo, side: usize, random: &mut Random) -> View {
    let (w, h) = photo.size();
    let fit = w.max(h) as f64 / side as f64;
    let flip = if random.happens(0.5) { -1.0 } else { 1.0 };
    let angle = match random.below(10) {
        0 => random.between([-0.9, 0.9]),
        1..=4 => random.between([-0.3, 0.3]),
        _ => random.between([-0.08, 0.08]),
    };
    let stretch = random.ratio([0.88, 1.14]);
    let focus = (!photo.faces.is_empty() && random.happens(0.5))
        .then(|| photo.faces[random.below(photo.faces.len())]);
    let (scale, centre) = if let Some(face) = focus {
        let target = side as f64 * random.ratio([0.045, 0.8]);
        let scale = (face.side_long() / target).clamp(0.4, 1.25 * fit.max(1.0));
        let shift = |random: &mut Random| scale * side as f64 * random.between([-0.42, 0.42]);
        (scale, (face.cx + shift(random), face.cy + shift(random)))
    } else {
        let scale = fit / random.ratio([0.75, 1.8]);
        let shift = |random: &mut Random| scale * side as f64 * random.between([-0.22, 0.22]);
        (scale, (w as f64 / 2.0 + shift(random), h as f64 / 2.0 + shift(random)))
    };
    let (sin, cos) = angle.sin_cos();
    let (sx, sy) = (scale * flip * stretch, scale / stretch);
    View { centre, turn: [cos * sx, -sin * sy, sin * sx, cos * sy] }
}

/// A face that is out of focus is blurred by a sigma of this share of its longer side.
const UNSHARP: [f32; 2] = [0.03, 0.13];

/// Size levels to add so that a random face of the picture is out of focus: a level's pixels, mixed from the nearest four,
/// have a sigma of about half their side.
fn out_of_focus(photo: &Photo, view: &View, random: &mut Random) -> f64 {
    let Some(face) = photo.faces.get(random.below(photo.faces.len())) else { return 0.0 };
    let [a, b, c, d] = view.turn;
    let side = face.side_long() / (a * d - b * c).abs().sqrt().max(1e-9);
    (2.0 * random.ratio(UNSHARP) * side).max(1.0).log2()
}

/// Draws one frame from `pick`, which gives a random picture each time; in a share of all as [`plain_view`] shows it,
/// with nothing before the faces.
pub fn drawn<'p>(
    side: usize,
    task: Task,
    frames: Frames,
    random: &mut Random,
    mut pick: impl FnMut(&mut Random) -> &'p Photo,
) -> Canvas {
    let mut canvas = Canvas::new(side, task);
    // Without plain frames nothing is drawn for the question: such runs see what they saw before there were any.
    if frames.plain > 0.0 && random.happens(frames.plain) {
        let photo = pick(random);
        let view = plain_view(photo, side, random);
        canvas.draw(photo, &view, (0, 0, side), 0.0, Outside::Colour([0.0; 3]));
        if random.happens(0.5) {
            canvas.recolour(random);
        }
        return canvas;
    }
    let parts: &[Window] = &if random.happens(frames.four) {
        let half = side / 2;
        vec![(0, 0, half), (half, 0, half), (0, half, half), (half, half, half)]
    } else {
        vec![(0, 0, side)]
    };
    for &window in parts {
        let photo = pick(random);
        let view = view(photo, window.2, random);
        let mut blur = if random.happens(0.15) { random.between([0.3, 1.3]) } else { 0.0 };
        if frames.unsharp > 0.0 && random.happens(frames.unsharp) {
            blur = out_of_focus(photo, &view, random);
        }
        let outside = match random.below(10) {
            0..=3 => Outside::Edge,
            4 => Outside::Colour([0; 3].map(|_| random.unit() as f32)),
            _ => Outside::Colour([0.0; 3]),
        };
        canvas.draw(photo, &view, window, blur, outside);
    }
    canvas.occlude(random, 0.28);
    canvas.recolour(random);
    canvas
}
