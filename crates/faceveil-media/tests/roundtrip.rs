//! What comes in goes out the same, as far as each format can.

mod fixture;

use faceveil_core::raster::{Color, Samples};
use faceveil_media::{EncodeError, EncodeOptions, Format, JpegCoding, Limits, Photo, Source, decode, encode};
use fixture::{photo, profile, raster, raster16, read, rms};
use jpeg_encoder::{ColorType, Encoder, QuantizationTableType, SamplingFactor};

const COLORS: [Color; 4] = [Color::Gray, Color::GrayAlpha, Color::Rgb, Color::Rgba];

fn to(format: Format) -> EncodeOptions {
    EncodeOptions { format: Some(format), keep_safe_metadata: false }
}

fn coding(photo: &Photo) -> &JpegCoding {
    let Source::Jpeg(coding) = &photo.source else { panic!("{:?} is no JPEG", photo.source) };
    coding
}

#[test]
fn png_keeps_every_sample() {
    for (width, height) in [(1, 1), (7, 3), (64, 65)] {
        for color in COLORS {
            for raster in [raster(width, height, color), raster16(width, height, color)] {
                let back = read(&encode(&photo(raster.clone()), &to(Format::Png)).unwrap());
                assert_eq!(back.raster, raster, "{width}×{height} {color:?}");
            }
        }
    }
}

#[test]
fn webp_keeps_every_sample_of_8_bits() {
    for (width, height) in [(1, 1), (7, 3), (64, 65)] {
        for color in [Color::Rgb, Color::Rgba] {
            let raster = raster(width, height, color);
            let back = read(&encode(&photo(raster.clone()), &to(Format::WebP)).unwrap());
            assert_eq!(back.raster, raster, "{width}×{height} {color:?}");
            assert_eq!(back.source, Source::WebP(faceveil_media::WebPCoding { lossy: false }));
        }
    }
}

/// Stored in every depth and colour type, PNG comes out expanded, as its specification defines.
#[test]
fn png_palettes_and_few_bits_are_expanded() {
    use png::{BitDepth as Depth, ColorType as Type};
    let rgb = |s: &[u8]| Samples::U8(s.to_vec());
    let palette: &[u8] = &[1, 2, 3, 40, 50, 60];
    type Case<'a> = (Type, Depth, &'a [u8], Option<&'a [u8]>, Color, Samples);
    let cases: [Case; 6] = [
        (Type::Grayscale, Depth::One, &[0b0100_0000], None, Color::Gray, rgb(&[0, 255])),
        (Type::Grayscale, Depth::Two, &[0b0110_0000], None, Color::Gray, rgb(&[85, 170])),
        (Type::Grayscale, Depth::Four, &[0x1F], None, Color::Gray, rgb(&[17, 255])),
        (Type::Indexed, Depth::Eight, &[1, 0], None, Color::Rgb, rgb(&[40, 50, 60, 1, 2, 3])),
        (
            Type::Indexed,
            Depth::One,
            &[0b1000_0000],
            Some(&[9]),
            Color::Rgba,
            rgb(&[40, 50, 60, 255, 1, 2, 3, 9]),
        ),
        (Type::Grayscale, Depth::Eight, &[5, 6], Some(&[0, 6]), Color::GrayAlpha, rgb(&[5, 255, 6, 0])),
    ];
    for (kind, depth, data, trns, color, want) in cases {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, 2, 1);
        encoder.set_color(kind);
        encoder.set_depth(depth);
        if kind == Type::Indexed {
            encoder.set_palette(palette);
        }
        if let Some(trns) = trns {
            encoder.set_trns(trns);
        }
        encoder.write_header().unwrap().write_image_data(data).unwrap();
        let photo = read(&file);
        assert_eq!((photo.raster.color(), photo.raster.samples()), (color, &want), "{kind:?} {depth:?}");
        let again = read(&encode(&photo, &EncodeOptions::default()).unwrap());
        assert_eq!(again.raster, photo.raster, "{kind:?} {depth:?}");
    }
}

