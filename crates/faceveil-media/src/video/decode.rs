//! Frames out of a file.

use std::io::BufReader;
use std::path::Path;
use std::process::{ChildStdout, Stdio};
use std::sync::mpsc::Sender;

use super::child::Watched;
use super::frames::{Frame, Pool};
use super::nut::{NutError, NutReader};
use super::tools::{Tools, input};
use super::{PixelLayout, Probe, TimeBase, VideoError};

/// Frames before time 0 are moved behind it by this many seconds times the time base's numerator on their way: NUT
/// knows no negative times. A whole number of ticks.
pub(super) const SHIFT_SECONDS: i64 = 10;
/// Bytes of a frame's head that are read at once.
const BUFFER: usize = 1 << 16;

/// How a file is decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct DecoderOptions {
    /// The layout that frames shall have.
    pub layout: PixelLayout,
    /// Frames of more pixels are refused.
    pub max_pixels: u64,
    /// Whether to go on with what can be decoded of a damaged file.
    pub keep_damaged: bool,
    /// The first moment that is wanted, in seconds from the file's start.
    pub start: Option<f64>,
    /// The first moment that is no longer wanted, in seconds from the file's start.
    pub end: Option<f64>,
}

/// Decodes a file in a process of its own, frame by frame. Frames are upright, whatever the file's rotation.
#[derive(Debug)]
pub struct Decoder {
    child: Option<Watched>,
    reader: NutReader<BufReader<ChildStdout>>,
    options: DecoderOptions,
    time_base: TimeBase,
    pool: Pool,
    last: Option<i64>,
    count: u64,
}

