//! Tracks of made-up detections.

use alloc::vec;

use proptest::prelude::*;

use super::super::{Likeness, TrackedFace};
use super::*;
use crate::face::Face;
use crate::policy::{Outline, Policy};

const STRONG: f32 = 0.5;

fn rect(x: f32, y: f32, side: f32) -> RectF {
    RectF { left: x - side / 2.0, top: y - side / 2.0, right: x + side / 2.0, bottom: y + side / 2.0 }
}

fn face(x: f32, y: f32, side: f32, score: f32) -> Face {
    Face { rect: rect(x, y, side), score, landmarks: None, also: Vec::new() }
}

fn frame(faces: Vec<Face>) -> FrameFaces {
    FrameFaces {
        faces: faces.into_iter().map(Sighting::from).collect(),
        thumb: None,
        cut: false,
        searched: true,
    }
}

fn run(settings: TrackSettings, frames: Vec<FrameFaces>) -> Vec<TrackedFrame> {
    let mut tracker = Tracker::new(settings).unwrap();
    let mut told: Vec<TrackedFrame> = frames.into_iter().filter_map(|frame| tracker.push(frame)).collect();
    told.extend(core::iter::from_fn(|| tracker.finish()));
    told
}

fn offline() -> TrackSettings {
    TrackSettings { lead: 3, hold: 4, gap: 10, growth: 0.03, delay: 14, ..TrackSettings::offline(STRONG) }
}

/// The frames in which a track is told, and why.
fn presences(told: &[TrackedFrame], track: u64) -> Vec<(u64, Presence)> {
    told.iter()
        .flat_map(|frame| frame.faces.iter().map(move |face| (frame.index, face)))
        .filter(|(_, face)| face.track == TrackId(track))
        .map(|(index, face)| (index, face.presence))
        .collect()
}

fn tracks(told: &[TrackedFrame]) -> usize {
    let mut ids: Vec<TrackId> = told.iter().flat_map(|f| f.faces.iter().map(|face| face.track)).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.len()
}

/// Whether a tracked face's boxes hold a box together with its whole ellipse.
fn holds(face: &TrackedFace, rect: &RectF) -> bool {
    core::iter::once(&face.face.rect).chain(&face.face.also).any(|r| r.holds(rect))
}

#[test]
fn a_face_seen_once_is_hidden_before_and_after() {
    let frames = (0..30).map(|i| frame(if i == 10 { vec![face(50.0, 50.0, 20.0, 0.9)] } else { vec![] }));
    let told = run(offline(), frames.collect());
    assert!(told.iter().enumerate().all(|(i, frame)| frame.index == i as u64) && told.len() == 30);
    let want: Vec<_> = (7..10)
        .map(|i| (i, Presence::Led))
        .chain([(10, Presence::Seen)])
        .chain((11..15).map(|i| (i, Presence::Held)))
        .collect();
    assert_eq!(presences(&told, 0), want);
    let grown: Vec<f32> = (10..15).map(|i| told[i].faces[0].face.rect.width()).collect();
    assert!(grown.is_sorted() && grown[0] == 20.0 && grown[4] > 21.0, "{grown:?}");
}

#[test]
fn a_gap_is_filled_on_the_way() {
    let seen = |i: u64| !(8..=15).contains(&i);
    let x = |i: u64| 40.0 + 3.0 * i as f32;
    let frames = (0..25).map(|i| frame(if seen(i) { vec![face(x(i), 50.0, 24.0, 0.9)] } else { vec![] }));
    let told = run(offline(), frames.collect());
    assert_eq!(tracks(&told), 1);
    for (i, frame) in (0..25).zip(&told) {
        let tracked = &frame.faces[0];
        assert_eq!(tracked.presence, if seen(i) { Presence::Seen } else { Presence::Filled }, "frame {i}");
        assert!(holds(tracked, &rect(x(i), 50.0, 23.9)), "frame {i}: {tracked:?}");
    }
}

