//! Samples as another format needs them: 8 bits, opaque, RGB.

use faceveil_core::raster::{Color, Raster, Samples, to_rgb};

/// The nearest of 256 levels for one of 65536.
pub(crate) fn narrow(sample: u16) -> u8 {
    ((u32::from(sample) * 255 + 32_895) >> 16) as u8
}

/// A sample over white, rounded.
fn over_white(sample: u8, opacity: u8) -> u8 {
    let (s, a) = (u32::from(sample), u32::from(opacity));
    ((s * a + 255 * (255 - a) + 127) / 255) as u8
}

/// Row `y` as 8 bits a sample, replacing what `row` holds.
pub(crate) fn row8(raster: &Raster, y: usize, row: &mut Vec<u8>) {
    let len = raster.width() as usize * raster.color().channels();
    let range = y * len..(y + 1) * len;
    row.clear();
    match raster.samples() {
        Samples::U8(v) => row.extend_from_slice(&v[range]),
        Samples::U16(v) => row.extend(v[range].iter().copied().map(narrow)),
    }
}

/// The same samples composited on white, without the opacity.
pub(crate) fn flatten(color: Color, row: &mut Vec<u8>) {
    if !color.has_alpha() {
        return;
    }
    let channels = color.channels();
    let colours = channels - 1;
    let pixels = row.len() / channels;
    for i in 0..pixels {
        let opacity = row[i * channels + colours];
        for c in 0..colours {
            row[i * colours + c] = over_white(row[i * channels + c], opacity);
        }
    }
    row.truncate(pixels * colours);
}

/// CMYK samples as RGB.
pub(crate) fn ink_to_rgb(row: &mut Vec<u8>) {
    let pixels = row.len() / 4;
    for i in 0..pixels {
        let ink = [row[i * 4], row[i * 4 + 1], row[i * 4 + 2], row[i * 4 + 3]];
        row[i * 3..i * 3 + 3].copy_from_slice(&to_rgb(Color::Cmyk, ink));
    }
    row.truncate(pixels * 3);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrowing_rounds_to_the_nearest_level() {
        for sample in 0..=u16::MAX {
            let want = (f64::from(sample) / 257.0).round() as u8;
            assert_eq!(narrow(sample), want, "{sample}");
        }
    }

    #[test]
    fn opacity_is_composited_on_white() {
        let mut row = vec![0, 10, 20, 255, 0, 10, 20, 0, 100, 100, 100, 128];
        flatten(Color::Rgba, &mut row);
        assert_eq!(row, [0, 10, 20, 255, 255, 255, 177, 177, 177]);
        let mut row = vec![7, 255, 7, 0];
        flatten(Color::GrayAlpha, &mut row);
        assert_eq!(row, [7, 255]);
    }
}
