//! What is written is read again as it was; what is odd is an error that names it.

use super::*;
use faceveil_core::geom::{Ellipse, Point, RectF};
use serde_json::{Value, json};

fn sample() -> Sidecar {
    let rect = RectF { left: 159.4, top: 33.2, right: 290.6, bottom: 200.8 };
    let landmarks = [200.1, 210.2, 220.3, 230.4, 240.5].map(|x| Point { x, y: 100.0 / 3.0 });
    let also = vec![RectF { left: -3.7, ..rect }];
    let ellipse =
        Ellipse { centre: Point { x: 225.0, y: 117.3 }, radius_x: 60.7, radius_y: 80.1, angle: -2.9 };
    let sha256 = "ab".repeat(32);
    let record = |id: &str, origin, face: Option<&str>, region| RegionRecord {
        id: id.to_owned(),
        page: 1,
        origin,
        face: face.map(str::to_owned),
        hidden: true,
        note: None,
        region,
    };
    let shapes = vec![Shape::Ellipse(ellipse), Shape::Box(also[0])];
    let mut shown = record("mine", Origin::Added, None, Region::around(vec![Shape::Box(rect)], 0.0));
    (shown.hidden, shown.note) = (false, Some("my own \"face\"\n".to_owned()));
    Sidecar {
        program: "0.1.0".to_owned(),
        source: Source { path: Some("../a b/ü.jpg".to_owned()), bytes: 12, sha256: sha256.clone() },
        result: Output { format: Format::Png, bytes: 34, sha256: sha256.clone() },
        pages: vec![[512, 384]],
        models: vec![Model { name: "yunet".to_owned(), sha256: sha256.clone() }],
        settings: Settings {
            level: Level::Thorough,
            style: StyleName::Blur,
            cells: None,
            sigma: Some(0.3),
            color: Some(Rgb([1, 2, 255])),
            overlay_sha256: None,
            shape: choices::Shape::Ellipse,
            margin: 1.4,
            feather: 0.03,
            keep_metadata: KeepMetadata::Safe,
        },
        faces: vec![FaceRecord {
            id: "f1".to_owned(),
            page: 1,
            face: Face { rect, score: 0.123_456_79, landmarks: Some(landmarks), also },
        }],
        regions: vec![record("r1", Origin::Detected, Some("f1"), Region::around(shapes, 2.7)), shown],
        previous: Some(sha256),
    }
}

fn value() -> Value {
    serde_json::from_slice(&sample().to_json().unwrap()).unwrap()
}

fn parse(value: &Value) -> Result<Sidecar, SidecarError> {
    Sidecar::parse(value.to_string().as_bytes())
}

#[test]
fn what_is_written_is_read_again_bit_by_bit() {
    let sidecar = sample();
    let json = sidecar.to_json().unwrap();
    let again = Sidecar::parse(&json).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(again, sidecar);
    assert_eq!(again.to_json().unwrap(), json);
    let text = String::from_utf8(json).unwrap();
    assert_eq!(text.lines().filter(|l| l.starts_with("    {\"id\"")).count(), 3, "one a line: {text}");
}

#[test]
fn every_truncation_is_an_error() {
    let json = sample().to_json().unwrap();
    // The last byte is a line feed, without which it is whole.
    for n in 0..json.len() - 1 {
        assert!(Sidecar::parse(&json[..n]).is_err(), "{n} bytes");
    }
}

