//! Faces in the frames between detections: their pixels are followed from the detection before, and back
//! from the one after.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::optical::{Pyramid, follow};
use super::shape;
use super::{FrameFaces, Likeness, Luma, Sighting, Thumb};
use crate::face::Face;
use crate::geom::{Point, RectF};

/// Overlap (intersection over union) above which both ways lead to the same box.
const AGREE: f32 = 0.7;
/// Overlap above which they lead to the same face.
const SAME: f32 = 0.25;
/// Overlap above which a glimpsed face is a followed one.
const GLIMPSED: f32 = 0.4;
/// Frames without detection after which what is there is given out without waiting for one.
const MOST_WAITING: usize = 64;

/// Fills the frames between detections. Frames go in one by one, and come out in their order once the next
/// detection is there.
#[derive(Clone, Debug)]
pub struct Follower {
    strong: f32,
    growth: f32,
    /// The last frame that came out, and its faces that are worth following.
    last: Option<(Pyramid, Vec<Face>)>,
    waiting: VecDeque<Waiting>,
}

/// A frame that was not searched.
#[derive(Clone, Debug)]
struct Waiting {
    pyramid: Pyramid,
    glimpsed: Vec<Face>,
}

impl Follower {
    /// Follows faces whose score is at least `strong`; a followed box grows by the share `growth` of its size with
    /// each frame from its detection.
    pub fn new(strong: f32, growth: f32) -> Self {
        Self { strong, growth, last: None, waiting: VecDeque::new() }
    }

    /// Takes the next frame in small, and its faces (in pixels of the frame itself) if it was searched. Gives the
    /// frames that are complete, oldest first.
    pub fn push(&mut self, luma: Luma, faces: Option<Vec<Face>>) -> Vec<FrameFaces> {
        match faces {
            None => self.glimpse(luma, Vec::new()),
            Some(faces) => self.compared(luma, faces.into_iter().map(Sighting::from).collect()),
        }
    }

    /// Takes the next frame, which was searched, with its faces and what is known of them. Gives the frames that are
    /// complete, oldest first.
    pub fn compared(&mut self, luma: Luma, faces: Vec<Sighting>) -> Vec<FrameFaces> {
        self.searched(Pyramid::new(luma), faces)
    }

    /// Takes the next frame, which was not searched but looked at by a lesser detector: the faces `glimpsed` (in
    /// pixels of the frame itself) count as followed ones, which continue tracks and start none. Gives the frames
    /// that are complete, oldest first.
    pub fn glimpse(&mut self, luma: Luma, glimpsed: Vec<Face>) -> Vec<FrameFaces> {
        self.waiting.push_back(Waiting { pyramid: Pyramid::new(luma), glimpsed });
        if self.waiting.len() > MOST_WAITING { self.finish() } else { Vec::new() }
    }

    /// Gives the frames that wait for a detection, followed from the one before alone.
    pub fn finish(&mut self) -> Vec<FrameFaces> {
        let waiting: Vec<Waiting> = self.waiting.drain(..).collect();
        let forwards = self.forwards(&waiting);
        let frames = waiting.iter().zip(&forwards).map(|(waiting, ways)| frame(waiting, ways, &[]));
        let frames = frames.collect();
        if let Some(waiting) = waiting.into_iter().next_back() {
            let faces = forwards.into_iter().next_back().unwrap_or_default();
            self.last = Some((waiting.pyramid, faces.into_iter().map(|way| way.face).collect()));
        }
        frames
    }

    fn searched(&mut self, pyramid: Pyramid, faces: Vec<Sighting>) -> Vec<FrameFaces> {
        let waiting: Vec<Waiting> = self.waiting.drain(..).collect();
        let is_strong = |s: &&Sighting| s.face.score >= self.strong;
        let strong: Vec<Face> = faces.iter().filter(is_strong).map(|s| s.face.clone()).collect();
        let forwards = self.forwards(&waiting);
        let mut backwards = self.chain(&pyramid, &strong, waiting.iter().rev().map(|w| &w.pyramid));
        backwards.reverse();
        let ways = waiting.iter().zip(&forwards).zip(&backwards);
        let mut frames: Vec<FrameFaces> = ways.map(|((p, there), back)| frame(p, there, back)).collect();
        let thumb = Some(Thumb::of(pyramid.luma()));
        frames.push(FrameFaces { faces, thumb, cut: false, searched: true });
        self.last = Some((pyramid, strong));
        frames
    }

