//! A video file from its first byte to the output's name.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

use anyhow::{anyhow, bail, ensure};
use faceveil::core::geom::RectF;
use faceveil::core::policy::Policy;
use faceveil::core::redact::YuvLayout;
use faceveil::core::track::{TrackSettings, TrackedFrame};
use faceveil::video::{FrameSearch, Glance, Pace, noise};
use faceveil::{Detection, Outline, Settings, Zones};
use faceveil_media::video::{
    AudioChoice, Container, Decoder, DecoderOptions, Encoder, EncoderOptions, PixelLayout, Probe, Tools,
    VideoCodec, VideoError, join_parts, probe,
};
use sha2::{Digest, Sha256};

use super::finished::{Finished, temporary};
use super::hide::{Counts, End, Hider, Show};
use super::look::{Looker, Looks};
use super::options::VideoOptions;
use super::original::{check_source, source_of, stamp};
use super::parts::{Opening, PartWriter, Parts, Sink};
use super::record::{Encoding, VideoRecord, VideoResult, ZoneRecords, rect};
use super::recorder::Recorder;
use super::replay::Replay;
use super::search::Searchers;
use super::{Told, has_chroma, yuv_layout};
use crate::choices::Shape;
use crate::plan::hex;
use crate::recipe::Recipe;
use crate::sidecar::{self, Source};
use crate::zones;
use crate::zones::Zone;

/// Frames that wait between two steps.
const BETWEEN: usize = 2;
/// Frames before the place where a run goes on that are looked at again, so that its tracks are known there.
const WARM_UP: u64 = 150;

/// What all videos of a run share: one is worked on at a time, because each uses the whole machine.
#[derive(Debug, Default)]
pub struct Videos {
    tools: OnceLock<Tools>,
    turn: Mutex<()>,
}

/// What is to be done with a video.
pub struct Order<'a> {
    /// What may be chosen for videos.
    pub video: &'a VideoOptions,
    /// Always hidden.
    pub hide_zones: &'a [Zone],
    /// Faces wholly inside are left visible.
    pub keep_zones: &'a [Zone],
    /// Whether recorded tracks show their faces.
    pub thumbnails: bool,
    /// What is done to this video.
    pub recipe: &'a Recipe,
    /// The video.
    pub input: &'a Path,
    /// Where the result will go; `None` only looks.
    pub output: Option<&'a Path>,
    /// Whether the result's SHA-256 is wanted.
    pub hashed: bool,
    /// The sidecar whose tracks are hidden, in place of a look for faces.
    pub replay: Option<&'a VideoRecord>,
    /// Whether the tracks are recorded.
    pub recorded: bool,
    /// Frames of a part, where finished parts are kept for a later run, and those of an earlier one are used.
    pub resume: Option<u64>,
    /// Is told the faces of each frame, and its time in seconds from the file's start.
    pub observe: &'a (dyn Fn(&TrackedFrame, f64) + Sync),
    /// Is shown each track where it is seen first, hidden already.
    pub show: Option<&'a Show<'a>>,
    /// Is told the frames done, and how many there will be, if that is known.
    pub progress: &'a (dyn Fn(u64, Option<u64>) + Sync),
}

/// What was made of a video.
#[derive(Debug)]
pub struct VideoReport {
    /// Width and height of the upright frames, in pixels.
    pub size: [u32; 2],
    /// What became of the frames.
    pub counts: Counts,
    /// The result under its temporary name; `None` for a dry run.
    pub result: Option<Finished>,
    /// What of the original is not in the result.
    pub dropped: Vec<&'static str>,
    /// The tracks, if they were to be recorded; the source is not named yet.
    pub record: Option<VideoRecord>,
}

