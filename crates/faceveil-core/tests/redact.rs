//! What `redact` promises, for every colour model, depth and style.

use faceveil_core::geom::{Ellipse, Point, RectF};
use faceveil_core::raster::{Color, Raster, Samples, SamplesMut};
use faceveil_core::redact::{
    Noise, NoiseError, Overlay, RedactError, Region, RelativeSigma, SeededNoise, Shape, Style, redact,
    touched,
};
use proptest::prelude::*;

const COLORS: [Color; 5] = [Color::Gray, Color::GrayAlpha, Color::Rgb, Color::Rgba, Color::Cmyk];

fn styles() -> Vec<Style> {
    let rgba = (0..8 * 6 * 4).map(|i| (i * 37 % 256) as u8).collect();
    vec![
        Style::Veil,
        Style::Pixelate { cells: 1 },
        Style::Pixelate { cells: 4 },
        Style::Blur { sigma: RelativeSigma::new(0.25).unwrap() },
        Style::Solid { rgb: [200, 30, 90] },
        Style::Image { overlay: Overlay::new(8, 6, rgba).unwrap() },
    ]
}

/// A picture without any pattern.
fn picture(width: u32, height: u32, color: Color, deep: bool, seed: u64) -> Raster {
    let mut bytes = vec![0; (width * height) as usize * color.channels() * 2];
    SeededNoise::new(seed).fill(&mut bytes).unwrap();
    let words = bytes.chunks(2).map(|b| u16::from_le_bytes([b[0], b[1]]));
    let samples =
        if deep { Samples::U16(words.collect()) } else { Samples::U8(words.map(|w| w as u8).collect()) };
    Raster::new(width, height, color, samples).unwrap()
}

/// The samples of a pixel.
fn pixel(raster: &Raster, x: u32, y: u32) -> Vec<u16> {
    let channels = raster.color().channels();
    let at = (y * raster.width() + x) as usize * channels;
    match raster.samples() {
        Samples::U8(v) => v[at..at + channels].iter().map(|&s| s.into()).collect(),
        Samples::U16(v) => v[at..at + channels].to_vec(),
    }
}

/// The first pixel that differs, as (x, y, got, want).
fn first_difference(got: &Raster, want: &Raster) -> Option<(u32, u32, Vec<u16>, Vec<u16>)> {
    assert_eq!((got.width(), got.height(), got.color()), (want.width(), want.height(), want.color()));
    let pixels = (0..got.height()).flat_map(|y| (0..got.width()).map(move |x| (x, y)));
    pixels.map(|(x, y)| (x, y, pixel(got, x, y), pixel(want, x, y))).find(|(_, _, got, want)| got != want)
}

fn redacted(original: &Raster, regions: &[Region], style: &Style, seed: u64) -> Raster {
    let mut raster = original.clone();
    redact(&mut raster, regions, style, &mut SeededNoise::new(seed)).unwrap();
    raster
}

fn rect(left: f32, top: f32, right: f32, bottom: f32) -> RectF {
    RectF { left, top, right, bottom }
}

fn box_region(rect: RectF, feather: f32) -> Region {
    Region { shapes: vec![Shape::Box(rect)], frame: rect, feather }
}

/// Distance of a pixel's centre from a shape, 0 inside; for a turned ellipse a little less than that.
fn distance(shape: &Shape, x: u32, y: u32) -> f32 {
    let (x, y) = (x as f32 + 0.5, y as f32 + 0.5);
    match shape {
        Shape::Box(r) => {
            let (dx, dy) = ((r.left - x).max(x - r.right).max(0.0), (r.top - y).max(y - r.bottom).max(0.0));
            dx.hypot(dy)
        }
        Shape::Ellipse(e) => {
            let (sin, cos) = e.angle.sin_cos();
            let (dx, dy) = (x - e.centre.x, y - e.centre.y);
            let (u, v) = ((dx * cos + dy * sin).abs(), (dy * cos - dx * sin).abs());
            (0..=400)
                .map(|i| {
                    let (sin, cos) = (i as f32 / 400.0 * std::f32::consts::FRAC_PI_2).sin_cos();
                    (u - e.radius_x * cos).max(0.0).hypot((v - e.radius_y * sin).max(0.0))
                })
                .fold(f32::INFINITY, f32::min)
        }
    }
}

