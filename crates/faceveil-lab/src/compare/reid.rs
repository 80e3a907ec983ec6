//! Who is it? Re-identification of hidden faces by attackers that know more and more, beside the floor of different people.

mod attack;
mod embed;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use faceveil_eval::{Original, Picture as Judged, Rate};
use faceveil_infer::weights::sha256_of;
use faceveil_media::Limits;
use faceveil_media::files::write_atomically;
use serde::{Deserialize, Serialize};

use self::attack::{Album, dot, rank1, strangers, trained, true_accepts, unit};
pub use self::embed::Embedder;
use self::embed::aligned;
use super::judge::Outcome;
use super::truth::Case;
use crate::dataset::ordered::in_order;
use crate::dataset::picture::Picture;
use crate::dataset::progress::Progress;

/// The thesis counts a face as hidden if its cosine with itself is under this.
const UNLIKE: f64 = 0.4;
/// Sides of the pixels that are attacked directly.
const PIXELS: u32 = 24;
/// Goes up when the same outputs would give other figures.
const VERSION: u32 = 1;

/// Re-identification with nothing hidden, and between different people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Floor {
    /// Photos.
    pub photos: usize,
    /// People with photos of at least two videos.
    pub people: usize,
    /// Photos that are asked about: all but those of each person's first video.
    pub queries: usize,
    /// Rank-1 of who guesses.
    pub chance: f64,
    /// By embedder.
    pub embedders: BTreeMap<String, ClearFigures>,
}

/// An embedder on photos in which nothing is hidden.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClearFigures {
    /// Rank-1.
    pub rank1: Option<Rate>,
    /// True accepts at a false accept rate of 1e-3.
    pub true_accepts: Option<Rate>,
    /// Mean cosine of photos of different people.
    pub strangers_cosine: Option<f64>,
    /// Share of such pairs under 0.4.
    pub strangers_unlike: Option<Rate>,
}

/// Re-identification of a contestant's outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reid {
    /// By embedder.
    pub embedders: BTreeMap<String, Figures>,
    /// Rank-1 by the pixels alone, gallery hidden in the same way.
    pub pixels: Option<Rate>,
    /// Rank-1 of a classifier trained on hidden photos of other videos.
    pub trained: Option<Rate>,
}

/// An embedder on a contestant's outputs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Mean cosine of a photo and its output.
    pub cosine: f64,
    /// Share under 0.4.
    pub unlike: Option<Rate>,
    /// Rank-1, gallery clear.
    pub naive: Option<Rate>,
    /// Rank-1, gallery hidden in the same way.
    pub informed: Option<Rate>,
    /// True accepts at a false accept rate of 1e-3, gallery clear.
    pub naive_accepts: Option<Rate>,
    /// The same, gallery hidden.
    pub informed_accepts: Option<Rate>,
}

/// A photo as attackers see it: each embedder's numbers, and the pixels.
type Seen = (Vec<Vec<f32>>, Vec<f32>);

