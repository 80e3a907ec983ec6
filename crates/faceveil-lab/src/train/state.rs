//! A run between two steps: everything that the next step depends on.

use std::path::Path;

use anyhow::Result;
use faceveil_net::Graph;

use super::checkpoint::Checkpoint;
use super::optimizer::{Adam, AdamSettings, follow};
use super::schedule::Watch;
use crate::net::layout::Layout;

/// Share of a batch's statistics that a batch norm's average takes on.
const MOMENTUM: f32 = 0.05;

const LISTS: [&str; 6] = ["weights", "running", "average", "average_running", "adam_mean", "adam_square"];

/// Weights, averages, optimiser and what was seen so far.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Where each parameter lies.
    pub layout: Layout,
    /// The parameters.
    pub values: Vec<f32>,
    /// The batch norms' averages.
    pub running: Vec<f32>,
    /// Running mean of the parameters: what is judged and shipped.
    pub average: Vec<f32>,
    /// Running mean of the batch norms' averages.
    pub average_running: Vec<f32>,
    /// The optimiser's means.
    pub adam: Adam,
    /// Steps done.
    pub step: u64,
    /// The validation losses so far.
    pub watch: Watch,
}

impl State {
    /// Before the first step.
    pub fn new(graph: &Graph, seed: u64) -> Self {
        let layout = Layout::of(graph);
        let (values, running) = layout.init(seed);
        Self {
            average: values.clone(),
            average_running: running.clone(),
            adam: Adam::new(layout.len),
            values,
            running,
            step: 0,
            watch: Watch::new(),
            layout,
        }
    }

    /// Takes the averaged weights of another run as the first ones.
    ///
    /// # Errors
    /// If it is of another network.
    pub fn begin_with(&mut self, path: &Path) -> Result<()> {
        let old = Checkpoint::load(path)?;
        self.values = old.list("average", self.layout.len)?;
        self.running = old.list("average_running", self.layout.running_len)?;
        self.average.clone_from(&self.values);
        self.average_running.clone_from(&self.running);
        Ok(())
    }

    /// Goes back to where the checkpoint was taken.
    ///
    /// # Errors
    /// If it is of another network.
    pub fn restore(&mut self, from: &Checkpoint) -> Result<()> {
        let (n, r) = (self.layout.len, self.layout.running_len);
        self.values = from.list("weights", n)?;
        self.running = from.list("running", r)?;
        self.average = from.list("average", n)?;
        self.average_running = from.list("average_running", r)?;
        self.adam.mean = from.list("adam_mean", n)?;
        self.adam.square = from.list("adam_square", n)?;
        self.adam.steps = from.step;
        self.step = from.step;
        self.watch = from.watch;
        Ok(())
    }

    /// All of it, with `about` the run.
    pub fn checkpoint(&self, about: &serde_json::Value) -> Checkpoint {
        let lists = [
            &self.values,
            &self.running,
            &self.average,
            &self.average_running,
            &self.adam.mean,
            &self.adam.square,
        ];
        Checkpoint {
            about: about.clone(),
            step: self.step,
            watch: self.watch,
            lists: LISTS.iter().zip(lists).map(|(n, v)| ((*n).to_owned(), v.clone())).collect(),
        }
    }

    /// One step against `gradient` at `rate`, with the batch norms' statistics of the batch; gives the gradient's length.
    pub fn advance(
        &mut self,
        settings: &AdamSettings,
        rate: f64,
        gradient: &[f32],
        statistics: &[f32],
    ) -> f32 {
        let length = self.adam.step(settings, &self.layout, rate as f32, &mut self.values, gradient);
        self.step += 1;
        for (r, s) in self.running.iter_mut().zip(statistics) {
            *r += MOMENTUM * (s - *r);
        }
        follow(&mut self.average, &self.values, settings.average, self.step);
        follow(&mut self.average_running, &self.running, settings.average, self.step);
        length
    }
}
