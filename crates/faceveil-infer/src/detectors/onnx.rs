//! Any network of a known family, from an ONNX file, on a general engine.

use std::fmt;

use faceveil_core::face::{Detector, Face};
use faceveil_core::letterbox::Letterbox;
use faceveil_core::raster::RgbView;
use faceveil_resize::Depth;

use super::{DetectError, MAX_VIEW_PIXELS};
use crate::engine::sizes::{Sizes, shown};
use crate::engine::{self, Engine, EngineChoice, EngineError};
use crate::heads::{Head, HeadError, ModelKind, Preparation};
use crate::onnx::{Graph, without_shapes};
use crate::view::{map_face, resize};

/// A model's file may be this long, bytes.
pub const MAX_MODEL_BYTES: u64 = 256 << 20;
/// Sides of a network's input are at most this, pixels.
pub const MAX_INPUT_SIDE: u32 = 4096;
/// Networks of free size get sides that are multiples of this.
const MULTIPLE: usize = 32;

/// What a model's file cannot say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelOptions {
    /// The family that the network belongs to.
    pub kind: ModelKind,
    /// Width and height of the input, pixels; `None` takes those of the file, or if the file leaves them free, the
    /// picture's own.
    pub size: Option<(u32, u32)>,
    /// What runs it.
    pub engine: EngineChoice,
}

/// Why a model's file cannot be used, or stopped working.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// Longer than any face detector.
    #[error("the file is {bytes} bytes, at most {MAX_MODEL_BYTES} are read")]
    TooLarge {
        /// Its length.
        bytes: u64,
    },
    /// The engine refuses it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Its outputs are others than the family's.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// Its input is no picture.
    #[error("the input {name} has the shape {got}, must be {want}")]
    Input {
        /// Its name.
        name: String,
        /// The declared shape.
        got: String,
        /// What is needed.
        want: &'static str,
    },
    /// A size was asked for that the file does not have.
    #[error("the model's input is {width}×{height} pixels and of no other size")]
    OtherSize {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
    },
    /// A size out of range.
    #[error("an input of {width}×{height} pixels: sides must be 32 to {MAX_INPUT_SIDE}")]
    Size {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
}

