//! Which pixels a region hides, row by row, without looking at each pixel.
//!
//! The part of a convex shape between two heights is convex, so the columns that it touches in a row
//! of pixels are one run, whose ends have a closed form: see [`Oval::span`].

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;

use super::{Region, Shape};
use crate::geom::{Ellipse, Rect, RectF};

/// A pixel counts as touched if an ellipse meets its square grown by this much (pixels) on each side,
/// far above the rounding errors of `f64` at coordinates up to 2^31. Ellipses are at least so large.
const SLACK: f64 = 1.0 / 64.0;

/// The feather starts at this distance (pixels) from the shape; nearer pixel centres belong to pixels
/// that the shape touches.
const HALF_PIXEL: f64 = 0.5;

/// The opacity of a region in one row after another.
pub(super) struct Mask {
    /// The pixels that the region can change.
    pub(super) window: Rect,
    outlines: Vec<Outline>,
    /// Opacity of the row's pixels, valid in `touched` where no core run lies.
    opacity: Vec<f32>,
    core: Vec<Range<usize>>,
    touched: Range<usize>,
}

impl Mask {
    /// The mask of a checked region in a picture of `width` × `height`, or `None` if the region lies
    /// outside it.
    pub(super) fn new(region: &Region, width: u32, height: u32) -> Option<Self> {
        let outlines: Vec<_> = region.shapes.iter().map(|s| Outline::new(s, region.feather)).collect();
        let bounds = outlines.iter().map(Outline::bounds).reduce(|a, b| Rect {
            left: a.left.min(b.left),
            top: a.top.min(b.top),
            right: a.right.max(b.right),
            bottom: a.bottom.max(b.bottom),
        })?;
        let window = bounds.clip(width, height)?;
        let opacity = alloc::vec![0.0; (window.right - window.left) as usize];
        Some(Self { window, outlines, opacity, core: Vec::new(), touched: 0..0 })
    }

    /// Moves to row `y` of the picture.
    pub(super) fn seek(&mut self, y: i32) {
        let (left, right) = (self.window.left, self.window.right);
        let columns = |run: Range<i64>| {
            let start = run.start.clamp(left.into(), right.into()) - i64::from(left);
            let end = run.end.clamp(left.into(), right.into()) - i64::from(left);
            start as usize..(end as usize).max(start as usize)
        };
        self.core.clear();
        self.touched = 0..0;
        for outline in &self.outlines {
            let core = columns(outline.core(y));
            grow(&mut self.touched, &core, &mut self.opacity);
            if !core.is_empty() {
                self.core.push(core);
            }
        }
        merge(&mut self.core);
        for outline in &self.outlines {
            let ring = columns(outline.ring(y));
            grow(&mut self.touched, &ring, &mut self.opacity);
            // The feather of one shape does not matter within another one.
            let mut next = ring.start;
            for run in self.core.iter().cloned().chain(core::iter::once(ring.end..ring.end)) {
                for x in next..run.start.min(ring.end) {
                    let opacity = outline.opacity(left + x as i32, y) as f32;
                    self.opacity[x] = self.opacity[x].max(opacity);
                }
                next = next.max(run.end);
            }
        }
    }

    /// The columns, counted from the window's left, outside which the row keeps its values.
    pub(super) fn touched(&self) -> Range<usize> {
        self.touched.clone()
    }

    /// The runs of columns of opacity 1, from left to right, none touching the next.
    pub(super) fn core(&self) -> &[Range<usize>] {
        &self.core
    }

    /// The opacity `0.0..=1.0` of a touched column that lies in no run of the core.
    pub(super) fn opacity(&self, column: usize) -> f32 {
        self.opacity[column]
    }
}

/// Widens `touched` so that it holds `run`, with opacity 0 in what is new.
fn grow(touched: &mut Range<usize>, run: &Range<usize>, opacity: &mut [f32]) {
    if run.is_empty() {
        return;
    }
    if touched.start == touched.end {
        *touched = run.start..run.start;
    }
    if run.start < touched.start {
        opacity[run.start..touched.start].fill(0.0);
        touched.start = run.start;
    }
    if run.end > touched.end {
        opacity[touched.end..run.end].fill(0.0);
        touched.end = run.end;
    }
}

