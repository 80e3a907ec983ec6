//! A decoded photo and how its file was coded.

use crate::Format;
use crate::jpeg::Original;
use faceveil_core::raster::Raster;
use faceveil_core::redact::Region;

/// How large a photo may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Pixels at most, by the header, checked before the picture's memory is taken.
    pub max_pixels: u64,
    /// Bytes of the file at most.
    pub max_file_bytes: u64,
}

impl Default for Limits {
    /// 200 megapixels, 1 GiB.
    fn default() -> Self {
        Self { max_pixels: 200_000_000, max_file_bytes: 1 << 30 }
    }
}

impl Limits {
    /// # Errors
    /// [`crate::DecodeError::TooManyPixels`] if the picture is larger than allowed.
    pub(crate) fn check(&self, width: u32, height: u32) -> Result<(), crate::DecodeError> {
        let limit = self.max_pixels;
        if u64::from(width) * u64::from(height) > limit {
            return Err(crate::DecodeError::TooManyPixels { width, height, limit });
        }
        Ok(())
    }
}

/// A photo in memory, upright.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Photo {
    /// The picture, with the file's EXIF orientation already applied.
    pub raster: Raster,
    /// The colour profile, if the file had a sound one of at most 16 MiB.
    pub icc: Option<Vec<u8>>,
    /// The little metadata that may be kept.
    pub safe: SafeMetadata,
    /// How the file was coded.
    pub source: Source,
}

impl Photo {
    /// Says which regions were redacted, so that nothing of what a JPEG had there is kept even where
    /// the pixels came out as they were. Changed pixels are noticed without it.
    pub fn mark_redacted(&mut self, regions: &[Region]) {
        if let Source::Jpeg(coding) = &mut self.source {
            coding.original.mark(regions);
        }
    }
}

/// The metadata that says nothing of who or where: when, and with what kind of camera.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SafeMetadata {
    /// `YYYY:MM:DD HH:MM:SS`, local time: EXIF DateTimeOriginal, else DateTime.
    pub capture_time: Option<String>,
    /// The camera's maker, 1 to 64 printable ASCII characters.
    pub make: Option<String>,
    /// The camera's model, 1 to 64 printable ASCII characters.
    pub model: Option<String>,
}

/// What [`crate::encode`] writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EncodeOptions {
    /// The format; `None` is the source's.
    pub format: Option<Format>,
    /// Whether to write [`SafeMetadata`] into a fresh EXIF block.
    pub keep_safe_metadata: bool,
}

/// How a photo's file was coded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// A JPEG.
    Jpeg(JpegCoding),
    /// A PNG.
    Png(PngCoding),
    /// A WebP.
    WebP(WebPCoding),
    /// A BMP.
    Bmp(BmpCoding),
    /// A page of a TIFF.
    Tiff(TiffCoding),
    /// A frame of a GIF.
    Gif(GifCoding),
    /// A HEIC or AVIF.
    Heif(HeifCoding),
}

impl Source {
    /// The file's format.
    pub fn format(&self) -> Format {
        match self {
            Self::Jpeg(_) => Format::Jpeg,
            Self::Png(_) => Format::Png,
            Self::WebP(_) => Format::WebP,
            Self::Bmp(_) => Format::Bmp,
            Self::Tiff(_) => Format::Tiff,
            Self::Gif(_) => Format::Gif,
            Self::Heif(coding) => coding.format,
        }
    }
}

/// How a JPEG was coded, as seen in the upright picture: where the orientation swaps the sides,
/// tables are transposed and sampling factors swapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JpegCoding {
    /// 1 (grey), 3 (YCbCr or RGB) or 4 (CMYK or YCCK).
    pub components: Vec<JpegComponent>,
    /// Progressive rather than sequential.
    pub progressive: bool,
    /// The colour transform of the Adobe segment (0 none, 1 YCbCr, 2 YCCK), if there is one.
    pub adobe_transform: Option<u8>,
    /// Whether the first three of several components are luma and chroma.
    pub luma_chroma: bool,
    /// The coefficients, as far as they can be written again.
    pub(crate) original: Original,
}