fn tables(luma: u16, chroma: u16) -> [QuantizationTableType; 2] {
    let table = |first: u16| Box::new(std::array::from_fn(|i| first + (i % 8) as u16 * 2 + (i / 8) as u16));
    [QuantizationTableType::Custom(table(luma)), QuantizationTableType::Custom(table(chroma))]
}

#[test]
fn jpeg_keeps_tables_sampling_and_progression() {
    use SamplingFactor as S;
    let samplings = [S::F_1_1, S::F_2_1, S::F_1_2, S::F_2_2, S::F_4_1];
    for (width, height) in [(1, 1), (15, 17), (64, 48)] {
        for sampling in samplings {
            for progressive in [false, true] {
                let case = format!("{width}×{height} {sampling:?} progressive: {progressive}");
                let mut file = Vec::new();
                let mut encoder = Encoder::new(&mut file, 90);
                let [luma, chroma] = tables(2, 3);
                encoder.set_quantization_tables(luma, chroma);
                encoder.set_sampling_factor(sampling);
                encoder.set_progressive(progressive);
                let samples = fixture::samples(width, height, 3);
                encoder.encode(&samples, width as u16, height as u16, ColorType::Rgb).unwrap();
                let first = read(&file);
                assert_eq!(coding(&first).components[1].table[1], 5, "{case}: row by row, not zig-zag");
                let second = read(&encode(&first, &EncodeOptions::default()).unwrap());
                let mut want = coding(&first).clone();
                // Any will do, as JFIF goes by their order; what a file had there is not kept.
                want.components.iter_mut().zip(1..).for_each(|(c, id)| c.id = id);
                assert_eq!(coding(&second), &want, "{case}");
                assert!(rms(&first.raster, &second.raster) < 1.5, "{case}");
            }
        }
    }
}

#[test]
fn jpeg_keeps_its_colour_model() {
    let options = EncodeOptions::default();
    for progressive in [false, true] {
        for (kind, color, luma_chroma) in [
            (ColorType::Luma, Color::Gray, false),
            (ColorType::Rgb, Color::Rgb, true),
            (ColorType::Cmyk, Color::Cmyk, false),
            (ColorType::CmykAsYcck, Color::Cmyk, true),
        ] {
            let want = raster(40, 24, color);
            let Samples::U8(samples) = want.samples() else { unreachable!() };
            let mut file = Vec::new();
            let mut encoder = Encoder::new(&mut file, 95);
            encoder.set_progressive(progressive);
            encoder.encode(samples, 40, 24, kind).unwrap();
            let mut photo = read(&file);
            for round in 0..2 {
                let case = format!("{kind:?} progressive: {progressive}, round {round}");
                assert_eq!(coding(&photo).luma_chroma, luma_chroma, "{case}");
                assert!(rms(&photo.raster, &want) < 3.0, "{case}: {}", rms(&photo.raster, &want));
                photo = read(&encode(&photo, &options).unwrap());
            }
        }
    }
}

/// Pillow's own CMYK file, whose ink is known.
#[test]
fn ink_is_ink() {
    let photo = read(include_bytes!("data/ink.jpg"));
    let Samples::U8(samples) = photo.raster.samples() else { panic!("8 bits") };
    for (i, &[c, m, y, k]) in samples.as_chunks::<4>().0.iter().enumerate() {
        let (across, down) = (i % 24 * 255 / 23, i / 24 * 255 / 23);
        let near = |got: u8, want: usize| usize::from(got).abs_diff(want) <= 4;
        assert!(
            near(c, across) && near(m, down) && near(y, 0) && near(k, 40),
            "pixel {i}: {:?}",
            [c, m, y, k]
        );
    }
}

/// Transform 0 of an Adobe segment without JFIF: the components are RGB and stay so.
#[test]
fn rgb_jpegs_stay_rgb() {
    let mut first = read(&encode(&photo(raster(33, 20, Color::Rgb)), &to(Format::Jpeg)).unwrap());
    let Source::Jpeg(coding) = &mut first.source else { panic!("no JPEG") };
    coding.luma_chroma = false;
    let file = encode(&first, &EncodeOptions::default()).unwrap();
    assert!(!file.windows(4).any(|w| w == b"JFIF"), "JFIF would say YCbCr");
    let second = read(&file);
    let Source::Jpeg(coding) = &second.source else { panic!("no JPEG") };
    assert_eq!((coding.adobe_transform, coding.luma_chroma), (Some(0), false));
    assert!(rms(&first.raster, &second.raster) < 3.0, "{}", rms(&first.raster, &second.raster));
}

