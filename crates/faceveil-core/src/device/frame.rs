//! A camera's frame.

use core::fmt;

/// How a pixel lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelLayout {
    /// Three bytes: red, green, blue.
    Rgb888,
    /// Two bytes, little-endian: red in the upper 5 bits, green in 6, blue in the lower 5.
    Rgb565,
    /// Four bytes for two pixels: luma, blue chroma, luma, red chroma (YUYV), BT.601 with the full range.
    Yuv422,
}

impl PixelLayout {
    /// Bytes a pixel.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Rgb888 => 3,
            Self::Rgb565 | Self::Yuv422 => 2,
        }
    }
}

/// A frame without gaps between its rows, to be changed in place.
#[derive(Debug)]
pub struct CameraFrame<'a> {
    layout: PixelLayout,
    width: usize,
    height: usize,
    bytes: &'a mut [u8],
}

/// The longest side of a frame.
const MOST: usize = 1 << 12;

/// A size that cannot be, or bytes that do not fit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// A side is 0 or beyond 4096 pixels, or pairs of pixels do not fill the rows.
    Size {
        /// Pixels a row.
        width: usize,
        /// Rows.
        height: usize,
    },
    /// More or fewer bytes than the frame has.
    Bytes {
        /// Bytes needed.
        need: usize,
        /// Bytes there.
        got: usize,
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Size { width, height } => write!(f, "no frame of {width}×{height} pixels"),
            Self::Bytes { need, got } => write!(f, "the frame needs {need} bytes, got {got}"),
        }
    }
}

impl core::error::Error for FrameError {}

impl<'a> CameraFrame<'a> {
    /// # Errors
    /// [`FrameError`] if the size cannot be or the bytes do not fit it.
    pub fn new(
        layout: PixelLayout,
        (width, height): (usize, usize),
        bytes: &'a mut [u8],
    ) -> Result<Self, FrameError> {
        let whole = layout != PixelLayout::Yuv422 || width.is_multiple_of(2);
        if !(1..=MOST).contains(&width) || !(1..=MOST).contains(&height) || !whole {
            return Err(FrameError::Size { width, height });
        }
        let (need, got) = (width * height * layout.bytes(), bytes.len());
        if need == got {
            Ok(Self { layout, width, height, bytes })
        } else {
            Err(FrameError::Bytes { need, got })
        }
    }

    /// Pixels a row, and rows.
    pub fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// Adds the first of each pair of pixels of a row from `first` (even) up to `end` to the first sum, and to the second
    /// one those whose bit is set; the first one's is the lowest.
    pub(super) fn add(&self, y: usize, (first, end): (usize, usize), bits: u32, sums: [&mut Sum; 2]) {
        let pixel = self.layout.bytes();
        let start = y * self.width;
        let row = self.bytes.get((start + first) * pixel..(start + end) * pixel).unwrap_or_default();
        match self.layout {
            PixelLayout::Rgb888 => {
                add_pairs(row, bits, sums, |&[a, b, c, ..]: &[u8; 6]| [a, b, c].map(u32::from))
            }
            PixelLayout::Rgb565 => add_pairs(row, bits, sums, |&[low, high, ..]: &[u8; 4]| {
                let word = u32::from(low) | u32::from(high) << 8;
                [word >> 11, word >> 5 & 63, word & 31]
            }),
            PixelLayout::Yuv422 => {
                add_pairs(row, bits, sums, |&[a, b, _, d]: &[u8; 4]| [a, b, d].map(u32::from))
            }
        }
    }

    /// Mean luma and chromas (blue, red; around 0) in 256ths of a grey level; 0 of nothing.
    pub(super) fn mean(&self, sum: &Sum) -> [i32; 3] {
        if sum.count == 0 {
            return [0; 3];
        }
        // Pixels of RGB565 have 5, 6 and 5 bits for 0 to 255.
        let tops = if self.layout == PixelLayout::Rgb565 { [31, 63, 31] } else { [255; 3] };
        let mut means = [0; 3];
        for (mean, (color, top)) in means.iter_mut().zip(sum.colors.into_iter().zip(tops)) {
            // The largest frame has 2²² pairs, so that nothing overflows.
            let parts = (color / sum.count * 256) + (color % sum.count * 256) / sum.count;
            *mean = (parts * 255 / top) as i32;
        }
        let [first, second, third] = means;
        match self.layout {
            PixelLayout::Yuv422 => [first, second - (128 << 8), third - (128 << 8)],
            // BT.601 as in `to_rgb`.
            PixelLayout::Rgb888 | PixelLayout::Rgb565 => [
                (77 * first + 150 * second + 29 * third) >> 8,
                (-43 * first - 85 * second + 128 * third) >> 8,
                (128 * first - 107 * second - 21 * third) >> 8,
            ],
        }
    }

