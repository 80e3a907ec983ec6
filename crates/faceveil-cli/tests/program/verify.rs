//! `faceveil verify`: what passes and what does not.

use serde_json::{Value, json};

use crate::sandbox::{Ran, Sandbox, jpeg, png, portrait};

/// A portrait, and its output with the face hidden.
fn sandbox() -> Sandbox {
    let b = Sandbox::new();
    b.put("in/a.jpg", &portrait());
    b.run(["blur", "in", "-o", "out"]).exits(0);
    b
}

fn findings(ran: &Ran) -> Vec<String> {
    let lines = ran.json();
    let findings = lines.iter().flat_map(|l| l["findings"].as_array().cloned().unwrap_or_default());
    findings.map(|f| f["kind"].as_str().unwrap_or_default().to_owned()).collect()
}

/// The JPEG with a segment after its start.
fn with_segment(jpeg: &[u8], code: u8, data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xFF, code], &length, data, &jpeg[2..]].concat()
}

#[test]
fn a_hidden_face_passes_in_every_style_and_format() {
    let b = sandbox();
    let ran = b.run(["verify", "in", "out"]).exits(0);
    ran.says("1 fine, 0 with violations, 0 not checked, 1 faces");
    b.put("smiley.png", &png(64, 64, 3));
    let styles: [(&str, &[&str]); 5] = [
        ("o.jpg", &["--style", "solid"]),
        ("o.png", &["--style", "pixelate", "--cells", "3"]),
        ("o.webp", &["--style", "veil", "--shape", "box"]),
        ("p.jpg", &["--style", "blur", "--sigma", "0.5"]),
        ("p.png", &["--style", "image", "--overlay", "smiley.png"]),
    ];
    for (name, style) in styles {
        b.run(["blur", "in/a.jpg", "-o", name].iter().chain(style)).exits(0);
        let ran = b.run(["verify", "in/a.jpg", name, "--json", "--quiet"]).exits(0);
        assert_eq!((ran.stderr.as_str(), &ran.json()[0]["status"]), ("", &"fine".into()), "{style:?}");
    }
}

#[test]
fn a_face_that_is_not_hidden_is_a_leak() {
    let b = sandbox();
    let keep = ["--keep-zone", "0,0,100%,100%", "--sidecar"];
    b.run(["blur", "in/a.jpg", "-o", "shown.jpg"].iter().chain(&keep)).exits(0);
    // The sidecar says that somebody wanted it so.
    let ran = b.run(["verify", "in/a.jpg", "shown.jpg", "--json"]).exits(0);
    assert_eq!(ran.json()[0]["visible"], 1);
    let moved = |name: &str| std::fs::rename(b.path("shown.jpg.faceveil.json"), b.path(name)).unwrap();
    moved("out/a.jpg.faceveil.json");
    let ran = b.run(["verify", "in/a.jpg", "shown.jpg", "--json"]).exits(1);
    assert_eq!(findings(&ran), ["leak"], "{}", ran.text());
    let leak = &ran.json()[0]["findings"][0];
    assert_eq!((&leak["how"], leak["score"].as_f64().unwrap() > 0.5), (&"untouched".into(), true));
    ran.says("shown.jpg: a face at ").says("pixels is untouched");
    // A sidecar of another result is not believed.
    let ran = b.run(["verify", "in", "out"]).exits(0);
    ran.says("out/a.jpg: its sidecar is not believed: it was written for another result");
    // The region beside the face hides nothing of it.
    b.run(["blur", "in/a.jpg", "-o", "beside.png", "--hide-zone", "0,0,9,9", "--keep-zone", "50,0,90%,100%"])
        .exits(0);
    b.run(["verify", "in/a.jpg", "beside.png"]).exits(1).says("is untouched");
}

#[test]
fn a_recorded_region_must_have_changed_too() {
    let b = Sandbox::new();
    b.put("a.jpg", &portrait());
    b.run(["blur", "a.jpg", "-o", "o.jpg", "--sidecar", "--hide-zone", "300,380,80,60"]).exits(0);
    b.run(["verify", "a.jpg", "o.jpg"]).exits(0);
    let path = "o.jpg.faceveil.json";
    let mut value: Value = serde_json::from_slice(&b.read(path)).unwrap();
    value["regions"][1]["shapes"][0]["corners"] = json!([100, 380, 180, 440]);
    b.put(path, value.to_string().as_bytes());
    let ran = b.run(["verify", "a.jpg", "o.jpg"]).exits(1);
    ran.says("o.jpg: region r2 at 100,380 of 80×60 pixels is untouched");
}

