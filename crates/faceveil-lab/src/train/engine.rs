//! Who computes a gradient: the fast path where it knows the network, burn for all others.

use std::thread;

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

impl Step {
    /// Of parts of a batch, each this share of it. Their gradients and hints have that share in them.
    fn of(parts: &[Self], share: f32) -> Self {
        let mut step = Self::default();
        for part in parts {
            add(&mut step.gradient, &part.gradient, 1.0);
            add(&mut step.regressor, &part.regressor, 1.0);
            add(&mut step.statistics, &part.statistics, share);
            step.parts.add(&part.parts, f64::from(share));
        }
        step
    }
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
    /// Pictures that a batch norm sees at once, on the fast path only; without, the whole batch.
    pub norm_batch: Option<usize>,
    /// Threads at most that share a batch, on the fast path; none is one.
    pub threads: usize,
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
    /// One a thread; none if burn computes.
    fast: Vec<Fast>,
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
    /// If the device is not there, if rounding, hints or batches for the batch norms are asked for off the fast path, or if
    /// the last are asked for without batch norms or do not divide the batch.
    pub fn new(graph: &Graph, task: Task, terms: Terms, len: usize, way: &Way) -> Result<Self> {
        way.device.check()?;
        let folded = graph.nodes().iter().all(|n| !n.has_norm());
        let few = (1..=AT_ONCE).rev().find(|n| len.is_multiple_of(*n)).unwrap_or(1);
        ensure!(!folded || way.norm_batch.is_none(), "{} has no batch norms", graph.name());
        let at_once = if folded { few } else { way.norm_batch.unwrap_or(len) };
        ensure!(
            (1..=len).contains(&at_once) && len.is_multiple_of(at_once),
            "a batch norm's {at_once} pictures do not divide the batch's {len}"
        );
        let through_burn = terms.ssim > 0.0 || terms.edge > 0.0;
        let threads = way.threads.clamp(1, (len / at_once).max(1));
        let one = |_| if through_burn { None } else { way.fast(graph, at_once) };
        let fast: Vec<Fast> = (0..threads).map_while(one).collect();
        ensure!(
            !fast.is_empty() || (way.rounding.is_none() && way.norm_batch.is_none() && terms.hint == 0.0),
            "{} is not on the fast path: no rounding, no hints, no batches of batch norms",
            graph.name()
        );
        let stage = if terms.hint > 0.0 { teacher::stage(graph) } else { None };
        Ok(Self { graph: graph.clone(), task, terms, fast, device: way.device, at_once, stage })
    }

    /// The gradient of a batch's loss; `teacher` holds what a teacher says of it. The same for any number of threads, bit by
    /// bit.
    ///
    /// # Errors
    /// If the network is not for the fast path and there is no other.
    pub fn step(&mut self, state: &State, batch: &Batch, teacher: Option<&Opinion>) -> Result<Step> {
        if self.fast.is_empty() {
            return self.through_burn(state, batch, teacher.map(|t| t.out.as_slice()));
        }
        let square = teacher.map_or(0.0, |t| mean_square(&t.stage));
        let (task, terms, at_once, stage) = (self.task, &self.terms, self.at_once, self.stage);
        let places = stage.map_or(0, |node| self.graph.nodes()[node].shape.places());
        let job = Job { task, terms, at_once, stage, places, state, batch, teacher, square };
        let mut parts = vec![Step::default(); batch.len / at_once];
        let each = parts.len().div_ceil(self.fast.len());
        if let [fast] = self.fast.as_mut_slice() {
            job.some(fast, 0, &mut parts);
        } else {
            thread::scope(|scope| {
                for (n, (fast, parts)) in self.fast.iter_mut().zip(parts.chunks_mut(each)).enumerate() {
                    let job = &job;
                    scope.spawn(move || job.some(fast, n * each * at_once, parts));
                }
            });
        }
        Ok(Step::of(&parts, at_once as f32 / batch.len as f32))
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

/// What threads share over a step of the fast path.
struct Job<'a> {
    task: Task,
    terms: &'a Terms,
    at_once: usize,
    stage: Option<NodeId>,
    /// Of that stage's map.
    places: usize,
    state: &'a State,
    batch: &'a Batch,
    teacher: Option<&'a Opinion>,
    /// Mean of the teacher's squared stage.
    square: f32,
}

impl Job<'_> {
    /// Fills in what the pictures from `first` give, [`Self::at_once`] a part.
    fn some(&self, fast: &mut Fast, first: usize, parts: &mut [Step]) {
        for (n, part) in parts.iter_mut().enumerate() {
            *part = self.part(fast, first + n * self.at_once);
        }
    }

    fn part(&self, fast: &mut Fast, first: usize) -> Step {
        let (batch, state, at_once) = (self.batch, self.state, self.at_once);
        let share = at_once as f32 / batch.len as f32;
        let range = |all: usize| {
            let each = all / batch.len;
            first * each..(first + at_once) * each
        };
        let (out, statistics) = fast.forward(&state.values, &batch.pixels[range(batch.pixels.len())]);
        let target = &batch.target[range(batch.target.len())];
        let weight = &batch.weight[range(batch.target.len())];
        let opinion = self.teacher.map(|t| &t.out[range(t.out.len())]);
        let (mut parts, mut by_out) = match self.task {
            Task::Mask { .. } => loss::mask_plain(out, target, weight, opinion, at_once, self.terms),
            Task::Picture { .. } => loss::picture_plain(out, target, weight, opinion, self.terms),
        };
        by_out.iter_mut().for_each(|g| *g *= share);
        let (mut further, mut regressor) = (Vec::new(), Vec::new());
        if let (Some(node), Some(Regressor { layout, values, .. }), Some(teacher)) =
            (self.stage, &state.regressor, self.teacher)
        {
            let theirs = &teacher.stage[range(teacher.stage.len())];
            let mut hint = hint(layout, values, fast.value(node), theirs, self.places, self.square);
            parts.hint = hint.loss;
            parts.all += f64::from(self.terms.hint) * hint.loss;
            let factor = share * self.terms.hint;
            hint.stage.iter_mut().for_each(|g| *g *= factor);
            add(&mut regressor, &hint.regressor, factor);
            further.push((node, hint.stage));
        }
        let gradient = fast.backward_with(&state.values, &by_out, &further);
        Step { parts, gradient, statistics: statistics.values, regressor }
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
