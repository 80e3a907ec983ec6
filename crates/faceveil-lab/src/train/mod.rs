//! Training: from folders of pictures to weights, with a log, checkpoints, and exact continuation.

pub mod args;
pub mod augment;
pub mod checkpoint;
pub mod feed;
pub mod loss;
pub mod optimizer;
pub mod photo;
pub mod sources;
pub mod valid;

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
#[cfg(feature = "burn")]
use burn::tensor::{Device, Tensor, TensorData};
use faceveil_net::Graph;

use self::args::TrainArgs;
use self::checkpoint::Checkpoint;
use self::feed::{Batch, Order};
use self::optimizer::{Adam, AdamSettings};
use self::valid::Valid;
use crate::net::fast::Fast;
#[cfg(feature = "burn")]
use crate::net::forward::{Mode, Weights};
use crate::net::layout::Layout;

/// Share of the batch's statistics that a batch norm's average takes on.
const MOMENTUM: f32 = 0.05;

/// Runs `faceveil-lab train`.
///
/// # Errors
/// What stopped it.
pub fn run(args: &TrainArgs) -> Result<ExitCode> {
    let Some(graph) = faceveil_net::by_name(&args.net) else { bail!("no network called {:?}", args.net) };
    fs::create_dir_all(&args.out).with_context(|| args.out.display().to_string())?;
    let begun = Instant::now();
    let sources = Arc::new(sources::load(&args.shared, args.labels.as_deref(), args.limit)?);
    eprintln!("pictures read in {:.0} s", begun.elapsed().as_secs_f64());
    if let Some(path) = &args.show {
        let side = graph.input_shape().height;
        let batch = feed::batch(&sources, args.seed, 0, args.batch, side, side / graph.output_shape().height);
        fs::write(path, feed::sheet(&batch, side)).with_context(|| path.display().to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut state = State::new(&graph, args)?;
    state.train(&graph, args, &sources)?;
    Ok(ExitCode::SUCCESS)
}

/// A run between two steps.
struct State {
    layout: Layout,
    values: Vec<f32>,
    running: Vec<f32>,
    average: Vec<f32>,
    average_running: Vec<f32>,
    adam: Adam,
    step: u64,
    best: f64,
}

const LISTS: [&str; 6] = ["weights", "running", "average", "average_running", "adam_mean", "adam_square"];

impl State {
    fn new(graph: &Graph, args: &TrainArgs) -> Result<Self> {
        let layout = Layout::of(graph);
        let last = args.out.join("last.ckpt");
        let (values, running) = layout.init(graph, args.seed);
        let adam = Adam::new(layout.len);
        let mut state = Self {
            average: values.clone(),
            average_running: running.clone(),
            values,
            running,
            adam,
            step: 0,
            best: f64::INFINITY,
            layout,
        };
        if last.exists() {
            state.restore(&Checkpoint::load(&last)?)?;
            eprintln!("goes on after step {}", state.step);
        } else if let Some(from) = &args.from {
            let old = Checkpoint::load(from)?;
            state.values = old.list("average", state.layout.len)?;
            state.running = old.list("average_running", state.layout.running_len)?;
            state.average.clone_from(&state.values);
            state.average_running.clone_from(&state.running);
        }
        Ok(state)
    }

    fn restore(&mut self, from: &Checkpoint) -> Result<()> {
        let (n, r) = (self.layout.len, self.layout.running_len);
        self.values = from.list("weights", n)?;
        self.running = from.list("running", r)?;
        self.average = from.list("average", n)?;
        self.average_running = from.list("average_running", r)?;
        self.adam.mean = from.list("adam_mean", n)?;
        self.adam.square = from.list("adam_square", n)?;
        self.adam.steps = from.step;
        self.step = from.step;
        self.best = from.best;
        Ok(())
    }

    fn checkpoint(&self, about: &serde_json::Value) -> Checkpoint {
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
            best: self.best,
            lists: LISTS.iter().zip(lists).map(|(n, v)| ((*n).to_owned(), v.clone())).collect(),
        }
    }

    fn train(&mut self, graph: &Graph, args: &TrainArgs, sources: &Arc<Vec<sources::Source>>) -> Result<()> {
        let full = graph.input_shape().height;
        let cell = full / graph.output_shape().height;
        let small = graph.resized(full * 3 / 4, full * 3 / 4)?;
        let until_small = (args.small * args.steps as f64) as u64;
        let side = move |step: u64| if step < until_small { full * 3 / 4 } else { full };
        let order = Order { seed: args.seed, from: self.step, to: args.steps, len: args.batch, cell };
        let feed = feed::start(Arc::clone(sources), order, side);
        let valid = Valid::new(sources.iter().flat_map(|s| &s.valid), full, cell);
        let about = serde_json::json!({
            "net": args.net, "steps": args.steps, "batch": args.batch, "rate": args.rate, "seed": args.seed,
            "small": args.small,
        });
        let settings = AdamSettings::default();
        let mut judge = Fast::new(graph, 1);
        let mut log = Log::open(&args.out)?;
        let mut fast = if args.slow { None } else { Fast::new(graph, args.batch) };
        let mut fast_small = if args.slow || until_small == 0 { None } else { Fast::new(&small, args.batch) };
        let (mut sum, mut count, mut longest) = (0.0, 0u64, 0f32);
        let (begun, first) = (Instant::now(), self.step);
        while self.step < args.steps {
            let batch = feed.recv().context("the thread that makes batches is gone")?;
            let graph_now = if self.step < until_small { &small } else { graph };
            let rate = optimizer::cosine(self.step as f64 / args.steps as f64, 0.08, args.rate);
            let quick = if self.step < until_small { fast_small.as_mut() } else { fast.as_mut() };
            let (loss, gradient, statistics) = match quick {
                Some(fast) => self.gradient_fast(fast, &batch),
                None => self.gradient(graph_now, &batch, side(self.step))?,
            };
            if !loss.is_finite() || gradient.iter().any(|g| !g.is_finite()) {
                self.checkpoint(&about).save(&args.out.join("broken.ckpt"))?;
                bail!("loss {loss} at step {}: weights kept in broken.ckpt", self.step);
            }
            let length = self.adam.step(&settings, &self.layout, rate as f32, &mut self.values, &gradient);
            self.step += 1;
            for (r, s) in self.running.iter_mut().zip(statistics) {
                *r += MOMENTUM * (s - *r);
            }
            optimizer::follow(&mut self.average, &self.values, settings.average, self.step);
            optimizer::follow(&mut self.average_running, &self.running, settings.average, self.step);
            (sum, count, longest) = (sum + loss, count + 1, longest.max(length));
            if self.step % 50 == 0 {
                let seconds = begun.elapsed().as_secs_f64();
                let pace = seconds / (self.step - first) as f64;
                eprintln!(
                    "step {} of {}: loss {:.4}, gradient {length:.2}, {:.1} pictures/s, {:.0} min left",
                    self.step,
                    args.steps,
                    sum / count as f64,
                    args.batch as f64 / pace,
                    pace * (args.steps - self.step) as f64 / 60.0
                );
            }
            if self.step % args.epoch == 0 || self.step == args.steps {
                let score = self.score(graph, &valid, judge.as_mut())?;
                log.line(self.step, args.epoch, rate, sum / count as f64, longest, &score)?;
                (sum, count, longest) = (0.0, 0, 0.0);
                let better = score.loss < self.best;
                self.best = self.best.min(score.loss);
                let checkpoint = self.checkpoint(&about);
                checkpoint.save(&args.out.join("last.ckpt"))?;
                if better {
                    checkpoint.save(&args.out.join("best.ckpt"))?;
                }
            }
        }
        Ok(())
    }

    /// As [`Self::gradient`], by the fast path.
    fn gradient_fast(&self, fast: &mut Fast, batch: &Batch) -> (f64, Vec<f32>, Vec<f32>) {
        let (logits, statistics) = fast.forward(&self.values, &batch.pixels);
        let (loss, by_logits) = loss::bce_dice_plain(logits, &batch.mask, &batch.weight, batch.len, 0.7);
        (loss, fast.backward(&self.values, &by_logits), statistics.values)
    }

    fn score(&self, graph: &Graph, valid: &Valid, fast: Option<&mut Fast>) -> Result<valid::Score> {
        if let Some(fast) = fast {
            return Ok(valid.score(|x| fast.infer(&self.average, &self.average_running, x).to_vec()));
        }
        self.score_slow(graph, valid)
    }

    #[cfg(not(feature = "burn"))]
    fn score_slow(&self, graph: &Graph, _: &Valid) -> Result<valid::Score> {
        bail!("{} needs a build with the feature `burn`", graph.name())
    }

    #[cfg(feature = "burn")]
    fn score_slow(&self, graph: &Graph, valid: &Valid) -> Result<valid::Score> {
        let device = Device::flex();
        let weights = Weights::new(&self.layout, &self.average, &self.average_running, &device);
        let input = graph.input_shape();
        Ok(valid.score(|x| {
            let x = TensorData::new(x.to_vec(), [1, 3, input.height, input.width]);
            let x = Tensor::<4>::from_data(x, &device);
            weights.forward(graph, x, Mode::Infer, &[]).logits.into_data().iter::<f32>().collect()
        }))
    }

    #[cfg(not(feature = "burn"))]
    fn gradient(&self, graph: &Graph, _: &Batch, _: usize) -> Result<(f64, Vec<f32>, Vec<f32>)> {
        bail!("{} needs a build with the feature `burn`", graph.name())
    }

    /// Loss, gradient, and the batch norms' statistics in the order of `running`.
    #[cfg(feature = "burn")]
    fn gradient(&self, graph: &Graph, batch: &Batch, side: usize) -> Result<(f64, Vec<f32>, Vec<f32>)> {
        let device = Device::flex().autodiff();
        let weights = Weights::new(&self.layout, &self.values, &self.running, &device);
        let out = graph.resized(side, side)?.output_shape();
        let tensor = |v: &[f32], shape: [usize; 4]| Tensor::<4>::from_data(TensorData::new(v.to_vec(), shape), &device);
        let x = tensor(&batch.pixels, [batch.len, 3, side, side]);
        let mask = [batch.len, 1, out.height, out.width];
        let outcome = weights.forward(graph, x, Mode::Train, &[]);
        let loss = loss::bce_dice(outcome.logits, tensor(&batch.mask, mask), tensor(&batch.weight, mask), 0.7);
        let gradient = weights.gradients(&self.layout, &loss);
        let mut statistics = Vec::with_capacity(self.layout.running_len);
        for (mean, variance) in outcome.statistics {
            statistics.extend(mean.into_data().iter::<f32>());
            statistics.extend(variance.into_data().iter::<f32>());
        }
        let loss = f64::from(loss.into_data().iter::<f32>().next().unwrap_or(f32::NAN));
        Ok((loss, gradient, statistics))
    }
}

/// The run's table, a line an epoch.
struct Log(fs::File);

impl Log {
    fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("log.csv");
        let new = !path.exists();
        let mut file = OpenOptions::new().create(true).append(true).open(&path).with_context(|| path.display().to_string())?;
        if new {
            writeln!(file, "epoch,learning_rate,loss,val_loss,val_iou,val_missed_large,val_missed_all,val_false_pictures,val_false_area,gradient")?;
        }
        Ok(Self(file))
    }

    fn line(&mut self, step: u64, epoch: u64, rate: f64, loss: f64, longest: f32, s: &valid::Score) -> Result<()> {
        let epoch = step.div_ceil(epoch) - 1;
        let line = format!(
            "{epoch},{rate:.6},{loss:.5},{:.5},{:.4},{:.4},{:.4},{:.4},{:.5},{longest:.3}",
            s.loss, s.iou, s.missed_large, s.missed_all, s.false_pictures, s.false_area
        );
        eprintln!("{line}");
        writeln!(self.0, "{line}")?;
        Ok(())
    }
}
