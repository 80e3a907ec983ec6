//! A run between two steps: everything that the next step depends on.

use anyhow::Result;
use faceveil_net::{Graph, NodeId, Op};

use super::checkpoint::Checkpoint;
use super::engine::Step;
use super::optimizer::{Adam, AdamSettings, follow};
use super::schedule::Watch;
use crate::net::fast::regressor;
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
    /// Nodes of the graph.
    nodes: usize,
    /// Steps done.
    pub step: u64,
    /// The validation losses so far.
    pub watch: Watch,
    /// The range of each node's value, if values are rounded.
    pub ranges: Vec<(f32, f32)>,
    /// What turns the student's stage into the teacher's, if there are hints.
    pub regressor: Option<Regressor>,
}

/// A hint's 1 × 1 convolution, and its optimiser.
#[derive(Clone, Debug, PartialEq)]
pub struct Regressor {
    /// Where its parameters lie.
    pub layout: Layout,
    /// The parameters.
    pub values: Vec<f32>,
    /// The optimiser's means.
    pub adam: Adam,
}

/// The convolution that gives what is added to the picture, where a network has one. It begins with nothing, so that training
/// begins with the untouched picture and not with noise.
fn change(graph: &Graph) -> Option<NodeId> {
    let node = |id: NodeId| &graph.nodes()[id];
    let last = node(graph.output());
    let sum = matches!(last.op, Op::Shuffle { .. }).then(|| node(last.inputs[0]))?;
    let into = |id: &&NodeId| matches!(node(**id).op, Op::Conv { .. });
    (sum.op == Op::Add).then(|| sum.inputs.iter().find(into).copied())?
}

impl Regressor {
    /// Random, from so many channels of the student to so many of the teacher.
    pub fn new(teacher: usize, student: usize, seed: u64) -> Self {
        let layout = regressor::layout(teacher, student);
        // The student's own first weights come from the seed as it is.
        let (values, _) = layout.init(seed ^ 0x48_49_4E_54);
        Self { adam: Adam::new(layout.len), values, layout }
    }
}

impl State {
    /// Before the first step.
    pub fn new(graph: &Graph, seed: u64) -> Self {
        let layout = Layout::of(graph);
        let (mut values, running) = layout.init(seed);
        for param in layout.params.iter().filter(|p| Some(p.node) == change(graph)) {
            values[param.range.clone()].fill(0.0);
        }
        Self {
            average: values.clone(),
            average_running: running.clone(),
            adam: Adam::new(layout.len),
            values,
            running,
            nodes: graph.nodes().len(),
            step: 0,
            watch: Watch::new(),
            ranges: Vec::new(),
            regressor: None,
            layout,
        }
    }

    /// Takes these weights and averages as the first ones.
    ///
    /// # Panics
    /// If they are of another network.
    pub fn begin_with(&mut self, (values, running): (Vec<f32>, Vec<f32>)) {
        assert_eq!((values.len(), running.len()), (self.layout.len, self.layout.running_len));
        self.average.clone_from(&values);
        self.average_running.clone_from(&running);
        (self.values, self.running) = (values, running);
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
        if from.has("ranges") {
            let flat = from.list("ranges", 2 * self.nodes)?;
            self.ranges = flat.as_chunks::<2>().0.iter().map(|r| (r[0], r[1])).collect();
        }
        if let Some(regressor) = &mut self.regressor {
            let n = regressor.layout.len;
            regressor.values = from.list("regressor", n)?;
            regressor.adam.mean = from.list("regressor_mean", n)?;
            regressor.adam.square = from.list("regressor_square", n)?;
            regressor.adam.steps = from.step;
        }
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
        let mut lists: Vec<_> = LISTS.iter().zip(lists).map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
        if !self.ranges.is_empty() {
            lists.push(("ranges".to_owned(), self.ranges.iter().flat_map(|r| [r.0, r.1]).collect()));
        }
        if let Some(Regressor { values, adam, .. }) = &self.regressor {
            let named = [("", values), ("_mean", &adam.mean), ("_square", &adam.square)];
            lists.extend(named.map(|(end, v)| (format!("regressor{end}"), v.clone())));
        }
        Checkpoint { about: about.clone(), step: self.step, watch: self.watch, lists }
    }

    /// One step against a batch's gradient at `rate`, with the batch norms' statistics; gives the gradient's length.
    pub fn advance(&mut self, settings: &AdamSettings, rate: f64, step: &Step) -> f32 {
        let rate = rate as f32;
        let length = self.adam.step(settings, &self.layout, rate, &mut self.values, &step.gradient);
        if let Some(Regressor { layout, values, adam }) = self.regressor.as_mut()
            && !step.regressor.is_empty()
        {
            adam.step(settings, layout, rate, values, &step.regressor);
        }
        self.step += 1;
        for (r, s) in self.running.iter_mut().zip(&step.statistics) {
            *r += MOMENTUM * (s - *r);
        }
        follow(&mut self.average, &self.values, settings.average, self.step);
        follow(&mut self.average_running, &self.running, settings.average, self.step);
        length
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::random::Random;
    use crate::net::fast::Fast;

    #[test]
    fn a_direct_network_begins_with_the_picture_itself() {
        let graph = faceveil_net::by_name("direct").expect("it is listed");
        let state = State::new(&graph, 1);
        let mut random = Random::new(2);
        let pixels: Vec<f32> = (0..graph.input_shape().len()).map(|_| random.unit() as f32).collect();
        let mut fast = Fast::new(&graph, 1).expect("it knows the operations");
        assert_eq!(fast.infer(&state.values, &state.running, &pixels), pixels);
        let gate = faceveil_net::by_name("gate").expect("it is listed");
        assert_eq!(State::new(&gate, 1).values, Layout::of(&gate).init(1).0);
    }
}
