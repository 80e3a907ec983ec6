//! Which file a video is, to the bit.

use std::fs::File;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, ensure};

use super::finished::sha256;
use super::record::VideoRecord;
use crate::sidecar::Source;

/// A file's length in bytes, and when it was written last.
pub(super) type State = (u64, Option<SystemTime>);

/// When a file was written last, and its length.
///
/// # Errors
/// It cannot be read.
pub(super) fn stamp(path: &Path) -> anyhow::Result<State> {
    let metadata = path.metadata().context("cannot be read")?;
    Ok((metadata.len(), metadata.modified().ok()))
}

/// The original for its sidecar, and the state that it is in.
///
/// # Errors
/// It cannot be read.
pub(super) fn source_of(input: &Path) -> anyhow::Result<(Source, State)> {
    let state = stamp(input)?;
    let file = File::open(input).context("cannot be opened")?;
    let sha256 = sha256(file).context("cannot be read")?;
    Ok((Source { path: None, bytes: state.0, sha256 }, state))
}

/// # Errors
/// It is not the video that the sidecar was written for.
pub(super) fn check_source(
    input: &Path,
    source: &(Source, State),
    record: &VideoRecord,
) -> anyhow::Result<()> {
    let (got, want) = (&source.0.sha256, &record.source.sha256);
    ensure!(
        got == want,
        "{} is not the video that the sidecar was written for: its SHA-256 is {got}, not {want}",
        input.display()
    );
    Ok(())
}
