//! Where the veil's noise comes from.

/// No randomness could be had; the redaction that asked for it did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the source of randomness gave no bytes")]
pub struct NoiseError;

/// A source of uniformly distributed bytes.
///
/// For real use hand in the operating system's randomness. Whoever can repeat the bytes can subtract
/// the noise from a veil, which then hides only by its coarse cells and levels.
pub trait Noise {
    /// Fills `bytes` with fresh random bytes.
    ///
    /// # Errors
    /// [`NoiseError`] if there are none; no caller goes on with bytes of another kind instead.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoiseError>;
}

/// Repeatable noise from a 64-bit seed: SplitMix, Steele, Lea and Flood 2014,
/// <https://doi.org/10.1145/2660193.2660195>, with the constants of Vigna's `splitmix64.c`.
///
/// Weaker than the operating system's randomness: whoever knows or guesses the seed can subtract the
/// noise, and two pictures redacted with one seed share it. Meant for tests and for runs that must
/// repeat byte for byte.
#[derive(Clone, Debug)]
pub struct SeededNoise {
    state: u64,
}

impl SeededNoise {
    /// The sequence of `seed`; every seed is legal.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Noise for SeededNoise {
    /// Each call starts a fresh 64-bit word, little-endian, and drops what it does not need of the last.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoiseError> {
        for word in bytes.chunks_mut(8) {
            word.copy_from_slice(&self.next().to_le_bytes()[..word.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeded_noise_is_splitmix64() {
        // First outputs for seed 1234567 of the reference implementation by Vigna.
        let want: [u64; 3] =
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        let mut bytes = [0; 24];
        SeededNoise::new(1_234_567).fill(&mut bytes).unwrap();
        for (word, want) in bytes.chunks(8).zip(want) {
            assert_eq!(u64::from_le_bytes(word.try_into().unwrap()), want);
        }
    }
}
