//! Sets in the layouts that people have, small and hostile.

use std::fs;
use std::path::Path;

use faceveil_data::dataset::Labels;
use faceveil_data::import::{self, Drawn, Layout, Sample};
use faceveil_data::truth::TruthFace;

/// A folder with these files.
fn set(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

/// Names with the number of faces, `-1` for unknown, or what is wrong.
fn stream(layout: Layout, root: &Path) -> Vec<Result<(String, i64), String>> {
    let faces = |s: &Sample| match &s.labels {
        Labels::Unknown => -1,
        Labels::Absolute(faces) => faces.len() as i64,
        Labels::Relative(boxes) => boxes.len() as i64,
    };
    import::open(layout, root, &[])
        .unwrap()
        .map(|s| s.map(|s| (s.name.clone(), faces(&s))).map_err(|e| chain(&e)))
        .collect()
}

fn chain(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {}", chain(cause)))
}

fn ok(name: &str, faces: i64) -> Result<(String, i64), String> {
    Ok((name.to_owned(), faces))
}

#[test]
fn plain_folders_say_what_they_know() {
    let folder = set(&[
        ("ann/1.jpg", ""),
        ("ann/2.png", ""),
        ("bob/x/3.webp", ""),
        ("loose.jpg", ""),
        ("notes.txt", ""),
    ]);
    let names = ["ann/1.jpg", "ann/2.png", "bob/x/3.webp", "loose.jpg"];
    assert_eq!(stream(Layout::Folder, folder.path()), names.map(|n| ok(n, -1)));
    assert_eq!(stream(Layout::Faceless, folder.path()), names.map(|n| ok(n, 0)));
    let people: Vec<_> =
        import::open(Layout::People, folder.path(), &[]).unwrap().map(|s| s.unwrap().identity).collect();
    assert_eq!(people, [Some("ann".into()), Some("ann".into()), Some("bob".into()), None]);
}

#[test]
fn voc_and_yolo_labels_lie_beside_their_pictures() {
    let xml = "<annotation><object><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>5</xmax><ymax>8</ymax></bndbox></object></annotation>";
    let voc = set(&[
        ("JPEGImages/a.jpg", ""),
        ("JPEGImages/b.jpg", ""),
        ("JPEGImages/c.png", ""),
        ("Annotations/a.xml", xml),
        ("Annotations/c.xml", "<annotation>"),
    ]);
    let all = stream(Layout::Voc, voc.path());
    assert_eq!(all[..2], [ok("JPEGImages/a.jpg", 1), ok("JPEGImages/b.jpg", -1)]);
    assert!(all[2].as_ref().is_err_and(|e| e.contains("c.xml: line 1")), "{all:?}");

    let yaml = "train: ../train/images\nval: ../valid/images\ntest: ../../../etc\nnc: 1\nnames: ['face']\n";
    let yolo = set(&[
        ("data.yaml", yaml),
        ("train/images/a_jpg.rf.0123.jpg", ""),
        ("train/images/b.jpg", ""),
        ("train/labels/a_jpg.rf.0123.txt", "0 0.5 0.5 0.2 0.2\n0 0.1 0.1 0.1 0.1\n"),
        ("train/labels/b.txt", "0 0.5 0.5 0.2\n"),
        ("valid/images/a_jpg.rf.4567.jpg", ""),
        ("valid/labels/a_jpg.rf.4567.txt", ""),
    ]);
    let all = stream(Layout::Yolo, yolo.path());
    assert_eq!(all[0], ok("train/images/a_jpg.rf.0123.jpg", 2));
    assert!(all[1].as_ref().is_err_and(|e| e.contains("line 1: expected class cx cy w h")), "{all:?}");
    assert_eq!(all[2], ok("valid/images/a_jpg.rf.4567.jpg", 0));
    let originals: Vec<_> =
        import::open(Layout::Yolo, yolo.path(), &[]).unwrap().filter_map(|s| s.ok()?.identity).collect();
    assert_eq!(originals, ["a_jpg", "a_jpg"], "copies of one photo stay together");
}

#[test]
fn lists_name_pictures_that_are_there_or_errors() {
    let fddb = set(&[
        (
            "FDDB-folds/FDDB-fold-01-ellipseList.txt",
            "a/b\n1\n40 20 1.57 100 100 1\nc\n0\n../../etc/passwd\n0\n",
        ),
        ("FDDB-folds/FDDB-fold-02-ellipseList.txt", "d\n2\n40 20 1.57 100 100 1\n"),
        ("originalPics/a/b.jpg", ""),
    ]);
    let all = stream(Layout::Fddb, fddb.path());
    assert!(all[0].as_ref().is_err_and(|e| e.contains("leads outside")), "{all:?}");
    assert_eq!(all[1], ok("a/b.jpg", 1));
    assert!(all[2].as_ref().is_err_and(|e| e.contains("no such picture")), "{all:?}");
    assert!(all[3].as_ref().is_err_and(|e| e.contains("promises 2 faces, 1 follow")), "{all:?}");

    let wider = set(&[
        (
            "wider_face_split/wider_face_val_bbx_gt.txt",
            "0--Parade/x.jpg\n1\n1 2 3 4 0 0 0 0 0 0 \n/etc/y.jpg\n0\n0 0 0 0 0 0 0 0 0 0 \n",
        ),
        ("WIDER_val/images/0--Parade/x.jpg", ""),
    ]);
    let all = stream(Layout::Wider, wider.path());
    assert_eq!(all[0], ok("0--Parade/x.jpg", 1));
    assert!(all[1].as_ref().is_err_and(|e| e.contains("leads outside")), "{all:?}");
}

#[test]
fn coco_as_published_and_as_roboflow_exports_it() {
    let json = r#"{"images":[{"id":1,"file_name":"1.jpg"},{"id":2,"file_name":"../2.jpg"}],
        "annotations":[{"image_id":1,"category_id":1,"bbox":[1,2,3,4]}],"categories":[{"id":1,"name":"face"}]}"#;
    let coco = set(&[
        ("annotations/instances_val2017.json", json),
        ("annotations/captions_val2017.json", "{}"),
        ("val2017/1.jpg", ""),
    ]);
    let all = stream(Layout::Coco, coco.path());
    assert_eq!(all[0], ok("val2017/1.jpg", 1));
    assert!(all.len() == 2 && all[1].is_err(), "{all:?}");
    let roboflow = set(&[
        ("train/_annotations.coco.json", json),
        ("train/1.jpg", ""),
        ("test/_annotations.coco.json", "["),
    ]);
    let all = stream(Layout::Coco, roboflow.path());
    assert_eq!(all[0], ok("train/1.jpg", 1));
    assert!(all[2].as_ref().is_err_and(|e| e.contains("line 1")), "{all:?}");
}