fn shape() -> impl Strategy<Value = Shape> {
    let at = -12.0f32..40.0;
    let ellipse = (at.clone(), at.clone(), 0.0f32..18.0, 0.0f32..18.0, -4.0f32..4.0).prop_map(
        |(x, y, radius_x, radius_y, angle)| {
            Shape::Ellipse(Ellipse { centre: Point { x, y }, radius_x, radius_y, angle })
        },
    );
    let slab = (at.clone(), at, 0.0f32..30.0, 0.0f32..30.0)
        .prop_map(|(x, y, w, h)| Shape::Box(rect(x, y, x + w, y + h)));
    prop_oneof![ellipse, slab]
}

fn region() -> impl Strategy<Value = Region> {
    let frame = (-12.0f32..40.0, -12.0f32..40.0, 0.0f32..50.0, 0.0f32..50.0)
        .prop_map(|(x, y, w, h)| rect(x, y, x + w, y + h));
    (prop::collection::vec(shape(), 1..4), frame, prop_oneof![Just(0.0f32), 0.0f32..6.0])
        .prop_map(|(shapes, frame, feather)| Region { shapes, frame, feather })
}

fn raster() -> impl Strategy<Value = Raster> {
    (1u32..30, 1u32..30, 0..COLORS.len(), any::<bool>(), any::<u64>())
        .prop_map(|(w, h, color, deep, seed)| picture(w, h, COLORS[color], deep, seed))
}

fn style() -> impl Strategy<Value = Style> {
    prop::sample::select(styles())
}

proptest! {
    #[test]
    fn nothing_changes_beyond_the_feather(
        original in raster(), regions in prop::collection::vec(region(), 0..4), style in style(),
    ) {
        let got = redacted(&original, &regions, &style, 1);
        for (x, y) in (0..got.height()).flat_map(|y| (0..got.width()).map(move |x| (x, y))) {
            let reached = regions.iter().any(|region| {
                region.shapes.iter().any(|shape| distance(shape, x, y) <= region.feather + 0.73)
            });
            if !reached {
                prop_assert_eq!(pixel(&got, x, y), pixel(&original, x, y), "({}, {})", x, y);
            }
        }
    }

    /// Every pixel that changes, or that a shape touches, is told.
    #[test]
    fn touched_pixels_are_told(original in raster(), region in region(), style in style()) {
        let (width, height) = (original.width(), original.height());
        let got = redacted(&original, std::slice::from_ref(&region), &style, 1);
        let mut told = vec![false; (width * height) as usize];
        touched(&region, width, height, |y, columns| {
            columns.for_each(|x| told[(y * width + x) as usize] = true);
        });
        for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
            let told = told[(y * width + x) as usize];
            let nearest = region.shapes.iter().map(|s| distance(s, x, y)).fold(f32::INFINITY, f32::min);
            let changed = pixel(&got, x, y) != pixel(&original, x, y);
            prop_assert!(told || !changed && nearest > 0.0, "({x}, {y}) is not told");
        }
    }

    /// Shuffling a picture inside the cells of a veil or a mosaic keeps what the style may know, and
    /// so must give the same inside, whatever the shapes.
    #[test]
    fn inside_depends_on_the_means_alone(
        color in 0..COLORS.len(), deep: bool, seed: u64, shapes in prop::collection::vec(shape(), 1..4),
        style in prop::sample::select(vec![
            Style::Veil, Style::Pixelate { cells: 4 }, Style::Solid { rgb: [1, 2, 3] }, styles().pop().unwrap(),
        ]),
        feather in prop_oneof![Just(0.0f32), 0.0f32..6.0],
    ) {
        // 4×4 cells of 6×6 pixels on the frame, and pixels around it.
        let original = picture(30, 28, COLORS[color], deep, seed);
        let mut shuffled = original.clone();
        match shuffled.samples_mut() {
            SamplesMut::U8(s) => turn_cells(s, 30, COLORS[color].channels()),
            SamplesMut::U16(s) => turn_cells(s, 30, COLORS[color].channels()),
        }
        let inside = shapes.clone();
        let region = Region { shapes, frame: rect(3.0, 2.0, 27.0, 26.0), feather };
        let first = redacted(&original, std::slice::from_ref(&region), &style, seed);
        let second = redacted(&shuffled, &[region], &style, seed);
        for (x, y) in (0..28).flat_map(|y| (0..30).map(move |x| (x, y))) {
            if inside.iter().any(|shape| distance(shape, x, y) <= 0.0) {
                let channels = COLORS[color].channels();
                prop_assert_eq!(pixel(&first, x, y), pixel(&second, x, y), "({}, {})", x, y);
                if COLORS[color].has_alpha() {
                    let opaque = if deep { 65535 } else { 255 };
                    prop_assert_eq!(pixel(&first, x, y)[channels - 1], opaque, "alpha at ({}, {})", x, y);
                }
            }
        }
    }

    #[test]
    fn same_seed_same_bytes(original in raster(), region in region(), style in style(), seed: u64) {
        let regions = [region];
        let first = redacted(&original, &regions, &style, seed);
        prop_assert_eq!(first_difference(&redacted(&original, &regions, &style, seed), &first), None);
    }

    /// Each feathered sample lies between the original and what the same style paints with full opacity.
    #[test]
    fn feather_mixes_original_and_paint(original in raster(), region in region(), seed: u64) {
        let style = Style::Solid { rgb: [200, 30, 90] };
        let all = box_region(rect(-1.0, -1.0, 40.0, 40.0), 0.0);
        let paint = redacted(&original, &[all], &style, seed);
        let got = redacted(&original, &[region], &style, seed);
        for (x, y) in (0..got.height()).flat_map(|y| (0..got.width()).map(move |x| (x, y))) {
            let (from, to) = (pixel(&original, x, y), pixel(&paint, x, y));
            for (i, v) in pixel(&got, x, y).into_iter().enumerate() {
                prop_assert!((from[i].min(to[i])..=from[i].max(to[i])).contains(&v), "({}, {})", x, y);
            }
        }
    }

    #[test]
    fn redacting_twice_keeps_the_bounds(original in raster(), region in region(), style in style()) {
        let regions = [region];
        let once = redacted(&original, &regions, &style, 3);
        let twice = redacted(&once, &regions, &style, 4);
        for (x, y) in (0..once.height()).flat_map(|y| (0..once.width()).map(move |x| (x, y))) {
            if pixel(&original, x, y) != pixel(&twice, x, y) {
                let reached = regions[0].shapes.iter().any(|s| distance(s, x, y) <= regions[0].feather + 0.73);
                prop_assert!(reached, "({}, {})", x, y);
            }
        }
        if matches!(style, Style::Solid { .. }) && regions[0].feather == 0.0 {
            prop_assert_eq!(first_difference(&twice, &once), None);
        }
    }
}

