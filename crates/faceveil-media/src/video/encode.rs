//! Frames into a file, with the original's sound.

mod parts;

use std::io;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};

use super::child::Watched;
use super::decode::{SHIFT_SECONDS, shift_ticks, widen};
use super::frames::Frame;
use super::nut::{NutError, NutHeader, NutWriter};
use super::tools::{Tools, address, input};
use super::{AudioStream, Chroma, Colours, Container, PixelLayout, Probe, TimeBase, VideoError, vorbis};

pub use parts::join_parts;

/// What the encoder says when a file cannot be written.
const UNWRITTEN: [&str; 5] =
    ["No space left", "File too large", "Input/output error", "Disk quota", "Error writing trailer"];

/// What encodes the frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VideoCodec {
    /// H.264 by x264.
    H264,
    /// H.265 by x265.
    H265,
    /// VP9 by libvpx.
    Vp9,
    /// AV1 by SVT-AV1, or libaom for what that does not take.
    Av1,
    /// FFV1: lossless.
    Ffv1,
    /// Another encoder by FFmpeg's name for it.
    Named(String),
}

/// What becomes of the sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AudioChoice {
    /// Copied as it is.
    #[default]
    Copy,
    /// Left out.
    Drop,
}

/// How frames are encoded.
#[derive(Clone, Debug, PartialEq)]
pub struct EncoderOptions {
    /// By what.
    pub codec: VideoCodec,
    /// Quality, lower is better; `None` takes the codec's usual one.
    pub crf: Option<f32>,
    /// Effort in the codec's own words; `None` takes the usual one.
    pub preset: Option<String>,
    /// What becomes of the sound.
    pub audio: AudioChoice,
    /// The container.
    pub container: Container,
    /// The layout of the frames.
    pub layout: PixelLayout,
    /// The first moment of the original that is in the frames, in seconds from its start.
    pub start: Option<f64>,
    /// The first moment that is no longer, in seconds from its start.
    pub end: Option<f64>,
}

/// Encodes frames in a process of its own, which fetches the sound from the original by itself.
#[derive(Debug)]
pub struct Encoder {
    child: Watched,
    writer: Option<NutWriter<ChildStdin>>,
    shift: i64,
    count: u64,
}

impl VideoCodec {
    /// The codec that `name` means: `h264`, `h265` or `hevc`, `vp9`, `av1`, `ffv1`, or an encoder of FFmpeg.
    /// `None` for what cannot be one's name.
    pub fn parse(name: &str) -> Option<Self> {
        let plain =
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        Some(match name {
            "h264" | "x264" | "libx264" => Self::H264,
            "h265" | "hevc" | "x265" | "libx265" => Self::H265,
            "vp9" | "libvpx-vp9" => Self::Vp9,
            "av1" => Self::Av1,
            "ffv1" => Self::Ffv1,
            name if plain && !name.starts_with('-') => Self::Named(name.to_owned()),
            _ => return None,
        })
    }

    /// The usual codec for frames of `layout` in `container`.
    pub fn usual(container: Container, layout: PixelLayout) -> Self {
        match container {
            Container::WebM => Self::Vp9,
            _ if layout.bits > 8 => Self::H265,
            _ => Self::H264,
        }
    }

    /// The layout that frames need to have to keep the most of `source`: two codecs cannot have odd sides with
    /// shared colour samples, and few players take grey.
    pub fn layout(&self, source: PixelLayout, width: u32, height: u32) -> PixelLayout {
        let chroma = match source.chroma {
            Chroma::Gray => Chroma::C420,
            chroma => chroma,
        };
        let shares = PixelLayout { chroma, ..source }.shift();
        let odd = (shares.0 == 1 && width % 2 == 1) || (shares.1 == 1 && height % 2 == 1);
        let even_only = !matches!(self, Self::Vp9 | Self::Av1 | Self::Ffv1);
        PixelLayout { chroma: if odd && even_only { Chroma::C444 } else { chroma }, ..source }
    }

