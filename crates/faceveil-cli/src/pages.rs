//! What files of several pages or frames need beyond a single photo.

use faceveil::Region;

/// The regions of each frame and of its neighbours: a face that is missed in one frame of an animation is
/// hidden there all the same if it was found in the one before or after.
pub fn with_neighbours(frames: &[Vec<Region>]) -> Vec<Vec<Region>> {
    let around = |i: usize| i.saturating_sub(1)..(i + 2).min(frames.len());
    (0..frames.len()).map(|i| frames[around(i)].concat()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use faceveil_core::geom::RectF;
    use faceveil_core::redact::Shape;

    #[test]
    fn a_face_missed_in_one_frame_is_hidden_by_its_neighbours() {
        let at = |left| {
            let rect = RectF { left, top: 0.0, right: left + 5.0, bottom: 5.0 };
            Region::around(vec![Shape::Box(rect)], 0.0)
        };
        let frames = [vec![at(0.0)], vec![], vec![at(9.0)], vec![], vec![]];
        let got = with_neighbours(&frames);
        let want = [vec![at(0.0)], vec![at(0.0), at(9.0)], vec![at(9.0)], vec![at(9.0)], vec![]];
        assert_eq!(got, want);
        assert_eq!(with_neighbours(&frames[..1]), frames[..1]);
    }
}
