//! What changed outside the faces.

use serde::{Deserialize, Serialize};

use crate::blur::{Border, Kernel, blur, convolve};
use crate::pair::Pair;
use crate::plane::{Plane, Window, grey};
use crate::regions::{Mask, regions_apart};

/// RMS grey levels that a viewer would notice.
const VISIBLE: f32 = 8.0;

/// Changes outside all faces (grown by 25 %) and outside letterbox bars.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Collateral {
    /// Share of pixels whose local RMS difference exceeds 8 grey levels.
    pub changed_share: f64,
    /// Mean absolute difference, of the full range.
    pub mae: f64,
    /// Peak signal to noise ratio in decibels, at most 99.
    pub psnr: f64,
    /// Structural similarity of the grey pictures (11 × 11 Gaussian of sigma 1.5).
    pub ssim: f64,
    /// Connected changed regions of at least 0.1 % of the picture that touch no face.
    pub false_regions: usize,
}

/// What a viewer would notice, anywhere in the picture.
pub(crate) struct Seen {
    /// Pixels whose local RMS difference exceeds [`VISIBLE`].
    pub bits: Mask,
    /// The same with small gaps closed.
    pub closed: Mask,
}

impl Seen {
    pub fn new(pair: &Pair) -> Self {
        let (width, height) = pair.output.size();
        let blurred = blur(&pair.square, 1.5);
        let bits = blurred.data.iter().map(|v| v.max(0.0).sqrt() > VISIBLE).collect();
        let bits = Mask { width, height, bits };
        let closed = bits.closed();
        Self { bits, closed }
    }
}

/// `None` if under 2 % of the picture lies outside the faces.
pub(crate) fn collateral(pair: &Pair, seen: &Seen) -> Option<Collateral> {
    let outside = pair.outside.count();
    if outside == 0 || (outside as f64) < 0.02 * pair.area as f64 {
        return None;
    }
    let share = |sum: f64| sum / outside as f64;
    let mse = share(sum_where(&pair.outside, pair.square.data.iter().map(|v| f64::from(*v))));
    let chunks = pair.reference.pixels().chunks_exact(3).zip(pair.output.pixels().chunks_exact(3));
    let absolute = chunks
        .map(|(a, b)| f64::from(a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(*b))).sum::<u32>()) / 3.0);
    let least = (if pair.area > 128 * 128 { 64.0_f64 } else { 16.0 }).max(0.001 * pair.area as f64);
    let ssim = ssim_map(pair);
    Some(Collateral {
        changed_share: share(sum_where(
            &pair.outside,
            seen.bits.bits.iter().map(|&seen| f64::from(u8::from(seen))),
        )),
        mae: share(sum_where(&pair.outside, absolute)) / 255.0,
        psnr: (-10.0 * (mse.max(1e-10) / (255.0 * 255.0)).log10()).min(99.0),
        ssim: share(sum_where(&pair.outside, ssim.data.iter().map(|v| f64::from(*v)))),
        false_regions: regions_apart(&seen.closed, &pair.near, least),
    })
}

fn sum_where(mask: &Mask, values: impl Iterator<Item = f64>) -> f64 {
    mask.bits.iter().zip(values).filter(|(set, _)| **set).map(|(_, v)| v).sum()
}

/// SSIM as in `tf.image.ssim` (range 255), of the grey pictures; edges mirrored, as the referee does.
fn ssim_map(pair: &Pair) -> Plane {
    let kernel = Kernel::gaussian(11, 1.5);
    let smooth = |plane: &Plane| convolve(plane, &kernel, Border::Reflect101);
    let [a, b] = [&pair.reference, &pair.output].map(|picture| Window::of(picture).plane(picture, grey));
    let (mean_a, mean_b) = (smooth(&a), smooth(&b));
    // Only the sum of the two variances is needed, so one blur does for both.
    let squares = smooth(&a.zip(&b, |x, y| x * x + y * y));
    let product = smooth(&a.zip(&b, |x, y| x * y));
    let (c1, c2) = ((0.01_f32 * 255.0).powi(2), (0.03_f32 * 255.0).powi(2));
    let ssim = |i: usize| {
        let (ma, mb) = (mean_a.data[i], mean_b.data[i]);
        let means = ma * ma + mb * mb;
        let (variances, covariance) = (squares.data[i] - means, product.data[i] - ma * mb);
        ((2.0 * ma * mb + c1) * (2.0 * covariance + c2)) / ((means + c1) * (variances + c2))
    };
    let data = (0..a.data.len()).map(ssim).collect();
    Plane { data, ..a }
}
