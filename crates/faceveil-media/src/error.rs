//! What can go wrong with a photo, in numbers.

use crate::Format;

/// Why a photo was not decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// No bytes at all.
    #[error("the file is empty")]
    Empty,
    /// Something recognisable that is none of [`Format::ALL`].
    #[error("this looks like {looks_like}; only JPEG, PNG, WebP, BMP, TIFF, GIF, HEIC and AVIF can be read")]
    OtherFormat {
        /// What it looks like, with its article.
        looks_like: &'static str,
    },
    /// Nothing recognisable.
    #[error("not a photo that can be read (JPEG, PNG, WebP, BMP, TIFF, GIF, HEIC or AVIF)")]
    Unrecognised,
    /// The header promises more pixels than allowed.
    #[error("{width}×{height} pixels are more than the limit of {limit}")]
    TooManyPixels {
        /// Width in pixels, as stored.
        width: u32,
        /// Height in pixels, as stored.
        height: u32,
        /// The limit in pixels.
        limit: u64,
    },
    /// All pages or frames have more pixels than allowed.
    #[error("pages or frames of {pixels} pixels and more are more than the limit of {limit}")]
    TooManyPixelsInAll {
        /// The format.
        format: Format,
        /// Pixels met until the limit.
        pixels: u64,
        /// The limit in pixels.
        limit: u64,
    },
    /// More pages or frames than allowed.
    #[error("{} with more than {limit} pages or frames", .format.with_article())]
    TooManyPages {
        /// The format.
        format: Format,
        /// The limit.
        limit: usize,
    },
    /// An animation or several pages where only one still picture can be taken.
    #[error("{} of several pages or frames; only a single picture can be taken here", .format.with_article())]
    SeveralPictures {
        /// The format.
        format: Format,
    },
    /// A valid file that uses something this crate does not read.
    #[error("{} with {feature}, which is not supported", .format.with_article())]
    UnsupportedFeature {
        /// The format.
        format: Format,
        /// What it uses.
        feature: &'static str,
    },
    /// This build cannot read the format.
    #[error("{} pictures can only be read by a program built with the feature {feature}", .format.name())]
    NotBuilt {
        /// The format.
        format: Format,
        /// The feature.
        feature: &'static str,
    },
    /// A program that reads the format is not there.
    #[error("{} pictures are read by {}, which is not in the path; it comes with libheif", .format.name(), .programs.join(" or "))]
    NoProgram {
        /// The format.
        format: Format,
        /// What it can be called.
        programs: &'static [&'static str],
    },
    /// The file ends too early.
    #[error("truncated {}: {wanted} beyond its {len} bytes", .format.name())]
    Truncated {
        /// The format.
        format: Format,
        /// What was to follow.
        wanted: &'static str,
        /// How many bytes there are.
        len: usize,
    },
    /// The file contradicts its format.
    #[error("damaged {}: {what} near byte {offset}", .format.name())]
    Damaged {
        /// The format.
        format: Format,
        /// What is wrong.
        what: &'static str,
        /// Where, counted from the file's start.
        offset: usize,
    },
    /// The format's decoder refused the file.
    #[error("damaged {}: {message}", .format.name())]
    Decoder {
        /// The format.
        format: Format,
        /// The decoder's own words.
        message: String,
    },
    /// The format's decoder panicked, which is a bug.
    #[error("the {} decoder crashed on this file", .format.name())]
    Panicked {
        /// The format.
        format: Format,
    },
}

/// Why a photo was not encoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A side is longer than the format can say.
    #[error("{width}×{height} pixels: {} can have {limit} a side at most", .format.with_article())]
    TooLarge {
        /// The format.
        format: Format,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Pixels a side at most.
        limit: u32,
    },
    /// The format holds a single picture.
    #[error("{count} pages or frames do not fit {}", .format.with_article())]
    SeveralPictures {
        /// The format.
        format: Format,
        /// How many there are.
        count: usize,
    },
    /// This build cannot write the format.
    #[error("{} pictures can only be written by a program built with the feature {feature}", .format.name())]
    NotBuilt {
        /// The format.
        format: Format,
        /// The feature.
        feature: &'static str,
    },
    /// A program that writes the format is not there.
    #[error("{} pictures are written by {}, which is not in the path; it comes with libheif", .format.name(), .programs.join(" or "))]
    NoProgram {
        /// The format.
        format: Format,
        /// What it can be called.
        programs: &'static [&'static str],
    },
    /// The colours are named by numbers that the format cannot hold, and there is no profile.
    #[error(
        "its colours (primaries {primaries}, transfer {transfer} of ITU-T H.273) cannot be said in {}: choose PNG, HEIC or AVIF",
        .format.with_article()
    )]
    Colours {
        /// The format.
        format: Format,
        /// Number of the primaries.
        primaries: u16,
        /// Number of the transfer.
        transfer: u16,
    },
    /// The encoder failed.
    #[error("{} encoder: {message}", .format.name())]
    Encoder {
        /// The format.
        format: Format,
        /// The encoder's own words.
        message: String,
    },
    /// The encoder panicked, which is a bug.
    #[error("the {} encoder crashed", .format.name())]
    Panicked {
        /// The format.
        format: Format,
    },
}
