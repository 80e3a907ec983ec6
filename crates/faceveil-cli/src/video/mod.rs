//! Videos: a file's frames are decoded, searched, tracked, redacted and encoded, all at once on threads that wait for
//! each other, so that memory does not grow with the length.
//!
//! ```text
//! ffmpeg ─► decode ─► look (searches, glances, tracks; some frames late) ─► hide ─► ffmpeg
//!                        └─► searchers
//! ```
//!
//! The output comes under its name only when every frame has gone all the way, and the result has as many.

mod file;
mod finished;
mod hide;
pub mod keys;
pub mod live;
mod live_plan;
mod look;
mod options;
mod original;
mod parts;
pub mod record;
mod recorder;
mod replay;
mod search;
mod task;

pub use file::{Order, VideoReport, Videos, output_of};
pub use finished::Finished;
pub(crate) use finished::sha256;
pub use hide::Counts;
pub use live_plan::{LiveArgs, LivePlan};
pub use options::{Audio, Damaged, Moment, NoMoment, VideoOptions, fingerprint};
pub(crate) use recorder::jpeg;
pub use task::VideoTask;

use faceveil::core::redact::{Matrix, SampleRange, YuvLayout};
use faceveil::core::track::{TrackId, TrackedFrame};
use faceveil_media::video::{Chroma, Colours, Frame, PixelLayout};

/// A frame, and which faces are in it.
struct Told {
    frame: Frame,
    tracked: TrackedFrame,
    /// Tracks that are left visible in it.
    kept: Vec<TrackId>,
}

/// Height in pixels from which a video that does not say otherwise has the colours of high definition.
const HIGH_DEFINITION: u32 = 720;

/// How the frames' samples are read.
pub(crate) fn yuv_layout(pixels: PixelLayout, (width, height): (u32, u32), colours: &Colours) -> YuvLayout {
    let (shift_x, shift_y) = pixels.shift();
    let matrix = match colours.space {
        Some("bt709") => Matrix::Bt709,
        Some("bt2020nc" | "bt2020c") => Matrix::Bt2020,
        Some(_) => Matrix::Bt601,
        None if height >= HIGH_DEFINITION => Matrix::Bt709,
        None => Matrix::Bt601,
    };
    let range = if colours.range == Some("pc") { SampleRange::Full } else { SampleRange::Limited };
    YuvLayout {
        width,
        height,
        shift_x: shift_x as u8,
        shift_y: shift_y as u8,
        depth: pixels.bits,
        matrix,
        range,
    }
}

/// Whether frames have colour.
fn has_chroma(pixels: PixelLayout) -> bool {
    pixels.chroma != Chroma::Gray
}
