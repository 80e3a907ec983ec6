//! One operating point on the `tune` part, judged like a finished picture: search, redact, encode, then the
//! measures of `faceveil-eval`. What [`crate::tune`] estimates from boxes, this measures.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use faceveil::{Level, Settings, Style};
use faceveil_core::fusion::Pairing;
use faceveil_core::policy::{Outline, Policy};
use faceveil_core::redact::{SeededNoise, redact};
use faceveil_data::dataset::{self, Item};
use faceveil_data::split::{Part, Set};
use faceveil_eval::{PictureVerdict, Summary, judge_pair};
use faceveil_infer::search::{Look, Looks, Search, SearchSettings};
use faceveil_infer::view::{Backdrop, RgbImage};
use faceveil_media::{EncodeOptions, Limits};

use crate::large::write_large;

/// The point to try.
#[derive(Args, Clone, Debug)]
pub struct Trial {
    /// The level to start from.
    #[arg(long, default_value = "balanced", value_parser = level)]
    level: Level,
    /// Least odds of a face.
    #[arg(long, allow_hyphen_values = true)]
    least: Option<f32>,
    /// Below these odds the picture is searched turned, too.
    #[arg(long, allow_hyphen_values = true)]
    convincing: Option<f32>,
    /// Least odds of a turned picture's best face.
    #[arg(long, allow_hyphen_values = true)]
    turned: Option<f32>,
    /// Region by box.
    #[arg(long)]
    margin: Option<f32>,
    /// Soft edge by face.
    #[arg(long)]
    feather: Option<f32>,
    /// Only every n-th picture.
    #[arg(long, default_value_t = 1)]
    every: usize,
    /// Quarters that the pictures are turned by before anything else (annotations with them).
    #[arg(long, default_value_t = 0)]
    quarters: u32,
    /// YuNet's scales at the whole picture; negative ones look at it mirrored.
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true)]
    view_yunet: Option<Vec<f32>>,
    /// CenterFace's scales at the whole picture.
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true)]
    view_centerface: Option<Vec<f32>>,
    /// Pair boxes by any of a face's boxes, not by its first.
    #[arg(long)]
    pair_any: Option<bool>,
    /// YuNet's scales at the tiles.
    #[arg(long, value_delimiter = ',')]
    tile_yunet: Option<Vec<f32>>,
    /// CenterFace's scales at the tiles.
    #[arg(long, value_delimiter = ',')]
    tile_centerface: Option<Vec<f32>>,
    /// Weakest opinion of YuNet on a tile that has CenterFace look there.
    #[arg(long)]
    suspect: Option<f32>,
    /// Also photos of 12 megapixels with small faces, written to this folder.
    #[arg(long)]
    large: Option<PathBuf>,
    /// Only these sets.
    #[arg(long, value_delimiter = ',', default_values_t = ["fddb".to_owned(), "masks_voc".to_owned(), "wider_yolo".to_owned(), "negatives".to_owned()])]
    sets: Vec<String>,
}

/// # Errors
/// If there is no such level.
pub fn level(name: &str) -> Result<Level, String> {
    Level::ALL.into_iter().find(|l| l.to_string() == name).ok_or_else(|| format!("no level {name}"))
}

impl Trial {
    fn search(&self) -> SearchSettings {
        let own = self.level.search();
        SearchSettings {
            least: self.least.unwrap_or(own.least),
            convincing: self.convincing.unwrap_or(own.convincing),
            turned: self.turned.unwrap_or(own.turned),
            suspect: self.suspect.unwrap_or(own.suspect),
            pairing: self.pair_any.map_or(own.pairing, |any| if any { Pairing::Any } else { Pairing::First }),
            view: looks(own.view, &self.view_yunet, &self.view_centerface),
            tile: own.tile.map(|tile| looks(tile, &self.tile_yunet, &self.tile_centerface)),
            ..own
        }
    }
}

