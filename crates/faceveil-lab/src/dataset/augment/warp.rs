//! Pictures and faces moved, scaled and turned.

use faceveil_data::truth::TruthFace;

use crate::dataset::picture::Picture;

/// `x' = a·x + b·y + c`, `y' = d·x + e·y + f`. Places are continuous: a pixel `x` covers `x..x + 1`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// `a, b, c`.
    pub x: [f64; 3],
    /// `d, e, f`.
    pub y: [f64; 3],
}

impl Affine {
    /// Nothing moves.
    pub const SAME: Self = Self { x: [1.0, 0.0, 0.0], y: [0.0, 1.0, 0.0] };

    /// Puts `from` at `to`, scales by `scale` about it, turns clockwise by `angle` radians, after a mirroring from
    /// left to right if `mirrored`.
    pub fn placing(from: (f64, f64), to: (f64, f64), scale: f64, angle: f64, mirrored: bool) -> Self {
        let (sin, cos) = angle.sin_cos();
        let flip = if mirrored { -1.0 } else { 1.0 };
        let (a, b) = (scale * cos * flip, -scale * sin);
        let (d, e) = (scale * sin * flip, scale * cos);
        Self { x: [a, b, to.0 - a * from.0 - b * from.1], y: [d, e, to.1 - d * from.0 - e * from.1] }
    }

    /// The same, moved by whole or parts of pixels.
    pub fn moved(mut self, dx: f64, dy: f64) -> Self {
        self.x[2] += dx;
        self.y[2] += dy;
        self
    }

    /// Where a place goes.
    pub fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let row = |[a, b, c]: [f64; 3]| a * x + b * y + c;
        (row(self.x), row(self.y))
    }

    /// Where a direction goes.
    pub fn direction(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.x[0] * x + self.x[1] * y, self.y[0] * x + self.y[1] * y)
    }

    /// The face after the move: `S' = A S Aᵀ`.
    pub fn face(&self, face: &TruthFace) -> TruthFace {
        let ([a, b, _], [d, e, _]) = (self.x, self.y);
        let TruthFace { sxx, sxy, syy, .. } = *face;
        let (cx, cy) = self.place((face.cx, face.cy));
        TruthFace {
            cx,
            cy,
            sxx: a * a * sxx + 2.0 * a * b * sxy + b * b * syy,
            sxy: a * d * sxx + (a * e + b * d) * sxy + b * e * syy,
            syy: d * d * sxx + 2.0 * d * e * sxy + e * e * syy,
        }
    }

    /// The way back; `None` if there is none.
    pub fn inverse(&self) -> Option<Self> {
        let ([a, b, c], [d, e, f]) = (self.x, self.y);
        let det = a * e - b * d;
        (det.is_finite() && det.abs() > 1e-12).then(|| Self {
            x: [e / det, -b / det, (b * f - e * c) / det],
            y: [-d / det, a / det, (d * c - a * f) / det],
        })
    }

    /// How much longer things become, on average.
    pub fn scale(&self) -> f64 {
        (self.x[0] * self.y[1] - self.x[1] * self.y[0]).abs().sqrt()
    }
}

/// Draws `picture`, moved by `affine`, over `canvas`, as far as the window `left, top, right, bottom` of the canvas goes.
/// What the picture does not cover stays as it is.
pub fn draw(canvas: &mut Picture, picture: &Picture, affine: &Affine, window: [u32; 4]) {
    // Halved while a pixel of the canvas would average more than about 1.4 pixels, so that nothing aliases.
    let mut halved = None;
    let mut affine = *affine;
    while affine.scale() < std::f64::consts::FRAC_1_SQRT_2 {
        let current: &Picture = halved.as_ref().unwrap_or(picture);
        if current.width() < 4 || current.height() < 4 {
            break;
        }
        halved = Some(half(current));
        for row in [&mut affine.x, &mut affine.y] {
            (row[0], row[1]) = (row[0] * 2.0, row[1] * 2.0);
        }
    }
    let Some(back) = affine.inverse() else { return };
    sample(canvas, halved.as_ref().unwrap_or(picture), &back, window);
}

/// The picture at half its size, each pixel the mean of four; an odd last row or column is left out.
fn half(picture: &Picture) -> Picture {
    let (width, height) = (picture.width() / 2, picture.height() / 2);
    let row = picture.width() as usize * 3;
    let mut pixels = Vec::with_capacity((width * height * 3) as usize);
    for pair in picture.pixels().chunks_exact(2 * row).take(height as usize) {
        let (upper, lower) = pair.split_at(row);
        for (u, l) in upper.chunks_exact(6).zip(lower.chunks_exact(6)) {
            for c in 0..3 {
                let sum = u16::from(u[c]) + u16::from(u[c + 3]) + u16::from(l[c]) + u16::from(l[c + 3]);
                pixels.push(((sum + 2) / 4) as u8);
            }
        }
    }
    Picture::new(width, height, pixels).unwrap_or_else(|| Picture::flat(1, 1, [0; 3]))
}

