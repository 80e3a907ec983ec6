//! The journal of a batch, so that an interrupted one goes on where it stopped.
//!
//! A text file of JSON lines. The first is the header `{"faceveil_journal":1}`; then, for each file,
//! a line before its output is put in place (`"durable":false`) and the same line after it is there
//! and durable (`"durable":true`). Paths are absolute; what is not UTF-8 is also given in hexadecimal.
//! Lines are only ever added. A last line without its line feed was cut short and is dropped.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Mutex;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::plan::hex;

const HEADER: &str = "{\"faceveil_journal\":1}\n";

/// The journal cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Another run holds it.
    #[error("another run is using this journal")]
    Locked,
    /// Some other file, which must not be written to.
    #[error("exists, but is not a journal of this program's version 1")]
    Foreign,
    /// A line within the file is not one of ours.
    #[error("line {line} is damaged: {reason}")]
    Line {
        /// Counted from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
}

/// One line.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Absolute path of the input, with replacement characters where it is not UTF-8.
    pub input: String,
    /// Its bytes in hexadecimal if it is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_hex: Option<String>,
    /// Size of the input in bytes.
    pub size: u64,
    /// When the input was last changed, in nanoseconds since 1970.
    pub mtime_ns: i128,
    /// The plan's fingerprint.
    pub settings: String,
    /// Absolute path of the output.
    pub output: String,
    /// Its bytes in hexadecimal if it is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_hex: Option<String>,
    /// Size of the output in bytes.
    pub output_bytes: u64,
    /// SHA-256 of the output in hexadecimal.
    pub output_sha256: String,
    /// Faces hidden.
    pub faces: usize,
    /// Whether the output was in place and durable when this was written.
    pub durable: bool,
}

/// An input as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Size in bytes.
    pub size: u64,
    /// When it was last changed, in nanoseconds since 1970.
    pub mtime_ns: i128,
}

impl Stamp {
    /// The size and time of `path`.
    ///
    /// # Errors
    /// What the system says.
    pub fn of(path: &Path) -> io::Result<Self> {
        let metadata = path.metadata()?;
        let modified = metadata.modified()?;
        let mtime_ns = match modified.duration_since(UNIX_EPOCH) {
            Ok(after) => after.as_nanos() as i128,
            Err(before) => -(before.duration().as_nanos() as i128),
        };
        Ok(Self { size: metadata.len(), mtime_ns })
    }
}

/// What the journal knows of an input and its output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing, or its output is gone.
    New,
    /// Done with the same settings, and the output is there.
    Done {
        /// Faces hidden then.
        faces: usize,
    },
    /// Done, but with other settings.
    OtherSettings,
    /// Done, but the input has changed since.
    Changed,
}

/// What is kept of an entry in memory: paths as 128-bit hashes, to hold millions.
#[derive(Clone, Copy, Debug)]
struct Record {
    stamp: (u64, i128),
    settings: u128,
    output_bytes: u64,
    output_sha256: [u8; 32],
    faces: u32,
    durable: bool,
}

/// An open journal, locked against other runs.
#[derive(Debug)]
pub struct Journal {
    /// `None` for a dry run.
    file: Option<Mutex<File>>,
    records: HashMap<u128, Record>,
}

impl Journal {
    /// Opens or starts the journal at `path`.
    ///
    /// # Errors
    /// [`JournalError`] if it cannot be opened, is in use, or is not a journal.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        file.try_lock().map_err(|e| match e {
            TryLockError::WouldBlock => JournalError::Locked,
            TryLockError::Error(e) => JournalError::Io(e),
        })?;
        let (records, whole) = load(&mut file)?;
        file.set_len(whole)?;
        if whole == 0 {
            file.write_all(HEADER.as_bytes())?;
        }
        Ok(Self { file: Some(Mutex::new(file)), records })
    }

    /// Reads the journal at `path`, if there is one, for a run that writes nothing.
    ///
    /// # Errors
    /// [`JournalError`] if it cannot be read, or is not a journal.
    pub fn peek(path: &Path) -> Result<Self, JournalError> {
        let records = match File::open(path) {
            Ok(mut file) => load(&mut file)?.0,
            Err(e) if e.kind() == io::ErrorKind::NotFound => HashMap::new(),
            Err(e) => return Err(e.into()),
        };
        Ok(Self { file: None, records })
    }

    /// What earlier runs did to `input`, if its output is still there. `settings` is a fingerprint of all
    /// that shapes the output.
    pub fn look_up(&self, input: &Path, stamp: &Stamp, output: &Path, settings: &str) -> Known {
        let Some(record) = key(input, output).ok().and_then(|k| self.records.get(&k)) else {
            return Known::New;
        };
        if !record.stands(output) {
            Known::New
        } else if record.settings != hash(settings.as_bytes()) {
            Known::OtherSettings
        } else if record.stamp != (stamp.size, stamp.mtime_ns) {
            Known::Changed
        } else {
            Known::Done { faces: record.faces as usize }
        }
    }

    /// The entry for an output that is about to be put in place.
    ///
    /// # Errors
    /// What the system says if a relative path cannot be completed.
    pub fn entry(
        &self,
        input: &Path,
        stamp: &Stamp,
        output: &Path,
        settings: &str,
        bytes: &[u8],
        faces: usize,
    ) -> io::Result<Entry> {
        let (input, input_hex) = texts(&std::path::absolute(input)?);
        let (output, output_hex) = texts(&std::path::absolute(output)?);
        Ok(Entry {
            input,
            input_hex,
            size: stamp.size,
            mtime_ns: stamp.mtime_ns,
            settings: settings.to_owned(),
            output,
            output_hex,
            output_bytes: bytes.len() as u64,
            output_sha256: hex(&Sha256::digest(bytes)),
            faces,
            durable: false,
        })
    }

    /// Adds a line; one that says `durable` is itself on the disk afterwards.
    ///
    /// # Errors
    /// What the system says, for example that the disk is full.
    pub fn add(&self, entry: &Entry) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let mut line = serde_json::to_string(entry)?;
        line.push('\n');
        // A poisoned lock only means that another line may be cut short, which the reader reports.
        let mut file = file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let before = file.metadata()?.len();
        if let Err(e) = file.write_all(line.as_bytes()) {
            // Half a line in the middle would make the journal unreadable.
            file.set_len(before)?;
            return Err(e);
        }
        if entry.durable { file.sync_data() } else { Ok(()) }
    }
}

