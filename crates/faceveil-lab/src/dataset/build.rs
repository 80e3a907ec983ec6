//! A dataset from its sources: looked at ([`super::scan`]), divided ([`plan`]), and written picture by picture. All that
//! is written follows from the configuration and the sources' bytes; a run that was killed goes on where it stopped.

pub mod plan;
mod render;

pub(crate) use render::encode;
pub(super) use render::{make_folders, write_three};

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use faceveil_infer::detectors::DetectorName;
use faceveil_media::Limits;
use faceveil_media::files::{WriteError, write_atomically};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::label::Agreement;
use super::progress::Progress;
use super::record::{LineError, MANIFEST, Record, Scanned, Skipped, lines, records};
use super::reference::Reference;
use super::scan::{ScanError, ScanPlan};
use super::source::Source;
use super::split::Shares;
use plan::Division;

/// Everything that decides what a dataset is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildConfig {
    /// The sources, in their order.
    pub sources: Vec<Source>,
    /// The categories of COCO sets that are faces.
    pub categories: Vec<String>,
    /// Sides of the frames, pixels.
    pub side: u32,
    /// Decides which pictures of limited sources are taken, and which part each goes to.
    pub seed: u64,
    /// The parts' shares.
    pub shares: Shares,
    /// How references are made.
    pub reference: Reference,
    /// The format of the files.
    pub format: Format,
    /// The detectors for what nobody labelled, by name.
    pub labellers: Vec<String>,
    /// What counts as a face when there are two.
    pub agreement: Agreement,
    /// Pixels of a picture at most.
    pub max_pixels: u64,
    /// The preset that this came from.
    pub preset: Option<String>,
}

/// Format of the files of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// JPEG, quality 95 without chroma subsampling; masks at quality 100.
    Jpg,
    /// PNG, without loss.
    Png,
}

impl Format {
    /// The files' ending.
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Jpg => "jpg",
            Self::Png => "png",
        }
    }
}

/// Why there is no dataset.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The sources cannot be looked at.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// A file of lines cannot be read.
    #[error(transparent)]
    Line(#[from] LineError),
    /// The system refused.
    #[error("{}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("{}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: WriteError,
    },
    /// The folder holds something else.
    #[error("{} is not empty and holds no dataset that was begun", path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds a dataset of another configuration.
    #[error("{} holds a dataset with other settings: choose another folder, or delete it", path.display())]
    OtherSettings {
        /// The folder.
        path: PathBuf,
    },
    /// Another run is at work in the folder.
    #[error("another run is at work in {}", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// Nothing came of any source.
    #[error("none of {looked_at} pictures could be used; the reasons are in {}", list.display())]
    Nothing {
        /// Pictures looked at.
        looked_at: u64,
        /// The list of reasons.
        list: PathBuf,
    },
    /// A detector has no such name.
    #[error("there is no detector {0:?}")]
    NoDetector(String),
}

/// What became of a build: also the file `dataset.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// `faceveil-dataset`.
    pub format: String,
    /// Of the format: 1.
    pub version: u32,
    /// The program that wrote it, with its version.
    pub program: String,
    /// What decided it.
    pub config: BuildConfig,
    /// SHA-256 of the manifest, which holds the hashes of all sources: the dataset's name.
    pub manifest_sha256: String,
    /// Pictures looked at.
    pub looked_at: u64,
    /// For each part: pictures, pictures without a face, faces.
    pub parts: BTreeMap<String, [u64; 3]>,
    /// The same for each set.
    pub sets: BTreeMap<String, [u64; 3]>,
    /// Groups that are not divided, and the pictures of the largest.
    pub groups: [u64; 2],
    /// Pictures that were skipped, by reason, the first words of it.
    pub skipped: BTreeMap<String, u64>,
    /// Places where detectors were not of one mind.
    pub doubts: u64,
}

/// The file of the pictures that are not in a dataset.
pub const SKIPPED: &str = "skipped.jsonl";
/// The file of what detectors do not agree on: lines as in the scan.
pub const REVIEW: &str = "review.jsonl";
/// The file of what a dataset is.
pub const SUMMARY: &str = "dataset.json";
/// The file of the configuration of a build that has begun.
const BEGUN: &str = "build.json";
/// What was seen, a line a picture, from the dataset's folder.
pub const SCAN: &str = "work/scan.jsonl";

