//! A video file from its first byte to the output's name.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

use anyhow::{Context, anyhow, bail};
use faceveil::core::policy::Policy;
use faceveil::core::track::TrackSettings;
use faceveil::video::{FrameSearch, Glance, Pace, noise};
use faceveil::{Settings, Zones};
use faceveil_media::files::WriteError;
use faceveil_media::video::{
    Container, Decoder, DecoderOptions, Encoder, EncoderOptions, PixelLayout, Probe, Tools, VideoCodec,
    VideoError, count_frames, probe,
};
use sha2::{Digest, Sha256};
use tempfile::TempPath;

use super::hide::{Counts, Hider};
use super::look::{Looker, Looks};
use super::options::VideoOptions;
use super::search::Searchers;
use super::{has_chroma, yuv_layout};
use crate::plan::{BlurPlan, hex};
use crate::walk::TEMPORARY_PREFIX;
use crate::zones;

/// Frames that wait between two steps.
const BETWEEN: usize = 2;

/// What all videos of a run share: one is worked on at a time, because each uses the whole machine.
#[derive(Debug, Default)]
pub struct Videos {
    tools: OnceLock<Tools>,
    turn: Mutex<()>,
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
    /// Hides the faces of `input` in a new file beside `output`, or only looks if that is `None`. `hashed` asks for
    /// the result's SHA-256.
    ///
    /// # Errors
    /// Nothing was written; why.
    pub fn anonymize(
        &self,
        plan: &BlurPlan,
        settings: &Settings,
        input: &Path,
        output: Option<&Path>,
        hashed: bool,
    ) -> anyhow::Result<VideoReport> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let tools = self.tools(plan.video.timeout)?;
        let probe = probe(tools, input)?;
        let way = Way::new(tools, plan, settings, input, probe, output)?;
        let temporary = output.map(|output| temporary(output, way.options.container)).transpose()?;
        let (size, counts) = way.go(temporary.as_deref())?;
        let result = temporary.map(|path| finished(tools, path, counts.frames, hashed)).transpose()?;
        Ok(VideoReport { size, counts, result, dropped: way.probe.dropped })
    }

    fn tools(&self, timeout: std::time::Duration) -> Result<&Tools, VideoError> {
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
    plan: &'a BlurPlan,
    video: &'a VideoOptions,
    settings: &'a Settings,
    input: &'a Path,
    probe: Probe,
    options: EncoderOptions,
    policy: Policy,
}

impl<'a> Way<'a> {
    fn new(
        tools: &'a Tools,
        plan: &'a BlurPlan,
        settings: &'a Settings,
        input: &'a Path,
        probe: Probe,
        output: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let video = &plan.video;
        let container = output.map_or(Ok(Container::Matroska), Container::of)?;
        let source = PixelLayout::for_source(&probe.video.pixels)?;
        let codec = video.codec.clone().unwrap_or_else(|| VideoCodec::usual(container, source));
        let layout = codec.layout(source, probe.video.width, probe.video.height);
        let options = EncoderOptions {
            codec,
            crf: video.crf,
            preset: video.preset.clone(),
            audio: video.audio,
            container,
            layout,
            start: video.start,
            end: video.end,
        };
        let policy = settings.video_policy()?;
        Ok(Self { tools, plan, video, settings, input, probe, options, policy })
    }

    /// Goes it, to the encoder if there is an output.
    fn go(&self, output: Option<&Path>) -> anyhow::Result<([u32; 2], Counts)> {
        let decoding = DecoderOptions {
            layout: self.options.layout,
            max_pixels: self.video.max_pixels,
            keep_damaged: self.video.keep_damaged,
            start: self.video.start,
            end: self.video.end,
        };
        let mut decoder = Decoder::start(self.tools, self.input, &self.probe, decoding)?;
        let size = decoder.size();
        let encoder = output.map(|output| {
            let (aspect, options) = (decoder.pixel_aspect(), &self.options);
            Encoder::start(self.tools, self.input, &self.probe, size, aspect, options, output)
        });
        let mut encoder = encoder.transpose()?;
        let zones = zones::resolve(&self.plan.hide_zones, &self.plan.keep_zones, size.0, size.1)?;
        let (counts, done) = self.steps(&mut decoder, encoder.as_mut(), &zones)?;
        match (done, encoder) {
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
        if counts.frames != decoder.count() {
            bail!(VideoError::FrameCount { got: counts.frames, need: decoder.count() });
        }
        Ok(([size.0, size.1], counts))
    }

    /// Runs the steps until the last frame has passed them, or one of them cannot go on. What stopped hiding or
    /// encoding is the inner error.
    fn steps(
        &self,
        decoder: &mut Decoder,
        encoder: Option<&mut Encoder>,
        zones: &Zones,
    ) -> anyhow::Result<(Counts, anyhow::Result<()>)> {
        let colours = &self.probe.video.colours;
        let layout = yuv_layout(self.options.layout, decoder.size(), colours);
        let search = FrameSearch::new(self.settings)?;
        let looks = Looks::new(layout, self.pace(), self.tracks(search.strong()));
        let glance = if looks.pace.glance_pixels > 0 { Glance::new()? } else { None };
        let chroma = has_chroma(self.options.layout);
        let (style, noise) = (self.settings.style.clone(), noise(self.settings.seed));
        let mut hider = Hider::new(self.policy, layout, chroma, (zones, self.settings.feather), style, noise);
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
            let seen = scope.spawn(move || {
                let settings = self.settings;
                thread::scope(|inner| {
                    let searchers = Searchers::start(inner, threads, search, settings);
                    let looker = Looker::new(looks, &searchers, glance, threads)?;
                    looker.run(&decoded, &to_hide)
                })
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
        Ok((hider.counts, hidden))
    }

    fn pace(&self) -> Pace {
        let usual = self.settings.pace();
        match self.video.every {
            // Who says how often wants no other looks.
            Some(every) => Pace { every, ..usual },
            None => usual,
        }
    }

    fn tracks(&self, strong: f32) -> TrackSettings {
        let usual = TrackSettings::offline(strong);
        let lead = self.video.lead.unwrap_or(usual.lead);
        let hold = self.video.hold.unwrap_or(usual.hold);
        TrackSettings { lead, hold, delay: usual.delay.max(lead), ..usual }
    }
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

fn sha256(mut file: File) -> io::Result<String> {
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
