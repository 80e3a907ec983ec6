//! Files of several pages or frames, and formats that need a feature.

use faceveil_cli::sidecar::Sidecar;
use faceveil_core::geom::RectF;
use faceveil_core::raster::{Color, Raster, Samples};
use faceveil_core::redact::Shape;
use faceveil_media::{
    Album, Delay, EncodeOptions, Format, Limits, Motion, Photo, decode, decode_album, encode_album,
};
use serde_json::Value;

use crate::sandbox::{Sandbox, portrait};

const LIMITS: Limits = Limits { max_pixels: 10_000_000, max_file_bytes: 100_000_000 };

/// The portrait, moved to the right from frame to frame.
fn moving() -> Album {
    let photo = decode(&portrait(), &LIMITS).unwrap();
    let (width, height) = (photo.raster.width(), photo.raster.height());
    let frame = |shift: u32| {
        let pixels = (0..width * height).flat_map(|i| {
            let (x, y) = (i % width, i / width);
            photo.raster.rgb8(x.saturating_sub(shift), y)
        });
        let raster = Raster::new(width, height, Color::Rgb, Samples::U8(pixels.collect())).unwrap();
        Photo { raster, icc: None, ..photo.clone() }
    };
    let delays = [50, 70, 200].map(|ms| Delay { numerator: ms, denominator: 1000 }).to_vec();
    Album::new([0, 12, 24].map(frame).to_vec(), Some(Motion { plays: 3, delays })).unwrap()
}

fn file(album: &Album, format: Format) -> Vec<u8> {
    encode_album(album, &EncodeOptions { format: Some(format), keep_safe_metadata: false }).unwrap().bytes
}

/// An animation in each format that has them, and a TIFF of as many pages.
fn sandbox() -> Sandbox {
    let b = Sandbox::new();
    let album = moving();
    for (name, format) in [("m.gif", Format::Gif), ("m.png", Format::Png), ("m.webp", Format::WebP)] {
        b.put(format!("in/{name}"), &file(&album, format));
    }
    let pages = Album::new(album.pages().to_vec(), None).unwrap();
    b.put("in/p.tif", &file(&pages, Format::Tiff));
    b
}

