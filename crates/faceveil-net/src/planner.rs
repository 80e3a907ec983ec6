//! What a network costs, before a byte of it is trained: parameters, multiplications, the bytes of its 8-bit form, and the
//! memory that its values take when every buffer is placed by hand.
//!
//! # Which values have a buffer
//! One byte a value. A value's buffer is taken when it is computed and free after it was read last. In place, that is in
//! the buffer of what is read for the last time, are: an unshuffle (the same bytes in another order, as the picture is
//! fetched), a sum, a max-pool, a depthwise convolution of step 1 (with copies of the two rows that are already
//! overwritten but still needed, which count as [`Plan::scratch`]). An upsampled value that only a sum reads has none: the
//! sum reads each small place four times. All others need a buffer beside what they read.

use alloc::vec;
use alloc::vec::Vec;

use crate::graph::{Graph, Node, NodeId, Op};

/// What a network costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Weights, and one bias an output channel (batch norms folded).
    pub parameters: usize,
    /// Multiplications with addition, of the convolutions, a picture.
    pub macs: usize,
    /// Bytes of the 8-bit form's constants: a byte a weight, and nine an output channel (a bias of 32 bits, a multiplier of
    /// 32 and a shift of 8).
    pub weight_bytes: usize,
    /// Bytes of all values at once, scratch included.
    pub peak_bytes: usize,
    /// Of those, rows that are kept while a depthwise convolution overwrites them.
    pub scratch: usize,
    /// Where each node's value lies; `None` for an upsampled one that is never written.
    pub places: Vec<Option<Place>>,
}

/// A value's bytes in the arena, `offset..offset + len`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// First byte.
    pub offset: usize,
    /// Bytes.
    pub len: usize,
}

/// The costs of `graph`.
pub fn plan(graph: &Graph) -> Plan {
    let (mut parameters, mut macs, mut weight_bytes) = (0, 0, 0);
    for node in graph.nodes() {
        let Some(weights) = weights(graph, node) else { continue };
        parameters += weights + node.shape.channels;
        weight_bytes += weights + 9 * node.shape.channels;
        macs += macs_of(graph, node, weights);
    }
    let (buffers, owner) = buffers(graph);
    let (offsets, arena) = arrange(&buffers);
    let scratch =
        graph.nodes().iter().enumerate().map(|(id, n)| rows_kept(graph, &owner, id, n)).max().unwrap_or(0);
    let place = |(node, owner): (&Node, &Option<usize>)| {
        owner.map(|b| Place { offset: offsets[b], len: node.shape.len() })
    };
    let places = graph.nodes().iter().zip(&owner).map(place).collect();
    Plan { parameters, macs, weight_bytes, peak_bytes: arena + scratch, scratch, places }
}

/// Number of weights without biases.
fn weights(graph: &Graph, node: &Node) -> Option<usize> {
    node.weight_shape(graph.input_of(node)).map(|shape| shape.iter().product())
}

/// Each weight is used once an output place; those of a transposed convolution once an input place.
fn macs_of(graph: &Graph, node: &Node, weights: usize) -> usize {
    match node.op {
        Op::TransposedConv { .. } => weights * graph.input_of(node).places(),
        _ => weights * node.shape.places(),
    }
}

/// The buffers, each of values that share its bytes one after the other, and for each node the one it is in.
fn buffers(graph: &Graph) -> (Vec<Life>, Vec<Option<usize>>) {
    let nodes = graph.nodes();
    let last_use = lifetimes(graph);
    let mut buffers: Vec<Life> = Vec::new();
    let mut owner: Vec<Option<usize>> = Vec::new();
    for (id, node) in nodes.iter().enumerate() {
        if is_virtual(graph, id) {
            owner.push(None);
            continue;
        }
        let shared = node.inputs.iter().find_map(|&input| {
            let buffer = owner[input]?;
            let fits =
                in_place(node) && last_use[input] == id && node.shape.len() <= nodes[input].shape.len();
            fits.then_some(buffer)
        });
        let buffer = shared.unwrap_or_else(|| {
            buffers.push(Life { len: node.shape.len(), first: id, last: id });
            buffers.len() - 1
        });
        buffers[buffer].last = buffers[buffer].last.max(last_use[id]);
        owner.push(Some(buffer));
    }
    (buffers, owner)
}