/// Attacks all contestants; `None` without embedders or without people. What has been found out is kept in `folder`.
///
/// # Errors
/// If an output cannot be read, or an embedder stops.
pub fn attack(
    embedders: &[Embedder],
    (cases, outcomes): (&[Case], &[Outcome]),
    (folder, jobs, progress): (&Path, usize, &Progress),
) -> Result<Option<(Floor, Vec<Option<Reid>>)>> {
    let (shown, album) = photos(cases);
    if embedders.is_empty() || album.count() < 2 {
        return Ok(None);
    }
    fs::create_dir_all(folder)?;
    let photos: Vec<(&Case, &Outcome)> = shown.iter().map(|i| (&cases[*i], &outcomes[*i])).collect();
    let networks: String = embedders.iter().map(|e| e.sha256.clone() + " ").collect();
    let about: String = photos.iter().map(|p| format!("{} {:?}\n", p.1.sha256, p.0.person)).collect();
    let about = format!("{VERSION} {networks}\n{about}");
    let mut clear: Option<Vec<Seen>> = None;
    let look = |clear: &mut Option<Vec<Seen>>| -> Result<Vec<Seen>> {
        if clear.is_none() {
            progress.begin("attacking", Some(photos.len() as u64));
            *clear = Some(seen(embedders, &photos, None, jobs, progress)?);
            progress.end();
        }
        Ok(clear.clone().unwrap_or_default())
    };
    let floor = kept(folder, &format!("{about} floor"), || Ok(floor(embedders, &look(&mut clear)?, &album)))?;
    let mut all = Vec::new();
    for at in 0..outcomes.first().map_or(0, |o| o.entries.len()) {
        let hashes: Option<String> =
            photos.iter().map(|p| Some(p.1.entries[at].as_ref()?.sha256.clone()? + "\n")).collect();
        // A contestant without one of the outputs cannot be attacked on the same photos.
        let Some(hashes) = hashes else {
            all.push(None);
            continue;
        };
        all.push(Some(kept(folder, &format!("{about} {hashes}"), || {
            let clear = look(&mut clear)?;
            progress.begin("attacking", Some(photos.len() as u64));
            let hidden = seen(embedders, &photos, Some(at), jobs, progress);
            progress.end();
            Ok(figures(embedders, &clear, &hidden?, &album))
        })?));
    }
    Ok(Some((floor, all)))
}

/// The photos of people with at least two videos.
fn photos(cases: &[Case]) -> (Vec<usize>, Album) {
    let mut videos: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for person in cases.iter().filter_map(|c| c.person.as_ref()) {
        videos.entry(&person.id).or_default().push(person.video);
    }
    videos.retain(|_, of| of.iter().min() != of.iter().max());
    let (mut shown, mut album) = (Vec::new(), Album::default());
    for (at, case) in cases.iter().enumerate() {
        let Some(person) = &case.person else { continue };
        let Some(number) = videos.keys().position(|id| *id == person.id) else { continue };
        shown.push(at);
        album.people.push(number);
        album.videos.push(person.video);
        album.gallery.push(videos[&*person.id].iter().min() == Some(&person.video));
    }
    (shown, album)
}

/// What was found out before under the same words, or is found out now.
fn kept<T: Serialize + for<'a> Deserialize<'a>>(
    folder: &Path,
    about: &str,
    find: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let path = folder.join(format!("{}.json", &sha256_of(about.as_bytes())[..24]));
    if let Some(known) = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
        return Ok(known);
    }
    let found = find()?;
    write_atomically(&path, &serde_json::to_vec(&found)?, true)?;
    Ok(found)
}

/// Every photo, or a contestant's output of it, as attackers see it.
fn seen(
    embedders: &[Embedder],
    photos: &[(&Case, &Outcome)],
    contestant: Option<usize>,
    jobs: usize,
    progress: &Progress,
) -> Result<Vec<Seen>> {
    let mut all: Vec<Seen> = Vec::new();
    let start = || embedders.iter().map(Embedder::load).collect::<Result<Vec<_>>>();
    let work =
        |loaded: &mut Result<Vec<embed::Loaded>>, (case, outcome): &(&Case, &Outcome)| -> Result<Seen> {
            let loaded = loaded.as_mut().map_err(|e| anyhow::anyhow!("{e:#}"))?;
            let face = face(case, outcome, contestant).with_context(|| case.name.clone())?;
            let small = face.resized(PIXELS, PIXELS)?;
            let pixels = small.pixels().iter().map(|v| f32::from(*v) / 255.0).collect();
            Ok((loaded.iter_mut().map(|l| l.embed(&face)).collect::<Result<_>>()?, pixels))
        };
    in_order(photos.iter(), jobs, start, work, |one| -> Result<()> {
        progress.step();
        all.push(one?);
        Ok(())
    })?;
    centre(&mut all);
    Ok(all)
}

