//! What a mask covers of the true faces: enough to choose an operating point by, without drawing a pixel.

use faceveil_data::truth::TruthFace;
use faceveil_infer::gate::{Mask, Point};

/// A picture's mask and its true faces.
pub struct Looked {
    /// What the network said.
    pub mask: Mask,
    /// The faces, in pixels of the picture.
    pub faces: Vec<TruthFace>,
}

/// Sums over pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Coverage {
    /// Faces judged, and those under 85 % and 55 % covered.
    pub all: [usize; 3],
    /// The same of faces of at least a fifth of the longer side.
    pub large: [usize; 3],
    /// The same of faces of at least a tenth of the longer side.
    pub middle: [usize; 3],
    /// Sum of the shares of other pixels that are covered.
    pub other: f64,
    /// Pictures.
    pub pictures: usize,
    /// Pictures of which something outside the faces is covered that touches none of them.
    pub hit: usize,
}

/// Faces of fewer pixels are not judged.
const SMALLEST: f64 = 16.0;
/// Points a face is looked at in, across and down.
const POINTS: usize = 24;

impl Coverage {
    /// Of pictures, with what `point` makes of their masks.
    pub fn of(pictures: &[Looked], point: &Point) -> Self {
        let mut sum = Self::default();
        for picture in pictures {
            sum.add(picture, &picture.mask.hidden(point));
        }
        sum
    }

    fn add(&mut self, picture: &Looked, hidden: &[bool]) {
        let mask = &picture.mask;
        let long = f64::from(mask.size.0.max(mask.size.1));
        self.pictures += 1;
        for face in picture.faces.iter().filter(|f| f.side() >= SMALLEST) {
            let share = covered(mask, hidden, face);
            let counts = [1, usize::from(share < 0.85), usize::from(share < 0.55)];
            let add = |to: &mut [usize; 3]| to.iter_mut().zip(counts).for_each(|(t, c)| *t += c);
            add(&mut self.all);
            if face.side() >= 0.1 * long {
                add(&mut self.middle);
            }
            if face.side() >= 0.2 * long {
                add(&mut self.large);
            }
        }
        let (free, other) = beside(picture, hidden);
        if free * 50.0 > 1.0 {
            self.other += other / free;
        }
        self.hit += usize::from(picture.faces.is_empty() && hidden.iter().any(|h| *h));
    }

    /// `counts` as percentages: under 85 %, under 55 % covered.
    pub fn percent(counts: [usize; 3]) -> (f64, f64) {
        let of = counts[0].max(1) as f64;
        (100.0 * counts[1] as f64 / of, 100.0 * counts[2] as f64 / of)
    }
}

/// Share of the picture that lies outside all faces grown by a quarter, and the share that is hidden of that.
fn beside(picture: &Looked, hidden: &[bool]) -> (f64, f64) {
    let mask = &picture.mask;
    let near: Vec<_> = picture.faces.iter().map(|f| f.inside(1.25, (0, 0))).collect();
    let (columns, rows) = (mask.width, mask.height);
    let (mut free, mut other) = (0u32, 0u32);
    for j in 0..rows {
        for i in 0..columns {
            let place = |n: usize, step: f32| ((n as f64 + 0.5) * f64::from(step)) as u32;
            let (x, y) = (place(i, mask.square.0), place(j, mask.square.1));
            if near.iter().any(|f| f.holds(x, y)) {
                continue;
            }
            free += 1;
            other += u32::from(hidden[j * mask.width + i]);
        }
    }
    let all = (columns * rows) as f64;
    (f64::from(free) / all, f64::from(other) / all)
}

/// Share of the face's inner ellipse (0.8 of it), as far as it lies in the picture, under hidden squares.
fn covered(mask: &Mask, hidden: &[bool], face: &TruthFace) -> f64 {
    let [x0, y0, x1, y1] = face.corners();
    let inside = face.inside(0.8, (0, 0));
    let (mut of, mut hit) = (0, 0);
    for j in 0..POINTS {
        for i in 0..POINTS {
            let at = |low: f64, high: f64, n: usize| low + (high - low) * (n as f64 + 0.5) / POINTS as f64;
            let (x, y) = (at(x0, x1, i), at(y0, y1, j));
            let in_picture = x >= 0.0 && y >= 0.0 && x < f64::from(mask.size.0) && y < f64::from(mask.size.1);
            if !in_picture || !inside.holds(x as u32, y as u32) {
                continue;
            }
            let column = ((x / f64::from(mask.square.0)) as usize).min(mask.width - 1);
            let row = ((y / f64::from(mask.square.1)) as usize).min(mask.height - 1);
            of += 1;
            hit += usize::from(hidden[row * mask.width + column]);
        }
    }
    if of == 0 { 1.0 } else { hit as f64 / of as f64 }
}

/// Intersection over union of all masks at `threshold` with the true faces, place by place.
pub fn overlap(pictures: &[Looked], threshold: f32) -> f64 {
    let (mut both, mut either) = (0u64, 0u64);
    for Looked { mask, faces } in pictures {
        let inside: Vec<_> = faces.iter().map(|f| f.inside(1.0, (0, 0))).collect();
        let place = |n: usize, step: f32| ((n as f64 + 0.5) * f64::from(step)) as u32;
        for (i, value) in mask.values.iter().enumerate() {
            let (x, y) = (place(i % mask.width, mask.square.0), place(i / mask.width, mask.square.1));
            let truth = inside.iter().any(|f| f.holds(x, y));
            both += u64::from(truth && *value >= threshold);
            either += u64::from(truth || *value >= threshold);
        }
    }
    both as f64 / either.max(1) as f64
}
