//! From the faces of single frames to tracks: which detections are one face, where it was when no detector
//! saw it, and from when to when it is hidden. Pure arithmetic over boxes and small grey pictures.
//!
//! ```text
//! every frame   Luma ─► Follower: faces between detections ─► Tracker ─► TrackedFrame, some frames later
//! ```
//!
//! [`Tracker`] is a fixed-lag tracker: it takes the faces of frame `i` and gives those of frame
//! `i - delay`. With a delay it looks both ways: a face is hidden before it was first found
//! ([`TrackSettings::lead`]), weak detections before the first strong one count, gaps are filled from both
//! ends. With a delay of 0 it is a live tracker of one pass: what follows is not known, so a lost face is
//! held instead. What is kept is bounded by the delay and the faces in that many frames, however long the
//! video is.
//!
//! It fails closed: a face seen in a single frame is hidden, a region never shrinks below what was detected in
//! its frame, and the less is known the larger it gets. Only a detection of at least
//! [`TrackSettings::strong`] starts a track; weaker ones continue it, as in ByteTrack (Zhang et al. 2022,
//! <https://arxiv.org/abs/2110.06864>).

mod assign;
mod border;
mod cut;
mod follow;
mod known;
mod life;
mod luma;
mod motion;
mod optical;
mod settings;
mod shape;
mod tracker;
mod veils;

pub use cut::{CutDetector, Thumb};
pub use follow::Follower;
pub use known::Likeness;
pub use luma::Luma;
pub use settings::{MOST_FRAMES, TrackError, TrackSettings};
pub use tracker::Tracker;
pub use veils::Veils;

use alloc::vec::Vec;

use crate::face::Face;

/// Names a track within a video: no two tracks of one [`Tracker`] share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackId(pub u64);

/// A face in one frame before tracking.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    /// Where it is, in pixels of the frame.
    pub face: Face,
    /// Whether its pixels were only followed from another frame's detection: it may continue a track, and
    /// carry one back to where it began, but start none.
    pub followed: bool,
    /// Whether it is somebody who is to stay visible.
    pub likeness: Likeness,
}

impl From<Face> for Sighting {
    fn from(face: Face) -> Self {
        Self { face, followed: false, likeness: Likeness::Unknown }
    }
}

/// What is known of a frame before tracking.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FrameFaces {
    /// The faces, weak ones included.
    pub faces: Vec<Sighting>,
    /// The frame in small, for finding cuts.
    pub thumb: Option<Thumb>,
    /// Whether a new scene is known to start with this frame.
    pub cut: bool,
    /// Whether a detector has looked for all faces of it.
    pub searched: bool,
}

/// Why a face is hidden in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Presence {
    /// A detector is sure of it.
    Seen,
    /// A detector is unsure, but a track goes through it.
    Weak,
    /// Its pixels were followed from a detection.
    Followed,
    /// It was seen before and after.
    Filled,
    /// It is seen soon.
    Led,
    /// It was seen a short time ago.
    Held,
}

/// A face of a track in one frame.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackedFace {
    /// Which track.
    pub track: TrackId,
    /// Where to hide it: its box and [`Face::also`] together hold what was detected in this frame.
    pub face: Face,
    /// Why.
    pub presence: Presence,
    /// Whether it is surely somebody who is to stay visible.
    pub known: bool,
}

/// The faces to be hidden in a frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrackedFrame {
    /// Number of the frame, counted from 0 in the order of the pushes.
    pub index: u64,
    /// Whether a new scene starts here: no track goes on from the frame before.
    pub cut: bool,
    /// The faces, in the order of their tracks.
    pub faces: Vec<TrackedFace>,
}