#[test]
fn metadata_and_other_sizes_are_violations() {
    let b = sandbox();
    let hidden = b.read("out/a.jpg");
    let icc = with_segment(&hidden, 0xE2, b"ICC_PROFILE\0\x01\x01 no secrets");
    let cases: [(&str, Vec<u8>, i32, &[&str]); 7] = [
        ("a comment", with_segment(&hidden, 0xFE, b"Houston"), 1, &["metadata"]),
        ("EXIF", with_segment(&hidden, 0xE1, b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"), 1, &["metadata"]),
        ("a second picture's index", with_segment(&hidden, 0xE2, b"MPF\0MM\0*"), 1, &["metadata"]),
        ("bytes after the end", [&hidden[..], b"face"].concat(), 1, &["metadata"]),
        ("a colour profile", icc, 0, &[]),
        ("the original", portrait(), 1, &["metadata", "leak"]),
        ("another picture", png(64, 48, 1), 1, &["size"]),
    ];
    for (what, bytes, code, kinds) in cases {
        b.put("other", &bytes);
        let ran = b.run(["verify", "in/a.jpg", "other", "--json"]);
        println!("{what}: {} {}", ran.stderr, ran.text());
        assert_eq!(
            (ran.code, findings(&ran)),
            (code, kinds.iter().map(|k| k.to_string()).collect()),
            "{what}"
        );
    }
}

#[test]
fn safe_metadata_passes_only_if_asked_and_nothing_but_it() {
    let b = sandbox();
    for name in ["o.jpg", "o.png", "o.webp"] {
        b.run(["blur", "in/a.jpg", "-o", name, "--keep-metadata", "safe"]).exits(0);
        b.run(["verify", "in/a.jpg", name]).exits(1).says("which is neither picture nor colour");
        b.run(["verify", "in/a.jpg", name, "--keep-metadata", "safe"]).exits(0);
    }
    let safe = b.read("o.jpg");
    let at = safe.windows(6).position(|w| w == b"Sample").expect("the camera's name");
    let mut other = safe.clone();
    // The block's unused end is not looked at by readers, but it is part of it.
    other[at + 5] = b'\0';
    b.put("other.jpg", &other);
    b.run(["verify", "in/a.jpg", "other.jpg", "--keep-metadata", "safe"]).exits(1);
}

#[test]
fn what_cannot_be_checked_is_no_success() {
    let b = sandbox();
    b.put("in/b.jpg", &jpeg(64, 48, 1));
    b.put("in/notes.txt", b"text");
    b.run(["verify", "in", "out"]).exits(2).says("out/b.jpg: not checked: out/b.jpg: cannot be opened");
    b.put("out/b.jpg", b"bad");
    b.run(["verify", "in", "out"]).exits(2).says("out/b.jpg: not checked: ");
    std::fs::remove_file(b.path("out/b.jpg")).unwrap();
    std::fs::remove_file(b.path("in/b.jpg")).unwrap();
    b.run(["verify", "in", "out"]).exits(0);
    b.put("out/more.jpg", &jpeg(64, 48, 2));
    let ran = b.run(["verify", "in", "out", "--json"]).exits(2).says("this photo has no original");
    assert_eq!(ran.json().len(), 2);
    // A leak is worse than what could not be checked.
    b.put("out/a.jpg", &portrait());
    b.run(["verify", "in", "out"]).exits(1);
    std::fs::create_dir(b.path("empty")).unwrap();
    std::fs::create_dir(b.path("empty2")).unwrap();
    b.run(["verify", "empty", "empty2"]).exits(2).says("0 fine");
    std::fs::hard_link(b.path("in/a.jpg"), b.path("link.jpg")).unwrap();
    b.run(["verify", "in/a.jpg", "link.jpg"]).exits(1).says("link.jpg: this is the original itself");
    b.run(["verify", "none.jpg", "none.jpg"]).exits(2).says("not checked: none.jpg: cannot be opened");
    let usage: [&[&str]; 5] = [
        &["in", "out/a.jpg"],
        &["in", "none"],
        &["in/a.jpg"],
        &["in", "out", "--min-score", "2"],
        &["in", "out", "--level", "blind"],
    ];
    for args in usage {
        b.run(["verify"].iter().chain(args)).exits(3);
    }
    assert!(b.run(["verify", "--help"]).exits(0).text().contains("1  a leak or another violation"));
}

#[test]
fn nested_folders_are_paired_by_their_names() {
    let b = Sandbox::new();
    b.put("in/x/a.jpg", &jpeg(64, 48, 1));
    b.put("in/y/a.jpg", &jpeg(64, 48, 2));
    b.run(["blur", "in", "-o", "in/out", "--sidecar", "--preview", "sheet.png"]).exits(0);
    let ran = b.run(["verify", "in", "in/out", "--json"]).exits(0);
    assert_eq!(ran.json().len(), 2, "{}", ran.text());
}
