//! The page's tables.

use std::fmt::Write;

use faceveil_eval::{LeakTable, Rate, ToReference};

use crate::compare::contestant::Way;
use crate::compare::result::{Comparison, Figures, Row};
use crate::dataset::report::escaped;

/// A figure with its interval, percent.
fn percent(rate: Option<Rate>) -> String {
    let digits = |v: f64| if v < 0.0995 { format!("{:.1}", 100.0 * v) } else { format!("{:.0}", 100.0 * v) };
    rate.map_or("–".to_owned(), |r| {
        format!("{:.1} <small>{}–{}</small>", 100.0 * r.rate, digits(r.low), digits(r.high))
    })
}

fn share(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |v| format!("{:.1}", 100.0 * v))
}

fn whole(value: Option<u64>) -> String {
    value.map_or("–".to_owned(), |n| match n {
        1_000_000.. => format!("{:.2} M", n as f64 / 1e6),
        1_000.. => format!("{:.1} k", n as f64 / 1e3),
        _ => n.to_string(),
    })
}

fn decimal(value: Option<f64>, digits: usize) -> String {
    value.map_or("–".to_owned(), |v| format!("{v:.digits$}"))
}

const fn class(way: Way) -> &'static str {
    match way {
        Way::Detector => "detector",
        Way::Network => "network",
        Way::Outside => "outside",
        Way::Baseline => "baseline",
    }
}

/// A table of a row a contestant; heads are text, cells markup.
fn table(comparison: &Comparison, head: &[String], cells: impl Fn(&Row) -> Option<Vec<String>>) -> String {
    let mut text = String::from("<div class=\"wide\"><table><tr><th>contestant</th>");
    head.iter().for_each(|h| text += &format!("<th>{}</th>", escaped(h)));
    text += "</tr>\n";
    let most = most_pictures(comparison);
    for row in &comparison.contestants {
        let Some(cells) = cells(row) else { continue };
        let _ = write!(
            text,
            "<tr class=\"{}\"><td title=\"{}\">{}{}</td>",
            class(row.way),
            escaped(&row.what),
            escaped(&row.name),
            if is_partial(row, most) { "*" } else { "" }
        );
        cells.iter().for_each(|cell| text += &format!("<td>{cell}</td>"));
        text += "</tr>\n";
    }
    text + "</table></div>\n"
}

/// Pictures of whoever has most.
fn most_pictures(comparison: &Comparison) -> usize {
    comparison.contestants.iter().map(|row| row.all.pictures).max().unwrap_or(0)
}

/// Whether a row is of other pictures than the others', or has no output of some.
fn is_partial(row: &Row, most: usize) -> bool {
    row.all.pictures != most || row.all.missing > 0
}

/// Says of the marked rows what they lack; empty if none is marked.
fn footnote(comparison: &Comparison) -> String {
    let most = most_pictures(comparison);
    let partial = comparison.contestants.iter().filter(|row| is_partial(row, most)).map(|row| {
        let Figures { pictures, missing, .. } = row.all;
        format!(
            "{} was judged on {pictures} of {most} pictures, and wrote nothing for {missing} of them",
            escaped(&row.name)
        )
    });
    let all: Vec<String> = partial.collect();
    if all.is_empty() {
        return String::new();
    }
    format!("<p class=\"small\">* Not to be compared with the others: {}.</p>\n", all.join("; "))
}

fn heads(names: &[&str]) -> Vec<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}

/// What matters most, a row a contestant.
pub fn headline(comparison: &Comparison) -> String {
    let head = heads(&[
        "leak, %",
        "exposed, %",
        "leak, one large frontal face, %",
        "leak, small, %",
        "other pixels changed, %",
        "face-free pictures hit, %",
        "recognised by the trained attacker, %",
        "time, ms",
        "RAM, bytes",
        "flash, bytes",
    ]);
    let of = |row: &Row, slice: &str, pick: fn(&Figures) -> Option<Rate>| {
        percent(row.slices.get(slice).and_then(pick))
    };
    let text = table(comparison, &head, |row| {
        Some(vec![
            percent(row.all.faces.leak),
            percent(row.all.faces.exposed),
            of(row, "one large frontal face", |f| f.faces.leak),
            of(row, "small", |f| f.faces.leak),
            share(row.all.outside.map(|o| o.changed_share)),
            of(row, "no face", |f| f.false_region),
            percent(row.reid.as_ref().and_then(|r| r.trained)),
            decimal(row.cost.time_ms, 1),
            whole(row.cost.ram_bytes),
            whole(row.cost.flash_bytes),
        ])
    });
    text + &footnote(comparison)
        + "<p class=\"small\">A face of at least 16 pixels <b>leaks</b> unless at least 80 % of its telling pixels changed and at most \
            10 % of its pattern's energy survives; it is <b>exposed</b> if under 50 % changed or over 30 % survives. Small \
            numbers: Wilson's 95 % interval. Definitions and sources are in docs/comparison.md.</p>\n"
}

