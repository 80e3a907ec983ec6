//! Points, rectangles and ellipses. A pixel `(x, y)` covers `x..x + 1` × `y..y + 1`, so its centre
//! lies at `(x + 0.5, y + 0.5)`.

/// A point in pixels; not clipped to any picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Pixels from the left edge.
    pub x: f32,
    /// Pixels from the top edge.
    pub y: f32,
}

/// A rectangle with fractional edges, in pixels: covers `left..right` × `top..bottom`.
/// It may reach outside the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RectF {
    /// Left edge.
    pub left: f32,
    /// Top edge.
    pub top: f32,
    /// Right edge, not included.
    pub right: f32,
    /// Bottom edge, not included.
    pub bottom: f32,
}

impl RectF {
    /// Width in pixels, 0 if the edges are crossed.
    pub fn width(&self) -> f32 {
        (self.right - self.left).max(0.0)
    }

    /// Height in pixels, 0 if the edges are crossed.
    pub fn height(&self) -> f32 {
        (self.bottom - self.top).max(0.0)
    }

    /// The smaller of width and height, in pixels.
    pub fn short_side(&self) -> f32 {
        self.width().min(self.height())
    }

    /// Area in square pixels.
    pub fn area(&self) -> f32 {
        self.width() * self.height()
    }

    /// The middle of the rectangle.
    pub fn centre(&self) -> Point {
        Point { x: (self.left + self.right) / 2.0, y: (self.top + self.bottom) / 2.0 }
    }

    /// The smallest rectangle that holds both.
    pub fn union(&self, other: &Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    /// What both cover, or `None` if they only touch or are apart.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let both = Self {
            left: self.left.max(other.left),
            top: self.top.max(other.top),
            right: self.right.min(other.right),
            bottom: self.bottom.min(other.bottom),
        };
        let numbers =
            [self, other].iter().all(|r| [r.left, r.top, r.right, r.bottom].iter().all(|v| !v.is_nan()));
        (numbers && both.left < both.right && both.top < both.bottom).then_some(both)
    }

    /// Whether all of `other` is inside, edges included.
    pub fn holds(&self, other: &Self) -> bool {
        self.left <= other.left
            && self.top <= other.top
            && other.right <= self.right
            && other.bottom <= self.bottom
    }

    /// Whether both share a place, edges included.
    pub fn meets(&self, other: &Self) -> bool {
        self.left <= other.right
            && other.left <= self.right
            && self.top <= other.bottom
            && other.top <= self.bottom
    }

    /// Intersection over union, `0.0..=1.0`.
    pub fn iou(&self, other: &Self) -> f32 {
        let width = self.right.min(other.right) - self.left.max(other.left);
        let height = self.bottom.min(other.bottom) - self.top.max(other.top);
        if width <= 0.0 || height <= 0.0 {
            return 0.0;
        }
        let both = width * height;
        both / (self.area() + other.area() - both).max(f32::MIN_POSITIVE)
    }

    /// The same rectangle with each side `factor` times as long, about the same centre.
    pub fn scaled(&self, factor: f32) -> Self {
        let Point { x, y } = self.centre();
        let (half_width, half_height) = (self.width() * factor / 2.0, self.height() * factor / 2.0);
        Self { left: x - half_width, top: y - half_height, right: x + half_width, bottom: y + half_height }
    }

    /// The pixels that the rectangle touches inside a picture of `width` × `height`, if any.
    pub fn pixels(&self, width: u32, height: u32) -> Option<Rect> {
        if ![self.left, self.top, self.right, self.bottom].iter().all(|v| v.is_finite()) {
            return None;
        }
        // `as` saturates, so a far-away edge stays far away.
        let rect = Rect {
            left: libm::floorf(self.left) as i32,
            top: libm::floorf(self.top) as i32,
            right: libm::ceilf(self.right) as i32,
            bottom: libm::ceilf(self.bottom) as i32,
        };
        rect.clip(width, height)
    }
}

/// A rectangle of whole pixels, half-open: covers `left..right` × `top..bottom`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    /// First column.
    pub left: i32,
    /// First row.
    pub top: i32,
    /// One past the last column.
    pub right: i32,
    /// One past the last row.
    pub bottom: i32,
}

impl Rect {
    /// The part inside a picture of `width` × `height`, or `None` if nothing is.
    pub fn clip(&self, width: u32, height: u32) -> Option<Self> {
        let limit = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        let clipped = Self {
            left: self.left.max(0),
            top: self.top.max(0),
            right: self.right.min(limit(width)),
            bottom: self.bottom.min(limit(height)),
        };
        (clipped.left < clipped.right && clipped.top < clipped.bottom).then_some(clipped)
    }
}

/// An ellipse `{centre + R(angle)·(u, v) : (u / radius_x)² + (v / radius_y)² <= 1}`, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ellipse {
    /// The middle.
    pub centre: Point,
    /// Radius along the axis that lies horizontal at `angle` 0.
    pub radius_x: f32,
    /// Radius along the other axis.
    pub radius_y: f32,
    /// Turn in radians; positive turns the x axis towards the y axis (clockwise on the screen).
    pub angle: f32,
}

impl Ellipse {
    /// The ellipse inscribed in `rect`.
    pub fn inscribed(rect: &RectF) -> Self {
        Self {
            centre: rect.centre(),
            radius_x: rect.width() / 2.0,
            radius_y: rect.height() / 2.0,
            angle: 0.0,
        }
    }

    /// The smallest upright rectangle around the ellipse.
    pub fn bounds(&self) -> RectF {
        let (sin, cos) = (libm::sinf(self.angle), libm::cosf(self.angle));
        let half_width = libm::hypotf(self.radius_x * cos, self.radius_y * sin);
        let half_height = libm::hypotf(self.radius_x * sin, self.radius_y * cos);
        let Point { x, y } = self.centre;
        RectF { left: x - half_width, top: y - half_height, right: x + half_width, bottom: y + half_height }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clip_keeps_the_last_row_and_column() {
        let r = Rect { left: 90, top: 90, right: 200, bottom: 200 };
        assert_eq!(r.clip(100, 100), Some(Rect { left: 90, top: 90, right: 100, bottom: 100 }));
        assert_eq!(Rect { left: 100, top: 0, right: 101, bottom: 1 }.clip(100, 100), None);
    }

    #[test]
    fn pixels_of_a_rectangle_are_those_it_touches() {
        let r = RectF { left: -3.0, top: 0.5, right: 1.1, bottom: 2.0 };
        assert_eq!(r.pixels(10, 10), Some(Rect { left: 0, top: 0, right: 2, bottom: 2 }));
        assert_eq!(RectF { left: f32::NAN, ..r }.pixels(10, 10), None);
    }

    #[test]
    fn iou_of_shifted_squares() {
        let a = RectF { left: 0.0, top: 0.0, right: 2.0, bottom: 2.0 };
        let b = RectF { left: 1.0, top: 0.0, right: 3.0, bottom: 2.0 };
        assert!((a.iou(&b) - 1.0 / 3.0).abs() < 1e-6);
        assert_eq!(a.iou(&RectF { left: 2.0, top: 0.0, right: 4.0, bottom: 2.0 }), 0.0);
    }

    #[test]
    fn bounds_of_a_turned_ellipse() {
        let e = Ellipse {
            centre: Point { x: 100.0, y: 100.0 },
            radius_x: 40.0,
            radius_y: 20.0,
            angle: core::f32::consts::FRAC_PI_2,
        };
        let b = e.bounds();
        assert!((b.left - 80.0).abs() < 1e-3 && (b.bottom - 140.0).abs() < 1e-3, "{b:?}");
    }
}
