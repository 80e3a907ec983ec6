//! Whether a track is of somebody who is to stay visible. Unsure means hidden.

use alloc::collections::VecDeque;

/// What a comparison with the people who are to stay visible says of a face.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Likeness {
    /// Nothing: it was not compared, or it might be one of them and might not.
    #[default]
    Unknown,
    /// It is one of them.
    Known,
    /// It is none of them.
    Other,
}

/// Sightings that must agree.
const AGREE: u32 = 3;
/// Frames to each side within which a sighting must agree.
const NEAR: u64 = 12;

/// What all comparisons of a track say.
#[derive(Clone, Debug, Default)]
pub(super) struct Acquaintance {
    agreed: u32,
    /// Frames of the sightings that agree, as far back as any frame may ask.
    at: VecDeque<u64>,
    /// Whether one ever disagreed.
    contradicted: bool,
}

impl Acquaintance {
    pub fn take(&mut self, frame: u64, likeness: Likeness) {
        match likeness {
            Likeness::Unknown => {}
            Likeness::Other => self.contradicted = true,
            Likeness::Known => {
                self.agreed = self.agreed.saturating_add(1);
                self.at.push_back(frame);
            }
        }
    }

    /// Takes over those of a track that follows.
    pub fn absorb(&mut self, other: Self) {
        self.agreed = self.agreed.saturating_add(other.agreed);
        self.at.extend(other.at);
        self.contradicted |= other.contradicted;
    }

    /// Forgets what no frame from `next` on needs.
    pub fn forget(&mut self, next: u64) {
        while self.at.front().is_some_and(|&frame| frame + NEAR < next) {
            self.at.pop_front();
        }
    }

    /// Whether the face may be seen in `frame`: enough sightings agree, none disagrees, and one before and one after
    /// are near, so that nobody else can have taken the track over in between.
    pub fn vouches(&self, frame: u64) -> bool {
        let near = |at: &u64| at.abs_diff(frame) <= NEAR;
        let sides = || (self.at.iter().filter(|at| near(at)), self.at.iter().filter(|at| near(at)));
        let (mut before, mut after) = sides();
        self.agreed >= AGREE
            && !self.contradicted
            && before.any(|at| *at <= frame)
            && after.any(|at| *at >= frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sightings: &[(u64, Likeness)]) -> Acquaintance {
        let mut all = Acquaintance::default();
        sightings.iter().for_each(|&(frame, likeness)| all.take(frame, likeness));
        all
    }

    #[test]
    fn only_what_is_sure_on_both_sides_is_visible() {
        use Likeness::{Known, Other, Unknown};
        let visible = |a: &Acquaintance| (0..40).filter(|&f| a.vouches(f)).collect::<alloc::vec::Vec<u64>>();
        let steady = of(&[(5, Known), (10, Known), (15, Unknown), (20, Known)]);
        assert_eq!(visible(&steady), (5..=20).collect::<alloc::vec::Vec<u64>>());
        assert_eq!(visible(&of(&[(5, Known), (10, Known)])), [0u64; 0], "too few");
        let other = of(&[(5, Known), (10, Known), (15, Known), (20, Other)]);
        assert_eq!(visible(&other), [0u64; 0], "one is against it");
        let gap = of(&[(0, Known), (5, Known), (35, Known), (39, Known)]);
        assert_eq!(visible(&gap), [0, 1, 2, 3, 4, 5, 35, 36, 37, 38, 39], "nobody knows who is in the gap");
        let mut steady = steady;
        steady.forget(24);
        assert!(steady.vouches(20) && !steady.vouches(24));
    }
}
