//! The operating points. They were chosen on the `tune` part of the public pictures (`cargo xtask tune`) and
//! measured on the `report` part (`cargo xtask proof`, `docs/proof.md`). `balanced`: the lowest threshold whose rate of
//! face-free pictures with a false region is about 0.8 × deface's on the `tune` part, so that the rate stays below
//! deface's on other pictures, and the margin that keeps other pixels under 0.6 × deface's. `fast`: a threshold
//! somewhat above that. `thorough`: the lowest threshold, in tenths, whose rate stays on the `tune` part under 0.63 ×
//! that of deface at its threshold of 0.1 (0.8, less two standard errors of a rate over the 201 pictures of the `report` part).
//! The margins of these two keep other pixels of news photos under 5 and 8 %.

use std::fmt;

use faceveil_core::fusion::Pairing;
use faceveil_infer::search::{Look, Looks, SearchSettings, VIEW_PIXELS};

use crate::{Error, ModelInfo, models};

/// How thoroughly to look for faces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// YuNet, and CenterFace at half size, joined; large photos are only searched shrunk.
    Fast,
    /// YuNet and CenterFace at half and full size, joined.
    #[default]
    Balanced,
    /// Both at more sizes and mirrored, with a lower threshold; CenterFace at full size in the tiles of large photos, too.
    Thorough,
}

const THIRD: Look = Look::at(0.35);
const HALF: Look = Look::at(0.5);
const THREE_QUARTERS: Look = Look::at(0.75);
const FULL: Look = Look::at(1.0);
const LARGE: Look = Look::at(1.5);
const MIRRORED_HALF: Look = Look::mirrored(0.5);
const MIRRORED: Look = Look::mirrored(1.0);
const MIRRORED_LARGE: Look = Look::mirrored(1.5);

/// What `thorough` looks at. Mirrored, a picture is as good as another one to a network: its two opinions differ where it
/// is unsure, and agree more often on a face than on what is none.
const THOROUGH: Looks = Looks {
    yunet: &[HALF, FULL, LARGE, MIRRORED_HALF, MIRRORED, MIRRORED_LARGE],
    centerface: &[THIRD, HALF, FULL, MIRRORED_HALF, MIRRORED],
};

/// What it looks at in the frames of a video.
const THOROUGH_FRAMES: Looks = Looks { yunet: &[HALF, FULL, LARGE], centerface: &[THIRD, HALF, FULL] };

impl Level {
    /// All levels, fastest first.
    pub const ALL: [Self; 3] = [Self::Fast, Self::Balanced, Self::Thorough];

    /// How a level searches.
    pub const fn search(self) -> SearchSettings {
        match self {
            Self::Fast => SearchSettings {
                view_pixels: VIEW_PIXELS,
                view: Looks { yunet: &[FULL], centerface: &[HALF] },
                turned_view: Looks { yunet: &[HALF], centerface: &[] },
                tile: None,
                suspect: 1.0,
                pairing: Pairing::First,
                least: -1.6,
                convincing: 0.5,
                turned: 1.0,
            },
            Self::Balanced => SearchSettings {
                view_pixels: VIEW_PIXELS,
                view: Looks { yunet: &[FULL], centerface: &[HALF, FULL] },
                turned_view: Looks { yunet: &[FULL], centerface: &[HALF] },
                tile: Some(Looks { yunet: &[THREE_QUARTERS], centerface: &[FULL] }),
                suspect: 0.1,
                pairing: Pairing::First,
                least: -1.85,
                convincing: 1.0,
                turned: 1.0,
            },
            Self::Thorough => SearchSettings {
                view_pixels: VIEW_PIXELS,
                view: THOROUGH,
                turned_view: THOROUGH,
                tile: Some(Looks { yunet: &[FULL], centerface: &[HALF, FULL] }),
                suspect: 0.06,
                pairing: Pairing::Any,
                least: -2.7,
                convincing: 1.5,
                turned: 0.5,
            },
        }
    }

    /// How a level searches the frames of a video: the frames around one are further looks at its faces, so fewer at
    /// each will do.
    pub const fn search_of_frames(self) -> SearchSettings {
        let photo = self.search();
        match self {
            Self::Fast | Self::Balanced => photo,
            Self::Thorough => SearchSettings {
                view: THOROUGH_FRAMES,
                turned_view: THOROUGH_FRAMES,
                pairing: Pairing::First,
                least: -2.8,
                ..photo
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
