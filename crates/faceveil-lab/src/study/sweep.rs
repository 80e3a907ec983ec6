//! A walk through sizes of the gate network: short runs of all, full runs of the best, and what each costs against what
//! it hides. Everything is judged on the kept pictures, so that the held-out ones are still unseen by whoever chooses.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use faceveil_infer::gate::Gate;
use faceveil_net::variation::SWEEP;
use faceveil_net::{gate_by_name, plan};
use serde::Serialize;
use serde_json::json;

use super::args::SweepArgs;
use super::frontier::{self, Spot};
use super::{Done, Journal, NEARLY_AS_IN_USE, machine, words};
use crate::compare::counted;
use crate::judge::choose::{Limits, points};
use crate::judge::coverage::overlap;
use crate::judge::export;
use crate::judge::pictures::Pictures;

/// A device and what a network may take of it.
#[derive(Clone, Copy, Debug, Serialize)]
struct Device {
    name: &'static str,
    parameters: usize,
    /// Of constants: what flash there is, less code.
    weight_bytes: usize,
    /// Of values at once: what RAM there is, less stack and frame.
    peak_bytes: usize,
    /// A picture, where they were counted.
    instructions: u64,
}

/// An STM32H7 with 128 KB of flash and 176 KB of RAM for this, an STM32F4 with 72 and 84.
const DEVICES: [Device; 2] = [
    Device {
        name: "H7",
        parameters: 60_000,
        weight_bytes: 80 * 1024,
        peak_bytes: 136 * 1024,
        instructions: 24_000_000,
    },
    Device {
        name: "F4",
        parameters: 25_000,
        weight_bytes: 37 * 1024,
        peak_bytes: 60 * 1024,
        instructions: 10_000_000,
    },
];

/// How it is chosen, for the page and the file.
const RULE: &str = "Of each device the network that fits it with the lowest cost on the kept pictures, then the lowest of all \
others; cost: leak of all faces / 16 + leak of large ones / 6 + exposed masked ones / 20 + 4 x what is over the limits of other \
pixels and face-free pictures, at the operating point where that is least.";

/// A network that was tried.
#[derive(Clone, Debug, Serialize)]
struct Tried {
    name: String,
    full: bool,
    parameters: usize,
    macs: usize,
    weight_bytes: usize,
    peak_bytes: usize,
    instructions: Option<u64>,
    /// Threshold, certainty and growth of its operating point.
    point: [f32; 3],
    /// fddb leak, leak of large faces, other pixels; masks exposed; face-free pictures hit: percent.
    percent: [f64; 5],
    iou: f64,
    cost: f64,
    command: Done,
}