/// Bilinear; `back` leads from the canvas to the picture.
fn sample(canvas: &mut Picture, picture: &Picture, back: &Affine, [left, top, right, bottom]: [u32; 4]) {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let (right, bottom) = (right.min(canvas.width()), bottom.min(canvas.height()));
    let across = canvas.width() as usize;
    let from = picture.pixels().as_chunks::<3>().0;
    let to = canvas.pixels_mut();
    let (step_x, step_y) = (back.x[0] as f32, back.y[0] as f32);
    for y in top..bottom {
        let (start_x, start_y) = back.place((f64::from(left) + 0.5, f64::from(y) + 0.5));
        let (start_x, start_y) = (start_x as f32, start_y as f32);
        for x in left.min(right)..right {
            let n = (x - left) as f32;
            let (sx, sy) = (start_x + step_x * n, start_y + step_y * n);
            if !(sx >= 0.0 && sy >= 0.0 && sx < width as f32 && sy < height as f32) {
                continue;
            }
            let (sx, sy) = ((sx - 0.5).max(0.0), (sy - 0.5).max(0.0));
            let (x0, y0) = ((sx as usize).min(width - 1), (sy as usize).min(height - 1));
            let (x1, y1) = ((x0 + 1).min(width - 1), (y0 + 1).min(height - 1));
            let (wx, wy) = (sx - x0 as f32, sy - y0 as f32);
            let [p, q] = [&from[y0 * width..], &from[y1 * width..]];
            let pixel = &mut to[y as usize * across + x as usize];
            for c in 0..3 {
                let mix = |row: &[[u8; 3]]| {
                    let (a, b) = (f32::from(row[x0][c]), f32::from(row[x1][c]));
                    a + (b - a) * wx
                };
                let (upper, lower) = (mix(p), mix(q));
                pixel[c] = (upper + (lower - upper) * wy + 0.5) as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(width: u32, height: u32) -> Picture {
        let pixels = (0..width * height).flat_map(|i| [(i % width * 2) as u8, (i / width * 3) as u8, 90]);
        Picture::new(width, height, pixels.collect()).unwrap()
    }

    #[test]
    fn nothing_moves_is_the_same_picture() {
        let picture = ramp(40, 30);
        let mut canvas = Picture::flat(40, 30, [0; 3]);
        draw(&mut canvas, &picture, &Affine::SAME, [0, 0, 40, 30]);
        assert_eq!(canvas, picture);
    }

    #[test]
    fn moves_by_whole_pixels_are_exact_and_leave_the_rest() {
        let picture = ramp(20, 20);
        let mut canvas = Picture::flat(30, 30, [1, 2, 3]);
        draw(&mut canvas, &picture, &Affine::SAME.moved(4.0, 7.0), [0, 0, 30, 15]);
        for y in 0..30 {
            for x in 0..30 {
                let inside = (4..24).contains(&x) && (7..15).contains(&y);
                let want = if inside { picture.at(x - 4, y - 7) } else { [1, 2, 3] };
                assert_eq!(canvas.at(x, y), want, "({x}, {y})");
            }
        }
    }

    #[test]
    fn a_shrunk_picture_is_averaged_not_picked() {
        let checks: Vec<u8> =
            (0..64 * 64).flat_map(|i| [if (i % 64 + i / 64) % 2 == 0 { 0 } else { 200 }; 3]).collect();
        let picture = Picture::new(64, 64, checks).unwrap();
        let mut canvas = Picture::flat(16, 16, [9; 3]);
        draw(
            &mut canvas,
            &picture,
            &Affine::placing((0.0, 0.0), (0.0, 0.0), 0.25, 0.0, false),
            [0, 0, 16, 16],
        );
        assert!(canvas.pixels().iter().all(|&v| v == 100), "{:?}", canvas.at(3, 3));
    }

    #[test]
    fn faces_go_where_their_pixels_go() {
        let face = TruthFace::from_ellipse(9.0, 5.0, 1.2, 30.0, 24.0);
        for (scale, angle, mirrored) in [(1.0, 0.5, false), (1.7, -0.8, true), (0.6, 2.5, false)] {
            let affine = Affine::placing((30.0, 24.0), (50.0, 47.0), scale, angle, mirrored);
            let moved = affine.face(&face);
            assert!((moved.cx - 50.0).abs() < 1e-9 && (moved.cy - 47.0).abs() < 1e-9);
            // A place is in the face before if and only if it is after.
            let holds = |f: &TruthFace, (x, y): (f64, f64)| {
                let (dx, dy) = (x - f.cx, y - f.cy);
                let det = f.sxx * f.syy - f.sxy * f.sxy;
                (f.syy * dx * dx - 2.0 * f.sxy * dx * dy + f.sxx * dy * dy) / det
            };
            for place in [(33.0, 20.0), (28.0, 31.0), (36.0, 24.0), (30.0, 25.0)] {
                let (before, after) = (holds(&face, place), holds(&moved, affine.place(place)));
                assert!((before - after).abs() < 1e-9, "{place:?}: {before} {after}");
            }
            let back = affine.inverse().unwrap().place(affine.place((3.0, 8.0)));
            assert!((back.0 - 3.0).abs() < 1e-9 && (back.1 - 8.0).abs() < 1e-9);
        }
    }
}
