//! JPEG in.

use crate::inspect::{Part, inspect};
use crate::jpeg::header::{self, Frame, Header};
use crate::jpeg::model::Model;
use crate::jpeg::original::Original;
use crate::jpeg::segments::{self, Described};
use crate::jpeg::turn;
use crate::jpeg::units::Row;
use crate::orientation::Orientation;
use crate::{
    DecodeError, Format, JpegCoding, JpegComponent, Limits, Photo, Reencoded, SafeMetadata, Source, exif, icc,
};
use faceveil_core::raster::{Raster, Samples};
use zune_core::bytestream::ZCursor;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Photo, DecodeError> {
    let parts = inspect(bytes)?;
    let header = header::read(bytes, &parts, limits)?;
    if !header.frame.first_is_widest() {
        let feature = "a first component of fewer samples a row than another";
        return Err(DecodeError::UnsupportedFeature { format: Format::Jpeg, feature });
    }
    let model = Model::of(&header);
    let (orientation, safe) = metadata(bytes, &parts);
    let stored = components(&header);
    let stream = if header.one_scan {
        picture_only(bytes, &parts, model)
    } else {
        rewritten(&header, model, &stored).ok_or(IMPOSSIBLE)?
    };
    let Header { frame, units, in_range, adobe, .. } = header;
    let units = if in_range { turn::upright(units, &frame, orientation) } else { None };
    let samples = pixels(&stream, &frame, model)?;
    drop(stream);
    let raster = Raster::new(frame.width, frame.height, model.color(), Samples::U8(samples));
    let raster = raster.and_then(|r| orientation.apply(r)).map_err(|e| refused(e.to_string()))?;
    let mut coding = JpegCoding {
        components: if orientation.swaps_sides() { transposed(stored) } else { stored },
        progressive: frame.progressive,
        adobe_transform: adobe,
        luma_chroma: matches!(model, Model::YCbCr | Model::Ycck),
        original: Original::none(if in_range { Reencoded::Orientation } else { Reencoded::Coefficients }),
    };
    if let Some(units) = units {
        coding.original = Original::new(units, model, &coding, &raster);
    }
    let icc = profile(bytes, &parts).and_then(icc::validated);
    Ok(Photo { raster, icc, safe, source: Source::Jpeg(coding) })
}

const IMPOSSIBLE: DecodeError =
    DecodeError::Damaged { format: Format::Jpeg, what: "an impossible coefficient", offset: 0 };

fn refused(message: String) -> DecodeError {
    DecodeError::Decoder { format: Format::Jpeg, message }
}

/// What every stream for the decoder begins with: an Adobe segment that leaves no doubt about the
/// colours.
fn beginning(model: Model) -> Vec<u8> {
    let mut stream = b"\xFF\xD8\xFF\xEE\x00\x0EAdobe\0\x64\0\0\0\0".to_vec();
    stream.push(model.decoded_as().0);
    stream
}

/// A picture of several scans in one. The pixel decoder would need all coefficients beside the
/// pixels, and misplaces blocks where scans of single components meet subsampling.
fn rewritten(header: &Header, model: Model, components: &[JpegComponent]) -> Option<Vec<u8>> {
    let Header { frame, units, .. } = header;
    let rows: Vec<Row> = units.rows.iter().collect();
    let picture = Described { width: frame.width, height: frame.height, components };
    let sound = header.in_range.then(|| beginning(model))?;
    segments::sequential(sound, picture, &units.layout, &rows)
}

/// The file without metadata and without what follows the picture: what the decoder needs.
fn picture_only(bytes: &[u8], parts: &[Part], model: Model) -> Vec<u8> {
    let needed = |p: &&Part| match &*p.name {
        "SOI" | "COM" | "trailing" | "TEM" => false,
        name => !name.starts_with("APP") && !name.starts_with("FF"),
    };
    let len = parts.iter().filter(needed).map(|p| p.length).sum::<usize>();
    let mut stream = beginning(model);
    stream.reserve_exact(len);
    for part in parts.iter().filter(needed) {
        stream.extend_from_slice(&bytes[part.offset..part.offset + part.length]);
    }
    stream
}

