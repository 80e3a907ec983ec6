//! `frame MODEL.fv8 FRAME.rgb565 [OUT.rgb565]`: what the firmware's example does, on this machine; prints the same
//! checksums.

use std::error::Error;
use std::time::Instant;
use std::{env, fs};

use faceveil_core::device::Hidden;
use faceveil_int8::model::FileBytes;
use faceveil_int8::{Frame, Input, Model, PixelFormat};

#[path = "../../../firmware/src/example.rs"]
mod example;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (model, path, out) = match arguments.as_slice() {
        [model, path] => (model, path, None),
        [model, path, out] => (model, path, Some(out)),
        _ => return Err("frame MODEL.fv8 FRAME.rgb565 [OUT.rgb565]".into()),
    };
    let file = FileBytes::new(&fs::read(model)?);
    let model = Model::parse(file.bytes())?;
    let mut frame = fs::read(path)?;
    let mut arena = vec![0; model.arena_len()];
    let (width, height) = (model.input().width, model.input().height);
    let mut bits = vec![0; Hidden::memory(width, height)];
    let format = PixelFormat::Rgb565;
    let mut times: Vec<f64> = Vec::new();
    for _ in 0..51 {
        let start = Instant::now();
        model.run(Input::Frame(Frame { format, width, height, bytes: &frame }), &mut arena)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let memory = (arena.as_mut_slice(), bits.as_mut_slice());
    let outcome = example::hide(&model, format, &mut frame, memory, &example::PATTERN, |_| ())?;
    println!("mask {}\nhidden {}\nframe {}", outcome.mask, outcome.hidden, outcome.frame);
    println!("milliseconds {:.3} (median of {}), least {:.3}", times[times.len() / 2], times.len(), times[0]);
    if let Some(out) = out {
        fs::write(out, frame)?;
    }
    Ok(())
}
