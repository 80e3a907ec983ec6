//! `faceveil verify`: whether results really hide what their originals show. It believes nothing that the
//! redaction said: it looks for faces in both pictures, compares their pixels by the leak rule of
//! `faceveil-eval`, and looks at what the result's file is made of.

mod finding;
mod look;
mod metadata;
mod video;

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use faceveil::{Anonymizer, Settings};
use faceveil_media::Limits;

pub use finding::{Finding, PairReport, Status};

use crate::args::VerifyArgs;
use crate::batch;
use crate::choices::KeepMetadata;
use crate::destination::resolve;
use crate::plan::{self, Manner, PlanError};
use crate::report::complain;
use crate::sniff;
use crate::source::{self, Admission};
use crate::video::output_of;
use crate::walk::{Found, Input, Kind, Walk};

/// Exit code if a leak or another violation was found.
const VIOLATION: u8 = 1;
/// Exit code if something could not be checked.
pub const UNCHECKED: u8 = 2;

/// A little below what `balanced` takes for a face: its log-odds of -1.85 are 0.136. Of what scores less in the
/// thorough look, most is no face.
const MIN_SCORE: f32 = 0.11;

/// What `verify` will do.
#[derive(Clone, Debug)]
pub struct VerifyPlan {
    /// How thoroughly to look.
    pub settings: Settings,
    /// How large a photo may be.
    pub limits: Limits,
    /// Least score of a face in the original for it to count.
    pub min_score: f32,
    /// Whether results may say when and with what they were taken.
    pub safe_metadata: bool,
    /// A photo or a folder of photos.
    pub original: PathBuf,
    /// What became of it.
    pub result: PathBuf,
    /// Whether both are folders.
    pub folders: bool,
    /// Pairs worked on at once, at least 1.
    pub jobs: usize,
    /// How findings are told.
    pub manner: Manner,
}

impl VerifyPlan {
    /// Checks what was typed. Neither environment nor configuration can make the look less thorough.
    ///
    /// # Errors
    /// [`PlanError`] says what cannot be done.
    pub fn new(args: VerifyArgs) -> Result<Self, PlanError> {
        let chosen = args.choices();
        let folders = args.original.is_dir();
        if folders != args.result.is_dir() {
            return Err(PlanError::NoPair);
        }
        let one = Input::look(&args.original);
        Ok(Self {
            settings: Settings { level: plan::level(&chosen), ..Settings::default() },
            limits: plan::limits(&chosen)?,
            min_score: plan::in_range("min-score", args.min_score.unwrap_or(MIN_SCORE), 0.0, 1.0, "0 to 1")?,
            safe_metadata: chosen.keep_metadata == Some(KeepMetadata::Safe),
            jobs: plan::jobs(&chosen, &[one])?,
            original: args.original,
            result: args.result,
            folders,
            manner: Manner { json: args.json, quiet: args.quiet },
        })
    }
}

/// An original and its result.
#[derive(Clone, Debug)]
struct Pair {
    original: PathBuf,
    result: PathBuf,
    /// Why they cannot be compared.
    broken: Option<String>,
}

/// Carries out a plan.
///
/// # Errors
/// The models cannot be used.
pub fn run(plan: &VerifyPlan) -> anyhow::Result<ExitCode> {
    let spare = Mutex::new(Some(Anonymizer::new(&plan.settings)?));
    let mut tally = Tally::new(plan.manner);
    let check = |anonymizer: &mut Option<Anonymizer>, pair: &Pair| -> anyhow::Result<PairReport> {
        if let Some(why) = &pair.broken {
            anyhow::bail!("{why}");
        }
        let anonymizer = match anonymizer {
            Some(anonymizer) => anonymizer,
            None => {
                let spare = spare.lock().unwrap_or_else(PoisonError::into_inner).take();
                anonymizer.insert(spare.map_or_else(|| Anonymizer::new(&plan.settings), Ok)?)
            }
        };
        if source::is_video_file(&pair.original)? {
            return video::check(plan, anonymizer, &pair.original, &pair.result);
        }
        look::check(plan, anonymizer, &pair.original, &pair.result)
    };
    let failed = |pair: &Pair, why: String| PairReport::unchecked(&pair.original, &pair.result, why);
    batch::run(
        pairs(plan),
        plan.jobs,
        |anonymizer, pair| check(anonymizer, pair).unwrap_or_else(|e| failed(pair, format!("{e:#}"))),
        failed,
        |report| tally.tell(&report),
    );
    Ok(tally.finish())
}

