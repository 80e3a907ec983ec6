//! A track as key frames: what lies between two of them is on the straight way from one to the other, within
//! [`TOLERANCE`], and is hidden with that much more on each side.

use faceveil::Face;
use faceveil::core::geom::{Point, RectF};

/// Pixels by which a coordinate between key frames may differ from the straight way.
pub const TOLERANCE: f32 = 0.5;
/// The same for landmarks. A region is turned by them from some angle on, so that the least difference may change it:
/// only frames whose landmarks do not move lie between key frames.
const TURN_TOLERANCE: f32 = 0.0;
/// Frames from one key frame to the next at most: so many are compared with each new one.
const LONGEST: usize = 32;

/// A face at a frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// Which, counted from 0 at the first frame of the output.
    pub frame: u64,
    /// The face there.
    pub face: Face,
}

/// Key frames of a face in frames that follow each other.
pub type Span = Vec<Key>;

/// Takes a track's faces frame by frame and keeps key frames.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    done: Vec<Span>,
    /// Frames since the last key frame, which is the first of them.
    open: Vec<Key>,
    /// Key frames before those.
    span: Span,
}

impl Keys {
    /// Takes the face at a frame later than the last.
    pub fn push(&mut self, frame: u64, face: &Face) {
        let next = Key { frame, face: rounded(face) };
        let follows = self.open.last().is_some_and(|last| last.frame + 1 == frame);
        if !follows {
            self.end();
        }
        if self.open.len() >= LONGEST || !self.reaches(&next) {
            let last = self.open.pop();
            self.span.extend(self.open.drain(..).take(1));
            self.open.extend(last);
        }
        self.open.push(next);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.done.iter().map(Vec::len).sum::<usize>() + self.span.len() + self.open.len().min(2)
    }

    /// All of them.
    pub fn finish(mut self) -> Vec<Span> {
        self.end();
        self.done
    }

    fn end(&mut self) {
        let last = if self.open.len() > 1 { self.open.pop() } else { None };
        self.span.extend(self.open.drain(..).take(1));
        self.span.extend(last);
        if !self.span.is_empty() {
            self.done.push(std::mem::take(&mut self.span));
        }
    }

    /// Whether all frames since the last key frame lie on the way from it to `next`.
    fn reaches(&self, next: &Key) -> bool {
        let Some((first, rest)) = self.open.split_first() else { return true };
        rest.iter().all(|key| {
            let way = on_the_way(first, next, key.frame);
            way.is_some_and(|way| is_near(&way, &key.face))
        })
    }
}

/// The face at `frame`, if it is in the span: with [`TOLERANCE`] around it between two key frames. Where those are
/// of different kinds, what is hidden in both is hidden between them.
pub fn at(span: &[Key], frame: u64) -> Option<Face> {
    let after = span.partition_point(|key| key.frame <= frame);
    let before = after.checked_sub(1).map(|i| &span[i])?;
    if before.frame == frame {
        return Some(before.face.clone());
    }
    let next = span.get(after)?;
    match on_the_way(before, next, frame) {
        Some(mut face) => {
            boxes_mut(&mut face).for_each(|rect| *rect = widened(rect, TOLERANCE));
            Some(face)
        }
        None => {
            let mut face = before.face.clone();
            face.also.push(next.face.rect);
            face.also.extend(&next.face.also);
            boxes_mut(&mut face).for_each(|rect| *rect = widened(rect, TOLERANCE));
            Some(face)
        }
    }
}

/// `None` if the faces are of different kinds.
fn on_the_way(from: &Key, to: &Key, frame: u64) -> Option<Face> {
    let (a, b) = (&from.face, &to.face);
    if a.also.len() != b.also.len() || a.landmarks.is_some() != b.landmarks.is_some() {
        return None;
    }
    let t = (frame - from.frame) as f32 / (to.frame - from.frame).max(1) as f32;
    let mix = |p: f32, q: f32| p + (q - p) * t;
    let rect = |p: &RectF, q: &RectF| RectF {
        left: mix(p.left, q.left),
        top: mix(p.top, q.top),
        right: mix(p.right, q.right),
        bottom: mix(p.bottom, q.bottom),
    };
    let landmarks = a
        .landmarks
        .zip(b.landmarks)
        .map(|(p, q)| std::array::from_fn(|i| Point { x: mix(p[i].x, q[i].x), y: mix(p[i].y, q[i].y) }));
    let also = a.also.iter().zip(&b.also).map(|(p, q)| rect(p, q)).collect();
    Some(Face { rect: rect(&a.rect, &b.rect), score: a.score.min(b.score), landmarks, also })
}

