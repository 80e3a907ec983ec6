//! HEIC and AVIF, decoded and encoded by the programs of libheif (`heif-dec` or `heif-convert`, `heif-enc`).
//!
//! Each runs as a process of its own, with bounds on memory and time: HEVC and AV1 decoders are large, are
//! written in C and C++, and read what strangers send. A crash there costs one photo, and no system library
//! is needed to build. What can be known without them is read here first: sizes, orientation, whether the
//! file is whole and shows one picture.

mod boxes;
mod items;
mod layout;
mod tool;

use crate::inspect::Part;
use crate::{
    DecodeError, EncodeError, Format, HeifCoding, Limits, Photo, PngColour, SafeMetadata, Source, exif, icc,
    png,
};
use faceveil_core::raster::Samples;
use layout::{Layout, Shown};

pub(crate) use layout::Piece;

/// All pieces of a file in its order.
pub(crate) fn pieces(bytes: &[u8], format: Format) -> Result<Vec<Piece>, DecodeError> {
    Layout::read(bytes, format)?.pieces()
}

/// Decodes the picture that is to be shown. The file's own turning and mirroring is applied; EXIF
/// orientation does not count (ISO/IEC 23008-12 section 6.5.10).
pub(crate) fn decode(bytes: &[u8], format: Format, limits: &Limits) -> Result<Photo, DecodeError> {
    if let Some(feature) = format.missing_feature() {
        return Err(DecodeError::NotBuilt { format, feature });
    }
    let layout = Layout::read(bytes, format)?;
    let shown = layout.shown()?;
    layout.sizes().try_for_each(|(width, height)| limits.check(width, height))?;
    let safe = layout.exif().map_or_else(SafeMetadata::default, |block| exif::read(&block).1);
    let profile = shown.profile.clone().filter(|p| p.len() <= icc::MAX_BYTES);
    let icc = profile.and_then(|p| icc::validated(bytes[p].to_vec()));
    drop(layout);
    let refused = |message: String| DecodeError::Decoder { format, message };
    let png = tool::decode(bytes, format, shown.pixels).map_err(|e| e.of_decoding(format))?;
    let raster = png::decode(&without_exif(&png).map_err(|e| refused(e.to_string()))?, limits)
        .and_then(|album| album.into_still().map_err(|_| DecodeError::SeveralPictures { format }))
        .map_err(|e| refused(format!("its decoder gave something else than a picture: {e}")))?
        .raster;
    let size = (raster.width(), raster.height());
    if shown.size.is_some_and(|promised| promised != size) {
        return Err(refused(format!(
            "{size:?} pixels came, {:?} were promised",
            shown.size.unwrap_or_default()
        )));
    }
    Ok(Photo { raster, icc, safe, source: Source::Heif(coding(format, &shown)) })
}

fn coding(format: Format, shown: &Shown) -> HeifCoding {
    let (primaries, transfer) = shown.colours;
    HeifCoding { format, bit_depth: shown.bit_depth, primaries, transfer }
}

/// The decoders hand EXIF on, whose orientation is applied already.
fn without_exif(png: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let parts = crate::inspect(png)?;
    let kept = parts.iter().filter(|part| part.name != "eXIf");
    Ok(kept.flat_map(|part| &png[part.offset..part.offset + part.length]).copied().collect())
}

/// Encodes at quality 90, 4:2:0; samples of 16 bits become 10.
pub(crate) fn encode(photo: &Photo, format: Format) -> Result<Vec<u8>, EncodeError> {
    if let Some(feature) = format.missing_feature() {
        return Err(EncodeError::NotBuilt { format, feature });
    }
    let failed = |message: String| EncodeError::Encoder { format, message };
    let png = png::encode(photo, None)?;
    let mut options = Vec::new();
    if matches!(photo.raster.samples(), Samples::U16(_)) {
        options.extend(["-b".to_owned(), "10".to_owned()]);
    }
    let named = named_colours(photo).filter(|_| photo.icc.is_none());
    if let Some((primaries, transfer)) = named {
        options.push(format!("--colour_primaries={primaries}"));
        options.push(format!("--transfer_characteristic={transfer}"));
    }
    let file = tool::encode(&png, format, &options).map_err(|e| e.of_encoding(format))?;
    // What an encoder adds by itself must not go out unseen.
    let layout = Layout::read(&file, format).map_err(|e| failed(e.to_string()))?;
    let shown = layout.shown().map_err(|e| failed(e.to_string()))?;
    let size = (photo.raster.width(), photo.raster.height());
    if shown.size != Some(size) {
        return Err(failed(format!("{:?} pixels were written instead of {size:?}", shown.size)));
    }
    if let Some((primaries, transfer)) = named.filter(|&colours| shown.colours != colours) {
        return Err(failed(format!(
            "it did not write the colours {primaries}, {transfer}: it may be too old"
        )));
    }
    let pieces = layout.pieces().map_err(|e| failed(e.to_string()))?;
    match pieces.iter().find(|(name, range, _)| !is_plain(name, range.len())) {
        Some((name, ..)) => Err(failed(format!("it wrote a piece {name} that was not asked for"))),
        None => Ok(file),
    }
}

/// Primaries and transfer by numbers, where the source has them in the place of a profile.
pub(crate) fn named_colours(photo: &Photo) -> Option<(u16, u16)> {
    match &photo.source {
        Source::Heif(coding) => Some((coding.primaries, coding.transfer)),
        Source::Png(coding) => {
            let PngColour { cicp, .. } = coding.colour;
            cicp.map(|[primaries, transfer, ..]| (primaries.into(), transfer.into()))
        }
        _ => None,
    }
    .filter(|&colours| !are_usual(colours))
}

/// Whether programs that are told nothing show these colours as they are meant: BT.709 or BT.601 primaries and
/// a transfer close to that of sRGB, or not said (ITU-T H.273 tables 2 and 3).
fn are_usual((primaries, transfer): (u16, u16)) -> bool {
    matches!(primaries, 1 | 2 | 5 | 6) && matches!(transfer, 1 | 2 | 6 | 13)
}

/// Whether a piece of a file says only what is shown and how. What could hold words is short.
pub(crate) fn is_plain(name: &str, length: usize) -> bool {
    const PLAIN: [&str; 16] = [
        "meta", "iinf", "iref", "iprp", "ipco", "ipma", "iloc", "idat", "mdat", "dimg", "colr", "hvcC",
        "av1C", "hvc1", "av01", "grid",
    ];
    const SHORT: [&str; 18] = [
        "ftyp", "hdlr", "pitm", "infe", "auxl", "ispe", "pixi", "irot", "imir", "auxC", "free", "pasp",
        "clap", "dinf", "dref", "clli", "mdcv", "a1lx",
    ];
    PLAIN.contains(&name) || SHORT.contains(&name) && length <= 64
}

impl Part {
    /// Whether a part of a HEIC or AVIF says only what is shown and how: no metadata, no thumbnail, no second
    /// picture, nothing that nothing refers to.
    pub fn is_plain_heif(&self) -> bool {
        is_plain(&self.name, self.length)
    }
}
