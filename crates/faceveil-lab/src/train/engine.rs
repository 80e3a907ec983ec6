//! Who computes a gradient: the fast path where it knows the network, burn for all others.

#[cfg(not(feature = "burn"))]
use anyhow::bail;
use anyhow::{Context, Result, ensure};
#[cfg(feature = "burn")]
use burn::tensor::{Tensor, TensorData};
use faceveil_net::{Graph, NodeId};

use super::augment::Task;
use super::device::Device;
use super::feed::Batch;
use super::loss::{self, Parts, Terms};
use super::state::{Regressor, State};
use super::teacher::{self, Opinion};
use crate::net::fast::Fast;
use crate::net::fast::regressor::hint;
use crate::net::fast::rounding::Rounding;
#[cfg(feature = "burn")]
use crate::net::forward::{Mode, Weights};
#[cfg(feature = "burn")]
use crate::net::layout::Layout;

/// A step's result.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// The loss.
    pub parts: Parts,
    /// Of all parameters.
    pub gradient: Vec<f32>,
    /// The batch norms', in the layout's order.
    pub statistics: Vec<f32>,
    /// Of the hint's regressor; empty without hints.
    pub regressor: Vec<f32>,
}

/// How a network is computed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Way {
    /// Everything through burn.
    pub slow: bool,
    /// Where.
    pub device: Device,
    /// Weights and values rounded to 8 bits, on the fast path only.
    pub rounding: Option<Rounding>,
}

/// Pictures that a network without batch norms is shown at once: as few as stay near the processor.
const AT_ONCE: usize = 4;

impl Way {
    fn fast(&self, graph: &Graph, len: usize) -> Option<Fast> {
        if self.slow || self.device != Device::Cpu {
            return None;
        }
        let fast = Fast::new(graph, len)?;
        Some(match &self.rounding {
            Some(rounding) => fast.rounding(rounding.clone()),
            None => fast,
        })
    }
}

/// Computes gradients of one network for one size of batch.
pub struct Engine {
    graph: Graph,
    task: Task,
    terms: Terms,
    fast: Option<Fast>,
    #[cfg_attr(not(feature = "burn"), allow(dead_code))]
    device: Device,
    /// Pictures a pass of the fast path.
    at_once: usize,
    /// The stage that hints are for.
    stage: Option<NodeId>,
}

impl Engine {
    /// For batches of `len`.
    ///
    /// # Errors
    /// If the device is not there, or rounding or hints are asked for off the fast path.
    pub fn new(graph: &Graph, task: Task, terms: Terms, len: usize, way: &Way) -> Result<Self> {
        way.device.check()?;
        let folded = graph.nodes().iter().all(|n| !n.has_norm());
        let few = (1..=AT_ONCE).rev().find(|n| len.is_multiple_of(*n)).unwrap_or(1);
        let at_once = if folded { few } else { len };
        let through_burn = terms.ssim > 0.0 || terms.edge > 0.0;
        let fast = if through_burn { None } else { way.fast(graph, at_once) };
        ensure!(
            fast.is_some() || (way.rounding.is_none() && terms.hint == 0.0),
            "{} is not on the fast path: no rounding, no hints",
            graph.name()
        );
        let stage = if terms.hint > 0.0 { teacher::stage(graph) } else { None };
        Ok(Self { graph: graph.clone(), task, terms, fast, device: way.device, at_once, stage })
    }

    /// The gradient of a batch's loss; `teacher` holds what a teacher says of it.
    ///
    /// # Errors
    /// If the network is not for the fast path and there is no other.
    pub fn step(&mut self, state: &State, batch: &Batch, teacher: Option<&Opinion>) -> Result<Step> {
        if self.fast.is_none() {
            return self.through_burn(state, batch, teacher.map(|t| t.out.as_slice()));
        }
        let mut step = Step::default();
        let square = teacher.map_or(0.0, |t| mean_square(&t.stage));
        for first in (0..batch.len).step_by(self.at_once) {
            self.some(state, batch, teacher, (first, square), &mut step);
        }
        Ok(step)
    }

