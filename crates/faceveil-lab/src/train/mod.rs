//! Training: from folders of pictures to weights, with a log, checkpoints, and exact continuation.

pub mod args;
pub mod augment;
pub mod bench;
pub mod checkpoint;
pub mod device;
pub mod engine;
pub mod feed;
pub mod log;
pub mod loss;
pub mod optimizer;
pub mod photo;
pub mod rounding;
mod run;
pub mod schedule;
pub mod sources;
pub mod state;
pub mod teacher;
pub mod trained;
pub mod valid;

use std::fs;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use faceveil_net::Graph;

use self::args::{CurvesArgs, TrainArgs};
use self::augment::Task;
use self::feed::Order;
use self::photo::LONGEST;
use self::run::Run;

/// Runs `faceveil-lab train`.
///
/// # Errors
/// What stopped it.
pub fn run(args: &TrainArgs) -> Result<ExitCode> {
    let graph = network(&args.net, args.size, false)?;
    args.device.check()?;
    fs::create_dir_all(&args.out).with_context(|| args.out.display().to_string())?;
    let begun = Instant::now();
    // A frame shows nearly the whole picture: more pixels than it has would be of no use.
    let longest = graph.input_shape().height.max(args.teacher_size.unwrap_or(0)).max(LONGEST);
    let mut sources = sources::load(&args.shared, args.labels.as_deref(), args.limit, longest)?;
    sources::share_out(&mut sources, &args.shares)?;
    let sources = Arc::new(sources);
    eprintln!("pictures read in {:.0} s", begun.elapsed().as_secs_f64());
    if let Some(path) = &args.show {
        let (side, task) = (graph.input_shape().height, task(&graph, args.face_weight));
        let order =
            Order { seed: args.seed, from: 0, to: 1, len: args.batch, task, frames: args.frames, factor: 1 };
        let batch = feed::batch(&sources, &order, 0, side);
        fs::write(path, feed::sheet(&batch, side, task)).with_context(|| path.display().to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    Run::new(args, sources)?.go(args)?;
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

/// The network called `name`, for frames of `size` pixels or its own; without batch norms if it is `folded`.
fn network(name: &str, size: Option<usize>, folded: bool) -> Result<Graph> {
    let graph = faceveil_net::by_name(name)
        .with_context(|| format!("no network called {name:?}; `nets` lists them"))?;
    let side = size.unwrap_or(graph.input_shape().height);
    let graph = graph.resized(side, side).with_context(|| format!("{name} at {side} pixels"))?;
    Ok(if folded { graph.without_norms() } else { graph })
}

/// A network of one channel gives a mask, another a picture.
fn task(graph: &Graph, face_weight: Option<u16>) -> Task {
    let (input, output) = (graph.input_shape(), graph.output_shape());
    if output.channels == 1 {
        Task::Mask { cell: input.height / output.height, small: face_weight.unwrap_or(5) }
    } else {
        Task::Picture { face: face_weight.unwrap_or(8) }
    }
}

#[cfg(test)]
mod tests;