/// Takes the mean off the pixels and makes them of unit length: what all photos share tells nobody.
fn centre(all: &mut [Seen]) {
    let n = all.len() as f32;
    let len = all.first().map_or(0, |s| s.1.len());
    let mean: Vec<f32> = (0..len).map(|i| all.iter().map(|s| s.1[i]).sum::<f32>() / n).collect();
    for (_, pixels) in all {
        pixels.iter_mut().zip(&mean).for_each(|(p, m)| *p -= m);
        unit(pixels);
    }
}

/// The aligned face of the photo, or of the contestant's output. The points are the annotated ones: every attacker aligns
/// perfectly.
fn face(case: &Case, outcome: &Outcome, contestant: Option<usize>) -> Result<Picture> {
    let person = case.person.as_ref().context("nobody is known on it")?;
    let read = |path: &Path| fs::read(path).with_context(|| path.display().to_string());
    let original = read(&case.path)?;
    let entry = contestant.and_then(|at| outcome.entries[at].as_ref()).and_then(|e| e.output.as_ref());
    let Some(path) = entry else {
        return Ok(aligned(&Picture::decode(&original, &Limits::default())?, &person.points));
    };
    let output = read(path)?;
    let shown = Judged::decode(&output)?;
    let fit = Original::new(Judged::decode(&original)?, Vec::new()).fit(&shown);
    let there = person.points.map(|(x, y)| (x * fit.sx + f64::from(fit.ox), y * fit.sy + f64::from(fit.oy)));
    Ok(aligned(&Picture::decode(&output, &Limits::default())?, &there))
}

fn column(seen: &[Seen], embedder: usize) -> Vec<Vec<f32>> {
    seen.iter().map(|s| s.0[embedder].clone()).collect()
}

fn floor(embedders: &[Embedder], clear: &[Seen], album: &Album) -> Floor {
    let figures = |(at, embedder): (usize, &Embedder)| {
        let photos = column(clear, at);
        let apart = strangers(&photos, album, UNLIKE);
        let figures = ClearFigures {
            rank1: rank1(&photos, &photos, album),
            true_accepts: true_accepts(&photos, &photos, album),
            strangers_cosine: apart.map(|a| a.0),
            strangers_unlike: apart.map(|a| a.1),
        };
        (embedder.name.clone(), figures)
    };
    Floor {
        photos: clear.len(),
        people: album.count(),
        queries: album.gallery.iter().filter(|g| !**g).count(),
        chance: 1.0 / album.count().max(1) as f64,
        embedders: embedders.iter().enumerate().map(figures).collect(),
    }
}

fn figures(embedders: &[Embedder], clear: &[Seen], hidden: &[Seen], album: &Album) -> Reid {
    let one = |(at, embedder): (usize, &Embedder)| {
        let (known, asked) = (column(clear, at), column(hidden, at));
        let cosines: Vec<f64> = known.iter().zip(&asked).map(|(a, b)| dot(a, b)).collect();
        let figures = Figures {
            cosine: cosines.iter().sum::<f64>() / cosines.len().max(1) as f64,
            unlike: Rate::new(cosines.iter().filter(|c| **c < UNLIKE).count(), cosines.len()),
            naive: rank1(&known, &asked, album),
            informed: rank1(&asked, &asked, album),
            naive_accepts: true_accepts(&known, &asked, album),
            informed_accepts: true_accepts(&asked, &asked, album),
        };
        (embedder.name.clone(), figures)
    };
    let pixels: Vec<Vec<f32>> = hidden.iter().map(|s| s.1.clone()).collect();
    let all = |s: &Seen| s.0.iter().flatten().chain(&s.1).copied().collect::<Vec<f32>>();
    let features: Vec<Vec<f32>> = hidden.iter().map(all).collect();
    Reid {
        embedders: embedders.iter().enumerate().map(one).collect(),
        pixels: rank1(&pixels, &pixels, album),
        trained: trained(&features, album),
    }
}
