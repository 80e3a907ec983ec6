//! What may be chosen for videos, and the checks of it.

use std::time::Duration;

use clap::ValueEnum;
use faceveil::core::track::MOST_FRAMES;
use faceveil_media::video::{AudioChoice, VideoCodec};
use serde::Deserialize;

use crate::choices::Choices;
use crate::plan::PlanError;

/// Pixels of a frame at most, unless chosen: 8192×8192.
const MAX_PIXELS: u64 = 1 << 26;
/// Seconds that a codec's process may make no progress, unless chosen.
const TIMEOUT: u32 = 120;

/// What becomes of a video's sound.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Audio {
    /// Copied as it is
    Copy,
    /// Left out
    Drop,
}

/// What becomes of a video that is damaged or cut short.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Damaged {
    /// It is an error, and nothing is written
    Refuse,
    /// What can be decoded is written
    Keep,
}

/// What will be done to videos.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoOptions {
    /// What encodes; `None` takes the usual one for the container and the frames.
    pub codec: Option<VideoCodec>,
    /// Quality.
    pub crf: Option<f32>,
    /// Effort.
    pub preset: Option<String>,
    /// What becomes of the sound; `None` copies it, unless a sidecar says otherwise.
    pub audio: Option<AudioChoice>,
    /// Frames for which a face is hidden before it was first found.
    pub lead: Option<u32>,
    /// Frames for which a face is hidden after it was last found.
    pub hold: Option<u32>,
    /// Frames from one search to the next; `None` takes the level's.
    pub every: Option<u32>,
    /// Whether damaged videos are worked on.
    pub keep_damaged: bool,
    /// Seconds from the start at which the output begins.
    pub start: Option<f64>,
    /// Seconds from the start at which the output ends.
    pub end: Option<f64>,
    /// Pixels of a frame at most.
    pub max_pixels: u64,
    /// How long a codec may make no progress.
    pub timeout: Duration,
    /// Frames that are searched at once.
    pub searchers: usize,
}

impl VideoOptions {
    /// # Errors
    /// [`PlanError`] if something is out of range.
    pub fn new(chosen: &Choices, start: Option<Moment>, end: Option<Moment>) -> Result<Self, PlanError> {
        let codec = |name: &str| VideoCodec::parse(name).ok_or_else(|| PlanError::Codec(name.to_owned()));
        let frames = |flag, frames: Option<u32>, low: u32| match frames {
            Some(n) if !(low..=MOST_FRAMES).contains(&n) => {
                let range = if low == 0 { "0 to 600" } else { "1 to 600" };
                Err(PlanError::Number { flag, value: f64::from(n), range })
            }
            frames => Ok(frames),
        };
        let crf =
            chosen.crf.map(|crf| crate::plan::in_range("crf", crf, 0.0, 63.0, "0 to 63")).transpose()?;
        let timeout = match chosen.codec_timeout {
            Some(0) => {
                return Err(PlanError::Number { flag: "codec-timeout", value: 0.0, range: "at least 1" });
            }
            seconds => Duration::from_secs(seconds.unwrap_or(TIMEOUT).into()),
        };
        let (start, end) = (start.map(|m| m.0), end.map(|m| m.0));
        if let (start, Some(end)) = (start.unwrap_or(0.0), end)
            && end <= start
        {
            return Err(PlanError::Number { flag: "end", value: end, range: "later than the start" });
        }
        let preset = chosen.preset.clone();
        let plain = |p: &String| p.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && !p.is_empty();
        if let Some(preset) = preset.as_ref().filter(|p| !plain(p)) {
            return Err(PlanError::Codec(preset.clone()));
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            codec: chosen.codec.as_deref().map(codec).transpose()?,
            crf,
            preset,
            audio: chosen.audio.map(|audio| match audio {
                Audio::Drop => AudioChoice::Drop,
                Audio::Copy => AudioChoice::Copy,
            }),
            lead: frames("lead", chosen.lead, 0)?,
            hold: frames("hold", chosen.hold, 0)?,
            every: frames("detect-every", chosen.detect_every, 1)?,
            keep_damaged: chosen.damaged == Some(Damaged::Keep),
            start,
            end,
            max_pixels: chosen.max_pixels.unwrap_or(MAX_PIXELS),
            timeout,
            searchers: chosen.jobs.map_or(cores.div_ceil(2), usize::from).clamp(1, 8),
        })
    }
}

/// What of the choices shapes a video's bytes, for the fingerprint of a run.
pub fn fingerprint(chosen: &Choices) -> String {
    let all = (&chosen.codec, chosen.crf, &chosen.preset, chosen.audio, chosen.lead, chosen.hold);
    let none = (&None, None, &None, None, None, None);
    let rest = (chosen.detect_every, chosen.damaged);
    // Journals of photos stay valid.
    if all == none && rest == (None, None) { String::new() } else { format!(" video={all:?} {rest:?}") }
}

/// A moment in a video as it is typed: seconds, or minutes and hours with colons.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment(pub f64);

/// What was typed is no moment.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no moment: write seconds (75.5) or MINUTES:SECONDS or HOURS:MINUTES:SECONDS")]
pub struct NoMoment(String);

impl std::str::FromStr for Moment {
    type Err = NoMoment;

    fn from_str(text: &str) -> Result<Self, NoMoment> {
        let wrong = || NoMoment(text.to_owned());
        let mut seconds = 0.0;
        let parts: Vec<&str> = text.split(':').collect();
        for (n, part) in parts.iter().rev().enumerate() {
            let digits = |p: &str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit() || b == b'.');
            let value: f64 = part.parse().ok().filter(|_| digits(part)).ok_or_else(wrong)?;
            let whole = n == 0 || value.fract() == 0.0;
            let fits = n + 1 == parts.len() || value < 60.0;
            if n > 2 || !whole || !fits {
                return Err(wrong());
            }
            seconds += value * [1.0, 60.0, 3600.0][n];
        }
        Some(Self(seconds)).filter(|m| m.0 < 1e7).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_seconds_or_clock_times() {
        for (text, want) in
            [("0", 0.0), ("75.5", 75.5), ("1:15.5", 75.5), ("01:00:00", 3600.0), ("90:00", 5400.0)]
        {
            assert_eq!(text.parse::<Moment>().unwrap(), Moment(want), "{text}");
        }
        for text in ["", "-1", "1:60", "1:2:3:4", "1.5:00", "x", "1e3", "inf", "NaN", ":5", "99999999"] {
            assert!(text.parse::<Moment>().is_err(), "{text}");
        }
    }
}
