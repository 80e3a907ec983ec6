//! A whole result, from its temporary name to its own.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, bail};
use faceveil_media::files::WriteError;
use faceveil_media::video::{Container, Tools, VideoError, count_frames};
use sha2::{Digest, Sha256};
use tempfile::TempPath;

use super::parts::Parts;
use crate::plan::hex;
use crate::walk::TEMPORARY_PREFIX;

/// A whole result that waits for its name. It is removed unless it gets one.
#[derive(Debug)]
pub struct Finished {
    path: TempPath,
    /// Bytes of the file.
    pub bytes: u64,
    /// SHA-256 of the file in hexadecimal, if it was asked for.
    pub sha256: Option<String>,
    /// What it was put together of, to be removed when it has its name.
    parts: Option<Parts>,
}

impl Finished {
    /// Checks that the result has all frames, and that it is on the disk.
    pub(super) fn new(
        tools: &Tools,
        path: TempPath,
        need: u64,
        hashed: bool,
        parts: Option<Parts>,
    ) -> anyhow::Result<Self> {
        let got = count_frames(tools, &path).context("the result is not whole (is the disk full?)")?;
        if got != need {
            bail!(VideoError::FrameCount { got, need });
        }
        let file = File::open(&path).context("the result cannot be read")?;
        file.sync_all().map_err(WriteError::Write)?;
        let bytes = file.metadata().context("the result cannot be read")?.len();
        let sha256 = hashed.then(|| sha256(file)).transpose().context("the result cannot be read")?;
        Ok(Self { path, bytes, sha256, parts })
    }

    /// Gives the result its name.
    ///
    /// # Errors
    /// [`WriteError`]; then nothing has changed.
    pub fn publish(self, output: &Path, overwrite: bool) -> Result<(), WriteError> {
        let renamed = if overwrite { self.path.persist(output) } else { self.path.persist_noclobber(output) };
        renamed.map_err(|e| match e.error.kind() {
            io::ErrorKind::AlreadyExists if !overwrite => WriteError::Exists,
            _ => WriteError::Write(e.error),
        })?;
        // They are veiled, and of no more use: what is left of them harms nobody.
        let _ = self.parts.map(Parts::remove);
        Ok(())
    }
}

/// An empty file beside `output`, to be replaced by the encoder.
pub(super) fn temporary(output: &Path, container: Container) -> Result<TempPath, WriteError> {
    let folder = output.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_PREFIX).suffix(container.ending());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    Ok(builder.tempfile_in(folder).map_err(WriteError::Folder)?.into_temp_path())
}

/// SHA-256 of what is left of a file, in hexadecimal.
pub(crate) fn sha256(mut file: File) -> io::Result<String> {
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&digest.finalize())),
            n => digest.update(&buffer[..n]),
        }
    }
}
