//! One self-contained HTML page on a dataset: counts, where its faces lie and how large they are, contact sheets, and what
//! the detectors do not agree on. It loads nothing and runs no script.

mod chart;
mod sheet;
mod statistics;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use super::build::{BuildError, REVIEW, Summary, summary};
use super::record::{LineError, Scanned, lines, records};
use super::split::Part;
use sheet::Sheet;
use statistics::Statistics;

pub(crate) use sheet::base64;
pub(super) use sheet::doubts_table;

/// Doubtful pictures on the page at most; the file has all.
const MOST_DOUBTS: usize = 120;

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The dataset is not complete.
    #[error(transparent)]
    Dataset(#[from] BuildError),
    /// Its lines cannot be read.
    #[error(transparent)]
    Line(#[from] LineError),
}

/// The page on the dataset in `folder`, with up to `samples` pictures of each part.
///
/// # Errors
/// [`ReportError`] if the dataset is not complete.
pub fn page(folder: &Path, samples: usize) -> Result<String, ReportError> {
    let summary = summary(folder)?;
    let (mut statistics, mut sheets) = (BTreeMap::<Part, Statistics>::new(), BTreeMap::<Part, Sheet>::new());
    for record in records(folder)? {
        let record = record?;
        statistics.entry(record.split).or_default().add(&record);
        sheets.entry(record.split).or_insert_with(|| Sheet::new(samples)).offer(record);
    }
    let mut body = counts(&summary);
    for (part, statistics) in &statistics {
        body += &statistics.section(part.name());
    }
    for (part, sheet) in sheets {
        body += &sheet.section(folder, part.name());
    }
    body += &doubts(folder)?;
    let _ = write!(
        body,
        "<h2>Configuration</h2><pre>{}</pre>",
        escaped(&serde_json::to_string_pretty(&summary.config).unwrap_or_default())
    );
    Ok(html(&format!("Dataset {}", &summary.manifest_sha256[..summary.manifest_sha256.len().min(12)]), &body))
}

/// A whole page.
pub(super) fn html(title: &str, body: &str) -> String {
    let title = escaped(title);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>{title}</title>\n<style>{}</style></head>\n\
         <body><h1>{title}</h1>\n{body}</body></html>\n",
        include_str!("report/page.css")
    )
}

/// Text that cannot be taken for markup.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            c => safe.push(c),
        }
    }
    safe
}

/// A table with a head; cells are escaped here.
pub(super) fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut text = String::from("<table><tr>");
    head.iter().for_each(|cell| text += &format!("<th>{}</th>", escaped(cell)));
    text += "</tr>";
    for row in rows {
        let cells: String = row.iter().map(|cell| format!("<td>{}</td>", escaped(cell))).collect();
        let _ = write!(text, "<tr>{cells}</tr>");
    }
    text + "</table>\n"
}

fn counts(summary: &Summary) -> String {
    let rows = |of: &BTreeMap<String, [u64; 3]>| {
        of.iter()
            .map(|(name, counts)| [vec![name.clone()], counts.map(|n| n.to_string()).to_vec()].concat())
            .collect::<Vec<_>>()
    };
    let head = ["", "pictures", "without a face", "faces"];
    let mut text = String::from("<h2>Counts</h2>\n<div class=\"row\">");
    text += &table(&head, rows(&summary.parts));
    text += &table(&head, rows(&summary.sets));
    let skipped = summary.skipped.iter().map(|(reason, n)| vec![reason.clone(), n.to_string()]);
    text += &table(&["not used", "pictures"], skipped);
    let [groups, largest] = summary.groups;
    let _ = writeln!(
        text,
        "</div><p>{} pictures were looked at. {groups} groups of one person, one photo or near-duplicates, the largest of \
         {largest} pictures, are whole in one part each. Frames are {side}×{side} pixels. Written by {program}; the manifest's \
         SHA-256 is <code>{hash}</code>.</p>",
        summary.looked_at,
        side = summary.config.side,
        program = escaped(&summary.program),
        hash = escaped(&summary.manifest_sha256),
    );
    text
}

fn doubts(folder: &Path) -> Result<String, LineError> {
    let path = folder.join(REVIEW);
    if !path.is_file() {
        return Ok(String::new());
    }
    let mut doubtful = Vec::new();
    for line in lines::<Scanned>(&path)? {
        doubtful.push(line?);
    }
    Ok(doubts_table(&doubtful, MOST_DOUBTS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_name_becomes_markup() {
        assert_eq!(escaped("<script>'\"&"), "&lt;script&gt;&#39;&quot;&amp;");
        let table = table(&["<"], [vec!["<b>".to_owned()]]);
        assert!(!table.contains("<b>") && table.contains("&lt;b&gt;"), "{table}");
    }
}
