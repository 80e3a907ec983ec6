//! Photos from and to the file system, without surprises.

use crate::Limits;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

/// Why a file was not read. The caller knows the path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// It cannot be opened.
    #[error("cannot be opened")]
    Open(#[source] io::Error),
    /// It is something else than a regular file.
    #[error("is {kind}, not a regular file")]
    NotRegular {
        /// What it is, with its article.
        kind: &'static str,
    },
    /// It holds nothing.
    #[error("is empty")]
    Empty,
    /// It is larger than [`Limits::max_file_bytes`].
    #[error("has {bytes} bytes or more, the limit is {limit}")]
    TooLarge {
        /// Bytes it is known to have.
        bytes: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// Reading failed on the way.
    #[error("cannot be read")]
    Read(#[source] io::Error),
}

/// Why a file was not written. The caller knows the path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The path ends in no file name.
    #[error("is not the name of a file")]
    NoFileName,
    /// There is something already, and overwriting was not asked for.
    #[error("exists already")]
    Exists,
    /// No temporary file can be made in its folder.
    #[error("its folder cannot be written to")]
    Folder(#[source] io::Error),
    /// Writing failed, for example because the disk is full. Nothing is left of it.
    #[error("cannot be written")]
    Write(#[source] io::Error),
    /// The whole file is in place, yet the folder could not be told to keep it through a power cut.
    #[error("is written, but its folder cannot be flushed to disk")]
    Flush(#[source] io::Error),
}

/// Reads a file whole. A pipe or device is never waited for: the file is opened without blocking
/// and what was opened is checked, not the name.
///
/// # Errors
/// [`ReadError`] unless it is a regular file of `1..=max_file_bytes` bytes, also if it grows
/// meanwhile.
pub fn read_photo(path: impl AsRef<Path>, limits: &Limits) -> Result<Vec<u8>, ReadError> {
    let file = open(path.as_ref()).map_err(ReadError::Open)?;
    let metadata = file.metadata().map_err(ReadError::Open)?;
    if !metadata.is_file() {
        return Err(ReadError::NotRegular { kind: kind(&metadata) });
    }
    let limit = limits.max_file_bytes;
    if metadata.len() > limit {
        return Err(ReadError::TooLarge { bytes: metadata.len(), limit });
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(metadata.len() as usize + 1).map_err(|e| ReadError::Read(e.into()))?;
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(ReadError::Read)?;
    match bytes.len() as u64 {
        0 => Err(ReadError::Empty),
        len if len > limit => Err(ReadError::TooLarge { bytes: len, limit }),
        _ => Ok(bytes),
    }
}

/// Writes a whole file or none: into a temporary file `.faceveil-…` beside it, to the disk, then
/// under its name. Permissions are those of any new file (0666 less the umask). A symbolic link
/// under that name is replaced, not followed.
///
/// # Errors
/// [`WriteError`]; except for [`WriteError::Flush`], nothing has changed then.
pub fn write_atomically(path: impl AsRef<Path>, bytes: &[u8], overwrite: bool) -> Result<(), WriteError> {
    let path = path.as_ref();
    if path.file_name().is_none() {
        return Err(WriteError::NoFileName);
    }
    // Spares the work; the rename below is what guarantees it.
    if !overwrite && path.symlink_metadata().is_ok() {
        return Err(WriteError::Exists);
    }
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temp = temp_builder().tempfile_in(folder).map_err(WriteError::Folder)?;
    temp.write_all(bytes).and_then(|()| temp.as_file().sync_all()).map_err(WriteError::Write)?;
    let renamed = if overwrite { temp.persist(path) } else { temp.persist_noclobber(path) };
    renamed.map_err(|e| match e.error.kind() {
        io::ErrorKind::AlreadyExists if !overwrite => WriteError::Exists,
        _ => WriteError::Write(e.error),
    })?;
    flush_folder(folder).map_err(WriteError::Flush)
}

/// Whether two paths lead to one existing file, by links of either kind too.
pub fn same_file(a: impl AsRef<Path>, b: impl AsRef<Path>) -> bool {
    same(a.as_ref(), b.as_ref()).unwrap_or(false)
}

#[cfg(unix)]
fn same(a: &Path, b: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let (a, b) = (a.metadata()?, b.metadata()?);
    Ok((a.dev(), a.ino()) == (b.dev(), b.ino()))
}

#[cfg(not(unix))]
fn same(a: &Path, b: &Path) -> io::Result<bool> {
    Ok(a.canonicalize()? == b.canonicalize()?)
}

#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let flags = OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}

#[cfg(unix)]
fn kind(metadata: &Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    let kind = metadata.file_type();
    if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a pipe (FIFO)"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(not(unix))]
fn kind(metadata: &Metadata) -> &'static str {
    if metadata.is_dir() { "a folder" } else { "a device" }
}

#[cfg(unix)]
fn temp_builder() -> tempfile::Builder<'static, 'static> {
    use std::os::unix::fs::PermissionsExt;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".faceveil-").permissions(std::fs::Permissions::from_mode(0o666));
    builder
}

#[cfg(not(unix))]
fn temp_builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".faceveil-");
    builder
}

#[cfg(unix)]
fn flush_folder(folder: &Path) -> io::Result<()> {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    match File::open(folder).and_then(|f| f.sync_all()) {
        // A folder that may be written but not listed, or a file system that cannot flush folders.
        Err(e) if matches!(e.kind(), InvalidInput | PermissionDenied | Unsupported) => Ok(()),
        flushed => flushed,
    }
}

#[cfg(not(unix))]
fn flush_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
