//! `convert IN.tflite OUT`: an int8 TFLite file in our form (`.fv8`), or in C99 (`.c`).

use std::error::Error;
use std::path::Path;
use std::{env, fs};

use faceveil_quant::{c99, file, tflite};

fn main() -> Result<(), Box<dyn Error>> {
    let [_, from, to] = &env::args().collect::<Vec<_>>()[..] else {
        return Err("convert IN.tflite OUT.fv8 or OUT.c".into());
    };
    let net = tflite::import::int8(&fs::read(from)?)?;
    let name = Path::new(from).file_stem().unwrap_or_default().to_string_lossy();
    let bytes = if to.ends_with(".c") { c99::write(&net, &name)?.into_bytes() } else { file::write(&net)? };
    fs::write(to, bytes)?;
    Ok(())
}
