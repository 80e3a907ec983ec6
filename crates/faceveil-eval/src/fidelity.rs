//! How near an output is to the thesis's target: its blur on the true boxes, both letterboxed into 128 × 128 pixels, bars
//! included, as the thesis reports it. A picture that nothing was done to scores high as well, so its score stands beside.

use faceveil_data::truth::TruthFace;
use serde::{Deserialize, Serialize};

use crate::blur::{Border, Kernel, convolve};
use crate::fit::{apply, letterbox};
use crate::picture::Picture;
use crate::plane::{Plane, Window};

/// Side of the frame, pixels.
pub(crate) const SIDE: usize = 128;
/// Kernel of the reference blur as a share of the box's longer side, and its limits in pixels (the thesis's second
/// data set).
const KERNEL: (f64, usize, usize) = (0.5, 25, 101);
/// Rows and columns at the frame's edge that SSIM leaves out: half its kernel.
pub(crate) const EDGE: usize = 5;

/// Likeness of two pictures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fidelity {
    /// Mean squared error, of samples in 0..1.
    pub mse: f64,
    /// Mean absolute error, of samples in 0..1.
    pub mae: f64,
    /// Structural similarity, mean of the three channels.
    pub ssim: f64,
    /// Peak signal to noise ratio, decibels, at most 100.
    pub psnr: f64,
}

/// An output's likeness to the reference, and the untouched original's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToReference {
    /// The output's.
    pub output: Fidelity,
    /// The original's: doing nothing.
    pub nothing: Fidelity,
}

/// Compares `output` with the reference blur of `original`, whose faces are in its pixels. An output of 128 × 128 pixels is
/// taken as it is, another is letterboxed.
pub fn to_reference(original: &Picture, output: &Picture, faces: &[TruthFace]) -> ToReference {
    let boxed = |picture: &Picture| apply(picture, &letterbox(picture.size(), (SIDE, SIDE)), (SIDE, SIDE));
    let wanted = boxed(&reference_blur(original, faces));
    let shown = if output.size() == (SIDE, SIDE) { output.clone() } else { boxed(output) };
    ToReference { output: fidelity(&wanted, &shown), nothing: fidelity(&wanted, &boxed(original)) }
}

/// The thesis's target: each face's box blurred, one after the other.
pub fn reference_blur(original: &Picture, faces: &[TruthFace]) -> Picture {
    let mut done = original.clone();
    for face in faces {
        let [x0, y0, x1, y1] = face.corners();
        let cut = |v: f64, end: usize| v.trunc().clamp(0.0, end as f64) as usize;
        let (width, height) = done.size();
        let window = Window {
            left: cut(x0, width),
            top: cut(y0, height),
            right: cut(x1, width),
            bottom: cut(y1, height),
        };
        if window.left < window.right && window.top < window.bottom {
            blur_box(&mut done, &window);
        }
    }
    done
}

fn blur_box(picture: &mut Picture, window: &Window) {
    let (share, low, high) = KERNEL;
    let long = window.width().max(window.height());
    let size = ((long as f64 * share) as usize | 1).clamp(low, high);
    // OpenCV's sigma for a kernel without one.
    let kernel = Kernel::gaussian(size, 0.3 * ((size - 1) as f64 * 0.5 - 1.0) + 0.8);
    let blurred =
        [0, 1, 2].map(|c| convolve(&window.plane(picture, |p| f32::from(p[c])), &kernel, Border::Reflect101));
    let width = picture.width();
    for y in 0..window.height() {
        for x in 0..window.width() {
            let to = 3 * ((window.top + y) * width + window.left + x);
            for (c, plane) in blurred.iter().enumerate() {
                picture.pixels_mut()[to + c] = plane.data[y * plane.width + x].round_ties_even() as u8;
            }
        }
    }
}

/// How alike two pictures of the same size are, at least 11 × 11.
///
/// # Panics
/// As [`ssim`].
pub fn fidelity(a: &Picture, b: &Picture) -> Fidelity {
    let pairs = || a.pixels().iter().zip(b.pixels()).map(|(a, b)| f64::from(a.abs_diff(*b)) / 255.0);
    let count = a.pixels().len() as f64;
    let mse = pairs().map(|d| d * d).sum::<f64>() / count;
    Fidelity {
        mse,
        mae: pairs().sum::<f64>() / count,
        ssim: ssim(a, b),
        psnr: -10.0 * mse.max(1e-10).log10(),
    }
}

