//! The proof as a page, and its headline in the README.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

/// Writes `docs/proof.md` and the block of the README between its `proof` marks.
///
/// # Errors
/// If a file cannot be written, or the README has lost its marks.
pub fn write(root: &Path, proof: &Value) -> Result<()> {
    std::fs::write(root.join("docs/proof.md"), page(proof)?)?;
    let file = root.join("README.md");
    let text = std::fs::read_to_string(&file)?;
    let (start, end) = ("<!-- proof:begin -->", "<!-- proof:end -->");
    let from = text.find(start).context("README.md has no proof:begin mark")? + start.len();
    let to = text.find(end).context("README.md has no proof:end mark")?;
    let text = format!("{}\n{}{}", &text[..from], headline(proof)?, &text[to..]);
    std::fs::write(file, text)?;
    Ok(())
}

fn page(proof: &Value) -> Result<String> {
    let mut text = String::from(INTRODUCTION);
    writeln!(text, "## Leak, exposed, collateral\n")?;
    writeln!(text, "{}", table(proof, "ours", true)?)?;
    writeln!(text, "The same files judged by the referee (Python):\n")?;
    writeln!(text, "{}", table(proof, "referee", true)?)?;
    writeln!(text, "## Photos on their side, without an EXIF tag (fddb)\n")?;
    writeln!(text, "| turned by | program | leak % | exposed % |\n|---|---|---|---|")?;
    for row in items(&proof["turned"]) {
        let (leak, exposed) = (rate(&row["ours"]["leak"], true), rate(&row["ours"]["exposed"], true));
        writeln!(text, "| {}° | {} | {leak} | {exposed} |", row["degrees"], name(&row["who"]))?;
    }
    writeln!(text, "\n## Whole-process time\n")?;
    if proof["timing"].is_array() {
        writeln!(text, "{}", timing(proof)?)?;
    } else {
        writeln!(text, "Not measured in this run.\n")?;
    }
    writeln!(text, "## Leak by face size, faceveil's own measure\n")?;
    writeln!(text, "{}", sizes(proof)?)?;
    writeln!(
        text,
        "Machine: {}, {} threads, {}; faceveil {}.",
        name(&proof["machine"]["cpu"]),
        proof["machine"]["threads"],
        name(&proof["machine"]["rustc"]),
        name(&proof["version"])
    )?;
    Ok(text)
}

fn headline(proof: &Value) -> Result<String> {
    let mut text = table(proof, "ours", false)?;
    if proof["timing"].is_array() {
        write!(text, "\n{}", timing(proof)?)?;
    }
    Ok(text)
}

fn table(proof: &Value, whose: &str, intervals: bool) -> Result<String> {
    let mut text = String::from(
        "| pictures | program | leak % | exposed % | other pixels changed % | pictures with a false region % |\n|---|---|---|---|---|---|\n",
    );
    for row in items(&proof["sets"]) {
        let f = &row[whose];
        let outside = f["changed_outside"].as_f64().map_or("-".to_owned(), |v| format!("{v:.1}"));
        writeln!(
            text,
            "| {} | {} | {} | {} | {outside} | {} |",
            name(&row["set"]),
            name(&row["who"]),
            rate(&f["leak"], intervals),
            rate(&f["exposed"], intervals),
            rate(&f["false_region"], intervals),
        )?;
    }
    Ok(text)
}

fn timing(proof: &Value) -> Result<String> {
    let mut text = String::new();
    for table in items(&proof["timing"]) {
        writeln!(
            text,
            "| program, {} | seconds (median of 3) | times as fast as deface |\n|---|---|---|",
            name(&table["photos"])
        )?;
        for row in items(&table["rows"]) {
            let number = |v: &Value| v.as_f64().unwrap_or(f64::NAN);
            let (median, ratio) = (number(&row["median"]), number(&row["times_faster"]));
            writeln!(text, "| {} | {median:.2} | {ratio:.1} |", name(&row["who"]))?;
        }
        writeln!(text)?;
    }
    Ok(text)
}

fn sizes(proof: &Value) -> Result<String> {
    let mut text = String::from(
        "| pictures | program | side, px | judged | leak % | exposed % |\n|---|---|---|---|---|---|\n",
    );
    for row in items(&proof["sets"]) {
        for bin in items(&row["by_px"]) {
            let one = |v: &Value| v["rate"].as_f64().map_or("-".to_owned(), |r| format!("{:.1}", 100.0 * r));
            let (from, table) = (bin["from"].as_f64().unwrap_or(0.0), bin);
            let label = bin["to"].as_f64().map_or(format!("{from} and over"), |to| format!("{from} to {to}"));
            if table["judged"].as_u64().unwrap_or(0) > 0 {
                writeln!(
                    text,
                    "| {} | {} | {} | {} | {} | {} |",
                    name(&row["set"]),
                    name(&row["who"]),
                    label,
                    table["judged"],
                    one(&table["leak"]),
                    one(&table["exposed"]),
                )?;
            }
        }
    }
    Ok(text)
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn name(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `[rate, low, high]` in percent.
fn rate(value: &Value, interval: bool) -> String {
    let numbers: Vec<f64> = items(value).iter().filter_map(Value::as_f64).collect();
    match numbers[..] {
        [rate, low, high] if interval => format!("{rate:.2} ({low:.2} to {high:.2})"),
        [rate, ..] => format!("{rate:.2}"),
        _ => "-".to_owned(),
    }
}

const INTRODUCTION: &str = "# Proof

Written by `cargo xtask proof`; all figures are in `proof.json`. The pictures are the `report` part of the
public sets (`crates/faceveil-data/split`), on which nothing was chosen; settings were chosen on the `tune`
part with `cargo xtask tune` and `cargo xtask trial`, by the rules in `crates/faceveil/src/level.rs`. deface 1.5.0 (its default threshold 0.2, and 0.1) ran on the same files. The photos\nof 12 megapixels are composites: faces of fddb's report part, shrunk, on negatives of the report part.

A face (annotated, at least 16 pixels wide) **leaks** unless at least 80 % of the telling pixels of its inner
ellipse changed and at most 10 % of its pattern's energy survives; it is **exposed** if under 50 % changed or over
30 % survives. Other pixels: more than 25 % outside every face, changed by over 8 grey levels. A false region is
a changed one of at least 0.1 % of the picture that touches no face. Brackets: Wilson's 95 % interval.

";
