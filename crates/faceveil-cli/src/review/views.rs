//! Pictures as the page shows them: scaled down, as JPEG, without metadata. Bounded memory: one decoded
//! file, and the views made last.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use anyhow::{Context, bail, ensure};
use faceveil_core::raster::{Color, Raster, Samples};
use faceveil_media::{
    EncodeOptions, Format, Limits, Photo, PngCoding, PngColour, SafeMetadata, Source, decode_album, encode,
    files,
};
use sha2::{Digest, Sha256};

use super::batch::{Batch, Record};
use super::timeline;
use crate::plan::hex;
use crate::sidecar::Sidecar;

/// Pixels along a view's longer side at most.
pub const LONGEST: u32 = 1600;
/// Bytes of all views that are kept.
const KEPT_BYTES: usize = 64 << 20;

/// Which picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The original.
    Original,
    /// The output.
    Result,
}

/// A part of a picture in its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// First column.
    pub left: u32,
    /// First row.
    pub top: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// Which state of a file was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp(u64, Option<SystemTime>);

type Key = (usize, Which);

/// A picture, or a page or frame of a file.
struct Decoded {
    raster: Raster,
    icc: Option<Vec<u8>>,
}

/// All pictures of the file that was decoded last.
type Last = (Key, Stamp, Arc<Vec<Decoded>>);

/// The pictures of a batch.
pub struct Views<'b> {
    batch: &'b Batch,
    limits: Limits,
    /// Held while one is decoded, so that there are never two.
    decoded: Mutex<Option<Last>>,
    kept: Mutex<VecDeque<View>>,
}

struct View {
    of: (Key, Stamp, u32, Option<Part>),
    jpeg: Arc<Vec<u8>>,
}

impl<'b> Views<'b> {
    /// `limits` are those of an original.
    pub fn new(batch: &'b Batch, limits: Limits) -> Self {
        Self { batch, limits, decoded: Mutex::default(), kept: Mutex::default() }
    }

    /// A picture, or a part of it, as JPEG of at most [`LONGEST`] pixels a side; `page` is counted from 1.
    ///
    /// # Errors
    /// The picture is not there, cannot be read, or is not the one that the sidecar belongs to.
    pub fn jpeg(
        &self,
        id: usize,
        which: Which,
        page: u32,
        part: Option<Part>,
    ) -> anyhow::Result<Arc<Vec<u8>>> {
        let path = match which {
            Which::Original => self.batch.original(id)?,
            Which::Result => self.batch.output(id)?,
        };
        let place = || path.display().to_string();
        let metadata = path.metadata().with_context(place)?;
        let stamp = Stamp(metadata.len(), metadata.modified().ok());
        let of = ((id, which), stamp, page, part);
        if let Some(jpeg) = self.recall(&of) {
            return Ok(jpeg);
        }
        let jpeg = match self.batch.open(id)?.record {
            Record::Photo(record) => {
                let pages = self.decoded(id, which, stamp, &path, &record).with_context(place)?;
                let decoded = (page as usize).checked_sub(1).and_then(|at| pages.get(at));
                Arc::new(render(decoded.context("there is no such page")?, part)?)
            }
            // A time line has no parts, and looks the same for the result.
            Record::Video(record) => {
                Arc::new(timeline::picture(&record, &self.batch.original(id)?).with_context(place)?)
            }
        };
        self.keep(View { of, jpeg: jpeg.clone() });
        Ok(jpeg)
    }

    fn recall(&self, of: &(Key, Stamp, u32, Option<Part>)) -> Option<Arc<Vec<u8>>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|view| view.of == *of)?;
        let view = kept.remove(at)?;
        let jpeg = view.jpeg.clone();
        kept.push_front(view);
        Some(jpeg)
    }

    fn keep(&self, view: View) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_front(view);
        let mut bytes = 0;
        let fits = |view: &View| {
            bytes += view.jpeg.len();
            bytes <= KEPT_BYTES
        };
        let most = kept.iter().map(fits).take_while(|fits| *fits).count();
        kept.truncate(most);
    }

    fn decoded(
        &self,
        id: usize,
        which: Which,
        stamp: Stamp,
        path: &Path,
        record: &Sidecar,
    ) -> anyhow::Result<Arc<Vec<Decoded>>> {
        let key = (id, which);
        let mut slot = self.decoded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, _, decoded)) = slot.as_ref().filter(|(k, s, _)| (*k, *s) == (key, stamp)) {
            return Ok(decoded.clone());
        }
        // The old one goes before the new one comes.
        *slot = None;
        let bytes = files::read_photo(path, &self.limits)?;
        if which == Which::Original {
            let sha256 = hex(&Sha256::digest(&bytes));
            ensure!(sha256 == record.source.sha256, "not the photo that the sidecar was written for");
        }
        let photos = decode_album(&bytes, &self.limits)?.into_pages();
        let (got, want) = (photos.len(), record.pages.len());
        ensure!(got == want, "it has {got} pages or frames, the sidecar says {want}");
        let mut pages = Vec::with_capacity(got);
        for (Photo { raster, icc, .. }, want) in photos.into_iter().zip(&record.pages) {
            let size = [raster.width(), raster.height()];
            ensure!(size == *want, "it has {size:?} pixels, the sidecar says {want:?}");
            pages.push(Decoded { raster, icc });
        }
        let decoded = Arc::new(pages);
        *slot = Some((key, stamp, decoded.clone()));
        Ok(decoded)
    }
}

