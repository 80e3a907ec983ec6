//! `time_host NET.tflite [PYTHON]`: milliseconds of one core's time a run of a network in int8, ours and, where PYTHON has
//! LiteRT, XNNPACK's and the built-in kernels', in turns in one run, and the ratios. The time is the thread's own, so
//! that other programs count little.

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use faceveil_int8::model::FileBytes;
use faceveil_int8::{Frame, Input, Model, PixelFormat, Prepared};
use faceveil_quant::{file, tflite};

/// Turns; in each as many runs as come to about these multiplications, but neither few nor endless.
const TURNS: usize = 5;
const MACS: u64 = 2_000_000_000;

/// The thread's time so far, milliseconds.
fn clock() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    1e3 * time.tv_sec as f64 + 1e-6 * time.tv_nsec as f64
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Median milliseconds of a run of ours, of a network that was prepared once, as LiteRT prepares its own.
fn ours(prepared: &Prepared<'_>, runs: u64) -> f64 {
    let model = prepared.model();
    let input = model.input();
    let pixels: Vec<u8> = (0..input.len()).map(|i| ((i * 7919) >> 5) as u8).collect();
    let values: Vec<i8> = pixels.iter().map(|&p| (p ^ 0x80) as i8).collect();
    let frame =
        Frame { format: PixelFormat::Rgb888, width: input.width, height: input.height, bytes: &pixels };
    let mut arena = vec![0; model.arena_len()];
    let frames = model.run(Input::Frame(frame), &mut arena).is_ok();
    let input = if frames { Input::Frame(frame) } else { Input::Values(&values) };
    let time = |_| {
        let begun = clock();
        let run = prepared.run(input, &mut arena);
        std::hint::black_box(run.map(|out| out[0]).expect("it ran before"));
        clock() - begun
    };
    median(&mut (0..runs).map(time).collect::<Vec<_>>())
}

/// Median milliseconds of LiteRT with XNNPACK, and with its own kernels.
fn theirs(python: &str, net: &str, runs: u64) -> Result<[f64; 2], Box<dyn Error>> {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/tflite_reference.py");
    let out = Command::new(python).arg(tool).args([net, "--time", "--runs", &runs.to_string()]).output()?;
    let text = String::from_utf8(out.stdout)?;
    let of = |name: &str| text.lines().find_map(|l| l.strip_prefix(name)).and_then(|t| t.trim().parse().ok());
    match (of("xnnpack"), of("builtin")) {
        (Some(xnnpack), Some(builtin)) => Ok([xnnpack, builtin]),
        _ => Err(String::from_utf8_lossy(&out.stderr).into()),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().collect();
    let net = args.get(1).ok_or("time_host NET.tflite [PYTHON]")?;
    let file = FileBytes::new(&file::write(&tflite::import::int8(&fs::read(net)?)?)?);
    let model = Model::parse(file.bytes())?;
    let prepared = Prepared::new(model)?;
    let runs = (MACS / model.macs().max(1)).clamp(10, 400);
    let (mut own, mut xnnpack, mut builtin) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        own.push(ours(&prepared, runs));
        if let Some(python) = args.get(2) {
            let [x, b] = theirs(python, net, runs)?;
            xnnpack.push(x);
            builtin.push(b);
        }
    }
    let own = median(&mut own);
    println!(
        "ours     {own:.3} ms with {}, {:.2} MMAC, arena {} bytes",
        faceveil_int8::kernels::instructions(),
        model.macs() as f64 / 1e6,
        model.arena_len()
    );
    for (name, mut times) in [("XNNPACK", xnnpack), ("built-in", builtin)] {
        if !times.is_empty() {
            let theirs = median(&mut times);
            println!("{name:<8} {theirs:.3} ms, ratio ours / theirs {:.2}", own / theirs);
        }
    }
    Ok(())
}
