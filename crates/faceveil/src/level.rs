//! The operating points. They were chosen on the `tune` part of the public pictures (`cargo xtask tune`) and
//! measured on the `report` part (`cargo xtask proof`, `docs/proof.md`). `balanced`: the lowest threshold whose rate of
//! face-free pictures with a false region is about 0.8 × deface's on the `tune` part, so that the rate stays below
//! deface's on other pictures, and the margin that keeps other pixels under 0.6 × deface's.

use std::fmt;

use faceveil_infer::search::SearchSettings;

use crate::{Error, models};

/// How thoroughly to look for faces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// YuNet alone.
    Fast,
    /// YuNet and CenterFace at half and full size, joined.
    #[default]
    Balanced,
    /// The same with a lower threshold, and CenterFace at full size in the tiles of large photos, too.
    Thorough,
}

impl Level {
    /// All levels, fastest first.
    pub const ALL: [Self; 3] = [Self::Fast, Self::Balanced, Self::Thorough];

    /// How a level searches.
    pub const fn search(self) -> SearchSettings {
        match self {
            Self::Fast => SearchSettings {
                view_scales: &[],
                tile_scales: &[],
                least: -1.4,
                convincing: 0.5,
                turned: 0.5,
            },
            Self::Balanced => SearchSettings {
                view_scales: &[0.5, 1.0],
                tile_scales: &[0.5],
                least: -2.08,
                convincing: 1.5,
                turned: 1.0,
            },
            Self::Thorough => SearchSettings {
                view_scales: &[0.5, 1.0],
                tile_scales: &[0.5, 1.0],
                least: -2.6,
                convincing: 2.0,
                turned: 0.5,
            },
        }
    }

    /// Size of a region as a multiple of the detected box.
    pub const fn margin(self) -> f32 {
        match self {
            Self::Fast => 1.45,
            Self::Balanced => 1.35,
            Self::Thorough => 1.4,
        }
    }

    /// # Errors
    /// [`Error::NoDetector`] if this build leaves a detector of the level out.
    pub(crate) fn check_detectors(self) -> Result<(), Error> {
        let needed: &[&'static str] = if self == Self::Fast { &["yunet"] } else { &["yunet", "centerface"] };
        match needed.iter().find(|name| models().iter().all(|m| m.name != **name)) {
            None => Ok(()),
            Some(model) => Err(Error::NoDetector { level: self, model }),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fast => "fast",
            Self::Balanced => "balanced",
            Self::Thorough => "thorough",
        })
    }
}
