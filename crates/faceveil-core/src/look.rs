//! Frames of a video as detectors want to see them: RGB of 8 bits, shrunk by a whole factor.

use alloc::vec::Vec;

use crate::raster::Samples;
use crate::redact::{Matrix, SampleRange, YuvLayout};
use crate::shrink::{Rows, means, rows_of};

/// Bits behind the point of the conversion's factors.
const POINT: u32 = 14;

/// An RGB picture of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Red, green, blue of each pixel, row by row.
    pub rgb: Vec<u8>,
}

/// The RGB picture of a frame whose planes follow each other without padding, shrunk by `factor` (at least 1) in both
/// directions; a rest at the right and the bottom that is narrower than the factor is not shown unless it is all there
/// is. Without chroma planes it is grey. `None` if the samples are too few for the layout, or a side is 0.
pub fn look(samples: &Samples, layout: &YuvLayout, factor: u32) -> Option<Look> {
    match samples {
        Samples::U8(samples) => shrink(samples, layout, factor),
        Samples::U16(samples) => shrink(samples, layout, factor),
    }
}

/// Factors of one conversion, by [`POINT`].
struct Factors {
    black: i32,
    zero: i32,
    luma: i32,
    red: i32,
    green_blue: i32,
    green_red: i32,
    blue: i32,
}

impl Factors {
    /// From the mean of samples of 8 bits; formulas as in [`YuvLayout`].
    fn of(layout: &YuvLayout) -> Self {
        let (kr, kb) = match layout.matrix {
            Matrix::Bt601 => (0.299f32, 0.114f32),
            Matrix::Bt709 => (0.2126, 0.0722),
            Matrix::Bt2020 => (0.2627, 0.0593),
        };
        let (black, luma, chroma) = match layout.range {
            SampleRange::Limited => (16, 255.0 / 219.0, 255.0 / 224.0),
            SampleRange::Full => (0, 1.0, 1.0),
        };
        let fixed = |v: f32| libm::roundf(v * (1 << POINT) as f32) as i32;
        let (red, blue) = (2.0 * (1.0 - kr) * chroma, 2.0 * (1.0 - kb) * chroma);
        let green = 1.0 - kr - kb;
        Self {
            black,
            zero: 128,
            luma: fixed(luma),
            red: fixed(red),
            green_blue: fixed(kb * blue / green),
            green_red: fixed(kr * red / green),
            blue: fixed(blue),
        }
    }

    fn rgb(&self, luma: i32, blue: i32, red: i32) -> [u8; 3] {
        let light = (luma - self.black) * self.luma + (1 << (POINT - 1));
        let (blue, red) = (blue - self.zero, red - self.zero);
        let all = [
            light + red * self.red,
            light - blue * self.green_blue - red * self.green_red,
            light + blue * self.blue,
        ];
        all.map(|v| (v >> POINT).clamp(0, 255) as u8)
    }
}

