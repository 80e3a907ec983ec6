//! Videos in and out, by FFmpeg's programs as child processes.
//!
//! # Why programs and not libraries
//! Decoders of video are large, written in C, and meet hostile files. In a process of their own a crash, a hang or
//! an endless allocation costs one video and no more: the process is watched, and ended when it makes no progress.
//! Building needs no FFmpeg headers, no `libclang` and no particular version of them, and every user's system has
//! the programs in its package manager. The price is a copy of each frame through a pipe in either direction,
//! about 0.6 ms each for a frame of 1920×1080.
//!
//! # How frames travel
//! As NUT streams of planar YCbCr ([`nut`], [`PixelLayout`]), so that times stay whole ticks of the file's own time
//! base and pixels that are not redacted are never converted. [`Decoder`] reads a file, at full size or shrunk for
//! looking at; [`Encoder`] takes the frames back and fetches the sound from the original by itself, untouched. Both
//! count time as the file does (`-copyts`), so that picture and sound stay where they were.
//!
//! # What is never trusted
//! A file may only be what it looks like: FFmpeg gets whitelists of containers and protocols, so that a playlist
//! that is disguised as a video opens nothing. Sizes are limited before anything is decoded. What FFmpeg says of a
//! file is parsed as a hostile format.
//!
//! This module is not for finding faces, or for changing pixels.

mod child;
mod container;
mod decode;
mod encode;
mod error;
mod frames;
mod live;
pub mod nut;
mod pixels;
mod probe;
mod time;
mod tools;
mod vorbis;
pub mod y4m;

pub use container::Container;
pub use decode::{Decoder, DecoderOptions};
pub use encode::{AudioChoice, Encoder, EncoderOptions, VideoCodec, join_parts, keeping_container};
pub use error::VideoError;
pub use frames::Frame;
pub use live::{LIVE_LAYOUT, LIVE_TIME_BASE, LiveDecoder, LiveEncoder, LiveSource, LiveTarget, PipeFormat};
pub use pixels::{Chroma, PixelLayout, Plane};
pub use probe::{AudioStream, Colours, Probe, VideoStream, count_frames, leftovers, parse_probe, probe};
pub use time::TimeBase;
pub use tools::Tools;
