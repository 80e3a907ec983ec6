//! `cargo xtask compare`: the comparison of all contestants on the public pictures, others' programs included. What was made
//! and judged before is kept, so that after a change only what it touches is done again.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;

use crate::python::{call, environment};

/// The thesis's networks that could be had, and their names in `faceveil-lab nets`.
const THESIS: [(&str, &str); 4] = [
    ("studentv1_int8", "thesis-student-v1"),
    ("studentv1_fp32", "thesis-student-v1"),
    ("studentv2_int8", "thesis-student-v2"),
    ("teacher_int8", "thesis-teacher"),
];
/// Those that run in our runtime, too.
const OURS: [&str; 3] = ["studentv1_int8", "studentv2_int8", "teacher_int8"];
/// What we ship of networks that are not inside the program: by kind, name and file.
const OWN: [(&str, &str, &str); 7] = [
    ("gate", "gate-int8", "gate/gate.fv8"),
    ("gate", "gate-96", "gate/gate-96.fvnw"),
    ("gate", "gate-96-int8", "gate/gate-96.fv8"),
    ("gate", "gate-teacher", "gate/gate-teacher.fvnw"),
    ("gate", "gate-teacher-int8", "gate/gate-teacher.fv8"),
    ("direct", "direct", "direct/direct.ckpt"),
    ("tflite", "direct-int8", "direct/direct.tflite"),
];
/// The peer with two thresholds: its own, and the lower one that `thorough` is held against.
const PEERS: [(&str, &str); 2] = [("deface", "0.2"), ("deface-0.1", "0.1")];
/// The embedders, and how pixels become their numbers.
const EMBEDDERS: [(&str, &str); 2] =
    [("mobilefacenet/MobileFaceNet.onnx", "imagenet"), ("faceplugin/fr_feature.onnx", "arcface")];

/// What to compare.
#[derive(Args, Clone, Debug)]
pub struct Compare {
    /// Where pictures, outputs and the page with research pictures go.
    #[arg(long, default_value = "compare-out")]
    out: PathBuf,
    /// A `faceveil-lab` that is built already.
    #[arg(long)]
    lab: Option<PathBuf>,
    /// Do not run other programs: judge what they wrote before.
    #[arg(long)]
    no_others: bool,
    /// Every n-th picture only, and no files in docs/.
    #[arg(long, default_value_t = 1)]
    every: usize,
    /// Other gate networks: NAME=FILE.
    #[arg(long)]
    gate: Vec<String>,
}

/// Runs the other programs, compares, and writes docs/comparison.html and docs/comparison.json.
///
/// # Errors
/// If a program fails or the public pictures are not there.
pub fn run(root: &Path, shared: &Path, compare: &Compare) -> Result<()> {
    let lab = match &compare.lab {
        Some(lab) => lab.canonicalize().with_context(|| lab.display().to_string())?,
        None => build(root)?,
    };
    let python = environment(root)?;
    let chore = Chore { root, shared, lab: &lab, python: &python, compare };
    chore.lab(&["--pictures"])?;
    if !compare.no_others {
        chore.thesis()?;
        chore.deface()?;
    }
    let arguments = chore.contestants()?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let all = compare.out.join("page").display().to_string();
    chore.lab(&[&arguments[..], &["--out", &all]].concat())?;
    let some = compare.out.join("publishable").display().to_string();
    chore.lab(&[&arguments[..], &["--out", &some, "--publishable", "--shown", "3"]].concat())?;
    if compare.every == 1 {
        for name in ["comparison.html", "comparison.json"] {
            let (from, to) = (root.join(&some).join(name), root.join("docs").join(name));
            std::fs::copy(&from, &to).with_context(|| from.display().to_string())?;
        }
    }
    Ok(())
}

fn build(root: &Path) -> Result<PathBuf> {
    // Without burn, which only training needs.
    let arguments = ["build", "--release", "--package", "faceveil-lab", "--no-default-features"];
    call(Command::new(env!("CARGO")).current_dir(root).args(arguments))?;
    let built = std::env::current_exe()?;
    let folder = built.ancestors().nth(2).context("this program lies in a profile's folder")?;
    Ok(folder.join("release/faceveil-lab"))
}

