//! What training makes small, in plain numbers for the fast path and in burn's tensors for every other network. The plain
//! ones are pinned to burn's by a test.

#[cfg(feature = "burn")]
use burn::tensor::{Tensor, activation, module::conv2d, ops::ConvOptions};
use serde::{Deserialize, Serialize};

/// Which terms the loss has.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// Share of the Dice loss beside a mask's cross-entropy.
    pub dice: f32,
    /// Share of `1 - SSIM` beside a picture's squared error; through burn only.
    pub ssim: f32,
    /// Share of the absolute difference of neighbours' differences; through burn only.
    pub edge: f32,
    /// Share of the teacher in all, as the thesis's 0.3; the truth has the rest.
    pub distil: f32,
    /// Weight of the teacher's hint beside all that.
    pub hint: f32,
}

/// A loss and where it comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Parts {
    /// What is made small.
    pub all: f64,
    /// Against the truth.
    pub truth: f64,
    /// Against the teacher; 0 without one.
    pub distil: f64,
    /// Against the teacher's stage, as a share of its mean square; 0 without hints.
    pub hint: f64,
    /// Mean squared error of what comes out (after a sigmoid), unweighted.
    pub mse: f64,
    /// Mean absolute error.
    pub mae: f64,
}

impl Parts {
    /// Adds `share` of `other`.
    pub fn add(&mut self, other: &Self, share: f64) {
        for (to, from) in [
            (&mut self.all, other.all),
            (&mut self.truth, other.truth),
            (&mut self.distil, other.distil),
            (&mut self.hint, other.hint),
            (&mut self.mse, other.mse),
            (&mut self.mae, other.mae),
        ] {
            *to += share * from;
        }
    }
}

/// Weighted cross-entropy of a mask plus its Dice loss, a mean a picture. All `[N, 1, H, W]`; `truth` and `weight` are
/// no part of the gradient.
///
/// Cross-entropy: `Σ w (max(x, 0) - x t + ln(1 + exp(-|x|))) / (H W)`. Dice (Milletari 2016, eq. 1, without squares):
/// `1 - (2 Σ w p t + 1) / (Σ w p + Σ w t + 1)`.
#[cfg(feature = "burn")]
pub fn bce_dice(logits: Tensor<4>, truth: Tensor<4>, weight: Tensor<4>, dice_share: f32) -> Tensor<1> {
    let [n, c, h, w] = logits.dims();
    let flat = |t: Tensor<4>| t.reshape([n, c * h * w]);
    let (x, t, weight) = (flat(logits), flat(truth), flat(weight));
    // ln(1 + exp(-|x|)) + max(x, 0) = softplus(x), stable in burn.
    let entropy = activation::softplus(x.clone(), 1.0) - x.clone() * t.clone();
    let entropy = (entropy * weight.clone()).mean();
    let wp = activation::sigmoid(x) * weight.clone();
    let both = (wp.clone() * t.clone()).sum_dim(1);
    let sums = wp.sum_dim(1) + (t * weight).sum_dim(1);
    let dice = ((both * 2.0 + 1.0) / (sums + 1.0)).mean();
    entropy - dice * dice_share + dice_share
}

/// Weighted squared error of a picture, and the shares of the other terms.
#[cfg(feature = "burn")]
pub fn picture(out: Tensor<4>, truth: Tensor<4>, weight: Tensor<4>, terms: &Terms) -> Tensor<1> {
    let difference = out.clone() - truth.clone();
    let mut loss = (difference.clone() * difference * weight).mean();
    if terms.ssim > 0.0 {
        loss = loss + (ssim(out.clone(), truth.clone()) - 1.0) * -terms.ssim;
    }
    if terms.edge > 0.0 {
        loss = loss + edges(out, truth) * terms.edge;
    }
    loss
}

/// Mean SSIM (Wang 2004) with an 11 × 11 Gaussian of sigma 1.5, without the border of 5, values in 0..1.
#[cfg(feature = "burn")]
pub fn ssim(a: Tensor<4>, b: Tensor<4>) -> Tensor<1> {
    let [_, c, _, _] = a.dims();
    let wing: Vec<f32> = (-5..=5).map(|x: i32| (-f64::from(x * x) / 4.5).exp() as f32).collect();
    let sum: f32 = wing.iter().sum();
    let kernel: Vec<f32> = wing.iter().flat_map(|y| wing.iter().map(move |x| x * y / (sum * sum))).collect();
    let data = burn::tensor::TensorData::new(kernel.repeat(c), [c, 1, 11, 11]);
    let kernel = Tensor::<4>::from_data(data, &a.device());
    let smooth = |t: Tensor<4>| conv2d(t, kernel.clone(), None, ConvOptions::new([1; 2], [0; 2], [1; 2], c));
    let (ma, mb) = (smooth(a.clone()), smooth(b.clone()));
    let squares = smooth(a.clone() * a.clone() + b.clone() * b.clone());
    let product = smooth(a * b);
    let means = ma.clone() * ma.clone() + mb.clone() * mb.clone();
    let both = ma * mb;
    let (c1, c2) = (1e-4, 9e-4);
    let top = (both.clone() * 2.0 + c1) * ((product - both) * 2.0 + c2);
    (top / ((means.clone() + c1) * (squares - means + c2))).mean()
}