/// Looks live as long as the program.
fn looks(own: Looks, yunet: &Option<Vec<f32>>, centerface: &Option<Vec<f32>>) -> Looks {
    let look = |scale: &f32| Look { scale: scale.abs(), mirrored: *scale < 0.0 };
    let given = |own, scales: &Option<Vec<f32>>| {
        scales.as_ref().map_or(own, |s| s.iter().map(look).collect::<Vec<_>>().leak() as &[Look])
    };
    Looks { yunet: given(own.yunet, yunet), centerface: given(own.centerface, centerface) }
}

/// Judges the point on each set and prints a line a set.
pub fn run(shared: &Path, trial: &Trial) -> Result<()> {
    println!("{trial:?}");
    for set in Set::ALL.into_iter().filter(|s| trial.sets.iter().any(|n| n == s.name())) {
        let items: Vec<Item> =
            dataset::load(shared, set, Part::Tune)?.into_iter().step_by(trial.every).collect();
        print(set.name(), &items, trial)?;
    }
    if let Some(folder) = &trial.large {
        print("12 MP", &write_large(shared, Part::Tune, folder)?, trial)?;
    }
    Ok(())
}

fn print(name: &str, items: &[Item], trial: &Trial) -> Result<()> {
    let (verdicts, searching) = verdicts(items, trial)?;
    let summary = Summary::of(&verdicts);
    let faces = &summary.at_least_16_px;
    let rate = |r: &Option<faceveil_eval::Rate>| {
        r.as_ref().map_or("-".to_owned(), |r| format!("{:.2} % ({}/{})", 100.0 * r.rate, r.hits, r.of))
    };
    println!(
        "{name:12} leak {:18} exposed {:18} other {:5.2} %  false {:18} search {:.1} ms a picture",
        rate(&faces.leak),
        rate(&faces.exposed),
        summary.outside.as_ref().map_or(f64::NAN, |o| 100.0 * o.changed_share),
        rate(&summary.images_with_false_region),
        searching.as_secs_f64() * 1e3 / items.len() as f64,
    );
    Ok(())
}

/// With the processor time that the searches took in all.
fn verdicts(items: &[Item], trial: &Trial) -> Result<(Vec<PictureVerdict>, Duration)> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new((Vec::new(), Duration::ZERO)));
    let jobs = std::thread::available_parallelism()?.get();
    std::thread::scope(|scope| {
        let work = || -> Result<()> {
            let mut search = Search::new(trial.search())?;
            let feather = trial.feather.unwrap_or(Settings::default().feather);
            let policy =
                Policy::new(Outline::Ellipse, trial.margin.unwrap_or(trial.level.margin()), feather)?;
            while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                let (verdict, searching) = judge(item, trial.quarters, &mut search, &policy)
                    .with_context(|| item.image_path.display().to_string())?;
                let mut done = done.lock().expect("no worker panics");
                done.0.push(verdict);
                done.1 += searching;
            }
            Ok(())
        };
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|w| w.join().expect("no worker panics"))
    })?;
    Ok(done.into_inner().expect("no worker panics"))
}

fn judge(
    item: &Item,
    quarters: u32,
    search: &mut Search,
    policy: &Policy,
) -> Result<(PictureVerdict, Duration)> {
    let mut photo = faceveil_media::decode(&std::fs::read(&item.image_path)?, &Limits::default())?;
    let (width, height) = (photo.raster.width(), photo.raster.height());
    let truth = item.faces(width, height).unwrap_or_default();
    let truth: Vec<_> = truth.iter().map(|f| f.turned(quarters, width, height)).collect();
    photo.raster = crate::turn::turned(&photo.raster, quarters)?;
    let whole = faceveil_core::geom::Rect {
        left: 0,
        top: 0,
        right: photo.raster.width() as i32,
        bottom: photo.raster.height() as i32,
    };
    let original = RgbImage::crop(&photo.raster, whole, Backdrop::None);
    let started = processor_time();
    let faces = search.faces(&photo.raster)?;
    let searching = processor_time() - started;
    redact(&mut photo.raster, &policy.regions(&faces), &Style::Veil, &mut SeededNoise::new(width.into()))?;
    let output = faceveil_media::encode(&photo, &EncodeOptions::default())?;
    Ok((judge_pair(original.view(), &output, &truth)?, searching))
}

/// Of this thread: other work on the machine counts little.
fn processor_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}
