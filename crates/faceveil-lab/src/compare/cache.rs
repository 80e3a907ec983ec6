//! What was judged, kept under the hash of all that it depends on: a line each, added as it is known, so that a run that was
//! killed loses nothing but the line it was writing.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use faceveil_eval::{Likeness, PictureVerdict};
use serde::{Deserialize, Serialize};

use super::slices::Facts;
use crate::dataset::record::{cut_the_broken_end, lines};

/// What is known of an output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Leaks, collateral, mask.
    pub verdict: PictureVerdict,
    /// Likeness to the reference blur.
    pub likeness: Option<Likeness>,
    /// Faces that a detector finds in the original, and how many of them in the output, too; `None` if it did not look.
    pub seen: Option<[usize; 2]>,
}

/// A line of the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    Facts(String, Facts),
    Judged(String, Box<Judgement>),
}

/// All that was known when the file was opened.
#[derive(Debug, Default)]
pub struct Known {
    facts: HashMap<String, Facts>,
    judged: HashMap<String, Arc<Judgement>>,
}

/// The file, to add to.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

/// Opens the file, or begins it.
///
/// # Errors
/// If it cannot be read or written, or a line of it is none of these.
pub fn open(path: &Path) -> Result<(Known, Journal)> {
    let place = || path.display().to_string();
    let mut known = Known::default();
    if path.is_file() {
        cut_the_broken_end(path)?;
        for line in lines::<Line>(path)? {
            match line.with_context(|| format!("{}: remove it to judge everything anew", path.display()))? {
                Line::Facts(key, value) => drop(known.facts.insert(key, value)),
                Line::Judged(key, value) => drop(known.judged.insert(key, Arc::new(*value))),
            }
        }
    }
    let file = OpenOptions::new().create(true).append(true).open(path).with_context(place)?;
    Ok((known, Journal { path: path.to_owned(), file }))
}

impl Known {
    /// What is known of a picture.
    pub fn facts(&self, key: &str) -> Option<Facts> {
        self.facts.get(key).cloned()
    }

    /// What is known of an output.
    pub fn judgement(&self, key: &str) -> Option<Arc<Judgement>> {
        self.judged.get(key).cloned()
    }
}

impl Journal {
    /// Writes what has been found out.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn keep(
        &mut self,
        facts: Option<(String, Facts)>,
        judged: Vec<(String, Arc<Judgement>)>,
    ) -> Result<()> {
        let mut text = Vec::new();
        let facts = facts.map(|(key, value)| Line::Facts(key, value));
        let judged = judged.into_iter().map(|(key, value)| Line::Judged(key, Box::new((*value).clone())));
        for line in facts.into_iter().chain(judged) {
            serde_json::to_writer(&mut text, &line)?;
            text.push(b'\n');
        }
        self.file.write_all(&text).with_context(|| self.path.display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_cut_leaves_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("judged.jsonl");
        let verdict = faceveil_eval::no_output(9, 9, &[]);
        let judgement = Arc::new(Judgement { verdict, likeness: None, seen: Some([3, 1]) });
        let facts = Facts { size: [9, 9], faces: Vec::new() };
        let (_, mut journal) = open(&path).unwrap();
        journal
            .keep(Some(("p".to_owned(), facts.clone())), vec![("a".to_owned(), judgement.clone())])
            .unwrap();
        drop(journal);
        let whole = fs::read(&path).unwrap();
        for cut in 0..=whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let (known, mut journal) = open(&path).unwrap();
            let lines = whole[..cut].iter().filter(|b| **b == b'\n').count();
            let got = [known.facts("p").is_some(), known.judgement("a").is_some()];
            assert_eq!(got.iter().filter(|k| **k).count(), lines, "{cut} bytes");
            journal.keep(None, vec![("b".to_owned(), judgement.clone())]).unwrap();
            drop(journal);
            assert_eq!(open(&path).unwrap().0.judgement("b"), Some(judgement.clone()), "{cut} bytes");
        }
        fs::write(&path, "{}\n").unwrap();
        assert!(open(&path).is_err());
    }
}
