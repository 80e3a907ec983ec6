//! Ranges that training with rounding ended with, as a JSON file, so that the network is run with the scales it learned
//! with.
//!
//! ```json
//! {"version": 1, "net": "gate", "ranges": [{"node": 2, "low": 0.0, "high": 6.0}, …]}
//! ```
//! `node` is the index in the [`faceveil_net::Graph`]; the value is that after the node's activation, but **before** a
//! sigmoid. Nodes for which [`rounds`] is false have no entry: the input's scale is fixed, and others only move values.

use faceveil_net::{Graph, NodeId, graph};
use serde::{Deserialize, Serialize};

use crate::float::FromGraph;
use crate::network::NetworkError;

/// The file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ranges {
    /// 1.
    pub version: u32,
    /// Name of the graph.
    pub net: String,
    /// A range a node.
    pub ranges: Vec<NodeRange>,
}

/// The range of a node's value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeRange {
    /// The node in the graph.
    pub node: NodeId,
    /// The least value that is told; extended to hold 0.
    pub low: f32,
    /// The largest.
    pub high: f32,
}

/// Whether the node's value is rounded with a scale of its own. Both inputs of a concatenation must be given the same.
pub fn rounds(graph: &Graph, node: NodeId) -> bool {
    use graph::Op;
    matches!(
        graph.nodes()[node].op,
        Op::Conv { .. } | Op::Depthwise { .. } | Op::TransposedConv { .. } | Op::Add
    )
}

impl Ranges {
    /// Of each node of `from.net`, `fallback` where the file has none and needs none.
    ///
    /// # Errors
    /// [`NetworkError`] if a node that is rounded has no range, or the file is of another network.
    pub fn of_nodes(&self, graph: &Graph, from: &FromGraph) -> Result<Vec<(f32, f32)>, NetworkError> {
        if self.version != 1 || self.net != graph.name() {
            return Err(NetworkError::Ranges { got: self.net.clone(), want: graph.name().to_owned() });
        }
        let mut given = vec![None; from.net.nodes.len()];
        for range in &self.ranges {
            let node = *from.nodes.get(range.node).ok_or(NetworkError::Range { node: range.node })?;
            if !(range.low.is_finite() && range.high.is_finite() && range.low <= range.high) {
                return Err(NetworkError::Range { node: range.node });
            }
            given[node] = Some((range.low, range.high));
        }
        for (node, &own) in from.nodes.iter().enumerate() {
            if rounds(graph, node) && given[own].is_none() {
                return Err(NetworkError::Range { node });
            }
        }
        let owners = from.net.scale_owners();
        let joined = |id: usize| {
            let same = (0..owners.len()).filter(|&o| owners[o] == owners[id]).filter_map(|o| given[o]);
            same.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or((0.0, 1.0))
        };
        Ok((0..owners.len()).map(joined).collect())
    }
}