fn pixels(stream: &[u8], frame: &Frame, model: Model) -> Result<Vec<u8>, DecodeError> {
    let color = model.decoded_as().1;
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_out_colorspace(color);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(stream), options);
    decoder.decode_headers().map_err(|e| refused(e.to_string()))?;
    let expected = frame.width as usize * frame.height as usize * model.color().channels();
    if decoder.output_buffer_size() != Some(expected) {
        return Err(refused(format!("{:?} bytes decoded, not {expected}", decoder.output_buffer_size())));
    }
    let mut samples = vec![0; expected];
    decoder.decode_into(&mut samples).map_err(|e| refused(e.to_string()))?;
    match model {
        Model::Cmyk => samples.iter_mut().for_each(|s| *s = 255 - *s),
        Model::Ycck => samples.as_chunks_mut().0.iter_mut().for_each(ycck_to_ink),
        _ => {}
    }
    Ok(samples)
}

/// Four-component JPEGs hold inverted ink, as Photoshop began it and every browser reads it. In
/// YCCK the transform's red, green and blue are therefore ink as it is (libjpeg's jdcolor.c
/// inverts them once more), while black stays inverted. JFIF 1.02 formulas in 1/65536.
fn ycck_to_ink(pixel: &mut [u8; 4]) {
    let [y, cb, cr, k] = pixel.map(i32::from);
    let (cb, cr) = (cb - 128, cr - 128);
    let level = |n: i32| (((y << 16) + n + (1 << 15)) >> 16).clamp(0, 255) as u8;
    *pixel = [level(91_881 * cr), level(-22_554 * cb - 46_802 * cr), level(116_130 * cb), (255 - k) as u8];
}

fn metadata(bytes: &[u8], parts: &[Part]) -> (Orientation, SafeMetadata) {
    let mut blocks = parts.iter().filter(|p| p.name == "APP1").map(|p| p.data(bytes));
    let block = blocks.find(|data| data.starts_with(b"Exif\0\0"));
    block.map_or_else(|| (Orientation::UPRIGHT, SafeMetadata::default()), exif::read)
}

/// The profile from its pieces (ICC.1:2022 annex B.4): number, count, data each. `None` unless all
/// are there, in order.
fn profile(bytes: &[u8], parts: &[Part]) -> Option<Vec<u8>> {
    let app2 = parts.iter().filter(|p| p.name == "APP2").map(|p| p.data(bytes));
    let pieces: Vec<&[u8]> = app2.filter_map(|data| data.strip_prefix(b"ICC_PROFILE\0")).collect();
    let mut profile = Vec::new();
    for (i, piece) in pieces.iter().enumerate() {
        let (&[number, count], data) = piece.split_first_chunk::<2>()?;
        if usize::from(number) != i + 1 || usize::from(count) != pieces.len() {
            return None;
        }
        profile.extend_from_slice(data);
    }
    Some(profile)
}

/// The components as they are stored.
pub(super) fn components(header: &Header) -> Vec<JpegComponent> {
    let component = |c: &header::Component| {
        let table = header.tables[usize::from(c.table)].unwrap_or([1; 64]);
        JpegComponent { id: c.id, horizontal: c.horizontal, vertical: c.vertical, table }
    };
    header.frame.components.iter().map(component).collect()
}

/// The components of the same picture with its sides swapped.
fn transposed(mut components: Vec<JpegComponent>) -> Vec<JpegComponent> {
    for c in &mut components {
        (c.horizontal, c.vertical) = (c.vertical, c.horizontal);
        c.table = std::array::from_fn(|i| c.table[i % 8 * 8 + i / 8]);
    }
    components
}
