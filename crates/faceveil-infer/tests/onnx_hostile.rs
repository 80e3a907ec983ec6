//! Damaged and hostile networks: an error or a network that runs, never a panic, never much memory.

mod onnx_writer;

use faceveil_infer::kernels::Isa;
use faceveil_infer::network::{ColorOrder, ImportError, InputRow, Memory, Network};
use onnx_writer::{Kernel, Random, Writer};

const YUNET: &[u8] = include_bytes!("../../../models/yunet/yunet_n_dynamic.onnx");
/// The file's nodes; behind them come the weights.
const NODES_END: usize = 16 << 10;
/// Damaged files that a test tries.
const ROUNDS: usize = 2_000;

fn import(file: &[u8]) -> Result<Network, ImportError> {
    Network::from_onnx(file, ColorOrder::Rgb, Isa::detect())
}

/// Runs a network on pictures whose sides differ, the smallest one included.
fn run(network: &Network) {
    let mut memory = Memory::default();
    for (height, width) in [(64, 64), (32, 96)] {
        network.run(&mut memory, height, width, |_, to| match to {
            InputRow::Float(to) => to.fill(100.0),
            InputRow::Int8(to) => to.fill(100),
        });
    }
}

#[test]
fn truncations_are_errors() {
    // Only the number of the operator set follows the graph.
    let all = (0..600).chain((600..YUNET.len() - 20).step_by(997));
    for n in all {
        assert!(import(&YUNET[..n]).is_err(), "{n} bytes");
    }
    assert!(import(YUNET).is_ok());
}

#[test]
fn flipped_bytes_never_panic() {
    let mut random = Random(1);
    let mut imported = 0;
    for _ in 0..ROUNDS {
        let mut file = YUNET.to_vec();
        for _ in 0..1 + random.below(3) {
            // Most of the file is weights, where a flip changes little.
            let limit = if random.below(8) == 0 { file.len() } else { NODES_END };
            let at = random.below(limit);
            match random.below(3) {
                0 => file[at] ^= 1 << random.below(8),
                1 => file[at] = random.below(256) as u8,
                _ => file[at] = file[random.below(NODES_END)],
            }
        }
        if let Ok(network) = import(&file) {
            imported += 1;
            run(&network);
        }
    }
    assert!(imported > ROUNDS / 50 && imported < ROUNDS, "{imported} of {ROUNDS} import: nothing is tested");
    assert_modest_memory();
}

/// Nodes that read other values than they should: most such files import.
#[test]
fn rewired_nodes_never_panic() {
    let mut random = Random(2);
    let mut imported = 0;
    let names = names(&YUNET[..NODES_END]);
    for _ in 0..ROUNDS {
        let mut file = YUNET.to_vec();
        for _ in 0..1 + random.below(2) {
            let (from, length) = names[random.below(names.len())];
            let fitting: Vec<_> = names.iter().filter(|name| name.1 == length).collect();
            let (to, _) = *fitting[random.below(fitting.len())];
            file.copy_within(from..from + length, to);
        }
        if let Ok(network) = import(&file) {
            imported += 1;
            run(&network);
        }
    }
    assert!(imported > 0 && imported < ROUNDS, "{imported} of {ROUNDS} import: nothing is tested");
}

/// Place and length of the strings of inputs and outputs: a field number 1 or 2 of bytes, printable.
fn names(nodes: &[u8]) -> Vec<(usize, usize)> {
    let mut all = Vec::new();
    for at in 0..nodes.len() - 64 {
        let length = usize::from(nodes[at + 1]);
        let name = at + 2..at + 2 + length;
        let named = matches!(nodes[at], 0x0a | 0x12) && (1..32).contains(&length);
        if named && nodes[name.clone()].iter().all(u8::is_ascii_graphic) {
            all.push((name.start, length));
        }
    }
    all
}

/// What a hostile graph must be refused for.
fn refusal(writer: &Writer, outputs: &[&str]) -> String {
    import(&writer.finish(outputs)).map(drop).unwrap_err().to_string()
}

/// A stem of 8 channels at the picture's size, named `s`.
fn stem() -> Writer {
    let mut writer = Writer::default();
    writer.conv("x", "s", [3, 8], Kernel::Full, 1);
    writer
}