fn render(decoded: &Decoded, part: Option<Part>) -> anyhow::Result<Vec<u8>> {
    let picture = &decoded.raster;
    let (width, height) = (picture.width(), picture.height());
    let part = part.unwrap_or(Part { left: 0, top: 0, width, height });
    let inside = |start: u32, length: u32, limit: u32| {
        length > 0 && start.checked_add(length).is_some_and(|end| end <= limit)
    };
    if !inside(part.left, part.width, width) || !inside(part.top, part.height, height) {
        bail!("{part:?} is no part of {width}×{height} pixels");
    }
    let photo = Photo {
        raster: scaled(picture, part)?,
        // A profile of inks says nothing about red, green and blue.
        icc: decoded.icc.clone().filter(|_| matches!(picture.color(), Color::Rgb | Color::Rgba)),
        safe: SafeMetadata::default(),
        source: Source::Png(PngCoding {
            bit_depth: 8,
            palette: false,
            interlaced: false,
            colour: PngColour::default(),
        }),
    };
    let options = EncodeOptions { format: Some(Format::Jpeg), ..EncodeOptions::default() };
    Ok(encode(&photo, &options)?)
}

/// Each pixel the mean of those that it covers.
fn scaled(picture: &Raster, part: Part) -> anyhow::Result<Raster> {
    let long = u64::from(part.width.max(part.height));
    let side = |length: u32| {
        let most = u64::from(LONGEST);
        if long <= most { length } else { (u64::from(length) * most / long).max(1) as u32 }
    };
    let (width, height) = (side(part.width), side(part.height));
    // The picture's columns, or rows, under one of the view's.
    let span = |start: u32, length: u32, at: u32, of: u32| {
        let edge = |n: u32| (u64::from(n) * u64::from(length) / u64::from(of)) as u32;
        start + edge(at)..start + edge(at + 1)
    };
    let columns: Vec<_> = (0..width).map(|x| span(part.left, part.width, x, width)).collect();
    let mut pixels = Vec::with_capacity(3 * width as usize * height as usize);
    for row in 0..height {
        let rows = span(part.top, part.height, row, height);
        for columns in &columns {
            let mut sum = [0u64; 3];
            for y in rows.clone() {
                for x in columns.clone() {
                    let rgb = picture.rgb8(x, y);
                    sum.iter_mut().zip(rgb).for_each(|(sum, v)| *sum += u64::from(v));
                }
            }
            let count = (rows.len() * columns.len()).max(1) as u64;
            pixels.extend(sum.map(|sum| (sum / count) as u8));
        }
    }
    Ok(Raster::new(width, height, Color::Rgb, Samples::U8(pixels))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gradient(width: u32, height: u32) -> Raster {
        let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| [x as u8, y as u8, 7])).collect();
        Raster::new(width, height, Color::Rgb, Samples::U8(pixels)).unwrap()
    }

    #[test]
    fn a_view_is_the_means_of_what_it_covers() {
        let long = scaled(&gradient(3200, 2), Part { left: 0, top: 0, width: 3200, height: 2 }).unwrap();
        assert_eq!((long.width(), long.height(), long.rgb8(1, 0)), (1600, 1, [2, 0, 7]));
        let part = scaled(&gradient(20, 10), Part { left: 5, top: 3, width: 15, height: 7 }).unwrap();
        assert_eq!((part.width(), part.height()), (15, 7));
        assert_eq!((part.rgb8(0, 0), part.rgb8(14, 6)), ([5, 3, 7], [19, 9, 7]));
    }

    #[test]
    fn no_part_outside_is_shown() {
        let decoded = Decoded { raster: gradient(20, 10), icc: None };
        assert!(render(&decoded, Some(Part { left: 0, top: 0, width: 20, height: 10 })).is_ok());
        for (left, top, width, height) in
            [(1, 0, 20, 10), (0, 1, 20, 10), (0, 0, 0, 1), (0, 0, 1, 0), (u32::MAX, 0, 2, 2), (20, 0, 1, 1)]
        {
            let part = Part { left, top, width, height };
            assert!(render(&decoded, Some(part)).is_err(), "{part:?}");
        }
    }
}
