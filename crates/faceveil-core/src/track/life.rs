//! One track: what was seen of a face, and where it is in a frame.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::border::WayOut;
use super::known::{Acquaintance, Likeness};
use super::motion::Motion;
use super::shape::{self, Spot};
use super::{Presence, TrackId, TrackSettings, TrackedFace};
use crate::face::Face;
use crate::geom::RectF;

/// Sightings that a motion backwards in time is taken from.
const BACKWARDS: usize = 6;

/// A sighting that belongs to a track.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub frame: u64,
    pub face: Face,
    pub presence: Presence,
    pub likeness: Likeness,
}

/// A track.
#[derive(Clone, Debug)]
pub(super) struct Life {
    /// Given when it is first told.
    pub id: Option<TrackId>,
    /// First frame of its scene.
    opens: u64,
    /// Frame of its first sighting.
    begins: u64,
    /// First frame of the next scene, once that is known.
    pub closes: Option<u64>,
    /// At least one, by frame.
    seen: VecDeque<Seen>,
    /// At the last of them.
    motion: Motion,
    /// Whether a detector was ever sure of it.
    pub sure: bool,
    /// Its best score.
    best: f32,
    /// How often a detector was sure of it, and when for the last time.
    surely: (u32, u64),
    /// Whether it is somebody who is to stay visible.
    known: Acquaintance,
}

impl Life {
    pub fn new(opens: u64, seen: Seen) -> Self {
        let (motion, sure) = (Motion::new(&seen.face.rect), seen.presence == Presence::Seen);
        let (best, surely) = (seen.face.score, (u32::from(sure), seen.frame));
        let (mut known, begins) = (Acquaintance::default(), seen.frame);
        known.take(seen.frame, seen.likeness);
        Self { id: None, opens, begins, closes: None, seen: [seen].into(), motion, sure, best, surely, known }
    }

    /// Takes the next sighting.
    pub fn see(&mut self, seen: Seen) {
        let frames = seen.frame.saturating_sub(self.last().frame);
        self.motion.advance(frames.min(u64::from(u32::MAX)) as u32);
        self.motion.see(&seen.face.rect);
        self.best = self.best.max(seen.face.score);
        if seen.presence == Presence::Seen {
            self.sure = true;
            self.surely = (self.surely.0.saturating_add(1), seen.frame);
        }
        self.known.take(seen.frame, seen.likeness);
        self.seen.push_back(seen);
    }

    /// Takes over another track that begins after this one's last sighting.
    pub fn absorb(&mut self, other: Self) {
        self.seen.extend(other.seen);
        self.known.absorb(other.known);
        self.motion = other.motion;
        self.sure |= other.sure;
        self.best = self.best.max(other.best);
        self.surely = (self.surely.0.saturating_add(other.surely.0), self.surely.1.max(other.surely.1));
    }

    /// Whether it is more than one doubtful detection that the searches before and after it, in `searches`, did not
    /// confirm.
    pub fn is_confirmed(&self, searches: &VecDeque<u64>, settings: &TrackSettings) -> bool {
        let (times, last) = self.surely;
        if times > 1 || self.best >= settings.certain {
            return true;
        }
        let near = |frame: &&u64| {
            let closed = self.closes.is_some_and(|closes| **frame >= closes);
            **frame >= self.opens && !closed && frame.abs_diff(last) <= u64::from(settings.gap)
        };
        let (before, after) = (|f: &u64| *f < last, |f: &u64| *f > last);
        !(searches.iter().filter(near).any(before) && searches.iter().filter(near).any(after))
    }

    pub fn first(&self) -> &Seen {
        &self.seen[0]
    }

    pub fn last(&self) -> &Seen {
        &self.seen[self.seen.len() - 1]
    }

    pub fn sightings(&self) -> usize {
        self.seen.len()
    }

    pub fn motion(&self) -> &Motion {
        &self.motion
    }

    /// The motion back in time, at the first sighting.
    pub fn backwards(&self) -> Motion {
        let early: Vec<&Seen> = self.seen.iter().take(BACKWARDS).collect();
        let mut later = None;
        let steps = early.iter().rev().map(|seen| {
            let frames = later.replace(seen.frame).map_or(0, |later: u64| (later - seen.frame) as u32);
            (frames, &seen.face.rect)
        });
        Motion::through(steps).unwrap_or(self.motion)
    }

    /// Whether it has nothing to tell of frame `next` or any later one.
    pub fn is_over(&self, next: u64, settings: &TrackSettings) -> bool {
        let last = self.last().frame;
        // If it is lost at the border.
        let hold = settings.hold.max(settings.crossing).max(settings.longest_crossing);
        self.closes.is_some_and(|closes| closes <= next) || last + u64::from(hold) < next
    }

