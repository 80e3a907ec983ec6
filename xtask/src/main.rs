//! Chores of the project: `cargo xtask test`, `cross`, `deny`, and the figures: `tune`, `trial`, `proof`.
#![forbid(unsafe_code)]

mod clips;
mod compare;
mod cross;
mod deny;
mod ffmpeg;
mod film;
mod firmware;
mod keep_trial;
mod large;
mod opinions;
mod page;
mod proof;
mod python;
mod ranges;
mod smoke;
mod test;
mod trial;
mod tune;
mod turn;
mod video_page;
mod video_proof;
mod video_trial;

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};
use faceveil_infer::network::Precision;

#[derive(Parser)]
#[command(about)]
struct Chores {
    /// The folder with the public pictures (`faces/`) and the referee; default `../shared`.
    #[arg(long, global = true, env = "FACEVEIL_SHARED")]
    shared: Option<PathBuf>,
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Run all tests, and install or find what they need.
    Test,
    /// Check licences, sources and banned crates.
    Deny,
    /// Test the kernels for 64-bit ARM in an emulator.
    Cross {
        /// Only name the Debian packages that this needs and that are not there.
        #[arg(long)]
        missing: bool,
    },
    /// Test the firmware for Cortex-M4, M7 and M55 in an emulator, against this machine.
    Firmware {
        /// Write what was counted: docs/tiny.json, docs/tiny.svg, and the tables of docs/tiny.md.
        #[arg(long)]
        write: bool,
        /// Only name the Debian packages that this needs and that are not there.
        #[arg(long)]
        missing: bool,
        /// Only count what a frame costs of networks with weights by chance, on a Cortex-M7, and write it there.
        #[arg(long, value_name = "FILE", conflicts_with = "write")]
        count: Option<PathBuf>,
        /// The networks to count [default: what a sweep tries]
        #[arg(requires = "count")]
        nets: Vec<String>,
    },
    /// Try settings on the tune part of the public pictures, by box coverage.
    Tune {
        /// Quarters of a turn before the detectors look.
        #[arg(long, default_value_t = 0)]
        turn: u32,
        /// Also write all looks' opinions there, a JSON line a picture.
        #[arg(long)]
        dump: Option<PathBuf>,
        /// Compute with floats instead of 8-bit integers.
        #[arg(long)]
        float: bool,
    },
    /// Measure the ranges of the detectors' values on the tune part, for their 8-bit form: models/*/ranges.txt.
    Ranges {
        /// Which of the pictures' extremes end a range: 1 is the most extreme, 0.9 leaves a tenth out.
        #[arg(long, default_value_t = 1.0)]
        share: f32,
    },
    /// Judge one setting on the tune part of the public pictures.
    Trial(trial::Trial),
    /// Judge one setting of the tracks on made-up clips of the tune part.
    VideoTrial(video_trial::VideoTrial),
    /// Measure how well an embedder tells people, for `--keep-above`.
    KeepTrial(keep_trial::KeepTrial),
    /// Write the tables of the report part, beside deface: docs/proof.md and docs/proof.json.
    Proof(proof::Proof),
    /// Compare detectors, networks and other programs: docs/comparison.html and docs/comparison.json.
    Compare(compare::Compare),
    /// Write the tables of made-up clips of the report part, beside deface: docs/video-proof.md and .json.
    VideoProof(video_proof::VideoProof),
}

fn main() -> anyhow::Result<()> {
    let chores = Chores::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace");
    let shared = chores.shared.unwrap_or_else(|| root.join("../shared"));
    match chores.chore {
        Chore::Test => test::run(root, &shared),
        Chore::Deny => deny::run(root),
        Chore::Cross { missing: true } => {
            println!("{}", cross::missing().join(" "));
            Ok(())
        }
        Chore::Cross { missing: false } => cross::run(root),
        Chore::Firmware { missing: true, .. } => {
            println!("{}", firmware::wanted().join(" "));
            Ok(())
        }
        Chore::Firmware { count: Some(out), nets, .. } => firmware::count(root, &nets, &out),
        Chore::Firmware { write, .. } => firmware::run(root, &shared, write),
        Chore::Tune { turn, dump, float } => {
            let precision = if float { Precision::Float } else { Precision::Int8 };
            tune::run(&shared, turn, precision, dump.as_deref())
        }
        Chore::Ranges { share } => ranges::run(root, &shared, share),
        Chore::Trial(trial) => trial::run(&shared, &trial),
        Chore::KeepTrial(trial) => keep_trial::run(&shared, &trial),
        Chore::VideoTrial(trial) => video_trial::run(root, &shared, &trial),
        Chore::VideoProof(proof) => video_proof::run(root, &shared, &proof),
        Chore::Compare(compare) => compare::run(root, &shared, &compare),
        Chore::Proof(proof) => proof::run(root, &shared, &proof),
    }
}
