//! Coefficients before and after, block by block.

use super::*;
use crate::jpeg::block::Block;
use crate::jpeg::header;
use crate::jpeg::units::Layout;
use crate::{EncodeOptions, JpegOutcome, Limits, Photo, Source, decode, encode_photo, inspect};
use faceveil_core::geom::RectF;
use faceveil_core::raster::SamplesMut;
use faceveil_core::redact::Shape;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

/// All blocks of a picture by row, unit and slot; those without picture are as we write them.
struct Picture {
    layout: Layout,
    units: Vec<Vec<Block>>,
}

fn coefficients(file: &[u8]) -> Picture {
    let header = header::read(file, &inspect(file).unwrap(), &Limits::default()).unwrap();
    assert!(header.in_range);
    let layout = header.units.layout;
    let units = header.units.rows.iter().flat_map(|row| blocks(row, &layout)).collect();
    Picture { layout, units }
}

/// The blocks of a row by unit and slot.
fn blocks(row: Row, layout: &Layout) -> Vec<Vec<Block>> {
    let mut cursor = row.cursor();
    let mut unit = || {
        let mut unit = vec![Sparse::EMPTY; layout.slots.len()];
        cursor.unit(&layout.slots, &mut unit);
        unit.iter().map(|sparse| sparse.block).collect()
    };
    (0..layout.across).map(|_| unit()).collect()
}

/// Slopes with a little noise, alike in all channels: no two units have the same.
fn texture(width: u32, height: u32, channels: usize, seed: u32) -> Vec<u8> {
    let mut state = seed;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 28
    };
    let pixels = (0..width * height).map(|i| (i % width, i / width));
    let levels = pixels.flat_map(|(x, y)| {
        let level = 40 + (x * 2 + y) % 160 + noise();
        (0..channels as u32).map(move |c| (level + 3 * c) as u8)
    });
    levels.collect()
}

struct Coding {
    kind: ColorType,
    channels: usize,
    sampling: SamplingFactor,
    progressive: bool,
    separate: bool,
    restart: u16,
}

/// Every kind of JPEG that the encoder can write and we can read. Of CMYK it subsamples all but black,
/// which then must not be the widest.
fn codings() -> Vec<Coding> {
    use SamplingFactor as S;
    let mut all = Vec::new();
    let kinds = [(ColorType::Luma, 1), (ColorType::Rgb, 3), (ColorType::Cmyk, 4), (ColorType::CmykAsYcck, 4)];
    for (kind, channels) in kinds {
        for sampling in [S::F_1_1, S::F_2_1, S::F_1_2, S::F_2_2, S::F_4_1, S::F_4_2] {
            let wide = !matches!(sampling, S::F_1_1 | S::F_1_2);
            if kind == ColorType::Cmyk && wide || channels == 4 && sampling == S::F_4_2 {
                continue;
            }
            for (progressive, separate, restart) in
                [(false, false, 0), (false, true, 0), (false, false, 3), (true, true, 0), (true, false, 2)]
            {
                all.push(Coding { kind, channels, sampling, progressive, separate, restart });
            }
        }
    }
    all
}

impl Coding {
    fn file(&self, width: u16, height: u16, samples: &[u8]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, 88);
        encoder.set_sampling_factor(self.sampling);
        encoder.set_progressive(self.progressive);
        encoder.set_optimized_huffman_tables(self.separate);
        encoder.set_restart_interval(self.restart);
        encoder.encode(samples, width, height, self.kind).unwrap();
        file
    }

    fn case(&self) -> String {
        format!(
            "{:?} {:?} progressive: {}, separate: {}, restart: {}",
            self.kind, self.sampling, self.progressive, self.separate, self.restart
        )
    }
}

fn read(file: &[u8]) -> Photo {
    decode(file, &Limits::default()).unwrap()
}

fn kept(photo: &Photo, case: &str) -> Vec<u8> {
    let encoded = encode_photo(photo, &EncodeOptions::default()).unwrap();
    assert_eq!(encoded.jpeg, Some(JpegOutcome::Kept), "{case}");
    encoded.bytes
}

