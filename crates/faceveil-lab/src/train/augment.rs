//! A picture as it might have been taken: another place, size, angle, light, something before the face. Cheap enough
//! to be done anew for each pass.

use faceveil_data::truth::TruthFace;

use super::photo::{Level, Photo};
use crate::dataset::random::Random;

/// What a network is shown and what it should say.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Three planes of `side` × `side`, 0..1.
    pub pixels: Vec<f32>,
    /// What should come out: see [`Task`].
    pub target: Vec<f32>,
    /// How much each of its numbers counts.
    pub weight: Vec<f32>,
}

/// What a network is to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// The share of each `cell` × `cell` square that faces cover.
    Mask {
        /// Side of a square, pixels.
        cell: usize,
    },
    /// The picture with its faces blurred, three planes.
    Picture,
}

/// Sigma of the target's blur as a share of the box's longer side. The thesis's kernel of half that side has 0.08; a
/// little more, because its own target leaves every eighth face visible.
const SIGMA: f64 = 0.11;
/// How much more a pixel of a face counts in a picture.
const FACE_COUNTS: f32 = 8.0;

/// Where a picture goes: `place = offset + turn · (pixel - (side / 2, side / 2))` in pixels of the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Place in the picture that the frame's middle shows.
    pub centre: (f64, f64),
    /// Matrix from the frame's to the picture's pixels, row by row.
    pub turn: [f64; 4],
}

/// Part of the frame: left, top, side.
type Window = (usize, usize, usize);

/// Smallest face that counts, pixels of the frame; smaller ones are neither right nor wrong.
const SMALLEST: f64 = 3.5;

/// Draws `side` × `side` pixels, and what should come out.
pub struct Canvas {
    side: usize,
    task: Task,
    rgb: Vec<f32>,
    faces: Vec<(TruthFace, f64)>,
    vague: Vec<TruthFace>,
}

impl Canvas {
    /// Black, no faces.
    pub fn new(side: usize, task: Task) -> Self {
        Self { side, task, rgb: vec![0.0; side * side * 3], faces: Vec::new(), vague: Vec::new() }
    }

    /// Draws the picture into the window. `blur` is added to the size level that is read.
    pub fn draw(&mut self, photo: &Photo, view: &View, window: Window, blur: f64, outside: Outside) {
        let (left, top, side) = window;
        let [a, b, c, d] = view.turn;
        let scale = (a * d - b * c).abs().sqrt();
        let level = (scale / 1.2).max(1e-9).log2() + blur;
        let level = (level.ceil().max(0.0) as usize).min(photo.levels.len() - 1);
        let source = &photo.levels[level];
        let (w, h) = photo.size();
        let (fx, fy) = (source.width as f64 / w as f64, source.height as f64 / h as f64);
        let half = side as f64 / 2.0 - 0.5;
        for y in 0..side {
            let v = y as f64 - half;
            let row = ((top + y) * self.side + left) * 3;
            for x in 0..side {
                let u = x as f64 - half;
                let px = (view.centre.0 + a * u + b * v + 0.5) * fx - 0.5;
                let py = (view.centre.1 + c * u + d * v + 0.5) * fy - 0.5;
                let to = &mut self.rgb[row + x * 3..][..3];
                to.copy_from_slice(&source.at(px as f32, py as f32, outside));
            }
        }
        self.place_faces(photo, view, window);
    }

    fn place_faces(&mut self, photo: &Photo, view: &View, (left, top, side): Window) {
        let [a, b, c, d] = view.turn;
        let det = a * d - b * c;
        let back = [d / det, -b / det, -c / det, a / det];
        let middle = side as f64 / 2.0 - 0.5;
        let place = |f: &TruthFace| {
            let (x, y) = (f.cx - view.centre.0, f.cy - view.centre.1);
            let [p, q, r, s] = back;
            TruthFace {
                cx: p * x + q * y + middle + left as f64,
                cy: r * x + s * y + middle + top as f64,
                sxx: p * p * f.sxx + 2.0 * p * q * f.sxy + q * q * f.syy,
                sxy: p * r * f.sxx + (p * s + q * r) * f.sxy + q * s * f.syy,
                syy: r * r * f.sxx + 2.0 * r * s * f.sxy + s * s * f.syy,
            }
        };
        // The picture's downward direction in the frame, for what is worn on a face.
        let down = back[3].atan2(back[1]) - std::f64::consts::FRAC_PI_2;
        let inside = |f: &TruthFace| {
            let [x0, y0, x1, y1] = f.corners();
            x1 > left as f64 && y1 > top as f64 && x0 < (left + side) as f64 && y0 < (top + side) as f64
        };
        for face in photo.faces.iter().map(place).filter(inside) {
            self.faces.push((face, down));
        }
        self.vague.extend(photo.vague.iter().map(place).filter(inside));
    }

