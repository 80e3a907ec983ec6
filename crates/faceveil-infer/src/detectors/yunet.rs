//! YuNet: three grids of cells (strides 8, 16, 32), one box a cell.

use faceveil_core::face::{Detector, Face};
use faceveil_core::geom::{Point, RectF};
use faceveil_core::nms;
use faceveil_core::raster::RgbView;

#[cfg(feature = "yunet")]
use super::load_network;
use super::{DetectError, fill_row, padded_size};
use crate::kernels::Isa;
#[cfg(feature = "yunet")]
use crate::network::Precision;
use crate::network::{ColorOrder, ImportError, Memory, Network};
use crate::weights::ModelInfo;

const STRIDES: [usize; 3] = [8, 16, 32];
/// Boxes that overlap more are one face; the value of OpenCV's `FaceDetectorYN` in its examples.
const NMS_IOU: f32 = 0.3;

/// The YuNet_n detector, or the smaller YuNet_s. Its network reads BGR, `0..=255`.
#[derive(Clone, Debug)]
pub struct YuNet {
    network: Network,
    memory: Memory,
}

impl YuNet {
    /// With the weights inside the binary.
    ///
    /// # Errors
    /// [`DetectError::Model`] if they are damaged.
    #[cfg(feature = "yunet")]
    pub fn new(isa: Isa, precision: Precision) -> Result<Self, DetectError> {
        let weights = &crate::weights::YUNET;
        let ranges = crate::weights::YUNET_RANGES;
        Self::of(weights, load_network(weights, ranges, ColorOrder::Bgr, isa, precision))
    }

    /// YuNet_s, which has the same form and 53,121 parameters; with the weights inside the binary, in floats.
    ///
    /// # Errors
    /// [`DetectError::Model`] if they are damaged.
    #[cfg(feature = "yunet-s")]
    pub fn small(isa: Isa) -> Result<Self, DetectError> {
        let weights = &crate::weights::YUNET_S;
        Self::of(weights, Network::from_onnx(weights.bytes, ColorOrder::Bgr, isa))
    }

    fn of(weights: &ModelInfo, network: Result<Network, ImportError>) -> Result<Self, DetectError> {
        let network = network.and_then(checked);
        let network = network.map_err(|source| DetectError::Model { model: weights.name, source })?;
        Ok(Self { network, memory: Memory::default() })
    }

    /// What the network works in, to be shared with another one between pictures.
    #[cfg(all(feature = "yunet", feature = "centerface"))]
    pub(crate) fn memory(&mut self) -> &mut Memory {
        &mut self.memory
    }

    /// Reads one grid. A cell's box is `centre = (cell + d) * stride`, `size = exp(s) * stride`; its score is the
    /// geometric mean of class and objectness (`libfacedetection.train`, OpenCV `face_detect.cpp`).
    fn read_grid(&self, stride: usize, min_score: f32, faces: &mut Vec<Face>) {
        let output = |part: &str| self.network.output(&self.memory, &format!("{part}_{stride}"));
        let (class, object, rects, points) = (output("cls"), output("obj"), output("bbox"), output("kps"));
        // sqrt(c * o) >= min needs both c and o >= min²: most cells are done without an exponential.
        let least = min_score * min_score;
        let least_logit =
            if least > 0.0 { (least / (1.0 - least).max(1e-6)).ln() } else { f32::NEG_INFINITY };
        let s = stride as f32;
        for index in 0..class.width * class.height {
            let (class, object) = (class.at(index, 0), object.at(index, 0));
            if class < least_logit || object < least_logit {
                continue;
            }
            let score = (sigmoid(class) * sigmoid(object)).sqrt();
            if score < min_score {
                continue;
            }
            let (column, row) = ((index % rects.width) as f32, (index / rects.width) as f32);
            let rect = |channel| rects.at(index, channel);
            let (x, y) = ((column + rect(0)) * s, (row + rect(1)) * s);
            let (half_width, half_height) = (rect(2).exp() * s / 2.0, rect(3).exp() * s / 2.0);
            faces.push(Face {
                rect: RectF {
                    left: x - half_width,
                    top: y - half_height,
                    right: x + half_width,
                    bottom: y + half_height,
                },
                score,
                landmarks: Some(std::array::from_fn(|i| Point {
                    x: (column + points.at(index, 2 * i)) * s,
                    y: (row + points.at(index, 2 * i + 1)) * s,
                })),
                also: Vec::new(),
            });
        }
    }
}

/// The network, if it has YuNet's outputs.
fn checked(network: Network) -> Result<Network, ImportError> {
    for stride in STRIDES {
        for (part, channels) in [("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)] {
            network.expect_output(&format!("{part}_{stride}"), channels)?;
        }
    }
    Ok(network)
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

impl Detector for YuNet {
    type Error = DetectError;

    fn detect(&mut self, image: RgbView<'_>, min_score: f32) -> Result<Vec<Face>, DetectError> {
        let (width, height) = padded_size(image)?;
        self.network.run(&mut self.memory, height, width, |y, to| fill_row(image, y, to));
        let mut faces = Vec::new();
        for stride in STRIDES {
            self.read_grid(stride, min_score, &mut faces);
        }
        Ok(nms::suppress(faces, NMS_IOU))
    }
}
