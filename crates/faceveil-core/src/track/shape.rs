//! Boxes between, around and beyond others.

use alloc::vec::Vec;

use crate::face::{Face, Landmarks};
use crate::geom::{Point, RectF};

/// A region does not grow beyond this many times its size, however little is known.
const MOST_GROWTH: f32 = 1.6;

/// A face at its frame.
#[derive(Clone, Copy)]
pub(super) struct Spot<'a> {
    pub frame: u64,
    pub face: &'a Face,
}

/// The factor for a box `frames` away from what is known.
pub(super) fn growth(a_frame: f32, frames: u64) -> f32 {
    (1.0 + a_frame * frames as f32).min(MOST_GROWTH)
}

/// The box on the way from `a` to `b`.
pub(super) fn mix(a: Spot, b: Spot, frame: u64) -> RectF {
    let (from, to) = (&a.face.rect, &b.face.rect);
    let t = share(a, b, frame);
    let on_the_way = |p: f32, q: f32| p + (q - p) * t;
    RectF {
        left: on_the_way(from.left, to.left),
        top: on_the_way(from.top, to.top),
        right: on_the_way(from.right, to.right),
        bottom: on_the_way(from.bottom, to.bottom),
    }
}

fn share(a: Spot, b: Spot, frame: u64) -> f32 {
    (frame - a.frame) as f32 / (b.frame - a.frame).max(1) as f32
}

/// The mean of boxes by weight.
pub(super) fn mean(places: impl Iterator<Item = (f32, RectF)>) -> RectF {
    let nothing = RectF { left: 0.0, top: 0.0, right: 0.0, bottom: 0.0 };
    let (mut sum, mut total) = (nothing, 0.0);
    for (weight, place) in places {
        sum.left += weight * place.left;
        sum.top += weight * place.top;
        sum.right += weight * place.right;
        sum.bottom += weight * place.bottom;
        total += weight;
    }
    RectF {
        left: sum.left / total,
        top: sum.top / total,
        right: sum.right / total,
        bottom: sum.bottom / total,
    }
}

/// `rect`, about its centre no smaller than `other` in either direction.
pub(super) fn at_least(rect: &RectF, other: &RectF) -> RectF {
    let Point { x, y } = rect.centre();
    let half_width = rect.width().max(other.width()) / 2.0;
    let half_height = rect.height().max(other.height()) / 2.0;
    RectF { left: x - half_width, top: y - half_height, right: x + half_width, bottom: y + half_height }
}

/// A detected face with a smooth box, which the detected ones stay beside.
pub(super) fn around(face: &Face, smooth: &RectF) -> Face {
    let rect = at_least(smooth, &face.rect);
    let mut also = Vec::with_capacity(1 + face.also.len());
    if rect != face.rect {
        also.push(face.rect);
    }
    also.extend(&face.also);
    Face { rect, score: face.score, landmarks: face.landmarks, also }
}

/// A face between two sightings: a smooth box and the one straight on the way, both grown.
pub(super) fn between(a: Spot, b: Spot, frame: u64, smooth: &RectF, grown: f32) -> Face {
    let (t, straight) = (share(a, b, frame), mix(a, b, frame));
    let landmarks = match (&a.face.landmarks, &b.face.landmarks) {
        (Some(from), Some(to)) => Some(core::array::from_fn(|i| {
            let on_the_way = |p: f32, q: f32| p + (q - p) * t;
            Point { x: on_the_way(from[i].x, to[i].x), y: on_the_way(from[i].y, to[i].y) }
        })),
        (one, other) => one.or(*other).map(|marks| carried(&marks, &straight)),
    };
    let rect = at_least(smooth, &straight).scaled(grown);
    Face { rect, score: a.face.score.min(b.face.score), landmarks, also: [straight.scaled(grown)].into() }
}

/// A face that is not seen: it may stand where it was, or have gone on to `there`, or have stopped on the way.
pub(super) fn swept(face: &Face, there: &RectF, grown: f32) -> Face {
    let mut also = Vec::new();
    let (from, to) = (face.rect.centre(), there.centre());
    let size = face.rect.short_side().min(there.short_side()).max(1.0);
    let stops = (libm::hypotf(to.x - from.x, to.y - from.y) / (size / 2.0)).clamp(0.0, 8.0) as usize;
    for stop in 1..=stops {
        let t = stop as f32 / (stops + 1) as f32;
        let rect = at_least(&moved(&face.rect, (to.x - from.x) * t, (to.y - from.y) * t), there);
        also.push(rect.scaled(grown));
    }
    also.push(face.rect.scaled(grown));
    also.extend(face.also.iter().map(|rect| rect.scaled(grown)));
    let landmarks = face.landmarks.map(|marks| carried(&marks, there));
    Face { rect: there.scaled(grown), score: face.score, landmarks, also }
}

fn moved(rect: &RectF, x: f32, y: f32) -> RectF {
    RectF { left: rect.left + x, top: rect.top + y, right: rect.right + x, bottom: rect.bottom + y }
}

/// Landmarks about the centre of a box that has moved.
fn carried(marks: &Landmarks, to: &RectF) -> Landmarks {
    let sum = marks.iter().fold((0.0, 0.0), |sum, p| (sum.0 + p.x, sum.1 + p.y));
    let (middle, there) = (Point { x: sum.0 / 5.0, y: sum.1 / 5.0 }, to.centre());
    marks.map(|p| Point { x: p.x - middle.x + there.x, y: p.y - middle.y + there.y })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(left: f32, side: f32) -> Face {
        let rect = RectF { left, top: 0.0, right: left + side, bottom: side };
        Face { rect, score: 0.5, landmarks: None, also: Vec::new() }
    }

    #[test]
    fn a_face_that_moved_far_unseen_is_hidden_all_the_way() {
        let swept = swept(&face(0.0, 20.0), &face(60.0, 20.0).rect, 1.0);
        for x in 0..80 {
            let covered = core::iter::once(&swept.rect).chain(&swept.also);
            assert!(
                covered.into_iter().any(|r| r.left <= x as f32 && x as f32 + 1.0 <= r.right),
                "column {x}"
            );
        }
    }

    #[test]
    fn a_smooth_box_never_lets_go_of_the_detected_one() {
        let mut seen = face(10.0, 20.0);
        seen.also.push(face(13.0, 22.0).rect);
        let smooth = around(&seen, &face(4.0, 10.0).rect);
        assert_eq!(smooth.also, [seen.rect, seen.also[0]]);
        assert_eq!((smooth.rect.width(), smooth.rect.centre().x), (20.0, 9.0));
    }

    #[test]
    fn growth_has_an_end() {
        assert_eq!(growth(0.1, 0), 1.0);
        assert_eq!(growth(0.1, u64::MAX), MOST_GROWTH);
    }
}
