//! How the outputs of each family of face detectors are read. A [`Head`] is bound to the outputs' shapes once; all
//! places are in pixels of the network's input. Outputs are told apart by their shapes rather than by their names,
//! which differ from export to export.

mod blazeface;
mod centerface;
mod grids;
mod priors;
mod yolo;

use std::fmt;

use faceveil_core::face::Face;
use faceveil_core::nms;

use crate::engine::Values;
use crate::engine::sizes::shown;

/// A family of face detectors: how pictures are prepared for it, and how its outputs are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelKind {
    /// YuNet (2023 and later): class, objectness, box and landmarks for strides 8, 16, 32.
    YuNet,
    /// SCRFD of InsightFace, with or without landmarks.
    Scrfd,
    /// RetinaFace of Pytorch_Retinaface: anchors of 16 to 512 pixels.
    RetinaFace,
    /// RetinaFace of Face-Detector-1MB-with-landmark: anchors of 10 to 256 pixels.
    RetinaFaceSmall,
    /// YOLOv5-face, YOLOv7-face, YOLOv8-face and later, with or without landmarks.
    YoloFace,
    /// Ultra-Light-Fast-Generic-Face-Detector (RFB and slim).
    UltraFace,
    /// MediaPipe's BlazeFace: short range, full range, back camera.
    BlazeFace,
    /// CenterFace.
    CenterFace,
}

impl ModelKind {
    /// All families.
    pub const ALL: [Self; 8] = [
        Self::YuNet,
        Self::Scrfd,
        Self::RetinaFace,
        Self::RetinaFaceSmall,
        Self::YoloFace,
        Self::UltraFace,
        Self::BlazeFace,
        Self::CenterFace,
    ];

    /// The family's name in options.
    pub const fn name(self) -> &'static str {
        match self {
            Self::YuNet => "yunet",
            Self::Scrfd => "scrfd",
            Self::RetinaFace => "retinaface",
            Self::RetinaFaceSmall => "retinaface-1mb",
            Self::YoloFace => "yolo-face",
            Self::UltraFace => "ultraface",
            Self::BlazeFace => "blazeface",
            Self::CenterFace => "centerface",
        }
    }

    /// The score from which a face is hidden if nobody names another: for the families inside the program about that
    /// of their own detectors, for the others a little below that of their own examples.
    pub const fn usual_threshold(self) -> f32 {
        match self {
            Self::YuNet | Self::CenterFace => 0.2,
            Self::Scrfd | Self::YoloFace => 0.3,
            Self::RetinaFace | Self::RetinaFaceSmall | Self::UltraFace | Self::BlazeFace => 0.4,
        }
    }

    /// How a picture is prepared.
    pub(crate) const fn preparation(self) -> Preparation {
        const RGB: [usize; 3] = [0, 1, 2];
        const BGR: [usize; 3] = [2, 1, 0];
        let plain = Preparation { order: RGB, mean: [0.0; 3], scale: 1.0, margin: 0, channels_last: false };
        match self {
            Self::YuNet => Preparation { order: BGR, ..plain },
            Self::CenterFace => plain,
            Self::Scrfd => Preparation { mean: [127.5; 3], scale: 1.0 / 128.0, ..plain },
            Self::RetinaFace | Self::RetinaFaceSmall => {
                Preparation { order: BGR, mean: [104.0, 117.0, 123.0], ..plain }
            }
            Self::YoloFace => Preparation { scale: 1.0 / 255.0, margin: 114, ..plain },
            Self::UltraFace => Preparation { mean: [127.0; 3], scale: 1.0 / 128.0, ..plain },
            Self::BlazeFace => {
                Preparation { mean: [127.5; 3], scale: 1.0 / 127.5, channels_last: true, ..plain }
            }
        }
    }

    /// Boxes that overlap more are one face; each the value of the family's own code.
    fn nms_iou(self) -> f32 {
        match self {
            Self::YuNet | Self::CenterFace | Self::UltraFace | Self::BlazeFace => 0.3,
            Self::Scrfd | Self::RetinaFace | Self::RetinaFaceSmall => 0.4,
            Self::YoloFace => 0.5,
        }
    }
}

impl fmt::Display for ModelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// From a pixel to three floats: `(sample - mean) * scale`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Preparation {
    /// Which sample of a pixel becomes which channel.
    pub order: [usize; 3],
    /// Mean of each channel, in the network's order.
    pub mean: [f32; 3],
    pub scale: f32,
    /// Grey of what is beside the picture.
    pub margin: u8,
    /// `[height, width, channel]` rather than `[channel, height, width]`.
    pub channels_last: bool,
}

/// Why a model's outputs cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeadError {
    /// Their shapes are others.
    #[error("a {kind} model with an input of {width}×{height} has {want}; the outputs of this one are {got}")]
    Outputs {
        /// The family.
        kind: ModelKind,
        /// Width of the input.
        width: usize,
        /// Height of the input.
        height: usize,
        /// What was looked for.
        want: String,
        /// Names and shapes of what there is.
        got: String,
    },
    /// The outputs were to have another shape.
    #[error("the model's outputs do not have the shapes that it declares: {0}")]
    Changed(String),
    /// No detector that works sees so many.
    #[error(
        "the model names more than {MAX_CANDIDATES} faces: it is no {0} model, or the threshold is too low"
    )]
    TooMany(ModelKind),
    /// Not a number.
    #[error("the model's scores are no numbers between 0 and 1: it is no {0} model")]
    Scores(ModelKind),
}

/// Candidates that are suppressed against each other at most; the time is their square.
const MAX_CANDIDATES: usize = 20_000;

/// Name and shape of an output.
pub type NamedShape = (String, Vec<usize>);

