//! How tracks are made of detections.

/// The most frames that any setting may count: what is kept grows with it.
pub const MOST_FRAMES: u32 = 600;

/// A setting that is out of range.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TrackError {
    /// A number of frames beyond [`MOST_FRAMES`].
    #[error("{name} is {frames} frames, must be at most {MOST_FRAMES}")]
    Frames {
        /// Which setting.
        name: &'static str,
        /// What was asked for.
        frames: u32,
    },
    /// A share outside `0.0..=1.0`.
    #[error("{name} is {value}, must be 0 to 1")]
    Share {
        /// Which setting.
        name: &'static str,
        /// What was asked for.
        value: f32,
    },
}

/// How tracks are made of detections. Frames are those of the video, whatever their times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrackSettings {
    /// Score from which a detection starts a track, `0.0..=1.0`. What is weaker only continues one.
    pub strong: f32,
    /// Score from which a single detection is a track, `0.0..=1.0`. A weaker one needs another of at least
    /// [`Self::strong`], unless no other search of its scene could have given one.
    pub certain: f32,
    /// Frames for which a face is hidden before it was first found.
    pub lead: u32,
    /// Frames for which a face is hidden after it was last found.
    pub hold: u32,
    /// Frames for which a face may be lost within a track. Such a gap is filled.
    pub gap: u32,
    /// Frames to each side over which place and size are smoothed.
    pub smooth: u32,
    /// By how much of its size a region grows with each frame from the nearest detection, `0.0..=1.0`.
    pub growth: f32,
    /// Latency: frames that must follow before a frame's faces are told. `lead` and `gap` reach back no further.
    pub delay: u32,
    /// Width and height of the frames in pixels. Where they are known, a face that is first or last seen near the
    /// border is hidden on its way over it, too.
    pub frame: Option<(u32, u32)>,
    /// How near the border that is, as a share of the face's side, `0.0..=1.0`.
    pub near: f32,
    /// Frames that such a face needs to cross the border, at least: it is hidden for no fewer.
    pub crossing: u32,
    /// Frames for which it is hidden at most, however slow it is.
    pub longest_crossing: u32,
}

impl TrackSettings {
    /// For files: looks both ways.
    pub fn offline(strong: f32) -> Self {
        Self {
            strong,
            certain: strong,
            lead: 4,
            hold: 4,
            gap: 20,
            smooth: 3,
            growth: 0.01,
            delay: 24,
            frame: None,
            near: 0.3,
            crossing: 8,
            longest_crossing: 24,
        }
    }

    /// For cameras: no latency, and a lost face is held for longer.
    pub fn live(strong: f32) -> Self {
        Self {
            strong,
            certain: strong,
            lead: 0,
            hold: 15,
            gap: 20,
            smooth: 3,
            growth: 0.03,
            delay: 0,
            frame: None,
            near: 0.3,
            crossing: 0,
            longest_crossing: 0,
        }
    }

    /// # Errors
    /// [`TrackError`], naming the first setting that is out of range.
    pub(super) fn check(&self) -> Result<(), TrackError> {
        let frames = [
            ("lead", self.lead),
            ("hold", self.hold),
            ("gap", self.gap),
            ("smooth", self.smooth),
            ("delay", self.delay),
            ("crossing", self.crossing),
            ("longest crossing", self.longest_crossing),
        ];
        if let Some(&(name, frames)) = frames.iter().find(|(_, frames)| *frames > MOST_FRAMES) {
            return Err(TrackError::Frames { name, frames });
        }
        let shares = [
            ("strong", self.strong),
            ("certain", self.certain),
            ("growth", self.growth),
            ("near", self.near),
        ];
        match shares.into_iter().find(|(_, value)| !(0.0..=1.0).contains(value)) {
            Some((name, value)) => Err(TrackError::Share { name, value }),
            None => Ok(()),
        }
    }
}
