//! Runs the fuzz targets on stable: over the committed seeds, over their truncations, and over repeatable
//! mutations of them. `FACEVEIL_FUZZ_ROUNDS` sets how many mutations a seed gets.

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use faceveil_fuzz::{TARGETS, Target, kept, stripped};

const ROUNDS: u64 = 1_000;
/// Longer seeds are truncated at evenly spread places.
const TRUNCATIONS: usize = 100;

/// The files in a folder of seeds, by name.
fn seeds(folder: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus-seed").join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{}", folder.display());
    files.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ x >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((x ^ x >> 31) % limit.max(1) as u64) as usize
    }
}

/// Flips, sets, removes, inserts and repeats bytes of `seed`, or takes a piece of `other`.
fn mutate(seed: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    const TELLING: [u8; 8] = [0, 1, 0x7F, 0x80, 0xFF, b'\n', b'-', b'9'];
    let mut bytes = seed.to_vec();
    for _ in 0..1 + random.below(4) {
        let at = random.below(bytes.len());
        let length = 1 + random.below(8);
        match random.below(6) {
            _ if bytes.is_empty() => break,
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = TELLING[random.below(TELLING.len())],
            2 => drop(bytes.drain(at..(at + length).min(bytes.len()))),
            3 => bytes.insert(at, TELLING[random.below(TELLING.len())]),
            4 => {
                let piece = bytes[at..(at + length * 8).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let from = random.below(other.len());
                let piece = other[from..(from + length * 4).min(other.len())].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

/// Runs the target; a panic names the file to reproduce it with.
fn run(target: Target, case: &str, bytes: &[u8]) {
    if catch_unwind(|| (target.run)(bytes)).is_err() {
        let file = std::env::temp_dir().join(format!("faceveil-fuzz-{}", target.name));
        std::fs::write(&file, bytes).unwrap();
        panic!("{}, {case}: see above; the bytes are in {}", target.name, file.display());
    }
}

fn all(name: &str) {
    let target = *TARGETS.iter().find(|t| t.name == name).unwrap();
    let rounds = std::env::var("FACEVEIL_FUZZ_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(ROUNDS);
    let seeds = seeds(target.seeds);
    for (i, (path, seed)) in seeds.iter().enumerate() {
        let path = path.display();
        run(target, &format!("{path}"), seed);
        for n in 0..seed.len().min(TRUNCATIONS) {
            let length = n * seed.len() / seed.len().min(TRUNCATIONS);
            run(target, &format!("{length} bytes of {path}"), &seed[..length]);
        }
        for round in 0..rounds {
            let mut random = Random((i as u64) << 32 | round);
            let other = &seeds[random.below(seeds.len())].1;
            run(target, &format!("round {round} of {path}"), &mutate(seed, other, &mut random));
        }
    }
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                all(stringify!($name));
            }
        )*

        #[test]
        fn every_target_is_run() {
            assert_eq!(TARGETS.map(|t| t.name), [$(stringify!($name)),*]);
        }
    };
}

targets!(
    album annotations config decode gate heif inspect int8 journal keep model nut onnx probe request sidecar strip
    tflite video_sidecar y4m
);

/// A target that nothing reaches tests nothing: each picture must be encoded and searched, with the secret in
/// it and without.
#[test]
fn every_picture_is_searched_for_the_secret() {
    for (path, seed) in seeds("photo") {
        let searched: Vec<usize> = (0..16u8).map(|tail| stripped(&[&seed[..], &[tail]].concat())).collect();
        assert!(searched.contains(&24), "{}: {searched:?} files", path.display());
    }
}

/// All seeds that are JPEGs hold what can be kept, but for the one that cannot be turned without loss.
#[test]
fn every_jpeg_has_coefficients_to_keep() {
    for (path, seed) in seeds("photo").iter().filter(|(path, _)| path.extension() == Some("jpg".as_ref())) {
        assert_eq!(kept(seed), !path.ends_with("turned-profile.jpg"), "{}", path.display());
    }
}
