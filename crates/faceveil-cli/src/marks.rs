//! From faces and zones to the regions of a sidecar.

use std::path::Path;

use faceveil::{Face, Region, Zones};
use faceveil_core::geom::RectF;
use faceveil_core::raster::Raster;

use crate::preview::{Tile, tile};
use crate::sidecar::{FaceRecord, Origin, RegionRecord, fresh_number};

/// What was found in a photo, or on all pages or frames of a file, and what of it is hidden.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Marks {
    /// The faces page by page, on each the most certain first.
    pub faces: Vec<FaceRecord>,
    /// The regions, hidden or shown.
    pub regions: Vec<RegionRecord>,
}

impl Marks {
    /// Adds the faces of a page of `width` × `height` pixels, and a region for each: shown if a zone keeps it or it is
    /// somebody who is to stay visible, hidden otherwise. `regions` are those of the faces, one by one, each with whether it
    /// is somebody who is to stay visible.
    pub fn add_page(
        &mut self,
        page: u32,
        [width, height]: [u32; 2],
        faces: Vec<Face>,
        regions: Vec<(Region, bool)>,
        zones: &Zones,
    ) {
        for (face, (region, known)) in faces.into_iter().zip(regions) {
            let id = format!("f{}", self.faces.len() + 1);
            let keep = zones.keeps(&region, width, height);
            let zone = |z: &RectF| format!("in the keep zone {} {} {} {}", z.left, z.top, z.right, z.bottom);
            self.regions.push(RegionRecord {
                id: format!("r{}", self.regions.len() + 1),
                page,
                origin: Origin::Detected,
                face: Some(id.clone()),
                hidden: keep.is_none() && !known,
                note: keep.map(zone).or(known.then(|| "somebody who is to stay visible".to_owned())),
                region,
            });
            self.faces.push(FaceRecord { id, page, face });
        }
    }

    /// Adds a region for each zone that is always hidden, with a soft edge of `feather` times its shorter side; `zones`
    /// has those of each page. One that is there already is hidden again.
    pub fn hide_zones(&mut self, zones: &[Zones], feather: f32) {
        let mut next = fresh_number(&self.regions);
        for (page, zones) in (1..).zip(zones) {
            for region in zones.regions(feather) {
                let same = |r: &&mut RegionRecord| {
                    r.page == page && r.origin == Origin::Zone && r.region.shapes == region.shapes
                };
                if let Some(known) = self.regions.iter_mut().find(same) {
                    known.hidden = true;
                    continue;
                }
                let (id, origin) = (format!("r{next}"), Origin::Zone);
                next += 1;
                self.regions.push(RegionRecord {
                    id,
                    page,
                    origin,
                    face: None,
                    hidden: true,
                    note: None,
                    region,
                });
            }
        }
    }

    /// What is to be hidden on each of `pages` pages.
    pub fn hidden(&self, pages: usize) -> Vec<Vec<Region>> {
        let mut hidden = vec![Vec::new(); pages];
        for record in self.regions.iter().filter(|r| r.hidden) {
            if let Some(page) = (record.page as usize).checked_sub(1).and_then(|at| hidden.get_mut(at)) {
                page.push(record.region.clone());
            }
        }
        hidden
    }

    /// Whether nobody found or added anything; zones are no finding.
    pub fn is_empty(&self) -> bool {
        self.faces.is_empty() && self.regions.iter().all(|r| r.origin == Origin::Zone)
    }

    /// A tile of the contact sheet for each region that is hidden in `result`, which is a page counted from 1.
    pub fn tiles(&self, page: u32, result: &Raster, named: &Path) -> Vec<Tile> {
        let score = |r: &RegionRecord| {
            let id = r.face.as_ref()?;
            self.faces.iter().find(|f| f.id == *id).map(|f| f.face.score)
        };
        let hidden = self.regions.iter().filter(|r| r.hidden && r.page == page);
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
        let mut marks = Marks::default();
        marks.add_page(1, [100, 100], rects.map(face).to_vec(), regions, zones);
        marks.hide_zones(std::slice::from_ref(zones), 0.0);
        marks
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
        marks.hide_zones(&[zones], 0.0);
        assert_eq!(marks.regions.len(), 3);
        assert!(marks.regions[2].hidden);
    }

    #[test]
    fn each_page_has_its_own_regions_and_ids_are_of_the_file() {
        let face = Face { rect: rect(10.0, 20.0), score: 0.5, landmarks: None, also: vec![] };
        let region = || vec![(Region::around(vec![Shape::Box(rect(10.0, 20.0))], 0.0), false)];
        let zone = Zones { hide: vec![rect(80.0, 90.0)], keep: vec![] };
        let mut marks = Marks::default();
        for page in 1..=2 {
            marks.add_page(page, [100, 100], vec![face.clone()], region(), &zone);
        }
        marks.hide_zones(&[zone.clone(), zone], 0.0);
        let brief: Vec<_> = marks.regions.iter().map(|r| (&*r.id, r.page, r.face.as_deref())).collect();
        assert_eq!(brief, [("r1", 1, Some("f1")), ("r2", 2, Some("f2")), ("r3", 1, None), ("r4", 2, None)]);
        let hidden = marks.hidden(3);
        assert_eq!(hidden.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 0]);
    }
}
