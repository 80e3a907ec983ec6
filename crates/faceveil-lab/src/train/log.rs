//! A line an epoch, and the curves drawn from it.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result};

use super::loss::Parts;
use super::valid::Score;

/// The columns: the thesis's, then our own. Empty where a network has no such thing.
const COLUMNS: &str = "epoch,learning_rate,loss,loss_distill,loss_gt,mse,mae,psnr_metric,ssim_metric,val_loss,val_mse,val_mae,\
val_psnr_metric,val_ssim_metric,val_iou,val_missed_large,val_missed_all,val_false_pictures,val_false_area,gradient,loss_hint";

/// What an epoch of training gave.
#[derive(Clone, Copy, Debug, Default)]
pub struct Epoch {
    /// Number, from 0.
    pub number: u64,
    /// Learning rate at its end.
    pub rate: f64,
    /// Mean over its steps.
    pub parts: Parts,
    /// Longest gradient.
    pub longest: f32,
}

fn psnr(mse: f64) -> f64 {
    -10.0 * mse.max(1e-10).log10()
}

/// Appends an epoch to the table.
///
/// # Errors
/// If the file cannot be written.
pub fn add(folder: &Path, epoch: &Epoch, score: &Score) -> Result<()> {
    let path = folder.join("log.csv");
    let place = || path.display().to_string();
    let new = !path.exists();
    let mut file = OpenOptions::new().create(true).append(true).open(&path).with_context(place)?;
    if new {
        writeln!(file, "{COLUMNS}")?;
    }
    let p = &epoch.parts;
    let optional = |v: Option<f64>| v.map_or(String::new(), |v| format!("{v:.5}"));
    let line = format!(
        "{},{:.7},{:.6},{:.6},{:.6},{:.6},{:.5},{:.3},,{:.6},{:.6},{:.5},{:.3},{},{},{},{},{},{},{:.3},{:.6}",
        epoch.number,
        epoch.rate,
        p.all,
        p.distil,
        p.truth,
        p.mse,
        p.mae,
        psnr(p.mse),
        score.loss,
        score.mse,
        score.mae,
        psnr(score.mse),
        optional(score.ssim),
        optional(score.mask.map(|m| m.iou)),
        optional(score.mask.map(|m| m.missed_large)),
        optional(score.mask.map(|m| m.missed_all)),
        optional(score.mask.map(|m| m.false_pictures)),
        optional(score.mask.map(|m| m.false_area)),
        epoch.longest,
        p.hint
    );
    eprintln!("{line}");
    writeln!(file, "{line}").with_context(place)
}

/// Draws `curves.svg` beside a table: MSE and MAE of training against validation with the epoch marked from which
/// validation only rose, and the learning rate. Reads the thesis's own tables as well.
///
/// # Errors
/// If the table cannot be read or the picture not be written.
pub fn draw(table: &Path, to: &Path) -> Result<()> {
    let text = fs::read_to_string(table).with_context(|| table.display().to_string())?;
    fs::write(to, curves(&text)).with_context(|| to.display().to_string())
}

/// A column's numbers, empty fields as none.
fn column(text: &str, names: &[&str]) -> Vec<Option<f64>> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or("").split(',').collect();
    let Some(at) = names.iter().find_map(|n| header.iter().position(|h| h == n)) else { return Vec::new() };
    lines.map(|l| l.split(',').nth(at).and_then(|v| v.parse().ok())).collect()
}

const WIDE: f64 = 640.0;
const HIGH: f64 = 220.0;

fn curves(text: &str) -> String {
    // The thesis's loss is its MSE.
    let panels = [
        ("MSE", column(text, &["mse", "loss"]), column(text, &["val_mse", "val_loss"])),
        ("MAE", column(text, &["mae"]), column(text, &["val_mae"])),
        ("loss", column(text, &["loss"]), column(text, &["val_loss"])),
        ("learning rate", column(text, &["learning_rate"]), Vec::new()),
    ];
    let height = 20.0 + panels.len() as f64 * (HIGH + 50.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"12\"><rect width=\"100%\" height=\"100%\" fill=\"white\"/>",
        WIDE + 110.0
    );
    for (i, (name, train, valid)) in panels.iter().enumerate() {
        panel(&mut svg, name, train, valid, 20.0 + i as f64 * (HIGH + 50.0));
    }
    svg + "</svg>"
}

fn panel(svg: &mut String, name: &str, train: &[Option<f64>], valid: &[Option<f64>], top: f64) {
    let all = || train.iter().chain(valid).flatten();
    let high = all().copied().fold(0.0, f64::max).max(1e-9);
    let epochs = train.len().max(valid.len()).max(2) as f64 - 1.0;
    let place = |i: usize, v: f64| (70.0 + WIDE * i as f64 / epochs, top + HIGH * (1.0 - v / high));
    let _ = write!(
        svg,
        "<text x=\"70\" y=\"{:.1}\">{name}: highest {high:.3e}</text><path d=\"M70 {top:.1}v{HIGH}h{WIDE}\" fill=\"none\" \
         stroke=\"#888\"/>",
        top - 4.0
    );
    for (values, colour, label) in [(train, "#1f77b4", "train"), (valid, "#d62728", "validation")] {
        let points: Vec<String> = values
            .iter()
            .enumerate()
            .filter_map(|(i, v)| v.map(|v| place(i, v)))
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        if points.is_empty() {
            continue;
        }
        let _ = write!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>",
            points.join(" ")
        );
        let left = if label == "train" { 500.0 } else { 560.0 };
        let _ = write!(svg, "<text x=\"{left}\" y=\"{:.1}\" fill=\"{colour}\">{label}</text>", top - 4.0);
    }
    let lowest =
        valid.iter().enumerate().filter_map(|(i, v)| v.map(|v| (i, v))).min_by(|a, b| a.1.total_cmp(&b.1));
    if let Some((i, v)) = lowest.filter(|(i, _)| i + 1 < valid.len()) {
        let (x, y) = place(i, v);
        // Towards the middle, so that it stays on the page.
        let anchor = if x > 70.0 + WIDE / 2.0 { "end" } else { "start" };
        let _ = write!(
            svg,
            "<path d=\"M{x:.1} {top:.1}v{HIGH}\" stroke=\"#2ca02c\" stroke-dasharray=\"4\"/><circle cx=\"{x:.1}\" cy=\"{y:.1}\" \
             r=\"4\" fill=\"#2ca02c\"/><text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" fill=\"#2ca02c\">over-fits \
             after {i}</text>",
            top + HIGH + 14.0
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_validation_is_marked() {
        let text = "epoch,learning_rate,loss,val_loss\n0,0.1,4,5\n1,0.1,3,2\n2,0.05,2,3\n";
        let svg = curves(text);
        assert!(svg.contains("over-fits after 1") && svg.contains("learning rate"), "{svg}");
        assert_eq!(column(text, &["mse", "loss"]), [Some(4.0), Some(3.0), Some(2.0)]);
        assert!(column(text, &["mae"]).is_empty());
        assert!(!curves("epoch,loss,val_loss\n0,3,3\n1,2,2\n").contains("over-fits"), "it still falls");
        let late = curves("epoch,val_loss\n0,4\n1,3\n2,2\n3,3\n");
        assert!(late.contains("text-anchor=\"end\" fill=\"#2ca02c\">over-fits after 2"), "{late}");
        assert!(svg.contains("text-anchor=\"start\" fill=\"#2ca02c\">over-fits after 1"), "{svg}");
    }
}
