//! From a trained network to 8-bit integers: calibrated on pictures that were trained on, compared with the floats
//! on those kept to choose on.

pub mod args;
mod painting;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use faceveil_data::dataset;
use faceveil_data::split::lab;
use faceveil_infer::gate::{Gate, GateWeights, Mask, Point};
use faceveil_media::Limits;
use faceveil_net::{Graph, Shape};
use faceveil_quant::float::{FromGraph, from_graph};
use faceveil_quant::network::IntNet;
use faceveil_quant::{Calibration, Observed, Ranges, c99, file, quantize, tflite};

use self::args::{ImportArgs, QuantizeArgs};
use crate::judge::coverage::{Coverage, overlap};
use crate::judge::pictures::{Pictures, SETS};
use crate::train::checkpoint::Checkpoint;
use crate::train::sources;
use crate::train::trained::Trained;

/// Runs `faceveil-lab quantize`.
///
/// # Errors
/// What stopped it.
pub fn run(args: &QuantizeArgs) -> Result<ExitCode> {
    let place = || args.weights.display().to_string();
    let bytes = fs::read(&args.weights).with_context(place)?;
    if Checkpoint::is_one(&bytes) {
        return painting::run(args, &Trained::load(&args.weights)?).with_context(place);
    }
    let mut weights = GateWeights::parse(&bytes).with_context(place)?;
    if !weights.further.is_empty() {
        say!("it looks {} times; in integers it looks once, and so it does here", 1 + weights.further.len());
        weights.further.clear();
    }
    let network = Network::new(weights)?;
    let inputs = calibration_pictures(&args.shared, network.graph.input_shape(), args.pictures)?;
    eprintln!("{} pictures to calibrate on", inputs.len());
    let kept = Pictures::kept(&args.shared)?;
    let [fddb, masks, free] = kept.counts();
    say!("{fddb} + {masks} + {free} pictures to compare on");
    say!("{HEAD}");
    let gate = Gate::from_weights(network.weights.clone())?;
    let float = judge(&kept, &gate)?;
    say!("{}", float.line("float"));
    let observed = Observed::of(&network.from.net, &inputs)?;
    let mut tried = Vec::new();
    for (name, net) in network.candidates(args, &observed)? {
        let bytes = file::write(&net)?;
        let judged = judge(&kept, &Gate::new(&bytes)?)?;
        let far = judged.far_from(&float);
        say!("{}  {far:.4}", judged.line(&name));
        tried.push((far, judged.cost(), name, net));
    }
    // By leaks, then by what is covered; then the nearest to the float network's masks.
    tried.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.total_cmp(&b.0)));
    let Some((_, _, name, net)) = tried.into_iter().next() else { bail!("no calibration was tried") };
    write_forms(args, &name, &net, "gate")
}

/// The network in all forms that were asked for.
fn write_forms(args: &QuantizeArgs, calibration: &str, net: &IntNet, name: &str) -> Result<ExitCode> {
    let bytes = file::write(net)?;
    fs::write(&args.out, &bytes).with_context(|| args.out.display().to_string())?;
    if let Some(path) = &args.tflite {
        fs::write(path, tflite::export::int8(net, name)?).with_context(|| path.display().to_string())?;
    }
    if let Some(path) = &args.c99 {
        fs::write(path, c99::write(net, name)?).with_context(|| path.display().to_string())?;
    }
    let arena = faceveil_quant::plan::program(net)?.arena;
    say!("{}: {calibration}, {} bytes, arena {arena} bytes", args.out.display(), bytes.len());
    Ok(ExitCode::SUCCESS)
}

/// Runs `faceveil-lab import`.
///
/// # Errors
/// What stopped it.
pub fn import(args: &ImportArgs) -> Result<ExitCode> {
    let place = || args.network.display().to_string();
    let net = tflite::import::int8(&fs::read(&args.network).with_context(place)?).with_context(place)?;
    let bytes = file::write(&net).with_context(place)?;
    fs::write(&args.out, &bytes).with_context(|| args.out.display().to_string())?;
    if let Some(path) = &args.c99 {
        let name = args.network.file_stem().unwrap_or_default().to_string_lossy();
        fs::write(path, c99::write(&net, &name)?).with_context(|| path.display().to_string())?;
    }
    let arena = faceveil_quant::plan::program(&net)?.arena;
    say!("{}: {} bytes, arena {arena} bytes", args.out.display(), bytes.len());
    Ok(ExitCode::SUCCESS)
}

/// The ranges that a training with rounding left in a file.
fn trained_ranges(path: &Path, graph: &Graph, from: &FromGraph) -> Result<Vec<(f32, f32)>> {
    let place = || path.display().to_string();
    let text = fs::read_to_string(path).with_context(place)?;
    let ranges: Ranges = serde_json::from_str(&text).with_context(place)?;
    ranges.of_nodes(graph, from).with_context(place)
}

/// A gate network and its form for quantising.
struct Network {
    graph: Graph,
    weights: GateWeights,
    from: FromGraph,
}

