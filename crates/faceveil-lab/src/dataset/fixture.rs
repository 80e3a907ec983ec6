//! Small sets of drawn pictures in exactly the layout of sets that cannot be passed on, to try an import with and to see
//! what to download. The people in them do not exist.

pub(crate) mod draw;

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::build::{Format, encode};
use super::random::Random;
use draw::{Drawing, drawing};

/// Whose layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum FixtureLayout {
    /// CelebA-HQ as CelebAMask-HQ publishes it, with CelebA's identities
    CelebaHq,
    /// VGGFace2
    Vggface2,
    /// COCO 2017, with a category `face`
    Coco,
}

/// Why there is no fixture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FixtureError {
    /// A file or folder cannot be written.
    #[error("{}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder holds something.
    #[error("{} is not empty", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
}

/// Writes `pictures` pictures and the tables that belong to them into `out`.
///
/// # Errors
/// [`FixtureError`] if the folder is not empty or cannot be written to.
pub fn write(layout: FixtureLayout, out: &Path, pictures: u32, seed: u64) -> Result<(), FixtureError> {
    let io = |source| FixtureError::Io { path: out.to_owned(), source };
    fs::create_dir_all(out).map_err(io)?;
    if fs::read_dir(out).map_err(io)?.next().is_some() {
        return Err(FixtureError::NotEmpty { path: out.to_owned() });
    }
    match layout {
        FixtureLayout::CelebaHq => celeba_hq(out, pictures, seed),
        FixtureLayout::Vggface2 => vggface2(out, pictures, seed),
        FixtureLayout::Coco => coco(out, pictures, seed),
    }
}

