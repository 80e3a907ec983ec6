use std::env;
use std::path::PathBuf;
use std::process::Command;

use faceveil_eval::Picture;
use faceveil_int8::model::FileBytes;
use faceveil_int8::{Frame, Input, Model, PixelFormat};

use super::*;
use crate::compare::paint::PaintingNet;
use crate::judge::direct::Direct;

/// Pictures that are run.
const COUNT: usize = 24;

/// The shipped gate network, calibrated and run on real pictures, gives the bits of LiteRT's reference kernels on the
/// exported file.
#[test]
fn the_gate_gives_the_bits_of_the_reference_kernels_on_pictures() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = here.join("../../../shared");
    let python =
        env::var_os("FACEVEIL_PYTHON").map_or_else(|| here.join("../../.venv/bin/python"), PathBuf::from);
    let mut probe = Command::new(&python);
    let works =
        probe.args(["-c", "import ai_edge_litert.interpreter"]).output().is_ok_and(|o| o.status.success());
    if !shared.join("faces").is_dir() || !works {
        eprintln!("SKIPPED: no pictures in {}, or no LiteRT in {}", shared.display(), python.display());
        return;
    }
    let bytes = fs::read(here.join("../../models/gate/gate.fvnw")).unwrap();
    let network = Network::new(GateWeights::parse(&bytes).unwrap()).unwrap();
    let inputs = calibration_pictures(&shared, network.graph.input_shape(), COUNT).unwrap();
    let observed = Observed::of(&network.from.net, &inputs).unwrap();
    let ranges = observed.ranges(&network.from.net, Calibration::Mse);
    let net = quantize(&network.from.net, &ranges, Some(&observed), None).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let [model, given, made] = ["net.tflite", "given", "made"].map(|name| folder.path().join(name));
    fs::write(&model, tflite::export::int8(&net, "gate").unwrap()).unwrap();
    let pixels: Vec<Vec<u8>> =
        inputs.iter().map(|i| i.iter().map(|v| (v * 255.0).round() as u8).collect()).collect();
    fs::write(&given, pixels.iter().flatten().map(|p| p ^ 0x80).collect::<Vec<_>>()).unwrap();
    let tool = here.join("../../tools/tflite_reference.py");
    let run = Command::new(&python).arg(tool).args([&model, &given, &made]).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));

    let file = FileBytes::new(&file::write(&net).unwrap());
    let model = Model::parse(file.bytes()).unwrap();
    let mut arena = vec![0; model.arena_len()];
    let (width, height) = (model.input().width, model.input().height);
    let want = fs::read(&made).unwrap();
    let len = model.output(0).unwrap().len();
    assert_eq!(want.len(), len * pixels.len());
    for (n, (picture, want)) in pixels.iter().zip(want.chunks_exact(len)).enumerate() {
        let frame = Frame { format: PixelFormat::Rgb888, width, height, bytes: picture };
        let got = model.run(Input::Frame(frame), &mut arena).unwrap();
        let wrong = got.iter().zip(want).position(|(g, w)| *g as u8 != *w);
        assert_eq!(wrong, None, "picture {n}");
    }
    assert!(want.iter().any(|&w| w as i8 > 100), "no mask says that there is a face");
}

/// The shipped painter in 8 bits paints nearly what the floats paint, and neither gives the portrait back.
#[test]
fn the_direct_network_paints_alike_in_floats_and_in_8_bits() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let portrait = Picture::decode(&fs::read(root.join("assets/sample.jpg")).unwrap()).unwrap();
    let mut float = Direct::load(&root.join("models/direct/direct.ckpt")).unwrap();
    let painter =
        PaintingNet::from_tflite(&fs::read(root.join("models/direct/direct.tflite")).unwrap()).unwrap();
    let frame = Direct::letterboxed(&portrait, painter.side());
    let (want, got) = (float.paint(&portrait).unwrap(), painter.paint_framed(&frame).unwrap());
    let apart = |a: &[u8], b: &[u8]| {
        a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64
    };
    assert!(apart(want.pixels(), &got) < 3.0, "{}", apart(want.pixels(), &got));
    let changed = want.pixels().iter().zip(&frame).filter(|(a, b)| a.abs_diff(**b) > 16).count();
    assert!(changed > frame.len() / 100, "{changed} of {} samples changed", frame.len());
}

/// The network that is quantised paints what the trained one paints: also what is unshuffled, added to and shuffled again, whose
/// values have another order there.
#[test]
fn what_is_quantised_says_in_floats_what_was_trained() {
    use crate::dataset::random::Random;
    use crate::net::fast::Fast;
    use crate::net::layout::Layout;

    for name in ["direct", "gate-96"] {
        let graph = faceveil_net::by_name(name).expect("it is listed").without_norms();
        let mut random = Random::new(3);
        let values: Vec<f32> = (0..Layout::of(&graph).len).map(|_| 0.2 * random.normal() as f32).collect();
        let shape = graph.input_shape();
        let pixels: Vec<f32> = (0..shape.len()).map(|_| random.unit() as f32).collect();
        let mut fast = Fast::new(&graph, 1).expect("it knows the operations");
        let want = fast.infer(&values, &[], &pixels).to_vec();
        let last = |planes: &[f32], shape: Shape| -> Vec<f32> {
            (0..shape.len())
                .map(|i| planes[i % shape.channels * shape.places() + i / shape.channels])
                .collect()
        };
        let from = from_graph(&graph, &values).expect("it can be quantised");
        let got = from.net.run(&last(&pixels, shape), &mut |_, _| ()).expect("it runs");
        for (i, (got, want)) in got[0].iter().zip(last(&want, graph.output_shape())).enumerate() {
            let want = if name == "direct" { want } else { 1.0 / (1.0 + (-want).exp()) };
            assert!((got - want).abs() < 1e-3 * want.abs().max(1.0), "{name} {i}: {got} {want}");
        }
    }
}
