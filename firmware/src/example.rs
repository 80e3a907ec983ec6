//! The whole of it for one frame: network, mask, veil. Also the host's example (`crates/faceveil-int8/examples/frame.rs`), so
//! that both must give the same bits.

use faceveil_core::device::{CameraFrame, GridMask, Hidden, NOISE_WORDS, PixelLayout, Rule, Veil};
use faceveil_int8::{Frame, Input, Model, PixelFormat};

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// [`checksum`] of the network's mask.
    pub mask: u32,
    /// Pixels that are hidden.
    pub hidden: usize,
    /// [`checksum`] of the frame with the veil.
    pub frame: u32,
}

/// FNV-1a of 32 bits.
pub fn checksum(bytes: impl Iterator<Item = u8>) -> u32 {
    bytes.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Hides what `model` sees in the frame, in place. `bits` is memory for [`Hidden`]; `reached` is called after the
/// network and after the mask.
///
/// # Errors
/// What does not fit, in words; the frame must then not be shown.
pub fn hide(
    model: &Model<'_>,
    format: PixelFormat,
    bytes: &mut [u8],
    (arena, bits): (&mut [i8], &mut [u32]),
    noise: &[u32; NOISE_WORDS],
    mut reached: impl FnMut(usize),
) -> Result<Outcome, &'static str> {
    let input = model.input();
    let (width, height) = (input.width, input.height);
    let frame = Frame { format, width, height, bytes };
    let values = model.run(Input::Frame(frame), arena).map_err(|_| "the network does not take the frame")?;
    reached(0);
    let (output, point) = (model.output(0).ok_or("no output")?, model.point().ok_or("no mask")?);
    let block = width / output.width.max(1);
    let mask = GridMask { width: output.width, height: output.height, block, values };
    let growth = point.growth;
    let rule = Rule::new(point.threshold, point.certain, growth, (output.zero, output.scale));
    let mask_sum = checksum(values.iter().map(|&v| v as u8));
    let hidden = Hidden::new(&mask, &rule, bits).map_err(|_| "the mask does not fit")?;
    if hidden.size() != (width, height) {
        return Err("the mask does not reach over the whole frame");
    }
    reached(1);
    let layout = match format {
        PixelFormat::Rgb888 => PixelLayout::Rgb888,
        PixelFormat::Rgb565 => PixelLayout::Rgb565,
        PixelFormat::Yuv422 => PixelLayout::Yuv422,
    };
    let mut frame = CameraFrame::new(layout, (width, height), bytes).map_err(|_| "the frame does not fit")?;
    if !hidden.is_empty() {
        Veil::draw(&frame, &hidden, noise).paint(&mut frame, &hidden);
    }
    reached(2);
    Ok(Outcome { mask: mask_sum, hidden: hidden.count(), frame: checksum(bytes.iter().copied()) })
}

/// A pattern instead of a device's true randomness, which an emulator has not. Never for real use.
pub const PATTERN: [u32; NOISE_WORDS] = {
    let mut words = [0; NOISE_WORDS];
    let mut i = 0;
    while i < words.len() {
        words[i] = (i as u32 + 1).wrapping_mul(0x9e37_79b9);
        i += 1;
    }
    words
};
