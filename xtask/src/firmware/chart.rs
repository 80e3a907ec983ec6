//! A picture of bars, by powers of ten, as SVG.

use std::fmt::Write as _;

/// Bars that are compared with one another.
pub struct Group {
    pub title: String,
    pub unit: &'static str,
    pub bars: Vec<(String, f64)>,
}

const WIDTH: f64 = 760.0;
/// From where to where bars lie, and the height of each with its space.
const LEFT: f64 = 190.0;
const RIGHT: f64 = 640.0;
const LINE: f64 = 24.0;
const HEAD: f64 = 34.0;

/// The picture: the first bar of each group, ours, is marked by its colour.
pub fn draw(groups: &[Group]) -> String {
    let mut body = String::new();
    let mut y = 10.0;
    for group in groups.iter().filter(|group| !group.bars.is_empty()) {
        y = draw_group(&mut body, group, y);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y:.0}\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{body}</svg>\n"
    )
}

fn draw_group(body: &mut String, group: &Group, top: f64) -> f64 {
    let values = || group.bars.iter().map(|(_, value)| value.max(f64::MIN_POSITIVE).log10());
    let low = values().fold(f64::MAX, f64::min).floor();
    let high = values().fold(f64::MIN, f64::max).ceil().max(low + 1.0);
    let at = |log: f64| LEFT + (RIGHT - LEFT) * (log - low) / (high - low);
    let bottom = top + HEAD + LINE * group.bars.len() as f64;
    let Group { title, unit, .. } = group;
    // Writing into a string does not fail.
    let _ =
        writeln!(body, "<text x=\"10\" y=\"{:.0}\" font-weight=\"bold\">{title}, {unit}</text>", top + 14.0);
    for power in low as i32..=high as i32 {
        let x = at(f64::from(power));
        let label = 10f64.powi(power);
        let _ = writeln!(
            body,
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{bottom:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" fill=\"#666\" font-size=\"11\" text-anchor=\"middle\">{label}</text>",
            top + HEAD - 6.0,
            top + HEAD - 10.0,
        );
    }
    for (index, (name, value)) in group.bars.iter().enumerate() {
        let (y, end) = (top + HEAD + LINE * index as f64, at(value.max(f64::MIN_POSITIVE).log10()));
        let color = if index == 0 { "#1b7f5c" } else { "#8a8f98" };
        let _ = writeln!(
            body,
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{name}</text>\
             <rect x=\"{LEFT}\" y=\"{y:.0}\" width=\"{:.1}\" height=\"16\" fill=\"{color}\"/>\
             <text x=\"{:.1}\" y=\"{:.0}\">{value:.1} {unit}</text>",
            LEFT - 8.0,
            y + 13.0,
            end - LEFT,
            end + 6.0,
            y + 13.0,
        );
    }
    bottom + 22.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_bars_stand_for_more() {
        let bars = vec![("a".to_owned(), 10.0), ("b".to_owned(), 1000.0)];
        let text = draw(&[Group { title: "t".to_owned(), unit: "KB", bars }]);
        let widths: Vec<f64> = text
            .split("<rect x=\"190\"")
            .skip(1)
            .filter_map(|t| t.split("width=\"").nth(1)?.split('"').next()?.parse().ok())
            .collect();
        assert_eq!(widths, [0.0, 450.0]);
        assert!(text.starts_with("<svg") && text.ends_with("</svg>\n"));
    }
}
