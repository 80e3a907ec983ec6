//! Damaged and lying files: an error, quickly, and never a panic or half a picture.

mod fixture;

use faceveil_core::raster::{Color, Raster};
use faceveil_media::{
    Album, DecodeError, EncodeError, EncodeOptions, Format, Limits, Photo, Source, TiffCoding,
    TiffCompression, decode, decode_album, encode, encode_album, inspect,
};
use fixture::{
    extended_webp, insert, jpeg_segment, photo, png_chunk, raster, raster16, read_album, webp_chunk,
};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use std::time::{Duration, Instant};

fn encoded(format: Format, raster: Raster) -> Vec<u8> {
    encode(&photo(raster), &EncodeOptions { format: Some(format), keep_safe_metadata: false }).unwrap()
}

fn jpeg(progressive: bool, separate: bool, restart: u16, kind: ColorType, channels: usize) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 85);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.set_progressive(progressive);
    encoder.set_optimized_huffman_tables(separate);
    encoder.set_restart_interval(restart);
    encoder.encode(&fixture::samples(40, 36, channels), 40, 36, kind).unwrap();
    file
}

fn moving(format: Format) -> Vec<u8> {
    let options = EncodeOptions { format: Some(format), keep_safe_metadata: false };
    encode_album(&fixture::animation(3), &options).unwrap().bytes
}

/// Two pages in different packings.
fn of_pages() -> Vec<u8> {
    let mut page = photo(raster(20, 10, Color::Gray));
    page.source = Source::Tiff(TiffCoding { compression: TiffCompression::Lzw, premultiplied: false });
    let mut other = photo(raster16(9, 9, Color::Rgba));
    other.source = Source::Tiff(TiffCoding { compression: TiffCompression::PackBits, premultiplied: true });
    let album = Album::new(vec![page, other], None).unwrap();
    encode_album(&album, &EncodeOptions::default()).unwrap().bytes
}

/// Small files of every kind, with a name each.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let webp = encoded(Format::WebP, raster(20, 10, Color::Rgba));
    vec![
        ("sequential JPEG", jpeg(false, false, 0, ColorType::Rgb, 3)),
        ("JPEG with restarts", jpeg(false, false, 2, ColorType::Rgb, 3)),
        ("JPEG of separate scans", jpeg(false, true, 0, ColorType::Rgb, 3)),
        ("progressive JPEG", jpeg(true, false, 0, ColorType::Rgb, 3)),
        ("progressive JPEG with restarts", jpeg(true, false, 3, ColorType::Rgb, 3)),
        ("grey JPEG", jpeg(false, false, 0, ColorType::Luma, 1)),
        ("YCCK JPEG", jpeg(false, false, 0, ColorType::CmykAsYcck, 4)),
        ("CMYK JPEG", include_bytes!("data/ink.jpg").to_vec()),
        ("refined JPEG", include_bytes!("data/refined.jpg").to_vec()),
        ("RGB PNG", encoded(Format::Png, raster(20, 10, Color::Rgb))),
        ("16-bit PNG", encoded(Format::Png, raster16(20, 10, Color::Rgba))),
        ("extended WebP", extended_webp(&webp, 0x10, b"", &webp_chunk(b"EXIF", &fixture::exif(6, b"x")))),
        ("lossless WebP", webp),
        ("lossy WebP", include_bytes!("data/lossy.webp").to_vec()),
        ("BMP", encoded(Format::Bmp, raster(19, 10, Color::Rgb))),
        ("BMP with opacity", encoded(Format::Bmp, raster(19, 10, Color::Rgba))),
        ("TIFF", encoded(Format::Tiff, raster(20, 10, Color::Rgb))),
        ("16-bit TIFF", encoded(Format::Tiff, raster16(20, 10, Color::GrayAlpha))),
        ("TIFF of pages", of_pages()),
        ("GIF", encoded(Format::Gif, raster(20, 10, Color::Gray))),
        ("animated GIF", moving(Format::Gif)),
        ("animated PNG", moving(Format::Png)),
        ("animated WebP", moving(Format::WebP)),
    ]
}

#[test]
fn every_truncation_is_an_error() {
    for (name, file) in files() {
        read_album(&file);
        for n in 0..file.len() {
            let got = decode_album(&file[..n], &Limits::default());
            assert!(got.is_err(), "{name}: the first {n} of {} bytes decode", file.len());
            assert!(!matches!(got, Err(DecodeError::Panicked { .. })), "{name}: {n} bytes panic");
        }
    }
}

