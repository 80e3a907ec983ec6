//! Several pictures in one frame, so that faces come in numbers, at many sizes, and not in the middle.

use faceveil_data::truth::TruthFace;

use super::{AugmentConfig, background, draw, finish, placement, shows};
use crate::dataset::picture::Picture;
use crate::dataset::random::Random;

/// Least side of a cell as a share of what is divided.
const NARROWEST: f32 = 0.3;

/// Two or more pictures with their faces side by side in cells of random sizes, `side` × `side` pixels in all. More than
/// four pictures are left out; none gives an empty frame.
pub fn collage(
    parts: &[(&Picture, &[TruthFace])],
    config: &AugmentConfig,
    random: &mut Random,
) -> (Picture, Vec<TruthFace>) {
    let side = config.side.max(1);
    let mut frame = background((side, side), config, random);
    let parts = &parts[..parts.len().min(4)];
    let mut cells = vec![[0, 0, side, side]];
    while cells.len() < parts.len() {
        // The largest cell is divided across its longer side.
        let area = |c: &[u32; 4]| (c[2] - c[0]) * (c[3] - c[1]);
        let largest = (0..cells.len()).max_by_key(|&i| area(&cells[i])).unwrap_or(0);
        let [left, top, right, bottom] = cells.swap_remove(largest);
        let share = random.between([NARROWEST, 1.0 - NARROWEST]);
        let cut = |low: u32, high: u32| low + (f64::from(high - low) * share) as u32;
        if right - left >= bottom - top {
            let middle = cut(left, right);
            cells.extend([[left, top, middle, bottom], [middle, top, right, bottom]]);
        } else {
            let middle = cut(top, bottom);
            cells.extend([[left, top, right, middle], [left, middle, right, bottom]]);
        }
    }
    let mut all = Vec::new();
    for ((picture, faces), cell) in parts.iter().zip(cells) {
        if cell[2] <= cell[0] || cell[3] <= cell[1] {
            continue;
        }
        let affine = placement(picture, faces, config, cell, random);
        draw(&mut frame, picture, &affine, cell);
        let up = affine.direction((0.0, -1.0));
        all.extend(faces.iter().map(|f| affine.face(f)).filter(|f| shows(f, cell)).filter_map(|f| {
            // What reaches over into a neighbour is cut off there.
            within(&f, cell).map(|f| (f, up))
        }));
    }
    finish(&mut frame, &all, config, random);
    (frame, all.into_iter().map(|(face, _)| face).collect())
}

/// The face as it is; or the ellipse in what its cell leaves of its box if much is cut off; `None` if nearly all is.
fn within(face: &TruthFace, cell: [u32; 4]) -> Option<TruthFace> {
    let [left, top, right, bottom] = cell.map(f64::from);
    let [x0, y0, x1, y1] = face.corners();
    let (cut_x0, cut_y0, cut_x1, cut_y1) = (x0.max(left), y0.max(top), x1.min(right), y1.min(bottom));
    let share = (cut_x1 - cut_x0) * (cut_y1 - cut_y0) / ((x1 - x0) * (y1 - y0)).max(1e-9);
    match share {
        s if s > 0.97 => Some(*face),
        s if s > 0.03 => Some(TruthFace::from_box(cut_x0, cut_y0, cut_x1, cut_y1)),
        _ => None,
    }
}
