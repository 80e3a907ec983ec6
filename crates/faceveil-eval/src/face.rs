//! Whether one face is hidden.

use faceveil_data::truth::TruthFace;
use serde::{Deserialize, Serialize};

use crate::blur::blur;
use crate::pair::Pair;
use crate::plane::{Plane, Window, grey};

/// Least share of a hidden face's telling pixels that changed.
pub const COVER: f32 = 0.8;
/// Largest share of a hidden face's own pattern that survives.
pub const KEPT_LIMIT: f32 = 0.10;
/// The ellipse is shrunk to this before it is judged.
const INNER: f64 = 0.8;
/// A face narrower than this in the output is too small to judge, pixels.
const LEAST_SIDE: f64 = 6.0;
/// An inner ellipse of fewer pixels is too small to judge.
const LEAST_PIXELS: usize = 12;

/// How a face came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// At least [`COVER`] of it changed, and at most [`KEPT_LIMIT`] of its pattern is left.
    Hidden,
    /// Under 20 % changed: a leak.
    Untouched,
    /// Under [`COVER`] changed: a leak.
    Partial,
    /// Changed, but more than [`KEPT_LIMIT`] of its pattern is left: a leak.
    Weak,
    /// Hardly a pixel has either detail or difference: not judged.
    Flat,
    /// Under 6 pixels wide in the output, or hardly inside it: not judged.
    TooSmall,
}

impl Status {
    /// Whether the face counts at all.
    pub fn is_judged(self) -> bool {
        !matches!(self, Self::Flat | Self::TooSmall)
    }

    /// Whether the face is left visible.
    pub fn is_leak(self) -> bool {
        matches!(self, Self::Untouched | Self::Partial | Self::Weak)
    }
}

/// The verdict on one annotated face.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaceVerdict {
    /// Shorter side of its box in the original, pixels, to a tenth.
    pub px: f64,
    /// That side as a share of the original's longer side.
    pub share: f64,
    /// How it came out.
    pub status: Status,
    /// Share of the telling pixels of the inner ellipse that changed; `None` if not judged.
    pub covered: Option<f32>,
    /// Energy share of the original's own pattern (between the blurs of width / 40 and width / 12)
    /// that survives; `None` if not judged.
    pub kept: Option<f32>,
}

impl FaceVerdict {
    /// `long` is the original's longer side.
    pub(crate) fn new(face: &TruthFace, long: usize, judged: Judged) -> Self {
        let side = face.side();
        let round = |v: f64, steps: f64| (v * steps).round_ties_even() / steps;
        let (status, numbers) = match judged {
            Judged::Not(status) => (status, None),
            Judged::Seen { covered, kept } => (status(covered, kept), Some((covered, kept))),
        };
        Self {
            px: round(side, 10.0),
            share: round(side / long.max(1) as f64, 1e4),
            status,
            covered: numbers.map(|n| n.0),
            kept: numbers.map(|n| n.1),
        }
    }

    pub(crate) fn untouched(face: &TruthFace, long: usize) -> Self {
        Self::new(face, long, Judged::Seen { covered: 0.0, kept: 1.0 })
    }

    /// The lenient second reading, a leak by any standard: under half covered, or over 0.3 kept.
    pub fn is_exposed(&self) -> bool {
        self.covered.is_some_and(|v| v < 0.5) || self.kept.is_some_and(|v| v > 0.3)
    }
}

fn status(covered: f32, kept: f32) -> Status {
    match (covered, kept) {
        (covered, _) if covered < 0.2 => Status::Untouched,
        (covered, _) if covered < COVER => Status::Partial,
        (_, kept) if kept > KEPT_LIMIT => Status::Weak,
        _ => Status::Hidden,
    }
}

/// What a look at a face gave.
pub(crate) enum Judged {
    /// [`Status::Flat`] or [`Status::TooSmall`].
    Not(Status),
    /// See [`FaceVerdict`].
    Seen { covered: f32, kept: f32 },
}

/// Judges a face in pixels of the output.
pub(crate) fn judge_face(pair: &Pair, face: &TruthFace) -> Judged {
    let width = face.side();
    let window = surroundings(pair, face);
    let inside = face.inside(INNER, (window.left as u32, window.top as u32));
    let (columns, rows) = (window.width() as u32, window.height() as u32);
    let places = (0..rows).flat_map(|y| (0..columns).map(move |x| (x, y)));
    let inner: Vec<bool> = places.map(|(x, y)| inside.holds(x, y)).collect();
    let inner_count = count(&inner);
    if width < LEAST_SIDE || inner_count < LEAST_PIXELS {
        return Judged::Not(Status::TooSmall);
    }
    let (coarse, fine) = ((width / 12.0).max(1.5), (width / 24.0).max(1.0));
    let channels = [0, 1, 2].map(|c| window.plane(&pair.reference, |p| f32::from(p[c])));
    let lows = channels.each_ref().map(|channel| blur(channel, coarse));
    let detail = blur(&detail(&channels, &lows), fine);
    let error = blur(&pair.square.crop(&window), fine);
    let floor = pair.floor * pair.floor;
    let (mut telling, mut changed) = (0usize, 0usize);
    for ((error, detail), _) in error.data.iter().zip(&detail.data).zip(&inner).filter(|(_, inner)| **inner) {
        let above = *error >= floor;
        telling += usize::from(above || *detail >= 2.0 * floor);
        changed += usize::from(above && *error >= 0.5 * detail);
    }
    if (telling as f64) < 0.05 * inner_count as f64 {
        return Judged::Not(Status::Flat); // flat, unchanged skin says nothing
    }
    let reference = Bands::new(&window.plane(&pair.reference, grey), Some(&lows), &inner, width, coarse);
    let output = Bands::new(&window.plane(&pair.output, grey), None, &inner, width, coarse);
    Judged::Seen { covered: (changed as f64 / telling as f64) as f32, kept: kept(&reference, &output) as f32 }
}

