//! Pages and frames: all of them, in order, with their timing, and nothing beside them.

mod fixture;

use faceveil_core::raster::{Color, Raster, Samples};
use faceveil_media::{
    Album, DecodeError, Delay, EncodeError, EncodeOptions, Format, Limits, Motion, Photo, Source, TiffCoding,
    TiffCompression, decode, decode_album, encode, encode_album, inspect,
};
use fixture::{animation, photo, png_chunk, raster, raster16, read, read_album};

fn to(format: Format) -> EncodeOptions {
    EncodeOptions { format: Some(format), keep_safe_metadata: false }
}

fn rasters(album: &Album) -> Vec<&Raster> {
    album.pages().iter().map(|p| &p.raster).collect()
}

#[test]
fn tiff_pages_come_back_bit_by_bit_in_every_packing() {
    use TiffCompression::{Deflate, Lzw, None, PackBits};
    for compression in [None, Lzw, Deflate, PackBits] {
        let mut pages = Vec::new();
        for color in [Color::Gray, Color::GrayAlpha, Color::Rgb, Color::Rgba] {
            for raster in [raster(37, 21, color), raster16(5, 60, color)] {
                let coding = TiffCoding { compression, premultiplied: false };
                pages.push(Photo { source: Source::Tiff(coding), ..photo(raster) });
            }
        }
        let album = Album::new(pages, Option::None).unwrap();
        let back = read_album(&encode_album(&album, &EncodeOptions::default()).unwrap().bytes);
        assert_eq!(back, album, "{compression:?}");
    }
}

#[test]
fn still_bmp_comes_back_bit_by_bit() {
    for color in [Color::Rgb, Color::Rgba] {
        for width in 1..9 {
            let picture = photo(raster(width, 5, color));
            let back = read(&encode(&picture, &to(Format::Bmp)).unwrap());
            assert_eq!(back.raster, picture.raster, "{color:?} {width}");
        }
    }
}

#[test]
fn animations_come_back_frame_by_frame_from_every_format() {
    let album = animation(5);
    for format in [Format::Gif, Format::Png, Format::WebP] {
        let bytes = encode_album(&album, &to(format)).unwrap().bytes;
        let back = read_album(&bytes);
        assert_eq!(rasters(&back), rasters(&album), "{format:?}");
        let motion = back.motion().unwrap();
        assert_eq!(motion.plays, 2, "{format:?}");
        let ms: Vec<u64> = motion.delays.iter().map(|d| d.in_units(1000)).collect();
        assert_eq!(ms, [50, 80, 110, 140, 170], "{format:?}");
        assert_eq!(decode(&bytes, &Limits::default()), Err(DecodeError::SeveralPictures { format }));
        let again = read_album(&encode_album(&back, &EncodeOptions::default()).unwrap().bytes);
        assert_eq!(rasters(&again), rasters(&album), "{format:?} again");
        for into in [Format::Jpeg, Format::Bmp] {
            let refused = encode_album(&back, &to(into));
            assert_eq!(refused, Err(EncodeError::SeveralPictures { format: into, count: 5 }));
        }
    }
}

#[test]
fn a_loop_without_end_stays_one() {
    let Motion { delays, .. } = animation(2).motion().unwrap().clone();
    for plays in [0, 1, 7] {
        let motion = Some(Motion { plays, delays: delays.clone() });
        let album = Album::new(animation(2).pages().to_vec(), motion).unwrap();
        for format in [Format::Gif, Format::Png, Format::WebP] {
            let back = read_album(&encode_album(&album, &to(format)).unwrap().bytes);
            assert_eq!(back.motion().unwrap().plays, plays, "{format:?}");
        }
    }
}

