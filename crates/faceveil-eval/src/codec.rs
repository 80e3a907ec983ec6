//! Puts the original through the output's codec, so that coding is not mistaken for hiding.

use faceveil_media::{JpegCoding, Source};
use jpeg_encoder::{
    ChromaSubsamplingMethod, ColorType, Encoder, EncodingError, QuantizationTableType, SamplingFactor,
};

use crate::picture::{JudgeError, Picture};

/// `picture` coded with the output's JPEG tables and chroma sampling, and decoded again; unchanged
/// for any other format, and for JPEGs of four components.
///
/// The referee codes with libjpeg; the encoder here follows libjpeg's transform and averages chroma
/// as it does, but rounds differently here and there. It shows only where tables are exactly twice as
/// coarse as those the original was coded with (quality 75, then 50): then half of the coefficients
/// lie on a rounding edge, and which way they fall looks like change.
pub(crate) fn same_codec(picture: Picture, source: &Source) -> Result<Picture, JudgeError> {
    match source {
        Source::Jpeg(coding) if matches!(coding.components.len(), 1 | 3) => {
            let bytes = encode(&picture, coding).map_err(|e| JudgeError::Codec { text: e.to_string() })?;
            Picture::decode(&bytes)
        }
        _ => Ok(picture),
    }
}

fn encode(picture: &Picture, coding: &JpegCoding) -> Result<Vec<u8>, EncodingError> {
    let (luma, chroma) = (&coding.components[0], &coding.components[coding.components.len().min(2) - 1]);
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 100);
    let table = |table: [u16; 64]| QuantizationTableType::Custom(Box::new(table));
    encoder.set_quantization_tables(table(luma.table), table(chroma.table));
    // The picture is at most as large as the output, which was a JPEG: its sides fit.
    let side = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    let (width, height) = (side(picture.width()), side(picture.height()));
    if coding.components.len() == 1 {
        encoder.encode(&luma_of(picture), width, height, ColorType::Luma)?;
        return Ok(bytes);
    }
    let ratio = |whole: u8, part: u8| whole / part.max(1);
    let factors = (ratio(luma.horizontal, chroma.horizontal), ratio(luma.vertical, chroma.vertical));
    let sampling = SamplingFactor::from_factors(factors.0, factors.1);
    encoder.set_sampling_factor(sampling.unwrap_or(SamplingFactor::F_2_2));
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    encoder.encode(picture.pixels(), width, height, ColorType::Rgb)?;
    Ok(bytes)
}

/// ITU-R 601 luma in 16-bit fixed point.
fn luma_of(picture: &Picture) -> Vec<u8> {
    let luma = |p: &[u8]| {
        let [r, g, b] = [p[0], p[1], p[2]].map(u32::from);
        ((19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16) as u8
    };
    picture.pixels().chunks_exact(3).map(luma).collect()
}
