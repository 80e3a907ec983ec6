//! Which units' pixels are no longer what was decoded.

use faceveil_core::raster::{Raster, Samples};
use std::hash::BuildHasher;

/// A fingerprint of each unit's pixels, so that a change is seen without a copy of the picture.
///
/// It is the hash NH (Black et al., UMAC, CRYPTO 1999) of 64-bit words with random keys: for any two
/// different contents, the chance that they have one fingerprint is at most 2^-64, whoever chose
/// them.
#[derive(Clone, Debug)]
pub(super) struct Fingerprints {
    /// Pixels of a unit.
    unit: (usize, usize),
    keys: Vec<[u64; 2]>,
    prints: Vec<u128>,
}

/// Bytes that two words hold.
const PAIR: usize = 16;

impl Fingerprints {
    /// Of units of `unit` pixels, across and down; `None` for samples of 16 bits.
    pub fn new(raster: &Raster, unit: (usize, usize)) -> Option<Self> {
        let pairs = unit.1 * (unit.0 * raster.color().channels()).div_ceil(PAIR);
        let random = std::hash::RandomState::new();
        let keys = (0..pairs).map(|i| [random.hash_one(2 * i), random.hash_one(2 * i + 1)]).collect();
        let mut new = Self { unit, keys, prints: Vec::new() };
        new.prints = new.of(raster)?;
        Some(new)
    }

    /// By unit, row by row, whether its pixels differ from those at first. The size and kind of the
    /// raster must be the same.
    pub fn changed(&self, raster: &Raster) -> Option<Vec<bool>> {
        let prints = self.of(raster)?;
        Some(prints.iter().zip(&self.prints).map(|(a, b)| a != b).collect())
    }

    fn of(&self, raster: &Raster) -> Option<Vec<u128>> {
        let Samples::U8(samples) = raster.samples() else { return None };
        let channels = raster.color().channels();
        let (width, height) = (raster.width() as usize, raster.height() as usize);
        let across = width.div_ceil(self.unit.0);
        let mut prints = vec![0u128; across * height.div_ceil(self.unit.1)];
        let pairs = (self.unit.0 * channels).div_ceil(PAIR);
        for (y, row) in samples.chunks_exact(width * channels).enumerate() {
            let keys = &self.keys[y % self.unit.1 * pairs..][..pairs];
            let prints = &mut prints[y / self.unit.1 * across..][..across];
            for (bytes, print) in row.chunks(self.unit.0 * channels).zip(prints) {
                *print = print.wrapping_add(digest(bytes, keys));
            }
        }
        Some(prints)
    }
}

/// The sum over pairs of words of the product of both, each with its key added.
#[inline]
fn digest(bytes: &[u8], keys: &[[u64; 2]]) -> u128 {
    let (pairs, rest) = bytes.as_chunks::<PAIR>();
    let mut sum = 0u128;
    for (pair, key) in pairs.iter().zip(keys) {
        sum = sum.wrapping_add(product(pair, key));
    }
    if let (false, Some(key)) = (rest.is_empty(), keys.get(pairs.len())) {
        let mut last = [0; PAIR];
        last[..rest.len()].copy_from_slice(rest);
        sum = sum.wrapping_add(product(&last, key));
    }
    sum
}

#[inline]
fn product(pair: &[u8; PAIR], key: &[u64; 2]) -> u128 {
    let both = u128::from_le_bytes(*pair);
    let (low, high) = (both as u64, (both >> 64) as u64);
    u128::from(low.wrapping_add(key[0])) * u128::from(high.wrapping_add(key[1]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use faceveil_core::raster::{Color, SamplesMut};

    /// One level more or less in one sample, wherever it is, is seen in its unit and in no other.
    #[test]
    fn the_smallest_change_is_seen() {
        for (color, unit, (width, height)) in [
            (Color::Gray, (8, 8), (19, 11)),
            (Color::Rgb, (8, 8), (24, 16)),
            (Color::Rgb, (16, 16), (37, 21)),
            (Color::Cmyk, (32, 8), (40, 9)),
        ] {
            let n = (width * height) as usize * color.channels();
            let samples = (0..n).map(|i| (i * 7 % 251) as u8).collect();
            let mut raster = Raster::new(width, height, color, Samples::U8(samples)).unwrap();
            let prints = Fingerprints::new(&raster, unit).unwrap();
            assert!(!prints.changed(&raster).unwrap().contains(&true), "{color:?}");
            for i in 0..n {
                let change = |raster: &mut Raster, by: u8| {
                    let SamplesMut::U8(samples) = raster.samples_mut() else { panic!("8 bits") };
                    samples[i] = samples[i].wrapping_add(by);
                };
                change(&mut raster, 1);
                let pixel = i / color.channels();
                let (x, y) = (pixel % width as usize / unit.0, pixel / width as usize / unit.1);
                let want = y * (width as usize).div_ceil(unit.0) + x;
                let changed = prints.changed(&raster).unwrap();
                let seen: Vec<usize> = (0..changed.len()).filter(|&u| changed[u]).collect();
                assert_eq!(seen, [want], "{color:?} sample {i}");
                change(&mut raster, 255);
            }
        }
    }
}
