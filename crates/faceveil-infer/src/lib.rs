//! Face detectors on a small inference engine of their own.
#![forbid(unsafe_code)]
