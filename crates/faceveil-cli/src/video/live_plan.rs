//! What was typed for `live`, and what will happen.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use faceveil::Settings;
use faceveil_media::video::{LiveSource, LiveTarget, PipeFormat};

use super::options::VideoOptions;
use crate::choices::Choices;
use crate::plan::{PlanError, lower_layers};
use crate::recipe::Recipe;
use crate::zones::Zone;

/// Frames for which a lost face stays hidden, unless chosen.
const HOLD: u32 = 15;
/// Frames of latency at most.
const MOST_LATENCY: u32 = 60;

/// What can be typed after `live`.
#[derive(Args, Debug)]
pub struct LiveArgs {
    /// A camera (/dev/video0), an address (rtsp, http, https, tcp, udp), or - for standard input
    #[arg(value_name = "SOURCE")]
    pub source: String,
    /// A virtual camera (/dev/video9), or - for standard output
    #[arg(long, short, value_name = "OUT", default_value = "-")]
    pub output: PathBuf,
    /// How frames come on standard input
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Piped::Y4m)]
    pub input_format: Piped,
    /// How frames go to standard output
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Piped::Y4m)]
    pub output_format: Piped,
    /// Size of raw frames on standard input
    #[arg(long, value_name = "WxH")]
    pub size: Option<crate::detection::InputSize>,
    /// Frames a second, where the source can be asked for them or does not tell
    #[arg(long, value_name = "N")]
    pub rate: Option<u32>,
    /// Frames that a frame waits, so that a face is hidden before it is first found, 0 to 60
    #[arg(long, value_name = "FRAMES", default_value_t = 0)]
    pub latency: u32,
    /// What to hide when a face is lost, for --hold frames
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = OnLost::Hold)]
    pub on_lost: OnLost,
    /// Times that a camera or address is opened again in a row without a frame [default: for ever]
    #[arg(long, value_name = "N")]
    pub reconnect: Option<u32>,
    /// What may also stand in the environment and the configuration file.
    #[command(flatten)]
    pub choices: Choices,
    /// Read choices from this file instead of the user's configuration
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// How frames lie in a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Piped {
    /// YUV4MPEG2
    Y4m,
    /// JPEG pictures one after the other
    Mjpeg,
    /// Red, green, blue of each pixel
    Rgb,
}

/// What is hidden when a face is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnLost {
    /// Where it was, growing
    Hold,
    /// Everything
    Fullframe,
}

/// Where frames come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spring {
    /// Standard input, read here.
    Y4m,
    /// Something that FFmpeg reads.
    Ffmpeg(LiveSource),
}

/// Where frames go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sink {
    /// Standard output, written here.
    Y4m,
    /// Something that FFmpeg writes.
    Ffmpeg(LiveTarget),
}

/// What `live` will do.
#[derive(Clone, Debug)]
pub struct LivePlan {
    /// Where frames come from.
    pub from: Spring,
    /// Where they go.
    pub to: Sink,
    /// How faces are found and hidden.
    pub settings: Settings,
    /// Frames a second.
    pub rate: Option<u32>,
    /// Frames that a frame waits.
    pub latency: u32,
    /// Frames for which a lost face stays hidden.
    pub hold: u32,
    /// What is hidden then.
    pub on_lost: OnLost,
    /// Times that a source is opened again in a row without a frame.
    pub reconnect: Option<u32>,
    /// Always hidden.
    pub hide_zones: Vec<Zone>,
    /// Faces wholly inside are left visible.
    pub keep_zones: Vec<Zone>,
    /// Pixels of a frame at most.
    pub max_pixels: u64,
    /// How long nothing may come.
    pub timeout: Duration,
    /// Whether only errors are told.
    pub quiet: bool,
}

impl LivePlan {
    /// Checks what was typed against the environment and the configuration file.
    ///
    /// # Errors
    /// [`PlanError`] says which of them cannot be done.
    pub fn new(args: LiveArgs, env: &impl Fn(&str) -> Option<OsString>) -> Result<Self, PlanError> {
        let chosen = args.choices.clone().over(lower_layers(args.config.clone(), env)?);
        let recipe = Recipe::new(&chosen, &chosen.looking(env)?)?;
        let options = VideoOptions::new(&chosen, None, None)?;
        if args.latency > MOST_LATENCY {
            let value = f64::from(args.latency);
            return Err(PlanError::Number { flag: "latency", value, range: "0 to 60" });
        }
        if args.rate.is_some_and(|rate| !(1..=1000).contains(&rate)) {
            let value = args.rate.map_or(0.0, f64::from);
            return Err(PlanError::Number { flag: "rate", value, range: "1 to 1000" });
        }
        Ok(Self {
            from: spring(&args)?,
            to: sink(&args)?,
            settings: recipe.settings,
            rate: args.rate,
            latency: args.latency,
            hold: options.hold.unwrap_or(HOLD),
            on_lost: args.on_lost,
            reconnect: args.reconnect,
            hide_zones: chosen.hide_zone.unwrap_or_default(),
            keep_zones: chosen.keep_zone.unwrap_or_default(),
            max_pixels: options.max_pixels,
            timeout: options.timeout,
            quiet: chosen.quiet.unwrap_or(false),
        })
    }
}

fn spring(args: &LiveArgs) -> Result<Spring, PlanError> {
    let size = args.size.map(|size| (size.0, size.1));
    Ok(match (&*args.source, args.input_format) {
        ("-", Piped::Y4m) => Spring::Y4m,
        ("-", Piped::Mjpeg) => Spring::Ffmpeg(LiveSource::Stdin(PipeFormat::Mjpeg, None)),
        ("-", Piped::Rgb) if size.is_some() => Spring::Ffmpeg(LiveSource::Stdin(PipeFormat::Rgb, size)),
        ("-", Piped::Rgb) => return Err(PlanError::LiveSize),
        (url, _) if LiveSource::protocols(url).is_some() => Spring::Ffmpeg(LiveSource::Url(url.to_owned())),
        (path, _) if path.starts_with("/dev/") => Spring::Ffmpeg(LiveSource::Camera(path.into())),
        (other, _) => return Err(PlanError::LiveSource(other.to_owned())),
    })
}

fn sink(args: &LiveArgs) -> Result<Sink, PlanError> {
    let output = args.output.as_path();
    Ok(match args.output_format {
        _ if output.starts_with("/dev/") => Sink::Ffmpeg(LiveTarget::Camera(output.to_owned())),
        _ if output != std::path::Path::new("-") => {
            return Err(PlanError::LiveTarget(output.display().to_string()));
        }
        Piped::Y4m => Sink::Y4m,
        Piped::Mjpeg => Sink::Ffmpeg(LiveTarget::Stdout(PipeFormat::Mjpeg)),
        Piped::Rgb => Sink::Ffmpeg(LiveTarget::Stdout(PipeFormat::Rgb)),
    })
}
