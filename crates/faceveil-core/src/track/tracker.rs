//! The tracker: frames in, tracked frames out some frames later.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::assign::{misfit, pair};
use super::cut::{AHEAD, CutDetector};
use super::life::{Life, Seen};
use super::motion::Expected;
use super::{FrameFaces, Presence, Sighting, TrackError, TrackId, TrackSettings, TrackedFrame};
use crate::geom::RectF;

/// A track that no detector is sure of is forgotten when it was not seen for this many frames.
const UNSURE_GAP: u32 = 12;
/// A new track is compared with lost ones when it has been seen this often: then its motion is known.
const KNOWN: usize = 3;
/// Overlap (intersection over union) above which an unsure sighting is one that its track has already.
const SAME: f32 = 0.4;

/// Makes tracks of the faces of single frames. See the [module's documentation](super).
#[derive(Clone, Debug)]
pub struct Tracker {
    settings: TrackSettings,
    cuts: CutDetector,
    /// Frames whose cut is not decided.
    waiting: VecDeque<(Vec<Sighting>, bool)>,
    /// Frames that a detector has searched, as far back as a track may be confirmed.
    searches: VecDeque<u64>,
    /// For each frame that is not told, whether a scene starts there.
    untold: VecDeque<bool>,
    lives: Vec<Life>,
    /// Frames whose sightings are in the tracks.
    taken: u64,
    /// Frames told.
    told: u64,
    /// First frame of the scene.
    opens: u64,
    next_id: u64,
}

impl Tracker {
    /// # Errors
    /// [`TrackError`] if a setting is out of range.
    pub fn new(settings: TrackSettings) -> Result<Self, TrackError> {
        settings.check()?;
        Ok(Self {
            settings,
            cuts: CutDetector::new(AHEAD.min(settings.delay as usize)),
            waiting: VecDeque::new(),
            searches: VecDeque::new(),
            untold: VecDeque::new(),
            lives: Vec::new(),
            taken: 0,
            told: 0,
            opens: 0,
            next_id: 0,
        })
    }

    /// Latency: after frame `i` is pushed, frame `i - delay` is told.
    pub fn delay(&self) -> u32 {
        self.settings.delay
    }

    /// Tracks that are remembered now.
    pub fn alive(&self) -> usize {
        self.lives.len()
    }

    /// Takes the next frame, and tells the one `delay` frames before it, if there is one.
    pub fn push(&mut self, frame: FrameFaces) -> Option<TrackedFrame> {
        self.waiting.push_back((frame.faces, frame.searched));
        if let Some(cut) = self.cuts.push(frame.thumb, frame.cut) {
            self.take(cut);
        }
        let pushed = self.taken + self.waiting.len() as u64;
        (pushed > self.told + u64::from(self.settings.delay)).then(|| self.tell())
    }

    /// After the last frame: tells the next of those that are left, `None` when all are told.
    pub fn finish(&mut self) -> Option<TrackedFrame> {
        while let Some(cut) = self.cuts.finish() {
            self.take(cut);
        }
        (self.told < self.taken).then(|| self.tell())
    }

    /// Puts the next frame's sightings into the tracks.
    fn take(&mut self, cut: bool) {
        let Some((sightings, searched)) = self.waiting.pop_front() else { return };
        let frame = self.taken;
        if searched {
            self.searches.push_back(frame);
        }
        self.taken += 1;
        self.untold.push_back(cut);
        if cut {
            self.opens = frame;
            // A live tracker takes flashes for cuts, so it goes on holding what it saw before.
            let held = if (self.settings.delay as usize) < AHEAD { u64::from(self.settings.hold) } else { 0 };
            for life in self.lives.iter_mut().filter(|life| life.closes.is_none()) {
                life.closes = Some(frame + held);
            }
        }
        let mut left: Vec<Option<Sighting>> = sightings.into_iter().map(Some).collect();
        let mut met: Vec<(usize, RectF)> = Vec::new();
        let strong = self.settings.strong;
        // First what is sure among itself; what is unsure fits best where nothing sure did.
        for (sure_track, sure_sighting) in [(true, Some(true)), (true, Some(false)), (false, None)] {
            let wanted = |s: &Sighting| sure_sighting.is_none_or(|sure| sure == is_strong(s, strong));
            let open = self.expected(frame, sure_track, &met);
            let seen: Vec<(usize, RectF)> = left
                .iter()
                .enumerate()
                .filter_map(|(i, s)| s.as_ref().filter(|s| wanted(s)).map(|s| (i, s.face.rect)))
                .collect();
            for (track, index) in pair(&open, &seen) {
                let Some(sighting) = left[index].take() else { continue };
                met.push((track, sighting.face.rect));
                self.lives[track].see(seen_at(frame, sighting, strong));
            }
        }
        for sighting in left.into_iter().flatten() {
            let known = |rect: &RectF| rect.iou(&sighting.face.rect) > SAME;
            if !is_strong(&sighting, strong) && met.iter().any(|(_, rect)| known(rect)) {
                continue;
            }
            self.lives.push(Life::new(self.opens, seen_at(frame, sighting, strong)));
        }
        self.join_backwards();
        self.drop_lost();
    }

