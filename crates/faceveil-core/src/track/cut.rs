//! Where a new scene starts: no frame around the cut resembles any on its other side. A flash does not
//! count, because the frames after it resemble those before.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::luma::Luma;

const COLUMNS: usize = 32;
const ROWS: usize = 18;
/// Frames to each side that are compared: shorter flashes are no cuts.
pub(super) const AROUND: usize = 3;
/// Frames that must follow before a cut is sure.
pub(super) const AHEAD: usize = AROUND - 1;
/// Two thumbs whose correlation is at least this show the same scene.
const ALIKE: f32 = 0.6;
/// Grey levels of mean difference, brightness set aside, below which they do so as well.
const SLIGHT: f32 = 9.0;

/// A frame as 32×18 grey values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumb([u8; COLUMNS * ROWS]);

impl Thumb {
    /// Means of blocks of a picture; a picture of fewer pixels repeats them.
    pub fn of(luma: &Luma) -> Self {
        let (width, height) = (luma.width() as usize, luma.height() as usize);
        let block = |index: usize, count: usize, side: usize| {
            let start = (index * side / count).min(side - 1);
            start..((index + 1) * side / count).max(start + 1)
        };
        let mean = |index: usize| {
            let columns = block(index % COLUMNS, COLUMNS, width);
            let rows = block(index / COLUMNS, ROWS, height);
            let count = (columns.len() * rows.len()) as u32;
            let line = |y: usize| &luma.samples()[y * width..][columns.clone()];
            let sum: u32 = rows.flat_map(line).map(|&v| u32::from(v)).sum();
            (sum / count) as u8
        };
        Self(core::array::from_fn(mean))
    }

    /// Whether both may show the same scene; brightness and contrast do not count.
    fn resembles(&self, other: &Self) -> bool {
        let mean = |t: &Self| t.0.iter().map(|&v| f32::from(v)).sum::<f32>() / t.0.len() as f32;
        let (a, b) = (mean(self), mean(other));
        let (mut aa, mut bb, mut ab, mut apart) = (0.0, 0.0, 0.0, 0.0);
        for (&p, &q) in self.0.iter().zip(&other.0) {
            let (p, q) = (f32::from(p) - a, f32::from(q) - b);
            aa += p * p;
            bb += q * q;
            ab += p * q;
            apart += (p - q).abs();
        }
        apart / (self.0.len() as f32) < SLIGHT || ab >= ALIKE * libm::sqrtf(aa * bb)
    }
}

/// Finds cuts, `AHEAD` frames late or at once.
#[derive(Clone, Debug)]
pub struct CutDetector {
    /// Frames that are decided, the latest last, at most [`AROUND`].
    before: VecDeque<Option<Thumb>>,
    /// Frames that wait for what follows.
    waiting: VecDeque<(Option<Thumb>, bool)>,
    ahead: usize,
}

impl CutDetector {
    /// `ahead`: frames that must follow before one is decided; at most 2 are of use, fewer take a flash for a
    /// cut.
    pub fn new(ahead: usize) -> Self {
        Self { before: VecDeque::new(), waiting: VecDeque::new(), ahead: ahead.min(AHEAD) }
    }

    /// Takes the next frame, and whether it is known to start a scene. Gives whether the frame `ahead` before it
    /// does, if there is one.
    pub fn push(&mut self, thumb: Option<Thumb>, known: bool) -> Option<bool> {
        self.waiting.push_back((thumb, known));
        (self.waiting.len() > self.ahead).then(|| self.decide())
    }

    /// Decides the next frame that still waits, with what is there.
    pub fn finish(&mut self) -> Option<bool> {
        (!self.waiting.is_empty()).then(|| self.decide())
    }

    fn decide(&mut self) -> bool {
        let after: Vec<&Thumb> = self.waiting.iter().filter_map(|(thumb, _)| thumb.as_ref()).collect();
        let mut pairs =
            self.before.iter().flatten().flat_map(|before| after.iter().map(move |after| (before, *after)));
        let unlike = !after.is_empty()
            && self.before.iter().any(Option::is_some)
            && !pairs.any(|(before, after)| before.resembles(after));
        let Some((thumb, known)) = self.waiting.pop_front() else { return false };
        // A frame without a thumb says nothing about itself.
        let cut = known || (unlike && thumb.is_some());
        if cut {
            self.before.clear();
        }
        self.before.push_back(thumb);
        if self.before.len() > AROUND {
            self.before.pop_front();
        }
        cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// A scene of its own for each `seed`, shifted by `pan` pixels, with its brightness scaled and raised.
    fn frame(seed: u32, pan: u32, gain: f32, lift: f32) -> Option<Thumb> {
        let (width, height) = (160u32, 90u32);
        let value = |x: u32, y: u32| {
            let cell =
                (x / 24).wrapping_mul(7919) ^ (y / 22).wrapping_mul(104_729) ^ seed.wrapping_mul(0x9e37_79b9);
            (cell.wrapping_mul(2_654_435_761) >> 24) as f32
        };
        let plane: Vec<u8> = (0..width * height)
            .map(|i| (value(i % width + pan, i / width) * gain + lift).clamp(0.0, 255.0) as u8)
            .collect();
        Some(Thumb::of(&Luma::shrunk(&plane, (width, height), width as usize, 0, 160)?))
    }

    fn cuts(frames: Vec<Option<Thumb>>, ahead: usize) -> Vec<usize> {
        let mut detector = CutDetector::new(ahead);
        let mut all: Vec<bool> = frames.into_iter().filter_map(|f| detector.push(f, false)).collect();
        all.extend(core::iter::from_fn(|| detector.finish()));
        all.iter().enumerate().filter(|(_, cut)| **cut).map(|(i, _)| i).collect()
    }

    #[test]
    fn cuts_are_found_where_they_are_and_nowhere_else() {
        let scene = |seed, count: u32| (0..count).map(move |i| frame(seed, 3 * i, 1.0, 0.0));
        let frames: Vec<_> = scene(1, 9).chain(scene(2, 7)).chain(scene(3, 1)).chain(scene(4, 6)).collect();
        for ahead in [0, 2] {
            assert_eq!(cuts(frames.clone(), ahead), [9, 16, 17], "ahead {ahead}");
        }
    }

    #[test]
    fn flashes_and_fades_are_no_cuts() {
        let flash = |i: u32| if [5, 6, 12].contains(&i) { (0.05, 245.0) } else { (1.0, 0.0) };
        let frames = (0..20).map(|i| frame(1, i, flash(i).0, flash(i).1)).collect();
        assert_eq!(cuts(frames, 2), [0usize; 0]);
        let fade = (0..20).map(|i| frame(1, 0, 1.0 - 0.05 * i as f32, 0.0)).collect();
        assert_eq!(cuts(fade, 2), [0usize; 0]);
    }

    #[test]
    fn frames_without_thumbs_cut_only_when_told() {
        let mut detector = CutDetector::new(2);
        let told: Vec<_> = (0..6).map(|i| detector.push(None, i == 2)).collect();
        assert_eq!(told, [None, None, Some(false), Some(false), Some(true), Some(false)]);
        assert_eq!(
            vec![detector.finish(), detector.finish(), detector.finish()],
            [Some(false), Some(false), None]
        );
    }
}