struct Chore<'a> {
    root: &'a Path,
    shared: &'a Path,
    lab: &'a Path,
    python: &'a Path,
    compare: &'a Compare,
}

impl Chore<'_> {
    /// `faceveil-lab compare` on all truths. Paths are as short as can be: they stand on the page.
    fn lab(&self, arguments: &[&str]) -> Result<()> {
        let shared = short(self.root, self.shared);
        let mut command = Command::new(self.lab);
        command.current_dir(self.root).arg("compare").arg("--shared").arg(&shared);
        command.arg("--work").arg(self.compare.out.join("kept"));
        command.args(["--truth", "public", "--truth", "fairness", "--truth", "sample"]);
        if self.compare.every > 1 {
            command.args(["--every", &self.compare.every.to_string()]);
        }
        if !arguments.contains(&"--out") {
            command.arg("--out").arg(self.compare.out.join("page"));
        }
        call(command.args(arguments))
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.compare.out.join("others").join(name)
    }

    fn contestants(&self) -> Result<Vec<String>> {
        let mut all = vec!["--contestant".to_owned(), "all".to_owned()];
        let mut add = |option: &str, value: String| all.extend([option.to_owned(), value]);
        for (kind, name, file) in OWN {
            add("--contestant", format!("{kind}:{name}=models/{file}"));
        }
        self.compare.gate.iter().for_each(|gate| add("--contestant", format!("gate:{gate}")));
        let shared = short(self.root, self.shared);
        // The same bits as in LiteRT, and a time to be held beside ours.
        for model in OURS {
            let path = shared.join(format!("models/thesis/{model}.tflite"));
            if self.root.join(&path).is_file() {
                add("--contestant", format!("tflite:{model}-ours={}", path.display()));
            }
        }
        let thesis = THESIS.iter().map(|(model, _)| format!("thesis-{model}"));
        for name in thesis.chain(PEERS.iter().map(|(name, _)| (*name).to_owned())) {
            let folder = self.folder(&name);
            if self.root.join(&folder).is_dir() {
                add("--contestant", format!("outputs:{name}={}", folder.display()));
            }
        }
        for (file, kind) in EMBEDDERS {
            let path = shared.join("models").join(file);
            if self.root.join(&path).is_file() {
                add("--embedder", format!("{}:{kind}", path.display()));
            }
        }
        for (name, file) in [
            ("gate", "gate/training"),
            ("gate-teacher", "gate/training-teacher"),
            ("direct", "direct/training"),
        ] {
            add("--curves", format!("{name}=models/{file}.csv"));
        }
        for (name, file) in [("teacher", "teacher"), ("student v1", "studentv1"), ("student v2", "studentv2")]
        {
            let path = shared.join(format!("models/thesis/training_logs/{file}_log.csv"));
            if self.root.join(&path).is_file() {
                add("--curves", format!("thesis {name}={}", path.display()));
            }
        }
        if self.root.join("docs/tiny.json").is_file() {
            add("--instructions", "docs/tiny.json".to_owned());
        }
        if let Some(library) = self.runtime() {
            add("--ort", library.display().to_string());
        }
        Ok(all)
    }

    /// ONNX Runtime of the virtual environment.
    fn runtime(&self) -> Option<PathBuf> {
        let lib = self.python.parent()?.parent()?.join("lib");
        let python = std::fs::read_dir(lib).ok()?.flatten().map(|e| e.path()).find(|p| p.is_dir())?;
        let capi = python.join("site-packages/onnxruntime/capi");
        let files = std::fs::read_dir(capi).ok()?.flatten().map(|e| e.path());
        let named =
            |p: &PathBuf| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("libonnxruntime.so"));
        let found = files.into_iter().find(named)?;
        Some(short(self.root, &found))
    }

    /// Where the program writes the pictures that the others work on.
    fn pictures(&self) -> PathBuf {
        self.compare.out.join("kept/pictures")
    }

    fn thesis(&self) -> Result<()> {
        let pictures = self.pictures();
        for (model, network) in THESIS {
            let file = self.shared.join(format!("models/thesis/{model}.tflite"));
            if !file.is_file() {
                println!("SKIPPED: {} is not there", file.display());
                continue;
            }
            let mut command = Command::new(self.python);
            command.current_dir(self.root).arg("tools/tflite_outputs.py").arg("--model").arg(file);
            command.arg("--pictures").arg(&pictures).arg("--network").arg(network);
            call(command.arg("--out").arg(self.folder(&format!("thesis-{model}"))))?;
        }
        Ok(())
    }

    /// deface writes beside its inputs, so it works on a copy; a picture that it has done is not done again.
    fn deface(&self) -> Result<()> {
        let deface = self.python.with_file_name("deface");
        let pictures = self.root.join(self.pictures());
        for (name, threshold) in PEERS {
            let (mut taken, mut count) = (Duration::ZERO, 0u32);
            for set in std::fs::read_dir(&pictures)? {
                let set = set?;
                let out = self.root.join(self.folder(name)).join(set.file_name());
                std::fs::create_dir_all(&out)?;
                let scratch = tempfile::tempdir()?;
                let copy = scratch.path().join("copy");
                if copy_missing(&set.path(), &out, &copy)? == 0 {
                    continue;
                }
                println!("{name} on {}", set.path().display());
                let before = children_time();
                let done = Command::new(&deface).args(["--thresh", threshold]).arg(&copy).output()?;
                ensure!(done.status.success(), "deface failed on {}", set.path().display());
                taken += children_time().saturating_sub(before);
                for entry in std::fs::read_dir(&copy)? {
                    let path = entry?.path();
                    let (Some(stem), Some(ending)) = (path.file_stem(), path.extension()) else { continue };
                    if let Some(stem) = stem.to_string_lossy().strip_suffix("_anonymized") {
                        // Whole or not there: what is there counts as done.
                        let part = out.join(format!(".{stem}.part"));
                        std::fs::copy(&path, &part)?;
                        std::fs::rename(&part, out.join(format!("{stem}.{}", ending.to_string_lossy())))?;
                        count += 1;
                    }
                }
            }
            if count > 0 {
                let about = json!({
                    "what": format!("deface 1.5.0 from {threshold}: CenterFace, blur"),
                    "time_ms": (1e5 * taken.as_secs_f64() / f64::from(count)).round() / 100.0,
                });
                std::fs::write(self.root.join(self.folder(name)).join("about.json"), format!("{about:#}\n"))?;
            }
        }
        Ok(())
    }
}