    /// What makes FFmpeg use it.
    fn options(&self, options: &EncoderOptions, colours: &Colours, interlaced: Option<bool>) -> Vec<String> {
        let crf = |usual: f32| options.crf.unwrap_or(usual).to_string();
        let preset = |usual: &str| options.preset.clone().unwrap_or_else(|| usual.to_owned());
        let words = |words: &[&str]| words.iter().map(|&w| w.to_owned()).collect::<Vec<_>>();
        match self {
            Self::H264 => {
                let mut all = words(&["-c:v", "libx264", "-preset", &preset("faster"), "-crf", &crf(23.5)]);
                if let Some(upper) = interlaced {
                    let order = if upper { "tff=1" } else { "bff=1" };
                    all.extend(words(&["-flags:v", "+ildct+ilme", "-x264-params", order]));
                }
                all
            }
            Self::H265 => {
                let mut parameters = "log-level=error".to_owned();
                if let Some(display) = &colours.mastering {
                    parameters.push_str(&format!(":hdr10=1:repeat-headers=1:master-display={display}"));
                }
                if let Some(light) = &colours.light {
                    parameters.push_str(&format!(":max-cll={light}"));
                }
                let mut all = words(&["-c:v", "libx265", "-preset", &preset("fast"), "-crf", &crf(23.0)]);
                all.extend(words(&["-x265-params", &parameters]));
                if matches!(options.container, Container::Mp4 | Container::Mov) {
                    all.extend(words(&["-tag:v", "hvc1"]));
                }
                all
            }
            Self::Vp9 => words(&[
                "-c:v",
                "libvpx-vp9",
                "-b:v",
                "0",
                "-crf",
                &crf(30.0),
                "-deadline",
                "good",
                "-cpu-used",
                &preset("5"),
                "-row-mt",
                "1",
            ]),
            Self::Av1 if options.layout.chroma == Chroma::C420 => {
                words(&["-c:v", "libsvtav1", "-preset", &preset("8"), "-crf", &crf(30.0)])
            }
            Self::Av1 => {
                words(&["-c:v", "libaom-av1", "-b:v", "0", "-cpu-used", &preset("6"), "-crf", &crf(28.0)])
            }
            Self::Ffv1 => words(&["-c:v", "ffv1", "-level", "3", "-g", "1"]),
            Self::Named(name) => {
                let mut all = words(&["-c:v", name]);
                all.extend(options.preset.iter().flat_map(|p| words(&["-preset", p])));
                all.extend(options.crf.iter().flat_map(|c| words(&["-crf", &c.to_string()])));
                all
            }
        }
    }
}

impl Encoder {
    /// Starts encoding frames of `header`'s size and times, which come from `original`, to `output`, which is
    /// replaced.
    ///
    /// # Errors
    /// [`VideoError`] if the encoder cannot be started.
    pub fn start(
        tools: &Tools,
        original: &Path,
        probe: &Probe,
        (width, height): (u32, u32),
        pixel_aspect: (u32, u32),
        options: &EncoderOptions,
        output: &Path,
    ) -> Result<Self, VideoError> {
        let time_base = probe.video.time_base;
        let mut command = tools.ffmpeg();
        command.args(["-y", "-copyts", "-itsoffset", &format!("-{}", frames_shift(time_base))]);
        input_frames(&mut command, &probe.video.colours);
        let sounds = sound(&mut command, original, probe, options);
        command.args(["-map", "0:v:0"]);
        sound_copied(&mut command, original, probe, sounds);
        command.args(tools.every_frame());
        command.args(["-enc_time_base", &time_base.to_string(), "-pix_fmt", options.layout.name(false)]);
        command.args(options.codec.options(options, &probe.video.colours, probe.video.interlaced));
        if let Some(ticks) = frame_ticks(probe).filter(|_| tools.sets_durations()) {
            // It is that of the last frame that counts; the pipe cannot tell it.
            command.args(["-bsf:v", &format!("setts=pts=PTS:dts=DTS:duration={ticks}")]);
        }
        colour_options(&mut command, &probe.video.colours);
        bare(&mut command);
        container_options(&mut command, probe, options);
        command.args(["-f", options.container.muxer()]).arg(address(output));
        Self::spawn(tools, command, probe, (width, height), pixel_aspect, options)
    }

    /// Starts `command`, which takes frames from its standard input.
    fn spawn(
        tools: &Tools,
        mut command: Command,
        probe: &Probe,
        (width, height): (u32, u32),
        pixel_aspect: (u32, u32),
        options: &EncoderOptions,
    ) -> Result<Self, VideoError> {
        let time_base = probe.video.time_base;
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        let (child, pipes) = Watched::start(command, "encoding", tools.stall)?;
        let Some(stdin) = pipes.stdin else { return Err(VideoError::NoFrames) };
        widen(&stdin);
        let fourcc = options.layout.fourcc();
        let header = NutHeader { width, height, pixel_aspect, time_base, fourcc };
        match NutWriter::open(stdin, &header) {
            Ok(writer) => Ok(Self { child, writer: Some(writer), shift: shift_ticks(time_base), count: 0 }),
            Err(e) => Err(child.blame(VideoError::Frames(e))),
        }
    }

    /// Encodes a frame. On an error [`Self::finish`] says why.
    ///
    /// # Errors
    /// [`VideoError`] if the encoder takes no more.
    pub fn write(&mut self, frame: &mut Frame) -> Result<(), VideoError> {
        let broken = || NutError::Io(io::ErrorKind::BrokenPipe.into());
        let pts = frame.pts.checked_add(self.shift).ok_or(VideoError::Times { frame: self.count })?;
        frame.order();
        let _waiting = self.child.waiting();
        let written = self.writer.as_mut().map_or_else(|| Err(broken()), |w| w.write(pts, frame.bytes()));
        if let Err(e) = written {
            self.writer = None;
            return Err(VideoError::Frames(e));
        }
        self.count += 1;
        Ok(())
    }

