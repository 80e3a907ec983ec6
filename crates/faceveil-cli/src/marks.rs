//! From faces and zones to the regions of a sidecar.

use std::path::Path;

use faceveil::{Face, Region, Zones};
use faceveil_core::geom::RectF;
use faceveil_core::raster::Raster;

use crate::preview::{Tile, tile};
use crate::sidecar::{FaceRecord, Origin, RegionRecord, fresh_id};

/// What was found in a photo, and what of it is hidden.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Marks {
    /// The faces, most certain first.
    pub faces: Vec<FaceRecord>,
    /// The regions, hidden or shown.
    pub regions: Vec<RegionRecord>,
}

impl Marks {
    /// A region for each face: shown if a zone keeps it or it is somebody who is to stay visible, hidden otherwise; and
    /// one for each zone that is always hidden, with a soft edge of `feather` times its shorter side. `regions` are
    /// those of the faces, one by one, each with whether it is somebody who is to stay visible.
    pub fn new(
        faces: Vec<Face>,
        regions: Vec<(Region, bool)>,
        zones: &Zones,
        [width, height]: [u32; 2],
        feather: f32,
    ) -> Self {
        let faces: Vec<FaceRecord> =
            faces.into_iter().zip(1..).map(|(face, n)| FaceRecord { id: format!("f{n}"), face }).collect();
        let mark = |((face, (region, known)), n): ((&FaceRecord, (Region, bool)), u32)| {
            let keep = zones.keeps(&region, width, height);
            let zone = |z: &RectF| format!("in the keep zone {} {} {} {}", z.left, z.top, z.right, z.bottom);
            RegionRecord {
                id: format!("r{n}"),
                origin: Origin::Detected,
                face: Some(face.id.clone()),
                hidden: keep.is_none() && !known,
                note: keep.map(zone).or(known.then(|| "somebody who is to stay visible".to_owned())),
                region,
            }
        };
        let regions = faces.iter().zip(regions).zip(1..).map(mark).collect();
        let mut marks = Self { faces, regions };
        marks.hide_zones(zones, feather);
        marks
    }

    /// Adds a region for each zone that is always hidden. One that is there already is hidden again.
    pub fn hide_zones(&mut self, zones: &Zones, feather: f32) {
        for region in zones.regions(feather) {
            let same = |r: &&mut RegionRecord| r.origin == Origin::Zone && r.region.shapes == region.shapes;
            if let Some(known) = self.regions.iter_mut().find(same) {
                known.hidden = true;
                continue;
            }
            let id = fresh_id(&self.regions);
            let zone =
                RegionRecord { id, origin: Origin::Zone, face: None, hidden: true, note: None, region };
            self.regions.push(zone);
        }
    }

    /// What is to be hidden.
    pub fn hidden(&self) -> Vec<Region> {
        self.regions.iter().filter(|r| r.hidden).map(|r| r.region.clone()).collect()
    }

    /// Whether nobody found or added anything; zones are no finding.
    pub fn is_empty(&self) -> bool {
        self.faces.is_empty() && self.regions.iter().all(|r| r.origin == Origin::Zone)
    }

    /// A tile of the contact sheet for each region that is hidden in `result`.
    pub fn tiles(&self, result: &Raster, named: &Path) -> Vec<Tile> {
        let score = |r: &RegionRecord| {
            let id = r.face.as_ref()?;
            self.faces.iter().find(|f| f.id == *id).map(|f| f.face.score)
        };
        let hidden = self.regions.iter().filter(|r| r.hidden);
        hidden.filter_map(|r| tile(result, &r.region, named, &r.id, r.origin, score(r))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use faceveil_core::redact::Shape;

    fn rect(left: f32, right: f32) -> RectF {
        RectF { left, top: 10.0, right, bottom: 20.0 }
    }

    fn marked(zones: &Zones) -> Marks {
        let rects = [rect(10.0, 20.0), rect(60.0, 70.0)];
        let face = |rect| Face { rect, score: 0.5, landmarks: None, also: vec![] };
        let regions = rects.map(|r| (Region::around(vec![Shape::Box(r)], 0.0), false)).to_vec();
        Marks::new(rects.map(face).to_vec(), regions, zones, [100, 100], 0.0)
    }

    #[test]
    fn faces_are_hidden_but_in_keep_zones_and_zones_always() {
        let zones = Zones { hide: vec![rect(80.0, 90.0)], keep: vec![rect(50.0, 75.0)] };
        let regions = marked(&zones).regions;
        let brief: Vec<_> = regions
            .iter()
            .map(|r| (&*r.id, r.origin, r.face.as_deref(), r.hidden, r.note.is_some()))
            .collect();
        let want = [
            ("r1", Origin::Detected, Some("f1"), true, false),
            ("r2", Origin::Detected, Some("f2"), false, true),
            ("r3", Origin::Zone, None, true, false),
        ];
        assert_eq!(brief, want);
    }

    #[test]
    fn a_zone_is_added_once_and_hidden_again() {
        let zones = Zones { hide: vec![rect(80.0, 90.0)], keep: vec![] };
        let mut marks = marked(&zones);
        marks.regions[2].hidden = false;
        marks.hide_zones(&zones, 0.0);
        assert_eq!(marks.regions.len(), 3);
        assert!(marks.regions[2].hidden);
    }
}