/// Turns each 6×6 cell from (3, 2) on by half a turn, and inverts all pixels outside the 24×24 frame.
fn turn_cells<T: Copy + std::ops::Not<Output = T>>(samples: &mut [T], width: usize, channels: usize) {
    let old = samples.to_vec();
    for (at, pixel) in samples.chunks_exact_mut(channels).enumerate() {
        let (x, y) = (at % width, at / width);
        if (3..27).contains(&x) && (2..26).contains(&y) {
            let (cx, cy) = ((x - 3) / 6 * 6 + 3, (y - 2) / 6 * 6 + 2);
            let from = ((2 * cy + 5 - y) * width + 2 * cx + 5 - x) * channels;
            pixel.copy_from_slice(&old[from..from + channels]);
        } else {
            pixel.iter_mut().for_each(|s| *s = !*s);
        }
    }
}

#[test]
fn other_noise_gives_another_veil() {
    for color in COLORS {
        for deep in [false, true] {
            let original = picture(40, 40, color, deep, 9);
            let regions = [box_region(rect(4.0, 4.0, 36.0, 36.0), 2.0)];
            let first = redacted(&original, &regions, &Style::Veil, 1);
            let second = redacted(&original, &regions, &Style::Veil, 2);
            assert!(first_difference(&first, &second).is_some(), "{color:?}, 16 bit {deep}");
        }
    }
}

