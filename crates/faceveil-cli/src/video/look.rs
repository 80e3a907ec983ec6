//! Which faces are in which frame: searches every few frames, glances and followed pixels in between, and tracks
//! over all of them. Frames go on some frames later, when what follows is known.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};

use anyhow::{Context, anyhow};
use faceveil::Face;
use faceveil::core::look::look;
use faceveil::core::raster::Samples;
use faceveil::core::redact::YuvLayout;
use faceveil::core::track::{
    CutDetector, Follower, FrameFaces, Luma, Thumb, TrackSettings, TrackedFrame, Tracker,
};
use faceveil::video::{Glance, Pace};
use faceveil_media::video::Frame;

use super::Told;
use super::search::{Promise, Searchers, enlarged, enlargement};

/// Sides of the small grey picture in which pixels are followed, at most, in pixels.
const LUMA_SIDE: u32 = 480;
/// A glance that is this sure of a face that nobody knows asks for a search.
const GLANCE_SURE: f32 = 0.25;
/// Overlap with a known face from which a glance shows nothing new.
const GLANCE_KNOWN: f32 = 0.1;
/// Bytes of frames that wait at most for what follows them.
const WAITING_BYTES: usize = 200 << 20;
/// However large frames are, this many may wait.
const FEWEST_WAITING: usize = 8;

/// How frames are looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Looks {
    pub layout: YuvLayout,
    pub pace: Pace,
    pub tracks: TrackSettings,
}

impl Looks {
    /// With as many frames waiting as memory allows.
    pub(super) fn new(layout: YuvLayout, pace: Pace, mut tracks: TrackSettings) -> Self {
        let most = most_waiting(&layout) as u32;
        let pace = Pace { every: pace.every.min(most / 2).max(1), ..pace };
        tracks.delay = tracks.delay.min(most.saturating_sub(pace.every).max(2)).max(tracks.lead);
        // A gap is filled from behind as far as frames wait; what is left of it the track is held for.
        tracks.hold = tracks.hold.max(tracks.gap.saturating_sub(tracks.delay));
        Self { layout, pace, tracks }
    }
}

/// Frames that may wait.
fn most_waiting(layout: &YuvLayout) -> usize {
    let bytes = layout.samples().unwrap_or(usize::MAX).saturating_mul(if layout.depth > 8 { 2 } else { 1 });
    (WAITING_BYTES / bytes.max(1)).max(FEWEST_WAITING)
}

/// A frame whose faces are not told yet.
struct Seen {
    luma: Luma,
    faces: Option<Promise>,
    /// What a glance has shown.
    glimpsed: Vec<Face>,
}

/// Looks at frames one after the other.
pub(super) struct Looker<'a> {
    looks: Looks,
    searchers: &'a Searchers,
    glance: Option<Glance>,
    follower: Follower,
    tracker: Tracker,
    /// Frames whose promises are not kept.
    seen: VecDeque<Seen>,
    /// Frames that have not gone on.
    frames: VecDeque<Frame>,
    /// Faces of the last frame that is told or searched, for glances.
    known: Vec<Face>,
    /// Frames until the next search is due.
    until: u32,
    searches: u32,
    cuts: CutDetector,
    most_seen: usize,
}

impl<'a> Looker<'a> {
    pub(super) fn new(
        looks: Looks,
        searchers: &'a Searchers,
        glance: Option<Glance>,
        threads: usize,
    ) -> anyhow::Result<Self> {
        let tracks = looks.tracks;
        Ok(Self {
            follower: Follower::new(tracks.strong, tracks.growth),
            tracker: Tracker::new(tracks)?,
            glance: glance.filter(|_| looks.pace.glance_pixels > 0),
            looks,
            searchers,
            seen: VecDeque::new(),
            frames: VecDeque::new(),
            known: Vec::new(),
            until: 0,
            searches: 0,
            // A flash is searched as a cut would be.
            cuts: CutDetector::new(0),
            most_seen: (looks.pace.every as usize * (threads - 1) + 1).min(most_waiting(&looks.layout)),
        })
    }

