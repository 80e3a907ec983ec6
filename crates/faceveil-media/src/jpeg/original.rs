//! A JPEG's own coefficients, kept beside its pixels: units whose pixels have not changed are
//! written as they were.

use crate::jpeg::fresh::{Fresh, divides};
use crate::jpeg::model::Model;
use crate::jpeg::segments::{self, Described};
use crate::jpeg::touched::Fingerprints;
use crate::jpeg::units::{Recorder, Row, Rows, Sparse, Units};
use crate::{JpegCoding, JpegComponent, Reencoded};
use faceveil_core::raster::{Color, Raster, Samples};
use faceveil_core::redact::{Region, touched};
use std::sync::Arc;

/// What is kept of a picture, upright; or why nothing is. Two of them are always equal, as the
/// picture and its coding are what matters.
#[derive(Clone)]
pub(crate) struct Original(Result<Box<Kept>, Reencoded>);

impl std::fmt::Debug for Original {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Original").field(&self.0.as_ref().map(|_| "kept")).finish()
    }
}

impl PartialEq for Original {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Original {}

#[derive(Clone)]
struct Kept {
    units: Arc<Units>,
    model: Model,
    /// As they were in the file: if the [`JpegCoding`] says otherwise now, nothing can be kept.
    components: Vec<JpegComponent>,
    luma_chroma: bool,
    size: (u32, u32),
    prints: Fingerprints,
    /// Units that were redacted, whether their pixels show it or not.
    marked: Vec<bool>,
}

/// Blocks a unit at most in a scan of all components, T.81 section B.2.3.
const MAX_SLOTS: usize = 10;

/// Pixels of a unit, across and down.
fn unit_size(units: &Units) -> (usize, usize) {
    let most = |side: usize| units.layout.components.iter().map(|(f, _)| f[side]).max().unwrap_or(1);
    (8 * most(0), 8 * most(1))
}

impl Original {
    /// Nothing is kept.
    pub fn none(why: Reencoded) -> Self {
        Self(Err(why))
    }

    /// `raster` is what the units decode to, `coding` how they were coded, both upright.
    pub(super) fn new(units: Units, model: Model, coding: &JpegCoding, raster: &Raster) -> Self {
        if units.layout.slots.len() > MAX_SLOTS || !divides(&coding.components) {
            return Self::none(Reencoded::Layout);
        }
        let Some(prints) = Fingerprints::new(raster, unit_size(&units)) else {
            return Self::none(Reencoded::Picture);
        };
        let marked = vec![false; units.layout.across * units.layout.down];
        let size = (raster.width(), raster.height());
        let (components, luma_chroma) = (coding.components.clone(), coding.luma_chroma);
        let units = Arc::new(units);
        Self(Ok(Box::new(Kept { units, model, components, luma_chroma, size, prints, marked })))
    }

    /// Units that these regions can change will not be kept.
    pub fn mark(&mut self, regions: &[Region]) {
        let Ok(kept) = &mut self.0 else { return };
        let (wide, high) = unit_size(&kept.units);
        let across = kept.units.layout.across;
        for region in regions {
            touched(region, kept.size.0, kept.size.1, |y, columns| {
                let row = &mut kept.marked[y as usize / high * across..][..across];
                row[columns.start as usize / wide..(columns.end as usize).div_ceil(wide)].fill(true);
            });
        }
    }

    /// The file with the raster's changes; `profile` is told what samples the file has.
    pub fn write<'p>(
        &self,
        raster: &Raster,
        coding: &JpegCoding,
        exif: Option<&[u8]>,
        profile: impl FnOnce(Color) -> Option<&'p [u8]>,
    ) -> Result<Vec<u8>, Reencoded> {
        let kept = self.0.as_ref().map_err(|&why| why)?;
        let same = (raster.width(), raster.height()) == kept.size
            && raster.color() == kept.model.color()
            && (&coding.components, coding.luma_chroma) == (&kept.components, kept.luma_chroma);
        let (true, Samples::U8(samples)) = (same, raster.samples()) else {
            return Err(Reencoded::Picture);
        };
        let mut fresh = kept.prints.changed(raster).ok_or(Reencoded::Picture)?;
        fresh.iter_mut().zip(&kept.marked).for_each(|(fresh, &marked)| *fresh |= marked);
        let (renewed, which) = kept.renewed_rows(samples, &fresh);
        let renewed: Vec<Row> = renewed.iter().collect();
        let own = kept.units.rows.iter().zip(which);
        let rows: Vec<Row> = own.map(|(row, n)| n.map_or(row, |n| renewed[n])).collect();
        let picture = Described { width: kept.size.0, height: kept.size.1, components: &coding.components };
        let file = segments::beginning(kept.model.adobe(), exif, profile(kept.model.color()));
        let write = if coding.progressive { segments::progressive } else { segments::sequential };
        write(file, picture, &kept.units.layout, &rows).ok_or(Reencoded::Coefficients)
    }
}

impl Kept {
    /// The rows in which a unit is to be made anew, and by row of the picture which of them it is.
    fn renewed_rows(&self, samples: &[u8], fresh: &[bool]) -> (Rows, Vec<Option<usize>>) {
        let layout = &self.units.layout;
        let mut maker = Fresh::new(samples, self.size, self.model, layout, &self.components);
        let mut recorder = Recorder::default();
        let mut blocks = vec![Sparse::EMPTY; layout.slots.len()];
        let (mut which, mut count) = (Vec::new(), 0);
        for (y, (fresh, row)) in fresh.chunks_exact(layout.across).zip(self.units.rows.iter()).enumerate() {
            if !fresh.contains(&true) {
                which.push(None);
                continue;
            }
            let mut cursor = row.cursor();
            for (x, &fresh) in fresh.iter().enumerate() {
                cursor.unit(&layout.slots, &mut blocks);
                if fresh {
                    maker.unit(x, y, &mut blocks);
                }
                recorder.unit(layout, (x, y), &blocks);
            }
            recorder.end_row();
            which.push(Some(count));
            count += 1;
        }
        (recorder.finish().0, which)
    }
}

#[cfg(test)]
#[path = "original_tests.rs"]
mod tests;
