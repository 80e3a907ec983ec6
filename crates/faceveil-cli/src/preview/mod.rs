//! The contact sheet of what was hidden: a cut-out of each *result* with the region outlined, weakest face
//! first, so that a glance shows what the program was unsure of. Nothing of an original is on it but what
//! is in the outputs, too.
//!
//! Tiles wait in a nameless temporary file beside the sheet until all are there to be sorted: memory is 24
//! bytes a tile and one page.

mod cutout;
mod page;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use faceveil_core::raster::{Color, Raster, Samples};
use faceveil_media::{
    EncodeOptions, Format, Photo, PngCoding, PngColour, SafeMetadata, Source, encode, files,
};

pub use cutout::{Tile, tile};

use crate::destination::{format_of_ending, resolve};
use crate::plan::PlanError;
use crate::walk::Input;
use cutout::SIDE;
use page::{Page, TILES};

/// Bytes of a tile's pixels.
const PIXELS: usize = 3 * SIDE * SIDE;

/// Tiles of one video that are kept.
const MOST_OF_A_VIDEO: usize = 200;

/// The weakest tiles of one video, so that memory does not grow with its length.
#[derive(Debug, Default)]
pub struct Weakest(Vec<Tile>);

impl Weakest {
    /// Takes a tile, if there is one.
    pub fn take(&mut self, tile: Option<Tile>) {
        self.0.extend(tile);
        if self.0.len() >= 3 * MOST_OF_A_VIDEO / 2 {
            self.cut();
        }
    }

    /// The weakest of all.
    pub fn finish(mut self) -> Vec<Tile> {
        self.cut();
        self.0
    }

    fn cut(&mut self) {
        let score = |tile: &Tile| tile.score.unwrap_or(f32::INFINITY);
        self.0.sort_by(|a, b| score(a).total_cmp(&score(b)));
        self.0.truncate(MOST_OF_A_VIDEO);
    }
}

/// Collects tiles, then writes the sheet.
#[derive(Debug)]
pub struct Preview {
    path: PathBuf,
    overwrite: bool,
    spool: File,
    entries: Vec<Entry>,
    end: u64,
}

/// Where a tile waits.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The face's score; what has none comes last.
    score: f32,
    label_bytes: u32,
    /// Orders tiles of one score alike in every run.
    tie: u32,
    offset: u64,
}

impl Preview {
    /// A sheet that will go to `path`.
    ///
    /// # Errors
    /// There is something already and it is not to be replaced, or its folder cannot be written to.
    pub fn new(path: &Path, overwrite: bool) -> anyhow::Result<Self> {
        let shown = path.display();
        ensure!(
            overwrite || path.symlink_metadata().is_err(),
            "{shown} exists already; --overwrite replaces it"
        );
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let spool = tempfile::tempfile_in(folder).with_context(|| folder.display().to_string())?;
        Ok(Self { path: path.to_owned(), overwrite, spool, entries: Vec::new(), end: 0 })
    }

    /// Takes the tiles of a photo.
    ///
    /// # Errors
    /// The temporary file cannot be written to.
    pub fn add(&mut self, tiles: &[Tile]) -> anyhow::Result<()> {
        for tile in tiles {
            self.spool.seek(SeekFrom::Start(self.end))?;
            self.spool.write_all(&tile.pixels)?;
            self.spool.write_all(tile.label.as_bytes())?;
            self.entries.push(Entry {
                score: tile.score.unwrap_or(f32::INFINITY),
                label_bytes: tile.label.len() as u32,
                tie: fnv(tile.label.as_bytes()),
                offset: self.end,
            });
            self.end += (tile.pixels.len() + tile.label.len()) as u64;
        }
        Ok(())
    }

    /// Writes the pages; says what was written.
    ///
    /// # Errors
    /// A page cannot be written, or is there already and is not to be replaced.
    pub fn finish(mut self) -> anyhow::Result<String> {
        let shown = self.path.display().to_string();
        let count = self.entries.len();
        if count == 0 {
            return Ok(format!("preview {shown}: nothing was hidden, so nothing was written"));
        }
        self.entries.sort_by(|a, b| a.score.total_cmp(&b.score).then(a.tie.cmp(&b.tie)));
        let pages = count.div_ceil(TILES);
        for (n, entries) in std::mem::take(&mut self.entries).chunks(TILES).enumerate() {
            let title = format!("{count} hidden, weakest first, page {} of {pages}", n + 1);
            let mut page = Page::new(entries.len(), &title);
            for (at, entry) in entries.iter().enumerate() {
                let (pixels, label) = self.fetch(entry)?;
                page.place(at, &pixels, &label);
            }
            let path = self.page_path(n + 1);
            self.write(&path, page).with_context(|| path.display().to_string())?;
        }
        let many = if pages == 1 { String::new() } else { format!(" and {} more pages", pages - 1) };
        Ok(format!("preview {shown}{many}: {count} regions"))
    }

    fn fetch(&mut self, entry: &Entry) -> anyhow::Result<(Vec<u8>, String)> {
        self.spool.seek(SeekFrom::Start(entry.offset))?;
        let mut pixels = vec![0; PIXELS];
        self.spool.read_exact(&mut pixels)?;
        let mut label = vec![0; entry.label_bytes as usize];
        self.spool.read_exact(&mut label)?;
        Ok((pixels, String::from_utf8_lossy(&label).into_owned()))
    }