    /// Adds what the pictures from `first` give; `square` is the mean of the teacher's squared stage.
    fn some(
        &mut self,
        state: &State,
        batch: &Batch,
        teacher: Option<&Opinion>,
        (first, square): (usize, f32),
        step: &mut Step,
    ) {
        let Some(fast) = &mut self.fast else { return };
        let share = self.at_once as f32 / batch.len as f32;
        let range = |all: usize| {
            let each = all / batch.len;
            first * each..(first + self.at_once) * each
        };
        let (out, statistics) = fast.forward(&state.values, &batch.pixels[range(batch.pixels.len())]);
        let target = &batch.target[range(batch.target.len())];
        let weight = &batch.weight[range(batch.target.len())];
        let opinion = teacher.map(|t| &t.out[range(t.out.len())]);
        let (mut parts, mut by_out) = match self.task {
            Task::Mask { .. } => loss::mask_plain(out, target, weight, opinion, self.at_once, &self.terms),
            Task::Picture { .. } => loss::picture_plain(out, target, weight, opinion, &self.terms),
        };
        by_out.iter_mut().for_each(|g| *g *= share);
        let mut further = Vec::new();
        if let (Some(node), Some(Regressor { layout, values, .. }), Some(teacher)) =
            (self.stage, &state.regressor, teacher)
        {
            let places = self.graph.nodes()[node].shape.places();
            let theirs = &teacher.stage[range(teacher.stage.len())];
            let mut hint = hint(layout, values, fast.value(node), theirs, places, square);
            parts.hint = hint.loss;
            parts.all += f64::from(self.terms.hint) * hint.loss;
            let factor = share * self.terms.hint;
            hint.stage.iter_mut().for_each(|g| *g *= factor);
            add(&mut step.regressor, &hint.regressor, factor);
            further.push((node, hint.stage));
        }
        add(&mut step.gradient, &fast.backward_with(&state.values, &by_out, &further), 1.0);
        step.parts.add(&parts, f64::from(share));
        step.statistics = statistics.values;
    }

    #[cfg(not(feature = "burn"))]
    fn through_burn(&self, _: &State, _: &Batch, _: Option<&[f32]>) -> Result<Step> {
        bail!("{} needs a build with the feature `burn`", self.graph.name())
    }

    #[cfg(feature = "burn")]
    fn through_burn(&self, state: &State, batch: &Batch, teacher: Option<&[f32]>) -> Result<Step> {
        let device = self.device.burn()?.autodiff();
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
            Task::Picture { .. } => loss::picture(out.clone(), truth, weight.clone(), terms),
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
        Ok(Step { parts, gradient, statistics, regressor: Vec::new() })
    }
}

#[cfg(feature = "burn")]
fn number(tensor: Tensor<1>) -> f64 {
    f64::from(tensor.into_data().iter::<f32>().next().unwrap_or(f32::NAN))
}

/// `to += factor · from`; an empty `to` is none yet.
fn add(to: &mut Vec<f32>, from: &[f32], factor: f32) {
    to.resize(from.len(), 0.0);
    to.iter_mut().zip(from).for_each(|(t, f)| *t += factor * f);
}

fn mean_square(values: &[f32]) -> f32 {
    let sum: f64 = values.iter().map(|v| f64::from(v * v)).sum();
    (sum / values.len().max(1) as f64) as f32
}

/// Runs a network in use, some pictures at a time.
pub struct Runner {
    graph: Graph,
    fast: Option<Fast>,
    #[cfg_attr(not(feature = "burn"), allow(dead_code))]
    device: Device,
}

impl Runner {
    /// For `len` pictures at once.
    pub fn new(graph: &Graph, len: usize, way: &Way) -> Self {
        // Who goes through burn to be sure of a gradient need not look through it.
        let fast = Way { slow: false, ..way.clone() }.fast(graph, len);
        Self { graph: graph.clone(), fast, device: way.device }
    }

    /// What comes out, before a mask's last sigmoid and after a picture's.
    ///
    /// # Errors
    /// If the network is not for the fast path and there is no other.
    pub fn run(&mut self, values: &[f32], running: &[f32], pixels: &[f32]) -> Result<Vec<f32>> {
        if let Some(fast) = &mut self.fast {
            return Ok(fast.infer(values, running, pixels).to_vec());
        }
        self.through_burn(values, running, pixels)
    }

    /// What the last run gave at a node, `[N, C, H, W]`.
    ///
    /// # Errors
    /// If the network is not for the fast path.
    pub fn value(&self, node: NodeId) -> Result<&[f32]> {
        let fast = self.fast.as_ref();
        fast.map(|f| f.value(node)).with_context(|| format!("{} is not on the fast path", self.graph.name()))
    }

    #[cfg(not(feature = "burn"))]
    fn through_burn(&self, _: &[f32], _: &[f32], _: &[f32]) -> Result<Vec<f32>> {
        bail!("{} needs a build with the feature `burn`", self.graph.name())
    }

    #[cfg(feature = "burn")]
    fn through_burn(&self, values: &[f32], running: &[f32], pixels: &[f32]) -> Result<Vec<f32>> {
        let device = self.device.burn()?;
        let weights = Weights::new(&Layout::of(&self.graph), values, running, &device);
        let input = self.graph.input_shape();
        let x = TensorData::new(pixels.to_vec(), [pixels.len() / input.len(), 3, input.height, input.width]);
        let out = weights.forward(&self.graph, Tensor::<4>::from_data(x, &device), Mode::Infer, &[]).logits;
        let picture = self.graph.output_shape().channels == 3
            && self.graph.nodes()[self.graph.output()].activation() == faceveil_net::Activation::Sigmoid;
        let out = if picture { burn::tensor::activation::sigmoid(out) } else { out };
        Ok(out.into_data().iter::<f32>().collect())
    }
}