    fn forwards(&self, waiting: &[Waiting]) -> Vec<Vec<Way>> {
        match &self.last {
            Some((pyramid, faces)) => self.chain(pyramid, faces, waiting.iter().map(|w| &w.pyramid)),
            None => waiting.iter().map(|_| Vec::new()).collect(),
        }
    }

    /// Follows faces from frame to frame; a face that gets lost stays lost.
    fn chain<'p>(
        &self,
        start: &'p Pyramid,
        faces: &[Face],
        frames: impl Iterator<Item = &'p Pyramid>,
    ) -> Vec<Vec<Way>> {
        let (sx, sy) = start.enlargement();
        let scaled = |r: &RectF, sx: f32, sy: f32| RectF {
            left: r.left * sx,
            top: r.top * sy,
            right: r.right * sx,
            bottom: r.bottom * sy,
        };
        let mut places: Vec<(&Face, RectF)> =
            faces.iter().map(|face| (face, scaled(&face.rect, 1.0 / sx, 1.0 / sy))).collect();
        let mut from = start;
        let mut chain = Vec::new();
        for (steps, to) in (1..).zip(frames) {
            places = places
                .iter()
                .filter_map(|(face, rect)| follow(from, to, rect).map(|rect| (*face, rect)))
                .collect();
            let grown = shape::growth(self.growth, steps);
            let way = |(face, rect): &(&Face, RectF)| Way {
                face: carried(face, &scaled(rect, sx, sy), grown),
                steps,
            };
            chain.push(places.iter().map(way).collect());
            from = to;
        }
        chain
    }
}

/// A face that was followed.
#[derive(Clone, Debug)]
struct Way {
    face: Face,
    /// Frames from its detection.
    steps: u64,
}

/// A face whose box has become `to`, grown.
fn carried(face: &Face, to: &RectF, grown: f32) -> Face {
    let (was, is) = (face.rect.centre(), to.centre());
    let scale = to.width() / face.rect.width().max(1e-3);
    let point = |p: Point| Point { x: is.x + (p.x - was.x) * scale, y: is.y + (p.y - was.y) * scale };
    let rect = |r: &RectF| {
        let (a, b) = (point(Point { x: r.left, y: r.top }), point(Point { x: r.right, y: r.bottom }));
        RectF { left: a.x, top: a.y, right: b.x, bottom: b.y }.scaled(grown)
    };
    Face {
        rect: to.scaled(grown),
        score: face.score,
        landmarks: face.landmarks.map(|marks| marks.map(point)),
        also: face.also.iter().map(rect).collect(),
    }
}

/// The faces of a frame that was not searched: what both ways lead to, once.
fn frame(waiting: &Waiting, forwards: &[Way], backwards: &[Way]) -> FrameFaces {
    let mut back: Vec<Option<&Way>> = backwards.iter().map(Some).collect();
    let mut faces = Vec::new();
    for there in forwards {
        let overlap = |way: &Option<&Way>| way.map_or(0.0, |way| way.face.rect.iou(&there.face.rect));
        let best = back.iter().enumerate().max_by(|a, b| overlap(a.1).total_cmp(&overlap(b.1)));
        let partner =
            best.filter(|(_, way)| overlap(way) > SAME).map(|(i, _)| i).and_then(|i| back[i].take());
        faces.push(partner.map_or_else(|| there.face.clone(), |partner| joined(there, partner)));
    }
    faces.extend(back.into_iter().flatten().map(|way| way.face.clone()));
    for glimpsed in &waiting.glimpsed {
        // Where pixels were followed they lead: the lesser detector's box is the worse one.
        if faces.iter().all(|face: &Face| face.rect.iou(&glimpsed.rect) < GLIMPSED) {
            faces.push(glimpsed.clone());
        }
    }
    let faces = faces
        .into_iter()
        .map(|face| Sighting { face, followed: true, likeness: Likeness::Unknown })
        .collect();
    FrameFaces { faces, thumb: Some(Thumb::of(waiting.pyramid.luma())), cut: false, searched: false }
}

