//! What a contestant costs.

use anyhow::{Context, Result};
use faceveil::Level;
use faceveil_infer::gate::GateWeights;
use faceveil_infer::onnx;
use faceveil_int8::Model;
use faceveil_int8::model::FileBytes;
use serde::{Deserialize, Serialize};

/// Costs, as far as they are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Weights and biases of the networks.
    pub parameters: Option<u64>,
    /// Multiplications with addition a picture; only of networks with an input of fixed size.
    pub macs: Option<u64>,
    /// Bytes of the constants: of the 8-bit form if there is a plan of one, else of the file.
    pub flash_bytes: Option<u64>,
    /// Bytes of all values at once in 8 bits, placed by the planner.
    pub ram_bytes: Option<u64>,
    /// Instructions a picture on a microcontroller, measured in an emulator.
    pub instructions: Option<u64>,
    /// Milliseconds of one core a picture, from pixels to pixels.
    pub time_ms: Option<f64>,
}

/// Of a network that `faceveil-net` describes.
///
/// # Errors
/// If there is none of that name.
pub fn of_network(name: &str) -> Result<Cost> {
    let graph = faceveil_net::by_name(name).with_context(|| format!("{name:?} is no network"))?;
    Ok(planned(&graph))
}

/// Of a network in its 8-bit form, as planned.
pub fn planned(graph: &faceveil_net::Graph) -> Cost {
    let plan = faceveil_net::plan(graph);
    Cost {
        parameters: Some(plan.parameters as u64),
        macs: Some(plan.macs as u64),
        flash_bytes: Some(plan.weight_bytes as u64),
        ram_bytes: Some(plan.peak_bytes as u64),
        ..Cost::default()
    }
}

/// Of a gate network's file, and its architecture's name.
///
/// # Errors
/// If it is none.
pub fn of_gate(bytes: &[u8]) -> Result<(String, Cost)> {
    let weights = match GateWeights::parse(bytes) {
        Ok(weights) => weights,
        Err(problem) => {
            let file = FileBytes::new(bytes);
            // What is neither is told as what it was taken for.
            let Ok(model) = Model::parse(file.bytes()) else { return Err(problem.into()) };
            let cost = Cost {
                macs: Some(model.macs()),
                flash_bytes: Some(bytes.len() as u64),
                ram_bytes: Some(model.arena_len() as u64),
                ..Cost::default()
            };
            return Ok(("in int8".to_owned(), cost));
        }
    };
    let graph = weights.graph()?;
    let mut cost = planned(&graph);
    // Looks follow one another: their work adds up, and the largest needs the most memory.
    for more in weights.further_graphs()?.iter().map(planned) {
        cost.macs = cost.macs.zip(more.macs).map(|(a, b)| a + b);
        cost.ram_bytes = cost.ram_bytes.max(more.ram_bytes);
    }
    Ok((graph.name().to_owned(), cost))
}

/// Of an ONNX file: floats count as parameters, whole numbers (shapes and indices) do not.
pub fn of_file(bytes: &[u8]) -> Cost {
    let parameters = onnx::Graph::parse(bytes)
        .ok()
        .map(|graph| graph.tensors.values().map(|t| t.floats.len() as u64).sum());
    Cost { parameters, flash_bytes: Some(bytes.len() as u64), ..Cost::default() }
}

/// Of the networks of a level together.
pub fn of_level(level: Level) -> Cost {
    let sum =
        |of: fn(&Cost) -> Option<u64>| level.models().map(|m| of(&of_file(m.bytes))).sum::<Option<u64>>();
    Cost { parameters: sum(|c| c.parameters), flash_bytes: sum(|c| c.flash_bytes), ..Cost::default() }
}

#[cfg(test)]
mod tests {
    use faceveil_infer::gate::Look;

    use super::*;

    #[test]
    fn the_thesis_s_networks_cost_what_it_says() {
        let cost = of_network("thesis-student-v1").unwrap();
        assert_eq!((cost.parameters, cost.ram_bytes), (Some(482_067), Some(1_048_576)));
        assert!(of_network("x").is_err());
        let bytes = include_bytes!("../../../../models/gate/gate.fvnw");
        let mut gate = GateWeights::parse(bytes).unwrap();
        let once = of_gate(bytes).unwrap().1;
        gate.further = vec![Look { side: 256, mirrored: true }];
        let twice = of_gate(&gate.to_bytes().unwrap()).unwrap().1;
        assert_eq!(twice.macs, once.macs.map(|macs| 5 * macs), "once and of four times the pixels");
        assert_eq!(twice.parameters, once.parameters);
        assert!(twice.ram_bytes > once.ram_bytes.map(|ram| 3 * ram), "that of the larger frame: {twice:?}");
        assert!(of_level(Level::Fast).parameters.is_some_and(|n| n > 1_000_000));
    }
}
