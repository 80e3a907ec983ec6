//! From a checkpoint to the small file that the program runs.

use std::path::Path;

use anyhow::{Context, Result, bail};
use faceveil_infer::gate::GateWeights;

use crate::net::EPSILON;
use crate::net::layout::{Layout, Role};
use crate::train::checkpoint::Checkpoint;

/// The averaged weights of a run's checkpoint, batch norms folded. The operating point is not chosen yet.
///
/// # Errors
/// If it is no checkpoint of a gate network.
pub fn gate(path: &Path) -> Result<GateWeights> {
    let checkpoint = Checkpoint::load(path)?;
    let name = checkpoint.about["net"].as_str().unwrap_or("").to_owned();
    let Some(config) = faceveil_net::gate_by_name(&name) else {
        bail!("{}: {name:?} is no gate network", path.display());
    };
    let graph = config.graph()?;
    let layout = Layout::of(&graph);
    let values = checkpoint.list("average", layout.len).with_context(|| path.display().to_string())?;
    let running = checkpoint.list("average_running", layout.running_len)?;
    Ok(GateWeights {
        config,
        threshold: 0.5,
        certain: 0.5,
        growth: 0.0,
        values: folded(&layout, &values, &running),
    })
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::random::Random;
    use crate::net::fast::Fast;

    #[test]
    fn the_exported_network_says_what_the_trained_one_says() {
        let config = faceveil_net::gate_by_name("gate-96").expect("it is listed");
        let graph = config.graph().expect("it is right");
        let layout = Layout::of(&graph);
        let (mut values, mut running) = layout.init(1);
        let mut random = Random::new(2);
        values.iter_mut().for_each(|v| *v += (0.1 * random.normal()) as f32);
        running.iter_mut().for_each(|v| *v += (0.3 * random.unit()) as f32);
        let pixels: Vec<f32> = (0..graph.input_shape().len()).map(|_| random.unit() as f32).collect();
        let mut fast = Fast::new(&graph, 1).expect("it knows the operations");
        let logits = fast.infer(&values, &running, &pixels).to_vec();
        let got = faceveil_infer::gate::run(&graph, &folded(&layout, &values, &running), pixels);
        for (i, (got, x)) in got.iter().zip(&logits).enumerate() {
            let want = 1.0 / (1.0 + (-x).exp());
            assert!((got - want).abs() < 1e-4, "{i}: {got} {want}");
        }
    }
}
