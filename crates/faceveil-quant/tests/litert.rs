//! Whole networks against LiteRT's reference kernels, bit by bit: the thesis's three and BlazeFace, from
//! `../../../shared/models` or what `FACEVEIL_SHARED` names, and what is exported of them, run by `tools/tflite_reference.py`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use faceveil_int8::model::FileBytes;
use faceveil_int8::{Input, Model, Prepared};
use faceveil_quant::network::IntNet;
use faceveil_quant::{Calibration, Observed, file, quantize, tflite};

struct Peers {
    python: PathBuf,
    models: PathBuf,
}

impl Peers {
    /// `None`, and a loud word, where the networks or LiteRT are missing.
    fn find(test: &str) -> Option<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python =
            env::var_os("FACEVEIL_PYTHON").map_or_else(|| here.join("../../.venv/bin/python"), PathBuf::from);
        let shared =
            env::var_os("FACEVEIL_SHARED").map_or_else(|| here.join("../../../shared"), PathBuf::from);
        let models = shared.join("models");
        if !models.is_dir() {
            eprintln!("SKIPPED: {test}: no folder {}", models.display());
            return None;
        }
        let mut probe = Command::new(&python);
        let works = probe
            .args(["-c", "import ai_edge_litert.interpreter"])
            .output()
            .is_ok_and(|o| o.status.success());
        if !works {
            eprintln!("SKIPPED: {test}: {} has no LiteRT (set FACEVEIL_PYTHON)", python.display());
            return None;
        }
        Some(Self { python, models })
    }

    /// The network in floats as LiteRT's own quantiser makes 8 bits of it, with the ranges of the inputs; `None`, and a loud
    /// word, where there is no such tool.
    fn quantised(&self, test: &str, float: &Path, inputs: &[Vec<i8>]) -> Option<Vec<u8>> {
        let mut probe = Command::new(&self.python);
        if !probe.args(["-c", "import ai_edge_quantizer"]).output().is_ok_and(|o| o.status.success()) {
            eprintln!("SKIPPED: {test}: {} has no ai-edge-quantizer", self.python.display());
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let [given, made] = ["given", "made"].map(|name| folder.path().join(name));
        fs::write(&given, inputs.iter().flatten().map(|&v| (v as u8) ^ 0x80).collect::<Vec<_>>()).unwrap();
        let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/quantise_tflite.py");
        let run = Command::new(&self.python).arg(tool).arg(float).args([&given, &made]).output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        Some(fs::read(&made).unwrap())
    }

    /// The bytes of all outputs for each of the inputs.
    fn outputs(&self, model: &[u8], inputs: &[Vec<i8>]) -> Vec<i8> {
        let folder = tempfile::tempdir().unwrap();
        let [net, given, made] = ["net.tflite", "given", "made"].map(|name| folder.path().join(name));
        fs::write(&net, model).unwrap();
        fs::write(&given, inputs.iter().flatten().map(|&v| v as u8).collect::<Vec<_>>()).unwrap();
        let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/tflite_reference.py");
        let run = Command::new(&self.python).arg(tool).args([&net, &given, &made]).output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        fs::read(&made).unwrap().iter().map(|&b| b as i8).collect()
    }
}

fn ours(net: &IntNet, inputs: &[Vec<i8>]) -> Vec<i8> {
    let file = FileBytes::new(&file::write(net).unwrap());
    let model = Model::parse(file.bytes()).unwrap();
    let prepared = Prepared::new(model).unwrap();
    let (mut arena, mut other) = (vec![0; model.arena_len()], vec![1; model.arena_len()]);
    let mut all = Vec::new();
    for values in inputs {
        model.run(Input::Values(values), &mut arena).unwrap();
        prepared.run(Input::Values(values), &mut other).unwrap();
        for n in 0..model.outputs() {
            assert!(model.read(n, &other) == model.read(n, &arena), "prepared, output {n} differs");
            all.extend_from_slice(model.read(n, &arena));
        }
    }
    all
}

/// Something with light, dark, edges and noise: `count` pictures of `side` × `side` × 3.
fn pictures(side: usize, count: usize) -> Vec<Vec<i8>> {
    let value = |n: usize, i: usize| {
        let (place, channel) = (i / 3, i % 3);
        let (x, y) = (place % side, place / side);
        let wave = ((x * (n + 2) / 9 + y * (channel + 1) / 7) % 97) as i32;
        let edge = if (x / 16 + y / 12 + n).is_multiple_of(3) { 90 } else { 0 };
        let noise = ((i * 2_654_435_761 + n * 40_503) >> 13 & 31) as i32;
        (wave + edge + noise - 110).clamp(-128, 127) as i8
    };
    (0..count).map(|n| (0..side * side * 3).map(|i| value(n, i)).collect()).collect()
}

