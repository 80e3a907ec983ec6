//! Photos lying on their side.

use anyhow::{Context, Result};
use faceveil_core::geom::Rect;
use faceveil_core::raster::{Color, Raster, Samples};
use faceveil_infer::view::{Backdrop, RgbImage};

/// The picture as RGB, turned clockwise by `quarters` × 90°.
pub fn turned(raster: &Raster, quarters: u32) -> Result<Raster> {
    if quarters % 4 == 0 {
        return Ok(raster.clone());
    }
    let whole = Rect { left: 0, top: 0, right: raster.width() as i32, bottom: raster.height() as i32 };
    let image = RgbImage::crop(raster, whole, Backdrop::None).turned(quarters);
    let view = image.view();
    Raster::new(view.width(), view.height(), Color::Rgb, Samples::U8(view.pixels().to_vec())).context("turned picture")
}
