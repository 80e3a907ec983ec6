//! The forward pass in burn.

use burn::tensor::module::{batch_norm, batch_norm_train, conv_transpose2d, conv2d, interpolate, max_pool2d};
use burn::tensor::ops::{
    ConvOptions, ConvTransposeOptions, InterpolateMode, InterpolateOptions, MaxPoolOptions,
};
use burn::tensor::{Device, Tensor, TensorData, activation};
use faceveil_net::{Activation, Graph, Node, Op};

use super::EPSILON;
use super::layout::{Layout, Role};

/// A parameter as burn has it.
#[derive(Clone, Debug)]
enum Value {
    Weight(Tensor<4>),
    Channels(Tensor<1>),
}

/// The parameters of a graph on a device.
#[derive(Clone, Debug)]
pub struct Weights {
    values: Vec<Value>,
    running: Vec<(Tensor<1>, Tensor<1>)>,
}

/// What a forward pass gives.
pub struct Outcome {
    /// The last node's value; before its sigmoid, where it has one.
    pub logits: Tensor<4>,
    /// In training: mean and variance of each batch norm's batch, in the layout's order.
    pub statistics: Vec<(Tensor<1>, Tensor<1>)>,
    /// The values of the nodes asked for.
    pub hints: Vec<Tensor<4>>,
}

/// How batch norms work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// By the batch's own mean and variance.
    Train,
    /// By the running averages.
    Infer,
}

impl Weights {
    /// From flat lists, on `device`; gradients are kept of all parameters if that has autodiff.
    pub fn new(layout: &Layout, values: &[f32], running: &[f32], device: &Device) -> Self {
        let grad = device.is_autodiff();
        let channels =
            |slice: &[f32]| Tensor::<1>::from_data(TensorData::new(slice.to_vec(), [slice.len()]), device);
        let param = |p: &super::layout::Param| {
            let slice = &values[p.range.clone()];
            if p.role == Role::Weight {
                let weight = Tensor::<4>::from_data(TensorData::new(slice.to_vec(), p.shape), device);
                Value::Weight(if grad { weight.require_grad() } else { weight })
            } else {
                let values = channels(slice);
                Value::Channels(if grad { values.require_grad() } else { values })
            }
        };
        let norm = |r: &super::layout::Running| {
            (channels(&running[r.mean.clone()]), channels(&running[r.variance()]))
        };
        Self {
            values: layout.params.iter().map(param).collect(),
            running: layout.running.iter().map(norm).collect(),
        }
    }

    /// The gradients of all parameters, flat in the layout's order; 0 where there is none.
    pub fn gradients(&self, layout: &Layout, loss: &Tensor<1>) -> Vec<f32> {
        let grads = loss.backward();
        let mut flat = vec![0.0; layout.len];
        for (param, value) in layout.params.iter().zip(&self.values) {
            let data = match value {
                Value::Weight(w) => w.grad(&grads).map(Tensor::into_data),
                Value::Channels(c) => c.grad(&grads).map(Tensor::into_data),
            };
            let Some(data) = data else { continue };
            for (to, from) in flat[param.range.clone()].iter_mut().zip(data.iter::<f32>()) {
                *to = from;
            }
        }
        flat
    }

    /// `input`: `[N, 3, H, W]` in 0..1, of the graph's size.
    pub fn forward(&self, graph: &Graph, input: Tensor<4>, mode: Mode, hints: &[usize]) -> Outcome {
        let last_use = graph.last_use();
        let mut pass = Pass { weights: self, param: 0, norm: 0, mode, statistics: Vec::new() };
        let mut live: Vec<Option<Tensor<4>>> = vec![None; graph.nodes().len()];
        live[graph.input()] = Some(input);
        for (id, node) in graph.nodes().iter().enumerate().skip(1) {
            let inputs: Vec<Tensor<4>> = node
                .inputs
                .iter()
                .map(|&i| {
                    let done = last_use[i] == id && !hints.contains(&i);
                    let value = if done { live[i].take() } else { live[i].clone() };
                    value.expect("a graph lists what is read before who reads it")
                })
                .collect();
            live[id] = Some(pass.node(node, inputs, id == graph.output()));
        }
        let logits = live[graph.output()].clone().expect("the last node was computed");
        let hints = hints.iter().filter_map(|&i| live[i].take()).collect();
        Outcome { logits, statistics: pass.statistics, hints }
    }
}

