//! Needs the shared pictures: the lists of the split are what the code makes, and every set loads.

use std::path::PathBuf;

use faceveil_data::dataset;
use faceveil_data::import::{self, Layout, Purpose, Sample};
use faceveil_data::split::make::{lab_masks, make};
use faceveil_data::split::{self, Part, Set, lab};

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
    assert_eq!(lab::held_out(Set::MasksVoc), lab_masks(&shared.join("faces")).unwrap());
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
        (Set::YoutubeKeypoints, Some(2304)),
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

#[test]
fn every_shared_layout_streams_with_its_faces() {
    let Some(shared) = shared("every_shared_layout_streams_with_its_faces") else { return };
    let faces = shared.join("faces");
    for (layout, folder, pictures, known) in [
        (Layout::Fddb, "fddb", 2220, 4024),
        (Layout::Yolo, "roboflow_yolo", 120, 201),
        (Layout::Yolo, "wider_yolo", 100, 2118),
        (Layout::Voc, "masks_voc", 600, 2651),
        (Layout::Keypoints68, "youtube_keypoints", 2304, 2304),
        (Layout::Folder, "crops_web", 1500, 0),
        (Layout::Faceless, "negatives", 604, 0),
    ] {
        let all: Vec<Sample> =
            import::open(layout, &faces.join(folder), &[]).unwrap().map(Result::unwrap).collect();
        let count: usize = all.iter().filter_map(|s| labels(s, 640, 640)).sum();
        assert_eq!((all.len(), count), (pictures, known), "{folder}");
        assert!(all.iter().all(|s| s.path.is_file()), "{folder}");
    }
    let wider = import::open(Layout::Wider, &faces.join("wider_yolo"), &[]).unwrap();
    // The list's pictures are not there under their names.
    assert_eq!(wider.filter(Result::is_err).count(), 3226);
}

fn labels(sample: &Sample, width: u32, height: u32) -> Option<usize> {
    let item = faceveil_data::dataset::Item {
        name: String::new(),
        image_path: PathBuf::new(),
        labels: sample.labels.clone(),
    };
    item.faces(width, height).map(|faces| faces.len())
}

#[test]
fn training_and_judging_share_no_picture() {
    let Some(root) = shared("training_and_judging_share_no_picture") else { return };
    let train: Vec<Sample> = import::shared(&root, Purpose::Train).unwrap().map(Result::unwrap).collect();
    let judge: Vec<Sample> = import::shared(&root, Purpose::Judge).unwrap().map(Result::unwrap).collect();
    let used = train.iter().filter(|s| !s.held_out).count();
    assert_eq!((train.len(), used, judge.len()), (7826 + 1500 + 120, 5426 + 1620, 2400));
    let held: std::collections::BTreeSet<_> = judge.iter().map(|s| &s.name).collect();
    assert!(train.iter().all(|s| s.held_out == held.contains(&s.name)));
    assert!(judge.iter().all(|s| !s.held_out));
    let points = train.iter().filter(|s| s.name.starts_with("youtube_keypoints/"));
    assert!(
        points.clone().count() == 2304
            && points.clone().all(|s| s.identity.is_some() && labels(s, 1, 1) == Some(1))
    );
}
