//! Armv8.1-M vectors.
