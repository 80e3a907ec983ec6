//! Where a patch of pixels went from one frame to another: pyramidal Lucas-Kanade (Bouguet 2001) on a grid of
//! points, checked by going there and back, and joined by medians (Kalal et al. 2010, "Forward-backward error").

use alloc::vec::Vec;

use super::luma::Luma;
use crate::geom::{Point, RectF};

/// Levels of the pyramid: motions up to about 3 pixels on the smallest are found, 24 on the largest.
const LEVELS: usize = 4;
/// Points along each side of a face.
const POINTS: usize = 6;
/// Half the side of a point's window, pixels.
const RADIUS: i32 = 3;
/// Its side, pixels.
const SIDE: usize = (2 * RADIUS + 1) as usize;
/// Steps on each level.
const STEPS: usize = 6;
/// Pixels that the way there and back may miss by, beside a share of the face's size.
const MISS: f32 = 0.7;
const MISS_SHARE: f32 = 0.04;
/// Mean difference of a point's window before and after, grey levels, brightness set aside.
const DIFFERENCE: f32 = 18.0;
/// Least share of points that must be found again.
const FOUND: f32 = 0.4;
/// Largest change of size from one frame to the next.
const CHANGE: core::ops::RangeInclusive<f32> = 0.8..=1.25;

/// A frame at several sizes.
#[derive(Clone, Debug)]
pub(super) struct Pyramid(Vec<Luma>);

impl Pyramid {
    pub fn new(luma: Luma) -> Self {
        let mut levels = alloc::vec![luma];
        while levels.len() < LEVELS {
            let small = levels[levels.len() - 1].halved();
            levels.push(small);
        }
        Self(levels)
    }

    /// The largest.
    pub fn luma(&self) -> &Luma {
        &self.0[0]
    }

    pub fn enlargement(&self) -> (f32, f32) {
        self.0[0].enlargement()
    }
}

/// Where the pixels in `rect` of `from` lie in `to`, both in pixels of the pictures; `None` where that is not
/// sure.
pub(super) fn follow(from: &Pyramid, to: &Pyramid, rect: &RectF) -> Option<RectF> {
    let size = rect.short_side();
    let miss = MISS + MISS_SHARE * size;
    let starts: Vec<Point> = points(rect).collect();
    let found: Vec<(Point, Point)> = starts
        .iter()
        .filter_map(|&start| {
            let end = trace(from, to, start)?;
            let back = trace(to, from, end)?;
            let missed = libm::hypotf(back.x - start.x, back.y - start.y);
            (missed <= miss && difference(from, to, start, end) <= DIFFERENCE).then_some((start, end))
        })
        .collect();
    if (found.len() as f32) < FOUND * starts.len() as f32 {
        return None;
    }
    let dx = median(found.iter().map(|(a, b)| b.x - a.x).collect())?;
    let dy = median(found.iter().map(|(a, b)| b.y - a.y).collect())?;
    let scale = scale(&found).unwrap_or(1.0).clamp(*CHANGE.start(), *CHANGE.end());
    let moved =
        RectF { left: rect.left + dx, top: rect.top + dy, right: rect.right + dx, bottom: rect.bottom + dy };
    Some(moved.scaled(scale))
}

/// A grid over the middle of a box, where the face is.
fn points(rect: &RectF) -> impl Iterator<Item = Point> {
    let inner = rect.scaled(0.8);
    let place = |from: f32, to: f32, i: usize| from + (to - from) * (i as f32 + 0.5) / POINTS as f32;
    (0..POINTS * POINTS).map(move |i| Point {
        x: place(inner.left, inner.right, i % POINTS),
        y: place(inner.top, inner.bottom, i / POINTS),
    })
}

/// The change of size: the median ratio of distances between pairs of points.
fn scale(found: &[(Point, Point)]) -> Option<f32> {
    let far = |a: Point, b: Point| libm::hypotf(a.x - b.x, a.y - b.y);
    let mut ratios = Vec::new();
    for (i, a) in found.iter().enumerate() {
        for b in &found[i + 1..] {
            let before = far(a.0, b.0);
            if before > 4.0 {
                ratios.push(far(a.1, b.1) / before);
            }
        }
    }
    median(ratios)
}

fn median(mut values: Vec<f32>) -> Option<f32> {
    let half = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    Some(*values.select_nth_unstable_by(half, f32::total_cmp).1)
}

/// Where a point of `from` lies in `to`; `None` if it leaves the picture or there is nothing to hold on to.
fn trace(from: &Pyramid, to: &Pyramid, start: Point) -> Option<Point> {
    let (mut dx, mut dy) = (0.0, 0.0);
    for level in (0..LEVELS).rev() {
        let (a, b) = (&from.0[level], &to.0[level]);
        let scale = 1.0 / (1u32 << level) as f32;
        let point = Point { x: start.x * scale, y: start.y * scale };
        // A level without texture says nothing; the next larger one may.
        if let Some((x, y)) = refine(a, b, point, (dx, dy)) {
            (dx, dy) = (x, y);
        } else if level == 0 {
            return None;
        }
        if level > 0 {
            (dx, dy) = (2.0 * dx, 2.0 * dy);
        }
    }
    let end = Point { x: start.x + dx, y: start.y + dy };
    let inside =
        (0.0..to.0[0].width() as f32).contains(&end.x) && (0.0..to.0[0].height() as f32).contains(&end.y);
    inside.then_some(end)
}

