//! The faceveil program.
#![forbid(unsafe_code)]
