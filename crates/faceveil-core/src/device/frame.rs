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
        let whole = layout != PixelLayout::Yuv422 || width % 2 == 0;
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

    /// Luma and the two chromas (blue, red) of a pixel, chromas around 128; 0 outside.
    pub(super) fn color(&self, x: usize, y: usize) -> [u8; 3] {
        let at = |i: usize| self.bytes.get(i).copied().unwrap_or(0);
        let index = y * self.width + x;
        match self.layout {
            PixelLayout::Rgb888 => to_yuv([at(3 * index), at(3 * index + 1), at(3 * index + 2)]),
            PixelLayout::Rgb565 => {
                let word = u16::from_le_bytes([at(2 * index), at(2 * index + 1)]);
                let (red, green, blue) = (word >> 11, word >> 5 & 63, word & 31);
                to_yuv([red << 3 | red >> 2, green << 2 | green >> 4, blue << 3 | blue >> 2].map(|v| v as u8))
            }
            PixelLayout::Yuv422 => [at(2 * index), at(index / 2 * 4 + 1), at(index / 2 * 4 + 3)],
        }
    }

    /// Replaces a pixel. Chroma that two pixels share is replaced with either.
    pub(super) fn put(&mut self, x: usize, y: usize, color: [u8; 3]) {
        let index = y * self.width + x;
        match self.layout {
            PixelLayout::Rgb888 => {
                if let Some(pixel) = self.bytes.get_mut(3 * index..3 * index + 3) {
                    pixel.copy_from_slice(&to_rgb(color));
                }
            }
            PixelLayout::Rgb565 => {
                let [red, green, blue] = to_rgb(color).map(u16::from);
                let word = (red >> 3) << 11 | (green >> 2) << 5 | blue >> 3;
                if let Some(pixel) = self.bytes.get_mut(2 * index..2 * index + 2) {
                    pixel.copy_from_slice(&word.to_le_bytes());
                }
            }
            PixelLayout::Yuv422 => {
                if let Some([even, blue, odd, red]) = self.bytes.get_mut(index / 2 * 4..index / 2 * 4 + 4) {
                    *(if index & 1 == 0 { even } else { odd }) = color[0];
                    (*blue, *red) = (color[1], color[2]);
                }
            }
        }
    }
}

/// BT.601, full range (JFIF 1.02), in 8.8 fixed point, ties up.
pub(super) fn to_yuv(rgb: [u8; 3]) -> [u8; 3] {
    let [red, green, blue] = rgb.map(i32::from);
    let luma = (77 * red + 150 * green + 29 * blue + 128) >> 8;
    let chroma_blue = ((-43 * red - 85 * green + 128 * blue + 128) >> 8) + 128;
    let chroma_red = ((128 * red - 107 * green - 21 * blue + 128) >> 8) + 128;
    [luma, chroma_blue, chroma_red].map(|v| v.clamp(0, 255) as u8)
}

/// The inverse, likewise.
pub(super) fn to_rgb([luma, blue, red]: [u8; 3]) -> [u8; 3] {
    let (luma, blue, red) = (i32::from(luma), i32::from(blue) - 128, i32::from(red) - 128);
    let rgb = [
        luma + ((359 * red + 128) >> 8),
        luma - ((88 * blue + 183 * red + 128) >> 8),
        luma + ((454 * blue + 128) >> 8),
    ];
    rgb.map(|v| v.clamp(0, 255) as u8)
}
