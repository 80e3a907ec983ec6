//! What learning from a teacher brings: the same network trained with and without one, from the same seeds on the same
//! pictures in the same order; the operating point of each run chosen on the kept pictures, the figures from those held out.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use faceveil_infer::gate::Gate;
use serde::Serialize;
use serde_json::json;

use super::args::AblationArgs;
use super::{Done, Journal, NEARLY_AS_IN_USE, frontier, machine, words};
use crate::judge::choose::{Limits, percent, points};
use crate::judge::coverage::overlap;
use crate::judge::export;
use crate::judge::pictures::Pictures;

/// Figures of a run, and how they are called.
const FIGURES: [&str; 6] = [
    "fddb leak %",
    "fddb leak %, a fifth of the side or more",
    "fddb other pixels %",
    "masks exposed %, a tenth or more",
    "face-free pictures hit %",
    "fddb mask IoU",
];

/// 97.5 % quantiles of Student's t with 1 to 29 degrees of freedom (Student 1908; any table).
const T: [f64; 29] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045,
];

/// A run and what it gave.
#[derive(Clone, Debug, Serialize)]
struct Run {
    seed: u64,
    teacher: bool,
    /// In the order of [`FIGURES`].
    figures: [f64; 6],
    command: Done,
}

/// Mean difference of a figure, with minus without teacher, with its 95 % interval over the seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Difference {
    mean: f64,
    low: f64,
    high: f64,
}

/// Runs `faceveil-lab ablation`.
///
/// # Errors
/// What stopped it.
pub fn run(args: &AblationArgs) -> Result<ExitCode> {
    let mut journal = Journal::open(&args.out)?;
    let kept = Pictures::kept(&args.shared)?;
    let held_out = Pictures::held_out(&args.shared, args.every)?;
    let mut runs = Vec::new();
    for seed in 1..=args.seeds {
        for teacher in [false, true] {
            let folder = args.out.join(format!("{}-{seed}", if teacher { "with" } else { "without" }));
            let command = journal.run(&train(args, seed, teacher, &folder))?;
            let figures = judge(&folder.join("last.ckpt"), &kept, &held_out)?;
            eprintln!("seed {seed}, teacher {teacher}: {figures:.2?}");
            runs.push(Run { seed, teacher, figures, command });
        }
    }
    let differences: Vec<Difference> = (0..FIGURES.len()).map(|f| difference(&runs, f)).collect();
    write(args, &runs, &differences)?;
    Ok(ExitCode::SUCCESS)
}

fn train(args: &AblationArgs, seed: u64, teacher: bool, folder: &Path) -> Vec<String> {
    let text = |path: &Path| path.display().to_string();
    let (shared, out, steps, seed) =
        (text(&args.shared), text(folder), args.steps.to_string(), seed.to_string());
    let mut all =
        words(&["train", "--net", &args.net, "--shared", &shared, "--out", &out, "--steps", &steps]);
    all.extend(words(&["--seed", &seed]));
    all.extend(words(&NEARLY_AS_IN_USE));
    if let Some(labels) = &args.labels {
        all.extend(words(&["--labels", &text(labels)]));
    }
    if args.limit != usize::MAX {
        all.extend(words(&["--limit", &args.limit.to_string()]));
    }
    if teacher {
        all.extend(words(&["--teacher", &text(&args.teacher)]));
    }
    all
}

fn judge(checkpoint: &Path, kept: &Pictures, held_out: &Pictures) -> Result<[f64; 6]> {
    let gate = Gate::from_weights(export::gate(checkpoint)?)?;
    let tried = points(&kept.look(&gate)?, Limits::default());
    let Some(chosen) = tried.first() else { bail!("no operating point was tried") };
    let looked = held_out.look(&gate)?;
    let [all, large, other, exposed, hit] = percent(&looked[0], &looked[1], &looked[2], &chosen.point);
    Ok([all, large, other, exposed, hit, overlap(&looked[0], 0.5)])
}

