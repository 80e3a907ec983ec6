//! Each face once: non-maximum suppression.

use alloc::vec::Vec;

use crate::face::Face;

/// Sorts by score, best first, and drops every face whose box overlaps a better one's by at least `iou`
/// (intersection over union, `0.0..=1.0`). Faces whose score or box is not a number are dropped.
pub fn suppress(mut faces: Vec<Face>, iou: f32) -> Vec<Face> {
    faces.retain(|f| f.score.is_finite() && f.rect.area().is_finite() && f.rect.area() > 0.0);
    faces.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Face> = Vec::new();
    for face in faces {
        if kept.iter().all(|k| k.rect.iou(&face.rect) < iou) {
            kept.push(face);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geom::RectF;
    use alloc::vec;
    use proptest::prelude::*;

    fn face(left: f32, top: f32, side: f32, score: f32) -> Face {
        let rect = RectF { left, top, right: left + side, bottom: top + side };
        Face { rect, score, landmarks: None, also: Vec::new() }
    }

    #[test]
    fn keeps_the_best_of_overlapping_faces() {
        let kept = suppress(
            vec![face(1.0, 0.0, 10.0, 0.5), face(0.0, 0.0, 10.0, 0.9), face(50.0, 0.0, 10.0, 0.1)],
            0.3,
        );
        assert_eq!(kept.iter().map(|f| f.score).collect::<Vec<_>>(), [0.9, 0.1]);
    }

    #[test]
    fn drops_what_is_not_a_number() {
        assert!(suppress(vec![face(0.0, 0.0, f32::NAN, 0.5), face(0.0, 0.0, 5.0, f32::NAN)], 0.3).is_empty());
    }

    proptest! {
        #[test]
        fn what_is_kept_is_apart_and_sorted_and_everything_else_is_near_it(
            all in prop::collection::vec((0.0..100.0f32, 0.0..100.0f32, 1.0..50.0f32, 0.0..1.0f32), 0..40)
        ) {
            let all: Vec<Face> = all.into_iter().map(|(x, y, s, p)| face(x, y, s, p)).collect();
            let kept = suppress(all.clone(), 0.4);
            for (i, a) in kept.iter().enumerate() {
                prop_assert!(kept[i + 1..].iter().all(|b| a.rect.iou(&b.rect) < 0.4 && b.score <= a.score));
            }
            for face in &all {
                prop_assert!(kept.iter().any(|k| k == face || k.rect.iou(&face.rect) >= 0.4 && k.score >= face.score));
            }
        }
    }
}
