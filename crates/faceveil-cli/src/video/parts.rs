//! Videos in parts, so that a run which was ended half-way goes on where it was (`--resume`).
//!
//! Beside the output `NAME` lies a folder `.faceveil-parts-NAME` while the video is not whole. In it, a list says on
//! its first line what is made of which video, and on each further line which part is finished; a last line without an
//! end does not count. Whatever does not fit is an error: parts of other settings are never put together.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use faceveil_media::video::{Encoder, EncoderOptions, Frame, Probe, Tools};
use serde::{Deserialize, Serialize};

use super::finished::sha256;
use super::hide::Counts;
use crate::walk::TEMPORARY_PREFIX;

/// The version of the list and of what the parts are.
const FORMAT: u32 = 1;
/// No line of the list is longer, in bytes.
const LONGEST_LINE: u64 = 1 << 16;

/// What is made of which video.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Opening {
    /// Always [`FORMAT`].
    format: u32,
    /// Version of this program.
    version: String,
    /// SHA-256 of the original.
    source: String,
    /// SHA-256 of all that shapes the frames.
    settings: String,
}

/// A part that is finished.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
struct Part {
    frames: u64,
    /// Time of its last frame, in ticks.
    last: i64,
    sha256: String,
    with_faces: u64,
    hidden: u64,
    visible: u64,
}

/// The parts of one video, and the right to add to them.
#[derive(Debug)]
pub(super) struct Parts {
    folder: PathBuf,
    list: File,
    done: Vec<Part>,
}

impl Opening {
    pub(super) fn new(source: &str, settings: String) -> Self {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Self { format: FORMAT, version, source: source.to_owned(), settings }
    }
}

impl Parts {
    /// Those that an earlier run has left for `output`, all checked, or none yet.
    ///
    /// # Errors
    /// They are not of this video and these settings, are damaged, or another run works on them.
    pub(super) fn open(output: &Path, opening: &Opening) -> anyhow::Result<Self> {
        let name = output.file_name().context("the output has no name")?;
        let mut ours = OsString::from(format!("{TEMPORARY_PREFIX}parts-"));
        ours.push(name);
        let folder = output.with_file_name(ours);
        let place = || format!("the parts in {}", folder.display());
        fs::create_dir_all(&folder).with_context(place)?;
        let path = folder.join(format!("{TEMPORARY_PREFIX}parts.jsonl"));
        let list = OpenOptions::new().read(true).append(true).create(true).open(path).with_context(place)?;
        match list.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("{}: another run works on them", place()),
            Err(TryLockError::Error(e)) => return Err(e).with_context(place),
        }
        let mut parts = Self { folder: folder.clone(), list, done: Vec::new() };
        parts.load(opening).with_context(place)?;
        Ok(parts)
    }

    fn load(&mut self, opening: &Opening) -> anyhow::Result<()> {
        let mut reader = BufReader::new(self.list.try_clone()?);
        let (mut line, mut whole) = (Vec::new(), 0);
        for number in 0.. {
            line.clear();
            (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut line)?;
            if line.last() != Some(&b'\n') {
                break;
            }
            whole += line.len() as u64;
            if number == 0 {
                let then: Opening = serde_json::from_slice(&line).context("the list is not understood")?;
                ensure!(
                    then == *opening,
                    "they are of another video, of other settings or by another version; remove the folder to start \
                     again"
                );
            } else {
                self.done.push(serde_json::from_slice(&line).context("the list is not understood")?);
            }
        }
        // What was being written when the run ended.
        self.list.set_len(whole)?;
        if whole == 0 {
            self.note(opening)?;
        }
        for (number, part) in (1..).zip(&self.done) {
            let file = File::open(self.path(number)).with_context(|| format!("part {number}"))?;
            ensure!(
                sha256(file)? == part.sha256,
                "part {number} has changed; remove the folder to start again"
            );
        }
        Ok(())
    }

    fn note(&mut self, line: &impl Serialize) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(line)?;
        line.push(b'\n');
        self.list.write_all(&line)?;
        Ok(self.list.sync_all()?)
    }

    fn path(&self, number: usize) -> PathBuf {
        self.folder.join(format!("{TEMPORARY_PREFIX}{number:05}.nut"))
    }

    /// The files of all finished parts.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        (1..=self.done.len()).map(|number| self.path(number)).collect()
    }

    /// Frames of all finished parts, and the time of the last one in ticks.
    pub(super) fn reached(&self) -> Option<(u64, i64)> {
        self.done.last().map(|last| (self.done.iter().map(|part| part.frames).sum(), last.last))
    }

    /// What became of the frames of all finished parts. A track that goes on over the end of one counts again.
    pub(super) fn counts(&self) -> Counts {
        let sum = |of: fn(&Part) -> u64| self.done.iter().map(of).fold(0u64, u64::saturating_add);
        let ids = |count: u64| (0..count.min(1 << 20)).map(|n| u64::MAX - n).collect();
        Counts {
            frames: sum(|p| p.frames),
            with_faces: sum(|p| p.with_faces),
            hidden: ids(sum(|p| p.hidden)),
            visible: ids(sum(|p| p.visible)),
        }
    }

    /// Removes them: the video has its name. What is not ours stays.
    pub(super) fn remove(self) -> io::Result<()> {
        for path in self.paths() {
            fs::remove_file(path)?;
        }
        let unfinished = self.path(self.done.len() + 1);
        let _ = fs::remove_file(unfinished);
        fs::remove_file(self.folder.join(format!("{TEMPORARY_PREFIX}parts.jsonl")))?;
        fs::remove_dir(&self.folder)
    }
}

