//! A network that gives the picture itself, in 8-bit integers: of the calibrations the one whose pictures are nearest to the
//! float network's on those kept to choose on.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use faceveil_data::split::Set;
use faceveil_eval::Picture;
use faceveil_net::Graph;
use faceveil_quant::float::{FromGraph, from_graph};
use faceveil_quant::network::IntNet;
use faceveil_quant::{Calibration, Observed, file, quantize};

use super::args::QuantizeArgs;
use super::{calibration_pictures, trained_ranges, write_forms};
use crate::compare::paint::PaintingNet;
use crate::judge::direct::Direct;
use crate::train::sources;
use crate::train::trained::Trained;

/// Every n-th kept picture is painted.
const EVERY: usize = 3;

/// Quantises the averaged weights of a checkpoint.
///
/// # Errors
/// If its network gives no picture, or what stopped it.
pub fn run(args: &QuantizeArgs, trained: &Trained) -> Result<ExitCode> {
    let name = trained.graph.name();
    ensure!(
        trained.graph.input_shape() == trained.graph.output_shape(),
        "{name} gives no picture; `export` a gate network first"
    );
    let graph = trained.graph.without_norms();
    let from = from_graph(&graph, &trained.folded())?;
    let inputs = calibration_pictures(&args.shared, graph.input_shape(), args.pictures)?;
    eprintln!("{} pictures to calibrate on", inputs.len());
    let kept = kept(args)?;
    let mut float = Direct::new(trained.clone());
    let wanted = kept.iter().map(|p| float.paint(p)).collect::<Result<Vec<_>>>()?;
    say!("calibration           | mean difference of the pictures, grey levels, {} pictures", kept.len());
    let mut best: Option<(f64, String, IntNet)> = None;
    for (called, net) in candidates(args, &graph, &from, &inputs)? {
        let painter = PaintingNet::from_file(&file::write(&net)?)?;
        let far = far(&painter, &kept, &wanted)?;
        say!("{called:<21} | {far:.3}");
        if best.as_ref().is_none_or(|(least, ..)| far < *least) {
            best = Some((far, called, net));
        }
    }
    let Some((_, called, net)) = best else { bail!("no calibration was tried") };
    write_forms(args, &called, &net, name)
}

/// The networks in integers that are compared, with their names.
fn candidates(
    args: &QuantizeArgs,
    graph: &Graph,
    from: &FromGraph,
    inputs: &[Vec<f32>],
) -> Result<Vec<(String, IntNet)>> {
    if let Some(path) = &args.ranges {
        let ranges = trained_ranges(path, graph, from)?;
        return Ok(vec![("trained".to_owned(), quantize(&from.net, &ranges, None, None)?)]);
    }
    let observed = Observed::of(&from.net, inputs)?;
    let all = args.calibration.map_or_else(|| Calibration::ALL.to_vec(), |how| vec![how]);
    let both = all.into_iter().flat_map(|how| [(how, false), (how, true)]);
    both.map(|(how, biases)| {
        let ranges = observed.ranges(&from.net, how);
        let called = if biases { format!("{how}, biases") } else { how.to_string() };
        Ok((called, quantize(&from.net, &ranges, biases.then_some(&observed), None)?))
    })
    .collect()
}

fn kept(args: &QuantizeArgs) -> Result<Vec<Picture>> {
    let mut pictures = Vec::new();
    for item in sources::kept(&args.shared, Set::Fddb)?.iter().step_by(EVERY) {
        let place = || item.image_path.display().to_string();
        pictures.push(Picture::decode(&fs::read(&item.image_path).with_context(place)?).with_context(place)?);
    }
    Ok(pictures)
}

/// Mean absolute difference to what the floats painted.
fn far(painter: &PaintingNet, kept: &[Picture], wanted: &[Picture]) -> Result<f64> {
    let (mut sum, mut count) = (0u64, 0usize);
    for (picture, want) in kept.iter().zip(wanted) {
        let got = painter.paint_framed(&Direct::letterboxed(picture, painter.side()))?;
        sum += got.iter().zip(want.pixels()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>();
        count += got.len();
    }
    Ok(sum as f64 / count.max(1) as f64)
}