/// Pillow wrote the same coefficients twice; refinement scans must add up to them.
#[test]
fn successive_approximation_gives_the_same_pixels() {
    let refined = read(include_bytes!("data/refined.jpg"));
    let sequential = read(include_bytes!("data/sequential.jpg"));
    assert!(coding(&refined).progressive && !coding(&sequential).progressive);
    assert_eq!(refined.raster, sequential.raster);
}

/// The same picture written both ways: progression changes no coefficient.
#[test]
fn progressive_output_holds_the_same_picture() {
    for (kind, channels) in
        [(ColorType::Luma, 1), (ColorType::Rgb, 3), (ColorType::Cmyk, 4), (ColorType::CmykAsYcck, 4)]
    {
        for sampling in
            [SamplingFactor::F_1_1, SamplingFactor::F_2_1, SamplingFactor::F_1_2, SamplingFactor::F_2_2]
        {
            // The encoder subsamples all of CMYK but black, which we refuse to read.
            let refused = [SamplingFactor::F_2_1, SamplingFactor::F_2_2].contains(&sampling);
            if kind == ColorType::Cmyk && refused {
                continue;
            }
            for (width, height) in [(1, 1), (17, 9), (33, 50), (64, 48)] {
                let mut file = Vec::new();
                let mut encoder = Encoder::new(&mut file, 90);
                encoder.set_sampling_factor(sampling);
                let samples = fixture::samples(width, height, channels);
                encoder.encode(&samples, width as u16, height as u16, kind).unwrap();
                let mut photo = read(&file);
                let sequential = read(&encode(&photo, &EncodeOptions::default()).unwrap());
                let Source::Jpeg(coding) = &mut photo.source else { panic!("no JPEG") };
                coding.progressive = true;
                let progressive = read(&encode(&photo, &EncodeOptions::default()).unwrap());
                let case = format!("{kind:?} {sampling:?} {width}×{height}");
                assert!(progressive.raster == sequential.raster, "{case}");
                assert!(
                    self::coding(&progressive).progressive && !self::coding(&sequential).progressive,
                    "{case}"
                );
            }
        }
    }
}

/// One scan a component, which sequential JPEGs may have too.
#[test]
fn scans_of_single_components_give_the_same_pixels() {
    for sampling in
        [SamplingFactor::F_1_1, SamplingFactor::F_2_1, SamplingFactor::F_1_2, SamplingFactor::F_2_2]
    {
        for (width, height) in [(64, 48), (50, 37), (17, 9)] {
            let pictures = [false, true].map(|separate| {
                let mut file = Vec::new();
                let mut encoder = Encoder::new(&mut file, 90);
                encoder.set_sampling_factor(sampling);
                encoder.set_optimized_huffman_tables(separate);
                let samples = fixture::samples(width, height, 3);
                encoder.encode(&samples, width as u16, height as u16, ColorType::Rgb).unwrap();
                read(&file).raster
            });
            assert!(pictures[0] == pictures[1], "{sampling:?} {width}×{height}");
        }
    }
}

#[test]
fn other_formats_get_what_they_can_hold() {
    for color in COLORS {
        let source = photo(raster16(20, 10, color));
        let back = read(&encode(&source, &to(Format::Jpeg)).unwrap());
        let want = if color.channels() <= 2 { Color::Gray } else { Color::Rgb };
        assert_eq!(back.raster.color(), want, "{color:?}");
        assert!(coding(&back).components.iter().all(|c| (c.horizontal, c.vertical) == (1, 1)), "{color:?}");
        let back = read(&encode(&source, &to(Format::WebP)).unwrap());
        assert!(matches!(back.raster.samples(), Samples::U8(_)), "{color:?}");
    }
    let mut cmyk = read(include_bytes!("data/ink.jpg"));
    cmyk.icc = Some(profile(b"CMYK", b"ink"));
    let kept = read(&encode(&cmyk, &EncodeOptions::default()).unwrap());
    assert_eq!(kept.icc, cmyk.icc, "CMYK in CMYK out");
    for format in [Format::Png, Format::WebP] {
        let back = read(&encode(&cmyk, &to(format)).unwrap());
        assert_eq!((back.raster.color(), &back.icc), (Color::Rgb, &None), "{format:?}");
        assert_eq!(back.raster.rgb8(5, 7), cmyk.raster.rgb8(5, 7), "{format:?}");
    }
}

