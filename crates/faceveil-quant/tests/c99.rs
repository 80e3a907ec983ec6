//! Compiles the C99 that is written with the system's compiler and compares its outputs with the Rust runtime's.

use std::fs;
use std::path::Path;
use std::process::Command;

use faceveil_int8::model::FileBytes;
use faceveil_int8::{Frame, Input, Model, PixelFormat};
use faceveil_quant::network::IntNet;
use faceveil_quant::{c99, file, tflite};

/// A main function around the network: reads the input, writes the outputs.
fn program(net: &IntNet, source: &str, format: Option<PixelFormat>) -> String {
    let input = net.network.nodes[0].shape;
    let bytes = format.map_or(input.len(), |f| input.places() * f.bytes());
    let call = match format {
        Some(PixelFormat::Rgb888) => "net_run(in, FV_RGB888)",
        Some(PixelFormat::Rgb565) => "net_run(in, FV_RGB565)",
        Some(PixelFormat::Yuv422) => "net_run(in, FV_YUV422)",
        None => "net_run((const int8_t *)in)",
    };
    let outputs = net.network.outputs.iter().enumerate().map(|(n, &id)| {
        format!("fwrite(net_output{n}(), 1, {}, stdout);", net.network.nodes[id].shape.len())
    });
    format!(
        "{source}\n#include <stdio.h>\nstatic uint8_t in[{bytes}];\nint main(void) {{\n\
         if (fread(in, 1, sizeof in, stdin) != sizeof in) return 1;\n{call};\n{}\nreturn 0;\n}}\n",
        outputs.collect::<String>()
    )
}

fn compile(folder: &Path, source: &str, options: &[&str], out: &str) {
    fs::write(folder.join("net.c"), source).unwrap();
    let run = Command::new("cc")
        .args(["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-O2"])
        .args(options)
        .args(["net.c", "-o", out])
        .current_dir(folder)
        .output()
        .expect("there is a C compiler");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}

/// What the compiled network says of `input`.
fn outputs_in_c(net: &IntNet, format: Option<PixelFormat>, input: &[u8]) -> Vec<i8> {
    let folder = tempfile::tempdir().unwrap();
    let source = c99::write(net, "net").unwrap();
    compile(
        folder.path(),
        &program(net, &source, format),
        &["-fsanitize=undefined", "-fno-sanitize-recover"],
        "net",
    );
    let given = folder.path().join("in");
    fs::write(&given, input).unwrap();
    let run =
        Command::new(folder.path().join("net")).stdin(fs::File::open(&given).unwrap()).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    run.stdout.iter().map(|&b| b as i8).collect()
}

fn outputs_in_rust(net: &IntNet, format: Option<PixelFormat>, bytes: &[u8]) -> Vec<i8> {
    let file = FileBytes::new(&file::write(net).unwrap());
    let model = Model::parse(file.bytes()).unwrap();
    let mut arena = vec![-7; model.arena_len()];
    let (width, height) = (model.input().width, model.input().height);
    let values: Vec<i8> = bytes.iter().map(|&b| b as i8).collect();
    let input = match format {
        Some(format) => Input::Frame(Frame { format, width, height, bytes }),
        None => Input::Values(&values),
    };
    model.run(input, &mut arena).unwrap();
    (0..model.outputs()).flat_map(|n| model.read(n, &arena).to_vec()).collect()
}

fn there_is_a_compiler() -> bool {
    let found = Command::new("cc").arg("--version").output().is_ok();
    if !found {
        eprintln!("SKIPPED: no C compiler called cc");
    }
    found
}

#[test]
fn c_gives_the_bits_of_rust_for_every_operation() {
    if !there_is_a_compiler() {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens");
    for name in [
        "conv1",
        "conv3_stride2",
        "depthwise",
        "padded_stride2",
        "transpose_conv",
        "add",
        "add_upsampled",
        "logistic_fine",
        "pool_concat",
        "channels_padded",
        "two_outputs",
    ] {
        let net = tflite::import::int8(&fs::read(folder.join(format!("{name}.tflite"))).unwrap()).unwrap();
        let golden = fs::read(folder.join(format!("{name}.bin"))).unwrap();
        let (input, want) = golden.split_at(net.network.nodes[0].shape.len());
        let want: Vec<i8> = want.iter().map(|&b| b as i8).collect();
        assert_eq!(outputs_in_c(&net, None, input), want, "{name}");
    }
}

#[test]
fn c_unpacks_frames_as_rust_does() {
    if !there_is_a_compiler() {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens");
    let net = tflite::import::int8(&fs::read(folder.join("unshuffle.tflite")).unwrap()).unwrap();
    let input = net.network.nodes[0].shape;
    for format in [PixelFormat::Rgb888, PixelFormat::Rgb565, PixelFormat::Yuv422] {
        let bytes: Vec<u8> =
            (0..input.places() * format.bytes()).map(|i| (i * 89 + i / 7 * 31) as u8).collect();
        let want = outputs_in_rust(&net, Some(format), &bytes);
        assert_eq!(outputs_in_c(&net, Some(format), &bytes), want, "{format:?}");
    }
}

#[test]
fn c_needs_no_library() {
    if !there_is_a_compiler() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens");
    for name in ["unshuffle", "add_upsampled", "two_outputs", "channels_padded"] {
        let net = tflite::import::int8(&fs::read(goldens.join(format!("{name}.tflite"))).unwrap()).unwrap();
        let source = c99::write(&net, name).unwrap();
        compile(folder.path(), &source, &["-ffreestanding", "-c"], "net.o");
        let symbols = Command::new("nm").arg("-u").arg(folder.path().join("net.o")).output().unwrap();
        assert!(symbols.status.success());
        assert_eq!(String::from_utf8_lossy(&symbols.stdout).trim(), "", "{name}");
    }
}
