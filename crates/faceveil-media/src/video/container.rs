//! The containers that are written.

use std::ffi::OsStr;
use std::path::Path;

use super::VideoError;

/// A container that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// MPEG-4, also under the name m4v.
    Mp4,
    /// QuickTime.
    Mov,
    /// Matroska, which takes every codec.
    Matroska,
    /// WebM: VP9 or AV1 with Opus or Vorbis.
    WebM,
    /// MPEG transport stream.
    Ts,
}

impl Container {
    /// The container that an ending (without its dot) names.
    pub fn from_extension(ending: &OsStr) -> Option<Self> {
        Some(match &*ending.to_str()?.to_ascii_lowercase() {
            "mp4" | "m4v" => Self::Mp4,
            "mov" | "qt" => Self::Mov,
            "mkv" => Self::Matroska,
            "webm" => Self::WebM,
            "ts" | "mts" | "m2ts" => Self::Ts,
            _ => return None,
        })
    }

    /// The container that the ending of `path` names.
    ///
    /// # Errors
    /// [`VideoError::Container`] if it names none.
    pub fn of(path: &Path) -> Result<Self, VideoError> {
        let ending = path.extension().unwrap_or_default();
        Self::from_extension(ending)
            .ok_or_else(|| VideoError::Container(ending.to_string_lossy().into_owned()))
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mp4 => "MP4",
            Self::Mov => "QuickTime",
            Self::Matroska => "Matroska",
            Self::WebM => "WebM",
            Self::Ts => "MPEG-TS",
        }
    }

    /// The ending of files of it, with its dot.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Mp4 => ".mp4",
            Self::Mov => ".mov",
            Self::Matroska => ".mkv",
            Self::WebM => ".webm",
            Self::Ts => ".ts",
        }
    }

    /// FFmpeg's name of what writes it.
    pub(super) fn muxer(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4",
            Self::Mov => "mov",
            Self::Matroska => "matroska",
            Self::WebM => "webm",
            Self::Ts => "mpegts",
        }
    }
}
