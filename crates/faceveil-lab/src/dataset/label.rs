//! Pictures that nobody labelled are labelled by detectors, and what they do not agree on is listed.

use faceveil_core::geom::RectF;
use faceveil_core::raster::Raster;
use faceveil_data::truth::TruthFace;
use faceveil_infer::detectors::{DetectError, DetectorName};
use faceveil_infer::engine::EngineChoice;
use faceveil_infer::single::SingleSearch;
use serde::{Deserialize, Serialize};

use super::record::{Doubt, FaceRecord, Origin};

/// Boxes that overlap by less are two faces: detectors draw the same face with and without its forehead.
const SAME: f32 = 0.35;

/// Score from which a face counts that one of two detectors sees alone. Thresholds are low, so that little is missed;
/// what is both weak and denied is more often a knee than a face.
const SURE: f32 = 0.6;

/// What counts as a face when there are two detectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Agreement {
    /// What both see, and what one alone is sure of.
    #[default]
    Either,
    /// Only what both see: nothing is learned that only one believes.
    Both,
}

/// One or two detectors.
#[derive(Debug)]
pub struct Labeller {
    detectors: Vec<(DetectorName, SingleSearch)>,
    agreement: Agreement,
}

/// What the detectors say of a picture, in its pixels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Labelled {
    /// The faces that count.
    pub faces: Vec<FaceRecord>,
    /// What they do not agree on.
    pub doubts: Vec<Doubt>,
}

impl Labeller {
    /// With each detector's usual threshold.
    ///
    /// # Errors
    /// [`DetectError`] if a detector cannot be had.
    pub fn new(names: &[DetectorName], agreement: Agreement) -> Result<Self, DetectError> {
        let load = |name: &DetectorName| {
            let detector = name.load(&EngineChoice::Inside)?;
            Ok((*name, SingleSearch::new(detector, name.usual_threshold())))
        };
        Ok(Self { detectors: names.iter().map(load).collect::<Result<_, DetectError>>()?, agreement })
    }

    /// Looks at a picture.
    ///
    /// # Errors
    /// [`DetectError`] if it could not be searched.
    pub fn label(&mut self, raster: &Raster) -> Result<Labelled, DetectError> {
        let mut opinions = Vec::new();
        for (name, search) in &mut self.detectors {
            let faces = search.faces(raster)?;
            opinions.push((name.name(), faces.into_iter().map(|f| (f.rect, f.score)).collect()));
        }
        Ok(join(&opinions, self.agreement))
    }
}

/// Joins what each detector (name, boxes with scores) sees.
fn join(opinions: &[(&'static str, Vec<(RectF, f32)>)], agreement: Agreement) -> Labelled {
    // Each face with the boxes of those that see it, one a detector.
    let mut faces: Vec<Vec<(usize, RectF, f32)>> = Vec::new();
    for (who, (_, seen)) in opinions.iter().enumerate() {
        for (rect, score) in seen {
            let overlap = |face: &Vec<(usize, RectF, f32)>| {
                let taken = face.iter().any(|(other, ..)| *other == who);
                if taken { 0.0 } else { face.iter().map(|(_, r, _)| r.iou(rect)).fold(0.0, f32::max) }
            };
            let best = faces.iter().map(overlap).enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
            match best {
                Some((at, iou)) if iou >= SAME => faces[at].push((who, *rect, *score)),
                _ => faces.push(vec![(who, *rect, *score)]),
            }
        }
    }
    let mut labelled = Labelled::default();
    for seen in faces {
        let agreed = seen.len() == opinions.len();
        let sure = seen.iter().any(|(.., score)| *score >= SURE);
        let kept = agreed || (sure && agreement == Agreement::Either);
        let mean = |side: fn(&RectF) -> f32| {
            seen.iter().map(|(_, rect, _)| f64::from(side(rect))).sum::<f64>() / seen.len() as f64
        };
        let face =
            TruthFace::from_box(mean(|r| r.left), mean(|r| r.top), mean(|r| r.right), mean(|r| r.bottom));
        let by: Vec<(String, f32)> =
            seen.iter().map(|(who, _, score)| (opinions[*who].0.to_owned(), *score)).collect();
        if !agreed {
            let silent = opinions.iter().enumerate().filter(|(who, _)| seen.iter().all(|(w, ..)| w != who));
            labelled.doubts.push(Doubt {
                corners: face.corners().map(|v| (v * 10.0).round() / 10.0),
                seen_by: by.clone(),
                not_by: silent.map(|(_, (name, _))| (*name).to_owned()).collect(),
                kept,
            });
        }
        if kept {
            labelled.faces.push(FaceRecord::new(&face, Origin::Detected, by));
        }
    }
    labelled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rect(left: f32, top: f32, side: f32) -> RectF {
        RectF { left, top, right: left + side, bottom: top + side }
    }

    #[test]
    fn what_one_sees_alone_is_a_doubt_and_counts_as_told() {
        let opinions = [
            ("a", vec![(rect(10.0, 10.0, 40.0), 0.9), (rect(100.0, 10.0, 20.0), 0.5)]),
            ("b", vec![(rect(14.0, 14.0, 40.0), 0.8), (rect(200.0, 50.0, 30.0), 0.7)]),
        ];
        let either = join(&opinions, Agreement::Either);
        assert_eq!((either.faces.len(), either.doubts.len()), (2, 2));
        assert_eq!(either.faces[0].corners, [12.0, 12.0, 52.0, 52.0]);
        assert_eq!(either.faces[0].by.len(), 2);
        assert_eq!(either.doubts[0].not_by, ["b"]);
        assert_eq!(either.doubts[1].seen_by, [("b".to_owned(), 0.7)]);
        assert_eq!(either.doubts.iter().map(|doubt| doubt.kept).collect::<Vec<_>>(), [false, true]);
        let both = join(&opinions, Agreement::Both);
        assert_eq!((both.faces.len(), both.doubts.len()), (1, 2));
        assert!(both.doubts.iter().all(|doubt| !doubt.kept));
    }

    #[test]
    fn one_detector_has_no_doubts_and_two_of_its_boxes_stay_two() {
        let opinions = [("a", vec![(rect(0.0, 0.0, 10.0), 0.9), (rect(1.0, 0.0, 10.0), 0.8)])];
        let labelled = join(&opinions, Agreement::Both);
        assert_eq!((labelled.faces.len(), labelled.doubts.len()), (2, 0));
        assert_eq!(join(&[("a", vec![]), ("b", vec![])], Agreement::Either), Labelled::default());
    }
}
