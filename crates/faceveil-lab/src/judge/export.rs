//! From a checkpoint to the small file that the program runs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use faceveil_infer::gate::GateWeights;

use crate::train::checkpoint::Checkpoint;
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
    let values = trained.folded();
    let wanted = faceveil_net::plan(&config.graph()?).parameters;
    if values.len() != wanted {
        bail!("{}: {} parameters, {name} has {wanted}", path.display(), values.len());
    }
    Ok(GateWeights { config, threshold: 0.5, certain: 0.5, growth: 0.0, further: Vec::new(), values })
}

/// The averages alone of a checkpoint whose network gives pictures, as a checkpoint; `None` of any other file.
///
/// # Errors
/// If it cannot be read, or its network is not listed.
pub fn picture(path: &Path) -> Result<Option<Vec<u8>>> {
    let place = || path.display().to_string();
    let bytes = fs::read(path).with_context(place)?;
    if !Checkpoint::is_one(&bytes) {
        return Ok(None);
    }
    let checkpoint = Checkpoint::parse(&bytes).with_context(place)?;
    let graph = Trained::load(path)?.graph;
    let paints = graph.input_shape() == graph.output_shape();
    paints.then(|| checkpoint.averages().to_bytes()).transpose()
}

#[cfg(test)]
mod tests {
    use faceveil_infer::gate::GateWeights;

    use super::{gate, picture};
    use crate::dataset::random::Random;
    use crate::net::fast::Fast;
    use crate::net::fold::folded;
    use crate::net::layout::Layout;
    use crate::train::state::State;
    use crate::train::trained::Trained;

    #[test]
    fn of_a_network_that_paints_only_the_averages_are_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let [whole, small, gate] = ["last.ckpt", "small.ckpt", "gate.ckpt"].map(|n| folder.path().join(n));
        for (net, path) in [("direct", &whole), ("gate-96", &gate)] {
            let graph = faceveil_net::by_name(net).expect("it is listed");
            let state = State::new(&graph, 1);
            state.checkpoint(&serde_json::json!({"net": net})).save(path).expect("written");
        }
        let bytes = picture(&whole).expect("it can be read").expect("it paints");
        std::fs::write(&small, &bytes).expect("written");
        assert_eq!(Trained::load(&small).expect("it is whole"), Trained::load(&whole).expect("it is"));
        let all = std::fs::metadata(&whole).expect("it is there").len();
        assert!(bytes.len() as u64 * 5 < 2 * all, "{} of {all} bytes", bytes.len());
        assert_eq!(picture(&gate).expect("it can be read"), None);
    }

    #[test]
    fn a_file_goes_on_as_the_network_that_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let written = |name: &str| {
            let path = folder.path().join(format!("{name}.fvnw"));
            let config = faceveil_net::gate_by_name(name).expect("it is a gate");
            let values = vec![0.5; faceveil_net::plan(&config.graph().expect("it is right")).parameters];
            let file = GateWeights {
                config,
                threshold: 0.5,
                certain: 0.5,
                growth: 0.0,
                further: Vec::new(),
                values,
            };
            std::fs::write(&path, file.to_bytes().expect("it is whole")).expect("written");
            path
        };
        for name in ["gate", "gate-96", "gate-128_16.1.1.1_24.2.2.2_40.2.2.3_64.2.1.3"] {
            let again = gate(&written(name)).expect("it has a name");
            let config = faceveil_net::gate_by_name(name).expect("it is a gate");
            assert_eq!(again.config, config, "{name}");
        }
        // Squares of 8 pixels cannot be spelled out: no wrong file is written of them.
        let other = written("gate-128-w100-d2-b8");
        assert!(Trained::load(&other).is_ok(), "it can teach");
        assert!(gate(&other).expect_err("it has no name").to_string().contains("parameters"));
    }

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
