//! What a sidecar promises, and the words for what does not keep it.

use std::collections::{HashMap, HashSet};

use faceveil_core::redact::Shape;

use super::{
    FARTHEST, FaceRecord, MAX_FACES, MAX_NOTE, MAX_PAGES, MAX_REGIONS, MAX_SHAPES, Origin, RegionRecord,
    Sidecar, SidecarError, wire,
};

impl Sidecar {
    /// Whether it keeps the format's promises.
    ///
    /// # Errors
    /// [`SidecarError`] names the first place that does not.
    pub fn check(&self) -> Result<(), SidecarError> {
        at_most("faces", self.faces.len(), MAX_FACES)?;
        at_most("regions", self.regions.len(), MAX_REGIONS)?;
        at_most("pages", self.pages.len(), MAX_PAGES)?;
        if self.pages.is_empty() {
            return Err(SidecarError::number("the number of pages", 0.0, "at least 1"));
        }
        if self.pages.as_flattened().contains(&0) {
            return Err(SidecarError::number("size", 0.0, "at least 1"));
        }
        wire::check_settings(&self.settings)?;
        let mut ids = HashSet::new();
        let mut faces = HashMap::new();
        for face in &self.faces {
            check_id(&face.id, &mut ids)?;
            self.size_on(&face.id, face.page)?;
            check_face(face)?;
            faces.insert(&*face.id, face.page);
        }
        let mut regions = HashSet::new();
        let mut covered = HashSet::new();
        for region in &self.regions {
            check_id(&region.id, &mut regions)?;
            self.check_region(region)?;
            if let Some(face) = &region.face {
                let known = faces.get(&**face).is_some_and(|page| *page == region.page);
                let unknown = || SidecarError::UnknownFace { region: region.id.clone(), face: face.clone() };
                known.then(|| covered.insert(&**face)).ok_or_else(unknown)?;
            }
        }
        let alone = self.faces.iter().find(|f| !covered.contains(&*f.id));
        alone.map_or(Ok(()), |f| Err(SidecarError::Uncovered { face: f.id.clone() }))
    }

    fn check_region(&self, record: &RegionRecord) -> Result<(), SidecarError> {
        let id = &record.id;
        let RegionRecord { region, note, .. } = record;
        let size = self.size_on(id, record.page)?;
        at_most("shapes of a region", region.shapes.len(), MAX_SHAPES)?;
        at_most("characters of a note", note.as_ref().map_or(0, |n| n.chars().count()), MAX_NOTE)?;
        if region.shapes.is_empty() {
            return Err(SidecarError::Empty { region: id.clone() });
        }
        ranged(&format!("the feather of {id}"), region.feather, 0.0, FARTHEST, "0 to 1000000")?;
        region.shapes.iter().try_for_each(|shape| check_shape(id, shape))?;
        // A detector's own box may lie outside; a region that somebody put there was meant to hide something.
        let bounds = region.bounds();
        let inside = bounds.pixels(size[0], size[1]).is_some();
        if record.hidden && record.origin != Origin::Detected && !inside {
            return Err(SidecarError::Outside { region: id.clone(), size });
        }
        Ok(())
    }

    /// Width and height of the page that `id` is on.
    fn size_on(&self, id: &str, page: u32) -> Result<[u32; 2], SidecarError> {
        let missing = || SidecarError::NoPage { id: id.to_owned(), page, pages: self.pages.len() };
        self.size_of(page).ok_or_else(missing)
    }
}

pub(crate) fn check_id<'a>(id: &'a str, taken: &mut HashSet<&'a str>) -> Result<(), SidecarError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if !(1..=64).contains(&id.len()) || !id.bytes().all(plain) {
        return Err(SidecarError::Id { id: id.chars().take(80).collect() });
    }
    taken.insert(id).then_some(()).ok_or_else(|| SidecarError::Duplicate { id: id.to_owned() })
}

fn check_face(record: &FaceRecord) -> Result<(), SidecarError> {
    let FaceRecord { id, face, .. } = record;
    at_most("opinions on a face", face.also.len(), MAX_SHAPES)?;
    ranged(&format!("the score of {id}"), face.score, 0.0, 1.0, "0 to 1")?;
    for rect in std::iter::once(&face.rect).chain(&face.also) {
        check_rect(id, rect)?;
    }
    let points = face.landmarks.iter().flatten().flat_map(|p| [p.x, p.y]);
    points.into_iter().try_for_each(|v| place(id, v))
}

fn check_shape(id: &str, shape: &Shape) -> Result<(), SidecarError> {
    match shape {
        Shape::Box(rect) => check_rect(id, rect),
        Shape::Ellipse(e) => {
            place(id, e.centre.x)?;
            place(id, e.centre.y)?;
            for radius in [e.radius_x, e.radius_y] {
                let what = format!("a half axis of {id}");
                ranged(&what, radius, f32::MIN_POSITIVE, FARTHEST, "more than 0 and at most 1000000")?;
            }
            let degrees = e.angle.to_degrees();
            // A hair more, for the rounding of the way there and back.
            ranged(&format!("the angle of {id}"), degrees, -360.01, 360.01, "-360 to 360")
        }
    }
}

fn check_rect(id: &str, rect: &faceveil_core::geom::RectF) -> Result<(), SidecarError> {
    for edge in [rect.left, rect.top, rect.right, rect.bottom] {
        place(id, edge)?;
    }
    let least = (rect.right - rect.left).min(rect.bottom - rect.top);
    ranged(&format!("a width or height of {id}"), least, f32::MIN_POSITIVE, f32::MAX, "more than 0")
}

fn place(id: &str, value: f32) -> Result<(), SidecarError> {
    ranged(&format!("a coordinate of {id}"), value, -FARTHEST, FARTHEST, "-1000000 to 1000000")
}

pub(super) fn ranged(
    what: &str,
    value: f32,
    low: f32,
    high: f32,
    range: &'static str,
) -> Result<(), SidecarError> {
    let inside = (low..=high).contains(&value);
    inside.then_some(()).ok_or_else(|| SidecarError::number(what, f64::from(value), range))
}

pub(crate) fn at_most(what: &'static str, got: usize, limit: usize) -> Result<(), SidecarError> {
    if got > limit { Err(SidecarError::TooMany { what, got, limit }) } else { Ok(()) }
}