#[test]
fn impossible_shapes_are_refused_by_name() {
    type Build = fn(&mut Writer);
    let cases: [(&str, Build, &str); 10] = [
        (
            "sums of two sizes",
            |w| {
                w.pool("s", "p");
                w.node("Add", &["s", "p"], "y", &[])
            },
            "operation Add of node y: the summands' shapes differ",
        ),
        (
            "sums of two widths",
            |w| {
                w.conv("s", "p", [8, 9], Kernel::Point, 1);
                w.node("Add", &["s", "p"], "y", &[])
            },
            "operation Add of node y: the summands' shapes differ",
        ),
        (
            "sums with the picture",
            |w| w.node("Add", &["x", "s"], "y", &[]),
            "operation Add of node y: reads the picture",
        ),
        ("a maximum of the picture", |w| w.pool("x", "y"), "operation MaxPool of node y: reads the picture"),
        (
            "a larger picture",
            |w| w.upsample("s", "y"),
            "operation Resize of node y: makes something larger than the picture",
        ),
        (
            "a larger picture by weights",
            |w| w.double("s", "y", [8, 8]),
            "operation ConvTranspose of node y: makes something larger than the picture",
        ),
        (
            "1×1 on the picture",
            |w| w.conv("x", "y", [3, 8], Kernel::Point, 1),
            "operation Conv of node y: reads the picture, which only 3×3 over all channels can",
        ),
        (
            "depthwise on the picture",
            |w| w.conv("x", "y", [3, 3], Kernel::Depth, 1),
            "operation Conv of node y: reads the picture, which only 3×3 over all channels can",
        ),
        (
            "a sigmoid in the middle",
            |w| {
                w.node("Sigmoid", &["s"], "p", &[]);
                w.pool("p", "y")
            },
            "operation MaxPool of node y: reads a reshape, a transposition or a sigmoid",
        ),
        (
            "a value made twice",
            |w| {
                w.pool("s", "y");
                w.pool("s", "y")
            },
            "operation MaxPool of node y: makes a value that there is already",
        ),
    ];
    for (case, build, want) in cases {
        let mut writer = stem();
        build(&mut writer);
        assert_eq!(refusal(&writer, &["y"]), want, "{case}");
    }
}

#[test]
fn a_value_may_be_halved_five_times() {
    let mut writer = stem();
    for i in 0..6 {
        let from = if i == 0 { "s".to_owned() } else { format!("p{i}") };
        writer.pool(&from, &format!("p{}", i + 1));
        let got = import(&writer.finish(&[&format!("p{}", i + 1)]));
        match got {
            Ok(network) => run(&network),
            Err(e) => {
                assert_eq!(e.to_string(), "operation MaxPool of node p6: too many operations or halvings")
            }
        }
        assert_eq!(import(&writer.finish(&[&format!("p{}", i + 1)])).is_ok(), i < 5, "{i}");
    }
}

#[test]
fn greed_is_refused() {
    // One tensor, read by many nodes, would be packed for each.
    let mut writer = stem();
    let weights = writer.tensor(&[512, 512, 3, 3], &[0.5; 512 * 512 * 9]);
    writer.pool("s", "p1");
    for i in 1..5 {
        writer.pool(&format!("p{i}"), &format!("p{}", i + 1));
    }
    writer.conv("p5", "c0", [8, 512], Kernel::Point, 1);
    for i in 0..20 {
        let (from, to) = (format!("c{i}"), format!("c{}", i + 1));
        writer.node("Conv", &[&from, &weights], &to, &[("pads", &[1; 4])]);
    }
    assert!(refusal(&writer, &["c20"]).ends_with("the network has too many weights"));

    let mut writer = stem();
    writer.conv("s", "y", [8, 1025], Kernel::Point, 1);
    assert!(refusal(&writer, &["y"]).ends_with("the network needs too much memory"));

    let mut writer = stem();
    for i in 0..600 {
        let from = if i == 0 { "s".to_owned() } else { format!("a{i}") };
        writer.pool("s", &format!("p{i}"));
        writer.node("Add", &[&from, &from], &format!("a{}", i + 1), &[]);
    }
    assert!(import(&writer.finish(&["a600"])).is_err());
    assert_modest_memory();
}

/// No claim of a file may take much memory. The most that this process ever held, over all tests so far.
fn assert_modest_memory() {
    #[cfg(target_os = "linux")]
    {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let kib: usize = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(kib < 400 << 10, "{kib} KiB");
    }
}