#[test]
fn weak_detections_continue_tracks_both_ways_but_start_none() {
    let score = |i: u64| if i == 12 { 0.9 } else { 0.2 };
    let frames = (0..25)
        .map(|i| {
            let mut faces = vec![face(200.0, 20.0, 20.0, 0.2)];
            if (6..20).contains(&i) {
                faces.push(face(50.0, 50.0, 20.0, score(i)));
            }
            frame(faces)
        })
        .collect();
    let told = run(offline(), frames);
    assert_eq!(tracks(&told), 1);
    let weak = |i: u64| if i == 12 { Presence::Seen } else { Presence::Weak };
    let want: Vec<_> = (3..6)
        .map(|i| (i, Presence::Led))
        .chain((6..20).map(|i| (i, weak(i))))
        .chain((20..24).map(|i| (i, Presence::Held)))
        .collect();
    assert_eq!(presences(&told, 0), want);
}

#[test]
fn followed_faces_start_no_track() {
    let followed = |x| Sighting { followed: true, ..Sighting::from(face(x, 50.0, 20.0, 0.9)) };
    let frames: Vec<_> = (0..10)
        .map(|i| {
            let faces = match i {
                2..5 => vec![followed(50.0)],
                5 => vec![face(50.0, 50.0, 20.0, 0.9).into()],
                _ => vec![],
            };
            FrameFaces { faces, ..FrameFaces::default() }
        })
        .collect();
    let alone =
        frames.iter().cloned().map(|f| if f.faces.iter().all(|s| s.followed) { f } else { frame(vec![]) });
    assert_eq!(tracks(&run(offline(), alone.collect())), 0);
    let told = run(offline(), frames);
    assert_eq!(
        presences(&told, 0)[2..6].iter().map(|p| p.1).collect::<Vec<_>>(),
        [Presence::Followed, Presence::Followed, Presence::Followed, Presence::Seen]
    );
}

#[test]
fn nothing_crosses_a_cut() {
    let mut frames: Vec<_> = (0..30).map(|_| frame(vec![])).collect();
    for i in (0..9).chain(12..20) {
        frames[i] = frame(vec![face(50.0, 50.0, 20.0, 0.9)]);
    }
    frames[10].cut = true;
    let told = run(offline(), frames);
    assert_eq!(tracks(&told), 2);
    let range = |track| {
        let frames = presences(&told, track);
        (frames[0].0, frames[frames.len() - 1].0)
    };
    assert_eq!((range(0), range(1)), ((0, 9), (10, 23)));
    assert_eq!(told.iter().filter(|frame| frame.cut).map(|frame| frame.index).collect::<Vec<_>>(), [10]);
}

#[test]
fn a_face_that_turned_round_unseen_is_found_again_backwards() {
    // Goes right, is lost, and comes back to the left: its motion forwards leads far away.
    let x = |i: u64| if i < 10 { 100.0 + 12.0 * i as f32 } else { 208.0 - 10.0 * (i as f32 - 9.0) };
    let seen = |i: u64| !(10..18).contains(&i);
    let frames = (0..30).map(|i| frame(if seen(i) { vec![face(x(i), 50.0, 24.0, 0.9)] } else { vec![] }));
    let told = run(offline(), frames.collect());
    assert_eq!(tracks(&told), 1);
    assert!(told[10..18].iter().all(|frame| frame.faces[0].presence == Presence::Filled));
}

#[test]
fn crossing_faces_are_two_tracks() {
    let frames = (0..40).map(|i| {
        let t = i as f32;
        frame(vec![face(20.0 + 4.0 * t, 50.0, 22.0, 0.9), face(180.0 - 4.0 * t, 58.0, 22.0, 0.9)])
    });
    assert_eq!(tracks(&run(offline(), frames.collect())), 2);
}

#[test]
fn fast_faces_stay_one_track() {
    // More than its own width from frame to frame.
    let frames = (0..12).map(|i| frame(vec![face(30.0 + 28.0 * i as f32, 50.0, 24.0, 0.9)]));
    assert_eq!(tracks(&run(offline(), frames.collect())), 1);
}

