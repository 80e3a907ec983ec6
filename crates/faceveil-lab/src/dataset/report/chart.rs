//! Charts as SVG.

use std::fmt::Write;

/// Pixels of a cell of a heat map.
const CELL: usize = 14;
/// Height of the tallest bar, pixels.
const TALL: f64 = 120.0;

/// A grid of `across` columns; the darker, the larger. Each cell tells its number to the mouse.
pub fn heat_map(values: &[f64], across: usize, caption: &str) -> String {
    let most = values.iter().copied().fold(0.0, f64::max);
    let (width, height) = (across * CELL, values.len().div_ceil(across.max(1)) * CELL);
    let mut svg = format!("<figure><svg width=\"{width}\" height=\"{height}\" role=\"img\">");
    for (at, value) in values.iter().enumerate() {
        let (x, y) = (at % across * CELL, at / across * CELL);
        let share = if most > 0.0 { (value / most).sqrt() } else { 0.0 };
        // From near white to dark blue.
        let mix = |from: f64, to: f64| (from + (to - from) * share).round();
        let colour = [mix(243.0, 10.0), mix(245.0, 48.0), mix(248.0, 107.0)];
        let _ = write!(
            svg,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{CELL}\" height=\"{CELL}\" fill=\"rgb({},{},{})\"><title>{value:.3}</title></rect>",
            colour[0], colour[1], colour[2]
        );
    }
    svg + &format!("</svg><figcaption>{caption}</figcaption></figure>\n")
}

/// A bar for each name.
pub fn bars(values: &[(String, u64)], caption: &str) -> String {
    const WIDE: usize = 44;
    let most = values.iter().map(|(_, n)| *n).max().unwrap_or(0).max(1);
    let mut svg = format!(
        "<figure><svg width=\"{}\" height=\"{}\" role=\"img\">",
        values.len() * WIDE,
        TALL as usize + 34
    );
    for (at, (name, count)) in values.iter().enumerate() {
        let tall = TALL * *count as f64 / most as f64;
        let (left, middle, top) = (at * WIDE + 4, at * WIDE + WIDE / 2, TALL + 16.0 - tall);
        let _ = write!(
            svg,
            "<rect x=\"{left}\" y=\"{top:.1}\" width=\"{}\" height=\"{tall:.1}\" fill=\"#2f5fa7\"/>\
             <text x=\"{middle}\" y=\"{:.1}\" text-anchor=\"middle\">{count}</text>\
             <text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{name}</text>",
            WIDE - 8,
            top - 3.0,
            TALL as usize + 30,
        );
    }
    svg + &format!("</svg><figcaption>{caption}</figcaption></figure>\n")
}
