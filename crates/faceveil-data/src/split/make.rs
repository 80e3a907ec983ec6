//! How the lists of [`super`] were made. Run once by the example `make_split`; kept so that a test
//! can show that the committed lists are what this code gives.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use sha2::{Digest, Sha256};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::Set;
use crate::dataset::{image_path, image_root};

/// Pictures at this Hamming distance or nearer count as near-duplicates.
const NEAR: u32 = 6;

/// Why the split cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MakeError {
    /// A file or folder cannot be read.
    #[error("{}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A picture is not a JPEG that can be decoded.
    #[error("{}: {text}", path.display())]
    Decode {
        /// The picture.
        path: PathBuf,
        /// The decoder's words.
        text: String,
    },
}

/// The names of a set's tune part and report part, each sorted. `faces` is the folder that holds
/// the sets.
///
/// By group: near-duplicates (connected components of [`dhash`] distance at most 6) stay together;
/// groups are taken in the order of the SHA-256 of their smallest name, and each goes to the part
/// that is behind its share.
///
/// # Errors
/// [`MakeError`] if a list or a picture cannot be read.
pub fn make(faces: &Path, set: Set) -> Result<[Vec<String>; 2], MakeError> {
    let mut parts = match set {
        Set::Fddb => [folds(faces, 1..=6)?, folds(faces, 7..=8)?],
        Set::YoutubeKeypoints => [stems(faces, set, "training")?, stems(faces, set, "test")?],
        Set::MasksVoc | Set::WiderYolo | Set::Utkface => by_group(faces, set, &[""], [1, 1])?,
        Set::Negatives => by_group(faces, set, &["bsds500", "imagenet", "imagenet_hard"], [2, 1])?,
    };
    parts.iter_mut().for_each(|names| names.sort_unstable());
    Ok(parts)
}

/// The masked pictures that are held out from training: groups of the report part, in the order of the SHA-256 of their
/// smallest name, until they are a fifth of all.
///
/// # Errors
/// [`MakeError`] if a picture cannot be read.
pub fn lab_masks(faces: &Path) -> Result<Vec<String>, MakeError> {
    let hashed = hashes(faces, Set::MasksVoc, &[""])?;
    let report = super::names(Set::MasksVoc, super::Part::Report);
    let mut held_out = Vec::new();
    for group in ordered_groups(&hashed) {
        if held_out.len() * 5 < hashed.len() && report.contains(&group[0]) {
            held_out.extend(group.iter().map(|&name| name.to_owned()));
        }
    }
    held_out.sort_unstable();
    Ok(held_out)
}

fn folds(faces: &Path, which: std::ops::RangeInclusive<u8>) -> Result<Vec<String>, MakeError> {
    let mut names = Vec::new();
    for fold in which {
        let path = faces.join(format!("fddb/FDDB-folds/FDDB-fold-{fold:02}.txt"));
        let text = fs::read_to_string(&path).map_err(|source| MakeError::Io { path, source })?;
        names.extend(text.lines().map(str::trim).filter(|n| !n.is_empty()).map(str::to_owned));
    }
    Ok(names)
}

/// Names of the JPEG files right in `folder`, `folder/` in front.
fn stems(faces: &Path, set: Set, folder: &str) -> Result<Vec<String>, MakeError> {
    let path = image_root(faces, set).join(folder);
    let list = || -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&path)? {
            let file = entry?.file_name();
            if let Some(stem) = file.to_str().and_then(|f| f.strip_suffix(".jpg")) {
                names.push(if folder.is_empty() { stem.to_owned() } else { format!("{folder}/{stem}") });
            }
        }
        names.sort_unstable();
        Ok(names)
    };
    list().map_err(|source| MakeError::Io { path: path.clone(), source })
}

/// Each folder is divided `share[0] : share[1]`; a group counts for its smallest name's folder.
fn by_group(
    faces: &Path,
    set: Set,
    folders: &[&str],
    share: [usize; 2],
) -> Result<[Vec<String>; 2], MakeError> {
    let hashed = hashes(faces, set, folders)?;
    let groups = ordered_groups(&hashed);
    let mut sizes: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    let mut parts = [Vec::new(), Vec::new()];
    for group in &groups {
        let folder = group[0].rsplit_once('/').map_or("", |(folder, _)| folder);
        let size = sizes.entry(folder).or_default();
        let to = usize::from(size[0] * share[1] > size[1] * share[0]);
        size[to] += group.len();
        parts[to].extend(group.iter().map(|&name| name.to_owned()));
    }
    Ok(parts)
}

fn hashes(faces: &Path, set: Set, folders: &[&str]) -> Result<BTreeMap<String, u64>, MakeError> {
    let mut hashed = BTreeMap::new();
    for folder in folders {
        for name in stems(faces, set, folder)? {
            let hash = dhash_of(&image_path(faces, set, &name))?;
            hashed.insert(name, hash);
        }
    }
    Ok(hashed)
}

