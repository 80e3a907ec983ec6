//! The layouts in which raw frames are worked on: planar YCbCr or grey, 8 or 10 bits.

use std::ops::Range;

use super::VideoError;

/// How many colour samples there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chroma {
    /// None.
    Gray,
    /// Half across and half down.
    C420,
    /// Half across.
    C422,
    /// As many as of brightness.
    C444,
}

/// The layout of a frame: planes of brightness, blue and red difference, one after the other, rows without padding;
/// samples of 10 bits take two bytes, the lower first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PixelLayout {
    /// Colour samples.
    pub chroma: Chroma,
    /// Bits a sample, 8 or 10.
    pub bits: u8,
}

/// The planes of a frame: where their bytes lie, and their sizes in samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plane {
    /// Its bytes in the frame.
    pub bytes: Range<usize>,
    /// Samples a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl PixelLayout {
    /// The layout that loses the least of FFmpeg's `name`.
    ///
    /// # Errors
    /// [`VideoError::Pixels`] if all layouts here would lose bits.
    pub fn for_source(name: &str) -> Result<Self, VideoError> {
        let deep = ["p10", "p010", "gray10", "p210", "p410", "y210", "x2rgb10", "x2bgr10"];
        let too_deep = [
            "p9", "p12", "p14", "p16", "gray9", "gray12", "gray14", "gray16", "p016", "p216", "p416", "48",
            "64", "f32", "xyz12",
        ];
        let bits = if deep.iter().any(|d| name.contains(d)) {
            10
        } else if too_deep.iter().any(|d| name.contains(d)) {
            return Err(VideoError::Pixels(name.to_owned()));
        } else {
            8
        };
        let chroma = if name.starts_with("gray") || name.starts_with("ya8") || name.starts_with("mono") {
            Chroma::Gray
        } else if ["422", "440", "yuyv", "uyvy", "yvyu", "nv16", "nv20", "p210", "y210"]
            .iter()
            .any(|s| name.contains(s))
        {
            if name.contains("440") { Chroma::C444 } else { Chroma::C422 }
        } else if ["444", "rgb", "bgr", "gbr", "pal8", "nv24", "p410"].iter().any(|s| name.contains(s)) {
            Chroma::C444
        } else if ["420", "411", "410", "nv12", "nv21", "p010"].iter().any(|s| name.contains(s)) {
            Chroma::C420
        } else {
            return Err(VideoError::Pixels(name.to_owned()));
        };
        Ok(Self { chroma, bits })
    }

    /// FFmpeg's name; `full` asks for the one without conversion from a source of the old full-range names.
    pub fn name(self, full: bool) -> &'static str {
        match (self.chroma, self.bits, full) {
            (Chroma::Gray, 8, _) => "gray",
            (Chroma::C420, 8, false) => "yuv420p",
            (Chroma::C420, 8, true) => "yuvj420p",
            (Chroma::C422, 8, false) => "yuv422p",
            (Chroma::C422, 8, true) => "yuvj422p",
            (Chroma::C444, 8, false) => "yuv444p",
            (Chroma::C444, 8, true) => "yuvj444p",
            (Chroma::Gray, ..) => "gray10le",
            (Chroma::C420, ..) => "yuv420p10le",
            (Chroma::C422, ..) => "yuv422p10le",
            (Chroma::C444, ..) => "yuv444p10le",
        }
    }

    /// The four bytes that name it in NUT.
    pub fn fourcc(self) -> [u8; 4] {
        match (self.chroma, self.bits) {
            (Chroma::Gray, 8) => *b"Y800",
            (Chroma::C420, 8) => *b"I420",
            (Chroma::C422, 8) => *b"Y42B",
            (Chroma::C444, 8) => *b"444P",
            (Chroma::Gray, _) => *b"Y1\0\x0a",
            (Chroma::C420, _) => *b"Y3\x0b\x0a",
            (Chroma::C422, _) => *b"Y3\x0a\x0a",
            (Chroma::C444, _) => *b"Y3\0\x0a",
        }
    }

    /// How many brightness samples share a colour sample, as powers of two across and down.
    pub fn shift(self) -> (u32, u32) {
        match self.chroma {
            Chroma::C420 => (1, 1),
            Chroma::C422 => (1, 0),
            Chroma::Gray | Chroma::C444 => (0, 0),
        }
    }

    /// Bytes a sample.
    pub fn sample_bytes(self) -> usize {
        if self.bits > 8 { 2 } else { 1 }
    }

    /// The planes of a frame of `width` × `height` pixels, one for grey and three otherwise.
    pub fn planes(self, width: u32, height: u32) -> Vec<Plane> {
        let (across, down) = self.shift();
        let chroma = ((width as usize).div_ceil(1 << across), (height as usize).div_ceil(1 << down));
        let sizes: &[(usize, usize)] = match self.chroma {
            Chroma::Gray => &[(width as usize, height as usize)],
            _ => &[(width as usize, height as usize), chroma, chroma],
        };
        let mut start = 0;
        let plane = |&(width, height): &(usize, usize)| {
            let bytes = start..start + width * height * self.sample_bytes();
            start = bytes.end;
            Plane { bytes, width, height }
        };
        sizes.iter().map(plane).collect()
    }

    /// Bytes of a frame of `width` × `height` pixels.
    pub fn frame_bytes(self, width: u32, height: u32) -> usize {
        self.planes(width, height).last().map_or(0, |plane| plane.bytes.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_keep_their_colour_samples_and_bits() {
        let cases = [
            ("yuv420p", Chroma::C420, 8),
            ("yuvj420p", Chroma::C420, 8),
            ("nv12", Chroma::C420, 8),
            ("yuva420p", Chroma::C420, 8),
            ("yuv422p10le", Chroma::C422, 10),
            ("yuvj422p", Chroma::C422, 8),
            ("yuyv422", Chroma::C422, 8),
            ("yuv444p", Chroma::C444, 8),
            ("yuv440p", Chroma::C444, 8),
            ("gbrp", Chroma::C444, 8),
            ("rgb24", Chroma::C444, 8),
            ("pal8", Chroma::C444, 8),
            ("gray", Chroma::Gray, 8),
            ("gray10le", Chroma::Gray, 10),
            ("p010le", Chroma::C420, 10),
            ("yuv420p10le", Chroma::C420, 10),
            ("gbrp10le", Chroma::C444, 10),
        ];
        for (name, chroma, bits) in cases {
            assert_eq!(PixelLayout::for_source(name).unwrap(), PixelLayout { chroma, bits }, "{name}");
        }
        for name in ["yuv420p12le", "yuv444p16le", "gray16le", "rgb48be", "xyz12le", "bayer_bggr8", ""] {
            assert!(PixelLayout::for_source(name).is_err(), "{name}");
        }
    }

    #[test]
    fn odd_sides_round_their_colour_samples_up() {
        let layout = PixelLayout { chroma: Chroma::C420, bits: 10 };
        let planes = layout.planes(5, 3);
        let sizes: Vec<_> = planes.iter().map(|p| (p.bytes.clone(), p.width, p.height)).collect();
        assert_eq!(sizes, [(0..30, 5, 3), (30..42, 3, 2), (42..54, 3, 2)]);
        assert_eq!(layout.frame_bytes(5, 3), 54);
    }
}
