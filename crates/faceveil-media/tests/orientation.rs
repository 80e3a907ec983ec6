//! All eight EXIF orientations, in every format that has a block of EXIF.

mod fixture;

use faceveil_core::raster::{Color, Raster, Samples};
use faceveil_media::{EncodeOptions, Format, JpegOutcome, Reencoded, Source, encode, encode_photo};
use fixture::{exif, extended_webp, insert, jpeg_segment, photo, png_chunk, read, webp_chunk};

/// The formats with a block of EXIF; a TIFF is one itself, and is turned in `album.rs`.
const WITH_EXIF: [Format; 3] = [Format::Jpeg, Format::Png, Format::WebP];

/// 48×32 with a quarter each of four greys: survives JPEG, and no turn of it is another.
fn quarters() -> Raster {
    let level = |x, y| [[20, 90], [160, 240]][usize::from(y >= 16)][usize::from(x >= 24)];
    let samples = (0..32).flat_map(|y| (0..48).flat_map(move |x| [level(x, y); 3])).collect();
    Raster::new(48, 32, Color::Rgb, Samples::U8(samples)).unwrap()
}

fn with_exif(format: Format, block: &[u8]) -> Vec<u8> {
    let file =
        encode(&photo(quarters()), &EncodeOptions { format: Some(format), ..Default::default() }).unwrap();
    match format {
        Format::Jpeg => insert(&file, "APP0", &jpeg_segment(0xE1, &[b"Exif\0\0", block].concat())),
        Format::Png => insert(&file, "IHDR", &png_chunk(b"eXIf", block)),
        Format::WebP => extended_webp(&file, 8, b"", &webp_chunk(b"EXIF", block)),
        _ => panic!("{format:?} has no block of EXIF"),
    }
}

#[test]
fn the_picture_is_turned_upright() {
    // By orientation: where the stored quarters, read row by row, come to lie.
    let cases: [(u16, (u32, u32), [u8; 4]); 9] = [
        (1, (48, 32), [20, 90, 160, 240]),
        (2, (48, 32), [90, 20, 240, 160]),
        (3, (48, 32), [240, 160, 90, 20]),
        (4, (48, 32), [160, 240, 20, 90]),
        (5, (32, 48), [20, 160, 90, 240]),
        (6, (32, 48), [160, 20, 240, 90]),
        (7, (32, 48), [240, 90, 160, 20]),
        (8, (32, 48), [90, 240, 20, 160]),
        (9, (48, 32), [20, 90, 160, 240]), // no orientation: upright
    ];
    for format in WITH_EXIF {
        for (orientation, size, want) in cases {
            let photo = read(&with_exif(format, &exif(orientation, b"x")));
            let (w, h) = (photo.raster.width(), photo.raster.height());
            assert_eq!((w, h), size, "{format:?} {orientation}");
            let corners = [(1, 1), (w - 2, 1), (1, h - 2), (w - 2, h - 2)];
            for ((x, y), want) in corners.into_iter().zip(want) {
                let got = photo.raster.rgb8(x, y)[0];
                assert!(got.abs_diff(want) <= 2, "{format:?} {orientation} at ({x}, {y}): {got}, not {want}");
            }
        }
    }
}

/// Written again the picture is upright by itself, whatever is kept.
#[test]
fn the_output_needs_no_orientation() {
    for format in WITH_EXIF {
        let photo = read(&with_exif(format, &exif(6, b"x")));
        for keep_safe_metadata in [false, true] {
            let again = encode(&photo, &EncodeOptions { format: None, keep_safe_metadata }).unwrap();
            let again = read(&again).raster;
            assert_eq!((again.width(), again.height()), (32, 48), "{format:?}");
        }
    }
}

#[test]
fn tables_and_sampling_turn_with_the_picture() {
    let turned = |orientation| {
        let mut file = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut file, 80);
        encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_1);
        encoder.encode(&fixture::samples(48, 32, 3), 48, 32, jpeg_encoder::ColorType::Rgb).unwrap();
        let block = [b"Exif\0\0", &exif(orientation, b"x")[..]].concat();
        let Source::Jpeg(coding) = read(&insert(&file, "APP0", &jpeg_segment(0xE1, &block))).source else {
            panic!("no JPEG")
        };
        coding.components
    };
    let (upright, side) = (turned(3), turned(8));
    assert_eq!((upright[0].horizontal, upright[0].vertical), (2, 1));
    assert_eq!((side[0].horizontal, side[0].vertical), (1, 2));
    for i in 0..64 {
        assert_eq!(side[0].table[i % 8 * 8 + i / 8], upright[0].table[i], "coefficient {i}");
    }
}

