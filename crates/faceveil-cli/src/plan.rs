//! What will happen: every check of what was typed is made here, and the work takes only the plan.

mod error;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use faceveil::{Outline, Settings};
use faceveil_core::redact::{MOST_MOSAIC_CELLS, RedactError, RelativeSigma, Style};
use faceveil_media::Limits;
use faceveil_media::video::Container;
use sha2::{Digest, Sha256};

pub use self::error::PlanError;
use crate::args::{BlurArgs, DetectArgs};
use crate::choices::{Choices, LayerError, Level, OnNoFace, Rgb, Shape, StyleName, config_file};
use crate::destination::{Destination, format_of_ending, is_typed_as_folder, resolve};
use crate::detection::Looking;
use crate::overlay;
use crate::people;
use crate::preview;
use crate::recipe::Recipe;
use crate::rerender::{self, FromPlan};
use crate::video::{self, VideoOptions};
use crate::walk::Input;
use crate::zones::Zone;

/// Sigma of the style `blur` unless chosen.
pub const SIGMA: f32 = 0.25;

/// How results are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// A line of JSON a file on standard output.
    pub json: bool,
    /// Errors and photos without faces only.
    pub quiet: bool,
}

/// What `blur` will do.
#[derive(Clone, Debug)]
pub struct BlurPlan {
    /// What is done to each photo, unless its sidecar says more.
    pub recipe: Recipe,
    /// How large a photo may be.
    pub limits: Limits,
    /// Always hidden.
    pub hide_zones: Vec<Zone>,
    /// Faces wholly inside are left visible.
    pub keep_zones: Vec<Zone>,
    /// What becomes of a photo without faces.
    pub on_no_face: OnNoFace,
    /// Whether existing outputs are replaced.
    pub overwrite: bool,
    /// Whether nothing is written.
    pub dry_run: bool,
    /// Say how long each step took.
    pub timings: bool,
    /// Photos worked on at once, at least 1.
    pub jobs: usize,
    /// Where photos come from, or with [`Self::from`] sidecars.
    pub inputs: Vec<Input>,
    /// How sidecars are rendered, if they are.
    pub from: Option<FromPlan>,
    /// Where outputs go.
    pub destination: Destination,
    /// Whether each output gets a sidecar.
    pub sidecar: bool,
    /// Whether a video's sidecar shows its faces.
    pub thumbnails: bool,
    /// Where the contact sheet goes.
    pub preview: Option<PathBuf>,
    /// Where finished files are noted.
    pub journal: Option<PathBuf>,
    /// How results are told.
    pub manner: Manner,
    /// What is done to videos.
    pub video: VideoOptions,
    /// Frames of a video's part, if finished parts are kept for a later run.
    pub resume: Option<u64>,
}

/// What `detect` will do.
#[derive(Clone, Debug)]
pub struct DetectPlan {
    /// How thoroughly to look.
    pub settings: Settings,
    /// The same for videos.
    pub recipe: Recipe,
    /// How videos are looked at.
    pub video: VideoOptions,
    /// How large a photo may be.
    pub limits: Limits,
    /// Photos worked on at once, at least 1.
    pub jobs: usize,
    /// Where photos come from.
    pub inputs: Vec<Input>,
    /// How results are told; JSON always.
    pub manner: Manner,
}

