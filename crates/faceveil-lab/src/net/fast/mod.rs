//! Forward and backward pass of the gate and direct networks on the CPU, several times as fast as through burn's
//! tensors: batch norm and activation are one step, nothing is allocated between steps, and every gradient is
//! known in advance. burn's automatic gradients are the oracle (see the tests), and the way for every other
//! network and device.

mod kernels;

use faceveil_net::{Activation, Graph, Node, Op};

use kernels::{Correct, Depthwise, DepthwiseBack, Moments, Pointwise, PointwiseWeights, Scale, Sums};

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
}

/// Of one node, `[N, C, H W]` each; empty where there is no use for it.
#[derive(Default)]
struct Buffers {
    /// What comes out.
    value: Vec<f32>,
    /// Before norm and activation.
    sum: Vec<f32>,
    /// Gradient of `value`, later of `sum`.
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
                gradient: vec![0.0; size],
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
        })
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
        let x = &self.nodes[node.inputs[0]].value;
        let places = node.shape.places();
        match node.op {
            Op::Conv { .. } | Op::Depthwise { .. } => {
                let weights = &values[self.layout.params[own.param].range.clone()];
                let out = if node.has_norm() { &mut own.sum } else { &mut own.value };
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
                    norm_forward(
                        self.arch,
                        own,
                        second,
                        shift,
                        places,
                        node.activation() == Activation::Relu6,
                    );
                } else {
                    for planes in own.value.chunks_exact_mut(node.shape.len()) {
                        for (plane, bias) in planes.chunks_exact_mut(places).zip(second) {
                            plane.iter_mut().for_each(|v| *v += bias);
                        }
                    }
                }
            }
            Op::Add => {
                let other = &self.nodes[node.inputs[1]].value;
                for ((o, a), b) in own.value.iter_mut().zip(x).zip(other) {
                    *o = a + b;
                }
            }
            Op::Upsample => {
                for (row, x) in
                    own.value.chunks_exact_mut(2 * node.shape.width).zip(x.chunks_exact(from.width))
                {
                    let (upper, lower) = row.split_at_mut(node.shape.width);
                    for (pair, v) in upper.chunks_exact_mut(2).zip(x) {
                        pair.fill(*v);
                    }
                    lower.copy_from_slice(upper);
                }
            }
            Op::Unshuffle { block } => rearrange(x, &mut own.value, from, block, self.len),
            Op::Shuffle { block } => {
                let shape = node.shape;
                arrange_back(x, &mut own.value, shape, block, self.len);
            }
            _ => unreachable!("asked in `new`"),
        }
    }

    /// The gradient of all parameters, from the gradient of what came out. Call after [`Self::forward`] with the same
    /// `values`.
    ///
    /// # Panics
    /// If a length does not fit the graph.
    pub fn backward(&mut self, values: &[f32], output: &[f32]) -> Vec<f32> {
        let mut flat = vec![0f32; self.layout.len];
        let last = self.graph.output();
        self.nodes[last].gradient.copy_from_slice(output);
        self.nodes[last].touched = true;
        for id in (1..self.nodes.len()).rev() {
            if !self.nodes[id].touched {
                continue;
            }
            let mut own = std::mem::take(&mut self.nodes[id]);
            self.backward_node(id, &mut own, values, &mut flat);
            self.nodes[id] = own;
        }
        flat
    }

    fn backward_node(&mut self, id: usize, own: &mut Buffers, values: &[f32], flat: &mut [f32]) {
        let node = self.graph.nodes()[id].clone();
        let from = self.graph.input_of(&node);
        let places = node.shape.places();
        let first = node.inputs[0];
        // Pixels need no gradient, nor does what is only rearranged pixels.
        let wanted = first != 0 && !matches!(self.graph.nodes()[first].op, Op::Unshuffle { .. });
        match node.op {
            Op::Conv { .. } | Op::Depthwise { .. } => {
                let weights = &values[self.layout.params[own.param].range.clone()];
                let second = self.layout.params[own.param + 1].range.clone();
                if node.has_norm() {
                    let shift = self.layout.params[own.param + 2].range.clone();
                    let (head, tail) = flat.split_at_mut(shift.start);
                    let capped = node.activation() == Activation::Relu6;
                    let shifts = &mut tail[..shift.len()];
                    norm_backward(
                        self.arch,
                        own,
                        &values[second.clone()],
                        &mut head[second],
                        shifts,
                        places,
                        capped,
                    );
                } else {
                    for planes in own.gradient.chunks_exact(node.shape.len()) {
                        for (plane, bias) in planes.chunks_exact(places).zip(&mut flat[second.clone()]) {
                            *bias += plane.iter().sum::<f32>();
                        }
                    }
                }
                let gradient = &mut flat[self.layout.params[own.param].range.clone()];
                let input = &mut self.nodes[first];
                let add = input.touched;
                let pointwise = matches!(node.op, Op::Conv { .. });
                if pointwise && wanted {
                    transpose(weights, from.channels, &mut self.transposed);
                }
                for n in 0..self.len {
                    let x = &input.value[n * from.len()..][..from.len()];
                    let dz = &own.gradient[n * node.shape.len()..][..node.shape.len()];
                    let dx = &mut input.gradient[n * from.len()..][..from.len()];
                    if let Op::Depthwise { stride, .. } = node.op {
                        let padded = &mut self.padded;
                        let back = DepthwiseBack {
                            weights,
                            x,
                            dz,
                            dx,
                            gradient: &mut *gradient,
                            width: from.width,
                            stride,
                            add,
                            padded,
                        };
                        self.arch.dispatch(back);
                    } else {
                        self.arch.dispatch(PointwiseWeights { dz, x, gradient: &mut *gradient, places });
                        if wanted {
                            let transposed = &self.transposed;
                            self.arch.dispatch(Pointwise {
                                weights: transposed,
                                x: dz,
                                out: dx,
                                places,
                                add,
                            });
                        }
                    }
                }
                input.touched |= wanted || !pointwise;
            }
            Op::Add => {
                for &to in &node.inputs {
                    if to == 0 || matches!(self.graph.nodes()[to].op, Op::Unshuffle { .. }) {
                        continue;
                    }
                    let input = &mut self.nodes[to];
                    if input.touched {
                        for (d, g) in input.gradient.iter_mut().zip(&own.gradient) {
                            *d += g;
                        }
                    } else {
                        input.gradient.copy_from_slice(&own.gradient);
                        input.touched = true;
                    }
                }
            }
            Op::Upsample => {
                let input = &mut self.nodes[first];
                let add = input.touched;
                let rows = own.gradient.chunks_exact(2 * node.shape.width);
                for (row, d) in rows.zip(input.gradient.chunks_exact_mut(from.width)) {
                    let (upper, lower) = row.split_at(node.shape.width);
                    for (d, (a, b)) in d.iter_mut().zip(upper.chunks_exact(2).zip(lower.chunks_exact(2))) {
                        let sum = a[0] + a[1] + b[0] + b[1];
                        *d = if add { *d + sum } else { sum };
                    }
                }
                input.touched = true;
            }
            Op::Shuffle { block } => {
                let input = &mut self.nodes[first];
                rearrange(&own.gradient, &mut input.gradient, node.shape, block, self.len);
                input.touched = true;
            }
            _ => {}
        }
    }
}

