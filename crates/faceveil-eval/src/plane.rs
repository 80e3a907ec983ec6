//! One channel of a picture, or a map of the same shape, as `f32`.

use crate::picture::Picture;

/// `width * height` numbers, row by row; neither side is 0.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plane {
    pub width: usize,
    pub height: usize,
    pub data: Vec<f32>,
}

/// A half-open window of whole pixels inside a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub left: usize,
    pub top: usize,
    pub right: usize,
    pub bottom: usize,
}

impl Plane {
    /// `f` of the numbers of both planes, which have the same shape.
    pub fn zip(&self, other: &Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let data = self.data.iter().zip(&other.data).map(|(a, b)| f(*a, *b)).collect();
        Self { data, ..*self }
    }

    /// Sample by sample mean of three planes of the same shape.
    pub fn mean3([a, b, c]: [&Self; 3]) -> Self {
        let data = a.data.iter().zip(&b.data).zip(&c.data).map(|((a, b), c)| (a + b + c) / 3.0).collect();
        Self { data, ..*a }
    }

    /// The part in `window`.
    pub fn crop(&self, window: &Window) -> Self {
        let rows = (window.top..window.bottom).map(|y| &self.data[y * self.width..][..self.width]);
        let data = rows.flat_map(|row| &row[window.left..window.right]).copied().collect();
        Self { width: window.width(), height: window.height(), data }
    }
}

impl Window {
    pub fn of(picture: &Picture) -> Self {
        Self { left: 0, top: 0, right: picture.width(), bottom: picture.height() }
    }

    pub fn width(&self) -> usize {
        self.right - self.left
    }

    pub fn height(&self) -> usize {
        self.bottom - self.top
    }

    /// `f` of each of the window's pixels.
    pub fn plane(&self, picture: &Picture, f: impl Fn([u8; 3]) -> f32) -> Plane {
        let mut data = Vec::with_capacity(self.width() * self.height());
        for y in self.top..self.bottom {
            let row = &picture.pixels()[3 * (y * picture.width() + self.left)..][..3 * self.width()];
            data.extend(row.chunks_exact(3).map(|p| f([p[0], p[1], p[2]])));
        }
        Plane { width: self.width(), height: self.height(), data }
    }
}

/// Mean of a pixel's three samples.
pub(crate) fn grey([r, g, b]: [u8; 3]) -> f32 {
    f32::from(u16::from(r) + u16::from(g) + u16::from(b)) / 3.0
}