    /// `sheet.png`, `sheet-2.png`, …
    fn page_path(&self, number: usize) -> PathBuf {
        if number == 1 {
            return self.path.clone();
        }
        let mut name = self.path.file_stem().unwrap_or_default().to_owned();
        name.push(format!("-{number}"));
        if let Some(ending) = self.path.extension() {
            name.push(".");
            name.push(ending);
        }
        self.path.with_file_name(name)
    }

    fn write(&self, path: &Path, page: Page) -> anyhow::Result<()> {
        let (width, height, pixels) = page.into_pixels();
        let photo = Photo {
            raster: Raster::new(width, height, Color::Rgb, Samples::U8(pixels))?,
            icc: None,
            safe: SafeMetadata::default(),
            source: Source::Png(PngCoding {
                bit_depth: 8,
                palette: false,
                interlaced: false,
                colour: PngColour::default(),
            }),
        };
        let options = EncodeOptions { format: format_of_ending(path), ..EncodeOptions::default() };
        Ok(files::write_atomically(path, &encode(&photo, &options)?, self.overwrite)?)
    }
}

/// A preview replaces no photo, neither an old one nor one that the run makes.
///
/// # Errors
/// [`PlanError`] if it could, or there is nothing to show, or its ending says no format.
pub fn check_place(
    preview: &Path,
    dry_run: bool,
    overwrite: bool,
    inputs: &[Input],
    out: &Path,
) -> Result<(), PlanError> {
    let shown = || preview.display().to_string();
    if dry_run {
        return Err(PlanError::PreviewOfNothing);
    }
    let sheet = [Format::Jpeg, Format::Png, Format::WebP];
    if !format_of_ending(preview).is_some_and(|format| sheet.contains(&format)) {
        return Err(PlanError::PreviewEnding(shown()));
    }
    let resolved = |path: &Path| resolve(path).unwrap_or_else(|_| path.to_owned());
    let place = resolved(preview);
    let files = inputs.iter().filter_map(|i| match i {
        Input::File(path) => Some(&**path),
        _ => i.root(),
    });
    let inside = |path: &Path| place.starts_with(resolved(path));
    if overwrite && files.chain([out]).any(inside) || place == resolved(out) {
        return Err(PlanError::PreviewPlace(shown()));
    }
    Ok(())
}

/// FNV-1a.
fn fnv(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, &b| (hash ^ u32::from(b)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_tile(score: Option<f32>, shade: u8) -> Tile {
        Tile { score, label: format!("{shade}.jpg\nr1"), pixels: vec![shade; PIXELS] }
    }

    /// The shade in the middle of each tile of a page, in reading order.
    fn shades(path: &Path) -> Vec<u8> {
        let bytes = std::fs::read(path).unwrap();
        let photo = faceveil_media::decode(&bytes, &faceveil_media::Limits::default()).unwrap();
        let places = (0..TILES).map(page::middle);
        let inside = places.filter(|&(x, y)| x < photo.raster.width() && y < photo.raster.height());
        inside.map(|(x, y)| photo.raster.rgb8(x, y)[0]).collect()
    }

    #[test]
    fn weakest_first_over_several_pages() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sheet.png");
        let mut preview = Preview::new(&path, false).unwrap();
        preview.add(&[a_tile(None, 250)]).unwrap();
        for n in (0..TILES as u8 + 3).rev() {
            preview.add(&[a_tile(Some(f32::from(n) / 100.0), 60 + n)]).unwrap();
        }
        let words = preview.finish().unwrap();
        assert!(words.ends_with(&format!("and 1 more pages: {} regions", TILES + 4)), "{words}");
        let first: Vec<u8> = (60..60 + TILES as u8).collect();
        assert_eq!(shades(&path), first);
        let next = TILES as u8 + 60;
        assert_eq!(shades(&folder.path().join("sheet-2.png"))[..4], [next, next + 1, next + 2, 250]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is left");
    }

    #[test]
    fn nothing_is_replaced_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sheet.jpg");
        std::fs::write(&path, b"precious").unwrap();
        assert!(Preview::new(&path, false).unwrap_err().to_string().contains("exists already"));
        let mut preview = Preview::new(&path, true).unwrap();
        preview.add(&[a_tile(None, 100)]).unwrap();
        preview.finish().unwrap();
        assert!(std::fs::read(&path).unwrap().starts_with(b"\xff\xd8\xff"));
        // A later page is noticed only when it is made, and stays as it is.
        std::fs::remove_file(&path).unwrap();
        std::fs::write(folder.path().join("sheet-2.jpg"), b"precious").unwrap();
        let mut preview = Preview::new(&path, false).unwrap();
        preview.add(&vec![a_tile(None, 1); TILES + 1]).unwrap();
        let error = format!("{:#}", preview.finish().unwrap_err());
        assert!(error.contains("sheet-2.jpg: exists already"), "{error}");
        assert_eq!(std::fs::read(folder.path().join("sheet-2.jpg")).unwrap(), b"precious");
    }
}
