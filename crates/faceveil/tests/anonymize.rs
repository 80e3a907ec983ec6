//! The library as its users call it, on the sample photo.

use std::path::Path;

use faceveil::core::geom::{Ellipse, RectF};
use faceveil::{Anonymizer, Error, Report, Settings, Style};
use image::{DynamicImage, GenericImageView};

#[allow(dead_code)] // its main
#[path = "../examples/anonymize.rs"]
mod example;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/sample.jpg");
/// Where the face of the sample is, read off the picture by eye: forehead to chin, ear to ear.
const FACE: RectF = RectF { left: 184.0, top: 80.0, right: 268.0, bottom: 180.0 };

fn sample() -> DynamicImage {
    image::open(SAMPLE).expect("the sample photo")
}

fn seeded(seed: u64) -> Settings {
    Settings { seed: Some(seed), ..Settings::default() }
}

fn anonymized(mut picture: DynamicImage, settings: &Settings) -> (DynamicImage, Report) {
    let report = Anonymizer::new(settings).unwrap().anonymize_image(&mut picture).unwrap();
    (picture, report)
}

/// The pixels of two pictures of one size that differ.
fn changed<'a>(a: &'a DynamicImage, b: &'a DynamicImage) -> impl Fn(u32, u32) -> bool + 'a {
    assert_eq!((a.dimensions(), a.color()), (b.dimensions(), b.color()));
    let bytes = usize::from(a.color().bytes_per_pixel());
    move |x, y| {
        let at = (y as usize * a.width() as usize + x as usize) * bytes;
        a.as_bytes()[at..at + bytes] != b.as_bytes()[at..at + bytes]
    }
}

/// Fails unless exactly the one face of the sample is hidden.
#[track_caller]
fn assert_only_the_face_is_hidden(before: &DynamicImage, after: &DynamicImage, report: &Report, case: &str) {
    assert_eq!((report.faces.len(), report.regions.len()), (1, 1), "{case}");
    let face = &report.faces[0];
    assert!(face.rect.iou(&FACE) > 0.6, "{case}: {:?}", face.rect);
    let [left_eye, right_eye, _, left_mouth, right_mouth] = face.landmarks.expect("landmarks");
    assert!(left_eye.x < right_eye.x && left_mouth.x < right_mouth.x && left_eye.y < left_mouth.y, "{case}");

    let changed = changed(before, after);
    let inside = Ellipse::inscribed(&FACE);
    let region = &report.regions[0];
    let reach = region.feather + 1.0;
    let frame = region.frame;
    let (mut hidden, mut all) = (0, 0);
    for (y, x) in (0..before.height()).flat_map(|y| (0..before.width()).map(move |x| (y, x))) {
        let (px, py) = (x as f32 + 0.5, y as f32 + 0.5);
        let (u, v) = ((px - inside.centre.x) / inside.radius_x, (py - inside.centre.y) / inside.radius_y);
        if u * u + v * v <= 1.0 {
            all += 1;
            hidden += u32::from(changed(x, y));
        }
        let far = px < frame.left - reach
            || px > frame.right + reach
            || py < frame.top - reach
            || py > frame.bottom + reach;
        assert!(!(far && changed(x, y)), "{case}: pixel ({x}, {y}) is outside {frame:?} and changed");
    }
    // A few pixels may have the veil's colour by chance, more so in grey.
    assert!(hidden * 100 >= all * 97, "{case}: {hidden} of {all} pixels of the face changed");
}

#[test]
fn the_face_is_hidden_and_nothing_else_changes() {
    let before = sample();
    for (name, style) in [("veil", Style::Veil), ("solid", Style::Solid { rgb: [0; 3] })] {
        let (after, report) = anonymized(before.clone(), &Settings { style, ..Settings::default() });
        assert_only_the_face_is_hidden(&before, &after, &report, name);
    }
}

#[test]
#[should_panic(expected = "pixels of the face changed")]
fn a_face_left_visible_is_noticed() {
    let (_, report) = anonymized(sample(), &Settings::default());
    assert_only_the_face_is_hidden(&sample(), &sample(), &report, "untouched");
}

