//! The pictures of a dataset, written one after the other: frame, blurred frame, mask, line of the manifest.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use faceveil_media::files::read_photo;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::plan::{Division, Fate};
use super::{BuildConfig, BuildError, Format, SCAN, line_to};
use crate::dataset::fingerprint::sha256_hex;
use crate::dataset::ordered::in_order;
use crate::dataset::picture::{Content, Picture};
use crate::dataset::progress::Progress;
use crate::dataset::record::{FaceRecord, Known, MANIFEST, Record, Scanned, Skipped, lines, records};
use crate::dataset::scan::{chain, cut_to_lines};
use crate::dataset::split::Part;

/// Pictures that could be looked at, but not written.
const FAILED: &str = "work/failed.jsonl";

/// A picture that is used: its part, its number there, its group.
struct Job {
    scanned: Scanned,
    part: Part,
    number: u32,
    group: u64,
}

/// Writes all used pictures that are not in the manifest yet.
pub(super) fn render(
    config: &BuildConfig,
    out: &Path,
    division: &Division,
    jobs: usize,
    progress: &Progress,
) -> Result<(), BuildError> {
    make_folders(out)?;
    let (manifest, failed) = (out.join(MANIFEST), out.join(FAILED));
    let done = resume(out)?;
    let append = |path: &Path| {
        let file = OpenOptions::new().create(true).append(true).open(path);
        file.map_err(|source| BuildError::Io { path: path.to_owned(), source })
    };
    let (mut manifest_file, mut failed_file) = (append(&manifest)?, append(&failed)?);
    progress.begin("writing", Some(division.used()));
    let mut broken = None;
    let all = lines::<Scanned>(&out.join(SCAN))?.map_while(|line| line.map_err(|e| broken = Some(e)).ok());
    let new = all.filter_map(|scanned| match division.fate(scanned.n) {
        Fate::Used(part, number) => {
            if done.is_some_and(|done| scanned.n <= done) {
                progress.step();
                return None;
            }
            let group = division.group(scanned.n);
            Some(Job { scanned, part, number, group })
        }
        _ => None,
    });
    let work = |(): &mut (), job: Job| {
        let (n, set, source) = (job.scanned.n, job.scanned.set.clone(), job.scanned.name.clone());
        one(config, out, job).map_err(|e| e.map(|reason| Skipped { n, set, source, reason }))
    };
    in_order(
        new,
        jobs,
        || (),
        work,
        |result| {
            progress.step();
            let (path, written) = match result {
                Ok(record) => (&manifest, line_to(&mut manifest_file, &record)),
                Err(Failure::Picture(skipped)) => (&failed, line_to(&mut failed_file, &skipped)),
                Err(Failure::Output(e)) => return Err(e),
            };
            written.map_err(|source| BuildError::Io { path: path.clone(), source })
        },
    )?;
    progress.end();
    broken.map_or(Ok(()), |e| Err(e.into()))
}

/// The folders of all parts.
pub(in crate::dataset) fn make_folders(out: &Path) -> Result<(), BuildError> {
    for part in Part::ALL {
        for kind in ["", "_blur", "_mask"] {
            let path = out.join(format!("{}{kind}", part.name()));
            fs::create_dir_all(&path).map_err(|source| BuildError::Io { path, source })?;
        }
    }
    Ok(())
}

/// Number of the last picture in the manifest; what an earlier run wrote after it is cut off.
fn resume(out: &Path) -> Result<Option<u64>, BuildError> {
    let manifest = out.join(MANIFEST);
    let io = |path: &Path, source| BuildError::Io { path: path.to_owned(), source };
    if !manifest.is_file() {
        return Ok(None);
    }
    cut_to_lines(&manifest).map_err(|e| io(&manifest, e))?;
    let mut done = None;
    for record in records(out)? {
        done = Some(record?.n);
    }
    let path = out.join(FAILED);
    let mut kept = Vec::new();
    for skipped in failed(out)?.iter().filter(|s| done.is_some_and(|done| s.n <= done)) {
        line_to(&mut kept, skipped).map_err(|e| io(&path, e))?;
    }
    fs::write(&path, kept).map_err(|e| io(&path, e))?;
    Ok(done)
}

/// The pictures that could not be written.
pub(super) fn failed(out: &Path) -> Result<Vec<Skipped>, BuildError> {
    let path = out.join(FAILED);
    if !path.is_file() {
        return Ok(Vec::new());
    }
    Ok(lines(&path)?.collect::<Result<_, _>>()?)
}

