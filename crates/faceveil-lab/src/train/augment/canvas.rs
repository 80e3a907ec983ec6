//! The frame that pictures are drawn into, with their faces.

use faceveil_data::truth::TruthFace;

use super::target::planes;
use super::{Sample, Task};
use crate::dataset::random::Random;
use crate::train::photo::{Level, Photo};

/// Where a picture goes: `place = offset + turn · (pixel - (side / 2, side / 2))` in pixels of the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Place in the picture that the frame's middle shows.
    pub centre: (f64, f64),
    /// Matrix from the frame's to the picture's pixels, row by row.
    pub turn: [f64; 4],
}

/// Part of the frame: left, top, side.
pub(super) type Window = (usize, usize, usize);

/// Draws `side` × `side` pixels, and what should come out.
pub struct Canvas {
    pub(super) side: usize,
    task: Task,
    pub(super) rgb: Vec<f32>,
    /// With the angle of what is worn on it.
    pub(super) faces: Vec<(TruthFace, f64)>,
    pub(super) vague: Vec<TruthFace>,
}

impl Canvas {
    /// Black, no faces.
    pub fn new(side: usize, task: Task) -> Self {
        Self { side, task, rgb: vec![0.0; side * side * 3], faces: Vec::new(), vague: Vec::new() }
    }

    /// What is in a frame already, as three planes, with its faces.
    ///
    /// # Panics
    /// If these are not three planes of `side` × `side`.
    pub fn of(pixels: &[f32], side: usize, task: Task, faces: &[TruthFace]) -> Self {
        assert_eq!(pixels.len(), 3 * side * side);
        let mut canvas = Self::new(side, task);
        for (i, pixel) in canvas.rgb.chunks_exact_mut(3).enumerate() {
            pixel.iter_mut().enumerate().for_each(|(c, p)| *p = pixels[c * side * side + i]);
        }
        canvas.faces = faces.iter().map(|face| (*face, 0.0)).collect();
        canvas
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
    pub(super) fn spans(&self, face: &TruthFace) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
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

    /// The frame's pixels: three planes, 0..1.
    pub fn pixels(&self) -> Vec<f32> {
        planes(&self.rgb)
    }

    /// The same frame with `factor` pixels of each row and column made one, their mean.
    ///
    /// # Panics
    /// If the side is no multiple of `factor`.
    #[must_use]
    pub fn shrunk(&self, factor: usize) -> Self {
        assert!(factor > 0 && self.side.is_multiple_of(factor), "{} by {factor}", self.side);
        let side = self.side / factor;
        let mut rgb = vec![0f32; side * side * 3];
        let share = 1.0 / (factor * factor) as f32;
        for (i, pixel) in self.rgb.chunks_exact(3).enumerate() {
            let (x, y) = (i % self.side / factor, i / self.side / factor);
            for (to, value) in rgb[(y * side + x) * 3..][..3].iter_mut().zip(pixel) {
                *to += share * value;
            }
        }
        let (by, of) = (factor as f64, |c: f64| (c + 0.5) / factor as f64 - 0.5);
        let small = |f: &TruthFace| TruthFace {
            cx: of(f.cx),
            cy: of(f.cy),
            sxx: f.sxx / by / by,
            sxy: f.sxy / by / by,
            syy: f.syy / by / by,
        };
        Self {
            side,
            task: self.task,
            rgb,
            faces: self.faces.iter().map(|(face, down)| (small(face), *down)).collect(),
            vague: self.vague.iter().map(small).collect(),
        }
    }

    /// The finished sample.
    pub fn finish(self) -> Sample {
        let (target, weight) = match self.task {
            Task::Mask { cell, small } => self.mask(cell, small),
            Task::Picture { face } => self.picture(face),
        };
        Sample { pixels: self.pixels(), target, weight }
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
