//! One original and its output: the difference, its noise floor, and what counts as outside.

use faceveil_core::raster::RgbView;
use faceveil_data::truth::{Fit, TruthFace};

use crate::blur::blur;
use crate::codec::same_codec;
use crate::collateral::{Collateral, Seen, collateral};
use crate::face::{FaceVerdict, judge_face};
use crate::fit::{fit_to, scaled};
use crate::overlap::{Overlap, overlap};
use crate::picture::{JudgeError, Picture, decode};
use crate::plane::{Plane, Window};
use crate::regions::Mask;

/// Faces are grown by this before the outside is judged.
const MARGIN: f64 = 1.25;
/// Lowest and highest threshold of a real change, RMS grey levels.
const FLOOR: (f32, f32) = (4.0, 10.0);

/// What one output shows.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PictureVerdict {
    /// A verdict for each annotated face, in their order.
    pub faces: Vec<FaceVerdict>,
    /// What happened outside the faces; `None` where hardly anything is outside, or no output.
    pub outside: Option<Collateral>,
    /// How what changed lies over the faces; `None` without output.
    pub mask: Option<Overlap>,
    /// The output's pixels for one of the original, letterbox bars not counted; `None` without
    /// output.
    pub pixels_kept: Option<f64>,
}

/// Judges one output: the bytes of a JPEG, PNG or WebP file. `faces` are in pixels of `original`.
///
/// # Errors
/// [`JudgeError`] if the output cannot be decoded.
pub fn judge_pair(
    original: RgbView<'_>,
    output: &[u8],
    faces: &[TruthFace],
) -> Result<PictureVerdict, JudgeError> {
    judge_decoded(&Picture::from(original), output, faces)
}

pub(crate) fn judge_decoded(
    original: &Picture,
    output: &[u8],
    faces: &[TruthFace],
) -> Result<PictureVerdict, JudgeError> {
    let photo = decode(output)?;
    let output = Picture::from(photo.raster);
    let (fit, reference) = fit_to(original, &output);
    let reference = same_codec(reference, &photo.source)?;
    Ok(verdict(original.size(), reference, output, &fit, faces))
}

/// `reference` is the original of `size` where `fit` puts it in `output`, in whose pixels `faces` do not lie yet.
pub(crate) fn verdict(
    size: (usize, usize),
    reference: Picture,
    output: Picture,
    fit: &Fit,
    faces: &[TruthFace],
) -> PictureVerdict {
    let mapped: Vec<TruthFace> = faces.iter().map(|face| face.mapped(fit)).collect();
    let pair = Pair::new(reference, output, &mapped, fit, size);
    let seen = Seen::new(&pair);
    let long = size.0.max(size.1);
    let judged = faces.iter().zip(&mapped);
    PictureVerdict {
        faces: judged.map(|(face, there)| FaceVerdict::new(face, long, judge_face(&pair, there))).collect(),
        outside: collateral(&pair, &seen),
        mask: Some(overlap(&pair, &seen.closed, &mapped)),
        pixels_kept: Some(fit.sx * fit.sy),
    }
}

/// The verdict on a picture of `width` × `height` pixels that has no output: all its faces leak.
pub fn no_output(width: u32, height: u32, faces: &[TruthFace]) -> PictureVerdict {
    let long = width.max(height) as usize;
    PictureVerdict {
        faces: faces.iter().map(|face| FaceVerdict::untouched(face, long)).collect(),
        outside: None,
        mask: None,
        pixels_kept: None,
    }
}

/// An original already put through the output's resize and codec, and the output.
pub(crate) struct Pair {
    pub reference: Picture,
    pub output: Picture,
    /// Squared difference, mean of the three channels.
    pub square: Plane,
    /// Not within a grown face, nor in a letterbox bar.
    pub outside: Mask,
    /// Within a grown face.
    pub near: Mask,
    /// Pixels of the output that are not letterbox bars.
    pub area: usize,
    /// Threshold of a real change, RMS grey levels.
    pub floor: f32,
}