/// The face's box grown by a quarter of its width on each side, inside the picture.
fn surroundings(pair: &Pair, face: &TruthFace) -> Window {
    let (width, height) = pair.output.size();
    let margin = face.side() / 4.0;
    let [x0, y0, x1, y1] = face.corners();
    let low = |v: f64, len: usize| (v - margin).clamp(0.0, (len - 1) as f64) as usize;
    let high =
        |v: f64, low: usize, len: usize| (((v + margin).max(-1.0) + 1.0) as usize).max(low + 1).min(len);
    let (left, top) = (low(x0, width), low(y0, height));
    Window { left, top, right: high(x1, left, width), bottom: high(y1, top, height) }
}

fn count(bits: &[bool]) -> usize {
    bits.iter().filter(|&&bit| bit).count()
}

/// Squared local detail, mean of the channels.
fn detail(channels: &[Plane; 3], lows: &[Plane; 3]) -> Plane {
    let [a, b, c] = [0, 1, 2].map(|i| channels[i].zip(&lows[i], |x, low| (x - low) * (x - low)));
    Plane::mean3([&a, &b, &c])
}

/// The inner ellipse of a grey picture, seen at two scales.
struct Bands {
    /// Pattern between the two scales, its mean taken off.
    middle: Vec<f64>,
    /// Standard deviation of what is coarser.
    low_spread: f64,
}

impl Bands {
    /// `lows` are the channels of `grey` blurred by `coarse`, if that has been done.
    fn new(grey: &Plane, lows: Option<&[Plane; 3]>, inner: &[bool], width: f64, coarse: f64) -> Self {
        // The blur is linear, so the mean of blurred channels is the blurred mean.
        let low = lows.map_or_else(|| blur(grey, coarse), |[a, b, c]| Plane::mean3([a, b, c]));
        let fine = blur(grey, width / 40.0);
        let pick = |plane: &Plane| -> Vec<f64> {
            plane.data.iter().zip(inner).filter(|(_, inner)| **inner).map(|(v, _)| f64::from(*v)).collect()
        };
        let middle = centred(pick(&fine.zip(&low, |fine, low| fine - low)));
        let low = centred(pick(&low));
        let low_spread = (dot(&low, &low) / low.len().max(1) as f64).sqrt();
        Self { middle, low_spread }
    }
}

fn centred(mut values: Vec<f64>) -> Vec<f64> {
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    values.iter_mut().for_each(|v| *v -= mean);
    values
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Squared slope of the output's pattern regressed on the original's, at most 1.
fn kept(reference: &Bands, output: &Bands) -> f64 {
    let (r, p) = (&reference.middle, &output.middle);
    let [rr, rp, pp] = [dot(r, r), dot(r, p), dot(p, p)].map(|sum| sum + 1e-6);
    let mut slope = rp / rr;
    if rp * rp / (rr * pp) > 0.5 {
        // A faded copy is still a copy.
        slope /= (output.low_spread / reference.low_spread.max(1e-6)).clamp(0.25, 1.0);
    }
    (slope * slope).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_at_the_limits() {
        let cases = [
            (0.0, 0.0, Status::Untouched, true),
            (0.2, 0.0, Status::Partial, true),
            (0.5, 0.0, Status::Partial, false),
            (0.79, 0.0, Status::Partial, false),
            (0.8, 0.1, Status::Hidden, false),
            (0.8, 0.11, Status::Weak, false),
            (1.0, 0.31, Status::Weak, true),
            (1.0, 0.0, Status::Hidden, false),
        ];
        let face = TruthFace::from_box(0.0, 0.0, 10.0, 20.0);
        for (covered, kept, want, exposed) in cases {
            let verdict = FaceVerdict::new(&face, 100, Judged::Seen { covered, kept });
            assert_eq!((verdict.status, verdict.is_exposed()), (want, exposed), "{covered} {kept}");
            assert_eq!((verdict.px, verdict.share), (10.0, 0.1));
        }
    }

    #[test]
    fn what_is_not_judged_is_no_leak_and_no_success() {
        let face = TruthFace::from_box(0.0, 0.0, 5.0, 5.0);
        for status in [Status::Flat, Status::TooSmall] {
            let verdict = FaceVerdict::new(&face, 100, Judged::Not(status));
            assert!(!verdict.status.is_judged() && !verdict.status.is_leak() && !verdict.is_exposed());
            assert_eq!((verdict.covered, verdict.kept), (None, None));
        }
    }

    #[test]
    fn kept_sees_through_fading_and_inversion() {
        let pattern = |scale: f64, low: f64| Bands {
            middle: centred((0..200).map(|i| scale * f64::from(i * 37 % 101)).collect()),
            low_spread: low,
        };
        let original = pattern(1.0, 20.0);
        for (output, want) in [
            (pattern(1.0, 20.0), 1.0),
            (pattern(0.3, 6.0), 1.0),
            (pattern(-1.0, 20.0), 1.0),
            (pattern(0.3, 20.0), 0.09),
            (pattern(0.0, 20.0), 0.0),
        ] {
            let got = kept(&original, &output);
            assert!((got - want).abs() < 1e-6, "{got} {want}");
        }
    }
}
