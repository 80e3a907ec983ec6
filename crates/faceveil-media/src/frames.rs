//! Animations: frames put together on their canvas, each as it is shown.

use crate::{DecodeError, Delay, Format, Limits};
use faceveil_core::raster::{Color, Raster, RasterError, Samples};

/// Frames of an animation at most.
const MAX_FRAMES: usize = 10_000;

/// A sample that can be blended.
pub(crate) trait Sample: Copy + Default + PartialEq + Into<u64> {
    /// Full opacity.
    const OPAQUE: Self;
    fn from_u64(value: u64) -> Self;
    fn samples(all: Vec<Self>) -> Samples;
}

impl Sample for u8 {
    const OPAQUE: Self = u8::MAX;
    fn from_u64(value: u64) -> Self {
        value as u8
    }
    fn samples(all: Vec<Self>) -> Samples {
        Samples::U8(all)
    }
}

impl Sample for u16 {
    const OPAQUE: Self = u16::MAX;
    fn from_u64(value: u64) -> Self {
        value as u16
    }
    fn samples(all: Vec<Self>) -> Samples {
        Samples::U16(all)
    }
}

/// A part of the canvas, in pixels; it lies within the canvas.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub left: usize,
    pub top: usize,
    pub width: usize,
    pub height: usize,
}

/// What becomes of a frame's place before the next one is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposal {
    Keep,
    Clear,
    Restore,
}

/// The picture on which frames are put, in red, green, blue and opacity.
pub(crate) struct Canvas<T> {
    width: usize,
    height: usize,
    pixels: Vec<[T; 4]>,
}

impl<T: Sample> Canvas<T> {
    pub fn new(width: u32, height: u32) -> Self {
        let (width, height) = (width as usize, height as usize);
        Self { width, height, pixels: vec![[T::default(); 4]; width * height] }
    }

    /// Puts a frame in its place, and returns the canvas as it is shown. `over` blends, else opacity is
    /// replaced too. `None` if the frame does not lie within the canvas or has too few pixels.
    pub fn show(
        &mut self,
        frame: &[[T; 4]],
        place: Place,
        over: bool,
        after: Disposal,
    ) -> Option<Vec<[T; 4]>> {
        let Place { left, top, width, height } = place;
        let fits = left.checked_add(width)? <= self.width && top.checked_add(height)? <= self.height;
        if !fits || frame.len() != width * height || width == 0 {
            return None;
        }
        let before = (after == Disposal::Restore).then(|| self.pixels.clone());
        for (from, to) in frame.chunks_exact(width).zip(self.rows(place)) {
            for (&from, to) in from.iter().zip(to) {
                *to = if over { blend(from, *to) } else { from };
            }
        }
        let shown = self.pixels.clone();
        match (after, before) {
            (Disposal::Restore, Some(before)) => self.pixels = before,
            (Disposal::Clear, _) => self.rows(place).for_each(|row| row.fill([T::default(); 4])),
            _ => {}
        }
        Some(shown)
    }

    fn rows(&mut self, Place { left, top, width, height }: Place) -> impl Iterator<Item = &mut [[T; 4]]> {
        let rows = self.pixels.chunks_exact_mut(self.width);
        rows.skip(top).take(height).map(move |row| &mut row[left..left + width])
    }
}

/// `from` over `to`, both with opacity that is not multiplied in (APNG 1.0, blend operation 1).
fn blend<T: Sample>(from: [T; 4], to: [T; 4]) -> [T; 4] {
    if from[3] == T::OPAQUE || to[3] == T::default() {
        return if from[3] == T::default() { [T::default(); 4] } else { from };
    }
    let most: u64 = T::OPAQUE.into();
    let (a, b): (u64, u64) = (from[3].into(), to[3].into());
    if a == 0 {
        return to;
    }
    // Both opacities times `most`.
    let (u, v) = (a * most, (most - a) * b);
    let mix = |c: usize| {
        let (f, t): (u64, u64) = (from[c].into(), to[c].into());
        T::from_u64((f * u + t * v + (u + v) / 2) / (u + v))
    };
    [mix(0), mix(1), mix(2), T::from_u64((u + v + most / 2) / most)]
}

/// A shown picture, without opacity where none of it is seen through.
pub(crate) fn raster<T: Sample>(
    width: u32,
    height: u32,
    pixels: Vec<[T; 4]>,
    alpha: bool,
) -> Result<Raster, RasterError> {
    if alpha {
        return Raster::new(width, height, Color::Rgba, T::samples(pixels.into_flattened()));
    }
    let samples = pixels.iter().flat_map(|&[r, g, b, _]| [r, g, b]).collect();
    Raster::new(width, height, Color::Rgb, T::samples(samples))
}

/// Whether something is seen through the pixels.
pub(crate) fn has_alpha<T: Sample>(pixels: &[[T; 4]]) -> bool {
    pixels.iter().any(|p| p[3] != T::OPAQUE)
}

/// Checks a frame's number, counted from 1, and the pixels of all frames up to it.
pub(crate) fn check(
    format: Format,
    (width, height): (u32, u32),
    frames: usize,
    limits: &Limits,
) -> Result<(), DecodeError> {
    limits.check(width, height)?;
    if frames > MAX_FRAMES {
        return Err(DecodeError::TooManyPages { format, limit: MAX_FRAMES });
    }
    let pixels = (u64::from(width) * u64::from(height)).saturating_mul(frames as u64);
    let limit = limits.max_pixels;
    if pixels > limit {
        return Err(DecodeError::TooManyPixelsInAll { format, pixels, limit });
    }
    Ok(())
}

impl Delay {
    pub(crate) fn hundredths(n: u16) -> Self {
        Self { numerator: n.into(), denominator: 100 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAR: [u8; 4] = [0; 4];
    const RED: [u8; 4] = [255, 0, 0, 255];
    const BLUE: [u8; 4] = [0, 0, 255, 255];

    fn place(left: usize, width: usize) -> Place {
        Place { left, top: 0, width, height: 1 }
    }

    #[test]
    fn disposals_leave_what_they_say() {
        for (after, next) in [
            (Disposal::Keep, vec![BLUE, RED, CLEAR]),
            (Disposal::Clear, vec![BLUE, CLEAR, CLEAR]),
            (Disposal::Restore, vec![BLUE, CLEAR, CLEAR]),
        ] {
            let mut canvas = Canvas::<u8>::new(3, 1);
            let first = canvas.show(&[RED, RED], place(0, 2), false, after).unwrap();
            assert_eq!(first, [RED, RED, CLEAR], "{after:?}");
            assert_eq!(canvas.show(&[BLUE], place(0, 1), true, Disposal::Keep).unwrap(), next, "{after:?}");
        }
    }

    #[test]
    fn opacity_blends() {
        assert_eq!(blend([200, 0, 0, 0], RED), RED);
        assert_eq!(blend([0, 0, 255, 128], RED), [127, 0, 128, 255]);
        assert_eq!(blend([9, 9, 9, 128], CLEAR), [9, 9, 9, 128]);
        assert_eq!(blend([0u16, 0, 65_535, 32_768], [65_535, 0, 0, 65_535]), [32_767, 0, 32_768, 65_535]);
    }

    #[test]
    fn frames_outside_are_refused() {
        let mut canvas = Canvas::<u8>::new(3, 1);
        assert!(canvas.show(&[RED; 2], place(2, 2), false, Disposal::Keep).is_none());
        assert!(canvas.show(&[RED], place(0, 2), false, Disposal::Keep).is_none());
        assert!(canvas.show(&[RED], place(usize::MAX, 1), false, Disposal::Keep).is_none());
    }
}
