//! Measures the ranges of the detectors' values on pictures of the tune part, for their 8-bit form:
//! `models/*/ranges.txt`.

use std::path::Path;

use anyhow::{Context, Result};
use faceveil_core::geom::Rect;
use faceveil_data::dataset;
use faceveil_data::split::{Part, Set};
use faceveil_infer::detectors::observe;
use faceveil_infer::kernels::Isa;
use faceveil_infer::network::{ColorOrder, Observer};
use faceveil_infer::view::{Backdrop, RgbImage};
use faceveil_infer::weights::{CENTERFACE, ModelInfo, YUNET};
use sha2::{Digest, Sha256};

/// Pictures of each set.
const PICTURES: [(Set, usize); 4] =
    [(Set::Fddb, 96), (Set::MasksVoc, 48), (Set::WiderYolo, 48), (Set::Negatives, 32)];
/// Scales at which the pictures are shown.
const SCALES: [f32; 2] = [0.5, 1.0];

/// Writes both files. `share` is that of [`Observer::ranges`].
pub fn run(root: &Path, shared: &Path, share: f32) -> Result<()> {
    let mut names = Sha256::new();
    let mut views = Vec::new();
    for (set, count) in PICTURES {
        let items = dataset::load(shared, set, Part::Tune)?;
        for item in items.iter().step_by((items.len() / count).max(1)).take(count) {
            names.update(item.name.as_bytes());
            names.update(b"\n");
            views.extend(look(&item.image_path).with_context(|| item.image_path.display().to_string())?);
        }
    }
    let digest: String = names.finalize().iter().take(8).map(|b| format!("{b:02x}")).collect();
    for (model, order) in [(YUNET, ColorOrder::Bgr), (CENTERFACE, ColorOrder::Rgb)] {
        write(root, &model, order, &views, share, &digest)?;
    }
    Ok(())
}

fn look(path: &Path) -> Result<Vec<RgbImage>> {
    let photo = faceveil_media::decode(&std::fs::read(path)?, &faceveil_media::Limits::default())?;
    let (width, height) = (photo.raster.width(), photo.raster.height());
    let whole = Rect { left: 0, top: 0, right: width as i32, bottom: height as i32 };
    let image = RgbImage::crop(&photo.raster, whole, Backdrop::None);
    let side = |side: u32, scale: f32| ((side as f32 * scale).round() as u32).max(1);
    SCALES.iter().map(|&s| Ok(image.resized(side(width, s), side(height, s))?)).collect()
}

fn write(
    root: &Path,
    model: &ModelInfo,
    order: ColorOrder,
    views: &[RgbImage],
    share: f32,
    digest: &str,
) -> Result<()> {
    let mut observer = Observer::from_onnx(model.bytes, order, Isa::detect())?;
    for view in views {
        observe(&mut observer, view.view())?;
    }
    let text = format!(
        "# Ranges of the values of {} (network SHA-256 {}),\n# measured by `cargo xtask ranges --share {share}` on {} views of the tune part of the public pictures\n# (SHA-256 of their names begins with {digest}).\n{}",
        model.name,
        model.sha256,
        views.len(),
        observer.ranges(share)
    );
    let path = root.join("models").join(model.name).join("ranges.txt");
    std::fs::write(&path, text).with_context(|| path.display().to_string())
}
