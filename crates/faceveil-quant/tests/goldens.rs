//! Holds the importer, the plan and the kernels to LiteRT's reference kernels, bit by bit: small networks, one an
//! operation, and their outputs, written by `tools/tflite_goldens.py`.

use std::fs;
use std::path::{Path, PathBuf};

use faceveil_int8::model::FileBytes;
use faceveil_int8::{Frame, Input, Model, PixelFormat};
use faceveil_quant::network::IntNet;
use faceveil_quant::{file, tflite};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens")
}

/// All outputs of `net`, one after the other. A network that reads frames is shown the values as bytes.
fn run(net: &IntNet, values: &[i8]) -> Vec<i8> {
    let bytes = FileBytes::new(&file::write(net).expect("it can be written"));
    let model = Model::parse(bytes.bytes()).expect("it was just written");
    // What the arena held before must not matter.
    let mut arena = vec![0x55; model.arena_len()];
    let input = model.input();
    let pixels: Vec<u8> = values.iter().map(|&v| (v as u8) ^ 0x80).collect();
    let frame =
        Frame { format: PixelFormat::Rgb888, width: input.width, height: input.height, bytes: &pixels };
    if model.run(Input::Values(values), &mut arena).is_err() {
        model.run(Input::Frame(frame), &mut arena).expect("it takes values or frames");
    }
    (0..model.outputs()).flat_map(|n| model.read(n, &arena).to_vec()).collect()
}

fn cases() -> Vec<(String, Vec<u8>, Vec<i8>)> {
    let mut cases = Vec::new();
    for entry in fs::read_dir(folder()).expect("the folder is there") {
        let path = entry.expect("it can be listed").path();
        if path.extension().is_some_and(|e| e == "tflite") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let bytes = fs::read(&path).expect("the network is there");
            let golden = fs::read(path.with_extension("bin")).expect("its values are there");
            cases.push((name, bytes, golden.iter().map(|&b| b as i8).collect()));
        }
    }
    assert!(cases.len() >= 16, "{} networks", cases.len());
    cases
}

fn differences(got: &[i8], want: &[i8]) -> Option<String> {
    assert_eq!(got.len(), want.len());
    let count = got.iter().zip(want).filter(|(g, w)| g != w).count();
    let first = got.iter().zip(want).position(|(g, w)| g != w)?;
    Some(format!(
        "{count} of {} values, the first at {first}: got {}, want {}",
        want.len(),
        got[first],
        want[first]
    ))
}

#[test]
fn every_operation_gives_the_bits_of_the_reference_kernels() {
    let mut wrong = Vec::new();
    for (name, bytes, golden) in cases() {
        let net = tflite::import::int8(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        let (input, want) = golden.split_at(net.network.nodes[0].shape.len());
        if let Some(d) = differences(&run(&net, input), want) {
            wrong.push(format!("{name}: {d}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_exported_and_read_again_is_the_same_network() {
    for (name, bytes, golden) in cases() {
        let net = tflite::import::int8(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        let again = tflite::export::int8(&net, &name).and_then(|b| tflite::import::int8(&b));
        let again = again.unwrap_or_else(|e| panic!("{name}: {e}"));
        let (input, want) = golden.split_at(net.network.nodes[0].shape.len());
        assert_eq!(differences(&run(&again, input), want), None, "{name}");
    }
}

#[test]
fn beginnings_of_files_are_refused() {
    let (_, tflite, _) = cases().swap_remove(0);
    for n in 0..tflite.len() {
        let _ = tflite::import::int8(&tflite[..n]);
    }
    let net = tflite::import::int8(&tflite).expect("the whole one is read");
    let good = file::write(&net).expect("it can be written");
    for n in 0..good.len() {
        let cut = FileBytes::new(&good[..n]);
        assert!(Model::parse(cut.bytes()).is_err(), "{n} bytes of {}", good.len());
    }
}
