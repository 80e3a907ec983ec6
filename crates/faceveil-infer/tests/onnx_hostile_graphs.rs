//! Random sound graphs: they run, and fusing does not change what they compute. A graph all of whose
//! values are outputs cannot be fused, so it is the oracle of the same graph with a few outputs.

mod onnx_writer;

use faceveil_infer::kernels::Isa;
use faceveil_infer::network::{ColorOrder, ImportError, InputRow, Memory, Network};
use onnx_writer::{Kernel, Random, Writer, values};

const GRAPHS: u64 = 400;
const SIZES: [(usize, usize); 3] = [(64, 64), (32, 96), (96, 32)];

/// A value of a graph.
#[derive(Clone)]
struct Value {
    name: String,
    channels: usize,
    halvings: u32,
}

/// Adds a random operation to `writer` and its value to `all`.
fn grow(writer: &mut Writer, all: &mut Vec<Value>, random: &mut Random) {
    // The youngest values are read most, so that long chains arise.
    let reach = 1 + random.below(4);
    let back = random.below(all.len().min(reach));
    let from = all[all.len() - 1 - back].clone();
    let name = format!("v{}", all.len());
    let mut made = Value { name, ..from.clone() };
    match random.below(12) {
        0 if from.halvings < 5 => {
            made.halvings += 1;
            writer.pool(&from.name, &made.name);
        }
        1 if from.halvings > 0 => {
            made.halvings -= 1;
            writer.upsample(&from.name, &made.name);
        }
        2 if from.halvings > 0 => {
            (made.halvings, made.channels) = (from.halvings - 1, 1 + random.below(12));
            writer.double(&from.name, &made.name, [from.channels, made.channels]);
        }
        3..=5 => {
            let shape = (from.channels, from.halvings);
            let fitting: Vec<_> = all.iter().filter(|v| (v.channels, v.halvings) == shape).collect();
            let other = fitting[random.below(fitting.len())].name.clone();
            writer.node("Add", &[&from.name, &other], &made.name, &[]);
        }
        _ => conv(writer, &from, &mut made, random),
    }
    all.push(made);
}

fn conv(writer: &mut Writer, from: &Value, made: &mut Value, random: &mut Random) {
    let kernel = [Kernel::Point, Kernel::Point, Kernel::Depth, Kernel::Depth, Kernel::Full][random.below(5)];
    // A full convolution of one channel is a depthwise one in ONNX.
    let kernel = if kernel == Kernel::Full && from.channels == 1 { Kernel::Point } else { kernel };
    if kernel != Kernel::Depth {
        // Few widths, so that sums find partners; heads of one channel are joined.
        made.channels = [1, 4, 8, 8, 20][random.below(5)];
    }
    let stride = if kernel != Kernel::Point && from.halvings < 5 && random.below(4) == 0 { 2 } else { 1 };
    made.halvings += u32::from(stride == 2);
    let shape = [from.channels, made.channels];
    if random.below(3) == 0 {
        // It is folded into the convolution, whose own output nothing else may read.
        let linear = format!("{}linear", made.name);
        writer.conv(&from.name, &linear, shape, kernel, stride);
        writer.node("Relu", &[&linear], &made.name, &[]);
    } else {
        writer.conv(&from.name, &made.name, shape, kernel, stride);
    }
}

/// Writes row `y` of a float network's picture.
fn write(y: usize, to: InputRow<'_>, picture: &[f32]) {
    let InputRow::Float(to) = to else { panic!("not a float network") };
    let len = to.len();
    to.copy_from_slice(&picture[y * len..(y + 1) * len]);
}

/// The values of an output at each cell.
fn read(network: &Network, memory: &Memory, name: &str) -> Vec<f32> {
    let output = network.output(memory, name);
    let cells = 0..output.height * output.width;
    cells.flat_map(|cell| (0..output.channels()).map(move |channel| output.at(cell, channel))).collect()
}

#[test]
fn fused_and_plain_graphs_compute_the_same() {
    for seed in 0..GRAPHS {
        let mut random = Random(seed);
        let (mut writer, mut all) = (Writer::default(), Vec::new());
        writer.conv("x", "v0", [3, 8], Kernel::Full, 1 + seed % 2);
        all.push(Value { name: "v0".into(), channels: 8, halvings: (seed % 2) as u32 });
        for _ in 0..2 + random.below(14) {
            grow(&mut writer, &mut all, &mut random);
        }
        let shown: Vec<&str> = all.iter().map(|v| v.name.as_str()).collect();
        let (last, others) = shown.split_last().unwrap();
        let mut few = vec![*last];
        few.extend(others.iter().filter(|_| random.below(4) == 0));
        let import = |outputs: &[&str]| {
            Network::from_onnx(&writer.finish(outputs), ColorOrder::Rgb, Isa::Portable)
                .unwrap_or_else(|e| panic!("graph {seed}: {e}"))
        };
        let (plain, fused) = (import(&shown), import(&few));
        let (mut plain_memory, mut fused_memory) = (Memory::default(), Memory::default());
        for (height, width) in SIZES {
            let picture = values(height * width * 3, seed);
            plain.run(&mut plain_memory, height, width, |y, to| write(y, to, &picture));
            fused.run(&mut fused_memory, height, width, |y, to| write(y, to, &picture));
            for name in &few {
                let (want, got) = (read(&plain, &plain_memory, name), read(&fused, &fused_memory, name));
                assert_eq!(got.len(), want.len(), "graph {seed}, {name}");
                for (i, (g, w)) in got.iter().zip(&want).enumerate() {
                    let same = g == w || (g.is_nan() && w.is_nan());
                    assert!(same, "graph {seed}, {name}, {width}×{height}: at {i} got {g}, want {w}");
                }
            }
        }
    }
}

/// Two branches that end alike meet in a sum: only one of them can take the sum along.
#[test]
fn a_sum_of_two_chains_is_made_once() {
    let mut writer = Writer::default();
    writer.conv("x", "s", [3, 8], Kernel::Full, 1);
    for branch in ["a", "b"] {
        let (deep, wide) = (format!("{branch}d"), format!("{branch}w"));
        writer.conv("s", &deep, [8, 8], Kernel::Depth, 1);
        writer.conv(&deep, &wide, [8, 8], Kernel::Point, 1);
    }
    writer.node("Add", &["aw", "bw"], "y", &[]);
    let import = |outputs: &[&str]| {
        Network::from_onnx(&writer.finish(outputs), ColorOrder::Rgb, Isa::Portable).unwrap()
    };
    let (network, parts) = (import(&["y"]), import(&["aw", "bw"]));
    let (mut memory, mut part_memory) = (Memory::default(), Memory::default());
    network.run(&mut memory, 32, 32, |y, to| write(y, to, &[1.0; 32 * 32 * 3]));
    parts.run(&mut part_memory, 32, 32, |y, to| write(y, to, &[1.0; 32 * 32 * 3]));
    let [a, b] = ["aw", "bw"].map(|name| read(&parts, &part_memory, name));
    let want: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a + b).collect();
    assert!(want.iter().any(|v| *v != 0.0));
    assert_eq!(read(&network, &memory, "y"), want);
}

/// The engine reads the picture row by row and keeps none of it.
#[test]
fn the_picture_itself_is_no_output() {
    let mut writer = Writer::default();
    writer.conv("x", "s", [3, 8], Kernel::Full, 1);
    writer.node("Sigmoid", &["x"], "same", &[]);
    let refused = Network::from_onnx(&writer.finish(&["s", "same"]), ColorOrder::Rgb, Isa::Portable);
    assert_eq!(refused.err(), Some(ImportError::Echo("same".to_owned())));
}