impl Pair {
    /// Both pictures are of the same size; `faces` lie where `fit` put them, `size` is the
    /// original's before that.
    pub fn new(
        reference: Picture,
        output: Picture,
        faces: &[TruthFace],
        fit: &Fit,
        size: (usize, usize),
    ) -> Self {
        let (width, height) = output.size();
        let mut near = Mask::new(width, height, false);
        faces.iter().for_each(|face| paint(&mut near, face, MARGIN));
        let mut outside = without_bars(width, height, fit, size);
        let area = outside.count();
        outside.bits.iter_mut().zip(&near.bits).for_each(|(outside, near)| *outside &= !near);
        let square = square(&reference, &output);
        let floor = floor(&square, &outside);
        Self { reference, output, square, outside, near, area, floor }
    }
}

fn square(a: &Picture, b: &Picture) -> Plane {
    let one = |p: &[u8], q: &[u8]| {
        let sum: u32 = p.iter().zip(q).map(|(p, q)| u32::from(p.abs_diff(*q)).pow(2)).sum();
        sum as f32 / 3.0
    };
    let data = a.pixels().chunks_exact(3).zip(b.pixels().chunks_exact(3)).map(|(p, q)| one(p, q)).collect();
    Plane { width: a.width(), height: a.height(), data }
}

/// 3 times the median RMS difference outside the faces, within [`FLOOR`].
fn floor(square: &Plane, outside: &Mask) -> f32 {
    let blurred = blur(square, 1.0);
    let mut values: Vec<f32> =
        blurred.data.iter().zip(&outside.bits).filter(|(_, outside)| **outside).map(|(v, _)| *v).collect();
    let typical = median(&mut values, |v| v.max(0.0).sqrt()).unwrap_or(0.0);
    (3.0 * typical).clamp(FLOOR.0, FLOOR.1)
}

/// The median of `f` of the values, where `f` keeps their order; the mean of the middle two if
/// there is an even number of them.
pub(crate) fn median(values: &mut [f32], f: impl Fn(f32) -> f32) -> Option<f32> {
    let half = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    let odd = values.len() % 2 == 1;
    let (below, &mut upper, _) = values.select_nth_unstable_by(half, f32::total_cmp);
    let lower = if odd { upper } else { below.iter().copied().fold(f32::NEG_INFINITY, f32::max) };
    Some((f(lower) + f(upper)) / 2.0)
}

fn without_bars(width: usize, height: usize, fit: &Fit, size: (usize, usize)) -> Mask {
    let (left, top) = (fit.ox as usize, fit.oy as usize);
    if left == 0 && top == 0 {
        return Mask::new(width, height, true);
    }
    let mut mask = Mask::new(width, height, false);
    let right = (left + scaled(size.0, fit.sx)).min(width);
    for row in mask.bits.chunks_exact_mut(width).skip(top).take(scaled(size.1, fit.sy)) {
        row[left.min(right)..right].fill(true);
    }
    mask
}

/// Sets the ellipse of `face`, grown by `scale`.
pub(crate) fn paint(mask: &mut Mask, face: &TruthFace, scale: f64) {
    let [x0, y0, x1, y1] = face.corners();
    let (grow_x, grow_y) = ((x1 - x0) * (scale - 1.0) / 2.0 + 2.0, (y1 - y0) * (scale - 1.0) / 2.0 + 2.0);
    let window = Window {
        left: (x0 - grow_x).max(0.0) as usize,
        top: (y0 - grow_y).max(0.0) as usize,
        // `as` saturates: a negative edge is 0, but its window is empty, not 1 pixel wide.
        right: ((x1 + grow_x).trunc() + 1.0).clamp(0.0, mask.width as f64) as usize,
        bottom: ((y1 + grow_y).trunc() + 1.0).clamp(0.0, mask.height as f64) as usize,
    };
    let inside = face.inside(scale, (window.left as u32, window.top as u32));
    for y in window.top..window.bottom {
        for x in window.left..window.right {
            mask.bits[y * mask.width + x] |= inside.holds((x - window.left) as u32, (y - window.top) as u32);
        }
    }
}
