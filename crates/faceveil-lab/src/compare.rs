//! Detectors against small networks, told honestly: contestants × pictures × slices × measures, as one page, JSON and CSV.
//! What each measure means is in `docs/comparison.md`. Nothing is trained or chosen here.

pub mod args;
pub mod cache;
pub mod contestant;
pub mod cost;
pub mod csv;
pub mod judge;
pub mod look;
pub mod maker;
pub mod page;
pub mod paint;
pub mod reid;
pub mod result;
pub mod slices;
pub mod time;
pub mod truth;

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use faceveil_media::files::write_atomically;

use self::args::{CompareArgs, Plan};
use self::judge::{Court, Outcome};
use self::look::Looker;
use self::reid::Embedder;
use self::result::{Comparison, MadeBy};
use self::truth::{Case, Places, write_pictures};
use crate::dataset::progress::Progress;

/// Runs `faceveil-lab compare`.
///
/// # Errors
/// What stopped it.
pub fn run(args: &CompareArgs) -> Result<ExitCode> {
    let plan = match Plan::new(args) {
        Ok(plan) => plan,
        Err(e) => {
            eprintln!("faceveil-lab: {e:#}");
            return Ok(ExitCode::from(crate::USAGE));
        }
    };
    fs::create_dir_all(&plan.work).with_context(|| plan.work.display().to_string())?;
    let cases = cases(args, &plan)?;
    if args.pictures {
        let folder = plan.work.join("pictures");
        write_pictures(&cases, &folder)?;
        say!("{}: {} pictures", folder.display(), cases.len());
        return Ok(ExitCode::SUCCESS);
    }
    let ort = args.ort.as_deref();
    let looker = Looker::parse(&args.look, ort)?;
    let embedders = args.embedder.iter().map(|e| Embedder::parse(e, ort)).collect::<Result<Vec<_>>>()?;
    let progress = Progress::new(args.quiet);
    let (known, mut journal) = cache::open(&plan.work.join("judged.jsonl"))?;
    let court = Court::new(&plan, &cases, looker.as_ref(), args.look_every)?;
    let outcomes = court.judge(&cases, (&known, &mut journal), &progress)?;
    let mut rows = result::rows(&plan, &cases, &outcomes);
    let times =
        time::measure(&plan.contestants, &cases, args.timed, &plan.work.join("times.json"), &progress)?;
    for (row, time) in rows.iter_mut().zip(times) {
        row.cost.time_ms = row.cost.time_ms.or(time);
    }
    instructions(args, &mut rows)?;
    let places = (&*plan.work.join("attacks"), plan.jobs, &progress);
    let mut floor = None;
    if let Some((found, reids)) = reid::attack(&embedders, (&cases, &outcomes), places)? {
        floor = Some(found);
        rows.iter_mut().zip(reids).for_each(|(row, reid)| row.reid = reid);
    }
    let judges = looker.iter().map(|l| (l.name.clone(), l.sha256.clone()));
    let judges = judges.chain(embedders.iter().map(|e| (e.name.clone(), e.sha256.clone()))).collect();
    let comparison = Comparison {
        made_by: made_by(),
        sets: result::sets(&cases, &outcomes),
        slices: result::slices(&cases, &outcomes),
        judges,
        floor,
        contestants: rows,
    };
    write(args, &plan, &comparison, (&cases, &outcomes))?;
    Ok(ExitCode::SUCCESS)
}

/// The pictures of all truths.
fn cases(args: &CompareArgs, plan: &Plan) -> Result<Vec<Case>> {
    let made = plan.work.join("made");
    let places = Places { shared: &args.shared, portrait: &args.portrait, made: &made };
    let (mut cases, mut names) = (Vec::new(), HashSet::new());
    for truth in &plan.truths {
        cases.extend(truth.cases(&places)?.into_iter().step_by(args.every.max(1)));
    }
    for case in &cases {
        if !names.insert((case.set.clone(), case.name.clone())) {
            bail!("two pictures are called {} {}", case.set, case.name);
        }
    }
    Ok(cases)
}

/// What was counted in an emulator; the file says more.
#[derive(serde::Deserialize)]
struct Counted {
    instructions: BTreeMap<String, u64>,
}

/// Instructions a picture, by network, as `cargo xtask firmware --write` counts them; none without a file.
///
/// # Errors
/// If it cannot be read or is no such file.
pub(crate) fn counted(path: Option<&Path>) -> Result<BTreeMap<String, u64>> {
    let Some(path) = path else { return Ok(BTreeMap::new()) };
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let counted: Counted = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    Ok(counted.instructions)
}

/// Fills in what was measured in an emulator.
fn instructions(args: &CompareArgs, rows: &mut [result::Row]) -> Result<()> {
    let counted = counted(args.instructions.as_deref())?;
    rows.iter_mut().for_each(|row| row.cost.instructions = counted.get(&row.name).copied());
    Ok(())
}

fn write(
    args: &CompareArgs,
    plan: &Plan,
    comparison: &Comparison,
    (cases, outcomes): (&[Case], &[Outcome]),
) -> Result<()> {
    fs::create_dir_all(&args.out).with_context(|| args.out.display().to_string())?;
    let names: Vec<&str> = plan.contestants.iter().map(|c| &*c.name).collect();
    let gallery = page::Gallery::new(&names, cases, outcomes, args.shown, args.publishable)?;
    let page = page::page(comparison, &gallery, &plan.curves)?;
    let json = serde_json::to_string(&rounded(serde_json::to_value(comparison)?))? + "\n";
    for (name, text) in
        [("comparison.html", page), ("comparison.json", json), ("comparison.csv", csv::table(comparison))]
    {
        let path = args.out.join(name);
        write_atomically(&path, text.as_bytes(), true).with_context(|| path.display().to_string())?;
        say!("{}", path.display());
    }
    Ok(())
}

/// Six decimals are more than any of the figures deserves.
fn rounded(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Number(n) if n.is_f64() => {
            let short = n.as_f64().map(|v| (v * 1e6).round() / 1e6);
            short.map_or(Value::Null, Value::from)
        }
        Value::Array(all) => all.into_iter().map(rounded).collect(),
        Value::Object(all) => all.into_iter().map(|(k, v)| (k, rounded(v))).collect(),
        other => other,
    }
}

fn made_by() -> MadeBy {
    let git = Command::new("git").args(["rev-parse", "HEAD"]).output().ok().filter(|o| o.status.success());
    let mut command: Vec<String> = std::env::args().collect();
    if let Some(program) = command.first_mut() {
        *program = env!("CARGO_PKG_NAME").to_owned();
    }
    MadeBy {
        program: format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")),
        revision: git.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned()),
        command,
        processor: time::processor(),
    }
}