impl BuildConfig {
    /// How its sources are looked at.
    ///
    /// # Errors
    /// [`BuildError::NoDetector`] for a name that is none.
    pub fn scan_plan(&self, jobs: usize) -> Result<ScanPlan, BuildError> {
        let named =
            |name: &String| name.parse::<DetectorName>().map_err(|_| BuildError::NoDetector(name.clone()));
        Ok(ScanPlan {
            sources: self.sources.clone(),
            categories: self.categories.clone(),
            seed: self.seed,
            labellers: self.labellers.iter().map(named).collect::<Result<_, _>>()?,
            agreement: self.agreement,
            limits: self.limits(),
            jobs,
        })
    }

    fn limits(&self) -> Limits {
        Limits { max_pixels: self.max_pixels, ..Limits::default() }
    }
}

/// Builds the dataset in the folder `out`, or goes on with it; one that is complete already is left as it is.
///
/// # Errors
/// [`BuildError`]; what is wrong with single pictures is in the file [`SKIPPED`] instead.
pub fn build(
    config: &BuildConfig,
    out: &Path,
    jobs: usize,
    progress: &Progress,
) -> Result<Summary, BuildError> {
    let _lock = begin(config, out)?;
    if let Some(summary) = complete(out)? {
        return Ok(summary);
    }
    let scan = out.join(SCAN);
    let looked_at = config.scan_plan(jobs)?.scan(&scan, progress)?;
    let division = Division::of(&scan, looked_at, config.seed, config.shares)?;
    render::render(config, out, &division, jobs, progress)?;
    finish(config, out, looked_at, &division)
}

/// Prepares the folder and holds it until the file that is given back is closed.
pub(super) fn begin(config: &BuildConfig, out: &Path) -> Result<File, BuildError> {
    let io = |path: &Path, source| BuildError::Io { path: path.to_owned(), source };
    fs::create_dir_all(out).map_err(|e| io(out, e))?;
    let begun = out.join(BEGUN);
    let mut text = serde_json::to_vec_pretty(config).map_err(|e| io(&begun, e.into()))?;
    text.push(b'\n');
    if begun.is_file() {
        let before = fs::read(&begun).map_err(|e| io(&begun, e))?;
        if serde_json::from_slice::<BuildConfig>(&before).ok().as_ref() != Some(config) {
            return Err(BuildError::OtherSettings { path: out.to_owned() });
        }
    } else if fs::read_dir(out).map_err(|e| io(out, e))?.next().is_some() {
        return Err(BuildError::Foreign { path: out.to_owned() });
    } else {
        write_atomically(&begun, &text, false)
            .map_err(|source| BuildError::Write { path: begun.clone(), source })?;
    }
    let lock = File::open(&begun).map_err(|e| io(&begun, e))?;
    if lock.try_lock().is_err() {
        return Err(BuildError::Busy { path: out.to_owned() });
    }
    let work = out.join("work");
    fs::create_dir_all(&work).map_err(|e| io(&work, e))?;
    Ok(lock)
}

/// The summary of a dataset that is complete.
fn complete(out: &Path) -> Result<Option<Summary>, BuildError> {
    let path = out.join(SUMMARY);
    if !path.is_file() {
        return Ok(None);
    }
    summary(out).map(Some)
}

/// Reads what the dataset in `folder` is.
///
/// # Errors
/// [`BuildError`] if there is none, or it is not complete.
pub fn summary(folder: &Path) -> Result<Summary, BuildError> {
    let path = folder.join(SUMMARY);
    let read = fs::read(&path).and_then(|bytes| Ok(serde_json::from_slice(&bytes)?));
    read.map_err(|source| BuildError::Io { path, source })
}

/// Writes the lists and the summary.
fn finish(
    config: &BuildConfig,
    out: &Path,
    looked_at: u64,
    division: &Division,
) -> Result<Summary, BuildError> {
    let (skipped, doubts) = write_lists(out, division)?;
    let mut summary = tally(config, out, looked_at)?;
    (summary.skipped, summary.doubts) = (skipped, doubts);
    summary.groups = division.groups();
    if summary.parts.values().all(|part| part[0] == 0) {
        return Err(BuildError::Nothing { looked_at, list: out.join(SKIPPED) });
    }
    write_summary(out, &summary)?;
    Ok(summary)
}