#[test]
#[should_panic(expected = "and changed")]
fn a_change_elsewhere_is_noticed() {
    let (mut after, report) = anonymized(sample(), &Settings::default());
    after.as_mut_rgb8().unwrap().put_pixel(511, 511, image::Rgb([0, 255, 0]));
    assert_only_the_face_is_hidden(&sample(), &after, &report, "a pixel in the corner");
}

#[test]
fn every_integer_picture_keeps_its_type() {
    let s = sample();
    let cases = [
        DynamicImage::ImageLuma8(s.to_luma8()),
        DynamicImage::ImageLumaA8(s.to_luma_alpha8()),
        DynamicImage::ImageRgb8(s.to_rgb8()),
        DynamicImage::ImageRgba8(s.to_rgba8()),
        DynamicImage::ImageLuma16(s.to_luma16()),
        DynamicImage::ImageLumaA16(s.to_luma_alpha16()),
        DynamicImage::ImageRgb16(s.to_rgb16()),
        DynamicImage::ImageRgba16(s.to_rgba16()),
    ];
    for before in cases {
        let case = format!("{:?}", before.color());
        let (after, report) = anonymized(before.clone(), &Settings::default());
        assert_only_the_face_is_hidden(&before, &after, &report, &case);
    }
}

#[test]
fn a_picture_that_fails_comes_back_empty() {
    let cases = [
        ("floats", DynamicImage::ImageRgb32F(sample().to_rgb32f())),
        ("floats with opacity", DynamicImage::ImageRgba32F(sample().to_rgba32f())),
        ("no pixels", DynamicImage::new_rgb8(0, 0)),
    ];
    for (case, mut picture) in cases {
        let got = Anonymizer::new(&Settings::default()).unwrap().anonymize_image(&mut picture);
        assert!(matches!(got, Err(Error::PictureType(_))), "{case}: {got:?}");
        assert_eq!(picture.dimensions(), (0, 0), "{case}");
        assert!(picture.as_bytes().is_empty(), "{case}");
    }
}

#[test]
fn a_seed_repeats_the_noise_and_no_seed_never_does() {
    let (once, _) = anonymized(sample(), &seeded(7));
    let (again, _) = anonymized(sample(), &seeded(7));
    let (other, _) = anonymized(sample(), &seeded(8));
    assert!(once == again, "two runs with one seed differ");
    assert!(once != other, "two seeds give one picture");
    // A veil has few levels, so that two runs in a thousand or so may agree by chance; four never do.
    let fresh: Vec<_> = (0..4).map(|_| anonymized(sample(), &Settings::default()).0).collect();
    assert!(fresh.iter().any(|p| *p != fresh[0]), "runs without a seed have the same noise");
}

#[test]
fn a_photo_on_its_side_is_searched_too() {
    type Turn = fn(&DynamicImage) -> DynamicImage;
    // Where the middle of the face comes to lie.
    let cases: [(&str, Turn, f32, f32); 3] = [
        ("90", DynamicImage::rotate90, 382.0, 226.0),
        ("180", DynamicImage::rotate180, 286.0, 382.0),
        ("270", DynamicImage::rotate270, 130.0, 286.0),
    ];
    for (case, turn, x, y) in cases {
        let (_, report) = anonymized(turn(&sample()), &Settings::default());
        let holds = |r: &RectF| (r.left..r.right).contains(&x) && (r.top..r.bottom).contains(&y);
        assert!(report.faces.iter().any(|f| holds(&f.rect)), "{case}: {:?}", report.faces);
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    for (margin, feather) in [(Some(0.5), 0.0), (Some(f32::NAN), 0.0), (None, 2.0)] {
        let settings = Settings { margin, feather, ..Settings::default() };
        let got = Anonymizer::new(&settings);
        assert!(matches!(got, Err(Error::Policy(_))), "{margin:?} {feather}");
    }
}

#[test]
fn the_example_writes_an_anonymised_photo() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("hidden.png");
    assert_eq!(example::anonymize(Path::new(SAMPLE), &out).unwrap(), 1);
    let after = image::open(&out).unwrap();
    let report = {
        let mut anonymizer = Anonymizer::new(&Settings::default()).unwrap();
        anonymizer.anonymize_image(&mut sample()).unwrap()
    };
    assert_only_the_face_is_hidden(&sample(), &after, &report, "example");
    assert!(example::anonymize(Path::new("no such photo.jpg"), &out).is_err());
}
