//! Needs the shared pictures: the lists of the split are what the code makes, and every set loads.

use std::path::PathBuf;

use faceveil_data::dataset;
use faceveil_data::split::{self, Part, Set, make::make};

fn shared(test: &str) -> Option<PathBuf> {
    let root = std::env::var_os("FACEVEIL_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let found = root.join("faces").is_dir();
    if !found {
        eprintln!("SKIPPED: {test}: needs the shared pictures");
    }
    found.then_some(root)
}

#[test]
fn the_committed_lists_are_what_the_code_makes() {
    let Some(shared) = shared("the_committed_lists_are_what_the_code_makes") else { return };
    for set in Set::ALL {
        let made = make(&shared.join("faces"), set).unwrap();
        for (part, made) in Part::ALL.into_iter().zip(made) {
            assert_eq!(split::names(set, part), made, "{set:?} {part:?}");
        }
    }
}

#[test]
fn every_part_loads_with_its_faces() {
    let Some(shared) = shared("every_part_loads_with_its_faces") else { return };
    for (set, want) in [
        (Set::Fddb, Some(4024)),
        (Set::MasksVoc, Some(2651)),
        (Set::WiderYolo, Some(2118)), // 2119 rows, one without area
        (Set::Negatives, Some(0)),
        (Set::Utkface, None),
        (Set::YoutubeKeypoints, None),
    ] {
        let items: Vec<_> =
            Part::ALL.into_iter().flat_map(|part| dataset::load(&shared, set, part).unwrap()).collect();
        let faces: Option<Vec<_>> = items.iter().map(|item| item.faces(416, 416)).collect();
        assert_eq!(faces.map(|all| all.iter().map(Vec::len).sum::<usize>()), want, "{set:?}");
    }
}

#[test]
fn the_whole_wider_list_is_understood() {
    let Some(shared) = shared("the_whole_wider_list_is_understood") else { return };
    let path = shared.join("faces/wider_yolo/wider_face_val_bbx_gt.txt");
    let all = faceveil_data::truth::wider(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(all.len(), 3226);
}
