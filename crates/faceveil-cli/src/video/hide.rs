//! The end of a frame's way: its faces hidden, then encoded.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};

use anyhow::{Context, anyhow, ensure};
use faceveil::core::look::look;
use faceveil::core::policy::Policy;
use faceveil::core::raster::{Color, Raster, Samples};
use faceveil::core::redact::{Noise, Plane, Region, YuvFrame, YuvLayout, YuvPlanes};
use faceveil::core::track::{Presence, TrackId, TrackedFrame, Veils};
use faceveil::{Face, Style, Zones};
use faceveil_media::video::Frame;

use super::Told;
use super::parts::Sink;
use super::recorder::Recorder;

/// What is hidden, and how.
pub(super) struct Hider<'a> {
    pub policy: Policy,
    pub layout: YuvLayout,
    pub chroma: bool,
    pub zones: &'a Zones,
    pub feather: f32,
    pub veils: Veils,
    pub noise: Box<dyn Noise + Send>,
    pub counts: Counts,
    /// Frames at first that an earlier run has written.
    pub pass: u64,
    /// Time of the last one of them, in ticks.
    pub passed: Option<i64>,
    /// Whether decoding broke: what still comes then was told without what follows it.
    pub broken: Option<&'a AtomicBool>,
    /// Writes down what is hidden, if there is to be a sidecar.
    pub recorder: Option<Recorder>,
    /// Why tracks are left visible, for the sidecar.
    pub note: Option<String>,
    /// Is told each frame before it is changed.
    pub observe: &'a dyn Fn(&Told),
    /// Is told the number of frames done.
    pub progress: &'a (dyn Fn(u64) + Sync),
    /// Is shown each track where it is seen first, hidden already.
    pub show: Option<&'a Show<'a>>,
    /// Tracks that were shown.
    pub shown: HashSet<u64>,
}

/// Takes a frame with everything hidden, a region of it, which track and frame that is, and the face's score.
pub type Show<'a> = dyn Fn(&Raster, &Region, &str, f32) + Sync + 'a;

/// What became of the frames.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames.
    pub frames: u64,
    /// Frames in which a face is hidden.
    pub with_faces: u64,
    /// Tracks of which a part is hidden.
    pub hidden: HashSet<u64>,
    /// Tracks of which a part is left visible in a keep zone.
    pub visible: HashSet<u64>,
}

/// Names of the zones' veils start here; no video has so many tracks.
const ZONES: u64 = 1 << 63;

