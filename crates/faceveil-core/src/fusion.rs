//! Several weak opinions joined: the mean of their log-odds decides, with a prior by size. A face that
//! all see dimly is accepted, one that a single detector sees dimly is not; measured on the `tune` part of
//! the public pictures this misses fewer faces than any detector alone at the same number of false alarms.

use alloc::vec::Vec;

use crate::face::Face;
use crate::geom::RectF;

/// Which boxes are opinions on the same face.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pairing {
    /// Those that overlap the first one by an intersection over union of more than 0.3.
    #[default]
    First,
    /// Those that overlap any box of the face by more than 0.2. Boxes of small faces differ much from look to look:
    /// under [`Self::First`] the evidence for one such face is told apart as that for several, none of which passes.
    Any,
}

impl Pairing {
    /// Overlaps above this make a pair.
    const fn least_iou(self) -> f32 {
        match self {
            Self::First => 0.3,
            Self::Any => 0.2,
        }
    }

    /// How much a box overlaps a face that others have seen, 0 to 1.
    fn overlap(self, known: &Face, rect: &RectF) -> f32 {
        let first = known.rect.iou(rect);
        match self {
            Self::First => first,
            Self::Any => known.also.iter().map(|other| other.iou(rect)).fold(first, f32::max),
        }
    }
}

/// The score of an opinion that says nothing about a face that another one found.
pub const SILENT: f32 = 0.01;
/// What a box's log-odds lose with each doubling of its shorter side: false alarms are larger than the
/// small faces that detectors are unsure of, and cover more when they are wrong.
const SIZE_PRIOR: f32 = 0.17;
/// The shorter side, in pixels of the view, at which the prior says nothing.
const PRIOR_SIDE: f32 = 32.0;

/// Log-odds of a score, which is held within `0.001..=0.999`.
pub fn logit(score: f32) -> f32 {
    let score = if score.is_nan() { 0.001 } else { score.clamp(0.001, 0.999) };
    libm::logf(score / (1.0 - score))
}

/// The score whose log-odds are `logit`.
pub fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + libm::expf(-logit))
}

/// Joins the opinions of several detectors (or of one at several scales) on one view, and keeps the faces
/// whose mean log-odds, prior included, reach `least`. Each opinion's faces are paired by `pairing` with what is
/// there already, best overlap first. A joined face has the box and landmarks of the first opinion that saw it,
/// the other boxes as [`Face::also`], and a score with those mean log-odds. Best first.
pub fn join(opinions: &[Vec<Face>], least: f32, pairing: Pairing) -> Vec<Face> {
    // A face, and the sum of log-odds of those that saw it less those of silence.
    let mut joined: Vec<(Face, f32)> = Vec::new();
    for opinion in opinions {
        let partners = pair(&joined, opinion, pairing);
        for (face, partner) in opinion.iter().zip(partners) {
            let gain = logit(face.score) - logit(SILENT);
            match partner {
                Some(at) => {
                    let (known, sum) = &mut joined[at];
                    known.also.push(face.rect);
                    known.landmarks = known.landmarks.or(face.landmarks);
                    *sum += gain;
                }
                None => joined.push((face.clone(), gain)),
            }
        }
    }
    let mean = |sum: f32| logit(SILENT) + sum / opinions.len() as f32;
    let mut faces: Vec<Face> = joined
        .into_iter()
        .map(|(face, sum)| (mean(sum) - prior(&face), face))
        .filter(|(odds, _)| *odds >= least)
        .map(|(odds, face)| Face { score: sigmoid(odds), ..face })
        .collect();
    faces.sort_by(|a, b| b.score.total_cmp(&a.score));
    faces
}

fn prior(face: &Face) -> f32 {
    let side = face.rect.short_side().clamp(8.0, 256.0);
    SIZE_PRIOR * libm::log2f(side / PRIOR_SIDE)
}

