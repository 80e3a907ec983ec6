//! The operating points. They were chosen on the `tune` part of the public pictures (`cargo xtask tune`) and
//! measured on the `report` part (`cargo xtask proof`, `docs/proof.md`). `balanced`: the lowest threshold whose rate of
//! face-free pictures with a false region is about 0.8 × deface's on the `tune` part, so that the rate stays below
//! deface's on other pictures, and the margin that keeps other pixels under 0.6 × deface's. `fast` and `thorough`: a
//! threshold somewhat above and far below that, with margins that keep other pixels of news photos under 5 and 8 %.

use std::fmt;

use faceveil_infer::search::{Looks, SearchSettings};

use crate::{Error, ModelInfo, models};

/// How thoroughly to look for faces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// YuNet, and CenterFace at half size, joined; large photos are only searched shrunk.
    Fast,
    /// YuNet and CenterFace at half and full size, joined.
    #[default]
    Balanced,
    /// Both at more sizes with a lower threshold, and CenterFace at full size in the tiles of large photos, too.
    Thorough,
}

impl Level {
    /// All levels, fastest first.
    pub const ALL: [Self; 3] = [Self::Fast, Self::Balanced, Self::Thorough];

    /// How a level searches.
    pub const fn search(self) -> SearchSettings {
        match self {
            Self::Fast => SearchSettings {
                view: Looks { yunet: &[1.0], centerface: &[0.5] },
                turned_view: Looks { yunet: &[0.5], centerface: &[] },
                tile: None,
                suspect: 1.0,
                least: -1.6,
                convincing: 0.5,
                turned: 1.0,
            },
            Self::Balanced => SearchSettings {
                view: Looks { yunet: &[1.0], centerface: &[0.5, 1.0] },
                turned_view: Looks { yunet: &[1.0], centerface: &[0.5] },
                tile: Some(Looks { yunet: &[0.75], centerface: &[1.0] }),
                suspect: 0.1,
                least: -1.85,
                convincing: 1.0,
                turned: 1.0,
            },
            Self::Thorough => SearchSettings {
                view: Looks { yunet: &[0.5, 1.0, 1.5], centerface: &[0.35, 0.5, 1.0] },
                turned_view: Looks { yunet: &[0.5, 1.0, 1.5], centerface: &[0.35, 0.5, 1.0] },
                tile: Some(Looks { yunet: &[1.0], centerface: &[0.5, 1.0] }),
                suspect: 0.06,
                least: -2.8,
                convincing: 1.5,
                turned: 0.5,
            },
        }
    }

    /// Size of a region as a multiple of the detected box.
    pub const fn margin(self) -> f32 {
        match self {
            Self::Fast => 1.32,
            Self::Balanced => 1.35,
            Self::Thorough => 1.3,
        }
    }

    /// The models that the level searches with, as far as this build has them.
    pub fn models(self) -> impl Iterator<Item = &'static ModelInfo> {
        models().iter().filter(|m| ["yunet", "centerface"].contains(&m.name))
    }

    /// # Errors
    /// [`Error::NoDetector`] if this build leaves a detector of the level out.
    pub(crate) fn check_detectors(self) -> Result<(), Error> {
        // `fast` makes do with YuNet alone: with one opinion less it takes more for faces, not fewer.
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
