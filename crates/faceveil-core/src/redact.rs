//! Hiding regions of a picture.
