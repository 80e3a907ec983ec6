//! Whether a result's file holds anything but a picture and its colours.

use faceveil_core::raster::{Color, Raster, Samples};
use faceveil_media::{
    DecodeError, EncodeOptions, Format, Part, Photo, PngCoding, PngColour, SafeMetadata, Source, encode,
    inspect,
};

use super::Finding;

/// The parts of the file that are neither picture nor colour. With `safe`, an EXIF block that says no more
/// than capture time and camera passes, if it is byte by byte the one that we would write.
///
/// # Errors
/// The file's parts cannot be listed.
pub fn check(bytes: &[u8], photo: &Photo, safe: bool) -> Result<Vec<Finding>, DecodeError> {
    let format = photo.source.format();
    let ours = if safe { safe_block(photo) } else { None };
    let is_field = |part: &Part| safe && format == Format::Tiff && is_safe_field(&photo.safe, part, bytes);
    let is_safe =
        |part: &Part| is_exif(format, part) && ours.as_deref() == Some(part.data(bytes)) || is_field(part);
    let parts = inspect(bytes)?;
    let odd = parts.iter().filter(|part| !is_picture(format, part, bytes) && !is_safe(part));
    Ok(odd.map(|part| Finding::Metadata { part: part.name.to_string(), bytes: part.length }).collect())
}

/// Whether the part is an entry of a TIFF or the very text that is safe.
fn is_safe_field(safe: &SafeMetadata, part: &Part, bytes: &[u8]) -> bool {
    let text = match &*part.name {
        "Make" => &safe.make,
        "Model" => &safe.model,
        "DateTime" => &safe.capture_time,
        _ => return false,
    };
    let is_text = |t: &String| [t.as_bytes(), b"\0"].concat() == part.data(bytes);
    text.as_ref().is_some_and(|t| part.length == 12 || is_text(t))
}

fn is_exif(format: Format, part: &Part) -> bool {
    matches!((format, &*part.name), (Format::Jpeg, "APP1") | (Format::Png, "eXIf") | (Format::WebP, "EXIF"))
}

/// Whether the part is needed to show the picture, and no longer than that takes.
fn is_picture(format: Format, part: &Part, bytes: &[u8]) -> bool {
    let (data, length) = (part.data(bytes), part.payload.len());
    match (format, &*part.name) {
        (Format::Jpeg, "SOI" | "EOI" | "DQT" | "DHT" | "DAC" | "SOS" | "scan" | "DRI" | "DNL") => true,
        (Format::Jpeg, name) if name.starts_with("SOF") => true,
        // JFIF without its thumbnail.
        (Format::Jpeg, "APP0") => data.starts_with(b"JFIF\0") && length == 14,
        (Format::Jpeg, "APP2") => data.starts_with(b"ICC_PROFILE\0"),
        (Format::Jpeg, "APP14") => data.starts_with(b"Adobe") && length == 12,
        (Format::Png, "signature" | "IHDR" | "PLTE" | "tRNS" | "IDAT" | "IEND") => true,
        (Format::Png, "sRGB" | "gAMA" | "cHRM" | "cICP") => length <= 32,
        (Format::Png, "iCCP") => true,
        (Format::Png, "acTL") => length == 8,
        (Format::Png, "fcTL") => length == 26,
        (Format::Png, "fdAT") => true,
        (Format::WebP, "RIFF" | "VP8X" | "VP8 " | "VP8L" | "ALPH" | "ICCP" | "ANIM" | "ANMF") => true,
        (Format::Bmp, "header" | "info" | "palette" | "pixels" | "profile") => true,
        (Format::Gif, "header" | "palette" | "image" | "end" | "profile") => true,
        (Format::Gif, "control" | "loop") => length <= 19,
        (Format::Heic | Format::Avif, _) => part.is_plain_heif(),
        (Format::Tiff, name) => TIFF_PARTS.contains(&name),
        _ => false,
    }
}

/// What says how a TIFF's samples are to be read and shown.
const TIFF_PARTS: [&str; 28] = [
    "header",
    "IFD",
    "next",
    "padding",
    "strip",
    "NewSubfileType",
    "ImageWidth",
    "ImageLength",
    "BitsPerSample",
    "Compression",
    "Photometric",
    "StripOffsets",
    "SamplesPerPixel",
    "RowsPerStrip",
    "StripByteCounts",
    "XResolution",
    "YResolution",
    "PlanarConfiguration",
    "ResolutionUnit",
    "Predictor",
    "ColorMap",
    "TileWidth",
    "TileLength",
    "TileOffsets",
    "TileByteCounts",
    "ExtraSamples",
    "SampleFormat",
    "ICCProfile",
];

/// The EXIF block of a file that we write with the photo's safe metadata.
fn safe_block(photo: &Photo) -> Option<Vec<u8>> {
    let format = photo.source.format();
    // The photo's own coding fits its own picture; the block is the same for any.
    let coding = PngCoding { bit_depth: 8, palette: false, interlaced: false, colour: PngColour::default() };
    let small = Photo {
        raster: Raster::new(1, 1, Color::Gray, Samples::U8(vec![0])).ok()?,
        icc: None,
        safe: photo.safe.clone(),
        source: Source::Png(coding),
    };
    let options = EncodeOptions { format: Some(format), keep_safe_metadata: true };
    let bytes = encode(&small, &options).ok()?;
    let part = inspect(&bytes).ok()?.into_iter().find(|part| is_exif(format, part))?;
    Some(part.data(&bytes).to_vec())
}
