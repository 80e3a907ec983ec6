//! Networks with weights: how the parameters of a [`faceveil_net::Graph`] lie in memory, and the forward pass that
//! gradients are taken of.

pub mod fast;
pub mod fold;
#[cfg(feature = "burn")]
pub mod forward;
pub mod layout;

use std::process::ExitCode;

/// Added to a variance before its root is taken.
pub const EPSILON: f64 = 1e-5;

/// Runs `faceveil-lab nets`.
///
/// # Errors
/// None today.
pub fn list() -> anyhow::Result<ExitCode> {
    println!(
        "{:<18} {:>10} {:>8} {:>11} {:>9}  input, output",
        "network", "parameters", "MMAC", "int8 bytes", "peak RAM"
    );
    for graph in faceveil_net::all() {
        let plan = faceveil_net::plan(&graph);
        let [input, output] = [graph.input_shape(), graph.output_shape()]
            .map(|s| format!("{}×{}×{}", s.height, s.width, s.channels));
        println!(
            "{:<18} {:>10} {:>8.2} {:>11} {:>9}  {input}, {output}",
            graph.name(),
            plan.parameters,
            plan.macs as f64 / 1e6,
            plan.weight_bytes,
            plan.peak_bytes
        );
    }
    Ok(ExitCode::SUCCESS)
}