impl Network {
    fn new(weights: GateWeights) -> Result<Self> {
        let graph = weights.graph()?;
        let from = from_graph(&graph, &weights.values)?;
        Ok(Self { graph, weights, from })
    }

    /// The networks in integers that are compared, with their names.
    fn candidates(&self, args: &QuantizeArgs, observed: &Observed) -> Result<Vec<(String, IntNet)>> {
        let GateWeights { threshold, certain, growth, .. } = self.weights;
        let point = Some(faceveil_int8::Point { threshold, certain, growth });
        let net = &self.from.net;
        if let Some(path) = &args.ranges {
            let ranges = trained_ranges(path, &self.graph, &self.from)?;
            return Ok(vec![("trained".to_owned(), quantize(net, &ranges, None, point)?)]);
        }
        let all = match args.calibration {
            Some(how) => vec![how],
            None => Calibration::ALL.to_vec(),
        };
        let mut candidates = Vec::new();
        for how in all {
            let ranges = observed.ranges(net, how);
            candidates.push((how.to_string(), quantize(net, &ranges, None, point)?));
            candidates.push((format!("{how}, biases"), quantize(net, &ranges, Some(observed), point)?));
        }
        Ok(candidates)
    }
}

/// Pictures of the training part, spread over the sets, as the network sees them: letterboxed, `[rows, columns, 3]`.
fn calibration_pictures(shared: &Path, shape: Shape, count: usize) -> Result<Vec<Vec<f32>>> {
    let mut inputs = Vec::new();
    let each = count.div_ceil(SETS.len());
    for set in SETS {
        let items = dataset::load_names(shared, set, &lab::training(set))?;
        let train: Vec<_> = items.into_iter().filter(|i| !sources::is_valid(set, &i.name)).collect();
        let step = (train.len() / each.max(1)).max(1);
        for item in train.iter().step_by(step).take(each) {
            let place = || item.image_path.display().to_string();
            let bytes = fs::read(&item.image_path).with_context(place)?;
            let raster = faceveil_media::decode(&bytes, &Limits::default()).with_context(place)?.raster;
            let view = Gate::shrunk(&raster, shape).with_context(place)?;
            let mut input = vec![0.0; shape.len()];
            let row = 3 * view.view().width() as usize;
            for (from, to) in
                view.view().pixels().chunks_exact(row).zip(input.chunks_exact_mut(3 * shape.width))
            {
                to.iter_mut().zip(from).for_each(|(to, &from)| *to = f32::from(from) / 255.0);
            }
            inputs.push(input);
        }
    }
    Ok(inputs)
}

/// What `gate` gives on the kept pictures.
fn judge(kept: &Pictures, gate: &Gate) -> Result<Judged> {
    let point = gate.point();
    let looked = kept.look(gate)?;
    let coverage = [0, 1, 2].map(|set| Coverage::of(&looked[set], &point));
    let masks = looked.iter().flatten().map(|l| l.mask.clone()).collect();
    Ok(Judged { coverage, iou: overlap(&looked[0], 0.5), masks, point })
}

/// What a network gives on the kept pictures.
struct Judged {
    coverage: [Coverage; 3],
    iou: f64,
    masks: Vec<Mask>,
    point: Point,
}

const HEAD: &str = "calibration           | fddb leak, a tenth, a fifth, exposed, other % | masks leak, a tenth % | face-free hit % \
                    | iou  | mean difference of masks";

impl Judged {
    fn line(&self, name: &str) -> String {
        let [f, m, n] = &self.coverage;
        let other = 100.0 * f.other / f.pictures.max(1) as f64;
        let hit = 100.0 * n.hit as f64 / n.pictures.max(1) as f64;
        let (all, middle, large) =
            (Coverage::percent(f.all), Coverage::percent(f.middle), Coverage::percent(f.large));
        format!(
            "{name:<21} | {:5.2} {:5.2} {:5.2} {:5.2} {other:5.2} | {:5.2} {:5.2} | {hit:5.2} | {:.3}",
            all.0,
            middle.0,
            large.0,
            all.1,
            Coverage::percent(m.all).0,
            Coverage::percent(m.middle).0,
            self.iou,
        )
    }

    /// Leaks of both sets, percent, and a little of what else is covered.
    fn cost(&self) -> f64 {
        let [f, m, n] = &self.coverage;
        let leaks = Coverage::percent(f.all).0 + Coverage::percent(f.large).0 + Coverage::percent(m.middle).0;
        leaks + 20.0 * f.other / f.pictures.max(1) as f64 + 10.0 * n.hit as f64 / n.pictures.max(1) as f64
    }

    /// Mean difference of the masks' values.
    fn far_from(&self, other: &Self) -> f64 {
        debug_assert_eq!(self.point, other.point);
        let pairs = self.masks.iter().zip(&other.masks).flat_map(|(a, b)| a.values.iter().zip(&b.values));
        let (sum, count) = pairs.fold((0.0, 0), |(sum, n), (a, b)| (sum + f64::from((a - b).abs()), n + 1));
        sum / f64::from(count.max(1))
    }
}

#[cfg(test)]
mod tests;
