//! Tiny pictures whose redaction is known to the last sample.

use faceveil_core::geom::{Ellipse, Point, RectF};
use faceveil_core::raster::{Color, Raster, Samples};
use faceveil_core::redact::{Overlay, Region, SeededNoise, Shape, Style, redact};

/// An 8×8 RGB ramp.
fn ramp() -> Raster {
    let pixels = (0..8u32).flat_map(|y| (0..8u32).map(move |x| (x, y)));
    let samples = pixels.flat_map(|(x, y)| {
        [(x * 31 + y * 17) as u8, (x * 7 + y * 29 + 60) as u8, (200 - x * 11 - y * 5) as u8]
    });
    Raster::new(8, 8, Color::Rgb, Samples::U8(samples.collect())).unwrap()
}

fn whole() -> RectF {
    RectF { left: 0.0, top: 0.0, right: 8.0, bottom: 8.0 }
}

fn region(shape: Shape, feather: f32) -> Region {
    Region { shapes: vec![shape], frame: whole(), feather }
}

/// Compares with rows of pixels and names the first that differs.
fn expect(case: &str, got: &Raster, want: impl Fn(u32, u32) -> [u8; 3]) {
    for (x, y) in (0..got.height()).flat_map(|y| (0..got.width()).map(move |x| (x, y))) {
        let (got, want) = (got.rgb8(x, y), want(x, y));
        assert!(got == want, "{case}: ({x}, {y}) got {got:?}, want {want:?}");
    }
}

#[test]
fn veil() {
    // Computed apart from this code, from the documentation of the module.
    const WANT: [[u32; 8]; 8] = [
        [0x4e595f, 0x535e64, 0x5d696f, 0x6d797f, 0x808d93, 0x8f9ca3, 0x9aa7ae, 0x9facb3],
        [0x535e64, 0x586369, 0x616d73, 0x6f7b81, 0x808d93, 0x8e9ba2, 0x98a5ac, 0x9caab1],
        [0x5d696f, 0x616d73, 0x68747a, 0x738086, 0x818e94, 0x8c99a0, 0x93a1a8, 0x97a4ab],
        [0x6d797f, 0x6f7b81, 0x738086, 0x7a868d, 0x828f96, 0x89969d, 0x8d9aa1, 0x8f9da4],
        [0x808d93, 0x808d93, 0x818e94, 0x828f96, 0x839097, 0x849299, 0x859399, 0x86939a],
        [0x8f9ca3, 0x8e9ba2, 0x8c99a0, 0x89969d, 0x849299, 0x818e95, 0x7f8c93, 0x7e8b92],
        [0x9aa7ae, 0x98a5ac, 0x93a1a8, 0x8d9aa1, 0x859399, 0x7f8c93, 0x7b888f, 0x79868d],
        [0x9facb3, 0x9caab1, 0x97a4ab, 0x8f9da4, 0x86939a, 0x7e8b92, 0x79868d, 0x76838a],
    ];
    let mut got = ramp();
    let regions = [region(Shape::Box(whole()), 0.0)];
    redact(&mut got, &regions, &Style::Veil, &mut SeededNoise::new(42)).unwrap();
    expect("veil", &got, |x, y| {
        let [_, red, green, blue] = WANT[y as usize][x as usize].to_be_bytes();
        [red, green, blue]
    });
}

#[test]
fn pixelate() {
    let original = ramp();
    let mut got = original.clone();
    let regions = [region(Shape::Box(whole()), 0.0)];
    redact(&mut got, &regions, &Style::Pixelate { cells: 2 }, &mut SeededNoise::new(1)).unwrap();
    expect("pixelate", &got, |x, y| {
        let mut sum = [0u32; 3];
        for (x, y) in (y / 4 * 4..y / 4 * 4 + 4).flat_map(|j| (x / 4 * 4..x / 4 * 4 + 4).map(move |i| (i, j)))
        {
            sum.iter_mut().zip(original.rgb8(x, y)).for_each(|(sum, v)| *sum += u32::from(v));
        }
        // Ties to even.
        sum.map(|sum| (f64::from(sum) / 16.0).round_ties_even() as u8)
    });
}

#[test]
fn solid_box_with_feather() {
    let original = ramp();
    let mut got = original.clone();
    let rect = RectF { left: 2.0, top: 2.0, right: 4.5, bottom: 9.0 };
    let regions = [region(Shape::Box(rect), 2.0)];
    redact(&mut got, &regions, &Style::Solid { rgb: [250, 10, 90] }, &mut SeededNoise::new(1)).unwrap();
    expect("solid", &got, |x, y| {
        let (cx, cy) = (f64::from(x) + 0.5, f64::from(y) + 0.5);
        let (dx, dy) = ((2.0 - cx).max(cx - 4.5).max(0.0), (2.0 - cy).max(0.0));
        let share = 1.0 - ((dx.hypot(dy) - 0.5) / 2.0).clamp(0.0, 1.0);
        let opacity = share * share * (3.0 - 2.0 * share);
        let mut want = original.rgb8(x, y);
        for (want, paint) in want.iter_mut().zip([250.0, 10.0, 90.0]) {
            *want = (f64::from(*want) + (paint - f64::from(*want)) * opacity).round_ties_even() as u8;
        }
        want
    });
}

