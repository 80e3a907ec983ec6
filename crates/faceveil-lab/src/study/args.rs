//! What can be typed after `label`, `make`, `ablation` and `sweep`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `label`.
#[derive(Debug, Args)]
pub struct LabelArgs {
    /// Folder that holds `faces/`
    #[arg(long)]
    pub shared: PathBuf,
    /// File to write, a JSON line a picture; one that is there goes on
    #[arg(long, short)]
    pub out: PathBuf,
    /// Pictures of each folder at most
    #[arg(long, default_value_t = usize::MAX, hide = true)]
    pub limit: usize,
}

/// Arguments of `make`.
#[derive(Debug, Args)]
pub struct MakeArgs {
    /// Folder that holds `faces/`
    #[arg(long)]
    pub shared: PathBuf,
    /// Where everything goes; a run that is there goes on
    #[arg(long, short)]
    pub out: PathBuf,
    /// Steps of 32 pictures that the teacher is trained for
    #[arg(long, default_value_t = 10_000)]
    pub teacher_steps: u64,
    /// Steps of 32 pictures that the student is trained for
    #[arg(long, default_value_t = 100_000)]
    pub student_steps: u64,
    /// Seed of weights and pictures
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Pictures read of each set at most
    #[arg(long, default_value_t = usize::MAX, hide = true)]
    pub limit: usize,
    /// Every n-th picture is judged
    #[arg(long, default_value_t = 1, hide = true)]
    pub every: usize,
}

/// Arguments of `ablation`.
#[derive(Debug, Args)]
pub struct AblationArgs {
    /// Folder that holds `faces/`
    #[arg(long)]
    pub shared: PathBuf,
    /// What `label` or `faceveil detect` said of further pictures
    #[arg(long)]
    pub labels: Option<PathBuf>,
    /// Checkpoint of the teacher
    #[arg(long)]
    pub teacher: PathBuf,
    /// Network that is trained with and without it
    #[arg(long, default_value = "gate")]
    pub net: String,
    /// Where everything goes; a study that is there goes on
    #[arg(long, short)]
    pub out: PathBuf,
    /// Seeds, from 1
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(2..=30))]
    pub seeds: u64,
    /// Steps of a run
    #[arg(long, default_value_t = 2500)]
    pub steps: u64,
    /// Every n-th held-out picture is judged
    #[arg(long, default_value_t = 1)]
    pub every: usize,
    /// Pictures read of each set at most
    #[arg(long, default_value_t = usize::MAX, hide = true)]
    pub limit: usize,
}

/// Arguments of `sweep`.
#[derive(Debug, Args)]
pub struct SweepArgs {
    /// Folder that holds `faces/`
    #[arg(long)]
    pub shared: PathBuf,
    /// What `label` or `faceveil detect` said of further pictures
    #[arg(long)]
    pub labels: Option<PathBuf>,
    /// Where everything goes; a sweep that is there goes on
    #[arg(long, short)]
    pub out: PathBuf,
    /// A network to try, once each: gate-SIDE-wWIDTH-dDEPTH-bBLOCK, or spelled out: gate-SIDE_CHANNELS.BLOCKS.EXPAND.ENTER_... [default: twelve of them]
    #[arg(long = "net", value_name = "NAME")]
    pub nets: Vec<String>,
    /// Steps of a short run
    #[arg(long, default_value_t = 2000)]
    pub steps: u64,
    /// Steps of a full run; 0: only short runs
    #[arg(long, default_value_t = 26_000)]
    pub full_steps: u64,
    /// How many are trained fully
    #[arg(long, default_value_t = 3)]
    pub full: usize,
    /// Instructions a picture of networks by name, as `cargo xtask firmware --write` counts them in an emulator
    #[arg(long)]
    pub instructions: Option<PathBuf>,
    /// Seed of weights and pictures
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Pictures read of each set at most
    #[arg(long, default_value_t = usize::MAX, hide = true)]
    pub limit: usize,
}
