//! What an attacker gets who aligns and averages all frames of a track.

use faceveil_core::geom::{Ellipse, Point};
use faceveil_core::raster::RgbView;
use faceveil_core::redact::{FrozenVeil, Region, SeededNoise, Shape, Style, YuvFrame, YuvLayout};
use faceveil_core::track::{TrackId, Veils};
use faceveil_data::truth::TruthFace;
use faceveil_eval::{FaceVerdict, judge_frame};

/// Sides of a frame.
const WIDTH: usize = 256;
const HEIGHT: usize = 224;
/// Sides of what is aligned: the face and its surroundings.
const CROP: usize = 160;
const FRAMES: usize = 100;

/// Repeatable numbers, `-1.0..1.0`.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / 8_388_608.0 - 1.0
    }
}

/// Something with the detail of a face at every scale, whose middle is at 0, 0.
fn face(x: f32, y: f32) -> f32 {
    let waves = [
        (0.11, 0.07, 22.0),
        (-0.16, 0.21, 18.0),
        (0.31, -0.17, 16.0),
        (0.45, 0.39, 12.0),
        (0.62, -0.55, 9.0),
    ];
    120.0 + waves.iter().map(|(a, b, c)| c * (a * x + b * y + c).sin()).sum::<f32>()
}

/// A frame with the face's middle at `at`: planes of 4:2:0, without colour.
fn frame(at: (usize, usize), dice: &mut Dice) -> Vec<u8> {
    let mut planes: Vec<u8> = (0..WIDTH * HEIGHT)
        .map(|i| {
            let (x, y) = ((i % WIDTH) as f32 - at.0 as f32, (i / WIDTH) as f32 - at.1 as f32);
            (face(x, y) + 3.0 * dice.next()).clamp(16.0, 235.0) as u8
        })
        .collect();
    planes.resize(WIDTH * HEIGHT * 3 / 2, 128);
    planes
}

/// The region of a detection that is a little off, as detections are.
fn region(at: (usize, usize), dice: &mut Dice) -> Region {
    let size = 1.0 + 0.06 * dice.next();
    let centre = Point { x: at.0 as f32 + 5.0 * dice.next(), y: at.1 as f32 + 5.0 * dice.next() };
    let ellipse = Ellipse { centre, radius_x: 54.0 * size, radius_y: 68.0 * size, angle: 0.0 };
    Region::around(vec![Shape::Ellipse(ellipse)], 2.0)
}

/// The mean of the frames' surroundings of the face, as grey RGB.
fn averaged(frames: &[(Vec<u8>, (usize, usize))]) -> Vec<u8> {
    let mut sums = vec![0u32; CROP * CROP];
    for (planes, at) in frames {
        for (i, sum) in sums.iter_mut().enumerate() {
            let (x, y) = (at.0 + i % CROP - CROP / 2, at.1 + i / CROP - CROP / 2);
            *sum += u32::from(planes[y * WIDTH + x]);
        }
    }
    let count = frames.len() as u32;
    sums.into_iter().flat_map(|sum| [((sum + count / 2) / count) as u8; 3]).collect()
}

/// Verdicts on the first frame alone and on the average of all.
fn attacked(hide: &mut dyn FnMut(&mut YuvFrame, &Region)) -> [FaceVerdict; 2] {
    let (mut dice, mut moves) = (Dice(1), Dice(2));
    let (mut clear, mut hidden) = (Vec::new(), Vec::new());
    for _ in 0..FRAMES {
        let along = |middle: usize, v: f32| (middle as f32 + 14.0 * v) as usize;
        let at = (along(WIDTH / 2, moves.next()), along(HEIGHT / 2, moves.next()));
        let planes = frame(at, &mut dice);
        let mut covered = planes.clone();
        let layout = YuvLayout::yuv420(WIDTH as u32, HEIGHT as u32);
        hide(&mut YuvFrame::packed_u8(layout, &mut covered).unwrap(), &region(at, &mut moves));
        clear.push((planes, at));
        hidden.push((covered, at));
    }
    let middle = CROP as f64 / 2.0;
    let face = TruthFace::from_box(middle - 36.0, middle - 46.0, middle + 36.0, middle + 46.0);
    [&hidden[..1], &hidden[..]].map(|frames| {
        let (original, output) = (averaged(&clear), averaged(frames));
        let view = |rgb| RgbView::new(CROP as u32, CROP as u32, rgb).unwrap();
        judge_frame(view(&original), view(&output), &[face]).faces[0]
    })
}

fn kept(verdict: &FaceVerdict) -> f32 {
    verdict.kept.expect("the face can be judged")
}

#[test]
fn averaging_a_track_gives_no_more_than_one_frame() {
    for style in [Style::Veil, Style::Pixelate { cells: 4 }] {
        let mut veils = Veils::new(style.clone());
        let mut noise = SeededNoise::new(5);
        let [one, all] = attacked(&mut |frame, region| {
            veils.hide_yuv(frame, &[(TrackId(0), region.clone())], &mut noise).unwrap();
            veils.next_frame();
        });
        println!("{style:?}: kept of one frame {}, of {FRAMES} averaged {}", kept(&one), kept(&all));
        assert!(!one.status.is_leak() && !all.status.is_leak(), "{style:?}: {one:?} {all:?}");
        assert!(kept(&all) <= kept(&one) + 1e-3, "{style:?}: {one:?} {all:?}");
    }
}

#[test]
fn without_freezing_averaging_would_bring_more_of_the_face_back() {
    let style = Style::Pixelate { cells: 8 };
    let mut noise = SeededNoise::new(5);
    let [one, anew] = attacked(&mut |frame, region| {
        let veil = FrozenVeil::draw_yuv(frame, region, &style, &mut noise).unwrap();
        veil.paint_yuv(frame, region).unwrap();
    });
    let mut veils = Veils::new(style.clone());
    let [_, frozen] = attacked(&mut |frame, region| {
        veils.hide_yuv(frame, &[(TrackId(0), region.clone())], &mut noise).unwrap();
    });
    println!(
        "kept of one frame {}, of {FRAMES} drawn anew {}, frozen {}",
        kept(&one),
        kept(&anew),
        kept(&frozen)
    );
    assert!(kept(&anew) > 2.0 * kept(&frozen), "{one:?} {anew:?} {frozen:?}");
}
