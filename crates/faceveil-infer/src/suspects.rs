//! Which parts of a picture are worth a second detector's look.

use faceveil_core::face::Face;
use faceveil_core::geom::{Rect, RectF};

/// Parts are made of squares of so many pixels, what the networks' sides are multiples of.
const CELL: u32 = 32;
/// Pixels around a face, beside half its own size, that a detector needs to see.
const SURROUNDINGS: f32 = 16.0;

/// Parts of a `width` × `height` picture that hold every face and its surroundings, none of which overlap.
pub(crate) fn parts<'f>(faces: impl Iterator<Item = &'f Face>, width: u32, height: u32) -> Vec<Rect> {
    let mut parts = Vec::new();
    for part in faces.filter_map(|face| on_cells(surroundings(face), width, height)) {
        add(&mut parts, part);
    }
    parts
}

/// A new part swallows all that it overlaps, and what its growth then overlaps.
fn add(parts: &mut Vec<Rect>, mut part: Rect) {
    while let Some(at) = parts.iter().position(|other| overlap(*other, part)) {
        let other = parts.swap_remove(at);
        part = Rect {
            left: part.left.min(other.left),
            top: part.top.min(other.top),
            right: part.right.max(other.right),
            bottom: part.bottom.max(other.bottom),
        };
    }
    parts.push(part);
}

fn overlap(a: Rect, b: Rect) -> bool {
    a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
}

fn surroundings(face: &Face) -> RectF {
    let more = 0.5 * face.rect.width().max(face.rect.height()) + SURROUNDINGS;
    RectF {
        left: face.rect.left - more,
        top: face.rect.top - more,
        right: face.rect.right + more,
        bottom: face.rect.bottom + more,
    }
}

/// The smallest part of whole cells that holds `rect`, cut at the picture's border.
fn on_cells(rect: RectF, width: u32, height: u32) -> Option<Rect> {
    let inside = rect.pixels(width, height)?;
    let down = |v: i32| v / CELL as i32 * CELL as i32;
    let up = |v: i32, side: u32| (v as u32).next_multiple_of(CELL).min(side) as i32;
    Some(Rect {
        left: down(inside.left),
        top: down(inside.top),
        right: up(inside.right, width),
        bottom: up(inside.bottom, height),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(left: f32, top: f32, side: f32) -> Face {
        let rect = RectF { left, top, right: left + side, bottom: top + side };
        Face { rect, score: 0.5, landmarks: None, also: Vec::new() }
    }

    #[test]
    fn distant_faces_have_parts_of_their_own_on_whole_cells() {
        let faces = [face(100.0, 100.0, 20.0), face(700.0, 500.0, 20.0)];
        let found = parts(faces.iter(), 1000, 800);
        assert_eq!(
            found,
            [
                Rect { left: 64, top: 64, right: 160, bottom: 160 },
                Rect { left: 672, top: 448, right: 768, bottom: 576 }
            ]
        );
    }

    #[test]
    fn parts_that_touch_become_one_and_stay_within_the_picture() {
        // The third bridges the first two.
        let faces = [face(0.0, 0.0, 20.0), face(250.0, 30.0, 20.0), face(100.0, 10.0, 100.0)];
        assert_eq!(
            parts(faces.iter(), 300, 90),
            [Rect { left: 0, top: 0, right: 300, bottom: 90 }],
            "one part, cut at the border"
        );
    }

    #[test]
    fn every_face_lies_in_one_part_alone() {
        let faces: Vec<Face> = (0..200)
            .map(|i| face((i * 7919 % 1900) as f32, (i * 104_729 % 1400) as f32, 5.0 + (i % 9) as f32))
            .collect();
        let found = parts(faces.iter(), 1920, 1440);
        for f in &faces {
            let (x, y) = (f.rect.left as i32, f.rect.top as i32);
            let holds = |p: &&Rect| p.left <= x && x < p.right && p.top <= y && y < p.bottom;
            assert_eq!(found.iter().filter(holds).count(), 1, "{x}, {y}");
        }
    }
}
