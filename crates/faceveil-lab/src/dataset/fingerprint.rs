//! What a picture is recognised by: its bytes, and what it looks like.

use faceveil_data::split::make::dhash;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::picture::Picture;

/// A difference hash each way: small changes of a picture change few bits of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Look {
    /// Bits that say where it gets brighter to the right.
    #[serde(with = "hexadecimal")]
    pub across: u64,
    /// Bits that say where it gets brighter downwards.
    #[serde(with = "hexadecimal")]
    pub down: u64,
}

impl Look {
    /// Of a picture; a large one is looked at shrunk, which takes a tenth of the time.
    pub fn of(picture: &Picture) -> Self {
        const LARGE: u32 = 400;
        let long = picture.width().max(picture.height());
        let side = |n: u32| (u64::from(n) * u64::from(LARGE) / u64::from(long)).max(1) as u32;
        let small = if long > LARGE {
            picture.resized(side(picture.width()), side(picture.height())).ok()
        } else {
            None
        };
        let picture = small.as_ref().unwrap_or(picture);
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let pixels = picture.pixels().as_chunks::<3>().0;
        // Turned over its main diagonal, down becomes across.
        let turned: Vec<u8> =
            (0..width).flat_map(|x| (0..height).flat_map(move |y| pixels[y * width + x])).collect();
        Self { across: dhash(picture.pixels(), width, height), down: dhash(&turned, height, width) }
    }

    /// The look of the picture with left for right, up to neighbouring cells of equal brightness.
    pub fn mirrored(self) -> Self {
        // Each byte of `across` is a row: its order turns around, and so does the direction of each step.
        let across = !u64::from_le_bytes(self.across.to_le_bytes().map(u8::reverse_bits));
        // Each byte of `down` is a column.
        let down = u64::from_le_bytes({
            let mut columns = self.down.to_le_bytes();
            columns.reverse();
            columns
        });
        Self { across, down }
    }
}

mod hexadecimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(bits: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format!("{bits:016x}"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        u64::from_str_radix(&text, 16).map_err(D::Error::custom)
    }
}

/// SHA-256 in hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A number for `name` that a seed decides: what an order that means nothing is made of.
pub fn key(seed: u64, name: &str) -> u64 {
    let digest = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(name.as_bytes()).finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32) -> Picture {
        let level = |x: u32, y: u32| {
            let wave = (x as f64 / width as f64 * 9.0).sin()
                + (y as f64 / height as f64 * 7.0 + x as f64 / width as f64 * 3.0).cos();
            (127.0 + 60.0 * wave) as u8
        };
        let pixels = (0..width * height).flat_map(|i| [level(i % width, i / width); 3]);
        Picture::new(width, height, pixels.collect()).unwrap()
    }

    fn apart(a: Look, b: Look) -> (u32, u32) {
        ((a.across ^ b.across).count_ones(), (a.down ^ b.down).count_ones())
    }

    #[test]
    fn another_size_looks_the_same_and_a_mirrored_picture_as_foretold() {
        let look = Look::of(&picture(180, 160));
        for (width, height) in [(320, 90), (2000, 1500), (399, 1200)] {
            let (across, down) = apart(look, Look::of(&picture(width, height)));
            assert!(across <= 2 && down <= 2, "{width}×{height}: {across} {down}");
        }
        let flipped: Vec<u8> = picture(180, 160)
            .pixels()
            .chunks_exact(180 * 3)
            .flat_map(|row| row.as_chunks::<3>().0.iter().rev().flatten().copied().collect::<Vec<u8>>())
            .collect();
        let flipped = Look::of(&Picture::new(180, 160, flipped).unwrap());
        let (across, down) = apart(look.mirrored(), flipped);
        assert!(across <= 3 && down <= 3, "{across} {down}");
        let (across, down) = apart(look, flipped);
        assert!(across > 10, "{across} {down}");
        assert_eq!(look.mirrored().mirrored(), look);
    }

    #[test]
    fn looks_are_written_in_hexadecimal() {
        let look = Look { across: u64::MAX, down: 5 };
        let text = serde_json::to_string(&look).unwrap();
        assert_eq!(text, r#"{"across":"ffffffffffffffff","down":"0000000000000005"}"#);
        assert_eq!(serde_json::from_str::<Look>(&text).unwrap(), look);
        assert!(serde_json::from_str::<Look>(r#"{"across":"x","down":"0"}"#).is_err());
    }
}
