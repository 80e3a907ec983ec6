//! Tracks that a sidecar records, frame by frame.

use std::sync::mpsc::{Receiver, SyncSender};

use faceveil::core::track::{Presence, TrackId, TrackedFace, TrackedFrame};
use faceveil_media::video::Frame;

use super::Told;
use super::keys::{self, Span};
use super::record::VideoRecord;

/// A stretch of a track.
#[derive(Debug)]
struct Stretch {
    track: TrackId,
    span: Span,
}

/// The tracks of a sidecar, played from the first frame on.
#[derive(Debug)]
pub(super) struct Replay {
    /// Those to come, the last first.
    to_come: Vec<Stretch>,
    playing: Vec<Stretch>,
    cuts: Vec<u64>,
    /// Tracks that somebody decided to show.
    shown: Vec<TrackId>,
    next: u64,
}

impl Replay {
    pub(super) fn new(record: &VideoRecord) -> Self {
        let mut to_come = Vec::new();
        let mut shown = Vec::new();
        for (number, track) in (0..).zip(&record.tracks) {
            let id = TrackId(number);
            if !track.hidden {
                shown.push(id);
            }
            to_come.extend(track.keys().into_iter().map(|span| Stretch { track: id, span }));
        }
        to_come.sort_by_key(|stretch| std::cmp::Reverse((stretch.first(), stretch.track)));
        let mut cuts = record.cuts.clone();
        cuts.sort_unstable();
        Self { to_come, playing: Vec::new(), cuts, shown, next: 0 }
    }

    /// Passes frames on with their faces.
    pub(super) fn run(mut self, frames: &Receiver<Frame>, on: &SyncSender<Told>) {
        for frame in frames {
            let tracked = self.step();
            let kept = self.shown.iter().filter(|id| tracked.faces.iter().any(|f| f.track == **id));
            let kept = kept.copied().collect();
            // Who takes no more has an error of its own.
            if on.send(Told { frame, tracked, kept }).is_err() {
                return;
            }
        }
    }

    /// The faces of the next frame.
    fn step(&mut self) -> TrackedFrame {
        let index = self.next;
        self.next += 1;
        while self.to_come.last().is_some_and(|stretch| stretch.first() <= index) {
            self.playing.extend(self.to_come.pop());
        }
        self.playing.retain(|stretch| index <= stretch.last());
        let face = |stretch: &Stretch| {
            let face = keys::at(&stretch.span, index)?;
            Some(TrackedFace { track: stretch.track, face, presence: Presence::Filled, known: false })
        };
        let mut faces: Vec<TrackedFace> = self.playing.iter().filter_map(face).collect();
        faces.sort_by_key(|face| face.track);
        TrackedFrame { index, cut: self.cuts.binary_search(&index).is_ok(), faces }
    }
}

impl Stretch {
    fn first(&self) -> u64 {
        self.span.first().map_or(0, |key| key.frame)
    }

    fn last(&self) -> u64 {
        self.span.last().map_or(0, |key| key.frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video::record::tests::sample;

    #[test]
    fn faces_come_in_the_frames_of_their_spans() {
        let mut replay = Replay::new(&sample());
        assert_eq!(replay.shown, [TrackId(0)]);
        let frames: Vec<TrackedFrame> = (0..25).map(|_| replay.step()).collect();
        let there: Vec<u64> = frames.iter().filter(|f| !f.faces.is_empty()).map(|f| f.index).collect();
        assert_eq!(there, (2..=9).chain([20]).collect::<Vec<_>>());
        let cuts: Vec<u64> = frames.iter().filter(|f| f.cut).map(|f| f.index).collect();
        assert_eq!(cuts, [7]);
    }
}
