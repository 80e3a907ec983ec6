//! What a network costs, before a byte of it is trained.

use alloc::vec::Vec;

use crate::graph::{Graph, Node, Op};

/// What a network costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Weights, and one bias an output channel (batch norms folded).
    pub parameters: usize,
    /// Multiplications with addition, of the convolutions, a picture.
    pub macs: usize,
}

/// The costs of `graph`.
pub fn plan(graph: &Graph) -> Plan {
    let mut plan = Plan { parameters: 0, macs: 0 };
    for node in graph.nodes() {
        let Some(weights) = weights(graph, node) else { continue };
        plan.parameters += weights + node.shape.channels;
        plan.macs += macs(graph, node, weights);
    }
    plan
}

/// Number of weights without biases.
fn weights(graph: &Graph, node: &Node) -> Option<usize> {
    node.weight_shape(graph.input_of(node)).map(|shape| shape.iter().product())
}

/// Each weight is used once an output place; those of a transposed convolution once an input place.
fn macs(graph: &Graph, node: &Node, weights: usize) -> usize {
    match node.op {
        Op::TransposedConv { .. } => weights * graph.input_of(node).places(),
        _ => weights * node.shape.places(),
    }
}

#[allow(dead_code)]
fn unused(_: Vec<u8>) {}

#[cfg(test)]
mod tests {
    use super::*;
    extern crate std;
    #[test]
    fn print() {
        for g in crate::all() {
            std::println!("{} {:?}", g.name(), plan(&g));
        }
    }
}