    /// Waits for the rest to be written, and returns the number of frames.
    ///
    /// # Errors
    /// [`VideoError`] if the file is not whole.
    pub fn finish(mut self) -> Result<u64, VideoError> {
        // Without its input the encoder comes to an end.
        let torn = self.writer.take().is_none();
        match self.child.finish() {
            Ok(_) if torn => {
                Err(VideoError::Codec { what: "encoding", words: "it took no more frames".to_owned() })
            }
            // FFmpeg takes some of these for its end all the same.
            Ok(words) if is_unwritten(&words) => Err(VideoError::Codec { what: "encoding", words }),
            Ok(_) => Ok(self.count),
            Err(e) => Err(e),
        }
    }
}

/// Ticks that a frame is usually shown.
fn frame_ticks(probe: &Probe) -> Option<i64> {
    let rate = probe.video.rate?;
    let frame = TimeBase::new(rate.den, rate.num)?;
    frame.convert(1, probe.video.time_base).filter(|&ticks| ticks > 0)
}

/// Whether the encoder complains that the file cannot be written.
fn is_unwritten(words: &str) -> bool {
    UNWRITTEN.iter().any(|known| words.contains(known))
}

/// Seconds by which frames are later on their way than in the file.
fn frames_shift(time_base: TimeBase) -> i64 {
    SHIFT_SECONDS * i64::from(time_base.num)
}

/// The pipe with the frames; what they mean as colours is not in it.
fn input_frames(command: &mut Command, colours: &Colours) {
    command.args(["-protocol_whitelist", "pipe"]);
    command.args(["-probesize", "32", "-analyzeduration", "0", "-fpsprobesize", "0"]);
    colour_options(command, colours);
    command.args(["-f", "nut", "-i", "pipe:0"]);
}

/// The original as second input, if its sound is wanted. Gives whether it is.
fn sound(command: &mut Command, original: &Path, probe: &Probe, options: &EncoderOptions) -> bool {
    let sound = options.audio == AudioChoice::Copy && !probe.audio.is_empty();
    if sound {
        sound_input(command, original, probe, options);
    }
    sound
}

/// All streams of sound as they are.
fn sound_copied(command: &mut Command, original: &Path, probe: &Probe, sound: bool) {
    for stream in probe.audio.iter().filter(|_| sound) {
        command.args(["-map", &format!("1:{}", stream.index)]);
    }
    command.args(["-c:a", "copy"]);
    // The headers of Vorbis hold its comments, which a copy would keep.
    let is_vorbis = |(_, stream): &(usize, &AudioStream)| sound && stream.codec == "vorbis";
    let anew = probe.audio.iter().enumerate().filter(is_vorbis).filter(|_| !vorbis::says_nothing(original));
    for (n, _) in anew {
        command.args([&format!("-c:a:{n}"), "libvorbis", &format!("-q:a:{n}"), "6"]);
    }
}

fn sound_input(command: &mut Command, original: &Path, probe: &Probe, options: &EncoderOptions) {
    let first: f64 = probe.start.as_deref().and_then(|s| s.parse().ok()).unwrap_or(0.0);
    if let Some(start) = options.start.filter(|&s| s > 0.0) {
        command.args(["-ss", &format!("{start:.6}")]);
    }
    if let Some(end) = options.end {
        command.args(["-to", &format!("{:.6}", end + first)]);
    }
    command.args(["-vn", "-sn", "-dn"]);
    input(command, original);
}

fn colour_options(command: &mut Command, colours: &Colours) {
    let all = [
        ("-color_range", colours.range),
        ("-colorspace", colours.space),
        ("-color_trc", colours.transfer),
        ("-color_primaries", colours.primaries),
    ];
    for (option, value) in all {
        if let Some(value) = value {
            command.args([option, value]);
        }
    }
}

/// Nothing of the original but picture and sound.
fn bare(command: &mut Command) {
    command.args(["-map_metadata", "-1", "-map_chapters", "-1", "-sn", "-dn"]);
    command.args(["-fflags", "+bitexact", "-flags:v", "+bitexact"]);
}

fn container_options(command: &mut Command, probe: &Probe, options: &EncoderOptions) {
    let first: f64 = probe.start.as_deref().and_then(|s| s.parse().ok()).unwrap_or(0.0);
    // A transport stream starts somewhere; other containers start at 0, but for the shift between their streams.
    let stream = probe.format.split(',').any(|f| f == "mpegts" || f == "mpeg");
    let mut earlier = options.start.map_or(0.0, |start| start + first);
    if options.start.is_none() && stream && options.container != Container::Ts {
        earlier = first;
    }
    if earlier != 0.0 {
        command.args(["-output_ts_offset", &format!("{:.6}", -earlier)]);
    }
    match options.container {
        Container::Mp4 | Container::Mov => {
            command.args(["-movflags", "+faststart", "-write_tmcd", "0", "-strict", "-2"]);
        }
        Container::Ts => {
            command.args(["-muxdelay", "0", "-muxpreload", "0", "-mpegts_copyts", "1"]);
        }
        Container::Matroska | Container::WebM => {}
    }
}

/// Where an output of `source` goes that is to keep its container as far as it can be written: the same name, with
/// `.mkv` in place of an ending that cannot.
pub fn keeping_container(source: &Path) -> PathBuf {
    match Container::of(source) {
        Ok(_) => source.to_owned(),
        Err(_) => source.with_extension("mkv"),
    }
}
