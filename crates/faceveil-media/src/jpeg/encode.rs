//! JPEG out.

use crate::colour::{flatten, row8};
use crate::jpeg::decode::components;
use crate::jpeg::header;
use crate::jpeg::model::Model;
use crate::jpeg::segments::{self, Described};
use crate::jpeg::units::Row;
use crate::{
    DecodeError, EncodeError, Format, JpegCoding, JpegComponent, JpegOutcome, Limits, Photo, Source, icc,
    inspect,
};
use faceveil_core::raster::{Color, Raster, Samples};
use jpeg_encoder::{
    ChromaSubsamplingMethod, ColorType, Encoder, EncodingError, ImageBuffer, JpegColorType,
    QuantizationTableType, SamplingFactor, rgb_to_ycbcr,
};
use std::cell::RefCell;

/// For pictures that were no JPEG: quality 92 of 100 of the standard's tables, full chroma.
const QUALITY: u8 = 92;

/// The file, and for a JPEG source what became of its coefficients.
pub(crate) fn encode(
    photo: &Photo,
    exif: Option<&[u8]>,
) -> Result<(Vec<u8>, Option<JpegOutcome>), EncodeError> {
    let (width, height) = (photo.raster.width(), photo.raster.height());
    let (Ok(_), Ok(_)) = (u16::try_from(width), u16::try_from(height)) else {
        let limit = u16::MAX.into();
        return Err(EncodeError::TooLarge { format: Format::Jpeg, width, height, limit });
    };
    let profile = |written| icc::describing(photo.icc.as_deref(), photo.raster.color(), written);
    let mut outcome = None;
    if let Source::Jpeg(coding) = &photo.source {
        match coding.original.write(&photo.raster, coding, exif, profile) {
            Ok(file) => return Ok((file, Some(JpegOutcome::Kept))),
            Err(why) => outcome = Some(JpegOutcome::Reencoded(why)),
        }
    }
    let error = |message| EncodeError::Encoder { format: Format::Jpeg, message };
    let plan = Plan::of(photo);
    let sequential = encoded(&plan, &photo.raster).map_err(|e| error(e.to_string()))?;
    let beginning = segments::beginning(plan.model.adobe(), exif, profile(plan.model.color()));
    let file = finished(beginning, &plan, &sequential).map_err(|e| error(e.to_string()))?;
    Ok((file.ok_or_else(|| error("a coefficient too large".into()))?, outcome))
}

/// A sequential file of the picture, with the encoder's own codes and segments.
fn encoded(plan: &Plan, raster: &Raster) -> Result<Vec<u8>, EncodingError> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, QUALITY);
    encoder.set_sampling_factor(plan.sampling);
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    if let Some([luma, chroma]) = plan.tables {
        let custom = |table: [u16; 64]| QuantizationTableType::Custom(Box::new(table));
        encoder.set_quantization_tables(custom(luma), custom(chroma));
    }
    encode_samples(encoder, raster, plan.model)?;
    Ok(file)
}

/// The same picture behind our own beginning, with the shortest codes; `None` if a coefficient is
/// too large.
fn finished(beginning: Vec<u8>, plan: &Plan, sequential: &[u8]) -> Result<Option<Vec<u8>>, DecodeError> {
    let limits = Limits { max_pixels: u64::MAX, max_file_bytes: u64::MAX };
    let header = header::read(sequential, &inspect(sequential)?, &limits)?;
    let components = components(&header);
    let picture =
        Described { width: header.frame.width, height: header.frame.height, components: &components };
    let rows: Vec<Row> = header.units.rows.iter().collect();
    let write = if plan.progressive { segments::progressive } else { segments::sequential };
    Ok(header.in_range.then(|| write(beginning, picture, &header.units.layout, &rows)).flatten())
}

fn encode_samples(
    encoder: Encoder<&mut Vec<u8>>,
    raster: &Raster,
    model: Model,
) -> Result<(), EncodingError> {
    let (width, height) = (raster.width() as u16, raster.height() as u16);
    // The encoder has fast paths for these; the rest goes row by row.
    match (raster.samples(), raster.color(), model) {
        (Samples::U8(v), Color::Gray, _) => encoder.encode(v, width, height, ColorType::Luma),
        (Samples::U8(v), Color::Rgb, Model::YCbCr) => encoder.encode(v, width, height, ColorType::Rgb),
        (Samples::U8(v), Color::Cmyk, Model::Ycck) => encoder.encode(v, width, height, ColorType::CmykAsYcck),
        (Samples::U8(v), Color::Cmyk, _) => encoder.encode(v, width, height, ColorType::Cmyk),
        _ => encoder.encode_image(Rows { raster, model, row: RefCell::default() }),
    }
}

struct Plan {
    model: Model,
    sampling: SamplingFactor,
    /// The encoder's two tables, row by row; `None` for the standard's.
    tables: Option<[[u16; 64]; 2]>,
    progressive: bool,
}

