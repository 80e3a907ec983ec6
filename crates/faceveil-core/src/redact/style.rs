//! How regions are hidden: the styles, their limits, and the painter of each.

use core::ops::Range;

use super::grid::{Axis, Brush, Enlarge, FEWEST_PIXELS, Grid, SHORTEST_CELL, View};
use super::noise::Noise;
use super::overlay::{Overlay, Sticker};
use super::sample::{Sample, from_rgb, shares};
use super::{RedactError, blur, veil};
use crate::geom::{Rect, RectF};
use crate::raster::Color;

/// The most that a veiled frame can tell about the original, in bits, rounded up: see the
/// [module's documentation](super).
pub const VEIL_BITS: u32 = 53;

/// The most cells across a frame that [`Style::Pixelate`] allows. More than 4 show too much already.
pub const MOST_MOSAIC_CELLS: u8 = 8;

/// No mosaic has more cells in one direction; those of a very long frame become longer instead.
const MOST_CELLS_ALONG: f64 = 64.0;

/// How regions are hidden.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Style {
    /// Few noisy cells of coarse levels, enlarged smoothly: looks like a blur, yet what can remain is
    /// bounded.
    #[default]
    Veil,
    /// A mosaic with hard edges and without noise.
    Pixelate {
        /// Cells along the frame's shorter side, `1..=`[`MOST_MOSAIC_CELLS`]. With more than 4, faces
        /// begin to show: of 254 faces covered without a gap, on frames of 1.3 times the face, the
        /// project's measure calls 2 % leaked with 4 cells, 9 % with 6 and 49 % with 8, none with a veil.
        cells: u8,
    },
    /// A Gaussian blur of the region's surroundings, edges repeated. Cosmetic only: networks trained on
    /// blurred faces recognise people in them.
    Blur {
        /// Strength.
        sigma: RelativeSigma,
    },
    /// One colour.
    Solid {
        /// Red, green, blue; converted to the picture's colour model.
        rgb: [u8; 3],
    },
    /// A picture scaled to the frame; a veil shows where it is transparent.
    Image {
        /// The picture.
        overlay: Overlay,
    },
}

impl Style {
    /// # Errors
    /// [`RedactError::Cells`] for a mosaic out of range.
    pub(super) fn check(&self) -> Result<(), RedactError> {
        match self {
            Self::Pixelate { cells } if !(1..=MOST_MOSAIC_CELLS).contains(cells) => {
                Err(RedactError::Cells { cells: *cells, max: MOST_MOSAIC_CELLS })
            }
            _ => Ok(()),
        }
    }
}

/// Gaussian sigma as a share of the frame's shorter side: one setting hides small and large faces alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RelativeSigma(f32);

impl RelativeSigma {
    /// # Errors
    /// [`RedactError::Strength`] unless `share` is in `0.125..=1.0`.
    pub fn new(share: f32) -> Result<Self, RedactError> {
        if (0.125..=1.0).contains(&share) { Ok(Self(share)) } else { Err(RedactError::Strength { share }) }
    }

    /// Share of the frame's shorter side, `0.125..=1.0`.
    pub fn share(self) -> f32 {
        self.0
    }
}

/// The colours of a frame as `style` shows them, and how the space between them is filled. The colours are of
/// the model `color`, to which `view` belongs.
pub(super) fn reduce<T: Sample>(
    view: &View<T>,
    (width, height): (u32, u32),
    color: Color,
    frame: &RectF,
    window: Rect,
    style: &Style,
    noise: &mut dyn Noise,
) -> Result<(Grid, Enlarge), RedactError> {
    // A frame without pixels in the picture gets its colours from the region's surroundings.
    let source = frame.pixels(width, height).unwrap_or(window);
    let mut enlarge = Enlarge::Smooth;
    let mut grid = match style {
        Style::Veil | Style::Image { .. } => {
            let mut grid = Grid::means(view, source, veil::axes(frame), FEWEST_PIXELS);
            veil::coarsen(&mut grid, color, noise)?;
            grid
        }
        Style::Pixelate { cells } => {
            enlarge = Enlarge::Flat;
            Grid::means(view, source, mosaic(frame, *cells), FEWEST_PIXELS)
        }
        Style::Blur { sigma } => {
            blur::grid(view, window, f64::from(sigma.share()) * f64::from(frame.short_side()))
        }
        Style::Solid { rgb } => Grid::uniform(from_rgb(color, shares(*rgb))),
    };
    if color.has_alpha() {
        grid.cells.iter_mut().for_each(|cell| cell[color.channels() - 1] = 1.0);
    }
    Ok((grid, enlarge))
}

/// What a region is painted with: made from the original once, then blind to it.
pub(super) struct Paint {
    brush: Brush,
    sticker: Option<Sticker>,
    color: Color,
}

impl Paint {
    /// For the columns of `window`, which the region can change.
    pub(super) fn new<T: Sample>(
        view: &View<T>,
        size: (u32, u32),
        color: Color,
        frame: &RectF,
        window: Rect,
        style: &Style,
        noise: &mut dyn Noise,
    ) -> Result<Self, RedactError> {
        let (grid, enlarge) = reduce(view, size, color, frame, window, style, noise)?;
        let overlay = match style {
            Style::Image { overlay } => Some(overlay),
            _ => None,
        };
        Ok(Self::of(grid, enlarge, overlay, color, frame, window))
    }

    /// From colours of the model `color` that are there already.
    pub(super) fn of(
        grid: Grid,
        enlarge: Enlarge,
        overlay: Option<&Overlay>,
        color: Color,
        frame: &RectF,
        window: Rect,
    ) -> Self {
        let sticker = overlay.map(|overlay| Sticker::new(overlay, *frame));
        Self { brush: Brush::new(grid, enlarge, window.left, window.right), sticker, color }
    }

    /// Paints the columns `columns` (counted from the window's left) of row `y` into `line`, which holds
    /// the window's whole row.
    pub(super) fn draw<T: Sample>(&mut self, y: i32, columns: &Range<usize>, line: &mut [T]) {
        self.brush.draw(y, columns, self.color.channels(), line);
        if let Some(sticker) = &self.sticker {
            sticker.draw((self.brush.left(), y), columns, self.color, line);
        }
    }
}

/// Nearly square cells, `cells` along the frame's shorter side or fewer if they would be too short.
fn mosaic(frame: &RectF, cells: u8) -> (Axis, Axis) {
    let length = (f64::from(frame.short_side()) / f64::from(cells)).max(SHORTEST_CELL);
    let axis = |from: f32, to: f32| {
        let count = (f64::from(to) - f64::from(from)) / length;
        Axis::coarse(from, to, libm::round(count).min(MOST_CELLS_ALONG) as usize)
    };
    (axis(frame.left, frame.right), axis(frame.top, frame.bottom))
}