/// Lucas and Kanade's steps on one level from a first guess.
fn refine(a: &Luma, b: &Luma, point: Point, guess: (f32, f32)) -> Option<(f32, f32)> {
    // One pixel more on each side, for the slopes.
    let around = patch::<{ SIDE + 2 }>(a, point.x - (RADIUS + 1) as f32, point.y - (RADIUS + 1) as f32);
    let mut window = [[0.0f32; 3]; SIDE * SIDE];
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (index, cell) in window.iter_mut().enumerate() {
        let (x, y) = (index % SIDE + 1, index / SIDE + 1);
        let gx = (around[y][x + 1] - around[y][x - 1]) / 2.0;
        let gy = (around[y + 1][x] - around[y - 1][x]) / 2.0;
        *cell = [around[y][x], gx, gy];
        xx += gx * gx;
        xy += gx * gy;
        yy += gy * gy;
    }
    let det = xx * yy - xy * xy;
    let least = (xx + yy - libm::sqrtf((xx - yy) * (xx - yy) + 4.0 * xy * xy)) / 2.0;
    if least < 1.5 * (SIDE * SIDE) as f32 || det <= 0.0 {
        return None;
    }
    let (mut dx, mut dy) = guess;
    for _ in 0..STEPS {
        // The mean of the differences is a change of light, not of place.
        let (mut sum, mut ex, mut ey, mut gx_sum, mut gy_sum) = (0.0, 0.0, 0.0, 0.0, 0.0);
        let there = patch::<SIDE>(b, point.x + dx - RADIUS as f32, point.y + dy - RADIUS as f32);
        for ([value, gx, gy], seen) in window.iter().zip(there.as_flattened()) {
            let error = value - seen;
            sum += error;
            ex += error * gx;
            ey += error * gy;
            gx_sum += gx;
            gy_sum += gy;
        }
        let mean = sum / window.len() as f32;
        (ex, ey) = (ex - mean * gx_sum, ey - mean * gy_sum);
        let (step_x, step_y) = ((yy * ex - xy * ey) / det, (xx * ey - xy * ex) / det);
        (dx, dy) = (dx + step_x, dy + step_y);
        if step_x.abs() + step_y.abs() < 0.03 {
            break;
        }
    }
    (dx.is_finite() && dy.is_finite()).then_some((dx, dy))
}

/// Mean difference of the windows around two points, the change of light set aside.
fn difference(from: &Pyramid, to: &Pyramid, start: Point, end: Point) -> f32 {
    let window = |luma, p: Point| patch::<SIDE>(luma, p.x - RADIUS as f32, p.y - RADIUS as f32);
    let (was, is) = (window(&from.0[0], start), window(&to.0[0], end));
    let mut errors = [0.0f32; SIDE * SIDE];
    for ((error, was), is) in errors.iter_mut().zip(was.as_flattened()).zip(is.as_flattened()) {
        *error = was - is;
    }
    let mean = errors.iter().sum::<f32>() / errors.len() as f32;
    errors.iter().map(|e| (e - mean).abs()).sum::<f32>() / errors.len() as f32
}

/// [`sample`] at `N` × `N` points a pixel apart, the first at `x`, `y`.
fn patch<const N: usize>(luma: &Luma, x: f32, y: f32) -> [[f32; N]; N] {
    let (width, height) = (luma.width() as usize, luma.height() as usize);
    let mut patch = [[0.0; N]; N];
    let inside = |from: f32, side: usize| from >= 0.5 && from - 0.5 + (N as f32) < side as f32 - 1.0;
    if !(inside(x, width) && inside(y, height)) {
        for (row, line) in patch.iter_mut().enumerate() {
            for (column, value) in line.iter_mut().enumerate() {
                *value = sample(luma, x + column as f32, y + row as f32);
            }
        }
        return patch;
    }
    let (x, y) = (x - 0.5, y - 0.5);
    let (left, top) = (x as usize, y as usize);
    let (s, t) = (x - left as f32, y - top as f32);
    for (row, line) in patch.iter_mut().enumerate() {
        let start = (top + row) * width + left;
        let above = &luma.samples()[start..][..N + 1];
        let below = &luma.samples()[start + width..][..N + 1];
        for (column, value) in line.iter_mut().enumerate() {
            let between = |line: &[u8]| {
                let (a, b) = (f32::from(line[column]), f32::from(line[column + 1]));
                a + (b - a) * s
            };
            let (above, below) = (between(above), between(below));
            *value = above + (below - above) * t;
        }
    }
    patch
}

