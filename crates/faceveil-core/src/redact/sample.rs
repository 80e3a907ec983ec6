//! Samples of 8 and 16 bits as shares `0.0..=1.0` of their maximum, and colours in a raster's model.

use crate::raster::Color;

/// The most samples a pixel has.
pub(super) const MOST_CHANNELS: usize = 4;

/// The samples of one pixel as shares of the maximum; those beyond the model's channels are 0.
pub(super) type Pixel = [f32; MOST_CHANNELS];

/// A sample of a raster.
pub(super) trait Sample: Copy + Default {
    /// The largest sample.
    const FULL: f32;

    /// For sums.
    fn widen(self) -> u32;

    /// The sample nearest to `value`, ties to even.
    fn nearest(value: f32) -> Self;

    /// `from` and `to` mixed, `share` of `to`.
    fn mix(from: Self, to: Self, share: f32) -> Self {
        let (from, to) = (from.widen() as f32, to.widen() as f32);
        Self::nearest(from + (to - from) * share)
    }
}

impl Sample for u8 {
    const FULL: f32 = 255.0;

    fn widen(self) -> u32 {
        self.into()
    }

    fn nearest(value: f32) -> Self {
        nearest(value, Self::FULL) as Self
    }
}

impl Sample for u16 {
    const FULL: f32 = 65535.0;

    fn widen(self) -> u32 {
        self.into()
    }

    fn nearest(value: f32) -> Self {
        nearest(value, Self::FULL) as Self
    }
}

/// `value` clamped to `0.0..=max` (below 2^23) and rounded. `as` would check each value for NaN and
/// range, which costs several times as much in the inner loops; here the addition leaves the rounded
/// number in the lowest bits.
fn nearest(value: f32, max: f32) -> u32 {
    const SHIFT: f32 = 8_388_608.0;
    (value.max(0.0).min(max) + SHIFT).to_bits() - SHIFT.to_bits()
}

/// The luma of ITU-R BT.601 of RGB shares.
pub(super) fn luma([red, green, blue]: [f32; 3]) -> f32 {
    0.299 * red + 0.587 * green + 0.114 * blue
}

/// RGB shares as an opaque pixel of `color`; for ink, the grey part goes to black.
pub(super) fn from_rgb(color: Color, rgb: [f32; 3]) -> Pixel {
    let [red, green, blue] = rgb;
    match color {
        Color::Gray => [luma(rgb), 0.0, 0.0, 0.0],
        Color::GrayAlpha => [luma(rgb), 1.0, 0.0, 0.0],
        Color::Rgb => [red, green, blue, 0.0],
        Color::Rgba => [red, green, blue, 1.0],
        Color::Cmyk => {
            let light = red.max(green).max(blue);
            let ink = |v: f32| if light > 0.0 { 1.0 - v / light } else { 0.0 };
            [ink(red), ink(green), ink(blue), 1.0 - light]
        }
    }
}

/// A pixel of `color` as RGB shares; opacity is ignored, ink is subtracted from white.
pub(super) fn to_rgb(color: Color, [a, b, c, d]: Pixel) -> [f32; 3] {
    match color {
        Color::Gray | Color::GrayAlpha => [a; 3],
        Color::Rgb | Color::Rgba => [a, b, c],
        Color::Cmyk => [a, b, c].map(|ink| (1.0 - ink) * (1.0 - d)),
    }
}

/// An 8-bit colour as shares.
pub(super) fn shares(rgb: [u8; 3]) -> [f32; 3] {
    rgb.map(|v| f32::from(v) / 255.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_survive_the_way_there_and_back() {
        for color in [Color::Rgb, Color::Rgba, Color::Cmyk] {
            for rgb in [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.9, 0.1, 0.4], [0.0, 0.5, 0.25]] {
                let back = to_rgb(color, from_rgb(color, rgb));
                for (want, got) in rgb.iter().zip(back) {
                    assert!((want - got).abs() < 1e-6, "{color:?} {rgb:?}: {back:?}");
                }
            }
        }
    }

    #[test]
    fn nearest_rounds_and_saturates() {
        for (value, want) in
            [(-3.0, 0), (0.49, 0), (0.51, 1), (127.4, 127), (254.6, 255), (255.99, 255), (300.0, 255)]
        {
            assert_eq!(u8::nearest(value), want, "{value}");
        }
        assert_eq!((u16::nearest(65535.4), u16::nearest(1e9), u16::nearest(f32::NAN)), (65535, 65535, 0));
        for v in 0..=u16::MAX {
            assert_eq!(u16::nearest(v.into()), v);
        }
    }

    #[test]
    fn mix_of_equals_is_the_same() {
        for v in [0u16, 1, 257, 65535] {
            assert_eq!(u16::mix(v, v, 0.37), v);
        }
        assert_eq!((u8::mix(0, 255, 0.0), u8::mix(0, 255, 1.0), u8::mix(10, 20, 0.5)), (0, 255, 15));
    }
}
