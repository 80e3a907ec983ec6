//! `cargo xtask test`: everything that a contributor has to pass, with what it needs.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::ffmpeg;
use crate::python::{call, environment};
use crate::smoke;

/// Runs all tests; what cannot run here is said before and after.
///
/// # Errors
/// If a test fails.
pub fn run(root: &Path, shared: &Path) -> Result<()> {
    let mut skipped = Vec::new();
    let python = match environment(root) {
        Ok(python) => Some(python),
        Err(problem) => {
            skipped.push(format!("comparisons with the referee, OpenCV and deface: {problem:#}"));
            None
        }
    };
    if let Err(problem) = ffmpeg::find() {
        skipped.push(format!("everything about videos, for want of FFmpeg: {problem:#}"));
    }
    let pictures = shared.join("faces").is_dir();
    if !pictures {
        skipped.push(format!(
            "everything on the public pictures: {} is not there",
            shared.join("faces").display()
        ));
    }
    say(&skipped);
    let mut tests = Command::new(env!("CARGO"));
    tests.current_dir(root).args(["test", "--workspace", "--all-features"]);
    if let Some(python) = python {
        tests.env("FACEVEIL_PYTHON", python);
    }
    if pictures {
        tests.env("FACEVEIL_SHARED", shared.canonicalize()?);
    }
    call(&mut tests)?;
    call(Command::new(env!("CARGO")).current_dir(root).args(["test", "--manifest-path", "fuzz/Cargo.toml"]))?;
    if pictures {
        smoke::run(&program(root)?, shared)?;
    }
    say(&skipped);
    println!("all tests passed, {} group(s) skipped", skipped.len());
    Ok(())
}

fn say(skipped: &[String]) {
    for what in skipped {
        eprintln!("\n*** SKIPPED: {what} ***\n");
    }
}

/// Builds the program with this profile and says where it lies: next to this one.
///
/// # Errors
/// If it cannot be built.
pub fn program(root: &Path) -> Result<std::path::PathBuf> {
    let profile = ["build", "--profile", "xtask", "--package", "faceveil-cli"];
    call(Command::new(env!("CARGO")).current_dir(root).args(profile))?;
    let program =
        std::env::current_exe()?.parent().context("this program lies in a folder")?.join("faceveil");
    if !program.is_file() {
        bail!("{} was not built; run through `cargo xtask`", program.display());
    }
    Ok(program)
}
