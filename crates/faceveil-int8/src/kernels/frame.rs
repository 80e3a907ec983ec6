//! A camera's frame as the network's input: unpacked and unshuffled as it is read, no copy of the frame.
//!
//! Channel `p` of 8 bits becomes the value `p - 128`, that is, an input scale of 1/255 and a zero point of -128. Each
//! `block` × `block` square becomes a place of `3 · block²` values in the order row, column, channel, that of TFLite's
//! SPACE_TO_DEPTH.

use super::error::{KernelError, need, within};
use super::requant::Layer;
use super::{arch, portable, shape};

/// How a pixel lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelFormat {
    /// Three bytes: red, green, blue.
    Rgb888,
    /// Two bytes, little-endian: red in the upper 5 bits, green in 6, blue in the lower 5.
    Rgb565,
    /// Four bytes for two pixels: luma, blue chroma, luma, red chroma (YUYV), BT.601 with the full range.
    Yuv422,
}

impl PixelFormat {
    /// Bytes a pixel.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Rgb888 => 3,
            Self::Rgb565 | Self::Yuv422 => 2,
        }
    }
}

/// A frame without gaps between its rows.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// How a pixel lies in memory.
    pub format: PixelFormat,
    /// Pixels a row; even for [`PixelFormat::Yuv422`].
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// The pixels.
    pub bytes: &'a [u8],
}

impl Frame<'_> {
    /// Gives the places of the unshuffled frame.
    fn check(&self, block: usize) -> Result<usize, KernelError> {
        within("width", self.width, 1, 1 << 14)?;
        within("height", self.height, 1, 1 << 14)?;
        within("block", block, 1, MOST_BLOCK)?;
        within("width modulo block", self.width % block, 0, 0)?;
        within("height modulo block", self.height % block, 0, 0)?;
        if self.format == PixelFormat::Yuv422 {
            within("width modulo 2", self.width % 2, 0, 0)?;
        }
        need("frame", self.width * self.height * self.format.bytes(), self.bytes.len())?;
        Ok(self.width / block * (self.height / block))
    }

    /// The values of square number `index`, `3 · block²` of them.
    pub(super) fn square(&self, block: usize, index: usize, values: &mut [i8]) {
        let columns = (self.width / block.max(1)).max(1);
        let (top, left) = (index / columns * block, index % columns * block);
        for (dy, line) in values.chunks_exact_mut((3 * block).max(1)).enumerate() {
            let start = (top + dy) * self.width + left;
            let pixel = self.format.bytes();
            let bytes = self.bytes.get(pixel * start..pixel * (start + block)).unwrap_or_default();
            match self.format {
                PixelFormat::Rgb888 => {
                    line.iter_mut().zip(bytes).for_each(|(value, &byte)| *value = (byte ^ 0x80) as i8);
                }
                PixelFormat::Rgb565 if block % 2 == 0 => {
                    for (values, words) in line.chunks_exact_mut(6).zip(bytes.chunks_exact(4)) {
                        if let (Ok(values), &[a, b, c, d]) = (<&mut [i8; 6]>::try_from(values), words) {
                            *values = rgb565_pair(u32::from_le_bytes([a, b, c, d]));
                        }
                    }
                }
                PixelFormat::Rgb565 | PixelFormat::Yuv422 => {
                    for (dx, values) in line.chunks_exact_mut(3).enumerate() {
                        values.copy_from_slice(&self.pixel(left + dx, top + dy));
                    }
                }
            }
        }
    }

    /// The values of one pixel.
    pub(super) fn pixel(&self, x: usize, y: usize) -> [i8; 3] {
        let at = |i: usize| self.bytes.get(i).copied().unwrap_or(0);
        let index = y * self.width + x;
        let rgb = match self.format {
            PixelFormat::Rgb888 => [at(3 * index), at(3 * index + 1), at(3 * index + 2)],
            PixelFormat::Rgb565 => rgb565(u16::from_le_bytes([at(2 * index), at(2 * index + 1)])),
            PixelFormat::Yuv422 => {
                let pair = index / 2 * 4;
                yuv(at(2 * index), at(pair + 1), at(pair + 3))
            }
        };
        rgb.map(|v| (v ^ 0x80) as i8)
    }
}

