//! The `faceveil` program in testable pieces: what was typed ([`args`], [`choices`]) becomes a
//! [`plan`], a [`walk`] finds the files, a [`batch`] works on them, a [`report`] tells what became of
//! each. Pixels and file formats are other crates' work.
#![forbid(unsafe_code)]

pub mod about;
pub mod args;
pub mod batch;
pub mod blur;
pub mod choices;
pub mod destination;
pub mod detect;
pub mod detection;
pub mod jobs;
pub mod journal;
pub mod marks;
pub mod outcome;
pub mod overlay;
mod pages;
pub mod people;
pub mod plan;
pub mod preview;
pub mod recipe;
pub mod report;
pub mod rerender;
pub mod review;
pub mod sidecar;
pub mod sniff;
pub mod source;
pub mod task;
pub mod verify;
pub mod video;
pub mod walk;
pub mod zones;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Verb};
use crate::plan::{BlurPlan, DetectPlan, PlanError};
use crate::report::complain;
use crate::review::ReviewPlan;
use crate::verify::VerifyPlan;
use crate::video::LivePlan;

/// Exit code of a run that tried and did nothing.
const NOTHING_DONE: u8 = 1;
/// Exit code of a run that could not be understood.
const USAGE: u8 = 3;

/// Runs the program with the arguments `typed`, its own name first.
pub fn run(typed: impl IntoIterator<Item = OsString>) -> ExitCode {
    batch::install_panic_hook();
    let cli = match Cli::try_parse_from(typed) {
        Ok(cli) => cli,
        Err(e) => {
            // Help and version go to standard output and are no mistake.
            let _ = e.print();
            return if e.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    let env = |name: &str| std::env::var_os(name);
    let done = match cli.command {
        Verb::Blur(args) => match BlurPlan::new(*args, &env) {
            Ok(plan) => blur::run(&plan),
            Err(e) => return refuse(&e),
        },
        Verb::Live(args) => match LivePlan::new(*args, &env) {
            Ok(plan) => video::live::run(&plan),
            Err(e) => return refuse(&e),
        },
        Verb::Detect(args) => match DetectPlan::new(args, &env) {
            Ok(plan) => detect::run(&plan),
            Err(e) => return refuse(&e),
        },
        Verb::Verify(args) => match VerifyPlan::new(args) {
            // Nothing checked must not look like a leak found.
            Ok(plan) => verify::run(&plan).or_else(|e| {
                complain(&format!("{e:#}"));
                Ok(ExitCode::from(verify::UNCHECKED))
            }),
            Err(e) => return refuse(&e),
        },
        Verb::Review(args) => match ReviewPlan::new(args) {
            Ok(plan) => review::run(&plan),
            Err(e) => return refuse(&e),
        },
        Verb::Models { json } => about::models(json),
        Verb::Completions { shell } => about::completions(shell),
        Verb::Man { dir } => about::man(dir.as_deref()),
    };
    done.unwrap_or_else(|e| {
        complain(&format!("{e:#}"));
        ExitCode::from(NOTHING_DONE)
    })
}

fn refuse(error: &PlanError) -> ExitCode {
    complain(&format!("{:#}", anyhow::Error::msg(chain(error))));
    ExitCode::from(USAGE)
}

fn chain(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {}", chain(cause)))
}
