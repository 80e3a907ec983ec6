//! YOLO for faces: one list of boxes in pixels of the input, decoded by the network itself.

use faceveil_core::face::Face;
use faceveil_core::geom::{Point, RectF};

use super::{Candidates, Decode, NamedShape};
use crate::engine::Values;

/// Where a box's score and landmarks are; centre, width and height come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    columns: usize,
    /// The score is the product of these two columns, or one of them.
    score: (usize, Option<usize>),
    /// First column of the landmarks, and how far one is from the next.
    points: Option<(usize, usize)>,
}

/// The layouts by their number of columns.
const LAYOUTS: [Layout; 6] = [
    // YOLOv8, v10, v11 and v12 trained on faces alone.
    Layout { columns: 5, score: (4, None), points: None },
    // YOLOv5 and v7 trained on faces alone: objectness, class.
    Layout { columns: 6, score: (4, Some(5)), points: None },
    // YOLOv8-pose with five points of two coordinates.
    Layout { columns: 15, score: (4, None), points: Some((5, 2)) },
    // YOLOv5-face: objectness, five points, class.
    Layout { columns: 16, score: (4, Some(15)), points: Some((5, 2)) },
    // YOLOv8-face: five points with a visibility each.
    Layout { columns: 20, score: (4, None), points: Some((5, 3)) },
    // YOLOv7-face: objectness, class, five points with a visibility each.
    Layout { columns: 21, score: (4, Some(5)), points: Some((6, 3)) },
];

#[derive(Debug)]
struct Yolo {
    output: usize,
    layout: Layout,
    rows: usize,
    /// Steps from one column, and from one row, to the next.
    steps: (usize, usize),
}

pub(super) fn bind(shapes: &[NamedShape]) -> Result<Box<dyn Decode>, String> {
    let layout = |columns| LAYOUTS.into_iter().find(|l| l.columns == columns);
    let read = |(output, (_, shape)): (usize, &NamedShape)| -> Option<Yolo> {
        let (&[a, b], 1) = (shape.last_chunk::<2>()?, shape[..shape.len() - 2].iter().product()) else {
            return None;
        };
        // YOLOv8 puts a box's values first. There are fewer of them than boxes.
        let (upright, turned) = (layout(b), layout(a));
        let is_upright = upright.is_some() && (turned.is_none() || b <= a);
        let (layout, rows, steps) = if is_upright { (upright?, a, (1, b)) } else { (turned?, b, (b, 1)) };
        Some(Yolo { output, layout, rows, steps })
    };
    let mut found = shapes.iter().enumerate().filter_map(read);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(Box::new(one)),
        _ => Err("one output N×C or C×N, where C is 5, 6, 15, 16, 20 or 21".to_owned()),
    }
}

impl Decode for Yolo {
    fn candidates(&self, outputs: &[Values], min_score: f32) -> Candidates {
        let data = &outputs[self.output].data;
        let mut found = Candidates::default();
        for row in 0..self.rows {
            let at = |column: usize| data[column * self.steps.0 + row * self.steps.1];
            let (first, second) = self.layout.score;
            let score = at(first) * second.map_or(1.0, at);
            if !found.wants(score, min_score) {
                continue;
            }
            let (x, y, w, h) = (at(0), at(1), at(2) / 2.0, at(3) / 2.0);
            let landmarks = self.layout.points.map(|(start, step)| {
                std::array::from_fn(|p| Point { x: at(start + p * step), y: at(start + p * step + 1) })
            });
            let rect = RectF { left: x - w, top: y - h, right: x + w, bottom: y + h };
            found.faces.push(Face { rect, score, landmarks, also: Vec::new() });
        }
        found
    }
}
