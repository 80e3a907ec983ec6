//! Which detection belongs to which track.

use alloc::vec::Vec;

use super::motion::Expected;
use crate::geom::RectF;

/// Distance of centres, in sizes of the face, at which a detection still belongs to a face that is exactly
/// foreseen.
const REACH: f32 = 0.5;
/// Standard deviations of the foreseen place that are added to it.
const DEVIATIONS: f32 = 2.0;
/// The reach never passes this many sizes: beyond it any other face would do.
const FARTHEST: f32 = 2.0;
/// Pixels of a distance that say nothing: boxes of the smallest faces jump by that much.
const JITTER: f32 = 2.0;
/// Largest change of size that is believed, as a logarithm.
const SIZE_CHANGE: f32 = 0.9;

/// How badly a detection fits a track, or `None` where it cannot be the same face. 0 is a perfect fit.
pub(super) fn misfit(expected: &Expected, seen: &RectF) -> Option<f32> {
    let size = |r: &RectF| libm::sqrtf(r.area()).max(1.0);
    let (was, is) = (size(&expected.rect), size(seen));
    let (from, to) = (expected.rect.centre(), seen.centre());
    let far = |d: f32| (d.abs() - JITTER).max(0.0);
    let distance = libm::hypotf(far(to.x - from.x), far(to.y - from.y)) / libm::sqrtf(was * is);
    let change = libm::logf(is / was).abs();
    let reach = (REACH + DEVIATIONS * expected.spread).min(FARTHEST);
    // A NaN fits nothing.
    (distance <= reach && change <= SIZE_CHANGE).then_some(distance + 0.5 * change)
}

/// Pairs tracks with detections, best fit first, each at most once: `(track, detection)` by their indices.
pub(super) fn pair(tracks: &[(usize, Expected)], seen: &[(usize, RectF)]) -> Vec<(usize, usize)> {
    let mut fits: Vec<(f32, usize, usize)> = Vec::new();
    for (track, expected) in tracks {
        for (index, rect) in seen {
            if let Some(misfit) = misfit(expected, rect) {
                fits.push((misfit, *track, *index));
            }
        }
    }
    fits.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    let most = |of: usize, index: usize| index.max(of);
    let mut taken = (
        alloc::vec![false; 1 + tracks.iter().map(|t| t.0).fold(0, most)],
        alloc::vec![false; 1 + seen.iter().map(|s| s.0).fold(0, most)],
    );
    for (_, track, index) in fits {
        if !taken.0[track] && !taken.1[index] {
            (taken.0[track], taken.1[index]) = (true, true);
            pairs.push((track, index));
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f32, side: f32) -> RectF {
        RectF { left: x, top: 0.0, right: x + side, bottom: side }
    }

    fn expected(x: f32, spread: f32) -> Expected {
        Expected { rect: at(x, 20.0), spread }
    }

    #[test]
    fn each_takes_its_best_and_none_is_taken_twice() {
        let tracks = [(3, expected(0.0, 0.0)), (5, expected(15.0, 0.0))];
        let seen = [(0, at(12.0, 20.0)), (1, at(2.0, 20.0)), (2, at(300.0, 20.0))];
        let mut pairs = pair(&tracks, &seen);
        pairs.sort_unstable();
        assert_eq!(pairs, [(3, 1), (5, 0)]);
    }

    #[test]
    fn reach_grows_with_doubt_but_not_for_ever() {
        let far = |spread| misfit(&expected(0.0, spread), &at(35.0, 20.0)).is_some();
        assert_eq!([far(0.0), far(0.3), far(0.8)], [false, false, true]);
        assert_eq!(misfit(&expected(0.0, 9.0), &at(60.0, 20.0)), None);
        assert_eq!(misfit(&expected(0.0, 9.0), &at(0.0, 60.0)), None, "three times as large");
        assert_eq!(misfit(&expected(0.0, 9.0), &at(f32::NAN, 20.0)), None);
    }
}
