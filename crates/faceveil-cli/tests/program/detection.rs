//! `--detector`, `--model` and `--engine`: one detector in a level's place.

use std::fs;
use std::path::{Path, PathBuf};

use crate::sandbox::Sandbox;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn with_sample() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.put("a.jpg", &fs::read(repository().join("assets/sample.jpg")).unwrap());
    sandbox
}

#[test]
fn every_detector_finds_the_face_of_the_sample() {
    let sandbox = with_sample();
    for name in [
        "yunet",
        "yunet-s",
        "centerface",
        "ultraface",
        "blazeface-short",
        "blazeface-full",
        "blazeface-back",
        "retinaface",
    ] {
        let ran = sandbox.run(["detect", "a.jpg", "--detector", name]).exits(0);
        let faces = ran.json()[0]["faces"].as_array().unwrap().clone();
        // UltraFace sees a second, weaker one.
        let face = &faces[0];
        let side = |i: usize| face["box"][i].as_f64().unwrap();
        let (x, y) = ((side(0) + side(2)) / 2.0, (side(1) + side(3)) / 2.0);
        assert!((215.0..235.0).contains(&x) && (100.0..140.0).contains(&y), "{name}: {face}");
    }
}

#[test]
fn a_detector_hides_what_it_finds_and_a_journal_knows_it_from_a_level() {
    let sandbox = with_sample();
    let blur = |how: &[&str]| {
        sandbox.run([&["blur", "a.jpg", "-o", "out/", "--journal", "j", "--json"][..], how].concat())
    };
    let first = blur(&["--detector", "ultraface"]).exits(0);
    assert_eq!(first.json()[0]["status"], "ok");
    assert_ne!(sandbox.read("out/a.jpg"), sandbox.read("a.jpg"));
    assert_eq!(blur(&["--detector", "ultraface"]).exits(0).json()[0]["status"], "resumed");
    blur(&[]).exits(1).says("was done with other settings");
    blur(&["--detector", "yunet"]).exits(1).says("was done with other settings");
    blur(&["--detector", "ultraface", "--threshold", "0.9"]).exits(1).says("was done with other settings");
}

#[test]
fn a_model_of_the_users_looks_in_a_level_s_place() {
    let sandbox = with_sample();
    let models = repository().join("models");
    for (file, kind) in [
        ("yunet/yunet_n_dynamic.onnx", "yunet"),
        ("retinaface/retinaface_mobilenet0.25.onnx", "retinaface-1mb"),
        ("ultraface/version-RFB-320.onnx", "ultraface"),
        ("blazeface/face_detection_full_range.onnx", "blazeface"),
        ("centerface/centerface.onnx", "centerface"),
    ] {
        sandbox.put("m.onnx", &fs::read(models.join(file)).unwrap());
        let ran = sandbox.run(["detect", "a.jpg", "--model", "m.onnx", "--model-kind", kind]).exits(0);
        let faces = ran.json()[0]["faces"].as_array().unwrap().len();
        assert!((1..=2).contains(&faces), "{file}: {}", ran.text());
    }
    let ran = sandbox.run([
        "blur",
        "a.jpg",
        "-o",
        "b.jpg",
        "--model",
        "m.onnx",
        "--model-kind",
        "centerface",
        "--model-size",
        "320x320",
        "--model-threshold",
        "0.3",
        "--json",
    ]);
    assert_eq!(ran.exits(0).json()[0]["faces"], 1);
}

#[test]
fn a_model_that_does_not_fit_is_one_clear_line_and_nothing_is_written() {
    let sandbox = with_sample();
    let yunet = fs::read(repository().join("models/yunet/yunet_n_dynamic.onnx")).unwrap();
    sandbox.put("yunet.onnx", &yunet);
    sandbox.put("half.onnx", &yunet[..yunet.len() / 2]);
    sandbox.put("text.onnx", b"no model");
    sandbox.put("empty.onnx", b"");
    for (file, kind, want) in [
        ("yunet.onnx", "scrfd", "a scrfd model with an input of 320×320 has outputs N×1"),
        ("half.onnx", "yunet", "half.onnx: the file ends at byte"),
        ("text.onnx", "yunet", "text.onnx: "),
        ("empty.onnx", "yunet", "empty.onnx: the file holds no graph"),
    ] {
        let ran = sandbox.run(["blur", "a.jpg", "-o", "b.jpg", "--model", file, "--model-kind", kind]);
        let ran = ran.exits(1).says(want);
        assert_eq!((ran.stderr.lines().count(), ran.stderr.matches(file).count()), (1, 1), "{}", ran.stderr);
        assert!(!sandbox.exists("b.jpg"));
    }
}

