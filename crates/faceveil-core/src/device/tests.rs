extern crate std;

use std::vec;
use std::vec::Vec;

use super::frame::to_rgb;
use super::*;

struct Random(u64);

impl Random {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

const LAYOUTS: [PixelLayout; 3] = [PixelLayout::Rgb888, PixelLayout::Rgb565, PixelLayout::Yuv422];

/// All of [`Hidden::new`] with floats, lists and distances.
fn slow(mask: &GridMask<'_>, rule: &Rule) -> Vec<bool> {
    let (w, h, b) = (mask.width * mask.block, mask.height * mask.block, mask.block as f64);
    let value = |x: usize, y: usize| {
        let place = |p: usize, count: usize| ((p as f64 + 0.5) / b - 0.5).clamp(0.0, count as f64 - 1.0);
        let (px, py) = (place(x, mask.width), place(y, mask.height));
        let at = |x: f64, y: f64| {
            let (x, y) = ((x as usize).min(mask.width - 1), (y as usize).min(mask.height - 1));
            f64::from(mask.values[y * mask.width + x])
        };
        let (fx, fy) = (px - px.floor(), py - py.floor());
        let line = |y: f64| at(px.floor(), y) * (1.0 - fx) + at(px.floor() + 1.0, y) * fx;
        64.0 * (line(py.floor()) * (1.0 - fy) + line(py.floor() + 1.0) * fy)
    };
    let values: Vec<f64> = (0..w * h).map(|i| value(i % w, i / w)).collect();
    let mut kept = vec![false; w * h];
    let mut open: Vec<usize> = (0..w * h)
        .filter(|&i| values[i] >= f64::from(rule.threshold) && values[i] >= f64::from(rule.certain))
        .collect();
    while let Some(i) = open.pop() {
        if kept[i] || values[i] < f64::from(rule.threshold) {
            continue;
        }
        kept[i] = true;
        for (dx, dy) in (0..9).map(|n| (n % 3, n / 3)) {
            let (x, y) = (i % w + dx, i / w + dy);
            if (1..=w).contains(&x) && (1..=h).contains(&y) {
                open.push((y - 1) * w + x - 1);
            }
        }
    }
    let near = |i: usize| {
        (0..w * h).any(|j| {
            let (dx, dy) = ((i % w).abs_diff(j % w), (i / w).abs_diff(j / w));
            kept[j] && (dx * dx + dy * dy) as u32 <= rule.growth_squared
        })
    };
    (0..w * h).map(near).collect()
}

#[test]
fn hidden_pixels_are_those_of_the_slow_way() {
    let mut random = Random(1);
    for (width, height, block) in
        [(1, 1, 4), (5, 4, 4), (9, 9, 4), (17, 3, 4), (7, 6, 2), (12, 11, 1), (70, 3, 2), (62, 4, 3)]
    {
        for growth_squared in [0, 1, 5, 30] {
            let values: Vec<i8> = (0..width * height).map(|_| random.word() as i8).collect();
            let mask = GridMask { width, height, block, values: &values };
            let rule = Rule { threshold: 20 * 64 + 3, certain: 70 * 64 - 5, growth_squared };
            let (w, h) = (width * block, height * block);
            let mut memory = vec![u32::MAX; Hidden::memory(w, h)];
            let hidden = Hidden::new(&mask, &rule, &mut memory).unwrap();
            let want = slow(&mask, &rule);
            for (i, want) in want.iter().enumerate() {
                assert_eq!(
                    hidden.at(i % w, i / w),
                    *want,
                    "{width}×{height}·{block} {growth_squared}: pixel {i}"
                );
            }
            assert_eq!(hidden.count(), want.iter().filter(|v| **v).count());
        }
    }
}

#[test]
fn a_spiral_is_followed_to_its_end() {
    // A line that winds inwards, one square apart, sure only at its outer end.
    let side = 15usize;
    let mut values = vec![-128i8; side * side];
    let (mut x, mut y, mut dx, mut dy) = (0isize, 0isize, 1isize, 0isize);
    let free = |values: &[i8], x: isize, y: isize| {
        let inside = (0..side as isize).contains(&x) && (0..side as isize).contains(&y);
        inside && values[y as usize * side + x as usize] == -128
    };
    loop {
        values[y as usize * side + x as usize] = 50;
        let ahead = free(&values, x + dx, y + dy);
        let beyond = (0..side as isize).contains(&(x + 2 * dx)) && (0..side as isize).contains(&(y + 2 * dy));
        if !ahead || (beyond && !free(&values, x + 2 * dx, y + 2 * dy)) {
            (dx, dy) = (-dy, dx);
            if !free(&values, x + dx, y + dy) || !free(&values, x + 2 * dx, y + 2 * dy) {
                break;
            }
        }
        (x, y) = (x + dx, y + dy);
    }
    values[0] = 100;
    let mask = GridMask { width: side, height: side, block: 1, values: &values };
    let rule = Rule { threshold: 40 * 64, certain: 90 * 64, growth_squared: 0 };
    let mut memory = vec![0; Hidden::memory(side, side)];
    let hidden = Hidden::new(&mask, &rule, &mut memory).unwrap();
    assert!(values.iter().filter(|v| **v > 0).count() > 100, "the spiral is long");
    assert_eq!(hidden.count(), values.iter().filter(|v| **v > 0).count());
}

#[test]
fn rules_come_from_the_networks_units_and_err_by_hiding() {
    let rule = Rule::new(0.5, 0.75, 2.5, (-128, 1.0 / 256.0));
    assert_eq!(rule, Rule { threshold: 0, certain: 64 * 64, growth_squared: 6 });
    let below = Rule::new(-0.1, 0.1, 0.0, (0, 1.0));
    assert_eq!((below.threshold, below.certain), (-7, 6));
    let none = Rule::new(f32::NAN, f32::NAN, 1.0, (0, 1.0));
    assert_eq!((none.threshold, none.certain), (i32::MIN, i32::MIN));
    let mut memory = [0; 8];
    let mask = GridMask { width: 1, height: 1, block: 4, values: &[-128] };
    assert_eq!(Hidden::new(&mask, &none, &mut memory).unwrap().count(), 16);
}

fn hidden_middle(memory: &mut Vec<u32>) -> Hidden<'_> {
    let values: Vec<i8> =
        (0..64).map(|i| if (2..6).contains(&(i % 8)) && i > 15 { 100 } else { -100 }).collect();
    *memory = vec![0; Hidden::memory(32, 32)];
    let mask = GridMask { width: 8, height: 8, block: 4, values: &values };
    Hidden::new(&mask, &Rule { threshold: 0, certain: 0, growth_squared: 4 }, memory).unwrap()
}

