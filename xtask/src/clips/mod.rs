//! Clips with known truth: face photos that move over moving backgrounds, made from a seed alone. What is
//! hard about a video is in them on purpose: fast motion, occlusion, borders, turning, shrinking, cuts,
//! flashes, single frames, crowds.

pub mod plays;
pub mod sprite;
pub mod stage;
pub mod write;

use faceveil_data::truth::TruthFace;

/// Sides of every clip, pixels.
pub const WIDTH: usize = 640;
/// Rows.
pub const HEIGHT: usize = 360;
/// Frames a second.
pub const RATE: u32 = 25;

/// An RGB picture.
#[derive(Clone)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    /// Three values a pixel, `0..=255`.
    pub pixels: Vec<f32>,
}

/// A face in one frame.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Which of the clip's faces; each shot has its own.
    pub id: u64,
    /// Where.
    pub face: TruthFace,
    /// Share of the inner ellipse that is in the frame and before everything else.
    pub visible: f64,
}

/// A frame and its faces.
pub struct Frame {
    /// `WIDTH * HEIGHT * 3` bytes.
    pub rgb: Vec<u8>,
    pub actors: Vec<Actor>,
}

/// Repeatable numbers: SplitMix64, as in `faceveil_core::redact::SeededNoise`.
#[derive(Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// `low..high`.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[(self.next() % from.len() as u64) as usize]
    }
}
