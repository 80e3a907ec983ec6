//! YOLO, with or without Roboflow's `data.yaml`.

use std::path::{Path, PathBuf};

use super::paired::labelled;
use super::{ImportError, Sample, Samples, read};
use crate::dataset::Labels;
use crate::truth::{self, TruthError};

pub(super) fn open(root: &Path) -> Result<Samples, ImportError> {
    let mut images: Vec<PathBuf> = Vec::new();
    let yaml = root.join("data.yaml");
    if yaml.is_file() {
        let text = read(&yaml)?;
        let listed = image_folders(&text);
        let listed = listed.map_err(|source| ImportError::Truth { path: yaml.clone(), source })?;
        images.extend(listed.iter().filter_map(|folder| resolve(root, folder)));
    }
    if images.is_empty() {
        let usual = ["train/images", "valid/images", "val/images", "test/images", "images"];
        images.extend(usual.iter().map(|name| root.join(name)).filter(|path| path.is_dir()));
    }
    images.sort();
    images.dedup();
    if images.is_empty() {
        return Err(ImportError::Missing { path: root.to_owned(), want: "folder of images" });
    }
    let pairs = images.into_iter().map(|folder| (folder.clone(), labels_beside(&folder))).collect();
    let parse = |text: &str| truth::yolo(text).map(Labels::Relative);
    Ok(Box::new(labelled(root, pairs, "txt", parse).map(|sample| sample.map(with_original))))
}

/// Roboflow exports several augmented copies of a photo, `photo_jpg.rf.<hash>.jpg`: what stands before `.rf.` is what
/// they have in common.
fn with_original(mut sample: Sample) -> Sample {
    let file = sample.name.rsplit('/').next().unwrap_or_default();
    sample.identity = file.split_once(".rf.").map(|(photo, _)| photo.to_owned());
    sample
}

/// A folder as `data.yaml` names it. Roboflow writes `../train/images`, which is wrong from the folder of the file; a
/// folder outside of the set is never entered.
fn resolve(root: &Path, folder: &str) -> Option<PathBuf> {
    let inside = folder.trim_start_matches("./").trim_start_matches("../").trim_end_matches('/');
    let path = super::below(root, inside, root).ok()?;
    path.is_dir().then_some(path)
}

/// `…/images` becomes `…/labels`, in the last place where it stands, as YOLO does.
fn labels_beside(images: &Path) -> PathBuf {
    let mut after = PathBuf::new();
    for folder in images.ancestors() {
        if folder.file_name().is_some_and(|name| name == "images") {
            return folder.with_file_name("labels").join(after);
        }
        if let Some(name) = folder.file_name() {
            after = if after.as_os_str().is_empty() { name.into() } else { Path::new(name).join(after) };
        }
    }
    images.to_owned()
}

/// The folders that a `data.yaml` names after `train`, `val`, `valid` and `test`, in its order: a value on the line, a
/// list in brackets, or one dash a line. Only this much of YAML is understood; other keys are left alone.
///
/// # Errors
/// [`TruthError`] if none of the keys is there, or a list in brackets is not closed on its line.
pub fn image_folders(text: &str) -> Result<Vec<String>, TruthError> {
    let (mut folders, mut seen, mut in_list, mut prefix) = (Vec::new(), false, false, String::new());
    for (at, line) in text.lines().enumerate() {
        let bare = line.split(" #").next().unwrap_or_default().trim_end();
        if let Some(item) = bare.trim_start().strip_prefix("- ").filter(|_| in_list) {
            folders.push(unquoted(item));
            continue;
        }
        in_list = false;
        let Some((key, value)) = bare.split_once(':') else { continue };
        let value = value.trim();
        match key {
            "path" => prefix = unquoted(value),
            "train" | "val" | "valid" | "test" => {
                seen = true;
                if let Some(list) = value.strip_prefix('[') {
                    let want = "a list that ends with ]";
                    let list = list.strip_suffix(']').ok_or_else(|| TruthError::field(at + 1, want, line))?;
                    folders.extend(list.split(',').map(unquoted).filter(|f| !f.is_empty()));
                } else if value.is_empty() {
                    in_list = true;
                } else {
                    folders.push(unquoted(value));
                }
            }
            _ => {}
        }
    }
    if !seen {
        return Err(TruthError::field(text.lines().count(), "train, val or test", "none of them"));
    }
    if !prefix.is_empty() && prefix != "." {
        let inside = folders.iter().map(|f| format!("{}/{f}", prefix.trim_end_matches('/')));
        let both: Vec<String> = inside.chain(folders.iter().cloned()).collect();
        folders = both;
    }
    Ok(folders)
}

fn unquoted(text: &str) -> String {
    let text = text.trim();
    let inner = |quote| text.strip_prefix(quote).and_then(|t| t.strip_suffix(quote));
    inner('"').or_else(|| inner('\'')).unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_yaml_names_folders_in_three_ways() {
        let cases = [
            (
                "train: ../train/images\nval: ../valid/images\nnc: 2\nnames:\n- a\n- b\n",
                vec!["../train/images", "../valid/images"],
            ),
            ("names: ['a']\ntrain: [\"a/images\", 'b/images']  # two\n", vec!["a/images", "b/images"]),
            ("train:\n  - a/images\n  - b/images\nnc: 1\n- c\n", vec!["a/images", "b/images"]),
            ("path: set\ntrain: images/train\n", vec!["set/images/train", "images/train"]),
            ("train:\nval: v\n", vec!["v"]),
        ];
        for (text, want) in cases {
            assert_eq!(image_folders(text).unwrap(), want, "{text:?}");
        }
        for bad in ["", "nc: 2\n", "train: [a, b\n"] {
            assert!(image_folders(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn labels_lie_beside_images() {
        for (images, want) in [
            ("x/train/images", "x/train/labels"),
            ("x/images/train", "x/labels/train"),
            ("images/a/images/b/c", "images/a/labels/b/c"),
            ("plain", "plain"),
        ] {
            assert_eq!(labels_beside(Path::new(images)), Path::new(want), "{images}");
        }
    }
}
