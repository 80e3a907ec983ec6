//! What a detector is shown: parts of a picture as 8-bit RGB, at the size it is to be searched.

use faceveil_core::face::Face;
use faceveil_core::geom::{Point, Rect, RectF};
use faceveil_core::raster::{Color, Raster, RgbView, Samples, to_rgb};
use faceveil_resize::Depth;

use crate::detectors::DetectError;

/// An 8-bit RGB picture of its own.
#[derive(Clone, Debug, Default)]
pub struct RgbImage {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

/// What is under a picture's transparent pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backdrop {
    /// The colours that the file holds there, though no viewer shows them.
    None,
    /// White.
    White,
}

impl RgbImage {
    /// The picture, borrowed.
    ///
    /// # Panics
    /// If it is empty.
    pub fn view(&self) -> RgbView<'_> {
        RgbView::new(self.width, self.height, &self.pixels).expect("length follows from the size")
    }

    /// Copies `part` of `raster`.
    pub fn crop(raster: &Raster, part: Rect, backdrop: Backdrop) -> Self {
        let (width, height) = ((part.right - part.left) as u32, (part.bottom - part.top) as u32);
        let channels = raster.color().channels();
        let mut pixels = Vec::with_capacity(width as usize * height as usize * 3);
        for y in part.top..part.bottom {
            let start = (y as usize * raster.width() as usize + part.left as usize) * channels;
            let span = start..start + width as usize * channels;
            match raster.samples() {
                Samples::U8(samples) if raster.color() == Color::Rgb => {
                    pixels.extend_from_slice(&samples[span])
                }
                Samples::U8(samples) => {
                    push_row(raster.color(), backdrop, &samples[span], |s| s, &mut pixels)
                }
                Samples::U16(samples) => {
                    push_row(raster.color(), backdrop, &samples[span], |s| (s >> 8) as u8, &mut pixels);
                }
            }
        }
        Self { width, height, pixels }
    }

    /// A copy of a part of the picture.
    ///
    /// # Panics
    /// If the part reaches outside or is empty.
    pub fn part(&self, part: Rect) -> Self {
        let (width, height) = ((part.right - part.left) as usize, (part.bottom - part.top) as usize);
        let mut pixels = Vec::with_capacity(width * height * 3);
        for y in part.top as usize..part.bottom as usize {
            let start = (y * self.width as usize + part.left as usize) * 3;
            pixels.extend_from_slice(&self.pixels[start..start + width * 3]);
        }
        Self { width: width as u32, height: height as u32, pixels }
    }

    /// The whole of `raster`, shrunk to `width` × `height`.
    ///
    /// # Errors
    /// [`DetectError::Resize`] if the resizer refuses.
    pub fn shrunk(raster: &Raster, width: u32, height: u32, backdrop: Backdrop) -> Result<Self, DetectError> {
        let (bytes, deep): (&[u8], _) = match raster.samples() {
            Samples::U8(samples) => (samples, false),
            Samples::U16(samples) => (bytemuck::cast_slice(samples), true),
        };
        let from = (raster.width(), raster.height());
        let depth = if deep { Depth::Sixteen } else { Depth::Eight };
        let small = resize(bytes, from, raster.color().channels(), depth, (width, height))?;
        let mut pixels = Vec::with_capacity(width as usize * height as usize * 3);
        if deep {
            let samples: Vec<u16> = small.as_chunks::<2>().0.iter().map(|b| u16::from_ne_bytes(*b)).collect();
            push_row(raster.color(), backdrop, &samples, |s| (s >> 8) as u8, &mut pixels);
        } else {
            push_row(raster.color(), backdrop, &small, |s| s, &mut pixels);
        }
        Ok(Self { width, height, pixels })
    }

    /// The same picture at another size.
    ///
    /// # Errors
    /// [`DetectError::Resize`] if the resizer refuses.
    pub fn resized(&self, width: u32, height: u32) -> Result<Self, DetectError> {
        let pixels = resize(&self.pixels, (self.width, self.height), 3, Depth::Eight, (width, height))?;
        Ok(Self { width, height, pixels })
    }

    /// The picture turned clockwise by `quarters` × 90°.
    pub fn turned(&self, quarters: u32) -> Self {
        let (w, h) = (self.width as usize, self.height as usize);
        let from = self.pixels.as_chunks::<3>().0;
        let (width, height) =
            if quarters % 2 == 1 { (self.height, self.width) } else { (self.width, self.height) };
        let mut pixels = Vec::with_capacity(from.len());
        for y in 0..height as usize {
            // Where a row starts in the picture, and how far its pixels lie apart.
            let (start, step) = match quarters % 4 {
                0 => (y * w, 1),
                1 => ((h - 1) * w + y, -(w as isize)),
                2 => ((h - 1 - y) * w + w - 1, -1),
                _ => (w - 1 - y, w as isize),
            };
            pixels.extend((0..width as isize).map(|x| from[(start as isize + x * step) as usize]));
        }
        Self { width, height, pixels: pixels.into_flattened() }
    }

    /// The same picture with left and right changed over.
    pub fn mirrored(&self) -> Self {
        let rows = self.pixels.as_chunks::<3>().0.chunks_exact(self.width as usize);
        let pixels: Vec<[u8; 3]> = rows.flat_map(|row| row.iter().rev().copied()).collect();
        Self { width: self.width, height: self.height, pixels: pixels.into_flattened() }
    }

    /// A face of [`Self::mirrored`] in this picture's coordinates, its landmarks in the order of this picture's sides.
    pub fn mirror_back(&self, face: &Face) -> Face {
        let w = self.width as f32;
        let face = map_face(face, |Point { x, y }| Point { x: w - x, y });
        let landmarks = face
            .landmarks
            .map(|[eye, other_eye, nose, mouth, other_mouth]| [other_eye, eye, nose, other_mouth, mouth]);
        Face { landmarks, ..face }
    }

    /// A face of [`Self::turned`]`(quarters)` in this picture's coordinates.
    pub fn turn_back(&self, face: &Face, quarters: u32) -> Face {
        let (w, h) = (self.width as f32, self.height as f32);
        map_face(face, |Point { x, y }| match quarters % 4 {
            0 => Point { x, y },
            1 => Point { x: y, y: h - x },
            2 => Point { x: w - x, y: h - y },
            _ => Point { x: w - y, y: x },
        })
    }
}

