//! Zones that the user names: always hidden, or left visible. Hiding wins over keeping.

use alloc::vec::Vec;

use crate::geom::RectF;
use crate::redact::{Region, Shape};

/// Rectangles in pixels of the upright picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Zones {
    /// Hidden whatever is found.
    pub hide: Vec<RectF>,
    /// Faces wholly inside one of these are left visible.
    pub keep: Vec<RectF>,
}

impl Zones {
    /// A region for each zone that is always hidden, with a soft edge of `feather` (`0.0..=1.0`) times its
    /// shorter side.
    pub fn regions(&self, feather: f32) -> Vec<Region> {
        let region = |zone: &RectF| Region::around([Shape::Box(*zone)].into(), feather * zone.short_side());
        self.hide.iter().map(region).collect()
    }

    /// The zone for whose sake `region` is left visible in a picture of `width` × `height`: all of it that
    /// lies in the picture is inside one keep zone, and it meets no hide zone. A face that reaches out of
    /// the zone by a hair is hidden whole.
    pub fn keeps(&self, region: &Region, width: u32, height: u32) -> Option<&RectF> {
        let all = region.bounds();
        if self.hide.iter().any(|zone| zone.meets(&all)) {
            return None;
        }
        let picture = RectF { left: 0.0, top: 0.0, right: width as f32, bottom: height as f32 };
        let seen = all.intersection(&picture)?;
        self.keep.iter().find(|zone| zone.holds(&seen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn rect(left: f32, top: f32, right: f32, bottom: f32) -> RectF {
        RectF { left, top, right, bottom }
    }

    fn region(r: RectF) -> Region {
        Region::around(vec![Shape::Box(r)], 0.0)
    }

    #[test]
    fn only_what_lies_wholly_inside_is_kept() {
        let zones = Zones { hide: vec![], keep: vec![rect(10.0, 10.0, 50.0, 50.0)] };
        let cases = [
            (rect(10.0, 10.0, 50.0, 50.0), true),
            (rect(20.0, 20.0, 30.0, 30.0), true),
            (rect(9.9, 20.0, 30.0, 30.0), false),
            (rect(20.0, 20.0, 30.0, 50.1), false),
            (rect(60.0, 60.0, 70.0, 70.0), false),
            (rect(f32::NAN, 20.0, 30.0, 30.0), false),
        ];
        for (r, want) in cases {
            assert_eq!(zones.keeps(&region(r), 100, 100).is_some(), want, "{r:?}");
        }
    }

    #[test]
    fn two_zones_together_keep_nothing_that_neither_holds() {
        let zones =
            Zones { hide: vec![], keep: vec![rect(0.0, 0.0, 25.0, 50.0), rect(25.0, 0.0, 50.0, 50.0)] };
        assert_eq!(zones.keeps(&region(rect(20.0, 20.0, 30.0, 30.0)), 100, 100), None);
    }

    #[test]
    fn a_face_at_the_picture_s_edge_counts_as_far_as_it_is_seen() {
        let zones = Zones { hide: vec![], keep: vec![rect(0.0, 0.0, 50.0, 100.0)] };
        assert!(zones.keeps(&region(rect(-8.0, 80.0, 30.0, 120.0)), 100, 100).is_some());
        assert_eq!(zones.keeps(&region(rect(-8.0, 80.0, 51.0, 120.0)), 100, 100), None);
        // Nothing of it is seen: there is nothing to keep.
        assert_eq!(zones.keeps(&region(rect(-8.0, 80.0, -1.0, 120.0)), 100, 100), None);
    }

    #[test]
    fn hiding_wins_over_keeping() {
        let keep = vec![rect(0.0, 0.0, 100.0, 100.0)];
        let zones = Zones { hide: vec![rect(28.0, 0.0, 40.0, 100.0)], keep };
        assert_eq!(zones.keeps(&region(rect(20.0, 20.0, 30.0, 30.0)), 100, 100), None);
        assert!(zones.keeps(&region(rect(10.0, 20.0, 20.0, 30.0)), 100, 100).is_some());
        assert_eq!(zones.regions(0.5), [Region::around(vec![Shape::Box(zones.hide[0])], 6.0)]);
    }
}