    /// Puts something before some of the faces: a mask, dark glasses, a patch.
    pub fn occlude(&mut self, random: &mut Random, chance: f32) {
        for (face, down) in self.faces.clone() {
            if face.side() < 10.0 || !random.happens(chance) {
                continue;
            }
            let kind = random.below(4);
            let bright = random.happens(0.5);
            let base = random.between(if bright { [0.6, 1.0] } else { [0.0, 0.45] });
            let colour = [0; 3].map(|_| (base + random.between([-0.15, 0.15])).clamp(0.0, 1.0) as f32);
            let (sin, cos) = down.sin_cos();
            let (rx, ry) = (face.sxx.sqrt(), face.syy.sqrt());
            let edge = random.between([-0.15, 0.25]);
            let (ox, oy) = (random.between([-0.7, 0.7]), random.between([-0.7, 0.7]));
            let (pw, ph) = (random.between([0.15, 0.5]), random.between([0.15, 0.5]));
            let noise = random.between([0.0, 0.08]) as f32;
            self.paint(&face, random, noise, colour, |dx, dy| {
                let (x, y) = ((dx * cos + dy * sin) / rx, (-dx * sin + dy * cos) / ry);
                match kind {
                    0 | 1 => x * x + y * y < 1.0 && y > edge - 0.15 * (1.0 - x * x),
                    2 => (y + 0.3).abs() < 0.16 && x.abs() < 0.8 && x.abs() > 0.08,
                    _ => (x - ox).abs() < pw && (y - oy).abs() < ph,
                }
            });
        }
    }

    fn paint(
        &mut self,
        face: &TruthFace,
        random: &mut Random,
        noise: f32,
        colour: [f32; 3],
        covers: impl Fn(f64, f64) -> bool,
    ) {
        let (xs, ys) = self.spans(face);
        for y in ys {
            for x in xs.clone() {
                if covers(x as f64 - face.cx, y as f64 - face.cy) {
                    let pixel = &mut self.rgb[(y * self.side + x) * 3..][..3];
                    let light = 0.75 + 0.5 * (pixel[0] + pixel[1] + pixel[2]) / 3.0;
                    let grain = noise * (random.unit() as f32 - 0.5);
                    for (p, c) in pixel.iter_mut().zip(colour) {
                        *p = (c * light + grain).clamp(0.0, 1.0);
                    }
                }
            }
        }
    }

