//! The program's own files: its configuration, its journal and its sidecars.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;

use faceveil_cli::args::BlurArgs;
use faceveil_cli::choices::Choices;
use faceveil_cli::journal::{Journal, Known, Stamp};
use faceveil_cli::people::Pixels;
use faceveil_cli::plan::BlurPlan;
use faceveil_cli::review::http::{MAX_BODY, MAX_HEAD, parse_head};
use faceveil_cli::sidecar::Sidecar;
use faceveil_core::raster::{Color, Raster, Samples};
use faceveil_core::redact::{SeededNoise, Style, redact};

/// A configuration gives choices or an error, and choices give a plan within its ranges or an error; the same
/// words from the environment likewise.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = Choices::from_env(|variable| from_lines(text, variable));
    let Ok(choices) = Choices::from_toml(text) else { return };
    // As text, because NaN is a number in TOML and not equal to itself.
    let words = |choices: &Choices| format!("{choices:?}");
    assert_eq!(words(&choices.clone().over(Choices::default())), words(&choices));
    assert_eq!(words(&Choices::default().over(choices.clone())), words(&choices));
    // An overlay may be any file of the machine, which a fuzzer should not open.
    if choices.overlay.is_some() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("config.toml");
    std::fs::write(&file, text).expect("a temporary file");
    assert_eq!(Choices::from_file(&file).ok().as_ref().map(words), Some(words(&choices)));
    let args = BlurArgs {
        start: None,
        thumbnails: false,
        end: None,
        inputs: vec![folder.path().join("in.jpg")],
        output: folder.path().join("out.jpg"),
        choices: Choices::default(),
        keep: Vec::new(),
        embedder: None,
        embedder_pixels: Pixels::Arcface,
        keep_above: 0.5,
        resume: false,
        part_frames: 250,
        dry_run: true,
        journal: None,
        from: Vec::new(),
        preview: None,
        config: Some(file),
        timings: false,
    };
    if let Ok(plan) = BlurPlan::new(args, &|_: &str| None) {
        assert!(plan.jobs >= 1 && plan.limits.max_pixels >= 1, "{plan:?}");
        assert_eq!(plan.recipe.fingerprint.len(), 64, "{}", plan.recipe.fingerprint);
        let shares = [choices.margin, choices.feather];
        assert!(shares.iter().flatten().all(|share| share.is_finite()), "{choices:?}");
    }
}

/// The line `name = value` for the variable `FACEVEIL_NAME`, without quotes.
fn from_lines(text: &str, variable: &str) -> Option<OsString> {
    let name = variable.strip_prefix("FACEVEIL_")?.to_lowercase().replace('_', "-");
    let value = text.lines().find_map(|line| line.strip_prefix(&*name)?.trim_start().strip_prefix('='))?;
    // The system hands over no value with a zero byte.
    Some(value.trim().trim_matches('"').replace('\0', "").into())
}

/// A file that is not a journal stays as it is; one that is keeps its whole lines, takes another, and can be
/// opened again.
pub fn journal(bytes: &[u8]) {
    const SETTINGS: &str = "settings";
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("journal");
    std::fs::write(&path, bytes).expect("a temporary file");
    let readable = Journal::peek(&path).is_ok();
    let opened = Journal::open(&path);
    assert_eq!(opened.is_ok(), readable, "peeking and opening disagree");
    let Ok(journal) = opened else {
        assert!(content(&path) == bytes, "a file that is no journal was changed");
        return;
    };
    let whole = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
    assert!(content(&path).starts_with(&bytes[..whole]), "whole lines were lost");

    let (input, output) = (folder.path().join("in.jpg"), folder.path().join("out.jpg"));
    std::fs::write(&output, b"out").expect("a temporary file");
    let stamp = Stamp { size: 1, mtime_ns: -1 };
    let mut entry = journal.entry(&input, &stamp, &output, SETTINGS, b"out", 3).expect("absolute paths");
    entry.durable = true;
    journal.add(&entry).expect("a temporary file takes a line");
    drop(journal);
    let again = Journal::open(&path).expect("what we wrote can be read");
    assert_eq!(again.look_up(&input, &stamp, &output, SETTINGS), Known::Done { faces: 3 });
}

/// A sidecar that is believed is written and read again as it was, names no face without a region, and its
/// regions can be hidden.
pub fn sidecar(bytes: &[u8]) {
    let Ok(sidecar) = Sidecar::parse(bytes) else { return };
    let json = sidecar.to_json().expect("what was read can be written");
    let again = Sidecar::parse(&json).expect("what was written can be read");
    assert_eq!(again.to_json().expect("what was read can be written"), json);
    for face in &sidecar.faces {
        assert!(sidecar.regions.iter().any(|r| r.face.as_ref() == Some(&face.id)), "{face:?}");
    }
    let pages: BTreeSet<u32> = sidecar.regions.iter().map(|r| r.page).collect();
    for page in pages {
        let size = sidecar.size_of(page).expect("a region lies on a page that there is");
        let [width, height] = size.map(|side| side.min(64));
        let samples = Samples::U8(vec![0; (width * height * 3) as usize]);
        let mut raster = Raster::new(width, height, Color::Rgb, samples).expect("no side is 0");
        let style = Style::Solid { rgb: [255; 3] };
        let here = sidecar.regions.iter().filter(|r| r.page == page && r.hidden);
        let regions: Vec<_> = here.map(|r| r.region.clone()).collect();
        redact(&mut raster, &regions, &style, &mut SeededNoise::new(1)).expect("regions can be hidden");
    }
}

fn content(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("the temporary file")
}

/// The head of a request to `review` is whole or not, whatever follows it, and its length is within the limit.
pub fn request(bytes: &[u8]) {
    let Ok(Some((head, end))) = parse_head(&bytes[..bytes.len().min(MAX_HEAD)]) else { return };
    assert!(end <= bytes.len(), "{end} of {} bytes", bytes.len());
    assert_eq!(parse_head(&bytes[..end]).ok().flatten(), Some((head.clone(), end)));
    assert!(matches!(parse_head(&bytes[..end - 1]), Ok(None) | Err(_)), "whole without its last byte");
    assert!(head.body_bytes().is_err() || head.body_bytes().is_ok_and(|bytes| bytes <= MAX_BODY));
    assert!(!head.method.is_empty() && !head.target.is_empty(), "{head:?}");
}