#[test]
fn bytes_after_the_end_change_nothing() {
    for (name, file) in files() {
        for tail in [&b"\0"[..], b"\xFF\xD8\xFF", &file, b"some text"] {
            let longer = [&file[..], tail].concat();
            assert_eq!(read_album(&longer), read_album(&file), "{name}");
            assert_eq!(inspect(&longer).unwrap().last().unwrap().name, "trailing", "{name}");
        }
    }
}

/// A picture that ends early but for a proper end marker: the rest must not come out grey.
#[test]
fn data_cut_out_of_a_scan_is_an_error() {
    for (name, file) in files().into_iter().filter(|(name, _)| name.contains("JPEG")) {
        for scan in inspect(&file).unwrap().iter().filter(|p| p.name == "scan" && p.length > 20) {
            let end = scan.offset + scan.length;
            for cut in [2, 5, scan.length / 2, scan.length - 1] {
                let shorter = [&file[..end - cut], &file[end..]].concat();
                let got = decode(&shorter, &Limits::default());
                assert!(got.is_err(), "{name}: {cut} bytes cut before {end} go unnoticed");
            }
        }
    }
}

/// Some thousand random changes: any answer but a panic. `FACEVEIL_FUZZ_ROUNDS` sets how many a file.
#[test]
fn random_damage_never_panics() {
    let mut state = 0x2545_F491_4F6C_DD1Du64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let rounds = std::env::var("FACEVEIL_FUZZ_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(2000);
    for (name, file) in files() {
        for round in 0..rounds {
            let mut bad = file.clone();
            for _ in 0..1 + random(3) {
                let at = random(bad.len());
                match random(4) {
                    0 => bad[at] ^= 1 << random(8),
                    1 => bad[at] = random(256) as u8,
                    2 => drop(bad.remove(at)),
                    _ => bad.insert(at, [0, 0xFF, 0xD9, 0x01][random(4)]),
                }
            }
            let limits = Limits { max_pixels: 1_000_000, ..Limits::default() };
            let got = decode_album(&bad, &limits);
            assert!(!matches!(got, Err(DecodeError::Panicked { .. })), "{name}: round {round} panics");
            if let Ok(album) = got {
                let again = encode_album(&album, &EncodeOptions::default());
                assert!(!matches!(again, Err(EncodeError::Panicked { .. })), "{name}: round {round} panics");
                if let Ok(again) = again {
                    let size = |p: &Photo| (p.raster.width(), p.raster.height());
                    let again = read_album(&again.bytes);
                    let sizes = |a: &Album| a.pages().iter().map(size).collect::<Vec<_>>();
                    assert_eq!(sizes(&again), sizes(&album), "{name}: round {round}");
                }
            }
            let _ = inspect(&bad);
        }
    }
}

#[test]
fn a_flipped_bit_in_a_png_is_noticed() {
    let file = insert(
        &encoded(Format::Png, raster(20, 10, Color::Rgb)),
        "IHDR",
        &png_chunk(b"gAMA", &45_455u32.to_be_bytes()),
    );
    for at in 0..file.len() {
        let mut bad = file.clone();
        bad[at] ^= 0x10;
        assert!(decode(&bad, &Limits::default()).is_err(), "byte {at}");
    }
}

/// Headers that promise the largest picture, in front of next to nothing.
#[test]
fn lying_headers_are_refused_at_once() {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    png.extend(png_chunk(b"IHDR", &[0, 0, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF, 8, 6, 0, 0, 0]));
    png.extend(png_chunk(b"IDAT", b"\x78\x01\x03\0\0\0\0\x01"));
    png.extend(png_chunk(b"IEND", b""));
    let frame = [8, 0xFF, 0xFF, 0xFF, 0xFF, 1, 1, 0x11, 0];
    let jpeg = insert(&encoded(Format::Jpeg, raster(8, 8, Color::Gray)), "APP0", &jpeg_segment(0xC0, &frame));
    let vp8l = [0x2F, 0xFF, 0xFF, 0xFF, 0x0F, 0, 0];
    let body = [b"WEBP", &webp_chunk(b"VP8L", &vp8l)[..]].concat();
    let webp = [b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat();
    let mut gif = encoded(Format::Gif, raster(4, 4, Color::Gray));
    gif[6..10].fill(0xFF);
    let mut bmp = encoded(Format::Bmp, raster(4, 4, Color::Rgb));
    bmp[18..26].copy_from_slice(&[0xFF, 0xFF, 0, 0, 0xFF, 0xFF, 0, 0]);
    let mut tiff = encoded(Format::Tiff, raster(4, 4, Color::Rgb));
    for part in inspect(&tiff).unwrap().iter().filter(|p| matches!(&*p.name, "ImageWidth" | "ImageLength")) {
        tiff[part.offset + 8..part.offset + 12].copy_from_slice(&[0xFF, 0xFF, 0, 0]);
    }
    let files = [("PNG", png), ("JPEG", jpeg), ("WebP", webp), ("GIF", gif), ("BMP", bmp), ("TIFF", tiff)];
    for (name, file) in files {
        let start = Instant::now();
        let got = decode(&file, &Limits::default());
        assert!(matches!(got, Err(DecodeError::TooManyPixels { .. })), "{name}: {got:?}");
        assert!(start.elapsed() < Duration::from_millis(500), "{name}: {:?}", start.elapsed());
    }
}

/// The same within the limit: a big picture promised, no data for it.
#[test]
fn big_promises_without_data_are_refused_at_once() {
    for (name, mut file) in files().into_iter().filter(|(name, _)| name.contains("JPEG")) {
        let frame = inspect(&file).unwrap().into_iter().find(|p| p.name.starts_with("SOF")).unwrap();
        let at = frame.payload.start + 1;
        file[at..at + 4].copy_from_slice(&[0x37, 0x00, 0x37, 0x00]); // 14080×14080
        let start = Instant::now();
        let got = decode(&file, &Limits::default());
        assert!(matches!(got, Err(DecodeError::Damaged { .. })), "{name}: {got:?}");
        assert!(start.elapsed() < Duration::from_secs(2), "{name}: {:?}", start.elapsed());
    }
}

#[test]
fn what_is_not_supported_says_so() {
    let sequential = jpeg(false, false, 0, ColorType::Rgb, 3);
    let sof = inspect(&sequential).unwrap().into_iter().find(|p| p.name == "SOF0").unwrap();
    let with = |at: usize, value: u8| {
        let mut file = sequential.clone();
        file[at] = value;
        file
    };
    let animated = insert(
        &encoded(Format::Png, raster(4, 4, Color::Rgb)),
        "IHDR",
        &png_chunk(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]),
    );
    let frames = extended_webp(
        &encoded(Format::WebP, raster(4, 4, Color::Rgb)),
        2,
        &webp_chunk(b"ANIM", &[0; 6]),
        b"",
    );
    let narrow = jpeg(false, false, 0, ColorType::Cmyk, 4);
    let cases = [
        (narrow, "a JPEG with a first component of fewer samples a row than another, which is not supported"),
        (with(sof.offset + 1, 0xC9), "a JPEG with arithmetic coding, which is not supported"),
        (with(sof.offset + 1, 0xC3), "a JPEG with lossless coding, which is not supported"),
        (with(sof.payload.start, 12), "a JPEG with other than 8 bits a sample, which is not supported"),
        (animated, "damaged PNG: IDAT or fdAT chunk is missing."),
        (frames, "damaged WebP: An expected chunk was missing"),
        (b"GIF89a".to_vec(), "truncated GIF: a block beyond its 6 bytes"),
        (
            b"8BPS\0\x01".to_vec(),
            "this looks like a Photoshop document; only JPEG, PNG, WebP, BMP, TIFF, GIF, HEIC and AVIF can be read",
        ),
        (b"".to_vec(), "the file is empty"),
    ];
    for (file, message) in cases {
        let error = decode(&file, &Limits::default()).map(drop).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn parts_cover_the_file_without_gap() {
    for (name, file) in files() {
        let mut at = 0;
        for part in inspect(&file).unwrap() {
            assert_eq!(part.offset, at, "{name}: {}", part.name);
            at += part.length;
            let own = part.offset..part.offset + part.length;
            assert!(own.start <= part.payload.start && part.payload.end <= own.end, "{name}: {}", part.name);
        }
        assert_eq!(at, file.len(), "{name}");
    }
}