#[test]
fn profiles_are_kept_by_every_format() {
    // Larger than a JPEG segment: it comes in pieces.
    let mut source = photo(raster(9, 9, Color::Rgb));
    source.icc = Some(profile(b"RGB ", &fixture::samples(300, 300, 1)));
    for format in fixture::BUILT_IN {
        let back = read(&encode(&source, &to(format)).unwrap());
        assert!(back.icc == source.icc, "{format:?}");
    }
    source.icc = Some(profile(b"GRAY", b"")); // describes other samples
    for format in fixture::BUILT_IN {
        assert_eq!(read(&encode(&source, &to(format)).unwrap()).icc, None, "{format:?}");
    }
}

#[test]
fn the_finer_table_wins_and_none_passes_255() {
    let mut source = read(&encode(&photo(raster(16, 16, Color::Rgb)), &to(Format::Jpeg)).unwrap());
    let Source::Jpeg(coding) = &mut source.source else { panic!("no JPEG") };
    coding.components[0].table = [300; 64];
    coding.components[1].table = std::array::from_fn(|i| 10 + i as u16);
    coding.components[2].table = std::array::from_fn(|i| 73 - i as u16);
    let back = read(&encode(&source, &EncodeOptions::default()).unwrap());
    let Source::Jpeg(coding) = &back.source else { panic!("no JPEG") };
    assert_eq!(coding.components[0].table, [255; 64]);
    for i in 0..64 {
        let want = (10 + i as u16).min(73 - i as u16);
        assert_eq!(coding.components[1].table[i], want, "coefficient {i}");
        assert_eq!(coding.components[2].table[i], want, "coefficient {i}");
    }
}

/// Noise at the finest steps reaches the largest coefficients there are.
#[test]
fn extreme_coefficients_survive() {
    for (color, size) in [(Color::Gray, 64), (Color::Rgb, 64)] {
        for progressive in [false, true] {
            let n = size as usize * size as usize * color.channels();
            let mut state = 1u32;
            let mut bit = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                if state >> 31 == 1 { 255 } else { 0 }
            };
            let noise: Vec<u8> = (0..n).map(|_| bit()).collect();
            let raster = faceveil_core::raster::Raster::new(size, size, color, Samples::U8(noise)).unwrap();
            let mut source = read(&encode(&photo(raster.clone()), &to(Format::Jpeg)).unwrap());
            source.raster = raster;
            let Source::Jpeg(coding) = &mut source.source else { panic!("no JPEG") };
            coding.progressive = progressive;
            coding.components.iter_mut().for_each(|c| c.table = [1; 64]);
            let back = read(&encode(&source, &EncodeOptions::default()).unwrap());
            assert!(rms(&back.raster, &source.raster) < 2.0, "{color:?} progressive: {progressive}");
        }
    }
}

#[test]
fn pictures_too_long_for_a_format_are_refused() {
    let long = photo(raster(16_385, 1, Color::Gray));
    let refused = encode(&long, &to(Format::WebP));
    assert!(matches!(refused, Err(EncodeError::TooLarge { limit: 16_384, .. })), "{refused:?}");
    let longer = photo(raster(65_536, 1, Color::Gray));
    let refused = encode(&longer, &to(Format::Jpeg));
    assert!(matches!(refused, Err(EncodeError::TooLarge { limit: 65_535, .. })), "{refused:?}");
    assert!(decode(&encode(&longer, &to(Format::Png)).unwrap(), &Limits::default()).is_ok());
}
