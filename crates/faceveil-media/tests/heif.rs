//! HEIC and AVIF. `tools/make_heif.py` made the files: a picture of four grey quarters of 160×96 pixels.

mod fixture;

use faceveil_core::raster::{Color, Samples};
use faceveil_media::{
    DecodeError, EncodeError, EncodeOptions, Format, HeifCoding, Limits, Photo, Source, decode, encode,
    inspect,
};

macro_rules! files {
    ($($name:literal)*) => { [$(($name, include_bytes!(concat!("data/heif/", $name)).as_slice())),*] };
}

const FILES: [(&str, &[u8]); 12] = files!(
    "phone.heic" "phone.avif" "clear.heic" "clear.avif" "several.heic" "moving.avif" "mirrored.heic" "tiles.heic"
    "deep.heic" "deep.avif" "deeper.avif" "wide.heic"
);

const SECRET: &[u8] = b"FACEVEIL SECRET";

fn file(name: &str) -> &'static [u8] {
    FILES.iter().find(|(n, _)| *n == name).unwrap().1
}

fn read(name: &str) -> Photo {
    decode(file(name), &Limits::default()).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Whether pictures of the format can be read and written here; if not, says so.
fn can(format: Format) -> bool {
    let probe = file(if format == Format::Avif { "phone.avif" } else { "phone.heic" });
    let written = decode(probe, &Limits::default())
        .map_err(|e| e.to_string())
        .and_then(|photo| encode(&photo, &EncodeOptions::default()).map_err(|e| e.to_string()));
    let missing = match (format.missing_feature(), written) {
        (None, Ok(_)) => return true,
        (Some(feature), _) => format!("the feature {feature} is not built in"),
        (None, Err(e)) if e.contains("not in the path") || e.contains("vailable") => e,
        (None, Err(e)) => panic!("{format:?}: {e}"),
    };
    eprintln!("\n*** SKIPPED: reading and writing {}: {missing} ***\n", format.name());
    false
}

fn contains(file: &[u8], word: &[u8]) -> bool {
    file.windows(word.len()).any(|w| w == word)
}

/// The greys in the middle of the quarters, row by row.
fn quarters(photo: &Photo) -> [u8; 4] {
    let (w, h) = (photo.raster.width(), photo.raster.height());
    [(w / 4, h / 4), (3 * w / 4, h / 4), (w / 4, 3 * h / 4), (3 * w / 4, 3 * h / 4)]
        .map(|(x, y)| photo.raster.rgb8(x, y)[1])
}

fn assert_close(name: &str, got: [u8; 4], want: [u8; 4]) {
    assert!(got.iter().zip(want).all(|(g, w)| g.abs_diff(w) <= 3), "{name}: {got:?}, not {want:?}");
}

#[test]
fn without_the_feature_or_the_program_the_error_says_so() {
    for (name, format) in [("phone.heic", Format::Heic), ("phone.avif", Format::Avif)] {
        let got = decode(file(name), &Limits::default());
        match format.missing_feature() {
            Some(feature) => {
                assert_eq!(got, Err(DecodeError::NotBuilt { format, feature }));
                let to = EncodeOptions { format: Some(format), keep_safe_metadata: false };
                let picture = fixture::photo(fixture::raster(8, 8, Color::Rgb));
                assert_eq!(encode(&picture, &to), Err(EncodeError::NotBuilt { format, feature }));
            }
            None => assert!(matches!(got, Ok(_) | Err(DecodeError::NoProgram { .. })), "{name}: {got:?}"),
        }
    }
}

#[test]
fn every_truncation_is_an_error_before_any_program_runs() {
    for (name, file) in FILES.into_iter().filter(|(name, _)| *name != "moving.avif") {
        for n in 0..file.len() {
            assert!(inspect(&file[..n]).is_err(), "{name}: the first {n} of {} bytes", file.len());
        }
    }
}

#[test]
fn random_damage_never_panics_and_never_leaves_a_gap() {
    let mut state = 7u64;
    let mut random = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    for (name, file) in FILES {
        for round in 0..2000 {
            let mut bad = file.to_vec();
            for _ in 0..=random(4) {
                // The boxes come first.
                let at = random(bad.len().min(900));
                bad[at] = [0, 1, 0x7F, 0xFF, random(256) as u8][random(5)];
            }
            let Ok(parts) = inspect(&bad) else { continue };
            let mut at = 0;
            for part in &parts {
                assert_eq!(part.offset, at, "{name} round {round}: {}", part.name);
                at += part.length;
            }
            assert_eq!(at, bad.len(), "{name} round {round}");
        }
    }
}

#[test]
fn parts_tell_what_is_no_picture() {
    for (name, odd) in [
        ("phone.heic", &["Exif", "mime", "thumbnail"][..]),
        ("phone.avif", &["Exif", "mime"]),
        ("clear.heic", &[]),
        ("several.heic", &["hidden hvc1"]),
        ("tiles.heic", &[]),
        ("mirrored.heic", &[]),
    ] {
        let parts = inspect(file(name)).unwrap();
        let mut got: Vec<&str> = parts.iter().filter(|p| !p.is_plain_heif()).map(|p| &*p.name).collect();
        got.sort_unstable();
        got.dedup();
        // The links and the type of what is no picture are told as well.
        got.retain(|name| !matches!(*name, "thmb" | "cdsc" | "infe"));
        assert_eq!(got, odd, "{name}");
    }
    let longer = [file("clear.heic"), b"and more"].concat();
    assert_eq!(inspect(&longer).unwrap().last().unwrap().name, "trailing");
}

#[test]
fn pictures_come_upright_once() {
    if can(Format::Heic) && can(Format::Avif) {
        for (name, size, want) in [
            ("phone.heic", (96, 160), [160, 20, 240, 90]),
            ("phone.avif", (96, 160), [160, 20, 240, 90]),
            ("mirrored.heic", (160, 96), [90, 20, 240, 160]),
            ("tiles.heic", (160, 96), [20, 90, 160, 240]),
            ("deep.heic", (160, 96), [20, 90, 160, 240]),
            ("deep.avif", (160, 96), [20, 90, 160, 240]),
        ] {
            let photo = read(name);
            assert_eq!((photo.raster.width(), photo.raster.height()), size, "{name}");
            assert_close(name, quarters(&photo), want);
            let deep = matches!(photo.raster.samples(), Samples::U16(_));
            assert_eq!(deep, name.starts_with("deep"), "{name}");
        }
    }
}

#[test]
fn nothing_but_the_picture_and_its_profile_is_written() {
    for (name, format) in [("phone.heic", Format::Heic), ("phone.avif", Format::Avif)] {
        if !can(format) {
            continue;
        }
        assert!(contains(file(name), SECRET), "{name}");
        let photo = read(name);
        assert_eq!(photo.safe.make.as_deref(), Some("Acme"), "{name}");
        assert!(photo.icc.is_some(), "{name}");
        for to in [format, Format::Jpeg, Format::Png] {
            let options = EncodeOptions { format: Some(to), keep_safe_metadata: true };
            let written = encode(&photo, &options).unwrap();
            assert!(!contains(&written, SECRET), "{name} to {to:?}");
            let again = decode(&written, &Limits::default()).unwrap();
            assert_eq!(again.icc, photo.icc, "{name} to {to:?}");
            assert_close(name, quarters(&again), [160, 20, 240, 90]);
            let parts = inspect(&written).unwrap();
            assert!(to != format || parts.iter().all(|p| p.is_plain_heif()), "{name}: {parts:?}");
        }
    }
}

#[test]
fn depth_opacity_and_odd_sizes_survive() {
    for format in [Format::Heic, Format::Avif] {
        if !can(format) {
            continue;
        }
        let ending = format.name().to_lowercase();
        let deep = read(&format!("deep.{ending}"));
        let Source::Heif(coding) = &deep.source else { panic!("{:?}", deep.source) };
        assert_eq!((coding.format, coding.bit_depth), (format, 10));
        let again = decode(&encode(&deep, &EncodeOptions::default()).unwrap(), &Limits::default()).unwrap();
        let Source::Heif(coding) = &again.source else { panic!("{:?}", again.source) };
        assert_eq!((coding.format, coding.bit_depth), (format, 10));
        assert_close(&ending, quarters(&again), quarters(&deep));

        let clear = read(&format!("clear.{ending}"));
        let again = decode(&encode(&clear, &EncodeOptions::default()).unwrap(), &Limits::default()).unwrap();
        let Samples::U8(samples) = again.raster.samples() else { panic!("16 bits") };
        assert_eq!(again.raster.color(), Color::Rgba);
        assert!(samples[3] <= 3 && samples[samples.len() - 1] >= 252, "{ending}");

        let options = EncodeOptions { format: Some(format), keep_safe_metadata: false };
        for (width, height) in [(37, 21), (1, 1), (64, 5)] {
            let small = fixture::photo(fixture::raster(width, height, Color::Rgb));
            let again = decode(&encode(&small, &options).unwrap(), &Limits::default()).unwrap();
            assert_eq!((again.raster.width(), again.raster.height()), (width, height), "{ending}");
        }
    }
}

#[test]
fn what_is_not_read_says_so() {
    for (name, message) in [
        ("several.heic", "a HEIC of several pages or frames; only a single picture can be taken here"),
        ("moving.avif", "an AVIF with a sequence of pictures, which is not supported"),
        ("deeper.avif", "an AVIF with more than 10 bits a sample, which is not supported"),
    ] {
        match decode(file(name), &Limits::default()) {
            Err(DecodeError::NotBuilt { .. }) => {}
            got => assert_eq!(got.unwrap_err().to_string(), message, "{name}"),
        }
    }
    let limits = Limits { max_pixels: 100, ..Limits::default() };
    for name in ["phone.heic", "tiles.heic", "deep.avif"] {
        let got = decode(file(name), &limits).unwrap_err();
        assert!(
            matches!(got, DecodeError::TooManyPixels { .. } | DecodeError::NotBuilt { .. }),
            "{name}: {got}"
        );
    }
}

/// BT.2020 and PQ: shown as sRGB they would be pale and dark.
#[test]
fn colours_that_a_format_cannot_name_are_refused() {
    if !can(Format::Heic) {
        return;
    }
    let photo = read("wide.heic");
    let want = HeifCoding { format: Format::Heic, bit_depth: 10, primaries: 9, transfer: 16 };
    assert_eq!(photo.source, Source::Heif(want));
    let to = |format| EncodeOptions { format: Some(format), keep_safe_metadata: false };
    match encode(&photo, &to(Format::Heic)) {
        Ok(file) => assert_eq!(decode(&file, &Limits::default()).unwrap().source, photo.source),
        Err(e) if e.to_string().contains("it may be too old") => eprintln!("\n*** SKIPPED: {e} ***\n"),
        Err(e) => panic!("{e}"),
    }
    let png = encode(&photo, &to(Format::Png)).unwrap();
    let parts = inspect(&png).unwrap();
    let named = parts.iter().find(|p| p.name == "cICP").map(|p| p.data(&png));
    assert_eq!(named, Some(&[9, 16, 0, 1][..]));
    for format in [Format::Jpeg, Format::WebP, Format::Tiff] {
        let refused = encode(&photo, &to(format));
        assert_eq!(refused, Err(EncodeError::Colours { format, primaries: 9, transfer: 16 }));
    }
}
