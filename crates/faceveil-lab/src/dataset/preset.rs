//! Datasets that others have described: what they took of which source, and how they blurred it.

use faceveil_data::import::Layout;

use super::reference::{Kernel, Outline};
use super::source::{Kind, Source};

/// A described dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Preset {
    /// 3,000 pictures of CelebA-HQ and 2,900 of a Roboflow export (YOLO), 128 px, a fixed kernel of 41
    ThesisV1,
    /// About 13,000 pictures, 80 % of VGGFace2, the rest of CelebA-HQ and FDDB, 128 px, the kernel scaled to the face
    ThesisV2,
    /// A test set: faces at a grid of places and sizes, over pictures without faces
    CentreBias,
}

impl Preset {
    /// Its name, as it is typed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ThesisV1 => "thesis-v1",
            Self::ThesisV2 => "thesis-v2",
            Self::CentreBias => "centre-bias",
        }
    }

    /// How many pictures of which layout.
    pub const fn shares(self) -> &'static [(Layout, u64)] {
        match self {
            Self::ThesisV1 => &[(Layout::CelebaHq, 3000), (Layout::Yolo, 2900)],
            // The thesis's text says 80 % VGGFace2; its figures say 10 to 12 % CelebA-HQ. The rest is FDDB.
            Self::ThesisV2 => &[(Layout::VggFace2, 10_400), (Layout::CelebaHq, 1_400), (Layout::Fddb, 1_200)],
            Self::CentreBias => &[],
        }
    }

    /// Strength of the blur.
    pub const fn kernel(self) -> Kernel {
        match self {
            Self::ThesisV1 => Kernel::Fixed(41),
            Self::ThesisV2 | Self::CentreBias => Kernel::Scaled(1.0),
        }
    }

    /// Outline of the blur.
    pub const fn outline(self) -> Outline {
        Outline::Ellipse
    }

    /// Limits the sources to what the preset takes of each layout, and says what is missing. A source that has a limit of
    /// its own keeps it.
    ///
    /// # Errors
    /// The source that has no place in the preset.
    pub fn limit(self, sources: &mut [Source]) -> Result<Vec<String>, Source> {
        let shares = self.shares();
        if shares.is_empty() {
            return Ok(Vec::new());
        }
        for source in sources.iter_mut() {
            let share = shares.iter().find(|(layout, _)| source.kind == Kind::Layout(*layout));
            let Some((_, most)) = share else { return Err(source.clone()) };
            source.limit = source.limit.or(Some(*most));
        }
        let given = |layout: Layout| sources.iter().any(|s| s.kind == Kind::Layout(layout));
        let missing = shares.iter().filter(|(layout, _)| !given(*layout));
        Ok(missing
            .map(|(layout, most)| {
                format!("{} takes {most} pictures of {}: none are given", self.name(), layout.name())
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_take_what_there_is() {
        let mut sources = ["yolo:/y".parse().unwrap(), "7*celeba-hq:/c".parse().unwrap()];
        assert_eq!(Preset::ThesisV1.limit(&mut sources), Ok(Vec::new()));
        assert_eq!(sources.each_ref().map(|s| s.limit), [Some(2900), Some(7)]);
        let mut sources = ["fddb:/f".parse().unwrap()];
        let missing = Preset::ThesisV2.limit(&mut sources).unwrap();
        assert_eq!(missing.len(), 2, "{missing:?}");
        assert!(missing[0].contains("vggface2"), "{missing:?}");
        let mut sources = ["folder:/f".parse().unwrap()];
        assert!(Preset::ThesisV2.limit(&mut sources).is_err());
        let total: u64 = Preset::ThesisV2.shares().iter().map(|(_, n)| n).sum();
        assert_eq!((total, Preset::ThesisV2.shares()[0].1 * 10), (13_000, total * 8));
    }
}