/// Structural similarity of two pictures of the same size, at least 11 × 11: mean of the three channels, without a border
/// of 5 pixels.
///
/// # Panics
/// If the sizes differ or are smaller.
pub fn ssim(a: &Picture, b: &Picture) -> f64 {
    assert!(
        a.size() == b.size() && a.width().min(a.height()) > 2 * EDGE,
        "{:?} and {:?}",
        a.size(),
        b.size()
    );
    let map = ssim_map(a, b);
    let rows = map.data.chunks_exact(map.width).skip(EDGE).take(map.height - 2 * EDGE);
    let sum: f64 = rows.flat_map(|row| &row[EDGE..map.width - EDGE]).map(|v| f64::from(*v)).sum();
    sum / ((map.width - 2 * EDGE) * (map.height - 2 * EDGE)) as f64
}

/// The similarity at each pixel, mean of the three channels; within 5 pixels of the edge it rests on mirrored pixels.
pub(crate) fn ssim_map(a: &Picture, b: &Picture) -> Plane {
    let [r, g, b] = [0, 1, 2].map(|c| {
        let plane = |p: &Picture| Window::of(p).plane(p, |v| f32::from(v[c]));
        ssim_of_planes(&plane(a), &plane(b))
    });
    Plane::mean3([&r, &g, &b])
}

/// Wang 2004 with an 11 × 11 Gaussian of sigma 1.5.
fn ssim_of_planes(a: &Plane, b: &Plane) -> Plane {
    let kernel = Kernel::gaussian(11, 1.5);
    let smooth = |plane: &Plane| convolve(plane, &kernel, Border::Reflect101);
    let (mean_a, mean_b) = (smooth(a), smooth(b));
    let squares = smooth(&a.zip(b, |x, y| x * x + y * y));
    let product = smooth(&a.zip(b, |x, y| x * y));
    let (c1, c2) = ((0.01_f32 * 255.0).powi(2), (0.03_f32 * 255.0).powi(2));
    let at = |i: usize| {
        let (ma, mb) = (mean_a.data[i], mean_b.data[i]);
        let means = ma * ma + mb * mb;
        let (variances, covariance) = (squares.data[i] - means, product.data[i] - ma * mb);
        (2.0 * ma * mb + c1) * (2.0 * covariance + c2) / ((means + c1) * (variances + c2))
    };
    Plane { data: (0..a.data.len()).map(at).collect(), ..*a }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripes(width: usize, height: usize) -> Picture {
        let pixels = (0..width * height).flat_map(|i| [(i % width * 37 % 256) as u8; 3]).collect();
        Picture::new(width, height, pixels).expect("the size fits")
    }

    #[test]
    fn the_reference_itself_is_perfect_and_nothing_is_not() {
        let original = stripes(256, 256);
        let faces = [TruthFace::from_box(60.0, 60.0, 160.0, 180.0)];
        let reference = reference_blur(&original, &faces);
        let judged = to_reference(&original, &reference, &faces);
        assert_eq!((judged.output.mse, judged.output.psnr), (0.0, 100.0));
        assert!((judged.output.ssim - 1.0).abs() < 1e-6);
        assert!(judged.nothing.psnr < 40.0 && judged.nothing.ssim < 0.99, "{judged:?}");
        assert_eq!(to_reference(&original, &original, &faces).output, judged.nothing);
    }

    #[test]
    fn only_boxes_inside_are_blurred() {
        let original = stripes(64, 64);
        let outside =
            [TruthFace::from_box(-40.0, -40.0, -1.0, -1.0), TruthFace::from_box(70.0, 3.0, 90.0, 30.0)];
        assert_eq!(reference_blur(&original, &outside), original);
        let blurred = reference_blur(&original, &[TruthFace::from_box(-10.0, 10.0, 30.0, 100.0)]);
        for (i, (a, b)) in original.pixels().chunks(3).zip(blurred.pixels().chunks(3)).enumerate() {
            let (x, y) = (i % 64, i / 64);
            assert!((x < 30 && y >= 10) || a == b, "({x}, {y})");
        }
    }
}