#[test]
fn choices_that_do_not_fit_are_usage_errors() {
    let sandbox = with_sample();
    for (typed, want) in [
        (&["--level", "fast", "--detector", "yunet"][..], "--level and --detector exclude each other"),
        (&["--engine", "ort"], "--engine ort needs --detector or --model"),
        (&["--detector", "yunet", "--engine", "ort"], "--ort-library FILE or $ORT_DYLIB_PATH"),
        (&["--model", "gone.onnx", "--model-kind", "yunet"], "model gone.onnx: No such file"),
        (&["--threshold", "0.5"], "--threshold needs --detector or --model"),
    ] {
        for verb in [&["blur", "a.jpg", "-o", "b.jpg"][..], &["detect", "a.jpg"]] {
            sandbox.run([verb, typed].concat()).exits(3).says(want);
        }
    }
    let level = sandbox.command(crate::sandbox::PROGRAM);
    let ran = crate::sandbox::run(
        { level }.args(["detect", "a.jpg", "--level", "fast"]).env("FACEVEIL_DETECTOR", "ultraface"),
    );
    ran.exits(0);
}

#[test]
fn a_missing_runtime_is_one_clear_line() {
    let sandbox = with_sample();
    let ran = sandbox.run([
        "blur",
        "a.jpg",
        "-o",
        "b.jpg",
        "--detector",
        "yunet",
        "--engine",
        "ort",
        "--ort-library",
        "gone.so",
    ]);
    let ran = ran.exits(1).says("faceveil: yunet: ONNX Runtime at gone.so: No such file");
    assert_eq!((ran.stderr.lines().count(), ran.stderr.matches("gone.so").count()), (1, 1), "{}", ran.stderr);
    assert!(!sandbox.exists("b.jpg"));
}

#[test]
fn a_sidecar_names_the_detector_that_looked_and_is_rendered_without_it() {
    let sandbox = with_sample();
    let yunet = fs::read(repository().join("models/yunet/yunet_s_dynamic.onnx")).unwrap();
    sandbox.put("m/own.onnx", &yunet);
    let model = ["--model", "m/own.onnx", "--model-kind", "yunet"];
    for (how, name) in [(&["--detector", "yunet-s"][..], "yunet-s"), (&model, "own.onnx")] {
        let typed = [&["blur", "a.jpg", "-o", "b.jpg", "--sidecar", "--overwrite"][..], how].concat();
        sandbox.run(typed).exits(0);
        let file = sandbox.names("").into_iter().find(|n| n.starts_with("b.jpg.")).expect("a sidecar");
        let json: serde_json::Value = serde_json::from_slice(&sandbox.read(&file)).unwrap();
        assert_eq!(json["models"].as_array().unwrap().len(), 1, "{json}");
        assert_eq!(json["models"][0]["name"], name);
        let sha256 = "daede24002cc8590f457998cc5e6c9e8b82f45f6bd969506a8913cd4ed10a2d3";
        assert_eq!(json["models"][0]["sha256"], sha256);
        assert_eq!(json["settings"]["margin"], 1.5);
        let again = ["blur", "--from", &file, "-o", "again.jpg", "--overwrite"];
        sandbox.run([&again[..], how].concat()).exits(3).says("is for looking for faces");
        // In the environment they wait for a run that looks.
        let ran = crate::sandbox::run(
            sandbox
                .command(crate::sandbox::PROGRAM)
                .args(again)
                .env("FACEVEIL_MODEL", "gone.onnx")
                .env("FACEVEIL_MODEL_KIND", "yunet"),
        );
        ran.exits(0);
    }
}
