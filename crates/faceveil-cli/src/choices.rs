//! What a user may choose, and the layers it may be chosen in: flags over `FACEVEIL_*` environment
//! variables over the configuration file. Defaults and checks are the plan's.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Args, Command, FromArgMatches, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::video::{Audio, Damaged};
use crate::zones::Zone;

use crate::detection::{Detector, Engine, InputSize, Kind, Provider};

/// One layer of choices; what is `None` is left to the next layer.
#[derive(Args, Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Choices {
    /// How thoroughly to look for faces [default: balanced]
    #[arg(long, value_name = "LEVEL")]
    pub level: Option<Level>,
    /// Look with this detector alone, in the place of a level
    #[arg(long, value_name = "NAME")]
    pub detector: Option<Detector>,
    /// Look with this ONNX model alone, in the place of a level
    ///
    /// A face detector of yours, of a family that --model-kind names.
    #[arg(long, value_name = "FILE.onnx")]
    pub model: Option<PathBuf>,
    /// Family of the model
    #[arg(long, value_name = "KIND")]
    pub model_kind: Option<Kind>,
    /// Size of the model's input in pixels [default: the file's, or the picture's own]
    #[arg(long, value_name = "WxH")]
    pub model_size: Option<InputSize>,
    /// Score from which a face counts, 0 to 1, with --detector or --model [default: the family's usual one]
    #[arg(long, value_name = "SCORE", alias = "model-threshold")]
    pub threshold: Option<f32>,
    /// What runs the detector or the model [default: built-in]
    #[arg(long, value_name = "ENGINE")]
    pub engine: Option<Engine>,
    /// ONNX Runtime's library, with --engine ort [default: $ORT_DYLIB_PATH]
    #[arg(long, value_name = "FILE")]
    pub ort_library: Option<PathBuf>,
    /// Execution provider of ONNX Runtime, with --engine ort [default: the CPU]
    #[arg(long, value_name = "PROVIDER")]
    pub ort_provider: Option<Provider>,
    /// How faces are hidden [default: veil]
    ///
    /// veil looks like a blur but is made of at most 4×4 noisy cells; blur is cosmetic, as a
    /// determined attacker can partly undo it.
    #[arg(long, value_name = "STYLE")]
    pub style: Option<StyleName>,
    /// Cells along a face's shorter side, 1 to 8, with --style pixelate [default: 4]
    #[arg(long, value_name = "N")]
    pub cells: Option<u8>,
    /// Gaussian sigma as a share of the face's shorter side, 0.125 to 1, with --style blur [default: 0.25]
    #[arg(long, value_name = "SHARE")]
    pub sigma: Option<f32>,
    /// Colour of the fill, with --style solid [default: 000000]
    #[arg(long, value_name = "RRGGBB")]
    pub color: Option<Rgb>,
    /// Picture to lay over each face, with --style image
    #[arg(long, value_name = "FILE.png")]
    pub overlay: Option<PathBuf>,
    /// Outline of the hidden regions [default: ellipse]
    #[arg(long, value_name = "SHAPE")]
    pub shape: Option<Shape>,
    /// Size of a hidden region as a multiple of the detected box, 1 to 4 [default: the level's own]
    #[arg(long, value_name = "FACTOR")]
    pub margin: Option<f32>,
    /// Width of the soft edge outside a region, as a share of the face's shorter side, 0 to 1 [default: 0.03]
    #[arg(long, value_name = "SHARE")]
    pub feather: Option<f32>,
    /// Always hide this rectangle, whatever is found; may be given several times
    ///
    /// X,Y,WIDTH,HEIGHT in pixels of the upright picture from its left top corner, or in percent of its
    /// width and height: 0,0,100%,20%. A photo that it lies outside of fails.
    #[arg(long, value_name = "X,Y,W,H", value_delimiter = ';', allow_hyphen_values = true)]
    pub hide_zone: Option<Vec<Zone>>,
    /// Leave faces visible that lie wholly inside this rectangle; may be given several times
    ///
    /// Written as --hide-zone, which wins over it. A face is left visible only if all of the region that
    /// would hide it lies inside one zone, and outside every zone that is hidden.
    #[arg(long, value_name = "X,Y,W,H", value_delimiter = ';', allow_hyphen_values = true)]
    pub keep_zone: Option<Vec<Zone>>,
    /// Make the noise repeatable: weaker, because a known seed can be subtracted
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// What to do with a photo in which no face is found [default: warn]
    #[arg(long, value_name = "POLICY")]
    pub on_no_face: Option<OnNoFace>,
    /// Which metadata survives besides the colour profile [default: none]
    #[arg(long, value_name = "WHICH")]
    pub keep_metadata: Option<KeepMetadata>,
    /// Refuse photos of more pixels than this [default: 200000000]
    #[arg(long, value_name = "N")]
    pub max_pixels: Option<u64>,
    /// What encodes videos: h264, h265, vp9, av1, ffv1 (lossless), or FFmpeg's name of an encoder
    ///
    /// The default is h264; h265 for 10 bits a sample, vp9 for webm.
    #[arg(long, value_name = "CODEC", help_heading = "Videos")]
    pub codec: Option<String>,
    /// Quality of videos, lower is better [default: the codec's, 23.5 for h264]
    #[arg(long, value_name = "N", help_heading = "Videos")]
    pub crf: Option<f32>,
    /// Effort of the video's codec, in its own words [default: the codec's, faster for h264]
    #[arg(long, value_name = "WORD", help_heading = "Videos")]
    pub preset: Option<String>,
    /// What becomes of a video's sound [default: copy]
    #[arg(long, value_name = "WHAT", help_heading = "Videos")]
    pub audio: Option<Audio>,
    /// Frames for which a face is hidden before it was first found, 0 to 600 [default: 4]
    #[arg(long, value_name = "FRAMES", help_heading = "Videos")]
    pub lead: Option<u32>,
    /// Frames for which a face is hidden after it was last found, 0 to 600 [default: 4]
    #[arg(long, value_name = "FRAMES", help_heading = "Videos")]
    pub hold: Option<u32>,
    /// Look for faces in every Nth frame, 1 to 600 [default: the level's own]
    ///
    /// In between, the pixels of a face are followed, both from the frame before and from the one after. A new
    /// scene, and a face seen at a glance, are searched at once.
    #[arg(long, value_name = "N", help_heading = "Videos")]
    pub detect_every: Option<u32>,
    /// What to do with a video that is damaged or cut short [default: refuse]
    #[arg(long, value_name = "WHAT", help_heading = "Videos")]
    pub damaged: Option<Damaged>,
    /// Give a video up when FFmpeg makes no progress for this long [default: 120]
    #[arg(long, value_name = "SECONDS", help_heading = "Videos")]
    pub codec_timeout: Option<u32>,
    /// Write what was found and hidden to OUT.faceveil.json beside each output, to be edited for --from
    ///
    /// It tells where faces are and where the original is: keep it as private as the original.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub sidecar: Option<bool>,
    /// Replace outputs that exist already
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub overwrite: Option<bool>,
    /// Photos worked on at once [default: one a core]
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<u16>,
    /// Print only errors and the photos in which no face was found
    #[arg(long, short, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub quiet: Option<bool>,
    /// Print one line of JSON a file on standard output
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub json: Option<bool>,
}

