//! The table of hostile inputs: what is tried, and what must come of it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::hostile::set_mode;
use crate::sandbox::{Sandbox, jpeg, png};

pub struct Case {
    pub what: &'static str,
    /// For a shell.
    pub command: &'static str,
    pub code: i32,
    /// A line of standard error, without the program's name before it; `…` stands for the rest, such as
    /// the name of a temporary file.
    pub says: &'static str,
    /// The files in `out` afterwards.
    pub leaves: &'static [&'static str],
    /// The case is none for a user who may do everything.
    pub not_root: bool,
    pub make: fn(&Sandbox),
}

/// What most cases are: one bad file, and nothing done.
pub const BAD: Case = Case {
    what: "",
    command: "faceveil blur in/x.jpg -o out/x.jpg",
    code: 1,
    says: "",
    leaves: &[],
    not_root: false,
    make: |_| (),
};

/// Nothing is wrong with the content.
fn good(b: &Sandbox) {
    b.put("in/x.jpg", &jpeg(64, 48, 1));
}

/// A good file beside the bad one.
fn beside(b: &Sandbox) {
    b.put("in/good.jpg", &jpeg(64, 48, 1));
}

pub fn cases() -> Vec<Case> {
    let mut cases = contents();
    cases.extend(names());
    cases.extend(outputs());
    cases.extend(crate::hostile_sidecars::cases());
    cases
}

