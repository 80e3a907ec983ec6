//! Where a face is likely to be next: a Kalman filter of constant velocity for each of centre and size
//! (Kalman 1960; the model of SORT, Bewley et al. 2016, <https://arxiv.org/abs/1602.00763>, with sizes as
//! logarithms, so that they stay positive).

use crate::geom::{Point, RectF};

/// Standard deviation of a detected edge, as a share of the face's size.
const MEASURED: f32 = 0.06;
/// Standard deviation of the velocity of a face seen once, sizes a frame.
const UNKNOWN_SPEED: f32 = 0.5;
/// Standard deviation of the change of velocity, sizes a frame and frame.
const UNREST: f32 = 0.05;
/// The same three for the logarithm of a size.
const MEASURED_SIZE: f32 = 0.1;
const UNKNOWN_GROWTH: f32 = 0.08;
const UNREST_SIZE: f32 = 0.02;
/// No face is taken for larger, pixels: beyond it squares are not exact.
const LARGEST: f32 = 1e6;
/// What is left of a velocity from one frame to the next while nothing is seen.
const DAMPING: f32 = 0.9;

/// A value, its velocity a frame, and their covariance.
#[derive(Clone, Copy, Debug)]
struct Axis {
    value: f32,
    speed: f32,
    /// Variances of the value and of the velocity, and their covariance.
    vv: f32,
    ss: f32,
    vs: f32,
}

impl Axis {
    fn new(value: f32, measured: f32, unknown: f32) -> Self {
        Self { value, speed: 0.0, vv: measured * measured, ss: unknown * unknown, vs: 0.0 }
    }

    fn step(&mut self, unrest: f32) {
        self.value += self.speed;
        self.vv += 2.0 * self.vs + self.ss;
        self.vs += self.ss;
        let q = unrest * unrest;
        self.vv += q / 4.0;
        self.vs += q / 2.0;
        self.ss += q;
    }

    fn update(&mut self, seen: f32, measured: f32) {
        let total = self.vv + measured * measured;
        let (gain, gain_speed) = (self.vv / total, self.vs / total);
        let error = seen - self.value;
        self.value += gain * error;
        self.speed += gain_speed * error;
        self.ss -= gain_speed * self.vs;
        self.vs *= 1.0 - gain;
        self.vv *= 1.0 - gain;
    }
}

/// A face's motion, as far as it is known at one frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Motion {
    x: Axis,
    y: Axis,
    width: Axis,
    height: Axis,
}

/// Where a face is expected, and how sure that is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub rect: RectF,
    /// Standard deviation of the centre, sizes of the face.
    pub spread: f32,
}

impl Motion {
    /// Of a face seen once, without velocity.
    pub fn new(rect: &RectF) -> Self {
        let (Point { x, y }, size) = (rect.centre(), size(rect));
        let side = |side: f32| Axis::new(libm::logf(side.max(1.0)), MEASURED_SIZE, UNKNOWN_GROWTH);
        Self {
            x: Axis::new(x, MEASURED * size, UNKNOWN_SPEED * size),
            y: Axis::new(y, MEASURED * size, UNKNOWN_SPEED * size),
            width: side(rect.width()),
            height: side(rect.height()),
        }
    }