/// How thoroughly to look.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Two looks at the photo; misses most small faces of large photos (above half a megapixel)
    Fast,
    /// Three looks at the photo, and tiles of large ones for small faces
    Balanced,
    /// Six looks, a lower threshold, and a closer look at the tiles
    Thorough,
}

/// How a region is hidden.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum StyleName {
    /// At most 4×4 noisy cells, smoothly enlarged
    Veil,
    /// Square cells
    Pixelate,
    /// Gaussian blur: cosmetic
    Blur,
    /// One colour
    Solid,
    /// A picture laid over
    Image,
}

/// Outline of a region.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// Turned as the face is
    Ellipse,
    /// Upright
    Box,
}

/// What becomes of a photo without faces.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum OnNoFace {
    /// Write it without its metadata, silently
    Copy,
    /// Write it without its metadata and name it
    Warn,
    /// Count it as an error and write nothing
    Fail,
}

/// Which metadata survives.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum KeepMetadata {
    /// Nothing but the colour profile
    None,
    /// Capture time and camera too
    Safe,
}

/// Red, green, blue.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rgb(pub [u8; 3]);

/// A colour is not six hexadecimal digits.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not six hexadecimal digits")]
pub struct NotAColor(String);

impl FromStr for Rgb {
    type Err = NotAColor;

    fn from_str(s: &str) -> Result<Self, NotAColor> {
        let digits = s.strip_prefix('#').unwrap_or(s);
        let plain = digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        let value = u32::from_str_radix(digits, 16).ok().filter(|_| plain);
        let [_, r, g, b] = value.ok_or_else(|| NotAColor(s.to_owned()))?.to_be_bytes();
        Ok(Self([r, g, b]))
    }
}

impl From<Rgb> for String {
    fn from(Rgb([r, g, b]): Rgb) -> Self {
        format!("{r:02x}{g:02x}{b:02x}")
    }
}

impl TryFrom<String> for Rgb {
    type Error = NotAColor;

    fn try_from(s: String) -> Result<Self, NotAColor> {
        s.parse()
    }
}

/// A layer of choices could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    /// An environment variable holds something else than its flag takes.
    #[error("{variable}: {reason}")]
    Environment {
        /// The variable.
        variable: String,
        /// What is wrong with its value.
        reason: String,
    },
    /// The configuration file is not readable.
    #[error("{path}: cannot be read")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The configuration file is not TOML, or has an unknown key or a wrong value.
    #[error("{path}: {reason}")]
    Config {
        /// The file.
        path: String,
        /// What is wrong, with line and column.
        reason: String,
    },
}

impl Choices {
    /// These choices, and where there is none, those of `lower`.
    pub fn over(self, mut lower: Self) -> Self {
        self.look_over(&mut lower);
        self.with(lower)
    }

