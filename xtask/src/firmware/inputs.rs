//! What the firmware is run on: networks and frames.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use faceveil_media::Limits;

use crate::python::call;

/// A network's file: the trained one of `models/gate` if there is one, else one with weights by chance, which costs
/// the same and sees nothing.
///
/// # Errors
/// If it cannot be made.
pub fn network(root: &Path, folder: &Path, name: &str) -> Result<(PathBuf, bool)> {
    let trained = root.join(format!("models/gate/{name}.fv8"));
    if trained.is_file() {
        return Ok((trained, true));
    }
    let model = folder.join(format!("{name}.fv8"));
    by_chance(root, name, &model)?;
    Ok((model, false))
}

/// A network with weights by chance.
///
/// # Errors
/// If it cannot be made.
pub fn by_chance(root: &Path, name: &str, to: &Path) -> Result<()> {
    let example = ["run", "--quiet", "--package", "faceveil-quant", "--example", "untrained", "--", name];
    call(Command::new(env!("CARGO")).current_dir(root).args(example).arg(to))
}

/// The same network, hiding everything: the dearest frame that there is. Its threshold and its certain value are as
/// low as can be; words 8 and 9 of the file, see `faceveil_int8::format`.
///
/// # Errors
/// If it cannot be written.
pub fn hiding_all(model: &Path, folder: &Path) -> Result<PathBuf> {
    let mut bytes = std::fs::read(model)?;
    for word in [8, 9] {
        let value = bytes.get_mut(4 * word..4 * word + 4).context("the network is cut off")?;
        value.copy_from_slice(&f32::MIN_POSITIVE.to_le_bytes());
    }
    let path = folder.join(model.file_stem().context("a name")?).with_extension("all.fv8");
    std::fs::write(&path, bytes)?;
    Ok(path)
}

/// A TFLite file in our form and, beside it, in C99.
///
/// # Errors
/// If it cannot be converted.
pub fn converted(root: &Path, tflite: &Path, to: &Path) -> Result<()> {
    let example = ["run", "--quiet", "--package", "faceveil-quant", "--example", "convert", "--"];
    call(Command::new(env!("CARGO")).current_dir(root).args(example).arg(tflite).arg(to))
}

/// The sample, a portrait, shrunk to a square: RGB888.
///
/// # Errors
/// If it cannot be read.
pub fn portrait(root: &Path, side: usize) -> Result<Vec<u8>> {
    let bytes = std::fs::read(root.join("assets/sample.jpg"))?;
    let raster = faceveil_media::decode(&bytes, &Limits::default())?.raster;
    let (width, height) = (raster.width() as usize, raster.height() as usize);
    ensure!(width == height && width >= side, "the sample is a square of at least {side} pixels");
    let mut frame = Vec::with_capacity(3 * side * side);
    for place in 0..side * side {
        let range = |at: usize| (at * width / side) as u32..((at + 1) * width / side) as u32;
        let (columns, rows) = (range(place % side), range(place / side));
        let (mut sums, mut count) = ([0; 3], 0);
        for (x, y) in rows.flat_map(|y| columns.clone().map(move |x| (x, y))) {
            sums.iter_mut().zip(raster.rgb8(x, y)).for_each(|(sum, value)| *sum += u32::from(value));
            count += 1;
        }
        frame.extend(sums.map(|sum| ((sum + count / 2) / count) as u8));
    }
    Ok(frame)
}

/// As a camera of RGB565 would give it.
pub fn rgb565(rgb: &[u8]) -> Vec<u8> {
    let word = |p: &[u8]| u16::from(p[0] >> 3) << 11 | u16::from(p[1] >> 2) << 5 | u16::from(p[2] >> 3);
    rgb.chunks_exact(3).flat_map(|pixel| word(pixel).to_le_bytes()).collect()
}