/// For each node the last one that needs its bytes; the output's are needed after the end.
fn lifetimes(graph: &Graph) -> Vec<NodeId> {
    let mut last = graph.last_use();
    for (id, node) in graph.nodes().iter().enumerate() {
        if is_virtual(graph, id) {
            // Who reads the upsampled value reads the small one.
            let reader = last[id];
            last[node.inputs[0]] = last[node.inputs[0]].max(reader);
        }
    }
    last[graph.output()] = graph.nodes().len();
    last
}

/// Whether the node is an upsampled value that one sum reads and nobody else.
fn is_virtual(graph: &Graph, id: NodeId) -> bool {
    let mut readers = graph.nodes().iter().filter(|n| n.inputs.contains(&id));
    let by_sum = readers.next().is_some_and(|n| n.op == Op::Add && n.inputs[0] != n.inputs[1]);
    graph.nodes()[id].op == Op::Upsample && by_sum && readers.next().is_none()
}

fn in_place(node: &Node) -> bool {
    matches!(node.op, Op::Unshuffle { .. } | Op::Add | Op::MaxPool | Op::Depthwise { stride: 1, .. })
}

/// Bytes of the rows that a depthwise convolution in place must keep.
fn rows_kept(graph: &Graph, owner: &[Option<usize>], id: NodeId, node: &Node) -> usize {
    let same = node.inputs.first().is_some_and(|&input| owner[input] == owner[id]);
    match node.op {
        Op::Depthwise { .. } if same => 2 * node.shape.width * graph.input_of(node).channels,
        _ => 0,
    }
}

/// Bytes that are needed for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// Bytes.
    pub len: usize,
    /// The first moment at which they are needed.
    pub first: usize,
    /// The last one.
    pub last: usize,
}

/// Orders that are tried at most.
const TRIES: usize = 2000;

/// Gives each of `lives` an offset, so that none that are needed at the same moment meet, and the bytes of all. In turn
/// each is put as low as those before it allow: the largest first, and then, where that takes more than what is needed
/// at some moment, in other orders for a while. Always the same for the same lives.
pub fn arrange(lives: &[Life]) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..lives.len()).collect();
    order.sort_by_key(|&b| (core::cmp::Reverse(lives[b].len), lives[b].first));
    let mut best = settle(lives, &order);
    let least = lives.iter().map(|at| needed(lives, at.first)).max().unwrap_or(0);
    let mut state = 1u32;
    let mut below = |n: usize| {
        // Numerical Recipes' generator: any spread will do.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % n
    };
    for _ in 0..TRIES {
        if best.1 == least {
            break;
        }
        let mut other = order.clone();
        for _ in 0..=below(3) {
            let moved = other.remove(below(other.len()));
            other.insert(below(other.len() + 1), moved);
        }
        let settled = settle(lives, &other);
        if settled.1 <= best.1 {
            (best, order) = (settled, other);
        }
    }
    best
}

/// Bytes needed at a moment.
fn needed(lives: &[Life], moment: usize) -> usize {
    lives.iter().filter(|l| l.first <= moment && moment <= l.last).map(|l| l.len).sum()
}

