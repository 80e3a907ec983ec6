//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::choices::{Choices, KeepMetadata, Level};
use crate::detection::DetectionArgs;
use crate::people::{self, Pixels};
use crate::video::{LiveArgs, Moment};

const EXIT_CODES: &str = "\
Exit codes:
  0  all done: every input has an anonymised output
  1  nothing done
  2  partly done: standard error names each input without an output
  3  wrong usage: nothing was tried

Choices may also stand in the environment (FACEVEIL_LEVEL=fast) and in a TOML file (level = \"fast\"),
$XDG_CONFIG_HOME/faceveil/config.toml or the one named by --config; flags win over the environment,
the environment over the file.

An interrupted run leaves no half-written photo, but may leave temporary files named .faceveil-*,
which can be deleted and are never taken for inputs.";

const VERIFY_CODES: &str = "\
Exit codes:
  0  every result was checked, and nothing was found
  1  a leak or another violation was found
  2  nothing was found, but something could not be checked
  3  wrong usage: nothing was tried

A violation is a face of the original that is not hidden in the result, or that a detector still finds
there with a score of 0.7 or more; a part of the result's file that is neither picture nor colour; another size; or the original itself.
A face that the result's sidecar says is left visible is none, if the sidecar is of these very files.";

/// Hide every face in photos and videos, on this machine.
#[derive(Debug, Parser)]
#[command(name = "faceveil", version, after_help = EXIT_CODES, subcommand_required = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Verb,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Write copies of photos and videos with every face hidden
    Blur(Box<BlurArgs>),
    /// Hide every face in what a camera, a network stream or a pipe shows, as it comes
    Live(Box<LiveArgs>),
    /// Print the faces in photos and videos as JSON lines, in pixels of the upright picture
    Detect(DetectArgs),
    /// Look at results with other eyes: are the faces really hidden, and is no metadata left
    Verify(VerifyArgs),
    /// Look over a batch in the browser, on this machine: move, add or remove regions, and write again
    Review(ReviewArgs),
    /// List the models inside this program, with licence, origin and SHA-256
    Models {
        /// Print one line of JSON a model
        #[arg(long)]
        json: bool,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write one a subcommand to a folder
    Man {
        /// Folder to write the pages to
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// What can be typed after `blur`.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct BlurArgs {
    /// Photos, videos, folders, globs, or - for standard input
    ///
    /// Folders are walked to the bottom, links followed, hidden files included. Files that are
    /// neither photos nor videos are left out and named. The content decides the format, never the name.
    ///
    /// With --from, the photo of the sidecar or the folder of the photos, if they are no longer where they
    /// were.
    #[arg(required_unless_present = "from", value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Hide what this sidecar, or those in this folder, record; look for no faces; may be given several times
    ///
    /// A sidecar is what --sidecar has written, as it is or edited. Its photo must be the very same. Choices
    /// that are not made anew are those it records; --margin, --shape and --feather change the regions that
    /// nobody has edited. Quote a pattern: --from 'out/*.json'.
    #[arg(long, value_name = "FILE")]
    pub from: Vec<PathBuf>,
    /// File or folder to write to, or - for standard output
    ///
    /// A folder if it ends in /, exists as one, or if there are several inputs or folders; names and
    /// folder structure are kept. The ending of a file (jpg, png, webp, bmp, tif, gif, heic, avif; mp4, m4v, mov, mkv,
    /// webm, ts) chooses its format. In a folder, a video in another container becomes Matroska (mkv).
    #[arg(long, short, value_name = "OUT")]
    pub output: PathBuf,
    /// What may also stand in the environment and the configuration file.
    #[command(flatten)]
    pub choices: Choices,
    /// Leave this person visible, whose only face this picture shows; may be given several times
    ///
    /// Several pictures of one person help. Who is not surely one of them is hidden, and a video shows somebody only
    /// between sightings that agree, and never again once one disagrees. Needs --embedder; no embedder is inside this program.
    #[arg(long, value_name = "PERSON.jpg", requires = "embedder", conflicts_with = "from")]
    pub keep: Vec<PathBuf>,
    /// ONNX network of yours that tells people from each other, with --keep: 1×3×112×112 aligned pixels in, numbers out
    #[arg(long, value_name = "FILE.onnx", requires = "keep")]
    pub embedder: Option<PathBuf>,
    /// How the embedder wants its pixels
    #[arg(long, value_name = "HOW", default_value = "arcface", requires = "embedder")]
    pub embedder_pixels: Pixels,
    /// Least cosine of the embedder's numbers for somebody to be left visible, 0.3 to 1
    #[arg(long, value_name = "COSINE", default_value_t = people::ABOVE, requires = "embedder")]
    pub keep_above: f32,
    /// Begin a video's output here: seconds, MINUTES:SECONDS or HOURS:MINUTES:SECONDS from its start
    #[arg(long, value_name = "TIME", help_heading = "Videos")]
    pub start: Option<Moment>,
    /// End a video's output here
    #[arg(long, value_name = "TIME", help_heading = "Videos")]
    pub end: Option<Moment>,
    /// With --sidecar: put a small picture of each face of a video into its sidecar, which shows them then
    #[arg(long, requires = "sidecar", help_heading = "Videos")]
    pub thumbnails: bool,
    /// Make videos in parts, and go on after those that an earlier run with --resume has finished
    ///
    /// While a video is not whole, its parts lie in a folder .faceveil-parts-NAME beside the output. They are used
    /// only for the very same original, settings and version. Not with --sidecar or --from, and not with --keep: what a
    /// track was taken for in parts that are finished is not known any more.
    #[arg(long, conflicts_with_all = ["from", "dry_run", "keep"], help_heading = "Videos")]
    pub resume: bool,
    /// Frames of a part, with --resume
    #[arg(long, value_name = "N", requires = "resume", default_value_t = 500, help_heading = "Videos")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub part_frames: u64,
    /// Find faces and say what would be done, but write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Note each finished file here, and skip what an earlier run has noted
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
    /// Say at the end how long each step took, all photos together
    ///
    /// With several --jobs the steps of different photos overlap, so that they add up to more than the whole
    /// took. --json has the times of each photo.
    #[arg(long)]
    pub timings: bool,
    /// Write a contact sheet of all that was hidden, as it is in the outputs, weakest first
    ///
    /// The ending (png, jpg, jpeg, webp) chooses its format. More than fit go to FILE-2, FILE-3 and so on.
    #[arg(long, value_name = "FILE")]
    pub preview: Option<PathBuf>,
    /// Read choices from this file instead of the user's configuration
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// What can be typed after `detect`.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct DetectArgs {
    /// Photos, folders, globs, or - for standard input
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// How thoroughly to look for faces [default: balanced]
    #[arg(long, value_name = "LEVEL")]
    pub level: Option<Level>,
    /// What looks in a level's place.
    #[command(flatten)]
    pub detection: DetectionArgs,
    /// Refuse photos of more pixels than this [default: 200000000]
    #[arg(long, value_name = "N")]
    pub max_pixels: Option<u64>,
    /// Photos worked on at once [default: one a core]
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<u16>,
    /// Print no notes on standard error but errors
    #[arg(long, short)]
    pub quiet: bool,
    /// Read choices from this file instead of the user's configuration
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl DetectArgs {
    /// The typed choices as a layer.
    pub fn choices(&self) -> Choices {
        let detection = self.detection.clone();
        Choices {
            level: self.level,
            detector: detection.detector,
            model: detection.model,
            model_kind: detection.model_kind,
            model_size: detection.model_size,
            threshold: detection.threshold,
            engine: detection.engine,
            ort_library: detection.ort_library,
            ort_provider: detection.ort_provider,
            max_pixels: self.max_pixels,
            jobs: self.jobs,
            quiet: self.quiet.then_some(true),
            ..Choices::default()
        }
    }
}

/// What can be typed after `verify`.
#[derive(Args, Debug)]
#[command(after_help = VERIFY_CODES)]
pub struct VerifyArgs {
    /// A photo, or a folder of photos
    #[arg(value_name = "ORIGINAL")]
    pub original: PathBuf,
    /// What became of it: a photo, or a folder with the same names and structure
    #[arg(value_name = "RESULT")]
    pub result: PathBuf,
    /// How thoroughly to look for faces, in both [default: thorough]
    #[arg(long, value_name = "LEVEL")]
    pub level: Option<Level>,
    /// Least score of a face in the original for it to count, 0 to 1 [default: 0.11]
    ///
    /// The default is what the level balanced takes for a face. Weaker ones are often no faces; those that
    /// are not hidden are named as doubtful, and are no violations.
    #[arg(long, value_name = "SCORE")]
    pub min_score: Option<f32>,
    /// Which metadata may be in a result besides the colour profile [default: none]
    #[arg(long, value_name = "WHICH")]
    pub keep_metadata: Option<KeepMetadata>,
    /// Refuse photos of more pixels than this [default: 200000000]
    #[arg(long, value_name = "N")]
    pub max_pixels: Option<u64>,
    /// Pairs worked on at once, each of which takes about 60 bytes of memory a pixel [default: one a core]
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<u16>,
    /// Print nothing but what was found, and what could not be checked
    #[arg(long, short)]
    pub quiet: bool,
    /// Print one line of JSON a pair on standard output
    #[arg(long)]
    pub json: bool,
}

impl VerifyArgs {
    /// The typed choices with this subcommand's own defaults.
    pub fn choices(&self) -> Choices {
        Choices {
            level: self.level.or(Some(Level::Thorough)),
            keep_metadata: self.keep_metadata,
            max_pixels: self.max_pixels,
            jobs: self.jobs,
            ..Choices::default()
        }
    }
}

const REVIEW_NOTES: &str = "\
It listens on this machine only (127.0.0.1), and answers only who knows the address it prints. It ends with
Ctrl-C. Choices for writing again may stand in the environment and the configuration file, as for blur.

Exit codes:
  1  nothing done
  3  wrong usage: nothing was tried";

/// What can be typed after `review`.
#[derive(Args, Debug)]
#[command(after_help = REVIEW_NOTES)]
pub struct ReviewArgs {
    /// The folder of the outputs and their sidecars, as blur --sidecar has written them, or one sidecar
    #[arg(value_name = "DIR")]
    pub batch: PathBuf,
    /// The folder of the originals, if they are no longer where the sidecars say
    #[arg(long, value_name = "DIR")]
    pub originals: Option<PathBuf>,
    /// Port to listen on [default: one that is free]
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,
    /// Open the page in the browser, even if no desktop is seen
    #[arg(long, overrides_with = "no_open")]
    pub open: bool,
    /// Only print the address of the page
    #[arg(long, overrides_with = "open")]
    pub no_open: bool,
    /// Refuse photos of more pixels than this [default: 200000000]
    #[arg(long, value_name = "N")]
    pub max_pixels: Option<u64>,
}
