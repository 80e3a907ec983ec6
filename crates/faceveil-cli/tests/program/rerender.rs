//! `--from`: what sidecars record is hidden again, edited or not, without looking for faces.

use faceveil_core::geom::RectF;
use faceveil_core::raster::Raster;
use faceveil_core::redact::Shape;
use serde_json::{Value, json};

use crate::sandbox::{Ran, Sandbox, jpeg, picture, png, portrait};
use crate::sidecar::record;

const SIDECAR: &str = "out/a.png.faceveil.json";
/// Within the face and outside its region.
const FACE: (u32, u32) = (225, 115);
const BADGE: (u32, u32) = (330, 400);

/// A photo and its output with a sidecar, all hidden in one colour and lossless.
fn sandbox() -> Sandbox {
    let b = Sandbox::new();
    b.put("in/a.jpg", &portrait());
    let args = ["blur", "in/a.jpg", "-o", "in/a.png", "--keep-zone", "0,0,100%,100%"];
    b.run(args).exits(0);
    std::fs::remove_file(b.path("in/a.jpg")).unwrap();
    b.run(["blur", "in", "-o", "out", "--sidecar", "--style", "solid", "--color", "0000ff"]).exits(0);
    b
}

fn edit(b: &Sandbox, change: impl FnOnce(&mut Value)) {
    let mut value: Value = serde_json::from_slice(&b.read(SIDECAR)).unwrap();
    change(&mut value);
    b.put(SIDECAR, value.to_string().as_bytes());
}

fn render(b: &Sandbox, output: &str, more: &[&str]) -> Ran {
    b.run(["blur", "--from", SIDECAR, "-o", output].iter().chain(more))
}

fn at(picture: &Raster, (x, y): (u32, u32)) -> [u8; 3] {
    picture.rgb8(x, y)
}

#[test]
fn what_is_not_edited_comes_out_as_it_was() {
    let b = Sandbox::new();
    b.put("in/a.jpg", &portrait());
    for style in [&["--style", "veil"][..], &["--style", "pixelate", "--cells", "2", "--shape", "box"]] {
        let seed = ["--seed", "5", "--overwrite"];
        b.run(["blur", "in/a.jpg", "-o", "o.jpg", "--sidecar"].iter().chain(style).chain(&seed)).exits(0);
        let args = ["blur", "--from", "o.jpg.faceveil.json", "-o", "p.jpg", "--json"];
        let ran = b.run(args.iter().chain(&seed)).exits(0);
        assert!(b.read("o.jpg") == b.read("p.jpg"), "{style:?}: the outputs differ");
        let line = &ran.json()[0];
        assert_eq!((&line["input"], &line["source"]), (&"o.jpg.faceveil.json".into(), &"in/a.jpg".into()));
        assert!(line["ms"].get("detect").is_none(), "it has looked for faces: {line}");
    }
}

#[test]
fn regions_are_shown_moved_and_added_as_the_file_says() {
    let b = sandbox();
    let original = picture(&b.read("in/a.png"));
    let (blue, hidden) = ([0, 0, 255], picture(&b.read("out/a.png")));
    assert_eq!((at(&hidden, FACE), at(&hidden, BADGE)), (blue, at(&original, BADGE)));
    edit(&b, |v| {
        v["regions"][0]["hidden"] = json!(false);
        v["regions"][0]["note"] = json!("she has agreed");
        let shapes = json!([{"outline": "box", "corners": [320, 390, 340, 410]}]);
        let added = json!({"id": "badge", "origin": "added", "hidden": true, "feather": 0, "shapes": shapes});
        v["regions"].as_array_mut().unwrap().push(added);
    });
    let ran = render(&b, "shown.png", &["--sidecar"]).exits(0);
    ran.says("1 region left visible, as asked");
    let shown = picture(&b.read("shown.png"));
    assert_eq!((at(&shown, FACE), at(&shown, BADGE)), (at(&original, FACE), blue));
    let again = record(&b, "shown.png.faceveil.json");
    assert_eq!(again.source.path.as_deref(), Some("in/a.png"));
    assert!(again.previous.is_some());
    let brief: Vec<_> = again.regions.iter().map(|r| (&*r.id, r.hidden, r.note.as_deref())).collect();
    assert_eq!(brief, [("r1", false, Some("she has agreed")), ("badge", true, None)]);
    edit(&b, |v| {
        v["regions"][0]["hidden"] = json!(true);
        for shape in v["regions"][0]["shapes"].as_array_mut().unwrap() {
            shape["centre"] = json!([BADGE.0, BADGE.1]);
        }
    });
    render(&b, "moved.png", &[]).exits(0);
    let moved = picture(&b.read("moved.png"));
    assert_eq!((at(&moved, FACE), at(&moved, BADGE)), (at(&original, FACE), blue));
}