/// Why a picture was not written: its own fault, or that of the disk.
enum Failure<P> {
    Picture(P),
    Output(BuildError),
}

impl Failure<String> {
    fn map<P>(self, with: impl FnOnce(String) -> P) -> Failure<P> {
        match self {
            Self::Picture(reason) => Failure::Picture(with(reason)),
            Self::Output(e) => Failure::Output(e),
        }
    }
}

fn one(config: &BuildConfig, out: &Path, job: Job) -> Result<Record, Failure<String>> {
    let Job { scanned, part, number, group } = job;
    let known: Known = scanned.result.map_err(Failure::Picture)?;
    let bytes = read_photo(&scanned.path, &config.limits()).map_err(|e| Failure::Picture(chain(&e)))?;
    if sha256_hex(&bytes) != known.sha256 {
        return Err(Failure::Picture("it has changed since it was looked at".to_owned()));
    }
    let picture = Picture::decode(&bytes, &config.limits()).map_err(|e| Failure::Picture(chain(&e)))?;
    let (frame, content) = picture.letterboxed(config.side).map_err(|e| Failure::Picture(chain(&e)))?;
    let faces = known.faces.iter().filter_map(|face| {
        let moved = face.face()?.mapped(&content.fit);
        Some(FaceRecord::new(&moved, face.drawn, face.by.clone()))
    });
    let files = write_three(config, out, (part, number), &frame, &content, faces.clone().collect())
        .map_err(Failure::Output)?;
    let [file, blur, mask] = files;
    Ok(Record {
        n: scanned.n,
        split: part,
        file,
        blur,
        mask,
        set: scanned.set,
        source: scanned.name,
        sha256: known.sha256.clone(),
        look: known.look,
        size: known.size,
        content: [content.width, content.height],
        group,
        identity: known.identity.clone(),
        faces: faces.collect(),
        detected: known.detected,
        tags: known.tags.clone(),
    })
}

/// Writes a frame, its blurred reference and its mask; gives their names from the dataset's folder.
pub(in crate::dataset) fn write_three(
    config: &BuildConfig,
    out: &Path,
    (part, number): (Part, u32),
    frame: &Picture,
    content: &Content,
    faces: Vec<FaceRecord>,
) -> Result<[String; 3], BuildError> {
    let ellipses: Vec<_> = faces.iter().filter_map(FaceRecord::face).collect();
    let name = |kind: &str| format!("{}{kind}/{number:05}.{}", part.name(), config.format.ending());
    let names = [name(""), name("_blur"), name("_mask")];
    let blurred = config.reference.blurred(frame, &ellipses, content);
    let mask = config.reference.mask(&ellipses, config.side, content);
    let size = (frame.width(), frame.height());
    for (name, pixels, grey) in [
        (&names[0], frame.pixels(), false),
        (&names[1], blurred.pixels(), false),
        (&names[2], &mask[..], true),
    ] {
        let path = out.join(name);
        let bytes = encode(pixels, size, grey, config.format);
        let written = bytes.and_then(|bytes| put(&path, &bytes));
        written.map_err(|source| BuildError::Io { path, source })?;
    }
    Ok(names)
}

/// Whole or not at all, but for a power cut: the manifest's line comes after it, and a dataset can be made again.
fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let part: PathBuf = path.with_extension("part");
    fs::File::create(&part)?.write_all(bytes)?;
    fs::rename(&part, path)
}

/// Encodes RGB or grey pixels.
pub(crate) fn encode(
    pixels: &[u8],
    (width, height): (u32, u32),
    grey: bool,
    format: Format,
) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match format {
        Format::Jpg => {
            let side =
                |n: u32| u16::try_from(n).map_err(|_| io::Error::other(format!("{n} pixels are too many")));
            // A mask must come back as it was: quality 100 keeps hard edges on their side of 128.
            let mut encoder = Encoder::new(&mut bytes, if grey { 100 } else { 95 });
            encoder.set_sampling_factor(SamplingFactor::F_1_1);
            let color = if grey { ColorType::Luma } else { ColorType::Rgb };
            encoder.encode(pixels, side(width)?, side(height)?, color).map_err(io::Error::other)?;
        }
        Format::Png => {
            let mut encoder = png::Encoder::new(&mut bytes, width, height);
            encoder.set_color(if grey { png::ColorType::Grayscale } else { png::ColorType::Rgb });
            encoder.set_depth(png::BitDepth::Eight);
            let mut writer = encoder.write_header()?;
            writer.write_image_data(pixels)?;
            writer.finish()?;
        }
    }
    Ok(bytes)
}
