//! A run: its steps, its epochs, and what is kept of them.

use std::fs;
use std::num::NonZero;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use faceveil_net::Graph;

use super::args::TrainArgs;
use super::augment::Task;
use super::checkpoint::Checkpoint;
use super::engine::{Engine, Runner, Step, Way};
use super::feed::{self, Batch, Order};
use super::log::{self, Epoch};
use super::loss::{Parts, Terms};
use super::optimizer::AdamSettings;
use super::rounding;
use super::schedule::{self, Schedule};
use super::sources::{self, Source};
use super::state::{Regressor, State};
use super::teacher::{self, Teacher};
use super::trained::Trained;
use super::valid::{Score, Valid};
use crate::net::fast::rounding::Rounding;

/// Steps between two lines that say how far it is.
const SAY: u64 = 50;
/// Pictures that renewed batch norms are measured on.
const MEASURED: usize = 64;

/// A run: what stays the same over its steps, and its state.
pub struct Run {
    about: serde_json::Value,
    task: Task,
    terms: Terms,
    way: Way,
    graph: Graph,
    small: Graph,
    sources: Arc<Vec<Source>>,
    valid: Valid,
    teacher: Option<Teacher>,
    pub(super) state: State,
}

impl Run {
    /// Begins, or goes on where the run folder's last checkpoint left off.
    pub fn new(args: &TrainArgs, sources: Arc<Vec<Source>>) -> Result<Self> {
        let start = Start::read(args)?;
        let graph = super::network(&args.net, args.size, start.folded(args))?;
        let (full, task) = (graph.input_shape().height, super::task(&graph, args.face_weight));
        let mut way = Way {
            slow: args.slow,
            device: args.device,
            rounding: None,
            norm_batch: args.norm_batch,
            threads: thread::available_parallelism().map_or(1, NonZero::get),
        };
        let teacher = teacher(args, &graph, &way)?;
        let about = about(args, &graph, start.folded(args), &sources);
        let mut state = State::new(&graph, args.seed);
        if let Some((theirs, own)) =
            teacher.as_ref().and_then(Teacher::stage_channels).zip(teacher::stage(&graph))
        {
            let own = graph.nodes()[own].shape.channels;
            state.regressor = Some(Regressor::new(theirs, own, args.seed));
        }
        match start {
            Start::New => {}
            Start::From(trained) => {
                let order = Order {
                    seed: args.seed,
                    from: 0,
                    to: 1,
                    len: MEASURED,
                    task,
                    frames: args.frames,
                    factor: 1,
                };
                let trained =
                    if args.reshape { trained.reshaped(&graph, &state.values, args.seed)? } else { trained };
                let pixels = || (feed::batch(&sources, &order, 0, full).pixels, MEASURED);
                state.begin_with(trained.begin(&graph, pixels)?);
            }
            Start::Resumed(checkpoint) => {
                same_run(&checkpoint, &about).with_context(|| args.out.display().to_string())?;
                state.restore(&checkpoint)?;
                eprintln!("goes on after step {}", state.step);
            }
        }
        if args.qat {
            if state.ranges.is_empty() {
                state.ranges = rounding::calibrated(&graph, &state.values, &sources, task, args.calibration)?;
            }
            rounding::save(&args.out.join("ranges.json"), &graph, &state.ranges)?;
            way.rounding = Some(Rounding::new(&graph, &state.ranges));
        }
        let config = args.out.join("config.json");
        fs::write(&config, serde_json::to_vec_pretty(&about)?)
            .with_context(|| config.display().to_string())?;
        let terms =
            Terms { dice: args.dice, ssim: args.ssim, edge: args.edge, distil: args.distil, hint: args.hint };
        let small = graph.resized(full * 3 / 4, full * 3 / 4).unwrap_or_else(|_| graph.clone());
        let valid = Valid::new(sources.iter().flat_map(|s| &s.valid), full, task);
        Ok(Self { about, task, terms, way, graph, small, sources, valid, teacher, state })
    }

    /// Trains to the end.
    pub fn go(&mut self, args: &TrainArgs) -> Result<()> {
        self.go_until(args, args.steps)
    }