#[test]
fn no_bit_of_a_hidden_pixel_stays_and_no_other_pixel_changes() {
    let mut random = Random(2);
    let mut memory = Vec::new();
    let hidden = hidden_middle(&mut memory);
    assert!((300..800).contains(&hidden.count()), "{}", hidden.count());
    for layout in LAYOUTS {
        let bytes: Vec<u8> = (0..32 * 32 * layout.bytes()).map(|_| random.word() as u8).collect();
        let mut a = bytes.clone();
        let frame = CameraFrame::new(layout, (32, 32), &mut a).unwrap();
        let noise = core::array::from_fn(|_| random.word() as u32);
        let veil = Veil::draw(&frame, &hidden, &noise);
        // The same veil over a frame that differs wherever it is hidden.
        let mut b: Vec<u8> = bytes.clone();
        let first = |i: usize| i / layout.bytes();
        for (i, byte) in b.iter_mut().enumerate() {
            let chroma = layout == PixelLayout::Yuv422 && i % 2 == 1;
            let (x, y) = (first(i) % 32, first(i) / 32);
            if hidden.at(x, y) || (chroma && (hidden.at(x ^ 1, y))) {
                *byte = !*byte;
            }
        }
        let before = b.clone();
        for bytes in [&mut a, &mut b] {
            let mut frame = CameraFrame::new(layout, (32, 32), bytes).unwrap();
            veil.paint(&mut frame, &hidden);
        }
        assert_eq!(a, b, "{layout:?}");
        let changed = (0..a.len()).filter(|&i| a[i] != bytes[i]).map(first).collect::<Vec<_>>();
        let near = |i: &usize| {
            hidden.at(i % 32, i / 32) || (layout == PixelLayout::Yuv422 && hidden.at((i % 32) ^ 1, i / 32))
        };
        assert!(changed.iter().all(near) && changed.len() > 300, "{layout:?}");
        assert!(before != b);
    }
}

