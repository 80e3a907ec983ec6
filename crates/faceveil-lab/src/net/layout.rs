//! Where each parameter of a graph lies in one flat list of numbers, so that optimisers, averages, checkpoints and
//! exports need to know nothing of networks.

use std::ops::Range;

use faceveil_net::{Graph, NodeId};

use crate::dataset::random::Random;

/// What a parameter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Weights of a convolution.
    Weight,
    /// One number an output channel, added.
    Bias,
    /// Scale of a batch norm.
    Scale,
    /// What a batch norm adds.
    Shift,
}

/// One parameter: some numbers in the flat list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// The node that it belongs to.
    pub node: NodeId,
    /// What it is.
    pub role: Role,
    /// Its numbers.
    pub range: Range<usize>,
    /// Weights: `[out, in / groups, kernel, kernel]`, transposed `[in, out, 2, 2]`; else `[channels, 1, 1, 1]`.
    pub shape: [usize; 4],
}

/// Running mean and variance of a batch norm, in the flat list of averages: mean, then variance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// The node that the norm follows.
    pub node: NodeId,
    /// The means; the variances follow them.
    pub mean: Range<usize>,
}

impl Running {
    /// Where the variances lie.
    pub fn variance(&self) -> Range<usize> {
        self.mean.end..self.mean.end + self.mean.len()
    }
}

/// All parameters of a graph, in the order of its nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The parameters that are trained.
    pub params: Vec<Param>,
    /// The batch norms' averages, which are not.
    pub running: Vec<Running>,
    /// Numbers in all parameters.
    pub len: usize,
    /// Numbers in all averages.
    pub running_len: usize,
}

impl Layout {
    /// Of `graph`.
    pub fn of(graph: &Graph) -> Self {
        let mut layout = Self { params: Vec::new(), running: Vec::new(), len: 0, running_len: 0 };
        for (id, node) in graph.nodes().iter().enumerate() {
            let Some(shape) = node.weight_shape(graph.input_of(node)) else { continue };
            layout.push(id, Role::Weight, shape);
            let channels = [node.shape.channels, 1, 1, 1];
            if node.has_norm() {
                layout.push(id, Role::Scale, channels);
                layout.push(id, Role::Shift, channels);
                let start = layout.running_len;
                layout.running.push(Running { node: id, mean: start..start + channels[0] });
                layout.running_len += 2 * channels[0];
            } else {
                layout.push(id, Role::Bias, channels);
            }
        }
        layout
    }

    fn push(&mut self, node: NodeId, role: Role, shape: [usize; 4]) {
        let start = self.len;
        self.len += shape.iter().product::<usize>();
        self.params.push(Param { node, role, range: start..self.len, shape });
    }

    /// Random weights with the variance `2 / fan-in` (He 2015, eq. 10), scales 1, shifts and biases 0; averages 0 and 1.
    pub fn init(&self, seed: u64) -> (Vec<f32>, Vec<f32>) {
        let mut values = vec![0.0; self.len];
        for (n, param) in self.params.iter().enumerate() {
            let mut random = Random::stream(seed, n as u64);
            let values = &mut values[param.range.clone()];
            match param.role {
                Role::Weight => {
                    let [_, fan, h, w] = param.shape;
                    let deviation = (2.0 / (fan * h * w) as f64).sqrt();
                    values.fill_with(|| (random.normal() * deviation) as f32);
                }
                Role::Scale => values.fill(1.0),
                Role::Shift | Role::Bias => {}
            }
        }
        let mut running = vec![0.0; self.running_len];
        for norm in &self.running {
            running[norm.variance()].fill(1.0);
        }
        (values, running)
    }
}
