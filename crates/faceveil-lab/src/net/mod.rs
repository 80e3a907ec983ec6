//! Networks with weights: how the parameters of a [`faceveil_net::Graph`] lie in memory, and the forward pass that
//! gradients are taken of.

pub mod fast;
pub mod fold;
#[cfg(feature = "burn")]
pub mod forward;
pub mod layout;
pub mod reshape;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use faceveil_net::Graph;

/// Added to a variance before its root is taken.
pub const EPSILON: f64 = 1e-5;

/// Arguments of `nets`.
#[derive(Debug, Args)]
pub struct NetsArgs {
    /// Only these: a listed one, gate-SIDE-wWIDTH-dDEPTH-bBLOCK, or spelled out, gate-SIDE_CHANNELS.BLOCKS.EXPAND.ENTER_...
    pub names: Vec<String>,
}

/// Runs `faceveil-lab nets`.
///
/// # Errors
/// If there is no network of a name.
pub fn list(args: &NetsArgs) -> anyhow::Result<ExitCode> {
    let graphs = if args.names.is_empty() { faceveil_net::all() } else { named(&args.names)? };
    let widest = graphs.iter().map(|g| g.name().len()).max().unwrap_or(0).max(18);
    say!(
        "{:<widest$} {:>10} {:>8} {:>11} {:>9}  input, output",
        "network",
        "parameters",
        "MMAC",
        "int8 bytes",
        "peak RAM"
    );
    for graph in &graphs {
        say!("{}", line(graph, widest));
    }
    Ok(ExitCode::SUCCESS)
}

fn named(names: &[String]) -> anyhow::Result<Vec<Graph>> {
    let named = |name: &String| {
        faceveil_net::by_name(name)
            .with_context(|| format!("no network called {name:?}; `nets` without a name lists them"))
    };
    names.iter().map(named).collect()
}

fn line(graph: &Graph, widest: usize) -> String {
    let plan = faceveil_net::plan(graph);
    let [input, output] = [graph.input_shape(), graph.output_shape()]
        .map(|s| format!("{}×{}×{}", s.height, s.width, s.channels));
    format!(
        "{:<widest$} {:>10} {:>8.2} {:>11} {:>9}  {input}, {output}",
        graph.name(),
        plan.parameters,
        plan.macs as f64 / 1e6,
        plan.weight_bytes,
        plan.peak_bytes
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_that_is_spelled_out_has_the_costs_of_its_listed_twin() {
        let costs = |name: &str| {
            let graph = named(&[name.to_owned()]).expect("there is one").swap_remove(0);
            line(&graph, 0).split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>()
        };
        let gate = costs("gate");
        assert_eq!(gate[..2], ["59873", "6.93"]);
        assert_eq!(costs("gate-128_16.2.1.1_24.2.2.2_40.2.2.3_64.2.1.3"), gate);
        assert_eq!(costs("gate-128-w100-d2-b4"), gate);
        let error = named(&["gate-7".to_owned()]).expect_err("there is none").to_string();
        assert!(error.contains("\"gate-7\""), "{error}");
    }
}