fn shrink<T: Copy + Into<u32>>(samples: &[T], layout: &YuvLayout, factor: u32) -> Option<Look> {
    let (width, height) = (layout.width as usize, layout.height as usize);
    let (chroma_width, chroma_height) = layout.chroma_size();
    let (chroma_width, chroma_height) = (chroma_width as usize, chroma_height as usize);
    let luma = samples.get(..width.checked_mul(height)?)?;
    let rest = &samples[luma.len()..];
    let chroma = chroma_width * chroma_height;
    let planes = match rest.len() {
        0 => None,
        n if n >= 2 * chroma => Some([&rest[..chroma], &rest[chroma..2 * chroma]]),
        _ => return None,
    };
    let factor = (factor.max(1) as usize).min(width.min(height).max(1));
    if luma.is_empty() || layout.shift_x > 2 || layout.shift_y > 2 {
        return None;
    }
    let shift = u32::from(layout.depth.clamp(8, 16)) - 8;
    let size = (width / factor, height / factor);
    // Colour samples under a pixel, if they are whole; else the one in its corner stands for all.
    let whole = factor.is_multiple_of(1 << layout.shift_x);
    let (across, down) = (factor >> layout.shift_x, factor >> layout.shift_y);
    let mut lines = Lines {
        sums: Vec::new(),
        luma: alloc::vec![0; size.0],
        chroma: [alloc::vec![128; size.0], alloc::vec![128; size.0]],
    };
    let factors = Factors::of(layout);
    let mut rgb = alloc::vec![0; size.0 * size.1 * 3];
    let rows = |plane, width| Rows { plane, width, stride: width, shift };
    for (y, out) in rgb.chunks_exact_mut(size.0 * 3).enumerate() {
        let at = (y * factor, rows_of(factor));
        means(rows(luma, width), at, factor, &mut lines.sums, &mut lines.luma);
        if let Some(planes) = planes {
            let row = ((y * factor) >> layout.shift_y, rows_of(down.max(1)));
            for (plane, line) in planes.into_iter().zip(&mut lines.chroma) {
                if whole {
                    means(rows(plane, chroma_width), row, across, &mut lines.sums, line);
                } else {
                    let from = &plane[row.0 * chroma_width..][..chroma_width];
                    for (x, value) in line.iter_mut().enumerate() {
                        *value = (from[(x * factor) >> layout.shift_x].into() >> shift) as i32;
                    }
                }
            }
        }
        let tints = lines.chroma[0].iter().zip(&lines.chroma[1]);
        let pixels = out.as_chunks_mut::<3>().0.iter_mut();
        for (pixel, (&light, (&blue, &red))) in pixels.zip(lines.luma.iter().zip(tints)) {
            *pixel = factors.rgb(light, blue, red);
        }
    }
    Some(Look { width: size.0 as u32, height: size.1 as u32, rgb })
}

struct Lines {
    sums: Vec<u32>,
    luma: Vec<i32>,
    chroma: [Vec<i32>; 2],
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(width: u32, height: u32) -> YuvLayout {
        YuvLayout::yuv420(width, height)
    }

    #[test]
    fn known_colours_come_out_of_their_codes() {
        // BT.709, limited range: codes of ITU-R BT.709-6 for white, black, red, green, blue at 8 bits.
        let cases = [
            ([235, 128, 128], [255, 255, 255]),
            ([16, 128, 128], [0, 0, 0]),
            ([63, 102, 240], [255, 0, 0]),
            ([173, 42, 26], [0, 255, 0]),
            ([32, 240, 118], [0, 0, 255]),
        ];
        for ([y, cb, cr], want) in cases {
            let samples = Samples::U8([[y; 4].as_slice(), &[cb], &[cr]].concat());
            let got = look(&samples, &layout(2, 2), 1).unwrap().rgb;
            let near =
                got.as_chunks::<3>().0.iter().all(|p| p.iter().zip(&want).all(|(a, b)| a.abs_diff(*b) <= 2));
            assert!(near, "{got:?} for {want:?}");
        }
    }

    #[test]
    fn shrinking_takes_means_and_deep_samples_lose_their_low_bits() {
        let deep = YuvLayout { depth: 10, range: SampleRange::Full, ..layout(4, 4) };
        let mut samples: Vec<u16> = alloc::vec![400; 16];
        samples[0] = 800;
        samples.extend([512; 8]);
        let got = look(&Samples::U16(samples), &deep, 2).unwrap();
        assert_eq!((got.width, got.height), (2, 2));
        assert_eq!(got.rgb, [125, 125, 125, 100, 100, 100, 100, 100, 100, 100, 100, 100]);
    }

    #[test]
    fn odd_sides_grey_and_too_few_samples() {
        for factor in 1..7 {
            let grey = look(&Samples::U8(alloc::vec![126; 35]), &layout(7, 5), factor).unwrap();
            assert_eq!(
                (grey.width, grey.height),
                ((7 / factor.min(5)), (5 / factor.min(5))),
                "factor {factor}"
            );
            let full = look(&Samples::U8(alloc::vec![128; 35 + 24]), &layout(7, 5), factor);
            assert_eq!(full.map(|f| f.rgb.len()), Some((grey.width * grey.height * 3) as usize));
        }
        for count in [0, 34, 36, 58] {
            assert_eq!(look(&Samples::U8(alloc::vec![0; count]), &layout(7, 5), 1), None, "{count}");
        }
        assert_eq!(look(&Samples::U8(Vec::new()), &layout(0, 5), 1), None);
    }
}