/// What became of the coefficients of a JPEG that was written as a JPEG.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JpegOutcome {
    /// Every unit (MCU) whose pixels did not change has the coefficients that it had.
    Kept,
    /// The whole picture was encoded from its pixels.
    Reencoded(Reencoded),
}

/// Why a JPEG's coefficients were not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reencoded {
    /// Turning it upright would put an incomplete unit at the beginning of a row or column.
    #[error("its sides are no multiple of its units, so it cannot be turned without loss")]
    Orientation,
    /// Sampling factors of an unusual kind.
    #[error("its sampling factors are unusual")]
    Layout,
    /// Coefficients that no picture of 8 bits a sample has.
    #[error("its coefficients are out of range")]
    Coefficients,
    /// Its raster or its coding is another than the file had.
    #[error("its size, colours or coding were changed")]
    Picture,
}

/// A photo as a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The file.
    pub bytes: Vec<u8>,
    /// Of a JPEG that came from a JPEG: what became of its coefficients.
    pub jpeg: Option<JpegOutcome>,
}

/// One component of a JPEG.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JpegComponent {
    /// Identifier in the file.
    pub id: u8,
    /// Horizontal sampling factor, `1..=4`.
    pub horizontal: u8,
    /// Vertical sampling factor, `1..=4`.
    pub vertical: u8,
    /// Quantisation table, row by row (not zig-zag), `1..=65535` each.
    pub table: [u16; 64],
}

/// How a PNG was coded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PngCoding {
    /// Bits a sample (a palette index counts as one): 1, 2, 4, 8 or 16.
    pub bit_depth: u8,
    /// Samples are palette indices.
    pub palette: bool,
    /// Stored in seven passes.
    pub interlaced: bool,
    /// What says how the samples are to be shown, beside a profile.
    pub colour: PngColour,
}

/// The colour chunks of a PNG, as stored. They hold fixed numbers, no text, and without them the
/// samples would be shown in other colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PngColour {
    /// `sRGB`: rendering intent.
    pub srgb: Option<[u8; 1]>,
    /// `gAMA`: image gamma.
    pub gama: Option<[u8; 4]>,
    /// `cHRM`: white point and primaries.
    pub chrm: Option<[u8; 32]>,
    /// `cICP`: coding-independent code points.
    pub cicp: Option<[u8; 4]>,
}

/// How a WebP was coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebPCoding {
    /// Lossy (VP8) rather than lossless (VP8L).
    pub lossy: bool,
}

/// How a BMP was coded: nothing of that is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BmpCoding {}

/// How a page of a TIFF was coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TiffCoding {
    /// How its samples were packed.
    pub compression: TiffCompression,
    /// Whether the colours are multiplied by the opacity already ("associated alpha").
    pub premultiplied: bool,
}

/// Lossless packings of a TIFF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TiffCompression {
    /// None.
    None,
    /// Lempel, Ziv, Welch; TIFF 6.0 section 13.
    Lzw,
    /// zlib.
    Deflate,
    /// Run lengths; TIFF 6.0 section 9.
    PackBits,
}

/// How a frame of a GIF was coded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GifCoding {
    /// The colours of the frame as it is shown, at most 256, most frequent first. Those that it still has
    /// when it is written stay as they are.
    pub palette: Vec<[u8; 3]>,
}

/// How a HEIC or AVIF was coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeifCoding {
    /// [`Format::Heic`] or [`Format::Avif`].
    pub format: Format,
    /// Bits a sample: 8, or 10, which come as 16.
    pub bit_depth: u8,
    /// What the colours mean where there is no profile: primaries, ITU-T H.273 table 2.
    pub primaries: u16,
    /// Likewise the transfer, table 3.
    pub transfer: u16,
}
