//! What can be typed after `dataset`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::build::{BuildConfig, Format};
use super::label::Agreement;
use super::preset::Preset;
use super::reference::{Kernel, Outline, Reference};
use super::source::Source;
use super::split::Shares;

const SOURCES: &str = "\
A source is KIND:PATH. Kinds:
  folder       pictures anywhere under a folder, to be labelled by the detectors
  people       the same; the first folder of a picture's path is a person
  faceless     the same, known to hold no face
  celeba-hq    CelebA-HQ, or CelebA aligned or in the wild, with its tables
  vggface2     VGGFace2, with bb_landmark/loose_bb_*.csv
  wider        WIDER FACE, with wider_face_*_bbx_gt.txt
  fddb         FDDB, with FDDB-folds/
  yolo         YOLO, by data.yaml (Roboflow) or by folders images/ and labels/
  coco         COCO JSON; boxes of categories with 'face' in their name, or of --category
  voc          Pascal VOC
  keypoints68  tables of 68 points
  shared       the public pictures for training, without all that is held out (the folder that holds faces/)
  held-out     the public pictures that are held out from training
  labels       a file that 'dataset label' wrote
300*NAME=KIND:PATH takes 300 pictures at most and counts them under NAME.

Exit codes:
  0  the dataset is complete; pictures that could not be used are counted and listed in skipped.jsonl
  1  there is no dataset, or none of the pictures could be used
  3  wrong usage
A run that was killed goes on where it stopped when it is started again with the same settings.";

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
    /// Write a dataset: train/ train_blur/ train_mask/, the same for val and test, and manifest.jsonl
    Build(Box<BuildArgs>),
    /// Label pictures by detectors, without writing any: labels, and a list of what the detectors do not agree on
    Label(LabelArgs),
    /// Write one HTML page on a dataset: counts, where faces are and how large, contact sheets, doubtful labels
    Report(ReportArgs),
    /// Write a small set of drawn pictures in exactly the layout of a set that cannot be passed on
    Fixture(FixtureArgs),
}

/// Arguments of `dataset build`.
#[derive(Debug, Args)]
#[command(after_help = SOURCES)]
pub struct BuildArgs {
    /// Where pictures come from; may be given several times
    #[arg(short, long = "source", value_name = "KIND:PATH", required = true)]
    pub sources: Vec<Source>,
    /// The folder to write to: new, empty, or one that was begun
    #[arg(short, long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// A described dataset: of its sources, what is given is taken
    #[arg(long)]
    pub preset: Option<Preset>,
    /// Sides of the frames, pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 128, value_parser = clap::value_parser!(u32).range(8..=4096))]
    pub size: u32,
    /// Decides which pictures of limited sources are taken and what goes to which part
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Shares of train, val and test; people and near-duplicates are never divided
    #[arg(long, value_name = "A/B/C", default_value_t = Shares::default())]
    pub split: Shares,
    /// Outline of the blur and the mask [default: ellipse]
    #[arg(long)]
    pub outline: Option<Outline>,
    /// Sides of the Gaussian kernel: pixels (41), or a share of the face's shorter side (1.0x) [default: 1.0x]
    #[arg(long, value_parser = kernel)]
    pub kernel: Option<Kernel>,
    /// Size of the outline as a multiple of the face
    #[arg(long, value_name = "TIMES", default_value_t = 1.0, value_parser = within::<50, 400>)]
    pub grow: f32,
    /// Width of a soft edge, as a share of the face's shorter side; 0 makes masks hard
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = within::<0, 100>)]
    pub feather: f32,
    /// Format of the pictures; png is without loss
    #[arg(long, default_value = "jpg")]
    pub format: Format,
    /// Labelling, limits, threads.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// What `build` and `label` have in common.
#[derive(Debug, Args)]
pub struct CommonArgs {
    /// Detectors for what nobody labelled, one or two with a comma; 'none' skips such pictures
    #[arg(long, value_name = "NAMES", default_value = "blazeface-full,yunet", value_delimiter = ',')]
    pub labellers: Vec<String>,
    /// What counts as a face when there are two: also what one alone is sure of, or only what both see; all else is listed
    #[arg(long, default_value = "either")]
    pub agreement: Agreement,
    /// Categories of a COCO set that are faces
    #[arg(long = "category", value_name = "NAME")]
    pub categories: Vec<String>,
    /// Pixels of a picture at most
    #[arg(long, value_name = "PIXELS", default_value_t = 100_000_000)]
    pub max_pixels: u64,
    /// Pictures at once [default: one for each processor]
    #[arg(short, long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// Show no progress
    #[arg(short, long)]
    pub quiet: bool,
}

