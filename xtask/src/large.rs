//! Photos of 12 megapixels with small faces of known place: fddb's faces of one part of the split, shrunk to 16 to 40
//! pixels, on that part's backgrounds without faces.

use std::path::Path;

use anyhow::{Context, Result};
use faceveil_core::geom::Rect;
use faceveil_core::raster::{Color, Raster, Samples};
use faceveil_data::dataset::{self, Item, Labels};
use faceveil_data::split::{Part, Set};
use faceveil_data::truth::{Fit, TruthFace};
use faceveil_infer::view::{Backdrop, RgbImage};
use faceveil_media::{EncodeOptions, Limits, Photo};

/// Photos.
const PHOTOS: usize = 8;
/// Width and height of a photo, and the sides of its background pictures.
const WIDTH: usize = 4000;
const HEIGHT: usize = 3000;
const TILE: usize = 1000;
/// A face every so many pixels.
const RASTER: usize = 400;

/// Writes the photos and gives them with their faces.
///
/// # Errors
/// If the public pictures are not there.
pub fn write_large(shared: &Path, part: Part, to: &Path) -> Result<Vec<Item>> {
    std::fs::create_dir_all(to)?;
    let backgrounds = dataset::load(shared, Set::Negatives, part)?;
    let mut faces = dataset::load(shared, Set::Fddb, part)?.into_iter().cycle();
    let mut backgrounds = backgrounds.iter().cycle();
    let mut random = Random(7);
    let mut all = Vec::new();
    for number in 0..PHOTOS {
        let mut canvas = vec![[0; 3]; WIDTH * HEIGHT];
        let mut photo = None;
        for place in 0..WIDTH / TILE * (HEIGHT / TILE) {
            let item = backgrounds.next().context("no backgrounds")?;
            let (decoded, image) = load(&item.image_path)?;
            let tile = image.resized(TILE as u32, TILE as u32)?;
            paste(&mut canvas, &tile, place % (WIDTH / TILE) * TILE, place / (WIDTH / TILE) * TILE);
            photo = Some(decoded);
        }
        let mut truth = Vec::new();
        for place in 0..WIDTH / RASTER * (HEIGHT / RASTER) {
            let (image, face) = small_face(&mut faces, &mut random)?;
            let free = |side: u32| RASTER - side as usize - 8;
            let x = place % (WIDTH / RASTER) * RASTER + random.below(free(image.view().width()));
            let y = place / (WIDTH / RASTER) * RASTER + random.below(free(image.view().height()));
            paste(&mut canvas, &image, x, y);
            truth.push(face.mapped(&Fit { sx: 1.0, sy: 1.0, ox: x as u32, oy: y as u32 }));
        }
        let mut photo: Photo = photo.context("no background")?;
        photo.raster =
            Raster::new(WIDTH as u32, HEIGHT as u32, Color::Rgb, Samples::U8(canvas.into_flattened()))
                .context("canvas")?;
        let path = to.join(format!("large-{number}.jpg"));
        std::fs::write(&path, faceveil_media::encode(&photo, &EncodeOptions::default())?)?;
        all.push(Item { name: format!("large-{number}"), image_path: path, labels: Labels::Absolute(truth) });
    }
    Ok(all)
}

fn load(path: &Path) -> Result<(Photo, RgbImage)> {
    let photo = faceveil_media::decode(&std::fs::read(path)?, &Limits::default())?;
    let (right, bottom) = (photo.raster.width() as i32, photo.raster.height() as i32);
    let image = RgbImage::crop(&photo.raster, Rect { left: 0, top: 0, right, bottom }, Backdrop::None);
    Ok((photo, image))
}

/// The surroundings of a picture's only face, shrunk so that the face is 16 to 40 pixels wide.
fn small_face(items: &mut impl Iterator<Item = Item>, random: &mut Random) -> Result<(RgbImage, TruthFace)> {
    loop {
        let item = items.next().context("no faces")?;
        let (_, image) = load(&item.image_path)?;
        let (width, height) = (image.view().width(), image.view().height());
        let truth = item.faces(width, height).context("no annotation")?;
        let [face] = truth[..] else { continue };
        let side = 16.0 + random.below(25) as f64;
        let scale = side / face.side();
        let around = face.rect().scaled(2.4).pixels(width, height);
        let Some(around) = around.filter(|_| scale < 1.0) else { continue };
        let part = image.part(around);
        let small = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
        let (w, h) = (part.view().width(), part.view().height());
        let shrunk = part.resized(small(w), small(h))?;
        let (sx, sy) = (f64::from(small(w)) / f64::from(w), f64::from(small(h)) / f64::from(h));
        let at =
            TruthFace { cx: face.cx - f64::from(around.left), cy: face.cy - f64::from(around.top), ..face };
        return Ok((shrunk, at.mapped(&Fit { sx, sy, ox: 0, oy: 0 })));
    }
}

fn paste(canvas: &mut [[u8; 3]], image: &RgbImage, x: usize, y: usize) {
    let view = image.view();
    let width = view.width() as usize;
    for (row, from) in view.pixels().as_chunks::<3>().0.chunks_exact(width).enumerate() {
        let start = (y + row) * WIDTH + x;
        canvas[start..start + width].copy_from_slice(from);
    }
}

/// A repeatable sequence.
struct Random(u32);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as usize % n.max(1)
    }
}
