use burn::tensor::{Device, Tensor, TensorData};

use super::*;
use crate::dataset::random::Random;
use crate::net::forward::{Mode, Weights};
use crate::net::layout::Role;

/// What comes out, gradients and statistics of a random batch through burn and through [`Fast`] are the same, with batch
/// norms and without.
/// A gate network that trains fast.
const SMALL: &str = "gate-96_16.0.1.1_24.1.2.2_32.1.2.2_48.1.1.2";

#[test]
fn the_fast_path_is_burns_path() {
    for (name, folded) in [(SMALL, false), ("direct", false), (SMALL, true), ("direct", true)] {
        let whole = faceveil_net::by_name(name).expect("it is listed");
        let whole = if folded { whole.without_norms() } else { whole };
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
                // A shift that the next norm takes away again has a gradient of nothing but rounding: of the sums whose
                // terms make its norm's scale's gradient, too, which lies before it.
                let beside = if param.role == Role::Shift { range.len() } else { 0 };
                let size = want[range.start - beside..range.end].iter().fold(1e-3f32, |m, v| m.max(v.abs()));
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

/// Network, layout, weights, ranges by node, picture.
type Rounded = (Graph, Layout, Vec<f32>, Vec<(f32, f32)>, Vec<f32>);

/// A small gate network without norms, with ranges that cut a little off, and a picture.
fn rounded() -> Rounded {
    let graph = faceveil_net::by_name(SMALL).expect("it is listed");
    let graph = graph.resized(32, 32).expect("it goes through").without_norms();
    let layout = Layout::of(&graph);
    let mut random = Random::new(11);
    let (mut values, _) = layout.init(3);
    values.iter_mut().for_each(|v| *v += (0.05 * random.normal()) as f32);
    let pixels: Vec<f32> = (0..graph.input_shape().len()).map(|_| random.unit() as f32).collect();
    let mut plain = Fast::new(&graph, 1).expect("it knows the operations");
    plain.infer(&values, &[], &pixels);
    let range = |id: usize| {
        let ends = plain.value(id).iter().fold((0f32, 0f32), |(l, h), v| (l.min(*v), h.max(*v)));
        (0.8 * ends.0, 0.8 * ends.1)
    };
    let ranges = (0..graph.nodes().len()).map(range).collect();
    (graph, layout, values, ranges, pixels)
}

/// Through the quantiser's own network in floats, with `seen` at each node that is rounded; gives what comes out before
/// the sigmoid.
fn through_floats(
    graph: &Graph,
    values: &[f32],
    pixels: &[f32],
    mut seen: impl FnMut(usize, &mut [f32]),
) -> Vec<f32> {
    let from = faceveil_quant::float::from_graph(graph, values).expect("the weights fit");
    let (places, last) = (graph.input_shape().places(), from.nodes[graph.output()]);
    let input: Vec<f32> = (0..pixels.len()).map(|i| pixels[i % 3 * places + i / 3]).collect();
    let mut out = Vec::new();
    let mut look = |own: usize, value: &mut [f32]| {
        if let Some(id) = from.nodes.iter().position(|&n| n == own)
            && faceveil_quant::ranges::rounds(graph, id)
        {
            seen(id, value);
        }
        if own == last {
            out = value.to_vec();
        }
    };
    from.net.run(&input, &mut look).expect("the input fits");
    out
}

#[test]
fn rounding_is_the_quantisers() {
    let (graph, layout, values, ranges, pixels) = rounded();
    let rounding = Rounding::new(&graph, &ranges);
    let mut weights = Vec::new();
    Rounding::weights(&layout, &values, &mut weights);
    let want = through_floats(&graph, &weights, &pixels, |id, value| {
        rounding.of(id).expect("it is rounded").fake_quantize(value);
    });
    let mut fast = Fast::new(&graph, 1).expect("it knows the operations").rounding(rounding.clone());
    let got = fast.infer(&values, &[], &pixels);
    let step = rounding.of(graph.output()).expect("it is rounded").scale;
    for (i, (got, want)) in got.iter().zip(&want).enumerate() {
        // Sums in another order may fall on the other side of a tie.
        assert!((got - want).abs() < 3.0 * step, "{i}: {got} {want}, step {step}");
    }
}

/// A straight line through what was rounded, by finite differences: the roundings of one pass stay as they are while a
/// parameter moves.
#[test]
fn gradients_through_rounding_are_those_of_the_straight_line() {
    let (graph, layout, values, ranges, pixels) = rounded();
    let rounding = Rounding::new(&graph, &ranges);
    let mut random = Random::new(12);
    let towards: Vec<f32> = (0..graph.output_shape().len()).map(|_| random.normal() as f32).collect();
    let mut fast = Fast::new(&graph, 1).expect("it knows the operations").rounding(rounding.clone());
    fast.forward(&values, &pixels);
    let got = fast.backward(&values, &towards);

    let mut weights = Vec::new();
    Rounding::weights(&layout, &values, &mut weights);
    let cut = |id: usize, v: f32| {
        let quant = rounding.of(id).expect("it is rounded");
        let (low, high) = quant.range();
        v.clamp(low - quant.scale / 2.0, high + quant.scale / 2.0)
    };
    let mut offsets = vec![Vec::new(); graph.nodes().len()];
    through_floats(&graph, &weights, &pixels, |id, value| {
        let before: Vec<f32> = value.iter().map(|v| cut(id, *v)).collect();
        rounding.of(id).expect("it is rounded").fake_quantize(value);
        offsets[id] = value.iter().zip(&before).map(|(a, b)| a - b).collect();
    });
    let loss = |moved: &[f32]| -> f64 {
        let out = through_floats(&graph, moved, &pixels, |id, value| {
            value.iter_mut().zip(&offsets[id]).for_each(|(v, o)| *v = cut(id, *v) + o);
        });
        out.iter().zip(&towards).map(|(o, t)| f64::from(o * t)).sum()
    };
    let (mut tried, mut wrong) = (0, Vec::new());
    for param in &layout.params {
        let size = got[param.range.clone()].iter().fold(1e-3f32, |m, v| m.max(v.abs()));
        for _ in 0..6 {
            let i = param.range.start + random.below(param.range.len());
            let at = |step: f32| {
                let mut moved = weights.clone();
                moved[i] += step;
                loss(&moved)
            };
            let want = ((at(2e-3) - at(-2e-3)) / 4e-3) as f32;
            tried += 1;
            if (got[i] - want).abs() > 0.03 * size {
                wrong.push((param.node, i, got[i], want));
            }
        }
    }
    // A value at an end of its range has two slopes.
    assert!(wrong.len() * 25 < tried, "{} of {tried}: {wrong:?}", wrong.len());
}
