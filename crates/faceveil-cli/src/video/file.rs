//! A video file from its first byte to the output's name.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::SystemTime;

use anyhow::{Context, anyhow, bail, ensure};
use faceveil::core::geom::RectF;
use faceveil::core::policy::Policy;
use faceveil::core::redact::YuvLayout;
use faceveil::core::track::{TrackSettings, TrackedFrame};
use faceveil::video::{FrameSearch, Glance, Pace, noise};
use faceveil::{Detection, Outline, Settings, Zones};
use faceveil_media::files::WriteError;
use faceveil_media::video::{
    AudioChoice, Container, Decoder, DecoderOptions, Encoder, EncoderOptions, PixelLayout, Probe, Tools,
    VideoCodec, VideoError, count_frames, probe,
};
use sha2::{Digest, Sha256};
use tempfile::TempPath;

use super::hide::{Counts, Hider};
use super::look::{Looker, Looks};
use super::options::VideoOptions;
use super::record::{Encoding, VideoRecord, VideoResult, ZoneRecords, rect};
use super::recorder::Recorder;
use super::replay::Replay;
use super::search::Searchers;
use super::{Told, has_chroma, yuv_layout};
use crate::choices::Shape;
use crate::plan::hex;
use crate::recipe::Recipe;
use crate::sidecar::{self, Source};
use crate::walk::TEMPORARY_PREFIX;
use crate::zones;
use crate::zones::Zone;

/// Frames that wait between two steps.
const BETWEEN: usize = 2;

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
    /// Is told the faces of each frame, and its time in seconds from the file's start.
    pub observe: &'a (dyn Fn(&TrackedFrame, f64) + Sync),
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

/// A whole result that waits for its name. It is removed unless it gets one.
#[derive(Debug)]
pub struct Finished {
    path: TempPath,
    /// Bytes of the file.
    pub bytes: u64,
    /// SHA-256 of the file in hexadecimal, if it was asked for.
    pub sha256: Option<String>,
}

impl Finished {
    /// Gives the result its name.
    ///
    /// # Errors
    /// [`WriteError`]; then nothing has changed.
    pub fn publish(self, output: &Path, overwrite: bool) -> Result<(), WriteError> {
        let renamed = if overwrite { self.path.persist(output) } else { self.path.persist_noclobber(output) };
        renamed.map_err(|e| match e.error.kind() {
            io::ErrorKind::AlreadyExists if !overwrite => WriteError::Exists,
            _ => WriteError::Write(e.error),
        })
    }
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
        let source = order.recorded.then(|| source_of(order.input)).transpose()?;
        if let (Some(replay), Some(source)) = (order.replay, &source) {
            check_source(order.input, source, replay)?;
        }
        let way = Way::new(tools, order, probe)?;
        let temporary = order.output.map(|output| temporary(output, way.options.container)).transpose()?;
        let mut done = way.go(temporary.as_deref())?;
        let result =
            temporary.map(|path| finished(tools, path, done.counts.frames, order.hashed)).transpose()?;
        if let (Some(record), Some(source)) = (&mut done.record, source) {
            ensure!(stamp(order.input)? == source.1, "it was changed meanwhile");
            record.source = source.0;
        }
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