    /// As [`Self::go`], but leaves off after step `last`, as a kill would.
    pub(super) fn go_until(&mut self, args: &TrainArgs, last: u64) -> Result<()> {
        let full = self.graph.input_shape().height;
        let until_small = (args.small * args.steps as f64) as u64;
        let small_side = self.small.input_shape().height;
        let side = move |step: u64| if step < until_small { small_side } else { full };
        let order = Order {
            seed: args.seed,
            from: self.state.step,
            to: args.steps,
            len: args.batch,
            task: self.task,
            frames: args.frames,
            factor: self.teacher.as_ref().map_or(1, Teacher::factor),
        };
        let feed = feed::start(Arc::clone(&self.sources), order, side);
        let engine = |graph: &Graph| Engine::new(graph, self.task, self.terms, args.batch, &self.way);
        let (mut large, mut small) = (engine(&self.graph)?, engine(&self.small)?);
        let settings = AdamSettings { decay: args.decay, average: args.average, ..AdamSettings::default() };
        let mut epoch = Sums::default();
        let mut clock = Clock { begun: Instant::now(), first: self.state.step };
        while self.state.step < last {
            let batch = feed.recv().context("the thread that makes batches is gone")?;
            let teacher = self.teacher.as_mut().map(|t| t.look(&batch)).transpose()?;
            let engine = if self.state.step < until_small { &mut small } else { &mut large };
            let step = engine.step(&self.state, &batch, teacher.as_ref())?;
            self.check(&step, &batch, &args.out)?;
            let rate = self.rate(args);
            let length = self.state.advance(&settings, rate, &step);
            epoch.add(&step.parts, length);
            if self.state.step.is_multiple_of(SAY) {
                clock.say(&self.state, args, &epoch);
            }
            if (self.state.step.is_multiple_of(args.epoch) || self.state.step == args.steps)
                && self.end(args, rate, &epoch)?
            {
                eprintln!("stops: {} epochs without a lower validation loss", self.state.watch.since);
                break;
            } else if self.state.step.is_multiple_of(args.epoch) {
                epoch = Sums::default();
            }
        }
        Ok(())
    }

    fn rate(&self, args: &TrainArgs) -> f64 {
        match args.schedule {
            Schedule::Cosine => schedule::cosine(self.state.step as f64 / args.steps as f64, args.rate),
            Schedule::Plateau => args.rate * self.state.watch.factor,
        }
    }

    /// A number that is none ends the run; the batch and the weights before it are kept.
    fn check(&self, step: &Step, batch: &Batch, out: &Path) -> Result<()> {
        if step.parts.all.is_finite() && step.gradient.iter().all(|g| g.is_finite()) {
            return Ok(());
        }
        let mut broken = self.state.checkpoint(&self.about);
        for (name, values) in
            [("pixels", &batch.pixels), ("target", &batch.target), ("weight", &batch.weight)]
        {
            broken.lists.push((format!("batch_{name}"), values.clone()));
        }
        broken.save(&out.join("broken.ckpt"))?;
        bail!("loss {} at step {}: batch and weights are in broken.ckpt", step.parts.all, self.state.step)
    }

    /// Ends an epoch; gives whether the run is to stop early.
    fn end(&mut self, args: &TrainArgs, rate: f64, sums: &Sums) -> Result<bool> {
        let score = self.score()?;
        let number = self.state.step.div_ceil(args.epoch) - 1;
        let (parts, longest) = (sums.mean(), sums.longest);
        log::add(&args.out, &Epoch { number, rate, parts, longest }, &score)?;
        let better = self.state.watch.epoch(score.loss, args.patience, args.rate);
        let checkpoint = self.state.checkpoint(&self.about);
        checkpoint.save(&args.out.join("last.ckpt"))?;
        if better {
            checkpoint.save(&args.out.join("best.ckpt"))?;
        }
        log::draw(&args.out.join("log.csv"), &args.out.join("curves.svg"))?;
        Ok(args.stop > 0 && self.state.watch.since >= args.stop)
    }

    fn score(&self) -> Result<Score> {
        let mut runner = Runner::new(&self.graph, 1, &self.way);
        let state = &self.state;
        let mut failed = None;
        let score = self.valid.score(&self.terms, |x| {
            let out = runner.run(&state.average, &state.average_running, x);
            out.unwrap_or_else(|e| {
                failed = Some(e);
                vec![0.0; self.graph.output_shape().len()]
            })
        });
        failed.map_or(Ok(score), Err)
    }
}