/// A face with all its points moved by `to`, which must take rectangles to rectangles.
pub fn map_face(face: &Face, to: impl Fn(Point) -> Point) -> Face {
    let rect = |r: RectF| {
        let (a, b) = (to(Point { x: r.left, y: r.top }), to(Point { x: r.right, y: r.bottom }));
        RectF { left: a.x.min(b.x), top: a.y.min(b.y), right: a.x.max(b.x), bottom: a.y.max(b.y) }
    };
    Face {
        rect: rect(face.rect),
        score: face.score,
        landmarks: face.landmarks.map(|points| points.map(&to)),
        also: face.also.iter().map(|r| rect(*r)).collect(),
    }
}

/// Opacity is weighed by the backdrop afterwards; the colours beneath it must not be lost.
pub(crate) fn resize(
    samples: &[u8],
    (width, height): (u32, u32),
    channels: usize,
    depth: Depth,
    to: (u32, u32),
) -> Result<Vec<u8>, DetectError> {
    faceveil_resize::resize(samples, (width, height), channels, depth, to).map_err(|e| DetectError::Resize {
        width,
        height,
        problem: e.to_string(),
    })
}

/// Converts interleaved samples to RGB.
fn push_row<T: Copy>(
    color: Color,
    backdrop: Backdrop,
    samples: &[T],
    to_8: impl Fn(T) -> u8,
    pixels: &mut Vec<u8>,
) {
    for from in samples.chunks_exact(color.channels()) {
        let mut pixel = [0; 4];
        for (to, from) in pixel.iter_mut().zip(from) {
            *to = to_8(*from);
        }
        let rgb = to_rgb(color, pixel);
        if color.has_alpha() && backdrop == Backdrop::White {
            let alpha = u32::from(pixel[color.channels() - 1]);
            pixels.extend(rgb.map(|c| ((u32::from(c) * alpha + 255 * (255 - alpha)) / 255) as u8));
        } else {
            pixels.extend(rgb);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> RgbImage {
        let pixels = (0..2 * 3 * 3).map(|i| i as u8).collect();
        RgbImage { width: 2, height: 3, pixels }
    }

    #[test]
    fn four_turns_are_none_and_points_come_back() {
        let image = small();
        for quarters in 0..4 {
            let turned = image.turned(quarters);
            assert_eq!(turned.turned(4 - quarters).pixels, image.pixels, "{quarters}");
            // Put a face on each pixel of the turned picture: it must come back to the pixel's origin.
            for (i, pixel) in turned.pixels.as_chunks::<3>().0.iter().enumerate() {
                let (x, y) = ((i as u32 % turned.width) as f32, (i as u32 / turned.width) as f32);
                let rect = RectF { left: x, top: y, right: x + 1.0, bottom: y + 1.0 };
                let back = image
                    .turn_back(&Face { rect, score: 1.0, landmarks: None, also: Vec::new() }, quarters)
                    .rect;
                let at = (back.top as usize * 2 + back.left as usize) * 3;
                assert_eq!(&image.pixels[at..at + 3], pixel, "{quarters} {x} {y}");
            }
        }
    }

    #[test]
    fn transparent_pixels_are_seen_both_ways() {
        let raster = Raster::new(1, 1, Color::Rgba, Samples::U8(vec![10, 20, 30, 0])).unwrap();
        let all = Rect { left: 0, top: 0, right: 1, bottom: 1 };
        assert_eq!(RgbImage::crop(&raster, all, Backdrop::None).pixels, [10, 20, 30]);
        assert_eq!(RgbImage::crop(&raster, all, Backdrop::White).pixels, [255, 255, 255]);
        assert_eq!(RgbImage::shrunk(&raster, 1, 1, Backdrop::None).unwrap().pixels, [10, 20, 30]);
    }

    #[test]
    fn ink_and_deep_samples_become_rgb() {
        let all = Rect { left: 0, top: 0, right: 1, bottom: 1 };
        let ink = Raster::new(1, 1, Color::Cmyk, Samples::U8(vec![255, 0, 0, 0])).unwrap();
        assert_eq!(RgbImage::crop(&ink, all, Backdrop::None).pixels, [0, 255, 255]);
        let deep = Raster::new(1, 1, Color::Gray, Samples::U16(vec![0x8001])).unwrap();
        assert_eq!(RgbImage::crop(&deep, all, Backdrop::None).pixels, [128; 3]);
        assert_eq!(RgbImage::shrunk(&deep, 1, 1, Backdrop::None).unwrap().pixels, [128; 3]);
    }
}
