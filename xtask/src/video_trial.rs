//! One setting of the tracks on clips of the tune part, judged in this process. Detections are kept between
//! runs, so that trying another setting of the tracks takes seconds.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use faceveil::{Level, Settings};
use faceveil_core::fusion::sigmoid;
use faceveil_core::track::TrackSettings;
use faceveil_data::split::Part;
use faceveil_eval::{Rate, VideoJudge, VideoSummary};
use faceveil_infer::search::{Looks, SearchSettings};

use crate::clips::plays::{self, PLAYS};
use crate::clips::sprite::Cast;
use crate::clips::{HEIGHT, WIDTH};
use crate::film::{self, Setup};

/// How much weaker than a face of its own a detection may be to continue a track, in log-odds.
const WEAKER: f32 = 1.0;
/// How much stronger than one in a photo a face must be to be a track alone, in log-odds.
const CERTAIN: f32 = 0.65;
/// Weakest faces at a glance that are kept.
const DIM: f32 = 0.1;

/// The setting to try.
#[derive(Args, Clone, Debug)]
pub struct VideoTrial {
    /// The level to start from.
    #[arg(long, default_value = "balanced", value_parser = crate::trial::level)]
    level: Level,
    /// Frames before the first detection.
    #[arg(long)]
    lead: Option<u32>,
    /// Frames after the last detection.
    #[arg(long)]
    hold: Option<u32>,
    /// Frames for which a face may be lost.
    #[arg(long)]
    gap: Option<u32>,
    /// Growth of a region with each frame from a detection.
    #[arg(long)]
    growth: Option<f32>,
    /// Least odds of a face that starts a track.
    #[arg(long, allow_hyphen_values = true)]
    strong: Option<f32>,
    /// Least odds of a face that is a track alone.
    #[arg(long, allow_hyphen_values = true)]
    certain: Option<f32>,
    /// Least odds of a face that continues one (at most 2 below the level's own).
    #[arg(long, allow_hyphen_values = true)]
    weak: Option<f32>,
    /// Region by box.
    #[arg(long)]
    margin: Option<f32>,
    /// Frames over which places are smoothed.
    #[arg(long)]
    smooth: Option<u32>,
    /// Frames from one search to the next; the level's own if not given.
    #[arg(long)]
    every: Option<u32>,
    /// How near the border a face may have crossed it, in sides.
    #[arg(long)]
    near: Option<f32>,
    /// Frames that a face needs to cross the border, at least.
    #[arg(long)]
    crossing: Option<u32>,
    /// Frames for which it is hidden on its way at most.
    #[arg(long)]
    longest_crossing: Option<u32>,
    /// Do not hide faces on their way over the border.
    #[arg(long)]
    no_border: bool,
    /// Score of an unknown face at a glance that asks for a search; above 1 for no glances.
    #[arg(long, default_value_t = 0.25)]
    sure: f32,
    /// Score of a face at a glance that continues a track.
    #[arg(long, default_value_t = 2.0)]
    hint: f32,
    /// Seeds of the clips.
    #[arg(long, value_delimiter = ',', default_values_t = [1u64])]
    seeds: Vec<u64>,
    /// Only these plays.
    #[arg(long, value_delimiter = ',', default_values_t = PLAYS.map(str::to_owned))]
    plays: Vec<String>,
    /// Where detections are kept.
    #[arg(long, default_value = "proof-out/video-tune")]
    work: PathBuf,
    /// Also write the frames with a leak as PNG, before and after.
    #[arg(long)]
    show: bool,
}