impl Record {
    fn of(entry: &Entry) -> Option<Self> {
        let mut output_sha256 = [0; 32];
        unhex_into(&entry.output_sha256, &mut output_sha256)?;
        Some(Self {
            stamp: (entry.size, entry.mtime_ns),
            settings: hash(entry.settings.as_bytes()),
            output_bytes: entry.output_bytes,
            output_sha256,
            faces: u32::try_from(entry.faces).ok()?,
            durable: entry.durable,
        })
    }

    /// Whether the output is the one that was noted. After a kill between the two lines only its
    /// content tells: an older output may still have its place.
    fn stands(&self, output: &Path) -> bool {
        let same_size = output.metadata().is_ok_and(|m| m.is_file() && m.len() == self.output_bytes);
        same_size
            && (self.durable
                || std::fs::read(output).is_ok_and(|b| Sha256::digest(b)[..] == self.output_sha256))
    }
}

/// The records, and the length in bytes of the whole lines.
fn load(file: &mut File) -> Result<(HashMap<u128, Record>, u64), JournalError> {
    file.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::new(file);
    let mut records = HashMap::new();
    let (mut whole, mut number) = (0, 0);
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = read_line(&mut reader, &mut line)?;
        number += 1;
        if number == 1 && !HEADER.as_bytes().starts_with(&line) {
            return Err(JournalError::Foreign);
        }
        if line.last() != Some(&b'\n') {
            return Ok((records, whole));
        }
        whole += length as u64;
        if number > 1 {
            let damaged = |reason| JournalError::Line { line: number, reason };
            let entry: Entry = serde_json::from_slice(&line).map_err(|e| damaged(e.to_string()))?;
            let record = Record::of(&entry).ok_or_else(|| damaged("not a SHA-256".to_owned()))?;
            let input = entry.input_hex.as_deref().map_or_else(|| Some(entry.input.clone().into()), unhex);
            let output = entry.output_hex.as_deref().map_or_else(|| Some(entry.output.clone().into()), unhex);
            let (Some(input), Some(output)) = (input, output) else {
                return Err(damaged("not hexadecimal".to_owned()));
            };
            records.insert(pair(&input, &output), record);
        }
    }
}

/// Reads a line, but never more than any honest line has; returns its bytes.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<usize> {
    const MOST: u64 = 1 << 20;
    reader.take(MOST).read_until(b'\n', line)
}

fn key(input: &Path, output: &Path) -> io::Result<u128> {
    let bytes = |p: &Path| std::path::absolute(p).map(|p| p.into_os_string().into_encoded_bytes());
    Ok(pair(&bytes(input)?, &bytes(output)?))
}

fn pair(input: &[u8], output: &[u8]) -> u128 {
    hash(&[input, output].join(&0))
}

fn hash(bytes: &[u8]) -> u128 {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, bytes).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}

/// A path as text, and its bytes in hexadecimal if the text is not exact.
pub fn texts(path: &Path) -> (String, Option<String>) {
    let exact = path.to_str().is_some();
    let digits = || hex(path.as_os_str().as_encoded_bytes());
    (path.to_string_lossy().into_owned(), (!exact).then(digits))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let mut bytes = vec![0; text.len() / 2];
    unhex_into(text, &mut bytes)?;
    Some(bytes)
}

fn unhex_into(text: &str, bytes: &mut [u8]) -> Option<()> {
    if text.len() != bytes.len() * 2 || !text.is_ascii() {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(())
}
