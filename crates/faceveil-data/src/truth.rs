//! Annotated faces as ellipses, and readers of the formats they are written in.
//!
//! The readers take text and are hostile to it: a row that is not understood is an error with its
//! line number, never a face left out, because a face left out makes every measure look better.

mod coco;
mod keypoints;
mod lists;
mod tables;
mod voc;
mod yolo;

use std::collections::BTreeMap;

use faceveil_core::geom::RectF;

pub use coco::{CocoPicture, coco};
pub use keypoints::{Points68, face_of_5, face_of_68, row_of_68};
pub use lists::{ByPath, fddb, wider, wider_paths};
pub use tables::{CelebaHead, CelebaTable, celeba_face, celeba_head, celeba_row, vggface2_row};
pub use voc::voc;
pub use yolo::{RelativeBox, yolo};

/// The annotated faces of many pictures, by the picture's name.
pub type ByName = BTreeMap<String, Vec<TruthFace>>;

/// An annotated face: the ellipse `{p : (p - c)ᵀ S⁻¹ (p - c) <= 1}` with `c = (cx, cy)` and
/// `S = [[sxx, sxy], [sxy, syy]]`, in pixels. It may reach outside the picture.
///
/// Same form and same arithmetic as the referee's `truth.py`, in whose coordinates the sample of
/// column `x` lies at `x` (not at `x + 0.5`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TruthFace {
    /// Centre, pixels from the left.
    pub cx: f64,
    /// Centre, pixels from the top.
    pub cy: f64,
    /// Square of half the upright box's width, square pixels.
    pub sxx: f64,
    /// Off-diagonal of `S`, square pixels.
    pub sxy: f64,
    /// Square of half the upright box's height, square pixels.
    pub syy: f64,
}

/// Where a picture lies in another: `x' = x · sx + ox`, `y' = y · sy + oy`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// Horizontal scale.
    pub sx: f64,
    /// Vertical scale.
    pub sy: f64,
    /// Offset from the left, pixels.
    pub ox: u32,
    /// Offset from the top, pixels.
    pub oy: u32,
}

impl Fit {
    /// Nothing moves.
    pub const SAME: Self = Self { sx: 1.0, sy: 1.0, ox: 0, oy: 0 };
}

impl TruthFace {
    /// The ellipse inscribed in a box given by two opposite corners.
    pub fn from_box(x0: f64, y0: f64, x1: f64, y1: f64) -> Self {
        Self {
            cx: (x0 + x1) / 2.0,
            cy: (y0 + y1) / 2.0,
            sxx: ((x1 - x0) / 2.0).powi(2),
            sxy: 0.0,
            syy: ((y1 - y0) / 2.0).powi(2),
        }
    }

    /// FDDB's form: two radii in pixels, `angle` of the first one's axis in radians.
    pub fn from_ellipse(major: f64, minor: f64, angle: f64, cx: f64, cy: f64) -> Self {
        let (s, c) = angle.sin_cos();
        let (a, b) = (major * major, minor * minor);
        Self { cx, cy, sxx: a * c * c + b * s * s, sxy: (a - b) * c * s, syy: a * s * s + b * c * c }
    }

    /// The smallest upright box around the ellipse: left, top, right, bottom.
    pub fn corners(&self) -> [f64; 4] {
        let (hx, hy) = (self.sxx.sqrt(), self.syy.sqrt());
        [self.cx - hx, self.cy - hy, self.cx + hx, self.cy + hy]
    }

    /// [`Self::corners`] as a rectangle.
    pub fn rect(&self) -> RectF {
        let [left, top, right, bottom] = self.corners().map(|v| v as f32);
        RectF { left, top, right, bottom }
    }

    /// Shorter side of the upright box, pixels.
    pub fn side(&self) -> f64 {
        2.0 * self.sxx.min(self.syy).sqrt()
    }

    /// Longer side of the upright box, pixels.
    pub fn side_long(&self) -> f64 {
        2.0 * self.sxx.max(self.syy).sqrt()
    }

    /// The same face where `fit` puts it.
    pub fn mapped(&self, fit: &Fit) -> Self {
        Self {
            cx: self.cx * fit.sx + f64::from(fit.ox),
            cy: self.cy * fit.sy + f64::from(fit.oy),
            sxx: self.sxx * fit.sx * fit.sx,
            sxy: self.sxy * fit.sx * fit.sy,
            syy: self.syy * fit.sy * fit.sy,
        }
    }

    /// The same face in the picture of `width` × `height` pixels turned clockwise by `quarters` × 90°.
    pub fn turned(&self, quarters: u32, width: u32, height: u32) -> Self {
        let (w, h) = (f64::from(width) - 1.0, f64::from(height) - 1.0);
        let Self { cx, cy, sxx, sxy, syy } = *self;
        match quarters % 4 {
            0 => *self,
            1 => Self { cx: h - cy, cy: cx, sxx: syy, sxy: -sxy, syy: sxx },
            2 => Self { cx: w - cx, cy: h - cy, sxx, sxy, syy },
            _ => Self { cx: cy, cy: w - cx, sxx: syy, sxy: -sxy, syy: sxx },
        }
    }

    /// The ellipse grown by `scale`, ready to test pixels of a window whose top-left pixel is
    /// `origin` (`x`, `y`).
    pub fn inside(&self, scale: f64, origin: (u32, u32)) -> Inside {
        let det = (self.sxx * self.syy - self.sxy * self.sxy).max(1e-6);
        Inside {
            dx: (f64::from(origin.0) - self.cx) as f32,
            dy: (f64::from(origin.1) - self.cy) as f32,
            sxx: self.sxx as f32,
            sxy2: (2.0 * self.sxy) as f32,
            syy: self.syy as f32,
            limit: (det * scale * scale) as f32,
        }
    }
}