impl VideoTrial {
    fn setup(&self) -> Setup {
        let photo = self.level.search_of_frames();
        let odds = |odds: Option<f32>, or: f32| sigmoid(odds.unwrap_or(or));
        let mut tracks = TrackSettings::offline(odds(self.strong, photo.least));
        tracks.certain = odds(self.certain, self.strong.unwrap_or(photo.least) + CERTAIN);
        tracks.lead = self.lead.unwrap_or(tracks.lead);
        tracks.hold = self.hold.unwrap_or(tracks.hold);
        tracks.gap = self.gap.unwrap_or(tracks.gap);
        tracks.smooth = self.smooth.unwrap_or(tracks.smooth);
        tracks.delay = tracks.gap.max(tracks.lead) + 4;
        tracks.growth = self.growth.unwrap_or(tracks.growth);
        tracks.near = self.near.unwrap_or(tracks.near);
        tracks.crossing = self.crossing.unwrap_or(tracks.crossing);
        tracks.longest_crossing = self.longest_crossing.unwrap_or(tracks.longest_crossing);
        tracks.frame = (!self.no_border).then_some((WIDTH as u32, HEIGHT as u32));
        Setup {
            search: SearchSettings {
                turned_view: Looks::NONE,
                least: self.weak.unwrap_or(photo.least - WEAKER),
                ..photo
            },
            tracks,
            margin: self
                .margin
                .unwrap_or(Settings { level: self.level, ..Settings::default() }.video_margin()),
            every: self.every.unwrap_or(self.level.pace().every).max(1),
            sure: self.sure,
            hint: self.hint,
        }
    }
}

/// Judges the setting on each play and prints a line a play.
pub fn run(root: &Path, shared: &Path, trial: &VideoTrial) -> Result<()> {
    let work = root.join(&trial.work);
    std::fs::create_dir_all(&work)?;
    let setup = trial.setup();
    println!("{setup:?}");
    let mut all = VideoJudge::default();
    for &seed in &trial.seeds {
        let cast = Cast::load(shared, Part::Tune, seed)?;
        for play in &trial.plays {
            let (one, searched) = clip(&cast, play, seed, trial, &setup, &work)?;
            println!(
                "{} searched {:.0} %",
                line(&format!("{play} {seed}"), &one.summary()),
                100.0 * searched
            );
            all.append(&one);
        }
    }
    println!("{}", line("all", &all.summary()));
    Ok(())
}

/// The clip's verdicts, and which share of its frames was searched.
fn clip(
    cast: &Cast,
    play: &str,
    seed: u64,
    trial: &VideoTrial,
    setup: &Setup,
    work: &Path,
) -> Result<(VideoJudge, f64)> {
    let (frames, actors): (Vec<_>, Vec<_>) =
        plays::frames(cast, play, seed).map(|f| (f.rgb, f.actors)).unzip();
    let kept = |what: &str| work.join(format!("{play}-{seed}-{what}.json"));
    let all = SearchSettings { least: trial.level.search_of_frames().least - 2.2, ..setup.search };
    let mut faces = film::cached(&kept(&trial.level.to_string()), || film::detect(&frames, all))?;
    faces.iter_mut().for_each(|faces| faces.retain(|face| face.score >= sigmoid(setup.search.least)));
    let glances = film::cached(&kept("glance"), || film::glance(&frames, DIM))?;
    let (tracks, searches) = film::track(&frames, &faces, &glances, setup)?;
    let mut judge = VideoJudge::default();
    film::hide(&frames, &tracks, setup.margin, |i, hidden| {
        let verdicts = film::judge(&mut judge, &frames[i], hidden, &actors[i])?;
        let leaks = actors[i].iter().filter(|a| a.visible >= film::SEEN).count() > 0
            && verdicts.iter().any(|v| v.status.is_leak());
        if trial.show && (leaks || i % 15 == 7) {
            let name = |kind: &str| {
                work.join(format!("{play}-{seed}-{i:03}-{kind}{}.png", if leaks { "-leak" } else { "" }))
            };
            crate::clips::write::png(&name("a"), &frames[i])?;
            crate::clips::write::png(&name("b"), hidden)?;
        }
        Ok(())
    })?;
    Ok((judge, searches as f64 / frames.len() as f64))
}

/// A line of a table.
pub fn line(name: &str, s: &VideoSummary) -> String {
    let rate = |r: &Option<Rate>| {
        r.as_ref().map_or("-".to_owned(), |r| format!("{:.2} % ({}/{})", 100.0 * r.rate, r.hits, r.of))
    };
    let outside = s.outside.as_ref();
    format!(
        "{name:14} leak {:20} flashes {:3} again {:3} longest {:3} tracks leaking {:16} other {:5.2} % false {:.2}",
        rate(&s.faces.leak),
        s.flashes,
        s.uncovered_again,
        s.longest_uncovered_run,
        rate(&s.tracks_ever_leaking),
        outside.map_or(f64::NAN, |o| 100.0 * o.changed_share),
        outside.map_or(f64::NAN, |o| o.false_regions),
    )
}
