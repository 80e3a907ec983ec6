//! The public pictures on which nothing was chosen (the report part of the split) and nothing was trained (held out by the
//! lab's own split): what is in both.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use faceveil_data::dataset::{self, Labels};
use faceveil_data::split::{Part, Set, lab, names};
use faceveil_data::truth::{Points68, face_of_68, row_of_68};

use super::{Case, FaceTags, Person};

/// The sets that are judged.
const SETS: [Set; 5] = [Set::Fddb, Set::MasksVoc, Set::WiderYolo, Set::Negatives, Set::YoutubeKeypoints];
/// The nose of a face that looks at the camera lies between these shares of the way from eye to eye.
const FRONTAL: std::ops::RangeInclusive<f64> = 0.3..=0.7;

/// Names of a set that are in the report part and held out.
pub fn untouched(set: Set) -> Vec<&'static str> {
    let held_out = lab::held_out(set);
    names(set, Part::Report).into_iter().filter(|name| held_out.binary_search(name).is_ok()).collect()
}

/// All of them.
///
/// # Errors
/// If a picture or its label is missing.
pub fn cases(shared: &Path) -> Result<Vec<Case>> {
    let points = points(shared)?;
    let mut cases = Vec::new();
    for set in SETS {
        for item in dataset::load_names(shared, set, &untouched(set))? {
            let mut case = Case::plain(set.name(), &item.name, item.image_path, item.labels);
            match set {
                Set::MasksVoc => case.tags = masked(shared, &item.name)?,
                Set::YoutubeKeypoints => {
                    let file = item.name.rsplit('/').next().unwrap_or(&item.name);
                    let known = points.get(file).with_context(|| format!("{file} has no key points"))?;
                    person(&mut case, file, known);
                }
                _ => {}
            }
            cases.push(case);
        }
    }
    Ok(cases)
}

/// What each object of a VOC file is called, in the order of their boxes.
fn masked(shared: &Path, name: &str) -> Result<Vec<FaceTags>> {
    let path = shared.join(format!("faces/masks_voc/annotations/{name}.xml"));
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let objects = text.split("<object>").skip(1);
    let of = |object: &str| {
        let word = object.split_once("<name>").and_then(|(_, rest)| rest.split_once("</name>"))?.0;
        Some(FaceTags { masked: Some(word != "without_mask"), ..FaceTags::default() })
    };
    objects.map(|o| of(o).with_context(|| format!("{}: an object without a name", path.display()))).collect()
}

/// The 68 points of the report people's frames, by file name without suffix.
fn points(shared: &Path) -> Result<HashMap<String, Points68>> {
    let path = shared.join("faces/youtube_keypoints/test_frames_keypoints.csv");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let mut all = HashMap::new();
    for (at, line) in text.lines().enumerate().skip(1) {
        let (name, points) = row_of_68(line, at + 1).with_context(|| path.display().to_string())?;
        all.insert(name.trim_end_matches(".jpg").to_owned(), points);
    }
    ensure!(!all.is_empty(), "{} holds no points", path.display());
    Ok(all)
}

/// `First_Last_VN`: the digit before the last is the video.
fn person(case: &mut Case, file: &str, points: &Points68) {
    let mean = |range: std::ops::Range<usize>| {
        let n = range.len() as f64;
        let sum = points[range].iter().fold((0.0, 0.0), |s, p| (s.0 + p.0, s.1 + p.1));
        (sum.0 / n, sum.1 / n)
    };
    let (left, right) = (mean(36..42), mean(42..48));
    let five = [left, right, points[30], points[48], points[54]];
    let (dx, dy) = (right.0 - left.0, right.1 - left.1);
    let along = ((five[2].0 - left.0) * dx + (five[2].1 - left.1) * dy) / (dx * dx + dy * dy).max(1e-9);
    case.labels = Labels::Absolute(vec![face_of_68(points)]);
    case.tags = vec![FaceTags { frontal: Some(FRONTAL.contains(&along)), ..FaceTags::default() }];
    let (id, number) = file.rsplit_once('_').unwrap_or((file, ""));
    let video = number.chars().rev().nth(1).and_then(|c| c.to_digit(10)).unwrap_or(0);
    case.person = Some(Person { id: id.to_owned(), video, points: five });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judged_is_what_is_in_both_parts() {
        let sizes = SETS.map(|set| untouched(set).len());
        assert_eq!(sizes, [535, 120, 50, 201, 445]);
    }

    #[test]
    fn people_and_videos_are_read_off_names() {
        let mut case = Case::plain("s", "n", "p".into(), Labels::Unknown);
        let mut points = [(0.0, 0.0); 68];
        (36..42).for_each(|i| points[i] = (10.0, 10.0));
        (42..48).for_each(|i| points[i] = (30.0, 10.0));
        points[30] = (19.0, 20.0);
        person(&mut case, "Angel_Lockward_31", &points);
        let known = case.person.clone().unwrap();
        assert_eq!((&*known.id, known.video), ("Angel_Lockward", 3));
        assert_eq!(case.tags[0].frontal, Some(true));
        points[30] = (12.0, 20.0);
        person(&mut case, "Angel_Lockward_1", &points);
        assert_eq!((case.tags[0].frontal, case.person.unwrap().video), (Some(false), 0));
    }
}
