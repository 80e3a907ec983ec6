//! What can be typed after `dataset`.

use clap::{Args, Subcommand};

/// Arguments of `dataset`.
#[derive(Debug, Args)]
pub struct DatasetArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub command: DatasetVerb,
}

/// What can be done with a dataset.
#[derive(Debug, Subcommand)]
pub enum DatasetVerb {
    /// Write a dataset
    Build,
}
