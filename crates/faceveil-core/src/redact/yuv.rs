//! Frames of a video as they come out of a decoder: a plane of luma and two of chroma, 8 to 16 bits.

use alloc::vec::Vec;

use super::sample::Sample;
use crate::geom::Rect;
use crate::raster::Samples;

/// Which primaries weigh how much in luma.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Matrix {
    /// ITU-R BT.601, standard definition.
    Bt601,
    /// ITU-R BT.709, high definition.
    #[default]
    Bt709,
    /// ITU-R BT.2020 with non-constant luminance, ultra high definition.
    Bt2020,
}

impl Matrix {
    /// The weights of red and blue in luma.
    const fn weights(self) -> (f32, f32) {
        match self {
            Self::Bt601 => (0.299, 0.114),
            Self::Bt709 => (0.2126, 0.0722),
            Self::Bt2020 => (0.2627, 0.0593),
        }
    }
}

/// Which codes black and white have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Range {
    /// Of 8 bits: luma 16 to 235, chroma 16 to 240.
    #[default]
    Limited,
    /// All codes.
    Full,
}

/// How a frame's planes are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct YuvLayout {
    /// Width of the luma plane in pixels.
    pub width: u32,
    /// Height of the luma plane in pixels.
    pub height: u32,
    /// Binary logarithm of the luma columns a chroma sample stands for: 1 for 4:2:0 and 4:2:2, 0 for 4:4:4.
    pub shift_x: u8,
    /// Binary logarithm of the luma rows a chroma sample stands for: 1 for 4:2:0, 0 for 4:2:2 and 4:4:4.
    pub shift_y: u8,
    /// Bits a sample, `8..=16`, in the low bits.
    pub depth: u8,
    /// The weights of luma.
    pub matrix: Matrix,
    /// The codes of black and white.
    pub range: Range,
}

impl YuvLayout {
    /// 4:2:0 of 8 bits, BT.709, limited range.
    pub fn yuv420(width: u32, height: u32) -> Self {
        let (matrix, range) = (Matrix::default(), Range::default());
        Self { width, height, shift_x: 1, shift_y: 1, depth: 8, matrix, range }
    }

    /// Width and height of a chroma plane: odd sides are rounded up.
    pub fn chroma_size(&self) -> (u32, u32) {
        let part = |side: u32, shift: u8| side.div_ceil(1 << shift.min(8));
        (part(self.width, self.shift_x), part(self.height, self.shift_y))
    }

    /// Samples of a frame whose three planes follow each other without padding; `None` if that overflows.
    pub fn samples(&self) -> Option<usize> {
        let (width, height) = self.chroma_size();
        let chroma = (width as usize).checked_mul(height as usize)?.checked_mul(2)?;
        (self.width as usize).checked_mul(self.height as usize)?.checked_add(chroma)
    }

    /// Luma and the two chroma codes (blue, red) of an RGB colour in shares. Formulas: ITU-R BT.709-6 § 3 and
    /// BT.2100-2 table 9.
    pub(super) fn codes(&self, [red, green, blue]: [f32; 3]) -> [f32; 3] {
        let (kr, kb) = self.matrix.weights();
        let luma = kr * red + (1.0 - kr - kb) * green + kb * blue;
        let chroma = [(blue - luma) / (2.0 * (1.0 - kb)), (red - luma) / (2.0 * (1.0 - kr))];
        let scale = self.scale();
        [
            scale.black + luma * scale.luma,
            scale.zero + chroma[0] * scale.chroma,
            scale.zero + chroma[1] * scale.chroma,
        ]
    }

    /// The RGB colour of three codes, clamped to `0.0..=1.0`.
    pub(super) fn rgb(&self, [luma, blue, red]: [f32; 3]) -> [f32; 3] {
        let (kr, kb) = self.matrix.weights();
        let scale = self.scale();
        let luma = (luma - scale.black) / scale.luma;
        let blue = luma + (blue - scale.zero) / scale.chroma * 2.0 * (1.0 - kb);
        let red = luma + (red - scale.zero) / scale.chroma * 2.0 * (1.0 - kr);
        let green = (luma - kr * red - kb * blue) / (1.0 - kr - kb);
        [red, green, blue].map(|v| v.clamp(0.0, 1.0))
    }

    fn scale(&self) -> Scale {
        let unit = (1u32 << (self.depth.clamp(8, 16) - 8)) as f32;
        let zero = 128.0 * unit;
        match self.range {
            Range::Limited => Scale { black: 16.0 * unit, luma: 219.0 * unit, zero, chroma: 224.0 * unit },
            Range::Full => {
                let full = 256.0 * unit - 1.0;
                Scale { black: 0.0, luma: full, zero, chroma: full }
            }
        }
    }
}

struct Scale {
    black: f32,
    luma: f32,
    zero: f32,
    chroma: f32,
}

