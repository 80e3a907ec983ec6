//! `time_host NET.tflite [PYTHON]`: milliseconds of one core's time a run of a network in int8, ours and, where PYTHON has
//! LiteRT, XNNPACK's and the built-in kernels', in turns in one run: the fastest, the median, and their ratios. The time is the thread's own, so
//! that other programs count little.

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use faceveil_int8::model::FileBytes;
use faceveil_int8::{Frame, Input, Model, PixelFormat, Prepared};
use faceveil_quant::{file, tflite};

/// Turns; in each as many runs as come to about these multiplications, but neither few nor endless.
const TURNS: usize = 9;
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

/// Fastest and median milliseconds of a run.
type Times = [f64; 2];

/// Those of ours: of a network that was prepared once, as LiteRT prepares its own, and of one that
/// was not.
fn ours(prepared: &Prepared<'_>, runs: u64) -> [Times; 2] {
    let model = prepared.model();
    let input = model.input();
    let pixels: Vec<u8> = (0..input.len()).map(|i| ((i * 7919) >> 5) as u8).collect();
    let values: Vec<i8> = pixels.iter().map(|&p| (p ^ 0x80) as i8).collect();
    let frame =
        Frame { format: PixelFormat::Rgb888, width: input.width, height: input.height, bytes: &pixels };
    let mut arena = vec![0; model.arena_len()];
    let frames = model.run(Input::Frame(frame), &mut arena).is_ok();
    let input = if frames { Input::Frame(frame) } else { Input::Values(&values) };
    [true, false].map(|once| {
        let time = |_| {
            let begun = clock();
            let run = if once { prepared.run(input, &mut arena) } else { model.run(input, &mut arena) };
            std::hint::black_box(run.map(|out| out[0]).expect("it ran before"));
            clock() - begun
        };
        let mut times: Vec<f64> = (0..runs).map(time).collect();
        let median = median(&mut times);
        [times[0], median]
    })
}

/// Those of LiteRT with XNNPACK, and with its own kernels.
fn theirs(python: &str, net: &str, runs: u64) -> Result<[Times; 2], Box<dyn Error>> {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/tflite_reference.py");
    let out = Command::new(python).arg(tool).args([net, "--time", "--runs", &runs.to_string()]).output()?;
    let text = String::from_utf8(out.stdout)?;
    let of = |name: &str| -> Option<Times> {
        let mut numbers = text.lines().find_map(|l| l.strip_prefix(name))?.split_whitespace();
        Some([numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?])
    };
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
    let mut turns: [Vec<Times>; 4] = Default::default();
    for _ in 0..TURNS {
        let mut times = ours(&prepared, runs).to_vec();
        if let Some(python) = args.get(2) {
            times.extend(theirs(python, net, runs)?);
        }
        turns.iter_mut().zip(times).for_each(|(all, time)| all.push(time));
    }
    println!(
        "{}, {:.2} MMAC, arena {} bytes",
        faceveil_int8::kernels::instructions(),
        model.macs() as f64 / 1e6,
        model.arena_len()
    );
    let own = turns[0].clone();
    for (name, times) in ["prepared", "not", "XNNPACK", "built-in"].iter().zip(&turns) {
        if !times.is_empty() {
            let fastest = |times: &[Times]| times.iter().fold(f64::MAX, |least, t| least.min(t[0]));
            let middle = median(&mut times.iter().map(|t| t[1]).collect::<Vec<_>>());
            // Of each turn, as other work on the machine hits both.
            let ratio = median(&mut own.iter().zip(times).map(|(own, t)| own[1] / t[1]).collect::<Vec<_>>());
            let least = fastest(times);
            let of_fastest = fastest(&own) / least;
            println!(
                "{name:<8} fastest {least:.3} ms, median {middle:.3} ms; prepared / this {of_fastest:.2}, {ratio:.2}"
            );
        }
    }
    Ok(())
}
