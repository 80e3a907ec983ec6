//! A region of a result, cut out with some context and outlined.

use std::path::Path;

use faceveil::Region;
use faceveil_core::geom::{Ellipse, Point, RectF};
use faceveil_core::raster::Raster;
use faceveil_core::redact::Shape;

use crate::sidecar::Origin;

/// Pixels along a tile's sides.
pub const SIDE: usize = 176;
/// The cut-out's side as a multiple of the region's longer one.
const CONTEXT: f32 = 1.7;
/// The least side of a cut-out, pixels of the picture: smaller ones would show nothing around.
const LEAST: f32 = 48.0;
const OUTSIDE: [u8; 3] = [64, 64, 64];
const LINE: [u8; 3] = [255, 221, 0];
const SHADOW: [u8; 3] = [0, 0, 0];

/// A region as it is on the sheet.
#[derive(Clone, Debug, PartialEq)]
pub struct Tile {
    /// The face's score, if it is a face's region.
    pub score: Option<f32>,
    /// Two lines: the file's path, then the region's id and score or origin.
    pub label: String,
    /// Red, green, blue of [`SIDE`] × [`SIDE`] pixels.
    pub(super) pixels: Vec<u8>,
}

/// Cuts `region` out of the result in which it is hidden; `None` if it lies outside.
pub fn tile(
    result: &Raster,
    region: &Region,
    named: &Path,
    id: &str,
    origin: Origin,
    score: Option<f32>,
) -> Option<Tile> {
    let bounds = region.bounds();
    bounds.pixels(result.width(), result.height())?;
    let side = (bounds.width().max(bounds.height()) * CONTEXT).max(LEAST);
    let Point { x, y } = bounds.centre();
    let frame =
        RectF { left: x - side / 2.0, top: y - side / 2.0, right: x + side / 2.0, bottom: y + side / 2.0 };
    let mut pixels = cut(result, &frame);
    for (colour, reach) in [(SHADOW, 1), (LINE, 0)] {
        region.shapes.iter().for_each(|shape| outline(&mut pixels, shape, &frame, colour, reach));
    }
    let what = match (score, origin) {
        (Some(score), _) => format!("{id} score {score:.3}"),
        (None, Origin::Zone) => format!("{id} zone"),
        (None, _) => format!("{id} added"),
    };
    let name = named.display().to_string().replace('\n', " ");
    Some(Tile { score, label: format!("{name}\n{what}"), pixels })
}

/// The frame's part of the picture, each pixel of the tile the mean of those that it covers.
fn cut(picture: &Raster, frame: &RectF) -> Vec<u8> {
    let step = frame.width() / SIDE as f32;
    // The picture's columns, or rows, under one of the tile's; at least one.
    let span = |start: f32, at: usize, limit: u32| {
        let low = (start + at as f32 * step).floor();
        let high = (start + (at + 1) as f32 * step).floor().max(low + 1.0);
        low.clamp(0.0, limit as f32) as u32..high.clamp(0.0, limit as f32) as u32
    };
    let mut pixels = Vec::with_capacity(3 * SIDE * SIDE);
    for row in 0..SIDE {
        let rows = span(frame.top, row, picture.height());
        for column in 0..SIDE {
            let columns = span(frame.left, column, picture.width());
            let mut sum = [0u64; 3];
            for y in rows.clone() {
                for x in columns.clone() {
                    let rgb = picture.rgb8(x, y);
                    sum.iter_mut().zip(rgb).for_each(|(sum, v)| *sum += u64::from(v));
                }
            }
            let count = rows.len() as u64 * columns.len() as u64;
            pixels.extend(if count == 0 { OUTSIDE } else { sum.map(|sum| (sum / count) as u8) });
        }
    }
    pixels
}

