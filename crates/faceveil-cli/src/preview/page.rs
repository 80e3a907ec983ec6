//! A page of the contact sheet: tiles in rows, a label under each.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

use super::cutout::SIDE;

const COLUMNS: usize = 6;
const ROWS: usize = 5;
/// Tiles of a full page.
pub const TILES: usize = COLUMNS * ROWS;
const GAP: usize = 12;
const LINE_HEIGHT: usize = 18;
/// A tile with its label and the gap after it.
const CELL: (usize, usize) = (SIDE + GAP, SIDE + 2 * LINE_HEIGHT + GAP);
/// What is above the first row.
const HEAD: usize = LINE_HEIGHT + GAP;
/// Columns of a page at least, so that the title fits.
const LEAST_COLUMNS: usize = 2;
const PAPER: u8 = 250;
const FONT: (FontWeight, RasterHeight) = (FontWeight::Regular, RasterHeight::Size16);

/// A page that is being filled.
pub struct Page {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Page {
    /// Room for `tiles` (`1..=`[`TILES`]).
    pub fn new(tiles: usize, title: &str) -> Self {
        let width = GAP + tiles.clamp(LEAST_COLUMNS, COLUMNS) * CELL.0;
        let height = GAP + HEAD + tiles.clamp(1, TILES).div_ceil(COLUMNS) * CELL.1;
        let mut page = Self { width, height, pixels: vec![PAPER; 3 * width * height] };
        page.text(GAP, GAP, title, width - 2 * GAP);
        page
    }

    /// Puts a tile at the place `at`, counted along the rows from 0.
    pub fn place(&mut self, at: usize, pixels: &[u8], label: &str) {
        let (left, top) = corner(at);
        for (row, line) in pixels.chunks_exact(3 * SIDE).enumerate() {
            let to = 3 * ((top + row) * self.width + left);
            if let Some(place) = self.pixels.get_mut(to..to + line.len()) {
                place.copy_from_slice(line);
            }
        }
        for (n, line) in label.lines().take(2).enumerate() {
            self.text(left, top + SIDE + 2 + n * LINE_HEIGHT, line, SIDE);
        }
    }

    /// Writes dark on light; of a text that is too long for `room` pixels the end is written.
    fn text(&mut self, left: usize, top: usize, text: &str, room: usize) {
        let step = get_raster_width(FONT.0, FONT.1);
        let fit = room / step;
        let skipped = text.chars().count().saturating_sub(fit);
        let shortened = (skipped > 0).then(|| "..".chars()).into_iter().flatten();
        let rest = text.chars().skip(if skipped > 0 { skipped + 2 } else { 0 });
        for (n, c) in shortened.chain(rest).enumerate() {
            let glyph = get_raster(c, FONT.0, FONT.1).or_else(|| get_raster('?', FONT.0, FONT.1));
            let Some(glyph) = glyph else { continue };
            for (row, line) in glyph.rows().enumerate() {
                for (column, &ink) in line.iter().enumerate() {
                    let at = 3 * ((top + row) * self.width + left + n * step + column);
                    if let Some(pixel) = self.pixels.get_mut(at..at + 3) {
                        pixel.fill(PAPER.saturating_sub(ink));
                    }
                }
            }
        }
    }

    /// Width, height, and red, green, blue of each pixel.
    pub fn into_pixels(self) -> (u32, u32, Vec<u8>) {
        (self.width as u32, self.height as u32, self.pixels)
    }
}

/// Left and top of the tile at a place.
fn corner(at: usize) -> (usize, usize) {
    (GAP + at % COLUMNS * CELL.0, GAP + HEAD + at / COLUMNS * CELL.1)
}

/// The middle of the tile at a place.
#[cfg(test)]
pub fn middle(at: usize) -> (u32, u32) {
    let (left, top) = corner(at);
    ((left + SIDE / 2) as u32, (top + SIDE / 2) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether anything is written in a rectangle of the page.
    fn inked(page: &Page, left: usize, top: usize, width: usize, height: usize) -> bool {
        let dark = |x: usize, y: usize| page.pixels[3 * (y * page.width + x)] < 100;
        (top..top + height).any(|y| (left..left + width).any(|x| dark(x, y)))
    }

    #[test]
    fn labels_stay_under_their_tiles() {
        let mut page = Page::new(2, "t");
        let white = vec![PAPER; 3 * SIDE * SIDE];
        page.place(0, &white, &format!("{}\n\u{4e16}", "long/".repeat(30)));
        let (left, top) = corner(0);
        assert!(inked(&page, left, top + SIDE, SIDE, LINE_HEIGHT), "the first line");
        assert!(inked(&page, left, top + SIDE + LINE_HEIGHT, 10, LINE_HEIGHT), "what has no glyph is a mark");
        assert!(!inked(&page, left + SIDE + 1, top, SIDE, SIDE + 2 * LINE_HEIGHT), "the next tile's place");
    }

    #[test]
    fn no_text_and_no_tile_leaves_the_page() {
        for tiles in [1, 2, 7, TILES] {
            let mut page = Page::new(tiles, &"x".repeat(1000));
            let before = page.pixels.len();
            page.place(tiles - 1, &vec![0; 3 * SIDE * SIDE], "\u{0}\n\u{7f}\u{10ffff}");
            page.place(10_000, &vec![0; 3 * SIDE * SIDE], "nowhere");
            assert_eq!(page.pixels.len(), before);
        }
    }
}
