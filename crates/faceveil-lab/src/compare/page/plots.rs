//! The plots, as SVG by the crate `plotters`.

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use crate::compare::contestant::Way;
use crate::compare::result::Row;

/// Sides of a plot, pixels.
const SIZE: (u32, u32) = (760, 470);
/// A rate of nothing is drawn here, percent: a logarithmic axis has no 0.
const LEAST: f64 = 0.1;
/// Height of a line of labels, pixels.
const LINE: f64 = 16.0;

/// A contestant in a plot.
struct Point {
    name: String,
    way: Way,
    x: f64,
    y: f64,
}

/// Leak against what `cost` says, both logarithmic; `None` if fewer than two contestants have one.
///
/// # Errors
/// If the library refuses.
pub fn leak_against(rows: &[Row], what: &str, cost: impl Fn(&Row) -> Option<f64>) -> Result<Option<String>> {
    let point = |row: &Row| {
        let leak = row.all.faces.leak?.rate * 100.0;
        let x = cost(row).filter(|x| *x > 0.0)?;
        Some(Point { name: row.name.clone(), way: row.way, x, y: leak.max(LEAST) })
    };
    let points: Vec<Point> = rows.iter().filter_map(point).collect();
    if points.len() < 2 {
        return Ok(None);
    }
    let mut svg = String::new();
    scatter(&mut svg, &points, what).map_err(|e| anyhow!("{e}"))?;
    Ok(Some(svg))
}

const fn colour(way: Way) -> RGBColor {
    match way {
        Way::Detector => RGBColor(31, 95, 170),
        Way::Network => RGBColor(190, 70, 20),
        Way::Outside => RGBColor(90, 90, 90),
        Way::Baseline => RGBColor(150, 150, 150),
    }
}

fn scatter(svg: &mut String, points: &[Point], what: &str) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    let spread = |of: fn(&Point) -> f64| {
        let low = points.iter().map(of).fold(f64::INFINITY, f64::min);
        let high = points.iter().map(of).fold(0.0, f64::max);
        (low * 0.7)..(high * 2.2)
    };
    let (across, up) = (spread(|p| p.x), (LEAST * 0.8)..130.0);
    let mut chart = ChartBuilder::on(&root)
        .margin(12)
        .x_label_area_size(46)
        .y_label_area_size(64)
        .build_cartesian_2d(across.log_scale(), up.log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(RGBColor(240, 241, 243))
        .bold_line_style(RGBColor(224, 226, 230))
        .x_desc(what)
        .y_desc("leak, %")
        .label_style(("sans-serif", 15))
        .axis_desc_style(("sans-serif", 16))
        .x_label_formatter(&|v| short(*v))
        .y_label_formatter(&|v| short(*v))
        .draw()?;
    chart.draw_series(points.iter().map(|p| Circle::new((p.x, p.y), 5, colour(p.way).filled())))?;
    let mut spots: Vec<(i32, i32, &Point)> = points
        .iter()
        .map(|p| {
            let (x, y) = chart.backend_coord(&(p.x, p.y));
            (x, y, p)
        })
        .collect();
    spots.sort_by_key(|s| s.1);
    for (x, y, point) in apart(&spots) {
        let colour = colour(point.way);
        let style = TextStyle::from(("sans-serif", 14)).color(&colour);
        // Names near the right edge go to the left of their points.
        let wide = 7 * point.name.len() as i32;
        let left = if x + wide + 12 > SIZE.0 as i32 { x - wide - 8 } else { x + 8 };
        root.draw(&Text::new(point.name.clone(), (left, y - 7), style))?;
    }
    root.present()?;
    Ok(())
}

/// Moves labels down until none lies on another. `spots` are sorted from the top.
fn apart<'a>(spots: &[(i32, i32, &'a Point)]) -> Vec<(i32, i32, &'a Point)> {
    let mut placed: Vec<(i32, i32, &Point)> = Vec::new();
    for &(x, first, point) in spots {
        let wide = |p: &Point| 7 * p.name.len() as i32 + 12;
        let mut y = first;
        while placed
            .iter()
            .any(|(px, py, p)| f64::from((y - py).abs()) < LINE && x < px + wide(p) && *px < x + wide(point))
        {
            y += 2;
        }
        placed.push((x, y, point));
    }
    placed
}

