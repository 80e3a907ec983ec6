//! Rows of the table of hostile inputs that are about sidecars.

use std::process::Command;

use crate::hostile_table::{BAD, Case};
use crate::sandbox::{PROGRAM, Sandbox, jpeg, png, run};

const RENDER: &str = "faceveil blur --from in/x.jpg.faceveil.json -o out/x.jpg";

/// A photo and the sidecar that belongs to it.
fn recorded(b: &Sandbox) -> String {
    b.put("in/photo.jpg", &jpeg(64, 48, 1));
    let args = ["blur", "in/photo.jpg", "-o", "in/x.jpg", "--sidecar", "--hide-zone", "1,1,9,9"];
    run(b.command(PROGRAM).args(args)).exits(0);
    std::fs::remove_file(b.path("in/x.jpg")).unwrap();
    String::from_utf8(b.read("in/x.jpg.faceveil.json")).unwrap()
}

fn rewritten(b: &Sandbox, change: impl Fn(String) -> String) {
    let before = recorded(b);
    let text = change(before.clone());
    assert_ne!(text, before, "nothing to change was found");
    b.put("in/x.jpg.faceveil.json", text.as_bytes());
}

pub fn cases() -> Vec<Case> {
    vec![
        Case {
            what: "a sidecar cut in the middle",
            command: RENDER,
            says: "in/x.jpg.faceveil.json: not a sidecar: EOF while parsing …",
            make: |b| rewritten(b, |text| text[..text.len() / 2].to_owned()),
            ..BAD
        },
        Case {
            what: "a sidecar of a later version",
            command: RENDER,
            says: "in/x.jpg.faceveil.json: a sidecar of version 7; this program reads the versions 1 and 2",
            make: |b| rewritten(b, |text| text.replace("\"faceveil_sidecar\": 1", "\"faceveil_sidecar\": 7")),
            ..BAD
        },
        Case {
            what: "a sidecar with a number that is none",
            command: RENDER,
            says: "in/x.jpg.faceveil.json: not a sidecar: number out of range …",
            make: |b| rewritten(b, |text| text.replace("[1.0, 1.0, 10.0, 10.0]", "[1, 1, 1e999, 10]")),
            ..BAD
        },
        Case {
            what: "a sidecar that has lost a region",
            command: RENDER,
            says: "in/x.jpg.faceveil.json: r1 is missing: to show what it hid, keep it and set its region's \"hidden\" to false",
            make: |b| rewritten(b, |text| text.replace("\"id\": \"r1\"", "\"id\": \"other\"")),
            ..BAD
        },
        Case {
            what: "a sidecar whose region lies outside the picture",
            command: RENDER,
            says: "in/x.jpg.faceveil.json: r1 lies outside the picture of 64×48 pixels",
            make: |b| rewritten(b, |text| text.replace("[1.0, 1.0, 10.0, 10.0]", "[101, 1, 110, 10]")),
            ..BAD
        },
        Case {
            what: "a sidecar of another photo",
            command: RENDER,
            says: "in/x.jpg.faceveil.json: in/photo.jpg is not the photo that the sidecar was written for: its SHA-256 is …",
            make: |b| {
                recorded(b);
                b.put("in/photo.jpg", &jpeg(64, 48, 2));
            },
            ..BAD
        },
        Case {
            what: "a sidecar of 20 MB",
            command: RENDER,
            says: "in/x.jpg.faceveil.json: has 20000000 bytes or more, the limit is 16777216",
            make: |b| drop(b.put("in/x.jpg.faceveil.json", &vec![b' '; 20_000_000])),
            ..BAD
        },
        Case {
            what: "a pipe (FIFO) named like a sidecar",
            command: RENDER,
            says: "in/x.jpg.faceveil.json: is a pipe (FIFO), not a regular file",
            make: |b| {
                std::fs::create_dir(b.path("in")).unwrap();
                let made = Command::new("mkfifo").arg(b.path("in/x.jpg.faceveil.json")).status().unwrap();
                assert!(made.success());
            },
            ..BAD
        },
        Case {
            what: "a disk that is full when only the sidecar is left to write",
            command: "trap '' XFSZ; ulimit -f 1; exec faceveil blur in/x.png -o out/x.png --sidecar",
            says: "in/x.png: it is written, but its sidecar out/x.png.faceveil.json cannot be: cannot be written: File too large (os error 27) …",
            leaves: &["x.png"],
            make: |b| drop(b.put("in/x.png", &png(6, 6, 1))),
            ..BAD
        },
    ]
}