#[test]
fn odd_values_are_named() {
    let cases: [(&str, Value, &str); 45] = [
        ("/faceveil_sidecar", json!(3), "a sidecar of version 3; this program reads the versions 1 and 2"),
        ("/faceveil_sidecar", json!(2), "\"pages\" must list two sizes or more"),
        ("/pages", json!([[512, 384], [512, 384]]), "\"size\" must be there, and no \"pages\""),
        ("/faces/0/page", json!(1), "f1 is on a page, and there is a single picture"),
        ("/regions/1/page", json!(1), "mine is on a page, and there is a single picture"),
        ("/faceveil_sidecar", json!("1"), "a sidecar of version \"1\""),
        ("/faceveil_sidecar", json!(1.5), "a sidecar of version 1.5"),
        ("/faceveil_sidecar", json!(null), "it has no \"faceveil_sidecar\""),
        ("/more", json!(1), "unknown field `more`"),
        ("/settings/more", json!(1), "unknown field `more`"),
        ("/regions/0/more", json!(1), "unknown field `more`"),
        ("/regions/0/shapes/0/more", json!(1), "unknown field `more`"),
        ("/faces/0/more", json!(1), "unknown field `more`"),
        ("/source/sha256", json!("AB".repeat(32)), "must be 64 lower-case hexadecimal digits"),
        ("/result/sha256", json!("ab"), "the result's sha256 is \"ab\""),
        ("/previous", json!(""), "previous is \"\""),
        ("/models/0/sha256", json!("x"), "a model's sha256"),
        ("/result/format", json!("XCF"), "the result's format is \"XCF\""),
        ("/source/path", json!("a\u{0}b"), "the source's path"),
        ("/source/path", json!(""), "the source's path"),
        ("/source/bytes", json!(-1), "invalid value: integer `-1`"),
        ("/size", json!([0, 4]), "size is 0, must be at least 1"),
        ("/size", json!([1, 2, 3]), "not a sidecar"),
        ("/size", json!([5_000_000_000u64, 1]), "not a sidecar"),
        ("/settings/level", json!("best"), "unknown variant `best`"),
        ("/settings/margin", json!(0.5), "the margin is 0.5, must be 1 to 4"),
        ("/settings/feather", json!(2), "the feather is 2, must be 0 to 1"),
        ("/settings/cells", json!(9), "cells is 9, must be 1 to 8"),
        ("/settings/sigma", json!(0.01), "must be 0.125 to 1"),
        ("/settings/color", json!("red"), "not six hexadecimal digits"),
        ("/faces/0/score", json!(1.5), "the score of f1 is 1.5, must be 0 to 1"),
        ("/faces/0/box", json!([0, 0, 1e38, 1]), "a coordinate of f1 is"),
        ("/faces/0/box", json!([5, 0, 4, 1]), "a width or height of f1 is -1"),
        ("/faces/0/landmarks/4/0", json!(-1e7), "a coordinate of f1 is -10000000"),
        ("/regions/0/feather", json!(-1), "the feather of r1 is -1, must be 0 to 1000000"),
        ("/regions/0/shapes/0/half_axes", json!([1, 0]), "a half axis of r1 is 0, must be more than 0"),
        ("/regions/0/shapes/0/half_axes", json!([1e300, 1]), "a half axis of r1 is inf"),
        ("/regions/0/shapes/0/angle", json!(1e9), "the angle of r1"),
        ("/regions/0/shapes/0/centre", json!([2e6, 0]), "a coordinate of r1 is 2000000"),
        ("/regions/0/shapes/0/outline", json!("star"), "unknown variant `star`"),
        ("/regions/0/shapes", json!([]), "r1 has no shapes"),
        ("/regions/0/origin", json!("guess"), "unknown variant `guess`"),
        (
            "/regions/0/face",
            json!("f9"),
            "r1 is the region of f9, which is not among the faces of its picture",
        ),
        ("/regions/1/id", json!("a b"), "the id \"a b\" is not"),
        ("/regions/1/id", json!("r1"), "the id r1 is given twice"),
    ];
    all_named(value, &cases);
}

/// Each odd value in its place is an error that names it.
fn all_named(value: fn() -> Value, cases: &[(&str, Value, &str)]) {
    for (place, odd, words) in cases {
        let mut value = value();
        let (above, name) = place.rsplit_once('/').unwrap();
        let above = value.pointer_mut(above).unwrap_or_else(|| panic!("{place}"));
        match above {
            Value::Array(items) => items[name.parse::<usize>().unwrap()] = odd.clone(),
            Value::Object(fields) => drop(fields.insert((*name).to_owned(), odd.clone())),
            other => panic!("{other}"),
        }
        let error = parse(&value).expect_err(place).to_string();
        assert!(error.contains(words), "{place} = {odd}: {error}");
    }
}