/// [`groups`] in the order of the SHA-256 of their smallest name.
fn ordered_groups(hashed: &BTreeMap<String, u64>) -> Vec<Vec<&str>> {
    let mut groups = groups(hashed);
    groups.sort_by_key(|group| <[u8; 32]>::from(Sha256::digest(group[0].as_bytes())));
    groups
}

/// Connected components of "nearer than [`NEAR`]", each sorted.
fn groups(hashed: &BTreeMap<String, u64>) -> Vec<Vec<&str>> {
    let all: Vec<(&str, u64)> = hashed.iter().map(|(name, hash)| (name.as_str(), *hash)).collect();
    let (mut seen, mut groups) = (vec![false; all.len()], Vec::new());
    for first in 0..all.len() {
        if seen[first] {
            continue;
        }
        seen[first] = true;
        let (mut group, mut open) = (Vec::new(), vec![first]);
        while let Some(at) = open.pop() {
            group.push(all[at].0);
            for other in first + 1..all.len() {
                if !seen[other] && (all[at].1 ^ all[other].1).count_ones() <= NEAR {
                    seen[other] = true;
                    open.push(other);
                }
            }
        }
        group.sort_unstable();
        groups.push(group);
    }
    groups
}

fn dhash_of(path: &Path) -> Result<u64, MakeError> {
    let bytes = fs::read(path).map_err(|source| MakeError::Io { path: path.to_owned(), source })?;
    let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&bytes), options);
    let wrong = |text: String| MakeError::Decode { path: path.to_owned(), text };
    let pixels = decoder.decode().map_err(|e| wrong(e.to_string()))?;
    let (width, height) = decoder.dimensions().ok_or_else(|| wrong("no size".to_owned()))?;
    Ok(dhash(&pixels, width, height))
}

/// Difference hash: the picture in grey (299 red + 587 green + 114 blue) averaged over 9 × 8 equal
/// cells; bit `8 · row + column` says that a cell is brighter than its neighbour on the left.
/// Exact integer arithmetic. `rgb` holds `width * height * 3` samples; missing ones count as 0.
pub fn dhash(rgb: &[u8], width: usize, height: usize) -> u64 {
    let mut cells = [[0u64; 9]; 8];
    for (y, row) in rgb.chunks_exact(3 * width.max(1)).take(height).enumerate() {
        for (x, pixel) in row.chunks_exact(3).enumerate() {
            let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(u64::from);
            let grey = 299 * r + 587 * g + 114 * b;
            for (cell_y, high) in overlaps(y, height, 8) {
                for (cell_x, wide) in overlaps(x, width, 9) {
                    cells[cell_y][cell_x] += grey * wide * high;
                }
            }
        }
    }
    let bits = cells.iter().flat_map(|row| row.windows(2).map(|pair| pair[1] > pair[0]));
    bits.enumerate().fold(0, |hash, (at, bit)| hash | u64::from(bit) << at)
}

/// The cells that pixel `at` of `len` touches when `len` is cut in `cells` equal parts, with the
/// overlap's length in units of 1 / `cells` pixel.
fn overlaps(at: usize, len: usize, cells: usize) -> impl Iterator<Item = (usize, u64)> {
    let (from, to) = (at * cells, (at + 1) * cells);
    (from / len..=(to - 1) / len).map(move |cell| {
        let overlap = to.min((cell + 1) * len) - from.max(cell * len);
        (cell, overlap as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(width: usize, height: usize, level: impl Fn(usize, usize) -> u8) -> Vec<u8> {
        (0..width * height).flat_map(|i| [level(i % width, i / width); 3]).collect()
    }

    #[test]
    fn dhash_says_where_it_gets_brighter() {
        for (width, height) in [(9, 8), (90, 80), (100, 37), (5, 3)] {
            let rising = dhash(&grey(width, height, |x, _| (x * 2) as u8), width, height);
            let falling = dhash(&grey(width, height, |x, _| 255 - (x * 2) as u8), width, height);
            assert_eq!(falling, 0, "{width}×{height}");
            assert!(rising == u64::MAX || width < 9, "{width}×{height}: {rising:x}");
        }
        let one = dhash(&grey(9, 8, |x, y| u8::from((x, y) == (3, 1)) * 9), 9, 8);
        assert_eq!(one, 1 << (8 + 2));
    }

    #[test]
    fn overlaps_add_up() {
        for (len, cells) in [(9, 9), (10, 9), (3, 8), (1, 9), (417, 8)] {
            let mut sums = vec![0; cells];
            for at in 0..len {
                overlaps(at, len, cells).for_each(|(cell, n)| sums[cell] += n);
            }
            assert!(sums.iter().all(|&n| n == len as u64), "{len} in {cells}: {sums:?}");
        }
    }

    #[test]
    fn groups_join_over_a_chain() {
        let hashed = [("a", 0u64), ("b", 0xFFFF << 40), ("c", 0b11_1111), ("d", 0xFFF)];
        let hashed = hashed.into_iter().map(|(name, hash)| (name.to_owned(), hash)).collect();
        assert_eq!(groups(&hashed), [vec!["a", "c", "d"], vec!["b"]]);
    }
}
