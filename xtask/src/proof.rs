//! The tables of the `report` part, beside deface on the same pictures in the same run: `docs/proof.md`, and
//! all figures in `docs/proof.json`. Where the referee (Python) is at hand it judges the same files, too.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Args;
use faceveil_data::dataset::{self, Item};
use faceveil_data::split::{Part, Set};
use faceveil_eval::{Rate, Summary, judge_folder};
use serde_json::{Value, json};

use crate::large::write_large;
use crate::python::{call, environment};
use crate::smoke::copy_flat;
use crate::{page, test};

/// Sets that the tables are about.
const SETS: [Set; 4] = [Set::Fddb, Set::MasksVoc, Set::WiderYolo, Set::Negatives];
/// The peer, its folder and its arguments: its default threshold of 0.2, and the lower one that `thorough` is held against.
const PEERS: [(&str, &str, &[&str]); 2] =
    [("deface 1.5.0", "deface", &[]), ("deface 1.5.0, 0.1", "deface-0.1", &["--thresh", "0.1"])];
/// Photos of the timing run.
const TIMED: usize = 200;

/// What to prove.
#[derive(Args, Clone, Debug)]
pub struct Proof {
    /// Where pictures and outputs go; deface's outputs are kept there between runs.
    #[arg(long, default_value = "proof-out")]
    work: PathBuf,
    /// Leave the timing out: the machine is busy.
    #[arg(long, conflicts_with = "only_timing")]
    no_timing: bool,
    /// Measure only the timing, and keep the other figures of docs/proof.json.
    #[arg(long)]
    only_timing: bool,
    /// Levels to measure.
    #[arg(long, value_delimiter = ',', default_values_t = ["fast".to_owned(), "balanced".to_owned(), "thorough".to_owned()])]
    levels: Vec<String>,
}

/// Measures everything and writes both files.
///
/// # Errors
/// If a program fails or the public pictures are not there.
pub fn run(root: &Path, shared: &Path, proof: &Proof) -> Result<()> {
    let python = environment(root)?;
    let program = test::program(root, "release")?;
    let work = root.join(&proof.work);
    let deface = python.with_file_name("deface");
    if proof.only_timing {
        let mut figures: Value = serde_json::from_slice(&std::fs::read(root.join("docs/proof.json"))?)?;
        figures["timing"] = timing(&program, &deface, &work, proof)?;
        return write(root, &figures);
    }
    let programs = Programs { program: &program, deface: &deface, python: &python, shared };
    let mut rows = Vec::new();
    for set in SETS {
        let items = dataset::load(shared, set, Part::Report)?;
        let folder = work.join(set.name());
        copy_flat(&items, &folder.join("orig"))?;
        rows.extend(programs.all(set.name(), Some(set), &items, &folder, proof)?);
    }
    let folder = work.join("large");
    let items = write_large(shared, Part::Report, &folder.join("orig"))?;
    rows.extend(programs.all("12 MP, faces of 16 to 40 px", None, &items, &folder, proof)?);
    let turned = turned_rows(&program, shared, &work, proof)?;
    let timing = if proof.no_timing { Value::Null } else { timing(&program, &deface, &work, proof)? };
    let figures = json!({
        "command": std::env::args().skip(1).collect::<Vec<_>>().join(" "),
        "version": env!("CARGO_PKG_VERSION"),
        "machine": machine(),
        "sets": rows,
        "turned": turned,
        "timing": timing,
    });
    write(root, &figures)
}

fn write(root: &Path, figures: &Value) -> Result<()> {
    std::fs::write(root.join("docs/proof.json"), format!("{}\n", serde_json::to_string_pretty(figures)?))?;
    page::write(root, figures)
}

/// What is compared, and what judges it.
struct Programs<'a> {
    program: &'a Path,
    deface: &'a Path,
    python: &'a Path,
    shared: &'a Path,
}

