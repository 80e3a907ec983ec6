//! A Gaussian blur of a whole window, computed on a coarse grid: its cost hardly depends on sigma.

use alloc::vec::Vec;

use super::grid::{Axis, Grid, View};
use super::sample::{Pixel, Sample};
use crate::geom::Rect;

/// Grid cells for one sigma: fine enough that the result is a Gaussian to about 1 grey level of 255.
const CELLS_PER_SIGMA: f64 = 4.0;

/// No side of the grid has more cells, which bounds time and memory; beyond it the blur is stronger
/// than asked for.
const MOST_CELLS: usize = 1024;

/// The window's pixels blurred with `sigma` pixels (at least 1), edges repeated, as a grid to be
/// enlarged smoothly.
pub(super) fn grid<T: Sample>(view: &View<T>, window: Rect, sigma: f64) -> Grid {
    let sigma = sigma.max(1.0);
    let axis = |from: i32, to: i32| {
        let cells = f64::from(to - from) / (sigma / CELLS_PER_SIGMA).max(1.0);
        Axis::new(from.into(), to.into(), (libm::ceil(cells) as usize).min(MOST_CELLS))
    };
    let (columns, rows) = (axis(window.left, window.right), axis(window.top, window.bottom));
    let mut grid = Grid::means(view, window, (columns, rows), 1);
    smooth(&mut grid.cells, columns.count, 1, &kernel(sigma, columns.length));
    smooth(&mut grid.cells, rows.count, columns.count, &kernel(sigma, rows.length));
    grid
}

/// The right half of a Gaussian kernel, the middle first, for cells `length` pixels long and a blur of
/// `sigma` pixels in all: the mean of a cell's pixels and the B-spline that enlarges it blur already,
/// with variances of `(length² - 1) / 12` and `length² / 4`.
fn kernel(sigma: f64, length: f64) -> Vec<f32> {
    let square = length * length;
    let variance = ((sigma * sigma - (square - 1.0) / 12.0 - square / 4.0) / square).max(0.05);
    let reach = libm::ceil(3.5 * libm::sqrt(variance)) as usize;
    let weights: Vec<f64> = (0..=reach).map(|i| libm::exp(-((i * i) as f64) / (2.0 * variance))).collect();
    let total = 2.0 * weights.iter().sum::<f64>() - weights[0];
    weights.iter().map(|w| (w / total) as f32).collect()
}

/// Convolves each line of `count` cells that lie `stride` apart.
fn smooth(cells: &mut [Pixel], count: usize, stride: usize, kernel: &[f32]) {
    let mut line = alloc::vec![Pixel::default(); count];
    let lines = cells.len() / count;
    for index in 0..lines {
        let start = if stride == 1 { index * count } else { index };
        for (i, pixel) in line.iter_mut().enumerate() {
            *pixel = cells[start + i * stride];
        }
        for i in 0..count {
            let mut sum = line[i].map(|v| v * kernel[0]);
            for (k, weight) in kernel.iter().enumerate().skip(1) {
                let (before, after) = (&line[i.saturating_sub(k)], &line[(i + k).min(count - 1)]);
                for (channel, sum) in sum.iter_mut().enumerate() {
                    *sum += weight * (before[channel] + after[channel]);
                }
            }
            cells[start + i * stride] = sum;
        }
    }
}
