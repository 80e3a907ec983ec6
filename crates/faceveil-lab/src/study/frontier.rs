//! What networks cost against what they hide, drawn by the crate `plotters`.

use anyhow::{Result, anyhow};
use plotters::prelude::*;

/// Sides of a plot, pixels.
const SIZE: (u32, u32) = (640, 420);
/// Pixels between two labels.
const LINE: i32 = 15;

/// The beginning of a page of a study.
pub(super) fn head(title: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, \
         initial-scale=1\"><link rel=\"icon\" href=\"data:,\"><title>{title}</title><style>body{{font:15px/1.45 sans-serif;max-width:\
         72em;margin:2em auto;padding:0 1em}}table{{border-collapse:collapse;display:block;overflow-x:auto}}td,th{{border:1px solid \
         #bbb;padding:.2em .6em;text-align:right}}td:first-child,th:first-child{{text-align:left}}pre{{overflow-x:auto;background:\
         #f4f5f7;padding:.8em}}svg{{max-width:100%;height:auto}}b{{color:#be4614}}</style></head><body><h1>{title}</h1>\n"
    )
}

/// A network in a plot.
#[derive(Clone, Debug)]
pub struct Spot {
    /// What stands beside it.
    pub name: String,
    /// What it costs.
    pub x: f64,
    /// What it is judged by.
    pub y: f64,
    /// Whether it was trained fully.
    pub full: bool,
}

/// A plot of cost (across) and figure (up); those that no other beats in both are joined. `down`: less of the figure is better.
///
/// # Errors
/// If the library refuses.
pub fn plot(spots: &[Spot], across: &str, up: &str, down: bool) -> Result<String> {
    let mut svg = String::new();
    draw(&mut svg, spots, (across, up), down).map_err(|e| anyhow!("{e}"))?;
    Ok(svg)
}

/// Those that no other beats in both, the cheapest first.
pub fn best(spots: &[Spot], down: bool) -> Vec<&Spot> {
    let better = |a: &Spot, b: &Spot| if down { a.y < b.y } else { a.y > b.y };
    let mut sorted: Vec<&Spot> = spots.iter().collect();
    // Of equal cost the better one first: the other is beaten then.
    sorted.sort_by(|a, b| {
        let by_figure = if down { a.y.total_cmp(&b.y) } else { b.y.total_cmp(&a.y) };
        a.x.total_cmp(&b.x).then(by_figure)
    });
    let mut kept: Vec<&Spot> = Vec::new();
    for spot in sorted {
        if kept.last().is_none_or(|last| better(spot, last)) {
            kept.push(spot);
        }
    }
    kept
}

fn draw(
    svg: &mut String,
    spots: &[Spot],
    (across, up): (&str, &str),
    down: bool,
) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    let range = |of: fn(&Spot) -> f64| {
        let low = spots.iter().map(of).fold(f64::INFINITY, f64::min);
        let high = spots.iter().map(of).fold(f64::NEG_INFINITY, f64::max);
        let room = (high - low).max(0.1 * high.abs()).max(1e-6);
        (low - 0.12 * room)..(high + 0.3 * room)
    };
    let mut chart = ChartBuilder::on(&root)
        .margin(10)
        .x_label_area_size(42)
        .y_label_area_size(58)
        .build_cartesian_2d(range(|s| s.x), range(|s| s.y))?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(RGBColor(228, 230, 234))
        .x_desc(across)
        .y_desc(up)
        .label_style(("sans-serif", 14))
        .axis_desc_style(("sans-serif", 15))
        .draw()?;
    let line = best(spots, down).into_iter().map(|s| (s.x, s.y));
    chart.draw_series(LineSeries::new(line, RGBColor(170, 175, 185).stroke_width(2)))?;
    let mut labels: Vec<(i32, i32)> = Vec::new();
    for spot in spots {
        let colour = if spot.full { RGBColor(190, 70, 20) } else { RGBColor(31, 95, 170) };
        chart.draw_series([Circle::new((spot.x, spot.y), if spot.full { 6 } else { 4 }, colour.filled())])?;
        let (x, middle) = chart.backend_coord(&(spot.x, spot.y));
        let mut y = middle;
        while labels.iter().any(|&(lx, ly)| (y - ly).abs() < LINE && (x - lx).abs() < 130) {
            y += 2;
        }
        labels.push((x, y));
        let wide = 6 * spot.name.len() as i32;
        // A name that had to make room is tied to its spot.
        if y > middle {
            root.draw(&PathElement::new([(x, middle), (x + 8, y)], colour.mix(0.4)))?;
        }
        let left = if x + wide + 12 > SIZE.0 as i32 { x - wide - 8 } else { x + 8 };
        root.draw(&Text::new(
            spot.name.clone(),
            (left, y - 6),
            TextStyle::from(("sans-serif", 12)).color(&colour),
        ))?;
    }
    root.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(name: &str, x: f64, y: f64) -> Spot {
        Spot { name: name.to_owned(), x, y, full: false }
    }

    #[test]
    fn who_is_beaten_in_both_is_not_on_the_frontier() {
        let spots = [
            spot("dear", 9.0, 1.0),
            spot("cheap", 1.0, 9.0),
            spot("beaten", 5.0, 9.5),
            spot("middle", 4.0, 4.0),
            spot("twin", 4.0, 5.0),
        ];
        let names = |down| best(&spots, down).iter().map(|s| s.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(true), ["cheap", "middle", "dear"]);
        assert_eq!(names(false), ["cheap", "beaten"]);
    }

    #[test]
    fn a_plot_names_every_network() {
        let svg = plot(&[spot("one", 1.0, 2.0), spot("two", 1.0, 2.0)], "MMAC", "leak, %", true).unwrap();
        assert!(svg.contains("one") && svg.contains("two") && svg.contains("MMAC"), "{svg}");
        let apart = plot(&[spot("one", 1.0, 2.0), spot("two", 9.0, 9.0)], "MMAC", "leak, %", true).unwrap();
        // Both at one place: the second name is tied to its spot.
        assert_eq!(svg.matches("opacity=\"0.4\"").count(), apart.matches("opacity=\"0.4\"").count() + 1);
    }
}