/// Arguments of `dataset label`.
#[derive(Debug, Args)]
#[command(after_help = SOURCES)]
pub struct LabelArgs {
    /// Where pictures come from; labels that they have are kept
    #[arg(short, long = "source", value_name = "KIND:PATH", required = true)]
    pub sources: Vec<Source>,
    /// The file of labels, a JSON line a picture; what the detectors do not agree on goes to FILE.review.html beside it
    #[arg(short, long, value_name = "FILE")]
    pub out: PathBuf,
    /// Labelling, limits, threads.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// Arguments of `dataset report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The folder of the dataset
    pub dataset: PathBuf,
    /// The page [default: report.html in the folder]
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Pictures of each part on the contact sheets
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub samples: u16,
}

/// Arguments of `dataset fixture`.
#[derive(Debug, Args)]
pub struct FixtureArgs {
    /// Whose layout
    pub layout: super::fixture::FixtureLayout,
    /// The folder to write to, new or empty
    #[arg(short, long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// Pictures
    #[arg(short = 'n', long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub pictures: u32,
    /// Decides what is drawn
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

fn kernel(text: &str) -> Result<Kernel, String> {
    let wrong =
        || format!("{text:?} is neither an odd number of pixels from 3 to 999 nor a share from 0.1x to 4x");
    match text.strip_suffix('x') {
        Some(share) => {
            let share: f32 = share.parse().map_err(|_| wrong())?;
            if (0.1..=4.0).contains(&share) { Ok(Kernel::Scaled(share)) } else { Err(wrong()) }
        }
        None => match text.parse() {
            Ok(side @ 3..=999) if side % 2 == 1 => Ok(Kernel::Fixed(side)),
            _ => Err(wrong()),
        },
    }
}

/// A number between two hundredths.
fn within<const LOW: u32, const HIGH: u32>(text: &str) -> Result<f32, String> {
    let (low, high) = (LOW as f32 / 100.0, HIGH as f32 / 100.0);
    match text.parse::<f32>() {
        Ok(n) if (low..=high).contains(&n) => Ok(n),
        _ => Err(format!("{text:?} is no number from {low} to {high}")),
    }
}

impl CommonArgs {
    /// Threads.
    pub fn jobs(&self) -> usize {
        let all = || std::thread::available_parallelism().map_or(1, |n| n.get());
        self.jobs.map_or_else(all, usize::from)
    }

    /// The detectors' names.
    pub fn labeller_names(&self) -> Vec<String> {
        self.labellers.iter().filter(|name| *name != "none").cloned().collect()
    }
}

impl BuildArgs {
    /// What will be built, and what the user should know beforehand.
    ///
    /// # Errors
    /// What is wrong with the arguments together.
    pub fn config(&self) -> Result<(BuildConfig, Vec<String>), String> {
        let mut sources = self.sources.clone();
        let notes = match self.preset {
            None => Vec::new(),
            Some(preset) => preset
                .limit(&mut sources)
                .map_err(|source| format!("{} takes nothing of {}", preset.name(), String::from(source)))?,
        };
        let labellers = self.common.labeller_names();
        if labellers.len() > 2 {
            return Err(format!("{} detectors are more than two", labellers.len()));
        }
        // Paths as they are from anywhere, so that the configuration means the same tomorrow.
        for source in &mut sources {
            source.path =
                std::path::absolute(&source.path).map_err(|e| format!("{}: {e}", source.path.display()))?;
        }
        let preset_kernel = self.preset.map(Preset::kernel);
        let reference = Reference {
            outline: self.outline.or(self.preset.map(Preset::outline)).unwrap_or(Outline::Ellipse),
            kernel: self.kernel.or(preset_kernel).unwrap_or(Kernel::Scaled(1.0)),
            grow: self.grow,
            feather: self.feather,
        };
        let config = BuildConfig {
            sources,
            categories: self.common.categories.clone(),
            side: self.size,
            seed: self.seed,
            shares: if self.preset == Some(Preset::CentreBias) { Shares::TEST } else { self.split },
            reference,
            format: self.format,
            labellers,
            agreement: self.common.agreement,
            max_pixels: self.common.max_pixels,
            preset: self.preset.map(|preset| preset.name().to_owned()),
        };
        Ok((config, notes))
    }
}