    /// Columns and rows that may touch the face.
    fn spans(&self, face: &TruthFace) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
        let [x0, y0, x1, y1] = face.corners();
        let cut = |low: f64, high: f64| {
            let end = self.side as f64;
            (low.floor().clamp(0.0, end) as usize)..((high + 1.0).ceil().clamp(0.0, end) as usize)
        };
        (cut(x0, x1), cut(y0, y1))
    }

    /// Other light, other colours, noise.
    pub fn recolour(&mut self, random: &mut Random) {
        let gain = random.ratio([0.55, 1.6]);
        let gamma = random.ratio([0.7, 1.45]) as f32;
        let gains = [0; 3].map(|_| (gain * random.ratio([0.85, 1.18])) as f32);
        let offset = random.between([-0.08, 0.08]) as f32;
        let grey = random.happens(0.18);
        let noise = if random.happens(0.3) { random.between([0.0, 0.1]) as f32 } else { 0.0 };
        let table = gains.map(|g| {
            let value = |i: usize| ((i as f32 / 255.0).powf(gamma) * g + offset).clamp(0.0, 1.0);
            std::array::from_fn::<f32, 256, _>(value)
        });
        for pixel in self.rgb.chunks_exact_mut(3) {
            for (p, t) in pixel.iter_mut().zip(&table) {
                *p = t[(*p * 255.0) as usize & 255];
            }
            if grey {
                let y = 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
                pixel.fill(y);
            }
            if noise > 0.0 {
                let bits = random.bits();
                for (i, p) in pixel.iter_mut().enumerate() {
                    let unit = ((bits >> (20 * i)) & 0xF_FFFF) as f32 / 1_048_576.0;
                    *p = (*p + noise * (unit - 0.5)).clamp(0.0, 1.0);
                }
            }
        }
    }

    /// The finished sample.
    pub fn finish(self) -> Sample {
        let (target, weight) = match self.task {
            Task::Mask { cell } => self.mask(cell),
            Task::Picture => self.picture(),
        };
        Sample { pixels: planes(&self.rgb), target, weight }
    }

    fn judged(&self) -> impl Iterator<Item = &TruthFace> {
        self.faces.iter().map(|(face, _)| face).filter(|f| f.side() >= SMALLEST)
    }

    /// The reference blur of each face's box, and the face's pixels' weights.
    fn picture(&self) -> (Vec<f32>, Vec<f32>) {
        let side = self.side;
        let mut rgb = self.rgb.clone();
        let mut counts = vec![1f32; side * side];
        for face in self.judged() {
            let (xs, ys) = self.spans(face);
            let [x0, y0, x1, y1] = face.corners();
            let sigma = SIGMA * f64::max(x1 - x0, y1 - y0);
            blur(&mut rgb, side, &xs, &ys, sigma);
            let inside = face.inside(1.0, (0, 0));
            for y in ys {
                for x in xs.clone().filter(|&x| inside.holds(x as u32, y as u32)) {
                    counts[y * side + x] = FACE_COUNTS;
                }
            }
        }
        (planes(&rgb), [counts.as_slice(); 3].concat())
    }

    /// Shares of squares under faces, and the squares' weights.
    fn mask(&self, cell: usize) -> (Vec<f32>, Vec<f32>) {
        let side = self.side;
        let cells = side / cell;
        let mut hit = vec![0u8; side * side];
        let mut weight = vec![1f32; cells * cells];
        let tiny = self.faces.iter().map(|(face, _)| face).filter(|f| f.side() < SMALLEST);
        for face in self.vague.iter().chain(tiny) {
            self.fill(face, cell, &mut weight, |w| *w = 0.0);
        }
        for face in self.judged() {
            let area = std::f64::consts::PI * (face.sxx * face.syy - face.sxy * face.sxy).max(0.0).sqrt();
            let counts = (40.0 * (cell * cell) as f64 / area).sqrt().clamp(0.8, 5.0) as f32;
            self.fill(face, cell, &mut weight, |w| *w = w.max(counts));
            let (xs, ys) = self.spans(face);
            let inside = face.inside(1.0, (0, 0));
            for y in ys {
                for x in xs.clone().filter(|&x| inside.holds(x as u32, y as u32)) {
                    hit[y * side + x] = 1;
                }
            }
        }
        let mut mask = vec![0f32; cells * cells];
        for y in 0..cells * cell {
            for x in 0..cells * cell {
                mask[y / cell * cells + x / cell] += f32::from(hit[y * side + x]);
            }
        }
        mask.iter_mut().for_each(|m| *m /= (cell * cell) as f32);
        (mask, weight)
    }

    /// Changes the squares that the face, grown by half a square, touches.
    fn fill(&self, face: &TruthFace, cell: usize, squares: &mut [f32], change: impl Fn(&mut f32)) {
        let cells = self.side / cell;
        let half = cell as f64 / 2.0;
        let grown = TruthFace {
            sxx: (face.sxx.sqrt() + half).powi(2),
            syy: (face.syy.sqrt() + half).powi(2),
            ..*face
        };
        let (xs, ys) = self.spans(&grown);
        let inside = grown.inside(1.0, (0, 0));
        for cy in ys.start / cell..ys.end.div_ceil(cell).min(cells) {
            for cx in xs.start / cell..xs.end.div_ceil(cell).min(cells) {
                let middle = |c: usize| (c * cell + cell / 2) as u32;
                if inside.holds(middle(cx), middle(cy)) {
                    change(&mut squares[cy * cells + cx]);
                }
            }
        }
    }
}

/// From pixels to three planes.
fn planes(rgb: &[f32]) -> Vec<f32> {
    (0..3).flat_map(|c| rgb.iter().skip(c).step_by(3)).copied().collect()
}

/// Gaussian of `sigma` pixels within a part of the picture, whose edge is repeated.
fn blur(rgb: &mut [f32], side: usize, xs: &std::ops::Range<usize>, ys: &std::ops::Range<usize>, sigma: f64) {
    let reach = (3.0 * sigma).ceil() as isize;
    let kernel: Vec<f32> =
        (-reach..=reach).map(|x| (-(x * x) as f64 / (2.0 * sigma * sigma)).exp() as f32).collect();
    let all: f32 = kernel.iter().sum();
    let (w, h) = (xs.len() as isize, ys.len() as isize);
    if w == 0 || h == 0 {
        return;
    }
    for (step, len, others) in [(1usize, w, h), (side, h, w)] {
        let other_step = if step == 1 { side } else { 1 };
        let start = ys.start * side + xs.start;
        let mut line = vec![[0f32; 3]; len as usize];
        for other in 0..others as usize {
            let at = |i: isize| 3 * (start + other * other_step + i.clamp(0, len - 1) as usize * step);
            for (i, to) in line.iter_mut().enumerate() {
                *to = [0.0; 3];
                for (k, weight) in kernel.iter().enumerate() {
                    let from = at(i as isize + k as isize - reach);
                    for (t, v) in to.iter_mut().zip(&rgb[from..from + 3]) {
                        *t += weight / all * v;
                    }
                }
            }
            for (i, from) in line.iter().enumerate() {
                let to = at(i as isize);
                rgb[to..to + 3].copy_from_slice(from);
            }
        }
    }
}

