//! Forward and backward pass of the gate and direct networks on the CPU, several times as fast as through burn's
//! tensors: batch norm and activation are one step, nothing is allocated between steps, and every gradient is
//! known in advance. burn's automatic gradients are the oracle (see the tests), and the way for every other
//! network and device.

mod backward;
mod kernels;
mod norm;
mod place;
pub mod regressor;
pub mod rounding;

use faceveil_net::{Activation, Graph, Node, NodeId, Op};

use self::kernels::{Depthwise, Pointwise};
use self::norm::{norm_forward, norm_statistics};
use self::place::{arrange_back, rearrange};
use self::rounding::{Round, Rounding, Shift, bounds};
use super::EPSILON;
use super::layout::Layout;

/// Buffers of a graph for one size of batch.
pub struct Fast {
    graph: Graph,
    layout: Layout,
    len: usize,
    nodes: Vec<Buffers>,
    arch: pulp::Arch,
    padded: Vec<f32>,
    transposed: Vec<f32>,
    rounding: Option<Rounding>,
    /// The parameters with their weights rounded, of the last forward pass.
    rounded: Vec<f32>,
}

/// Of one node, `[N, C, H W]` each; empty where there is no use for it.
#[derive(Default)]
struct Buffers {
    /// What comes out.
    value: Vec<f32>,
    /// Before norm and activation, or before it is rounded.
    sum: Vec<f32>,
    /// Gradient of `value`, later of `sum`; empty before the first backward pass.
    gradient: Vec<f32>,
    /// Whether something is in `gradient`.
    touched: bool,
    /// Mean and 1 / deviation of each channel of `sum`.
    statistics: Vec<(f32, f32)>,
    /// First index into the layout's parameters.
    param: usize,
}

/// What a forward pass gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    /// As the layout's averages: for each batch norm the means, then the variances.
    pub values: Vec<f32>,
}

/// Whether [`Fast`] knows all of the graph's operations.
pub fn knows(graph: &Graph) -> bool {
    graph.nodes().iter().all(|node| match node.op {
        Op::Input | Op::Unshuffle { .. } | Op::Shuffle { .. } | Op::Add | Op::Upsample => true,
        Op::Conv { kernel, stride, .. } => kernel == 1 && stride == 1 && !norm_and_relu(node),
        Op::Depthwise { .. } => !norm_and_relu(node),
        _ => false,
    })
}

/// Only `None` and `Relu6` follow a norm here; a sigmoid only at the end, where it is left to the loss.
fn norm_and_relu(node: &Node) -> bool {
    let activation = node.activation();
    if node.has_norm() { activation == Activation::Relu || activation == Activation::Sigmoid } else { false }
}

impl Fast {
    /// For `len` pictures at once. `None` if the graph has an operation that is not known here.
    pub fn new(graph: &Graph, len: usize) -> Option<Self> {
        if !knows(graph) {
            return None;
        }
        let layout = Layout::of(graph);
        let mut nodes = Vec::new();
        for (id, node) in graph.nodes().iter().enumerate() {
            let size = len * node.shape.len();
            let norm = node.has_norm();
            nodes.push(Buffers {
                value: vec![0.0; size],
                sum: vec![0.0; if norm { size } else { 0 }],
                gradient: Vec::new(),
                touched: false,
                statistics: vec![(0.0, 0.0); if norm { node.shape.channels } else { 0 }],
                param: layout.params.iter().position(|p| p.node == id).unwrap_or(usize::MAX),
            });
        }
        let sides = graph.nodes().iter().map(|n| (n.shape.height + 2) * (n.shape.width + 2));
        let padded = vec![0.0; sides.max().unwrap_or(0)];
        Some(Self {
            graph: graph.clone(),
            layout,
            len,
            nodes,
            arch: pulp::Arch::new(),
            padded,
            transposed: Vec::new(),
            rounding: None,
            rounded: Vec::new(),
        })
    }

    /// Rounds weights and values from now on.
    ///
    /// # Panics
    /// If the graph has batch norms: they are folded before anything is rounded.
    #[must_use]
    pub fn rounding(mut self, rounding: Rounding) -> Self {
        assert!(self.layout.running.is_empty(), "{} has batch norms", self.graph.name());
        for (id, own) in self.nodes.iter_mut().enumerate() {
            own.sum = vec![0.0; if rounding.of(id).is_some() { own.value.len() } else { 0 }];
        }
        self.rounding = Some(rounding);
        self
    }

    /// What the last pass gave at a node, `[N, C, H, W]`.
    pub fn value(&self, node: NodeId) -> &[f32] {
        &self.nodes[node].value
    }

    /// Runs the network in training on `pixels`, `[N, 3, H, W]`; gives what comes out (before a last sigmoid) and the
    /// batch norms' statistics.
    ///
    /// # Panics
    /// If a length does not fit the graph.
    pub fn forward(&mut self, values: &[f32], pixels: &[f32]) -> (&[f32], Statistics) {
        self.pass(values, None, pixels)
    }

    /// As [`Self::forward`] with the batch norms' running averages, as in use.
    ///
    /// # Panics
    /// If a length does not fit the graph.
    pub fn infer(&mut self, values: &[f32], running: &[f32], pixels: &[f32]) -> &[f32] {
        self.pass(values, Some(running), pixels).0
    }

