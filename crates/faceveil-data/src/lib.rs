//! Readers of face annotations and the fixed split of the public pictures.
#![forbid(unsafe_code)]
