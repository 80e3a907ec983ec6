//! A network that was trained: of a run's checkpoint, or of a file that the program runs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use faceveil_infer::gate::GateWeights;
use faceveil_net::variation::spelling;
use faceveil_net::{Graph, family};

use super::checkpoint::Checkpoint;
use crate::net::fold::folded;
use crate::net::layout::Layout;
use crate::net::reshape::reshaped;

/// A network and its weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// The network, at the size that it was trained at; without batch norms where they have been folded.
    pub graph: Graph,
    /// Its parameters, in the order of its [`Layout`].
    pub values: Vec<f32>,
    /// The batch norms' averages.
    pub running: Vec<f32>,
}

impl Trained {
    /// Reads a checkpoint (its averaged weights) or a gate network's file (`.fvnw`).
    ///
    /// # Errors
    /// If it is neither, or of a network that is not listed.
    pub fn load(path: &Path) -> Result<Self> {
        let place = || path.display().to_string();
        Self::parse(&fs::read(path).with_context(place)?).with_context(place)
    }

    /// As [`Self::load`], of a file's bytes.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        if bytes.starts_with(b"FVNW") {
            Self::of_file(bytes)
        } else {
            Self::of_checkpoint(&Checkpoint::parse(bytes)?)
        }
    }

    fn of_file(bytes: &[u8]) -> Result<Self> {
        let GateWeights { config, values, .. } = GateWeights::parse(bytes)?;
        // The file does not hold the name; it is told by what the network is made of. Squares of 8 have none of that kind.
        let same = |c: &family::GateConfig| (c.block, &c.levels) == (config.block, &config.levels);
        let listed = family::gates().into_iter().find(same).map(|c| c.name);
        let spelled = || family::gate_by_name(&spelling(&config)).filter(same).map(|c| c.name);
        let name = listed.or_else(spelled).unwrap_or_else(|| config.name.clone());
        let graph = family::GateConfig { name, ..config }.graph()?.without_norms();
        Ok(Self { graph, values, running: Vec::new() })
    }

    fn of_checkpoint(checkpoint: &Checkpoint) -> Result<Self> {
        let about = &checkpoint.about;
        let size = about["size"].as_u64().map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        let folded = about["folded"].as_bool().unwrap_or(false);
        let graph = super::network(about["net"].as_str().unwrap_or(""), size, folded)?;
        let layout = Layout::of(&graph);
        let values = checkpoint.list("average", layout.len)?;
        let running = checkpoint.list("average_running", layout.running_len)?;
        Ok(Self { graph, values, running })
    }

    /// Whether there are no batch norms left.
    pub fn is_folded(&self) -> bool {
        self.graph.nodes().iter().all(|node| !node.has_norm())
    }

    /// Weights and one bias a channel, batch norms folded.
    pub fn folded(&self) -> Vec<f32> {
        folded(&Layout::of(&self.graph), &self.values, &self.running)
    }

    /// Its weights, norms folded, for a network with other channels, more residual blocks or another head; `new` are the
    /// first weights of an untrained `graph`.
    ///
    /// # Errors
    /// If they differ by more.
    pub fn reshaped(&self, graph: &Graph, new: &[f32], seed: u64) -> Result<Self> {
        let (from, to) = (self.graph.without_norms(), graph.without_norms());
        let running = Layout::of(graph).init(0).1;
        let new = folded(&Layout::of(graph), new, &running);
        let values = reshaped(&from, &self.folded(), &to, &new, seed)
            .with_context(|| format!("{} and {} have other blocks", from.name(), to.name()))?;
        Ok(Self { graph: to, values, running: Vec::new() })
    }

    /// The first weights and averages of a run of `graph`: as they are, folded, or with norms that are measured on `pixels`,
    /// `len` pictures, if that is what `graph` wants.
    ///
    /// # Errors
    /// If it is another network.
    pub fn begin(
        &self,
        graph: &Graph,
        pixels: impl FnOnce() -> (Vec<f32>, usize),
    ) -> Result<(Vec<f32>, Vec<f32>)> {
        let (wanted, own) = (Layout::of(graph), Layout::of(&self.graph));
        let same = |a: &Layout, b: &Layout| a.params == b.params;
        if same(&wanted, &own) {
            return Ok((self.values.clone(), self.running.clone()));
        }
        let flat = self.folded();
        let plain = |g: &Graph| Layout::of(&g.without_norms());
        ensure!(
            same(&plain(graph), &plain(&self.graph)),
            "weights of {} are none for {}",
            self.graph.name(),
            graph.name()
        );
        if wanted.running.is_empty() {
            return Ok((flat, Vec::new()));
        }
        let (pixels, len) = pixels();
        crate::net::fold::renewed(graph, &flat, &pixels, len)
            .context("norms are renewed on the fast path only")
    }
}
