//! `faceveil live`: cameras, network streams and pipes, in one pass.
//!
//! A frame goes out as soon as it is redacted, `--latency` frames after it came in. A frame that cannot be searched or
//! redacted in time is never shown: from a source that does not wait, frames are dropped.

use std::io::{self, BufReader, Write};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use faceveil::Zones;
use faceveil::core::geom::RectF;
use faceveil::core::look::look;
use faceveil::core::redact::{Noise, Region, Shape, YuvFrame, YuvLayout};
use faceveil::core::track::{
    FrameFaces, Luma, Presence, Thumb, TrackId, TrackSettings, TrackedFrame, Tracker, Veils,
};
use faceveil::video::{FrameSearch, noise};
use faceveil_media::video::y4m::{Y4mHeader, Y4mReader, write_frame};
use faceveil_media::video::{
    Colours, Frame, LIVE_LAYOUT, LiveDecoder, LiveEncoder, LiveSource, PixelLayout, TimeBase, Tools,
};

use super::live_plan::{LivePlan, OnLost, Sink, Spring};
use super::search::{enlarged, enlargement};
use super::yuv_layout;
use crate::report::complain;
use crate::zones;

/// Frames that wait between two steps.
const BETWEEN: usize = 1;
/// Pixels of a frame that is searched, about.
const PIXELS: u32 = 500_000;
/// Sides of the small picture in which cuts are found, at most, in pixels.
const THUMB_SIDE: u32 = 320;
/// The whole frame's veil.
const WHOLE: TrackId = TrackId(u64::MAX);
/// The zones' veils.
const ZONES: u64 = 1 << 63;
/// Longest pause before a source is opened again.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Where a stream of equal frames begins; after a reconnection another begins.
struct Begin {
    size: (u32, u32),
    layout: PixelLayout,
    /// Of a y4m source.
    header: Option<Y4mHeader>,
}

/// What comes from a source.
enum Came {
    Begin(Begin),
    Frame(Frame),
}

/// What became of the frames.
#[derive(Default)]
struct Counts {
    written: u64,
    dropped: u64,
    opened: u64,
}

/// Carries out a plan, until the source ends or nobody takes frames any more.
///
/// # Errors
/// Why it ended otherwise. Nothing that was not redacted has been written.
pub fn run(plan: &LivePlan) -> anyhow::Result<ExitCode> {
    let tools = match (&plan.from, &plan.to) {
        (Spring::Y4m, Sink::Y4m) => None,
        _ => Some(Tools::find(|name| std::env::var_os(name), plan.timeout)?),
    };
    let search = FrameSearch::new(&plan.settings)?;
    if !plan.quiet {
        complain(&format!(
            "latency: {} {}; a lost face {}",
            plan.latency,
            if plan.latency == 1 { "frame" } else { "frames" },
            match plan.on_lost {
                OnLost::Hold => format!("is held hidden for {} frames", plan.hold),
                OnLost::Fullframe => format!("hides the whole frame for {} frames", plan.hold),
            }
        ));
    }
    let (sender, came) = sync_channel(BETWEEN);
    let mut counts = Counts::default();
    let (ended, done) = thread::scope(|scope| {
        let source = scope.spawn(|| read(plan, tools.as_ref(), sender));
        let done = Stream { plan, tools: tools.as_ref(), search, counts: &mut counts }.run(&came);
        // Who reads the source is told that nobody takes more.
        drop(came);
        let ended = source.join().map_err(|_| anyhow!("internal error, please report it: reading panicked"));
        (ended, done)
    });
    let ended = ended?;
    done?;
    let ended = ended?;
    counts.dropped += ended.dropped;
    if !plan.quiet {
        let Counts { written, dropped, opened } = counts;
        complain(&format!("{written} frames written, {dropped} dropped, source opened {opened} times"));
    }
    if ended.broke {
        complain("the source broke, and opening it again did not help: what was written is not all of it");
    }
    Ok(match (counts.written, ended.broke) {
        (0, _) => ExitCode::from(1),
        (_, true) => ExitCode::from(2),
        (_, false) => ExitCode::SUCCESS,
    })
}

