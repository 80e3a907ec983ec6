//! `--sidecar`: what is recorded beside an output, and that nothing is lost for it.

use faceveil_cli::plan::hex;
use faceveil_cli::sidecar::{Origin, Sidecar};
use sha2::{Digest, Sha256};

use crate::sandbox::{Sandbox, jpeg, portrait};

pub fn record(b: &Sandbox, path: &str) -> Sidecar {
    Sidecar::parse(&b.read(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

#[test]
fn it_tells_what_was_found_hidden_and_written() {
    let b = Sandbox::new();
    b.put("in/sub/a.jpg", &portrait());
    b.put("in/empty.jpg", &jpeg(64, 48, 1));
    let ran = b.run(["blur", "in", "-o", "out", "--sidecar", "--style", "pixelate", "--json"]).exits(0);
    assert_eq!(b.names("out").len(), 4);
    let line = ran.json().into_iter().find(|l| l["faces"] == 1).expect("a line with one face");
    assert_eq!(line["sidecar"], "out/sub/a.jpg.faceveil.json");
    let sidecar = record(&b, "out/sub/a.jpg.faceveil.json");
    assert_eq!(sidecar.source.path.as_deref(), Some("../../in/sub/a.jpg"));
    for (path, sha256, bytes) in [
        ("in/sub/a.jpg", &sidecar.source.sha256, sidecar.source.bytes),
        ("out/sub/a.jpg", &sidecar.result.sha256, sidecar.result.bytes),
    ] {
        let content = b.read(path);
        assert_eq!((sha256, bytes), (&hex(&Sha256::digest(&content)), content.len() as u64), "{path}");
    }
    let models: Vec<_> = faceveil::Level::Balanced.models().map(|m| (m.name, m.sha256)).collect();
    let recorded: Vec<_> = sidecar.models.iter().map(|m| (&*m.name, &*m.sha256)).collect();
    assert_eq!(recorded, models);
    assert_eq!(
        (&sidecar.pages[..], sidecar.settings.cells, sidecar.previous.as_deref()),
        (&[[512, 512]][..], Some(4), None)
    );
    let [face] = &sidecar.faces[..] else { panic!("{:?}", sidecar.faces) };
    let [region] = &sidecar.regions[..] else { panic!("{:?}", sidecar.regions) };
    assert!(face.face.landmarks.is_some() && face.face.score > 0.5, "{face:?}");
    assert_eq!((region.origin, region.face.as_deref(), region.hidden), (Origin::Detected, Some("f1"), true));
    assert_eq!(region.region.shapes.len(), 1 + face.face.also.len());
    let empty = record(&b, "out/empty.jpg.faceveil.json");
    assert!(empty.faces.is_empty() && empty.regions.is_empty());
}

#[test]
fn a_single_output_and_standard_streams() {
    let b = Sandbox::new();
    b.put("a.jpg", &portrait());
    b.run(["blur", "a.jpg", "-o", "o.png", "--sidecar", "--level", "fast"]).exits(0);
    let sidecar = record(&b, "o.png.faceveil.json");
    assert_eq!((sidecar.result.format.name(), sidecar.models.len()), ("PNG", 2));
    b.pipe(&["blur", "-", "-o", "p.jpg", "--sidecar"], &portrait()).exits(0);
    assert_eq!(record(&b, "p.jpg.faceveil.json").source.path, None);
    b.run(["blur", "a.jpg", "-o", "-", "--sidecar"]).exits(3).says("has no place for a sidecar");
    b.run(["blur", "a.jpg", "-o", "o2.png", "--sidecar", "--dry-run"]).exits(0);
    assert!(!b.exists("o2.png") && !b.exists("o2.png.faceveil.json"));
}

#[test]
fn it_is_never_replaced_unasked_and_nothing_is_written_without_it() {
    let b = Sandbox::new();
    b.put("a.jpg", &jpeg(64, 48, 1));
    b.put("o.jpg.faceveil.json", b"precious");
    b.run(["blur", "a.jpg", "-o", "o.jpg", "--sidecar"])
        .exits(1)
        .says("a.jpg: the sidecar o.jpg.faceveil.json exists already; --overwrite replaces it");
    assert!(!b.exists("o.jpg"));
    assert_eq!(b.read("o.jpg.faceveil.json"), b"precious");
    b.run(["blur", "a.jpg", "-o", "o.jpg", "--sidecar", "--overwrite"]).exits(0);
    record(&b, "o.jpg.faceveil.json");
    std::fs::create_dir(b.path("p.jpg.faceveil.json")).unwrap();
    b.run(["blur", "a.jpg", "-o", "p.jpg", "--sidecar", "--overwrite"])
        .exits(1)
        .says("a.jpg: the output p.jpg.faceveil.json exists and is no file");
    // Long enough for a photo, too long for its sidecar.
    let long = format!("{}.jpg", "n".repeat(240));
    b.run(["blur", "a.jpg", "-o", &long, "--sidecar"]).exits(1);
    assert!(!b.exists("p.jpg") && !b.exists(&long));
}

#[test]
fn a_photo_named_like_a_sidecar_is_not_replaced_by_one() {
    let b = Sandbox::new();
    b.put("in/a.jpg", &jpeg(64, 48, 1));
    b.put("in/a.jpg.faceveil.json", &jpeg(64, 48, 2));
    for jobs in ["1", "4"] {
        let ran = b.run(["blur", "in", "-o", "out", "--sidecar", "--overwrite", "--jobs", jobs]).exits(2);
        ran.says("is another input's already");
    }
    let original = b.read("in/a.jpg");
    // A hard link under the sidecar's name is the input itself.
    std::fs::hard_link(b.path("in/a.jpg"), b.path("o.jpg.faceveil.json")).unwrap();
    let args = ["blur", "in/a.jpg", "-o", "o.jpg", "--sidecar", "--overwrite"];
    b.run(args).exits(1).says("the output o.jpg.faceveil.json is the input itself");
    assert_eq!(b.read("in/a.jpg"), original);
}

#[test]
fn a_resumed_batch_wants_its_sidecars_too() {
    let b = Sandbox::new();
    for n in 0..3 {
        b.put(format!("in/{n}.jpg"), &jpeg(64, 48, n));
    }
    let args = ["blur", "in", "-o", "out", "--journal", "j", "--sidecar", "--json"];
    b.run(args).exits(0);
    let statuses =
        |ran: &crate::sandbox::Ran, status: &str| ran.json().iter().filter(|l| l["status"] == status).count();
    assert_eq!(statuses(&b.run(args).exits(0), "resumed"), 3);
    std::fs::remove_file(b.path("out/1.jpg.faceveil.json")).unwrap();
    let ran = b.run(args).exits(2).says("the output out/1.jpg has lost its sidecar; --overwrite replaces it");
    assert_eq!(statuses(&ran, "resumed"), 2);
    let ran = b.run(args.iter().chain(&["--overwrite"])).exits(0);
    assert_eq!((statuses(&ran, "resumed"), statuses(&ran, "no_face")), (2, 1));
    // Without a sidecar it is another run.
    b.run(["blur", "in", "-o", "out", "--journal", "j"]).exits(1).says("was done with other settings");
}
