//! Faces that come in or go out over the frame's border: while they cross it no detector knows them, and they may be
//! faster than anything that was seen of them tells.

use alloc::vec::Vec;

use crate::geom::RectF;

/// Boxes on the way out are apart by this share of a side.
const STEP: f32 = 0.5;
/// What moves by less than this share of its side in a frame may as well stand.
const STILL: f32 = 0.01;

/// The ways of a face over the borders that it is near.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct WayOut {
    /// Where it is on its way. The last place of each way lies outside the frame or touches the border from there.
    pub places: Vec<RectF>,
    /// Frames until it is out by the nearest way, as fast as it is; none if it moves away from the borders, endless if
    /// it stands.
    pub frames: f32,
}

impl WayOut {
    /// The straight ways from `rect`, which moves by `speed` pixels a frame, to outside a frame of `width` × `height`
    /// pixels, over each border that is no farther than the share `near` of its side.
    pub fn new(rect: &RectF, speed: (f32, f32), (width, height): (u32, u32), near: f32) -> Self {
        let (w, h) = (rect.width(), rect.height());
        let ways = [
            (rect.left, w, (-1.0, 0.0)),
            (width as f32 - rect.right, w, (1.0, 0.0)),
            (rect.top, h, (0.0, -1.0)),
            (height as f32 - rect.bottom, h, (0.0, 1.0)),
        ];
        let (mut places, mut soonest, mut stands) = (Vec::new(), f32::INFINITY, false);
        // What is not finite is near nothing.
        for (distance, side, (x, y)) in
            ways.into_iter().filter(|(distance, side, _)| *distance <= near * side)
        {
            let mut gone = 0.0;
            while gone < distance + side && side > 0.0 {
                gone += STEP * side;
                places.push(moved(rect, x * gone, y * gone));
            }
            let towards = speed.0 * x + speed.1 * y;
            if towards > STILL * side {
                soonest = soonest.min((distance + side) / towards);
            }
            stands |= towards.abs() <= STILL * side;
        }
        let frames = if soonest.is_infinite() && !stands { 0.0 } else { soonest };
        Self { places, frames }
    }

    /// Frames for which a face is hidden that is not seen any more: `usual`, and on a way out for as long as that takes,
    /// within `least` and `most`.
    pub fn unseen(&self, usual: u32, least: u32, most: u32) -> u32 {
        if self.places.is_empty() {
            return usual;
        }
        // `as` saturates.
        usual.max((self.frames as u32).clamp(least, most.max(least)))
    }
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
        let way_out = |rect: &RectF| WayOut::new(rect, (0.0, 0.0), (100, 100), 0.3).places;
        for (rect, want) in [
            (at(40.0, 40.0), 0),
            // 6 of 20 pixels inside: 26 to go, by 10.
            (at(6.0, 40.0), 3),
            (at(7.0, 40.0), 0),
            // Half a face is outside already.
            (at(-10.0, 40.0), 1),
            (at(75.0, 40.0), 3),
            (at(40.0, 65.0), 3),
            // A corner: over both borders.
            (at(5.0, 5.0), 3 + 3),
            (RectF { left: f32::NAN, top: f32::NAN, right: 3.0, bottom: 3.0 }, 0),
            (RectF { left: 0.0, top: 40.0, right: 0.0, bottom: 70.0 }, 0),
        ] {
            let out = way_out(&rect);
            assert_eq!(out.len(), want, "{rect:?}: {out:?}");
        }
        let out = way_out(&at(6.0, 40.0));
        assert!(out.last().is_some_and(|r| r.right <= 0.0), "{out:?}");
        for x in 0..26 {
            assert!(
                out.iter().chain([&at(6.0, 40.0)]).any(|r| r.left <= x as f32 && x as f32 + 1.0 <= r.right)
            );
        }
    }

    #[test]
    fn the_way_out_takes_as_long_as_the_face_is_slow() {
        for (rect, speed, want) in [
            // 25 pixels to go to the left.
            (at(5.0, 40.0), (-5.0, 0.0), 5.0),
            (at(5.0, 40.0), (-0.5, 3.0), 50.0),
            (at(5.0, 40.0), (5.0, 0.0), 0.0),
            (at(5.0, 40.0), (0.1, 9.0), f32::INFINITY),
            // A corner, 25 to the left and 35 upwards: the way that it goes counts.
            (at(5.0, 5.0), (-5.0, 0.0), 5.0),
            (at(5.0, 5.0), (-5.0, -35.0), 1.0),
        ] {
            let way = WayOut::new(&rect, speed, (100, 100), 0.3);
            assert_eq!(way.frames, want, "{rect:?} {speed:?}");
        }
        let way = |frames| WayOut { places: [at(0.0, 0.0)].into(), frames };
        let unseen = [0.0, 5.0, 15.9, 50.0, f32::INFINITY].map(|frames| way(frames).unseen(4, 8, 24));
        assert_eq!(unseen, [8, 8, 15, 24, 24]);
        assert_eq!((way(0.0).unseen(30, 8, 24), way(9.0).unseen(4, 0, 0)), (30, 4));
        assert_eq!(WayOut::default().unseen(4, 8, 24), 4);
    }
}