impl From<crate::onnx::OnnxError> for ModelError {
    fn from(error: crate::onnx::OnnxError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<engine::sizes::SizeError> for ModelError {
    fn from(error: engine::sizes::SizeError) -> Self {
        Self::Engine(error.into())
    }
}

/// A detector made of a file.
pub struct OnnxDetector {
    name: String,
    kind: ModelKind,
    preparation: Preparation,
    /// Width and height of the input; `None` is the picture's own, padded.
    fixed: Option<(usize, usize)>,
    sizes: Sizes,
    engine: Box<dyn Engine>,
    /// The reader for the last size.
    bound: ((usize, usize), Head),
    input: Vec<f32>,
}

impl OnnxDetector {
    /// Reads `model`, an ONNX file; `name` is for errors. The file is not trusted: everything that can be known without
    /// running it is checked here, the outputs' shapes and the need of memory and time among it.
    ///
    /// # Errors
    /// [`DetectError::Onnx`] says what does not fit.
    pub fn new(name: &str, model: &[u8], options: &ModelOptions) -> Result<Self, DetectError> {
        Self::load(name, model, options)
            .map_err(|problem| DetectError::Onnx { model: name.to_owned(), problem: Box::new(problem) })
    }

    fn load(name: &str, model: &[u8], options: &ModelOptions) -> Result<Self, ModelError> {
        if model.len() as u64 > MAX_MODEL_BYTES {
            return Err(ModelError::TooLarge { bytes: model.len() as u64 });
        }
        let kind = options.kind;
        let sizes = Sizes::new(Graph::parse(model)?)?;
        let mut preparation = kind.preparation();
        let declared = declared(&sizes, &mut preparation)?;
        // CenterFace's file declares the size that it happened to be exported with.
        let free = kind == ModelKind::CenterFace || declared.is_none();
        let fixed = match (options.size, declared) {
            (None, _) if free => None,
            (None, size) => size,
            (Some((width, height)), size) => {
                let range = MULTIPLE as u32..=MAX_INPUT_SIDE;
                if !range.contains(&width) || !range.contains(&height) {
                    return Err(ModelError::Size { width, height });
                }
                let asked = (width as usize, height as usize);
                if let Some((width, height)) = size.filter(|&s| !free && s != asked) {
                    return Err(ModelError::OtherSize { width, height });
                }
                Some(asked)
            }
        };
        let first = fixed.unwrap_or((10 * MULTIPLE, 10 * MULTIPLE));
        let head = bind(kind, &sizes, &preparation, first)?;
        let engine = match free {
            true => engine::load(&options.engine, &without_shapes(model)?, sizes.input()),
            false => engine::load(&options.engine, model, sizes.input()),
        }?;
        Ok(Self {
            name: name.to_owned(),
            kind,
            preparation,
            fixed,
            sizes,
            engine,
            bound: (first, head),
            input: Vec::new(),
        })
    }

    /// The fixed size of the input, if it has one: width, height.
    pub fn fixed_size(&self) -> Option<(usize, usize)> {
        self.fixed
    }

    fn search(&mut self, view: RgbView<'_>, min_score: f32) -> Result<Vec<Face>, DetectError> {
        let (width, height) = (view.width(), view.height());
        if u64::from(width) * u64::from(height) > MAX_VIEW_PIXELS {
            return Err(DetectError::TooLarge { width, height });
        }
        let padded = |n: u32| (n as usize).div_ceil(MULTIPLE) * MULTIPLE;
        let size = self.fixed.unwrap_or((padded(width), padded(height)));
        let failed =
            |name: &str, problem| DetectError::Onnx { model: name.to_owned(), problem: Box::new(problem) };
        if self.bound.0 != size {
            let head = bind(self.kind, &self.sizes, &self.preparation, size);
            self.bound = (size, head.map_err(|e| failed(&self.name, e))?);
        }
        let frame = if self.fixed.is_some() { (size.0 as u32, size.1 as u32) } else { (width, height) };
        let fitted = Letterbox::fit((width, height), frame);
        let scaled = Self::scaled(view, &fitted)?;
        let pixels = scaled.as_deref().unwrap_or(view.pixels());
        self.preparation.fill(pixels, fitted.width as usize, size, &mut self.input);
        let shape = shape(&self.preparation, size);
        let outputs = self.engine.run(shape, &self.input).map_err(|e| failed(&self.name, e.into()))?;
        let faces = self.bound.1.faces(&outputs, min_score).map_err(|e| failed(&self.name, e.into()))?;
        Ok(faces.iter().map(|face| map_face(face, |p| fitted.original(p))).collect())
    }

    /// The picture at the size that it has in the network's input, unless it has that already.
    fn scaled(view: RgbView<'_>, fitted: &Letterbox) -> Result<Option<Vec<u8>>, DetectError> {
        let (width, height) = (view.width(), view.height());
        if (fitted.width, fitted.height) == (width, height) {
            return Ok(None);
        }
        resize(view.pixels(), (width, height), 3, Depth::Eight, (fitted.width, fitted.height)).map(Some)
    }
}

/// Width and height that the file declares, if any; finds out whether its channels come last.
fn declared(sizes: &Sizes, preparation: &mut Preparation) -> Result<Option<(usize, usize)>, ModelError> {
    let Some(shape) = sizes.declared_input() else { return Ok(None) };
    let unfit = |want| {
        let side = |s: &Option<usize>| s.map_or("?".to_owned(), |n| n.to_string());
        let got = shape.iter().map(side).collect::<Vec<_>>().join("×");
        ModelError::Input { name: sizes.input().to_owned(), got, want }
    };
    let &[_, a, b, c] = shape else {
        return Err(unfit("1×3×height×width or 1×height×width×3"));
    };
    let (height, width) = match (a, c) {
        (Some(3), _) => (b, c),
        (_, Some(3)) => (a, b),
        (None, _) if !preparation.channels_last => (b, c),
        (_, None) if preparation.channels_last => (a, b),
        _ => return Err(unfit("1×3×height×width or 1×height×width×3")),
    };
    preparation.channels_last = match (a, c) {
        (Some(3), _) => false,
        (_, Some(3)) => true,
        _ => preparation.channels_last,
    };
    match width.zip(height) {
        Some((width, height)) if width.max(height) > MAX_INPUT_SIDE as usize => {
            Err(unfit("of sides of at most 4096 pixels"))
        }
        size => Ok(size),
    }
}

fn bind(
    kind: ModelKind,
    sizes: &Sizes,
    preparation: &Preparation,
    (width, height): (usize, usize),
) -> Result<Head, ModelError> {
    let outputs = sizes.outputs(&shape(preparation, (width, height)))?;
    Ok(Head::bind(kind, &outputs, width, height)?)
}

fn shape(preparation: &Preparation, (width, height): (usize, usize)) -> [usize; 4] {
    if preparation.channels_last { [1, height, width, 3] } else { [1, 3, height, width] }
}

impl Preparation {
    /// Writes rows of 8-bit RGB, `row` pixels each, as the network's input of `size`, the picture at the top left.
    fn fill(&self, pixels: &[u8], row: usize, (width, height): (usize, usize), to: &mut Vec<f32>) {
        let plane = width * height;
        let float = |channel: usize, sample: u8| (f32::from(sample) - self.mean[channel]) * self.scale;
        to.clear();
        to.resize(3 * plane, 0.0);
        let place = |channel: usize, at: usize| {
            if self.channels_last { at * 3 + channel } else { channel * plane + at }
        };
        for channel in 0..3 {
            let margin = float(channel, self.margin);
            (0..plane).for_each(|at| to[place(channel, at)] = margin);
        }
        for (y, line) in pixels.chunks_exact(row * 3).enumerate() {
            for (x, pixel) in line.as_chunks::<3>().0.iter().enumerate() {
                for (channel, &from) in self.order.iter().enumerate() {
                    to[place(channel, y * width + x)] = float(channel, pixel[from]);
                }
            }
        }
    }
}

impl Detector for OnnxDetector {
    type Error = DetectError;

    fn detect(&mut self, image: RgbView<'_>, min_score: f32) -> Result<Vec<Face>, DetectError> {
        self.search(image, min_score)
    }
}

impl fmt::Debug for OnnxDetector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = shown(&[self.bound.0.0, self.bound.0.1]);
        f.debug_struct("OnnxDetector")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("size", &size)
            .finish()
    }
}
