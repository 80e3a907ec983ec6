//! Figures over the frames of a video, with the referee's meaning: a leak counts a face in a frame, and a
//! flash is a face that comes uncovered for a short time.

use std::collections::BTreeMap;

use faceveil_core::raster::RgbView;
use faceveil_data::truth::TruthFace;
use serde::Serialize;

use crate::collateral::Collateral;
use crate::face::FaceVerdict;
use crate::fit::fit_to;
use crate::pair::{PictureVerdict, verdict};
use crate::picture::Picture;
use crate::summary::{LeakTable, OutsideMean, Rate};

/// A face uncovered for at most this many frames flashes; for longer it is missed.
pub const LONGEST_FLASH: usize = 5;

/// Judges a frame as it came out of a decoder, against the original's. `faces` are in pixels of `original`.
/// What coding did to the frame is taken from what it did outside the faces.
pub fn judge_frame(original: RgbView<'_>, output: RgbView<'_>, faces: &[TruthFace]) -> PictureVerdict {
    let (original, output) = (Picture::from(original), Picture::from(output));
    let (fit, reference) = fit_to(&original, &output);
    verdict(original.size(), reference, output, &fit, faces)
}

/// Collects the verdicts of a video's frames, in their order.
#[derive(Clone, Debug, Default)]
pub struct VideoJudge {
    frames: usize,
    frames_with_leak: usize,
    /// By track.
    tracks: BTreeMap<u64, Vec<FaceVerdict>>,
    outside: Vec<Collateral>,
}

impl VideoJudge {
    /// Takes the next frame: what happened outside, and the verdict on each true face by its track.
    pub fn add(&mut self, outside: Option<Collateral>, faces: impl IntoIterator<Item = (u64, FaceVerdict)>) {
        self.frames += 1;
        let mut leaks = false;
        for (track, verdict) in faces {
            leaks |= verdict.status.is_leak();
            self.tracks.entry(track).or_default().push(verdict);
        }
        self.frames_with_leak += usize::from(leaks);
        self.outside.extend(outside);
    }

    /// Takes another video's frames as well; their tracks are others.
    pub fn append(&mut self, other: &Self) {
        let above = self.tracks.keys().next_back().map_or(0, |last| last + 1);
        self.frames += other.frames;
        self.frames_with_leak += other.frames_with_leak;
        self.tracks.extend(other.tracks.iter().map(|(track, faces)| (above + track, faces.clone())));
        self.outside.extend(&other.outside);
    }

    /// The figures.
    pub fn summary(&self) -> VideoSummary {
        let runs: Vec<Vec<Run>> = self.tracks.values().map(|faces| uncovered(faces)).collect();
        let all = || runs.iter().flatten();
        let some = |test: &dyn Fn(&Vec<Run>) -> bool| {
            Rate::new(runs.iter().filter(|runs| test(runs)).count(), runs.len())
        };
        VideoSummary {
            frames: self.frames,
            faces: LeakTable::of(self.tracks.values().flatten()),
            frames_with_leak: Rate::new(self.frames_with_leak, self.frames),
            tracks: self.tracks.len(),
            tracks_ever_leaking: some(&|runs| !runs.is_empty()),
            tracks_flashing: some(&|runs| runs.iter().any(Run::is_flash)),
            flashes: all().filter(|run| run.is_flash()).count(),
            uncovered_again: all().filter(|run| run.hidden_before).count(),
            longest_uncovered_run: all().map(|run| run.length).max().unwrap_or(0),
            outside: OutsideMean::of(&self.outside),
        }
    }
}

/// All measures of one or several videos.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VideoSummary {
    /// Frames judged.
    pub frames: usize,
    /// Faces in single frames.
    pub faces: LeakTable,
    /// Frames in which a face is left visible.
    pub frames_with_leak: Option<Rate>,
    /// True tracks.
    pub tracks: usize,
    /// Tracks with a frame in which they are left visible.
    pub tracks_ever_leaking: Option<Rate>,
    /// Tracks with a flash.
    pub tracks_flashing: Option<Rate>,
    /// Runs of 1 to [`LONGEST_FLASH`] frames in which a track is left visible, wherever in the track.
    pub flashes: usize,
    /// How often a track that was hidden before is left visible, for however long: the referee's flashes.
    pub uncovered_again: usize,
    /// Frames of the longest run in which a track is left visible.
    pub longest_uncovered_run: usize,
    /// What changed outside the faces, mean of the frames.
    pub outside: Option<OutsideMean>,
}

/// Frames in a row in which a track is left visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    length: usize,
    hidden_before: bool,
}

impl Run {
    fn is_flash(&self) -> bool {
        self.length <= LONGEST_FLASH
    }
}

/// The runs of a track. Frames that cannot be judged neither end nor lengthen one.
fn uncovered(faces: &[FaceVerdict]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let (mut hidden_before, mut running) = (false, false);
    for face in faces.iter().filter(|face| face.status.is_judged()) {
        match (face.status.is_leak(), running) {
            (true, true) => runs.iter_mut().next_back().into_iter().for_each(|run| run.length += 1),
            (true, false) => runs.push(Run { length: 1, hidden_before }),
            (false, _) => hidden_before = true,
        }
        running = face.status.is_leak();
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::Status;

    fn face(kind: char) -> FaceVerdict {
        let (status, covered) = match kind {
            '.' => (Status::Hidden, Some(1.0)),
            'x' => (Status::Untouched, Some(0.0)),
            _ => (Status::Flat, None),
        };
        FaceVerdict { px: 40.0, share: 0.1, status, covered, kept: covered.map(|c| 1.0 - c) }
    }

    fn judged(track: &str) -> VideoSummary {
        let mut judge = VideoJudge::default();
        track.chars().for_each(|kind| judge.add(None, [(1, face(kind))]));
        judge.summary()
    }

    #[test]
    fn flashes_are_short_runs_wherever_they_are() {
        let cases = [
            ("......", 0, 0, 0),
            ("..x...", 1, 1, 1),
            ("x.....", 1, 0, 1),
            (".....x", 1, 1, 1),
            ("..x..xx..", 2, 2, 2),
            (".xxxxx.", 1, 1, 5),
            (".xxxxxx.", 0, 1, 6),
            ("xxxxxx", 0, 0, 6),
            (".x-x.", 1, 1, 2),
            ("-", 0, 0, 0),
        ];
        for (track, flashes, again, longest) in cases {
            let summary = judged(track);
            let got = (summary.flashes, summary.uncovered_again, summary.longest_uncovered_run);
            assert_eq!(got, (flashes, again, longest), "{track}");
        }
    }

    #[test]
    fn several_videos_add_up_without_mixing_their_tracks() {
        let mut all = VideoJudge::default();
        let mut one = VideoJudge::default();
        one.add(None, [(0, face('.')), (1, face('x'))]);
        one.add(None, [(0, face('.')), (1, face('x'))]);
        all.append(&one);
        all.append(&one);
        let summary = all.summary();
        assert_eq!((summary.frames, summary.tracks, summary.faces.judged), (4, 4, 8));
        assert_eq!(summary.faces.leak.map(|r| r.hits), Some(4));
        assert_eq!(summary.frames_with_leak.map(|r| r.hits), Some(4));
        assert_eq!(summary.tracks_ever_leaking.map(|r| r.hits), Some(2));
    }

    #[test]
    fn no_frames_are_no_success() {
        let summary = VideoJudge::default().summary();
        assert_eq!((summary.frames_with_leak, summary.faces.leak, summary.outside), (None, None, None));
    }
}
