//! The operating point: from which value on a square is hidden, and how far that grows. Chosen on
//! pictures of the training part that were kept for it.

use std::fs;
use std::num::NonZero;
use std::path::Path;
use std::process::ExitCode;
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use faceveil_infer::gate::{Gate, GateWeights, Point};

use super::args::ExportArgs;
use super::coverage::{Coverage, Looked};
use super::export;
use super::pictures::Pictures;

/// Most that may be hidden in vain, percent of the kept pictures.
#[derive(Args, Clone, Copy, Debug)]
pub struct Limits {
    /// Other pixels of news photos that may be covered at most, percent, for the point that is chosen
    #[arg(long, default_value_t = Self::default().most_other)]
    pub most_other: f64,
    /// Face-free pictures that may be hit at most, percent, for the point that is chosen
    #[arg(long, default_value_t = Self::default().most_hit)]
    pub most_hit: f64,
}

impl Default for Limits {
    /// With room below `gate`'s goals of 3 and 12.
    fn default() -> Self {
        Self { most_other: 2.75, most_hit: 11.0 }
    }
}

/// Thresholds that are tried.
const THRESHOLDS: [f32; 14] = [0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8];
/// Certainties that are tried.
const CERTAIN: [f32; 11] = [0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98];
/// Best points that are printed.
const SHOWN: usize = 15;
/// Growths that are tried, pixels of the network's frame.
const GROWTHS: [f32; 3] = [0.0, 1.0, 2.0];

/// Runs `faceveil-lab export`.
///
/// # Errors
/// What stopped it.
pub fn run(args: &ExportArgs) -> Result<ExitCode> {
    if let Some(bytes) = export::picture(&args.checkpoint)? {
        ensure!(args.looks.is_empty() && args.size.is_none(), "--look and --size are of gate networks only");
        fs::write(&args.out, bytes).with_context(|| args.out.display().to_string())?;
        say!("{}: gives pictures, no point to choose", args.out.display());
        return Ok(ExitCode::SUCCESS);
    }
    let mut weights = export::gate(&args.checkpoint)?;
    weights.config.side = args.size.unwrap_or(weights.config.side);
    weights.further.clone_from(&args.looks);
    // What cannot be written is refused before the pictures are looked at.
    weights.to_bytes()?;
    match (args.threshold, args.growth) {
        (Some(threshold), Some(growth)) => {
            weights.threshold = threshold;
            weights.certain = args.certain.unwrap_or(threshold);
            weights.growth = growth;
        }
        _ => choose(&mut weights, &args.shared, args.limits)?,
    }
    fs::write(&args.out, weights.to_bytes()?).with_context(|| args.out.display().to_string())?;
    let GateWeights { threshold, certain, growth, .. } = weights;
    say!("{}: threshold {threshold}, certain {certain}, growth {growth}", args.out.display());
    Ok(ExitCode::SUCCESS)
}

fn choose(weights: &mut GateWeights, shared: &Path, limits: Limits) -> Result<()> {
    let kept = Pictures::kept(shared)?;
    let [fddb, masks, free] = kept.counts();
    say!("{fddb} + {masks} + {free} pictures to choose on");
    say!("thr. cert. grow | fddb leak, large, other % | masks exposed % (a tenth or more) | face-free hit %");
    let tried = points(&kept.look(&Gate::from_weights(weights.clone())?)?, limits);
    for t in tried.iter().take(SHOWN) {
        let Point { threshold, certain, growth } = t.point;
        let [all, large, other, exposed, hit] = t.percent;
        say!(
            "{threshold:.2} {certain:.2} {growth:.1} | {all:5.1} {large:5.1} {other:5.2} | {exposed:5.1} | {hit:5.1}"
        );
    }
    let Some(Tried { point, .. }) = tried.first() else { bail!("no operating point was tried") };
    (weights.threshold, weights.certain, weights.growth) = (point.threshold, point.certain, point.growth);
    Ok(())
}

/// All points that are tried on what a network said of the kept pictures, the best first.
pub fn points([fddb, masks, free]: &[Vec<Looked>; 3], limits: Limits) -> Vec<Tried> {
    let mut all = Vec::new();
    for growth in GROWTHS {
        for certain in CERTAIN {
            let thresholds = THRESHOLDS.into_iter().filter(|t| *t <= certain);
            all.extend(thresholds.map(|threshold| Point { threshold, certain, growth }));
        }
    }
    let of = |some: &[Point]| -> Vec<Tried> {
        some.iter().map(|point| Tried::new([fddb, masks, free], *point, limits)).collect()
    };
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let mut tried: Vec<Tried> = thread::scope(|scope| {
        let parts = all.chunks(all.len().div_ceil(cores)).map(|some| scope.spawn(|| of(some)));
        let parts: Vec<_> = parts.collect();
        parts.into_iter().flat_map(|part| part.join().expect("no point panics")).collect()
    });
    tried.sort_by(|a, b| a.cost.total_cmp(&b.cost));
    tried
}

/// An operating point and what it gives.
#[derive(Clone, Copy, Debug)]
pub struct Tried {
    /// The point.
    pub point: Point,
    /// As [`percent`] gives them.
    pub percent: [f64; 5],
    /// What it is chosen by, the least.
    pub cost: f64,
}

impl Tried {
    fn new([fddb, masks, free]: [&[Looked]; 3], point: Point, limits: Limits) -> Self {
        let percent = percent(fddb, masks, free, &point);
        let [all, large, other, exposed, hit] = percent;
        // What is over its limit outweighs everything; the leaks count as shares of their goals.
        let beyond = |value: f64, most: f64| (value - most).max(0.0) / most.max(1e-3);
        let over = beyond(other, limits.most_other) + beyond(hit, limits.most_hit);
        let cost = all / 16.0 + large / 6.0 + exposed / 20.0 + 4.0 * over;
        Self { point, percent, cost }
    }
}

/// What a point gives, percent. News photos: faces under 85 % covered, the same of large ones, other pixels; people with masks:
/// faces of a tenth of the side or more under 55 % covered; pictures without a face: those hit.
pub fn percent(fddb: &[Looked], masks: &[Looked], free: &[Looked], point: &Point) -> [f64; 5] {
    let [f, m, n] = [fddb, masks, free].map(|set| Coverage::of(set, point));
    let (all, large) = (Coverage::percent(f.all).0, Coverage::percent(f.large).0);
    let exposed = Coverage::percent(m.middle).1;
    let other = 100.0 * f.other / f.pictures.max(1) as f64;
    let hit = 100.0 * n.hit as f64 / n.pictures.max(1) as f64;
    [all, large, other, exposed, hit]
}
