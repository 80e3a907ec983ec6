//! Times decoding and encoding of the JPEGs named on the command line, best of 7.
//!
//! `cargo run --release -p faceveil-media --example jpeg_times -- IN...`

use faceveil_media::{EncodeOptions, Limits, decode, encode_photo};
use std::error::Error;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path)?;
        let (mut decoding, mut encoding, mut last) = (f64::MAX, f64::MAX, None);
        for _ in 0..7 {
            let start = Instant::now();
            let photo = decode(&bytes, &Limits::default())?;
            decoding = decoding.min(start.elapsed().as_secs_f64() * 1e3);
            let start = Instant::now();
            last = Some(encode_photo(&photo, &EncodeOptions::default())?);
            encoding = encoding.min(start.elapsed().as_secs_f64() * 1e3);
        }
        let Some(last) = last else { continue };
        println!(
            "{path}: decode {decoding:.0} ms, encode {encoding:.0} ms, {} bytes of {}, {:?}",
            last.bytes.len(),
            bytes.len(),
            last.jpeg
        );
    }
    Ok(())
}