/// Writes the file [`SUMMARY`], with which a dataset is complete.
pub(super) fn write_summary(out: &Path, summary: &Summary) -> Result<(), BuildError> {
    let path = out.join(SUMMARY);
    let text = serde_json::to_vec_pretty(summary);
    let mut text = text.map_err(|e| BuildError::Io { path: path.clone(), source: e.into() })?;
    text.push(b'\n');
    write_atomically(&path, &text, true).map_err(|source| BuildError::Write { path, source })
}

/// Counts the manifest's pictures.
pub(super) fn tally(config: &BuildConfig, out: &Path, looked_at: u64) -> Result<Summary, BuildError> {
    let (mut parts, mut sets) = (BTreeMap::<String, [u64; 3]>::new(), BTreeMap::<String, [u64; 3]>::new());
    for record in records(out)? {
        let Record { split, set, faces, .. } = record?;
        for counts in [parts.entry(split.name().to_owned()).or_default(), sets.entry(set).or_default()] {
            counts[0] += 1;
            counts[1] += u64::from(faces.is_empty());
            counts[2] += faces.len() as u64;
        }
    }
    Ok(Summary {
        format: "faceveil-dataset".to_owned(),
        version: 1,
        program: format!("faceveil-lab {}", env!("CARGO_PKG_VERSION")),
        config: config.clone(),
        manifest_sha256: hash_file(&out.join(MANIFEST))?,
        looked_at,
        parts,
        sets,
        groups: [0, 0],
        skipped: BTreeMap::new(),
        doubts: 0,
    })
}

fn hash_file(path: &Path) -> Result<String, BuildError> {
    let wrong = |source| BuildError::Io { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(wrong)?;
    let (mut hash, mut block) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match io::Read::read(&mut file, &mut block).map_err(wrong)? {
            0 => return Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect()),
            n => hash.update(&block[..n]),
        }
    }
}

/// Writes what was skipped and what is to be reviewed; gives the skipped by reason, and the number of doubts.
fn write_lists(out: &Path, division: &Division) -> Result<(BTreeMap<String, u64>, u64), BuildError> {
    let (skipped_path, review_path) = (out.join(SKIPPED), out.join(REVIEW));
    let wrong = |path: &Path, source| BuildError::Io { path: path.to_owned(), source };
    let create = |path: &Path| File::create(path).map(BufWriter::new).map_err(|e| wrong(path, e));
    let (mut skipped, mut review) = (create(&skipped_path)?, create(&review_path)?);
    let failed: BTreeMap<u64, Skipped> = render::failed(out)?.into_iter().map(|s| (s.n, s)).collect();
    let (mut reasons, mut doubts) = (BTreeMap::new(), 0);
    for line in lines::<Scanned>(&out.join(SCAN))? {
        let scanned = line?;
        let reason = division.why_not(&scanned).or_else(|| failed.get(&scanned.n).map(|s| s.reason.clone()));
        if let Some(reason) = reason {
            let first: String =
                reason.split([':', ';']).next().unwrap_or_default().chars().take(60).collect();
            *reasons
                .entry(if scanned.name.is_empty() {
                    "a list or label of the source".to_owned()
                } else {
                    first
                })
                .or_default() += 1;
            let entry =
                Skipped { n: scanned.n, set: scanned.set.clone(), source: scanned.name.clone(), reason };
            line_to(&mut skipped, &entry).map_err(|e| wrong(&skipped_path, e))?;
        } else if let Ok(known) = &scanned.result
            && !known.doubts.is_empty()
        {
            doubts += known.doubts.len() as u64;
            line_to(&mut review, &scanned).map_err(|e| wrong(&review_path, e))?;
        }
    }
    skipped.flush().map_err(|e| wrong(&skipped_path, e))?;
    review.flush().map_err(|e| wrong(&review_path, e))?;
    Ok((reasons, doubts))
}

/// Writes one JSON line.
pub(super) fn line_to(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    out.write_all(&line)
}
