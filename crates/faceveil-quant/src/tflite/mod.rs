//! TFLite files: [`import`] reads the networks of others, in floats or int8, [`export`] writes ours. Source of all
//! numbers: `schema.fbs` of TensorFlow Lite, version 3.

mod check;
pub mod export;
mod file;
pub mod flat;
pub mod import;

/// The identifier of the file.
pub const NAME: &[u8; 4] = b"TFL3";

/// Numbers of the schema's tables and enumerations.
mod schema {
    pub const FLOAT32: i8 = 0;
    pub const FLOAT16: i8 = 1;
    pub const INT32: i8 = 2;
    pub const INT8: i8 = 9;

    pub const ADD: i32 = 0;
    pub const CONCATENATION: i32 = 2;
    pub const CONV_2D: i32 = 3;
    pub const DEPTHWISE_CONV_2D: i32 = 4;
    pub const DEPTH_TO_SPACE: i32 = 5;
    pub const DEQUANTIZE: i32 = 6;
    pub const LOGISTIC: i32 = 14;
    pub const MAX_POOL_2D: i32 = 17;
    pub const RELU: i32 = 19;
    pub const RELU6: i32 = 21;
    pub const RESHAPE: i32 = 22;
    pub const SPACE_TO_DEPTH: i32 = 26;
    pub const PAD: i32 = 34;
    pub const TRANSPOSE_CONV: i32 = 67;
    pub const QUANTIZE: i32 = 114;
    pub const RESIZE_NEAREST_NEIGHBOR: i32 = 97;

    pub const SAME: i8 = 0;
    pub const VALID: i8 = 1;
}