/// Turning the coefficients is turning the pixels, but for rounding; and nothing is encoded anew.
#[test]
fn coefficients_turn_with_the_picture() {
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
    for sampling in
        [SamplingFactor::F_1_1, SamplingFactor::F_2_1, SamplingFactor::F_1_2, SamplingFactor::F_2_2]
    {
        for (progressive, orientation) in [false, true].into_iter().flat_map(|p| (1..=8).map(move |o| (p, o)))
        {
            let case = format!("{sampling:?} progressive: {progressive}, orientation {orientation}");
            let mut file = Vec::new();
            let mut encoder = Encoder::new(&mut file, 85);
            encoder.set_sampling_factor(sampling);
            encoder.set_progressive(progressive);
            encoder.encode(&fixture::samples(96, 64, 3), 96, 64, ColorType::Rgb).unwrap();
            let block = [b"Exif\0\0", &exif(orientation, b"x")[..]].concat();
            let photo = read(&insert(&file, "APP0", &jpeg_segment(0xE1, &block)));
            let encoded = encode_photo(&photo, &EncodeOptions::default()).unwrap();
            assert_eq!(encoded.jpeg, Some(JpegOutcome::Kept), "{case}");
            let again = read(&encoded.bytes);
            assert_eq!(
                (again.raster.width(), again.raster.height()),
                (photo.raster.width(), photo.raster.height())
            );
            let (Samples::U8(a), Samples::U8(b)) = (again.raster.samples(), photo.raster.samples()) else {
                panic!("8 bits")
            };
            let worst = a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(worst <= Some(4), "{case}: {worst:?}");
        }
    }
}

/// What fills up the last unit would come to stand at the edge: then the pixels are turned.
#[test]
fn ragged_sides_cannot_be_turned_without_loss() {
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
    // By orientation, whether 96×60, 90×64 and 90×60 are kept: mirrored sides must be whole.
    let cases: [(u16, [bool; 3]); 8] = [
        (1, [true, true, true]),
        (2, [true, false, false]),
        (3, [false, false, false]),
        (4, [false, true, false]),
        (5, [true, true, true]),
        (6, [false, true, false]),
        (7, [false, false, false]),
        (8, [true, false, false]),
    ];
    for (orientation, want) in cases {
        for ((width, height), want) in [(96u16, 60u16), (90, 64), (90, 60)].into_iter().zip(want) {
            let case = format!("{width}×{height}, orientation {orientation}");
            let mut file = Vec::new();
            let mut encoder = Encoder::new(&mut file, 85);
            encoder.set_sampling_factor(SamplingFactor::F_2_2);
            let samples = fixture::samples(width.into(), height.into(), 3);
            encoder.encode(&samples, width, height, ColorType::Rgb).unwrap();
            let block = [b"Exif\0\0", &exif(orientation, b"x")[..]].concat();
            let photo = read(&insert(&file, "APP0", &jpeg_segment(0xE1, &block)));
            let encoded = encode_photo(&photo, &EncodeOptions::default()).unwrap();
            let outcome =
                if want { JpegOutcome::Kept } else { JpegOutcome::Reencoded(Reencoded::Orientation) };
            assert_eq!(encoded.jpeg, Some(outcome), "{case}");
            assert!(fixture::rms(&read(&encoded.bytes).raster, &photo.raster) < 1.5, "{case}");
        }
    }
}

/// Any cut or changed byte of the block: never an error, the whole picture in its stored form or turned.
#[test]
fn damaged_exif_is_no_reason_to_refuse() {
    let block = exif(6, b"x");
    for format in WITH_EXIF {
        for n in 0..block.len() {
            read(&with_exif(format, &block[..n]));
            let mut bad = block.clone();
            bad[n] = 0xFF;
            read(&with_exif(format, &bad));
        }
    }
}