#[test]
fn a_live_tracker_tells_at_once_and_holds_what_is_lost_even_over_a_cut() {
    let settings = TrackSettings { hold: 6, ..TrackSettings::live(STRONG) };
    let mut tracker = Tracker::new(settings).unwrap();
    let mut told = Vec::new();
    for i in 0..16 {
        let mut next = frame(if (4..8).contains(&i) { vec![face(50.0, 50.0, 20.0, 0.9)] } else { vec![] });
        next.cut = i == 9;
        told.push(tracker.push(next).unwrap());
        assert_eq!(told[i as usize].index, i);
    }
    let want: Vec<_> =
        (4..8).map(|i| (i, Presence::Seen)).chain((8..14).map(|i| (i, Presence::Held))).collect();
    assert_eq!(presences(&told, 0), want);
    assert_eq!(tracker.finish(), None);
}

#[test]
fn memory_does_not_grow_with_the_video() {
    let mut tracker = Tracker::new(offline()).unwrap();
    let mut most = 0;
    for i in 0..20_000u32 {
        let random = i.wrapping_mul(2_654_435_761);
        let (x, y) = ((random >> 20) as f32, (random >> 8 & 0xfff) as f32);
        let faces = vec![face(50.0, 50.0, 20.0, 0.9), face(x, y, 20.0, 0.2), face(y, x, 30.0, 0.6)];
        tracker.push(frame(faces));
        let seen: usize = tracker.lives.iter().map(Life::sightings).sum();
        most = most.max(seen + tracker.alive() + tracker.waiting.len() + tracker.untold.len());
    }
    assert!(most < 400, "{most} things remembered");
}

#[test]
fn settings_out_of_range_are_refused() {
    let good = TrackSettings::offline(STRONG);
    for bad in [
        TrackSettings { strong: f32::NAN, ..good },
        TrackSettings { growth: 1.5, ..good },
        TrackSettings { delay: 601, ..good },
        TrackSettings { hold: u32::MAX, ..good },
    ] {
        assert!(Tracker::new(bad).is_err(), "{bad:?}");
    }
}

/// Faces that come, go, jump and shrink; some with numbers that are none.
fn streams() -> impl Strategy<Value = Vec<Vec<Face>>> {
    let number = prop_oneof![9 => 0.0..300.0f32, 1 => prop_oneof![Just(-1e9f32), Just(1e9)]];
    let one = (number.clone(), number, 3.0..80.0f32, 0.0..1.0f32)
        .prop_map(|(x, y, side, score)| face(x, y, side, score));
    prop::collection::vec(prop::collection::vec(one, 0..5), 1..40)
}

proptest! {
    #[test]
    fn every_sure_detection_is_hidden_whole_in_its_frame(stream in streams(), cut in 0..40usize, delay in 0..20u32) {
        let mut frames: Vec<_> = stream.iter().cloned().map(frame).collect();
        if let Some(frame) = frames.get_mut(cut) {
            frame.cut = true;
        }
        let told = run(TrackSettings { delay, ..offline() }, frames);
        prop_assert_eq!(told.len(), stream.len());
        let policy = Policy::new(Outline::Ellipse, 1.3, 0.0).unwrap();
        for (faces, frame) in stream.iter().zip(&told) {
            for seen in faces.iter().filter(|face| face.score >= STRONG) {
                let shapes = policy.region(seen).shapes;
                let hidden = frame.faces.iter().any(|tracked| {
                    let region = policy.region(&tracked.face);
                    shapes.iter().all(|shape| region.shapes.contains(shape))
                });
                prop_assert!(hidden, "frame {}: {:?} in {:?}", frame.index, seen, frame.faces);
            }
        }
    }

    #[test]
    fn odd_numbers_never_panic(values in prop::collection::vec(any::<f32>(), 4..60)) {
        let frames = values.chunks_exact(4).map(|v| {
            let rect = RectF { left: v[0], top: v[1], right: v[2], bottom: v[3] };
            frame(vec![Face { rect, score: 0.9, landmarks: None, also: Vec::new() }])
        });
        let frames: Vec<_> = frames.collect();
        prop_assert_eq!(run(offline(), frames.clone()).len(), frames.len());
    }
}

