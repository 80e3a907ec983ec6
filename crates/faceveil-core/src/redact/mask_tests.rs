//! The masks against slow obvious ones.

use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::geom::Point;

const SIDE: u32 = 24;

/// Opacity of every pixel of a `SIDE`×`SIDE` picture, row by row.
fn opacities(region: &Region) -> Vec<f32> {
    let mut all = vec![0.0; (SIDE * SIDE) as usize];
    let Some(mut mask) = Mask::new(region, SIDE, SIDE) else { return all };
    let window = mask.window;
    for y in window.top..window.bottom {
        mask.seek(y);
        let row = &mut all[y as usize * SIDE as usize + window.left as usize..];
        for x in mask.touched() {
            row[x] = mask.opacity(x);
        }
        for run in mask.core() {
            row[run.clone()].fill(1.0);
        }
    }
    all
}

/// Whether an ellipse meets the square of a pixel grown by `by` on each side: in the frame in which the
/// ellipse is the unit disc the square is a parallelogram; it either holds the middle or has a corner
/// or an edge within 1 of it.
fn meets(e: &Ellipse, by: f64, x: u32, y: u32) -> bool {
    let axes = Axes::new(e, 0.0);
    let (left, top) = (f64::from(x) - by, f64::from(y) - by);
    let (right, bottom) = (left + 1.0 + 2.0 * by, top + 1.0 + 2.0 * by);
    let corners = [(left, top), (right, top), (right, bottom), (left, bottom)].map(|(x, y)| {
        let (x, y) = (x - axes.x, y - axes.y);
        ((x * axes.cos + y * axes.sin) / axes.a, (y * axes.cos - x * axes.sin) / axes.b)
    });
    let (cx, cy) = (axes.x, axes.y);
    let holds_middle = (left..=right).contains(&cx) && (top..=bottom).contains(&cy);
    holds_middle || (0..4).any(|i| from_origin(corners[i], corners[(i + 1) % 4]) <= 1.0)
}

/// Distance of the segment `a..b` from the origin.
fn from_origin(a: (f64, f64), b: (f64, f64)) -> f64 {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let t = (-(a.0 * dx + a.1 * dy) / (dx * dx + dy * dy).max(1e-300)).clamp(0.0, 1.0);
    libm::hypot(a.0 + t * dx, a.1 + t * dy)
}

/// Distance of a point from an ellipse, by trying points of the ellipse; 0 inside.
fn distance(e: &Ellipse, x: f64, y: f64) -> f64 {
    let axes = Axes::new(e, 0.0);
    if axes.norm(x, y) <= 1.0 {
        return 0.0;
    }
    (0..1000)
        .map(|i| {
            let (sin, cos) = libm::sincos(f64::from(i) * core::f64::consts::TAU / 1000.0);
            let (u, v) = (axes.a * cos, axes.b * sin);
            let px = axes.x + u * axes.cos - v * axes.sin;
            let py = axes.y + u * axes.sin + v * axes.cos;
            libm::hypot(px - x, py - y)
        })
        .fold(f64::INFINITY, f64::min)
}

fn region(shapes: Vec<Shape>, feather: f32) -> Region {
    Region { shapes, frame: RectF { left: 0.0, top: 0.0, right: 9.0, bottom: 9.0 }, feather }
}

fn ellipse() -> impl Strategy<Value = Ellipse> {
    let radius = || prop_oneof![Just(0.0f32), 0.0f32..2.0, 0.0f32..20.0, 0.0f32..500.0];
    (-10.0f32..34.0, -10.0f32..34.0, radius(), radius(), -7.0f32..7.0).prop_map(
        |(x, y, radius_x, radius_y, angle)| Ellipse { centre: Point { x, y }, radius_x, radius_y, angle },
    )
}

