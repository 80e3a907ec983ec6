//! The split of the public pictures: which ones choices may be made on ([`Part::Tune`]) and which
//! ones only figures are reported on ([`Part::Report`]). Fixed once; the lists are files of names
//! in `split/`, compiled in. [`make`] is the code that wrote them.

pub mod lab;
pub mod make;

/// A public set of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Set {
    /// News photographs, an ellipse a face. Tune: folds 1-6, report: folds 7 and 8.
    Fddb,
    /// Scenes and selfies with masks, a box a face. Halves, by group of near-duplicates.
    MasksVoc,
    /// Crowds at 416×416 pixels, a box a face. Halves, by group of near-duplicates.
    WiderYolo,
    /// Pictures without a face. Two thirds and one third of each of three folders, by group.
    Negatives,
    /// One aligned face a picture, 200×200 pixels, no boxes. Halves, by group.
    Utkface,
    /// One main face a picture, key points but no boxes. The source's own split by person.
    YoutubeKeypoints,
}

impl Set {
    /// All sets.
    pub const ALL: [Self; 6] =
        [Self::Fddb, Self::MasksVoc, Self::WiderYolo, Self::Negatives, Self::Utkface, Self::YoutubeKeypoints];

    /// Name of the set's folder and of its lists.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fddb => "fddb",
            Self::MasksVoc => "masks_voc",
            Self::WiderYolo => "wider_yolo",
            Self::Negatives => "negatives",
            Self::Utkface => "utkface",
            Self::YoutubeKeypoints => "youtube_keypoints",
        }
    }
}

/// A side of the split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// For training and for choosing thresholds, sizes and margins.
    Tune,
    /// For figures; no choice may depend on it.
    Report,
}

impl Part {
    /// Both parts.
    pub const ALL: [Self; 2] = [Self::Tune, Self::Report];

    /// `tune` or `report`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tune => "tune",
            Self::Report => "report",
        }
    }
}

/// The names of a part, sorted: paths without suffix, relative to the folder that holds the set's
/// pictures, folders divided by `/`.
pub fn names(set: Set, part: Part) -> Vec<&'static str> {
    list(set, part).lines().collect()
}

/// A part's file of names, one a line.
pub const fn list(set: Set, part: Part) -> &'static str {
    macro_rules! file {
        ($name:literal) => {
            include_str!(concat!("../split/", $name, ".txt"))
        };
    }
    match (set, part) {
        (Set::Fddb, Part::Tune) => file!("fddb-tune"),
        (Set::Fddb, Part::Report) => file!("fddb-report"),
        (Set::MasksVoc, Part::Tune) => file!("masks_voc-tune"),
        (Set::MasksVoc, Part::Report) => file!("masks_voc-report"),
        (Set::WiderYolo, Part::Tune) => file!("wider_yolo-tune"),
        (Set::WiderYolo, Part::Report) => file!("wider_yolo-report"),
        (Set::Negatives, Part::Tune) => file!("negatives-tune"),
        (Set::Negatives, Part::Report) => file!("negatives-report"),
        (Set::Utkface, Part::Tune) => file!("utkface-tune"),
        (Set::Utkface, Part::Report) => file!("utkface-report"),
        (Set::YoutubeKeypoints, Part::Tune) => file!("youtube_keypoints-tune"),
        (Set::YoutubeKeypoints, Part::Report) => file!("youtube_keypoints-report"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_disjoint_sorted_and_of_the_known_size() {
        for (set, want) in [
            (Set::Fddb, 2220),
            (Set::MasksVoc, 600),
            (Set::WiderYolo, 100),
            (Set::Negatives, 604),
            (Set::Utkface, 1998),
            (Set::YoutubeKeypoints, 2304),
        ] {
            let [tune, report] = Part::ALL.map(|part| names(set, part));
            assert_eq!(tune.len() + report.len(), want, "{set:?}");
            assert!(tune.is_sorted() && report.is_sorted(), "{set:?}");
            let mut all = [tune, report].concat();
            all.sort_unstable();
            for pair in all.windows(2) {
                assert_ne!(pair[0], pair[1], "{set:?}: on both sides, or twice");
            }
            assert!(all.iter().all(|name| !name.is_empty() && name.trim() == *name), "{set:?}");
        }
    }

    #[test]
    fn no_person_of_youtube_is_on_both_sides() {
        let person = |name: &str| {
            let file = name.rsplit('/').next().unwrap_or(name);
            file.rsplit_once('_').map_or(file, |(person, _)| person).to_owned()
        };
        let [tune, report] = Part::ALL.map(|part| {
            names(Set::YoutubeKeypoints, part)
                .into_iter()
                .map(person)
                .collect::<std::collections::BTreeSet<_>>()
        });
        assert_eq!((tune.len(), report.len()), (244, 61));
        assert_eq!(tune.intersection(&report).next(), None);
    }
}