#[test]
fn the_veil_has_the_levels_that_bound_what_it_tells() {
    let mut random = Random(3);
    let mut memory = Vec::new();
    let hidden = hidden_middle(&mut memory);
    let mut lumas = std::collections::BTreeSet::new();
    for round in 0..200u32 {
        let grey = (round * 255 / 199) as u8;
        let mut bytes = vec![grey; 32 * 32 * 3];
        let frame = CameraFrame::new(PixelLayout::Rgb888, (32, 32), &mut bytes).unwrap();
        let veil = Veil::draw(&frame, &hidden, &core::array::from_fn(|_| random.word() as u32));
        let mut out = vec![0; 32 * 32 * 2];
        let mut frame = CameraFrame::new(PixelLayout::Yuv422, (32, 32), &mut out).unwrap();
        veil.paint(&mut frame, &hidden);
        // Pixel (20, 20) is a cell's middle, if halves are left out.
        let text = std::format!("{veil:?}");
        lumas.extend(
            text.split(|c: char| !c.is_ascii_digit())
                .filter_map(|t| t.parse::<u16>().ok())
                .filter(|v| *v > 10),
        );
    }
    let want = [42, 85, 127, 170, 212, 255];
    assert_eq!(lumas.into_iter().collect::<Vec<_>>(), want, "7 levels with 0");
}

#[test]
fn a_frame_larger_than_the_mask_is_hidden_where_nothing_is_known() {
    let mut memory = Vec::new();
    let hidden = hidden_middle(&mut memory);
    let mut bytes = vec![9; 40 * 36 * 3];
    let mut frame = CameraFrame::new(PixelLayout::Rgb888, (40, 36), &mut bytes).unwrap();
    let veil = Veil::draw(&frame, &hidden, &[u32::MAX; NOISE_WORDS]);
    veil.paint(&mut frame, &hidden);
    for (i, pixel) in bytes.chunks(3).enumerate() {
        let (x, y) = (i % 40, i / 40);
        assert_eq!(pixel != [9; 3], x >= 32 || y >= 32 || hidden.at(x, y), "({x}, {y})");
    }
}

/// BT.601, full range (JFIF 1.02), in 8.8 fixed point, ties up.
fn to_yuv(rgb: [u8; 3]) -> [u8; 3] {
    let [red, green, blue] = rgb.map(i32::from);
    let luma = (77 * red + 150 * green + 29 * blue + 128) >> 8;
    let chroma_blue = ((-43 * red - 85 * green + 128 * blue + 128) >> 8) + 128;
    let chroma_red = ((128 * red - 107 * green - 21 * blue + 128) >> 8) + 128;
    [luma, chroma_blue, chroma_red].map(|v| v.clamp(0, 255) as u8)
}

#[test]
fn colours_survive_the_way_there_and_back() {
    for rgb in [[0, 0, 0], [255, 255, 255], [200, 30, 90], [12, 250, 128]] {
        let back = to_rgb(to_yuv(rgb));
        for (want, got) in rgb.iter().zip(back) {
            assert!(want.abs_diff(got) <= 2, "{rgb:?} {back:?}");
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    for layout in LAYOUTS {
        assert!(CameraFrame::new(layout, (4, 4), &mut vec![0; 16 * layout.bytes() - 1]).is_err());
        assert!(CameraFrame::new(layout, (0, 4), &mut []).is_err());
    }
    assert!(CameraFrame::new(PixelLayout::Yuv422, (3, 2), &mut [0; 12]).is_err(), "odd rows");
    let rule = Rule { threshold: 0, certain: 0, growth_squared: 0 };
    let mask = GridMask { width: 2, height: 2, block: 4, values: &[0; 4] };
    assert!(Hidden::new(&mask, &rule, &mut [0; 15]).is_err());
    assert!(Hidden::new(&mask, &rule, &mut [0; 16]).is_ok());
    assert!(Hidden::new(&GridMask { values: &[0; 3], ..mask }, &rule, &mut [0; 16]).is_err());
    assert!(Hidden::new(&GridMask { width: usize::MAX, ..mask }, &rule, &mut [0; 16]).is_err());
    assert!(Hidden::new(&GridMask { block: 0, ..mask }, &rule, &mut [0; 16]).is_err());
}
