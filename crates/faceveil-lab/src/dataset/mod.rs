//! Datasets: pictures with known faces from many sources, in one layout, never divided across a person or a near-duplicate.
//!
//! A build looks at every picture ([`scan`]), divides what it saw ([`group`], [`mod@split`], [`build`]) and writes frames
//! with their references ([`mod@reference`]). [`mod@record`] has the lines of all files, [`mod@augment`] makes new training
//! pictures from known ones, [`mod@report`] shows what a dataset is.

pub mod args;
pub mod augment;
pub mod bias;
pub mod build;
pub mod fingerprint;
pub mod fixture;
pub mod group;
pub mod label;
pub mod ordered;
pub mod picture;
pub mod preset;
pub mod progress;
pub mod random;
pub mod record;
pub mod reference;
pub mod report;
pub mod review;
pub mod scan;
pub mod source;
pub mod split;
pub mod thumbnail;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

use self::args::{BuildArgs, DatasetArgs, DatasetVerb, LabelArgs, ReportArgs};
use self::build::{SKIPPED, SUMMARY, Summary};
use self::preset::Preset;
use self::progress::Progress;

/// Runs `faceveil-lab dataset`.
///
/// # Errors
/// What stopped it.
pub fn run(args: DatasetArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        DatasetVerb::Build(args) => build_dataset(&args),
        DatasetVerb::Label(args) => label_pictures(&args),
        DatasetVerb::Report(args) => report_dataset(&args),
        DatasetVerb::Fixture(args) => {
            fixture::write(args.layout, &args.out, args.pictures, args.seed)?;
            say!("{}: {} pictures", args.out.display(), args.pictures);
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn build_dataset(args: &BuildArgs) -> anyhow::Result<ExitCode> {
    let (config, notes) = match args.config() {
        Ok(config) => config,
        Err(problem) => return Ok(refuse(&problem)),
    };
    for note in notes {
        eprintln!("faceveil-lab: {note}");
    }
    let progress = Progress::new(args.common.quiet);
    let jobs = args.common.jobs();
    let summary = match args.preset {
        Some(Preset::CentreBias) => bias::build(&config, &args.out, jobs, &progress)?,
        _ => build::build(&config, &args.out, jobs, &progress)?,
    };
    say!("{}", told(&summary, &args.out).trim_end());
    Ok(ExitCode::SUCCESS)
}

/// What became of a build, for people.
fn told(summary: &Summary, out: &Path) -> String {
    let mut text = String::new();
    let mut line = |name: &str, [pictures, faceless, faces]: [u64; 3]| {
        text += &format!("{name}: {pictures} pictures, {faceless} of them without a face, {faces} faces\n");
    };
    summary.parts.iter().for_each(|(part, counts)| line(part, *counts));
    summary.sets.iter().for_each(|(set, counts)| line(&format!("  of {set}"), *counts));
    for (reason, count) in &summary.skipped {
        text += &format!("not used, {reason}: {count} (see {})\n", out.join(SKIPPED).display());
    }
    if summary.doubts > 0 {
        text += &format!("{} labels to look at: dataset report {}\n", summary.doubts, out.display());
    }
    text += &format!("{}: {}\n", out.join(SUMMARY).display(), &summary.manifest_sha256);
    text
}

fn label_pictures(args: &LabelArgs) -> anyhow::Result<ExitCode> {
    let labellers = args.common.labeller_names();
    if labellers.is_empty() || labellers.len() > 2 {
        return Ok(refuse(&format!("{} detectors: one or two are needed", labellers.len())));
    }
    let progress = Progress::new(args.common.quiet);
    let told = review::label(args, &labellers, &progress)?;
    say!("{told}");
    Ok(ExitCode::SUCCESS)
}

fn report_dataset(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    let out = args.out.clone().unwrap_or_else(|| args.dataset.join("report.html"));
    let page = report::page(&args.dataset, usize::from(args.samples))?;
    faceveil_media::files::write_atomically(&out, page.as_bytes(), true)
        .with_context(|| out.display().to_string())?;
    say!("{}", out.display());
    Ok(ExitCode::SUCCESS)
}

fn refuse(problem: &str) -> ExitCode {
    eprintln!("faceveil-lab: {problem}");
    ExitCode::from(crate::USAGE)
}
