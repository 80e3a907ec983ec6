//! All figures as a table of one figure a line.

use std::fmt::Write;

use faceveil_eval::{LeakTable, Rate, ToReference};

use super::result::{Comparison, Figures, Row};

/// `contestant,part,measure,value,low,high,of`; empty where there is none. No name holds a comma or a quotation mark.
pub fn table(comparison: &Comparison) -> String {
    let mut lines = Lines(String::from("contestant,part,measure,value,low,high,of\n"));
    for row in &comparison.contestants {
        costs(&mut lines, row);
        figures(&mut lines, &row.name, "all", &row.all);
        row.sets.iter().for_each(|(set, f)| figures(&mut lines, &row.name, &format!("set:{set}"), f));
        row.slices.iter().for_each(|(slice, f)| figures(&mut lines, &row.name, &format!("slice:{slice}"), f));
        row.sizes
            .iter()
            .for_each(|(size, faces)| leaks(&mut lines, &row.name, &format!("size:{size}"), faces));
        for group in &row.fairness {
            leaks(&mut lines, &row.name, &format!("{}:{}", group.of, group.name), &group.faces);
        }
        attacks(&mut lines, row);
    }
    lines.0
}

struct Lines(String);

impl Lines {
    fn value(&mut self, name: &str, part: &str, measure: &str, value: Option<f64>) {
        if let Some(value) = value {
            let _ = writeln!(self.0, "{name},{part},{measure},{value:.6},,,");
        }
    }

    fn rate(&mut self, name: &str, part: &str, measure: &str, rate: Option<Rate>) {
        if let Some(r) = rate {
            let _ =
                writeln!(self.0, "{name},{part},{measure},{:.6},{:.6},{:.6},{}", r.rate, r.low, r.high, r.of);
        }
    }
}

fn costs(lines: &mut Lines, row: &Row) {
    let cost = row.cost;
    let whole = |n: Option<u64>| n.map(|n| n as f64);
    for (measure, value) in [
        ("parameters", whole(cost.parameters)),
        ("macs", whole(cost.macs)),
        ("flash_bytes", whole(cost.flash_bytes)),
        ("ram_bytes", whole(cost.ram_bytes)),
        ("instructions", whole(cost.instructions)),
        ("time_ms", cost.time_ms),
    ] {
        lines.value(&row.name, "cost", measure, value);
    }
}

fn leaks(lines: &mut Lines, name: &str, part: &str, faces: &LeakTable) {
    lines.rate(name, part, "leak", faces.leak);
    lines.rate(name, part, "exposed", faces.exposed);
}

fn figures(lines: &mut Lines, name: &str, part: &str, f: &Figures) {
    lines.value(name, part, "pictures", Some(f.pictures as f64));
    lines.value(name, part, "missing_outputs", Some(f.missing as f64));
    leaks(lines, name, part, &f.faces);
    lines.rate(name, part, "false_region", f.false_region);
    lines.rate(name, part, "detected", f.detected);
    if let Some(outside) = &f.outside {
        lines.value(name, part, "outside_changed", Some(outside.changed_share));
        lines.value(name, part, "outside_mae", Some(outside.mae));
        lines.value(name, part, "outside_psnr", Some(outside.psnr));
        lines.value(name, part, "outside_ssim", Some(outside.ssim));
    }
    if let Some([iou, recall, precision]) = f.mask {
        lines.value(name, part, "mask_iou", iou);
        lines.value(name, part, "mask_recall", recall);
        lines.value(name, part, "mask_precision", precision);
    }
    if let Some(likeness) = &f.likeness {
        let parts = [("all", Some(likeness.all)), ("inside", likeness.inside), ("outside", likeness.outside)];
        for (what, to) in parts.into_iter().filter_map(|(what, to)| Some((what, to?))) {
            let ToReference { output, nothing } = to;
            for (who, f) in [("", output), ("_nothing", nothing)] {
                for (measure, value) in [("mse", f.mse), ("mae", f.mae), ("ssim", f.ssim), ("psnr", f.psnr)] {
                    lines.value(name, part, &format!("reference_{what}_{measure}{who}"), Some(value));
                }
            }
        }
    }
}

fn attacks(lines: &mut Lines, row: &Row) {
    let Some(reid) = &row.reid else { return };
    for (embedder, f) in &reid.embedders {
        let part = format!("reid:{embedder}");
        lines.value(&row.name, &part, "cosine", Some(f.cosine));
        for (measure, rate) in [
            ("under_0.4", f.unlike),
            ("naive_rank1", f.naive),
            ("informed_rank1", f.informed),
            ("naive_tar", f.naive_accepts),
            ("informed_tar", f.informed_accepts),
        ] {
            lines.rate(&row.name, &part, measure, rate);
        }
    }
    lines.rate(&row.name, "reid", "pixels_rank1", reid.pixels);
    lines.rate(&row.name, "reid", "trained_rank1", reid.trained);
}
