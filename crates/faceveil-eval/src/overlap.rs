//! How what changed lies over the true faces.

use faceveil_data::truth::TruthFace;
use serde::{Deserialize, Serialize};

use crate::pair::{Pair, paint};
use crate::regions::Mask;

/// Shares of a picture's pixels, letterbox bars not counted. What changed visibly (see [`crate::Collateral`], small gaps
/// closed) stands for the mask, as a file shows no other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Overlap {
    /// True face, and changed.
    pub both: f64,
    /// Changed.
    pub changed: f64,
    /// True face.
    pub truth: f64,
}

impl Overlap {
    /// The sum over pictures, each of the same weight.
    pub fn sum<'a>(all: impl IntoIterator<Item = &'a Self>) -> Self {
        all.into_iter().fold(Self::default(), |s, o| Self {
            both: s.both + o.both,
            changed: s.changed + o.changed,
            truth: s.truth + o.truth,
        })
    }

    /// Intersection over union; `None` if there is neither face nor change.
    pub fn iou(&self) -> Option<f64> {
        share(self.both, self.changed + self.truth - self.both)
    }

    /// Share of the true faces that changed; `None` without faces.
    pub fn recall(&self) -> Option<f64> {
        share(self.both, self.truth)
    }

    /// Share of what changed that is face; `None` if nothing changed.
    pub fn precision(&self) -> Option<f64> {
        share(self.both, self.changed)
    }
}

fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

/// `closed` is what changed visibly; `faces` lie in the output's pixels.
pub(crate) fn overlap(pair: &Pair, closed: &Mask, faces: &[TruthFace]) -> Overlap {
    let (width, height) = pair.output.size();
    let mut truth = Mask::new(width, height, false);
    faces.iter().for_each(|face| paint(&mut truth, face, 1.0));
    let (mut both, mut changed, mut face) = (0usize, 0usize, 0usize);
    for (i, (&seen, &true_face)) in closed.bits.iter().zip(&truth.bits).enumerate() {
        let in_picture = pair.outside.bits[i] || pair.near.bits[i];
        both += usize::from(seen && true_face);
        changed += usize::from(seen && in_picture);
        face += usize::from(true_face);
    }
    let of = |n: usize| n as f64 / pair.area.max(1) as f64;
    Overlap { both: of(both), changed: of(changed), truth: of(face) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_nothing_are_no_perfect_score() {
        let none = Overlap::default();
        assert_eq!((none.iou(), none.recall(), none.precision()), (None, None, None));
        let false_alarm = Overlap { changed: 0.5, ..none };
        assert_eq!((false_alarm.iou(), false_alarm.recall()), (Some(0.0), None));
        let half = Overlap { both: 0.1, changed: 0.2, truth: 0.2 };
        let sum = Overlap::sum([&half, &none, &half]);
        assert_eq!((sum.recall(), sum.precision()), (Some(0.5), Some(0.5)));
        assert!((sum.iou().unwrap() - 1.0 / 3.0).abs() < 1e-12);
    }
}
