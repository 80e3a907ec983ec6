//! A test of whether a network looks at faces or at the middle: the same faces at a grid of places and sizes, over
//! pictures that have none.

use std::fs::File;
use std::path::Path;

use faceveil_data::truth::{Fit, TruthFace};
use faceveil_media::files::read_photo;

use super::augment::{Affine, draw};
use super::build::{
    BuildConfig, BuildError, SCAN, Summary, begin, line_to, make_folders, summary, tally, write_summary,
    write_three,
};
use super::fingerprint::key;
use super::picture::{Content, Picture};
use super::progress::Progress;
use super::record::{FaceRecord, Known, MANIFEST, Record, Scanned, lines};
use super::split::Part;

/// Places along each side.
pub const PLACES: u32 = 5;
/// The longer side of the face as a share of the frame's.
pub const SIZES: [f64; 4] = [0.1, 0.2, 0.35, 0.5];
/// Pictures of each place and size at most.
const REPEATS: usize = 4;
/// A face that is enlarged more than this times looks like none.
const MOST_ENLARGED: f64 = 1.6;
/// Faces of a picture at most: others would lie at places of their own.
const MOST_FACES: usize = 1;

/// A picture to take a face or a scene from.
struct Donor {
    key: u64,
    scanned: Scanned,
    known: Known,
}

/// Builds the test set in `out`: `REPEATS` pictures for each of `PLACES`² places and each size, or as many as there are
/// pictures with one face, or fewer sizes if none is large enough.
///
/// # Errors
/// [`BuildError`], also if there is no picture with exactly one face.
pub fn build(
    config: &BuildConfig,
    out: &Path,
    jobs: usize,
    progress: &Progress,
) -> Result<Summary, BuildError> {
    let _lock = begin(config, out)?;
    if let Ok(summary) = summary(out) {
        return Ok(summary);
    }
    let scan = out.join(SCAN);
    let looked_at = config.scan_plan(jobs)?.scan(&scan, progress)?;
    let (donors, scenes) = donors(&scan, config.seed)?;
    if donors.is_empty() {
        return Err(BuildError::Nothing { looked_at, list: scan });
    }
    make_folders(out)?;
    let manifest = out.join(MANIFEST);
    let io = |source| BuildError::Io { path: manifest.clone(), source };
    let mut file = File::create(&manifest).map_err(io)?;
    progress.begin("writing", None);
    let (mut number, mut next) = (0, 0);
    for size in SIZES {
        for cell in 0..PLACES * PLACES {
            for _ in 0..REPEATS.min(donors.len()) {
                let pair = pair(config, &donors, &scenes, &mut next, size);
                let Some((donor, picture, scene)) = pair else { continue };
                number += 1;
                let made = place(config, &picture, &donor.known, scene.as_ref(), (cell, size));
                let record = write(config, out, number, donor, made, (cell, size))?;
                line_to(&mut file, &record).map_err(io)?;
                progress.step();
            }
        }
    }
    progress.end();
    let summary = tally(config, out, looked_at)?;
    write_summary(out, &summary)?;
    Ok(summary)
}

/// The pictures with one face, and those that are known to have none, in an order of the seed's.
fn donors(scan: &Path, seed: u64) -> Result<(Vec<Donor>, Vec<Donor>), BuildError> {
    let (mut donors, mut scenes) = (Vec::new(), Vec::new());
    for line in lines::<Scanned>(scan)? {
        let mut scanned = line?;
        let Ok(known) = std::mem::replace(&mut scanned.result, Err(String::new())) else { continue };
        let donor = Donor { key: key(seed, &scanned.name), scanned, known };
        match donor.known.faces.len() {
            0 if !donor.known.detected => scenes.push(donor),
            1..=MOST_FACES => donors.push(donor),
            _ => {}
        }
    }
    donors.sort_unstable_by_key(|donor| donor.key);
    scenes.sort_unstable_by_key(|donor| donor.key);
    Ok((donors, scenes))
}

/// The next donor whose face is large enough, with its picture, and a scene. `None` if there is none.
fn pair<'a>(
    config: &BuildConfig,
    donors: &'a [Donor],
    scenes: &[Donor],
    next: &mut usize,
    size: f64,
) -> Option<(&'a Donor, Picture, Option<Picture>)> {
    let read = |donor: &Donor| {
        let bytes = read_photo(&donor.scanned.path, &Default::default()).ok()?;
        Picture::decode(&bytes, &Default::default()).ok()
    };
    let large_enough = size * f64::from(config.side) / MOST_ENLARGED;
    for _ in 0..donors.len() {
        let donor = &donors[*next % donors.len()];
        let at = *next;
        *next += 1;
        let long = donor.known.faces.first().and_then(FaceRecord::face).map_or(0.0, |f| f.side_long());
        if long >= large_enough
            && let Some(picture) = read(donor)
        {
            let scene = if scenes.is_empty() { None } else { read(&scenes[at % scenes.len()]) };
            return Some((donor, picture, scene));
        }
    }
    None
}

/// The donor's picture with its face at the place and size of the cell, over the scene. A face is always whole in the frame.
fn place(
    config: &BuildConfig,
    picture: &Picture,
    known: &Known,
    scene: Option<&Picture>,
    (cell, size): (u32, f64),
) -> (Picture, Option<TruthFace>) {
    let side = f64::from(config.side);
    let window = [0, 0, config.side, config.side];
    let mut frame = Picture::flat(config.side, config.side, [0; 3]);
    if let Some(scene) = scene {
        let (width, height) = (f64::from(scene.width()), f64::from(scene.height()));
        let scale = side / width.min(height);
        let centre = (width / 2.0, height / 2.0);
        draw(
            &mut frame,
            scene,
            &Affine::placing(centre, (side / 2.0, side / 2.0), scale, 0.0, false),
            window,
        );
    }
    let Some(face) = known.faces.first().and_then(FaceRecord::face) else { return (frame, None) };
    let long = size * side;
    let along = |at: u32| long / 2.0 + (side - long) * f64::from(at) / f64::from(PLACES - 1);
    let to = (along(cell % PLACES), along(cell / PLACES));
    let affine = Affine::placing((face.cx, face.cy), to, long / face.side_long().max(1.0), 0.0, false);
    draw(&mut frame, picture, &affine, window);
    (frame, Some(affine.face(&face)))
}

fn write(
    config: &BuildConfig,
    out: &Path,
    number: u32,
    donor: &Donor,
    (frame, face): (Picture, Option<TruthFace>),
    (cell, size): (u32, f64),
) -> Result<Record, BuildError> {
    let content = Content { width: config.side, height: config.side, fit: Fit::SAME };
    let faces: Vec<FaceRecord> = face
        .iter()
        .zip(&donor.known.faces)
        .map(|(face, from)| FaceRecord::new(face, from.drawn, from.by.clone()))
        .collect();
    let [file, blur, mask] = write_three(config, out, (Part::Test, number), &frame, &content, faces.clone())?;
    let (known, scanned) = (&donor.known, &donor.scanned);
    Ok(Record {
        n: u64::from(number),
        split: Part::Test,
        file,
        blur,
        mask,
        set: scanned.set.clone(),
        source: scanned.name.clone(),
        sha256: known.sha256.clone(),
        look: known.look,
        size: known.size,
        content: [config.side; 2],
        group: scanned.n,
        identity: known.identity.clone(),
        faces,
        detected: known.detected,
        tags: vec![
            format!("column={}", cell % PLACES),
            format!("row={}", cell / PLACES),
            format!("share={size}"),
        ],
    })
}