#[test]
fn overlapping_regions_bring_nothing_back() {
    // The second region's frame lies on the first one's core and beside it.
    let regions = [
        box_region(rect(0.0, 0.0, 24.0, 24.0), 3.0),
        Region { feather: 4.0, ..box_region(rect(12.0, 0.0, 30.0, 24.0), 4.0) },
    ];
    for style in [Style::Veil, Style::Pixelate { cells: 4 }, Style::Solid { rgb: [9, 9, 9] }] {
        let original = picture(40, 24, Color::Rgb, false, 1);
        let mut shuffled = original.clone();
        let SamplesMut::U8(samples) = shuffled.samples_mut() else { unreachable!() };
        // Turns the 6×6 cells of the first frame; the second reads those columns only as a veil.
        let old = samples.to_vec();
        for (x, y, i) in (0..24).flat_map(|y| (0..24).flat_map(move |x| (0..3).map(move |i| (x, y, i)))) {
            let (cx, cy) = (x / 6 * 6, y / 6 * 6);
            samples[(y * 40 + x) * 3 + i] = old[((2 * cy + 5 - y) * 40 + 2 * cx + 5 - x) * 3 + i];
        }
        let got = redacted(&original, &regions, &style, 7);
        assert_eq!(first_difference(&redacted(&shuffled, &regions, &style, 7), &got), None, "{style:?}");
    }
}

#[test]
fn whole_pictures_are_hidden_to_the_last_row_and_column() {
    for (width, height) in [(1, 1), (1, 7), (7, 1), (5, 4), (33, 17)] {
        for color in COLORS {
            for style in styles() {
                let (first, second) =
                    (picture(width, height, color, false, 1), picture(width, height, color, false, 2));
                let region = box_region(rect(-50.0, -40.0, 90.0, 80.0), 1.0);
                let first = redacted(&first, std::slice::from_ref(&region), &Style::Solid { rgb: [7; 3] }, 1);
                let want = redacted(&second, std::slice::from_ref(&region), &Style::Solid { rgb: [7; 3] }, 1);
                assert_eq!(first_difference(&first, &want), None, "{width}×{height} {color:?}");
                let case = format!("{width}×{height} {color:?} {style:?}");
                let corner = redacted(&second, &[region], &style, 1);
                if color.has_alpha() {
                    let last = pixel(&corner, width - 1, height - 1);
                    assert_eq!(last.last(), Some(&255), "{case}");
                }
            }
        }
    }
}

#[test]
fn regions_outside_the_picture_change_nothing() {
    let original = picture(10, 10, Color::Rgb, false, 1);
    for (left, top) in [(-30.0, 0.0), (0.0, -30.0), (13.5, 0.0), (0.0, 13.5), (-2e9, -2e9), (2e9, 0.0)] {
        let region = box_region(rect(left, top, left + 20.0, top + 20.0), 3.0);
        let ellipse =
            Ellipse { centre: Point { x: left, y: top - 30.0 }, radius_x: 9.0, radius_y: 5.0, angle: 0.5 };
        let round = Region { shapes: vec![Shape::Ellipse(ellipse)], ..region.clone() };
        for style in styles() {
            let got = redacted(&original, &[region.clone(), round.clone()], &style, 1);
            assert_eq!(first_difference(&got, &original), None, "{left}, {top} {style:?}");
        }
    }
}

#[test]
fn only_touched_pixels_are_told() {
    let told = |region: &Region| {
        let mut pixels = Vec::new();
        touched(region, 40, 40, |y, columns| pixels.extend(columns.map(|x| (x, y))));
        pixels
    };
    let square = told(&box_region(rect(2.5, 3.0, 4.5, 5.0), 0.0));
    assert_eq!(square, [(2, 3), (3, 3), (4, 3), (2, 4), (3, 4), (4, 4)]);
    let circle = Ellipse { centre: Point { x: 20.0, y: 20.0 }, radius_x: 10.0, radius_y: 10.0, angle: 0.0 };
    let region =
        Region { shapes: vec![Shape::Ellipse(circle)], ..box_region(rect(10.0, 10.0, 30.0, 30.0), 0.0) };
    let round = told(&region);
    assert!(round.contains(&(20, 10)) && !round.contains(&(11, 11)) && round.len() < 364, "{}", round.len());
}

