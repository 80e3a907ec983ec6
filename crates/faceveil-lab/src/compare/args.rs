//! What can be typed after `compare`, and what will happen then.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::contestant::{Contestant, Spec};
use super::truth::Source;

const HELP: &str = "\
A contestant is one of:
  all                      every level, detector and style of ours, the gate, and the baselines
  level:NAME[,style=STYLE] fast, balanced or thorough
  detector:NAME[,threshold=T][,style=STYLE]
  gate                     the gate network inside the program
  gate:NAME=FILE           another one, as 'export' writes it
  direct:NAME=FILE         a network of ours that gives the picture itself, in floats: a checkpoint
  tflite:NAME=FILE         a network in TFLite's int8 that gives the picture itself, in our runtime
  outputs:NAME=FOLDER      what another program wrote: FOLDER/SET/PICTURE.*, and FOLDER/about.json with its costs if you know them
  nothing, nothing-128     the picture as it is; shrunk into 128 × 128 pixels
  truth[,style=STYLE]      the true faces hidden: what a detector without errors would give
Styles: veil, pixelate, blur, solid.

A truth is one of:
  public                   the public pictures that nothing was trained or chosen on
  fairness                 faces of utkface, by group, pasted into pictures without faces
  sample                   pictures made of assets/sample.jpg: they may be shown, and count for nothing
  dataset:FOLDER           a dataset of 'dataset build'
  masks:PICTURES=MASKS     a folder of pictures and one of masks of the same names, white on faces
  KIND:PATH                any labelled source of 'dataset build'

What was made and judged is kept in --work under the hash of all that it depends on; a run that was killed goes on where it
stopped. With --pictures the pictures of all truths are written there, for other programs to work on, and nothing else is done.";

/// Arguments of `compare`.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub struct CompareArgs {
    /// What is compared; see below
    #[arg(long, short, value_name = "CONTESTANT")]
    pub contestant: Vec<String>,
    /// On what; see below
    #[arg(long, short, value_name = "TRUTH", default_values_t = ["public".to_owned()])]
    pub truth: Vec<String>,
    /// Folder that holds `faces/`
    #[arg(long, default_value = "../shared")]
    pub shared: PathBuf,
    /// The portrait of the truth `sample`
    #[arg(long, default_value = "assets/sample.jpg")]
    pub portrait: PathBuf,
    /// Folder for comparison.html, comparison.json and comparison.csv
    #[arg(long, short)]
    pub out: PathBuf,
    /// Folder for pictures, outputs and what was judged [default: kept/ in the folder of the page]
    #[arg(long)]
    pub work: Option<PathBuf>,
    /// Write the pictures of all truths to the work folder, and nothing else
    #[arg(long)]
    pub pictures: bool,
    /// A network that tells people apart, for re-identification: FILE:arcface or FILE:imagenet (how pixels become numbers)
    #[arg(long, value_name = "FILE:KIND")]
    pub embedder: Vec<String>,
    /// What looks for faces in the outputs: a detector of ours, FILE:KIND, or none
    #[arg(long, default_value = "retinaface", value_name = "DETECTOR")]
    pub look: String,
    /// Looks at every n-th picture only
    #[arg(long, default_value_t = 3)]
    pub look_every: usize,
    /// ONNX Runtime's library, for embedders and --look: faster than the engine inside
    #[arg(long, value_name = "LIBRARY")]
    pub ort: Option<PathBuf>,
    /// Curves of a training: NAME=LOG.csv
    #[arg(long, value_name = "NAME=FILE")]
    pub curves: Vec<String>,
    /// Instructions a picture by contestant: docs/tiny.json, or JSON {"instructions": {"NAME": NUMBER}}
    #[arg(long, value_name = "FILE")]
    pub instructions: Option<PathBuf>,
    /// Only show pictures that may be passed on (the truth `sample`)
    #[arg(long)]
    pub publishable: bool,
    /// Pictures shown for each contestant
    #[arg(long, default_value_t = 8)]
    pub shown: usize,
    /// Every n-th picture only
    #[arg(long, default_value_t = 1)]
    pub every: usize,
    /// Pictures each contestant is timed on; 0 leaves the times out
    #[arg(long, default_value_t = 24)]
    pub timed: usize,
    /// Pictures worked on at once [default: the processor's threads]
    #[arg(long, short)]
    pub jobs: Option<std::num::NonZeroU16>,
    /// Show no progress
    #[arg(long, short)]
    pub quiet: bool,
}

/// What will happen.
#[derive(Debug)]
pub struct Plan {
    /// What is compared, each name once.
    pub contestants: Vec<Contestant>,
    /// On what.
    pub truths: Vec<Source>,
    /// Folder of everything that is kept.
    pub work: PathBuf,
    /// Training curves by name.
    pub curves: Vec<(String, PathBuf)>,
    /// Pictures at once.
    pub jobs: usize,
}

impl Plan {
    /// Checks what was typed.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(args: &CompareArgs) -> Result<Self> {
        let mut contestants: Vec<Contestant> = Vec::new();
        for text in &args.contestant {
            for spec in Spec::parse(text)? {
                let contestant = Contestant::load(spec).with_context(|| text.clone())?;
                if contestants.iter().any(|c| c.name == contestant.name) {
                    bail!("two contestants are called {}", contestant.name);
                }
                contestants.push(contestant);
            }
        }
        if contestants.is_empty() && !args.pictures {
            bail!("nobody to compare: --contestant all, or see --help");
        }
        let truths = args.truth.iter().map(|t| t.parse()).collect::<Result<Vec<Source>>>()?;
        let curve = |text: &String| {
            let (name, path) = text.split_once('=').with_context(|| format!("{text:?} is not NAME=FILE"))?;
            Ok((name.to_owned(), PathBuf::from(path)))
        };
        let all = || std::thread::available_parallelism().map_or(1, |n| n.get());
        Ok(Self {
            contestants,
            truths,
            work: args.work.clone().unwrap_or_else(|| args.out.join("kept")),
            curves: args.curves.iter().map(curve).collect::<Result<_>>()?,
            jobs: args.jobs.map_or_else(all, |n| usize::from(n.get())),
        })
    }
}