proptest! {
    #[test]
    fn core_of_an_ellipse_is_the_pixels_it_meets(e in ellipse()) {
        let got = opacities(&region(vec![Shape::Ellipse(e)], 0.0));
        for (i, &opacity) in got.iter().enumerate() {
            let (x, y) = (i as u32 % SIDE, i as u32 / SIDE);
            prop_assert!(opacity == 0.0 || opacity == 1.0);
            // The fast mask may take in pixels that the ellipse misses by the slack, and no others.
            prop_assert!(opacity == 1.0 || !meets(&e, 0.0, x, y), "missed ({}, {})", x, y);
            prop_assert!(opacity == 0.0 || meets(&e, 2.0 * SLACK, x, y), "needless ({}, {})", x, y);
        }
    }

    #[test]
    fn feather_keeps_within_its_reach(e in ellipse(), feather in 0.0f32..9.0) {
        prop_assume!(e.radius_x < 25.0 && e.radius_y < 25.0);
        let hard = opacities(&region(vec![Shape::Ellipse(e)], 0.0));
        let soft = opacities(&region(vec![Shape::Ellipse(e)], feather));
        for (i, (&hard, &soft)) in hard.iter().zip(&soft).enumerate() {
            let (x, y) = (i as u32 % SIDE, i as u32 / SIDE);
            let away = distance(&e, f64::from(x) + 0.5, f64::from(y) + 0.5);
            prop_assert!((0.0..=1.0).contains(&soft) && soft >= hard);
            if away > f64::from(feather) + 0.75 {
                prop_assert_eq!(soft, 0.0, "({}, {}) is {} px away", x, y, away);
            }
        }
    }

    #[test]
    fn feather_is_the_slow_one(e in ellipse(), feather in 0.1f32..9.0) {
        let core = opacities(&region(vec![Shape::Ellipse(e)], 0.0));
        let got = opacities(&region(vec![Shape::Ellipse(e)], feather));
        let (inner, outer) = (Axes::new(&e, 0.5), Axes::new(&e, 0.5 + f64::from(feather)));
        for (i, &got) in got.iter().enumerate().filter(|&(i, _)| core[i] == 0.0) {
            let (x, y) = (f64::from(i as u32 % SIDE) + 0.5, f64::from(i as u32 / SIDE) + 0.5);
            let (past, left) = (inner.norm(x, y) - 1.0, (1.0 - outer.norm(x, y)).max(0.0));
            let share = left / (left + past);
            let want = share * share * (3.0 - 2.0 * share);
            prop_assert!((f64::from(got) - want).abs() < 1e-6, "({}, {}): {} for {}", x, y, got, want);
        }
    }

    #[test]
    fn opacity_never_rises_outwards(e in ellipse(), feather in 0.0f32..9.0, turn in 0.0f64..6.3) {
        prop_assume!((0.0..24.0).contains(&e.centre.x) && (0.0..24.0).contains(&e.centre.y));
        let got = opacities(&region(vec![Shape::Ellipse(e)], feather));
        // Along the row and along the column from the middle outwards, and along any ray through the
        // analytic opacity.
        let (cx, cy) = (e.centre.x as usize, e.centre.y as usize);
        let side = SIDE as usize;
        let at = |x: usize, y: usize| got[y * side + x];
        for x in cx + 1..side { prop_assert!(at(x, cy) <= at(x - 1, cy), "x {}", x); }
        for y in cy + 1..side { prop_assert!(at(cx, y) <= at(cx, y - 1), "y {}", y); }
        let (inner, outer) = (Axes::new(&e, 0.5), Axes::new(&e, 0.5 + f64::from(feather)));
        let (sin, cos) = libm::sincos(turn);
        let (mut last_inner, mut last_outer) = (0.0, 0.0);
        for step in 0..50 {
            let (x, y) = (inner.x + cos * f64::from(step), inner.y + sin * f64::from(step));
            prop_assert!(inner.norm(x, y) >= last_inner && outer.norm(x, y) >= last_outer);
            (last_inner, last_outer) = (inner.norm(x, y), outer.norm(x, y));
        }
    }

    #[test]
    fn box_mask_is_the_slow_one(
        left in -9.0f32..30.0, top in -9.0f32..30.0, w in 0.0f32..20.0, h in 0.0f32..20.0,
        feather in prop_oneof![Just(0.0f32), 0.0f32..9.0],
    ) {
        let r = RectF { left, top, right: left + w, bottom: top + h };
        let got = opacities(&region(vec![Shape::Box(r)], feather));
        for (i, &got) in got.iter().enumerate() {
            let (x, y) = ((i as u32 % SIDE) as f32, (i as u32 / SIDE) as f32);
            let within = |v: f32, low: f32, high: f32| v < high && v + 1.0 > low || (low..v + 1.0).contains(&high) && low >= v;
            if within(x, r.left, r.right) && within(y, r.top, r.bottom) {
                prop_assert_eq!(got, 1.0, "missed ({}, {})", x, y);
                continue;
            }
            let out = |low: f32, high: f32, v: f32| f64::from((low - v).max(v - high).max(0.0));
            let away = libm::hypot(out(r.left, r.right, x + 0.5), out(r.top, r.bottom, y + 0.5));
            if feather == 0.0 || away > f64::from(feather) + 0.5 {
                prop_assert_eq!(got, 0.0, "({}, {}) is {} px away", x, y, away);
            } else {
                let share = 1.0 - ((away - 0.5) / f64::from(feather)).clamp(0.0, 1.0);
                let want = share * share * (3.0 - 2.0 * share);
                prop_assert!((f64::from(got) - want).abs() < 1e-4, "({}, {}): {} for {}", x, y, got, want);
            }
        }
    }

    #[test]
    fn mask_of_several_shapes_is_their_maximum(a in ellipse(), b in ellipse(), feather in 0.0f32..5.0) {
        let both = opacities(&region(vec![Shape::Ellipse(a), Shape::Ellipse(b)], feather));
        let a = opacities(&region(vec![Shape::Ellipse(a)], feather));
        let b = opacities(&region(vec![Shape::Ellipse(b)], feather));
        for (i, both) in both.iter().enumerate() {
            prop_assert_eq!(*both, a[i].max(b[i]), "pixel {}", i);
        }
    }
}

#[test]
fn shapes_without_size_hide_the_pixel_they_lie_in() {
    let point = Ellipse { centre: Point { x: 3.5, y: 4.5 }, radius_x: 0.0, radius_y: 0.0, angle: 1.0 };
    let spot = RectF { left: 3.5, top: 4.5, right: 3.5, bottom: 4.5 };
    for shape in [Shape::Ellipse(point), Shape::Box(spot)] {
        let got = opacities(&region(vec![shape], 0.0));
        let hidden: Vec<_> = (0..got.len()).filter(|&i| got[i] == 1.0).collect();
        assert_eq!(hidden, [4 * SIDE as usize + 3], "{shape:?}");
    }
}

#[test]
fn box_of_whole_pixels_hides_exactly_those() {
    let r = RectF { left: 20.0, top: 22.0, right: 24.0, bottom: 24.0 };
    let got = opacities(&region(vec![Shape::Box(r)], 0.0));
    assert_eq!(got.iter().sum::<f32>(), 8.0);
    assert_eq!((got[23 * 24 + 23], got[22 * 24 + 20], got[21 * 24 + 20]), (1.0, 1.0, 0.0));
}