/// The picture between its pixels, bilinear; beyond its edge the edge goes on.
fn sample(luma: &Luma, x: f32, y: f32) -> f32 {
    let (width, height) = (luma.width() as usize, luma.height() as usize);
    let x = (x - 0.5).clamp(0.0, (width - 1) as f32);
    let y = (y - 0.5).clamp(0.0, (height - 1) as f32);
    let (left, top) = (x as usize, y as usize);
    let (right, bottom) = ((left + 1).min(width - 1), (top + 1).min(height - 1));
    let (s, t) = (x - left as f32, y - top as f32);
    let at = |x: usize, y: usize| f32::from(luma.samples()[y * width + x]);
    let above = at(left, top) + (at(right, top) - at(left, top)) * s;
    let below = at(left, bottom) + (at(right, bottom) - at(left, bottom)) * s;
    above + (below - above) * t
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Smooth texture without repetition, moved by `shift` and enlarged by `zoom` about (80, 45), `lift` brighter.
    fn frame(shift: (f32, f32), zoom: f32, lift: f32) -> Pyramid {
        let value = |x: f32, y: f32| {
            let waves = [(0.21, 0.13, 0.3), (-0.11, 0.29, 1.1), (0.37, -0.23, 2.0), (0.05, 0.07, 4.0)];
            120.0 + waves.iter().map(|(a, b, c)| 22.0 * libm::sinf(a * x + b * y + c)).sum::<f32>()
        };
        let plane: Vec<u8> = (0..160 * 90)
            .map(|i| {
                let (x, y) = ((i % 160) as f32 - shift.0, (i / 160) as f32 - shift.1);
                (value(80.0 + (x - 80.0) / zoom, 45.0 + (y - 45.0) / zoom) + lift).clamp(0.0, 255.0) as u8
            })
            .collect();
        Pyramid::new(Luma::shrunk(&plane, (160, 90), 160, 0, 160).unwrap())
    }

    const FACE: RectF = RectF { left: 60.0, top: 25.0, right: 100.0, bottom: 65.0 };

    #[test]
    fn a_patch_is_its_samples() {
        let plane: Vec<u8> = (0..40 * 30u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let luma = Luma::shrunk(&plane, (40, 30), 40, 0, 64).unwrap();
        for (x, y) in
            [(0.5, 0.5), (3.7, 9.2), (31.9, 21.9), (32.4, 22.4), (-3.0, 5.0), (38.0, 29.0), (20.0, 0.4)]
        {
            let patch = patch::<7>(&luma, x, y);
            for (row, line) in patch.iter().enumerate() {
                for (column, got) in line.iter().enumerate() {
                    let want = sample(&luma, x + column as f32, y + row as f32);
                    assert!((got - want).abs() < 0.01, "({x}, {y}) + ({column}, {row}): {got}, not {want}");
                }
            }
        }
    }

    #[test]
    fn shifts_are_found_whatever_the_light() {
        for (shift, lift) in
            [((0.0, 0.0), 0.0), ((1.4, -0.6), 0.0), ((9.0, 5.0), 12.0), ((-14.0, 3.0), -10.0)]
        {
            let moved = follow(&frame((0.0, 0.0), 1.0, 0.0), &frame(shift, 1.0, lift), &FACE).unwrap();
            let (from, to) = (FACE.centre(), moved.centre());
            let error = libm::hypotf(to.x - from.x - shift.0, to.y - from.y - shift.1);
            assert!(error < 0.6, "{shift:?}: off by {error}");
            assert!((moved.width() / FACE.width() - 1.0).abs() < 0.03, "{shift:?} {moved:?}");
        }
    }

    #[test]
    fn growth_is_found() {
        let moved = follow(&frame((0.0, 0.0), 1.0, 0.0), &frame((2.0, 0.0), 1.08, 0.0), &FACE).unwrap();
        assert!((moved.width() / FACE.width() - 1.08).abs() < 0.03, "{moved:?}");
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let other = frame((500.0, 300.0), 0.6, 0.0);
        assert_eq!(follow(&frame((0.0, 0.0), 1.0, 0.0), &other, &FACE), None);
        let plane = [90u8; 160 * 90];
        let flat = Pyramid::new(Luma::shrunk(&plane, (160, 90), 160, 0, 160).unwrap());
        assert_eq!(follow(&flat, &flat, &FACE), None);
        assert_eq!(follow(&frame((0.0, 0.0), 1.0, 0.0), &flat, &FACE), None);
    }

    #[test]
    fn boxes_beyond_the_picture_do_no_harm() {
        let (a, b) = (frame((0.0, 0.0), 1.0, 0.0), frame((1.0, 0.0), 1.0, 0.0));
        for rect in [
            RectF { left: -900.0, top: -900.0, right: -800.0, bottom: -800.0 },
            RectF { left: f32::NAN, ..FACE },
            RectF { left: 5e30, right: 6e30, ..FACE },
        ] {
            assert_eq!(follow(&a, &b, &rect), None, "{rect:?}");
        }
    }
}
