//! What training makes small.

#[cfg(feature = "burn")]
use burn::tensor::{Tensor, activation};

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
    // ln(1 + exp(-|x|)) + max(x, 0) = -ln(sigmoid(-x)), stable in burn.
    let entropy = activation::softplus(x.clone(), 1.0) - x.clone() * t.clone();
    let entropy = (entropy * weight.clone()).mean();
    let p = activation::sigmoid(x);
    let wp = p * weight.clone();
    let both = (wp.clone() * t.clone()).sum_dim(1);
    let sums = wp.sum_dim(1) + (t * weight).sum_dim(1);
    let dice = ((both * 2.0 + 1.0) / (sums + 1.0)).mean();
    entropy - dice * dice_share + dice_share
}

/// [`bce_dice`] and its gradient by the logits, without tensors: `n` pictures, one after the other.
pub fn bce_dice_plain(logits: &[f32], truth: &[f32], weight: &[f32], n: usize, dice_share: f32) -> (f64, Vec<f32>) {
    let each = logits.len() / n;
    let mut gradient = vec![0f32; logits.len()];
    let (mut entropy, mut dice) = (0f64, 0f64);
    let parts = gradient.chunks_exact_mut(each).zip(logits.chunks_exact(each));
    for ((gradient, x), (t, w)) in parts.zip(truth.chunks_exact(each).zip(weight.chunks_exact(each))) {
        let (mut both, mut sums) = (0f32, 1f32);
        for (((g, x), t), w) in gradient.iter_mut().zip(x).zip(t).zip(w) {
            let p = 1.0 / (1.0 + (-x).exp());
            entropy += f64::from(w * (x.max(0.0) - x * t + (-x.abs()).exp().ln_1p()));
            both += w * p * t;
            sums += w * (p + t);
            // Kept for the second pass; the cross-entropy's part is added there.
            *g = p;
        }
        let top = 2.0 * both + 1.0;
        dice += f64::from(1.0 - top / sums);
        for ((g, t), w) in gradient.iter_mut().zip(t).zip(w) {
            let p = *g;
            let by_p = -w * (2.0 * t * sums - top) / (sums * sums);
            *g = w * (p - t) / (each * n) as f32 + dice_share * by_p * p * (1.0 - p) / n as f32;
        }
    }
    (entropy / (each * n) as f64 + f64::from(dice_share) * dice / n as f64, gradient)
}

#[cfg(all(test, feature = "burn"))]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    #[test]
    fn the_plain_loss_is_burns_loss_and_gradient() {
        let mut random = crate::random::Random::new(3);
        let (n, side) = (3, 4);
        let shape = [n, 1, side, side];
        let mut draw = |scale: f64| (0..n * side * side).map(|_| (random.normal() * scale) as f32).collect::<Vec<_>>();
        let logits = draw(3.0);
        let truth: Vec<f32> = draw(1.0).iter().map(|v| v.clamp(0.0, 1.0)).collect();
        let weight: Vec<f32> = draw(1.0).iter().map(|v| v.abs()).collect();
        let device = Device::flex().autodiff();
        let tensor = |v: &[f32]| Tensor::<4>::from_data(TensorData::new(v.to_vec(), shape), &device);
        let x = tensor(&logits).require_grad();
        let loss = bce_dice(x.clone(), tensor(&truth), tensor(&weight), 0.7);
        let grads = loss.backward();
        let want: Vec<f32> = x.grad(&grads).expect("asked for").into_data().iter::<f32>().collect();
        let value = loss.into_data().iter::<f32>().next().expect("one number");
        let (got, gradient) = bce_dice_plain(&logits, &truth, &weight, n, 0.7);
        assert!((got - f64::from(value)).abs() < 1e-5, "{got} {value}");
        for (i, (got, want)) in gradient.iter().zip(&want).enumerate() {
            assert!((got - want).abs() < 1e-6, "{i}: {got} {want}");
        }
    }
}