impl BlurPlan {
    /// Checks what was typed against the environment, the configuration file and the file system.
    ///
    /// # Errors
    /// [`PlanError`] says which of them cannot be done.
    pub fn new(args: BlurArgs, env: &impl Fn(&str) -> Option<OsString>) -> Result<Self, PlanError> {
        let lower = lower_layers(args.config.clone(), env)?;
        let chosen = args.choices.clone().over(lower);
        let (inputs, from) = rerender::inputs(&args, &chosen)?;
        if from.is_none() {
            check_flags_fit(&args.choices, chosen.style.unwrap_or(StyleName::Veil))?;
        }
        let looking = if from.is_some() { Looking::nowhere() } else { chosen.looking(env)? };
        let mut recipe = Recipe::new(&chosen, &looking)?;
        if args.start.is_some() || args.end.is_some() {
            let all = format!("{} {:?} {:?}", recipe.fingerprint, args.start, args.end);
            recipe.fingerprint = hex(&Sha256::digest(all));
        }
        if let Some(people) = people::known(&args, &recipe.settings, &limits(&chosen)?)? {
            recipe.fingerprint =
                hex(&Sha256::digest(format!("{} {}", recipe.fingerprint, people.fingerprint())));
            recipe.settings.people = Some(people.into());
        }
        let destination = destination(&args.output, &inputs, from.is_some())?;
        if let Some(Input::Folder(photos)) = from.as_ref().and_then(|f| f.originals.as_ref()) {
            check_roots(&args.output, &[Input::Folder(photos.clone())])?;
        }
        let manner = Manner { json: chosen.json.unwrap_or(false), quiet: chosen.quiet.unwrap_or(false) };
        let unnamed = matches!(destination, Destination::Stdout) || matches!(inputs[..], [Input::Stdin]);
        if matches!(destination, Destination::Stdout) && manner.json || unnamed && args.journal.is_some() {
            return Err(PlanError::Stdout);
        }
        let sidecar = chosen.sidecar.unwrap_or(false);
        if sidecar && matches!(destination, Destination::Stdout) {
            return Err(PlanError::NoPlaceForSidecar);
        }
        if sidecar && args.resume {
            return Err(PlanError::ResumeSidecar);
        }
        let overwrite = chosen.overwrite.unwrap_or(false);
        if let Some(preview) = &args.preview {
            preview::check_place(preview, args.dry_run, overwrite, &inputs, &args.output)?;
        }
        Ok(Self {
            recipe,
            video: VideoOptions::new(&chosen, args.start, args.end)?,
            limits: limits(&chosen)?,
            on_no_face: chosen.on_no_face.unwrap_or(OnNoFace::Warn),
            overwrite,
            dry_run: args.dry_run,
            timings: args.timings,
            jobs: jobs(&chosen, &inputs)?,
            inputs,
            from,
            destination,
            sidecar,
            thumbnails: args.thumbnails,
            preview: args.preview,
            journal: args.journal,
            manner,
            resume: args.resume.then_some(args.part_frames),
            hide_zones: chosen.hide_zone.unwrap_or_default(),
            keep_zones: chosen.keep_zone.unwrap_or_default(),
        })
    }
}

impl DetectPlan {
    /// Checks what was typed, as [`BlurPlan::new`] does.
    ///
    /// # Errors
    /// [`PlanError`] says what cannot be done.
    pub fn new(args: DetectArgs, env: &impl Fn(&str) -> Option<OsString>) -> Result<Self, PlanError> {
        let typed = args.choices();
        let chosen = typed.over(lower_layers(args.config, env)?);
        let inputs: Vec<Input> = args.inputs.iter().map(|p| Input::look(p)).collect();
        if inputs.len() > 1 && inputs.iter().any(|i| matches!(i, Input::Stdin)) {
            return Err(PlanError::Stdin);
        }
        let looking = chosen.looking(env)?;
        // Nothing is hidden, so the choices of how are left out.
        let looks = Choices { style: None, overlay: None, ..chosen.clone() };
        let recipe = Recipe::new(&looks, &looking)?;
        let detection = looking.detection;
        Ok(Self {
            recipe,
            video: VideoOptions::new(&chosen, None, None)?,
            settings: Settings { level: level(&chosen), detection, ..Settings::default() },
            limits: limits(&chosen)?,
            jobs: jobs(&chosen, &inputs)?,
            inputs,
            manner: Manner { json: true, quiet: chosen.quiet.unwrap_or(false) },
        })
    }
}

pub(crate) fn lower_layers(
    config: Option<PathBuf>,
    env: &impl Fn(&str) -> Option<OsString>,
) -> Result<Choices, LayerError> {
    let file = config_file(config, env).map(|path| Choices::from_file(&path)).transpose()?;
    Ok(Choices::from_env(env)?.over(file.unwrap_or_default()))
}