impl Videos {
    /// Hides the faces of a video in a new file beside its output, or only looks if there is none.
    ///
    /// # Errors
    /// Nothing was written; why.
    pub fn anonymize(&self, order: &Order<'_>) -> anyhow::Result<VideoReport> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let tools = self.tools(order.video.timeout)?;
        let probe = probe(tools, order.input)?;
        let wanted = order.recorded || order.resume.is_some();
        let source = wanted.then(|| source_of(order.input)).transpose()?;
        if let (Some(replay), Some(source)) = (order.replay, &source) {
            check_source(order.input, source, replay)?;
        }
        let way = Way::new(tools, order, probe)?;
        let mut parts = source.as_ref().and_then(|source| way.parts(&source.0.sha256)).transpose()?;
        let temporary = order.output.map(|output| temporary(output, way.options.container)).transpose()?;
        let mut done = way.go(temporary.as_deref(), parts.as_mut())?;
        if let Some(source) = source {
            ensure!(stamp(order.input)? == source.1, "it was changed meanwhile");
            if let Some(record) = &mut done.record {
                record.source = source.0;
            }
        }
        let result = temporary.map(|path| {
            if let Some(parts) = &parts {
                join_parts(tools, order.input, &way.probe, &way.options, &parts.paths(), &path)?;
            }
            Finished::new(tools, path, done.counts.frames, order.hashed, parts)
        });
        let result = result.transpose()?;
        let Done { size, counts, record } = done;
        Ok(VideoReport { size, counts, result, dropped: way.probe.dropped, record })
    }

    pub(crate) fn tools(&self, timeout: std::time::Duration) -> Result<&Tools, VideoError> {
        if let Some(tools) = self.tools.get() {
            return Ok(tools);
        }
        let tools = Tools::find(|name| std::env::var_os(name), timeout)?;
        Ok(self.tools.get_or_init(|| tools))
    }
}

/// One video's way through the steps.
struct Way<'a> {
    tools: &'a Tools,
    order: &'a Order<'a>,
    video: &'a VideoOptions,
    settings: &'a Settings,
    probe: Probe,
    options: EncoderOptions,
    policy: Policy,
}

/// What went all the way.
struct Done {
    size: [u32; 2],
    counts: Counts,
    record: Option<VideoRecord>,
}

impl<'a> Way<'a> {
    fn new(tools: &'a Tools, order: &'a Order<'a>, probe: Probe) -> anyhow::Result<Self> {
        let (video, settings) = (order.video, &order.recipe.settings);
        let container = order.output.map_or(Ok(Container::Matroska), Container::of)?;
        let source = PixelLayout::for_source(&probe.video.pixels)?;
        let codec = video.codec.clone().unwrap_or_else(|| VideoCodec::usual(container, source));
        let layout = codec.layout(source, probe.video.width, probe.video.height);
        let then = order.replay.map(|record| &record.encoding);
        let options = EncoderOptions {
            codec,
            crf: video.crf,
            preset: video.preset.clone(),
            audio: match (video.audio, then) {
                (Some(audio), _) => audio,
                (None, Some(then)) if then.mute => AudioChoice::Drop,
                (None, _) => AudioChoice::Copy,
            },
            container,
            layout,
            start: then.map_or(video.start, |then| then.start),
            end: then.map_or(video.end, |then| then.end),
        };
        let mut policy = settings.video_policy()?;
        if let Some(record) = order.replay {
            // What a gate network hid are the runs of its mask: an ellipse inside them would show their corners again.
            let by_mask = record.models.iter().any(|model| model.name == "gate");
            let outline = if by_mask { Outline::Box } else { settings.outline };
            policy = Policy::new(outline, record_margin(order.recipe, record), settings.feather)?;
        }
        Ok(Self { tools, order, video, settings, probe, options, policy })
    }

    /// What an earlier run has finished, if parts are kept and there is an output.
    fn parts(&self, source: &str) -> Option<anyhow::Result<Parts>> {
        let (output, _) = (self.order.output?, self.order.resume?);
        let VideoOptions { lead, hold, every, keep_damaged, .. } = self.video;
        let all = (&self.order.recipe.fingerprint, &self.options, lead, hold, every, keep_damaged);
        let settings = hex(&Sha256::digest(format!("{all:?}")));
        Some(Parts::open(output, &Opening::new(source, settings)))
    }