/// Runs `faceveil-lab sweep`.
///
/// # Errors
/// What stopped it.
pub fn run(args: &SweepArgs) -> Result<ExitCode> {
    let mut journal = Journal::open(&args.out)?;
    let kept = Pictures::kept(&args.shared)?;
    let counted = counted(args.instructions.as_deref())?;
    let listed = || SWEEP.map(ToOwned::to_owned).to_vec();
    let names: Vec<String> = if args.nets.is_empty() { listed() } else { args.nets.clone() };
    let mut short = Vec::new();
    for name in &names {
        short.push(attempt(args, &mut journal, &kept, &counted, (name, false))?);
        write(args, &short)?;
    }
    let mut all = short.clone();
    if args.full_steps > 0 {
        for name in chosen(&short, args.full) {
            all.push(attempt(args, &mut journal, &kept, &counted, (&name, true))?);
            write(args, &all)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Trains and judges one network.
fn attempt(
    args: &SweepArgs,
    journal: &mut Journal,
    kept: &Pictures,
    counted: &BTreeMap<String, u64>,
    (name, full): (&str, bool),
) -> Result<Tried> {
    let config = gate_by_name(name).with_context(|| format!("{name:?} is no gate network"))?;
    let plan = plan(&config.graph()?);
    let folder = args.out.join(if full { format!("{name}-full") } else { name.to_owned() });
    let command =
        journal.run(&train(args, name, &folder, if full { args.full_steps } else { args.steps }))?;
    let gate = Gate::from_weights(export::gate(&folder.join("last.ckpt"))?)?;
    let looked = kept.look(&gate)?;
    let Some(best) = points(&looked, Limits::default()).into_iter().next() else {
        bail!("no operating point was tried")
    };
    let tried = Tried {
        name: name.to_owned(),
        full,
        parameters: plan.parameters,
        macs: plan.macs,
        weight_bytes: plan.weight_bytes,
        peak_bytes: plan.peak_bytes,
        instructions: counted.get(name).copied(),
        point: [best.point.threshold, best.point.certain, best.point.growth],
        percent: best.percent,
        iou: overlap(&looked[0], 0.5),
        cost: best.cost,
        command,
    };
    say!("{}", line(&tried));
    Ok(tried)
}

fn train(args: &SweepArgs, name: &str, folder: &Path, steps: u64) -> Vec<String> {
    let text = |path: &Path| path.display().to_string();
    let mut all = words(&["train", "--net", name, "--shared", &text(&args.shared), "--out", &text(folder)]);
    all.extend(words(&["--steps", &steps.to_string(), "--small", "0.4", "--seed", &args.seed.to_string()]));
    all.extend(words(&NEARLY_AS_IN_USE));
    if let Some(labels) = &args.labels {
        all.extend(words(&["--labels", &text(labels)]));
    }
    if args.limit != usize::MAX {
        all.extend(words(&["--limit", &args.limit.to_string()]));
    }
    all
}

impl Device {
    fn fits(&self, tried: &Tried) -> bool {
        tried.parameters <= self.parameters
            && tried.weight_bytes <= self.weight_bytes
            && tried.peak_bytes <= self.peak_bytes
            && tried.instructions.is_none_or(|n| n <= self.instructions)
    }
}

/// The networks that are trained fully, by [`RULE`]; no more than `most`.
fn chosen(short: &[Tried], most: usize) -> Vec<String> {
    let mut order: Vec<&Tried> = short.iter().collect();
    order.sort_by(|a, b| a.cost.total_cmp(&b.cost));
    let mut names: Vec<String> = Vec::new();
    let fitting = DEVICES.iter().filter_map(|device| order.iter().find(|t| device.fits(t)));
    for tried in fitting.chain(&order) {
        if names.len() < most && !names.contains(&tried.name) {
            names.push(tried.name.clone());
        }
    }
    names
}

fn line(t: &Tried) -> String {
    let [all, large, other, exposed, hit] = t.percent;
    let count = t.instructions.map_or("-".to_owned(), |n| format!("{:.2} M", n as f64 / 1e6));
    format!(
        "{:<20} {:<5} {:>6} parameters {:>5.2} MMAC {:>6} B flash {:>6} B RAM {count:>8} | leak {all:5.1} large {large:5.1} other \
         {other:4.2} exposed {exposed:5.1} hit {hit:5.1} IoU {:.3} cost {:.2}",
        t.name,
        if t.full { "full" } else { "short" },
        t.parameters,
        t.macs as f64 / 1e6,
        t.weight_bytes,
        t.peak_bytes,
        t.iou,
        t.cost
    )
}

fn write(args: &SweepArgs, all: &[Tried]) -> Result<()> {
    let path = args.out.join("sweep.json");
    let value = json!({
        "rule": RULE, "devices": DEVICES, "steps": args.steps, "full_steps": args.full_steps, "seed": args.seed, "tried": all,
        "machine": machine(), "version": env!("CARGO_PKG_VERSION"),
    });
    fs::write(&path, serde_json::to_vec_pretty(&value)?).with_context(|| path.display().to_string())?;
    let path = args.out.join("sweep.html");
    fs::write(&path, page(args, all)?).with_context(|| path.display().to_string())
}

fn page(args: &SweepArgs, all: &[Tried]) -> Result<String> {
    let mut html = frontier::head("Sizes of the gate network");
    let _ = write!(
        html,
        "<p>Short runs of {} steps of 32 pictures (blue), full ones of {} (<b>red</b>), each at the operating point that is best for \
         it on the kept pictures. Leak: faces of 16 pixels or more of which the mask covers under 85 %. The line joins those \
         that no other beats in both.</p><p>{RULE}</p>",
        args.steps, args.full_steps
    );
    type Of = fn(&Tried) -> Option<f64>;
    let plots: [(&str, Of); 4] = [
        ("million multiplications", |t| Some(t.macs as f64 / 1e6)),
        ("KB of constants", |t| Some(t.weight_bytes as f64 / 1024.0)),
        ("KB of values at once", |t| Some(t.peak_bytes as f64 / 1024.0)),
        ("million instructions, Cortex-M7", |t| Some(t.instructions? as f64 / 1e6)),
    ];
    for (across, of) in plots {
        let spots = |y: fn(&Tried) -> f64| -> Vec<Spot> {
            let spot = |t: &Tried| Some(Spot { name: t.name.clone(), x: of(t)?, y: y(t), full: t.full });
            all.iter().filter_map(spot).collect()
        };
        for (up, y, down) in [
            ("leak, %", (|t| t.percent[0]) as fn(&Tried) -> f64, true),
            ("mask IoU", |t: &Tried| t.iou, false),
        ] {
            let spots = spots(y);
            if spots.len() > 1 {
                html += &frontier::plot(&spots, across, up, down)?;
            }
        }
    }
    html += "<pre>";
    all.iter().for_each(|t| html += &format!("{}\n", line(t)));
    html += "</pre><h2>Commands</h2><pre>";
    all.iter().for_each(|t| html += &format!("{}  # {:.0} s\n", t.command.line(), t.command.seconds));
    Ok(html + &format!("</pre><p>{}</p></body></html>\n", machine()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(name: &str, parameters: usize, cost: f64) -> Tried {
        Tried {
            name: name.to_owned(),
            full: false,
            parameters,
            macs: 0,
            weight_bytes: 0,
            peak_bytes: 0,
            instructions: None,
            point: [0.5; 3],
            percent: [0.0; 5],
            iou: 0.5,
            cost,
            command: Done { words: vec![], seconds: 0.0 },
        }
    }

    #[test]
    fn the_best_that_fits_each_device_and_then_the_best() {
        let all = [
            tried("huge", 90_000, 1.0),
            tried("large", 50_000, 2.0),
            tried("small", 20_000, 4.0),
            tried("tiny", 9_000, 5.0),
        ];
        assert_eq!(chosen(&all, 3), ["large", "small", "huge"]);
        assert_eq!(chosen(&all, 1), ["large"]);
        let mut slow = all.to_vec();
        slow[1].instructions = Some(25_000_000);
        assert_eq!(chosen(&slow, 3), ["small", "huge", "large"]);
    }
}
