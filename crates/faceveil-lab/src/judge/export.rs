//! From a checkpoint to the small file that the program runs.

use std::path::Path;

use anyhow::{Result, bail};
use faceveil_infer::gate::GateWeights;

use crate::train::trained::Trained;

/// The averaged weights of a run's checkpoint, batch norms folded. The operating point is not chosen yet.
///
/// # Errors
/// If it is no checkpoint of a gate network.
pub fn gate(path: &Path) -> Result<GateWeights> {
    let trained = Trained::load(path)?;
    let name = trained.graph.name();
    let Some(mut config) = faceveil_net::gate_by_name(name) else {
        bail!("{}: {name:?} is no gate network", path.display());
    };
    config.side = trained.graph.input_shape().height;
    Ok(GateWeights { config, threshold: 0.5, certain: 0.5, growth: 0.0, values: trained.folded() })
}

#[cfg(test)]
mod tests {
    use crate::dataset::random::Random;
    use crate::net::fast::Fast;
    use crate::net::fold::folded;
    use crate::net::layout::Layout;

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
