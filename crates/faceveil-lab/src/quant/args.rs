//! What can be typed after `quantize` and `import`.

use std::path::PathBuf;

use clap::Args;
use faceveil_quant::Calibration;

/// Arguments of `quantize`.
#[derive(Debug, Args)]
pub struct QuantizeArgs {
    /// Weights of a network, as `export` writes them
    pub weights: PathBuf,
    /// Folder that holds `faces/`
    #[arg(long)]
    pub shared: PathBuf,
    /// File to write
    #[arg(long, short)]
    pub out: PathBuf,
    /// How ranges are chosen: min-max, percentile-99.99, mse [default: all are tried; of a gate the one that leaks least is taken, of a network that gives pictures the one nearest to the floats]
    #[arg(long)]
    pub calibration: Option<Calibration>,
    /// Ranges that training with rounding ended with
    #[arg(long, conflicts_with = "calibration")]
    pub ranges: Option<PathBuf>,
    /// Pictures to calibrate on
    #[arg(long, default_value_t = 300)]
    pub pictures: usize,
    /// Write the same network as a TFLite file
    #[arg(long)]
    pub tflite: Option<PathBuf>,
    /// Write the same network as a C99 file
    #[arg(long)]
    pub c99: Option<PathBuf>,
}

/// Arguments of `import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// TFLite file in int8
    pub network: PathBuf,
    /// File to write, in our form
    #[arg(long, short)]
    pub out: PathBuf,
    /// Write the same network as a C99 file
    #[arg(long)]
    pub c99: Option<PathBuf>,
}