#[test]
fn a_single_doubtful_detection_needs_another_where_there_could_be_one() {
    let settings = TrackSettings { certain: 0.8, ..offline() };
    let told = |at: &[(u64, f32)], searched: &[u64]| {
        let frames = (0..40).map(|i| {
            let seen = at.iter().filter(|(frame, _)| *frame == i);
            let faces = seen.map(|(_, score)| face(50.0, 50.0, 20.0, *score)).collect();
            FrameFaces { searched: searched.contains(&i), ..frame(faces) }
        });
        tracks(&run(settings, frames.collect()))
    };
    let all = [5, 10, 15, 20];
    assert_eq!(told(&[(10, 0.6)], &all), 0);
    assert_eq!(told(&[(10, 0.9)], &all), 1, "certain");
    assert_eq!(told(&[(10, 0.6), (15, 0.6)], &all), 1, "seen twice");
    assert_eq!(told(&[(10, 0.6)], &[10]), 1, "nobody else has looked");
    assert_eq!(told(&[(5, 0.6)], &all), 1, "nobody has looked before");
    assert_eq!(told(&[(20, 0.6)], &all), 1, "nobody has looked after");
    assert_eq!(told(&[(10, 0.6)], &[10, 35]), 1, "too late to tell");
}

#[test]
fn a_known_face_is_told_as_long_as_nobody_else_can_be_it() {
    let run = |other: Option<u64>| {
        let frames = (0..60).map(|i: u64| {
            let mut seen = frame(vec![face(50.0 + i as f32, 50.0, 20.0, 0.9)]);
            let likeness = if Some(i) == other { Likeness::Other } else { Likeness::Known };
            seen.faces[0].likeness = if i.is_multiple_of(5) { likeness } else { Likeness::Unknown };
            seen
        });
        let told = run(offline(), frames.collect());
        let known = |f: &&TrackedFrame| f.faces.iter().any(|face| face.known);
        told.iter().filter(known).map(|f| f.index).collect::<Vec<u64>>()
    };
    assert_eq!(run(None), (0..=55).collect::<Vec<u64>>());
    // What comes within the latency counts before it is there, but for the frames in which a cut is not decided.
    let from = 30 - (u64::from(offline().delay) - 2);
    assert!(run(Some(30)).iter().all(|frame| *frame < from), "{:?}", run(Some(30)));
    assert_eq!(run(Some(0)), [0u64; 0]);
}

#[test]
fn a_face_that_comes_over_the_border_is_hidden_on_its_way() {
    let settings = TrackSettings { frame: Some((200, 100)), ..offline() };
    // It is found when it is inside already, and goes out as fast.
    let seen = |i: u64| (10..=40).contains(&i).then(|| face(14.0, 50.0, 20.0, 0.9));
    let frames = (0..60).map(|i| frame(seen(i).into_iter().collect()));
    let told = run(settings, frames.collect());
    for index in [4, 9, 12, 38, 41, 47] {
        let tracked = &told[index].faces[0];
        for x in [-6.0, 0.0, 6.0] {
            assert!(holds(tracked, &rect(x, 50.0, 9.0)), "{x} in frame {index}: {tracked:?}");
        }
    }
    assert!(!holds(&told[25].faces[0], &rect(0.0, 50.0, 9.0)), "while it stays inside nothing is added");
}

#[test]
fn a_face_that_goes_out_slowly_is_hidden_for_longer() {
    let settings = TrackSettings { frame: Some((200, 100)), ..offline() };
    // A quarter of it is outside when no detector knows it any more.
    for (speed, want) in [(0.0, 24..=24), (0.5, 24..=24), (1.25, 10..=14), (6.0, 8..=8), (-1.0, 8..=8)] {
        let seen = |i: u64| (i <= 40).then(|| face(5.0 + speed * (40.0 - i as f32), 50.0, 20.0, 0.9));
        let told = run(settings, (0..80).map(|i| frame(seen(i).into_iter().collect())).collect());
        let held = told.iter().skip(41).filter(|frame| !frame.faces.is_empty()).count();
        assert!(want.contains(&held), "{held} frames at {speed} pixels a frame");
    }
}
