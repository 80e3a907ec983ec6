//! Labels of further pictures by our own detectors, which training takes as truth where nobody annotated faces.

use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use faceveil::Level;
use faceveil_infer::search::Search;
use faceveil_media::Limits;
use serde_json::{Value, json};

use super::args::LabelArgs;
use crate::dataset::record::cut_the_broken_end;

/// Folders of `faces/` whose pictures have no annotated faces.
pub const FOLDERS: [&str; 3] = ["crops_web", "utkface", "roboflow_yolo"];
/// Pictures between two lines that say how far it is.
const SAY: usize = 500;

/// Runs `faceveil-lab label`. Pictures that cannot be decoded are named and left out.
///
/// # Errors
/// What stopped it.
pub fn run(args: &LabelArgs) -> Result<ExitCode> {
    let done = labelled(&args.out)?;
    let mut search = Search::new(Level::Balanced.search())?;
    let place = || args.out.display().to_string();
    let mut file = OpenOptions::new().create(true).append(true).open(&args.out).with_context(place)?;
    let mut count = 0;
    for folder in FOLDERS {
        let mut pictures = pictures(&args.shared.join("faces").join(folder))?;
        pictures.truncate(args.limit);
        for path in pictures.into_iter().filter(|path| !done.contains(path)) {
            match look(&mut search, &path) {
                Ok(line) => writeln!(file, "{line}").with_context(place)?,
                Err(problem) => eprintln!("left out: {problem:#}"),
            }
            count += 1;
            if count % SAY == 0 {
                eprintln!("{count} pictures labelled");
            }
        }
    }
    ensure!(count + done.len() > 0, "no pictures under {}", args.shared.display());
    Ok(ExitCode::SUCCESS)
}

/// The pictures that an earlier run labelled.
fn labelled(path: &Path) -> Result<HashSet<PathBuf>> {
    if !path.exists() {
        return Ok(HashSet::new());
    }
    cut_the_broken_end(path).with_context(|| path.display().to_string())?;
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let input =
        |line: &str| Some(PathBuf::from(serde_json::from_str::<Value>(line).ok()?["input"].as_str()?));
    Ok(text.lines().filter_map(input).collect())
}

fn look(search: &mut Search, path: &Path) -> Result<Value> {
    let place = || path.display().to_string();
    let bytes = fs::read(path).with_context(place)?;
    let photo = faceveil_media::decode(&bytes, &Limits::default()).with_context(place)?;
    let faces = search.faces(&photo.raster).with_context(place)?;
    let faces: Vec<Value> = faces
        .iter()
        .map(|f| json!({ "box": [f.rect.left, f.rect.top, f.rect.right, f.rect.bottom], "score": f.score }))
        .collect();
    Ok(json!({ "input": path, "faces": faces }))
}

/// All JPEG and PNG files under a folder, by name.
fn pictures(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            Err(e) => return Err(e).with_context(|| folder.display().to_string()),
        };
        for entry in entries {
            let entry = entry.with_context(|| folder.display().to_string())?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|e| ["jpg", "jpeg", "png"].iter().any(|k| e.eq_ignore_ascii_case(k)))
            {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_labelled_once_and_a_damaged_one_is_left_out() {
        let shared = tempfile::tempdir().unwrap();
        let folder = shared.path().join("faces/crops_web/deep");
        fs::create_dir_all(&folder).unwrap();
        let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/sample.jpg");
        fs::copy(sample, folder.join("a.jpg")).unwrap();
        fs::write(folder.join("b.png"), b"no picture").unwrap();
        fs::write(folder.join("c.txt"), b"no picture").unwrap();
        let out = shared.path().join("labels.jsonl");
        let args = LabelArgs { shared: shared.path().to_owned(), out: out.clone(), limit: usize::MAX };
        run(&args).unwrap();
        let first = fs::read_to_string(&out).unwrap();
        let line: Value = serde_json::from_str(first.trim_end()).unwrap();
        assert_eq!(line["faces"].as_array().unwrap().len(), 1, "{line}");
        // What a kill left behind is done again.
        fs::write(&out, format!("{first}{{\"inp")).unwrap();
        run(&args).unwrap();
        assert_eq!(fs::read_to_string(&out).unwrap(), first);
    }
}