#[test]
fn numbers_that_are_no_place_are_refused_before_anything_changes() {
    let good = box_region(rect(1.0, 1.0, 8.0, 8.0), 0.0);
    let ellipse = Ellipse { centre: Point { x: 4.0, y: 4.0 }, radius_x: 3.0, radius_y: 2.0, angle: 0.0 };
    let round = |e| Region { shapes: vec![Shape::Ellipse(e)], ..good.clone() };
    let mut bad = vec![
        Region { shapes: vec![], ..good.clone() },
        Region { feather: -1.0, ..good.clone() },
        box_region(rect(8.0, 1.0, 1.0, 8.0), 0.0),
        Region { frame: rect(1.0, 8.0, 8.0, 1.0), ..good.clone() },
        round(Ellipse { radius_x: -1.0, ..ellipse }),
    ];
    for v in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30] {
        bad.extend([
            Region { feather: v, ..good.clone() },
            Region { frame: rect(v, 1.0, 8.0, 8.0), ..good.clone() },
            Region { shapes: vec![Shape::Box(rect(1.0, 1.0, 8.0, v))], ..good.clone() },
            round(Ellipse { centre: Point { x: v, y: 1.0 }, ..ellipse }),
            round(Ellipse { radius_y: v, ..ellipse }),
            round(Ellipse { angle: v, ..ellipse }),
        ]);
    }
    let original = picture(10, 10, Color::Rgb, false, 1);
    for bad in bad {
        let mut raster = original.clone();
        let result =
            redact(&mut raster, &[good.clone(), bad.clone()], &Style::Veil, &mut SeededNoise::new(1));
        assert!(matches!(result, Err(RedactError::Region { index: 1, .. })), "{bad:?}: {result:?}");
        assert_eq!(first_difference(&raster, &original), None, "{bad:?}");
        let mut pixels = 0;
        touched(&bad, 10, 10, |_, columns| pixels += columns.len());
        assert_eq!(pixels, 100, "{bad:?}: whoever asks must think of all pixels");
    }
}

#[test]
fn styles_out_of_range_are_refused() {
    for cells in [0, 9, 255] {
        let mut raster = picture(4, 4, Color::Rgb, false, 1);
        let result = redact(&mut raster, &[], &Style::Pixelate { cells }, &mut SeededNoise::new(1));
        assert_eq!(result, Err(RedactError::Cells { cells, max: 8 }));
    }
    for share in [0.0, 0.1249, 1.01, f32::NAN, f32::INFINITY] {
        assert!(matches!(RelativeSigma::new(share), Err(RedactError::Strength { .. })), "{share}");
    }
    for (width, height, got) in [(2, 2, 15), (2, 2, 17), (0, 4, 0), (u32::MAX, u32::MAX, 4)] {
        let overlay = Overlay::new(width, height, vec![0; got]);
        assert!(matches!(overlay, Err(RedactError::Overlay { .. })), "{width}×{height} {got}");
    }
}

struct Broken;

impl Noise for Broken {
    fn fill(&mut self, _: &mut [u8]) -> Result<(), NoiseError> {
        Err(NoiseError)
    }
}

#[test]
fn a_veil_without_noise_is_an_error() {
    let regions = [box_region(rect(1.0, 1.0, 8.0, 8.0), 0.0)];
    let original = picture(10, 10, Color::Rgb, false, 1);
    let overlay = styles().pop().unwrap();
    for style in [Style::Veil, overlay] {
        let mut raster = original.clone();
        let result = redact(&mut raster, &regions, &style, &mut Broken);
        assert_eq!(result, Err(RedactError::Noise(NoiseError)));
        assert_eq!(first_difference(&raster, &original), None, "{style:?}");
    }
    let mut raster = original.clone();
    assert_eq!(redact(&mut raster, &regions, &Style::Pixelate { cells: 2 }, &mut Broken), Ok(()));
}

#[test]
fn very_long_and_very_large_frames_are_cheap() {
    let original = picture(30, 30, Color::Rgb, false, 1);
    let frames = [rect(-2e9, 10.0, 2e9, 11.0), rect(-2e9, -2e9, 2e9, 2e9), rect(15.0, -2e9, 15.0, 2e9)];
    for frame in frames {
        for style in styles() {
            let region = Region { frame, ..box_region(rect(5.0, 5.0, 25.0, 25.0), 2e9) };
            let got = redacted(&original, &[region], &style, 1);
            assert!(first_difference(&got, &original).is_some(), "{frame:?} {style:?}");
        }
    }
}
