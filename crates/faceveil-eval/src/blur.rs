//! Gaussian blur as OpenCV does it for `float` pictures (`cv2.GaussianBlur`), because the limits of
//! the measures were set with it.

use crate::plane::Plane;

/// What lies beyond the edge.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Border {
    /// `aaaa|abcd|dddd`
    Replicate,
    /// `dcb|abcd|cba`
    Reflect101,
}

impl Border {
    /// The index inside `0..len` that stands for `at`; `len` is not 0.
    fn index(self, at: isize, len: usize) -> usize {
        let last = len as isize - 1;
        let inside = match self {
            Self::Replicate => at.clamp(0, last),
            Self::Reflect101 if last == 0 => 0,
            Self::Reflect101 => {
                let folded = at.rem_euclid(2 * last);
                folded.min(2 * last - folded)
            }
        };
        inside as usize
    }
}

/// A symmetric kernel of odd length: its middle, then one wing.
#[derive(Clone, Debug)]
pub(crate) struct Kernel(Vec<f32>);

impl Kernel {
    /// `size` (odd) samples of a Gaussian of `sigma` pixels, normalised to sum 1.
    pub fn gaussian(size: usize, sigma: f64) -> Self {
        let radius = size / 2;
        let wing: Vec<f64> =
            (0..=radius).map(|x| (-((x * x) as f64) / (2.0 * sigma * sigma)).exp()).collect();
        let sum = wing[0] + 2.0 * wing[1..].iter().sum::<f64>();
        Self(wing.iter().map(|v| (v / sum) as f32).collect())
    }

    fn radius(&self) -> usize {
        self.0.len() - 1
    }
}

/// Blurs with a Gaussian of `sigma` pixels, edges repeated; below 0.3 pixels nothing is done.
pub(crate) fn blur(plane: &Plane, sigma: f64) -> Plane {
    if sigma < 0.3 {
        return plane.clone();
    }
    // OpenCV's kernel size for floats: cvRound(sigma * 4 * 2 + 1) | 1.
    let size = (sigma * 8.0 + 1.0).round_ties_even() as usize | 1;
    convolve(plane, &Kernel::gaussian(size, sigma), Border::Replicate)
}

/// Samples worked on together; a multiple of every vector width.
const LANES: usize = 32;

/// Convolves rows, then columns.
pub(crate) fn convolve(plane: &Plane, kernel: &Kernel, border: Border) -> Plane {
    let stride = plane.width.next_multiple_of(LANES);
    let rows = along_rows(plane, kernel, border, stride);
    let (radius, height) = (kernel.radius(), plane.height);
    // Start of the row that stands for row `at - radius`.
    let starts: Vec<usize> = (0..height + 2 * radius)
        .map(|at| stride * border.index(at as isize - radius as isize, height))
        .collect();
    let mut data = Vec::with_capacity(plane.width * height);
    for y in 0..height {
        for column in (0..stride).step_by(LANES) {
            let sums = weigh(kernel, |t, side| {
                let row = if side { y + radius + t } else { y + radius - t };
                &rows[starts[row] + column..]
            });
            data.extend_from_slice(&sums[..LANES.min(plane.width - column)]);
        }
    }
    Plane { width: plane.width, height, data }
}

/// Rows convolved, each padded to `stride` samples.
fn along_rows(plane: &Plane, kernel: &Kernel, border: Border, stride: usize) -> Vec<f32> {
    let (radius, width) = (kernel.radius(), plane.width);
    let mut out = Vec::with_capacity(stride * plane.height);
    let mut padded = vec![0.0; stride + 2 * radius];
    for row in plane.data.chunks_exact(width) {
        padded[radius..radius + width].copy_from_slice(row);
        for t in 1..=radius {
            padded[radius - t] = row[border.index(-(t as isize), width)];
            padded[radius + width - 1 + t] = row[border.index((width - 1 + t) as isize, width)];
        }
        for column in (0..stride).step_by(LANES) {
            let middle = column + radius;
            let sums =
                weigh(kernel, |t, side| if side { &padded[middle + t..] } else { &padded[middle - t..] });
            out.extend_from_slice(&sums);
        }
    }
    out
}

/// Weighted sum of `at(distance, which side)`'s first [`LANES`] samples.
#[inline(always)]
fn weigh<'a>(kernel: &Kernel, at: impl Fn(usize, bool) -> &'a [f32]) -> [f32; LANES] {
    let mut sums = [0.0; LANES];
    let middle = &at(0, false)[..LANES];
    for (sum, a) in sums.iter_mut().zip(middle) {
        *sum = kernel.0[0] * a;
    }
    for (t, &weight) in kernel.0.iter().enumerate().skip(1) {
        let (left, right) = (&at(t, false)[..LANES], &at(t, true)[..LANES]);
        for i in 0..LANES {
            sums[i] += weight * (left[i] + right[i]);
        }
    }
    sums
}

#[cfg(test)]
mod tests;
