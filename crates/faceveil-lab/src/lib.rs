//! The research bench in testable pieces, one module a subject. Not for the program that people hide
//! faces with: that one never needs what is built here.
#![forbid(unsafe_code)]

/// As `println!`; but when nobody reads on (`| head`), the run goes on: what counts is in its files.
macro_rules! say {
    ($($what:tt)*) => {
        $crate::say(format_args!($($what)*))
    };
}

pub mod args;
pub mod compare;
pub mod dataset;
pub mod judge;
pub mod net;
pub mod quant;
pub mod study;
pub mod train;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser;

use crate::args::{Cli, Verb};

/// Exit code of a run that could not be understood.
pub(crate) const USAGE: u8 = 3;

/// Runs the program with the arguments `typed`, its own name first.
pub fn run(typed: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(typed) {
        Ok(cli) => cli,
        Err(e) => {
            // Help and version go to standard output and are no mistake.
            let _ = e.print();
            return if e.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    match dispatch(cli) {
        Ok(_) if LOST.load(Ordering::Relaxed) => ExitCode::FAILURE,
        Ok(code) => code,
        Err(e) => {
            eprintln!("faceveil-lab: {e:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether a line could not be written.
static LOST: AtomicBool = AtomicBool::new(false);

/// Writes a line to standard output. That it cannot be written is told once, and fails the run at its end, unless its reader is gone.
fn say(line: std::fmt::Arguments<'_>) {
    let written = writeln!(std::io::stdout().lock(), "{line}");
    if let Err(e) = written
        && e.kind() != std::io::ErrorKind::BrokenPipe
        && !LOST.swap(true, Ordering::Relaxed)
    {
        eprintln!("faceveil-lab: standard output: {e}");
    }
}

/// Does what was typed.
fn dispatch(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Verb::Dataset(args) => dataset::run(args),
        Verb::Nets(args) => net::list(&args),
        Verb::Label(args) => study::label::run(&args),
        Verb::Train(args) => train::run(&args),
        Verb::Bench(args) => train::bench::run(&args),
        Verb::Curves(args) => train::curves(&args),
        Verb::Export(args) => judge::choose::run(&args),
        Verb::Quantize(args) => quant::run(&args),
        Verb::Import(args) => quant::import(&args),
        Verb::Compare(args) => compare::run(&args),
        Verb::Evaluate(args) => judge::evaluate::run(&args),
        Verb::Make(args) => study::make::run(&args),
        Verb::Ablation(args) => study::ablation::run(&args),
        Verb::Sweep(args) => study::sweep::run(&args),
    }
}
