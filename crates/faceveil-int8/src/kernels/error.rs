//! What is wrong with a call.

use core::fmt;

/// The lengths or the shape of a call do not go together. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KernelError {
    /// A slice has the wrong length; scratch is too short.
    Length {
        /// Which one.
        what: &'static str,
        /// Values that it must have (scratch: at least).
        need: usize,
        /// Values that it has.
        got: usize,
    },
    /// A number is out of the range that the operation takes.
    Range {
        /// Which one.
        what: &'static str,
        /// Its value.
        got: usize,
    },
}

impl fmt::Display for KernelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Length { what, need, got } => write!(f, "{what} has {got} values, needs {need}"),
            Self::Range { what, got } => write!(f, "{what} is {got}, which the operation does not take"),
        }
    }
}

impl core::error::Error for KernelError {}

/// Scratch may be longer, everything else must be as long.
pub(super) fn need(what: &'static str, need: usize, got: usize) -> Result<(), KernelError> {
    let scratch = matches!(what.as_bytes(), b"scratch");
    if got == need || (scratch && got > need) { Ok(()) } else { Err(KernelError::Length { what, need, got }) }
}

/// `got` must lie in `least..=most`.
pub(super) fn within(what: &'static str, got: usize, least: usize, most: usize) -> Result<(), KernelError> {
    if least <= got && got <= most { Ok(()) } else { Err(KernelError::Range { what, got }) }
}