/// Sorts the runs and joins those that overlap or touch.
fn merge(runs: &mut Vec<Range<usize>>) {
    runs.sort_unstable_by_key(|run| run.start);
    runs.dedup_by(|next, last| {
        let joined = next.start <= last.end;
        if joined {
            last.end = last.end.max(next.end);
        }
        joined
    });
}

/// One shape, prepared for asking row by row.
enum Outline {
    Oval { core: Oval, outer: Oval, ring: Box<[Axes; 2]>, feather: f64 },
    Slab { core: Rect, rect: [f64; 4], feather: f64 },
}

impl Outline {
    fn new(shape: &Shape, feather: f32) -> Self {
        let feather = f64::from(feather);
        match shape {
            Shape::Ellipse(e) => Self::Oval {
                core: Oval::new(e, 0.0),
                outer: Oval::new(e, HALF_PIXEL + feather),
                ring: Box::new([HALF_PIXEL, HALF_PIXEL + feather].map(|by| Axes::new(e, by))),
                feather,
            },
            Shape::Box(r) => Self::Slab {
                core: touched_pixels(r),
                rect: [r.left, r.top, r.right, r.bottom].map(f64::from),
                feather,
            },
        }
    }

    /// All pixels that the shape and its feather can reach.
    fn bounds(&self) -> Rect {
        let (left, top, right, bottom) = match self {
            Self::Oval { outer, .. } => (
                outer.x - outer.half_width,
                outer.y - outer.half_height,
                outer.x + outer.half_width,
                outer.y + outer.half_height,
            ),
            Self::Slab { rect: [left, top, right, bottom], feather, .. } => {
                (left - feather, top - feather, right + feather, bottom + feather)
            }
        };
        // `as` saturates, so a far-away edge stays far away; 1 pixel more for slack and half pixels.
        Rect {
            left: libm::floor(left - 1.0) as i32,
            top: libm::floor(top - 1.0) as i32,
            right: libm::ceil(right + 1.0) as i32,
            bottom: libm::ceil(bottom + 1.0) as i32,
        }
    }

    /// The columns of row `y` whose pixels the shape touches.
    fn core(&self, y: i32) -> Range<i64> {
        match self {
            Self::Oval { core, .. } => {
                let top = f64::from(y);
                core.span(top - SLACK, top + 1.0 + SLACK).map_or(0..0, |(left, right)| {
                    libm::floor(left - SLACK) as i64..libm::ceil(right + SLACK) as i64
                })
            }
            Self::Slab { core, .. } if (core.top..core.bottom).contains(&y) => {
                core.left.into()..core.right.into()
            }
            Self::Slab { .. } => 0..0,
        }
    }

    /// The columns of row `y` whose pixel centres the feather reaches, the core's mostly among them.
    fn ring(&self, y: i32) -> Range<i64> {
        let middle = f64::from(y) + 0.5;
        let reach = match self {
            Self::Oval { feather, .. } | Self::Slab { feather, .. } if *feather == 0.0 => None,
            Self::Oval { outer, .. } => outer.span(middle, middle),
            Self::Slab { rect: [left, top, right, bottom], feather, .. } => {
                let reach = HALF_PIXEL + feather;
                let row = (top - reach..=bottom + reach).contains(&middle);
                row.then_some((left - reach, right + reach))
            }
        };
        reach.map_or(0..0, |(left, right)| libm::ceil(left - 0.5) as i64..libm::floor(right - 0.5) as i64 + 1)
    }

    /// The opacity at a pixel of the ring: falls smoothly from 1 at the shape to 0 at its reach.
    fn opacity(&self, x: i32, y: i32) -> f64 {
        let (x, y) = (f64::from(x) + 0.5, f64::from(y) + 0.5);
        let share = match self {
            Self::Oval { ring, .. } => {
                // 1 on the inner ellipse, 0 on the outer one. A point on the ellipse whose radii are
                // longer by t lies at most t from the shape, so the feather never reaches too far.
                let [inner, outer] = &**ring;
                let (past, left) = (inner.norm(x, y) - 1.0, 1.0 - outer.norm(x, y));
                if past <= 0.0 { 1.0 } else { left.max(0.0) / (left.max(0.0) + past) }
            }
            Self::Slab { rect: [left, top, right, bottom], feather, .. } => {
                let out = |low: f64, high: f64, v: f64| (low - v).max(v - high).max(0.0);
                let distance = libm::hypot(out(*left, *right, x), out(*top, *bottom, y));
                1.0 - ((distance - HALF_PIXEL) / feather).clamp(0.0, 1.0)
            }
        };
        share * share * (3.0 - 2.0 * share)
    }
}

