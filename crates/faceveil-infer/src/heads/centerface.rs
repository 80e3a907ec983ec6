//! CenterFace on another engine than ours: its outputs channel by channel, the sigmoid taken.

use faceveil_core::face::Face;
use faceveil_core::geom::{Point, RectF};

use super::{Candidates, Decode, Grid, NamedShape};
use crate::engine::Values;

const STRIDE: usize = 4;

#[derive(Debug)]
struct CenterFace {
    grid: Grid,
    /// Outputs: heat map, size, offset, landmarks.
    outputs: [usize; 4],
}

pub(super) fn bind(shapes: &[NamedShape], size: (usize, usize)) -> Result<Box<dyn Decode>, String> {
    let grid = Grid::of(size, STRIDE);
    let of = |channels: usize| {
        let fits = |shape: &[usize]| *shape == [1, channels, grid.rows, grid.columns];
        shapes.iter().enumerate().filter(|(_, (_, s))| fits(s)).map(|(i, _)| i).collect::<Vec<_>>()
    };
    // Sizes and offsets look alike: in the network's file the sizes come first.
    match (&of(1)[..], &of(2)[..], &of(10)[..]) {
        (&[heat], &[sizes, offsets], &[points]) => {
            Ok(Box::new(CenterFace { grid, outputs: [heat, sizes, offsets, points] }))
        }
        _ => Err(format!(
            "outputs 1×1×{h}×{w}, 1×2×{h}×{w} (twice) and 1×10×{h}×{w}",
            h = grid.rows,
            w = grid.columns
        )),
    }
}

impl Decode for CenterFace {
    /// As in `detectors::centerface`.
    fn candidates(&self, outputs: &[Values], min_score: f32) -> Candidates {
        let [heat, sizes, offsets, points] = self.outputs.map(|i| &outputs[i].data);
        let (n, stride) = (self.grid.cells(), STRIDE as f32);
        let mut found = Candidates::default();
        for (i, &score) in heat.iter().enumerate() {
            if !found.wants(score, min_score) {
                continue;
            }
            let (column, row) = self.grid.place(i);
            let (height, width) = (sizes[i].exp() * stride, sizes[n + i].exp() * stride);
            let left = (column + offsets[n + i] + 0.5) * stride - width / 2.0;
            let top = (row + offsets[i] + 0.5) * stride - height / 2.0;
            found.faces.push(Face {
                rect: RectF { left, top, right: left + width, bottom: top + height },
                score,
                landmarks: Some(std::array::from_fn(|p| Point {
                    x: points[(2 * p + 1) * n + i] * width + left,
                    y: points[2 * p * n + i] * height + top,
                })),
                also: Vec::new(),
            });
        }
        found
    }
}
