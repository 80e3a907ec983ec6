//! What of a video is shown on purpose: the contact sheet of what was hidden, and people who are left visible.

use std::path::{Path, PathBuf};

use crate::clips::{face, ffmpeg_or_skip, frame};
use crate::sandbox::{Sandbox, picture, portrait};

/// An embedder that research may use; says loudly what is skipped without one.
fn embedder(what: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("FACEVEIL_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = shared.join("models/mobilefacenet/MobileFaceNet.onnx");
    let there = path.is_file();
    if !there {
        eprintln!("\n*** SKIPPED: {what}: {} is not there ***\n", path.display());
    }
    there.then_some(path)
}

/// How much a face differs between two files at some seconds, on average.
fn apart(b: &Sandbox, files: [&str; 2], seconds: f32) -> i32 {
    let [was, is] = files.map(|file| frame(b, file, &seconds.to_string()));
    let (x, y) = (224.0 - 60.0 - 40.0 * seconds, 120.0 - 20.0 - 10.0 * seconds);
    let at = |dx: i32, dy: i32| {
        let (x, y) = ((x as i32 + dx) as u32, (y as i32 + dy) as u32);
        was.rgb8(x, y).iter().zip(is.rgb8(x, y)).map(|(a, b)| i32::from(a.abs_diff(b))).sum::<i32>()
    };
    (-30..30).flat_map(|dy| (-20..20).map(move |dx| (dx, dy))).map(|(dx, dy)| at(dx, dy)).sum::<i32>() / 2400
}

#[test]
fn the_contact_sheet_shows_tracks_as_they_are_hidden() {
    if !ffmpeg_or_skip("the contact sheet of a video") {
        return;
    }
    let b = Sandbox::new();
    face(&b);
    let args = ["blur", "in/face.mp4", "-o", "out.mp4", "--style", "solid", "--color", "ff0000"];
    b.run([&args[..], &["--preview", "sheet.png"]].concat()).exits(0).says("preview sheet.png: 1 regions");
    let sheet = picture(&b.read("sheet.png"));
    let red = (0..sheet.height())
        .flat_map(|y| (0..sheet.width()).map(move |x| (x, y)))
        .filter(|&(x, y)| matches!(sheet.rgb8(x, y), [230..=255, ..=30, ..=30]))
        .count();
    assert!((4_000..25_000).contains(&red), "{red} red pixels");
}

#[test]
fn somebody_is_left_visible_only_where_it_is_surely_them() {
    let Some(embedder) = embedder("people who stay visible") else { return };
    let embedder = embedder.to_str().unwrap();
    let b = Sandbox::new();
    b.put("me.jpg", &portrait());
    let keep = ["--keep", "me.jpg", "--embedder", embedder, "--embedder-pixels", "imagenet"];
    let blur = |input: &str, output: &str, more: &[&str]| {
        b.run([&["blur", input, "-o", output, "--json", "--overwrite"], more].concat()).exits(0).json()[0]
            .clone()
    };
    // It is not said where nobody is.
    let visible = |line: &serde_json::Value| line["visible"].as_u64().unwrap_or(0);
    assert_eq!(visible(&blur("me.jpg", "hidden.jpg", &[])), 0);
    let line = blur("me.jpg", "shown.jpg", &keep);
    assert_eq!((&line["faces"], visible(&line)), (&1.into(), 1), "{line}");
    assert_eq!(picture(&b.read("shown.jpg")).rgb8(224, 120), picture(&b.read("me.jpg")).rgb8(224, 120));
    // Nobody is that much like themselves in another picture, let alone somebody else.
    let strict = [&keep[..], &["--keep-above", "1"]].concat();
    b.put("mirrored.png", &mirrored());
    assert_eq!(visible(&blur("mirrored.png", "hidden.png", &strict)), 0);

    if !ffmpeg_or_skip("people who stay visible in videos") {
        return;
    }
    face(&b);
    let line = blur("in/face.mp4", "out.mp4", &keep);
    assert_eq!(visible(&line), 1, "{line}");
    assert!(apart(&b, ["in/face.mp4", "out.mp4"], 0.8) < 20, "in the middle they are seen");
    blur("in/face.mp4", "other.mp4", &strict);
    for seconds in [0.0, 0.8, 1.9] {
        assert!(apart(&b, ["in/face.mp4", "other.mp4"], seconds) > 25, "nobody is sure, so nobody is seen");
    }
}

/// The portrait from the other side.
fn mirrored() -> Vec<u8> {
    use faceveil_core::raster::{Color, Raster, Samples};
    let mut photo = faceveil_media::decode(&portrait(), &faceveil_media::Limits::default())
        .expect("the portrait is whole");
    let (width, height) = (photo.raster.width(), photo.raster.height());
    let pixels = (0..width * height).flat_map(|i| photo.raster.rgb8(width - 1 - i % width, i / width));
    photo.raster = Raster::new(width, height, Color::Rgb, Samples::U8(pixels.collect())).unwrap();
    let options = faceveil_media::EncodeOptions {
        format: Some(faceveil_media::Format::Png),
        keep_safe_metadata: false,
    };
    faceveil_media::encode(&photo, &options).unwrap()
}

#[test]
fn people_who_stay_visible_are_named_clearly_or_not_at_all() {
    let b = Sandbox::new();
    b.put("me.jpg", &portrait());
    b.put("nobody.jpg", &crate::sandbox::jpeg(64, 48, 1));
    b.put("no.onnx", b"no network");
    let run = |args: &[&str]| b.run([&["blur", "me.jpg", "-o", "out.jpg"], args].concat());
    run(&["--keep", "me.jpg"]).exits(3).says("--embedder");
    run(&["--keep", "me.jpg", "--embedder", "no.onnx"]).exits(3).says("no.onnx: ");
    run(&["--keep", "me.jpg", "--embedder", "none.onnx"]).exits(3).says("none.onnx: ");
    let Some(embedder) = embedder("pictures of nobody") else { return };
    let embedder = embedder.to_str().unwrap();
    run(&["--keep", "nobody.jpg", "--embedder", embedder]).exits(3).says("it shows 0 faces instead of one");
    run(&["--keep", "me.jpg", "--embedder", embedder, "--keep-above", "0.1"]).exits(3).says("0.3 to 1");
    assert!(!b.exists("out.jpg"));
}