/// Reads the outputs of one network for one size of its input.
trait Decode: fmt::Debug + Send {
    /// The candidates that score at least `min_score`, not yet suppressed.
    fn candidates(&self, outputs: &[Values], min_score: f32) -> Candidates;
}

/// Faces in the making; stops collecting at [`MAX_CANDIDATES`].
#[derive(Debug, Default)]
struct Candidates {
    faces: Vec<Face>,
    too_many: bool,
    /// A score was not within `0.0..=1.0`.
    strange: bool,
}

impl Candidates {
    /// Whether a face of this score is wanted.
    fn wants(&mut self, score: f32, min_score: f32) -> bool {
        // Rounding may end a little above 1.
        self.strange |= !(0.0..=1.001).contains(&score);
        let wanted = score >= min_score && !self.strange;
        self.too_many |= wanted && self.faces.len() >= MAX_CANDIDATES;
        wanted && !self.too_many
    }
}

/// A family's reader, bound to the outputs of a network.
#[derive(Debug)]
pub struct Head {
    kind: ModelKind,
    shapes: Vec<NamedShape>,
    decoder: Box<dyn Decode>,
}

impl Head {
    /// Finds the outputs that the family needs among those of a network whose input is `width` × `height` pixels.
    ///
    /// # Errors
    /// [`HeadError::Outputs`] if they are not there.
    pub fn bind(
        kind: ModelKind,
        shapes: &[NamedShape],
        width: usize,
        height: usize,
    ) -> Result<Self, HeadError> {
        let size = (width, height);
        let found: Result<Box<dyn Decode>, String> = match kind {
            ModelKind::YuNet => grids::yunet(shapes, size),
            ModelKind::Scrfd => grids::scrfd(shapes, size),
            ModelKind::RetinaFace => priors::retinaface(shapes, size, &priors::ORIGINAL_SIZES),
            ModelKind::RetinaFaceSmall => priors::retinaface(shapes, size, &priors::SMALL_SIZES),
            ModelKind::UltraFace => priors::ultraface(shapes, size),
            ModelKind::YoloFace => yolo::bind(shapes),
            ModelKind::BlazeFace => blazeface::bind(shapes, size),
            ModelKind::CenterFace => centerface::bind(shapes, size),
        };
        let unfit = |want| HeadError::Outputs { kind, width, height, want, got: listed(shapes) };
        Ok(Self { kind, shapes: shapes.to_vec(), decoder: found.map_err(unfit)? })
    }

    /// The faces that score at least `min_score`, best first, each once, in pixels of the input.
    ///
    /// # Errors
    /// [`HeadError`] if the outputs are not what they were to be.
    pub fn faces(&self, outputs: &[Values], min_score: f32) -> Result<Vec<Face>, HeadError> {
        let alike = |(values, (_, shape)): (&Values, &NamedShape)| {
            values.shape == *shape && values.data.len() == shape.iter().product::<usize>()
        };
        if outputs.len() != self.shapes.len() || !outputs.iter().zip(&self.shapes).all(alike) {
            let shapes: Vec<NamedShape> =
                self.shapes.iter().zip(outputs).map(|((n, _), v)| (n.clone(), v.shape.clone())).collect();
            return Err(HeadError::Changed(listed(&shapes)));
        }
        let Candidates { faces, too_many, strange } = self.decoder.candidates(outputs, min_score);
        if strange {
            return Err(HeadError::Scores(self.kind));
        }
        if too_many {
            return Err(HeadError::TooMany(self.kind));
        }
        let iou = self.kind.nms_iou();
        Ok(match self.kind {
            ModelKind::BlazeFace => blazeface::blend(faces, iou),
            _ => nms::suppress(faces, iou),
        })
    }
}

fn listed(shapes: &[NamedShape]) -> String {
    let all: Vec<String> = shapes.iter().map(|(name, shape)| format!("{name} {}", shown(shape))).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

/// An output as a table: rows of `columns` values.
#[derive(Clone, Copy, Debug)]
struct Table {
    output: usize,
    columns: usize,
}

impl Table {
    /// Finds the outputs with `rows` rows of `columns`, in the order of the file; sides of 1 do not matter.
    fn find_all(shapes: &[NamedShape], rows: usize, columns: usize) -> Vec<Self> {
        let fits = |shape: &[usize]| {
            let flat = columns == 1 && (shape.len() == 1 || matches!(shape, [1, _]));
            let all: usize = shape.iter().product();
            all == rows * columns && (shape.last() == Some(&columns) || flat)
        };
        let found = shapes.iter().enumerate().filter(|(_, (_, shape))| fits(shape));
        found.map(|(output, _)| Self { output, columns }).collect()
    }

    /// The one output of these rows and columns.
    fn find(shapes: &[NamedShape], rows: usize, columns: usize) -> Option<Self> {
        match Self::find_all(shapes, rows, columns)[..] {
            [one] => Some(one),
            _ => None,
        }
    }

    fn row<'v>(&self, outputs: &'v [Values], index: usize) -> &'v [f32] {
        &outputs[self.output].data[index * self.columns..][..self.columns]
    }
}

/// A grid of cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Grid {
    columns: usize,
    rows: usize,
    /// Pixels from one cell to the next.
    stride: usize,
}

impl Grid {
    /// The grid of a picture whose rest beyond whole strides counts as a cell.
    fn of((width, height): (usize, usize), stride: usize) -> Self {
        Self { columns: width.div_ceil(stride), rows: height.div_ceil(stride), stride }
    }

    fn cells(&self) -> usize {
        self.columns * self.rows
    }

    /// Column and row of a cell, as they count in pixels.
    fn place(&self, index: usize) -> (f32, f32) {
        ((index % self.columns) as f32, (index / self.columns) as f32)
    }
}
