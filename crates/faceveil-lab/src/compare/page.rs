//! The comparison as one HTML page that needs no network: tables, plots, pictures before and after, what the figures do not
//! show, and how they were made.

mod gallery;
mod plots;
mod tables;

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

pub use self::gallery::Gallery;
use super::result::Comparison;
use crate::dataset::report::escaped;

/// What the figures do not show.
const BLIND: [&str; 9] = [
    "Truth is incomplete: some small or turned faces are annotated by nobody. They are missing from the leaks and come out as false regions. An ellipse of fddb takes in forehead and chin; a box of masks_voc cuts the forehead off.",
    "A network that spoils the whole picture hides faces without finding any. Read the leak beside the other pixels changed and beside nothing-128, which only shrinks the picture.",
    "Outputs of 128 × 128 pixels are judged at that size: faces under 6 pixels there are not judged at all, which favours whoever shrinks. The column pixels kept tells.",
    "A mask is read off what changed visibly. Flat skin that a blur leaves as it was counts as not covered, and a region in the picture's own colours is invisible.",
    "The attackers are cheap ones. A network trained on many thousands of hidden faces does better on a blur or a mosaic; read re-identification as a lower bound. The people are few, and public figures.",
    "Hair, clothes and background tell people apart, too: truth-solid, which covers every face, is the floor for that, not chance.",
    "Groups of utkface are guesses of strangers and models, pasted into foreign pictures with a soft rim. A difference between groups is a reason to look closer; that there is none proves nothing.",
    "Slices are cut by annotations: dark is the face's mean brightness, frontal is only known where there are landmarks, and masked only where it was annotated.",
    "Times are one machine's, of one thread, with pictures of these sizes; large photos are another matter. What outside programs took was measured with their start.",
];

/// The page.
///
/// # Errors
/// If a training's table or a picture cannot be read, or a plot not be drawn.
pub fn page(comparison: &Comparison, gallery: &Gallery, curves: &[(String, PathBuf)]) -> Result<String> {
    let mut body = String::from("<h1>Hiding faces: detectors against small networks</h1>\n");
    body += "<p>Who hides faces, how well, at what cost, and what else changes. Every output is judged from its file by the same \
             code, on pictures that nothing was trained or chosen on.</p>\n";
    body += "<p class=\"key\"><span><i style=\"background:#1f5faa\"></i>detectors</span><span><i style=\"background:#be4614\"></i>networks\
             </span><span><i style=\"background:#5a5a5a\"></i>other programs</span><span><i style=\"background:#c4c4c4\"></i>baselines</span></p>\n";
    body += &tables::headline(comparison);
    body += &plots(comparison)?;
    body += &tables::all(comparison);
    body += &trainings(curves)?;
    body += &shown(gallery)?;
    body += "<h2>What the figures do not show</h2>\n<ul>\n";
    BLIND.iter().for_each(|text| body += &format!("<li>{}</li>\n", escaped(text)));
    body += "</ul>\n";
    body += &provenance(comparison)?;
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <title>Hiding faces: detectors against small networks</title>\n<style>{}</style></head>\n<body>\n{body}<script>{}</script>\n</body></html>\n",
        include_str!("page/page.css"),
        include_str!("page/page.js"),
    ))
}

fn plots(comparison: &Comparison) -> Result<String> {
    let rows = &comparison.contestants;
    let drawn = [
        (
            plots::leak_against(rows, "processor time a picture, ms", |r| r.cost.time_ms)?,
            "Leak against time.",
        ),
        (
            plots::leak_against(rows, "other pixels changed, %", |r| {
                r.all.outside.map(|o| (100.0 * o.changed_share).max(0.01))
            })?,
            "Leak against collateral: lower left is better.",
        ),
        (
            plots::leak_against(rows, "parameters", |r| r.cost.parameters.map(|n| n as f64))?,
            "Leak against the networks' size.",
        ),
        (
            plots::leak_against(rows, "memory, bytes", |r| r.cost.ram_bytes.map(|n| n as f64))?,
            "Leak against memory, of networks that the planner knows.",
        ),
    ];
    let mut text = String::from("<h2>Trade-offs</h2>\n");
    for (svg, caption) in drawn {
        if let Some(svg) = svg {
            let _ = writeln!(
                text,
                "<div class=\"plot\">{svg}</div><p class=\"small\">{caption} Both axes are logarithmic.</p>"
            );
        }
    }
    Ok(text)
}

fn trainings(curves: &[(String, PathBuf)]) -> Result<String> {
    let mut text = String::new();
    for (name, path) in curves {
        let table = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        if let Some(svg) = plots::curves(name, &table)? {
            let _ = write!(text, "<div class=\"plot\">{svg}</div>");
        }
    }
    let head = "<h2>Training</h2>\n<p class=\"small\">Losses are each network's own and do not compare between networks.</p>\n";
    Ok(if text.is_empty() { text } else { format!("{head}<div class=\"curves\">{text}</div>\n") })
}

fn shown(gallery: &Gallery) -> Result<String> {
    if gallery.is_empty() {
        return Ok(String::new());
    }
    Ok(format!(
        "<h2>Before and after, the worst first</h2>\n<p><label>Contestant: <select id=\"contestant\"></select></label></p>\n\
         <noscript><p>The pictures need the page's own script.</p></noscript>\n<div id=\"gallery\"></div>\n\
         <script type=\"application/json\" id=\"pictures\">{}</script>\n",
        gallery.json()?
    ))
}

fn provenance(comparison: &Comparison) -> Result<String> {
    let made = &comparison.made_by;
    let mut text = String::from("<h2>How this was made</h2>\n<pre>");
    let quoted = |word: &String| if word.contains([' ', '*']) { format!("'{word}'") } else { word.clone() };
    let command: Vec<String> = made.command.iter().map(quoted).collect();
    text += &escaped(&command.join(" "));
    let _ = write!(
        text,
        "</pre>\n<p class=\"small\">{}, commit {}. Times on {}.</p>\n<details><summary>Hashes (SHA-256)</summary><pre>",
        escaped(&made.program),
        escaped(made.revision.as_deref().unwrap_or("unknown")),
        escaped(made.processor.as_deref().unwrap_or("an unknown processor")),
    );
    for set in &comparison.sets {
        let _ = writeln!(
            text,
            "{} set {}: {} pictures, {} faces",
            set.sha256,
            escaped(&set.name),
            set.pictures,
            set.faces
        );
    }
    let models = comparison.contestants.iter().flat_map(|row| row.models.iter().map(move |m| (&row.name, m)));
    for (row, (name, sha256)) in models {
        let _ = writeln!(text, "{sha256} {}, {}", escaped(row), escaped(name));
    }
    for (name, sha256) in &comparison.judges {
        let _ = writeln!(text, "{sha256} judge: {}", escaped(name));
    }
    Ok(text + "</pre></details>\n")
}
