//! A veil that is drawn once and painted in many frames.

use alloc::vec::Vec;
use core::ops::Range;

use super::grid::{Axis, Brush, Enlarge, Grid, View};
use super::mask::Mask;
use super::noise::Noise;
use super::overlay::{Overlay, Sticker};
use super::sample::{Pixel, Sample, from_rgb, to_rgb};
use super::style::{Paint, reduce};
use super::yuv::{Plane, YuvFrame, YuvLayout, YuvPlanes};
use super::{RedactError, Region, Shape, Style, apply, cover};
use crate::geom::{Ellipse, Point, Rect, RectF};
use crate::raster::{Color, Raster, Samples, SamplesMut};

/// What hides one face through a whole track: the colours and the noise of one frame, laid into the region
/// of every other. The frames of a track together tell no more about a face than the one frame does
/// that the veil was drawn from: nothing of the others is looked at.
#[derive(Clone, Debug)]
pub struct FrozenVeil {
    /// RGB shares, row by row.
    cells: Vec<Pixel>,
    columns: Share,
    rows: Share,
    enlarge: Enlarge,
    overlay: Option<Overlay>,
}

/// An axis of a grid in shares of a frame's side.
#[derive(Clone, Copy, Debug)]
struct Share {
    start: f64,
    end: f64,
    count: usize,
}

impl Share {
    const WHOLE: Self = Self { start: 0.0, end: 1.0, count: 1 };

    fn of(axis: Axis, from: f32, to: f32) -> Self {
        let (from, side) = (f64::from(from), (f64::from(to) - f64::from(from)).max(1e-3));
        let start = (axis.start - from) / side;
        Self { start, end: start + axis.length * axis.count as f64 / side, count: axis.count }
    }

    /// On a frame's side, in units of `unit` pixels.
    fn on(&self, from: f32, to: f32, unit: f64) -> Axis {
        let (from, side) = (f64::from(from), (f64::from(to) - f64::from(from)).max(1e-3));
        Axis::new((from + self.start * side) / unit, (from + self.end * side) / unit, self.count)
    }
}

impl FrozenVeil {
    /// Draws the veil of `region` as `raster` shows it; `raster` is not changed.
    ///
    /// # Errors
    /// [`RedactError`] if the region or the style cannot be used, or `noise` fails.
    pub fn draw(
        raster: &Raster,
        region: &Region,
        style: &Style,
        noise: &mut dyn Noise,
    ) -> Result<Self, RedactError> {
        style.check()?;
        region.check(0)?;
        let (size, color) = ((raster.width(), raster.height()), raster.color());
        let (grid, enlarge) = match raster.samples() {
            Samples::U8(samples) => colours(samples, size, color, region, style, noise)?,
            Samples::U16(samples) => colours(samples, size, color, region, style, noise)?,
        };
        Ok(Self::new(&grid, color, enlarge, &region.frame, style))
    }

    /// As [`Self::draw`], from a frame of a video.
    ///
    /// # Errors
    /// As [`Self::draw`].
    pub fn draw_yuv(
        frame: &YuvFrame<'_>,
        region: &Region,
        style: &Style,
        noise: &mut dyn Noise,
    ) -> Result<Self, RedactError> {
        style.check()?;
        region.check(0)?;
        let part = surroundings(region, frame.layout().width, frame.layout().height);
        let region = moved(region, -(part.left as f32), -(part.top as f32));
        let size = ((part.right - part.left) as u32, (part.bottom - part.top) as u32);
        let (grid, enlarge) = match frame.rgb(part) {
            Samples::U8(samples) => colours(&samples, size, Color::Rgb, &region, style, noise)?,
            Samples::U16(samples) => colours(&samples, size, Color::Rgb, &region, style, noise)?,
        };
        Ok(Self::new(&grid, Color::Rgb, enlarge, &region.frame, style))
    }

    /// Paints the veil in `region`, whose frame it fills, with the opacity of [`super::redact`]. Opacity
    /// samples become opaque.
    ///
    /// # Errors
    /// [`RedactError::Region`] if the region cannot be used.
    pub fn paint(&self, raster: &mut Raster, region: &Region) -> Result<(), RedactError> {
        region.check(0)?;
        let (width, height, color) = (raster.width(), raster.height(), raster.color());
        let Some(mask) = Mask::new(region, width, height) else { return Ok(()) };
        let cells =
            self.cells.iter().map(|&[red, green, blue, _]| from_rgb(color, [red, green, blue])).collect();
        let grid = self.grid(cells, &region.frame, [1.0; 2]);
        let paint = Paint::of(grid, self.enlarge, self.overlay.as_ref(), color, &region.frame, mask.window);
        match raster.samples_mut() {
            SamplesMut::U8(samples) => apply(samples, width as usize, color, mask, paint),
            SamplesMut::U16(samples) => apply(samples, width as usize, color, mask, paint),
        }
        Ok(())
    }

