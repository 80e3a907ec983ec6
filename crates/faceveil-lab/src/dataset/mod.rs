//! Datasets: pictures with known faces from many sources, in one layout.

pub mod args;
pub mod augment;
pub mod picture;
pub mod random;

use std::process::ExitCode;

use crate::dataset::args::{DatasetArgs, DatasetVerb};

/// Runs `faceveil-lab dataset`.
///
/// # Errors
/// What stopped it.
pub fn run(args: DatasetArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        DatasetVerb::Build => anyhow::bail!("not yet"),
    }
}
