//! How a level treats a video: tracks allow what single photos cannot afford.

use faceveil_core::fusion::sigmoid;
use faceveil_core::track::TrackSettings;
use faceveil_infer::search::{Looks, SearchSettings};

use crate::Level;

/// By how much weaker than a face, in log-odds, a detection may be that continues a track.
const WEAKER: f32 = 1.2;

/// How a level searches frames, and makes tracks of what it finds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VideoLevel {
    /// Finds weak faces, too: those that only continue a track.
    pub search: SearchSettings,
    /// How detections become tracks. [`TrackSettings::strong`] is the score of the weakest face that starts one.
    pub tracks: TrackSettings,
    /// Every how many frames are searched; in between faces are followed by their pixels.
    pub detect_every: u32,
    /// Size of a region as a multiple of the detected box.
    pub margin: f32,
}

impl Level {
    /// How the level treats a video. Frames are not searched turned: videos say how they lie.
    pub fn video(self) -> VideoLevel {
        let photo = self.search();
        let strong = sigmoid(photo.least);
        VideoLevel {
            search: SearchSettings { turned_view: Looks::NONE, least: photo.least - WEAKER, ..photo },
            tracks: TrackSettings::offline(strong),
            detect_every: match self {
                Self::Fast => 5,
                Self::Balanced => 3,
                Self::Thorough => 1,
            },
            margin: self.margin(),
        }
    }
}