/// The pixels that a box touches, at least one in each direction.
fn touched_pixels(r: &RectF) -> Rect {
    let (left, top) = (libm::floorf(r.left) as i32, libm::floorf(r.top) as i32);
    Rect {
        left,
        top,
        right: (libm::ceilf(r.right) as i32).max(left.saturating_add(1)),
        bottom: (libm::ceilf(r.bottom) as i32).max(top.saturating_add(1)),
    }
}

/// An ellipse as the set `{centre + (p, q)}` with `|q| <= half_height` and
/// `|p - shear·q| <= squash·sqrt(half_height² - q²)`.
struct Oval {
    x: f64,
    y: f64,
    half_width: f64,
    half_height: f64,
    shear: f64,
    squash: f64,
}

impl Oval {
    /// `e` with both radii longer by `by`.
    fn new(e: &Ellipse, by: f64) -> Self {
        let Axes { x, y, sin, cos, a, b, .. } = Axes::new(e, by);
        // The ellipse is the unit disc under M = R·diag(a, b); these are the entries of M·Mᵀ.
        let xx = a * a * cos * cos + b * b * sin * sin;
        let yy = a * a * sin * sin + b * b * cos * cos;
        let xy = (a - b) * (a + b) * sin * cos;
        Self {
            x,
            y,
            half_width: libm::sqrt(xx),
            half_height: libm::sqrt(yy),
            shear: xy / yy,
            squash: a * b / yy,
        }
    }

    /// The leftmost and the rightmost x of the ellipse between two heights.
    fn span(&self, top: f64, bottom: f64) -> Option<(f64, f64)> {
        let (top, bottom) = ((top - self.y).max(-self.half_height), (bottom - self.y).min(self.half_height));
        if top > bottom {
            return None;
        }
        // The left edge is a convex function of the height with its lowest point here, so its least
        // value between the two heights lies at the nearest height to that; the right edge mirrors it.
        let lean = self.shear * self.half_height * self.half_height / self.half_width;
        let edge =
            |q: f64| self.squash * libm::sqrt(((self.half_height - q) * (self.half_height + q)).max(0.0));
        let (left, right) = ((-lean).clamp(top, bottom), lean.clamp(top, bottom));
        Some((self.x + self.shear * left - edge(left), self.x + self.shear * right + edge(right)))
    }
}

/// An ellipse by its axes.
struct Axes {
    x: f64,
    y: f64,
    sin: f64,
    cos: f64,
    a: f64,
    b: f64,
    /// The point `(x, y)` from the middle is `(u·(x, y), v·(x, y))` where the ellipse is the unit circle.
    u: (f64, f64),
    v: (f64, f64),
}

impl Axes {
    /// `e` with both radii longer by `by`.
    fn new(e: &Ellipse, by: f64) -> Self {
        let (sin, cos) = libm::sincos(f64::from(e.angle));
        let a = f64::from(e.radius_x).max(SLACK) + by;
        let b = f64::from(e.radius_y).max(SLACK) + by;
        let (x, y) = (f64::from(e.centre.x), f64::from(e.centre.y));
        Self { x, y, sin, cos, a, b, u: (cos / a, sin / a), v: (-sin / b, cos / b) }
    }

    /// 1 on the ellipse, 0 at its middle, linear in between.
    fn norm(&self, x: f64, y: f64) -> f64 {
        let (x, y) = (x - self.x, y - self.y);
        let (u, v) = (x * self.u.0 + y * self.u.1, x * self.v.0 + y * self.v.1);
        libm::sqrt(u * u + v * v)
    }
}

#[cfg(test)]
#[path = "mask_tests.rs"]
mod tests;