fn put(path: PathBuf, bytes: &[u8]) -> Result<(), FixtureError> {
    let io = |source| FixtureError::Io { path: path.clone(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(io)?;
    }
    fs::write(&path, bytes).map_err(io)
}

fn put_picture(path: PathBuf, drawing: &Drawing) -> Result<(), FixtureError> {
    let size = (drawing.picture.width(), drawing.picture.height());
    let jpeg = encode(drawing.picture.pixels(), size, false, Format::Jpg);
    let jpeg = jpeg.map_err(|source| FixtureError::Io { path: path.clone(), source })?;
    put(path, &jpeg)
}

/// The names of CelebA's attributes, in the order of its tables.
const ATTRIBUTES: &str = "5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose \
Black_Hair Blond_Hair Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee Gray_Hair Heavy_Makeup \
High_Cheekbones Male Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard Oval_Face Pale_Skin Pointy_Nose \
Receding_Hairline Rosy_Cheeks Sideburns Smiling Straight_Hair Wavy_Hair Wearing_Earrings Wearing_Hat \
Wearing_Lipstick Wearing_Necklace Wearing_Necktie Young";

fn celeba_hq(out: &Path, pictures: u32, seed: u64) -> Result<(), FixtureError> {
    let mut attributes = format!("{pictures}\n{ATTRIBUTES} \n");
    let mut pose = format!("{pictures}\nYaw Pitch Raw \n");
    let mut mapping = "idx      orig_idx      orig_file\n".to_owned();
    let mut identities = String::new();
    let mut landmarks = format!(
        "{pictures}\nlefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y \n"
    );
    for at in 0..pictures {
        let mut random = Random::stream(seed, u64::from(at));
        let drawing = drawing((1024, 1024), 1, &mut random);
        put_picture(out.join(format!("CelebA-HQ-img/{at}.jpg")), &drawing)?;
        let original = 1 + u64::from(at) * 7;
        let _ = writeln!(mapping, "{at:<9}{:<14}{original:06}.jpg", original - 1);
        // Two pictures of each person.
        let _ = writeln!(identities, "{original:06}.jpg {}", 100 + at / 2);
        let signs = ATTRIBUTES.split_whitespace().map(|_| if random.happens(0.3) { " 1" } else { "-1" });
        let _ = writeln!(attributes, "{at}.jpg  {} ", signs.collect::<Vec<_>>().join(" "));
        let _ = writeln!(pose, "{at}.jpg 0.0 0.0 {:.2} ", drawing.faces[0].tilt.to_degrees());
        let five = drawing.faces[0].five().into_iter();
        let points = five.flat_map(|(x, y)| [x.round(), y.round()]).map(|v| v.to_string());
        let _ = writeln!(landmarks, "{at}.jpg {}", points.collect::<Vec<_>>().join(" "));
    }
    for (name, text) in [
        ("CelebAMask-HQ-attribute-anno.txt", attributes),
        ("CelebAMask-HQ-pose-anno.txt", pose),
        ("CelebA-HQ-to-CelebA-mapping.txt", mapping),
        ("identity_CelebA.txt", identities),
        ("list_landmarks_celebahq.txt", landmarks),
    ] {
        put(out.join(name), text.as_bytes())?;
    }
    Ok(())
}

/// Pictures a person.
const A_PERSON: u32 = 4;

fn vggface2(out: &Path, pictures: u32, seed: u64) -> Result<(), FixtureError> {
    let mut meta = "Class_ID, Name, Sample_Num, Flag, Gender\n".to_owned();
    for (part, flag) in [("train", 1), ("test", 0)] {
        let mut boxes = "NAME_ID,X,Y,W,H\n".to_owned();
        let mut points = "NAME_ID,P1X,P1Y,P2X,P2Y,P3X,P3Y,P4X,P4Y,P5X,P5Y\n".to_owned();
        // Every fifth person is for testing.
        for person in (0..pictures.div_ceil(A_PERSON)).filter(|p| (p % 5 == 4) == (flag == 0)) {
            let class = format!("n{:06}", person + 2);
            let count = A_PERSON.min(pictures - person * A_PERSON);
            let _ = writeln!(meta, "{class}, \"Nobody_{person}\", {count}, {flag}, f");
            for at in 0..count {
                let mut random = Random::stream(seed, u64::from(person * A_PERSON + at));
                let size = (160 + random.below(240) as u32, 180 + random.below(260) as u32);
                let drawing = drawing(size, 1, &mut random);
                let name = format!("{class}/{:04}_{:02}", at * 3 + 1, 1 + at % 2);
                put_picture(out.join(part).join(format!("{name}.jpg")), &drawing)?;
                let [left, top, right, bottom] = drawing.faces[0].truth().corners();
                let _ =
                    writeln!(boxes, "\"{name}\",{left:.0},{top:.0},{:.0},{:.0}", right - left, bottom - top);
                let five =
                    drawing.faces[0].five().into_iter().flat_map(|(x, y)| [x, y]).map(|v| format!("{v:.3}"));
                let _ = writeln!(points, "\"{name}\",{}", five.collect::<Vec<_>>().join(","));
            }
        }
        put(out.join(format!("bb_landmark/loose_bb_{part}.csv")), boxes.as_bytes())?;
        put(out.join(format!("bb_landmark/loose_landmark_{part}.csv")), points.as_bytes())?;
    }
    put(out.join("meta/identity_meta.csv"), meta.as_bytes())
}

fn coco(out: &Path, pictures: u32, seed: u64) -> Result<(), FixtureError> {
    for (part, first) in [("train2017", 0), ("val2017", 1)] {
        let (mut images, mut annotations) = (Vec::new(), Vec::new());
        // Every fifth picture is for validation.
        for at in (0..pictures).filter(|at| u32::from(at % 5 == 4) == first) {
            let mut random = Random::stream(seed, u64::from(at));
            let faces = random.below(4);
            let drawing = drawing((320, 240), faces, &mut random);
            let (id, name) = (at * 13 + 9, format!("{:012}.jpg", at * 13 + 9));
            put_picture(out.join(part).join(&name), &drawing)?;
            images.push(
                serde_json::json!({"license": 1, "file_name": name, "height": 240, "width": 320, "id": id}),
            );
            for face in &drawing.faces {
                let [left, top, right, bottom] = face.truth().corners().map(|v| (v * 100.0).round() / 100.0);
                let (w, h) = (right - left, bottom - top);
                annotations.push(serde_json::json!({
                    "id": annotations.len() + 1, "image_id": id, "category_id": 1, "iscrowd": 0,
                    "bbox": [left, top, w, h], "area": w * h,
                    "segmentation": [[left, top, right, top, right, bottom, left, bottom]],
                }));
            }
        }
        let all = serde_json::json!({
            "info": {"description": "Drawn pictures in the layout of COCO 2017", "version": "1.0", "year": 2017},
            "licenses": [{"id": 1, "name": "None needed", "url": ""}],
            "images": images, "annotations": annotations,
            "categories": [{"supercategory": "person", "id": 1, "name": "face"}],
        });
        put(out.join(format!("annotations/instances_{part}.json")), all.to_string().as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use faceveil_data::dataset::Labels;
    use faceveil_data::import::{self, Layout, Sample};

    #[test]
    fn each_fixture_is_read_as_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        for (layout, read_as, people) in [
            (FixtureLayout::CelebaHq, Layout::CelebaHq, 3),
            (FixtureLayout::Vggface2, Layout::VggFace2, 2),
            (FixtureLayout::Coco, Layout::Coco, 0),
        ] {
            let out = folder.path().join(read_as.name());
            write(layout, &out, 6, 3).unwrap();
            let samples: Vec<Sample> =
                import::open(read_as, &out, &[]).unwrap().map(Result::unwrap).collect();
            assert_eq!(samples.len(), 6, "{layout:?}");
            let mut identities: Vec<_> = samples.iter().filter_map(|s| s.identity.clone()).collect();
            identities.sort();
            identities.dedup();
            assert_eq!(identities.len(), people, "{layout:?}");
            for sample in &samples {
                let Labels::Absolute(faces) = &sample.labels else { panic!("{layout:?}: {sample:?}") };
                assert!(faces.iter().all(|f| f.side() > 8.0), "{layout:?}: {sample:?}");
                assert!(layout == FixtureLayout::Coco || faces.len() == 1, "{layout:?}: {sample:?}");
                let bytes = fs::read(&sample.path).unwrap();
                super::super::picture::Picture::decode(&bytes, &Default::default()).unwrap();
            }
            assert!(matches!(write(layout, &out, 6, 3), Err(FixtureError::NotEmpty { .. })));
        }
    }
}