/// Tests which pixels of a window lie in an ellipse; in `f32`, as the referee does.
#[derive(Clone, Copy, Debug)]
pub struct Inside {
    dx: f32,
    dy: f32,
    sxx: f32,
    sxy2: f32,
    syy: f32,
    limit: f32,
}

impl Inside {
    /// Whether the pixel of column `x` and row `y` of the window lies in the ellipse.
    pub fn holds(&self, x: u32, y: u32) -> bool {
        let (dx, dy) = (x as f32 + self.dx, y as f32 + self.dy);
        self.syy * dx * dx - self.sxy2 * dx * dy + self.sxx * dy * dy <= self.limit
    }
}

/// An annotation that cannot be understood. Lines are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TruthError {
    /// A line holds something else than it should.
    #[error("line {line}: expected {want}, got {got:?}")]
    Field {
        /// Line number.
        line: usize,
        /// What should stand there.
        want: &'static str,
        /// What stands there, its first 60 characters.
        got: String,
    },
    /// A picture's entry promises another number of faces than follow.
    #[error("line {line}: {name:?} promises {need} faces, {got} follow")]
    Count {
        /// Line number of the promise.
        line: usize,
        /// The picture.
        name: String,
        /// Faces promised.
        need: u64,
        /// Faces found.
        got: u64,
    },
    /// A picture has two entries.
    #[error("line {line}: {name:?} is listed twice")]
    Duplicate {
        /// Line number of the second entry.
        line: usize,
        /// The picture.
        name: String,
    },
    /// A line of a table that has no end.
    #[error("line {line}: longer than {bytes} bytes")]
    TooLong {
        /// Line number.
        line: usize,
        /// Bytes allowed.
        bytes: usize,
    },
    /// Text that is not JSON of the right form.
    #[error("line {line}: {text}")]
    Json {
        /// Line number.
        line: usize,
        /// The parser's words.
        text: String,
    },
    /// None of a set's categories is a face.
    #[error("no category is a face; there are {names}")]
    NoFaceCategory {
        /// The categories' names, the first of them.
        names: String,
    },
    /// Text that is not XML.
    #[error("line {line}: {text}")]
    Xml {
        /// Line number.
        line: usize,
        /// The parser's words.
        text: String,
    },
}

impl TruthError {
    pub(crate) fn field(line: usize, want: &'static str, got: &str) -> Self {
        Self::Field { line, want, got: got.chars().take(60).collect() }
    }
}

/// Largest coordinate that is believed, pixels. It keeps every square and product finite.
const FARTHEST: f64 = 1e6;

/// `want` says what the number is, for the error.
fn number(text: &str, line: usize, want: &'static str) -> Result<f64, TruthError> {
    match text.trim().parse::<f64>() {
        Ok(v) if v.abs() <= FARTHEST => Ok(v),
        _ => Err(TruthError::field(line, want, text)),
    }
}

/// Exactly `N` numbers between white space, at the start of `text`; what follows them is ignored.
fn numbers<const N: usize>(text: &str, line: usize, want: &'static str) -> Result<[f64; N], TruthError> {
    let mut fields = text.split_whitespace();
    let mut values = [0.0; N];
    for value in &mut values {
        let field = fields.next().ok_or_else(|| TruthError::field(line, want, text))?;
        *value = number(field, line, want)?;
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turned_ellipse_has_a_turned_box() {
        let face = TruthFace::from_ellipse(40.0, 20.0, std::f64::consts::FRAC_PI_2, 100.0, 100.0);
        assert_eq!(face.corners().map(f64::round), [80.0, 60.0, 120.0, 140.0]);
        assert!((face.side() - 40.0).abs() < 1e-9 && (face.side_long() - 80.0).abs() < 1e-9);
    }

    #[test]
    fn inside_is_the_ellipse_around_the_sample_positions() {
        let face = TruthFace::from_box(10.0, 10.0, 20.0, 30.0);
        let inside = face.inside(1.0, (0, 0));
        let cases = [
            ((10, 20), true),
            ((9, 20), false),
            ((20, 20), true),
            ((15, 10), true),
            ((15, 9), false),
            ((11, 11), false),
        ];
        for ((x, y), want) in cases {
            assert_eq!(inside.holds(x, y), want, "({x}, {y})");
            assert_eq!(face.inside(1.0, (x, y)).holds(0, 0), want, "window at ({x}, {y})");
        }
        assert!(!face.inside(0.8, (0, 0)).holds(10, 20));
    }

    #[test]
    fn mapped_moves_the_box_with_the_picture() {
        let face = TruthFace::from_ellipse(40.0, 20.0, 0.7, 100.0, 50.0);
        let fit = Fit { sx: 0.5, sy: 0.25, ox: 3, oy: 7 };
        let [x0, y0, x1, y1] = face.corners();
        let want = [x0 * 0.5 + 3.0, y0 * 0.25 + 7.0, x1 * 0.5 + 3.0, y1 * 0.25 + 7.0];
        for (got, want) in face.mapped(&fit).corners().iter().zip(want) {
            assert!((got - want).abs() < 1e-9, "{got} {want}");
        }
        assert_eq!(face.mapped(&Fit::SAME), face);
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        for text in ["", "x", "nan", "inf", "-inf", "1e7", "1e999", "1,5", "0x10"] {
            assert!(number(text, 3, "a number").is_err(), "{text:?}");
        }
        assert_eq!(number(" 1.5 ", 1, "a number"), Ok(1.5));
    }
}