/// What is seen beside a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outside {
    /// This colour.
    Colour([f32; 3]),
    /// Its last row or column, on and on.
    Edge,
}

impl Level {
    /// Between the four pixels around the place, 0..1.
    fn at(&self, x: f32, y: f32, outside: Outside) -> [f32; 3] {
        let (w, h) = (self.width as f32, self.height as f32);
        if let Outside::Colour(colour) = outside
            && !(x > -0.5 && y > -0.5 && x < w - 0.5 && y < h - 0.5)
        {
            return colour;
        }
        let (x, y) = (x.clamp(0.0, w - 1.0), y.clamp(0.0, h - 1.0));
        let (x0, y0) = (x as usize, y as usize);
        let (x1, y1) = ((x0 + 1).min(self.width - 1), (y0 + 1).min(self.height - 1));
        let (u, v) = (x - x0 as f32, y - y0 as f32);
        let pixel = |x: usize, y: usize| &self.pixels[(y * self.width + x) * 3..][..3];
        let [a, b, c, d] = [pixel(x0, y0), pixel(x1, y0), pixel(x0, y1), pixel(x1, y1)];
        std::array::from_fn(|i| {
            let upper = f32::from(a[i]) * (1.0 - u) + f32::from(b[i]) * u;
            let lower = f32::from(c[i]) * (1.0 - u) + f32::from(d[i]) * u;
            (upper * (1.0 - v) + lower * v) / 255.0
        })
    }
}

/// The whole picture in the frame, as in use: its longer side fills it, at the top left, the rest black.
pub fn letterboxed(photo: &Photo, side: usize, task: Task) -> Sample {
    let (w, h) = photo.size();
    let scale = w.max(h) as f64 / side as f64;
    let middle = scale * side as f64 / 2.0 - 0.5;
    let view = View { centre: (middle, middle), turn: [scale, 0.0, 0.0, scale] };
    let mut canvas = Canvas::new(side, task);
    canvas.draw(photo, &view, (0, 0, side), 0.0, Outside::Colour([0.0; 3]));
    canvas.finish()
}

/// A random view of `side` pixels.
pub fn view(photo: &Photo, side: usize, random: &mut Random) -> View {
    let (w, h) = photo.size();
    let fit = w.max(h) as f64 / side as f64;
    let flip = if random.happens(0.5) { -1.0 } else { 1.0 };
    let angle = match random.below(10) {
        0 => random.between([-0.9, 0.9]),
        1..=4 => random.between([-0.3, 0.3]),
        _ => random.between([-0.08, 0.08]),
    };
    let stretch = random.ratio([0.88, 1.14]);
    let focus = (!photo.faces.is_empty() && random.happens(0.5))
        .then(|| photo.faces[random.below(photo.faces.len())]);
    let (scale, centre) = if let Some(face) = focus {
        let target = side as f64 * random.ratio([0.045, 0.8]);
        let scale = (face.side_long() / target).clamp(0.4, 1.25 * fit.max(1.0));
        let shift = |random: &mut Random| scale * side as f64 * random.between([-0.42, 0.42]);
        (scale, (face.cx + shift(random), face.cy + shift(random)))
    } else {
        let scale = fit / random.ratio([0.75, 1.8]);
        let shift = |random: &mut Random| scale * side as f64 * random.between([-0.22, 0.22]);
        (scale, (w as f64 / 2.0 + shift(random), h as f64 / 2.0 + shift(random)))
    };
    let (sin, cos) = angle.sin_cos();
    let (sx, sy) = (scale * flip * stretch, scale / stretch);
    View { centre, turn: [cos * sx, -sin * sy, sin * sx, cos * sy] }
}

/// Draws one sample from `pick`, which gives a random picture each time.
pub fn sample<'p>(
    side: usize,
    task: Task,
    random: &mut Random,
    mut pick: impl FnMut(&mut Random) -> &'p Photo,
) -> Sample {
    let mut canvas = Canvas::new(side, task);
    let parts: &[Window] = &if random.happens(0.15) {
        let half = side / 2;
        vec![(0, 0, half), (half, 0, half), (0, half, half), (half, half, half)]
    } else {
        vec![(0, 0, side)]
    };
    for &window in parts {
        let photo = pick(random);
        let view = view(photo, window.2, random);
        let blur = if random.happens(0.15) { random.between([0.3, 1.3]) } else { 0.0 };
        let outside = match random.below(10) {
            0..=3 => Outside::Edge,
            4 => Outside::Colour([0; 3].map(|_| random.unit() as f32)),
            _ => Outside::Colour([0.0; 3]),
        };
        canvas.draw(photo, &view, window, blur, outside);
    }
    canvas.occlude(random, 0.28);
    canvas.recolour(random);
    canvas.finish()
}
