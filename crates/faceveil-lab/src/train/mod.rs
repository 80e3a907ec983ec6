//! Training: from folders of pictures to weights, with a log, checkpoints, and exact continuation.

pub mod args;
pub mod augment;
pub mod bench;
pub mod checkpoint;
pub mod engine;
pub mod feed;
pub mod log;
pub mod loss;
pub mod optimizer;
pub mod photo;
pub mod schedule;
pub mod sources;
pub mod state;
pub mod valid;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use faceveil_net::Graph;

use self::args::{CurvesArgs, TrainArgs};
use self::augment::Task;
use self::checkpoint::Checkpoint;
use self::engine::{Engine, Runner, Step};
use self::feed::{Batch, Order};
use self::log::Epoch;
use self::loss::{Parts, Terms};
use self::optimizer::AdamSettings;
use self::schedule::Schedule;
use self::sources::Source;
use self::state::State;
use self::valid::{Score, Valid};

/// Steps between two lines that say how far it is.
const SAY: u64 = 50;

/// Runs `faceveil-lab train`.
///
/// # Errors
/// What stopped it.
pub fn run(args: &TrainArgs) -> Result<ExitCode> {
    let graph = network(&args.net)?;
    let task = task(&graph);
    fs::create_dir_all(&args.out).with_context(|| args.out.display().to_string())?;
    let begun = Instant::now();
    let sources = Arc::new(sources::load(&args.shared, args.labels.as_deref(), args.limit)?);
    eprintln!("pictures read in {:.0} s", begun.elapsed().as_secs_f64());
    if let Some(path) = &args.show {
        let side = graph.input_shape().height;
        let batch = feed::batch(&sources, args.seed, 0, args.batch, side, task);
        fs::write(path, feed::sheet(&batch, side, task)).with_context(|| path.display().to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut run = Run::new(args, &graph, task, sources)?;
    run.go(args)?;
    Ok(ExitCode::SUCCESS)
}

/// Runs `faceveil-lab curves`.
///
/// # Errors
/// If the table cannot be read or the picture not be written.
pub fn curves(args: &CurvesArgs) -> Result<ExitCode> {
    log::draw(&args.table, &args.out)?;
    Ok(ExitCode::SUCCESS)
}

fn network(name: &str) -> Result<Graph> {
    faceveil_net::by_name(name).with_context(|| format!("no network called {name:?}; `nets` lists them"))
}

/// A network of one channel gives a mask, another a picture.
fn task(graph: &Graph) -> Task {
    let (input, output) = (graph.input_shape(), graph.output_shape());
    if output.channels == 1 { Task::Mask { cell: input.height / output.height } } else { Task::Picture }
}

/// What a teacher needs to look at a batch.
struct Teacher {
    runner: Runner,
    state: State,
}

/// A run: what stays the same over its steps, and its state.
struct Run {
    about: serde_json::Value,
    task: Task,
    terms: Terms,
    graph: Graph,
    small: Graph,
    sources: Arc<Vec<Source>>,
    valid: Valid,
    teacher: Option<Teacher>,
    state: State,
}

impl Run {
    fn new(args: &TrainArgs, graph: &Graph, task: Task, sources: Arc<Vec<Source>>) -> Result<Self> {
        let full = graph.input_shape().height;
        let teacher =
            args.teacher.as_deref().map(|path| Teacher::load(path, graph, args.batch)).transpose()?;
        ensure!(teacher.is_none() || args.small == 0.0, "--teacher and --small exclude each other");
        let mut run = Self {
            about: about(args, &sources),
            task,
            terms: Terms { dice: args.dice, ssim: args.ssim, edge: args.edge, distil: args.distil },
            small: graph.resized(full * 3 / 4, full * 3 / 4).unwrap_or_else(|_| graph.clone()),
            graph: graph.clone(),
            valid: Valid::new(sources.iter().flat_map(|s| &s.valid), full, task),
            sources,
            teacher,
            state: State::new(graph, args.seed),
        };
        let last = args.out.join("last.ckpt");
        if last.exists() {
            let checkpoint = Checkpoint::load(&last)?;
            let same = |key: &str| checkpoint.about[key] == run.about[key];
            for key in ["net", "seed", "batch", "data"] {
                ensure!(
                    same(key),
                    "{} is of another run: its {key} is {}",
                    last.display(),
                    checkpoint.about[key]
                );
            }
            run.state.restore(&checkpoint)?;
            eprintln!("goes on after step {}", run.state.step);
        } else if let Some(from) = &args.from {
            run.state.begin_with(from)?;
        }
        let config = args.out.join("config.json");
        fs::write(&config, serde_json::to_vec_pretty(&run.about)?)
            .with_context(|| config.display().to_string())?;
        Ok(run)
    }

    fn go(&mut self, args: &TrainArgs) -> Result<()> {
        self.go_until(args, args.steps)
    }

    /// As [`Self::go`], but leaves off after step `last`, as a kill would.
    fn go_until(&mut self, args: &TrainArgs, last: u64) -> Result<()> {
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
        };
        let feed = feed::start(Arc::clone(&self.sources), order, side);
        let engine = |graph: &Graph| Engine::new(graph, self.task, self.terms, args.batch, args.slow);
        let (mut large, mut small) = (engine(&self.graph), engine(&self.small));
        let settings = AdamSettings { decay: args.decay, average: args.average, ..AdamSettings::default() };
        let mut epoch = Sums::default();
        let mut clock = Clock { begun: Instant::now(), first: self.state.step };
        while self.state.step < last {
            let batch = feed.recv().context("the thread that makes batches is gone")?;
            let teacher = self.teacher.as_mut().map(|t| t.look(self.task, &batch)).transpose()?;
            let engine = if self.state.step < until_small { &mut small } else { &mut large };
            let step = engine.step(&self.state, &batch, teacher.as_deref())?;
            self.check(&step, &batch, &args.out)?;
            let rate = self.rate(args);
            let length = self.state.advance(&settings, rate, &step.gradient, &step.statistics);
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
        let mut runner = Runner::new(&self.graph, 1);
        let state = &self.state;
        let mut failed = None;
        let score = self.valid.score(&self.terms, |x| {
            let out = runner.run(&state.average, &state.average_running, state, x);
            out.unwrap_or_else(|e| {
                failed = Some(e);
                vec![0.0; self.graph.output_shape().len()]
            })
        });
        failed.map_or(Ok(score), Err)
    }
}

impl Teacher {
    fn load(path: &Path, student: &Graph, len: usize) -> Result<Self> {
        let checkpoint = Checkpoint::load(path)?;
        let graph = network(checkpoint.about["net"].as_str().unwrap_or(""))?;
        let shapes = |g: &Graph| (g.input_shape(), g.output_shape());
        ensure!(shapes(&graph) == shapes(student), "{} is no teacher for {}", graph.name(), student.name());
        let mut state = State::new(&graph, 0);
        state.restore(&checkpoint)?;
        Ok(Self { runner: Runner::new(&graph, len), state })
    }

    /// What it says of a batch: values after the sigmoid, or pictures.
    fn look(&mut self, task: Task, batch: &Batch) -> Result<Vec<f32>> {
        let state = &self.state;
        let mut out = self.runner.run(&state.average, &state.average_running, state, &batch.pixels)?;
        if let Task::Mask { .. } = task {
            out.iter_mut().for_each(|x| *x = 1.0 / (1.0 + (-*x).exp()));
        }
        Ok(out)
    }
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
        let sums = &mut self.parts;
        for (sum, value) in [
            (&mut sums.all, parts.all),
            (&mut sums.truth, parts.truth),
            (&mut sums.distil, parts.distil),
            (&mut sums.mse, parts.mse),
            (&mut sums.mae, parts.mae),
        ] {
            *sum += value;
        }
        self.count += 1;
        self.longest = self.longest.max(length);
    }

    fn mean(&self) -> Parts {
        let n = self.count.max(1) as f64;
        let p = &self.parts;
        Parts { all: p.all / n, truth: p.truth / n, distil: p.distil / n, mse: p.mse / n, mae: p.mae / n }
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

/// What the run is: settings, data and revision.
fn about(args: &TrainArgs, sources: &[Source]) -> serde_json::Value {
    let revision =
        Command::new("git").args(["rev-parse", "HEAD"]).output().ok().filter(|o| o.status.success());
    let revision = revision.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned());
    let counts: serde_json::Map<_, _> = sources
        .iter()
        .map(|s| (s.name.to_owned(), serde_json::json!([s.train.len(), s.valid.len(), s.share])))
        .collect();
    serde_json::json!({
        "net": args.net, "steps": args.steps, "batch": args.batch, "rate": args.rate, "seed": args.seed,
        "schedule": args.schedule, "small": args.small, "epoch": args.epoch, "decay": args.decay, "average": args.average,
        "dice": args.dice, "ssim": args.ssim, "edge": args.edge, "distil": args.distil,
        "teacher": args.teacher.is_some(), "patience": args.patience, "stop": args.stop,
        "pictures": counts, "data": sources::fingerprint(sources), "revision": revision,
    })
}

#[cfg(test)]
mod tests;