    /// Forgets what no frame from `next` on needs.
    pub fn forget(&mut self, next: u64, settings: &TrackSettings) {
        let early = next.saturating_sub(u64::from(settings.smooth) + 1);
        while self.seen.len() > 1 && self.seen[1].frame <= early {
            self.seen.pop_front();
        }
        self.known.forget(next);
    }

    /// The face in `frame`, if it is to be hidden there.
    pub fn at(&self, id: TrackId, frame: u64, settings: &TrackSettings) -> Option<TrackedFace> {
        if frame < self.opens || self.closes.is_some_and(|closes| frame >= closes) {
            return None;
        }
        let later = self.seen.partition_point(|seen| seen.frame <= frame);
        let before = later.checked_sub(1).and_then(|index| self.seen.get(index));
        let (mut face, presence) = match (before, self.seen.get(later)) {
            (Some(seen), _) if seen.frame == frame => {
                (shape::around(&seen.face, &self.smoothed(frame, settings)), seen.presence)
            }
            (Some(a), Some(b)) => {
                let doubt = (frame - a.frame).min(b.frame - frame);
                let grown = shape::growth(settings.growth, doubt);
                (
                    shape::between(a.spot(), b.spot(), frame, &self.smoothed(frame, settings), grown),
                    Presence::Filled,
                )
            }
            (Some(last), None) => {
                let lost = frame - last.frame;
                let out = way_out(&last.face.rect, self.motion.speed(), settings);
                if lost > unseen(settings.hold, settings, &out) {
                    return None;
                }
                let ahead = self.motion.coasted(lost as u32);
                (gone(&last.face, &ahead, &out, shape::growth(settings.growth, lost)), Presence::Held)
            }
            (None, Some(first)) => {
                let early = first.frame - frame;
                let backwards = self.backwards();
                let out = way_out(&first.face.rect, backwards.speed(), settings);
                if early > unseen(settings.lead, settings, &out) {
                    return None;
                }
                let back = backwards.coasted(early as u32);
                (gone(&first.face, &back, &out, shape::growth(settings.growth, early)), Presence::Led)
            }
            (None, None) => return None,
        };
        let crossing = u64::from(settings.crossing);
        if frame < self.begins + crossing || self.last().frame < frame + crossing {
            // Boxes of half a face are too small and lag behind: its other half may be what lies at the border.
            let out = way_out(&face.rect, (0.0, 0.0), settings);
            face.also.extend(out.places);
        }
        // Where it is only guessed to be, nobody vouches for it.
        let guessed = matches!(presence, Presence::Led | Presence::Held);
        Some(TrackedFace { track: id, face, presence, known: !guessed && self.known.vouches(frame) })
    }

    /// Place and size in `frame`, between the first and the last sighting, smoothed over as many frames on each
    /// side as are known of both.
    fn smoothed(&self, frame: u64, settings: &TrackSettings) -> RectF {
        let (first, last) = (self.first().frame, self.last().frame);
        let reach = u64::from(settings.smooth).min(frame - first).min(last - frame);
        let places = (frame - reach..=frame + reach).map(|at| {
            let weight = (reach + 1 - at.abs_diff(frame)) as f32;
            (weight, self.place(at))
        });
        let smooth = shape::mean(places);
        // At the ends there is nothing to average with, but a region that was larger a frame ago stays so.
        let past = frame.saturating_sub(u64::from(settings.smooth)).max(first);
        let sizes = shape::mean((past..=frame).map(|at| (1.0, self.place(at))));
        shape::at_least(&smooth, &sizes)
    }

    /// The box in a frame between the first and the last sighting.
    fn place(&self, frame: u64) -> RectF {
        let later = self.seen.partition_point(|seen| seen.frame <= frame);
        let before = &self.seen[later.saturating_sub(1)];
        match self.seen.get(later) {
            Some(next) if before.frame < frame => shape::mix(before.spot(), next.spot(), frame),
            _ => before.face.rect,
        }
    }
}

/// The ways of a face over the frame's borders, if those are known.
fn way_out(rect: &RectF, speed: (f32, f32), settings: &TrackSettings) -> WayOut {
    settings.frame.map_or_else(WayOut::default, |size| WayOut::new(rect, speed, size, settings.near))
}

/// Frames for which a face is hidden where it is not seen: longer if there is a way `out` of the frame.
fn unseen(frames: u32, settings: &TrackSettings, out: &WayOut) -> u64 {
    out.unseen(frames, settings.crossing, settings.longest_crossing).into()
}

/// A face before its first or after its last sighting, where it may have gone `there`, or `out` of the frame.
fn gone(face: &Face, there: &RectF, out: &WayOut, grown: f32) -> Face {
    let mut gone = shape::swept(face, there, grown);
    gone.also.extend(out.places.iter().map(|rect| rect.scaled(grown)));
    gone
}

impl Seen {
    fn spot(&self) -> Spot<'_> {
        Spot { frame: self.frame, face: &self.face }
    }
}
