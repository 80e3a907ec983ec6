//! Where the veil's noise comes from.

use faceveil_core::raster::{Raster, Samples};
use faceveil_core::redact::{Noise, NoiseError, SeededNoise};

/// The operating system's randomness: nobody can draw it again and subtract it.
pub(crate) struct SystemNoise;

impl Noise for SystemNoise {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoiseError> {
        getrandom::fill(bytes).map_err(|_| NoiseError)
    }
}

/// The system's randomness, or a repeatable one that differs from picture to picture.
pub(crate) fn source(seed: Option<u64>, raster: &Raster) -> Box<dyn Noise> {
    match seed {
        None => Box::new(SystemNoise),
        Some(seed) => Box::new(SeededNoise::new(seed ^ fingerprint(raster))),
    }
}

/// FNV-1a over every 97th sample: enough that two photos do not share their noise.
fn fingerprint(raster: &Raster) -> u64 {
    let mix = |hash: u64, sample: u64| (hash ^ sample).wrapping_mul(0x100_0000_01b3);
    let start = mix(mix(0xcbf2_9ce4_8422_2325, raster.width().into()), raster.height().into());
    match raster.samples() {
        Samples::U8(v) => v.iter().step_by(97).fold(start, |h, &s| mix(h, s.into())),
        Samples::U16(v) => v.iter().step_by(97).fold(start, |h, &s| mix(h, s.into())),
    }
}