    /// As [`Self::over`] for parts of one layer, where nothing drives anything out.
    fn with(self, lower: Self) -> Self {
        Self {
            level: self.level.or(lower.level),
            detector: self.detector.or(lower.detector),
            model: self.model.or(lower.model),
            model_kind: self.model_kind.or(lower.model_kind),
            model_size: self.model_size.or(lower.model_size),
            threshold: self.threshold.or(lower.threshold),
            engine: self.engine.or(lower.engine),
            ort_library: self.ort_library.or(lower.ort_library),
            ort_provider: self.ort_provider.or(lower.ort_provider),
            style: self.style.or(lower.style),
            cells: self.cells.or(lower.cells),
            sigma: self.sigma.or(lower.sigma),
            color: self.color.or(lower.color),
            overlay: self.overlay.or(lower.overlay),
            shape: self.shape.or(lower.shape),
            margin: self.margin.or(lower.margin),
            feather: self.feather.or(lower.feather),
            hide_zone: self.hide_zone.or(lower.hide_zone),
            keep_zone: self.keep_zone.or(lower.keep_zone),
            seed: self.seed.or(lower.seed),
            on_no_face: self.on_no_face.or(lower.on_no_face),
            keep_metadata: self.keep_metadata.or(lower.keep_metadata),
            max_pixels: self.max_pixels.or(lower.max_pixels),
            codec: self.codec.or(lower.codec),
            crf: self.crf.or(lower.crf),
            preset: self.preset.or(lower.preset),
            audio: self.audio.or(lower.audio),
            lead: self.lead.or(lower.lead),
            hold: self.hold.or(lower.hold),
            detect_every: self.detect_every.or(lower.detect_every),
            damaged: self.damaged.or(lower.damaged),
            codec_timeout: self.codec_timeout.or(lower.codec_timeout),
            sidecar: self.sidecar.or(lower.sidecar),
            overwrite: self.overwrite.or(lower.overwrite),
            jobs: self.jobs.or(lower.jobs),
            quiet: self.quiet.or(lower.quiet),
            json: self.json.or(lower.json),
        }
    }

    /// The long names of all choices, as flags and configuration keys spell them.
    pub fn names() -> Vec<String> {
        let command = Self::augment_args(Command::new("faceveil"));
        command.get_arguments().filter_map(|a| a.get_long()).map(str::to_owned).collect()
    }

    /// The choices made in the environment, where `level` is `FACEVEIL_LEVEL` and so on; an empty
    /// variable counts as unset.
    ///
    /// # Errors
    /// [`LayerError::Environment`] if a value is not what its flag takes.
    pub fn from_env(get: impl Fn(&str) -> Option<OsString>) -> Result<Self, LayerError> {
        let command = Self::augment_args(Command::new("faceveil").disable_help_flag(true));
        let mut choices = Self::default();
        for name in Self::names() {
            let variable = format!("FACEVEIL_{}", name.to_uppercase().replace('-', "_"));
            let Some(value) = get(&variable).filter(|v| !v.is_empty()) else { continue };
            let mut flag = OsString::from(format!("--{name}="));
            flag.push(value);
            let matches = command.clone().try_get_matches_from([OsString::from("faceveil"), flag]);
            let parsed = matches.and_then(|m| Self::from_arg_matches(&m));
            let parsed = parsed
                .map_err(|e| LayerError::Environment { variable, reason: first_line(&e.to_string()) })?;
            choices = choices.with(parsed);
        }
        Ok(choices)
    }

    /// The choices made in a TOML file. A relative overlay, model or library is relative to the file.
    ///
    /// # Errors
    /// [`LayerError`] if the file cannot be read, or holds anything but known keys with fitting values.
    pub fn from_file(path: &Path) -> Result<Self, LayerError> {
        let shown = || path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|source| LayerError::Unreadable { path: shown(), source })?;
        let mut choices =
            Self::from_toml(&text).map_err(|reason| LayerError::Config { path: shown(), reason })?;
        let files = [&mut choices.overlay, &mut choices.model, &mut choices.ort_library];
        for file in files.into_iter().flatten() {
            *file = path.parent().unwrap_or(Path::new("")).join(&*file);
        }
        Ok(choices)
    }

    /// The choices in the text of a configuration file.
    ///
    /// # Errors
    /// What is wrong and where, if `text` is anything but known keys with fitting values.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|e| e.to_string().trim_end().to_owned())
    }
}

/// clap's message without its prefix and its advice on flags, which does not fit the environment.
fn first_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

/// The configuration file to read: `typed` if given, else `faceveil/config.toml` in the user's
/// configuration folder if it exists.
pub fn config_file(typed: Option<PathBuf>, get: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name| get(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let folder = || {
        set("XDG_CONFIG_HOME")
            .filter(|p| p.is_absolute())
            .or_else(|| set("APPDATA").filter(|_| cfg!(windows)))
            .or_else(|| set("HOME").map(|home| home.join(".config")))
    };
    typed
        .or_else(|| set("FACEVEIL_CONFIG"))
        .or_else(|| folder().map(|f| f.join("faceveil/config.toml")).filter(|p| p.exists()))
}