fn paint(photo: &mut Photo, columns: std::ops::Range<u32>, rows: std::ops::Range<u32>, level: u8) {
    let (width, channels) = (photo.raster.width() as usize, photo.raster.color().channels());
    let SamplesMut::U8(samples) = photo.raster.samples_mut() else { panic!("8 bits") };
    for y in rows {
        let row = y as usize * width;
        let painted = (row + columns.start as usize) * channels..(row + columns.end as usize) * channels;
        samples[painted].fill(level);
    }
}

#[test]
fn units_of_too_many_blocks_are_not_kept() {
    let sampling = SamplingFactor::F_4_2;
    let odd = Coding { kind: ColorType::CmykAsYcck, sampling, ..codings().pop().unwrap() };
    let photo = read(&odd.file(40, 40, &texture(40, 40, 4, 1)));
    let encoded = encode_photo(&photo, &EncodeOptions::default()).unwrap();
    assert_eq!(encoded.jpeg, Some(JpegOutcome::Reencoded(Reencoded::Layout)));
    read(&encoded.bytes);
}

#[test]
fn nothing_changes_where_no_pixel_does() {
    for coding in codings() {
        for (width, height) in [(1, 1), (17, 9), (33, 50), (64, 64)] {
            let case = format!("{} {width}×{height}", coding.case());
            let texture = texture(width.into(), height.into(), coding.channels, 1);
            let file = coding.file(width, height, &texture);
            let (photo, want) = (read(&file), coefficients(&file));
            let written = kept(&photo, &case);
            let got = coefficients(&written);
            assert_eq!(got.layout, want.layout, "{case}");
            assert!(got.units == want.units, "{case}");
            let again = read(&written);
            assert!(again.raster == photo.raster, "{case}: other pixels");
            let mode = |p: &Photo| matches!(&p.source, Source::Jpeg(c) if c.progressive);
            assert_eq!(mode(&again), mode(&photo), "{case}");
        }
    }
}

/// A rectangle that cuts through units: each of those is new in every block, the others are old in
/// every block.
#[test]
fn touched_units_are_new_and_the_others_old() {
    for coding in codings() {
        let case = coding.case();
        let (width, height) = (100u32, 84u32);
        let texture = texture(width, height, coding.channels, 2);
        let file = coding.file(width as u16, height as u16, &texture);
        let mut photo = read(&file);
        let (columns, rows) = (35..71u32, 40..67u32);
        paint(&mut photo, columns.clone(), rows.clone(), 77);
        let (old, new) = (coefficients(&file), coefficients(&kept(&photo, &case)));
        let most = |side: usize| old.layout.components.iter().map(|(f, _)| f[side]).max().unwrap() as u32;
        let (wide, high) = (8 * most(0), 8 * most(1));
        let mut touched = 0;
        for (i, (old_unit, new_unit)) in old.units.iter().zip(&new.units).enumerate() {
            let (x, y) = ((i % old.layout.across) as u32, (i / old.layout.across) as u32);
            let meets = |unit: u32, size: u32, range: &std::ops::Range<u32>| {
                unit * size < range.end && (unit + 1) * size > range.start
            };
            let inside = |unit: u32, size: u32, range: &std::ops::Range<u32>| {
                unit * size >= range.start && (unit + 1) * size <= range.end
            };
            if !meets(x, wide, &columns) || !meets(y, high, &rows) {
                assert!(old_unit == new_unit, "{case}: unit ({x}, {y}) is not what it was");
                continue;
            }
            touched += 1;
            if inside(x, wide, &columns) && inside(y, high, &rows) {
                let flat = new_unit.iter().all(|block| block[1..].iter().all(|&v| v == 0));
                assert!(flat, "{case}: something is left in unit ({x}, {y})");
            } else {
                let luma = &old.layout.components[0].0;
                let changed = (0..luma[0] * luma[1]).any(|slot| old_unit[slot] != new_unit[slot]);
                assert!(changed, "{case}: unit ({x}, {y}) is as it was");
            }
        }
        assert!(touched > 0 && touched < old.units.len(), "{case}");
        let back = read(&kept(&photo, &case)).raster;
        let Samples::U8(back) = back.samples() else { panic!("8 bits") };
        let Samples::U8(wanted) = photo.raster.samples() else { panic!("8 bits") };
        let squares = back.iter().zip(wanted).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
        let rms = (squares.sum::<f64>() / back.len() as f64).sqrt();
        assert!(rms < 6.0, "{case}: rms {rms}");
    }
}