/// What is shown by programs that know no animations is a picture of its own here: it is not let through.
#[test]
fn a_default_picture_that_is_no_frame_is_dropped() {
    let secret = encode(&photo(raster(12, 10, Color::Rgba)), &to(Format::Png)).unwrap();
    let moving = encode_album(&animation(2), &to(Format::Png)).unwrap().bytes;
    let mut file = Vec::new();
    let mut sequence = 0u32;
    let parts = inspect(&moving).unwrap();
    for part in &parts {
        let own = &moving[part.offset..part.offset + part.length];
        let mut data = part.data(&moving).to_vec();
        match &*part.name {
            "fcTL" | "fdAT" => {
                data[..4].copy_from_slice(&sequence.to_be_bytes());
                file.extend(png_chunk(if part.name == "fcTL" { b"fcTL" } else { b"fdAT" }, &data));
                sequence += 1;
            }
            "IDAT" => {
                file.extend(png_chunk(b"fdAT", &[&sequence.to_be_bytes()[..], &data].concat()));
                sequence += 1;
            }
            "acTL" => {
                file.extend(own);
                for part in inspect(&secret).unwrap().iter().filter(|p| p.name == "IDAT") {
                    file.extend(&secret[part.offset..part.offset + part.length]);
                }
            }
            _ => file.extend(own),
        }
    }
    let album = read_album(&file);
    assert_eq!(rasters(&album), rasters(&animation(2)));
    let names = |bytes: &[u8]| inspect(bytes).unwrap().iter().filter(|p| p.name == "IDAT").count();
    assert_eq!(names(&encode_album(&album, &EncodeOptions::default()).unwrap().bytes), 1);
}

