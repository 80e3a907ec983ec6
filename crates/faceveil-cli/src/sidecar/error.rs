//! What can be wrong with a sidecar.

use faceveil_media::files::{ReadError, WriteError};

/// A sidecar cannot be read, written or believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SidecarError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// It is larger than [`super::MAX_BYTES`].
    #[error("{bytes} bytes are more than a sidecar's limit of {limit}")]
    TooLarge {
        /// Bytes it has.
        bytes: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// Not JSON, or not the fields of a sidecar.
    #[error("not a sidecar: {0}")]
    Json(String),
    /// JSON without the version.
    #[error("not a sidecar: it has no \"faceveil_sidecar\"")]
    NoVersion,
    /// Another version of the format.
    #[error(
        "a sidecar of version {got}; this program reads the versions {} and {}",
        super::VERSION,
        super::VERSION_OF_PAGES
    )]
    Version {
        /// What stands there, its first 40 characters.
        got: String,
    },
    /// More than any honest sidecar has.
    #[error("{got} {what}, at most {limit}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many there are.
        got: usize,
        /// How many may be.
        limit: usize,
    },
    /// A number out of its range.
    #[error("{what} is {value}, must be {range}")]
    Number {
        /// The number's name.
        what: String,
        /// What stands there.
        value: f64,
        /// What may.
        range: &'static str,
    },
    /// A text that is not what it must be.
    #[error("{what} is {got:?}, must be {must}")]
    Text {
        /// The text's name.
        what: &'static str,
        /// What stands there, its first 80 characters.
        got: String,
        /// What may.
        must: &'static str,
    },
    /// An id is empty, too long, or has other characters.
    #[error("the id {id:?} is not 1 to 64 letters, digits, dots, hyphens or underscores")]
    Id {
        /// Its first 80 characters.
        id: String,
    },
    /// Two faces or two regions have one id.
    #[error("the id {id} is given twice")]
    Duplicate {
        /// The id.
        id: String,
    },
    /// A face or region that the program has recorded is gone.
    #[error("{id} is missing: to show what it hid, keep it and set its region's \"hidden\" to false")]
    Missing {
        /// Its id.
        id: String,
    },
    /// A face that no region names.
    #[error("no region belongs to {face}: to show it, keep its region and set \"hidden\" to false")]
    Uncovered {
        /// The face's id.
        face: String,
    },
    /// A face or a region is on a page that is not there.
    #[error("{id} is on page or frame {page}, and there are {pages}")]
    NoPage {
        /// Its id.
        id: String,
        /// The page, counted from 1.
        page: u32,
        /// How many there are.
        pages: usize,
    },
    /// Only a sidecar of several pages or frames says on which one something is, and it must.
    #[error("{id} {}", if *several { "does not say on which page or frame it is" } else { "is on a page, and there is a single picture" })]
    Page {
        /// The face's or region's id.
        id: String,
        /// Whether the sidecar is of several.
        several: bool,
    },
    /// A region names a face that is not there.
    #[error("{region} is the region of {face}, which is not among the faces of its picture")]
    UnknownFace {
        /// The region's id.
        region: String,
        /// The id it names.
        face: String,
    },
    /// A region without a shape.
    #[error("{region} has no shapes")]
    Empty {
        /// Its id.
        region: String,
    },
    /// A region that hides nothing, though it was meant to.
    #[error("{region} lies outside the picture of {}×{} pixels", size[0], size[1])]
    Outside {
        /// Its id.
        region: String,
        /// Width and height of the picture.
        size: [u32; 2],
    },
}

impl SidecarError {
    pub(crate) fn number(what: impl Into<String>, value: f64, range: &'static str) -> Self {
        Self::Number { what: what.into(), value, range }
    }

    pub(crate) fn text(what: &'static str, got: &str, must: &'static str) -> Self {
        Self::Text { what, got: got.chars().take(80).collect(), must }
    }
}