    /// Looks at all frames that come, and passes them on with their faces.
    ///
    /// # Errors
    /// A frame could not be searched. What was passed on is not all.
    pub(super) fn run(mut self, frames: &Receiver<Frame>, on: &SyncSender<Told>) -> anyhow::Result<()> {
        for frame in frames {
            self.see(frame)?;
            while self.seen.len() > self.most_seen || self.is_ready()? {
                if !self.follow(on)? {
                    return Ok(());
                }
            }
        }
        while !self.seen.is_empty() {
            if !self.follow(on)? {
                return Ok(());
            }
        }
        let last = self.follower.finish();
        if !self.track(last, on) {
            return Ok(());
        }
        while let Some(tracked) = self.tracker.finish() {
            if !self.pass(tracked, on) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Whether the first frame's faces are there.
    fn is_ready(&mut self) -> anyhow::Result<bool> {
        let Some(seen) = self.seen.front_mut() else { return Ok(false) };
        let Some(promise) = &seen.faces else { return Ok(true) };
        match promise.try_recv() {
            Err(TryRecvError::Empty) => Ok(false),
            Err(TryRecvError::Disconnected) => Err(anyhow!("a search came to no end")),
            Ok(found) => {
                let (kept, promise) = std::sync::mpsc::channel();
                kept.send(found).context("a search came to no end")?;
                seen.faces = Some(promise);
                Ok(true)
            }
        }
    }

    /// Takes a frame and decides whether it is searched.
    fn see(&mut self, frame: Frame) -> anyhow::Result<()> {
        let Looks { layout, pace, .. } = self.looks;
        let luma = small(&frame.samples, &layout).context("a frame is too small")?;
        let cut = self.cuts.push(Some(Thumb::of(&luma)), false) == Some(true);
        let mut glimpsed = Vec::new();
        let search = self.until == 0 || cut || {
            glimpsed = self.glimpse(&frame.samples)?;
            self.is_news(&glimpsed)
        };
        self.until = if search { pace.every - 1 } else { self.until - 1 };
        let faces = search.then(|| {
            let close = self.searches.is_multiple_of(pace.close_every.max(1));
            self.searches = self.searches.wrapping_add(1);
            let factor = factor(&layout, if close { pace.close_pixels } else { pace.pixels });
            let size = (layout.width, layout.height);
            look(&frame.samples, &layout, factor).map(|l| self.searchers.search(l, size, close))
        });
        let faces = faces.map(|f| f.context("a frame has too few samples")).transpose()?;
        self.seen.push_back(Seen { luma, faces, glimpsed });
        self.frames.push_back(frame);
        Ok(())
    }

    /// What a glance shows.
    fn glimpse(&mut self, samples: &Samples) -> anyhow::Result<Vec<Face>> {
        let Looks { layout, pace, .. } = self.looks;
        let Some(glance) = &mut self.glance else { return Ok(Vec::new()) };
        let look = look(samples, &layout, factor(&layout, pace.glance_pixels));
        let look = look.context("a frame has too few samples")?;
        let enlarge = enlargement(&look, (layout.width, layout.height));
        Ok(enlarged(glance.faces(&look, GLANCE_SURE)?, enlarge))
    }

    /// Whether there is a face where none is known. It is known from now on: what a search does not confirm is not
    /// asked for again.
    fn is_news(&mut self, glimpsed: &[Face]) -> bool {
        let is_new = |f: &Face| self.known.iter().all(|k| k.rect.iou(&f.rect) < GLANCE_KNOWN);
        let news = glimpsed.iter().any(is_new);
        self.known.extend_from_slice(glimpsed);
        news
    }

    /// Gives the first frame to the follower, when its faces are there. `false` if nobody wants frames any more.
    fn follow(&mut self, on: &SyncSender<Told>) -> anyhow::Result<bool> {
        let Some(seen) = self.seen.pop_front() else { return Ok(true) };
        let faces =
            seen.faces.map(|promise| promise.recv().context("a search came to no end")).transpose()?;
        let faces = faces.transpose()?;
        if let Some(faces) = &faces {
            self.known = faces.iter().map(|sighting| sighting.face.clone()).collect();
        }
        let followed = match faces {
            None => self.follower.glimpse(seen.luma, seen.glimpsed),
            Some(faces) => self.follower.compared(seen.luma, faces),
        };
        Ok(self.track(followed, on))
    }

    fn track(&mut self, followed: Vec<FrameFaces>, on: &SyncSender<Told>) -> bool {
        for faces in followed {
            if let Some(tracked) = self.tracker.push(faces)
                && !self.pass(tracked, on)
            {
                return false;
            }
        }
        true
    }

    fn pass(&mut self, tracked: TrackedFrame, on: &SyncSender<Told>) -> bool {
        let Some(frame) = self.frames.pop_front() else { return false };
        let kept = tracked.faces.iter().filter(|face| face.known).map(|face| face.track).collect();
        on.send(Told { frame, tracked, kept }).is_ok()
    }
}

/// The small grey picture of a frame.
fn small(samples: &Samples, layout: &YuvLayout) -> Option<Luma> {
    let (size, stride) = ((layout.width, layout.height), layout.width as usize);
    match samples {
        Samples::U8(samples) => Luma::shrunk(samples, size, stride, 0, LUMA_SIDE),
        Samples::U16(samples) => Luma::shrunk(samples, size, stride, u32::from(layout.depth) - 8, LUMA_SIDE),
    }
}

/// The largest whole factor that leaves a frame about `pixels`, a fifth fewer at most.
fn factor(layout: &YuvLayout, pixels: u32) -> u32 {
    let all = f64::from(layout.width) * f64::from(layout.height);
    (all / (f64::from(pixels.max(1)) * 0.8)).sqrt().max(1.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use faceveil::Level;

    #[test]
    fn frames_that_wait_are_bounded_by_memory() {
        let tracks = TrackSettings::offline(0.5);
        for level in Level::ALL {
            let full = Looks::new(YuvLayout::yuv420(1920, 1080), level.pace(), tracks);
            assert_eq!((full.tracks.delay, full.pace.every), (tracks.delay, level.pace().every), "{level}");
            let huge = YuvLayout { depth: 10, ..YuvLayout::yuv420(8192, 8192) };
            let huge = Looks::new(huge, level.pace(), tracks);
            assert!((2..=8).contains(&(huge.tracks.delay + huge.pace.every)), "{level}: {huge:?}");
            assert!(huge.tracks.delay >= tracks.lead, "{level}: {huge:?}");
            assert!(huge.tracks.delay + huge.tracks.hold >= tracks.gap, "no gap opens, {level}: {huge:?}");
        }
    }

    #[test]
    fn pictures_are_about_as_large_as_asked_for() {
        for (width, height, pixels, want) in [
            (1920, 1080, 500_000, 2),
            (1280, 720, 500_000, 1),
            (640, 360, 500_000, 1),
            (3840, 2160, 2_100_000, 2),
        ] {
            assert_eq!(factor(&YuvLayout::yuv420(width, height), pixels), want, "{width}×{height}");
        }
    }
}
