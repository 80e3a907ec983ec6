//! RetinaFace and UltraFace: one long list of boxes with a score for "nothing" and one for "face".

use faceveil_core::face::Face;
use faceveil_core::geom::{Point, RectF};

use super::{Candidates, Decode, Grid, NamedShape, Table};
use crate::engine::Values;

/// Anchor sides in pixels for strides 8, 16, 32 (Pytorch_Retinaface `data/config.py`).
pub(super) const ORIGINAL_SIZES: [[f32; 2]; 3] = [[16.0, 32.0], [64.0, 128.0], [256.0, 512.0]];
/// The same (Face-Detector-1MB-with-landmark `data/config.py`).
pub(super) const SMALL_SIZES: [[f32; 2]; 3] = [[10.0, 20.0], [32.0, 64.0], [128.0, 256.0]];
const STRIDES: [usize; 3] = [8, 16, 32];
/// What the network's offsets are multiplied with: centres, then logarithms of sides.
const VARIANCES: [f32; 2] = [0.1, 0.2];

/// A box that offsets are relative to, pixels.
#[derive(Clone, Copy, Debug)]
struct Prior {
    x: f32,
    y: f32,
    side: f32,
}

#[derive(Debug)]
struct RetinaFace {
    priors: Vec<Prior>,
    boxes: Table,
    scores: Table,
    points: Table,
}

pub(super) fn retinaface(
    shapes: &[NamedShape],
    size: (usize, usize),
    sides: &[[f32; 2]; 3],
) -> Result<Box<dyn Decode>, String> {
    let mut priors = Vec::new();
    for (stride, sides) in STRIDES.into_iter().zip(sides) {
        let grid = Grid::of(size, stride);
        for i in 0..grid.cells() {
            let (column, row) = grid.place(i);
            let (x, y) = ((column + 0.5) * stride as f32, (row + 0.5) * stride as f32);
            priors.extend(sides.map(|side| Prior { x, y, side }));
        }
    }
    let n = priors.len();
    let found = Table::find(shapes, n, 4).zip(Table::find(shapes, n, 2)).zip(Table::find(shapes, n, 10));
    let ((boxes, scores), points) = found.ok_or_else(|| format!("outputs {n}×4, {n}×2 and {n}×10"))?;
    Ok(Box::new(RetinaFace { priors, boxes, scores, points }))
}

impl Decode for RetinaFace {
    /// Pytorch_Retinaface `utils/box_utils.py`, `decode` and `decode_landm`.
    fn candidates(&self, outputs: &[Values], min_score: f32) -> Candidates {
        let mut found = Candidates::default();
        let taken = is_softmax(&outputs[self.scores.output].data);
        for (i, prior) in self.priors.iter().enumerate() {
            let score = face_score(self.scores.row(outputs, i), taken);
            if !found.wants(score, min_score) {
                continue;
            }
            let at = |dx: f32, dy: f32| Point {
                x: prior.x + dx * VARIANCES[0] * prior.side,
                y: prior.y + dy * VARIANCES[0] * prior.side,
            };
            let (rect, points) = (self.boxes.row(outputs, i), self.points.row(outputs, i));
            let centre = at(rect[0], rect[1]);
            let [w, h] = [rect[2], rect[3]].map(|log| (log * VARIANCES[1]).exp() * prior.side / 2.0);
            found.faces.push(Face {
                rect: RectF {
                    left: centre.x - w,
                    top: centre.y - h,
                    right: centre.x + w,
                    bottom: centre.y + h,
                },
                score,
                landmarks: Some(std::array::from_fn(|p| at(points[2 * p], points[2 * p + 1]))),
                also: Vec::new(),
            });
        }
        found
    }
}

/// The network decodes its boxes itself.
#[derive(Debug)]
struct UltraFace {
    size: (f32, f32),
    rows: usize,
    boxes: Table,
    scores: Table,
}

pub(super) fn ultraface(
    shapes: &[NamedShape],
    (width, height): (usize, usize),
) -> Result<Box<dyn Decode>, String> {
    let rows =
        shapes.iter().filter(|(_, s)| s.last() == Some(&2)).map(|(_, s)| s.iter().product::<usize>() / 2);
    let found = rows.max().and_then(|n| Some((n, Table::find(shapes, n, 4)?, Table::find(shapes, n, 2)?)));
    let (rows, boxes, scores) = found.ok_or("outputs N×4 and N×2")?;
    Ok(Box::new(UltraFace { size: (width as f32, height as f32), rows, boxes, scores }))
}

impl Decode for UltraFace {
    /// Left, top, right, bottom as shares of the input's sides.
    fn candidates(&self, outputs: &[Values], min_score: f32) -> Candidates {
        let mut found = Candidates::default();
        let taken = is_softmax(&outputs[self.scores.output].data);
        let (width, height) = self.size;
        for i in 0..self.rows {
            let score = face_score(self.scores.row(outputs, i), taken);
            if found.wants(score, min_score) {
                let rect = self.boxes.row(outputs, i);
                found.faces.push(Face {
                    rect: RectF {
                        left: rect[0] * width,
                        top: rect[1] * height,
                        right: rect[2] * width,
                        bottom: rect[3] * height,
                    },
                    score,
                    landmarks: None,
                    also: Vec::new(),
                });
            }
        }
        found
    }
}

/// Whether all pairs add up to 1, as after a softmax; some exports leave it to the reader.
fn is_softmax(pairs: &[f32]) -> bool {
    let sound = |[a, b]: &[f32; 2]| (a + b - 1.0).abs() < 1e-3 && *a >= 0.0 && *b >= 0.0;
    pairs.as_chunks::<2>().0.iter().all(sound)
}

fn face_score(pair: &[f32], taken: bool) -> f32 {
    if taken { pair[1] } else { 1.0 / (1.0 + (pair[0] - pair[1]).exp()) }
}
