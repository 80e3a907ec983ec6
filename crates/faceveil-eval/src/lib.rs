//! Judges anonymised pictures from files only: the original, the output, and where the faces are.
//! The measures are those of the project's referee (a Python program that is the yardstick); the
//! agreement test holds the two together.
//!
//! The output is compared with the original *put through what the output went through*: its size
//! and, for a JPEG, its quantisation tables and chroma sampling. A face is hidden only if most of
//! it changed and its own pattern is gone; see [`FaceVerdict`] and [`Collateral`].
//!
//! Frames of a video are judged one by one, decoded ([`judge_frame`]), and summed up by track
//! ([`VideoJudge`]).
//!
//! Not here: re-identification, detectors that look at the output, the decoding of videos, and anything
//! that would run the tool that is judged.
#![forbid(unsafe_code)]

mod blur;
mod codec;
mod collateral;
mod face;
mod fidelity;
mod fit;
mod folder;
mod likeness;
mod overlap;
mod pair;
mod picture;
mod plane;
mod regions;
mod summary;
mod video;

pub use collateral::Collateral;
pub use face::{COVER, FaceVerdict, KEPT_LIMIT, Status};
pub use fidelity::{Fidelity, ToReference, fidelity, reference_blur, ssim, to_reference};
pub use folder::{FolderError, judge_folder};
pub use likeness::{Judged, Likeness, Original};
pub use overlap::Overlap;
pub use pair::{PictureVerdict, judge_pair, no_output};
pub use picture::{JudgeError, Picture};
pub use summary::{Bin, LeakTable, OutsideMean, Rate, Summary};
pub use video::{LONGEST_FLASH, VideoJudge, VideoSummary, judge_frame};