    /// As [`Self::paint`], in a frame of a video. A chroma sample is as opaque as the most opaque of the
    /// pixels that it colours.
    ///
    /// # Errors
    /// [`RedactError::Region`] if the region cannot be used.
    pub fn paint_yuv(&self, frame: &mut YuvFrame<'_>, region: &Region) -> Result<(), RedactError> {
        region.check(0)?;
        let layout = *frame.layout();
        let Some(mask) = Mask::new(region, layout.width, layout.height) else { return Ok(()) };
        match frame.planes_mut() {
            YuvPlanes::U8(luma, chroma) => self.paint_planes(luma, chroma.as_mut(), &layout, region, mask),
            YuvPlanes::U16(luma, chroma) => self.paint_planes(luma, chroma.as_mut(), &layout, region, mask),
        }
        Ok(())
    }

    /// `unit` is the width and height of a sample in pixels.
    fn grid(&self, cells: Vec<Pixel>, frame: &RectF, unit: [f64; 2]) -> Grid {
        let columns = self.columns.on(frame.left, frame.right, unit[0]);
        let rows = self.rows.on(frame.top, frame.bottom, unit[1]);
        Grid { columns, rows, cells }
    }

    fn paint_planes<T: Sample>(
        &self,
        luma: &mut Plane<T>,
        chroma: Option<&mut [Plane<T>; 2]>,
        layout: &YuvLayout,
        region: &Region,
        mut mask: Mask,
    ) {
        let window = mask.window;
        let sticker = self.overlay.as_ref().map(|overlay| Sticker::new(overlay, region.frame));
        let mut painter = Painter::new(self, sticker.as_ref(), layout, &region.frame, window, 0);
        let mut tint = chroma.map(|planes| Tint::new(self, sticker.as_ref(), layout, region, window, planes));
        for y in window.top..window.bottom {
            mask.seek(y);
            let touched = mask.touched();
            if !touched.is_empty() {
                let line = painter.draw(y, &touched);
                let start = y as usize * luma.stride;
                let row = start + window.left as usize..start + window.right as usize;
                cover(&mut luma.samples[row], line, &mask, 1);
            }
            if let Some(tint) = &mut tint {
                tint.add(y, &mask);
            }
        }
    }

    fn new(grid: &Grid, color: Color, enlarge: Enlarge, frame: &RectF, style: &Style) -> Self {
        let rgb = |cell: &Pixel| {
            let [red, green, blue] = to_rgb(color, *cell);
            [red, green, blue, 0.0]
        };
        let cells = grid.cells.iter().map(rgb).collect();
        let overlay = match style {
            Style::Image { overlay } => Some(overlay.clone()),
            _ => None,
        };
        let (columns, rows) = match style {
            // Its one cell has no place.
            Style::Solid { .. } => (Share::WHOLE, Share::WHOLE),
            _ => (
                Share::of(grid.columns, frame.left, frame.right),
                Share::of(grid.rows, frame.top, frame.bottom),
            ),
        };
        Self { cells, columns, rows, enlarge, overlay }
    }
}

/// Paints one plane.
struct Painter<'a, T> {
    brush: Brush,
    sticker: Option<&'a Sticker>,
    layout: &'a YuvLayout,
    channel: usize,
    /// Width and height of a sample in pixels.
    unit: [f32; 2],
    left: i32,
    line: Vec<T>,
}

impl<'a, T: Sample> Painter<'a, T> {
    /// `channel` 0 is luma; `window` is in samples of the plane.
    fn new(
        veil: &FrozenVeil,
        sticker: Option<&'a Sticker>,
        layout: &'a YuvLayout,
        frame: &RectF,
        window: Rect,
        channel: usize,
    ) -> Self {
        let shift = if channel == 0 { [0, 0] } else { [layout.shift_x, layout.shift_y] };
        let unit = shift.map(|shift| f32::from(1u8 << shift));
        let code = |&[red, green, blue, _]: &Pixel| {
            [layout.codes([red, green, blue])[channel] / T::FULL, 0.0, 0.0, 0.0]
        };
        let grid = veil.grid(veil.cells.iter().map(code).collect(), frame, unit.map(f64::from));
        let line = alloc::vec![T::default(); (window.right - window.left) as usize];
        let brush = Brush::new(grid, veil.enlarge, window.left, window.right);
        Self { brush, sticker, layout, channel, unit, left: window.left, line }
    }

    /// The plane's row `y` within the window; valid in `columns`, counted from the window's left.
    fn draw(&mut self, y: i32, columns: &Range<usize>) -> &[T] {
        self.brush.draw(y, columns, 1, &mut self.line);
        if let Some(sticker) = self.sticker {
            let [wide, high] = self.unit;
            let left = self.left;
            let point =
                |column: usize| (((left + column as i32) as f32 + 0.5) * wide, (y as f32 + 0.5) * high);
            let code = |rgb| self.layout.codes(rgb)[self.channel];
            sticker.draw_channel(columns, point, code, &mut self.line);
        }
        &self.line
    }
}

/// Paints both chroma planes, a row when the last of its pixels' rows has been seen.
struct Tint<'a, 'p, T> {
    planes: &'a mut [Plane<'p, T>; 2],
    painters: [Painter<'a, T>; 2],
    layout: &'a YuvLayout,
    /// In pixels.
    pixels: Rect,
    /// In chroma samples.
    window: Rect,
    opacity: Vec<f32>,
    touched: Range<usize>,
}

