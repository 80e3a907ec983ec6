//! Nothing of the source but samples and colour description reaches the output.

mod fixture;

use faceveil_core::raster::Color;
use faceveil_media::{EncodeOptions, Format, Photo, SafeMetadata, encode, inspect};
use fixture::{
    exif, extended_webp, insert, jpeg_segment, photo, png_chunk, profile, raster, read, webp_chunk,
};

const SECRET: &[u8] = b"PLANTED-SECRET";

/// A profile that shows whether it came through.
fn kept_profile() -> Vec<u8> {
    profile(b"RGB ", b"KEPT-PROFILE")
}

fn plain(format: Format) -> Vec<u8> {
    let options = EncodeOptions { format: Some(format), keep_safe_metadata: false };
    encode(&photo(raster(40, 30, Color::Rgb)), &options).unwrap()
}

/// A JPEG with a secret in every place that this crate knows of, and after its end.
fn planted_jpeg() -> Vec<u8> {
    let with = |prefix: &[u8]| [prefix, SECRET].concat();
    let icc = [b"ICC_PROFILE\0\x01\x01", &kept_profile()[..]].concat();
    let segments = [
        jpeg_segment(0xE0, &with(b"JFXX\0\x10\xFF\xD8")),
        jpeg_segment(0xE1, &[b"Exif\0\0", &exif(1, SECRET)[..]].concat()),
        jpeg_segment(0xE1, &with(b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>")),
        jpeg_segment(0xE1, &with(b"http://ns.adobe.com/xmp/extension/\0")),
        jpeg_segment(0xE2, &icc),
        jpeg_segment(0xE2, &with(b"MPF\0II*\0")),
        jpeg_segment(0xE2, &with(b"urn:iso:std:iso:ts:21496:-1\0")),
        jpeg_segment(0xE2, &with(b"FPXR\0")),
        jpeg_segment(0xE3, &with(b"Meta\0\0")),
        jpeg_segment(0xE4, SECRET),
        jpeg_segment(0xEB, &with(b"JP\0\x01\0\0\0\x01\0\0\0\x20jumbc2pa")),
        jpeg_segment(0xED, &with(b"Photoshop 3.0\08BIM\x04\x04")),
        jpeg_segment(0xEE, &with(b"Adobe\0\x64\0\0\0\0\x01")),
        jpeg_segment(0xEF, SECRET),
        jpeg_segment(0xFE, SECRET),
    ];
    let mut file = insert(&plain(Format::Jpeg), "APP0", &segments.concat());
    file = insert(&file, "scan", SECRET); // cameras pad
    let second = insert(&plain(Format::Jpeg), "APP0", &jpeg_segment(0xFE, SECRET));
    file.extend(second); // an MPO's second picture, or a gain map
    file.extend(SECRET);
    file
}

fn planted_png() -> Vec<u8> {
    let zlib = b"\x78\x01\x01\x0e\x00\xf1\xffPLANTED-SECRET\x24\xb5\x04\x02";
    let chunks = [
        png_chunk(b"eXIf", &exif(1, SECRET)),
        png_chunk(b"tEXt", &[b"Author\0", SECRET].concat()),
        png_chunk(b"zTXt", &[b"Raw profile type exif\0\0", &zlib[..]].concat()),
        png_chunk(b"iTXt", &[b"XML:com.adobe.xmp\0\0\0\0\0", SECRET].concat()),
        png_chunk(b"caBX", SECRET),
        png_chunk(b"prVt", SECRET),
        png_chunk(b"tIME", &[7, 232, 2, 29, 12, 34, 56]),
        png_chunk(b"pHYs", &[0, 0, 11, 19, 0, 0, 11, 19, 1]),
        png_chunk(b"gAMA", &45_455u32.to_be_bytes()),
    ];
    let mut source = photo(raster(40, 30, Color::Rgb));
    source.icc = Some(kept_profile());
    let file = encode(&source, &EncodeOptions::default()).unwrap();
    let mut file = insert(&file, "IHDR", &chunks.concat());
    file = insert(&file, "IDAT", &png_chunk(b"tEXt", &[b"Comment\0", SECRET].concat()));
    file.extend(SECRET);
    file
}

fn planted_webp() -> Vec<u8> {
    let before = webp_chunk(b"ICCP", &kept_profile());
    let after = [
        webp_chunk(b"EXIF", &exif(1, SECRET)),
        webp_chunk(b"XMP ", SECRET),
        webp_chunk(b"C2PA", SECRET),
        webp_chunk(b"UNKN", SECRET),
    ];
    let mut file = extended_webp(&plain(Format::WebP), 0x2C, &before, &after.concat());
    file.extend(SECRET);
    file
}

fn planted() -> [(Format, Vec<u8>); 3] {
    [(Format::Jpeg, planted_jpeg()), (Format::Png, planted_png()), (Format::WebP, planted_webp())]
}

fn contains(file: &[u8], needle: &[u8]) -> bool {
    file.windows(needle.len()).any(|w| w == needle)
}

/// The names of a file's parts, without repetition.
fn names(file: &[u8]) -> Vec<String> {
    let mut names: Vec<String> = inspect(file).unwrap().into_iter().map(|p| p.name.into_owned()).collect();
    names.sort();
    names.dedup();
    names
}

fn whitelist(format: Format, exif: bool) -> Vec<&'static str> {
    let mut allowed = match format {
        Format::Jpeg => vec!["SOI", "APP0", "APP2", "SOF0", "DQT", "DHT", "SOS", "scan", "EOI"],
        Format::Png => vec!["signature", "IHDR", "iCCP", "gAMA", "IDAT", "IEND"],
        Format::WebP => vec!["RIFF", "VP8X", "ICCP", "VP8L"],
        Format::Bmp => vec!["header", "info", "pixels", "profile"],
        Format::Heic | Format::Avif => unreachable!("not among those that are built in"),
        Format::Gif => vec!["header", "palette", "profile", "control", "image", "end"],
        Format::Tiff => vec![
            "header",
            "IFD",
            "next",
            "padding",
            "strip",
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
            "ResolutionUnit",
            "Predictor",
            "SampleFormat",
            "ICCProfile",
        ],
    };
    if exif {
        allowed.extend(match format {
            Format::Jpeg => &["APP1"][..],
            Format::Png => &["eXIf"],
            Format::WebP => &["EXIF"],
            Format::Tiff => &["Make", "Model", "DateTime"],
            _ => &[],
        });
    }
    allowed
}

#[test]
fn no_secret_survives_and_only_known_parts_are_written() {
    for (from, file) in planted() {
        assert!(contains(&file, SECRET), "{from:?}: the test planted nothing");
        let photo = read(&file);
        for format in fixture::BUILT_IN {
            for keep_safe_metadata in [false, true] {
                let case = format!("{from:?} to {format:?}, keep: {keep_safe_metadata}");
                let options = EncodeOptions { format: Some(format), keep_safe_metadata };
                let output = encode(&photo, &options).unwrap();
                assert!(!contains(&output, SECRET), "{case}");
                let allowed = whitelist(format, keep_safe_metadata);
                for name in names(&output) {
                    assert!(allowed.contains(&&*name), "{case}: {name}");
                }
                assert_eq!(read(&output).icc, Some(kept_profile()), "{case}");
                if format == Format::Jpeg {
                    assert!(contains(&output, b"KEPT-PROFILE"), "{case}");
                }
            }
        }
    }
}

#[test]
fn the_small_exif_holds_exactly_the_safe_fields() {
    use exif::Tag;
    for (from, file) in planted() {
        let photo = read(&file);
        let want = SafeMetadata {
            capture_time: Some("2024:02:29 12:34:56".into()),
            make: Some("Canon".into()),
            model: None,
        };
        assert_eq!(photo.safe, want, "{from:?}");
        let photo = Photo { safe: SafeMetadata { model: Some("EOS R5".into()), ..want }, ..photo };
        // A TIFF is its own EXIF; BMP and GIF have none.
        for format in [Format::Jpeg, Format::Png, Format::WebP] {
            let options = EncodeOptions { format: Some(format), keep_safe_metadata: true };
            let output = encode(&photo, &options).unwrap();
            let read = ::exif::Reader::new().read_from_container(&mut std::io::Cursor::new(&output)).unwrap();
            let mut fields: Vec<(Tag, String)> =
                read.fields().map(|f| (f.tag, f.display_value().to_string())).collect();
            fields.sort_by_key(|(tag, _)| tag.number());
            let want = [
                (Tag::Make, "\"Canon\"".to_owned()),
                (Tag::Model, "\"EOS R5\"".to_owned()),
                (Tag::DateTimeOriginal, "2024-02-29 12:34:56".to_owned()),
            ];
            assert_eq!(fields, want, "{from:?} to {format:?}");
            assert_eq!(fixture::read(&output).safe, photo.safe, "{from:?} to {format:?}");
        }
        let options = EncodeOptions { format: Some(Format::Tiff), keep_safe_metadata: true };
        assert_eq!(fixture::read(&encode(&photo, &options).unwrap()).safe, photo.safe, "{from:?} to TIFF");
    }
}

#[test]
fn a_profile_out_of_order_or_incomplete_is_dropped() {
    let profile = kept_profile();
    let piece = |number: u8, count: u8, data: &[u8]| {
        jpeg_segment(0xE2, &[b"ICC_PROFILE\0", &[number, count][..], data].concat())
    };
    let (a, b) = profile.split_at(70);
    let cases = [
        ("in order", [piece(1, 2, a), piece(2, 2, b)].concat(), true),
        ("swapped", [piece(2, 2, b), piece(1, 2, a)].concat(), false),
        ("one missing", piece(1, 2, a), false),
        ("one twice", [piece(1, 2, a), piece(1, 2, a)].concat(), false),
        ("a wrong count", [piece(1, 3, a), piece(2, 3, b)].concat(), false),
        ("empty", jpeg_segment(0xE2, b"ICC_PROFILE\0"), false),
    ];
    for (case, segments, kept) in cases {
        let photo = read(&insert(&plain(Format::Jpeg), "APP0", &segments));
        assert_eq!(photo.icc.is_some(), kept, "{case}");
    }
}

#[test]
fn png_colour_chunks_survive_and_only_png_gets_them() {
    let chunks = [
        png_chunk(b"cICP", &[9, 16, 0, 1]),
        png_chunk(b"sRGB", &[0]),
        png_chunk(b"gAMA", &45_455u32.to_be_bytes()),
        png_chunk(b"cHRM", &[7; 32]),
    ];
    let photo = read(&insert(&plain(Format::Png), "IHDR", &chunks.concat()));
    let output = encode(&photo, &EncodeOptions::default()).unwrap();
    assert_eq!(read(&output).source, photo.source);
    for name in ["cICP", "sRGB", "gAMA", "cHRM"] {
        assert!(names(&output).iter().any(|n| n == name), "{name}");
    }
}
