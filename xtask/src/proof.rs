//! placeholder
use std::path::Path;
/// Options.
#[derive(clap::Args)]
pub struct Proof {}
/// Runs.
///
/// # Errors
/// None.
pub fn run(_root: &Path, _shared: &Path, _proof: &Proof) -> anyhow::Result<()> { Ok(()) }