    /// Of a face that is seen at `rects`, each with the frames since the one before.
    pub fn through<'r>(rects: impl IntoIterator<Item = (u32, &'r RectF)>) -> Option<Self> {
        let mut rects = rects.into_iter();
        let mut motion = Self::new(rects.next()?.1);
        for (steps, rect) in rects {
            motion.advance(steps);
            motion.see(rect);
        }
        Some(motion)
    }

    /// Goes on by some frames in which nothing is seen.
    pub fn advance(&mut self, frames: u32) {
        for _ in 0..frames {
            let unrest = UNREST * self.size();
            self.x.step(unrest);
            self.y.step(unrest);
            self.width.step(UNREST_SIZE);
            self.height.step(UNREST_SIZE);
            // Nothing vouches for growth that goes on while the face is not seen.
            if frames > 1 {
                self.width.speed *= DAMPING;
                self.height.speed *= DAMPING;
            }
        }
    }

    /// Takes a detection at the current frame.
    pub fn see(&mut self, rect: &RectF) {
        let (Point { x, y }, measured) = (rect.centre(), MEASURED * self.size());
        self.x.update(x, measured);
        self.y.update(y, measured);
        self.width.update(libm::logf(rect.width().max(1.0)), MEASURED_SIZE);
        self.height.update(libm::logf(rect.height().max(1.0)), MEASURED_SIZE);
    }

    /// The box at the current frame.
    pub fn rect(&self) -> RectF {
        let half = |log: f32| libm::expf(log.clamp(0.0, 14.0)) / 2.0;
        let (w, h) = (half(self.width.value), half(self.height.value));
        RectF {
            left: self.x.value - w,
            top: self.y.value - h,
            right: self.x.value + w,
            bottom: self.y.value + h,
        }
    }

    /// The box some frames ahead, the motion slowing down: what is not seen has often stopped.
    pub fn coasted(&self, frames: u32) -> RectF {
        let travelled = (1.0 - libm::powf(DAMPING, frames as f32)) / (1.0 - DAMPING);
        let rect = self.rect();
        let (dx, dy) = (self.x.speed * travelled, self.y.speed * travelled);
        RectF { left: rect.left + dx, top: rect.top + dy, right: rect.right + dx, bottom: rect.bottom + dy }
    }

    /// Pixels to the right and down that the centre moves by in a frame.
    pub fn speed(&self) -> (f32, f32) {
        (self.x.speed, self.y.speed)
    }

    /// What to expect some frames ahead.
    pub fn expected(&self, frames: u32) -> Expected {
        let mut then = *self;
        then.advance(frames);
        let spread = libm::sqrtf(then.x.vv.max(then.y.vv).max(0.0)) / then.size();
        Expected { rect: then.rect(), spread }
    }

    fn size(&self) -> f32 {
        libm::expf(((self.width.value + self.height.value) / 2.0).clamp(0.0, 14.0))
    }
}

fn size(rect: &RectF) -> f32 {
    libm::sqrtf(rect.area()).clamp(1.0, LARGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f32, side: f32) -> RectF {
        RectF { left: x - side / 2.0, top: 50.0, right: x + side / 2.0, bottom: 50.0 + side }
    }

    #[test]
    fn a_steady_motion_is_foreseen() {
        let rects: alloc::vec::Vec<RectF> = (0..8).map(|i| at(100.0 + 11.0 * i as f32, 40.0)).collect();
        let motion = Motion::through(rects.iter().map(|r| (1, r))).unwrap();
        let next = motion.expected(3);
        assert!((next.rect.centre().x - 210.0).abs() < 3.0, "{next:?}");
        assert!(next.spread < 0.5, "{next:?}");
        let coasted = motion.coasted(3).centre().x;
        assert!((200.0..209.0).contains(&coasted), "slower than {coasted}");
        let speed = motion.speed();
        assert!((speed.0 - 11.0).abs() < 1.0 && speed.1.abs() < 1.0, "{speed:?}");
    }

    #[test]
    fn what_was_seen_once_may_be_anywhere_near() {
        let motion = Motion::new(&at(100.0, 40.0));
        let spreads = [1, 3, 9].map(|frames| motion.expected(frames).spread);
        assert!(spreads[0] > 0.4 && spreads.is_sorted(), "{spreads:?}");
    }

    #[test]
    fn odd_boxes_stay_finite() {
        for side in [0.0, -5.0, 1e30] {
            let mut motion = Motion::new(&at(0.0, side));
            motion.advance(600);
            motion.see(&at(3.0, 20.0));
            let rect = motion.rect();
            assert!(
                [rect.left, rect.top, rect.right, rect.bottom].iter().all(|v| v.is_finite()),
                "{side} {rect:?}"
            );
        }
    }
}
