//! Turning a picture upright by its EXIF orientation.

use faceveil_core::raster::{Raster, RasterError, Samples, SamplesMut};

/// EXIF 2.32 tag 0x0112, `1..=8`: which side of the scene row 0 and column 0 show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Orientation(u8);

/// Output rows turned at a time: both pictures stay in the cache.
const BAND: usize = 32;

impl Orientation {
    pub(crate) const UPRIGHT: Self = Self(1);

    pub(crate) fn new(value: u32) -> Option<Self> {
        (1..=8).contains(&value).then_some(Self(value as u8))
    }

    /// Whether width and height change places.
    pub(crate) fn swaps_sides(self) -> bool {
        self.0 >= 5
    }

    /// Whether stored columns come in reversed order.
    pub(crate) fn mirrors_columns(self) -> bool {
        matches!(self.0, 2 | 3 | 7 | 8)
    }

    /// Whether stored rows come in reversed order.
    pub(crate) fn mirrors_rows(self) -> bool {
        matches!(self.0, 3 | 4 | 6 | 7)
    }

    /// Turns the picture upright. 2, 3 and 4 work in place; 5 to 8 need a second copy until done.
    pub(crate) fn apply(self, mut raster: Raster) -> Result<Raster, RasterError> {
        let (width, height, color) = (raster.width(), raster.height(), raster.color());
        let channels = color.channels();
        if !self.swaps_sides() {
            match raster.samples_mut() {
                SamplesMut::U8(v) => self.mirror(v, width as usize, channels),
                SamplesMut::U16(v) => self.mirror(v, width as usize, channels),
            }
            return Ok(raster);
        }
        let size = (width as usize, height as usize);
        let samples = match raster.samples() {
            Samples::U8(v) => Samples::U8(self.turn(v, size, channels)),
            Samples::U16(v) => Samples::U16(self.turn(v, size, channels)),
        };
        Raster::new(height, width, color, samples)
    }

    fn mirror<T>(self, samples: &mut [T], width: usize, channels: usize) {
        match self.0 {
            2 => samples.chunks_exact_mut(width * channels).for_each(|row| reverse_pixels(row, channels)),
            3 => reverse_pixels(samples, channels),
            4 => reverse_pixels(samples, width * channels),
            _ => {}
        }
    }

    fn turn<T: Copy + Default>(self, from: &[T], size: (usize, usize), channels: usize) -> Vec<T> {
        match channels {
            1 => self.turn_pixels::<T, 1>(from, size),
            2 => self.turn_pixels::<T, 2>(from, size),
            3 => self.turn_pixels::<T, 3>(from, size),
            _ => self.turn_pixels::<T, 4>(from, size),
        }
    }

    /// Pixel `(x, y)` of the result is pixel `(y, x)` of `from`, the latter's column counted from
    /// the right for 7 and 8, its row from the bottom for 6 and 7.
    fn turn_pixels<T: Copy + Default, const N: usize>(
        self,
        from: &[T],
        (width, height): (usize, usize),
    ) -> Vec<T> {
        let (from, _) = from.as_chunks::<N>();
        let mut turned = vec![T::default(); from.len() * N];
        let (pixels, _) = turned.as_chunks_mut::<N>();
        for (band, rows) in pixels.chunks_mut(height * BAND).enumerate() {
            for x in 0..height {
                let from_row = if self.mirrors_rows() { height - 1 - x } else { x };
                for (y, row) in rows.chunks_exact_mut(height).enumerate() {
                    let y = band * BAND + y;
                    let from_column = if self.mirrors_columns() { width - 1 - y } else { y };
                    row[x] = from[from_row * width + from_column];
                }
            }
        }
        turned
    }
}

/// Reverses the order of groups of `size` samples, each group as it is.
fn reverse_pixels<T>(samples: &mut [T], size: usize) {
    let mut rest = samples;
    while rest.len() >= 2 * size {
        let (first, tail) = rest.split_at_mut(size);
        let (middle, last) = tail.split_at_mut(tail.len() - size);
        first.swap_with_slice(last);
        rest = middle;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use faceveil_core::raster::Color;

    /// `ABC / DEF`, stored as each orientation would store it, comes out as `ABC / DEF`.
    #[test]
    fn all_eight_come_out_upright() {
        let cases: [(u32, u32, &[u8]); 8] = [
            (1, 3, b"ABCDEF"),
            (2, 3, b"CBAFED"),
            (3, 3, b"FEDCBA"),
            (4, 3, b"DEFABC"),
            (5, 2, b"ADBECF"),
            (6, 2, b"CFBEAD"),
            (7, 2, b"FCEBDA"),
            (8, 2, b"DAEBFC"),
        ];
        for (orientation, width, stored) in cases {
            for color in [Color::Gray, Color::GrayAlpha, Color::Rgb, Color::Rgba] {
                let n = color.channels();
                let spread = |b: &[u8]| -> Vec<u8> {
                    b.iter().flat_map(|&p| (0..n as u8).map(move |c| p + c * 32)).collect()
                };
                let samples = spread(stored);
                let wide = Samples::U16(samples.iter().map(|&s| u16::from(s) * 257).collect());
                for (samples, want) in [
                    (Samples::U8(samples.clone()), Samples::U8(spread(b"ABCDEF"))),
                    (wide, Samples::U16(spread(b"ABCDEF").iter().map(|&s| u16::from(s) * 257).collect())),
                ] {
                    let raster = Raster::new(width, 6 / width, color, samples).unwrap();
                    let upright = Orientation::new(orientation).unwrap().apply(raster).unwrap();
                    assert_eq!((upright.width(), upright.height()), (3, 2), "{orientation} {color:?}");
                    assert_eq!(upright.samples(), &want, "{orientation} {color:?}");
                }
            }
        }
    }

    /// Sizes around the band: every pixel lands where the definition says.
    #[test]
    fn bands_leave_no_seam() {
        for (width, height) in [(1, 1), (31, 5), (32, 33), (65, 2), (1, 70)] {
            let stored: Vec<u16> = (0..width * height).map(|i| i as u16).collect();
            let raster = Raster::new(width, height, Color::Gray, Samples::U16(stored)).unwrap();
            let turned = Orientation(6).apply(raster).unwrap();
            let Samples::U16(samples) = turned.samples() else { unreachable!() };
            for y in 0..width {
                for x in 0..height {
                    let got = samples[(y * height + x) as usize];
                    let want = ((height - 1 - x) * width + y) as u16;
                    assert_eq!(got, want, "{width}×{height} at ({x}, {y})");
                }
            }
        }
    }
}
