//! What a video file holds, as `ffprobe` tells it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::tools::{Tools, address, input};
use super::{TimeBase, VideoError};

/// No report on a file is longer, in bytes.
const LONGEST_REPORT: usize = 1 << 20;
/// What is asked of each stream.
const ENTRIES: &str = "format=format_name,start_time,duration:\
    stream=index,codec_type,codec_name,width,height,sample_aspect_ratio,pix_fmt,color_range,color_space,\
    color_transfer,color_primaries,field_order,r_frame_rate,avg_frame_rate,time_base,start_pts,nb_frames:\
    stream_disposition=attached_pic:stream_side_data_list:stream_side_data";

/// What a video file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// FFmpeg's names of the container.
    pub format: String,
    /// When the first stream starts, in seconds, as written by `ffprobe`.
    pub start: Option<String>,
    /// Seconds, if the container knows.
    pub duration: Option<f64>,
    /// The picture that is worked on: the first that is not a cover.
    pub video: VideoStream,
    /// The sound.
    pub audio: Vec<AudioStream>,
    /// What else there is and will not be in the output: `subtitle`, `data`, `cover`, `second video`.
    pub dropped: Vec<&'static str>,
}

/// The stream of pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoStream {
    /// Its number in the file.
    pub index: u32,
    /// FFmpeg's name of the codec.
    pub codec: String,
    /// Width before rotation, in pixels, at least 1.
    pub width: u32,
    /// Height before rotation, in pixels, at least 1.
    pub height: u32,
    /// FFmpeg's name of the pixels.
    pub pixels: String,
    /// Seconds a tick.
    pub time_base: TimeBase,
    /// Frames as the container counts them, those that an edit list leaves out included.
    pub frames: Option<u64>,
    /// Frames a second, as far as there is such a number.
    pub rate: Option<TimeBase>,
    /// What the samples mean as colours.
    pub colours: Colours,
    /// Whether frames are two fields, and if so whether the upper one comes first.
    pub interlaced: Option<bool>,
}

/// What the samples mean as colours, in FFmpeg's words; `None` where the file does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Colours {
    /// `tv` or `pc`.
    pub range: Option<&'static str>,
    /// The matrix.
    pub space: Option<&'static str>,
    /// The transfer function.
    pub transfer: Option<&'static str>,
    /// The primaries.
    pub primaries: Option<&'static str>,
    /// The mastering display of an HDR video in the form of x265's `master-display`.
    pub mastering: Option<String>,
    /// The light level of an HDR video in the form of x265's `max-cll`.
    pub light: Option<String>,
}

/// A stream of sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioStream {
    /// Its number in the file.
    pub index: u32,
    /// FFmpeg's name of the codec.
    pub codec: String,
}

impl Colours {
    /// Whether the samples are of high dynamic range.
    pub fn is_hdr(&self) -> bool {
        matches!(self.transfer, Some("smpte2084" | "arib-std-b67"))
    }
}

/// Asks `ffprobe` about a file.
///
/// # Errors
/// [`VideoError`] if it is no video, or none that can be kept.
pub fn probe(tools: &Tools, path: &Path) -> Result<Probe, VideoError> {
    let mut command = tools.ffprobe();
    command.args(["-print_format", "json", "-show_entries", ENTRIES]);
    input(&mut command, path);
    let mut probe = parse_probe(&ask(command, path, tools)?)?;
    if probe.video.colours.transfer == Some("smpte2084") {
        let mut command = tools.ffprobe();
        command.args(["-print_format", "json", "-show_frames", "-read_intervals", "%+#1"]);
        command.args(["-select_streams", &probe.video.index.to_string()]);
        command.args(["-show_entries", "frame=pts:frame_side_data_list:frame_side_data"]);
        input(&mut command, path);
        let first: Frames = parse(&ask(command, path, tools)?)?;
        let data = first.frames.into_iter().flat_map(|frame| frame.side_data_list);
        data.for_each(|data| data.tell(&mut probe.video.colours));
    }
    Ok(probe)
}