    /// Where the tracks that may go on are expected in `frame`, by index, but for those met already.
    fn expected(&self, frame: u64, sure: bool, met: &[(usize, RectF)]) -> Vec<(usize, Expected)> {
        let open = |(index, life): &(usize, &Life)| {
            life.sure == sure
                && life.closes.is_none()
                && frame > life.last().frame
                && frame - life.last().frame <= u64::from(self.patience(life)) + 1
                && met.iter().all(|(track, _)| track != index)
        };
        let expect = |(index, life): (usize, &Life)| {
            (index, life.motion().expected((frame - life.last().frame) as u32))
        };
        self.lives.iter().enumerate().filter(open).map(expect).collect()
    }

    fn patience(&self, life: &Life) -> u32 {
        if life.sure { self.settings.gap } else { self.settings.gap.min(UNSURE_GAP) }
    }

    /// The run backwards: a new track whose motion back in time leads to where a track was lost is that track,
    /// even if the lost one's motion did not lead here.
    fn join_backwards(&mut self) {
        let mut index = 0;
        while index < self.lives.len() {
            match self.ancestor(index) {
                Some(ancestor) => {
                    let life = self.lives.remove(index);
                    let ancestor = if ancestor > index { ancestor - 1 } else { ancestor };
                    self.lives[ancestor].absorb(life);
                }
                None => index += 1,
            }
        }
    }

    /// The lost track that a new one continues.
    fn ancestor(&self, index: usize) -> Option<usize> {
        let life = &self.lives[index];
        let first = life.first().frame;
        let new = life.id.is_none() && life.closes.is_none() && life.sightings() == KNOWN;
        if !new || life.last().frame + 1 != self.taken || first < self.told {
            return None;
        }
        let back = life.backwards();
        let lost = |other: &Life| {
            let last = other.last();
            let gap = first.checked_sub(last.frame).filter(|&gap| gap > 0)?;
            let near = other.sure && other.closes.is_none() && gap <= u64::from(self.settings.gap) + 1;
            near.then(|| misfit(&back.expected(gap as u32), &last.face.rect)).flatten()
        };
        let fits = self.lives.iter().enumerate().filter_map(|(i, other)| lost(other).map(|m| (m, i)));
        fits.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, i)| i)
    }

    /// Forgets tracks that can neither go on nor have anything to tell.
    fn drop_lost(&mut self) {
        let (taken, told, settings) = (self.taken, self.told, self.settings);
        let patience: Vec<u32> = self.lives.iter().map(|life| self.patience(life)).collect();
        let mut patience = patience.into_iter();
        self.lives.retain(|life| {
            let patience = u64::from(patience.next().unwrap_or(0));
            let lost = life.closes.is_some() || life.last().frame + patience + 1 < taken;
            // What is unsure and lost will never be told.
            !(lost && (!life.sure || life.is_over(told, &settings)))
        });
    }

    /// Tells the next frame.
    fn tell(&mut self) -> TrackedFrame {
        let (index, settings) = (self.told, self.settings);
        let mut faces = Vec::new();
        let early = index.saturating_sub(2 * u64::from(settings.gap) + u64::from(settings.hold));
        while self.searches.front().is_some_and(|&frame| frame < early) {
            self.searches.pop_front();
        }
        let told = |life: &&mut Life| {
            // What was shown as hidden once stays so.
            life.sure && (life.id.is_some() || life.is_confirmed(&self.searches, &settings))
        };
        for life in self.lives.iter_mut().filter(told) {
            let id = life.id.unwrap_or(TrackId(self.next_id));
            if let Some(face) = life.at(id, index, &settings) {
                if life.id.is_none() {
                    life.id = Some(id);
                    self.next_id += 1;
                }
                faces.push(face);
            }
        }
        faces.sort_by_key(|face| face.track);
        self.told += 1;
        self.lives.iter_mut().for_each(|life| life.forget(index + 1, &settings));
        let cut = self.untold.pop_front().unwrap_or(false);
        TrackedFrame { index, cut, faces }
    }
}

fn is_strong(sighting: &Sighting, strong: f32) -> bool {
    !sighting.followed && sighting.face.score >= strong
}

fn seen_at(frame: u64, sighting: Sighting, strong: f32) -> Seen {
    let presence = match (sighting.followed, is_strong(&sighting, strong)) {
        (true, _) => Presence::Followed,
        (false, true) => Presence::Seen,
        (false, false) => Presence::Weak,
    };
    Seen { frame, face: sighting.face, presence, likeness: sighting.likeness }
}

#[cfg(test)]
#[path = "tracker_tests.rs"]
mod tests;
