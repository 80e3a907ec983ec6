//! Model cards: what a network is, what it was trained on and how, what it does on pictures that it never saw, and under
//! which terms it may be used.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use faceveil_infer::gate::GateWeights;
use faceveil_infer::weights::sha256_of;
use faceveil_net::plan;
use serde_json::Value;

use super::{Done, machine};

/// Terms of the sets, as far as they are known.
const TERMS: [(&str, &str); 7] = [
    ("fddb", "news photos with ellipses; research"),
    ("masks_voc", "people with masks, boxes; CC0 (unverified)"),
    ("negatives", "no faces: BSDS500, ImageNet; research"),
    ("youtube_keypoints", "one face a picture, 68 points; MIT repository, research images"),
    ("crops_web", "faces, boxes by our own detectors; MIT repository, web images"),
    ("utkface", "faces, boxes by our own detectors; non-commercial research"),
    ("roboflow_yolo", "faces, boxes by our own detectors; CC BY 4.0"),
];

/// A network that a card is about.
pub struct Subject {
    /// As it is called in the results.
    pub name: &'static str,
    /// Title of the card.
    pub title: &'static str,
    /// Holds `gate.fvnw`; the card goes there.
    pub folder: PathBuf,
    /// Its training runs, in order.
    pub runs: Vec<PathBuf>,
}

/// What a card is made of.
pub struct Card<'a> {
    /// The network.
    pub subject: &'a Subject,
    /// All commands of the study.
    pub done: &'a [Done],
    /// `results.json` of `evaluate`.
    pub results: &'a Path,
    /// Folder that holds `faces/`.
    pub shared: &'a Path,
}

impl Card<'_> {
    /// Writes `README.md` beside the weights; gives its path.
    ///
    /// # Errors
    /// If a file of the study cannot be read or the card not be written.
    pub fn write(&self) -> Result<PathBuf> {
        let path = self.subject.folder.join("README.md");
        let card = [self.what()?, self.data()?, self.training()?, self.figures()?].join("\n");
        fs::write(&path, card).with_context(|| path.display().to_string())?;
        Ok(path)
    }

    fn what(&self) -> Result<String> {
        let path = self.subject.folder.join("gate.fvnw");
        let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
        let weights = GateWeights::parse(&bytes).with_context(|| path.display().to_string())?;
        let once = plan(&weights.graph()?);
        let macs = weights.further_graphs()?.iter().fold(once.macs, |sum, graph| sum + plan(graph).macs);
        Ok(format!(
            "# {}\n\n`gate.fvnw`, SHA-256 `{}`: {} parameters, {:.2} million multiplications a picture, {}; in \
             8 bits, looking once, {} bytes of constants and {} bytes of values at once. A part of its mask counts if it reaches {} somewhere, and is \
             hidden down to {}, {} pixels more all around.\n\n**Trained on research data.** Read the terms below before you use it for \
             anything else. Nobody's identity was used. It misses faces; the figures say how many.\n",
            self.subject.title,
            sha256_of(&bytes),
            once.parameters,
            macs as f64 / 1e6,
            looks(&weights),
            once.weight_bytes,
            once.peak_bytes,
            weights.certain,
            weights.threshold,
            weights.growth,
        ))
    }

    fn data(&self) -> Result<String> {
        let config = self.config(0)?;
        let mut text = String::from(
            "## Data\n\n| set | pictures | kept to choose on | what, and terms |\n|---|---|---|---|\n",
        );
        for (name, terms) in TERMS {
            let counts = &config["pictures"][name];
            if counts.is_array() {
                let _ = writeln!(text, "| {name} | {} | {} | {terms} |", counts[0], counts[1]);
            }
        }
        let _ = write!(
            text,
            "\nSHA-256 of the pictures' smallest sizes and faces: `{}`.\n",
            plain(&config["data"])
        );
        Ok(text)
    }

    fn config(&self, run: usize) -> Result<Value> {
        let path = self.subject.runs[run].join("config.json");
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        serde_json::from_str(&text).with_context(|| path.display().to_string())
    }

    fn training(&self) -> Result<String> {
        let mut text = format!("## Training\n\nOn {}.\n\n```\n", machine());
        for done in self.done {
            let _ = writeln!(text, "{}  # {:.0} s", done.line(), done.seconds);
        }
        text += "```\n\n";
        for (i, run) in self.subject.runs.iter().enumerate() {
            let name = run.file_name().unwrap_or_default().to_string_lossy();
            let revision = plain(&self.config(i)?["revision"]);
            let _ = writeln!(text, "![Curves of the run {name}, revision {revision}]({name}/curves.svg)\n");
        }
        Ok(text)
    }

    fn figures(&self) -> Result<String> {
        let text = fs::read_to_string(self.results).with_context(|| self.results.display().to_string())?;
        let rows: Vec<Value> = serde_json::from_str(&text)?;
        let mut text = String::from(
            "## What it does on pictures that it was not trained on\n\nLeak / exposed % of faces, of a fifth of the longer side or \
             more, of a tenth, and of 16 pixels or more.\n\n| pictures | network | a fifth | a tenth | 16 px | other pixels changed % \
             | pictures with a false region % | mask IoU |\n|---|---|---|---|---|---|---|---|\n",
        );
        for row in rows.iter().filter(|row| plain(&row["system"]).starts_with(self.subject.name)) {
            let rate =
                |rate: &Value| rate["rate"].as_f64().map_or("-".to_owned(), |r| format!("{:.1}", 100.0 * r));
            let table = |t: &Value| format!("{} / {}", rate(&t["leak"]), rate(&t["exposed"]));
            let share =
                |v: &Value, scale: f64| v.as_f64().map_or("-".to_owned(), |v| format!("{:.2}", scale * v));
            let summary = &row["summary"];
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {} | {} |",
                plain(&row["set"]),
                plain(&row["system"]),
                table(&row["large"]),
                table(&row["middle"]),
                table(&summary["at_least_16_px"]),
                share(&summary["outside"]["changed_share"], 100.0),
                rate(&summary["images_with_false_region"]),
                share(&row["iou"], 1.0),
            );
        }
        Ok(text)
    }
}

fn plain(value: &Value) -> String {
    value.as_str().unwrap_or("unknown").to_owned()
}

/// The frames that a network looks at, in words.
fn looks(weights: &GateWeights) -> String {
    let further = weights.further.iter().map(|look| {
        let how = if look.mirrored { ", mirrored" } else { "" };
        format!(" and of {side} × {side}{how}", side = look.side)
    });
    let first = format!("which it sees in a frame of {side} × {side} pixels", side = weights.config.side);
    [first].into_iter().chain(further).collect()
}
