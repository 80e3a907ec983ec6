//! Times the detectors one picture at a time, on request, so that another program can alternate them with
//! its own: each line `DETECTOR WIDTH HEIGHT ISA` on standard input (`yunet 640 480 detected`) is answered
//! by the milliseconds of one detection, preparing the input and reading the boxes included.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::time::Instant;

use faceveil_core::face::Detector;
use faceveil_core::raster::RgbView;
use faceveil_infer::detectors::{CenterFace, DetectError, YuNet};
use faceveil_infer::kernels::Isa;
use faceveil_infer::network::Precision;

type Error = Box<dyn std::error::Error>;

fn detector(name: &str, isa: &str) -> Result<Box<dyn Detector<Error = DetectError>>, Error> {
    let (isa, precision) = match isa {
        "portable" => (Isa::Portable, Precision::Float),
        "detected" => (Isa::detect(), Precision::Float),
        "portable-int8" => (Isa::Portable, Precision::Int8),
        "avx2-int8" => (*Isa::all().get(1).ok_or("no vector instructions")?, Precision::Int8),
        "int8" => (Isa::detect(), Precision::Int8),
        _ => {
            return Err(
                format!("{isa:?} is none of portable, detected, int8, avx2-int8, portable-int8").into()
            );
        }
    };
    match name {
        "yunet" => Ok(Box::new(YuNet::new(isa, precision)?)),
        "centerface" => Ok(Box::new(CenterFace::new(isa, precision)?)),
        _ => Err(format!("{name:?} is not yunet or centerface").into()),
    }
}

/// Repeatable noise, as the peers get it.
fn noise(width: u32, height: u32) -> Vec<u8> {
    let mut state = 1u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(width as usize * height as usize * 3).collect()
}

fn main() -> Result<(), Error> {
    let mut detectors = HashMap::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let [name, width, height, isa] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            return Err(format!("{line:?} is not DETECTOR WIDTH HEIGHT ISA").into());
        };
        let (width, height): (u32, u32) = (width.parse()?, height.parse()?);
        let detector = match detectors.entry((name.to_owned(), isa.to_owned())) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => new.insert(detector(name, isa)?),
        };
        let pixels = noise(width, height);
        let view = RgbView::new(width, height, &pixels).ok_or("an empty picture")?;
        let start = Instant::now();
        detector.detect(view, 0.5)?;
        println!("{:.4}", start.elapsed().as_secs_f64() * 1e3);
        std::io::stdout().flush()?;
    }
    Ok(())
}
