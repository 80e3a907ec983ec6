//! The gate: a small network that tells for each square of a picture whether a face is there. The picture is shrunk
//! into the network's frame, the mask thresholded and grown, and what it covers is hidden at full size. It always looks at
//! the whole picture, most networks once: faces under about a twentieth of its longer side are not seen.

mod int8;
mod looks;
mod run;
mod weights;

use faceveil_core::face::Face;
use faceveil_core::geom::RectF;
use faceveil_core::letterbox::Letterbox;
use faceveil_core::raster::{Raster, RgbView};
use faceveil_core::redact::{Region, Shape};
use faceveil_net::{Graph, Shape as Size};

use looks::{average, spread, values};
pub use run::run;
pub use weights::{GateError, GateWeights, Look};

use crate::detectors::DetectError;
use crate::search::is_transparent;
use crate::view::{Backdrop, RgbImage};

/// A gate network ready to look.
#[derive(Clone, Debug)]
pub struct Gate {
    network: Network,
    /// The same network in other frames, and whether they are mirrored, for further looks.
    further: Vec<(Graph, bool)>,
    point: Point,
}

/// The network, in the form that its file has.
#[derive(Clone, Debug)]
enum Network {
    /// In floats.
    Float(Graph, Vec<f32>),
    /// In 8-bit integers.
    Int8(int8::Int8Gate),
}

/// What is made of a mask.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Value from which a square is hidden.
    pub threshold: f32,
    /// Value that a connected part must reach somewhere.
    pub certain: f32,
    /// Places no farther than this from a hidden one are hidden too; in pixels of the network's frame.
    pub growth: f32,
}

/// What a network says of a picture: a value a pixel of its frame, row by row. The network gives a value a square of several
/// pixels; between the squares' centres values are interpolated, so that what is hidden ends where the face does and
/// not at the next square's side.
#[derive(Clone, Debug, PartialEq)]
pub struct Mask {
    /// Values in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `0.0..=1.0` each.
    pub values: Vec<f32>,
    /// What a value stands for, in pixels of the picture, across and down.
    pub square: (f32, f32),
    /// The picture's size, pixels.
    pub size: (u32, u32),
}

impl Gate {
    /// From a file, in floats (`FVNW`) or in 8-bit integers (`FVN8`).
    ///
    /// # Errors
    /// [`GateError`] if it is not a gate network.
    pub fn new(bytes: &[u8]) -> Result<Self, GateError> {
        if !bytes.starts_with(&faceveil_int8::format::MAGIC) {
            return Self::from_weights(GateWeights::parse(bytes)?);
        }
        let (network, point) = int8::Int8Gate::new(bytes)?;
        Ok(Self { network: Network::Int8(network), further: Vec::new(), point })
    }

    /// From weights.
    ///
    /// # Errors
    /// [`GateError`] if the architecture cannot be built, or the number of weights is not its own.
    pub fn from_weights(weights: GateWeights) -> Result<Self, GateError> {
        let graph = weights.graph()?;
        if faceveil_net::plan(&graph).parameters != weights.values.len() {
            return Err(GateError::Number {
                what: "the number of weights",
                got: weights.values.len() as f64,
            });
        }
        let graphs = weights.further_graphs()?;
        let further = graphs.into_iter().zip(weights.further.iter().map(|look| look.mirrored)).collect();
        let GateWeights { threshold, certain, growth, values, .. } = weights;
        let point = Point { threshold, certain, growth };
        Ok(Self { network: Network::Float(graph, values), further, point })
    }

    /// What is made of a mask if nobody chooses otherwise.
    pub fn point(&self) -> Point {
        self.point
    }

    /// Shapes of the input and the mask.
    fn shapes(&self) -> (Size, Size) {
        match &self.network {
            Network::Float(graph, _) => (graph.input_shape(), graph.output_shape()),
            Network::Int8(network) => network.shapes(),
        }
    }

    /// Looks at a picture. One with transparent parts is looked at on white as well, and the higher value counts.
    ///
    /// # Errors
    /// [`DetectError`] if it cannot be shrunk: it must not be published.
    pub fn mask(&self, raster: &Raster) -> Result<Mask, DetectError> {
        let mut mask = self.mask_on(raster, Backdrop::None)?;
        if is_transparent(raster) {
            let other = self.mask_on(raster, Backdrop::White)?;
            for (value, other) in mask.values.iter_mut().zip(other.values) {
                *value = value.max(other);
            }
        }
        Ok(mask)
    }

    fn mask_on(&self, raster: &Raster, backdrop: Backdrop) -> Result<Mask, DetectError> {
        let (shape, _) = self.shapes();
        let size = (raster.width(), raster.height());
        let mut mask = self.look(fitted(raster, shape, backdrop)?.view(), size);
        let Network::Float(_, weights) = &self.network else { return Ok(mask) };
        let mut looks = Vec::new();
        for (graph, mirrored) in &self.further {
            let shrunk = fitted(raster, graph.input_shape(), backdrop)?;
            looks.push(values(graph, weights, shrunk.view(), *mirrored, (mask.width, mask.height)));
        }
        average(&mut mask.values, &looks);
        Ok(mask)
    }

    /// The picture as a network with an input of `shape` sees it, in the upper left corner of its frame.
    ///
    /// # Errors
    /// [`DetectError`] if it cannot be shrunk.
    pub fn shrunk(raster: &Raster, shape: Size) -> Result<RgbImage, DetectError> {
        fitted(raster, shape, Backdrop::None)
    }