/// The path as seen from `root`, if it lies there or beside it: it stands on the page, which is not about one machine.
fn short(root: &Path, path: &Path) -> PathBuf {
    let inside = path.strip_prefix(root).map(Path::to_owned);
    let beside = || Some(Path::new("..").join(path.strip_prefix(root.parent()?).ok()?));
    inside.ok().or_else(beside).unwrap_or_else(|| path.to_owned())
}

/// Copies the pictures of `set` that `out` has no output for; how many there are.
fn copy_missing(set: &Path, out: &Path, copy: &Path) -> Result<usize> {
    let stems = |folder: &Path| -> Result<std::collections::HashSet<_>> {
        let files = std::fs::read_dir(folder)?;
        files.map(|file| Ok(Path::new(&file?.file_name()).file_stem().map(ToOwned::to_owned))).collect()
    };
    let done = stems(out)?;
    std::fs::create_dir(copy)?;
    let mut count = 0;
    for picture in std::fs::read_dir(set)? {
        let path = picture?.path();
        if !done.contains(&path.file_stem().map(ToOwned::to_owned)) {
            std::fs::copy(&path, copy.join(path.file_name().context("a picture has a name")?))?;
            count += 1;
        }
    }
    Ok(count)
}

/// Processor time of all programs that were waited for.
fn children_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name in brackets; fields 16 and 17 of proc(5), in hundredths of a second.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
    Duration::from_millis(10 * (ticks(13) + ticks(14)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_from_the_root() {
        let told = |path: &str| short(Path::new("/a/place"), Path::new(path));
        assert_eq!(told("/a/place/b"), Path::new("b"));
        assert_eq!(told("/a/shared/models"), Path::new("../shared/models"));
        assert_eq!(told("/elsewhere"), Path::new("/elsewhere"));
        assert_eq!(told("../shared"), Path::new("../shared"));
    }
}