/// How a source ended.
#[derive(Default)]
struct Ended {
    /// Frames that came faster than they were redacted.
    dropped: u64,
    /// Whether it ended with an error.
    broke: bool,
}

/// Reads the source, and opens it again when it ends.
fn read(plan: &LivePlan, tools: Option<&Tools>, to: SyncSender<Came>) -> anyhow::Result<Ended> {
    let mut dropped = 0;
    let source = match &plan.from {
        Spring::Y4m => return read_y4m(plan, &to).map(|()| Ended::default()),
        Spring::Ffmpeg(source) => source,
    };
    let waits = matches!(source, LiveSource::Stdin(..));
    let tools = tools.context("no FFmpeg")?;
    let mut failures = 0;
    loop {
        let mut came = 0;
        let ended = read_once(plan, tools, source, waits, &to, (&mut came, &mut dropped));
        let broke = match ended {
            Ok(true) => false,
            // Nobody takes frames any more.
            Ok(false) => return Ok(Ended { dropped, broke: false }),
            Err(e) if waits => return Err(e),
            Err(e) => {
                complain(&format!("{e:#}"));
                true
            }
        };
        failures = if came > 0 { 1 } else { failures + 1 };
        if waits || plan.reconnect.is_some_and(|most| failures > most) {
            return Ok(Ended { dropped, broke });
        }
        let pause = Duration::from_millis(500 << failures.min(5)).min(LONGEST_PAUSE);
        complain(&format!("the source ended; opening it again in {:.1} s", pause.as_secs_f32()));
        thread::sleep(pause);
    }
}

/// Reads the source until it ends, and counts the frames that came and those of them that were dropped. `false` if
/// nobody takes frames any more.
fn read_once(
    plan: &LivePlan,
    tools: &Tools,
    source: &LiveSource,
    waits: bool,
    to: &SyncSender<Came>,
    (came, dropped): (&mut u64, &mut u64),
) -> anyhow::Result<bool> {
    let mut decoder = LiveDecoder::start(tools, source, plan.rate, plan.max_pixels)?;
    let size = decoder.size();
    if to.send(Came::Begin(Begin { size, layout: LIVE_LAYOUT, header: None })).is_err() {
        return Ok(false);
    }
    loop {
        let mut frame = Frame::empty(LIVE_LAYOUT, size.0, size.1);
        if !decoder.next(&mut frame)? {
            let words = decoder.finish()?;
            if !words.is_empty() {
                complain(&format!("the source: {words}"));
            }
            return Ok(true);
        }
        *came += 1;
        if waits {
            if to.send(Came::Frame(frame)).is_err() {
                return Ok(false);
            }
            continue;
        }
        match to.try_send(Came::Frame(frame)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => *dropped += 1,
            Err(TrySendError::Disconnected(_)) => return Ok(false),
        }
    }
}

fn read_y4m(plan: &LivePlan, to: &SyncSender<Came>) -> anyhow::Result<()> {
    let mut reader = Y4mReader::open(BufReader::new(io::stdin())).context("standard input")?;
    let header = reader.header().clone();
    let (size, layout) = ((header.width, header.height), header.layout);
    if u64::from(size.0) * u64::from(size.1) > plan.max_pixels {
        bail!("frames of {}×{} pixels are more than the limit of {}", size.0, size.1, plan.max_pixels);
    }
    let time = header.frame_time;
    if to.send(Came::Begin(Begin { size, layout, header: Some(header) })).is_err() {
        return Ok(());
    }
    for n in 0.. {
        let mut frame = Frame::empty(layout, size.0, size.1);
        if !reader.next(frame.bytes_mut()).context("standard input")? {
            break;
        }
        frame.pts = time.convert(n, faceveil_media::video::LIVE_TIME_BASE).unwrap_or(n);
        if to.send(Came::Frame(frame)).is_err() {
            break;
        }
    }
    Ok(())
}

/// From frames to written frames.
struct Stream<'a> {
    plan: &'a LivePlan,
    tools: Option<&'a Tools>,
    search: FrameSearch,
    counts: &'a mut Counts,
}