/// A flag typed for another style would silently do nothing; in the lower layers it may wait for its style.
pub(crate) fn check_flags_fit(typed: &Choices, style: StyleName) -> Result<(), PlanError> {
    let table = [
        ("cells", typed.cells.is_some(), StyleName::Pixelate, "pixelate"),
        ("sigma", typed.sigma.is_some(), StyleName::Blur, "blur"),
        ("color", typed.color.is_some(), StyleName::Solid, "solid"),
        ("overlay", typed.overlay.is_some(), StyleName::Image, "image"),
    ];
    match table.into_iter().find(|&(_, given, owner, _)| given && owner != style) {
        Some((flag, _, _, style)) => Err(PlanError::OtherStyle { flag, style }),
        None => Ok(()),
    }
}

/// The settings, and the overlay's SHA-256 if there is one.
pub(crate) fn settings(chosen: &Choices, looking: &Looking) -> Result<(Settings, String), PlanError> {
    let (style, overlay_sha256) = style(chosen)?;
    let margin = chosen.margin.map(|m| in_range("margin", m, 1.0, 4.0, "1 to 4")).transpose()?;
    let feather = chosen.feather.unwrap_or(Settings::default().feather);
    let settings = Settings {
        level: level(chosen),
        detection: looking.detection.clone(),
        outline: match chosen.shape {
            Some(Shape::Box) => Outline::Box,
            Some(Shape::Ellipse) | None => Outline::Ellipse,
        },
        margin,
        feather: in_range("feather", feather, 0.0, 1.0, "0 to 1")?,
        seed: chosen.seed,
        style,
        people: None,
    };
    Ok((settings, overlay_sha256))
}

fn style(chosen: &Choices) -> Result<(Style, String), PlanError> {
    let style = match chosen.style.unwrap_or(StyleName::Veil) {
        StyleName::Veil => Style::Veil,
        StyleName::Pixelate => Style::Pixelate { cells: cells(chosen.cells.unwrap_or(4))? },
        StyleName::Blur => Style::Blur { sigma: RelativeSigma::new(chosen.sigma.unwrap_or(SIGMA))? },
        StyleName::Solid => Style::Solid { rgb: chosen.color.unwrap_or(Rgb([0; 3])).0 },
        StyleName::Image => {
            let path = chosen.overlay.as_ref().ok_or(PlanError::NoOverlay)?;
            let (overlay, sha256) = overlay::read(path)
                .map_err(|reason| PlanError::Overlay { path: path.display().to_string(), reason })?;
            return Ok((Style::Image { overlay }, sha256));
        }
    };
    Ok((style, String::new()))
}

fn cells(cells: u8) -> Result<u8, RedactError> {
    let allowed = (1..=MOST_MOSAIC_CELLS).contains(&cells);
    allowed.then_some(cells).ok_or(RedactError::Cells { cells, max: MOST_MOSAIC_CELLS })
}

pub(crate) fn level(chosen: &Choices) -> faceveil::Level {
    match chosen.level {
        Some(Level::Fast) => faceveil::Level::Fast,
        Some(Level::Balanced) | None => faceveil::Level::Balanced,
        Some(Level::Thorough) => faceveil::Level::Thorough,
    }
}

pub(crate) fn limits(chosen: &Choices) -> Result<Limits, PlanError> {
    match chosen.max_pixels {
        None => Ok(Limits::default()),
        Some(0) => Err(PlanError::Number { flag: "max-pixels", value: 0.0, range: "at least 1" }),
        Some(max_pixels) => Ok(Limits { max_pixels, ..Limits::default() }),
    }
}

/// Workers to start: no more than there are inputs, when that is known.
pub(crate) fn jobs(chosen: &Choices, inputs: &[Input]) -> Result<usize, PlanError> {
    let most = if inputs.iter().any(|i| i.root().is_some()) { usize::MAX } else { inputs.len().max(1) };
    let jobs = match chosen.jobs {
        Some(0) => return Err(PlanError::Number { flag: "jobs", value: 0.0, range: "at least 1" }),
        Some(jobs) => usize::from(jobs),
        None => available_parallelism().map_or(1, usize::from),
    };
    Ok(jobs.min(most))
}

