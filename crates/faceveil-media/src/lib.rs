//! Photos in and out: decoding, orientation, metadata, safe writing.
#![forbid(unsafe_code)]
