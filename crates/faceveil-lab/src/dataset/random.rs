//! Repeatable randomness: the same seed gives the same dataset and the same augmentation on every machine.
//! Not for secrets.

/// SplitMix64 (Steele, Lea, Flood 2014, <https://doi.org/10.1145/2660193.2660195>).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The `n`-th stream of a seed; streams of neighbouring numbers have nothing in common.
    pub fn stream(seed: u64, n: u64) -> Self {
        let mut first = Self(seed ^ n.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        Self(first.bits())
    }

    /// 64 even bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ x >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ x >> 31
    }

    /// Evenly in `0.0..1.0`.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Evenly between both ends.
    pub fn between(&mut self, [low, high]: [f32; 2]) -> f64 {
        f64::from(low) + (f64::from(high) - f64::from(low)) * self.unit()
    }

    /// Between both ends (above 0) so that every ratio is as likely as its inverse.
    pub fn ratio(&mut self, [low, high]: [f32; 2]) -> f64 {
        let (low, high) = (f64::from(low.max(1e-6)).ln(), f64::from(high.max(1e-6)).ln());
        (low + (high - low) * self.unit()).exp()
    }

    /// About normal with mean 0 and standard deviation 1: the sum of twelve even numbers, at most 6.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    /// `true` in a share of `chance`.
    pub fn happens(&mut self, chance: f32) -> bool {
        self.unit() < f64::from(chance)
    }

    /// A number below `limit`; 0 if that is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.bits() % (limit.max(1) as u64)) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_streams_differ() {
        let draw = |mut r: Random| [r.bits(), r.bits(), r.bits()];
        assert_eq!(draw(Random::stream(7, 3)), draw(Random::stream(7, 3)));
        assert_ne!(draw(Random::stream(7, 3)), draw(Random::stream(7, 4)));
        assert_ne!(draw(Random::stream(7, 3)), draw(Random::stream(8, 3)));
        // The first output of the published generator for seed 0.
        assert_eq!(Random::new(0).bits(), 0xE220_A839_7B1D_CDAF);
    }

    #[test]
    fn numbers_keep_their_ranges_and_means() {
        let mut random = Random::new(1);
        let (mut unit, mut ratio, mut normal) = (0.0, 0.0, 0.0);
        for _ in 0..10_000 {
            let u = random.unit();
            assert!((0.0..1.0).contains(&u), "{u}");
            let r = random.ratio([0.5, 2.0]);
            assert!((0.5..=2.0).contains(&r), "{r}");
            assert!(random.below(3) < 3 && random.below(0) == 0);
            (unit, ratio, normal) = (unit + u, ratio + r.ln(), normal + random.normal());
        }
        assert!((unit / 1e4 - 0.5).abs() < 0.02 && (ratio / 1e4).abs() < 0.02 && (normal / 1e4).abs() < 0.05);
    }
}
