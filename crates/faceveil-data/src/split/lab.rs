//! The split for the lab's own networks. Held out are folds 7 and 8 of FDDB, the test people of YouTube Faces, a fifth of the
//! masked pictures by near-duplicate group, all of WIDER, a third of the pictures without faces and half of UTKFace. All
//! of it lies in the report part of [`super`] but for WIDER's tune part.
//!
//! Of the masked pictures the other report pictures are trained on: there are few enough. So figures for networks that
//! were trained here may only come from what is held out here, never from the whole report part.

use super::{Part, Set, names};

const MASKS: &str = include_str!("../../split/masks_voc-lab.txt");

/// What no network of the lab is trained on, sorted.
pub fn held_out(set: Set) -> Vec<&'static str> {
    match set {
        Set::MasksVoc => MASKS.lines().collect(),
        Set::WiderYolo => {
            let mut all = Part::ALL.map(|part| names(set, part)).concat();
            all.sort_unstable();
            all
        }
        Set::Fddb | Set::Negatives | Set::Utkface | Set::YoutubeKeypoints => names(set, Part::Report),
    }
}

/// What may be trained on, sorted: all that is not held out.
pub fn training(set: Set) -> Vec<&'static str> {
    let held_out = held_out(set);
    let mut all = Part::ALL.map(|part| names(set, part)).concat();
    all.retain(|name| held_out.binary_search(name).is_err());
    all.sort_unstable();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_are_disjoint_and_of_the_known_size() {
        for (set, train, held) in [
            (Set::Fddb, 1685, 535),
            (Set::MasksVoc, 480, 120),
            (Set::WiderYolo, 0, 100),
            (Set::Negatives, 403, 201),
            (Set::Utkface, 999, 999),
            (Set::YoutubeKeypoints, 1859, 445),
        ] {
            let (training, held_out) = (training(set), held_out(set));
            assert!(training.is_sorted() && held_out.is_sorted(), "{set:?}");
            assert_eq!((training.len(), held_out.len()), (train, held), "{set:?}");
            assert!(training.iter().all(|name| held_out.binary_search(name).is_err()), "{set:?}");
        }
    }

    #[test]
    fn what_judges_was_chosen_on_by_nobody() {
        for set in Set::ALL.into_iter().filter(|set| *set != Set::WiderYolo) {
            let report = names(set, Part::Report);
            assert!(held_out(set).iter().all(|name| report.binary_search(name).is_ok()), "{set:?}");
        }
    }
}
