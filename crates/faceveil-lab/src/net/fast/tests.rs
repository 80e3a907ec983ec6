use burn::tensor::{Device, Tensor, TensorData};

use super::*;
use crate::dataset::random::Random;
use crate::net::forward::{Mode, Weights};

/// What comes out, gradients and statistics of a random batch through burn and through [`Fast`] are the same.
#[test]
fn the_fast_path_is_burns_path() {
    for name in ["gate-96", "direct"] {
        let whole = faceveil_net::by_name(name).expect("it is listed");
        // A third of the side: 8, 4, 2 and 1 places, so that no plane is a multiple of the vectors' width.
        let side = whole.input_shape().height / 3 / 32 * 32;
        let graph = whole.resized(side, side).expect("it goes through");
        let layout = Layout::of(&graph);
        let mut random = Random::new(5);
        let (mut values, running) = layout.init(1);
        values.iter_mut().for_each(|v| *v += (0.05 * random.normal()) as f32);
        let n = 3;
        let pixels: Vec<f32> = (0..n * graph.input_shape().len()).map(|_| random.unit() as f32).collect();
        let out = graph.output_shape();
        let towards: Vec<f32> = (0..n * out.len()).map(|_| random.normal() as f32).collect();

        let device = Device::flex().autodiff();
        let weights = Weights::new(&layout, &values, &running, &device);
        let x = Tensor::<4>::from_data(TensorData::new(pixels.clone(), [n, 3, side, side]), &device);
        let outcome = weights.forward(&graph, x, Mode::Train, &[]);
        let shape = [n, out.channels, out.height, out.width];
        let towards_tensor = Tensor::<4>::from_data(TensorData::new(towards.clone(), shape), &device);
        let loss = (outcome.logits.clone() * towards_tensor).sum();
        let want = weights.gradients(&layout, &loss);
        let want_out: Vec<f32> = outcome.logits.into_data().iter::<f32>().collect();

        let mut fast = Fast::new(&graph, n).expect("it knows the operations");
        let (got_out, statistics) = fast.forward(&values, &pixels);
        for (i, (got, want)) in got_out.iter().zip(&want_out).enumerate() {
            assert!((got - want).abs() < 2e-3 * want.abs().max(1.0), "{name}: output {i}: {got} {want}");
        }
        let mut at = 0;
        for (mean, variance) in outcome.statistics {
            for want in mean.into_data().iter::<f32>().chain(variance.into_data().iter::<f32>()) {
                let got = statistics.values[at];
                assert!(
                    (got - want).abs() < 1e-3 * want.abs().max(1.0),
                    "{name}: average {at}: {got} {want}"
                );
                at += 1;
            }
        }
        assert_eq!(at, layout.running_len);
        // Twice: buffers that are used again must not change anything.
        for _ in 0..2 {
            fast.forward(&values, &pixels);
            let got = fast.backward(&values, &towards);
            for param in &layout.params {
                let range = param.range.clone();
                let size = want[range.clone()].iter().fold(1e-3f32, |m, v| m.max(v.abs()));
                for i in range {
                    assert!(
                        (got[i] - want[i]).abs() < 0.01 * size,
                        "{name}: {param:?}, {i}: {} {}",
                        got[i],
                        want[i]
                    );
                }
            }
        }
    }
}
