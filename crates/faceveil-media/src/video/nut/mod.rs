//! NUT, the container in which raw frames go between FFmpeg and this program: it is simple, documented
//! (<https://github.com/FFmpeg/FFmpeg/blob/master/doc/nut.texi> points to the specification), and keeps each frame's
//! time exactly, which YUV4MPEG cannot.
//!
//! # What is read and written
//! One video stream of raw frames, version 3. A file is the 25 bytes `nut/multimedia container\0`, then packets and
//! frames. A packet is a start code (64 bits, big-endian, first byte `N`), the size of the rest (variable length),
//! a CRC-32 of those if the size is above 4096, a body, and the CRC-32 of the body. A frame is a code (one byte, not
//! `N`) that the main header's table turns into flags, then the numbers that the flags ask for: time, size, and a
//! CRC-32; then the picture's bytes. Numbers have 7 bits a byte, the highest first. What else NUT can do (several
//! streams, elided headers, side data) is an error here.

mod head;
mod reader;
mod wire;
mod writer;

pub use head::encoded_head;
pub use reader::NutReader;
pub use writer::NutWriter;

use super::TimeBase;

/// What a stream of raw frames says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NutHeader {
    /// Width in pixels, at least 1.
    pub width: u32,
    /// Height in pixels, at least 1.
    pub height: u32,
    /// Width and height of a pixel by each other; 0 if unknown.
    pub pixel_aspect: (u32, u32),
    /// Seconds a tick of the frames' times.
    pub time_base: TimeBase,
    /// Four bytes that name the layout of a frame.
    pub fourcc: [u8; 4],
}

/// A stream is not what is read here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NutError {
    /// The stream cannot be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It ended before its headers were complete: whoever writes it had nothing to say.
    #[error("the stream has no header")]
    NoHeader,
    /// It ended inside a packet or frame.
    #[error("the stream ends inside a {0}")]
    Truncated(&'static str),
    /// Something that is not allowed, or not read here.
    #[error("the stream is damaged: {0}")]
    Malformed(&'static str),
    /// A frame is of another size than all frames are.
    #[error("a frame has {got} bytes instead of {need}")]
    FrameBytes {
        /// Bytes it has.
        got: u64,
        /// Bytes each frame must have.
        need: u64,
    },
}
