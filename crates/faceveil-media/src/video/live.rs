//! Frames from and to cameras, networks and pipes, in one pass: no file is asked about first, and whatever comes is
//! passed on at once.

use std::ffi::OsString;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::{ChildStdin, ChildStdout, Stdio};

use super::child::Watched;
use super::decode::widen;
use super::frames::Frame;
use super::nut::{NutError, NutHeader, NutReader, NutWriter};
use super::tools::Tools;
use super::{Chroma, PixelLayout, TimeBase, VideoError};

/// Frames of live sources have this layout.
pub const LIVE_LAYOUT: PixelLayout = PixelLayout { chroma: Chroma::C420, bits: 8 };
/// Times of live frames are counted in this.
pub const LIVE_TIME_BASE: TimeBase = TimeBase { num: 1, den: 90_000 };

/// How frames lie in a pipe that FFmpeg reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PipeFormat {
    /// JPEG pictures one after the other.
    Mjpeg,
    /// Red, green, blue of each pixel, without anything between frames.
    Rgb,
}

/// Where live frames come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LiveSource {
    /// A camera of Video4Linux.
    Camera(PathBuf),
    /// A network address, which somebody has typed: `rtsp`, `rtsps`, `http`, `https`, `tcp`, `udp`.
    Url(String),
    /// Standard input; the size is that of raw frames.
    Stdin(PipeFormat, Option<(u32, u32)>),
}

/// Where live frames go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LiveTarget {
    /// A virtual camera (`v4l2loopback`).
    Camera(PathBuf),
    /// Standard output.
    Stdout(PipeFormat),
}

/// Decodes a live source in a process of its own.
#[derive(Debug)]
pub struct LiveDecoder {
    child: Watched,
    reader: NutReader<BufReader<ChildStdout>>,
}

impl LiveSource {
    /// The protocols that a network address may use; `None` if it is none that is read.
    pub fn protocols(url: &str) -> Option<&'static str> {
        match url.split_once("://")?.0 {
            "rtsp" | "rtsps" => Some("rtsp,rtsps,rtp,udp,tcp,tls,crypto"),
            "http" | "https" => Some("http,https,tcp,tls,crypto"),
            "tcp" => Some("tcp"),
            "udp" => Some("udp"),
            _ => None,
        }
    }
}

impl LiveDecoder {
    /// Starts decoding, `rate` frames a second where the source can be asked for one.
    ///
    /// # Errors
    /// [`VideoError`] if nothing comes.
    pub fn start(
        tools: &Tools,
        source: &LiveSource,
        rate: Option<u32>,
        max_pixels: u64,
    ) -> Result<Self, VideoError> {
        let mut command = tools.ffmpeg();
        command.args(["-max_pixels", &max_pixels.to_string(), "-flags", "low_delay"]);
        command.stdin(Stdio::null());
        let wanted = rate.map(|rate| rate.to_string());
        let rated = wanted.iter().flat_map(|rate| ["-framerate", rate]);
        match source {
            LiveSource::Camera(path) => {
                command.args(["-fflags", "nobuffer", "-f", "v4l2"]).args(rated).arg("-i").arg(path);
            }
            LiveSource::Url(url) => {
                let protocols = LiveSource::protocols(url);
                let Some(protocols) = protocols else { return Err(VideoError::Unreadable(url.clone())) };
                command.args(["-protocol_whitelist", protocols]);
                command.args([
                    "-format_whitelist",
                    "rtsp,rtp,sdp,mpegts,mjpeg,mpjpeg,mov,flv,matroska,webm,h264,hevc",
                ]);
                if url.starts_with("rtsp") {
                    command.args(["-rtsp_transport", "tcp"]);
                }
                command.args(["-i", url]);
            }
            LiveSource::Stdin(format, size) => {
                command.stdin(Stdio::inherit()).args(["-protocol_whitelist", "pipe"]);
                match (format, size) {
                    (PipeFormat::Mjpeg, _) => {
                        command.args(["-f", "mjpeg"]).args(rated);
                    }
                    (PipeFormat::Rgb, size) => {
                        let (width, height) = size.unwrap_or_default();
                        command.args(["-f", "rawvideo", "-pixel_format", "rgb24"]);
                        command.args(["-video_size", &format!("{width}x{height}")]).args(rated);
                    }
                }
                command.args(["-i", "pipe:0"]);
            }
        }
        command.args(["-map", "0:v:0", "-c:v", "rawvideo"]).args(tools.every_frame());
        command.args(["-pix_fmt", LIVE_LAYOUT.name(false), "-enc_time_base", &LIVE_TIME_BASE.to_string()]);
        command.args([
            "-map_metadata",
            "-1",
            "-flush_packets",
            "1",
            "-f",
            "nut",
            "-write_index",
            "0",
            "pipe:1",
        ]);
        command.stdout(Stdio::piped());
        let (child, pipes) = Watched::start(command, "reading the live source", tools.stall)?;
        let Some(stdout) = pipes.stdout else { return Err(VideoError::NoFrames) };
        widen(&stdout);
        let opened = {
            let _waiting = child.waiting();
            NutReader::open(BufReader::with_capacity(1 << 16, stdout))
        };
        match opened {
            Ok(reader) => Ok(Self { child, reader }),
            Err(NutError::NoHeader) => Err(child.blame(VideoError::NoFrames)),
            Err(e) => Err(child.blame(VideoError::Frames(e))),
        }
    }