/// Samples of one plane.
#[derive(Debug)]
pub struct Plane<'a, T> {
    /// Row by row; behind the last row's samples padding may be missing.
    pub samples: &'a mut [T],
    /// From one row to the next, in samples.
    pub stride: usize,
}

impl<T> Plane<'_, T> {
    fn holds(&self, width: u32, height: u32) -> bool {
        let last = (height as usize - 1).checked_mul(self.stride).and_then(|n| n.checked_add(width as usize));
        self.stride >= width as usize && last.is_some_and(|need| need <= self.samples.len())
    }
}

/// The planes of a frame: luma, blue chroma, red chroma. Without chroma the frame is grey.
#[derive(Debug)]
pub enum YuvPlanes<'a> {
    /// 8 bits a sample.
    U8(Plane<'a, u8>, Option<[Plane<'a, u8>; 2]>),
    /// 9 to 16 bits a sample, in the machine's byte order.
    U16(Plane<'a, u16>, Option<[Plane<'a, u16>; 2]>),
}

/// A layout that is none, or planes that do not fit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum YuvError {
    /// A side is 0 or beyond `i32`, a shift beyond 2, or the depth does not fit the samples.
    #[error(
        "no frame of {}×{} pixels, {} bits, chroma shifted by {} and {}",
        .0.width, .0.height, .0.depth, .0.shift_x, .0.shift_y
    )]
    Layout(YuvLayout),
    /// A plane holds too few samples.
    #[error("plane {plane} of a frame of {width}×{height} pixels is too small")]
    Plane {
        /// 0 is luma.
        plane: usize,
        /// Width of the frame in pixels.
        width: u32,
        /// Height of the frame in pixels.
        height: u32,
    },
}

/// A frame of a video that can be changed in place.
#[derive(Debug)]
pub struct YuvFrame<'a> {
    layout: YuvLayout,
    planes: YuvPlanes<'a>,
}

impl<'a> YuvFrame<'a> {
    /// # Errors
    /// [`YuvError`] if the layout is out of range or a plane too small.
    pub fn new(layout: YuvLayout, planes: YuvPlanes<'a>) -> Result<Self, YuvError> {
        let bits = match planes {
            YuvPlanes::U8(..) => 8..=8,
            YuvPlanes::U16(..) => 9..=16,
        };
        let side = |side: u32| side > 0 && i32::try_from(side).is_ok();
        let legal = side(layout.width) && side(layout.height) && layout.shift_x <= 2 && layout.shift_y <= 2;
        if !legal || !bits.contains(&layout.depth) {
            return Err(YuvError::Layout(layout));
        }
        let (width, height) = (layout.width, layout.height);
        let (chroma_width, chroma_height) = layout.chroma_size();
        let sizes = [(width, height), (chroma_width, chroma_height), (chroma_width, chroma_height)];
        let fit: [bool; 3] = match &planes {
            YuvPlanes::U8(luma, chroma) => fits(luma, chroma.as_ref(), sizes),
            YuvPlanes::U16(luma, chroma) => fits(luma, chroma.as_ref(), sizes),
        };
        match fit.iter().position(|fit| !fit) {
            Some(plane) => Err(YuvError::Plane { plane, width, height }),
            None => Ok(Self { layout, planes }),
        }
    }

    /// From three planes of 8 bits that follow each other without padding.
    ///
    /// # Errors
    /// [`YuvError`] if the layout is out of range or `samples` too short.
    pub fn packed_u8(layout: YuvLayout, samples: &'a mut [u8]) -> Result<Self, YuvError> {
        let (luma, chroma) = split(&layout, samples)?;
        Self::new(layout, YuvPlanes::U8(luma, Some(chroma)))
    }

    /// From three planes of 9 to 16 bits that follow each other without padding.
    ///
    /// # Errors
    /// [`YuvError`] if the layout is out of range or `samples` too short.
    pub fn packed_u16(layout: YuvLayout, samples: &'a mut [u16]) -> Result<Self, YuvError> {
        let (luma, chroma) = split(&layout, samples)?;
        Self::new(layout, YuvPlanes::U16(luma, Some(chroma)))
    }

    /// How the planes are read.
    pub fn layout(&self) -> &YuvLayout {
        &self.layout
    }

    /// The RGB samples of a part of the frame.
    pub(super) fn rgb(&self, part: Rect) -> Samples {
        match &self.planes {
            YuvPlanes::U8(luma, chroma) => Samples::U8(rgb(&self.layout, luma, chroma.as_ref(), part)),
            YuvPlanes::U16(luma, chroma) => Samples::U16(rgb(&self.layout, luma, chroma.as_ref(), part)),
        }
    }

    /// The planes, to be changed.
    pub(super) fn planes_mut(&mut self) -> &mut YuvPlanes<'a> {
        &mut self.planes
    }
}