/// The number of frames of a file's first video, without decoding them.
///
/// # Errors
/// [`VideoError`] if it cannot be read.
pub fn count_frames(tools: &Tools, path: &Path) -> Result<u64, VideoError> {
    let mut command = tools.ffprobe();
    command.args(["-print_format", "json", "-select_streams", "v:0", "-count_packets"]);
    command.args(["-show_entries", "stream=nb_read_packets", "-i"]).arg(address(path));
    let counted: Counted = parse(&ask(command, path, tools)?)?;
    let count = counted.streams.first().and_then(|s| s.nb_read_packets.as_deref()?.parse().ok());
    count.ok_or(VideoError::NoFrames)
}

/// What a file tells besides picture and sound, by name: tags that are not those of every file of its kind, chapters,
/// and other streams.
///
/// # Errors
/// [`VideoError`] if it cannot be read.
pub fn leftovers(tools: &Tools, path: &Path) -> Result<Vec<String>, VideoError> {
    let mut command = tools.ffprobe();
    command.args(["-print_format", "json", "-show_chapters", "-show_programs"]);
    command.args([
        "-show_entries",
        "format_tags:stream=index,codec_type:stream_tags:chapter=id:program=program_id",
    ]);
    input(&mut command, path);
    let report: Tagged = parse(&ask(command, path, tools)?)?;
    let told = |(name, value): (&String, &String)| {
        let (name, value) = (name.to_ascii_lowercase(), value.as_str());
        let usual = match &*name {
            "major_brand" | "minor_version" | "compatible_brands" | "duration" | "vendor_id" => true,
            "language" => value == "und",
            "encoder" => value.starts_with("Lavc") || value.starts_with("Lavf"),
            "handler_name" => ["VideoHandler", "SoundHandler"].contains(&value),
            _ => false,
        };
        (!usual).then(|| format!("the tag {name}"))
    };
    let mut found: Vec<String> = report.format.tags.iter().filter_map(told).collect();
    for stream in &report.streams {
        found.extend(stream.tags.iter().filter_map(told));
        let kind = stream.codec_type.as_deref().unwrap_or("unknown");
        if !["video", "audio"].contains(&kind) {
            found.push(format!("a stream of {kind}"));
        }
    }
    if !report.chapters.is_empty() {
        found.push(format!("{} chapters", report.chapters.len()));
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// The report on a file. Nothing in it is trusted.
///
/// # Errors
/// [`VideoError`] if it is not understood, or tells of no video that can be kept.
pub fn parse_probe(report: &[u8]) -> Result<Probe, VideoError> {
    let report: Report = parse(report)?;
    let is_video = |s: &&Stream| s.codec_type.as_deref() == Some("video");
    let is_cover = |s: &Stream| s.disposition.as_ref().is_some_and(|d| d.attached_pic == 1);
    let mut pictures = report.streams.iter().filter(is_video).filter(|s| !is_cover(s));
    let video = pictures.next().ok_or(VideoError::NoVideo)?;
    let audio = report.streams.iter().filter(|s| s.codec_type.as_deref() == Some("audio"));
    let mut dropped = Vec::new();
    if pictures.next().is_some() {
        dropped.push("second video");
    }
    for stream in &report.streams {
        let what = match stream.codec_type.as_deref() {
            Some("subtitle") => "subtitle",
            Some("audio") => continue,
            Some("video") if is_cover(stream) => "cover",
            Some("video") => continue,
            _ => "data",
        };
        if !dropped.contains(&what) {
            dropped.push(what);
        }
    }
    Ok(Probe {
        video: video.picture()?,
        audio: audio.map(|s| AudioStream { index: s.index, codec: s.codec() }).collect(),
        dropped,
        format: report.format.format_name.unwrap_or_default(),
        start: report.format.start_time.filter(|s| s.parse::<f64>().is_ok_and(f64::is_finite)),
        duration: report.format.duration.and_then(|s| s.parse().ok()).filter(|d: &f64| d.is_finite()),
    })
}

/// Runs `ffprobe`, which is watched as the codecs are.
fn ask(mut command: Command, path: &Path, tools: &Tools) -> Result<Vec<u8>, VideoError> {
    use std::io::Read;
    command.stdout(Stdio::piped());
    let (child, pipes) = super::child::Watched::start(command, "looking at the file", tools.stall)?;
    let mut report = Vec::new();
    {
        let _waiting = child.waiting();
        if let Some(stdout) = pipes.stdout {
            // What is torn off is not understood.
            let _ = stdout.take(LONGEST_REPORT as u64 + 1).read_to_end(&mut report);
        }
    }
    let prefix = address(path).to_string_lossy().into_owned();
    match child.finish() {
        Ok(_) => Ok(report),
        Err(VideoError::Codec { words, .. }) => {
            let words = match words.split_once(": Format not on whitelist") {
                Some((format, _)) => {
                    let format = format.rsplit(' ').next().unwrap_or_default();
                    format!("it is no container of videos but {format:?}")
                }
                None => words.replace(&format!("{prefix}: "), "").replace(&prefix, "the file"),
            };
            Err(VideoError::Unreadable(words))
        }
        Err(e) => Err(e),
    }
}

fn parse<'a, T: Deserialize<'a>>(report: &'a [u8]) -> Result<T, VideoError> {
    if report.len() > LONGEST_REPORT {
        return Err(VideoError::Report(format!("it has more than {LONGEST_REPORT} bytes")));
    }
    serde_json::from_slice(report).map_err(|e| VideoError::Report(e.to_string()))
}

#[derive(Deserialize)]
struct Report {
    #[serde(default)]
    streams: Vec<Stream>,
    #[serde(default)]
    format: Format,
}

#[derive(Default, Deserialize)]
struct Format {
    format_name: Option<String>,
    start_time: Option<String>,
    duration: Option<String>,
}

#[derive(Deserialize)]
struct Stream {
    index: u32,
    codec_type: Option<String>,
    codec_name: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    pix_fmt: Option<String>,
    color_range: Option<String>,
    color_space: Option<String>,
    color_transfer: Option<String>,
    color_primaries: Option<String>,
    field_order: Option<String>,
    r_frame_rate: Option<String>,
    avg_frame_rate: Option<String>,
    time_base: Option<String>,
    nb_frames: Option<String>,
    disposition: Option<Disposition>,
    #[serde(default)]
    side_data_list: Vec<SideData>,
}

#[derive(Deserialize)]
struct Disposition {
    #[serde(default)]
    attached_pic: u8,
}

#[derive(Deserialize)]
struct Counted {
    #[serde(default)]
    streams: Vec<CountedStream>,
}

#[derive(Deserialize)]
struct CountedStream {
    nb_read_packets: Option<String>,
}

#[derive(Deserialize)]
struct Tagged {
    #[serde(default)]
    streams: Vec<TaggedStream>,
    #[serde(default)]
    format: Tags,
    #[serde(default)]
    chapters: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct TaggedStream {
    codec_type: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
struct Tags {
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Frames {
    #[serde(default)]
    frames: Vec<FirstFrame>,
}

#[derive(Deserialize)]
struct FirstFrame {
    #[serde(default)]
    side_data_list: Vec<SideData>,
}

#[derive(Deserialize)]
struct SideData {
    #[serde(default)]
    side_data_type: String,
    dv_bl_signal_compatibility_id: Option<u8>,
    dv_profile: Option<u8>,
    red_x: Option<String>,
    red_y: Option<String>,
    green_x: Option<String>,
    green_y: Option<String>,
    blue_x: Option<String>,
    blue_y: Option<String>,
    white_point_x: Option<String>,
    white_point_y: Option<String>,
    min_luminance: Option<String>,
    max_luminance: Option<String>,
    max_content: Option<u32>,
    max_average: Option<u32>,
}

impl Stream {
    fn codec(&self) -> String {
        self.codec_name.clone().unwrap_or_else(|| "unknown".to_owned())
    }

    fn picture(&self) -> Result<VideoStream, VideoError> {
        let side = |side: Option<u32>| side.filter(|&n| n > 0 && i32::try_from(n).is_ok());
        let (Some(width), Some(height)) = (side(self.width), side(self.height)) else {
            return Err(VideoError::NoFrames);
        };
        let rate = |text: &Option<String>| text.as_deref().and_then(TimeBase::parse);
        let mut colours = Colours {
            range: known(&RANGES, &self.color_range),
            space: known(&SPACES, &self.color_space),
            transfer: known(&TRANSFERS, &self.color_transfer),
            primaries: known(&PRIMARIES, &self.color_primaries),
            ..Colours::default()
        };
        let pixels = self.pix_fmt.clone().unwrap_or_default();
        if pixels.starts_with("yuvj") {
            colours.range = Some("pc");
        }
        for data in &self.side_data_list {
            data.tell(&mut colours);
            if data.dv_bl_signal_compatibility_id == Some(0) {
                let profile = data.dv_profile.unwrap_or(0);
                return Err(VideoError::Unsupported(format!(
                    "its colours are Dolby Vision's own (profile {profile}), which no other player would show right"
                )));
            }
        }
        let time_base = self.time_base.as_deref().and_then(TimeBase::parse);
        Ok(VideoStream {
            index: self.index,
            codec: self.codec(),
            width,
            height,
            pixels,
            time_base: time_base.ok_or_else(|| VideoError::Report("a time base is missing".to_owned()))?,
            frames: self.nb_frames.as_deref().and_then(|n| n.parse().ok()),
            rate: rate(&self.avg_frame_rate).or(rate(&self.r_frame_rate)),
            colours,
            interlaced: match self.field_order.as_deref() {
                Some("tt" | "tb") => Some(true),
                Some("bb" | "bt") => Some(false),
                _ => None,
            },
        })
    }
}

impl SideData {
    /// Adds what this says of colours, in whole steps of 0.00002 and 0.0001 cd/m².
    fn tell(&self, colours: &mut Colours) {
        let steps = |text: &Option<String>, steps: f64| {
            let (num, den) = text.as_deref()?.split_once('/')?;
            let value = num.parse::<f64>().ok()? / den.parse::<f64>().ok()? * steps;
            (0.0..=4e9).contains(&value).then(|| value.round() as u64)
        };
        let at = |x: &Option<String>, y: &Option<String>| {
            Some(format!("({},{})", steps(x, 50_000.0)?, steps(y, 50_000.0)?))
        };
        let display = || {
            let (green, blue) = (at(&self.green_x, &self.green_y)?, at(&self.blue_x, &self.blue_y)?);
            let (red, white) = (at(&self.red_x, &self.red_y)?, at(&self.white_point_x, &self.white_point_y)?);
            let (max, min) = (steps(&self.max_luminance, 10_000.0)?, steps(&self.min_luminance, 10_000.0)?);
            Some(format!("G{green}B{blue}R{red}WP{white}L({max},{min})"))
        };
        match &*self.side_data_type {
            "Mastering display metadata" => colours.mastering = display().or(colours.mastering.take()),
            "Content light level metadata" => {
                let (max, mean) = (self.max_content.unwrap_or(0), self.max_average.unwrap_or(0));
                colours.light = Some(format!("{max},{mean}"));
            }
            _ => {}
        }
    }
}

/// What FFmpeg says, and what it wants to be told for it; all else goes unsaid.
type Names = [(&'static str, &'static str)];

const RANGES: [(&str, &str); 2] = [("tv", "tv"), ("pc", "pc")];
const SPACES: [(&str, &str); 7] = [
    ("bt709", "bt709"),
    ("fcc", "fcc"),
    ("bt470bg", "bt470bg"),
    ("smpte170m", "smpte170m"),
    ("smpte240m", "smpte240m"),
    ("bt2020nc", "bt2020nc"),
    ("bt2020c", "bt2020c"),
];
const TRANSFERS: [(&str, &str); 14] = [
    ("bt709", "bt709"),
    ("bt470m", "gamma22"),
    ("gamma22", "gamma22"),
    ("bt470bg", "gamma28"),
    ("gamma28", "gamma28"),
    ("smpte170m", "smpte170m"),
    ("smpte240m", "smpte240m"),
    ("linear", "linear"),
    ("iec61966-2-1", "iec61966-2-1"),
    ("iec61966-2-4", "iec61966-2-4"),
    ("bt2020-10", "bt2020-10"),
    ("bt2020-12", "bt2020-12"),
    ("smpte2084", "smpte2084"),
    ("arib-std-b67", "arib-std-b67"),
];
const PRIMARIES: [(&str, &str); 9] = [
    ("bt709", "bt709"),
    ("bt470m", "bt470m"),
    ("bt470bg", "bt470bg"),
    ("smpte170m", "smpte170m"),
    ("smpte240m", "smpte240m"),
    ("film", "film"),
    ("bt2020", "bt2020"),
    ("smpte431", "smpte431"),
    ("smpte432", "smpte432"),
];

fn known(names: &Names, said: &Option<String>) -> Option<&'static str> {
    let said = said.as_deref()?;
    names.iter().find(|(name, _)| *name == said).map(|&(_, told)| told)
}

#[cfg(test)]
#[path = "probe_tests.rs"]
mod tests;
