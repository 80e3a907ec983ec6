//! Faces given as masks: a picture of the same name that is white on faces and black elsewhere.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use faceveil_data::dataset::Labels;
use faceveil_data::truth::TruthFace;
use faceveil_media::Limits;

use super::Case;
use crate::dataset::picture::Picture;

/// A connected part of fewer pixels is dirt.
const LEAST: usize = 12;

/// Every picture of `pictures` with its mask; names without suffix must be the same.
///
/// # Errors
/// If a mask is missing or of another size.
pub fn cases(pictures: &Path, masks: &Path) -> Result<Vec<Case>> {
    let (pictures, masks) = (files(pictures)?, files(masks)?);
    let case = |(name, path): (String, PathBuf)| {
        let mask = masks.get(&name).with_context(|| format!("{name} has no mask"))?;
        let read = |path: &Path| {
            let bytes = fs::read(path).with_context(|| path.display().to_string())?;
            Picture::decode(&bytes, &Limits::default()).with_context(|| path.display().to_string())
        };
        let (picture, shape) = (read(&path)?, read(mask)?);
        let scale = (
            f64::from(picture.width()) / f64::from(shape.width()),
            f64::from(picture.height()) / f64::from(shape.height()),
        );
        let faces = faces(&shape).iter().map(|f| scaled(f, scale)).collect();
        Ok(Case::plain("masks", &name, path, Labels::Absolute(faces)))
    };
    pictures.into_iter().map(case).collect()
}

fn files(folder: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if let Some(stem) = path.file_stem().filter(|_| path.is_file()) {
            found.insert(stem.to_string_lossy().into_owned(), path.clone());
        }
    }
    Ok(found)
}

fn scaled(face: &TruthFace, (x, y): (f64, f64)) -> TruthFace {
    TruthFace {
        cx: face.cx * x,
        cy: face.cy * y,
        sxx: face.sxx * x * x,
        sxy: face.sxy * x * y,
        syy: face.syy * y * y,
    }
}

/// An ellipse for each connected part of at least half white: the one with the part's centre and second moments. Of an even
/// ellipse the covariance is a quarter of `S`.
fn faces(mask: &Picture) -> Vec<TruthFace> {
    let (width, height) = (mask.width() as usize, mask.height() as usize);
    let mut open: Vec<bool> = mask.pixels().chunks_exact(3).map(|p| p[0] >= 128).collect();
    let mut found = Vec::new();
    for first in 0..open.len() {
        if !std::mem::take(&mut open[first]) {
            continue;
        }
        let (mut stack, mut part) = (vec![first], Vec::new());
        while let Some(at) = stack.pop() {
            let (x, y) = (at % width, at / width);
            part.push((x as f64, y as f64));
            for row in y.saturating_sub(1)..(y + 2).min(height) {
                for column in x.saturating_sub(1)..(x + 2).min(width) {
                    if std::mem::take(&mut open[row * width + column]) {
                        stack.push(row * width + column);
                    }
                }
            }
        }
        if part.len() >= LEAST {
            found.push(ellipse(&part));
        }
    }
    found
}

fn ellipse(part: &[(f64, f64)]) -> TruthFace {
    let n = part.len() as f64;
    let (cx, cy) = part.iter().fold((0.0, 0.0), |s, p| (s.0 + p.0 / n, s.1 + p.1 / n));
    let moment = |f: fn(f64, f64) -> f64| 4.0 * part.iter().map(|p| f(p.0 - cx, p.1 - cy)).sum::<f64>() / n;
    TruthFace { cx, cy, sxx: moment(|x, _| x * x), sxy: moment(|x, y| x * y), syy: moment(|_, y| y * y) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ellipse_comes_back_from_its_mask() {
        let want = TruthFace::from_ellipse(30.0, 18.0, 0.6, 60.0, 50.0);
        let mut mask = Picture::flat(128, 96, [0; 3]);
        let inside = want.inside(1.0, (0, 0));
        for (i, pixel) in mask.pixels_mut().iter_mut().enumerate() {
            if inside.holds(i as u32 % 128, i as u32 / 128) {
                *pixel = [255; 3];
            }
        }
        mask.pixels_mut()[0] = [255; 3];
        let found = faces(&mask);
        assert_eq!(found.len(), 1, "a single pixel is no face");
        for (got, want) in found[0].corners().iter().zip(want.corners()) {
            assert!((got - want).abs() < 0.6, "{found:?}");
        }
        assert!((found[0].sxy / want.sxy - 1.0).abs() < 0.05);
    }
}