impl Plan {
    fn of(photo: &Photo) -> Self {
        let flat = match photo.raster.color() {
            Color::Gray | Color::GrayAlpha => Model::Gray,
            Color::Rgb | Color::Rgba => Model::YCbCr,
            Color::Cmyk => Model::Cmyk,
        };
        match &photo.source {
            Source::Jpeg(coding) => Self::like(coding, flat),
            _ => None,
        }
        .unwrap_or(Self {
            model: flat,
            sampling: SamplingFactor::F_1_1,
            tables: None,
            progressive: false,
        })
    }

    /// As the source was; `None` if its components are not those of `flat`.
    fn like(coding: &JpegCoding, flat: Model) -> Option<Self> {
        let model = match (flat, coding.luma_chroma) {
            (Model::YCbCr, false) => Model::Rgb,
            (Model::Cmyk, true) => Model::Ycck,
            _ => flat,
        };
        // The encoder has two tables. Where the source has more, each coefficient takes the finer
        // step: nothing gets coarser than it was.
        let tables = match (model, &coding.components[..]) {
            (Model::Gray, [y]) => [finest(&[y]), finest(&[y])],
            (Model::YCbCr | Model::Rgb, [a, b, c]) => [finest(&[a]), finest(&[b, c])],
            (Model::Ycck, [y, cb, cr, k]) => [finest(&[y, k]), finest(&[cb, cr])],
            (Model::Cmyk, [c, m, y, k]) => [finest(&[k]), finest(&[c, m, y])],
            _ => return None,
        };
        let sampling = match model {
            Model::YCbCr | Model::Ycck => sampling(&coding.components),
            _ => SamplingFactor::F_1_1,
        };
        Some(Self { model, sampling, tables: Some(tables), progressive: coding.progressive })
    }
}

/// The smallest step of these components by coefficient, at most 255: the encoder writes tables of
/// 8 bits.
fn finest(components: &[&JpegComponent]) -> [u16; 64] {
    std::array::from_fn(|i| components.iter().map(|c| c.table[i]).min().unwrap_or(1).clamp(1, 255))
}

/// Luma's factors over chroma's. Where the encoder cannot write the source's, the nearest that
/// keeps all of the chroma's resolution.
fn sampling(components: &[JpegComponent]) -> SamplingFactor {
    let ratio = |factor: fn(&JpegComponent) -> u8| {
        let (luma, chroma) = (factor(&components[0]), factor(&components[1]).max(factor(&components[2])));
        let others = components.iter().map(factor).max().unwrap_or(1);
        // Luma is what the others are measured by, so a luma that is itself reduced means none.
        if luma < others { 1 } else { [4, 2, 1].into_iter().find(|n| luma >= n * chroma).unwrap_or(1) }
    };
    let (across, down) = (ratio(|c| c.horizontal), ratio(|c| c.vertical));
    SamplingFactor::from_factors(across, down)
        .or_else(|| SamplingFactor::from_factors(across, down / 2))
        .unwrap_or(SamplingFactor::F_1_1)
}

/// Samples the encoder has no fast path for: 16 bits, opacity, RGB to be stored as it is.
struct Rows<'a> {
    raster: &'a Raster,
    model: Model,
    /// Reused from row to row.
    row: RefCell<Vec<u8>>,
}

impl ImageBuffer for Rows<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        match self.model {
            Model::Gray => JpegColorType::Luma,
            Model::YCbCr | Model::Rgb => JpegColorType::Ycbcr,
            Model::Cmyk | Model::Ycck => JpegColorType::Cmyk,
        }
    }

    fn width(&self) -> u16 {
        self.raster.width() as u16
    }

    fn height(&self) -> u16 {
        self.raster.height() as u16
    }

    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let mut row = self.row.borrow_mut();
        row8(self.raster, y.into(), &mut row);
        flatten(self.raster.color(), &mut row);
        match self.model {
            Model::Gray => buffers[0].extend_from_slice(&row),
            Model::YCbCr => {
                for &[r, g, b] in row.as_chunks().0 {
                    let (y, cb, cr) = rgb_to_ycbcr(r, g, b);
                    buffers[0].push(y);
                    buffers[1].push(cb);
                    buffers[2].push(cr);
                }
            }
            Model::Rgb => push_all(row.as_chunks::<3>().0, buffers, |s| s),
            Model::Cmyk | Model::Ycck => push_all(row.as_chunks::<4>().0, buffers, |ink| 255 - ink),
        }
    }
}

fn push_all<const N: usize>(pixels: &[[u8; N]], buffers: &mut [Vec<u8>; 4], coded: fn(u8) -> u8) {
    for pixel in pixels {
        for (buffer, &sample) in buffers.iter_mut().zip(pixel) {
            buffer.push(coded(sample));
        }
    }
}
