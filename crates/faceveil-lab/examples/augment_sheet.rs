//! Shows what augmentation makes of a dataset's pictures: `cargo run -p faceveil-lab --example augment_sheet -- SET OUT.png`,
//! with the folder of a dataset. Rows in turn: one picture otherwise, several joined, faces pasted into a scene.

use std::error::Error;
use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use faceveil_data::truth::TruthFace;
use faceveil_lab::dataset::augment::{AugmentConfig, augment, collage, paste};
use faceveil_lab::dataset::picture::Picture;
use faceveil_lab::dataset::random::Random;
use faceveil_lab::dataset::record::records;

const SIDE: u32 = 128;
const ACROSS: usize = 12;
const DOWN: usize = 9;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(set), Some(out)) = (arguments.next(), arguments.next()) else {
        return Err("usage: augment_sheet SET OUT.png".into());
    };
    let mut pictures: Vec<(Picture, Vec<TruthFace>)> = Vec::new();
    for record in records(&set)?.take(400) {
        let record = record?;
        let picture = Picture::decode(&std::fs::read(set.join(&record.file))?, &Default::default())?;
        pictures.push((picture, record.ellipses()));
    }
    let (scenes, faces): (Vec<_>, Vec<_>) = pictures.iter().partition(|(_, faces)| faces.is_empty());
    if faces.is_empty() || scenes.is_empty() {
        return Err("the dataset needs pictures with faces and pictures without".into());
    }
    let config = AugmentConfig { side: SIDE, ..AugmentConfig::default() };
    let mut sheet = Picture::flat(SIDE * ACROSS as u32, SIDE * DOWN as u32, [255; 3]);
    let mut took = Duration::ZERO;
    for at in 0..ACROSS * DOWN {
        let mut random = Random::stream(1, at as u64);
        let any = |random: &mut Random| faces[random.below(faces.len())];
        let begun = Instant::now();
        let (mut frame, truth) = match at / ACROSS % 3 {
            0 => {
                let (picture, faces) = any(&mut random);
                augment(picture, faces, &config, &mut random)
            }
            1 => {
                let parts: Vec<_> =
                    (0..2 + at % 3).map(|_| any(&mut random)).map(|(p, f)| (p, &f[..])).collect();
                collage(&parts, &config, &mut random)
            }
            _ => {
                let donors: Vec<_> =
                    (0..1 + at % 3).map(|_| any(&mut random)).map(|(p, f)| (p, &f[0])).collect();
                let scene = scenes[random.below(scenes.len())];
                paste(&scene.0, &donors, &config, &mut random)
            }
        };
        took += begun.elapsed();
        truth.iter().for_each(|face| outline(&mut frame, face));
        put(&mut sheet, &frame, (at % ACROSS) as u32 * SIDE, (at / ACROSS) as u32 * SIDE);
    }
    let mut encoder = png::Encoder::new(File::create(&out)?, sheet.width(), sheet.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header()?.write_image_data(sheet.pixels())?;
    println!("{}: {:.2} ms a picture", out.display(), took.as_secs_f64() * 1e3 / (ACROSS * DOWN) as f64);
    Ok(())
}

/// The ellipse in green.
fn outline(frame: &mut Picture, face: &TruthFace) {
    let det = (face.sxx * face.syy - face.sxy * face.sxy).max(1e-6);
    let (width, short) = (frame.width(), face.side().max(2.0));
    for (i, pixel) in frame.pixels_mut().iter_mut().enumerate() {
        let dx = f64::from(i as u32 % width) + 0.5 - face.cx;
        let dy = f64::from(i as u32 / width) + 0.5 - face.cy;
        let square = (face.syy * dx * dx - 2.0 * face.sxy * dx * dy + face.sxx * dy * dy) / det;
        if ((square.sqrt() - 1.0) * short / 2.0).abs() < 0.6 {
            *pixel = [30, 230, 60];
        }
    }
}

fn put(sheet: &mut Picture, frame: &Picture, left: u32, top: u32) {
    let across = sheet.width();
    for y in 0..frame.height() {
        for x in 0..frame.width() {
            sheet.pixels_mut()[((top + y) * across + left + x) as usize] = frame.at(x, y);
        }
    }
}