fn assert_same(name: &str, got: &[i8], want: &[i8]) {
    assert_eq!(got.len(), want.len(), "{name}");
    let count = got.iter().zip(want).filter(|(g, w)| g != w).count();
    let first = got.iter().zip(want).position(|(g, w)| g != w);
    assert_eq!(count, 0, "{name}: of {} values, the first at {first:?}", want.len());
    let least = want.iter().min().zip(want.iter().max());
    assert!(least.is_some_and(|(a, b)| b > a), "{name}: all outputs are the same, which shows nothing");
}

#[test]
fn the_thesis_networks_give_the_bits_of_the_reference_kernels() {
    let Some(peers) = Peers::find("the_thesis_networks_give_the_bits_of_the_reference_kernels") else {
        return;
    };
    for name in ["studentv1", "studentv2", "teacher"] {
        let bytes = fs::read(peers.models.join(format!("thesis/{name}_int8.tflite"))).unwrap();
        let net = tflite::import::int8(&bytes).unwrap();
        let inputs = pictures(128, 1);
        let got = ours(&net, &inputs);
        assert_same(name, &got, &peers.outputs(&bytes, &inputs));
        let again = tflite::export::int8(&net, name).unwrap();
        assert_same(&format!("{name}, exported"), &got, &peers.outputs(&again, &inputs));
    }
}

#[test]
fn blazeface_is_quantised_and_gives_the_bits_of_the_reference_kernels() {
    let Some(peers) = Peers::find("blazeface_is_quantised_and_gives_the_bits_of_the_reference_kernels")
    else {
        return;
    };
    let bytes = fs::read(peers.models.join("blazeface/face_detection_short_range.tflite")).unwrap();
    let float = tflite::import::float(&bytes).unwrap();
    let inputs = pictures(128, 3);
    let values = |p: &Vec<i8>| p.iter().map(|&v| (f32::from(v) + 128.0) / 255.0).collect::<Vec<_>>();
    let observed = Observed::of(&float, &inputs.iter().map(values).collect::<Vec<_>>()).unwrap();
    let net = quantize(&float, &observed.ranges(&float, Calibration::MinMax), None, None).unwrap();
    let got = ours(&net, &inputs);
    let exported = tflite::export::int8(&net, "blazeface").unwrap();
    assert_same("blazeface", &got, &peers.outputs(&exported, &inputs));
    assert_same("blazeface, imported", &ours(&tflite::import::int8(&exported).unwrap(), &inputs), &got);
    // The integers mean what the floats said: the mean error of the scores is small beside their spread.
    let wanted = float.run(&values(&inputs[0]), &mut |_, _| {}).unwrap();
    let lens: Vec<usize> = wanted.iter().map(Vec::len).collect();
    for (n, want) in wanted.iter().enumerate() {
        let start: usize = lens[..n].iter().sum();
        let quant = net.quants[net.network.outputs[n]];
        let errors = want.iter().zip(&got[start..]).map(|(w, &g)| f64::from((quant.value(g) - w).abs()));
        let mean = errors.sum::<f64>() / want.len() as f64;
        let spread = want.iter().fold(0f32, |m, v| m.max(v.abs()));
        assert!(mean < 0.05 * f64::from(spread), "output {n}: mean error {mean}, largest value {spread}");
    }
}

#[test]
fn blazeface_that_others_quantised_gives_the_bits_of_the_reference_kernels() {
    let test = "blazeface_that_others_quantised_gives_the_bits_of_the_reference_kernels";
    let Some(peers) = Peers::find(test) else { return };
    let float = peers.models.join("blazeface/face_detection_short_range.tflite");
    let inputs = pictures(128, 3);
    let Some(bytes) = peers.quantised(test, &float, &inputs) else { return };
    let net = tflite::import::int8(&bytes).unwrap();
    let got = ours(&net, &inputs);
    assert_same("blazeface", &got, &peers.outputs(&bytes, &inputs));
    let again = tflite::export::int8(&net, "blazeface").unwrap();
    assert_same("blazeface, exported", &got, &peers.outputs(&again, &inputs));
}