fn settle(lives: &[Life], order: &[usize]) -> (Vec<usize>, usize) {
    let mut offsets = vec![0; lives.len()];
    let mut end = 0;
    for (n, &b) in order.iter().enumerate() {
        let life = lives[b];
        let mut taken: Vec<(usize, usize)> = order[..n]
            .iter()
            .filter(|&&d| lives[d].first <= life.last && life.first <= lives[d].last)
            .map(|&d| (offsets[d], offsets[d] + lives[d].len))
            .collect();
        taken.sort_unstable();
        let mut offset = 0;
        for (start, stop) in taken {
            if offset + life.len <= start {
                break;
            }
            offset = offset.max(stop);
        }
        offsets[b] = offset;
        end = end.max(offset + life.len);
    }
    (offsets, end)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::graph::{Activation, Shape};
    use crate::{all, by_name};

    #[test]
    fn the_thesis_counts_the_same_parameters() {
        for (name, parameters, mega_macs) in [
            ("thesis-teacher", 1_925_667, 2306),
            ("thesis-student-v1", 482_067, 580),
            ("thesis-student-v2", 1_083_675, 1300),
        ] {
            let plan = plan(&by_name(name).expect("it is listed"));
            assert_eq!(plan.parameters, parameters, "{name}");
            assert_eq!((plan.macs + 500_000) / 1_000_000, mega_macs, "{name}");
        }
    }

    #[test]
    fn the_gate_keeps_within_its_budget() {
        let plan = plan(&by_name("gate").expect("it is listed"));
        assert!(plan.parameters <= 60_000 && plan.macs <= 8_000_000, "{} {}", plan.parameters, plan.macs);
    }

    /// Writes every value's name over its bytes, and looks before each reading whether it is still there.
    #[test]
    fn nobody_overwrites_what_is_still_read() {
        for graph in all() {
            let plan = plan(&graph);
            let mut arena = vec![usize::MAX; plan.peak_bytes];
            for (id, node) in graph.nodes().iter().enumerate() {
                for &input in &node.inputs {
                    // A value without bytes stands for the one it was made of.
                    let real =
                        if plan.places[input].is_some() { input } else { graph.nodes()[input].inputs[0] };
                    let place = plan.places[real].expect("what is upsampled has bytes");
                    let bytes = &arena[place.offset..place.offset + place.len];
                    assert!(
                        bytes.iter().all(|b| *b == real),
                        "{}: {id} {:?} reads {real}",
                        graph.name(),
                        node.op
                    );
                }
                if let Some(place) = plan.places[id] {
                    arena[place.offset..place.offset + place.len].fill(id);
                }
            }
            let out = plan.places[graph.output()].expect("an output has bytes");
            assert!(arena[out.offset..out.offset + out.len].iter().all(|b| *b == graph.output()));
        }
    }

    #[test]
    fn a_small_network_takes_what_was_counted_by_hand() {
        let mut graph = Graph::new("two", Shape::new(4, 4, 8)).unwrap();
        let conv =
            |channels| Op::Conv { kernel: 1, stride: 1, channels, norm: false, activation: Activation::None };
        let depthwise = Op::Depthwise { stride: 1, norm: false, activation: Activation::None };
        let wide = graph.push(conv(16), &[0]).unwrap();
        let same = graph.push(depthwise, &[wide]).unwrap();
        let back = graph.push(conv(8), &[same]).unwrap();
        graph.push(Op::Add, &[back, 0]).unwrap();
        let plan = plan(&graph);
        // The input (128) stays for the sum, beside 256 wide values, in place, and 128 at the end.
        assert_eq!(plan.scratch, 2 * 4 * 16);
        assert_eq!(plan.peak_bytes, 128 + 256 + 128 + plan.scratch);
        assert_eq!(plan.parameters, 8 * 16 + 16 + 9 * 16 + 16 + 16 * 8 + 8);
        assert_eq!(plan.macs, 16 * (8 * 16 + 9 * 16 + 16 * 8));
        assert_eq!(plan.weight_bytes, 8 * 16 + 9 * 16 + 16 * 8 + 9 * (16 + 16 + 8));
    }

    #[test]
    fn the_best_that_a_lower_bound_allows_is_not_undercut() {
        for graph in all() {
            let plan = plan(&graph);
            let most = |n: &Node| n.shape.len();
            let least = graph.nodes().iter().map(most).max().unwrap_or(0);
            assert!(plan.peak_bytes >= least, "{}: {} under {least}", graph.name(), plan.peak_bytes);
            std::println!("{} {} KiB", graph.name(), plan.peak_bytes.div_ceil(1024));
        }
    }
}