#[test]
fn vggface2_with_and_without_its_table() {
    let table =
        "NAME_ID,X,Y,W,H\n\"n000002/0001_01\",1,2,30,40\n\"n000002/0009_01\",1,2,30,40\n\"n000003/x\",1,2\n";
    let with = set(&[
        ("train/n000002/0001_01.jpg", ""),
        ("bb_landmark/loose_bb_train.csv", table),
        ("test/n000001/0001_01.jpg", ""),
    ]);
    let all = stream(Layout::VggFace2, with.path());
    assert_eq!(all[0], ok("train/n000002/0001_01.jpg", 1));
    assert!(all[1].as_ref().is_err_and(|e| e.contains("n000002/0009_01.jpg")), "{all:?}");
    assert!(all[2].as_ref().is_err_and(|e| e.contains("line 4")), "{all:?}");
    assert_eq!(all[3], ok("test/n000001/0001_01.jpg", -1));
    let people: Vec<_> =
        import::open(Layout::VggFace2, with.path(), &[]).unwrap().filter_map(|s| s.ok()?.identity).collect();
    assert_eq!(people, ["n000002", "n000001"]);
}

#[test]
fn celeba_hq_with_attributes_landmarks_and_people() {
    let attributes = "2\nEyeglasses Male Young\n0.jpg  -1  1  1\n1.jpg   1 -1 -1\n";
    let landmarks = "1\nlefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y\n\
                     0.jpg 390 480 630 480 512 620 410 760 610 760\n";
    let mapping = "idx      orig_idx      orig_file\n0        119613        119614.jpg\n1 9 000010.jpg\n";
    let celeba = set(&[
        ("CelebA-HQ-img/0.jpg", ""),
        ("CelebA-HQ-img/1.jpg", ""),
        ("CelebAMask-HQ-attribute-anno.txt", attributes),
        ("CelebA-HQ-to-CelebA-mapping.txt", mapping),
        ("list_landmarks_celebahq.txt", landmarks),
        ("identity_CelebA.txt", "119614.jpg 77\n000010.jpg 78\n"),
    ]);
    let all: Vec<Sample> =
        import::open(Layout::CelebaHq, celeba.path(), &[]).unwrap().map(Result::unwrap).collect();
    assert_eq!(all.len(), 2);
    assert_eq!((all[0].identity.as_deref(), all[1].identity.as_deref()), (Some("77"), Some("78")));
    assert_eq!(
        (&all[0].tags[..], &all[1].tags[..]),
        (&["Male".to_owned(), "Young".to_owned()][..], &["Eyeglasses".to_owned()][..])
    );
    assert_eq!((all[0].drawn, &all[1].labels), (Drawn::Points, &Labels::Unknown));
    let Labels::Absolute(faces) = &all[0].labels else { panic!("{:?}", all[0]) };
    let [left, top, right, bottom] = faces[0].corners();
    assert!(left > 150.0 && right < 870.0 && top > 120.0 && bottom < 1024.0, "{faces:?}");

    // A table cut short is no table.
    for n in [0, 1, 5, 20, attributes.len() - 3] {
        fs::write(celeba.path().join("CelebAMask-HQ-attribute-anno.txt"), &attributes[..n]).unwrap();
        assert!(import::open(Layout::CelebaHq, celeba.path(), &[]).is_err(), "{n} bytes");
    }
    let wild = set(&[
        ("img_celeba/000001.jpg", ""),
        ("Anno/list_bbox_celeba.txt", "1\nimage_id x_1 y_1 width height\n000001.jpg 95 71 226 313\n"),
    ]);
    let all: Vec<Sample> =
        import::open(Layout::CelebaHq, wild.path(), &[]).unwrap().map(Result::unwrap).collect();
    assert_eq!(all[0].labels, Labels::Absolute(vec![TruthFace::from_box(95.0, 71.0, 321.0, 384.0)]));
}