fn short(v: f64) -> String {
    match v {
        v if v >= 1e6 => format!("{:.0}M", v / 1e6),
        v if v >= 1e3 => format!("{:.0}k", v / 1e3),
        v if v >= 1.0 => format!("{v:.0}"),
        v => format!("{v:.2}").trim_end_matches('0').to_owned(),
    }
}

/// A column of a training's table, empty fields left out: epoch and value.
fn column(text: &str, names: &[&str]) -> Vec<(f64, f64)> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or("").split(',').collect();
    let Some(at) = names.iter().find_map(|n| header.iter().position(|h| h == n)) else { return Vec::new() };
    let value = |l: &str| {
        l.split(',').nth(at).and_then(|v| v.parse::<f64>().ok()).filter(|v| *v > 0.0 && v.is_finite())
    };
    lines.enumerate().filter_map(|(i, l)| Some((i as f64, value(l)?))).collect()
}

/// Training and validation loss by epoch, logarithmic; `None` of a table without a loss.
///
/// # Errors
/// If the library refuses.
pub fn curves(name: &str, table: &str) -> Result<Option<String>> {
    let (train, valid) = (column(table, &["loss"]), column(table, &["val_loss"]));
    let all = || train.iter().chain(&valid).map(|p| p.1);
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max));
    if train.len().max(valid.len()) < 2 {
        return Ok(None);
    }
    let epochs = train.len().max(valid.len()) as f64;
    let mut svg = String::new();
    let draw = |svg: &mut String| -> Result<(), Box<dyn std::error::Error>> {
        let root = SVGBackend::with_string(svg, (560, 300)).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .caption(name, ("sans-serif", 17))
            .margin(8)
            .x_label_area_size(42)
            .y_label_area_size(70)
            .build_cartesian_2d(0.0..epochs, ((low * 0.9)..(high * 1.1)).log_scale())?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(RGBColor(240, 241, 243))
            .bold_line_style(RGBColor(224, 226, 230))
            .x_desc("epoch")
            .y_desc("loss")
            .label_style(("sans-serif", 14))
            .axis_desc_style(("sans-serif", 15))
            .y_label_formatter(&|v| format!("{v:.1e}"))
            .x_label_formatter(&|v| format!("{v:.0}"))
            .draw()?;
        for (points, label, colour) in
            [(&train, "training", RGBColor(31, 95, 170)), (&valid, "validation", RGBColor(190, 70, 20))]
        {
            chart
                .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?
                .label(label)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        }
        chart
            .configure_series_labels()
            .background_style(WHITE.mix(0.8))
            .label_font(("sans-serif", 14))
            .position(SeriesLabelPosition::UpperRight)
            .draw()?;
        root.present()?;
        Ok(())
    };
    draw(&mut svg).map_err(|e| anyhow!("{e}"))?;
    Ok(Some(svg))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_of_the_thesis_s_tables_and_ours_are_drawn() {
        let svg = curves("a < b", "epoch,loss,val_loss\n0,3,4\n1,2,\n2,1,2\n").unwrap().unwrap();
        assert!(svg.contains("polyline") && svg.contains("validation") && !svg.contains("a < b"), "{svg}");
        assert_eq!(curves("x", "epoch,loss\n").unwrap(), None);
        assert_eq!(column("a,b\n1,\n2,5\n3,nan\n", &["b"]), [(1.0, 5.0)]);
    }

    #[test]
    fn labels_do_not_lie_on_each_other() {
        let point = Point { name: "balanced".to_owned(), way: Way::Detector, x: 1.0, y: 1.0 };
        let placed = apart(&[(10, 50, &point), (12, 51, &point), (14, 51, &point)]);
        for (i, a) in placed.iter().enumerate() {
            assert!(placed[..i].iter().all(|b| (a.1 - b.1).abs() >= 16), "{}", a.1);
        }
    }
}
