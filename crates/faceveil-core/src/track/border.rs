//! Faces that come in or go out over the frame's border: while they cross it no detector knows them, and they may be
//! faster than anything that was seen of them tells.

use alloc::vec::Vec;

use crate::geom::RectF;

/// A face may have crossed a border that is no farther than this share of its side.
const NEAR: f32 = 0.5;
/// Boxes on the way out are apart by this share of a side.
const STEP: f32 = 0.5;

/// The places on the straight way from `rect` to outside a frame of `width` × `height` pixels, over each border that
/// it is near. The last one lies outside or touches the border from there.
pub(super) fn way_out(rect: &RectF, (width, height): (u32, u32)) -> Vec<RectF> {
    let (w, h) = (rect.width(), rect.height());
    let ways = [
        (rect.left, w, (-1.0, 0.0)),
        (width as f32 - rect.right, w, (1.0, 0.0)),
        (rect.top, h, (0.0, -1.0)),
        (height as f32 - rect.bottom, h, (0.0, 1.0)),
    ];
    let mut places = Vec::new();
    // What is not finite is near nothing.
    for (distance, side, (x, y)) in ways.into_iter().filter(|(distance, side, _)| *distance <= NEAR * side) {
        let mut gone = 0.0;
        while gone < distance + side && side > 0.0 {
            gone += STEP * side;
            places.push(moved(rect, x * gone, y * gone));
        }
    }
    places
}

fn moved(rect: &RectF, x: f32, y: f32) -> RectF {
    RectF { left: rect.left + x, top: rect.top + y, right: rect.right + x, bottom: rect.bottom + y }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(left: f32, top: f32) -> RectF {
        RectF { left, top, right: left + 20.0, bottom: top + 30.0 }
    }

    #[test]
    fn a_face_near_the_border_may_have_come_over_it() {
        for (rect, want) in [
            (at(40.0, 40.0), 0),
            // 8 of 20 pixels inside: 28 to go, by 10.
            (at(8.0, 40.0), 3),
            // Half a face is outside already.
            (at(-10.0, 40.0), 1),
            (at(75.0, 40.0), 3),
            (at(40.0, 65.0), 3),
            // A corner: over both borders.
            (at(5.0, 5.0), 3 + 3),
            (RectF { left: f32::NAN, top: f32::NAN, right: 3.0, bottom: 3.0 }, 0),
            (RectF { left: 0.0, top: 40.0, right: 0.0, bottom: 70.0 }, 0),
        ] {
            let out = way_out(&rect, (100, 100));
            assert_eq!(out.len(), want, "{rect:?}: {out:?}");
        }
        let out = way_out(&at(8.0, 40.0), (100, 100));
        assert!(out.last().is_some_and(|r| r.right <= 0.0), "{out:?}");
        for x in 0..28 {
            assert!(
                out.iter().chain([&at(8.0, 40.0)]).any(|r| r.left <= x as f32 && x as f32 + 1.0 <= r.right)
            );
        }
    }
}
