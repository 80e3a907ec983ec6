//! A gate network with made-up weights, from floats to integers: what training with rounding sees is what is run.

use faceveil_int8::model::FileBytes;
use faceveil_int8::{Frame, Input, Model, PixelFormat};
use faceveil_net::{Graph, by_name, plan};
use faceveil_quant::float::{FromGraph, from_graph};
use faceveil_quant::network::{IntNet, Op};
use faceveil_quant::ranges::{NodeRange, rounds};
use faceveil_quant::scale::fake_quantize_weights;
use faceveil_quant::{Calibration, Observed, Ranges, file, quantize};

/// Evenly spread in -1..1, always the same.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 40) as f32 / (1u64 << 23) as f32) - 1.0
    }
}

/// Weights whose sums keep their size from layer to layer.
fn values(graph: &Graph) -> Vec<f32> {
    let mut random = Random(3);
    let mut values = Vec::new();
    for node in graph.nodes() {
        let Some(shape) = node.weight_shape(graph.input_of(node)) else { continue };
        let fan = (shape[1] * shape[2] * shape[3]) as f32;
        values.extend((0..shape.iter().product()).map(|_| random.next() * (6.0 / fan).sqrt()));
        values.extend((0..node.shape.channels).map(|_| 0.2 * random.next()));
    }
    values
}

/// Pictures as bytes.
fn pictures(graph: &Graph, count: usize) -> Vec<Vec<u8>> {
    let shape = graph.input_shape();
    let mut random = Random(9);
    let picture = |n: usize| {
        let byte = |i: usize| {
            let (x, y) = (i / 3 % shape.width, i / 3 / shape.width);
            let smooth = 90.0 + 60.0 * ((x * (n + 1)) as f32 / 17.0 + i as f32 % 3.0).sin() + y as f32 / 2.0;
            (smooth + 40.0 * random.next()).clamp(0.0, 255.0) as u8
        };
        (0..shape.len()).map(byte).collect()
    };
    (0..count).map(picture).collect()
}

fn floats(picture: &[u8]) -> Vec<f32> {
    picture.iter().map(|&b| f32::from(b) / 255.0).collect()
}

fn run(net: &IntNet, picture: &[u8]) -> Vec<i8> {
    let file = FileBytes::new(&file::write(net).unwrap());
    let model = Model::parse(file.bytes()).unwrap();
    let (width, height) = (model.input().width, model.input().height);
    let frame = Frame { format: PixelFormat::Rgb888, width, height, bytes: picture };
    model.run(Input::Frame(frame), &mut vec![9; model.arena_len()]).unwrap().to_vec()
}

fn network() -> (Graph, FromGraph, Vec<Vec<u8>>, Observed) {
    // Shallow: with weights that nobody trained, a tie that falls to the other side grows from layer to layer.
    let graph = by_name("gate-96_16.0.1.1_24.1.2.2_32.1.2.2_48.1.1.2").unwrap();
    let from = from_graph(&graph, &values(&graph)).unwrap();
    let pictures = pictures(&graph, 4);
    let observed = Observed::of(&from.net, &pictures.iter().map(|p| floats(p)).collect::<Vec<_>>()).unwrap();
    (graph, from, pictures, observed)
}

#[test]
fn integers_say_what_the_floats_say() {
    let (_, from, pictures, observed) = network();
    for how in Calibration::ALL {
        let net = quantize(&from.net, &observed.ranges(&from.net, how), Some(&observed), None).unwrap();
        let (mut sum, mut count, mut low, mut high) = (0.0, 0, 1f32, 0f32);
        for picture in &pictures {
            let want = from.net.run(&floats(picture), &mut |_, _| {}).unwrap().swap_remove(0);
            for (w, q) in want.iter().zip(run(&net, picture)) {
                sum += (w - (f32::from(q) + 128.0) / 256.0).abs();
                count += 1;
                (low, high) = (low.min(*w), high.max(*w));
            }
        }
        let mean = sum / count as f32;
        assert!(high - low > 0.5, "the masks tell nothing: {low} to {high}");
        assert!(mean < 0.04, "{how}: mean difference {mean}");
    }
}

#[test]
fn training_with_rounding_sees_what_is_run() {
    let (graph, mut from, pictures, observed) = network();
    let ranges = observed.ranges(&from.net, Calibration::MinMax);
    let net = quantize(&from.net, &ranges, None, None).unwrap();
    // Weights as a trainer rounds them: in the graph's order, a channel's one after the other.
    let mut rounded = values(&graph);
    let mut at = 0;
    for node in graph.nodes() {
        let Some(shape) = node.weight_shape(graph.input_of(node)) else { continue };
        let len: usize = shape.iter().product();
        fake_quantize_weights(&mut rounded[at..at + len], len / shape[0]);
        at += len + node.shape.channels;
    }
    from = from_graph(&graph, &rounded).unwrap();
    let rounds: Vec<usize> =
        (0..graph.nodes().len()).filter(|&id| rounds(&graph, id)).map(|id| from.nodes[id]).collect();
    let quants = net.quants.clone();
    for picture in &pictures {
        let mut round = |id: usize, values: &mut [f32]| {
            if rounds.contains(&id) {
                quants[id].fake_quantize(values);
            }
        };
        let want = from.net.run(&floats(picture), &mut round).unwrap().swap_remove(0);
        let got = run(&net, picture);
        let off = |(w, &q): (&f32, &i8)| (w - (f32::from(q) + 128.0) / 256.0).abs();
        let far = want.iter().zip(&got).filter(|&p| off(p) > 0.03).count();
        // A tie of a sum in floats may fall to the other side, and goes on from there.
        assert!(far * 50 < want.len(), "{far} of {} values are far", want.len());
    }
}

