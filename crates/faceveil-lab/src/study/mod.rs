//! Studies: several trainings that answer one question. Each is a list of the program's own commands, so that a person can
//! repeat any of them alone; what is done is not done again.

pub mod ablation;
pub mod args;
pub mod card;
pub mod frontier;
pub mod label;
pub mod make;
pub mod sweep;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Parser as _;
use serde::{Deserialize, Serialize};

use crate::args::Cli;
use crate::compare::time::processor;
use crate::dataset::record::{cut_the_broken_end, lines};

/// A command of this program that a study ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// Its words, without the program's name.
    pub words: Vec<String>,
    /// How long it took, seconds; a run that was killed and went on counts from where it went on.
    pub seconds: f64,
}

impl Done {
    /// As it would be typed.
    pub fn line(&self) -> String {
        format!("faceveil-lab {}", self.words.join(" "))
    }
}

/// Runs commands in order and keeps a journal of those that are done.
pub struct Journal {
    path: PathBuf,
    done: Vec<Done>,
}

impl Journal {
    /// Of a study in `folder`, which is made if need be. A line that a kill cut off is forgotten.
    ///
    /// # Errors
    /// If the folder or the journal cannot be had, or a line of it is none.
    pub fn open(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let path = folder.join("journal.jsonl");
        let mut done = Vec::new();
        if path.exists() {
            cut_the_broken_end(&path).with_context(|| path.display().to_string())?;
            for line in lines(&path)? {
                done.push(line?);
            }
        }
        Ok(Self { path, done })
    }

    /// Runs a command unless it is done.
    ///
    /// # Errors
    /// If it fails.
    pub fn run(&mut self, words: &[String]) -> Result<Done> {
        if let Some(done) = self.done.iter().find(|done| done.words == words) {
            return Ok(done.clone());
        }
        let begun = Instant::now();
        let done = Done { words: words.to_vec(), seconds: 0.0 };
        eprintln!("{}", done.line());
        let typed = ["faceveil-lab".to_owned()].into_iter().chain(words.iter().cloned());
        let code = crate::dispatch(Cli::try_parse_from(typed)?)?;
        ensure!(code == ExitCode::SUCCESS, "{} failed", done.line());
        let done = Done { seconds: begun.elapsed().as_secs_f64(), ..done };
        self.note(done.clone())?;
        Ok(done)
    }

    fn note(&mut self, done: Done) -> Result<()> {
        let place = || self.path.display().to_string();
        let mut file =
            fs::OpenOptions::new().create(true).append(true).open(&self.path).with_context(place)?;
        writeln!(file, "{}", serde_json::to_string(&done)?).with_context(place)?;
        self.done.push(done);
        Ok(())
    }
}

/// How short runs are trained: of pictures that are changed a lot small networks learn little, and short runs would say less
/// of long ones.
pub(crate) const NEARLY_AS_IN_USE: [&str; 4] = ["--plain", "0.7", "--share", "fddb=0.55"];

/// Words of a command.
pub(crate) fn words(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|&part| part.to_owned()).collect()
}

/// The machine that a study ran on.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!("{}, {cores} cores", processor().as_deref().unwrap_or("unknown processor"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_is_not_done_again() {
        let folder = tempfile::tempdir().unwrap();
        let words = words(&["nets"]);
        let first = Journal::open(folder.path()).unwrap().run(&words).unwrap();
        // The line of a command that was cut off is none.
        let path = folder.path().join("journal.jsonl");
        let mut text = fs::read_to_string(&path).unwrap();
        text += "{\"words\":[\"tra";
        fs::write(&path, text).unwrap();
        let mut again = Journal::open(folder.path()).unwrap();
        assert_eq!(again.run(&words).unwrap(), first);
        assert_eq!(again.done.len(), 1);
        // What is added stands on a line of its own.
        let curves = super::words(&["bench", "--help"]);
        again.note(Done { words: curves.clone(), seconds: 1.0 }).unwrap();
        assert_eq!(Journal::open(folder.path()).unwrap().run(&curves).unwrap().seconds, 1.0);
        assert!(again.run(&super::words(&["no-such"])).is_err());
    }
}
