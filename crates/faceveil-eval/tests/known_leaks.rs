//! The referee's own self-test: on synthetic pictures a known number of leaks comes out as that
//! number, for lossless, coded and shrunk outputs.

mod support;

use faceveil_core::raster::RgbView;
use faceveil_data::truth::TruthFace;
use faceveil_eval::{PictureVerdict, Rate, Summary, judge_pair};
use jpeg_encoder::SamplingFactor;
use support::{Canvas, How, Lcg};

/// Twelve pictures of six faces each, treated in all the ways of [`How::ALL`]; four of them leak.
fn pictures() -> Vec<(Canvas, Canvas, Vec<TruthFace>)> {
    let mut rng = Lcg(1);
    let picture = |i: usize| {
        let original = Canvas::texture(&mut rng, 400, 300);
        let mut done = original.clone();
        let size = [48.0, 56.0, 64.0][i % 3];
        let face = |j: usize| {
            let (x, y) = (20.0 + 130.0 * (j % 3) as f64, 30.0 + 140.0 * (j / 3) as f64);
            TruthFace::from_box(x, y, x + size, y + size)
        };
        let faces: Vec<_> = (0..6).map(face).collect();
        How::ALL.iter().zip(&faces).for_each(|(how, face)| how.apply(&mut done, face));
        if i < 3 {
            done.fill([350, 250, 380, 280], 0); // a false region far from every face
        }
        (original, done, faces)
    };
    (0..12).map(picture).collect()
}

fn judge(original: &Canvas, output: &[u8], faces: &[TruthFace]) -> PictureVerdict {
    let view = RgbView::new(original.width as u32, original.height as u32, &original.pixels).unwrap();
    judge_pair(view, output, faces).unwrap()
}

#[test]
fn known_leaks_come_out_as_their_number() {
    type Encode = fn(&Canvas) -> Vec<u8>;
    let encoders: [(&str, Encode); 5] = [
        ("png", Canvas::png),
        ("jpeg q75 4:2:0", |c| c.jpeg(75, SamplingFactor::F_2_2)),
        ("jpeg q75 4:2:2", |c| c.jpeg(75, SamplingFactor::F_2_1)),
        ("jpeg q90 4:4:4", |c| c.jpeg(90, SamplingFactor::F_1_1)),
        ("letterboxed to 200", |c| c.halved_into(200, 200).png()),
    ];
    let pictures = pictures();
    for (name, encode) in encoders {
        let verdicts: Vec<_> =
            pictures.iter().map(|(original, done, faces)| judge(original, &encode(done), faces)).collect();
        let summary = Summary::of(&verdicts);
        let table = &summary.at_least_16_px;
        assert_eq!((table.judged, table.leak), (72, Rate::new(48, 72)), "{name}: {table:?}");
        assert!(table.untouched >= 12, "{name}: {table:?}");
        assert_eq!(summary.images_with_false_region, Rate::new(3, 12), "{name}");
        let outside = summary.outside.unwrap();
        assert!(outside.changed_share < 0.03, "{name}: {outside:?}");
    }
}

#[test]
fn doing_nothing_leaks_everything_and_harms_nothing() {
    let pictures = pictures();
    let verdicts: Vec<_> =
        pictures.iter().map(|(original, _, faces)| judge(original, &original.png(), faces)).collect();
    let summary = Summary::of(&verdicts);
    assert_eq!(summary.at_least_16_px.leak, Rate::new(72, 72));
    assert_eq!(summary.at_least_16_px.untouched, 72);
    let outside = summary.outside.unwrap();
    assert_eq!((outside.changed_share, outside.mae, outside.psnr), (0.0, 0.0, 99.0));
    assert!((outside.ssim - 1.0).abs() < 1e-6, "{outside:?}");
    assert_eq!(summary.images_with_false_region, Rate::new(0, 12));
}

#[test]
fn faces_at_and_beyond_the_edge_do_no_harm() {
    let original = Canvas::texture(&mut Lcg(2), 90, 70);
    let mut faces = Vec::new();
    for (x, y) in [(-30.0, -20.0), (80.0, 60.0), (-500.0, 10.0), (10.0, 900.0), (45.0, 35.0)] {
        faces.extend([3.0, 40.0, 400.0].map(|size| TruthFace::from_box(x, y, x + size, y + size)));
    }
    let black = original.mapped(|_| 0);
    let verdict = judge(&original, &black.png(), &faces);
    assert_eq!(verdict.faces.len(), faces.len());
    for (face, verdict) in faces.iter().zip(&verdict.faces) {
        assert!(!verdict.status.is_leak(), "{face:?}: {verdict:?}");
    }
    // A face of 400 pixels covers the picture: nothing is outside.
    assert_eq!(verdict.outside, None);
}

#[test]
fn one_pixel_and_broken_outputs() {
    let dot = Canvas { width: 1, height: 1, pixels: vec![9, 9, 9] };
    let face = TruthFace::from_box(0.0, 0.0, 1.0, 1.0);
    assert!(!judge(&dot, &dot.png(), &[face]).faces[0].status.is_judged());
    let texture = Canvas::texture(&mut Lcg(3), 64, 48);
    assert!(!judge(&texture, &dot.png(), &[face]).faces[0].status.is_judged());
    assert!(judge(&dot, &texture.png(), &[]).faces.is_empty());
    let jpeg = texture.jpeg(80, SamplingFactor::F_2_2);
    let view = RgbView::new(64, 48, &texture.pixels).unwrap();
    for bytes in [&jpeg[..jpeg.len() / 2], &jpeg[..0], b"not a picture"] {
        assert!(judge_pair(view, bytes, &[face]).is_err(), "{} bytes", bytes.len());
    }
}