impl Programs<'_> {
    /// The rows of a table: each program's outputs of `folder`'s pictures.
    fn all(
        &self,
        name: &str,
        set: Option<Set>,
        items: &[Item],
        folder: &Path,
        proof: &Proof,
    ) -> Result<Vec<Value>> {
        let from = folder.join("orig");
        let mut rows = Vec::new();
        for (who, place, arguments) in PEERS {
            let out = folder.join(place);
            run_deface(self.deface, arguments, &from, &out)?;
            rows.push(self.measured(name, set, who, items, &from, &out)?);
        }
        for level in &proof.levels {
            let out = folder.join(level);
            hide(self.program, &from, &out, level)?;
            rows.push(self.measured(name, set, &format!("faceveil {level}"), items, &from, &out)?);
        }
        Ok(rows)
    }

    /// One program's outputs, judged by our measures and by the referee.
    fn measured(
        &self,
        name: &str,
        set: Option<Set>,
        who: &str,
        items: &[Item],
        from: &Path,
        out: &Path,
    ) -> Result<Value> {
        println!("judging {who} on {name}");
        let summary = Summary::of(&judge_folder(items, out, 2)?);
        let referee = match set {
            Some(set) => referee(set, from, out, self.python, self.shared)?,
            None => Value::Null,
        };
        Ok(json!({
            "set": name,
            "who": who,
            "ours": figures(&summary),
            "by_px": summary.by_px,
            "referee": referee,
        }))
    }
}

fn figures(summary: &Summary) -> Value {
    let percent =
        |r: &Option<Rate>| r.as_ref().map(|r| json!([100.0 * r.rate, 100.0 * r.low, 100.0 * r.high]));
    json!({
        "judged": summary.at_least_16_px.judged,
        "leak": percent(&summary.at_least_16_px.leak),
        "exposed": percent(&summary.at_least_16_px.exposed),
        "changed_outside": summary.outside.as_ref().map(|o| 100.0 * o.changed_share),
        "false_region": percent(&summary.images_with_false_region),
    })
}

/// The same figures from the referee; null where it is not at hand.
fn referee(set: Set, from: &Path, out: &Path, python: &Path, shared: &Path) -> Result<Value> {
    let judge = shared.join("referee/judge.py");
    if !judge.is_file() {
        return Ok(Value::Null);
    }
    let faces = shared.join("faces").join(set.name());
    let truth = match set {
        Set::Fddb => format!("fddb:{}", joined_lists(&faces, out)?.display()),
        Set::MasksVoc => format!("voc:{}", faces.join("annotations").display()),
        Set::WiderYolo => format!("yolo:{}", faces.join("labels").display()),
        _ => "none".to_owned(),
    };
    let report = beside(out, "referee.json");
    // The peer's outputs are kept between runs, so the referee's word on them is, too.
    let peer = PEERS.iter().any(|(_, place, _)| out.ends_with(place));
    if peer && report.is_file() {
        return read_referee(&report);
    }
    let mut command = Command::new(python);
    command.arg("-B").arg(judge).arg("images").arg("--no-fidelity").args(["--truth", &truth]);
    command.arg("--orig").arg(from).arg("--out").arg(out).arg("--report").arg(&report);
    ensure!(command.output()?.status.success(), "{command:?} failed");
    read_referee(&report)
}

/// A file beside an output folder (whose name may hold a full stop).
fn beside(out: &Path, ending: &str) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    out.with_file_name(name)
}

fn read_referee(report: &Path) -> Result<Value> {
    let report: Value = serde_json::from_slice(&std::fs::read(report)?)?;
    let table = &report["leak"][">=16px"];
    let percent = |rate: &Value| {
        rate.as_array().map(|r| r.iter().filter_map(Value::as_f64).map(|v| 100.0 * v).collect::<Vec<_>>())
    };
    Ok(json!({
        "judged": table["judged"],
        "leak": percent(&table["leak"]),
        "exposed": percent(&table["exposed"]),
        "changed_outside": report["outside"]["changed_share"].as_f64().map(|v| 100.0 * v),
        "false_region": percent(&report["images_with_false_region"]),
    }))
}

/// FDDB's lists of the two report folds as one file.
fn joined_lists(fddb: &Path, out: &Path) -> Result<PathBuf> {
    let file = beside(out, "ellipses.txt");
    let mut all = String::new();
    for fold in ["07", "08"] {
        all += &std::fs::read_to_string(fddb.join(format!("FDDB-folds/FDDB-fold-{fold}-ellipseList.txt")))?;
    }
    std::fs::write(&file, all)?;
    Ok(file)
}

/// deface writes beside its inputs, so it works on a copy; its outputs of an earlier run are kept.
fn run_deface(deface: &Path, arguments: &[&str], from: &Path, out: &Path) -> Result<()> {
    if out.is_dir() {
        return Ok(());
    }
    let scratch = tempfile::tempdir()?;
    let copy = scratch.path().join("copy");
    call(Command::new("cp").arg("-r").arg(from).arg(&copy))?;
    println!("deface on {}", from.display());
    ensure!(
        Command::new(deface).args(arguments).arg(&copy).output()?.status.success(),
        "deface failed on {}",
        from.display()
    );
    std::fs::create_dir_all(out)?;
    for entry in std::fs::read_dir(&copy)? {
        let entry = entry?;
        if let Some(name) = entry.file_name().to_string_lossy().strip_suffix("_anonymized.jpg") {
            std::fs::copy(entry.path(), out.join(format!("{name}.jpg")))?;
        }
    }
    Ok(())
}

