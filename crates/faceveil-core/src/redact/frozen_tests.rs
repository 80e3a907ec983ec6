//! Frozen veils against `redact`, and what they leave of later frames.

use alloc::vec;
use alloc::vec::Vec;

use super::super::{Matrix, Overlay, RelativeSigma, SampleRange, SeededNoise, redact, touched};
use super::*;

const WIDTH: u32 = 61;
const HEIGHT: u32 = 47;

/// Samples without any pattern.
fn scrambled(count: usize, seed: u32, most: u32) -> impl Iterator<Item = u32> {
    (0..count as u32)
        .map(move |i| ((i ^ seed.wrapping_mul(0x9e37_79b9)).wrapping_mul(2_654_435_761) >> 8) % (most + 1))
}

fn region(x: f32, y: f32, radius: f32, feather: f32) -> Region {
    let ellipse = Ellipse { centre: Point { x, y }, radius_x: radius, radius_y: radius * 1.3, angle: 0.4 };
    Region::around(vec![Shape::Ellipse(ellipse)], feather)
}

fn styles() -> Vec<Style> {
    let overlay = Overlay::new(2, 2, vec![255, 0, 0, 255, 0, 255, 0, 128, 0, 0, 255, 0, 9, 9, 9, 255]);
    vec![
        Style::Veil,
        Style::Pixelate { cells: 3 },
        Style::Blur { sigma: RelativeSigma::new(0.25).unwrap() },
        Style::Solid { rgb: [200, 30, 90] },
        Style::Image { overlay: overlay.unwrap() },
    ]
}

#[test]
fn in_its_own_frame_it_is_what_redact_paints() {
    let samples: Vec<u8> = scrambled((WIDTH * HEIGHT * 3) as usize, 1, 255).map(|v| v as u8).collect();
    let region = region(24.0, 21.0, 13.0, 2.0);
    for style in styles() {
        let mut want = Raster::new(WIDTH, HEIGHT, Color::Rgb, Samples::U8(samples.clone())).unwrap();
        let mut got = want.clone();
        redact(&mut want, core::slice::from_ref(&region), &style, &mut SeededNoise::new(7)).unwrap();
        let veil = FrozenVeil::draw(&got, &region, &style, &mut SeededNoise::new(7)).unwrap();
        veil.paint(&mut got, &region).unwrap();
        let (Samples::U8(want), Samples::U8(got)) = (want.samples(), got.samples()) else { panic!() };
        for (i, (want, got)) in want.iter().zip(got).enumerate() {
            assert!(want.abs_diff(*got) <= 1, "{style:?} sample {i}: {got} for {want}");
        }
    }
}

fn layouts() -> Vec<YuvLayout> {
    let base = YuvLayout::yuv420(WIDTH, HEIGHT);
    vec![
        base,
        YuvLayout { shift_y: 0, matrix: Matrix::Bt601, ..base },
        YuvLayout { shift_x: 0, shift_y: 0, range: SampleRange::Full, ..base },
        YuvLayout { depth: 10, matrix: Matrix::Bt2020, ..base },
        YuvLayout { depth: 12, shift_y: 0, ..base },
    ]
}

fn frame_of(layout: YuvLayout, samples: &mut [u16], small: &mut Vec<u8>, act: impl FnOnce(&mut YuvFrame)) {
    if layout.depth > 8 {
        return act(&mut YuvFrame::packed_u16(layout, samples).unwrap());
    }
    *small = samples.iter().map(|&v| v as u8).collect();
    act(&mut YuvFrame::packed_u8(layout, small).unwrap());
    samples.iter_mut().zip(small).for_each(|(wide, v)| *wide = u16::from(*v));
}

fn noisy(layout: YuvLayout, seed: u32) -> Vec<u16> {
    let most = (1u32 << layout.depth) - 1;
    scrambled(layout.samples().unwrap(), seed, most).map(|v| v as u16).collect()
}

/// For each sample of the three planes whether it belongs to a pixel that a shape touches, and whether it
/// belongs to one that the region can change at all.
fn covered(layout: YuvLayout, region: &Region) -> Vec<(bool, bool)> {
    let mut pixels = vec![(false, false); (WIDTH * HEIGHT) as usize];
    let hard = Region { feather: 0.0, ..region.clone() };
    for (region, soft) in [(&hard, false), (region, true)] {
        touched(region, WIDTH, HEIGHT, |y, columns| {
            for x in columns {
                let pixel = &mut pixels[(y * WIDTH + x) as usize];
                *(if soft { &mut pixel.1 } else { &mut pixel.0 }) = true;
            }
        });
    }
    let (width, height) = layout.chroma_size();
    let mut chroma = vec![(false, false); (width * height) as usize];
    for (i, pixel) in pixels.iter().enumerate() {
        let (x, y) = (i as u32 % WIDTH, i as u32 / WIDTH);
        let sample = &mut chroma[((y >> layout.shift_y) * width + (x >> layout.shift_x)) as usize];
        *sample = (sample.0 | pixel.0, sample.1 | pixel.1);
    }
    [pixels, chroma.clone(), chroma].concat()
}

