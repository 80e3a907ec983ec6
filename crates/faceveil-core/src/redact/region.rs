//! What is to be hidden, and the checks that keep odd numbers out of the work.

use alloc::vec::Vec;

use super::RedactError;
use crate::geom::{Ellipse, RectF};

/// Coordinates and lengths beyond this many pixels are refused: no picture is so large, and below it
/// the masks' arithmetic is exact enough (see [`super::mask`]).
const FARTHEST: f32 = 2_147_483_648.0;

/// A shape to be hidden.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// An ellipse, turned or upright.
    Ellipse(Ellipse),
    /// An upright rectangle.
    Box(RectF),
}

/// A part of a picture to be hidden. It may reach outside the picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// What is hidden: every pixel whose square meets one of these, with opacity exactly 1. A shape of
    /// no size still hides the pixel it lies in.
    pub shapes: Vec<Shape>,
    /// The rectangle, in pixels, on which cells and overlays are laid out, for a face about 1.4 to 1.6
    /// times its box. It may reach outside the picture; outside it the style's edge goes on.
    pub frame: RectF,
    /// Width in pixels of the ring around the shapes in which opacity falls from 1 to 0. Pixels whose
    /// centres are farther than this plus 0.71 px (half a pixel's diagonal) from every shape keep their
    /// values bit by bit.
    pub feather: f32,
}

impl Shape {
    /// The smallest upright rectangle around the shape.
    pub fn bounds(&self) -> RectF {
        match self {
            Self::Ellipse(ellipse) => ellipse.bounds(),
            Self::Box(rect) => *rect,
        }
    }
}

impl Region {
    /// A region whose frame is the smallest upright rectangle around its shapes; without shapes, which no
    /// redaction takes, an empty one. `feather` in pixels.
    pub fn around(shapes: Vec<Shape>, feather: f32) -> Self {
        let nothing = RectF { left: 0.0, top: 0.0, right: 0.0, bottom: 0.0 };
        let frame = shapes.iter().map(Shape::bounds).reduce(|a, b| a.union(&b)).unwrap_or(nothing);
        Self { shapes, frame, feather }
    }

    /// The smallest upright rectangle around what is hidden, without the soft edge.
    pub fn bounds(&self) -> RectF {
        self.shapes.iter().map(Shape::bounds).reduce(|a, b| a.union(&b)).unwrap_or(self.frame)
    }

    /// # Errors
    /// [`RedactError::Region`], naming the first number that cannot be used.
    pub(super) fn check(&self, index: usize) -> Result<(), RedactError> {
        let fault = |what, value| Err(RedactError::Region { index, what, value });
        let far = |v: f32| !(-FARTHEST..=FARTHEST).contains(&v);
        if self.shapes.is_empty() {
            return fault("the number of shapes", 0.0);
        }
        if far(self.feather) || self.feather < 0.0 {
            return fault("the feather", self.feather);
        }
        let boxes = self.shapes.iter().filter_map(|s| match s {
            Shape::Box(rect) => Some(rect),
            Shape::Ellipse(_) => None,
        });
        for r in boxes.chain([&self.frame]) {
            if let Some(&value) = [r.left, r.top, r.right, r.bottom].iter().find(|&&v| far(v)) {
                return fault("an edge", value);
            }
            if r.left > r.right || r.top > r.bottom {
                return fault("a width or height", (r.right - r.left).min(r.bottom - r.top));
            }
        }
        for shape in &self.shapes {
            let Shape::Ellipse(e) = shape else { continue };
            if let Some(&value) = [e.centre.x, e.centre.y, e.angle].iter().find(|&&v| far(v)) {
                return fault("a centre or angle", value);
            }
            if let Some(&value) = [e.radius_x, e.radius_y].iter().find(|&&v| far(v) || v < 0.0) {
                return fault("a radius", value);
            }
        }
        Ok(())
    }
}