/// Frames of a few pixels and all disposals: each is given as it is shown.
#[test]
fn gif_frames_are_composed() {
    let mut file = Vec::new();
    let palette = [255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9];
    let mut encoder = gif::Encoder::new(&mut file, 3, 1, &palette).unwrap();
    let steps: [(u16, &[u8], gif::DisposalMethod); 4] = [
        (0, &[0, 0, 0], gif::DisposalMethod::Keep),
        (1, &[1], gif::DisposalMethod::Previous),
        (2, &[2], gif::DisposalMethod::Background),
        (0, &[3, 1], gif::DisposalMethod::Keep),
    ];
    for (left, pixels, dispose) in steps {
        let frame = gif::Frame {
            left,
            width: pixels.len() as u16,
            height: 1,
            buffer: pixels.into(),
            dispose,
            transparent: Some(3),
            delay: 4,
            ..gif::Frame::default()
        };
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    let album = read_album(&file);
    let seen: Vec<Vec<[u8; 3]>> =
        rasters(&album).iter().map(|r| (0..3).map(|x| r.rgb8(x, 0)).collect()).collect();
    let (red, green, blue, clear) = ([255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 0]);
    assert_eq!(seen, [[red; 3], [red, green, red], [red, red, blue], [red, green, clear]]);
    assert_eq!(album.motion().unwrap().delays, [Delay { numerator: 4, denominator: 100 }; 4]);
}

/// More colours than a palette has: those that the frame had stay, where nothing was hidden.
#[test]
fn a_gif_stays_exact_outside_what_was_hidden() {
    let gradient: Vec<u8> = (0..256u32).flat_map(|i| [i as u8, 255 - i as u8, 40]).collect();
    let source = photo(Raster::new(16, 16, Color::Rgb, Samples::U8(gradient)).unwrap());
    let mut album = Album::from(read(&encode(&source, &to(Format::Gif)).unwrap()));
    assert_eq!(album.first().raster, source.raster);
    let mut samples = match album.first().raster.samples() {
        Samples::U8(samples) => samples.clone(),
        Samples::U16(_) => unreachable!(),
    };
    samples[..90].iter_mut().enumerate().for_each(|(i, s)| *s = (i * 37 % 251) as u8);
    album.pages_mut()[0].raster = Raster::new(16, 16, Color::Rgb, Samples::U8(samples.clone())).unwrap();
    let back = read_album(&encode_album(&album, &EncodeOptions::default()).unwrap().bytes);
    let Samples::U8(got) = back.first().raster.samples() else { panic!("16 bits in a GIF") };
    assert_eq!(got[90..], samples[90..]);
}

#[test]
fn too_many_pixels_in_all_are_refused() {
    let limits = Limits { max_pixels: 300, ..Limits::default() };
    for format in [Format::Gif, Format::Png, Format::WebP, Format::Tiff] {
        let bytes = encode_album(&animation(3), &to(format)).unwrap().bytes;
        let got = decode_album(&bytes, &limits);
        let refused = matches!(got, Err(DecodeError::TooManyPixelsInAll { limit: 300, .. }));
        assert!(refused, "{format:?}: {got:?}");
    }
}

/// Orientation, a thumbnail and a secret in a big-endian TIFF.
#[test]
fn a_tiff_is_turned_and_loses_all_else() {
    let secret = b"PLANTED-SECRET";
    let mut t = b"MM\0*\0\0\0\x08".to_vec();
    let (entries, data_at) = (11u16, 8 + 2 + 11 * 12 + 4);
    let entry = |tag: u16, kind: u16, count: u32, value: u32| {
        let value = if kind == 3 && count == 1 { value << 16 } else { value };
        [&tag.to_be_bytes()[..], &kind.to_be_bytes(), &count.to_be_bytes(), &value.to_be_bytes()].concat()
    };
    let body = [
        entry(256, 4, 1, 3),
        entry(257, 4, 1, 2),
        entry(258, 3, 1, 8),
        entry(259, 3, 1, 1),
        entry(262, 3, 1, 1),
        entry(270, 2, 14, data_at),
        entry(273, 4, 1, data_at + 14),
        entry(274, 3, 1, 6),
        entry(277, 3, 1, 1),
        entry(278, 4, 1, 2),
        entry(279, 4, 1, 6),
    ];
    t.extend(entries.to_be_bytes());
    t.extend(body.concat());
    let thumbnail = data_at + 14 + 6;
    t.extend(thumbnail.to_be_bytes());
    t.extend(secret);
    t.extend([1, 2, 3, 4, 5, 6]);
    let small = [
        entry(254, 4, 1, 1),
        entry(256, 4, 1, 1),
        entry(257, 4, 1, 1),
        entry(273, 4, 1, 0),
        entry(279, 4, 1, 1),
    ];
    t.extend(5u16.to_be_bytes());
    t.extend(small.concat());
    t.extend([0; 4]);
    let album = read_album(&t);
    assert_eq!(album.pages().len(), 1);
    let want = Raster::new(2, 3, Color::Gray, Samples::U8(vec![4, 1, 5, 2, 6, 3])).unwrap();
    assert_eq!(album.first().raster, want);
    let file = encode_album(&album, &EncodeOptions { format: None, keep_safe_metadata: true }).unwrap().bytes;
    assert!(!file.windows(secret.len()).any(|w| w == secret));
    let names: Vec<String> = inspect(&t).unwrap().into_iter().map(|p| p.name.into_owned()).collect();
    assert!(names.contains(&"tag 270".to_owned()), "{names:?}");
    // Its first page said to be a thumbnail, it is a camera's raw picture.
    t[10..22].copy_from_slice(&entry(254, 4, 1, 1));
    assert!(matches!(decode_album(&t, &Limits::default()), Err(DecodeError::UnsupportedFeature { .. })));
}

#[test]
fn a_tiff_that_leads_back_to_itself_is_refused() {
    let mut file = encode(&photo(raster(4, 4, Color::Gray)), &to(Format::Tiff)).unwrap();
    let ifd = inspect(&file).unwrap().into_iter().find(|p| p.name == "IFD").unwrap();
    let next = inspect(&file).unwrap().into_iter().find(|p| p.name == "next").unwrap();
    file[next.offset..next.offset + 4].copy_from_slice(&(ifd.offset as u32).to_le_bytes());
    let got = decode_album(&file, &Limits::default());
    assert!(matches!(got, Err(DecodeError::Damaged { format: Format::Tiff, .. })), "{got:?}");
}