/// Pixel-unshuffle: `x` of shape `shape` into squares of `block`.
fn rearrange(x: &[f32], to: &mut [f32], shape: faceveil_net::Shape, block: usize, len: usize) {
    let (h, w) = (shape.height / block, shape.width / block);
    for (plane, planes) in x
        .chunks_exact(shape.places())
        .zip(to.chunks_exact_mut(block * block * h * w))
        .take(len * shape.channels)
    {
        for (k, out) in planes.chunks_exact_mut(h * w).enumerate() {
            let (dy, dx) = (k / block, k % block);
            for y in 0..h {
                let row = &plane[(y * block + dy) * shape.width + dx..];
                for (xx, o) in out[y * w..][..w].iter_mut().enumerate() {
                    *o = row[xx * block];
                }
            }
        }
    }
}

/// The inverse of [`rearrange`]; `shape` is the large one.
fn arrange_back(x: &[f32], to: &mut [f32], shape: faceveil_net::Shape, block: usize, len: usize) {
    let (h, w) = (shape.height / block, shape.width / block);
    for (plane, planes) in to
        .chunks_exact_mut(shape.places())
        .zip(x.chunks_exact(block * block * h * w))
        .take(len * shape.channels)
    {
        for (k, from) in planes.chunks_exact(h * w).enumerate() {
            let (dy, dx) = (k / block, k % block);
            for y in 0..h {
                for xx in 0..w {
                    plane[(y * block + dy) * shape.width + xx * block + dx] = from[y * w + xx];
                }
            }
        }
    }
}