/// Where redacted frames go.
pub(super) enum Sink<'a> {
    /// One file.
    Whole(Box<Encoder>),
    /// One part after the other.
    Parts(Box<PartWriter<'a>>),
}

/// Encodes frames part by part.
pub(super) struct PartWriter<'a> {
    pub tools: &'a Tools,
    pub probe: &'a Probe,
    pub size: (u32, u32),
    pub pixel_aspect: (u32, u32),
    pub options: &'a EncoderOptions,
    pub parts: &'a mut Parts,
    /// Frames of a part, at least 1.
    pub frames: u64,
    /// What encodes the part that is not finished.
    pub encoder: Option<Encoder>,
    /// What had become of the frames when it began.
    pub before: Counts,
    /// Time of the last frame, in ticks.
    pub last: i64,
}

impl Sink<'_> {
    /// Takes a frame; `counts` has it in already.
    ///
    /// # Errors
    /// The encoder takes no more, or a part could not be finished.
    pub(super) fn write(&mut self, frame: &mut Frame, counts: &Counts) -> anyhow::Result<()> {
        match self {
            Self::Whole(encoder) => Ok(encoder.write(frame)?),
            Self::Parts(writer) => writer.write(frame, counts),
        }
    }

    /// Waits for the rest, and returns the number of frames of all.
    ///
    /// # Errors
    /// The file or the part is not whole.
    pub(super) fn finish(self, counts: &Counts) -> anyhow::Result<u64> {
        match self {
            Self::Whole(encoder) => Ok(encoder.finish()?),
            Self::Parts(mut writer) => {
                writer.end_part(counts)?;
                Ok(writer.parts.reached().map_or(0, |(frames, _)| frames))
            }
        }
    }
}

impl PartWriter<'_> {
    fn write(&mut self, frame: &mut Frame, counts: &Counts) -> anyhow::Result<()> {
        if self.encoder.is_none() {
            let path = self.parts.path(self.parts.done.len() + 1);
            let (tools, probe) = (self.tools, self.probe);
            let encoder =
                Encoder::start_part(tools, probe, self.size, self.pixel_aspect, self.options, &path)?;
            self.encoder = Some(encoder);
        }
        if let Some(encoder) = &mut self.encoder {
            self.last = frame.pts;
            encoder.write(frame)?;
        }
        if counts.frames - self.before.frames >= self.frames {
            self.end_part(counts)?;
        }
        Ok(())
    }

    /// Finishes the part that was begun: it is on the disk before the list says so.
    fn end_part(&mut self, counts: &Counts) -> anyhow::Result<()> {
        let Some(encoder) = self.encoder.take() else { return Ok(()) };
        let frames = encoder.finish()?;
        let path = self.parts.path(self.parts.done.len() + 1);
        let file = File::open(&path).and_then(|file| file.sync_all().map(|()| file));
        let sha256 = file.and_then(sha256).context("a part cannot be read")?;
        let before = std::mem::replace(&mut self.before, counts.clone());
        let part = Part {
            frames,
            last: self.last,
            sha256,
            with_faces: counts.with_faces - before.with_faces,
            hidden: counts.hidden.difference(&before.hidden).count() as u64,
            visible: counts.visible.difference(&before.visible).count() as u64,
        };
        self.parts.note(&part).context("the list of parts")?;
        self.parts.done.push(part);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening(settings: &str) -> Opening {
        Opening::new("5eed", settings.to_owned())
    }

    fn part(parts: &mut Parts, frames: u64, content: &[u8]) {
        let path = parts.path(parts.done.len() + 1);
        fs::write(&path, content).unwrap();
        let sha256 = sha256(File::open(path).unwrap()).unwrap();
        let last = 40 * frames as i64;
        let part = Part { frames, last, sha256, with_faces: 1, hidden: 2, visible: 0 };
        parts.note(&part).unwrap();
        parts.done.push(part);
    }

    #[test]
    fn parts_are_found_again_only_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("clip.mp4");
        let mut parts = Parts::open(&output, &opening("a")).unwrap();
        assert_eq!(parts.reached(), None);
        part(&mut parts, 10, b"first");
        part(&mut parts, 7, b"second");
        let busy = Parts::open(&output, &opening("a")).unwrap_err();
        assert!(format!("{busy:#}").contains("another run works on them"), "{busy:#}");
        drop(parts);

        let again = Parts::open(&output, &opening("a")).unwrap();
        assert_eq!(again.reached(), Some((17, 280)));
        let counts = again.counts();
        assert_eq!((counts.frames, counts.with_faces, counts.hidden.len()), (17, 2, 4));
        let (second, list) = (again.path(2), again.folder.join(".faceveil-parts.jsonl"));
        drop(again);
        let other = Parts::open(&output, &opening("b")).unwrap_err();
        assert!(format!("{other:#}").contains("other settings"), "{other:#}");

        // The line that was being written when the run ended does not count.
        let whole = fs::read(&list).unwrap();
        fs::write(&list, &whole[..whole.len() - 1]).unwrap();
        assert_eq!(Parts::open(&output, &opening("a")).unwrap().reached(), Some((10, 400)));
        fs::write(&list, &whole).unwrap();
        fs::write(&second, b"seconD").unwrap();
        let changed = Parts::open(&output, &opening("a")).unwrap_err();
        assert!(format!("{changed:#}").contains("part 2 has changed"), "{changed:#}");
        fs::write(&second, b"second").unwrap();
        Parts::open(&output, &opening("a")).unwrap().remove().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