#[test]
fn nothing_of_a_later_frame_is_left_in_any_plane() {
    for layout in layouts() {
        for style in styles() {
            let mut small = Vec::new();
            let mut veil = None;
            frame_of(layout, &mut noisy(layout, 1), &mut small, |frame| {
                let first = region(20.0, 20.0, 9.0, 0.0);
                veil = Some(FrozenVeil::draw_yuv(frame, &first, &style, &mut SeededNoise::new(3)).unwrap());
            });
            let veil = veil.unwrap();
            // Also across the last row and column.
            for later in [region(30.3, 22.7, 12.0, 3.0), region(59.0, 44.0, 15.0, 0.0)] {
                let before = [noisy(layout, 2), noisy(layout, 3)];
                let mut after = before.clone();
                for samples in &mut after {
                    frame_of(layout, samples, &mut small, |frame| veil.paint_yuv(frame, &later).unwrap());
                }
                let places = covered(layout, &later);
                assert!(places.iter().filter(|place| place.0).count() > 200);
                for (i, (hidden, reached)) in places.into_iter().enumerate() {
                    let case = (layout, &style, i);
                    if hidden {
                        assert_eq!(after[0][i], after[1][i], "{case:?} shows the frame");
                    }
                    if !reached {
                        assert_eq!(after[0][i], before[0][i], "{case:?} changed outside");
                    }
                }
            }
        }
    }
}

#[test]
fn planes_show_the_colour_that_rgb_shows() {
    for layout in layouts() {
        let mut samples = noisy(layout, 5);
        let mut small = Vec::new();
        let style = Style::Solid { rgb: [200, 30, 90] };
        frame_of(layout, &mut samples, &mut small, |frame| {
            let region = region(30.0, 20.0, 12.0, 0.0);
            let veil = FrozenVeil::draw_yuv(frame, &region, &style, &mut SeededNoise::new(3)).unwrap();
            veil.paint_yuv(frame, &region).unwrap();
        });
        let (width, height) = layout.chroma_size();
        let (luma, chroma) = ((WIDTH * HEIGHT) as usize, (width * height) as usize);
        let at = ((20 >> layout.shift_y) * width + (30 >> layout.shift_x)) as usize;
        let codes = [samples[(20 * WIDTH + 30) as usize], samples[luma + at], samples[luma + chroma + at]];
        let rgb = layout.rgb(codes.map(f32::from));
        for (want, got) in [200.0, 30.0, 90.0].iter().zip(rgb) {
            assert!((got * 255.0 - want).abs() < 2.0, "{layout:?}: {rgb:?}");
        }
    }
}

#[test]
fn a_region_outside_the_frame_draws_and_paints_nothing() {
    let layout = YuvLayout::yuv420(WIDTH, HEIGHT);
    let mut samples = noisy(layout, 1);
    let before = samples.clone();
    let mut small = Vec::new();
    frame_of(layout, &mut samples, &mut small, |frame| {
        let far = region(-500.0, 900.0, 9.0, 1.0);
        let veil = FrozenVeil::draw_yuv(frame, &far, &Style::Veil, &mut SeededNoise::new(3)).unwrap();
        veil.paint_yuv(frame, &far).unwrap();
    });
    assert_eq!(samples, before);
}

#[test]
fn odd_regions_are_refused() {
    let layout = YuvLayout::yuv420(WIDTH, HEIGHT);
    let mut samples: Vec<u8> = vec![0; layout.samples().unwrap()];
    let mut frame = YuvFrame::packed_u8(layout, &mut samples).unwrap();
    let bad = region(f32::NAN, 0.0, 5.0, 0.0);
    let noise = &mut SeededNoise::new(1);
    assert!(FrozenVeil::draw_yuv(&frame, &bad, &Style::Veil, noise).is_err());
    let good = FrozenVeil::draw_yuv(&frame, &region(9.0, 9.0, 5.0, 0.0), &Style::Veil, noise).unwrap();
    assert!(good.paint_yuv(&mut frame, &bad).is_err());
}
