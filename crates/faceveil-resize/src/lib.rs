//! Pictures at another size, by bilinear interpolation over all the pixels that each new one stands for. A crate of its
//! own because the resizer's code is generic, and compiled into whoever names it: three quarters of a detector's crate.
#![forbid(unsafe_code)]

use fast_image_resize as fir;
use fir::images::{Image, ImageRef};
use fir::{IntoImageView, IntoImageViewMut, PixelTrait, PixelType, ResizeOptions, Resizer, pixels};

/// Bits of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// A byte.
    Eight,
    /// Two bytes in the processor's order.
    Sixteen,
}

/// Why a picture was not resized.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResizeError {
    /// Only 1 to 4 channels can be resized.
    #[error("{0} channels")]
    Channels(usize),
    /// The resizer refuses.
    #[error("{width}×{height} pixels: {problem}")]
    Refused {
        /// Width of the picture.
        width: u32,
        /// Height of the picture.
        height: u32,
        /// What it says.
        problem: String,
    },
}

/// The samples of a picture of `to` pixels (width, height) from those of one of `from`: interleaved channels, row by row.
/// All channels are treated alike; opacity weighs nothing.
///
/// # Errors
/// [`ResizeError`] if there are not 1 to 4 channels, or too few samples.
pub fn resize(
    samples: &[u8],
    from: (u32, u32),
    channels: usize,
    depth: Depth,
    to: (u32, u32),
) -> Result<Vec<u8>, ResizeError> {
    let (kind, run): (_, Run) = match (channels, depth) {
        (1, Depth::Eight) => (PixelType::U8, run::<pixels::U8>),
        (2, Depth::Eight) => (PixelType::U8x2, run::<pixels::U8x2>),
        (3, Depth::Eight) => (PixelType::U8x3, run::<pixels::U8x3>),
        (4, Depth::Eight) => (PixelType::U8x4, run::<pixels::U8x4>),
        (1, Depth::Sixteen) => (PixelType::U16, run::<pixels::U16>),
        (2, Depth::Sixteen) => (PixelType::U16x2, run::<pixels::U16x2>),
        (3, Depth::Sixteen) => (PixelType::U16x3, run::<pixels::U16x3>),
        (4, Depth::Sixteen) => (PixelType::U16x4, run::<pixels::U16x4>),
        _ => return Err(ResizeError::Channels(channels)),
    };
    let (width, height) = from;
    let refused = |problem: String| ResizeError::Refused { width, height, problem };
    let source = ImageRef::new(width, height, samples, kind).map_err(|e| refused(e.to_string()))?;
    let mut made = Image::new(to.0, to.1, kind);
    run(&source, &mut made).map_err(refused)?;
    Ok(made.into_vec())
}

/// Resizes pictures of one kind of pixels.
type Run = fn(&ImageRef<'_>, &mut Image<'_>) -> Result<(), String>;

fn run<P: PixelTrait>(from: &ImageRef<'_>, to: &mut Image<'_>) -> Result<(), String> {
    let options = ResizeOptions::new()
        .resize_alg(fir::ResizeAlg::Convolution(fir::FilterType::Bilinear))
        .use_alpha(false);
    let (Some(from), Some(mut to)) = (from.image_view::<P>(), to.image_view_mut::<P>()) else {
        return Err("pixels of another kind".to_owned());
    };
    Resizer::new().resize_typed(&from, &mut to, &options).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_of_every_depth_is_halved_alone() {
        for channels in 1..=4u8 {
            // Channel `c` is 40 in the left half and 80 + c in the right one.
            let value = |x: usize, c: u8| if x < 2 { 40 } else { 80 + c };
            let samples: Vec<u8> =
                (0..4 * 2).flat_map(|i| (0..channels).map(move |c| value(i % 4, c))).collect();
            let want: Vec<u8> = (0..2).flat_map(|x| (0..channels).map(move |c| value(2 * x, c))).collect();
            let near = |got: u32, want: u8| got.abs_diff(u32::from(want)) <= 8;
            let eight = resize(&samples, (4, 2), channels.into(), Depth::Eight, (2, 1)).unwrap();
            assert!(eight.len() == want.len() && eight.iter().zip(&want).all(|(g, w)| near((*g).into(), *w)));
            let wide: Vec<u8> = samples.iter().flat_map(|s| (u16::from(*s) << 8).to_ne_bytes()).collect();
            let sixteen = resize(&wide, (4, 2), channels.into(), Depth::Sixteen, (2, 1)).unwrap();
            let high = sixteen.as_chunks::<2>().0.iter().map(|b| u32::from(u16::from_ne_bytes(*b) >> 8));
            assert_eq!(sixteen.len(), 2 * want.len());
            assert!(high.zip(&want).all(|(g, w)| near(g, *w)), "{channels} channels: {sixteen:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let channels = |n| resize(&[0; 40], (2, 2), n, Depth::Eight, (1, 1));
        assert_eq!(channels(0), Err(ResizeError::Channels(0)));
        assert_eq!(channels(5), Err(ResizeError::Channels(5)));
        let short = resize(&[0; 11], (2, 2), 3, Depth::Eight, (1, 1)).unwrap_err();
        assert!(matches!(short, ResizeError::Refused { width: 2, height: 2, .. }), "{short}");
    }
}