/// The nearer detection's box leads; where the ways disagree both are hidden.
fn joined(a: &Way, b: &Way) -> Face {
    let (near, far) = if a.steps <= b.steps { (a, b) } else { (b, a) };
    let mut face = near.face.clone();
    if face.rect.iou(&far.face.rect) < AGREE {
        face.also.push(far.face.rect);
    }
    face
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A textured square of 40 pixels at `x` on a flat ground, or the ground alone.
    fn luma(x: Option<i32>) -> Luma {
        let plane: Vec<u8> = (0..200 * 100)
            .map(|i| {
                let (px, py) = (i % 200, i / 200);
                match x.map(|x| (px - x, py - 30)) {
                    Some((u, v)) if (0..40).contains(&u) && (0..40).contains(&v) => {
                        let wave = libm::sinf(u as f32 * 0.5) + libm::sinf(v as f32 * 0.4 + u as f32 * 0.2);
                        (120.0 + 50.0 * wave) as u8
                    }
                    _ => 60,
                }
            })
            .collect();
        Luma::shrunk(&plane, (200, 100), 200, 0, 200).unwrap()
    }

    fn face(x: i32) -> Face {
        let rect = RectF { left: x as f32, top: 30.0, right: x as f32 + 40.0, bottom: 70.0 };
        Face { rect, score: 0.9, landmarks: None, also: Vec::new() }
    }

    #[test]
    fn frames_between_get_the_face_where_it_is() {
        let mut follower = Follower::new(0.5, 0.02);
        assert_eq!(follower.push(luma(Some(20)), Some([face(20)].into())).len(), 1);
        let mut out = Vec::new();
        for i in 1..5 {
            let faces = (i == 4).then(|| [face(20 + 5 * i)].into());
            out.extend(follower.push(luma(Some(20 + 5 * i)), faces));
        }
        assert_eq!(out.len(), 4);
        for (i, frame) in (1..).zip(&out) {
            assert_eq!(frame.faces.len(), 1, "frame {i}");
            let got = &frame.faces[0];
            assert_eq!(got.followed, i < 4, "frame {i}");
            let error = got.face.rect.centre().x - (40 + 5 * i) as f32;
            assert!(error.abs() < 1.0, "frame {i}: off by {error}");
            assert!(got.face.rect.scaled(1.01).holds(&face(20 + 5 * i).rect), "frame {i}");
        }
    }

    #[test]
    fn a_face_that_appears_is_followed_back_to_where_it_began() {
        let mut follower = Follower::new(0.5, 0.02);
        follower.push(luma(None), Some(Vec::new()));
        let mut out = Vec::new();
        for i in 1..5 {
            let x = (i >= 3).then_some(50 + 4 * i);
            out.extend(follower.push(luma(x), (i == 4).then(|| [face(66)].into())));
        }
        let faces: Vec<usize> = out.iter().map(|frame| frame.faces.len()).collect();
        assert_eq!(faces, [0, 0, 1, 1]);
    }

    #[test]
    fn glimpsed_faces_count_where_none_was_followed() {
        let mut follower = Follower::new(0.5, 0.02);
        follower.push(luma(Some(20)), Some([face(20)].into()));
        follower.glimpse(luma(Some(22)), [face(24), face(140)].into());
        let out = follower.push(luma(Some(24)), Some([face(24)].into()));
        let lefts: Vec<f32> = out[0].faces.iter().map(|s| s.face.rect.left).collect();
        assert!(out[0].faces.iter().all(|sighting| sighting.followed));
        assert_eq!((lefts.len(), lefts[1]), (2, 140.0), "{lefts:?}");
    }

    #[test]
    fn frames_without_any_detection_come_out_at_the_end_or_when_there_are_many() {
        let mut follower = Follower::new(0.5, 0.02);
        let out: usize = (0..70).map(|_| follower.push(luma(None), None).len()).sum();
        assert_eq!((out, follower.finish().len(), follower.finish().len()), (65, 5, 0));
    }
}