pub(crate) fn in_range(
    flag: &'static str,
    value: f32,
    low: f32,
    high: f32,
    range: &'static str,
) -> Result<f32, PlanError> {
    let inside = (low..=high).contains(&value);
    inside.then_some(value).ok_or(PlanError::Number { flag, value: f64::from(value), range })
}

/// `among`: whether outputs may land among the inputs, which are read before.
fn destination(out: &Path, inputs: &[Input], among: bool) -> Result<Destination, PlanError> {
    let shown = || out.display().to_string();
    let has_stdin = inputs.iter().any(|i| matches!(i, Input::Stdin));
    let many = inputs.len() > 1 || inputs.iter().any(|i| i.root().is_some());
    if has_stdin && many {
        return Err(PlanError::Stdin);
    }
    if out == Path::new("-") {
        return if many { Err(PlanError::Stdout) } else { Ok(Destination::Stdout) };
    }
    let is_folder = is_typed_as_folder(out) || out.is_dir();
    let format = format_of_ending(out);
    let is_video = Container::of(out).is_ok();
    if !many && !is_folder {
        let format = match format {
            Some(format) => format,
            None if is_video => return Ok(Destination::Video(out.to_owned())),
            None => return Err(PlanError::Ending(shown())),
        };
        if let Some(feature) = format.missing_feature() {
            return Err(PlanError::NotBuilt { path: shown(), format: format.name(), feature });
        }
        return Ok(Destination::File { path: out.to_owned(), format });
    }
    if has_stdin {
        return Err(PlanError::Stdin);
    }
    if !is_folder && (out.exists() || format.is_some() || is_video) {
        return Err(PlanError::NotAFolder(shown()));
    }
    if !among {
        check_roots(out, inputs)?;
    }
    Ok(Destination::Folder(out.to_owned()))
}

/// Outputs must never land among originals that are yet to be read.
fn check_roots(out: &Path, inputs: &[Input]) -> Result<(), PlanError> {
    let output = out.display().to_string();
    let resolved =
        resolve(out).map_err(|e| PlanError::Unresolved { path: output.clone(), reason: e.to_string() })?;
    for root in inputs.iter().filter_map(Input::root) {
        // A folder that cannot be resolved is reported when it is walked.
        let Ok(folder) = root.canonicalize() else { continue };
        let input = root.display().to_string();
        if folder == resolved {
            return Err(PlanError::SameFolder { output, input });
        }
        if folder.starts_with(&resolved) {
            return Err(PlanError::InputInside { output, input });
        }
    }
    Ok(())
}

/// Everything that shapes an output's bytes or whether there is one, hashed.
pub(crate) fn fingerprint(
    chosen: &Choices,
    looking: &Looking,
    on_no_face: OnNoFace,
    keep_safe: bool,
    overlay_sha256: &str,
) -> String {
    let style = chosen.style.unwrap_or(StyleName::Veil);
    let detail = match style {
        StyleName::Veil => String::new(),
        StyleName::Pixelate => format!("{:?}", chosen.cells),
        StyleName::Blur => format!("{:?}", chosen.sigma),
        StyleName::Solid => format!("{:?}", chosen.color),
        StyleName::Image => overlay_sha256.to_owned(),
    };
    let all = format!(
        "{} level={:?} {} style={style:?} {detail} shape={:?} margin={:?} feather={:?} seed={:?} no_face={on_no_face:?} safe={keep_safe} hide={:?} keep={:?} sidecar={}{}",
        env!("CARGO_PKG_VERSION"),
        level(chosen),
        looking.fingerprint,
        chosen.shape.unwrap_or(Shape::Ellipse),
        chosen.margin,
        chosen.feather,
        chosen.seed,
        chosen.hide_zone,
        chosen.keep_zone,
        chosen.sidecar.unwrap_or(false),
        video::fingerprint(chosen),
    );
    hex(&Sha256::digest(all))
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
