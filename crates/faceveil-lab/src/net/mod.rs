//! Networks with weights: how the parameters of a [`faceveil_net::Graph`] lie in memory, and the forward pass that
//! gradients are taken of.

pub mod fast;
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
    for graph in faceveil_net::all() {
        let plan = faceveil_net::plan(&graph);
        println!("{:<20} {:>10} {:>12}", graph.name(), plan.parameters, plan.macs);
    }
    Ok(ExitCode::SUCCESS)
}