    fn pass(&mut self, values: &[f32], running: Option<&[f32]>, pixels: &[f32]) -> (&[f32], Statistics) {
        self.nodes[0].value.copy_from_slice(pixels);
        let mut statistics = Statistics::default();
        let mut rounded = std::mem::take(&mut self.rounded);
        let mut values = values;
        if self.rounding.is_some() {
            Rounding::weights(&self.layout, values, &mut rounded);
            values = &rounded;
        }
        for id in 1..self.nodes.len() {
            let mut own = std::mem::take(&mut self.nodes[id]);
            own.touched = false;
            if let Some(running) = running {
                self.averages(id, &mut own, running);
            }
            self.forward_node(id, &mut own, values, running.is_none());
            for &(mean, _) in &own.statistics {
                statistics.values.push(mean);
            }
            for &(_, scale) in &own.statistics {
                statistics.values.push(1.0 / (scale * scale) - EPSILON as f32);
            }
            self.nodes[id] = own;
        }
        self.rounded = rounded;
        (&self.nodes[self.graph.output()].value, statistics)
    }

    fn averages(&self, id: usize, own: &mut Buffers, running: &[f32]) {
        let Some(norm) = self.layout.running.iter().find(|r| r.node == id) else { return };
        let pairs = running[norm.mean.clone()].iter().zip(&running[norm.variance()]);
        for (to, (mean, variance)) in own.statistics.iter_mut().zip(pairs) {
            *to = (*mean, (1.0 / (f64::from(*variance) + EPSILON).sqrt()) as f32);
        }
    }

    fn forward_node(&mut self, id: usize, own: &mut Buffers, values: &[f32], train: bool) {
        let node = self.graph.nodes()[id].clone();
        let from = self.graph.input_of(&node);
        match node.op {
            Op::Conv { .. } | Op::Depthwise { .. } => self.convolution(id, &node, own, values, train),
            Op::Add => self.sum(id, &node, own),
            Op::Upsample => {
                let x = &self.nodes[node.inputs[0]].value;
                let rows = own.value.chunks_exact_mut(2 * node.shape.width);
                for (row, x) in rows.zip(x.chunks_exact(from.width)) {
                    let (upper, lower) = row.split_at_mut(node.shape.width);
                    for (pair, v) in upper.chunks_exact_mut(2).zip(x) {
                        pair.fill(*v);
                    }
                    lower.copy_from_slice(upper);
                }
            }
            Op::Unshuffle { block } => {
                rearrange(&self.nodes[node.inputs[0]].value, &mut own.value, from, block, self.len);
            }
            Op::Shuffle { block } => {
                arrange_back(&self.nodes[node.inputs[0]].value, &mut own.value, node.shape, block, self.len);
            }
            _ => unreachable!("asked in `new`"),
        }
    }

    fn convolution(&mut self, id: usize, node: &Node, own: &mut Buffers, values: &[f32], train: bool) {
        let (from, places) = (self.graph.input_of(node), node.shape.places());
        let x = &self.nodes[node.inputs[0]].value;
        let weights = &values[self.layout.params[own.param].range.clone()];
        let out = if own.sum.is_empty() { &mut own.value } else { &mut own.sum };
        for (x, out) in x.chunks_exact(from.len()).zip(out.chunks_exact_mut(node.shape.len())) {
            if let Op::Depthwise { stride, .. } = node.op {
                let padded = &mut self.padded;
                self.arch.dispatch(Depthwise { weights, x, out, width: from.width, stride, padded });
            } else {
                self.arch.dispatch(Pointwise { weights, x, out, places, add: false });
            }
        }
        let second = &values[self.layout.params[own.param + 1].range.clone()];
        if node.has_norm() {
            let shift = &values[self.layout.params[own.param + 2].range.clone()];
            if train {
                norm_statistics(self.arch, own, second.len(), places);
            }
            let capped = node.activation() == Activation::Relu6;
            norm_forward(self.arch, own, second, shift, places, capped);
            return;
        }
        let (low, high) = bounds(node.activation());
        let biases = second.iter().cycle();
        if let Some(quant) = self.quant(id) {
            let planes = own.sum.chunks_exact_mut(places).zip(own.value.chunks_exact_mut(places));
            for ((x, to), &b) in planes.zip(biases) {
                self.arch.dispatch(Round { x, to, b, low, high, quant });
            }
        } else {
            for (x, &b) in own.value.chunks_exact_mut(places).zip(biases) {
                self.arch.dispatch(Shift { x, b, low, high });
            }
        }
    }

    fn sum(&self, id: usize, node: &Node, own: &mut Buffers) {
        let [a, b] = [0, 1].map(|i| &self.nodes[node.inputs[i]].value);
        let quant = self.quant(id);
        let out = if quant.is_some() { &mut own.sum } else { &mut own.value };
        for ((o, a), b) in out.iter_mut().zip(a).zip(b) {
            *o = a + b;
        }
        if let Some(quant) = quant {
            let (low, high) = bounds(Activation::None);
            self.arch.dispatch(Round { x: &mut own.sum, to: &mut own.value, b: 0.0, low, high, quant });
        }
    }
}

#[cfg(all(test, feature = "burn"))]
mod tests;