#[test]
fn solid_ellipse_hides_the_pixels_it_touches() {
    const WANT: [&str; 8] =
        ["........", "..####..", ".######.", ".######.", ".######.", ".######.", "..####..", "........"];
    let original = ramp();
    let mut got = original.clone();
    let oval = Ellipse {
        centre: Point { x: 4.0, y: 4.0 },
        radius_x: 2.2,
        radius_y: 2.9,
        angle: std::f32::consts::FRAC_PI_2,
    };
    let regions = [region(Shape::Ellipse(oval), 0.0)];
    redact(&mut got, &regions, &Style::Solid { rgb: [1, 2, 3] }, &mut SeededNoise::new(1)).unwrap();
    expect("ellipse", &got, |x, y| match WANT[y as usize].as_bytes()[x as usize] {
        b'#' => [1, 2, 3],
        _ => original.rgb8(x, y),
    });
}

#[test]
fn solid_in_every_colour_model() {
    // Orange: luma 0.299·255 + 0.587·127 + 0.114·0 = 150.8; as ink no cyan, half the magenta, all yellow.
    let orange = [255, 127, 0];
    let cases: [(Color, &[u16], &[u16]); 5] = [
        (Color::Gray, &[151], &[38_754]),
        (Color::GrayAlpha, &[151, 255], &[38_754, 65_535]),
        (Color::Rgb, &[255, 127, 0], &[65_535, 32_639, 0]),
        (Color::Rgba, &[255, 127, 0, 255], &[65_535, 32_639, 0, 65_535]),
        (Color::Cmyk, &[0, 128, 255, 0], &[0, 32_896, 65_535, 0]),
    ];
    for (color, want8, want16) in cases {
        let regions = [region(Shape::Box(whole()), 0.0)];
        let channels = color.channels();
        let mut shallow = Raster::new(1, 1, color, Samples::U8(vec![77; channels])).unwrap();
        let mut deep = Raster::new(1, 1, color, Samples::U16(vec![777; channels])).unwrap();
        for raster in [&mut shallow, &mut deep] {
            redact(raster, &regions, &Style::Solid { rgb: orange }, &mut SeededNoise::new(1)).unwrap();
        }
        let want8 = Samples::U8(want8.iter().map(|&v| v as u8).collect());
        assert_eq!(
            (shallow.samples(), deep.samples()),
            (&want8, &Samples::U16(want16.to_vec())),
            "{color:?}"
        );
    }
}

#[test]
fn image_covers_where_it_is_opaque_and_lies_the_right_way_round() {
    // Left half opaque: red above, blue below. Right half transparent green, which must not show.
    let (red, blue, none) = ([255, 0, 0, 255], [0, 0, 255, 255], [0, 255, 0, 0]);
    let rgba = [red, none, blue, none].concat();
    let style = Style::Image { overlay: Overlay::new(2, 2, rgba).unwrap() };
    let regions = [region(Shape::Box(whole()), 0.0)];
    let (mut got, mut veiled) = (ramp(), ramp());
    redact(&mut got, &regions, &style, &mut SeededNoise::new(42)).unwrap();
    redact(&mut veiled, &regions, &Style::Veil, &mut SeededNoise::new(42)).unwrap();
    for (x, y, want) in [(0, 0, [255, 0, 0]), (1, 1, [255, 0, 0]), (0, 7, [0, 0, 255]), (1, 6, [0, 0, 255])] {
        assert_eq!(got.rgb8(x, y), want, "({x}, {y})");
    }
    for (x, y) in (0..8).flat_map(|y| (6..8).map(move |x| (x, y))) {
        assert_eq!(got.rgb8(x, y), veiled.rgb8(x, y), "({x}, {y}) is not the veil");
    }
}

#[test]
fn half_transparent_image_mixes_with_the_veil() {
    let style = Style::Image { overlay: Overlay::new(1, 1, vec![250, 100, 0, 128]).unwrap() };
    let regions = [region(Shape::Box(whole()), 0.0)];
    let (mut got, mut veiled) = (ramp(), ramp());
    redact(&mut got, &regions, &style, &mut SeededNoise::new(42)).unwrap();
    redact(&mut veiled, &regions, &Style::Veil, &mut SeededNoise::new(42)).unwrap();
    for (x, y) in (0..8).flat_map(|y| (0..8).map(move |x| (x, y))) {
        for ((got, veil), over) in got.rgb8(x, y).iter().zip(veiled.rgb8(x, y)).zip([250.0, 100.0, 0.0]) {
            let want = f64::from(veil) + (over - f64::from(veil)) * 128.0 / 255.0;
            assert!((f64::from(*got) - want).abs() <= 0.51, "({x}, {y}): {got} for {want}");
        }
    }
}
