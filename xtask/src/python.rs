//! The Python with the peers and originals that tests and proof compare with.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Finds or makes the virtual environment `.venv` with `tools/requirements.txt`; `FACEVEIL_PYTHON` names another.
///
/// # Errors
/// If there is no Python of at least 3.11, or the packages cannot be installed.
pub fn environment(root: &Path) -> Result<PathBuf> {
    if let Some(python) = std::env::var_os("FACEVEIL_PYTHON") {
        return Ok(python.into());
    }
    let python = root.join(".venv/bin/python");
    let wanted = std::fs::read_to_string(root.join("tools/requirements.txt"))?;
    let stamp = root.join(".venv/requirements.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) {
        return Ok(python);
    }
    let base = ["python3", "python3.13", "python3.12", "python3.11"]
        .into_iter()
        .find(|p| is_recent(p))
        .context("no Python 3.11 or later found")?;
    println!("making .venv for the comparisons with peers (about a minute)");
    call(Command::new(base).args(["-m", "venv"]).arg(root.join(".venv")))?;
    call(
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "-r"])
            .arg(root.join("tools/requirements.txt")),
    )?;
    std::fs::write(stamp, wanted)?;
    Ok(python)
}

fn is_recent(python: &str) -> bool {
    let check = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";
    Command::new(python).args(["-c", check]).output().is_ok_and(|o| o.status.success())
}

/// Runs a command to its end.
///
/// # Errors
/// If it cannot be started or fails.
pub fn call(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?}"))?;
    if !status.success() {
        bail!("{command:?}: {status}");
    }
    Ok(())
}
