//! What can be typed after `train`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `train`.
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// Network, as `nets` lists it
    #[arg(long, default_value = "gate")]
    pub net: String,
    /// Folder that holds `faces/`
    #[arg(long)]
    pub shared: PathBuf,
    /// What `faceveil detect` said of further pictures, a JSON line each
    #[arg(long)]
    pub labels: Option<PathBuf>,
    /// Run folder; a run that is there goes on
    #[arg(long, short)]
    pub out: PathBuf,
    /// Steps in all
    #[arg(long, default_value_t = 8000)]
    pub steps: u64,
    /// Pictures a step
    #[arg(long, default_value_t = 32)]
    pub batch: usize,
    /// Highest learning rate
    #[arg(long, default_value_t = 4e-3)]
    pub rate: f64,
    /// Steps an epoch: a line in the log and a checkpoint
    #[arg(long, default_value_t = 250)]
    pub epoch: u64,
    /// Share of the steps at three quarters of the side
    #[arg(long, default_value_t = 0.0)]
    pub small: f64,
    /// Seed of weights and pictures
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Pictures read of each set at most
    #[arg(long, default_value_t = usize::MAX, hide = true)]
    pub limit: usize,
    /// Take every gradient through burn
    #[arg(long)]
    pub slow: bool,
    /// Only write the first step's pictures, with their masks, to this PPM file
    #[arg(long)]
    pub show: Option<PathBuf>,
    /// Weights to begin with: a checkpoint of the same network
    #[arg(long)]
    pub from: Option<PathBuf>,
}
