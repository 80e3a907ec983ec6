//! Why what was typed cannot be done.

use faceveil_core::redact::RedactError;

use crate::choices::LayerError;
use crate::detection::DetectionError;

/// What was typed cannot be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Environment or configuration file.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// What looks for the faces.
    #[error(transparent)]
    Detection(#[from] DetectionError),
    /// A number out of its range.
    #[error("--{flag} is {value}, must be {range}")]
    Number {
        /// The flag without its dashes.
        flag: &'static str,
        /// What was asked for.
        value: f64,
        /// What is allowed.
        range: &'static str,
    },
    /// A style's parameter.
    #[error(transparent)]
    Redact(#[from] RedactError),
    /// A flag that the chosen style does not have.
    #[error("--{flag} is for --style {style}")]
    OtherStyle {
        /// The flag without its dashes.
        flag: &'static str,
        /// The style that has it.
        style: &'static str,
    },
    /// `--style image` without a picture.
    #[error("--style image needs --overlay FILE.png")]
    NoOverlay,
    /// The overlay cannot be used.
    #[error("overlay {path}: {reason}")]
    Overlay {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// Standard input has no name, so it can only be the single input, to a single output.
    #[error("- (standard input) must be the only input, and OUT a file or -")]
    Stdin,
    /// Standard output takes one photo and nothing else.
    #[error("-o - (standard output) takes one photo, and neither --json nor --journal")]
    Stdout,
    /// The ending of a single output chooses its format.
    #[error(
        "{0}: the output must end in .jpg, .jpeg, .png, .webp, .bmp, .tif, .tiff, .gif, .heic or .avif (photos), .mp4, \
         .m4v, .mov, .mkv, .webm or .ts (videos), or in / for a folder"
    )]
    Ending(String),
    /// The format of a single output is not built in.
    #[error("{path}: {format} pictures can only be written by a program built with the feature {feature}")]
    NotBuilt {
        /// The output.
        path: String,
        /// The name of its format.
        format: &'static str,
        /// The feature.
        feature: &'static str,
    },
    /// Several inputs and an output that looks like a photo or is a file.
    #[error("{0}: several inputs need a folder to go to; end it in / to mean one")]
    NotAFolder(String),
    /// Originals would be replaced.
    #[error("{output}: the output folder is the input folder {input}")]
    SameFolder {
        /// The output folder.
        output: String,
        /// The input folder.
        input: String,
    },
    /// Originals could be replaced.
    #[error(
        "the input folder {input} lies inside the output folder {output}: outputs could replace originals"
    )]
    InputInside {
        /// The output folder.
        output: String,
        /// The input folder.
        input: String,
    },
    /// A flag that has no meaning when sidecars are rendered.
    #[error("--{0} is for looking for faces; --from hides what the sidecars record")]
    FromSearches(&'static str),
    /// Several photos for sidecars, or one photo for several.
    #[error("with --from, INPUT is the photo of a single sidecar, or the folder of the photos")]
    FromInput,
    /// A sidecar lies beside an output, and standard output has no place.
    #[error("-o - (standard output) has no place for a sidecar; --sidecar=false writes none")]
    NoPlaceForSidecar,
    /// Somebody who is to stay visible cannot be told from others.
    #[error("{path}: {reason}")]
    People {
        /// The picture, or the embedder.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// The tracks of parts that an earlier run has finished are not known any more.
    #[error("--resume writes no sidecar; leave one of them out")]
    ResumeSidecar,
    /// A dry run writes nothing.
    #[error("--preview shows outputs, and --dry-run makes none")]
    PreviewOfNothing,
    /// The ending of the preview chooses its format.
    #[error("preview {0}: must end in .png, .jpg, .jpeg or .webp")]
    PreviewEnding(String),
    /// Raw frames do not tell their size.
    #[error("--input-format rgb needs --size WIDTHxHEIGHT")]
    LiveSize,
    /// No live source.
    #[error(
        "{0:?} is no live source: a camera (/dev/video0), rtsp://, http://, https://, tcp:// or udp://, or -"
    )]
    LiveSource(String),
    /// No live output.
    #[error("{0:?} is no live output: a virtual camera (/dev/video9), or - for standard output")]
    LiveTarget(String),
    /// No name of an encoder or of its preset.
    #[error("{0:?} is no name of a codec or preset")]
    Codec(String),
    /// The preview could replace a photo.
    #[error(
        "preview {0}: --overwrite could replace a photo there; choose a place outside the inputs and outputs"
    )]
    PreviewPlace(String),
    /// A photo and a folder cannot be compared.
    #[error("ORIGINAL and RESULT must be two photos or two folders that are there")]
    NoPair,
    /// The output folder's path cannot be followed.
    #[error("{path}: {reason}")]
    Unresolved {
        /// The path.
        path: String,
        /// What the system says.
        reason: String,
    },
}