/// Of pairs with the same seed: mean `± t s / √n` with `s` the standard deviation of the pairs' differences.
fn difference(runs: &[Run], figure: usize) -> Difference {
    let of =
        |teacher: bool| runs.iter().filter(move |r| r.teacher == teacher).map(move |r| r.figures[figure]);
    let pairs: Vec<f64> = of(true).zip(of(false)).map(|(with, without)| with - without).collect();
    let n = pairs.len() as f64;
    let mean = pairs.iter().sum::<f64>() / n;
    let variance = pairs.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let half = pairs
        .len()
        .checked_sub(2)
        .and_then(|i| T.get(i))
        .map_or(f64::INFINITY, |t| t * (variance / n).sqrt());
    Difference { mean, low: mean - half, high: mean + half }
}

fn write(args: &AblationArgs, runs: &[Run], differences: &[Difference]) -> Result<()> {
    let all = json!({
        "network": args.net, "steps": args.steps, "figures": FIGURES, "runs": runs, "differences": differences,
        "machine": machine(), "version": env!("CARGO_PKG_VERSION"),
    });
    let path = args.out.join("ablation.json");
    fs::write(&path, serde_json::to_vec_pretty(&all)?).with_context(|| path.display().to_string())?;
    let path = args.out.join("ablation.html");
    fs::write(&path, page(args, runs, differences)).with_context(|| path.display().to_string())?;
    say!("{}", path.display());
    Ok(())
}

fn page(args: &AblationArgs, runs: &[Run], differences: &[Difference]) -> String {
    let mut html = frontier::head("With and without a teacher");
    let _ = write!(
        html,
        "<p>{} trained {} steps of 32 pictures from {} seeds, each with and without the teacher; the operating point of each \
         run was chosen on kept pictures, the figures are of {} of the held-out ones, by the share of a face's inner \
         ellipse that the mask covers (leak: under 85 %, exposed: under 55 %).</p><table><tr><th>figure<th>without<th>with\
         <th>difference<th>95 % interval</tr>",
        args.net,
        args.steps,
        args.seeds,
        share(args.every)
    );
    for (i, (name, d)) in FIGURES.iter().zip(differences).enumerate() {
        let each = |teacher: bool| {
            let values = runs.iter().filter(|r| r.teacher == teacher).map(|r| format!("{:.2}", r.figures[i]));
            values.collect::<Vec<_>>().join(", ")
        };
        let _ = write!(
            html,
            "<tr><td>{name}<td>{}<td>{}<td>{:+.2}<td>{:+.2} to {:+.2}</tr>",
            each(false),
            each(true),
            d.mean,
            d.low,
            d.high
        );
    }
    html += "</table><h2>Commands</h2><pre>";
    runs.iter().for_each(|r| html += &format!("{}  # {:.0} s\n", r.command.line(), r.command.seconds));
    html + &format!("</pre><p>{}</p></body></html>\n", machine())
}

fn share(every: usize) -> String {
    if every <= 1 { "all".to_owned() } else { format!("one in {every}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_of_pairs() {
        let run = |seed, teacher, value| Run {
            seed,
            teacher,
            figures: [value; 6],
            command: Done { words: vec![], seconds: 0.0 },
        };
        let pairs = [(10.0, 9.0), (12.0, 10.0), (20.0, 17.0)];
        let runs: Vec<Run> = pairs
            .iter()
            .zip(1..)
            .flat_map(|(&(without, with), seed)| [run(seed, false, without), run(seed, true, with)])
            .collect();
        let d = difference(&runs, 0);
        // Differences -1, -2, -3: mean -2, standard deviation 1, t of 2 degrees of freedom 4.303.
        assert!((d.mean + 2.0).abs() < 1e-12);
        assert!((d.high - d.mean - 4.303 / 3f64.sqrt()).abs() < 1e-9, "{d:?}");
        assert!(d.low < d.mean);
    }
}