/// The tables below the plots.
pub fn all(comparison: &Comparison) -> String {
    [
        slices(comparison),
        sizes(comparison),
        sets(comparison),
        likeness(comparison),
        attacks(comparison),
        fairness(comparison),
        costs(comparison),
    ]
    .concat()
}

fn both(faces: &LeakTable) -> String {
    format!("{} / {}", percent(faces.leak), share(faces.exposed.map(|r| r.rate)))
}

fn slices(comparison: &Comparison) -> String {
    let names: Vec<&String> = comparison.slices.iter().map(|s| &s.name).filter(|n| *n != "no face").collect();
    let mut text = String::from("<h2>By slice: leak / exposed, %</h2>\n");
    text += &table(comparison, &names.iter().map(|n| (*n).clone()).collect::<Vec<_>>(), |row| {
        Some(names.iter().map(|n| row.slices.get(*n).map_or("–".to_owned(), |f| both(&f.faces))).collect())
    });
    text += "<ul class=\"small\">";
    for slice in &comparison.slices {
        let (name, meaning) = (escaped(&slice.name), escaped(&slice.meaning));
        let _ = write!(
            text,
            "<li><b>{name}</b> ({} pictures, {} faces): {meaning}.</li>",
            slice.pictures, slice.faces
        );
    }
    text + "</ul>\n"
}

fn sizes(comparison: &Comparison) -> String {
    let Some(first) = comparison.contestants.first() else { return String::new() };
    let head: Vec<String> = first.sizes.iter().map(|s| s.0.clone()).collect();
    let text = table(comparison, &head, |row| Some(row.sizes.iter().map(|s| both(&s.1)).collect()));
    format!("<h2>By the face's shorter side: leak / exposed, %</h2>\n{text}")
}

fn sets(comparison: &Comparison) -> String {
    let mut text = String::from("<h2>By set</h2>\n");
    for set in &comparison.sets {
        let _ = write!(
            text,
            "<details><summary>{}: {} pictures, {} faces</summary>",
            escaped(&set.name),
            set.pictures,
            set.faces
        );
        let head = heads(&[
            "leak, %",
            "exposed, %",
            "other pixels changed, %",
            "pictures with a false region, %",
            "mask IoU, %",
            "recall, %",
            "precision, %",
            "still detected, %",
            "outputs missing",
        ]);
        text += &table(comparison, &head, |row| {
            let f = row.sets.get(&set.name)?;
            let mask = f.mask.unwrap_or_default();
            Some(vec![
                percent(f.faces.leak),
                percent(f.faces.exposed),
                share(f.outside.map(|o| o.changed_share)),
                percent(f.false_region),
                share(mask[0]),
                share(mask[1]),
                share(mask[2]),
                percent(f.detected),
                f.missing.to_string(),
            ])
        });
        text += "</details>\n";
    }
    text
}