#[test]
fn a_region_that_is_simply_gone_is_no_decision() {
    let b = sandbox();
    edit(&b, |v| v["regions"].as_array_mut().unwrap().clear());
    let words = "r1 is missing: to show what it hid, keep it and set its region's \"hidden\" to false";
    render(&b, "p.png", &[]).exits(1).says(&format!("{SIDECAR}: {words}"));
    assert!(!b.exists("p.png"));
}

#[test]
fn the_photo_must_be_the_very_same() {
    let b = sandbox();
    let photo = b.read("in/a.png");
    b.put("in/a.png", &png(512, 512, 1));
    render(&b, "p.png", &[])
        .exits(1)
        .says("out/../in/a.png is not the photo that the sidecar was written for");
    std::fs::remove_file(b.path("in/a.png")).unwrap();
    render(&b, "p.png", &[]).exits(1).says("out/../in/a.png: cannot be opened");
    b.put("elsewhere/b.png", &photo);
    render(&b, "p.png", &["elsewhere/b.png"]).exits(0);
    b.put("tree/a.png", &photo);
    render(&b, "q.png", &["tree"]).exits(0);
    b.run(["blur", "--from", "out", "-o", "r/", "tree"]).exits(0);
    for other in ["q.png", "r/a.png"] {
        assert!(b.read(other) == b.read("p.png"), "{other}");
    }
    edit(&b, |v| v["size"] = json!([512, 513]));
    render(&b, "s.png", &["tree"]).exits(1).says("tree/a.png has 512×512 pixels, the sidecar says 512×513");
    edit(&b, |v| v["source"]["path"] = json!(null));
    render(&b, "s.png", &[]).exits(1).says("it does not say where the photo is; name the photo as INPUT");
    assert!(!b.exists("s.png"));
}

/// Left edge and width of what is hidden in the row through the face.
fn extent(picture: &Raster, colour: [u8; 3]) -> (u32, usize) {
    let row: Vec<u32> = (0..512).filter(|&x| picture.rgb8(x, FACE.1) == colour).collect();
    (row.first().copied().unwrap_or(0), row.len())
}

#[test]
fn settings_may_be_chosen_anew() {
    let b = sandbox();
    let width = |name: &str, colour| extent(&picture(&b.read(name)), colour).1;
    let blue = [0, 0, 255];
    let before = width("out/a.png", blue);
    render(&b, "red.png", &["--color", "ff0000"]).exits(0);
    assert_eq!(width("red.png", [255, 0, 0]), before, "the style is still solid");
    render(&b, "large.png", &["--margin", "2.7"]).exits(0);
    assert!(width("large.png", blue) > before * 3 / 2);
    render(&b, "cells.png", &["--cells", "2"]).exits(1).says("--cells is for --style pixelate");
    render(&b, "box.png", &["--shape", "box", "--sidecar"]).exits(0);
    let shapes = record(&b, "box.png.faceveil.json").regions.remove(0).region.shapes;
    assert!(shapes.iter().all(|s| matches!(s, Shape::Box(_))), "{shapes:?}");
    // What somebody has drawn stays as it was drawn.
    edit(&b, |v| {
        v["regions"][0]["shapes"] = json!([{"outline": "box", "corners": [200, 100, 240, 130]}]);
        v["regions"][0]["feather"] = json!(0);
    });
    render(&b, "drawn.png", &["--margin", "2.7", "--sidecar"]).exits(0);
    assert_eq!(extent(&picture(&b.read("drawn.png")), blue), (200, 40));
    let drawn = record(&b, "drawn.png.faceveil.json");
    let want = RectF { left: 200.0, top: 100.0, right: 240.0, bottom: 130.0 };
    assert_eq!((&drawn.regions[0].region.shapes[..], drawn.settings.margin), (&[Shape::Box(want)][..], 2.7));
    render(&b, "zone.png", &["--hide-zone", "0,0,10,10"]).exits(0);
    assert_eq!(at(&picture(&b.read("zone.png")), (5, 5)), blue);
}