/// Redacted with what was there already: the pixels tell nothing, the mark does. The coefficients of
/// the source lie beyond white, which the pixels cannot show.
#[test]
fn marked_units_are_new_even_with_the_same_pixels() {
    let flat = vec![255; 64 * 64];
    let coding = &codings()[0];
    let mut file = coding.file(64, 64, &flat);
    // Steps 16 times as large: white becomes far brighter than white.
    let table = inspect(&file).unwrap().into_iter().find(|p| p.name == "DQT").unwrap().payload.start + 1;
    file[table] = file[table].saturating_mul(16);
    let mut photo = read(&file);
    let old = coefficients(&file);
    assert!(coefficients(&kept(&photo, "unmarked")).units == old.units);
    let frame = RectF { left: 20.0, top: 20.0, right: 30.0, bottom: 30.0 };
    photo.mark_redacted(&[Region { shapes: vec![Shape::Box(frame)], frame, feather: 0.0 }]);
    let new = coefficients(&kept(&photo, "marked"));
    for (i, (old, new)) in old.units.iter().zip(&new.units).enumerate() {
        let marked = (2..4).contains(&(i % 8)) && (2..4).contains(&(i / 8));
        assert_eq!(old != new, marked, "unit {i}");
    }
}

/// Blocks that only fill up the last units are seen by nobody: they are no place to hide a picture.
#[test]
fn what_lies_beyond_the_edge_is_gone() {
    for coding in codings().iter().filter(|c| c.sampling == SamplingFactor::F_2_2 && !c.progressive) {
        let texture = texture(32, 32, coding.channels, 3);
        let mut file = coding.file(32, 32, &texture);
        let resize = |file: &mut [u8], side: u8| {
            let sof = inspect(file).unwrap().into_iter().find(|p| p.name.starts_with("SOF")).unwrap();
            (file[sof.payload.start + 2], file[sof.payload.start + 4]) = (side, side);
        };
        let before = coefficients(&file);
        if coding.separate || before.layout.slots.len() < 6 {
            continue; // no fillers
        }
        resize(&mut file, 17);
        let mut written = kept(&read(&file), &coding.case());
        resize(&mut written, 32);
        let after = coefficients(&written);
        for (i, unit) in after.units.iter().enumerate() {
            for (slot, block) in after.layout.slots.iter().zip(unit) {
                let ([h, v], _) = after.layout.components[slot.component];
                let blocks = |factor| if factor == 2 { 3 } else { 2 };
                let real = i % 2 * h + slot.dx < blocks(h) && i / 2 * v + slot.dy < blocks(v);
                assert!(real || block[1..].iter().all(|&v| v == 0), "{}: unit {i} {slot:?}", coding.case());
            }
        }
    }
}

/// Turning there and back gives every coefficient again.
#[test]
fn turning_loses_nothing() {
    let inverse = [1, 2, 3, 4, 5, 8, 7, 6];
    for coding in codings().iter().filter(|c| !c.progressive && !c.separate) {
        let file = coding.file(96, 64, &texture(96, 64, coding.channels, 4));
        for orientation in 1..=8 {
            let header = header::read(&file, &inspect(&file).unwrap(), &Limits::default()).unwrap();
            let there = crate::orientation::Orientation::new(orientation).unwrap();
            let back = crate::orientation::Orientation::new(inverse[orientation as usize - 1]).unwrap();
            let want = header.units.clone();
            let turned = crate::jpeg::turn::upright(header.units, &header.frame, there).unwrap();
            let frame = crate::jpeg::turn::upright_frame(&header.frame, there);
            let got = crate::jpeg::turn::upright(turned, &frame, back).unwrap();
            assert_eq!(got.layout, want.layout, "{} {orientation}", coding.case());
            let tokens = |units: &Units| -> Vec<_> {
                units.rows.iter().map(|row| blocks(row, &units.layout)).collect()
            };
            assert!(tokens(&got) == tokens(&want), "{} {orientation}", coding.case());
        }
    }
}