impl<'a, 'p, T: Sample> Tint<'a, 'p, T> {
    fn new(
        veil: &FrozenVeil,
        sticker: Option<&'a Sticker>,
        layout: &'a YuvLayout,
        region: &Region,
        pixels: Rect,
        planes: &'a mut [Plane<'p, T>; 2],
    ) -> Self {
        let up = |v: i32, shift: u8| (v + (1 << shift) - 1) >> shift;
        let window = Rect {
            left: pixels.left >> layout.shift_x,
            top: pixels.top >> layout.shift_y,
            right: up(pixels.right, layout.shift_x),
            bottom: up(pixels.bottom, layout.shift_y),
        };
        let painters =
            [1, 2].map(|channel| Painter::new(veil, sticker, layout, &region.frame, window, channel));
        let opacity = alloc::vec![0.0; (window.right - window.left) as usize];
        Self { planes, painters, layout, pixels, window, opacity, touched: 0..0 }
    }

    /// Takes the opacities of the pixels' row `y`.
    fn add(&mut self, y: i32, mask: &Mask) {
        let shift = self.layout.shift_x;
        let place =
            |column: usize| ((self.pixels.left as usize + column) >> shift) - self.window.left as usize;
        let touched = mask.touched();
        if !touched.is_empty() {
            let reach = place(touched.start)..place(touched.end - 1) + 1;
            self.touched = match self.touched.is_empty() {
                true => reach,
                false => self.touched.start.min(reach.start)..self.touched.end.max(reach.end),
            };
            let mut next = touched.start;
            for run in mask.core().iter().cloned().chain(core::iter::once(touched.end..touched.end)) {
                for column in next..run.start {
                    let opacity = &mut self.opacity[place(column)];
                    *opacity = opacity.max(mask.opacity(column));
                }
                if !run.is_empty() {
                    self.opacity[place(run.start)..=place(run.end - 1)].fill(1.0);
                }
                next = run.end;
            }
        }
        let next_row = (y + 1) >> self.layout.shift_y;
        if next_row != y >> self.layout.shift_y || y + 1 == self.pixels.bottom {
            self.flush(y >> self.layout.shift_y);
        }
    }

    fn flush(&mut self, row: i32) {
        let touched = core::mem::take(&mut self.touched);
        for (plane, painter) in self.planes.iter_mut().zip(&mut self.painters) {
            let line = painter.draw(row, &touched);
            let start = row as usize * plane.stride + self.window.left as usize;
            for column in touched.clone() {
                let sample = &mut plane.samples[start + column];
                *sample = T::mix(*sample, line[column], self.opacity[column]);
            }
        }
        self.opacity[touched].fill(0.0);
    }
}

/// The colours of a region's frame.
fn colours<T: Sample>(
    samples: &[T],
    size: (u32, u32),
    color: Color,
    region: &Region,
    style: &Style,
    noise: &mut dyn Noise,
) -> Result<(Grid, Enlarge), RedactError> {
    let view = View { samples, width: size.0 as usize, channels: color.channels() };
    let window = match Mask::new(region, size.0, size.1) {
        Some(mask) => mask.window,
        None => surroundings(region, size.0, size.1),
    };
    reduce(&view, size, color, &region.frame, window, style, noise)
}

/// The part of a picture of `width` × `height` that the veil of `region` is drawn from: the pixels that it can
/// change and its frame's; for a region outside the picture the pixel nearest to it.
fn surroundings(region: &Region, width: u32, height: u32) -> Rect {
    let window = Mask::new(region, width, height).map(|mask| mask.window);
    let frame = region.frame.pixels(width, height);
    match (window, frame) {
        (Some(a), Some(b)) => Rect {
            left: a.left.min(b.left),
            top: a.top.min(b.top),
            right: a.right.max(b.right),
            bottom: a.bottom.max(b.bottom),
        },
        (Some(rect), None) | (None, Some(rect)) => rect,
        (None, None) => {
            let middle = region.frame.centre();
            let left = (middle.x as i32).clamp(0, width as i32 - 1);
            let top = (middle.y as i32).clamp(0, height as i32 - 1);
            Rect { left, top, right: left + 1, bottom: top + 1 }
        }
    }
}

fn moved(region: &Region, x: f32, y: f32) -> Region {
    let rect =
        |r: &RectF| RectF { left: r.left + x, top: r.top + y, right: r.right + x, bottom: r.bottom + y };
    let shape = |shape: &Shape| match shape {
        Shape::Box(r) => Shape::Box(rect(r)),
        Shape::Ellipse(e) => {
            Shape::Ellipse(Ellipse { centre: Point { x: e.centre.x + x, y: e.centre.y + y }, ..*e })
        }
    };
    Region {
        shapes: region.shapes.iter().map(shape).collect(),
        frame: rect(&region.frame),
        feather: region.feather,
    }
}

#[cfg(test)]
#[path = "frozen_tests.rs"]
mod tests;
