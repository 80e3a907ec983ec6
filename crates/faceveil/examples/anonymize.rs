//! Hides the faces in one photo: `cargo run --release -p faceveil --example anonymize -- IN OUT`.
//!
//! For turning photos upright by their EXIF, which `image::open` does not do, see the `faceveil` program.

use std::error::Error;
use std::path::Path;

/// Writes `input` to `output` with its faces hidden, and returns their number.
pub fn anonymize(input: &Path, output: &Path) -> Result<usize, Box<dyn Error>> {
    let mut photo = image::open(input)?;
    let mut anonymizer = faceveil::Anonymizer::new(&faceveil::Settings::default())?;
    let report = anonymizer.anonymize_image(&mut photo)?;
    photo.save(output)?;
    Ok(report.faces.len())
}

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<_> = std::env::args_os().skip(1).collect();
    let [input, output] = &paths[..] else { return Err("usage: anonymize IN OUT".into()) };
    println!("{} faces hidden", anonymize(input.as_ref(), output.as_ref())?);
    Ok(())
}
