//! JPEG in.

use crate::inspect::{Part, inspect};
use crate::jpeg::coefficients::{Coefficients, write_tables};
use crate::jpeg::header::{self, Frame, Header};
use crate::orientation::Orientation;
use crate::{DecodeError, Format, JpegCoding, JpegComponent, Limits, Photo, SafeMetadata, Source, exif, icc};
use faceveil_core::raster::{Color, Raster, Samples};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Photo, DecodeError> {
    let parts = inspect(bytes)?;
    let mut header = header::read(bytes, &parts, limits)?;
    let model = Model::of(&header);
    let (orientation, safe) = metadata(bytes, &parts);
    let stream = match header.coefficients.take() {
        Some(coefficients) => one_scan(coefficients, &header, model)?,
        None => picture_only(bytes, &parts, model),
    };
    let samples = pixels(&stream, &header.frame, model)?;
    drop(stream);
    let raster = Raster::new(header.frame.width, header.frame.height, model.color(), Samples::U8(samples));
    let raster = raster.map_err(|e| refused(e.to_string()))?;
    Ok(Photo {
        raster: orientation.apply(raster).map_err(|e| refused(e.to_string()))?,
        icc: profile(bytes, &parts).and_then(icc::validated),
        safe,
        source: Source::Jpeg(coding(&header, model, orientation)),
    })
}

fn refused(message: String) -> DecodeError {
    DecodeError::Decoder { format: Format::Jpeg, message }
}

/// What the components mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Model {
    Gray,
    YCbCr,
    Rgb,
    Cmyk,
    Ycck,
}

impl Model {
    /// libjpeg's rules (jdapimin.c, `default_decompress_parms`), but for components named `R`,
    /// `G`, `B`, which are RGB even beside a JFIF segment.
    fn of(header: &Header) -> Self {
        let ids: Vec<u8> = header.frame.components.iter().map(|c| c.id).collect();
        match (ids.len(), header.adobe) {
            (1, _) => Self::Gray,
            (3, _) if ids == *b"RGB" => Self::Rgb,
            (3, Some(0)) if !header.jfif => Self::Rgb,
            (3, _) => Self::YCbCr,
            (_, None | Some(0)) => Self::Cmyk,
            _ => Self::Ycck,
        }
    }

    fn color(self) -> Color {
        match self {
            Self::Gray => Color::Gray,
            Self::YCbCr | Self::Rgb => Color::Rgb,
            Self::Cmyk | Self::Ycck => Color::Cmyk,
        }
    }

    /// What the decoder is told the components are, as an Adobe transform, and what it shall give.
    /// It cannot turn YCCK into CMYK, so it hands over the stored samples of both.
    fn decoded_as(self) -> (u8, ColorSpace) {
        match self {
            Self::Gray => (1, ColorSpace::Luma),
            Self::YCbCr => (1, ColorSpace::RGB),
            Self::Rgb => (0, ColorSpace::RGB),
            Self::Cmyk | Self::Ycck => (0, ColorSpace::CMYK),
        }
    }
}

/// What every stream for the decoder begins with: an Adobe segment that leaves no doubt about the
/// colours.
fn beginning(model: Model) -> Vec<u8> {
    let mut stream = b"\xFF\xD8\xFF\xEE\x00\x0EAdobe\0\x64\0\0\0\0".to_vec();
    stream.push(model.decoded_as().0);
    stream
}

/// The picture of several scans in one.
fn one_scan(coefficients: Coefficients, header: &Header, model: Model) -> Result<Vec<u8>, DecodeError> {
    let mut stream = beginning(model);
    write_tables(&header.tables, &mut stream);
    let too_large =
        DecodeError::Damaged { format: Format::Jpeg, what: "an impossible coefficient", offset: 0 };
    coefficients.write_sequential(&header.frame, stream).ok_or(too_large)
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

fn coding(header: &Header, model: Model, orientation: Orientation) -> JpegCoding {
    let swapped = orientation.swaps_sides();
    let component = |c: &header::Component| {
        let table = header.tables[usize::from(c.table)].unwrap_or([1; 64]);
        let (id, h, v) = (c.id, c.horizontal, c.vertical);
        if swapped {
            let table = std::array::from_fn(|i| table[i % 8 * 8 + i / 8]);
            JpegComponent { id, horizontal: v, vertical: h, table }
        } else {
            JpegComponent { id, horizontal: h, vertical: v, table }
        }
    };
    JpegCoding {
        components: header.frame.components.iter().map(component).collect(),
        progressive: header.frame.progressive,
        adobe_transform: header.adobe,
        luma_chroma: matches!(model, Model::YCbCr | Model::Ycck),
    }
}
