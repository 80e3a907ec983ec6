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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ranges_of_a_network_are_those_that_it_is_quantised_with() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ranges.json");
        // As the quantiser has them: a gate network of a file, a network that gives pictures of a checkpoint.
        for (name, read_as) in [("gate-96", "gate"), ("direct", "direct")] {
            let trained = faceveil_net::by_name(name).expect("it is listed").without_norms();
            let ranges: Vec<_> = (0..trained.nodes().len()).map(|i| (-1.0, i as f32)).collect();
            save(&path, &trained, &ranges).expect("written");
            let file: Ranges = serde_json::from_slice(&fs::read(&path).expect("read")).expect("it is whole");
            assert_eq!(file.net, read_as);
            let kept = trained.nodes().iter().enumerate().filter(|(node, _)| rounds(&trained, *node)).count();
            assert_eq!(file.ranges.len(), kept, "{name}");
        }
    }
}
