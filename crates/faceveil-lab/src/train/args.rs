//! What can be typed after `train`.

use std::path::PathBuf;

use clap::Args;
use faceveil_quant::Calibration;

use super::device::Device;
use super::schedule::Schedule;

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
    /// Pictures that a batch norm sees at once, a part of the batch; threads share the parts [default: the batch]
    #[arg(long, conflicts_with_all = ["slow", "qat"])]
    pub norm_batch: Option<usize>,
    /// Highest learning rate
    #[arg(long, default_value_t = 4e-3)]
    pub rate: f64,
    /// Steps an epoch: a line in the log and a checkpoint
    #[arg(long, default_value_t = 250)]
    pub epoch: u64,
    /// How the learning rate goes
    #[arg(long, value_enum, default_value = "cosine")]
    pub schedule: Schedule,
    /// Epochs without a lower validation loss after which the plateau schedule halves the rate
    #[arg(long, default_value_t = 5)]
    pub patience: u64,
    /// Epochs without a lower validation loss after which the run stops; 0: never
    #[arg(long, default_value_t = 0)]
    pub stop: u64,
    /// A larger network to learn from as well, a checkpoint or an exported file; its frame may be several times as large
    #[arg(long)]
    pub teacher: Option<PathBuf>,
    /// Side of the teacher's frame, pixels, a whole multiple of the student's [default: as it was trained]
    #[arg(long, requires = "teacher")]
    pub teacher_size: Option<usize>,
    /// The teacher's share in the loss
    #[arg(long, default_value_t = 0.3)]
    pub distil: f32,
    /// Share of the Dice loss of masks
    #[arg(long, default_value_t = 0.7)]
    pub dice: f32,
    /// Share of 1 - SSIM in the loss of pictures, through burn
    #[arg(long, default_value_t = 0.0)]
    pub ssim: f32,
    /// Share of differences of neighbours in the loss of pictures, through burn
    #[arg(long, default_value_t = 0.0)]
    pub edge: f32,
    /// Decay of the weights, decoupled
    #[arg(long, default_value_t = 0.02)]
    pub decay: f32,
    /// Decay of the weights' running mean
    #[arg(long, default_value_t = 0.998)]
    pub average: f32,
    /// Share of the steps at three quarters of the side
    #[arg(long, default_value_t = 0.0)]
    pub small: f64,
    /// How frames are drawn
    #[command(flatten)]
    pub frames: Frames,
    /// How much more a face counts than what is none: of masks the smallest faces' squares [default: 5], of pictures all
    /// faces' pixels [default: 8]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub face_weight: Option<u16>,
    /// How often a set's pictures are taken, beside the other sets: fddb=0.6 [default: fddb=0.35 masks_voc=0.19
    /// negatives=0.23 youtube_keypoints=0.1 crops_web=0.07 utkface=0.04 roboflow_yolo=0.02]
    #[arg(long = "share", value_name = "SET=SHARE", value_parser = share)]
    pub shares: Vec<(String, f64)>,
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
    /// Weights to begin with: a checkpoint of the same network, or a file that `export` wrote (.fvnw), whose batch norms are
    /// folded and stay so
    #[arg(long)]
    pub from: Option<PathBuf>,
    /// Give weights without batch norms new ones, measured on the first pictures
    #[arg(long, requires = "from", conflicts_with = "qat")]
    pub renew_norms: bool,
    /// Take the weights of a network with other channels, fewer residual blocks or another head; its batch norms are new
    #[arg(long, requires = "from", conflicts_with = "qat")]
    pub reshape: bool,
    /// Round weights and values to 8 bits in training, batch norms folded; writes ranges.json for `quantize --ranges`
    #[arg(long, conflicts_with = "slow")]
    pub qat: bool,
    /// How the ranges of 8 bits are chosen before --qat
    #[arg(long, default_value = "mse")]
    pub calibration: Calibration,
    /// Side of the frame, pixels [default: the network's own]
    #[arg(long)]
    pub size: Option<usize>,
    /// Weight of the teacher's coarsest stage as a hint, beside the loss; 0: none
    #[arg(long, default_value_t = 0.0)]
    pub hint: f32,
    /// Where to compute
    #[arg(long, value_enum, default_value = "cpu")]
    pub device: Device,
}

/// How frames are drawn from pictures.
#[derive(Args, Clone, Copy, Debug, PartialEq)]
pub struct Frames {
    /// Share of frames that show the whole picture nearly as in use; the others are changed more
    #[arg(long, default_value_t = 0.0, value_parser = part)]
    pub plain: f32,
    /// Share of the others that show four pictures, each in a quarter
    #[arg(long, default_value_t = 0.15, value_parser = part)]
    pub four: f32,
    /// Share of the pictures in the others that are out of focus, so far that one of their faces is hard to tell
    #[arg(long, default_value_t = 0.0, value_parser = part)]
    pub unsharp: f32,
}

impl Default for Frames {
    fn default() -> Self {
        Self { plain: 0.0, four: 0.15, unsharp: 0.0 }
    }
}

fn part(text: &str) -> Result<f32, String> {
    let part = text.parse().ok().filter(|part| (0.0..=1.0).contains(part));
    part.ok_or_else(|| format!("{text:?} is not between 0 and 1"))
}

fn share(text: &str) -> Result<(String, f64), String> {
    let (set, share) = text.split_once('=').ok_or("wanted is SET=SHARE")?;
    match share.parse::<f64>() {
        Ok(share) if (0.0..=1000.0).contains(&share) => Ok((set.to_owned(), share)),
        _ => Err(format!("{share:?} is no share of 0 or more")),
    }
}

/// Arguments of `curves`.
#[derive(Debug, Args)]
pub struct CurvesArgs {
    /// A run's log.csv, or one of the thesis's
    pub table: PathBuf,
    /// SVG file to write
    #[arg(long, short)]
    pub out: PathBuf,
}

/// Arguments of `bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Network, as `nets` lists it
    #[arg(long, default_value = "gate")]
    pub net: String,
    /// Pictures a step
    #[arg(long, default_value_t = 32)]
    pub batch: usize,
    /// How long, seconds
    #[arg(long, default_value_t = 20.0)]
    pub seconds: f64,
    /// Pictures that a batch norm sees at once, a part of the batch; threads share the parts [default: the batch]
    #[arg(long, conflicts_with_all = ["slow", "qat", "folded"])]
    pub norm_batch: Option<usize>,
    /// Threads at most
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// Through burn
    #[arg(long)]
    pub slow: bool,
    /// Without batch norms
    #[arg(long)]
    pub folded: bool,
    /// With weights and values rounded to 8 bits, without batch norms
    #[arg(long, conflicts_with = "slow")]
    pub qat: bool,
    /// Side of the frame, pixels [default: the network's own]
    #[arg(long)]
    pub size: Option<usize>,
    /// Where to compute
    #[arg(long, value_enum, default_value = "cpu")]
    pub device: Device,
}