fn is_near(a: &Face, b: &Face) -> bool {
    let near = |p: f32, q: f32| (p - q).abs() <= TOLERANCE;
    let close = |p: f32, q: f32| (p - q).abs() <= TURN_TOLERANCE;
    let edges = |p: &RectF, q: &RectF| {
        near(p.left, q.left) && near(p.top, q.top) && near(p.right, q.right) && near(p.bottom, q.bottom)
    };
    let points = a.landmarks.iter().flatten().zip(b.landmarks.iter().flatten());
    a.also.len() == b.also.len()
        && a.landmarks.is_some() == b.landmarks.is_some()
        && edges(&a.rect, &b.rect)
        && a.also.iter().zip(&b.also).all(|(p, q)| edges(p, q))
        && points.into_iter().all(|(p, q)| close(p.x, q.x) && close(p.y, q.y))
}

fn boxes_mut(face: &mut Face) -> impl Iterator<Item = &mut RectF> {
    std::iter::once(&mut face.rect).chain(&mut face.also)
}

fn widened(r: &RectF, by: f32) -> RectF {
    RectF { left: r.left - by, top: r.top - by, right: r.right + by, bottom: r.bottom + by }
}

/// Boxes to quarters of a pixel, outwards: a sidecar need not be longer than that. Landmarks stay as they are.
fn rounded(face: &Face) -> Face {
    let (low, high) = (|v: f32| (v * 4.0).floor() / 4.0, |v: f32| (v * 4.0).ceil() / 4.0);
    let mut face = face.clone();
    for rect in boxes_mut(&mut face) {
        *rect = RectF {
            left: low(rect.left),
            top: low(rect.top),
            right: high(rect.right),
            bottom: high(rect.bottom),
        };
    }
    face.score = (face.score * 1000.0).round() / 1000.0;
    face
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(x: f32, others: usize) -> Face {
        let rect = RectF { left: x, top: 10.0, right: x + 30.0, bottom: 50.0 };
        Face { rect, score: 0.5, landmarks: None, also: vec![rect; others] }
    }

    fn keys(faces: &[(u64, Face)]) -> Vec<Span> {
        let mut keys = Keys::default();
        faces.iter().for_each(|(frame, face)| keys.push(*frame, face));
        keys.finish()
    }

    #[test]
    fn a_steady_motion_needs_two_key_frames() {
        let faces: Vec<_> = (3..20).map(|i| (i, face(2.0 * i as f32, 0))).collect();
        let spans = keys(&faces);
        let frames: Vec<u64> = spans[0].iter().map(|k| k.frame).collect();
        assert_eq!((spans.len(), frames), (1, vec![3, 19]));
    }

    #[test]
    fn nothing_that_was_hidden_is_hidden_no_more() {
        let wild = |i: u64| 40.0 * (i as f32 * 0.37).sin() + 3.0 * (i as f32 * 1.9).cos();
        let faces: Vec<_> = (0..200)
            .filter(|i| !(90..97).contains(i))
            .map(|i| (i, face(wild(i), usize::from(i % 17 > 11))))
            .collect();
        let spans = keys(&faces);
        assert_eq!(spans.len(), 2);
        assert!(spans.iter().map(Vec::len).sum::<usize>() < faces.len());
        for (frame, was) in &faces {
            let is = spans.iter().find_map(|span| at(span, *frame)).expect("a face");
            for rect in std::iter::once(&was.rect).chain(&was.also) {
                let held = std::iter::once(&is.rect).chain(&is.also).any(|r| r.holds(rect));
                assert!(held, "frame {frame}: {was:?} {is:?}");
            }
        }
        assert!(spans.iter().all(|span| at(span, 93).is_none()));
    }

    #[test]
    fn a_single_frame_is_a_span_of_its_own() {
        let spans = keys(&[(5, face(1.0, 0)), (9, face(2.0, 0)), (10, face(3.0, 1))]);
        let frames: Vec<Vec<u64>> = spans.iter().map(|s| s.iter().map(|k| k.frame).collect()).collect();
        assert_eq!(frames, [vec![5], vec![9, 10]]);
    }

    #[test]
    fn between_faces_of_different_kinds_both_are_hidden() {
        let span = [Key { frame: 0, face: face(0.0, 0) }, Key { frame: 4, face: face(50.0, 1) }];
        let between = at(&span, 2).unwrap();
        assert!(between.rect.holds(&face(0.0, 0).rect));
        assert!(between.also.iter().any(|r| r.holds(&face(50.0, 0).rect)));
    }
}