    /// Width and height of all frames, in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.reader.header().width, self.reader.header().height)
    }

    /// The next frame into `frame`'s memory; `false` when no more comes.
    ///
    /// # Errors
    /// [`VideoError`] if the source cannot be read on.
    pub fn next(&mut self, frame: &mut Frame) -> Result<bool, VideoError> {
        let (width, height) = self.size();
        if frame.bytes().len() != LIVE_LAYOUT.frame_bytes(width, height) {
            *frame = Frame::empty(LIVE_LAYOUT, width, height);
        }
        let read = {
            let _waiting = self.child.waiting();
            self.reader.next(frame.bytes_mut())
        };
        match read.map_err(VideoError::Frames)? {
            Some(pts) => {
                frame.pts =
                    self.reader.header().time_base.convert(pts, LIVE_TIME_BASE).unwrap_or(frame.pts + 1);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// What FFmpeg complained of, if the source ended well all the same.
    ///
    /// # Errors
    /// [`VideoError`] if it did not end well.
    pub fn finish(self) -> Result<String, VideoError> {
        self.child.finish()
    }
}

/// Writes live frames in a process of its own.
#[derive(Debug)]
pub struct LiveEncoder {
    child: Watched,
    writer: Option<NutWriter<ChildStdin>>,
    last: i64,
}

impl LiveEncoder {
    /// Starts writing frames of `width` × `height` pixels.
    ///
    /// # Errors
    /// [`VideoError`] if the process cannot be started.
    pub fn start(
        tools: &Tools,
        target: &LiveTarget,
        (width, height): (u32, u32),
    ) -> Result<Self, VideoError> {
        let mut command = tools.ffmpeg();
        command.args(["-copyts", "-protocol_whitelist", "pipe", "-probesize", "32", "-analyzeduration", "0"]);
        command.args(["-fpsprobesize", "0", "-f", "nut", "-i", "pipe:0"]).args(tools.every_frame());
        command
            .args(["-enc_time_base", &LIVE_TIME_BASE.to_string(), "-flush_packets", "1"])
            .stdout(Stdio::null());
        let words: Vec<OsString> = match target {
            LiveTarget::Camera(path) => {
                let mut words: Vec<OsString> =
                    ["-pix_fmt", "yuv420p", "-f", "v4l2"].map(OsString::from).into();
                words.push(path.into());
                words
            }
            LiveTarget::Stdout(format) => {
                command.stdout(Stdio::inherit());
                let words: &[&str] = match format {
                    PipeFormat::Mjpeg => {
                        &["-c:v", "mjpeg", "-q:v", "3", "-pix_fmt", "yuvj420p", "-f", "mjpeg", "pipe:1"]
                    }
                    PipeFormat::Rgb => &["-c:v", "rawvideo", "-pix_fmt", "rgb24", "-f", "rawvideo", "pipe:1"],
                };
                words.iter().map(OsString::from).collect()
            }
        };
        command.args(words).stdin(Stdio::piped());
        let (child, pipes) = Watched::start(command, "writing the live output", tools.stall)?;
        let Some(stdin) = pipes.stdin else { return Err(VideoError::NoFrames) };
        widen(&stdin);
        let header = NutHeader {
            width,
            height,
            pixel_aspect: (0, 0),
            time_base: LIVE_TIME_BASE,
            fourcc: LIVE_LAYOUT.fourcc(),
        };
        match NutWriter::open(stdin, &header) {
            Ok(writer) => Ok(Self { child, writer: Some(writer), last: -1 }),
            Err(e) => Err(child.blame(VideoError::Frames(e))),
        }
    }

    /// Writes a frame. Times that do not go forwards are corrected.
    ///
    /// # Errors
    /// [`VideoError`] if nobody takes it.
    pub fn write(&mut self, frame: &Frame) -> Result<(), VideoError> {
        self.last = frame.pts.max(self.last + 1);
        let _waiting = self.child.waiting();
        let broken = || NutError::Io(std::io::ErrorKind::BrokenPipe.into());
        let written =
            self.writer.as_mut().map_or_else(|| Err(broken()), |w| w.write(self.last, frame.bytes()));
        written.map_err(VideoError::Frames)
    }

    /// Waits for the rest to be written.
    ///
    /// # Errors
    /// [`VideoError`] if that fails.
    pub fn finish(mut self) -> Result<(), VideoError> {
        drop(self.writer.take());
        self.child.finish().map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_were_meant_get_a_network() {
        for url in ["rtsp://camera/1", "https://host/x", "tcp://127.0.0.1:9"] {
            assert!(LiveSource::protocols(url).is_some(), "{url}");
        }
        for url in
            ["file:///etc/passwd", "concat:a|b", "/dev/video0", "data://x", "subfile,,start,0,end,0,,:x", ""]
        {
            assert_eq!(LiveSource::protocols(url), None, "{url}");
        }
    }
}