    /// A colour (luma, blue, red; chromas around 128) as [`Self::put`] and [`Self::fill`] write it.
    pub(super) fn encode(&self, color: [u8; 3]) -> Ink {
        let [red, green, blue] = to_rgb(color);
        let [luma, chroma_blue, chroma_red] = color;
        let short = u16::from(red >> 3) << 11 | u16::from(green >> 2) << 5 | u16::from(blue >> 3);
        let [low, high] = short.to_le_bytes();
        Ink(match self.layout {
            PixelLayout::Rgb888 => [red, green, blue, 0],
            PixelLayout::Rgb565 => [low, high, low, high],
            PixelLayout::Yuv422 => [luma, chroma_blue, luma, chroma_red],
        })
    }

    /// Replaces a pixel. Chroma that two pixels share is replaced with either.
    pub(super) fn put(&mut self, x: usize, y: usize, Ink(ink): Ink) {
        let (index, pixel) = (y * self.width + x, self.layout.bytes());
        // The lumas of a pair are alike, so that of YUV422 the pair's bytes but the other pixel's luma are written.
        let shared = self.layout == PixelLayout::Yuv422;
        let start = if shared { index / 2 * 4 } else { index * pixel };
        let other = if shared { 2 - index % 2 * 2 } else { usize::MAX };
        let end = start + if shared { 4 } else { pixel };
        let bytes = self.bytes.get_mut(start..end).unwrap_or_default();
        for (at, (byte, ink)) in bytes.iter_mut().zip(ink).enumerate() {
            if at != other {
                *byte = ink;
            }
        }
    }

    /// Replaces 32 pixels from `x` (even) on, pair by pair.
    pub(super) fn fill(&mut self, x: usize, y: usize, inks: &[Ink; 16]) {
        let (index, pixel) = (y * self.width + x, self.layout.bytes());
        let row = self.bytes.get_mut(index * pixel..(index + 32) * pixel).unwrap_or_default();
        for (pair, Ink(ink)) in row.chunks_exact_mut(2 * pixel).zip(inks) {
            if let Ok(pair) = <&mut [u8; 4]>::try_from(&mut *pair) {
                *pair = *ink;
            } else {
                pair.iter_mut().zip(ink.iter().take(3).cycle()).for_each(|(byte, ink)| *byte = *ink);
            }
        }
    }
}

/// Colours summed up, in the frame's own channels and levels. The largest frame's fit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    colors: [u32; 3],
    count: u32,
}

impl Sum {
    fn add(&mut self, colors: [u32; 3], count: u32) {
        self.colors.iter_mut().zip(colors).for_each(|(sum, color)| *sum += color);
        self.count += count;
    }
}

/// See [`CameraFrame::add`]; `split` tells the channels of a pair's first pixel.
#[inline(always)]
fn add_pairs<const N: usize>(
    row: &[u8],
    bits: u32,
    sums: [&mut Sum; 2],
    split: impl Fn(&[u8; N]) -> [u32; 3],
) {
    let (mut all, mut kept, mut rest) = ([0; 3], [0; 3], bits);
    let pairs = row.chunks_exact(N);
    let count = pairs.len() as u32;
    for pair in pairs {
        let Ok(pair) = pair.try_into() else { continue };
        for ((all, kept), color) in all.iter_mut().zip(&mut kept).zip(split(pair)) {
            *all += color;
            *kept += color * (rest & 1);
        }
        rest >>= 2;
    }
    let seen = u32::MAX.checked_shr(32 - (2 * count).min(32)).unwrap_or(0) & 0x5555_5555;
    let [first, second] = sums;
    first.add(all, count);
    second.add(kept, (bits & seen).count_ones());
}

/// A pair of pixels of one colour in the frame's layout; of RGB888 only the first one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ink([u8; 4]);

/// BT.601, full range (JFIF 1.02), in 8.8 fixed point, ties up.
pub(super) fn to_rgb([luma, blue, red]: [u8; 3]) -> [u8; 3] {
    let (luma, blue, red) = (i32::from(luma), i32::from(blue) - 128, i32::from(red) - 128);
    let rgb = [
        luma + ((359 * red + 128) >> 8),
        luma - ((88 * blue + 183 * red + 128) >> 8),
        luma + ((454 * blue + 128) >> 8),
    ];
    rgb.map(|v| v.clamp(0, 255) as u8)
}
