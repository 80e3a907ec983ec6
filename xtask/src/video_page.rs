//! The proof of videos as a page.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::clips::plays::PLAYS;

/// Writes `docs/video-proof.md`.
///
/// # Errors
/// If the file cannot be written.
pub fn write(root: &Path, proof: &Value) -> Result<()> {
    std::fs::write(root.join("docs/video-proof.md"), page(proof)?)?;
    Ok(())
}

fn page(proof: &Value) -> Result<String> {
    let mut text = String::from(INTRODUCTION);
    writeln!(text, "## Made-up clips\n")?;
    let programs = proof["programs"].as_array().map_or(&[][..], Vec::as_slice);
    if let Some(all) = programs.first().map(|p| &p["all"]) {
        let of = |key: &str| all[key].as_u64().unwrap_or(0);
        let judged = all["faces"]["judged"].as_u64().unwrap_or(0);
        let clips = proof["clips"].as_u64().unwrap_or(0);
        writeln!(
            text,
            "{clips} clips, {} frames, {judged} faces in single frames that can be judged, {} true tracks.\n",
            of("frames"),
            of("tracks")
        )?;
    }
    text += "| program | leak % | exposed % | frames with a leak % | tracks ever leaking % | flashes | uncovered again | longest uncovered run | other pixels changed % | false regions a frame |\n|---|---|---|---|---|---|---|---|---|---|\n";
    for program in programs {
        writeln!(text, "| {} {}", name(&program["who"]), row(&program["all"]))?;
    }
    by_play(&mut text, programs)?;
    if let Some(rows) = proof["public"].as_array() {
        text += PUBLIC;
        rows.iter().try_for_each(|row| public_row(&mut text, row))?;
    }
    writeln!(text, "\nMachine: {}; faceveil {}.", name(&proof["machine"]["cpu"]), name(&proof["version"]))?;
    Ok(text)
}

fn by_play(text: &mut String, programs: &[Value]) -> Result<()> {
    writeln!(text, "\n### By what is hard: leak % / flashes / other pixels changed %\n")?;
    write!(text, "| clips |")?;
    programs.iter().try_for_each(|p| write!(text, " {} |", name(&p["who"])))?;
    writeln!(text, "\n|---|{}", "---|".repeat(programs.len()))?;
    for play in PLAYS {
        write!(text, "| {play} |")?;
        for program in programs {
            let s = &program["plays"][play];
            let leak =
                s["faces"]["leak"]["rate"].as_f64().map_or("-".to_owned(), |v| format!("{:.1}", 100.0 * v));
            let other = s["outside"]["changed_share"]
                .as_f64()
                .map_or("-".to_owned(), |v| format!("{:.1}", 100.0 * v));
            write!(text, " {leak} / {} / {other} |", s["flashes"])?;
        }
        writeln!(text)?;
    }
    Ok(())
}

fn public_row(text: &mut String, row: &Value) -> Result<()> {
    let r = &row["referee"];
    let leak = &r["leak"];
    // A figure that the referee calls otherwise one day must not become an empty cell.
    let judged = leak["judged"].as_u64().context("the referee says how many faces it judged")?;
    let other = r["outside"]["changed_share"].as_f64();
    writeln!(
        text,
        "| {} | {} | {} | {} | {} | {} | {} | {} |",
        name(&row["clip"]),
        name(&row["who"]),
        judged,
        triple(&leak["leak"]),
        triple(&r["frames_with_leak"]),
        r["flashes"],
        r["longest_uncovered_run"],
        other.map_or("-".to_owned(), |v| format!("{:.1}", 100.0 * v)),
    )?;
    Ok(())
}

fn row(s: &Value) -> String {
    let rate = |r: &Value| {
        let part = |key: &str| r[key].as_f64().map(|v| 100.0 * v);
        match (part("rate"), part("low"), part("high")) {
            (Some(rate), Some(low), Some(high)) => format!("{rate:.2} ({low:.2}-{high:.2})"),
            _ => "-".to_owned(),
        }
    };
    let outside = &s["outside"];
    format!(
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
        rate(&s["faces"]["leak"]),
        rate(&s["faces"]["exposed"]),
        rate(&s["frames_with_leak"]),
        rate(&s["tracks_ever_leaking"]),
        s["flashes"],
        s["uncovered_again"],
        s["longest_uncovered_run"],
        outside["changed_share"].as_f64().map_or("-".to_owned(), |v| format!("{:.2}", 100.0 * v)),
        outside["false_regions"].as_f64().map_or("-".to_owned(), |v| format!("{v:.2}")),
    )
}

/// The referee's rates: rate, low, high.
fn triple(rate: &Value) -> String {
    match rate.as_array().map(|r| r.iter().filter_map(Value::as_f64).map(|v| 100.0 * v).collect::<Vec<_>>()) {
        Some(r) if r.len() == 3 => format!("{:.2} ({:.2}-{:.2})", r[0], r[1], r[2]),
        _ => "-".to_owned(),
    }
}

fn name(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

const INTRODUCTION: &str = "\
# Videos: what stays visible

Written by `cargo xtask video-proof`; all figures are in [video-proof.json](video-proof.json). It runs the program and
deface, each with its defaults, on the same clips and judges what comes out of a decoder.

The made-up clips show faces of photos (the *report* part of FDDB, cut out with their hair) that move over moving
backgrounds, 640×360 at 25 frames a second, written without loss. Where each face is in each frame is known. *walk*:
people cross; *fast*: up to a face's width a frame, with motion blur; *occlusion*: behind pillars; *border*: in and out
over all four; *turn*: heads tilt by 57° to both sides and turn away; *shrink*: from about 100 to 12 pixels and back;
*cuts*: six shots; *flash*: overexposed and dark frames; *single*: faces that are there for one to three frames; *crowd*:
14 faces of 18 to 34 pixels; *dim*: a dark scene and a noisy camera. Settings were chosen on the *tune* part with other seeds.

A face counts in each frame in which at least 40 % of it can be seen. *Leak* and *exposed* are those of
[the proof for photos](proof.md). A *flash* is a run of 1 to 5 frames in which a true track is left visible, wherever
in the track; *uncovered again* counts a track that was hidden before and is left visible, for however long (the referee's
flashes). *Other pixels changed* is the mean over the frames, outside all faces grown by a quarter. In brackets: 95 % intervals.

";

const PUBLIC: &str = "
## Public clips, judged by the referee

Truth is what SCRFD and YuNet agree on in the original, in every fifth frame. Faces of all sizes that the referee can judge.

| clip | program | judged | leak % | frames with a leak % | uncovered again | longest uncovered run | other pixels changed % |
|---|---|---|---|---|---|---|---|
";

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_not_measured_is_a_dash_not_a_nought() {
        let row = row(&json!({ "flashes": 0, "uncovered_again": 0, "longest_uncovered_run": 0 }));
        assert_eq!(row, "| - | - | - | - | 0 | 0 | 0 | - | - |");
        assert_eq!(triple(&json!(null)), "-");
    }
}