/// The pairs of two files or two folders; a photo without its pair is one that cannot be checked.
fn pairs(plan: &VerifyPlan) -> Box<dyn Iterator<Item = Pair> + Send + '_> {
    let (original, result) = (plan.original.clone(), plan.result.clone());
    if !plan.folders {
        return Box::new(std::iter::once(Pair { original, result, broken: None }));
    }
    let walk = |root: &Path, other: &Path| {
        Walk::new(vec![Input::Folder(root.to_owned())], resolve(other).ok()).filter_map(photo)
    };
    let originals = walk(&plan.original, &plan.result).map(|(found, broken)| Pair {
        result: result_of(&plan.result, &found.relative),
        original: found.input,
        broken,
    });
    let results = walk(&plan.result, &plan.original).filter_map(|(found, broken)| {
        let original = plan.original.join(&found.relative);
        // A video may have got another container, and was met under its own name.
        let renamed = |e: &OsStr| e == "mkv" && has_video(&original);
        if found.relative.extension().is_some_and(renamed) {
            return None;
        }
        // The others have been met on the first walk.
        let alone = original.symlink_metadata().is_err() || broken.is_some();
        let why = broken.unwrap_or_else(|| "this photo has no original".to_owned());
        alone.then_some(Pair { original, result: found.input, broken: Some(why) })
    });
    Box::new(originals.chain(results))
}

/// Where the result of a file lies in the folder of the results.
fn result_of(results: &Path, relative: &Path) -> PathBuf {
    let same = results.join(relative);
    match sniff::named_as_video(relative) && same.symlink_metadata().is_err() {
        true => results.join(output_of(relative)),
        false => same,
    }
}

/// Whether there is a video of this name, whatever its ending.
fn has_video(named: &Path) -> bool {
    let Some(folder) = named.parent() else { return false };
    let same = |path: &Path| path.file_stem() == named.file_stem() && sniff::named_as_video(path);
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).any(|path| same(&path))
}

/// A file of a folder, and why it cannot be opened; `None` if it is no photo.
fn photo(found: Found) -> Option<(Found, Option<String>)> {
    match source::admit(&found) {
        Ok(Admission::Skip(_)) => None,
        Ok(Admission::Try) => Some((found, None)),
        Err(e) => {
            let why = format!("{}: {e:#}", found.input.display());
            let relative =
                if matches!(found.kind, Kind::Broken(_)) { PathBuf::new() } else { found.relative };
            Some((Found { relative, ..found }, Some(why)))
        }
    }
}

/// Tells and counts.
#[derive(Debug)]
struct Tally {
    manner: Manner,
    fine: u64,
    violations: u64,
    unchecked: u64,
    faces: u64,
    visible: u64,
    doubtful: u64,
}

impl Tally {
    fn new(manner: Manner) -> Self {
        Self { manner, fine: 0, violations: 0, unchecked: 0, faces: 0, visible: 0, doubtful: 0 }
    }

    fn tell(&mut self, report: &PairReport) {
        match report.status {
            Status::Fine => self.fine += 1,
            Status::Violation => self.violations += 1,
            Status::Unchecked => self.unchecked += 1,
        }
        self.faces += report.faces as u64;
        self.visible += report.visible as u64;
        self.doubtful += report.doubtful.len() as u64;
        if self.manner.json {
            let line = serde_json::to_string(report).unwrap_or_default();
            let mut out = io::stdout().lock();
            if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
                // The reader has not heard of every pair.
                self.unchecked += 1;
            }
        }
        let place = report.result.display();
        for finding in &report.findings {
            complain(&format!("{place}: {finding}"));
        }
        if let Some(why) = &report.error {
            complain(&format!("{place}: not checked: {why}"));
        }
        if let Some(words) = report.note.as_ref().filter(|_| !self.manner.quiet) {
            complain(&format!("{place}: {words}"));
        }
    }

    fn finish(self) -> ExitCode {
        let Self { fine, violations, unchecked, faces, visible, doubtful, .. } = self;
        if !self.manner.quiet {
            let mut words = format!("{fine} fine, {violations} with violations, {unchecked} not checked");
            let rest =
                [(faces, "faces"), (visible, "left visible on purpose"), (doubtful, "doubtful places")];
            for (n, what) in rest.into_iter().filter(|&(n, _)| n > 0) {
                words.push_str(&format!(", {n} {what}"));
            }
            complain(&words);
        }
        match (violations, unchecked, fine) {
            (1.., _, _) => ExitCode::from(VIOLATION),
            (0, 0, 1..) => ExitCode::SUCCESS,
            _ => ExitCode::from(UNCHECKED),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_fail_closed() {
        let cases = [((1, 0, 0), 0), ((0, 0, 0), 2), ((5, 0, 1), 2), ((5, 1, 0), 1), ((5, 1, 1), 1)];
        for ((fine, violations, unchecked), want) in cases {
            let manner = Manner { json: false, quiet: true };
            let tally = Tally { fine, violations, unchecked, ..Tally::new(manner) };
            assert_eq!(tally.finish(), ExitCode::from(want), "{fine} {violations} {unchecked}");
        }
    }
}