#[test]
fn a_picture_laid_over_must_be_named_again() {
    let b = Sandbox::new();
    b.put("a.jpg", &portrait());
    b.put("o.png", &png(8, 8, 1));
    let style = ["--style", "image", "--overlay", "o.png"];
    b.run(["blur", "a.jpg", "-o", "p.jpg", "--sidecar"].iter().chain(&style)).exits(0);
    let from = ["blur", "--from", "p.jpg.faceveil.json", "-o"];
    b.run(from.iter().chain(&["q.jpg"])).exits(1).says("--style image needs --overlay");
    b.run(from.iter().chain(&["q.jpg"]).chain(&style[2..])).exits(0);
}

#[test]
fn a_batch_is_rendered_in_its_place_and_resumed() {
    let b = Sandbox::new();
    for (n, name) in ["a.jpg", "sub/b.jpg", "sub/c.jpg"].iter().enumerate() {
        b.put(format!("in/{name}"), &jpeg(64, 48, n as u32));
    }
    b.run(["blur", "in", "-o", "out", "--sidecar"]).exits(0);
    let again = ["blur", "--from", "out", "-o", "out", "--sidecar", "--journal", "j", "--json"];
    let count = |ran: &Ran, status: &str| ran.json().iter().filter(|l| l["status"] == status).count();
    let before = b.files(".");
    let dry = b.run(again.iter().chain(&["--dry-run", "--overwrite"])).exits(0);
    assert_eq!(count(&dry, "dry_run"), 3);
    assert_eq!(b.files("."), before);
    b.run(again).exits(1).says("exists already; --overwrite replaces it");
    assert_eq!(b.files("out"), {
        let mut out = before.clone();
        out.retain(|path, _| path.starts_with("out"));
        out.into_iter().map(|(p, c)| (p.strip_prefix("out").unwrap().to_owned(), c)).collect()
    });
    let ran = b.run(again.iter().chain(&["--overwrite"])).exits(0);
    assert_eq!((count(&ran, "no_face"), b.names("out").len()), (3, 6));
    assert_eq!(count(&b.run(again).exits(0), "resumed"), 3, "rewritten sidecars are still the same");
    // An edited one is not.
    let path = "out/sub/b.jpg.faceveil.json";
    let mut sidecar = record(&b, path);
    let rect = RectF { left: 1.0, top: 1.0, right: 30.0, bottom: 30.0 };
    assert_eq!(sidecar.add(1, vec![Shape::Box(rect)], 0.0), "r1");
    b.put(path, &sidecar.to_json().unwrap());
    let ran = b.run(again).exits(2).says("was done with other settings");
    assert_eq!(count(&ran, "resumed"), 2);
    let ran = b.run(again.iter().chain(&["--overwrite"])).exits(0);
    assert_eq!((count(&ran, "resumed"), count(&ran, "ok")), (2, 1));
}

