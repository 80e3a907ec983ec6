//! Opening what was found: whether it is a photo at all, and its bytes.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use faceveil_core::geom::RectF;
use faceveil_media::Limits;

use crate::sniff::{self, Looks};
use crate::walk::{Found, Kind};

/// Whether a file is worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is tried.
    Try,
    /// It is left out, and why.
    Skip(&'static str),
}

/// Decides by what was found, and by the first bytes of a file whose name says nothing. Only what is
/// neither picture nor video is left out: a script may delete the originals afterwards.
///
/// # Errors
/// The file cannot be read, or is a picture or video that is not supported.
pub fn admit(found: &Found) -> anyhow::Result<Admission> {
    match &found.kind {
        Kind::Stdin | Kind::Photo => Ok(Admission::Try),
        Kind::Special => Ok(Admission::Skip("neither file nor folder")),
        Kind::Broken(why) => bail!("{why}"),
        Kind::Unsure => match sniff::content(&head(&found.input)?) {
            Looks::Photo | Looks::Video(_) => Ok(Admission::Try),
            Looks::Other => Ok(Admission::Skip("not a photo")),
            Looks::Unsupported(what) => {
                bail!(
                    "this looks like {what}; only JPEG, PNG, WebP, BMP, TIFF, GIF, HEIC and AVIF can be read"
                )
            }
        },
    }
}

/// Whether a file is to be worked on as a video: by its content, or where that says nothing by its name.
///
/// # Errors
/// It cannot be read.
pub fn is_video(found: &Found) -> anyhow::Result<bool> {
    if found.kind == Kind::Stdin {
        return Ok(false);
    }
    is_video_file(&found.input)
}

/// The same for a path.
///
/// # Errors
/// It cannot be read.
pub fn is_video_file(path: &Path) -> anyhow::Result<bool> {
    // What is no regular file has an error of its own when it is read as a photo.
    if !path.metadata().is_ok_and(|m| m.is_file()) {
        return Ok(false);
    }
    let head = head(path)?;
    Ok(match sniff::content(&head) {
        Looks::Video(_) => true,
        Looks::Photo => sniff::named_as_motion_jpeg(path),
        Looks::Unsupported(_) => false,
        Looks::Other => !head.is_empty() && sniff::named_as_video(path),
    })
}

/// The first bytes of a file.
fn head(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(sniff::HEAD_BYTES);
    let file = File::open(path).context("cannot be opened")?;
    file.take(sniff::HEAD_BYTES as u64).read_to_end(&mut head).context("cannot be read")?;
    Ok(head)
}

/// All bytes of standard input.
///
/// # Errors
/// It is empty, cannot be read, or is longer than the limit.
pub fn read_stdin(limits: &Limits) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = limits.max_file_bytes;
    io::stdin().lock().take(limit.saturating_add(1)).read_to_end(&mut bytes).context("cannot be read")?;
    ensure!(!bytes.is_empty(), "is empty");
    ensure!(bytes.len() as u64 <= limit, "has more bytes than the limit of {limit}");
    Ok(bytes)
}

/// Left, top, right, bottom.
pub fn corners(rect: &RectF) -> [f32; 4] {
    [rect.left, rect.top, rect.right, rect.bottom]
}
