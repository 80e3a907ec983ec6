//! BlazeFace: one or two boxes a cell with six points, blended rather than suppressed.

use faceveil_core::face::Face;
use faceveil_core::fusion::sigmoid;
use faceveil_core::geom::{Point, RectF};

use super::{Candidates, Decode, NamedShape, Table};
use crate::engine::Values;

/// Values a box: centre, size, six points.
const COLUMNS: usize = 16;
/// Cells along a side and boxes a cell of the short range and back camera models (MediaPipe
/// `face_detection_short_range.pbtxt`): strides 8, 16, 16, 16 with two boxes each.
const NEAR: [(usize, usize); 2] = [(16, 2), (8, 6)];
/// The full range model: stride 4, one box a cell.
const FAR: [(usize, usize); 1] = [(48, 1)];

#[derive(Debug)]
struct BlazeFace {
    /// Centres of the cells, one a box.
    anchors: Vec<Point>,
    /// Output and number of boxes, those of the finer grid first.
    scores: Vec<(Table, usize)>,
    boxes: Vec<(Table, usize)>,
}

pub(super) fn bind(
    shapes: &[NamedShape],
    (width, height): (usize, usize),
) -> Result<Box<dyn Decode>, String> {
    let scores = parts(shapes, 1);
    let boxes = parts(shapes, COLUMNS);
    let all = |parts: &[(Table, usize)]| parts.iter().map(|(_, n)| n).sum::<usize>();
    let want = "outputs N×1 and N×16 of 896 or 2304 rows together";
    let grids: &[(usize, usize)] = match (all(&scores), all(&boxes)) {
        (896, 896) => &NEAR,
        (2304, 2304) => &FAR,
        _ => return Err(want.to_owned()),
    };
    let mut anchors = Vec::new();
    for &(cells, each) in grids {
        for i in 0..cells * cells * each {
            let (column, row) = (i / each % cells, i / each / cells);
            let place = |at: usize, side: usize| (at as f32 + 0.5) / cells as f32 * side as f32;
            anchors.push(Point { x: place(column, width), y: place(row, height) });
        }
    }
    Ok(Box::new(BlazeFace { anchors, scores, boxes }))
}

/// The outputs of so many columns, the one with most rows first: some exports keep the grids apart.
fn parts(shapes: &[NamedShape], columns: usize) -> Vec<(Table, usize)> {
    let fits = |shape: &[usize]| shape.len() > 1 && shape.last() == Some(&columns);
    let found = shapes.iter().enumerate().filter(|(_, (_, shape))| fits(shape));
    let mut parts: Vec<_> = found
        .map(|(output, (_, shape))| (Table { output, columns }, shape.iter().product::<usize>() / columns))
        .collect();
    parts.sort_by_key(|&(_, rows)| std::cmp::Reverse(rows));
    parts
}

impl Decode for BlazeFace {
    /// MediaPipe `tensors_to_detections_calculator.cc`: pixels of the input relative to the cell's centre.
    fn candidates(&self, outputs: &[Values], min_score: f32) -> Candidates {
        let rows = |parts: &[(Table, usize)]| {
            parts.iter().flat_map(|&(table, n)| (0..n).map(move |i| (table, i))).collect::<Vec<_>>()
        };
        let (scores, boxes) = (rows(&self.scores), rows(&self.boxes));
        let mut found = Candidates::default();
        for ((anchor, (score_of, i)), (box_of, j)) in self.anchors.iter().zip(scores).zip(boxes) {
            let score = sigmoid(score_of.row(outputs, i)[0].clamp(-100.0, 100.0));
            if !found.wants(score, min_score) {
                continue;
            }
            let row = box_of.row(outputs, j);
            let at = |i: usize| Point { x: anchor.x + row[i], y: anchor.y + row[i + 1] };
            let (centre, w, h) = (at(0), row[2] / 2.0, row[3] / 2.0);
            // Eyes, nose and the middle of the mouth, which stands for both of its corners; the ears are left out.
            found.faces.push(Face {
                rect: RectF {
                    left: centre.x - w,
                    top: centre.y - h,
                    right: centre.x + w,
                    bottom: centre.y + h,
                },
                score,
                landmarks: Some([at(4), at(6), at(8), at(10), at(10)]),
                also: Vec::new(),
            });
        }
        found
    }
}

/// MediaPipe `non_max_suppression_calculator.cc`, `WeightedNonMaxSuppression`: the best box is replaced by the mean of
/// all that overlap it, weighted by their scores.
pub(super) fn blend(mut faces: Vec<Face>, iou: f32) -> Vec<Face> {
    faces.retain(|f| f.score.is_finite() && f.rect.area().is_finite() && f.rect.area() > 0.0);
    faces.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut blended = Vec::new();
    while let Some(best) = faces.first().cloned() {
        let (near, rest): (Vec<Face>, Vec<Face>) =
            faces.into_iter().partition(|f| f.rect.iou(&best.rect) > iou || f.rect == best.rect);
        blended.push(mean(&near, best.score));
        faces = rest;
    }
    blended
}

fn mean(faces: &[Face], score: f32) -> Face {
    let total: f32 = faces.iter().map(|f| f.score).sum();
    let of = |value: &dyn Fn(&Face) -> f32| faces.iter().map(|f| value(f) * f.score).sum::<f32>() / total;
    let point = |i: usize| {
        let at = |f: &Face| f.landmarks.map_or(Point { x: 0.0, y: 0.0 }, |l| l[i]);
        Point { x: of(&|f| at(f).x), y: of(&|f| at(f).y) }
    };
    Face {
        rect: RectF {
            left: of(&|f| f.rect.left),
            top: of(&|f| f.rect.top),
            right: of(&|f| f.rect.right),
            bottom: of(&|f| f.rect.bottom),
        },
        score,
        landmarks: Some(std::array::from_fn(point)),
        also: Vec::new(),
    }
}
