//! The first look at every picture of every source: its bytes, its look, its faces. What was seen is a line of a file, so
//! that a run that was killed goes on where it stopped.

use std::collections::BinaryHeap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use faceveil_core::raster::Raster;
use faceveil_data::import::Sample;
use faceveil_infer::detectors::DetectorName;
use faceveil_media::Limits;
use faceveil_media::files::read_photo;

use super::fingerprint::{Look, key, sha256_hex};
use super::label::{Agreement, Labeller};
use super::ordered::in_order;
use super::picture::Picture;
use super::progress::Progress;
use super::record::{Doubt, FaceRecord, Known, LineError, Origin, Scanned, lines};
use super::source::{Candidate, Source, StreamError};

/// What is looked at, and how.
#[derive(Clone, Debug)]
pub struct ScanPlan {
    /// The sources, in their order.
    pub sources: Vec<Source>,
    /// The categories of COCO sets that are faces; none takes those whose name holds `face`.
    pub categories: Vec<String>,
    /// Decides which pictures of a limited source are taken.
    pub seed: u64,
    /// The detectors for what nobody labelled.
    pub labellers: Vec<DetectorName>,
    /// What counts as a face when there are two.
    pub agreement: Agreement,
    /// Limits on pictures.
    pub limits: Limits,
    /// Threads.
    pub jobs: usize,
}

/// Why the sources cannot be looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    /// A source cannot be opened.
    #[error("source {set}")]
    Source {
        /// Its set.
        set: String,
        /// Why.
        source: StreamError,
    },
    /// The file of what was seen cannot be read.
    #[error(transparent)]
    Line(#[from] LineError),
    /// It cannot be written.
    #[error("{}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The sources are not what they were when the run began.
    #[error("picture {n} was {was:?} when this was begun and is {is:?} now: begin anew in another folder")]
    Changed {
        /// Its number.
        n: u64,
        /// Its name then.
        was: String,
        /// Its name now.
        is: String,
    },
}

/// Something to be looked at, or what is wrong with it already.
struct Item {
    n: u64,
    source: u32,
    candidate: Result<Candidate, String>,
}

impl ScanPlan {
    /// Looks at all pictures and adds a line for each to `file`, after the lines that are there. Gives their number.
    ///
    /// # Errors
    /// [`ScanError`]; what is wrong with one picture is in its line instead.
    pub fn scan(&self, file: &Path, progress: &Progress) -> Result<u64, ScanError> {
        let done = resume(file)?;
        let wrong = |source| ScanError::Write { path: file.to_owned(), source };
        let opened = OpenOptions::new().create(true).append(true).open(file).map_err(wrong)?;
        let mut out = BufWriter::new(opened);
        let mut count = 0;
        progress.begin("looking", None);
        for (at, source) in self.sources.iter().enumerate() {
            let items = self.items(at as u32, source, count)?;
            // The stream ends where the sources are not what they were, before anything is added.
            let mut changed = None;
            let same = items.map_while(|item| {
                count = item.n + 1;
                changed = done
                    .as_ref()
                    .filter(|(n, was)| *n == item.n && *was != name_of(&item))
                    .map(|(n, was)| ScanError::Changed { n: *n, was: was.clone(), is: name_of(&item) });
                changed.is_none().then_some(item)
            });
            let new = same.filter(|item| done.as_ref().is_none_or(|(n, _)| item.n > *n));
            let start = || None;
            let work = |labeller: &mut Option<Labeller>, item: Item| self.look_at(item, labeller);
            in_order(new, self.jobs, start, work, |scanned: Scanned| {
                progress.step();
                let mut line = serde_json::to_vec(&scanned).map_err(|e| wrong(e.into()))?;
                line.push(b'\n');
                out.write_all(&line).map_err(wrong)?;
                // Whole lines only are of use to the next run, and some minutes of work must not wait in memory.
                if scanned.n.is_multiple_of(32) { out.flush().map_err(wrong) } else { Ok(()) }
            })?;
            if let Some(changed) = changed {
                return Err(changed);
            }
        }
        out.flush().map_err(wrong)?;
        progress.end();
        match done {
            Some((n, was)) if n >= count => Err(ScanError::Changed { n, was, is: String::new() }),
            _ => Ok(count),
        }
    }

    /// The pictures of a source that are to be looked at, numbered from `first`.
    fn items(
        &self,
        at: u32,
        source: &Source,
        first: u64,
    ) -> Result<impl Iterator<Item = Item> + Send + use<>, ScanError> {
        let wrong = |e| ScanError::Source { set: source.set().to_owned(), source: e };
        let most = match source.limit {
            None => u64::MAX,
            Some(limit) => {
                let all = source.stream(&self.categories).map_err(wrong)?;
                let keys = all.filter_map(Result::ok).filter(|c| !c.sample.held_out);
                largest_of_smallest(keys.map(|c| key(self.seed, &c.sample.name)), limit)
            }
        };
        let seed = self.seed;
        let stream = source.stream(&self.categories).map_err(wrong)?;
        let taken = stream.filter(move |c| match c {
            Ok(c) => c.sample.held_out || key(seed, &c.sample.name) <= most,
            Err(_) => true,
        });
        Ok(taken.enumerate().map(move |(n, candidate)| Item {
            n: first + n as u64,
            source: at,
            candidate: candidate.map_err(|e| chain(&e)),
        }))
    }

