//! Who computes a gradient: the fast path where it knows the network, burn for all others.

use anyhow::Result;
#[cfg(not(feature = "burn"))]
use anyhow::bail;
#[cfg(feature = "burn")]
use burn::tensor::{Device, Tensor, TensorData};
use faceveil_net::Graph;

use super::augment::Task;
use super::feed::Batch;
use super::loss::{self, Parts, Terms};
use super::state::State;
use crate::net::fast::Fast;
#[cfg(feature = "burn")]
use crate::net::forward::{Mode, Weights};

/// A step's result.
pub struct Step {
    /// The loss.
    pub parts: Parts,
    /// Of all parameters.
    pub gradient: Vec<f32>,
    /// The batch norms', in the layout's order.
    pub statistics: Vec<f32>,
}

/// Computes gradients of one network for one size of batch.
pub struct Engine {
    graph: Graph,
    task: Task,
    terms: Terms,
    fast: Option<Fast>,
}

impl Engine {
    /// `slow` takes every gradient through burn.
    pub fn new(graph: &Graph, task: Task, terms: Terms, len: usize, slow: bool) -> Self {
        let through_burn = slow || terms.ssim > 0.0 || terms.edge > 0.0;
        let fast = if through_burn { None } else { Fast::new(graph, len) };
        Self { graph: graph.clone(), task, terms, fast }
    }

    /// The gradient of a batch's loss; `teacher` holds what a teacher says of it.
    ///
    /// # Errors
    /// If the network is not for the fast path and there is no other.
    pub fn step(&mut self, state: &State, batch: &Batch, teacher: Option<&[f32]>) -> Result<Step> {
        let Some(fast) = &mut self.fast else { return self.through_burn(state, batch, teacher) };
        let (out, statistics) = fast.forward(&state.values, &batch.pixels);
        let (target, weight) = (&batch.target, &batch.weight);
        let (parts, by_out) = match self.task {
            Task::Mask { .. } => loss::mask_plain(out, target, weight, teacher, batch.len, &self.terms),
            Task::Picture => loss::picture_plain(out, target, weight, teacher, &self.terms),
        };
        let gradient = fast.backward(&state.values, &by_out);
        Ok(Step { parts, gradient, statistics: statistics.values })
    }

    #[cfg(not(feature = "burn"))]
    fn through_burn(&self, _: &State, _: &Batch, _: Option<&[f32]>) -> Result<Step> {
        bail!("{} needs a build with the feature `burn`", self.graph.name())
    }

    #[cfg(feature = "burn")]
    fn through_burn(&self, state: &State, batch: &Batch, teacher: Option<&[f32]>) -> Result<Step> {
        let device = Device::flex().autodiff();
        let weights = Weights::new(&state.layout, &state.values, &state.running, &device);
        let (input, out) = (self.graph.input_shape(), self.graph.output_shape());
        let tensor = |v: &[f32], [h, w]: [usize; 2]| {
            let shape = [batch.len, v.len() / (batch.len * h * w), h, w];
            Tensor::<4>::from_data(TensorData::new(v.to_vec(), shape), &device)
        };
        let size = [out.height, out.width];
        let outcome = weights.forward(
            &self.graph,
            tensor(&batch.pixels, [input.height, input.width]),
            Mode::Train,
            &[],
        );
        let logits = outcome.logits;
        let weight = tensor(&batch.weight, size);
        let share = if teacher.is_some() { self.terms.distil } else { 0.0 };
        let (truth, terms) = (tensor(&batch.target, size), &self.terms);
        // A picture's network may end with a sigmoid of its own, which `forward` leaves away.
        let ends = self.graph.nodes()[self.graph.output()].activation() == faceveil_net::Activation::Sigmoid;
        let out = if ends { burn::tensor::activation::sigmoid(logits.clone()) } else { logits.clone() };
        let against = |truth: Tensor<4>, terms: &Terms| match self.task {
            Task::Mask { .. } => loss::bce_dice(logits.clone(), truth, weight.clone(), terms.dice),
            Task::Picture => loss::picture(out.clone(), truth, weight.clone(), terms),
        };
        let by_truth = against(truth.clone(), terms);
        let mut all = by_truth.clone() * (1.0 - share);
        let mut parts = Parts::default();
        if let Some(teacher) = teacher {
            let plain = Terms { dice: 0.0, ssim: 0.0, edge: 0.0, ..*terms };
            let by_teacher = against(tensor(teacher, size), &plain);
            all = all + by_teacher.clone() * share;
            parts.distil = number(by_teacher);
        }
        let gradient = weights.gradients(&state.layout, &all);
        let difference = (out - truth).detach();
        parts.mse = number((difference.clone() * difference.clone()).mean());
        parts.mae = number(difference.abs().mean());
        (parts.all, parts.truth) = (number(all), number(by_truth));
        let mut statistics = Vec::with_capacity(state.layout.running_len);
        for (mean, variance) in outcome.statistics {
            statistics.extend(mean.into_data().iter::<f32>());
            statistics.extend(variance.into_data().iter::<f32>());
        }
        Ok(Step { parts, gradient, statistics })
    }
}

#[cfg(feature = "burn")]
fn number(tensor: Tensor<1>) -> f64 {
    f64::from(tensor.into_data().iter::<f32>().next().unwrap_or(f32::NAN))
}

/// Runs a network in use, a picture or a batch at a time.
pub struct Runner {
    graph: Graph,
    fast: Option<Fast>,
}

impl Runner {
    /// For `len` pictures at once.
    pub fn new(graph: &Graph, len: usize) -> Self {
        Self { graph: graph.clone(), fast: Fast::new(graph, len) }
    }

    /// What comes out, before a mask's last sigmoid and after a picture's.
    ///
    /// # Errors
    /// If the network is not for the fast path and there is no other.
    pub fn run(
        &mut self,
        values: &[f32],
        running: &[f32],
        state: &State,
        pixels: &[f32],
    ) -> Result<Vec<f32>> {
        if let Some(fast) = &mut self.fast {
            return Ok(fast.infer(values, running, pixels).to_vec());
        }
        self.through_burn(values, running, state, pixels)
    }

    #[cfg(not(feature = "burn"))]
    fn through_burn(&self, _: &[f32], _: &[f32], _: &State, _: &[f32]) -> Result<Vec<f32>> {
        bail!("{} needs a build with the feature `burn`", self.graph.name())
    }

    #[cfg(feature = "burn")]
    fn through_burn(
        &self,
        values: &[f32],
        running: &[f32],
        state: &State,
        pixels: &[f32],
    ) -> Result<Vec<f32>> {
        let device = Device::flex();
        let weights = Weights::new(&state.layout, values, running, &device);
        let input = self.graph.input_shape();
        let x = TensorData::new(pixels.to_vec(), [pixels.len() / input.len(), 3, input.height, input.width]);
        let out = weights.forward(&self.graph, Tensor::<4>::from_data(x, &device), Mode::Infer, &[]).logits;
        let picture = self.graph.output_shape().channels == 3
            && self.graph.nodes()[self.graph.output()].activation() == faceveil_net::Activation::Sigmoid;
        let out = if picture { burn::tensor::activation::sigmoid(out) } else { out };
        Ok(out.into_data().iter::<f32>().collect())
    }
}
