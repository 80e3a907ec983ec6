//! What can be typed.

use clap::{Parser, Subcommand};

use crate::compare::args::CompareArgs;
use crate::dataset::args::DatasetArgs;
use crate::judge::args::{EvaluateArgs, ExportArgs};
use crate::net::NetsArgs;
use crate::quant::args::{ImportArgs, QuantizeArgs};
use crate::study::args::{AblationArgs, LabelArgs, MakeArgs, SweepArgs};
use crate::train::args::{BenchArgs, CurvesArgs, TrainArgs};

/// The research bench: from folders of pictures to trained networks.
#[derive(Debug, Parser)]
#[command(name = "faceveil-lab", version, subcommand_required = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Verb,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Pictures with their faces, blurred and masked, in one layout: build, label, look at
    Dataset(DatasetArgs),
    /// List the networks with what they cost
    Nets(NetsArgs),
    /// Label further pictures by our own detectors, to train on
    Label(LabelArgs),
    /// Train a network
    Train(Box<TrainArgs>),
    /// Time a training step
    Bench(BenchArgs),
    /// Draw the curves of a training
    Curves(CurvesArgs),
    /// Make the small file that the program runs of a checkpoint, and choose its operating point
    Export(ExportArgs),
    /// Round a gate network to 8-bit integers, and show what that costs
    Quantize(QuantizeArgs),
    /// Make a file that our runtime runs of a TFLite file in int8
    Import(ImportArgs),
    /// Compare detectors, networks and other programs on pictures with known faces: one page, JSON and CSV
    Compare(Box<CompareArgs>),
    /// Compare networks on the pictures that nothing was trained or chosen on
    Evaluate(EvaluateArgs),
    /// From pictures to a trained teacher and a trained student, judged, with a model card each
    Make(MakeArgs),
    /// What learning from a teacher brings: with and without, several seeds
    Ablation(AblationArgs),
    /// Try networks of many sizes in short runs, train the best fully, and draw what they cost against what they hide
    Sweep(SweepArgs),
}
