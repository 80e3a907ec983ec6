//! The comparison as one HTML page: the table, and below it pictures side by side, the worst first.

use std::fmt::Write as _;

use anyhow::Result;
use faceveil_eval::{LeakTable, Rate};

use super::evaluate::Row;
use crate::dataset::thumbnail::thumbnail;

/// Pictures shown a set.
const SHOWN: usize = 24;

const STYLE: &str = "body{font:15px sans-serif;margin:2em;max-width:110em}table{border-collapse:collapse}\
td,th{border:1px solid #999;padding:.2em .6em;text-align:right}td:first-child,td:nth-child(2){text-align:left}\
img{height:190px;margin:2px}figure{margin:.6em 0}figcaption{color:#555}";

/// Longer side of a picture that is shown, pixels.
const LONGEST: u16 = 280;

/// The page, with its pictures inside; `kept` are those to choose on.
///
/// # Errors
/// If a picture cannot be read.
pub fn page(rows: &[Row], kept: bool) -> Result<String> {
    let mut html =
        format!("<!doctype html><meta charset=utf-8><title>Networks compared</title><style>{STYLE}</style>");
    let which = if kept { "are kept to choose on" } else { "nothing was trained or chosen on" };
    write!(html, "<h1>Networks compared on pictures that {which}</h1>")?;
    html += "<p>Leak / exposed: share of faces that are not hidden well / hardly hidden at all, with 95 % intervals of the \
             first. PSNR to the reference blur at 128 × 128 pixels, doing nothing in brackets.</p>";
    html += "<table><tr><th>set<th>system<th>a fifth of the side or more, %<th>a tenth or more, %<th>16 px or more, %\
             <th>other pixels, %<th>pictures with a false region, %<th>MSE<th>MAE<th>SSIM<th>PSNR<th>mask IoU</tr>";
    for row in rows {
        let other = row.summary.outside.map_or("-".to_owned(), |o| format!("{:.2}", 100.0 * o.changed_share));
        let fidelity = row.fidelity.map_or("<td>-<td>-<td>-<td>-".to_owned(), |f| {
            let (o, n) = (f.output, f.nothing);
            format!(
                "<td>{:.5} ({:.5})<td>{:.4} ({:.4})<td>{:.3} ({:.3})<td>{:.1} ({:.1})",
                o.mse, n.mse, o.mae, n.mae, o.ssim, n.ssim, o.psnr, n.psnr
            )
        });
        write!(
            html,
            "<tr><td>{}<td>{}<td>{}<td>{}<td>{}<td>{other}<td>{}{fidelity}<td>{}</tr>",
            row.set,
            row.system,
            table(&row.large),
            table(&row.middle),
            table(&row.summary.at_least_16_px),
            rate(row.summary.images_with_false_region),
            row.iou.map_or("-".to_owned(), |v| format!("{v:.3}"))
        )?;
    }
    html += "</table>";
    for first in
        rows.iter().filter(|r| rows.iter().find(|o| o.set == r.set).is_some_and(|o| o.system == r.system))
    {
        pictures(&mut html, rows, first)?;
    }
    Ok(html)
}

fn rate(rate: Option<Rate>) -> String {
    rate.map_or("-".to_owned(), |r| {
        format!("{:.1} [{:.1}, {:.1}]", 100.0 * r.rate, 100.0 * r.low, 100.0 * r.high)
    })
}

fn table(table: &LeakTable) -> String {
    let exposed = table.exposed.map_or("-".to_owned(), |r| format!("{:.1}", 100.0 * r.rate));
    format!("{} / {exposed}", rate(table.leak))
}

/// The worst pictures of the first system of a set, each beside what the others made of it.
fn pictures(html: &mut String, rows: &[Row], first: &Row) -> Result<()> {
    write!(html, "<h2>{}: the worst of {} first, beside the original</h2>", first.set, first.system)?;
    let mut order: Vec<(f64, usize)> =
        first.pictures.iter().enumerate().map(|(i, (_, v))| (badness(v), i)).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (_, i) in order.into_iter().take(SHOWN) {
        let item = &first.pictures[i].0;
        write!(
            html,
            "<figure><figcaption>{}</figcaption><img src=\"{}\">",
            item.name,
            thumbnail(&item.image_path, LONGEST)?
        )?;
        for row in rows.iter().filter(|r| r.set == first.set) {
            let file = super::evaluate::output(&row.folder, item);
            if file.is_file() {
                let shown = thumbnail(&file, LONGEST)?;
                write!(html, "<img title=\"{}\" src=\"{shown}\">", row.system)?;
            } else {
                write!(html, "<em>{}: no output</em>", row.system)?;
            }
        }
        *html += "</figure>";
    }
    Ok(())
}

/// Sizes of the leaking faces, then false regions.
fn badness(verdict: &faceveil_eval::PictureVerdict) -> f64 {
    let leaks: f64 = verdict.faces.iter().filter(|f| f.status.is_leak()).map(|f| f.share).sum();
    leaks + verdict.outside.map_or(0.0, |o| 0.01 * o.false_regions as f64)
}