fn read(b: &Sandbox, name: &str) -> Album {
    decode_album(&b.read(name), &LIMITS).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn every_frame_and_page_is_hidden_and_their_timing_kept() {
    let b = sandbox();
    let ran = b.run(["blur", "in", "-o", "out", "--json", "--preview", "sheet.png"]).exits(0);
    for line in ran.json() {
        assert_eq!(
            (&line["status"], &line["pages"], &line["faces"]),
            (&"ok".into(), &3.into(), &3.into()),
            "{line}"
        );
    }
    assert!(b.read("sheet.png").starts_with(b"\x89PNG"));
    for name in ["m.gif", "m.png", "m.webp", "p.tif"] {
        let (before, after) = (read(&b, &format!("in/{name}")), read(&b, &format!("out/{name}")));
        assert_eq!(after.motion(), before.motion(), "{name}");
        for (n, (was, is)) in before.pages().iter().zip(after.pages()).enumerate() {
            // The middle of the face, and a corner that nothing covers.
            let changed = |x: u32, y: u32| was.raster.rgb8(x, y) != is.raster.rgb8(x, y);
            let face = (190..260).flat_map(|x| (80..150).map(move |y| (x, y)));
            let share = face.filter(|&(x, y)| changed(x, y)).count() as f64 / 4900.0;
            assert!(share > 0.9, "{name}, {n}: {share}");
            assert!(!changed(5, 500) && !changed(500, 5), "{name}, {n}");
        }
    }
    let ran = b.run(["verify", "in", "out", "--level", "balanced"]).exits(0);
    ran.says("4 fine, 0 with violations, 0 not checked, 12 faces");
}

#[test]
fn a_frame_that_is_not_hidden_or_missing_is_named() {
    let b = sandbox();
    b.run(["blur", "in/m.png", "-o", "o.png"]).exits(0);
    let (before, after) = (read(&b, "in/m.png"), read(&b, "o.png"));
    let mut pages = after.pages().to_vec();
    pages[1] = before.pages()[1].clone();
    let leaking = Album::new(pages.clone(), after.motion().cloned()).unwrap();
    b.put("leak.png", &file(&leaking, Format::Png));
    let ran = b.run(["verify", "in/m.png", "leak.png", "--json"]).exits(1);
    let ran = ran.says("page or frame 2: a face at ").says("is untouched");
    assert_eq!(ran.json()[0]["findings"][0]["page"], 2);
    let still = Album::from(after.pages()[0].clone());
    b.put("still.png", &file(&still, Format::Png));
    b.run(["verify", "in/m.png", "still.png"]).exits(1).says("has 1 pages or frames, the original 3");
}

#[test]
fn faces_are_told_by_page() {
    let b = sandbox();
    let ran = b.run(["detect", "in/p.tif", "in/m.gif"]).exits(0);
    for line in ran.json() {
        let pages: Vec<&Value> = line["faces"].as_array().unwrap().iter().map(|face| &face["page"]).collect();
        assert_eq!(pages, [1, 2, 3], "{line}");
    }
}

#[test]
fn what_takes_a_single_picture_says_so() {
    let b = sandbox();
    let ran = b.run(["blur", "in/p.tif", "-o", "o.jpg"]).exits(1);
    ran.says("in/p.tif: 3 pages or frames do not fit a JPEG");
    let ran = b.run(["blur", "in/p.tif", "-o", "o.gif"]).exits(1);
    ran.says("in/p.tif: 3 pages or frames do not fit a GIF");
    assert_eq!(b.names("."), ["in/m.gif", "in/m.png", "in/m.webp", "in/p.tif"]);
    // An animation may change its format.
    b.run(["blur", "in/m.gif", "-o", "o.webp"]).exits(0);
    assert_eq!(read(&b, "o.webp").motion(), read(&b, "in/m.gif").motion().cloned().map(in_ms).as_ref());
}

#[test]
fn sidecars_record_every_page_and_are_rendered_again() {
    let b = sandbox();
    b.run(["blur", "in", "-o", "out", "--sidecar", "--style", "solid"]).exits(0);
    for name in ["m.gif", "m.png", "m.webp", "p.tif"] {
        let path = format!("out/{name}.faceveil.json");
        let record = Sidecar::parse(&b.read(&path)).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(record.pages, [[512, 512]; 3], "{name}");
        let pages: Vec<u32> = record.regions.iter().map(|r| r.page).collect();
        assert_eq!((pages, record.faces.len()), (vec![1, 2, 3], 3), "{name}");
        let again = format!("again-{name}");
        b.run(["blur", "--from", path.as_str(), "-o", again.as_str()]).exits(0);
        assert!(b.read(&again) == b.read(format!("out/{name}")), "{name} is another one");
    }
    b.run(["verify", "in", "out"]).exits(0);
}

#[test]
fn edits_of_a_page_reach_that_page() {
    let b = sandbox();
    b.run([
        "blur",
        "in/p.tif",
        "in/m.png",
        "-o",
        "out/",
        "--sidecar",
        "--style",
        "solid",
        "--color",
        "ff00ff",
    ])
    .exits(0);
    for name in ["p.tif", "m.png"] {
        let path = format!("out/{name}.faceveil.json");
        let mut record = Sidecar::parse(&b.read(&path)).unwrap();
        record.regions.iter_mut().for_each(|region| region.hidden = false);
        let corner = RectF { left: 0.0, top: 500.0, right: 12.0, bottom: 512.0 };
        record.add(3, vec![Shape::Box(corner)], 0.0);
        b.put(&path, &record.to_json().unwrap());
        let edited = format!("edited-{name}");
        b.run(["blur", "--from", path.as_str(), "-o", edited.as_str()]).exits(0);
        let (before, after) = (read(&b, &format!("in/{name}")), read(&b, &edited));
        let changed = |page: usize, x: u32, y: u32| {
            before.pages()[page].raster.rgb8(x, y) != after.pages()[page].raster.rgb8(x, y)
        };
        for page in 0..3 {
            assert!(!changed(page, 225, 115), "{name}, {page}: the face is shown");
        }
        // An animation's regions also hold in the frames beside theirs.
        let corners: Vec<bool> = (0..3).map(|page| changed(page, 5, 506)).collect();
        assert_eq!(corners, [false, name == "m.png", true], "{name}");
    }
    let path = "out/p.tif.faceveil.json";
    let text = String::from_utf8(b.read(path)).unwrap();
    b.put(path, text.replace("[512, 512]]", "[512, 512], [512, 512]]").as_bytes());
    let ran = b.run(["blur", "--from", path, "-o", "o.tif"]).exits(1);
    ran.says("p.tif has 3 pages or frames, the sidecar says 4");
}

fn in_ms(motion: Motion) -> Motion {
    let ms = |d: &Delay| Delay { numerator: d.in_units(1000) as u32, denominator: 1000 };
    Motion { delays: motion.delays.iter().map(ms).collect(), ..motion }
}

#[test]
fn heic_and_avif_work_or_say_what_they_need() {
    let b = Sandbox::new();
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../faceveil-media/tests/data/heif");
    for (name, format) in [("phone.heic", Format::Heic), ("phone.avif", Format::Avif)] {
        b.put(format!("in/{name}"), &std::fs::read(data.join(name)).unwrap());
        let input = format!("in/{name}");
        let ran = b.run(["blur", input.as_str(), "-o", "out/", "--hide-zone", "0,0,30,30"]);
        match format.missing_feature() {
            Some(feature) => {
                let ran = ran.exits(1);
                ran.says(&format!("pictures can only be read by a program built with the feature {feature}"));
                let output = format!("o.{feature}");
                b.run(["blur", "in/phone.heic", "-o", output.as_str()])
                    .exits(3)
                    .says("built with the feature");
            }
            None if ran.stderr.contains("not in the path") => {
                eprintln!("\n*** SKIPPED: {}: {} ***\n", format.name(), ran.stderr.trim());
                drop(ran.exits(1));
            }
            None => {
                drop(ran.exits(0));
                let output = format!("out/{name}");
                b.run(["verify", input.as_str(), output.as_str()]).exits(0);
                b.run(["verify", input.as_str(), input.as_str()]).exits(1).says("bytes of Exif");
            }
        }
    }
}

#[test]
fn times_are_told_at_the_end() {
    let b = Sandbox::new();
    b.put("a.jpg", &portrait());
    let ran = b.run(["blur", "a.jpg", "-o", "o.jpg", "--timings"]).exits(0);
    for step in ["read 0.", "decode 0.", "detect 0.", "redact 0.", "encode 0.", "write "] {
        ran.stderr.find(step).unwrap_or_else(|| panic!("{step:?} is not in {}", ran.stderr));
    }
}
