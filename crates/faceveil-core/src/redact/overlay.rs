//! A picture that is laid over faces.

use alloc::vec::Vec;
use core::ops::Range;

use super::RedactError;
use super::sample::{MOST_CHANNELS, Sample, from_rgb};
use crate::geom::RectF;
use crate::raster::Color;

/// An RGBA picture (8 bits, opacity not multiplied in) to be laid over faces, such as an emoji.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlay {
    width: u32,
    height: u32,
    rgba: Vec<u8>,
}

impl Overlay {
    /// # Errors
    /// [`RedactError::Overlay`] unless `rgba` holds exactly `width * height * 4` bytes and neither side
    /// is 0.
    pub fn new(width: u32, height: u32, rgba: Vec<u8>) -> Result<Self, RedactError> {
        let product = u64::from(width).checked_mul(u64::from(height)).and_then(|n| n.checked_mul(4));
        let need = product.filter(|&n| n > 0).unwrap_or(u64::MAX);
        let got = rgba.len() as u64;
        if need == got {
            Ok(Self { width, height, rgba })
        } else {
            Err(RedactError::Overlay { width, height, need, got })
        }
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The mean of a block of pixels, opacity multiplied into the colours, all as shares.
    fn mean(&self, xs: Range<usize>, ys: Range<usize>) -> [f32; 4] {
        let mut sum = [0u64; 4];
        for y in ys.clone() {
            let at = |x: usize| (y * self.width as usize + x) * 4;
            for pixel in self.rgba[at(xs.start)..at(xs.end)].chunks_exact(4) {
                let opacity = u64::from(pixel[3]);
                for (sum, &v) in sum.iter_mut().zip(&pixel[..3]) {
                    *sum += u64::from(v) * opacity;
                }
                sum[3] += opacity * 255;
            }
        }
        let count = (xs.len() * ys.len()) as f64 * 255.0 * 255.0;
        sum.map(|v| (v as f64 / count) as f32)
    }
}

/// An overlay fitted to a frame.
pub(super) struct Sticker {
    frame: RectF,
    width: usize,
    height: usize,
    /// Opacity multiplied in.
    pixels: Vec<[f32; 4]>,
}

impl Sticker {
    /// Shrinks the overlay by whole factors to about the frame's size, so that the interpolation that
    /// follows meets no detail finer than the picture's pixels.
    pub(super) fn new(overlay: &Overlay, frame: RectF) -> Self {
        let fit = |side: u32, length: f32| {
            let side = side as usize;
            let factor = ((side as f32 / length.max(1.0)) as usize).clamp(1, side);
            (side.div_ceil(factor), move |i: usize| (i * factor)..((i + 1) * factor).min(side))
        };
        let (width, columns) = fit(overlay.width, frame.width());
        let (height, rows) = fit(overlay.height, frame.height());
        let pixels = (0..width * height).map(|i| overlay.mean(columns(i % width), rows(i / width))).collect();
        Self { frame, width, height, pixels }
    }

    /// The overlay at a point of the picture, bilinear; `None` outside the frame.
    fn at(&self, x: f32, y: f32) -> Option<[f32; 4]> {
        let (u, v) = ((x - self.frame.left) / self.frame.width(), (y - self.frame.top) / self.frame.height());
        if !((0.0..1.0).contains(&u) && (0.0..1.0).contains(&v)) {
            return None;
        }
        let split = |share: f32, count: usize| {
            let place = (share * count as f32 - 0.5).clamp(0.0, (count - 1) as f32);
            let first = place as usize;
            (first, (first + 1).min(count - 1), place - first as f32)
        };
        let ((left, right, s), (top, bottom, t)) = (split(u, self.width), split(v, self.height));
        let mix = |a: [f32; 4], b: [f32; 4], t: f32| core::array::from_fn(|i| a[i] + (b[i] - a[i]) * t);
        let row = |y: usize| mix(self.pixels[y * self.width + left], self.pixels[y * self.width + right], s);
        Some(mix(row(top), row(bottom), t))
    }

    /// Lays the overlay over the columns `columns`, counted from `left`, of row `y` in `line`.
    pub(super) fn draw<T: Sample>(
        &self,
        (left, y): (i32, i32),
        columns: &Range<usize>,
        color: Color,
        line: &mut [T],
    ) {
        let channels = color.channels();
        for column in columns.clone() {
            let point = ((left + column as i32) as f32 + 0.5, y as f32 + 0.5);
            let Some([red, green, blue, opacity]) = self.at(point.0, point.1) else { continue };
            if opacity <= 0.0 {
                continue;
            }
            let rgb = [red, green, blue].map(|v| (v / opacity).min(1.0));
            let over: [f32; MOST_CHANNELS] = from_rgb(color, rgb);
            for (sample, over) in line[column * channels..][..channels].iter_mut().zip(over) {
                *sample = T::mix(*sample, T::nearest(over * T::FULL), opacity.min(1.0));
            }
        }
    }

    /// Lays one channel of the overlay over the columns `columns` of a line. `point` gives the place of a
    /// column in the picture, `code` the sample of an RGB colour.
    pub(super) fn draw_channel<T: Sample>(
        &self,
        columns: &Range<usize>,
        point: impl Fn(usize) -> (f32, f32),
        code: impl Fn([f32; 3]) -> f32,
        line: &mut [T],
    ) {
        for column in columns.clone() {
            let (x, y) = point(column);
            let Some([red, green, blue, opacity]) = self.at(x, y).filter(|p| p[3] > 0.0) else { continue };
            let over = code([red, green, blue].map(|v| (v / opacity).min(1.0)));
            line[column] = T::mix(line[column], T::nearest(over), opacity.min(1.0));
        }
    }
}
