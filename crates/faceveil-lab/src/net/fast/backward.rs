//! The backward pass.

use faceveil_net::{Activation, Node, NodeId, Op};

use super::kernels::{DepthwiseBack, Pointwise, PointwiseWeights};
use super::norm::norm_backward;
use super::place::{rearrange, transpose};
use super::rounding::{Inside, passes};
use super::{Buffers, Fast};

impl Fast {
    /// The gradient of all parameters, from the gradient of what came out. Call after [`Self::forward`] with the same
    /// `values`.
    ///
    /// # Panics
    /// If a length does not fit the graph.
    pub fn backward(&mut self, values: &[f32], output: &[f32]) -> Vec<f32> {
        self.backward_with(values, output, &[])
    }

    /// As [`Self::backward`], with further gradients of the values of some nodes on the way.
    ///
    /// # Panics
    /// If a length does not fit the graph.
    pub fn backward_with(
        &mut self,
        values: &[f32],
        output: &[f32],
        further: &[(NodeId, Vec<f32>)],
    ) -> Vec<f32> {
        for (node, own) in self.graph.nodes().iter().zip(&mut self.nodes) {
            // Who only looks needs none.
            own.gradient.resize(self.len * node.shape.len(), 0.0);
        }
        let outputs = (self.graph.output(), output);
        for (id, gradient) in further.iter().map(|(id, g)| (*id, g.as_slice())).chain([outputs]) {
            self.nodes[id].gradient.copy_from_slice(gradient);
            self.nodes[id].touched = true;
        }
        let mut flat = vec![0f32; self.layout.len];
        let rounded = std::mem::take(&mut self.rounded);
        let values = if self.rounding.is_some() { &rounded } else { values };
        for id in (1..self.nodes.len()).rev() {
            if !self.nodes[id].touched {
                continue;
            }
            let mut own = std::mem::take(&mut self.nodes[id]);
            self.backward_node(id, &mut own, values, &mut flat);
            self.nodes[id] = own;
        }
        self.rounded = rounded;
        flat
    }

    fn backward_node(&mut self, id: usize, own: &mut Buffers, values: &[f32], flat: &mut [f32]) {
        let node = self.graph.nodes()[id].clone();
        match node.op {
            Op::Conv { .. } | Op::Depthwise { .. } => {
                self.back_to_sum(id, &node, own, values, flat);
                self.back_through_weights(&node, own, values, flat);
            }
            Op::Add => self.back_through_sum(id, &node, own),
            Op::Upsample => self.back_through_squares(&node, own),
            Op::Shuffle { block } => {
                let input = &mut self.nodes[node.inputs[0]];
                rearrange(&own.gradient, &mut input.gradient, node.shape, block, self.len);
                input.touched = true;
            }
            _ => {}
        }
    }

    /// Pixels need no gradient, nor does what is only rearranged pixels.
    fn wanted(&self, id: NodeId) -> bool {
        id != 0 && !matches!(self.graph.nodes()[id].op, Op::Unshuffle { .. })
    }

    pub(super) fn quant(&self, id: NodeId) -> Option<faceveil_quant::scale::Quant> {
        self.rounding.as_ref().and_then(|r| r.of(id))
    }

    /// From the gradient of a convolution's value to that of its sum, and of its norm or bias.
    fn back_to_sum(&self, id: NodeId, node: &Node, own: &mut Buffers, values: &[f32], flat: &mut [f32]) {
        let places = node.shape.places();
        let second = self.layout.params[own.param + 1].range.clone();
        if node.has_norm() {
            let shift = self.layout.params[own.param + 2].range.clone();
            let (head, tail) = flat.split_at_mut(shift.start);
            let capped = node.activation() == Activation::Relu6;
            let shifts = &mut tail[..shift.len()];
            let scale = &values[second.clone()];
            norm_backward(self.arch, own, scale, &mut head[second], shifts, places, capped);
            return;
        }
        let (low, high) = passes(node.activation(), self.quant(id));
        let sums = if own.sum.is_empty() { &own.value } else { &own.sum };
        let pictures =
            own.gradient.chunks_exact_mut(node.shape.len()).zip(sums.chunks_exact(node.shape.len()));
        for (planes, sums) in pictures {
            let channels = planes.chunks_exact_mut(places).zip(sums.chunks_exact(places));
            for ((d, x), bias) in channels.zip(&mut flat[second.clone()]) {
                *bias += self.arch.dispatch(Inside { d, x, low, high });
            }
        }
    }

    /// From the gradient of a convolution's sum to those of its weights and of what it read.
    fn back_through_weights(&mut self, node: &Node, own: &mut Buffers, values: &[f32], flat: &mut [f32]) {
        let (from, places, first) = (self.graph.input_of(node), node.shape.places(), node.inputs[0]);
        let wanted = self.wanted(first);
        let range = self.layout.params[own.param].range.clone();
        let (weights, gradient) = (&values[range.clone()], &mut flat[range]);
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
            let gradient = &mut *gradient;
            if let Op::Depthwise { stride, .. } = node.op {
                let (width, padded) = (from.width, &mut self.padded);
                self.arch.dispatch(DepthwiseBack {
                    weights,
                    x,
                    dz,
                    dx,
                    gradient,
                    width,
                    stride,
                    add,
                    padded,
                });
                continue;
            }
            self.arch.dispatch(PointwiseWeights { dz, x, gradient, places });
            if wanted {
                self.arch.dispatch(Pointwise { weights: &self.transposed, x: dz, out: dx, places, add });
            }
        }
        input.touched |= wanted || !pointwise;
    }

    fn back_through_sum(&mut self, id: NodeId, node: &Node, own: &mut Buffers) {
        if let Some(quant) = self.quant(id) {
            let (low, high) = passes(Activation::None, Some(quant));
            self.arch.dispatch(Inside { d: &mut own.gradient, x: &own.sum, low, high });
        }
        for &to in &node.inputs {
            if !self.wanted(to) {
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

    fn back_through_squares(&mut self, node: &Node, own: &Buffers) {
        let width = self.graph.input_of(node).width;
        let input = &mut self.nodes[node.inputs[0]];
        let add = input.touched;
        let rows = own.gradient.chunks_exact(2 * node.shape.width);
        for (row, d) in rows.zip(input.gradient.chunks_exact_mut(width)) {
            let (upper, lower) = row.split_at(node.shape.width);
            for (d, (a, b)) in d.iter_mut().zip(upper.chunks_exact(2).zip(lower.chunks_exact(2))) {
                let sum = a[0] + a[1] + b[0] + b[1];
                *d = if add { *d + sum } else { sum };
            }
        }
        input.touched = true;
    }
}
