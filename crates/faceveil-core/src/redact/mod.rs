//! Hiding regions of a picture.
//!
//! Inside a region nothing of the original is mixed in: the opacity is exactly 1 for every pixel that
//! a shape touches, and feathering only goes outwards. What shines through is what the style's
//! reduction lets through. Regions are worked on in their order, in place: what a later one reads may
//! be redacted already, and no original pixel ever comes back.
//!
//! # What can remain under a veil
//!
//! [`Style::Veil`] knows a face only by these numbers: the mean luma of at most 4×4 cells of the frame,
//! and the two mean chroma values of its middle. A value is clamped to a range `A`, gets noise that is
//! uniform over a width `W`, and is rounded to one of `L` levels. What the result tells about the
//! original is at most, in bits a value, the smaller of
//!
//! - `log2(L)`, because it has no more than `L` states;
//! - `log2(1 + A / W)`: the noisy value lies in a range of `A + W`, so its differential entropy is at
//!   most `log2(A + W)`; given the original it is that of the noise, `log2(W)`; the information is the
//!   difference. This is the capacity of the amplitude-limited channel with additive uniform noise
//!   where `A / W` is a whole number (Oettli, IEEE Trans. Inf. Theory 20, 1974; Stapmanns et al. 2025,
//!   <https://arxiv.org/abs/2501.16145>), and rounding cannot add to it.
//!
//! | value | number | `A` | `W` | `L` | bits each | bits in all |
//! |---|---|---|---|---|---|---|
//! | luma | 16 | 1 | 1/6 | 7 | 2.81 | 44.9 |
//! | chroma | 2 | 0.48 | 0.04 | 13 | 3.70 | 7.4 |
//!
//! So a frame shows at most [`VEIL_BITS`] bits, a grey one 45. This is a ceiling for any picture
//! whatever, reached by none: neighbouring cells of a face are alike, and on a frame of 1.5 times the
//! face fewer than 3×3 cells lie on the face itself. The bound holds for one redaction with noise that
//! nobody can repeat; see [`Noise`]. Several redactions of one picture add up.
//!
//! [`Style::Solid`] shows nothing of the face, [`Style::Pixelate`] the mean of each cell without noise,
//! and [`Style::Blur`] is cosmetic: networks trained on blurred faces recognise people in them.

mod blur;
mod error;
mod frozen;
mod grid;
mod mask;
mod noise;
mod overlay;
mod region;
mod sample;
mod style;
mod veil;
mod yuv;

pub use error::RedactError;
pub use frozen::FrozenVeil;
pub use noise::{Noise, NoiseError, SeededNoise};
pub use overlay::Overlay;
pub use region::{Region, Shape};
pub use style::{MOST_MOSAIC_CELLS, RelativeSigma, Style, VEIL_BITS};
pub use yuv::{Matrix, Plane, Range as SampleRange, YuvError, YuvFrame, YuvLayout, YuvPlanes};

use alloc::vec::Vec;
use core::ops::Range;

use crate::raster::{Color, Raster, SamplesMut};
use grid::View;
use mask::Mask;
use sample::Sample;
use style::Paint;

/// Hides `regions` in `raster`; a region outside the picture changes nothing. Opacity samples become
/// opaque inside a region. The cost grows with the regions' sizes, not with the picture's.
///
/// # Errors
/// [`RedactError`] if a region or the style cannot be used (then nothing has changed), or if `noise`
/// fails (then some regions may be hidden already). After any error the picture must not be published.
pub fn redact(
    raster: &mut Raster,
    regions: &[Region],
    style: &Style,
    noise: &mut dyn Noise,
) -> Result<(), RedactError> {
    style.check()?;
    for (index, region) in regions.iter().enumerate() {
        region.check(index)?;
    }
    let (width, height, color) = (raster.width(), raster.height(), raster.color());
    for region in regions {
        let Some(mask) = Mask::new(region, width, height) else { continue };
        let size = (width, height);
        match raster.samples_mut() {
            SamplesMut::U8(samples) => hide(samples, size, color, region, mask, style, noise)?,
            SamplesMut::U16(samples) => hide(samples, size, color, region, mask, style, noise)?,
        }
    }
    Ok(())
}

/// Tells for each row, from top to bottom, between which columns `region` can change pixels of a
/// picture of `width` × `height`; rows that it leaves alone are not told. A region that cannot be used changes
/// nothing, but is taken to touch everything.
pub fn touched(region: &Region, width: u32, height: u32, mut tell: impl FnMut(u32, Range<u32>)) {
    if region.check(0).is_err() {
        (0..height).for_each(|y| tell(y, 0..width));
        return;
    }
    let Some(mut mask) = Mask::new(region, width, height) else { return };
    for y in mask.window.top..mask.window.bottom {
        mask.seek(y);
        let columns = mask.touched();
        if !columns.is_empty() {
            // The window lies in the picture, whose sides are 32 bits.
            let left = mask.window.left as u32;
            tell(y as u32, left + columns.start as u32..left + columns.end as u32);
        }
    }
}

/// Hides one region.
fn hide<T: Sample>(
    samples: &mut [T],
    size: (u32, u32),
    color: Color,
    region: &Region,
    mask: Mask,
    style: &Style,
    noise: &mut dyn Noise,
) -> Result<(), RedactError> {
    let view = View { samples, width: size.0 as usize, channels: color.channels() };
    let paint = Paint::new(&view, size, color, &region.frame, mask.window, style, noise)?;
    apply(samples, size.0 as usize, color, mask, paint);
    Ok(())
}

/// Paints what `mask` touches in a picture of `width` pixels a row.
fn apply<T: Sample>(samples: &mut [T], width: usize, color: Color, mut mask: Mask, mut paint: Paint) {
    let (window, channels) = (mask.window, color.channels());
    let mut line: Vec<T> = alloc::vec![T::default(); (window.right - window.left) as usize * channels];
    for y in window.top..window.bottom {
        mask.seek(y);
        if mask.touched().is_empty() {
            continue;
        }
        paint.draw(y, &mask.touched(), &mut line);
        let at = |x: i32| (y as usize * width + x as usize) * channels;
        cover(&mut samples[at(window.left)..at(window.right)], &line, &mask, channels);
    }
}

/// Copies the core of a row, and mixes the feather around it.
fn cover<T: Sample>(row: &mut [T], line: &[T], mask: &Mask, channels: usize) {
    let mut next = mask.touched().start;
    let end = mask.touched().end;
    for run in mask.core().iter().cloned().chain(core::iter::once(end..end)) {
        for column in next..run.start {
            let opacity = mask.opacity(column);
            for i in column * channels..(column + 1) * channels {
                row[i] = T::mix(row[i], line[i], opacity);
            }
        }
        let run_samples = run.start * channels..run.end * channels;
        row[run_samples.clone()].copy_from_slice(&line[run_samples]);
        next = run.end;
    }
}
