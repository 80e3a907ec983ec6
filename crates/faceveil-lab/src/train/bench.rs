//! How fast a training step is, to stand beside PyTorch's (`tools/torch_speed.py`).

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::args::BenchArgs;
use super::engine::{Engine, Way};
use super::feed::Batch;
use super::loss::Terms;
use super::optimizer::AdamSettings;
use super::state::State;
use super::{network, task};
use crate::dataset::random::Random;
use crate::net::fast::rounding::Rounding;

/// Runs `faceveil-lab bench`: forward, backward and AdamW on one random batch, without making batches.
///
/// # Errors
/// If there is no such network.
pub fn run(args: &BenchArgs) -> Result<ExitCode> {
    let graph = network(&args.net, args.size, args.folded || args.qat)?;
    let terms = Terms { dice: 0.7, ssim: 0.0, edge: 0.0, distil: 0.0, hint: 0.0 };
    let rounding = args.qat.then(|| Rounding::new(&graph, &vec![(-6.0, 6.0); graph.nodes().len()]));
    let way = Way {
        slow: args.slow,
        device: args.device,
        rounding,
        norm_batch: args.norm_batch,
        threads: args.threads,
    };
    let mut engine = Engine::new(&graph, task(&graph, None), terms, args.batch, &way)?;
    let mut state = State::new(&graph, 1);
    let mut random = Random::new(1);
    let mut draw = |n: usize| (0..n * args.batch).map(|_| random.unit() as f32).collect::<Vec<_>>();
    let (pixels, target) = (draw(graph.input_shape().len()), draw(graph.output_shape().len()));
    let batch = Batch { weight: vec![1.0; target.len()], pixels, target, large: Vec::new(), len: args.batch };
    let mut step = || -> Result<()> {
        let step = engine.step(&state, &batch, None)?;
        state.advance(&AdamSettings::default(), 1e-3, &step);
        Ok(())
    };
    step()?;
    let (begun, before) = (Instant::now(), on_cpu());
    let mut steps = 0u32;
    while begun.elapsed() < Duration::from_secs_f64(args.seconds) || steps < 3 {
        step()?;
        steps += 1;
    }
    let pictures = f64::from(steps) * args.batch as f64;
    let speed = pictures / begun.elapsed().as_secs_f64();
    let of_core = before.zip(on_cpu()).filter(|_| args.threads == 1).map(|(before, after)| {
        format!(", {:.1} a second of one core", pictures / (after - before).as_secs_f64())
    });
    say!("{}: {speed:.1} pictures/s{}", args.net, of_core.unwrap_or_default());
    Ok(ExitCode::SUCCESS)
}

/// Time that this thread has been on a processor, where the system tells.
fn on_cpu() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}