/// Draws the edge of a shape, `reach` pixels thicker on each side.
fn outline(pixels: &mut [u8], shape: &Shape, frame: &RectF, colour: [u8; 3], reach: i32) {
    /// More than an edge on the tile has pixels.
    const POINTS: u32 = 1200;
    let scale = SIDE as f32 / frame.width();
    for n in 0..POINTS {
        let Point { x, y } = point(shape, n as f32 / POINTS as f32);
        let (x, y) = (((x - frame.left) * scale).floor() as i32, ((y - frame.top) * scale).floor() as i32);
        for (dx, dy) in (-reach..=reach).flat_map(|dx| (-reach..=reach).map(move |dy| (dx, dy))) {
            let side = 0..SIDE as i32;
            let (x, y) = (x.saturating_add(dx), y.saturating_add(dy));
            if side.contains(&x) && side.contains(&y) {
                let at = 3 * (y as usize * SIDE + x as usize);
                pixels[at..at + 3].copy_from_slice(&colour);
            }
        }
    }
}

/// The point of a shape's edge after `share` (`0.0..1.0`) of the way around.
fn point(shape: &Shape, share: f32) -> Point {
    match shape {
        Shape::Ellipse(Ellipse { centre, radius_x, radius_y, angle }) => {
            let (sin, cos) = (share * std::f32::consts::TAU).sin_cos();
            let (u, v) = (radius_x * cos, radius_y * sin);
            let (sin, cos) = angle.sin_cos();
            Point { x: centre.x + u * cos - v * sin, y: centre.y + u * sin + v * cos }
        }
        Shape::Box(r) => {
            let (side, along) = ((share * 4.0) as u8, (share * 4.0).fract());
            let (across, down) = (r.left + along * r.width(), r.top + along * r.height());
            match side {
                0 => Point { x: across, y: r.top },
                1 => Point { x: r.right, y: down },
                2 => Point { x: across, y: r.bottom },
                _ => Point { x: r.left, y: down },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use faceveil_core::raster::{Color, Samples};

    fn at(tile: &Tile, x: usize, y: usize) -> [u8; 3] {
        let at = 3 * (y * SIDE + x);
        [tile.pixels[at], tile.pixels[at + 1], tile.pixels[at + 2]]
    }

    #[test]
    fn the_region_is_in_the_middle_with_its_edge_around_and_the_outside_grey() {
        let (width, height) = (200u32, 100u32);
        let pixels = (0..width * height).flat_map(|i| [(i % width) as u8, (i / width) as u8, 7]).collect();
        let picture = Raster::new(width, height, Color::Rgb, Samples::U8(pixels)).unwrap();
        let rect = RectF { left: 60.0, top: -10.0, right: 100.0, bottom: 30.0 };
        let region = Region::around(vec![Shape::Box(rect)], 0.0);
        let made = |score| tile(&picture, &region, Path::new("a/b.jpg"), "r3", Origin::Added, score);
        let tile_ = made(Some(0.25)).unwrap();
        assert_eq!(tile_.label, "a/b.jpg\nr3 score 0.250");
        assert_eq!(made(None).unwrap().label, "a/b.jpg\nr3 added");
        // 68 pixels are shown from (46, -24): the middle is (80, 10).
        let scale = SIDE as f32 / 68.0;
        let [red, green, blue] = at(&tile_, SIDE / 2, SIDE / 2);
        assert!(red.abs_diff(80) <= 1 && green.abs_diff(10) <= 1 && blue == 7, "{red} {green} {blue}");
        assert_eq!(at(&tile_, SIDE / 2, 4), OUTSIDE);
        assert_eq!(at(&tile_, (14.0 * scale) as usize, SIDE / 2), LINE);
        assert_eq!(at(&tile_, SIDE / 2, (54.0 * scale) as usize), LINE);
        let far = Region::around(vec![Shape::Box(RectF { left: 300.0, right: 310.0, ..rect })], 0.0);
        assert_eq!(tile(&picture, &far, Path::new("x"), "r1", Origin::Added, None), None);
    }
}
