//! Batch norms into weights and biases, and back.

use faceveil_net::Graph;

use super::EPSILON;
use super::fast::Fast;
use super::layout::{Layout, Role};

/// Weights and one bias a channel, node by node: `w' = w s / √(v + ε)`, `b' = b - m s / √(v + ε)` with the norm's scale
/// `s`, shift `b`, mean `m` and variance `v`.
pub fn folded(layout: &Layout, values: &[f32], running: &[f32]) -> Vec<f32> {
    let mut out = Vec::new();
    let mut norms = layout.running.iter();
    let mut params = layout.params.iter();
    while let Some(weight) = params.next() {
        let weights = &values[weight.range.clone()];
        let Some(second) = params.next() else { break };
        let second_values = &values[second.range.clone()];
        if second.role == Role::Bias {
            out.extend_from_slice(weights);
            out.extend_from_slice(second_values);
            continue;
        }
        let (Some(shift), Some(norm)) = (params.next(), norms.next()) else { break };
        let (means, variances) = (&running[norm.mean.clone()], &running[norm.variance()]);
        let each = weights.len() / second_values.len();
        let factor = |c: usize| second_values[c] / (f64::from(variances[c]) + EPSILON).sqrt() as f32;
        out.extend(weights.iter().enumerate().map(|(i, w)| w * factor(i / each)));
        out.extend(values[shift.range.clone()].iter().enumerate().map(|(c, b)| b - means[c] * factor(c)));
    }
    out
}

/// The opposite of [`folded`]: weights with batch norms for `graph`, and their averages, so that the network says on average what
/// it says without. What a norm takes away is measured on `pixels`, `len` pictures, layer after layer. Weights get the
/// length that [`Layout::init`] gives them, so that a learning rate means what it means for a new network.
///
/// `None` if the graph has an operation that [`Fast`] does not know.
///
/// # Panics
/// If a length does not fit the graph.
pub fn renewed(graph: &Graph, values: &[f32], pixels: &[f32], len: usize) -> Option<(Vec<f32>, Vec<f32>)> {
    let layout = Layout::of(graph);
    let mut fast = Fast::new(graph, len)?;
    let (mut new, mut running) = layout.init(0);
    let mut rest = values;
    let mut take = |n: usize| {
        let (head, tail) = rest.split_at(n);
        rest = tail;
        head
    };
    let mut norms = layout.running.iter();
    let mut params = layout.params.iter();
    while let Some(weight) = params.next() {
        let second = params.next()?;
        let weights = take(weight.range.len());
        let biases = take(second.range.len());
        new[weight.range.clone()].copy_from_slice(weights);
        if second.role == Role::Bias {
            new[second.range.clone()].copy_from_slice(biases);
            continue;
        }
        let (shift, norm) = (params.next()?, norms.next()?);
        lengthen(&mut new[weight.range.clone()], weight.shape);
        let statistics = fast.forward(&new, pixels).1.values;
        let each = weights.len() / biases.len();
        for (c, bias) in biases.iter().enumerate() {
            let (mean, variance) = (norm.mean.start + c, norm.variance().start + c);
            (running[mean], running[variance]) = (statistics[mean], statistics[variance]);
            // How much longer the channel's weights are now; all of them, as one may be 0.
            let sum = |w: &[f32]| w.iter().map(|w| f64::from(w.abs())).sum::<f64>();
            let longer =
                sum(&new[weight.range.start + c * each..][..each]) / sum(&weights[c * each..][..each]);
            let factor = if longer.is_finite() && longer > 0.0 { 1.0 / longer as f32 } else { 1.0 };
            let deviation = (f64::from(running[variance]) + EPSILON).sqrt() as f32;
            new[second.range.start + c] = factor * deviation;
            new[shift.range.start + c] = bias + factor * running[mean];
        }
    }
    Some((new, running))
}

/// Scales each output channel of weights to the mean square that new weights have.
fn lengthen(weights: &mut [f32], [_, ins, height, width]: [usize; 4]) {
    let each = ins * height * width;
    for channel in weights.chunks_exact_mut(each) {
        let square = channel.iter().map(|w| w * w).sum::<f32>() / each as f32;
        let factor = (2.0 / each as f32 / square.max(1e-12)).sqrt();
        channel.iter_mut().for_each(|w| *w *= factor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::random::Random;

    fn gate() -> (Graph, Vec<f32>, Vec<f32>, Random) {
        let graph =
            faceveil_net::by_name("gate-96_16.0.1.1_24.1.2.2_32.1.2.2_48.1.1.2").expect("it is listed");
        let graph = graph.resized(32, 32).expect("it goes through");
        let layout = Layout::of(&graph);
        let (mut values, mut running) = layout.init(1);
        let mut random = Random::new(2);
        values.iter_mut().for_each(|v| *v += (0.1 * random.normal()) as f32);
        running.iter_mut().for_each(|v| *v += (0.3 * random.unit()) as f32);
        (graph, values, running, random)
    }

    #[test]
    fn a_network_says_the_same_folded_and_with_its_norms_renewed() {
        let (graph, values, running, mut random) = gate();
        let n = 4;
        let pixels: Vec<f32> = (0..n * graph.input_shape().len()).map(|_| random.unit() as f32).collect();
        let mut fast = Fast::new(&graph, n).expect("it knows the operations");
        let want = fast.infer(&values, &running, &pixels).to_vec();
        let layout = Layout::of(&graph);
        let flat = folded(&layout, &values, &running);
        let mut plain = Fast::new(&graph.without_norms(), n).expect("it knows the operations");
        let got = plain.infer(&flat, &[], &pixels).to_vec();
        let (new, averages) = renewed(&graph, &flat, &pixels, n).expect("it knows the operations");
        let again = fast.infer(&new, &averages, &pixels).to_vec();
        for (i, want) in want.iter().enumerate() {
            let near = |v: f32| (v - want).abs() < 2e-3 * want.abs().max(1.0);
            assert!(near(got[i]), "{i}: {} {want}", got[i]);
            assert!(near(again[i]), "{i}: {} {want}", again[i]);
        }
        let back = folded(&layout, &new, &averages);
        assert!(back.iter().zip(&flat).all(|(a, b)| (a - b).abs() < 1e-3 * b.abs().max(1.0)));
    }
}
