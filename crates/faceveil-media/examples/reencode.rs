//! Decodes a photo and encodes it again, printing the process's peak memory after each step.
//!
//! `cargo run --release -p faceveil-media --example reencode -- IN OUT [jpeg|png|webp]`

use faceveil_media::{EncodeOptions, Format, Limits, decode, encode_photo, files};
use std::error::Error;
use std::time::Instant;

/// The process's peak of resident memory in bytes, where the system tells (Linux).
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1);
    let (Some(from), Some(to)) = (args.next(), args.next()) else {
        return Err("usage: reencode IN OUT [jpeg|png|webp]".into());
    };
    let format = args.next().map(|f| Format::from_extension(&f).ok_or("jpeg, png or webp")).transpose()?;
    let limits = Limits::default();
    let bytes = files::read_photo(&from, &limits)?;
    let start = Instant::now();
    let photo = decode(&bytes, &limits)?;
    let copy = u64::from(photo.raster.width()) * u64::from(photo.raster.height()) * 3;
    let report = |step: &str, start: Instant| {
        let copies = peak_bytes().map(|peak| peak as f64 / copy as f64);
        eprintln!("{step}: {:.3} s, peak so far {copies:.2?} decoded copies", start.elapsed().as_secs_f64());
    };
    report("decode", start);
    drop(bytes);
    let start = Instant::now();
    let encoded = encode_photo(&photo, &EncodeOptions { format, keep_safe_metadata: true })?;
    report("encode", start);
    eprintln!("{:?}, {} bytes", encoded.jpeg, encoded.bytes.len());
    files::write_atomically(&to, &encoded.bytes, true)?;
    Ok(())
}
