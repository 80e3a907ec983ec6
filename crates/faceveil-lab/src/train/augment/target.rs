//! What should come out for a frame, and how much each number of it counts.

use faceveil_data::truth::TruthFace;

use super::canvas::Canvas;

/// Sigma of the target's blur as a share of the box's longer side. The thesis's kernel of half that side has 0.08; a
/// little more, because its own target leaves every eighth face visible.
const SIGMA: f64 = 0.11;

/// Smallest face that counts, pixels of the frame; smaller ones are neither right nor wrong.
const SMALLEST: f64 = 3.5;

impl Canvas {
    fn judged(&self) -> impl Iterator<Item = &TruthFace> {
        self.faces.iter().map(|(face, _)| face).filter(|f| f.side() >= SMALLEST)
    }

    /// The reference blur of each face's box, and the face's pixels' weights.
    pub(super) fn picture(&self, face_counts: u16) -> (Vec<f32>, Vec<f32>) {
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
                    counts[y * side + x] = f32::from(face_counts);
                }
            }
        }
        (planes(&rgb), [counts.as_slice(); 3].concat())
    }

    /// Shares of squares under faces, and the squares' weights.
    pub(super) fn mask(&self, cell: usize, small: u16) -> (Vec<f32>, Vec<f32>) {
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
            let counts =
                (40.0 * (cell * cell) as f64 / area).sqrt().clamp(0.8, f64::from(small.max(1))) as f32;
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
pub(super) fn planes(rgb: &[f32]) -> Vec<f32> {
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
