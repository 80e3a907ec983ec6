//! YuNet and SCRFD: three grids of cells (strides 8, 16, 32), a box or two a cell.

use faceveil_core::face::Face;
use faceveil_core::geom::{Point, RectF};

use super::{Candidates, Decode, Grid, NamedShape, Table};
use crate::engine::Values;

const STRIDES: [usize; 3] = [8, 16, 32];
/// SCRFD has two boxes a cell.
const SCRFD_ANCHORS: usize = 2;

#[derive(Debug)]
struct YuNet {
    levels: Vec<YuNetLevel>,
}

#[derive(Debug)]
struct YuNetLevel {
    grid: Grid,
    /// Class and objectness, in any order: the score is the same.
    scores: [Table; 2],
    boxes: Table,
    points: Table,
}

pub(super) fn yunet(shapes: &[NamedShape], size: (usize, usize)) -> Result<Box<dyn Decode>, String> {
    let level = |stride| {
        let grid = Grid::of(size, stride);
        let n = grid.cells();
        let scores = Table::find_all(shapes, n, 1);
        Some(YuNetLevel {
            grid,
            scores: scores.try_into().ok()?,
            boxes: Table::find(shapes, n, 4)?,
            points: Table::find(shapes, n, 10)?,
        })
    };
    let levels: Option<Vec<_>> = STRIDES.into_iter().map(level).collect();
    let [a, b, c] = STRIDES.map(|s| Grid::of(size, s).cells());
    let want = format!("outputs N×1 (twice), N×4 and N×10 for each N of {a}, {b} and {c}");
    Ok(Box::new(YuNet { levels: levels.ok_or(want)? }))
}

impl Decode for YuNet {
    /// As in `detectors::yunet`, but the sigmoids have been taken.
    fn candidates(&self, outputs: &[Values], min_score: f32) -> Candidates {
        let mut found = Candidates::default();
        for level in &self.levels {
            let s = level.grid.stride as f32;
            for i in 0..level.grid.cells() {
                let [class, object] = level.scores.map(|t| t.row(outputs, i)[0]);
                let score = (class * object).sqrt();
                if !found.wants(score, min_score) {
                    continue;
                }
                let ((column, row), rect) = (level.grid.place(i), level.boxes.row(outputs, i));
                let (x, y) = ((column + rect[0]) * s, (row + rect[1]) * s);
                let (w, h) = (rect[2].exp() * s / 2.0, rect[3].exp() * s / 2.0);
                let points = level.points.row(outputs, i);
                found.faces.push(Face {
                    rect: RectF { left: x - w, top: y - h, right: x + w, bottom: y + h },
                    score,
                    landmarks: Some(std::array::from_fn(|p| Point {
                        x: (column + points[2 * p]) * s,
                        y: (row + points[2 * p + 1]) * s,
                    })),
                    also: Vec::new(),
                });
            }
        }
        found
    }
}

#[derive(Debug)]
struct Scrfd {
    levels: Vec<ScrfdLevel>,
}

#[derive(Debug)]
struct ScrfdLevel {
    grid: Grid,
    scores: Table,
    boxes: Table,
    points: Option<Table>,
}

pub(super) fn scrfd(shapes: &[NamedShape], size: (usize, usize)) -> Result<Box<dyn Decode>, String> {
    let level = |stride| {
        let grid = Grid::of(size, stride);
        let n = grid.cells() * SCRFD_ANCHORS;
        Some(ScrfdLevel {
            grid,
            scores: Table::find(shapes, n, 1)?,
            boxes: Table::find(shapes, n, 4)?,
            points: Table::find(shapes, n, 10),
        })
    };
    let levels: Option<Vec<_>> = STRIDES.into_iter().map(level).collect();
    let [a, b, c] = STRIDES.map(|s| Grid::of(size, s).cells() * SCRFD_ANCHORS);
    let want = format!("outputs N×1, N×4 and perhaps N×10 for each N of {a}, {b} and {c}");
    Ok(Box::new(Scrfd { levels: levels.ok_or(want)? }))
}

impl Decode for Scrfd {
    /// Distances to the four sides, and landmarks, in strides from the cell's corner (InsightFace `scrfd.py`,
    /// `distance2bbox`).
    fn candidates(&self, outputs: &[Values], min_score: f32) -> Candidates {
        let mut found = Candidates::default();
        for level in &self.levels {
            let s = level.grid.stride as f32;
            for i in 0..level.grid.cells() * SCRFD_ANCHORS {
                let score = level.scores.row(outputs, i)[0];
                if !found.wants(score, min_score) {
                    continue;
                }
                let (column, row) = level.grid.place(i / SCRFD_ANCHORS);
                let (x, y, to) = (column * s, row * s, level.boxes.row(outputs, i));
                let points = level.points.map(|t| t.row(outputs, i));
                found.faces.push(Face {
                    rect: RectF {
                        left: x - to[0] * s,
                        top: y - to[1] * s,
                        right: x + to[2] * s,
                        bottom: y + to[3] * s,
                    },
                    score,
                    landmarks: points.map(|points| {
                        std::array::from_fn(|p| Point {
                            x: x + points[2 * p] * s,
                            y: y + points[2 * p + 1] * s,
                        })
                    }),
                    also: Vec::new(),
                });
            }
        }
        found
    }
}