    /// The line of a picture.
    fn look_at(&self, item: Item, labeller: &mut Option<Labeller>) -> Scanned {
        let source = &self.sources[item.source as usize];
        let scanned =
            |set, name, path, result| Scanned { n: item.n, source: item.source, set, name, path, result };
        match item.candidate {
            Err(problem) => scanned(source.set().to_owned(), String::new(), PathBuf::new(), Err(problem)),
            Ok(candidate) => {
                let Sample { name, path, .. } = candidate.sample.clone();
                let result = self.known(candidate, labeller);
                scanned(source.set_of(&name), name, path, result)
            }
        }
    }

    fn known(&self, candidate: Candidate, labeller: &mut Option<Labeller>) -> Result<Known, String> {
        let Candidate { sample, labelled } = candidate;
        let bytes = read_photo(&sample.path, &self.limits).map_err(|e| chain(&e))?;
        let raster = faceveil_media::decode(&bytes, &self.limits).map_err(|e| chain(&e))?.raster;
        let size = [raster.width(), raster.height()];
        let item = faceveil_data::dataset::Item {
            name: String::new(),
            image_path: PathBuf::new(),
            labels: sample.labels,
        };
        let annotated = item.faces(size[0], size[1]).map(|faces| {
            faces.iter().map(|f| FaceRecord::new(f, Origin::from(sample.drawn), Vec::new())).collect()
        });
        let (faces, detected, doubts) = match (labelled, annotated) {
            (Some(known), _) => (known.faces, known.detected, known.doubts),
            (None, Some(faces)) => (faces, false, Vec::new()),
            (None, None) if sample.held_out => (Vec::new(), false, Vec::new()),
            (None, None) => self.detected(&raster, labeller)?,
        };
        let look = Look::of(&Picture::from_raster(raster));
        let (identity, tags, held_out) = (sample.identity, sample.tags, sample.held_out);
        Ok(Known {
            sha256: sha256_hex(&bytes),
            look,
            size,
            faces,
            detected,
            doubts,
            identity,
            tags,
            held_out,
        })
    }
}

impl ScanPlan {
    /// What the detectors see; they are loaded when the first picture needs them.
    fn detected(
        &self,
        raster: &Raster,
        labeller: &mut Option<Labeller>,
    ) -> Result<(Vec<FaceRecord>, bool, Vec<Doubt>), String> {
        if self.labellers.is_empty() {
            return Err("nobody labelled it, and no detector is to".to_owned());
        }
        let labeller = match labeller {
            Some(labeller) => labeller,
            None => labeller.insert(Labeller::new(&self.labellers, self.agreement).map_err(|e| chain(&e))?),
        };
        let labelled = labeller.label(raster).map_err(|e| chain(&e))?;
        Ok((labelled.faces, true, labelled.doubts))
    }
}

/// The picture's name, or what is wrong with it.
fn name_of(item: &Item) -> String {
    match &item.candidate {
        Ok(candidate) => candidate.sample.name.clone(),
        Err(problem) => problem.clone(),
    }
}

/// The error with its causes.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {}", chain(cause)))
}

/// The largest of the `limit` smallest numbers, so that those up to it are taken.
fn largest_of_smallest(numbers: impl Iterator<Item = u64>, limit: u64) -> u64 {
    let mut smallest = BinaryHeap::new();
    for number in numbers {
        smallest.push(number);
        if smallest.len() as u64 > limit {
            smallest.pop();
        }
    }
    smallest.peek().copied().unwrap_or(0)
}

/// Number and name of the last whole line; what follows it is cut off.
fn resume(file: &Path) -> Result<Option<(u64, String)>, ScanError> {
    if !file.exists() {
        return Ok(None);
    }
    cut_to_lines(file).map_err(|source| ScanError::Write { path: file.to_owned(), source })?;
    let mut last = None;
    for line in lines::<Scanned>(file)? {
        let Scanned { n, name, result, .. } = line?;
        // What could not be had at all has its problem for a name.
        let name = if name.is_empty() { result.err().unwrap_or_default() } else { name };
        last = Some((n, name));
    }
    Ok(last)
}

/// Cuts a file off after its last line feed.
pub(super) fn cut_to_lines(path: &Path) -> io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = File::options().read(true).write(true).open(path)?;
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut block = vec![0; 64 << 10];
    while end > 0 {
        let start = end.saturating_sub(block.len() as u64);
        let part = &mut block[..(end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(part)?;
        if let Some(at) = part.iter().rposition(|b| *b == b'\n') {
            return file.set_len(start + at as u64 + 1);
        }
        end = start;
    }
    file.set_len(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_take_the_smallest_keys() {
        assert_eq!(largest_of_smallest([5, 1, 9, 3].into_iter(), 2), 3);
        assert_eq!(largest_of_smallest([5, 1].into_iter(), 9), 5);
        assert_eq!(largest_of_smallest(std::iter::empty(), 9), 0);
    }

    #[test]
    fn a_cut_line_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let long = "y".repeat(200_000);
        for (text, want) in
            [("a\nb", "a\n"), ("a\n", "a\n"), ("abc", ""), ("", ""), (&format!("a\n{long}"), "a\n")]
        {
            std::fs::write(&path, text).unwrap();
            cut_to_lines(&path).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), want);
        }
    }
}