fn transpose(weights: &[f32], ins: usize, to: &mut Vec<f32>) {
    let outs = weights.len() / ins;
    to.clear();
    to.resize(weights.len(), 0.0);
    for o in 0..outs {
        for i in 0..ins {
            to[i * outs + o] = weights[o * ins + i];
        }
    }
}

/// Mean and deviation over the batch.
fn norm_statistics(arch: pulp::Arch, own: &mut Buffers, channels: usize, places: usize) {
    let mut moments = vec![(0f64, 0f64); channels];
    for planes in own.sum.chunks_exact(channels * places) {
        for (plane, m) in planes.chunks_exact(places).zip(&mut moments) {
            let (sum, square) = arch.dispatch(Moments { x: plane });
            *m = (m.0 + sum, m.1 + square);
        }
    }
    let count = (own.sum.len() / channels) as f64;
    for ((sum, square), to) in moments.into_iter().zip(&mut own.statistics) {
        let mean = sum / count;
        let variance = (square / count - mean * mean).max(0.0);
        *to = (mean as f32, (1.0 / (variance + EPSILON).sqrt()) as f32);
    }
}

/// `relu6(scale · x̂ + shift)`, or without the cap.
fn norm_forward(
    arch: pulp::Arch,
    own: &mut Buffers,
    scale: &[f32],
    shift: &[f32],
    places: usize,
    capped: bool,
) {
    let channels = scale.len();
    let pictures = own.sum.chunks_exact(channels * places).zip(own.value.chunks_exact_mut(channels * places));
    for (sums, values) in pictures {
        for (c, (sum, value)) in sums.chunks_exact(places).zip(values.chunks_exact_mut(places)).enumerate() {
            let (mean, inverse) = own.statistics[c];
            let a = scale[c] * inverse;
            let b = shift[c] - mean * a;
            let (low, high) = if capped { (0.0, 6.0) } else { (f32::MIN, f32::MAX) };
            arch.dispatch(Scale { x: sum, to: value, a, b, low, high });
        }
    }
}

/// Turns the gradient of what came out into that of the sum: Ioffe 2015, section 3.
fn norm_backward(
    arch: pulp::Arch,
    own: &mut Buffers,
    scale: &[f32],
    scales: &mut [f32],
    shifts: &mut [f32],
    places: usize,
    capped: bool,
) {
    let channels = scale.len();
    let whole = channels * places;
    let count = (own.sum.len() / channels) as f32;
    for (n, gradients) in own.gradient.chunks_exact_mut(whole).enumerate() {
        for (c, d) in gradients.chunks_exact_mut(places).enumerate() {
            let at = n * whole + c * places;
            let (sum, value) = (&own.sum[at..][..places], &own.value[at..][..places]);
            let (mean, inverse) = own.statistics[c];
            let (ones, product) = arch.dispatch(Sums { d, x: sum, value, capped });
            shifts[c] += ones;
            scales[c] += (product - mean * ones) * inverse;
        }
    }
    for (n, gradients) in own.gradient.chunks_exact_mut(whole).enumerate() {
        for (c, d) in gradients.chunks_exact_mut(places).enumerate() {
            let sum = &own.sum[n * whole + c * places..][..places];
            let (mean, inverse) = own.statistics[c];
            let a = scale[c] * inverse;
            // a (d - shifts / count - x̂ scales / count) with x̂ = (sum - mean) inverse
            let slope = -a * inverse * scales[c] / count;
            let level = -a * shifts[c] / count - slope * mean;
            arch.dispatch(Correct { d, x: sum, a, slope, level });
        }
    }
}

#[cfg(all(test, feature = "burn"))]
mod tests;
