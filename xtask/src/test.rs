//! `cargo xtask test`: everything that a contributor has to pass, with what it needs.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::ffmpeg;
use crate::python::{call, environment};
use crate::{cross, firmware, smoke};

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
    // On such a processor the ordinary tests run them.
    let emulate = cfg!(not(target_arch = "aarch64"));
    let missing = if emulate { cross::missing() } else { Vec::new() };
    if !missing.is_empty() {
        skipped.push(format!("the kernels for 64-bit ARM: {}", cross::advice(&missing)));
    }
    let tools = firmware::missing();
    if !tools.is_empty() {
        skipped.push(format!("the firmware for Cortex-M: {}", cross::advice(&tools)));
    }
    say(&skipped);
    let mut tests = Command::new(env!("CARGO"));
    tests.current_dir(root).args(["test", "--workspace", "--all-features"]);
    if let Some(python) = python {
        // The programs of libheif lie beside it, if nowhere else.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path).chain(python.parent().map(Path::to_owned));
        tests.env("PATH", std::env::join_paths(folders)?).env("FACEVEIL_PYTHON", python);
    }
    if pictures {
        tests.env("FACEVEIL_SHARED", shared.canonicalize()?);
    }
    call(&mut tests)?;
    call(Command::new(env!("CARGO")).current_dir(root).args(["test", "--manifest-path", "fuzz/Cargo.toml"]))?;
    if emulate && missing.is_empty() {
        cross::run(root)?;
    }
    if tools.is_empty() {
        firmware::run(root, shared, false)?;
    }
    if pictures {
        smoke::run(&program(root, "xtask")?, shared)?;
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

/// Builds the program with `profile` and says where it lies: in a folder beside this one's.
///
/// # Errors
/// If it cannot be built.
pub fn program(root: &Path, profile: &str) -> Result<std::path::PathBuf> {
    let arguments = ["build", "--profile", profile, "--package", "faceveil-cli"];
    call(Command::new(env!("CARGO")).current_dir(root).args(arguments))?;
    let built = std::env::current_exe()?;
    let folder = built.ancestors().nth(2).context("this program lies in a profile's folder")?;
    let program = folder.join(profile).join("faceveil");
    if !program.is_file() {
        bail!("{} was not built; run through `cargo xtask`", program.display());
    }
    Ok(program)
}
