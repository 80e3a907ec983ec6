//! Training with rounding: between which ends each value's 8 bits lie, and the file that tells the quantiser.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use faceveil_net::{Graph, Shape};
use faceveil_quant::float::from_graph;
use faceveil_quant::ranges::{NodeRange, rounds};
use faceveil_quant::{Calibration, Observed, Ranges};

use super::augment::{self, Task};
use super::sources::Source;

/// Pictures that are looked at.
const PICTURES: usize = 300;

/// The range of each node's value, chosen on pictures that are trained on, as they are in use. They stay as they are: what
/// training changes is the weights.
///
/// # Errors
/// If there is no picture, or `values` are not those of `graph`, which must have no batch norms.
pub fn calibrated(
    graph: &Graph,
    values: &[f32],
    sources: &[Source],
    task: Task,
    how: Calibration,
) -> Result<Vec<(f32, f32)>> {
    let from = from_graph(graph, values)?;
    let input = graph.input_shape();
    let each = PICTURES.div_ceil(sources.len().max(1));
    let spread = sources.iter().flat_map(|source| {
        let step = (source.train.len() / each).max(1);
        source.train.iter().step_by(step).take(each)
    });
    let inputs: Vec<_> = spread
        .map(|photo| interleaved(&augment::letterboxed(photo, input.height, task).pixels, input))
        .collect();
    let observed = Observed::of(&from.net, &inputs)?;
    let ranges = observed.ranges(&from.net, how);
    Ok(from.nodes.iter().map(|&node| ranges[node]).collect())
}

/// Planes as `[rows, columns, channels]`.
fn interleaved(planes: &[f32], shape: Shape) -> Vec<f32> {
    let places = shape.places();
    (0..planes.len()).map(|i| planes[i % shape.channels * places + i / shape.channels]).collect()
}

/// Writes the ranges for `faceveil-lab quantize --ranges`.
///
/// # Errors
/// If the file cannot be written.
pub fn save(path: &Path, graph: &Graph, ranges: &[(f32, f32)]) -> Result<()> {
    let rounded = ranges.iter().enumerate().filter(|(node, _)| rounds(graph, *node));
    let ranges = rounded.map(|(node, &(low, high))| NodeRange { node, low, high }).collect();
    // A gate network's file does not hold its name; read again, each is called so.
    let net = if graph.input_shape() == graph.output_shape() { graph.name() } else { "gate" };
    let file = Ranges { version: 1, net: net.to_owned(), ranges };
    fs::write(path, serde_json::to_vec_pretty(&file)?).with_context(|| path.display().to_string())
}
