//! Batches, made off the training thread. What step `n` is shown depends on the seed and `n` alone, so that a run that
//! goes on sees what it would have seen.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use super::args::Frames;
use super::augment::{self, Sample, Task};
use super::photo::Photo;
use super::sources::Source;
use crate::dataset::random::Random;

/// Pictures and what should come out, one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// `[N, 3, side, side]`, 0..1.
    pub pixels: Vec<f32>,
    /// `[N, 1, cells, cells]` or `[N, 3, side, side]`.
    pub target: Vec<f32>,
    /// As `target`.
    pub weight: Vec<f32>,
    /// The same frames as a teacher with a larger one sees them, `[N, 3, large, large]`; empty without such a teacher.
    pub large: Vec<f32>,
    /// `N`.
    pub len: usize,
}

impl Batch {
    /// Adds a sample.
    pub fn push(&mut self, sample: &Sample) {
        self.pixels.extend_from_slice(&sample.pixels);
        self.target.extend_from_slice(&sample.target);
        self.weight.extend_from_slice(&sample.weight);
        self.len += 1;
    }
}

/// The batch of one step, with frames of `side` pixels.
pub fn batch(sources: &[Source], order: &Order, step: u64, side: usize) -> Batch {
    let mut batch = Batch::default();
    for i in 0..order.len {
        let mut random = Random::stream(order.seed, step * order.len as u64 + i as u64);
        let pick = |random: &mut Random| pick(sources, random);
        let mut canvas = augment::drawn(order.factor * side, order.task, order.frames, &mut random, pick);
        if order.factor > 1 {
            batch.large.extend(canvas.pixels());
            canvas = canvas.shrunk(order.factor);
        }
        batch.push(&canvas.finish());
    }
    batch
}

/// A batch as a PPM picture: eight samples a row, each with what should come out beside it; of a mask in red, squares that
/// do not count in blue.
pub fn sheet(batch: &Batch, side: usize, task: Task) -> Vec<u8> {
    let columns = 8.min(batch.len.max(1));
    let (width, height) = (columns * 2 * side, batch.len.div_ceil(columns) * side);
    let mut pixels = vec![0u8; width * height * 3];
    let byte = |v: f32| (v.clamp(0.0, 1.0) * 255.0).round() as u8;
    for n in 0..batch.len {
        for i in 0..side * side {
            let (x, y) = (i % side, i / side);
            let plane = |values: &[f32], c: usize| values[(n * 3 + c) * side * side + i];
            let shown = [0, 1, 2].map(|c| byte(plane(&batch.pixels, c)));
            let wanted = match task {
                Task::Picture { .. } => [0, 1, 2].map(|c| byte(plane(&batch.target, c))),
                Task::Mask { cell, .. } => {
                    let square = (n * (side / cell) + y / cell) * (side / cell) + x / cell;
                    let counts = batch.weight[square] > 0.0;
                    let blue = if counts { shown[2] / 2 } else { 255 };
                    [shown[0].max(byte(batch.target[square])), shown[1] / 2, blue]
                }
            };
            let to = ((n / columns * side + y) * width + n % columns * 2 * side + x) * 3;
            pixels[to..to + 3].copy_from_slice(&shown);
            pixels[to + 3 * side..to + 3 * side + 3].copy_from_slice(&wanted);
        }
    }
    let mut file = format!("P6 {width} {height} 255\n").into_bytes();
    file.extend(pixels);
    file
}

fn pick<'s>(sources: &'s [Source], random: &mut Random) -> &'s Photo {
    let usable = || sources.iter().filter(|s| s.share > 0.0 && !s.train.is_empty());
    let all: f64 = usable().map(|s| s.share).sum();
    let mut at = random.unit() * all;
    let mut chosen = None;
    for source in usable() {
        chosen = Some(source);
        at -= source.share;
        if at < 0.0 {
            break;
        }
    }
    let photos = &chosen.expect("there is something to train on").train;
    &photos[random.below(photos.len())]
}

/// What a feed is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// Seed of the run.
    pub seed: u64,
    /// First step.
    pub from: u64,
    /// The step after the last one.
    pub to: u64,
    /// Pictures a step.
    pub len: usize,
    /// What the network is to give.
    pub task: Task,
    /// How frames are drawn.
    pub frames: Frames,
    /// How many times as large a teacher's frame is; 1 if it is the same, or there is none.
    pub factor: usize,
}

/// Starts a thread that makes the batches; `side` gives the frame's side for a step.
pub fn start(
    sources: Arc<Vec<Source>>,
    order: Order,
    side: impl Fn(u64) -> usize + Send + 'static,
) -> Receiver<Batch> {
    let (send, receive) = sync_channel(2);
    std::thread::spawn(move || {
        for step in order.from..order.to {
            let batch = batch(&sources, &order, step, side(step));
            if send.send(batch).is_err() {
                return;
            }
        }
    });
    receive
}