/// Mean absolute difference between the differences of neighbours, across and down.
#[cfg(feature = "burn")]
fn edges(a: Tensor<4>, b: Tensor<4>) -> Tensor<1> {
    let d = a - b;
    let [_, _, h, w] = d.dims();
    let across = d.clone().narrow(3, 1, w - 1) - d.clone().narrow(3, 0, w - 1);
    let down = d.clone().narrow(2, 1, h - 1) - d.narrow(2, 0, h - 1);
    across.abs().mean() + down.abs().mean()
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

fn entropy(x: f32, t: f32) -> f64 {
    f64::from(x.max(0.0) - x * t + (-x.abs()).exp().ln_1p())
}

/// [`bce_dice`] and its gradient by the logits: `n` pictures, one after the other. `teacher` holds a teacher's mask, against
/// which the cross-entropy has its share.
pub fn mask_plain(
    logits: &[f32],
    truth: &[f32],
    weight: &[f32],
    teacher: Option<&[f32]>,
    n: usize,
    terms: &Terms,
) -> (Parts, Vec<f32>) {
    let each = logits.len() / n;
    let count = logits.len() as f32;
    let share = if teacher.is_some() { terms.distil } else { 0.0 };
    let mut gradient = vec![0f32; logits.len()];
    let mut parts = Parts::default();
    let mut dice = 0f64;
    for at in (0..logits.len()).step_by(each) {
        let (mut both, mut sums) = (0f32, 1f32);
        for i in at..at + each {
            let (x, t, w) = (logits[i], truth[i], weight[i]);
            let p = sigmoid(x);
            parts.truth += f64::from(w) * entropy(x, t) / f64::from(count);
            parts.mse += f64::from(p - t).powi(2) / f64::from(count);
            parts.mae += f64::from((p - t).abs()) / f64::from(count);
            both += w * p * t;
            sums += w * (p + t);
            gradient[i] = (1.0 - share) * w * (p - t) / count;
            if let Some(teacher) = teacher {
                parts.distil += f64::from(w) * entropy(x, teacher[i]) / f64::from(count);
                gradient[i] += share * w * (p - teacher[i]) / count;
            }
        }
        let top = 2.0 * both + 1.0;
        dice += f64::from(1.0 - top / sums) / n as f64;
        for i in at..at + each {
            let p = sigmoid(logits[i]);
            let by_p = -weight[i] * (2.0 * truth[i] * sums - top) / (sums * sums);
            gradient[i] += (1.0 - share) * terms.dice * by_p * p * (1.0 - p) / n as f32;
        }
    }
    parts.truth += f64::from(terms.dice) * dice;
    parts.all = f64::from(1.0 - share) * parts.truth + f64::from(share) * parts.distil;
    (parts, gradient)
}

/// The weighted squared error of pictures and its gradient; `teacher` holds a teacher's pictures.
pub fn picture_plain(
    out: &[f32],
    truth: &[f32],
    weight: &[f32],
    teacher: Option<&[f32]>,
    terms: &Terms,
) -> (Parts, Vec<f32>) {
    let count = out.len() as f32;
    let share = if teacher.is_some() { terms.distil } else { 0.0 };
    let mut parts = Parts::default();
    let gradient = (0..out.len()).map(|i| {
        let (d, w) = (out[i] - truth[i], weight[i]);
        parts.mse += f64::from(d).powi(2);
        parts.mae += f64::from(d.abs());
        parts.truth += f64::from(w * d * d);
        let mut gradient = (1.0 - share) * w * d;
        if let Some(teacher) = teacher {
            let d = out[i] - teacher[i];
            parts.distil += f64::from(w * d * d);
            gradient += share * w * d;
        }
        2.0 * gradient / count
    });
    let gradient = gradient.collect();
    for sum in [&mut parts.mse, &mut parts.mae, &mut parts.truth, &mut parts.distil] {
        *sum /= f64::from(count);
    }
    parts.all = f64::from(1.0 - share) * parts.truth + f64::from(share) * parts.distil;
    (parts, gradient)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::random::Random;

    const TERMS: Terms = Terms { dice: 0.7, ssim: 0.0, edge: 0.0, distil: 0.3, hint: 0.0 };

    fn draw(random: &mut Random, n: usize, scale: f64) -> Vec<f32> {
        (0..n).map(|_| (random.normal() * scale) as f32).collect()
    }

    fn inputs() -> [Vec<f32>; 4] {
        let mut random = Random::new(3);
        let logits = draw(&mut random, 48, 3.0);
        let unit =
            |random: &mut Random| draw(random, 48, 1.0).iter().map(|v| v.clamp(0.0, 1.0)).collect::<Vec<_>>();
        let (truth, teacher) = (unit(&mut random), unit(&mut random));
        let weight = draw(&mut random, 48, 1.0).iter().map(|v| v.abs()).collect();
        [logits, truth, weight, teacher]
    }

    #[test]
    fn gradients_are_those_of_finite_differences() {
        let [logits, truth, weight, teacher] = inputs();
        let loss = |x: &[f32], mask: bool| {
            let both = if mask {
                mask_plain(x, &truth, &weight, Some(&teacher), 3, &TERMS)
            } else {
                picture_plain(x, &truth, &weight, Some(&teacher), &TERMS)
            };
            (both.0.all, both.1)
        };
        for mask in [true, false] {
            let (_, gradient) = loss(&logits, mask);
            for i in 0..logits.len() {
                let at = |step: f32| {
                    let mut moved = logits.clone();
                    moved[i] += step;
                    loss(&moved, mask).0
                };
                let want = (at(0.01) - at(-0.01)) / 0.02;
                assert!((f64::from(gradient[i]) - want).abs() < 1e-4, "{mask} {i}: {} {want}", gradient[i]);
            }
        }
    }

    #[test]
    fn a_perfect_teacher_changes_nothing_that_a_perfect_truth_does_not() {
        let [logits, truth, weight, _] = inputs();
        let alone = mask_plain(&logits, &truth, &weight, None, 3, &TERMS).0;
        assert_eq!((alone.distil, alone.all), (0.0, alone.truth));
        let both = mask_plain(&logits, &truth, &weight, Some(&truth), 3, &Terms { dice: 0.0, ..TERMS }).0;
        assert!((both.distil - both.truth).abs() < 1e-9 && (both.all - both.truth).abs() < 1e-9);
    }

    #[cfg(feature = "burn")]
    mod through_burn {
        use super::*;
        use burn::tensor::{Device, TensorData};

        #[test]
        fn the_plain_losses_are_burns_losses_and_gradients() {
            let [logits, truth, weight, _] = inputs();
            let device = Device::flex().autodiff();
            let tensor =
                |v: &[f32]| Tensor::<4>::from_data(TensorData::new(v.to_vec(), [3, 1, 4, 4]), &device);
            for mask in [true, false] {
                let x = tensor(&logits).require_grad();
                let (loss, (parts, gradient)) = if mask {
                    let loss = bce_dice(x.clone(), tensor(&truth), tensor(&weight), TERMS.dice);
                    (loss, mask_plain(&logits, &truth, &weight, None, 3, &TERMS))
                } else {
                    let loss = picture(x.clone(), tensor(&truth), tensor(&weight), &TERMS);
                    (loss, picture_plain(&logits, &truth, &weight, None, &TERMS))
                };
                let grads = loss.backward();
                let want: Vec<f32> = x.grad(&grads).expect("asked for").into_data().iter::<f32>().collect();
                let value = loss.into_data().iter::<f32>().next().expect("one number");
                assert!((parts.all - f64::from(value)).abs() < 1e-5, "{} {value}", parts.all);
                for (i, (got, want)) in gradient.iter().zip(&want).enumerate() {
                    assert!((got - want).abs() < 1e-5, "{i}: {got} {want}");
                }
            }
        }

        /// The SSIM that is trained on is the SSIM that is reported.
        #[test]
        fn ssim_is_the_judges() {
            use faceveil_data::truth::TruthFace;
            use faceveil_eval::{Picture, reference_blur, to_reference};
            let pixels: Vec<u8> =
                (0..128 * 128 * 3).map(|i| ((i * 7919) % 251) as u8 / 2 + (i / 1536) as u8).collect();
            let original = Picture::new(128, 128, pixels).expect("the size fits");
            let faces = [TruthFace::from_box(30.0, 20.0, 90.0, 100.0)];
            let want = to_reference(&original, &original, &faces).nothing.ssim;
            let device = Device::flex();
            let tensor = |p: &Picture| {
                let data: Vec<f32> = p.pixels().iter().map(|v| f32::from(*v) / 255.0).collect();
                Tensor::<4>::from_data(TensorData::new(data, [1, 128, 128, 3]), &device).permute([0, 3, 1, 2])
            };
            let got = ssim(tensor(&original), tensor(&reference_blur(&original, &faces)));
            let got = f64::from(got.into_data().iter::<f32>().next().expect("one number"));
            assert!((got - want).abs() < 1e-3, "{got} {want}");
        }
    }
}