#[test]
fn tables_of_points() {
    let row = |name: &str| format!("{name},{}\n", vec!["5.0"; 136].join(","));
    let table = format!(",0,1\n{}{}{}x,1,2\n", row("Ann_Bee_01.jpg"), row("gone.jpg"), row("../../x.jpg"));
    let points = set(&[("training_frames_keypoints.csv", &table), ("training/Ann_Bee_01.jpg", "")]);
    let all = stream(Layout::Keypoints68, points.path());
    assert_eq!(all[0], ok("training/Ann_Bee_01.jpg", 1));
    assert_eq!(all.iter().filter(|s| s.is_err()).count(), 3, "{all:?}");
    // A line without end is not held in memory.
    fs::write(points.path().join("training_frames_keypoints.csv"), format!("a\n{}", "1,".repeat(200_000)))
        .unwrap();
    let all = stream(Layout::Keypoints68, points.path());
    assert!(all.len() == 1 && all[0].as_ref().is_err_and(|e| e.contains("longer than")), "{all:?}");
}

#[test]
fn a_folder_of_another_layout_is_an_error_and_not_an_empty_set() {
    let empty = tempfile::tempdir().unwrap();
    for layout in Layout::ALL {
        assert!(import::open(layout, Path::new("no such folder"), &[]).is_err(), "{layout:?}");
        let walked = [Layout::Folder, Layout::People, Layout::Faceless].contains(&layout);
        assert_eq!(import::open(layout, empty.path(), &[]).is_ok(), walked, "{layout:?}");
    }
}