/// For each face of `opinion` the index of its partner in `joined`; no partner is given twice.
fn pair(joined: &[(Face, f32)], opinion: &[Face], pairing: Pairing) -> Vec<Option<usize>> {
    let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
    for (j, face) in opinion.iter().enumerate() {
        for (i, (known, _)) in joined.iter().enumerate() {
            let overlap = pairing.overlap(known, &face.rect);
            if overlap > pairing.least_iou() {
                pairs.push((overlap, i, j));
            }
        }
    }
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut taken = alloc::vec![false; joined.len()];
    let mut partners = alloc::vec![None; opinion.len()];
    for (_, i, j) in pairs {
        if !taken[i] && partners[j].is_none() {
            taken[i] = true;
            partners[j] = Some(i);
        }
    }
    partners
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// A face at the prior's neutral size.
    fn face(left: f32, score: f32) -> Face {
        let rect = RectF { left, top: 0.0, right: left + 32.0, bottom: 32.0 };
        Face { rect, score, landmarks: None, also: Vec::new() }
    }

    #[test]
    fn several_weak_opinions_pass_where_one_does_not() {
        let weak = vec![face(0.0, 0.15)];
        assert_eq!(join(&[weak.clone(), vec![]], -2.0, Pairing::First).len(), 0);
        let joined = join(&[weak, vec![face(1.0, 0.15)]], -2.0, Pairing::First);
        assert_eq!(joined.len(), 1);
        assert!((joined[0].score - 0.15).abs() < 1e-4, "{joined:?}");
        assert_eq!(joined[0].also, [face(1.0, 0.0).rect]);
    }

    #[test]
    fn each_face_is_paired_once_with_its_nearest() {
        let opinions = [vec![face(0.0, 0.9), face(12.0, 0.8)], vec![face(11.0, 0.7)]];
        let joined = join(&opinions, -100.0, Pairing::First);
        assert_eq!(joined.len(), 2);
        let paired: Vec<_> = joined.iter().filter(|f| !f.also.is_empty()).collect();
        assert_eq!(paired.len(), 1);
        assert_eq!(paired[0].rect.left, 12.0);
    }

    #[test]
    fn boxes_that_wander_are_one_face_only_by_any_of_its_boxes() {
        // The overlap of neighbours is 0.45, that of the outer two 0.14.
        let opinions = [vec![face(0.0, 0.1)], vec![face(12.0, 0.1)], vec![face(24.0, 0.1)]];
        assert_eq!(join(&opinions, -2.5, Pairing::First).len(), 0, "three weak faces");
        let joined = join(&opinions, -2.5, Pairing::Any);
        assert_eq!(joined.len(), 1, "one that all have seen");
        assert_eq!(joined[0].also, [face(12.0, 0.0).rect, face(24.0, 0.0).rect]);
    }

    #[test]
    fn a_face_only_the_last_sees_is_kept_if_it_is_sure() {
        assert_eq!(join(&[vec![], vec![face(0.0, 0.9)]], -2.0, Pairing::First).len(), 1);
        assert_eq!(join(&[vec![], vec![face(0.0, 0.3)]], -2.0, Pairing::First).len(), 0);
    }

    #[test]
    fn large_boxes_need_more_evidence_than_small_ones() {
        let sized = |side: f32| Face {
            rect: RectF { left: 0.0, top: 0.0, right: side, bottom: side },
            ..face(0.0, 0.2)
        };
        let score = |side| join(&[vec![sized(side)]], -100.0, Pairing::First)[0].score;
        assert!(score(16.0) > score(32.0) && score(32.0) > score(128.0));
        assert!((logit(score(64.0)) - (logit(0.2) - SIZE_PRIOR)).abs() < 1e-4);
        assert_eq!(score(1.0), score(8.0));
    }

    #[test]
    fn logit_and_sigmoid_are_inverse_and_bounded() {
        for score in [0.01f32, 0.3, 0.5, 0.99] {
            assert!((sigmoid(logit(score)) - score).abs() < 1e-5, "{score}");
        }
        assert_eq!(logit(f32::NAN), logit(0.0));
        assert!(logit(1.0).is_finite());
    }
}