struct Pass<'w> {
    weights: &'w Weights,
    param: usize,
    norm: usize,
    mode: Mode,
    statistics: Vec<(Tensor<1>, Tensor<1>)>,
}

impl Pass<'_> {
    fn weight(&mut self) -> Tensor<4> {
        self.param += 1;
        match &self.weights.values[self.param - 1] {
            Value::Weight(w) => w.clone(),
            Value::Channels(_) => unreachable!("a layout lists a weight first"),
        }
    }

    fn channels(&mut self) -> Tensor<1> {
        self.param += 1;
        match &self.weights.values[self.param - 1] {
            Value::Channels(c) => c.clone(),
            Value::Weight(_) => unreachable!("a layout lists one weight a node"),
        }
    }

    fn node(&mut self, node: &Node, mut inputs: Vec<Tensor<4>>, last: bool) -> Tensor<4> {
        let x = inputs.remove(0);
        match node.op {
            Op::Input => x,
            Op::Unshuffle { block } => unshuffle(x, block),
            Op::Shuffle { block } => shuffle(x, block),
            Op::Conv { kernel, stride, .. } => {
                let options = ConvOptions::new([stride; 2], [kernel / 2; 2], [1; 2], 1);
                self.convolution(node, x, options, last)
            }
            Op::Depthwise { stride, .. } => {
                let options = ConvOptions::new([stride; 2], [1; 2], [1; 2], node.shape.channels);
                self.convolution(node, x, options, last)
            }
            Op::TransposedConv { .. } => {
                let (weight, bias) = (self.weight(), self.channels());
                conv_transpose2d(
                    x,
                    weight,
                    Some(bias),
                    ConvTransposeOptions::new([2; 2], [0; 2], [0; 2], [1; 2], 1),
                )
            }
            Op::Add => x + inputs.remove(0),
            Op::Concat => Tensor::cat(vec![x, inputs.remove(0)], 1),
            Op::Upsample => {
                let [_, _, h, w] = x.dims();
                let options = InterpolateOptions::new(InterpolateMode::Nearest).with_align_corners(false);
                interpolate(x, options.with_output_size([2 * h, 2 * w]))
            }
            Op::MaxPool => max_pool2d(x, MaxPoolOptions::new([2; 2]).with_stride([2; 2])),
        }
    }

    fn convolution(&mut self, node: &Node, x: Tensor<4>, options: ConvOptions<2>, last: bool) -> Tensor<4> {
        let weight = self.weight();
        let sum = if node.has_norm() {
            let (scale, shift) = (self.channels(), self.channels());
            let sum = conv2d(x, weight, None, options);
            self.norm(sum, scale, shift)
        } else {
            let bias = self.channels();
            conv2d(x, weight, Some(bias), options)
        };
        match node.activation() {
            Activation::None => sum,
            Activation::Relu => activation::relu(sum),
            Activation::Relu6 => activation::relu6(sum),
            Activation::Sigmoid if last => sum,
            Activation::Sigmoid => activation::sigmoid(sum),
        }
    }

    fn norm(&mut self, x: Tensor<4>, scale: Tensor<1>, shift: Tensor<1>) -> Tensor<4> {
        let (mean, variance) = self.weights.running[self.norm].clone();
        self.norm += 1;
        match self.mode {
            Mode::Infer => batch_norm(x, scale, shift, mean, variance, EPSILON),
            Mode::Train => {
                let result = batch_norm_train(x, scale, shift, EPSILON);
                self.statistics.push((result.mean, result.variance));
                result.output
            }
        }
    }
}

fn unshuffle(x: Tensor<4>, b: usize) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    x.reshape([n, c, h / b, b, w / b, b]).permute([0, 1, 3, 5, 2, 4]).reshape([n, c * b * b, h / b, w / b])
}

fn shuffle(x: Tensor<4>, b: usize) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let c = c / (b * b);
    x.reshape([n, c, b, b, h, w]).permute([0, 1, 4, 2, 5, 3]).reshape([n, c, h * b, w * b])
}