    /// Looks once at a picture that has been shrunk into the frame already; `size` is that of the original.
    ///
    /// # Panics
    /// If `view` is larger than the frame.
    pub fn look(&self, view: RgbView<'_>, size: (u32, u32)) -> Mask {
        let (width, height) = (view.width() as usize, view.height() as usize);
        let values = match &self.network {
            Network::Float(graph, weights) => values(graph, weights, view, false, (width, height)),
            Network::Int8(network) => {
                spread(&network.run(view), self.shapes(), (width, height), false, (width, height))
            }
        };
        let square = (size.0 as f32 / width as f32, size.1 as f32 / height as f32);
        Mask { width, height, values, square, size }
    }

    /// What is to be hidden in `raster`: a face for each connected part of the mask, whose `also` are the rectangles
    /// that the part is made of; most certain first. `certain` in the place of the network's own.
    ///
    /// # Errors
    /// As [`Self::mask`].
    pub fn faces(&self, raster: &Raster, certain: Option<f32>) -> Result<Vec<Face>, DetectError> {
        let point = self.point();
        let certain = certain.unwrap_or(point.certain);
        Ok(self.mask(raster)?.faces(&Point { certain, threshold: point.threshold.min(certain), ..point }))
    }
}

fn fitted(raster: &Raster, shape: Size, backdrop: Backdrop) -> Result<RgbImage, DetectError> {
    let fitted = Letterbox::fit((raster.width(), raster.height()), (shape.width as u32, shape.height as u32));
    RgbImage::shrunk(raster, fitted.width, fitted.height, backdrop)
}

impl Mask {
    /// Connected parts of at least [`Point::threshold`] that reach [`Point::certain`] somewhere, and squares near them.
    pub fn hidden(&self, point: &Point) -> Vec<bool> {
        let mut open: Vec<bool> = self.values.iter().map(|v| *v >= point.threshold).collect();
        let mut hidden = vec![false; open.len()];
        while let Some(part) = self.next_part(&mut open) {
            if part.iter().any(|&i| self.values[i] >= point.certain) {
                self.cover(&part, point.growth, &mut hidden);
            }
        }
        hidden
    }

    /// Marks the squares within `growth` of the part's.
    fn cover(&self, part: &[usize], growth: f32, hidden: &mut [bool]) {
        let reach = growth.floor() as isize;
        for i in part {
            let (x, y) = ((i % self.width) as isize, (i / self.width) as isize);
            for dy in -reach..=reach {
                for dx in -reach..=reach {
                    let (u, v) = (x + dx, y + dy);
                    let inside = u >= 0 && v >= 0 && (u as usize) < self.width && (v as usize) < self.height;
                    if inside && (dx * dx + dy * dy) as f32 <= growth * growth {
                        hidden[v as usize * self.width + u as usize] = true;
                    }
                }
            }
        }
    }

    /// The squares that are set and connected, by side or corner, to the first one that is; they are no longer set.
    fn next_part(&self, open: &mut [bool]) -> Option<Vec<usize>> {
        let start = open.iter().position(|h| *h)?;
        open[start] = false;
        let mut part = vec![start];
        let mut done = 0;
        while let Some(&i) = part.get(done) {
            done += 1;
            let (x, y) = (i % self.width, i / self.width);
            for v in y.saturating_sub(1)..(y + 2).min(self.height) {
                for u in x.saturating_sub(1)..(x + 2).min(self.width) {
                    let next = v * self.width + u;
                    if std::mem::take(&mut open[next]) {
                        part.push(next);
                    }
                }
            }
        }
        Some(part)
    }

    /// A face for each connected part of [`Self::hidden`]; see [`Gate::faces`].
    pub fn faces(&self, point: &Point) -> Vec<Face> {
        let mut open = self.hidden(point);
        let mut faces = Vec::new();
        while let Some(part) = self.next_part(&mut open) {
            faces.push(self.face(part));
        }
        faces.sort_by(|a, b| b.score.total_cmp(&a.score));
        faces
    }

    fn face(&self, mut part: Vec<usize>) -> Face {
        part.sort_unstable();
        let score = part.iter().map(|&i| self.values[i]).fold(0.0, f32::max);
        let mut also: Vec<RectF> = Vec::new();
        let mut at = 0;
        while at < part.len() {
            let start = part[at];
            let mut len = 1;
            // A run ends with its row, too.
            while at + len < part.len()
                && part[at + len] == start + len
                && !(start + len).is_multiple_of(self.width)
            {
                len += 1;
            }
            also.push(self.rect(start % self.width, start / self.width, len));
            at += len;
        }
        let rect = also.iter().copied().reduce(|a, b| a.union(&b)).expect("a part has a square");
        Face { rect, score, landmarks: None, also }
    }

    /// `len` squares of a row, in pixels of the picture; the last ones end with it.
    fn rect(&self, x: usize, y: usize, len: usize) -> RectF {
        let (w, h) = self.square;
        let end =
            |i: usize, all: usize, step: f32, side: u32| if i == all { side as f32 } else { i as f32 * step };
        RectF {
            left: x as f32 * w,
            top: y as f32 * h,
            right: end(x + len, self.width, w, self.size.0),
            bottom: end(y + 1, self.height, h, self.size.1),
        }
    }
}

/// The region that hides a face of [`Gate::faces`]: the mask's squares themselves, with a soft edge of `feather` times
/// the part's shorter side.
pub fn region(face: &Face, feather: f32) -> Region {
    let shapes = face.also.iter().map(|r| Shape::Box(*r)).collect();
    Region { shapes, frame: face.rect, feather: feather * face.rect.short_side() }
}

#[cfg(test)]
mod tests;