/// Bad bytes under a good name.
fn contents() -> Vec<Case> {
    vec![
        Case {
            what: "an empty file",
            says: "in/x.jpg: is empty",
            make: |b| drop(b.put("in/x.jpg", b"")),
            ..BAD
        },
        Case {
            what: "a text named .jpg",
            says: "in/x.jpg: this looks like text; only JPEG, PNG, WebP, BMP, TIFF, GIF, HEIC and AVIF can be read",
            make: |b| drop(b.put("in/x.jpg", b"not a photo\n")),
            ..BAD
        },
        Case {
            what: "a JPEG cut in half",
            says: "in/x.jpg: truncated JPEG: the end of image beyond its 40412 bytes",
            make: |b| drop(b.put("in/x.jpg", &half(&jpeg(640, 480, 1)))),
            ..BAD
        },
        Case {
            what: "a PNG cut in half",
            command: "faceveil blur in/x.png -o out/x.png",
            says: "in/x.png: truncated PNG: a chunk beyond its 171567 bytes",
            make: |b| drop(b.put("in/x.png", &half(&png(640, 480, 1)))),
            ..BAD
        },
        Case {
            what: "a JPEG of 64×48 pixels whose header says 9,000×9,000",
            says: "in/x.jpg: damaged JPEG: picture data missing near byte 1705",
            make: |b| drop(b.put("in/x.jpg", &lying_jpeg())),
            ..BAD
        },
        Case {
            what: "a PNG bomb: 60,000×60,000 black pixels in 2.4 megabytes",
            command: "faceveil blur in/x.png -o out/x.png",
            says: "in/x.png: 60000×60000 pixels are more than the limit of 200000000",
            make: |b| drop(b.put("in/x.png", &bomb())),
            ..BAD
        },
        Case {
            what: "a PNG with a flipped bit",
            command: "faceveil blur in/x.png -o out/x.png",
            says: "in/x.png: damaged PNG: Corrupt deflate stream. WrongChecksum",
            make: |b| drop(b.put("in/x.png", &flipped(png(64, 48, 1)))),
            ..BAD
        },
        Case {
            what: "a JPEG with a secret appended: it is not copied",
            code: 0,
            says: "in/x.jpg: no face found; written with nothing hidden, without its metadata",
            leaves: &["x.jpg"],
            make: |b| drop(b.put("in/x.jpg", &[jpeg(64, 48, 1), SECRET.to_vec()].concat())),
            ..BAD
        },
        Case {
            what: "a JPEG with a secret behind its last coefficient",
            says: "in/x.jpg: damaged JPEG: more data than picture near byte 1705",
            make: |b| drop(b.put("in/x.jpg", &padded(jpeg(64, 48, 1)))),
            ..BAD
        },
        Case {
            what: "a GIF without a frame",
            command: "faceveil blur in -o out",
            says: "in/x.gif: damaged GIF: Unexpected End of File",
            make: |b| drop(b.put("in/x.gif", b"GIF89a\x01\0\x01\0\0\0\0;")),
            ..BAD
        },
        Case {
            what: "a GIF of 65,535×65,535 pixels in 30 bytes",
            command: "faceveil blur in -o out",
            says: "in/x.gif: 65535×65535 pixels are more than the limit of 200000000",
            make: |b| drop(b.put("in/x.gif", b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\0;")),
            ..BAD
        },
        Case {
            what: "a BMP cut short",
            command: "faceveil blur in -o out",
            says: "in/x.bmp: truncated BMP: pixels beyond its 54 bytes",
            make: |b| {
                let header = b"BM\x66\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x04\0\0\0\x04\0\0\0\x01\0\x18\0";
                b.put("in/x.bmp", &[&header[..], &[0; 24]].concat());
            },
            ..BAD
        },
        Case {
            what: "an animation that is to become a single picture",
            command: "faceveil blur in/x.gif -o out/x.jpg",
            says: "in/x.gif: 2 pages or frames do not fit a JPEG",
            make: |b| {
                let frame = b",\0\0\0\0\x01\0\x01\0\x80\0\0\0\xff\xff\xff\x02\x02\x44\x01\0";
                b.put("in/x.gif", &[b"GIF89a\x01\0\x01\0\0\0\0", &frame[..], frame, b";"].concat());
            },
            ..BAD
        },
        Case {
            what: "a JPEG XL picture",
            command: "faceveil blur in -o out",
            says: "in/x.jxl: this looks like a JPEG XL picture; only JPEG, PNG, WebP, BMP, TIFF, GIF, HEIC and AVIF can be read",
            make: |b| drop(b.put("in/x.jxl", b"\0\0\0\x0cJXL \r\n\x87\n")),
            ..BAD
        },
        Case {
            what: "a TIFF without a page, whose name does not say so",
            command: "faceveil blur in -o out",
            says: "in/scan: truncated TIFF: a directory beyond its 10 bytes",
            make: |b| drop(b.put("in/scan", b"II*\0\x08\0\0\0\0\0")),
            ..BAD
        },
        Case {
            what: "a folder with a text, a good photo and one that is not read: the text is left out, the other is an error",
            command: "faceveil blur in -o out",
            code: 2,
            says: "in/v.psd: this looks like a Photoshop document; only JPEG, PNG, WebP, BMP, TIFF, GIF, HEIC and AVIF can be read",
            leaves: &["good.jpg"],
            make: |b| {
                beside(b);
                b.put("in/v.psd", b"8BPS\0\x01\0\0\0\0\0\0");
                b.put("in/notes.txt", b"text");
            },
            ..BAD
        },
        Case {
            what: "a video whose output is to be a photo",
            command: "faceveil blur in/v.mp4 -o out/v.jpg",
            says: "in/v.mp4: this is a video: let the output end in .mp4, .m4v, .mov, .mkv, .webm or .ts",
            make: |b| drop(b.put("in/v.mp4", b"\0\0\0\x18ftypisom\0\0\0\0")),
            ..BAD
        },
    ]
}

/// Names and things that are no ordinary files.
fn names() -> Vec<Case> {
    vec![
        Case {
            what: "a missing file",
            says: "in/x.jpg: cannot be opened: No such file or directory (os error 2)",
            ..BAD
        },
        Case {
            what: "a FIFO named x.jpg, beside a good photo",
            command: "faceveil blur in -o out",
            code: 2,
            says: "in/x.jpg: is a pipe (FIFO), not a regular file",
            leaves: &["good.jpg"],
            make: |b| {
                beside(b);
                assert!(Command::new("mkfifo").arg(b.path("in/x.jpg")).status().unwrap().success());
            },
            ..BAD
        },
        Case {
            what: "a device",
            command: "faceveil blur /dev/zero -o out/x.jpg",
            says: "/dev/zero: is a device, not a regular file",
            ..BAD
        },
        Case {
            what: "a folder named x.jpg, with a good photo: walked like any other",
            command: "faceveil blur in -o out",
            code: 0,
            says: "1 photo done, 0 faces, 1 without a face",
            leaves: &["x.jpg/y.jpg"],
            make: |b| drop(b.put("in/x.jpg/y.jpg", &jpeg(64, 48, 1))),
            ..BAD
        },
        Case {
            what: "an empty folder",
            command: "faceveil blur in -o out",
            says: "0 photos done, 0 faces",
            make: |b| std::fs::create_dir(b.path("in")).unwrap(),
            ..BAD
        },
        Case {
            what: "a link to a folder above itself",
            command: "faceveil blur in -o out",
            code: 2,
            says: "in/sub/loop: a loop: it links back to in",
            leaves: &["good.jpg"],
            make: |b| {
                beside(b);
                std::fs::create_dir(b.path("in/sub")).unwrap();
                symlink("..", b.path("in/sub/loop")).unwrap();
            },
            ..BAD
        },
        Case {
            what: "a link to itself",
            says: "in/x.jpg: cannot be opened: Too many levels of symbolic links (os error 40)",
            make: |b| {
                std::fs::create_dir(b.path("in")).unwrap();
                symlink("x.jpg", b.path("in/x.jpg")).unwrap();
            },
            ..BAD
        },
        Case {
            what: "a link to nothing, beside a good photo",
            command: "faceveil blur in -o out",
            code: 2,
            says: "in/x.jpg: No such file or directory (os error 2)",
            leaves: &["good.jpg"],
            make: |b| {
                beside(b);
                symlink("gone.jpg", b.path("in/x.jpg")).unwrap();
            },
            ..BAD
        },
        Case {
            what: "a name that is not UTF-8",
            command: "faceveil blur in -o out",
            code: 0,
            says: "in/caf\u{fffd}.jpg: no face found; written with nothing hidden, without its metadata",
            leaves: &["caf\u{fffd}.jpg"],
            make: |b| drop(b.put(Path::new("in").join(OsStr::from_bytes(b"caf\xe9.jpg")), &jpeg(64, 48, 1))),
            ..BAD
        },
        Case {
            what: "a name that would steer the terminal",
            command: "faceveil blur in -o out",
            says: "in/\\u{1b}[2J\\n.jpg: is empty",
            make: |b| drop(b.put("in/\x1b[2J\n.jpg", b"")),
            ..BAD
        },
        Case {
            what: "a file that may not be read, beside a good photo",
            command: "faceveil blur in -o out",
            code: 2,
            says: "in/x.jpg: cannot be opened: Permission denied (os error 13)",
            leaves: &["good.jpg"],
            not_root: true,
            make: |b| {
                beside(b);
                good(b);
                set_mode(b, "in/x.jpg", 0o000);
            },
        },
        Case {
            what: "a folder that may not be read, beside a good photo",
            command: "faceveil blur in -o out",
            code: 2,
            says: "in/sub: Permission denied (os error 13)",
            leaves: &["good.jpg"],
            not_root: true,
            make: |b| {
                beside(b);
                std::fs::create_dir(b.path("in/sub")).unwrap();
                set_mode(b, "in/sub", 0o000);
            },
        },
    ]
}

/// Outputs that cannot or must not be written.
fn outputs() -> Vec<Case> {
    vec![
        Case {
            what: "an output that exists",
            says: "in/x.jpg: the output out/x.jpg exists already; --overwrite replaces it",
            leaves: &["x.jpg"],
            make: |b| {
                good(b);
                b.put("out/x.jpg", b"precious");
            },
            ..BAD
        },
        Case {
            what: "an output that is the input",
            command: "faceveil blur in/x.jpg -o in/x.jpg --overwrite",
            says: "in/x.jpg: the output in/x.jpg is the input itself",
            make: good,
            ..BAD
        },
        Case {
            what: "an output folder that is the input folder",
            command: "faceveil blur in -o in --overwrite",
            code: 3,
            says: "in: the output folder is the input folder in",
            make: good,
            ..BAD
        },
        Case {
            what: "an output that is a folder inside the output folder",
            command: "faceveil blur in -o out --overwrite",
            says: "in/x.jpg: the output out/x.jpg exists and is no file",
            make: |b| {
                good(b);
                std::fs::create_dir_all(b.path("out/x.jpg")).unwrap();
            },
            ..BAD
        },
        Case {
            what: "a file where the output folder should be",
            command: "faceveil blur in -o out/file",
            code: 3,
            says: "out/file: several inputs need a folder to go to; end it in / to mean one",
            leaves: &["file"],
            make: |b| {
                good(b);
                b.put("out/file", b"precious");
            },
            ..BAD
        },
        Case {
            what: "an output folder that may not be written to",
            command: "faceveil blur in -o out",
            says: "in/x.jpg: the output out/x.jpg: its folder cannot be written to: Permission denied (os error 13) …",
            not_root: true,
            make: |b| {
                good(b);
                set_mode(b, "out", 0o555);
            },
            ..BAD
        },
        Case {
            what: "a full disk",
            command: "trap '' XFSZ; ulimit -f 1; exec faceveil blur in/x.jpg -o out/x.jpg",
            says: "in/x.jpg: the output out/x.jpg: cannot be written: File too large (os error 27) …",
            make: |b| drop(b.put("in/x.jpg", &jpeg(640, 480, 1))),
            ..BAD
        },
        Case {
            what: "a full disk behind standard output",
            command: "faceveil blur in/x.jpg -o - > /dev/full",
            says: "in/x.jpg: standard output: No space left on device (os error 28)",
            make: good,
            ..BAD
        },
        Case {
            what: "a reader of standard output that has gone",
            command: "(faceveil blur in/x.jpg -o -; echo $? > code) | true; exit $(cat code)",
            says: "in/x.jpg: standard output: Broken pipe (os error 32)",
            make: |b| drop(b.put("in/x.jpg", &jpeg(640, 480, 1))),
            ..BAD
        },
    ]
}

pub const SECRET: &[u8] = b"the secret behind the end of the picture";

fn half(bytes: &[u8]) -> Vec<u8> {
    bytes[..bytes.len() / 2].to_vec()
}

fn flipped(mut bytes: Vec<u8>) -> Vec<u8> {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    bytes
}

/// Replaces height and width behind the frame header's marker.
/// With the secret between its picture's data and its end.
fn padded(mut jpeg: Vec<u8>) -> Vec<u8> {
    let end = jpeg.len() - 2;
    jpeg.splice(end..end, SECRET.iter().copied());
    jpeg
}

fn lying_jpeg() -> Vec<u8> {
    let mut bytes = jpeg(64, 48, 1);
    let marker = bytes.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    let [high, low] = 9000u16.to_be_bytes();
    bytes[marker + 5..marker + 9].copy_from_slice(&[high, low, high, low]);
    bytes
}

fn bomb() -> Vec<u8> {
    let (side, mut bytes) = (60_000, Vec::new());
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().unwrap();
    let mut stream = writer.stream_writer().unwrap();
    let row = vec![0; side as usize / 8];
    for _ in 0..side {
        std::io::Write::write_all(&mut stream, &row).unwrap();
    }
    stream.finish().unwrap();
    writer.finish().unwrap();
    assert!(bytes.len() < 3 << 20, "{} bytes are no bomb", bytes.len());
    bytes
}