#[test]
fn ranges_come_back_from_json_and_give_the_same_network() {
    let (graph, from, _, observed) = network();
    let seen = observed.ranges(&from.net, Calibration::MinMax);
    let of = |node: usize| NodeRange { node, low: seen[from.nodes[node]].0, high: seen[from.nodes[node]].1 };
    let nodes = (0..graph.nodes().len()).filter(|&n| rounds(&graph, n)).map(of).collect();
    let ranges = Ranges { version: 1, net: graph.name().to_owned(), ranges: nodes };
    let json = serde_json::to_string(&ranges).unwrap();
    let back: Ranges = serde_json::from_str(&json).unwrap();
    let given = back.of_nodes(&graph, &from).unwrap();
    assert_eq!(quantize(&from.net, &given, None, None), quantize(&from.net, &seen, None, None));
    let mut short = back.clone();
    let lost = short.ranges.pop().unwrap().node;
    assert_eq!(short.of_nodes(&graph, &from).unwrap_err().to_string(), format!("node {lost} has no range"));
    let other = Ranges { net: "gate".to_owned(), ..back };
    assert!(other.of_nodes(&graph, &from).is_err());
}

#[test]
fn the_arena_is_no_larger_than_planned_for_the_family() {
    let (graph, from, _, observed) = network();
    let net = quantize(&from.net, &observed.ranges(&from.net, Calibration::MinMax), None, None).unwrap();
    let program = faceveil_quant::plan::program(&net).unwrap();
    let planned = plan(&graph);
    assert!(program.arena <= planned.peak_bytes, "{} bytes, planned {}", program.arena, planned.peak_bytes);
    // The first layer reads the frame: neither the picture nor its squares have bytes.
    for (id, node) in net.network.nodes.iter().enumerate().take(2) {
        assert!(matches!(node.op, Op::Input | Op::Unshuffle { .. }) && program.offsets[id].is_none());
    }
}

/// Every value is written over its bytes, and looked for before it is read: nobody overwrites what is still needed.
#[test]
fn nobody_overwrites_what_is_still_read() {
    let (_, from, _, observed) = network();
    let net = quantize(&from.net, &observed.ranges(&from.net, Calibration::MinMax), None, None).unwrap();
    let program = faceveil_quant::plan::program(&net).unwrap();
    let mut arena = vec![usize::MAX; program.arena];
    for step in &program.steps {
        let range = |id: usize| {
            let offset = program.offsets[id].expect("what is read or written has bytes");
            offset..offset + net.network.nodes[id].shape.len()
        };
        for &id in &step.reads {
            assert!(arena[range(id)].iter().all(|b| *b == id), "{step:?} reads {id}");
        }
        arena[step.scratch.0..step.scratch.0 + step.scratch.1].fill(usize::MAX - 1);
        for &id in &step.reads {
            assert!(arena[range(id)].iter().all(|b| *b == id), "the scratch of {step:?} is on {id}");
        }
        arena[range(step.node)].fill(step.node);
    }
}

/// Where the pixels of a square lie is not known to all: a network in which it would have to be is refused, never mixed up.
#[test]
fn squares_are_read_by_what_knows_their_order() {
    use faceveil_net::graph::Op as Of;
    use faceveil_net::{Activation, Shape};

    let squares = |then: &[Of]| {
        let mut graph = Graph::new("squares", Shape::new(8, 8, 3)).unwrap();
        let mut at = graph.push(Of::Unshuffle { block: 2 }, &[0]).unwrap();
        for op in then {
            at = graph.push(*op, &[at]).unwrap();
        }
        let count = plan(&graph).parameters;
        from_graph(&graph, &vec![0.5; count])
    };
    let (norm, activation) = (false, Activation::None);
    let conv = |kernel| Of::Conv { channels: 12, kernel, stride: 1, norm, activation };
    let depthwise = Of::Depthwise { stride: 1, norm, activation };
    assert!(squares(&[conv(1), Of::Shuffle { block: 2 }]).is_ok());
    assert!(squares(&[Of::Shuffle { block: 2 }]).is_ok());
    for refused in [vec![conv(3)], vec![depthwise], vec![conv(1), depthwise, Of::Shuffle { block: 2 }]] {
        let refusal = squares(&refused).unwrap_err().to_string();
        assert!(
            refusal.contains("an operation on unshuffled squares is not supported"),
            "{refused:?}: {refusal}"
        );
    }
}
