//! `dataset label`: labels without a dataset, and a page on what the detectors do not agree on.

use std::path::PathBuf;

use anyhow::Context;
use faceveil_infer::detectors::DetectorName;
use faceveil_media::Limits;
use faceveil_media::files::write_atomically;

use super::args::LabelArgs;
use super::progress::Progress;
use super::record::{Scanned, lines};
use super::report::{doubts_table, html};
use super::scan::ScanPlan;

/// Doubtful pictures on the page at most.
const MOST: usize = 400;

/// Labels the pictures, or goes on with it, and says what came of it.
///
/// # Errors
/// What stopped it.
pub fn label(args: &LabelArgs, labellers: &[String], progress: &Progress) -> anyhow::Result<String> {
    let named = labellers.iter().map(|name| name.parse::<DetectorName>());
    let mut sources = args.sources.clone();
    for source in &mut sources {
        source.path = std::path::absolute(&source.path)?;
    }
    let plan = ScanPlan {
        sources,
        categories: args.common.categories.clone(),
        seed: 1,
        labellers: named.collect::<Result<_, _>>()?,
        agreement: args.common.agreement,
        limits: Limits { max_pixels: args.common.max_pixels, ..Limits::default() },
        jobs: args.common.jobs(),
    };
    plan.scan(&args.out, progress).with_context(|| args.out.display().to_string())?;
    let (mut pictures, mut faces, mut bad, mut doubtful) = (0, 0, 0, Vec::new());
    for line in lines::<Scanned>(&args.out)? {
        let scanned = line?;
        match &scanned.result {
            Err(problem) => {
                bad += 1;
                eprintln!("faceveil-lab: {}: {problem}", scanned.name);
            }
            Ok(known) => {
                (pictures, faces) = (pictures + 1, faces + known.faces.len());
                // Held in memory, so no more than are shown.
                if !known.doubts.is_empty() && doubtful.len() < MOST {
                    doubtful.push(scanned);
                }
            }
        }
    }
    let page = PathBuf::from(format!("{}.review.html", args.out.display()));
    let body = match &doubts_table(&doubtful, MOST)[..] {
        "" => "<p>The detectors agree on everything.</p>".to_owned(),
        table => table.to_owned(),
    };
    write_atomically(&page, html("Labels to look at", &body).as_bytes(), true)
        .with_context(|| page.display().to_string())?;
    Ok(format!(
        "{pictures} pictures, {faces} faces, {bad} pictures could not be read; {} to look at: {}",
        doubtful.len(),
        page.display()
    ))
}