/// The bits repeated, so that full is 255.
#[inline(always)]
pub(super) fn rgb565(word: u16) -> [u8; 3] {
    let (red, green, blue) = (word >> 11, word >> 5 & 63, word & 31);
    [red << 3 | red >> 2, green << 2 | green >> 4, blue << 3 | blue >> 2].map(|v| v as u8)
}

/// The values of two pixels of [`rgb565`], the first one in the lower half, both worked out at once.
#[inline(always)]
fn rgb565_pair(words: u32) -> [i8; 6] {
    // The upper bits of a channel, brought to the top of its byte, again below themselves; then less 128.
    let full = |top: u32, bits: u32| (top | top >> bits & 0x00ff_00ff) ^ 0x0080_0080;
    let red = full(words >> 8 & 0x00f8_00f8, 5);
    let green = full(words >> 3 & 0x00fc_00fc, 6);
    let blue = full(words << 3 & 0x00f8_00f8, 5);
    [red, green, blue, red >> 16, green >> 16, blue >> 16].map(|v| v as i8)
}

/// BT.601, full range (JFIF 1.02), in 8.8 fixed point, ties up.
pub(super) fn yuv(luma: u8, blue: u8, red: u8) -> [u8; 3] {
    let (luma, blue, red) = (i32::from(luma), i32::from(blue) - 128, i32::from(red) - 128);
    let rgb = [
        luma + ((359 * red + 128) >> 8),
        luma - ((88 * blue + 183 * red + 128) >> 8),
        luma + ((454 * blue + 128) >> 8),
    ];
    rgb.map(|v| v.clamp(0, 255) as u8)
}

/// The largest square's side.
const MOST_BLOCK: usize = 8;

/// Values of the largest square.
pub(super) const MOST_VALUES: usize = 3 * MOST_BLOCK * MOST_BLOCK;

/// The frame's values, unshuffled, for a network whose first layer is another one.
///
/// # Errors
/// [`KernelError`] if a length does not fit the shape, or the sides do not divide by `block`.
pub fn unshuffle(frame: &Frame<'_>, block: usize, out: &mut [i8]) -> Result<(), KernelError> {
    let places = frame.check(block)?;
    need("out", places * 3 * block * block, out.len())?;
    for (index, out) in out.chunks_exact_mut(3 * block * block).enumerate() {
        frame.square(block, index, out);
    }
    Ok(())
}

/// Unpacking, unshuffling and the pointwise convolution that follows, straight from the frame. Weights
/// `[c_out][3 · block²]`; as many output channels as `layer` has biases.
///
/// # Errors
/// As [`unshuffle`].
pub fn first_layer(
    frame: &Frame<'_>,
    block: usize,
    layer: &Layer<'_>,
    scratch: &mut [i8],
    out: &mut [i8],
) -> Result<(), KernelError> {
    check_first(frame, block, layer, out)?;
    need("scratch", first_layer_scratch(block, layer.bias.len()), scratch.len())?;
    if !arch::first_layer(frame, block, layer, scratch, out) {
        portable::first_layer(frame, block, layer, out);
    }
    Ok(())
}

pub(super) fn check_first(
    frame: &Frame<'_>,
    block: usize,
    layer: &Layer<'_>,
    out: &[i8],
) -> Result<(), KernelError> {
    let places = frame.check(block)?;
    let channels = layer.bias.len();
    within("channels out", channels, 1, 1 << 14)?;
    layer.check(3 * block * block, channels)?;
    need("out", places.saturating_mul(channels), out.len())
}

/// Bytes of scratch for [`first_layer`] with as many output channels.
pub const fn first_layer_scratch(block: usize, channels: usize) -> usize {
    shape::tile_bytes(block.saturating_mul(block).saturating_mul(3), channels)
}