fn likeness(comparison: &Comparison) -> String {
    let mut text = String::from(
        "<h2>Likeness to the thesis's reference blur, at 128 × 128 pixels</h2>\n<p class=\"small\">In brackets: doing nothing. \
         Where both are close, the figure says little.</p>\n",
    );
    let head: Vec<String> = ["MSE", "MAE", "SSIM", "PSNR, dB"].iter().map(|m| (*m).to_owned()).collect();
    for (name, at) in [("In all", 0), ("Inside the faces", 1), ("Outside them", 2)] {
        let _ = write!(text, "<details{}><summary>{name}</summary>", if at == 0 { " open" } else { "" });
        text += &table(comparison, &head, |row| {
            let likeness = row.all.likeness.as_ref()?;
            let ToReference { output, nothing } =
                [Some(likeness.all), likeness.inside, likeness.outside][at]?;
            let beside =
                |o: f64, n: f64, digits: usize| format!("{o:.digits$} <small>({n:.digits$})</small>");
            Some(vec![
                beside(output.mse, nothing.mse, 5),
                beside(output.mae, nothing.mae, 4),
                beside(output.ssim, nothing.ssim, 3),
                beside(output.psnr, nothing.psnr, 1),
            ])
        });
        text += "</details>\n";
    }
    let head = heads(&[
        "mask IoU, %",
        "recall, %",
        "precision, %",
        "still detected, %",
        "PSNR of the rest, dB",
        "SSIM of the rest",
    ]);
    text += "<p>What changed as a mask of the faces, whether a detector still finds them, and the rest of the picture:</p>\n";
    text + &table(comparison, &head, |row| {
        let mask = row.all.mask.unwrap_or_default();
        let outside = row.all.outside;
        Some(vec![
            share(mask[0]),
            share(mask[1]),
            share(mask[2]),
            percent(row.all.detected),
            decimal(outside.map(|o| o.psnr), 1),
            decimal(outside.map(|o| o.ssim), 3),
        ])
    })
}

fn attacks(comparison: &Comparison) -> String {
    let Some(floor) = &comparison.floor else { return String::new() };
    let mut text = format!(
        "<h2>Who is it?</h2>\n<p class=\"small\">{} photos of {} people, {} queries; who guesses is right in {:.1} %. Rank-1 and true \
         accepts at one false accept in a thousand, %. Naive: the gallery is clear. Informed: hidden in the same way. \
         The trained attacker's penalty is the best for him on the queries: an upper bound.</p>\n",
        floor.photos,
        floor.people,
        floor.queries,
        100.0 * floor.chance
    );
    for (name, clear) in &floor.embedders {
        let _ = writeln!(
            text,
            "<p><b>{}</b>. Nothing hidden: rank-1 {}, true accepts {}. Different people: cosine {}, under 0.4: {}.</p>",
            escaped(name),
            percent(clear.rank1),
            percent(clear.true_accepts),
            decimal(clear.strangers_cosine, 2),
            percent(clear.strangers_unlike)
        );
        let head = heads(&[
            "cosine with the original",
            "under 0.4, %",
            "naive rank-1",
            "informed rank-1",
            "naive accepts",
            "informed accepts",
        ]);
        text += &table(comparison, &head, |row| {
            let f = row.reid.as_ref()?.embedders.get(name)?;
            Some(vec![
                format!("{:.2}", f.cosine),
                percent(f.unlike),
                percent(f.naive),
                percent(f.informed),
                percent(f.naive_accepts),
                percent(f.informed_accepts),
            ])
        });
    }
    let head = heads(&["pixels, informed, rank-1", "trained, rank-1"]);
    text + &table(comparison, &head, |row| {
        let reid = row.reid.as_ref()?;
        Some(vec![percent(reid.pixels), percent(reid.trained)])
    })
}

fn fairness(comparison: &Comparison) -> String {
    let with_groups = comparison.contestants.iter().find(|r| !r.fairness.is_empty());
    let Some(first) = with_groups else { return String::new() };
    let head: Vec<String> =
        first.fairness.iter().map(|g| format!("{} ({})", g.name, g.faces.judged)).collect();
    let text = table(comparison, &head, |row| {
        (!row.fairness.is_empty()).then(|| row.fairness.iter().map(|g| percent(g.faces.leak)).collect())
    });
    format!(
        "<h2>By group of people: leak, %</h2>\n<p class=\"small\">Faces of utkface pasted into pictures without faces, at any place and \
         size. In brackets: faces judged.</p>\n{text}"
    )
}

fn costs(comparison: &Comparison) -> String {
    let head =
        heads(&["parameters", "multiplications", "flash, bytes", "RAM, bytes", "instructions", "time, ms"]);
    let text = table(comparison, &head, |row| {
        let c = row.cost;
        Some(vec![
            whole(c.parameters),
            whole(c.macs),
            whole(c.flash_bytes),
            whole(c.ram_bytes),
            whole(c.instructions),
            decimal(c.time_ms, 1),
        ])
    });
    format!(
        "<h2>Cost</h2>\n<p class=\"small\">A picture. Flash and RAM of planned networks are of their 8-bit form with values placed by the \
         planner; flash of detectors is their file. Time: one core, from pixels to pixels, median.</p>\n{text}"
    )
}