/// Two frames, each with a face.
fn of_pages() -> Sidecar {
    let mut sidecar = sample();
    sidecar.pages = vec![[512, 384], [200, 300]];
    let mut face = sidecar.faces[0].clone();
    (face.id, face.page) = ("f2".to_owned(), 2);
    let mut region = sidecar.regions[0].clone();
    (region.id, region.page, region.face) = ("r2".to_owned(), 2, Some("f2".to_owned()));
    sidecar.faces.push(face);
    sidecar.regions.push(region);
    sidecar
}

fn value_of_pages() -> Value {
    serde_json::from_slice(&of_pages().to_json().unwrap()).unwrap()
}

#[test]
fn several_pages_are_version_2_and_all_on_them_says_where_it_is() {
    let json = of_pages().to_json().unwrap();
    assert_eq!(Sidecar::parse(&json).unwrap(), of_pages());
    let value = value_of_pages();
    assert_eq!((&value["faceveil_sidecar"], &value["size"]), (&json!(2), &Value::Null));
    assert_eq!(
        (&value["pages"], &value["regions"][2]["page"]),
        (&json!([[512, 384], [200, 300]]), &json!(2))
    );
    let cases = [
        ("/faceveil_sidecar", json!(1), "\"size\" must be there, and no \"pages\""),
        ("/size", json!([512, 384]), "\"pages\" must list two sizes or more"),
        ("/pages", json!([[512, 384]]), "\"pages\" must list two sizes or more"),
        ("/pages", json!([[512, 384], [0, 1]]), "size is 0, must be at least 1"),
        ("/pages", json!(vec![[1, 1]; MAX_PAGES + 1]), "10001 pages, at most 10000"),
        ("/faces/1/page", json!(null), "f2 does not say on which page or frame it is"),
        ("/regions/0/page", json!(null), "r1 does not say on which page or frame it is"),
        ("/faces/1/page", json!(0), "f2 is on page or frame 0, and there are 2"),
        ("/regions/1/page", json!(3), "mine is on page or frame 3, and there are 2"),
        ("/regions/2/page", json!(1), "r2 is the region of f2, which is not among the faces of its picture"),
    ];
    all_named(value_of_pages, &cases);
    // Inside the first page, outside the second.
    let mut sidecar = of_pages();
    let far = || vec![Shape::Box(RectF { left: 300.0, top: 0.0, right: 400.0, bottom: 10.0 })];
    assert_eq!(sidecar.add(1, far(), 0.0), "r3");
    assert!(sidecar.to_json().is_ok());
    sidecar.add(2, far(), 0.0);
    assert_eq!(sidecar.to_json().unwrap_err().to_string(), "r4 lies outside the picture of 200×300 pixels");
}

#[test]
fn numbers_that_json_does_not_have_are_refused() {
    let text = String::from_utf8(sample().to_json().unwrap()).unwrap();
    for odd in ["NaN", "inf", "-Infinity", "1e999", "0x10", "1_000", "+1", "\"1\"", "null", "[1]"] {
        let text = text.replace("\"score\": 0.12345679", &format!("\"score\": {odd}"));
        assert!(Sidecar::parse(text.as_bytes()).is_err(), "{odd}");
    }
    assert!(text.contains("\"score\": 0.12345679"));
}

