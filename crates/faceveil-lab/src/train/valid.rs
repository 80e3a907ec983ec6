//! How well a network does on pictures that were kept to choose on.

use super::augment;
use super::feed::Batch;
use super::photo::Photo;

/// Result over all validation pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// Mean loss a picture.
    pub loss: f64,
    /// Intersection over union of all masks at one half.
    pub iou: f64,
    /// Share of large faces (a fifth of the side or more) less than 80 % covered at one half.
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
    faces: Vec<Vec<faceveil_data::truth::TruthFace>>,
    side: usize,
    cell: usize,
}

impl Valid {
    /// Of these pictures.
    pub fn new<'p>(photos: impl Iterator<Item = &'p Photo>, side: usize, cell: usize) -> Self {
        let mut valid = Self { batch: Batch::default(), faces: Vec::new(), side, cell };
        for photo in photos {
            valid.batch.push(&augment::letterboxed(photo, side, cell));
            let (w, h) = photo.size();
            let scale = side as f64 / w.max(h) as f64;
            let fit = faceveil_data::truth::Fit { sx: scale, sy: scale, ox: 0, oy: 0 };
            valid.faces.push(photo.faces.iter().map(|f| f.mapped(&fit)).collect());
        }
        valid
    }

    /// `net` gives the mask before its sigmoid for one picture's pixels.
    pub fn score(&self, mut net: impl FnMut(&[f32]) -> Vec<f32>) -> Score {
        let cells = self.side / self.cell;
        let (plane, squares) = (3 * self.side * self.side, cells * cells);
        let (mut both, mut either, mut loss) = (0.0, 0.0, 0.0);
        let (mut large, mut all, mut empty) = ((0, 0), (0, 0), (0, 0));
        let (mut covered, mut free) = (0.0, 0.0);
        for i in 0..self.batch.len {
            let logits = net(&self.batch.pixels[i * plane..][..plane]);
            let truth = &self.batch.mask[i * squares..][..squares];
            let weight = &self.batch.weight[i * squares..][..squares];
            for ((x, t), w) in logits.iter().zip(truth).zip(weight) {
                let entropy = x.max(0.0) - x * t + (-x.abs()).exp().ln_1p();
                loss += f64::from(entropy * w) / squares as f64;
                let hit = f64::from(u8::from(*x > 0.0));
                both += f64::from(*t) * hit;
                either += f64::from(*t).max(hit);
                if *t == 0.0 && *w > 0.0 {
                    covered += hit;
                    free += 1.0;
                }
            }
            if self.faces[i].is_empty() {
                empty.1 += 1;
                empty.0 += usize::from(logits.iter().any(|x| *x > 0.0));
            }
            for face in &self.faces[i] {
                let side = face.side_long();
                if face.side() < 4.0 {
                    continue;
                }
                let missed = usize::from(self.coverage(face, &logits) < 0.8);
                all = (all.0 + missed, all.1 + 1);
                if side >= 0.2 * self.side as f64 {
                    large = (large.0 + missed, large.1 + 1);
                }
            }
        }
        let share = |(a, b): (usize, usize)| a as f64 / b.max(1) as f64;
        Score {
            loss: loss / self.batch.len.max(1) as f64,
            iou: both / f64::max(either, 1.0),
            missed_large: share(large),
            missed_all: share(all),
            false_pictures: share(empty),
            false_area: covered / f64::max(free, 1.0),
        }
    }

    /// Share of the face's inner part (0.8 of its ellipse) under covered squares.
    fn coverage(&self, face: &faceveil_data::truth::TruthFace, logits: &[f32]) -> f64 {
        let cells = self.side / self.cell;
        let inside = face.inside(0.8, (0, 0));
        let [x0, y0, x1, y1] = face.corners();
        let end = self.side as f64 - 1.0;
        let (mut hit, mut of) = (0.0, 0.0);
        for y in y0.clamp(0.0, end) as usize..=y1.clamp(0.0, end) as usize {
            for x in x0.clamp(0.0, end) as usize..=x1.clamp(0.0, end) as usize {
                if inside.holds(x as u32, y as u32) {
                    of += 1.0;
                    hit += f64::from(u8::from(logits[y / self.cell * cells + x / self.cell] > 0.0));
                }
            }
        }
        if of == 0.0 { 1.0 } else { hit / of }
    }
}
