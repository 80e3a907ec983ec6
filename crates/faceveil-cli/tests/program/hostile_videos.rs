//! Rows of the table of hostile inputs that are about videos. They need FFmpeg; its own words differ by version.

use crate::clips::{make, plain};
use crate::hostile_table::{BAD, Case};
use crate::sandbox::Sandbox;

/// What most rows are: one bad file, and nothing done.
const VIDEO: Case = Case { command: "faceveil blur in/x.mp4 -o out/x.mp4", ..BAD };

/// A second of moving patterns with sound under the name, its first bytes only.
fn cut(b: &Sandbox, name: &str, front: &str, share: usize) {
    plain(b);
    make(b, &format!("-i in/plain.mp4 -c copy {front} in/{name}"));
    std::fs::remove_file(b.path("in/plain.mp4")).unwrap();
    let bytes = b.read(format!("in/{name}"));
    b.put(format!("in/{name}"), &bytes[..bytes.len() * share / 10]);
}

pub fn cases() -> Vec<Case> {
    let mut all = contents();
    all.extend(outputs());
    all
}

/// Bad bytes under a good name.
fn contents() -> Vec<Case> {
    vec![
        Case {
            what: "a playlist named .mp4: nothing in it is opened",
            says: "in/x.mp4: FFmpeg cannot read it: …",
            make: |b| drop(b.put("in/x.mp4", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/secret.ts\n")),
            ..VIDEO
        },
        Case {
            what: "a script named .mp4 that joins other files: none is opened",
            says: "in/x.mp4: FFmpeg cannot read it: it is no container of videos but \"concat\"",
            make: |b| drop(b.put("in/x.mp4", b"ffconcat version 1.0\nfile /etc/passwd\n")),
            ..VIDEO
        },
        Case {
            what: "the head of a video alone",
            says: "in/x.mp4: FFmpeg cannot read it: …",
            make: |b| drop(b.put("in/x.mp4", b"\0\0\0\x18ftypisom\0\0\0\0")),
            ..VIDEO
        },
        Case {
            what: "sound without a picture, named .mp4",
            says: "in/x.mp4: it has no video stream",
            make: |b| {
                std::fs::create_dir_all(b.path("in")).unwrap();
                make(b, "-f lavfi -i sine=d=1 -c:a aac in/x.mp4");
            },
            ..VIDEO
        },
        Case {
            what: "a video cut short behind its index",
            says: "in/x.mp4: it is damaged or cut short (…",
            make: |b| cut(b, "x.mp4", "-movflags +faststart", 6),
            ..VIDEO
        },
        Case {
            what: "a video cut short before its index",
            says: "in/x.mp4: FFmpeg cannot read it: …",
            make: |b| cut(b, "x.mp4", "", 6),
            ..VIDEO
        },
        Case {
            what: "the same, to go on with what can be read",
            command: "faceveil blur in/x.mkv -o out/x.mkv --damaged keep",
            code: 0,
            says: "in/x.mkv: no face found; written with nothing hidden, without its metadata",
            leaves: &["x.mkv"],
            make: |b| cut(b, "x.mkv", "", 6),
            ..VIDEO
        },
        Case {
            what: "frames larger than allowed",
            command: "faceveil blur in/x.mp4 -o out/x.mp4 --max-pixels 1000",
            says: "in/x.mp4: its frames have 320×240 pixels, more than the limit of 1000",
            make: |b| cut(b, "x.mp4", "", 10),
            ..VIDEO
        },
    ]
}

/// Codecs and outputs that do not do what they should.
fn outputs() -> Vec<Case> {
    vec![
        Case {
            what: "an encoder that FFmpeg does not have",
            command: "faceveil blur in/x.mp4 -o out/x.mp4 --codec no_such",
            says: "in/x.mp4: encoding failed: …",
            make: |b| cut(b, "x.mp4", "", 10),
            ..VIDEO
        },
        Case {
            what: "a video where there is no FFmpeg",
            command: "FACEVEIL_FFMPEG=/nowhere/ffmpeg faceveil blur in/x.mp4 -o out/x.mp4",
            says: "in/x.mp4: videos need FFmpeg, and there is no program /nowhere/ffmpeg: install it …",
            make: |b| cut(b, "x.mp4", "", 10),
            ..VIDEO
        },
        Case {
            what: "a full disk under a video",
            command: "trap '' XFSZ; ulimit -f 1; exec faceveil blur in/x.mp4 -o out/x.mkv --codec ffv1",
            says: "in/x.mp4: encoding failed: …",
            make: |b| cut(b, "x.mp4", "", 10),
            ..VIDEO
        },
        Case {
            what: "a video whose output exists",
            says: "in/x.mp4: the output out/x.mp4 exists already; --overwrite replaces it",
            leaves: &["x.mp4"],
            make: |b| {
                cut(b, "x.mp4", "", 10);
                b.put("out/x.mp4", b"precious");
            },
            ..VIDEO
        },
        Case {
            what: "parts of another video beside the output",
            command: "faceveil blur in/x.mp4 -o out/x.mp4 --resume",
            says: "in/x.mp4: the parts in out/.faceveil-parts-x.mp4: they are of another video, of other settings or by \
                   another version; remove the folder to start again",
            leaves: &[".faceveil-parts-x.mp4/.faceveil-parts.jsonl"],
            make: |b| {
                cut(b, "x.mp4", "", 10);
                let line = b"{\"format\":1,\"version\":\"0.0.1\",\"source\":\"00\",\"settings\":\"00\"}\n";
                b.put("out/.faceveil-parts-x.mp4/.faceveil-parts.jsonl", line);
            },
            ..VIDEO
        },
    ]
}