#[test]
fn no_face_or_region_goes_missing() {
    let mut missing = value();
    missing["regions"].as_array_mut().unwrap().remove(0);
    let words = parse(&missing).unwrap_err().to_string();
    assert!(words.starts_with("r1 is missing: to show what it hid, keep it"), "{words}");
    missing["faces"].as_array_mut().unwrap().clear();
    assert!(parse(&missing).unwrap_err().to_string().starts_with("f1 is missing"));
    missing["counts"]["faces"] = json!(0);
    assert!(parse(&missing).unwrap_err().to_string().starts_with("r1 is missing"));
    let mut alone = value();
    alone["regions"][0].as_object_mut().unwrap().remove("face");
    assert!(parse(&alone).unwrap_err().to_string().starts_with("no region belongs to f1"));
    let mut many = value();
    many["counts"]["regions"] = json!(u64::MAX);
    assert!(parse(&many).unwrap_err().to_string().starts_with("r2 is missing"));
}

#[test]
fn what_somebody_added_must_hide_something() {
    let mut sidecar = sample();
    let far = RectF { left: 600.0, top: 0.0, right: 700.0, bottom: 10.0 };
    let id = sidecar.add(1, vec![Shape::Box(far)], 0.0);
    let words = sidecar.to_json().unwrap_err().to_string();
    assert_eq!(words, format!("{id} lies outside the picture of 512×384 pixels"));
    sidecar.region_mut(&id).unwrap().hidden = false;
    assert!(sidecar.to_json().is_ok());
}

#[test]
fn ids_are_never_used_again() {
    let mut sidecar = sample();
    let shape = || vec![Shape::Box(RectF { left: 1.0, top: 1.0, right: 9.0, bottom: 9.0 })];
    assert_eq!(
        (sidecar.add(1, shape(), 0.0), sidecar.add(1, shape(), 1.0)),
        ("r2".to_owned(), "r3".to_owned())
    );
    let value: Value = serde_json::from_slice(&sidecar.to_json().unwrap()).unwrap();
    assert_eq!(value["counts"], json!({"faces": 1, "regions": 3}), "what was added cannot go missing either");
    sidecar.regions[2].id = "r77".to_owned();
    assert_eq!(fresh_number(&sidecar.regions), 78);
    sidecar.regions[2].id = format!("r{}", u32::MAX);
    assert_eq!(fresh_number(&sidecar.regions), 4_294_967_296);
}

#[test]
fn more_than_any_photo_has_is_refused() {
    let mut many = sample();
    let region = many.regions[1].clone();
    many.regions.extend((0..MAX_REGIONS).map(|n| RegionRecord { id: format!("x{n}"), ..region.clone() }));
    assert!(matches!(many.to_json(), Err(SidecarError::TooMany { what: "regions", .. })));
    let mut shapes = sample();
    shapes.regions[0].region.shapes = vec![shapes.regions[0].region.shapes[0]; MAX_SHAPES + 1];
    assert!(matches!(shapes.to_json(), Err(SidecarError::TooMany { .. })));
    let mut note = sample();
    note.regions[0].note = Some("ü".repeat(MAX_NOTE + 1));
    assert!(matches!(note.to_json(), Err(SidecarError::TooMany { .. })));
    note.regions[0].note = Some("ü".repeat(MAX_NOTE));
    assert!(note.to_json().is_ok());
    let big = vec![b' '; MAX_BYTES as usize + 1];
    assert!(matches!(Sidecar::parse(&big), Err(SidecarError::TooLarge { .. })));
    let deep = format!("{{\"faceveil_sidecar\": {}", "[".repeat(100_000));
    assert!(matches!(Sidecar::parse(deep.as_bytes()), Err(SidecarError::Json(_))));
}

#[test]
fn names_of_sidecars() {
    assert_eq!(path_of(Path::new("out/a.jpg")), Path::new("out/a.jpg.faceveil.json"));
    assert_eq!(output_of(Path::new("out/a.jpg.faceveil.json")).as_deref(), Some(Path::new("out/a.jpg")));
    for name in ["a.json", ".faceveil.json", "out/.faceveil.json", "a.FACEVEIL.JSON", ""] {
        assert_eq!(output_of(Path::new(name)), None, "{name}");
    }
}
