//! From faces to regions: how far around a detected box to hide, in which outline, and which way up.

use alloc::vec::Vec;

use crate::face::{Face, Landmarks};
use crate::geom::{Ellipse, Point, RectF};
use crate::redact::{Region, Shape};

/// Height of a face by its width, where a turned face's box no longer tells: the median of the public
/// ellipse annotations.
const FACE_ASPECT: f32 = 1.3;
/// Below this turn (radians) a face's box is taken as it is.
const UPRIGHT: f32 = 0.26;

/// The outline of a region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outline {
    /// An ellipse, turned as the face is.
    #[default]
    Ellipse,
    /// An upright box.
    Box,
}

/// A setting that is out of range.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The margin would leave the face visible, or is absurd.
    #[error("margin {0} is not in 1.0..=4.0")]
    Margin(f32),
    /// The feather is absurd.
    #[error("feather {0} is not in 0.0..=1.0")]
    Feather(f32),
}

/// How faces become regions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    outline: Outline,
    margin: f32,
    feather: f32,
}

impl Policy {
    /// `margin`: size of a region as a multiple of the detected box, `1.0..=4.0`; `feather`: width of the
    /// soft edge outside the region, as a share of the box's shorter side, `0.0..=1.0`.
    ///
    /// # Errors
    /// [`PolicyError`] if one is out of range.
    pub fn new(outline: Outline, margin: f32, feather: f32) -> Result<Self, PolicyError> {
        if !(1.0..=4.0).contains(&margin) {
            return Err(PolicyError::Margin(margin));
        }
        if !(0.0..=1.0).contains(&feather) {
            return Err(PolicyError::Feather(feather));
        }
        Ok(Self { outline, margin, feather })
    }

    /// One region a face. Where several opinions agree on a face, the boxes of all are hidden.
    pub fn regions(&self, faces: &[Face]) -> Vec<Region> {
        faces.iter().map(|face| self.region(face)).collect()
    }

    /// The region of one face.
    pub fn region(&self, face: &Face) -> Region {
        let turn = face.landmarks.as_ref().and_then(turn_of).filter(|t| t.abs() > UPRIGHT).unwrap_or(0.0);
        let shapes: Vec<Shape> = core::iter::once(&face.rect)
            .chain(&face.also)
            .map(|rect| match self.outline {
                Outline::Box => Shape::Box(rect.scaled(self.margin)),
                Outline::Ellipse => Shape::Ellipse(grown(&turned(rect, turn), self.margin)),
            })
            .collect();
        Region::around(shapes, self.feather * face.rect.short_side())
    }
}

/// The turn of the line between the eyes, in radians: 0 for an upright face, positive clockwise.
/// `None` if the landmarks say nothing (the eyes fall together).
fn turn_of(landmarks: &Landmarks) -> Option<f32> {
    let [left, right, ..] = landmarks;
    let (dx, dy) = (right.x - left.x, right.y - left.y);
    (libm::hypotf(dx, dy) > 1.0 && dx.is_finite() && dy.is_finite()).then(|| libm::atan2f(dy, dx))
}

/// An ellipse turned by `turn` whose upright bounds hold `rect`: a turned face's box is wider than the
/// face, and its inscribed upright ellipse would cut forehead and chin.
fn turned(rect: &RectF, turn: f32) -> Ellipse {
    if turn == 0.0 {
        return Ellipse::inscribed(rect);
    }
    let (sin, cos) = (libm::sinf(turn), libm::cosf(turn));
    let across = rect.width() / 2.0 / libm::hypotf(cos, FACE_ASPECT * sin);
    let down = rect.height() / 2.0 / libm::hypotf(sin, FACE_ASPECT * cos);
    let radius = across.max(down);
    Ellipse { centre: rect.centre(), radius_x: radius, radius_y: radius * FACE_ASPECT, angle: turn }
}

fn grown(ellipse: &Ellipse, margin: f32) -> Ellipse {
    let Point { x, y } = ellipse.centre;
    Ellipse {
        centre: Point { x, y },
        radius_x: ellipse.radius_x * margin,
        radius_y: ellipse.radius_y * margin,
        angle: ellipse.angle,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn face_turned(rect: RectF, turn: f32) -> Face {
        let Point { x, y } = rect.centre();
        let eye = |side: f32| Point { x: x + side * 10.0 * turn.cos_(), y: y + side * 10.0 * turn.sin_() };
        let landmarks = [eye(-1.0), eye(1.0), rect.centre(), rect.centre(), rect.centre()];
        Face { rect, score: 1.0, landmarks: Some(landmarks), also: Vec::new() }
    }

    trait Trig {
        fn cos_(self) -> f32;
        fn sin_(self) -> f32;
    }
    impl Trig for f32 {
        fn cos_(self) -> f32 {
            libm::cosf(self)
        }
        fn sin_(self) -> f32 {
            libm::sinf(self)
        }
    }

    #[test]
    fn an_upright_face_gets_the_ellipse_of_its_box_grown() {
        let rect = RectF { left: 10.0, top: 20.0, right: 50.0, bottom: 70.0 };
        let policy = Policy::new(Outline::Ellipse, 1.5, 0.1).unwrap();
        let region = &policy.regions(&[face_turned(rect, 0.1)])[0];
        assert_eq!(region.frame, rect.scaled(1.5));
        assert!((region.feather - 4.0).abs() < 1e-5);
    }

    #[test]
    fn all_boxes_of_a_joined_face_are_hidden() {
        let (a, b) = (
            RectF { left: 0.0, top: 0.0, right: 10.0, bottom: 10.0 },
            RectF { left: 4.0, top: 0.0, right: 14.0, bottom: 10.0 },
        );
        let face = Face { rect: a, score: 1.0, landmarks: None, also: alloc::vec![b] };
        let region = &Policy::new(Outline::Box, 1.0, 0.0).unwrap().regions(&[face])[0];
        assert_eq!(region.shapes.len(), 2);
        assert_eq!(region.frame, a.union(&b));
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        for (margin, feather) in [(0.9, 0.0), (f32::NAN, 0.0), (1.5, -0.1), (1.5, f32::NAN), (5.0, 0.0)] {
            assert!(Policy::new(Outline::Box, margin, feather).is_err(), "{margin} {feather}");
        }
    }

    proptest! {
        #[test]
        fn a_turned_face_s_region_holds_its_whole_box_extent(
            width in 5.0..200.0f32, height in 5.0..200.0f32, turn in -3.1..3.1f32
        ) {
            let rect = RectF { left: 0.0, top: 0.0, right: width, bottom: height };
            let policy = Policy::new(Outline::Ellipse, 1.0, 0.0).unwrap();
            let frame = policy.regions(&[face_turned(rect, turn)])[0].frame;
            prop_assert!(frame.left <= 0.01 && frame.top <= 0.01, "{frame:?}");
            prop_assert!(frame.right >= width - 0.01 && frame.bottom >= height - 0.01, "{frame:?}");
        }
    }
}