fn hide(program: &Path, from: &Path, out: &Path, level: &str) -> Result<()> {
    std::fs::create_dir_all(out)?;
    let mut command = Command::new(program);
    command.args(["blur", "--quiet", "--overwrite", "--on-no-face", "copy", "--level", level]);
    command.arg(from).arg("-o").arg(out);
    let output = command.output()?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// fddb's report part turned by 90°, 180° and 270°, without an EXIF tag.
fn turned_rows(program: &Path, shared: &Path, work: &Path, proof: &Proof) -> Result<Vec<Value>> {
    let items = dataset::load(shared, Set::Fddb, Part::Report)?;
    let mut rows = Vec::new();
    for quarters in 1..4 {
        let folder = work.join(format!("fddb-turned-{}", 90 * quarters));
        let from = folder.join("orig");
        let turned = crate::turn::write_turned(&items, quarters, &from)?;
        for level in &proof.levels {
            let out = folder.join(level);
            hide(program, &from, &out, level)?;
            let summary = Summary::of(&judge_folder(&turned, &out, 2)?);
            rows.push(json!({ "degrees": 90 * quarters, "who": format!("faceveil {level}"), "ours": figures(&summary) }));
        }
    }
    Ok(rows)
}

/// Wall time of whole processes on small and on large photos.
fn timing(program: &Path, deface: &Path, work: &Path, proof: &Proof) -> Result<Value> {
    let mut tables = Vec::new();
    for (folder, photos, words) in
        [("fddb", TIMED, "fddb photos"), ("large", usize::MAX, "photos of 12 megapixels")]
    {
        let from = work.join(format!("timed-{folder}/orig"));
        std::fs::create_dir_all(&from)?;
        let mut names: Vec<_> =
            std::fs::read_dir(work.join(folder).join("orig"))?.collect::<std::io::Result<Vec<_>>>()?;
        names.sort_by_key(|e| e.file_name());
        names.truncate(photos);
        for entry in &names {
            std::fs::copy(entry.path(), from.join(entry.file_name()))?;
        }
        let rows = race(program, deface, &from, proof)?;
        tables.push(json!({ "photos": format!("{} {words}", names.len()), "rows": rows }));
    }
    Ok(tables.into())
}

/// Every program on the same photos, in turn, medians of three.
fn race(program: &Path, deface: &Path, from: &Path, proof: &Proof) -> Result<Vec<Value>> {
    let mut seconds: Vec<(String, Vec<f64>)> = vec![("deface 1.5.0".to_owned(), Vec::new())];
    seconds.extend(proof.levels.iter().map(|l| (format!("faceveil {l}"), Vec::new())));
    for _ in 0..3 {
        let copy = from.with_file_name("copy");
        call(Command::new("cp").arg("-r").arg(from).arg(&copy))?;
        let start = Instant::now();
        ensure!(Command::new(deface).arg(&copy).output()?.status.success(), "deface failed");
        seconds[0].1.push(start.elapsed().as_secs_f64());
        std::fs::remove_dir_all(&copy)?;
        for (i, level) in proof.levels.iter().enumerate() {
            let start = Instant::now();
            hide(program, from, &from.with_file_name(level), level)?;
            seconds[i + 1].1.push(start.elapsed().as_secs_f64());
        }
    }
    let median = |s: &[f64]| {
        let mut s = s.to_vec();
        s.sort_by(f64::total_cmp);
        s[s.len() / 2]
    };
    let peer = median(&seconds[0].1);
    let rows = seconds.iter().map(
        |(who, s)| json!({ "who": who, "seconds": s, "median": median(s), "times_faster": peer / median(s) }),
    );
    Ok(rows.collect())
}

/// What the figures were measured on.
pub fn machine() -> Value {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|l| l.strip_prefix("model name"))
        .map(|l| l.trim_start_matches([' ', '\t', ':']));
    let rustc = Command::new("rustc")
        .arg("--version")
        .output()
        .map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned());
    json!({
        "cpu": model,
        "threads": std::thread::available_parallelism().map(std::num::NonZero::get).ok(),
        "rustc": rustc.ok(),
    })
}