    /// Goes it, to the encoder if there is an output, from where its `parts` end.
    fn go(&self, output: Option<&Path>, parts: Option<&mut Parts>) -> anyhow::Result<Done> {
        let decoding = DecoderOptions {
            layout: self.options.layout,
            max_pixels: self.video.max_pixels,
            keep_damaged: self.video.keep_damaged,
            start: self.options.start,
            end: self.options.end,
        };
        let input = self.order.input;
        let mut decoder = Decoder::start(self.tools, input, &self.probe, decoding)?;
        let size = decoder.size();
        if let Some(record) = self.order.replay {
            let [width, height] = record.size;
            ensure!(
                size == (width, height),
                "it has {}×{} pixels, the sidecar says {width}×{height}",
                size.0,
                size.1
            );
        }
        let zones = self.zones(size)?;
        let reached = parts.as_ref().and_then(|parts| parts.reached());
        let before = parts.as_ref().map(|parts| parts.counts()).unwrap_or_default();
        let mut sink = output.map(|output| self.sink(output, parts, &decoder, &before)).transpose()?;
        let (mut done, ran) = self.steps(&mut decoder, sink.as_mut(), &zones, (before, reached))?;
        match (ran, sink) {
            (Ok(()), Some(sink)) => {
                let written = sink.finish(&done.counts)?;
                if written != decoder.count() {
                    bail!(VideoError::FrameCount { got: written, need: decoder.count() });
                }
            }
            (Ok(()), None) => {}
            // An encoder that breaks knows best why.
            (Err(e), Some(sink)) if e.downcast_ref::<VideoError>().is_some() => {
                sink.finish(&done.counts)?;
                return Err(e);
            }
            (Err(e), _) => return Err(e),
        }
        if done.counts.frames != decoder.count() {
            bail!(VideoError::FrameCount { got: done.counts.frames, need: decoder.count() });
        }
        if let Some(then) = self.order.replay.filter(|then| then.frames != done.counts.frames) {
            bail!("it has {} frames, the sidecar says {}", done.counts.frames, then.frames);
        }
        if let Some(record) = &mut done.record {
            self.complete(record, &zones);
        }
        Ok(done)
    }

