//! Photos lying on their side.

use std::path::Path;

use anyhow::{Context, Result};
use faceveil_core::geom::Rect;
use faceveil_core::raster::{Color, Raster, Samples};
use faceveil_data::dataset::{Item, Labels};
use faceveil_infer::view::{Backdrop, RgbImage};
use faceveil_media::{EncodeOptions, Limits};

/// The picture as RGB, turned clockwise by `quarters` × 90°.
pub fn turned(raster: &Raster, quarters: u32) -> Result<Raster> {
    if quarters.is_multiple_of(4) {
        return Ok(raster.clone());
    }
    let whole = Rect { left: 0, top: 0, right: raster.width() as i32, bottom: raster.height() as i32 };
    let image = RgbImage::crop(raster, whole, Backdrop::None).turned(quarters);
    let view = image.view();
    Raster::new(view.width(), view.height(), Color::Rgb, Samples::U8(view.pixels().to_vec()))
        .context("turned picture")
}

/// Writes turned copies of `items` as JPEG without metadata, and gives the items with their annotations turned.
pub fn write_turned(items: &[Item], quarters: u32, to: &Path) -> Result<Vec<Item>> {
    std::fs::create_dir_all(to)?;
    let mut all = Vec::with_capacity(items.len());
    for item in items {
        let mut photo = faceveil_media::decode(&std::fs::read(&item.image_path)?, &Limits::default())?;
        let (width, height) = (photo.raster.width(), photo.raster.height());
        photo.raster = turned(&photo.raster, quarters)?;
        let path = to.join(format!("{}.jpg", item.flat_name()));
        std::fs::write(&path, faceveil_media::encode(&photo, &EncodeOptions::default())?)?;
        let faces = item.faces(width, height).context("no annotation")?;
        let faces = faces.iter().map(|f| f.turned(quarters, width, height)).collect();
        all.push(Item { name: item.name.clone(), image_path: path, labels: Labels::Absolute(faces) });
    }
    Ok(all)
}