#[test]
fn a_bad_sidecar_does_not_stop_the_others() {
    let b = Sandbox::new();
    for n in 0..3 {
        b.put(format!("in/{n}.jpg"), &jpeg(64, 48, n));
    }
    b.run(["blur", "in", "-o", "out", "--sidecar"]).exits(0);
    b.put("out/1.jpg.faceveil.json", b"{\"faceveil_sidecar\": 9}");
    b.put("out/x.jpg.faceveil.json", b"\xff\xd8\xff not JSON");
    b.put("out/notes.json", b"{}");
    let ran = b.run(["blur", "--from", "out", "-o", "new"]).exits(2);
    let ran =
        ran.says("out/1.jpg.faceveil.json: a sidecar of version 9; this program reads the versions 1 and 2");
    let ran = ran.says("out/x.jpg.faceveil.json: not a sidecar: ");
    assert!(!ran.stderr.contains("notes"), "{}", ran.stderr);
    assert_eq!(b.names("new"), ["0.jpg", "2.jpg"]);
    b.run(["blur", "--from", "in", "-o", "no"]).exits(1).says("no sidecars (*.faceveil.json) are there");
    b.run(["blur", "--from", "out/[02]*.json", "-o", "glob/"]).exits(0);
    assert_eq!(b.names("glob"), ["0.jpg", "2.jpg"]);
}

#[test]
fn originals_and_waiting_sidecars_are_never_replaced() {
    let b = Sandbox::new();
    b.put("p/a.jpg", &jpeg(64, 48, 1));
    b.put("q/a.jpg", &jpeg(64, 48, 2));
    b.run(["blur", "p", "-o", "out1", "--sidecar"]).exits(0);
    b.run(["blur", "q", "-o", "out2", "--sidecar"]).exits(0);
    let before = b.files(".");
    let cases: [(&[&str], i32, &str); 5] = [
        (&["--from", "out1", "-o", "p"], 1, "is an input itself"),
        (&["--from", "out1/a.jpg.faceveil.json", "-o", "p/a.jpg"], 1, "is the input itself"),
        // The first would replace the second's original.
        (&["--from", "out2", "--from", "out1", "-o", "p"], 1, "is an input itself"),
        (&["--from", "out1", "p", "-o", "p"], 3, "the output folder is the input folder"),
        (&["--from", "out1", "-o", "o/", "--preview", "p/a.jpg"], 1, "is an original"),
    ];
    for (args, code, words) in cases {
        println!("{args:?}");
        b.run(["blur", "--overwrite"].iter().chain(args)).exits(code).says(words);
        let _ = std::fs::remove_dir(b.path("o"));
        assert_eq!(b.files("."), before, "{args:?}");
    }
    // The first would replace the second's sidecar before it is read.
    let from = ["blur", "--overwrite", "--sidecar", "--from", "out2", "--from", "out1", "-o", "out1"];
    b.run(from).exits(2).says("out2/a.jpg.faceveil.json: ");
    assert_eq!(b.read("out1/a.jpg"), before[std::path::Path::new("out1/a.jpg")]);
}

#[test]
fn wrong_usage() {
    let b = sandbox();
    b.put("b.png", &png(40, 30, 1));
    let cases: [(&[&str], &str); 8] = [
        (&["--from", SIDECAR, "-o", "p.png", "--level", "fast"], "--level is for looking for faces"),
        (
            &["--from", SIDECAR, "-o", "p.png", "--keep-zone", "0,0,9,9"],
            "--keep-zone is for looking for faces",
        ),
        (&["--from", SIDECAR, "-o", "p.png", "in/a.png", "b.png"], "INPUT is the photo of a single sidecar"),
        (&["--from", "out", "-o", "p/", "in/a.png"], "INPUT is the photo of a single sidecar"),
        (&["--from", SIDECAR, "-o", "p.png", "-"], "INPUT is the photo of a single sidecar"),
        (&["--from", "-", "-o", "p.png"], "(standard input)"),
        (&["--from", "out", "-o", "p.png"], "several inputs need a folder"),
        (&["-o", "p.png"], "required"),
    ];
    for (args, words) in cases {
        println!("{args:?}");
        b.run(["blur"].iter().chain(args)).exits(3).says(words);
        assert!(!b.exists("p.png"));
    }
    b.put("odd.json", &b.read(SIDECAR));
    let odd = ["blur", "--from", "odd.json", "-o"];
    b.run(odd.iter().chain(&["new/", "in/a.png"])).exits(1).says("its name does not end in .faceveil.json");
    b.run(odd.iter().chain(&["new.png", "in/a.png"])).exits(0);
}