    /// Where frames go: to `output`, or to parts.
    fn sink<'s>(
        &'s self,
        output: &Path,
        parts: Option<&'s mut Parts>,
        decoder: &Decoder,
        before: &Counts,
    ) -> anyhow::Result<Sink<'s>> {
        let (tools, probe, options) = (self.tools, &self.probe, &self.options);
        let (size, pixel_aspect) = (decoder.size(), decoder.pixel_aspect());
        let Some(parts) = parts else {
            let input = self.order.input;
            let encoder = Encoder::start(tools, input, probe, size, pixel_aspect, options, output)?;
            return Ok(Sink::Whole(Box::new(encoder)));
        };
        let (frames, before) = (self.order.resume.unwrap_or(u64::MAX).max(1), before.clone());
        Ok(Sink::Parts(Box::new(PartWriter {
            tools,
            probe,
            size,
            pixel_aspect,
            options,
            parts,
            frames,
            encoder: None,
            before,
            last: 0,
        })))
    }

    /// The zones of a frame: those that were typed over those that a sidecar records.
    fn zones(&self, (width, height): (u32, u32)) -> anyhow::Result<Zones> {
        let mut zones = zones::resolve(self.order.hide_zones, self.order.keep_zones, width, height)?;
        if let Some(record) = self.order.replay {
            let then: Vec<RectF> = record.zones.hide.iter().copied().map(rect).collect();
            let new: Vec<RectF> = zones.hide.drain(..).filter(|zone| !then.contains(zone)).collect();
            zones.hide = [then, new].concat();
            zones.keep = record.zones.keep.iter().copied().map(rect).collect();
        }
        Ok(zones)
    }

    /// What the sidecar says besides the tracks.
    fn complete(&self, record: &mut VideoRecord, zones: &Zones) {
        let edges = |zones: &[RectF]| zones.iter().map(|r| [r.left, r.top, r.right, r.bottom]).collect();
        record.zones = ZoneRecords { hide: edges(&zones.hide), keep: edges(&zones.keep) };
        if let Some(then) = self.order.replay {
            record.models.clone_from(&then.models);
        }
    }

    /// A sidecar without tracks.
    fn blank(&self, size: (u32, u32), frames: u64) -> VideoRecord {
        let recipe = self.order.recipe;
        let nothing = || Source { path: None, bytes: 0, sha256: "0".repeat(64) };
        let result = VideoResult {
            format: self.options.container.name().to_owned(),
            bytes: 0,
            sha256: nothing().sha256,
        };
        let encoding = Encoding {
            mute: self.options.audio == AudioChoice::Drop,
            start: self.options.start,
            end: self.options.end,
        };
        let margin =
            self.order.replay.map_or(self.settings.video_margin(), |then| record_margin(recipe, then));
        let by_mask = matches!(self.settings.detection, Detection::Gate { .. });
        let shape = if by_mask { Shape::Box } else { recipe.recorded.shape };
        let settings = sidecar::Settings { margin, shape, ..recipe.recorded.clone() };
        let models = recipe.models.clone();
        VideoRecord::new(nothing(), result, [size.0, size.1], frames, models, settings, encoding)
    }

    /// How many frames there will be, as far as the file tells.
    fn expected(&self) -> Option<u64> {
        let part = self.options.start.is_some() || self.options.end.is_some();
        let by_time = || {
            let rate = self.probe.video.rate?;
            Some((self.probe.duration? * f64::from(rate.num) / f64::from(rate.den)).round() as u64)
        };
        if part { None } else { self.probe.video.frames.or_else(by_time) }
    }

    /// Runs the steps until the last frame has passed them, or one of them cannot go on. What stopped hiding or
    /// encoding is the inner error.
    fn steps(
        &self,
        decoder: &mut Decoder,
        sink: Option<&mut Sink<'_>>,
        zones: &Zones,
        (before, reached): (Counts, Option<(u64, i64)>),
    ) -> anyhow::Result<(Done, anyhow::Result<()>)> {
        let colours = &self.probe.video.colours;
        let size = decoder.size();
        let layout = yuv_layout(self.options.layout, size, colours);
        let middle = self.middle(layout)?;
        let chroma = has_chroma(self.options.layout);
        let (style, noise) = (self.settings.style.clone(), noise(self.settings.seed));
        let expected = self.expected();
        let progress = |frames: u64| (self.order.progress)(frames, expected);
        let mut hider = Hider::new(self.policy, layout, chroma, (zones, self.settings.feather), style, noise);
        hider.progress = &progress;
        let first = self.probe.start.as_deref().and_then(|s| s.parse().ok()).unwrap_or(0.0);
        let (time_base, thumbnails) = (self.probe.video.time_base, self.order.thumbnails);
        hider.recorder = self.order.recorded.then(|| Recorder::new(layout, time_base, first, thumbnails));
        let observe = |told: &Told| {
            (self.order.observe)(&told.tracked, time_base.seconds(told.frame.pts) - first);
        };
        hider.observe = &observe;
        hider.show = self.order.show;
        hider.counts = before;
        let (passed, warm_up) = (reached.map_or(0, |(frames, _)| frames), self.warm_up());
        hider.pass = passed.min(warm_up);
        hider.passed = reached.map(|(_, last)| last);
        let (used, unused) = (decoder.used(), decoder.used());
        let broken = AtomicBool::new(false);
        hider.broken = Some(&broken);
        let (to_look, decoded) = sync_channel(BETWEEN);
        let (to_hide, looked) = sync_channel(BETWEEN);
        let threads = self.video.searchers;
        let (read, seen, hidden) = thread::scope(|scope| {
            let broken = &broken;
            let read = scope.spawn(move || -> Result<(), VideoError> {
                let mut end = End { broken, whole: false };
                while let Some(frame) = decoder.read()? {
                    if decoder.count() + warm_up <= passed {
                        let _ = unused.send(frame);
                        continue;
                    }
                    // Who takes no more has an error of its own.
                    if to_look.send(frame).is_err() {
                        break;
                    }
                }
                end.whole = true;
                Ok(())
            });
            let seen = scope.spawn(move || match middle {
                Middle::Replay(replay) => {
                    replay.run(&decoded, &to_hide);
                    Ok(())
                }
                Middle::Look(looks, search, glance) => {
                    let settings = self.settings;
                    thread::scope(|inner| {
                        let searchers = Searchers::start(inner, threads, *search, settings);
                        let looker = Looker::new(looks, &searchers, glance.map(|g| *g), threads)?;
                        looker.run(&decoded, &to_hide)
                    })
                }
            });
            let hidden = hider.run(&looked, sink, &used);
            // The others end when nobody takes what they have.
            drop(looked);
            (joined(read), joined(seen), hidden)
        });
        // What comes first is the cause of what comes later; a broken end says so itself.
        if hidden.is_ok() {
            read?.map_err(|e| anyhow!(e))?;
            seen??;
        }
        let counts = hider.counts;
        let record = hider.recorder.map(|recorder| {
            let mut record = self.blank(size, counts.frames);
            match self.order.replay {
                // Its decisions and thumbnails stay as they are.
                Some(then) => {
                    record.tracks.clone_from(&then.tracks);
                    record.cuts.clone_from(&then.cuts);
                    record.counts = then.counts;
                }
                None => recorder.finish(&mut record),
            }
            record
        });
        Ok((Done { size: [size.0, size.1], counts, record }, hidden))
    }

    /// What tells which faces are in which frame.
    fn middle(&self, layout: YuvLayout) -> anyhow::Result<Middle> {
        if let Some(record) = self.order.replay {
            return Ok(Middle::Replay(Replay::new(record)));
        }
        let search = FrameSearch::new(self.settings)?;
        let tracks = TrackSettings { frame: Some((layout.width, layout.height)), ..self.tracks(&search) };
        let looks = Looks::new(layout, self.pace(), tracks);
        let glance = if looks.pace.glance_pixels > 0 { Glance::new()? } else { None };
        Ok(Middle::Look(looks, Box::new(search), glance.map(Box::new)))
    }

    fn pace(&self) -> Pace {
        let usual = self.settings.pace();
        match self.video.every {
            // Who says how often wants no other looks.
            Some(every) => Pace { every, ..usual },
            None => usual,
        }
    }

    /// Frames after which no track depends on what came before them.
    fn warm_up(&self) -> u64 {
        WARM_UP + u64::from(self.video.lead.unwrap_or(0)) + u64::from(self.video.hold.unwrap_or(0))
    }

    fn tracks(&self, search: &FrameSearch) -> TrackSettings {
        let usual = TrackSettings { certain: search.certain(), ..TrackSettings::offline(search.strong()) };
        let lead = self.video.lead.unwrap_or(usual.lead);
        let hold = self.video.hold.unwrap_or(usual.hold);
        // Who says how long wants no other.
        let typed = self.video.lead.or(self.video.hold).is_some();
        let (crossing, longest_crossing) =
            if typed { (0, 0) } else { (usual.crossing, usual.longest_crossing) };
        TrackSettings { lead, hold, crossing, longest_crossing, delay: usual.delay.max(lead), ..usual }
    }
}

/// What tells which faces are in which frame.
enum Middle {
    Look(Looks, Box<FrameSearch>, Option<Box<Glance>>),
    Replay(Replay),
}

/// The margin of regions that are drawn again: the one that was typed, or that of the sidecar.
fn record_margin(recipe: &Recipe, record: &VideoRecord) -> f32 {
    recipe.settings.margin.unwrap_or(record.settings.margin)
}

/// What a thread came to; a panic is an error of the video.
fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> anyhow::Result<T> {
    thread.join().map_err(|_| anyhow!("internal error, please report it: a step of the video panicked"))
}

/// Where the output of a video in a folder goes.
pub fn output_of(relative: &Path) -> PathBuf {
    faceveil_media::video::keeping_container(relative)
}