/// What a run begins with.
enum Start {
    /// Random weights.
    New,
    /// Those of another run.
    From(Trained),
    /// Its own last checkpoint.
    Resumed(Checkpoint),
}

impl Start {
    fn read(args: &TrainArgs) -> Result<Self> {
        let last = args.out.join("last.ckpt");
        if last.exists() {
            return Ok(Self::Resumed(Checkpoint::load(&last)?));
        }
        Ok(match &args.from {
            Some(from) => Self::From(Trained::load(from)?),
            None => Self::New,
        })
    }

    /// Whether the network is trained without batch norms.
    fn folded(&self, args: &TrainArgs) -> bool {
        args.qat
            || match self {
                Self::New => false,
                Self::From(trained) => trained.is_folded() && !args.renew_norms && !args.reshape,
                Self::Resumed(checkpoint) => checkpoint.about["folded"].as_bool().unwrap_or(false),
            }
    }
}

fn teacher(args: &TrainArgs, student: &Graph, way: &Way) -> Result<Option<Teacher>> {
    ensure!(args.teacher.is_none() || args.small == 0.0, "--teacher and --small exclude each other");
    ensure!(args.teacher.is_some() || args.hint == 0.0, "--hint needs a --teacher");
    let load = |path| Teacher::load(path, args.teacher_size, student, args.hint > 0.0, way);
    args.teacher.as_deref().map(load).transpose()
}

/// Sums over an epoch's steps.
#[derive(Default)]
struct Sums {
    parts: Parts,
    count: u64,
    longest: f32,
}

impl Sums {
    fn add(&mut self, parts: &Parts, length: f32) {
        self.parts.add(parts, 1.0);
        self.count += 1;
        self.longest = self.longest.max(length);
    }

    fn mean(&self) -> Parts {
        let mut mean = Parts::default();
        mean.add(&self.parts, 1.0 / self.count.max(1) as f64);
        mean
    }
}

/// How fast it goes.
struct Clock {
    begun: Instant,
    first: u64,
}

impl Clock {
    fn say(&mut self, state: &State, args: &TrainArgs, epoch: &Sums) {
        let pace = self.begun.elapsed().as_secs_f64() / (state.step - self.first).max(1) as f64;
        eprintln!(
            "step {} of {}: loss {:.5}, {:.1} pictures/s, {:.0} min left",
            state.step,
            args.steps,
            epoch.mean().all,
            args.batch as f64 / pace,
            pace * (args.steps - state.step) as f64 / 60.0
        );
    }
}

/// Whether a checkpoint is of this run.
fn same_run(checkpoint: &Checkpoint, about: &serde_json::Value) -> Result<()> {
    for key in ["net", "seed", "batch", "norm_batch", "data", "size", "folded", "qat"] {
        // Files written before there was such a choice do not have it.
        let got = &checkpoint.about[key];
        ensure!(got.is_null() || *got == about[key], "of another run: its {key} is {got}");
    }
    Ok(())
}

/// What the run is: settings, data and revision.
fn about(args: &TrainArgs, graph: &Graph, folded: bool, sources: &[Source]) -> serde_json::Value {
    let revision =
        Command::new("git").args(["rev-parse", "HEAD"]).output().ok().filter(|o| o.status.success());
    let revision = revision.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned());
    let counts: serde_json::Map<_, _> = sources
        .iter()
        .map(|s| (s.name.to_owned(), serde_json::json!([s.train.len(), s.valid.len(), s.share])))
        .collect();
    serde_json::json!({
        "net": args.net, "size": graph.input_shape().height, "folded": folded, "qat": args.qat, "steps": args.steps, "batch": args.batch, "norm_batch": args.norm_batch.unwrap_or(args.batch), "rate": args.rate, "seed": args.seed,
        "schedule": args.schedule, "small": args.small, "face_weight": args.face_weight, "plain": args.frames.plain, "four": args.frames.four, "unsharp": args.frames.unsharp, "epoch": args.epoch, "decay": args.decay, "average": args.average,
        "dice": args.dice, "ssim": args.ssim, "edge": args.edge, "distil": args.distil, "hint": args.hint,
        "teacher": args.teacher.is_some(), "renew_norms": args.renew_norms, "reshape": args.reshape, "device": args.device, "patience": args.patience, "stop": args.stop,
        "pictures": counts, "data": sources::fingerprint(sources), "revision": revision,
    })
}
