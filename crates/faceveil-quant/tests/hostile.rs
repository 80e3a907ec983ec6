//! Damaged files of both kinds: refused, or run to the end; never a panic. The fuzz targets `int8` and `tflite` go on
//! from here.

use std::fs;
use std::path::Path;

use faceveil_int8::model::FileBytes;
use faceveil_int8::{Frame, Input, Model, PixelFormat, RunError};
use faceveil_quant::{file, tflite};

/// Larger networks than these are parsed only.
const MOST_ARENA: usize = 1 << 18;
const MOST_MACS: u64 = 1 << 20;

fn networks() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens");
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "tflite") {
            all.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    all.sort();
    all
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// One to three bytes changed, telling values among them, or some cut out.
fn damaged(good: &[u8], random: &mut Random, within: usize) -> Vec<u8> {
    const TELLING: [u8; 7] = [0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF];
    let mut bytes = good.to_vec();
    for _ in 0..1 + random.below(3) {
        let at = random.below(within.min(bytes.len()));
        match random.below(4) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.below(256) as u8,
            _ => bytes[at] = TELLING[random.below(TELLING.len())],
        }
    }
    bytes
}

/// Gives whether the file was read.
fn parse_and_run(bytes: &[u8]) -> bool {
    let file = FileBytes::new(bytes);
    let Ok(model) = Model::parse(file.bytes()) else { return false };
    let input = model.input();
    if model.arena_len() > MOST_ARENA || model.macs() > MOST_MACS || input.len() > MOST_ARENA {
        return true;
    }
    let mut arena = vec![-86; model.arena_len()];
    let (values, pixels) = (vec![5; input.len()], vec![200; 3 * input.places()]);
    let frame =
        Frame { format: PixelFormat::Rgb888, width: input.width, height: input.height, bytes: &pixels };
    for input in [Input::Values(&values), Input::Frame(frame)] {
        match model.run(input, &mut arena) {
            Ok(_) | Err(RunError::Kind) => {}
            Err(e) => panic!("what was parsed does not run: {e}"),
        }
    }
    true
}

#[test]
fn damaged_files_of_ours_are_refused_or_run() {
    let mut random = Random(1);
    let mut read = [0; 2];
    for (name, tflite) in networks() {
        let net = tflite::import::int8(&tflite).unwrap_or_else(|e| panic!("{name}: {e}"));
        let good = file::write(&net).unwrap();
        assert!(parse_and_run(&good), "{name}");
        // The header, tensors and steps are what decides.
        for round in 0..2000 {
            let within = if round % 4 == 0 { good.len() } else { 700 };
            read[usize::from(parse_and_run(&damaged(&good, &mut random, within)))] += 1;
        }
    }
    assert!(read[0] > 1000 && read[1] > 1000, "{read:?} refused and read");
}

#[test]
fn damaged_tflite_files_are_refused_or_written_in_our_form() {
    let mut random = Random(2);
    let mut read = [0; 2];
    for (_, good) in networks() {
        for _ in 0..2000 {
            let bytes = damaged(&good, &mut random, good.len());
            let _ = tflite::import::float(&bytes);
            let net = tflite::import::int8(&bytes);
            read[usize::from(net.is_ok())] += 1;
            let Ok(net) = net else { continue };
            let Ok(written) = file::write(&net) else { continue };
            assert!(parse_and_run(&written));
            let exported = tflite::export::int8(&net, "again").unwrap();
            assert!(tflite::import::int8(&exported).is_ok());
        }
    }
    assert!(read[0] > 1000 && read[1] > 1000, "{read:?} refused and read");
}