impl Decoder {
    /// Starts decoding; the first frame's size is known then.
    ///
    /// # Errors
    /// [`VideoError`] if there is nothing to decode, or it is too large.
    pub fn start(
        tools: &Tools,
        path: &Path,
        probe: &Probe,
        options: DecoderOptions,
    ) -> Result<Self, VideoError> {
        let video = &probe.video;
        check_size(video.width, video.height, options.max_pixels)?;
        let mut command = tools.ffmpeg();
        command.arg("-copyts").args(["-max_pixels", &options.max_pixels.to_string()]);
        let seconds = |s: f64| format!("{s:.6}");
        // With times kept as they are, moments are counted from zero and not from the file's start.
        let first: f64 = probe.start.as_deref().and_then(|s| s.parse().ok()).unwrap_or(0.0);
        if let Some(start) = options.start.filter(|&s| s > 0.0) {
            command.args(["-ss", &seconds(start)]);
        }
        if let Some(end) = options.end {
            command.args(["-to", &seconds(end + first)]);
        }
        input(&mut command, path);
        command.args(["-map", &format!("0:{}", video.index), "-c:v", "rawvideo"]).args(tools.every_frame());
        let full = video.pixels.starts_with("yuvj");
        command.args(["-pix_fmt", options.layout.name(full)]);
        command.args(["-enc_time_base", &video.time_base.to_string()]);
        let shift = SHIFT_SECONDS * i64::from(video.time_base.num);
        command.args(["-output_ts_offset", &shift.to_string(), "-avoid_negative_ts", "disabled"]);
        command.args(["-map_metadata", "-1", "-f", "nut", "-write_index", "0", "pipe:1"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let (child, pipes) = Watched::start(command, "decoding", tools.stall)?;
        let Some(stdout) = pipes.stdout else { return Err(VideoError::NoFrames) };
        widen(&stdout);
        let opened = {
            let _waiting = child.waiting();
            NutReader::open(BufReader::with_capacity(BUFFER, stdout))
        };
        let reader = match opened {
            Ok(reader) => reader,
            Err(NutError::NoHeader) => return Err(ended(child, VideoError::NoFrames)),
            Err(e) => return Err(ended(child, VideoError::Frames(e))),
        };
        let header = reader.header();
        check_size(header.width, header.height, options.max_pixels)?;
        let (pool, time_base) = (Pool::new(), video.time_base);
        Ok(Self { child: Some(child), reader, options, time_base, pool, last: None, count: 0 })
    }

    /// Width and height of all frames, in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.reader.header().width, self.reader.header().height)
    }

    /// Width and height of a pixel by each other; 0 if unknown.
    pub fn pixel_aspect(&self) -> (u32, u32) {
        self.reader.header().pixel_aspect
    }

    /// Frames given so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Where frames go that are no longer needed, so that their memory is used again.
    pub fn used(&self) -> Sender<Frame> {
        self.pool.give()
    }

    /// The next frame; `None` after the last.
    ///
    /// # Errors
    /// [`VideoError`] if the file is damaged or not as it was. No frame may be taken for the last then.
    pub fn read(&mut self) -> Result<Option<Frame>, VideoError> {
        let Some(child) = &self.child else { return Ok(None) };
        if let Some(words) = child.complaint().filter(|_| !self.options.keep_damaged) {
            return Err(VideoError::Damaged(words));
        }
        let (width, height) = self.size();
        let mut frame = self.pool.take(self.options.layout, width, height);
        let read = {
            let _waiting = child.waiting();
            self.reader.next(frame.bytes_mut())
        };
        match read {
            Ok(Some(pts)) => {
                frame.order();
                frame.pts = self.own_time(pts)?;
                self.count += 1;
                Ok(Some(frame))
            }
            Ok(None) => self.end().map(|()| None),
            Err(e) => {
                Err(self.child.take().map_or(VideoError::NoFrames, |c| ended(c, VideoError::Frames(e))))
            }
        }
    }

    /// A time of the pipe in ticks of the file.
    fn own_time(&mut self, pts: i64) -> Result<i64, VideoError> {
        let frame = self.count;
        let ticks = self.reader.header().time_base.convert(pts, self.time_base);
        let own = ticks.and_then(|t| t.checked_sub(shift_ticks(self.time_base)));
        let own = own.filter(|&own| self.last.is_none_or(|last| own > last));
        self.last = own;
        own.ok_or(VideoError::Times { frame })
    }

    fn end(&mut self) -> Result<(), VideoError> {
        let Some(child) = self.child.take() else { return Ok(()) };
        let damaged = |words: String| match words {
            words if words.is_empty() || self.options.keep_damaged => Ok(()),
            words => Err(VideoError::Damaged(words)),
        };
        match child.finish() {
            Ok(words) => damaged(words)?,
            Err(VideoError::Codec { .. }) if self.options.keep_damaged && self.count > 0 => {}
            Err(e) => return Err(e),
        }
        if self.count == 0 { Err(VideoError::NoFrames) } else { Ok(()) }
    }
}

/// [`SHIFT_SECONDS`] times the numerator in ticks.
pub(super) fn shift_ticks(time_base: TimeBase) -> i64 {
    SHIFT_SECONDS * i64::from(time_base.den)
}

fn check_size(width: u32, height: u32, limit: u64) -> Result<(), VideoError> {
    let fits = u64::from(width) * u64::from(height) <= limit;
    fits.then_some(()).ok_or(VideoError::TooLarge { width, height, limit })
}

/// Why a decoder said nothing more: its own words, if it had any; they say nothing where it is not to blame.
fn ended(child: Watched, otherwise: VideoError) -> VideoError {
    if matches!(otherwise, VideoError::Frames(NutError::Malformed(_) | NutError::FrameBytes { .. })) {
        return otherwise;
    }
    match child.finish() {
        Ok(words) if words.is_empty() => otherwise,
        Ok(words) => VideoError::Unreadable(words),
        Err(e) => e,
    }
}

/// A pipe of a frame's size or so spares most changes between the processes. Where that cannot be, it is slower.
#[cfg(target_os = "linux")]
pub(super) fn widen(pipe: impl std::os::fd::AsFd) {
    let _ = rustix::pipe::fcntl_setpipe_size(pipe, 1 << 20);
}

#[cfg(not(target_os = "linux"))]
pub(super) fn widen<T>(_: T) {}
