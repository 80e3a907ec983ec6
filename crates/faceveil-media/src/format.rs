//! Which format some bytes are in.

use crate::DecodeError;
use std::ffi::OsStr;

/// A format of photos.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// JPEG, ITU-T T.81.
    Jpeg,
    /// PNG, ISO/IEC 15948.
    Png,
    /// WebP, RFC 9649.
    WebP,
    /// BMP, Microsoft "Bitmap Storage".
    Bmp,
    /// TIFF 6.0, with any number of pages.
    Tiff,
    /// GIF89a, still or animated.
    Gif,
    /// HEIC, ISO/IEC 23008-12 with HEVC; needs the feature `heic`.
    Heic,
    /// AVIF 1.1; needs the feature `avif`.
    Avif,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 8] =
        [Self::Jpeg, Self::Png, Self::WebP, Self::Bmp, Self::Tiff, Self::Gif, Self::Heic, Self::Avif];

    /// The feature that this build would need to read and write the format, if it lacks one.
    pub const fn missing_feature(self) -> Option<&'static str> {
        match self {
            Self::Heic if !cfg!(feature = "heic") => Some("heic"),
            Self::Avif if !cfg!(feature = "avif") => Some("avif"),
            _ => None,
        }
    }

    /// Its usual name: `JPEG`, `PNG`, `WebP`, `BMP`, `TIFF`, `GIF`, `HEIC`, `AVIF`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Bmp => "BMP",
            Self::Tiff => "TIFF",
            Self::Gif => "GIF",
            Self::Heic => "HEIC",
            Self::Avif => "AVIF",
        }
    }

    /// Its name with its article.
    pub(crate) fn with_article(self) -> String {
        format!("{} {}", if self == Self::Avif { "an" } else { "a" }, self.name())
    }

    /// The format a file name's extension (without the dot, in any case) stands for.
    pub fn from_extension(extension: &OsStr) -> Option<Self> {
        let extension = extension.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "jpg" | "jpeg" | "jpe" | "jfif" => Some(Self::Jpeg),
            "png" => Some(Self::Png),
            "apng" => Some(Self::Png),
            "webp" => Some(Self::WebP),
            "bmp" | "dib" => Some(Self::Bmp),
            "tif" | "tiff" => Some(Self::Tiff),
            "gif" => Some(Self::Gif),
            "heic" | "heif" | "hif" => Some(Self::Heic),
            "avif" => Some(Self::Avif),
            _ => None,
        }
    }
}

/// The format by its first bytes.
pub(crate) fn sniff(bytes: &[u8]) -> Result<Format, DecodeError> {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    if bytes.is_empty() {
        Err(DecodeError::Empty)
    } else if starts(b"\xFF\xD8\xFF") {
        Ok(Format::Jpeg)
    } else if starts(b"\x89PNG\r\n\x1a\n") {
        Ok(Format::Png)
    } else if starts(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Ok(Format::WebP)
    } else if starts(b"GIF87a") || starts(b"GIF89a") {
        Ok(Format::Gif)
    } else if bytes.get(8..10) == Some(b"CR") && starts(b"II*\0") {
        Err(DecodeError::OtherFormat { looks_like: "a Canon raw picture" })
    } else if starts(b"II*\0") || starts(b"MM\0*") {
        Ok(Format::Tiff)
    } else if starts(b"BM") && bytes.get(6..10).is_none_or(|reserved| reserved == [0; 4]) {
        Ok(Format::Bmp)
    } else if let Some(format) = heif(bytes) {
        Ok(format)
    } else {
        Err(match other(bytes) {
            Some(looks_like) => DecodeError::OtherFormat { looks_like },
            None => DecodeError::Unrecognised,
        })
    }
}

/// By the brands that the file says it has, the first of them first; ISO/IEC 14496-12 section 4.3.
fn heif(bytes: &[u8]) -> Option<Format> {
    let length = bytes.get(..4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_be_bytes) as usize;
    let brands = bytes.get(8..length.clamp(8, 256).min(bytes.len()))?.as_chunks::<4>().0;
    let by_brand = |brand: &[u8; 4]| match brand {
        b"avif" | b"avis" => Some(Format::Avif),
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" => Some(Format::Heic),
        _ => None,
    };
    let is_heif = bytes.get(4..8) == Some(b"ftyp");
    let names_a_picture = |first: &[u8; 4]| by_brand(first).is_some() || matches!(first, b"mif1" | b"msf1");
    let fits = is_heif && brands.first().is_some_and(names_a_picture);
    // The number between the first brand and the others is none of these.
    fits.then(|| brands.iter().find_map(by_brand)).flatten()
}

