//! What can be typed after `export` and `evaluate`.

use std::path::PathBuf;

use clap::Args;
use faceveil_infer::gate::Look;

use super::choose::Limits;

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Checkpoint of a run; of a network that gives pictures only the averaged weights are written
    pub checkpoint: PathBuf,
    /// Folder that holds `faces/`
    #[arg(long)]
    pub shared: PathBuf,
    /// File to write
    #[arg(long, short)]
    pub out: PathBuf,
    /// Value from which a square is hidden [default: chosen on the pictures kept for that]
    #[arg(long)]
    pub threshold: Option<f32>,
    /// Value that a connected part must reach somewhere [default: chosen with the threshold]
    #[arg(long)]
    pub certain: Option<f32>,
    /// How far hidden places grow, in pixels of the network's frame [default: chosen with the threshold]
    #[arg(long)]
    pub growth: Option<f32>,
    /// Side of the network's frame, pixels [default: as it was trained]
    #[arg(long, value_name = "PIXELS")]
    pub size: Option<usize>,
    /// A further look at the same picture, in a frame of this side, after a comma mirrored: `--look 512,mirrored --look 640`;
    /// what counts is the mean of the looks' log-odds
    #[arg(long = "look", value_name = "PIXELS[,mirrored]", value_parser = look)]
    pub looks: Vec<Look>,
    /// What the point that is chosen may hide in vain
    #[command(flatten)]
    pub limits: Limits,
}

fn look(text: &str) -> Result<Look, String> {
    let (side, mirrored) = match text.split_once(',') {
        Some((side, "mirrored")) => (side, true),
        Some((_, other)) => return Err(format!("{other:?} after the comma, not mirrored")),
        None => (text, false),
    };
    let side = side.parse().map_err(|_| format!("{side:?} is no number of pixels"))?;
    Ok(Look { side, mirrored })
}

/// Arguments of `evaluate`.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// Folder that holds `faces/`
    #[arg(long)]
    pub shared: PathBuf,
    /// A gate network to run: NAME=FILE
    #[arg(long, value_name = "NAME=FILE")]
    pub gate: Vec<String>,
    /// A network that gives pictures, a checkpoint or in 8-bit integers (.fv8, .tflite), to run in its own frame: NAME=FILE
    #[arg(long, value_name = "NAME=FILE")]
    pub direct: Vec<String>,
    /// Outputs that another program wrote, a folder a set: NAME=FOLDER
    #[arg(long, value_name = "NAME=FOLDER")]
    pub outputs: Vec<String>,
    /// Folder for outputs, results and the page
    #[arg(long, short)]
    pub out: PathBuf,
    /// Every n-th picture only
    #[arg(long, default_value_t = 1)]
    pub every: usize,
    /// On the pictures kept to choose on, instead of those that are held out
    #[arg(long)]
    pub kept: bool,
}
