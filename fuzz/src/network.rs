//! Networks from files.

use faceveil_core::face::Detector;
use faceveil_core::raster::RgbView;
use faceveil_infer::detectors::{ModelOptions, OnnxDetector};
use faceveil_infer::engine::EngineChoice;
use faceveil_infer::heads::ModelKind;
use faceveil_infer::kernels::Isa;
use faceveil_infer::network::{ColorOrder, InputRow, Memory, Network};
use faceveil_infer::onnx::Graph;

/// A network that is imported can be run on pictures of any size that its caller may choose.
pub fn onnx(bytes: &[u8]) {
    let Ok(graph) = Graph::parse(bytes) else { return };
    let Ok(network) = Network::from_onnx(bytes, ColorOrder::Rgb, Isa::detect()) else { return };
    let mut memory = Memory::default();
    for (height, width) in [(32, 64), (64, 32)] {
        network.run(&mut memory, height, width, |_, to| match to {
            InputRow::Float(to) => to.fill(1.0),
            InputRow::Int8(to) => to.fill(1),
        });
        for name in &graph.outputs {
            let output = network.output(&memory, name);
            let cells = output.width * output.height;
            assert!(cells > 0 && cells <= width * height, "{name}: {}×{}", output.width, output.height);
            assert!(output.channels() > 0, "{name}");
            output.at(cells - 1, output.channels() - 1);
        }
    }
}

/// A user's model of any family is refused, or searches a picture to the end or to an error; boxes are finite.
pub fn model(bytes: &[u8]) {
    let pixels = [100; 48 * 40 * 3];
    let Some(view) = RgbView::new(48, 40, &pixels) else { return };
    for kind in ModelKind::ALL {
        let options = ModelOptions { kind, size: None, engine: EngineChoice::Inside };
        let Ok(mut detector) = OnnxDetector::new("model", bytes, &options) else { continue };
        for face in detector.detect(view, 0.3).unwrap_or_default() {
            assert!(face.score >= 0.3 && face.rect.area().is_finite(), "{kind}: {face:?}");
        }
    }
}
