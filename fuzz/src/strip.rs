//! Metadata never gets through.

use exif::Tag;
use faceveil_media::{EncodeError, EncodeOptions, Format, Part, Photo, encode, inspect};

use crate::photo::read;
use crate::plant::{SECRET, planted};

/// A photo that decodes gets a secret planted; no file that is encoded from it holds the secret, or any part
/// that is not known to be harmless.
pub fn strip(bytes: &[u8]) {
    stripped(bytes);
}

/// As [`strip`]; how many files were encoded and searched.
pub fn stripped(bytes: &[u8]) -> usize {
    let Some(photo) = read(bytes) else { return 0 };
    let parts = inspect(bytes).expect("it decodes");
    let seed = fnv(bytes);
    let (file, matters) =
        planted(bytes, photo.source.format(), &parts, seed as usize & 0xFFFF, (seed >> 32) as usize);
    // Where the secret cannot stand, the file may be refused; the unplanted one is searched all the same.
    let with_secret = read(&file);
    if let Some(other) = with_secret.as_ref().filter(|_| !matters) {
        assert!(*other == photo, "metadata changed the picture");
    }
    // Pixels and profiles may hold these letters by chance, or because a fuzzer likes them.
    let check = with_secret.as_ref().filter(|_| !contains(bytes, SECRET));
    search(&photo, None) + check.map_or(0, |other| search(other, Some(SECRET)))
}

/// Encodes the photo in all ways and looks into the files.
fn search(photo: &Photo, secret: Option<&[u8]>) -> usize {
    let mut searched = 0;
    for format in Format::ALL {
        for keep_safe_metadata in [false, true] {
            let options = EncodeOptions { format: Some(format), keep_safe_metadata };
            let file = match encode(photo, &options) {
                Ok(file) => file,
                Err(e @ EncodeError::Panicked { .. }) => panic!("{e}"),
                Err(_) => continue,
            };
            assert!(secret.is_none_or(|s| !contains(&file, s)), "the secret is in the {format:?}");
            let parts = inspect(&file).expect("what we write can be inspected");
            for part in &parts {
                check_part(format, part, &file, keep_safe_metadata);
            }
            let again = read(&file).expect("what we write can be read");
            let size = |p: &Photo| (p.raster.width(), p.raster.height());
            assert_eq!(size(&again), size(photo), "{format:?}");
            if format != Format::Jpeg && photo.source.format() == format {
                assert!(again.raster == photo.raster, "{format:?} is not lossless");
            }
            searched += 1;
        }
    }
    searched
}

/// Whether the part may be in a file of ours, and is no longer than what it may hold.
fn check_part(format: Format, part: &Part, file: &[u8], keep: bool) {
    const ANY: usize = usize::MAX;
    let most = match (format, &*part.name) {
        (Format::Jpeg, "SOI" | "EOI") => 0,
        (Format::Jpeg, "APP0") => 14,
        (Format::Jpeg, "APP14") => 12,
        (Format::Jpeg, "SOF0" | "SOF1" | "SOF2") => 6 + 3 * 4,
        (Format::Jpeg, "SOS") => 4 + 2 * 4,
        (Format::Jpeg, "APP2" | "DQT" | "DHT" | "scan") => ANY,
        (Format::Png, "signature" | "IEND") => 0,
        (Format::Png, "IHDR") => 13,
        (Format::Png, "sRGB") => 1,
        (Format::Png, "gAMA" | "cICP") => 4,
        (Format::Png, "cHRM") => 32,
        (Format::Png, "iCCP" | "IDAT") => ANY,
        (Format::WebP, "RIFF") => 4,
        (Format::WebP, "VP8X") => 10,
        (Format::WebP, "ICCP" | "VP8L") => ANY,
        (Format::Bmp, "header") => 14,
        (Format::Bmp, "info") => 124,
        (Format::Bmp, "pixels" | "profile") => ANY,
        (Format::Gif, "header") => 7,
        (Format::Gif, "control" | "end") => 7,
        (Format::Gif, "palette") => 6,
        (Format::Gif, "image" | "profile") => ANY,
        (Format::Tiff, "header" | "IFD" | "next" | "padding") => 7,
        (Format::Tiff, "strip" | "ICCProfile" | "StripOffsets" | "StripByteCounts") => ANY,
        (
            Format::Tiff,
            "ImageWidth" | "ImageLength" | "BitsPerSample" | "Compression" | "Photometric"
            | "SamplesPerPixel" | "RowsPerStrip" | "XResolution" | "YResolution" | "ResolutionUnit"
            | "Predictor" | "SampleFormat" | "ExtraSamples",
        ) => 12,
        (Format::Tiff, "Make" | "Model" | "DateTime") if keep => 65,
        (Format::Jpeg, "APP1") | (Format::Png, "eXIf") | (Format::WebP, "EXIF") if keep => {
            check_exif(part.data(file));
            ANY
        }
        (_, name) => panic!("{name} in a {format:?} of ours"),
    };
    let length = part.payload.len();
    assert!(length <= most, "{format:?}: {} of {length} bytes, at most {most}", part.name);
}

/// Nothing but when and with what.
fn check_exif(data: &[u8]) {
    let block = data.strip_prefix(b"Exif\0\0").unwrap_or(data).to_vec();
    let exif = exif::Reader::new().read_raw(block).expect("our own block can be read");
    for field in exif.fields() {
        let known = [Tag::Make, Tag::Model, Tag::DateTimeOriginal].contains(&field.tag);
        assert!(known, "{} in a block of ours", field.tag);
    }
}

fn contains(file: &[u8], needle: &[u8]) -> bool {
    file.windows(needle.len()).any(|w| w == needle)
}

/// Fowler, Noll, Vo, 64 bits: chooses what to plant, and where.
fn fnv(bytes: &[u8]) -> u64 {
    let hash = bytes
        .iter()
        .fold(0xCBF2_9CE4_8422_2325u64, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3));
    hash ^ hash >> 29
}
