//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::choices::{Choices, Level};

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

/// Hide every face in photos, on this machine.
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
    /// Write copies of photos with every face hidden
    Blur(BlurArgs),
    /// Print the faces in photos as JSON lines, in pixels of the upright picture
    Detect(DetectArgs),
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
    /// Photos, folders, globs, or - for standard input
    ///
    /// Folders are walked to the bottom, links followed, hidden files included. Files that are
    /// neither photos nor videos are left out and named. The content decides the format, never the name.
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// File or folder to write to, or - for standard output
    ///
    /// A folder if it ends in /, exists as one, or if there are several inputs or folders; names and
    /// folder structure are kept. The ending of a file (jpg, jpeg, png, webp) chooses its format.
    #[arg(long, short, value_name = "OUT")]
    pub output: PathBuf,
    /// What may also stand in the environment and the configuration file.
    #[command(flatten)]
    pub choices: Choices,
    /// Find faces and say what would be done, but write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Note each finished file here, and skip what an earlier run has noted
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
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
        Choices {
            level: self.level,
            max_pixels: self.max_pixels,
            jobs: self.jobs,
            quiet: self.quiet.then_some(true),
            ..Choices::default()
        }
    }
}
