//! Why a video was not read or written. The caller knows the path.

use std::io;
use std::time::Duration;

use super::nut::NutError;

/// Why a video was not read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VideoError {
    /// FFmpeg is not installed.
    #[error(
        "videos need FFmpeg, and there is no program {program}: install it (Debian, Ubuntu: apt install ffmpeg; \
         Fedora: dnf install ffmpeg-free; macOS: brew install ffmpeg; Windows: winget install ffmpeg)"
    )]
    NoFfmpeg {
        /// The program that was looked for.
        program: String,
    },
    /// A program cannot be started.
    #[error("{program} cannot be started")]
    Start {
        /// Which.
        program: String,
        /// What the system says.
        source: io::Error,
    },
    /// FFmpeg cannot make sense of the file.
    #[error("FFmpeg cannot read it: {0}")]
    Unreadable(String),
    /// There is no picture in it.
    #[error("it has no video stream")]
    NoVideo,
    /// There is a stream, and nothing in it.
    #[error("it has no frames")]
    NoFrames,
    /// FFmpeg's report on the file is not understood.
    #[error("FFmpeg's report on it is not understood: {0}")]
    Report(String),
    /// Its frames are too large.
    #[error("its frames have {width}×{height} pixels, more than the limit of {limit}")]
    TooLarge {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Pixels allowed.
        limit: u64,
    },
    /// Samples that would lose bits.
    #[error("its pixels are {0:?}, which cannot be kept; convert it to 8 or 10 bits first")]
    Pixels(String),
    /// Something that would look wrong.
    #[error("{0}")]
    Unsupported(String),
    /// What is in it is damaged.
    #[error("it is damaged or cut short ({0}); --damaged keep goes on with what can be read")]
    Damaged(String),
    /// A codec's process ended with an error.
    #[error("{what} failed: {words}")]
    Codec {
        /// What it was doing.
        what: &'static str,
        /// Its last words, or how it ended.
        words: String,
    },
    /// A codec's process made no progress.
    #[error("{what} made no progress for {} s and was ended", after.as_secs_f32())]
    Stalled {
        /// What it was doing.
        what: &'static str,
        /// How long it was waited for.
        after: Duration,
    },
    /// The frames from the decoder are not what they should be.
    #[error("frames of the decoder")]
    Frames(#[source] NutError),
    /// The frames come at times that go backwards.
    #[error("frame {frame} is not later than the one before it")]
    Times {
        /// Which, counted from 0.
        frame: u64,
    },
    /// The result has other frames than were written to it.
    #[error("the result has {got} frames instead of {need}")]
    FrameCount {
        /// Frames in the result.
        got: u64,
        /// Frames written.
        need: u64,
    },
    /// A part of a video that is made in parts cannot be read.
    #[error("part {part} cannot be read")]
    Part {
        /// Which, counted from 1.
        part: u64,
        /// What the system says.
        source: io::Error,
    },
    /// A part does not go on where the first one began.
    #[error("part {part} was encoded in another way than the first one")]
    PartHead {
        /// Which, counted from 1.
        part: u64,
    },
    /// The ending of the output names no container that is written.
    #[error("{0:?} is no ending of a video that is written: mp4, m4v, mov, mkv, webm, ts")]
    Container(String),
}