/// Names what is not a photo we read, as far as its first bytes tell.
fn other(bytes: &[u8]) -> Option<&'static str> {
    const MAGICS: [(&[u8], &str); 17] = [
        (b"II+\0", "a BigTIFF picture"),
        (b"MM\0+", "a BigTIFF picture"),
        (b"\0\0\x01\0", "an icon (ICO)"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
        (b"\xFF\x0A", "a JPEG XL picture"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 picture"),
        (b"\xFF\x4F\xFF\x51", "a JPEG 2000 picture"),
        (b"8BPS", "a Photoshop document"),
        (b"qoif", "a QOI picture"),
        (b"%PDF-", "a PDF document"),
        (b"PK\x03\x04", "a ZIP archive or office document"),
        (b"\x1f\x8b", "gzip data"),
        (b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
        (b"RIFF", "an AVI video or WAV sound"),
        (b"\x7fELF", "a program"),
        (b"<svg", "an SVG drawing"),
        (b"\0\0\x01\xba", "an MPEG video"),
    ];
    if bytes.get(4..8) == Some(b"ftyp") {
        return Some(match bytes.get(8..12) {
            Some(b"mif1" | b"msf1") => "a HEIF picture that is neither HEIC nor AVIF",
            Some(b"crx ") => "a Canon raw picture",
            _ => "an MP4 or QuickTime video",
        });
    }
    if let Some((_, name)) = MAGICS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Some(name);
    }
    let head = &bytes[..bytes.len().min(512)];
    if head.iter().all(|&b| b == 0) {
        return Some("nothing but zero bytes");
    }
    let text = |b: &u8| b.is_ascii_graphic() || b.is_ascii_whitespace();
    head.iter().all(text).then_some("text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_photo_is_named() {
        let cases: [(&[u8], &str); 7] = [
            (b"II*\0\x10\0\0\0CR\x02\0", "a Canon raw picture"),
            (b"\0\0\0\x14ftypmif1\0\0\0\0miafheic", "a HEIF picture that is neither HEIC nor AVIF"),
            (b"\0\0\0\x18ftypisom\0\0\0\0", "an MP4 or QuickTime video"),
            (b"%PDF-1.7", "a PDF document"),
            (b"RIFF\x10\0\0\0AVI LIST", "an AVI video or WAV sound"),
            (b"hello, world\n", "text"),
            (&[0; 600], "nothing but zero bytes"),
        ];
        for (bytes, looks_like) in cases {
            assert_eq!(sniff(bytes), Err(DecodeError::OtherFormat { looks_like }), "{looks_like}");
        }
        for (brands, want) in [
            (&b"heic\0\0\0\0mif1"[..], Format::Heic),
            (b"mif1\0\0\0\0heic", Format::Heic),
            (b"mif1\0\0\0\0avif", Format::Avif),
            (b"avif", Format::Avif),
        ] {
            let length = [0, 0, 0, 8 + brands.len() as u8];
            assert_eq!(sniff(&[&length, b"ftyp", brands].concat()), Ok(want), "{}", brands.escape_ascii());
        }
        assert_eq!(sniff(b""), Err(DecodeError::Empty));
        assert_eq!(sniff(b"\x01\x80\x02"), Err(DecodeError::Unrecognised));
    }

    #[test]
    fn extensions_in_any_case() {
        for (extension, want) in [
            ("JPG", Some(Format::Jpeg)),
            ("jpeg", Some(Format::Jpeg)),
            ("Png", Some(Format::Png)),
            ("webp", Some(Format::WebP)),
            ("gif", Some(Format::Gif)),
            ("TIFF", Some(Format::Tiff)),
            ("bmp", Some(Format::Bmp)),
            ("AVIF", Some(Format::Avif)),
            ("heic", Some(Format::Heic)),
            ("tga", None),
            ("", None),
        ] {
            assert_eq!(Format::from_extension(OsStr::new(extension)), want, "{extension:?}");
        }
    }
}