impl<'a> Hider<'a> {
    pub(super) fn new(
        policy: Policy,
        layout: YuvLayout,
        chroma: bool,
        (zones, feather): (&'a Zones, f32),
        style: Style,
        noise: Box<dyn Noise + Send>,
    ) -> Self {
        Self {
            policy,
            layout,
            chroma,
            zones,
            feather,
            veils: Veils::new(style),
            noise,
            counts: Counts::default(),
            pass: 0,
            passed: None,
            broken: None,
            recorder: None,
            note: None,
            observe: &|_| (),
            progress: &|_| (),
            show: None,
            shown: HashSet::new(),
        }
    }

    /// Hides and encodes all frames that come; without an encoder they are only counted.
    ///
    /// # Errors
    /// A frame could not be hidden, or the encoder took it no more.
    pub(super) fn run(
        &mut self,
        frames: &Receiver<Told>,
        mut sink: Option<&mut Sink<'_>>,
        used: &Sender<Frame>,
    ) -> anyhow::Result<()> {
        for told in frames {
            if self.broken.is_some_and(|broken| broken.load(Ordering::Acquire)) {
                // Who decodes says why. Nothing of it may count as a finished part.
                return Ok(());
            }
            if self.pass > 0 {
                self.pass -= 1;
                self.passed = self.passed.filter(|last| self.pass > 0 || *last != told.frame.pts);
                let _ = used.send(told.frame);
                continue;
            }
            ensure!(self.passed.is_none(), "its frames are not those that the finished parts hold");
            if let Some(recorder) = &mut self.recorder {
                recorder.take(&told, self.note.as_deref()).context("sidecar")?;
            }
            (self.observe)(&told);
            let regions = self.regions(&told);
            let Told { mut frame, tracked, .. } = told;
            self.counts.frames += 1;
            (self.progress)(self.counts.frames);
            self.counts.with_faces += u64::from(regions.iter().any(|(track, _)| track.0 < ZONES));
            if let Some(sink) = &mut sink {
                self.hide(&mut frame, &tracked, &regions)?;
                self.show_new(&frame, &tracked, &regions)?;
                sink.write(&mut frame, &self.counts)?;
            }
            // Nobody needs it where decoding is over.
            let _ = used.send(frame);
        }
        ensure!(self.passed.is_none(), "its frames are not those that the finished parts hold");
        Ok(())
    }

    /// What is hidden in a frame: a region a face unless a zone keeps it, and the zones that are always hidden.
    fn regions(&mut self, told: &Told) -> Vec<(TrackId, Region)> {
        let (width, height) = (self.layout.width, self.layout.height);
        let mut regions = Vec::new();
        for face in &told.tracked.faces {
            let region = self.policy.region(&face.face);
            let kept = told.kept.contains(&face.track);
            if kept || self.zones.keeps(&region, width, height).is_some() {
                self.counts.visible.insert(face.track.0);
            } else {
                self.counts.hidden.insert(face.track.0);
                regions.push((face.track, region));
            }
        }
        let zones = self.zones.regions(self.feather).into_iter().zip(ZONES..);
        regions.extend(zones.map(|(region, id)| (TrackId(id), region)));
        regions
    }

    /// Shows the tracks that were not shown yet.
    fn show_new(
        &mut self,
        frame: &Frame,
        tracked: &TrackedFrame,
        regions: &[(TrackId, Region)],
    ) -> anyhow::Result<()> {
        let Some(show) = self.show else { return Ok(()) };
        let seen = tracked.faces.iter().filter(|f| matches!(f.presence, Presence::Seen | Presence::Filled));
        let hidden = seen.filter(|f| regions.iter().any(|(id, _)| *id == f.track));
        let new: Vec<_> = hidden.filter(|face| self.shown.insert(face.track.0)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let look = look(&frame.samples, &self.layout, 1).context("a frame has too few samples")?;
        let picture = Raster::new(look.width, look.height, Color::Rgb, Samples::U8(look.rgb))?;
        for face in new {
            // Not where else it might be, which may be far outside.
            let region = self.policy.region(&Face { also: Vec::new(), ..face.face.clone() });
            show(
                &picture,
                &region,
                &format!("t{} frame {}", face.track.0 + 1, tracked.index),
                face.face.score,
            );
        }
        Ok(())
    }

    fn hide(
        &mut self,
        frame: &mut Frame,
        tracked: &TrackedFrame,
        regions: &[(TrackId, Region)],
    ) -> anyhow::Result<()> {
        if tracked.cut {
            (0..self.zones.hide.len() as u64).for_each(|n| self.veils.forget(TrackId(ZONES + n)));
        }
        let mut yuv = view(&mut frame.samples, &self.layout, self.chroma)?;
        let hidden = self.veils.hide_yuv(&mut yuv, regions, &mut *self.noise);
        hidden.with_context(|| format!("frame {}", tracked.index))?;
        self.veils.next_frame();
        Ok(())
    }
}

/// Tells that decoding broke before anybody can take its end for that of the video.
pub(super) struct End<'a> {
    pub broken: &'a AtomicBool,
    /// Whether the end was reached.
    pub whole: bool,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.broken.fetch_or(!self.whole, Ordering::Release);
    }
}

/// A frame's planes, to be changed.
pub(super) fn view<'f>(
    samples: &'f mut Samples,
    layout: &YuvLayout,
    chroma: bool,
) -> anyhow::Result<YuvFrame<'f>> {
    let frame = match (samples, chroma) {
        (Samples::U8(samples), true) => YuvFrame::packed_u8(*layout, samples),
        (Samples::U16(samples), true) => YuvFrame::packed_u16(*layout, samples),
        (Samples::U8(samples), false) => {
            let stride = layout.width as usize;
            YuvFrame::new(*layout, YuvPlanes::U8(Plane { samples, stride }, None))
        }
        (Samples::U16(samples), false) => {
            let stride = layout.width as usize;
            YuvFrame::new(*layout, YuvPlanes::U16(Plane { samples, stride }, None))
        }
    };
    frame.map_err(|e| anyhow!(e))
}