/// The RGB samples of a part, without smoothing chroma: they are for means only.
fn rgb<T: Sample>(layout: &YuvLayout, luma: &Plane<T>, chroma: Option<&[Plane<T>; 2]>, part: Rect) -> Vec<T> {
    let mut samples = Vec::new();
    let grey = layout.codes([0.0; 3])[1];
    for y in part.top as usize..part.bottom as usize {
        for x in part.left as usize..part.right as usize {
            let tint = |plane: usize| match chroma {
                None => grey,
                Some(planes) => {
                    let row = (y >> layout.shift_y) * planes[plane].stride;
                    planes[plane].samples[row + (x >> layout.shift_x)].widen() as f32
                }
            };
            let codes = [luma.samples[y * luma.stride + x].widen() as f32, tint(0), tint(1)];
            samples.extend(layout.rgb(codes).map(|v| T::nearest(v * T::FULL)));
        }
    }
    samples
}

fn fits<T>(luma: &Plane<T>, chroma: Option<&[Plane<T>; 2]>, sizes: [(u32, u32); 3]) -> [bool; 3] {
    let holds = |plane: &Plane<T>, (width, height): (u32, u32)| plane.holds(width, height);
    match chroma {
        None => [holds(luma, sizes[0]), true, true],
        Some([blue, red]) => [holds(luma, sizes[0]), holds(blue, sizes[1]), holds(red, sizes[2])],
    }
}

fn split<'a, T: Sample>(
    layout: &YuvLayout,
    samples: &'a mut [T],
) -> Result<(Plane<'a, T>, [Plane<'a, T>; 2]), YuvError> {
    let (width, height) = (layout.width, layout.height);
    let short = |plane| YuvError::Plane { plane, width, height };
    let (chroma_width, chroma_height) = layout.chroma_size();
    let size = |width: u32, height: u32| (width as usize).saturating_mul(height as usize);
    let (luma, rest) = samples.split_at_mut_checked(size(width, height)).ok_or(short(0))?;
    let (blue, red) = rest.split_at_mut_checked(size(chroma_width, chroma_height)).ok_or(short(1))?;
    let chroma = [blue, red].map(|samples| Plane { samples, stride: chroma_width as usize });
    Ok((Plane { samples: luma, stride: width as usize }, chroma))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn layouts() -> impl Iterator<Item = YuvLayout> {
        [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020].into_iter().flat_map(|matrix| {
            [(8, Range::Limited), (8, Range::Full), (10, Range::Limited), (16, Range::Full)]
                .map(|(depth, range)| YuvLayout { depth, matrix, range, ..YuvLayout::yuv420(4, 4) })
        })
    }

    #[test]
    fn colours_survive_the_way_there_and_back() {
        for layout in layouts() {
            for rgb in [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.9, 0.1, 0.4], [0.0, 0.5, 0.25]] {
                let back = layout.rgb(layout.codes(rgb));
                for (want, got) in rgb.iter().zip(back) {
                    assert!((want - got).abs() < 1e-4, "{layout:?} {rgb:?}: {back:?}");
                }
            }
        }
    }

    #[test]
    fn codes_of_bars_are_those_of_the_standard() {
        // 100 % red of 8 bits: BT.601 gives 81, 90, 240; BT.709 gives 63, 102, 240.
        for (matrix, want) in [(Matrix::Bt601, [81.0, 90.0, 240.0]), (Matrix::Bt709, [63.0, 102.0, 240.0])] {
            let layout = YuvLayout { matrix, ..YuvLayout::yuv420(4, 4) };
            assert_eq!(layout.codes([1.0, 0.0, 0.0]).map(libm::roundf), want, "{matrix:?}");
        }
        let ten = YuvLayout { depth: 10, ..YuvLayout::yuv420(4, 4) };
        assert_eq!(ten.codes([1.0; 3]).map(libm::roundf), [940.0, 512.0, 512.0]);
        assert_eq!(ten.codes([0.0; 3]).map(libm::roundf), [64.0, 512.0, 512.0]);
    }

    #[test]
    fn planes_that_do_not_fit_are_refused() {
        let layout = YuvLayout::yuv420(5, 3);
        assert_eq!((layout.chroma_size(), layout.samples()), ((3, 2), Some(27)));
        for short in 0..27 {
            assert!(YuvFrame::packed_u8(layout, &mut vec![0; short]).is_err(), "{short} samples");
        }
        assert!(YuvFrame::packed_u8(layout, &mut [0; 27]).is_ok());
        assert!(YuvFrame::packed_u16(layout, &mut [0; 27]).is_err(), "8 bits in 16");
        for bad in [
            YuvLayout { width: 0, ..layout },
            YuvLayout { height: u32::MAX, ..layout },
            YuvLayout { shift_x: 3, ..layout },
            YuvLayout { depth: 10, ..layout },
        ] {
            assert!(YuvFrame::packed_u8(bad, &mut [0; 27]).is_err(), "{bad:?}");
        }
    }
}