    /// Goes it, to the encoder if there is an output.
    fn go(&self, output: Option<&Path>) -> anyhow::Result<Done> {
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
        let encoder = output.map(|output| {
            let (aspect, options) = (decoder.pixel_aspect(), &self.options);
            Encoder::start(self.tools, input, &self.probe, size, aspect, options, output)
        });
        let mut encoder = encoder.transpose()?;
        let zones = self.zones(size)?;
        let (mut done, ran) = self.steps(&mut decoder, encoder.as_mut(), &zones)?;
        match (ran, encoder) {
            (Ok(()), Some(encoder)) => {
                let written = encoder.finish()?;
                if written != decoder.count() {
                    bail!(VideoError::FrameCount { got: written, need: decoder.count() });
                }
            }
            (Ok(()), None) => {}
            // An encoder that breaks knows best why.
            (Err(e), Some(encoder)) if e.downcast_ref::<VideoError>().is_some() => {
                encoder.finish()?;
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
        encoder: Option<&mut Encoder>,
        zones: &Zones,
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
        let used = decoder.used();
        let (to_look, decoded) = sync_channel(BETWEEN);
        let (to_hide, looked) = sync_channel(BETWEEN);
        let threads = self.video.searchers;
        let (read, seen, hidden) = thread::scope(|scope| {
            let read = scope.spawn(move || -> Result<(), VideoError> {
                while let Some(frame) = decoder.read()? {
                    // Who takes no more has an error of its own.
                    if to_look.send(frame).is_err() {
                        break;
                    }
                }
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
            let hidden = hider.run(&looked, encoder, &used);
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
        let looks = Looks::new(layout, self.pace(), self.tracks(&search));
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

    fn tracks(&self, search: &FrameSearch) -> TrackSettings {
        let usual = TrackSettings { certain: search.certain(), ..TrackSettings::offline(search.strong()) };
        let lead = self.video.lead.unwrap_or(usual.lead);
        let hold = self.video.hold.unwrap_or(usual.hold);
        TrackSettings { lead, hold, delay: usual.delay.max(lead), ..usual }
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

/// When a file was written last, and its length.
fn stamp(path: &Path) -> anyhow::Result<(u64, Option<SystemTime>)> {
    let metadata = path.metadata().context("cannot be read")?;
    Ok((metadata.len(), metadata.modified().ok()))
}

/// The original for its sidecar, and the state that it is in.
fn source_of(input: &Path) -> anyhow::Result<(Source, (u64, Option<SystemTime>))> {
    let state = stamp(input)?;
    let file = File::open(input).context("cannot be opened")?;
    let sha256 = sha256(file).context("cannot be read")?;
    Ok((Source { path: None, bytes: state.0, sha256 }, state))
}

fn check_source(
    input: &Path,
    source: &(Source, (u64, Option<SystemTime>)),
    record: &VideoRecord,
) -> anyhow::Result<()> {
    let (got, want) = (&source.0.sha256, &record.source.sha256);
    ensure!(
        got == want,
        "{} is not the video that the sidecar was written for: its SHA-256 is {got}, not {want}",
        input.display()
    );
    Ok(())
}

/// What a thread came to; a panic is an error of the video.
fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> anyhow::Result<T> {
    thread.join().map_err(|_| anyhow!("internal error, please report it: a step of the video panicked"))
}

/// An empty file beside `output`, to be replaced by the encoder.
fn temporary(output: &Path, container: Container) -> Result<TempPath, WriteError> {
    let folder = output.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_PREFIX).suffix(container.ending());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    Ok(builder.tempfile_in(folder).map_err(WriteError::Folder)?.into_temp_path())
}

/// Checks that the result has all frames, and that it is on the disk.
fn finished(tools: &Tools, path: TempPath, need: u64, hashed: bool) -> anyhow::Result<Finished> {
    let got = count_frames(tools, &path).context("the result is not whole (is the disk full?)")?;
    if got != need {
        bail!(VideoError::FrameCount { got, need });
    }
    let file = File::open(&path).context("the result cannot be read")?;
    file.sync_all().map_err(WriteError::Write)?;
    let bytes = file.metadata().context("the result cannot be read")?.len();
    let sha256 = hashed.then(|| sha256(file)).transpose().context("the result cannot be read")?;
    Ok(Finished { path, bytes, sha256 })
}

/// SHA-256 of what is left of a file, in hexadecimal.
pub(crate) fn sha256(mut file: File) -> io::Result<String> {
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&digest.finalize())),
            n => digest.update(&buffer[..n]),
        }
    }
}

/// Where the output of a video in a folder goes.
pub fn output_of(relative: &Path) -> PathBuf {
    faceveil_media::video::keeping_container(relative)
}
