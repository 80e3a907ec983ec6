//! How well a network does on pictures that were kept to choose on.

use faceveil_data::truth::{Fit, TruthFace};

use super::augment::{self, Task};
use super::feed::Batch;
use super::loss::{self, Terms};
use super::photo::Photo;

/// Result over all validation pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// Mean loss a picture.
    pub loss: f64,
    /// Mean squared error of what comes out.
    pub mse: f64,
    /// Mean absolute error.
    pub mae: f64,
    /// Mean structural similarity, of pictures.
    pub ssim: Option<f64>,
    /// Of masks.
    pub mask: Option<MaskScore>,
}

/// How well masks cover faces, at one half.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MaskScore {
    /// Intersection over union of all masks.
    pub iou: f64,
    /// Share of large faces (a fifth of the side or more) less than 80 % covered.
    pub missed_large: f64,
    /// The same of all faces of at least 4 pixels.
    pub missed_all: f64,
    /// Share of face-free pictures with a covered square.
    pub false_pictures: f64,
    /// Share of face-free places covered.
    pub false_area: f64,
}

/// Pictures as a network sees them in use.
pub struct Valid {
    batch: Batch,
    faces: Vec<Vec<TruthFace>>,
    side: usize,
    task: Task,
}

/// Counts over pictures.
#[derive(Default)]
struct Counts {
    both: f64,
    either: f64,
    large: (usize, usize),
    all: (usize, usize),
    empty: (usize, usize),
    covered: f64,
    free: f64,
}

impl Valid {
    /// Of these pictures.
    pub fn new<'p>(photos: impl Iterator<Item = &'p Photo>, side: usize, task: Task) -> Self {
        let mut valid = Self { batch: Batch::default(), faces: Vec::new(), side, task };
        for photo in photos {
            valid.batch.push(&augment::letterboxed(photo, side, task));
            let (w, h) = photo.size();
            let scale = side as f64 / w.max(h) as f64;
            let fit = Fit { sx: scale, sy: scale, ox: 0, oy: 0 };
            valid.faces.push(photo.faces.iter().map(|f| f.mapped(&fit)).collect());
        }
        valid
    }

    /// `net` gives what comes out for one picture's pixels, before a last sigmoid.
    pub fn score(&self, terms: &Terms, mut net: impl FnMut(&[f32]) -> Vec<f32>) -> Score {
        let n = self.batch.len.max(1);
        let plane = self.batch.pixels.len() / n;
        let each = self.batch.target.len() / n;
        let mut score = Score::default();
        let mut counts = Counts::default();
        let mut ssim = 0.0;
        for i in 0..self.batch.len {
            let out = net(&self.batch.pixels[i * plane..][..plane]);
            let target = &self.batch.target[i * each..][..each];
            let weight = &self.batch.weight[i * each..][..each];
            let parts = match self.task {
                Task::Mask { cell, .. } => {
                    self.count(&mut counts, i, &out, (target, weight), cell);
                    loss::mask_plain(&out, target, weight, None, 1, terms).0
                }
                Task::Picture { .. } => {
                    ssim += likeness(&out, target, self.side) / n as f64;
                    loss::picture_plain(&out, target, weight, None, terms).0
                }
            };
            score.loss += parts.truth / n as f64;
            score.mse += parts.mse / n as f64;
            score.mae += parts.mae / n as f64;
        }
        match self.task {
            Task::Mask { .. } => score.mask = Some(counts.score()),
            Task::Picture { .. } => score.ssim = Some(ssim),
        }
        score
    }

    fn count(
        &self,
        counts: &mut Counts,
        i: usize,
        logits: &[f32],
        (truth, weight): (&[f32], &[f32]),
        cell: usize,
    ) {
        for ((x, t), w) in logits.iter().zip(truth).zip(weight) {
            let hit = f64::from(u8::from(*x > 0.0));
            counts.both += f64::from(*t) * hit;
            counts.either += f64::from(*t).max(hit);
            if *t == 0.0 && *w > 0.0 {
                counts.covered += hit;
                counts.free += 1.0;
            }
        }
        if self.faces[i].is_empty() {
            counts.empty.1 += 1;
            counts.empty.0 += usize::from(logits.iter().any(|x| *x > 0.0));
        }
        for face in self.faces[i].iter().filter(|f| f.side() >= 4.0) {
            let missed = usize::from(self.coverage(face, logits, cell) < 0.8);
            counts.all = (counts.all.0 + missed, counts.all.1 + 1);
            if face.side_long() >= 0.2 * self.side as f64 {
                counts.large = (counts.large.0 + missed, counts.large.1 + 1);
            }
        }
    }

    /// Share of the face's inner part (0.8 of its ellipse) under covered squares.
    fn coverage(&self, face: &TruthFace, logits: &[f32], cell: usize) -> f64 {
        let cells = self.side / cell;
        let inside = face.inside(0.8, (0, 0));
        let [x0, y0, x1, y1] = face.corners();
        let end = self.side as f64 - 1.0;
        let (mut hit, mut of) = (0.0, 0.0);
        for y in y0.clamp(0.0, end) as usize..=y1.clamp(0.0, end) as usize {
            for x in x0.clamp(0.0, end) as usize..=x1.clamp(0.0, end) as usize {
                if inside.holds(x as u32, y as u32) {
                    of += 1.0;
                    hit += f64::from(u8::from(logits[y / cell * cells + x / cell] > 0.0));
                }
            }
        }
        if of == 0.0 { 1.0 } else { hit / of }
    }
}

impl Counts {
    fn score(&self) -> MaskScore {
        let share = |(a, b): (usize, usize)| a as f64 / b.max(1) as f64;
        MaskScore {
            iou: self.both / f64::max(self.either, 1.0),
            missed_large: share(self.large),
            missed_all: share(self.all),
            false_pictures: share(self.empty),
            false_area: self.covered / f64::max(self.free, 1.0),
        }
    }
}

/// The judge's SSIM of two pictures of three planes each.
fn likeness(a: &[f32], b: &[f32], side: usize) -> f64 {
    let picture = |planes: &[f32]| {
        let at = |i: usize, c: usize| (planes[c * side * side + i].clamp(0.0, 1.0) * 255.0).round() as u8;
        let pixels = (0..side * side).flat_map(|i| [0, 1, 2].map(|c| at(i, c))).collect();
        faceveil_eval::Picture::new(side, side, pixels)
    };
    match (picture(a), picture(b)) {
        (Ok(a), Ok(b)) => faceveil_eval::ssim(&a, &b),
        _ => 0.0,
    }
}
