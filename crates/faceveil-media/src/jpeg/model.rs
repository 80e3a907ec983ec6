//! What the components of a JPEG mean.

use crate::jpeg::header::Header;
use faceveil_core::raster::Color;
use zune_core::colorspace::ColorSpace;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Model {
    Gray,
    YCbCr,
    Rgb,
    Cmyk,
    Ycck,
}

impl Model {
    /// libjpeg's rules (jdapimin.c, `default_decompress_parms`), but for components named `R`,
    /// `G`, `B`, which are RGB even beside a JFIF segment.
    pub fn of(header: &Header) -> Self {
        let ids: Vec<u8> = header.frame.components.iter().map(|c| c.id).collect();
        match (ids.len(), header.adobe) {
            (1, _) => Self::Gray,
            (3, _) if ids == *b"RGB" => Self::Rgb,
            (3, Some(0)) if !header.jfif => Self::Rgb,
            (3, _) => Self::YCbCr,
            (_, None | Some(0)) => Self::Cmyk,
            _ => Self::Ycck,
        }
    }

    /// What the samples are once decoded.
    pub fn color(self) -> Color {
        match self {
            Self::Gray => Color::Gray,
            Self::YCbCr | Self::Rgb => Color::Rgb,
            Self::Cmyk | Self::Ycck => Color::Cmyk,
        }
    }

    /// What the decoder is told the components are, as an Adobe transform, and what it shall give.
    /// It cannot turn YCCK into CMYK, so it hands over the stored samples of both.
    pub fn decoded_as(self) -> (u8, ColorSpace) {
        match self {
            Self::Gray => (1, ColorSpace::Luma),
            Self::YCbCr => (1, ColorSpace::RGB),
            Self::Rgb => (0, ColorSpace::RGB),
            Self::Cmyk | Self::Ycck => (0, ColorSpace::CMYK),
        }
    }

    /// The transform of the Adobe segment in a file of ours; `None` where a JFIF segment says it.
    pub fn adobe(self) -> Option<u8> {
        match self {
            Self::Gray | Self::YCbCr => None,
            Self::Rgb | Self::Cmyk => Some(0),
            Self::Ycck => Some(2),
        }
    }

    /// A decoded pixel as it is stored, `0.0..=255.0`: JFIF 1.02 formulas; ink is stored inverted.
    /// Only as many values as there are components mean something.
    #[inline]
    pub fn coded(self, pixel: &[u8]) -> [f32; 4] {
        let at = |i: usize| pixel.get(i).copied().map_or(0.0, f32::from);
        let [a, b, c, k] = [at(0), at(1), at(2), at(3)];
        let luma_chroma = [
            0.299 * a + 0.587 * b + 0.114 * c,
            -0.168_735_9 * a - 0.331_264_1 * b + 0.5 * c + 128.0,
            0.5 * a - 0.418_687_6 * b - 0.081_312_4 * c + 128.0,
        ];
        let [y, cb, cr] = luma_chroma;
        match self {
            Self::Gray | Self::Rgb => [a, b, c, 0.0],
            Self::YCbCr => [y, cb, cr, 0.0],
            Self::Cmyk => [255.0 - a, 255.0 - b, 255.0 - c, 255.0 - k],
            // The transform's red, green and blue are ink as it is: see `decode`.
            Self::Ycck => [y, cb, cr, 255.0 - k],
        }
    }
}