/// What is known of the frames so far.
struct Scene {
    layout: YuvLayout,
    pixels: PixelLayout,
    tracker: Tracker,
    veils: Veils,
    zones: Zones,
    waiting: std::collections::VecDeque<Frame>,
}

/// Where frames go.
enum Output {
    Y4m,
    Ffmpeg(Box<LiveEncoder>),
}

impl Stream<'_> {
    fn run(&mut self, came: &Receiver<Came>) -> anyhow::Result<()> {
        let mut scene: Option<Scene> = None;
        let mut output: Option<(Output, (u32, u32))> = None;
        let mut noise = noise(self.plan.settings.seed);
        loop {
            match came.recv_timeout(self.plan.timeout) {
                // The source's own thread knows why nothing comes, or opens it again.
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Ok(Came::Begin(begin)) => {
                    if let Some(old) = &mut scene {
                        self.rest(old, output.as_mut().map(|(o, _)| o), &mut *noise)?;
                    }
                    self.counts.opened += 1;
                    match &output {
                        Some((_, size)) if *size != begin.size => bail!(
                            "the source came back with {}×{} pixels instead of {}×{}",
                            begin.size.0,
                            begin.size.1,
                            size.0,
                            size.1
                        ),
                        Some(_) => {}
                        None => output = Some((self.open(&begin)?, begin.size)),
                    }
                    // Who was in the picture when the source went away is held hidden when it comes back.
                    if scene.is_none() {
                        scene = Some(self.scene(&begin)?);
                    }
                }
                Ok(Came::Frame(frame)) => {
                    let (Some(scene), Some((output, _))) = (&mut scene, &mut output) else { continue };
                    if let Some(tracked) = self.look(scene, frame)? {
                        self.show(scene, tracked, Some(output), &mut *noise)?;
                    }
                }
            }
        }
        if let Some(mut old) = scene {
            self.rest(&mut old, output.as_mut().map(|(o, _)| o), &mut *noise)?;
        }
        match output {
            Some((Output::Ffmpeg(encoder), _)) => Ok(encoder.finish()?),
            _ => Ok(()),
        }
    }

    fn scene(&self, begin: &Begin) -> anyhow::Result<Scene> {
        let full = begin.header.as_ref().is_some_and(|h| h.full_range);
        let colours = Colours { range: full.then_some("pc"), ..Colours::default() };
        let live = TrackSettings::live(self.search.strong());
        let latency = self.plan.latency;
        let (hold, frame) = (self.plan.hold, Some(begin.size));
        let tracks = TrackSettings { hold, lead: latency, delay: latency, frame, ..live };
        Ok(Scene {
            layout: yuv_layout(begin.layout, begin.size, &colours),
            pixels: begin.layout,
            tracker: Tracker::new(tracks)?,
            veils: Veils::new(self.plan.settings.style.clone()),
            zones: zones::resolve(&self.plan.hide_zones, &self.plan.keep_zones, begin.size.0, begin.size.1)?,
            waiting: std::collections::VecDeque::new(),
        })
    }

    fn open(&self, begin: &Begin) -> anyhow::Result<Output> {
        match &self.plan.to {
            Sink::Y4m => {
                let plain = || Y4mHeader {
                    width: begin.size.0,
                    height: begin.size.1,
                    frame_time: TimeBase { num: 1, den: self.plan.rate.unwrap_or(30) },
                    pixel_aspect: (0, 0),
                    layout: begin.layout,
                    full_range: false,
                };
                let header = begin.header.clone().unwrap_or_else(plain);
                io::stdout().lock().write_all(header.line().as_bytes()).context("standard output")?;
                Ok(Output::Y4m)
            }
            Sink::Ffmpeg(target) => {
                if begin.layout != LIVE_LAYOUT {
                    bail!("only frames of 4:2:0 with 8 bits can go to that output; y4m takes all");
                }
                let tools = self.tools.context("no FFmpeg")?;
                Ok(Output::Ffmpeg(Box::new(LiveEncoder::start(tools, target, begin.size)?)))
            }
        }
    }

    /// Searches a frame, and tells the one that is due.
    fn look(&mut self, scene: &mut Scene, frame: Frame) -> anyhow::Result<Option<TrackedFrame>> {
        let size = (scene.layout.width, scene.layout.height);
        let all = f64::from(size.0) * f64::from(size.1);
        let factor = (all / (f64::from(PIXELS) * 1.2)).sqrt().ceil().max(1.0) as u32;
        let picture = look(&frame.samples, &scene.layout, factor).context("a frame has too few samples")?;
        let enlarge = enlargement(&picture, size);
        let grey: Vec<u8> = picture.rgb.as_chunks::<3>().0.iter().map(|p| p[1]).collect();
        let thumb =
            Luma::shrunk(&grey, (picture.width, picture.height), picture.width as usize, 0, THUMB_SIDE);
        let faces =
            enlarged(self.search.faces(picture, false)?, enlarge).into_iter().map(Into::into).collect();
        scene.waiting.push_back(frame);
        let thumb = thumb.as_ref().map(Thumb::of);
        Ok(scene.tracker.push(FrameFaces { faces, thumb, cut: false, searched: true }))
    }

    /// What still waits when a source ends.
    fn rest(
        &mut self,
        scene: &mut Scene,
        output: Option<&mut Output>,
        noise: &mut dyn Noise,
    ) -> anyhow::Result<()> {
        let Some(output) = output else { return Ok(()) };
        while let Some(tracked) = scene.tracker.finish() {
            self.show(scene, tracked, Some(output), noise)?;
        }
        Ok(())
    }

    /// Redacts the frame that is due and writes it.
    fn show(
        &mut self,
        scene: &mut Scene,
        tracked: TrackedFrame,
        output: Option<&mut Output>,
        noise: &mut dyn Noise,
    ) -> anyhow::Result<()> {
        let (Some(mut frame), Some(output)) = (scene.waiting.pop_front(), output) else { return Ok(()) };
        let regions = self.regions(scene, &tracked)?;
        let mut yuv = super::hide::view(&mut frame.samples, &scene.layout, super::has_chroma(scene.pixels))?;
        hide(&mut yuv, &mut scene.veils, &regions, noise)?;
        match output {
            Output::Y4m => write_frame(&mut io::stdout().lock(), frame.bytes()).context("standard output")?,
            Output::Ffmpeg(encoder) => encoder.write(&frame)?,
        }
        self.counts.written += 1;
        Ok(())
    }

    fn regions(&self, scene: &Scene, tracked: &TrackedFrame) -> anyhow::Result<Vec<(TrackId, Region)>> {
        let policy = self.plan.settings.video_policy()?;
        let (width, height) = (scene.layout.width, scene.layout.height);
        let mut regions = Vec::new();
        let mut lost = false;
        for face in &tracked.faces {
            let region = policy.region(&face.face);
            if scene.zones.keeps(&region, width, height).is_none() {
                lost |= face.presence == Presence::Held;
                regions.push((face.track, region));
            }
        }
        let zones = scene.zones.regions(self.plan.settings.feather).into_iter().zip(ZONES..);
        regions.extend(zones.map(|(region, id)| (TrackId(id), region)));
        if lost && self.plan.on_lost == OnLost::Fullframe {
            let all = RectF { left: 0.0, top: 0.0, right: width as f32, bottom: height as f32 };
            regions.push((WHOLE, Region::around(vec![Shape::Box(all)], 0.0)));
        }
        Ok(regions)
    }
}

fn hide(
    yuv: &mut YuvFrame<'_>,
    veils: &mut Veils,
    regions: &[(TrackId, Region)],
    noise: &mut dyn Noise,
) -> anyhow::Result<()> {
    veils.hide_yuv(yuv, regions, noise)?;
    veils.next_frame();
    if regions.iter().all(|(track, _)| *track != WHOLE) {
        // The next time there is another picture beneath it.
        veils.forget(WHOLE);
    }
    Ok(())
}
