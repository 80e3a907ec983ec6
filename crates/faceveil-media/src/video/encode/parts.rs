//! A video in parts, for runs that may be ended half-way: each part is encoded by itself into a NUT file, whose times
//! are exact, and at the end all are put together without being encoded again.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Stdio};

use super::{
    Encoder, EncoderOptions, Watched, bare, colour_options, container_options, frames_shift, input_frames,
    is_unwritten, sound, sound_copied, widen,
};
use crate::video::nut::encoded_head;
use crate::video::tools::{Tools, address};
use crate::video::{Container, Probe, VideoCodec, VideoError};

/// Bytes that are copied at once.
const COPIED: usize = 1 << 18;
/// No part's head is longer, in bytes.
const LONGEST_HEAD: u64 = 1 << 20;

impl Encoder {
    /// Starts encoding a part of the frames to `output`, without sound. [`join_parts`] puts parts together that were
    /// encoded with the same options.
    ///
    /// # Errors
    /// [`VideoError`] if the encoder cannot be started.
    pub fn start_part(
        tools: &Tools,
        probe: &Probe,
        size: (u32, u32),
        pixel_aspect: (u32, u32),
        options: &EncoderOptions,
        output: &Path,
    ) -> Result<Self, VideoError> {
        let mut command = tools.ffmpeg();
        command.args(["-y", "-copyts"]);
        input_frames(&mut command, &probe.video.colours);
        command.args(["-map", "0:v:0"]).args(tools.every_frame());
        command.args(["-enc_time_base", &probe.video.time_base.to_string()]);
        command.args(["-pix_fmt", options.layout.name(false)]);
        // A part knows nothing of the container that it will be put in.
        let plain = EncoderOptions { container: Container::Matroska, ..options.clone() };
        command.args(options.codec.options(&plain, &probe.video.colours, probe.video.interlaced));
        colour_options(&mut command, &probe.video.colours);
        bare(&mut command);
        command.args(["-avoid_negative_ts", "disabled", "-f", "nut", "-write_index", "0"]);
        command.arg(address(output));
        Self::spawn(tools, command, probe, size, pixel_aspect, options)
    }
}

/// Puts `parts` together in `output`, which is replaced, with the original's sound.
///
/// # Errors
/// [`VideoError`] if they do not fit together, or the file cannot be written.
pub fn join_parts(
    tools: &Tools,
    original: &Path,
    probe: &Probe,
    options: &EncoderOptions,
    parts: &[PathBuf],
    output: &Path,
) -> Result<(), VideoError> {
    let time_base = probe.video.time_base;
    let mut command = tools.ffmpeg();
    command.args(["-y", "-copyts", "-itsoffset", &format!("-{}", frames_shift(time_base))]);
    command.args(["-protocol_whitelist", "pipe", "-f", "nut", "-i", "pipe:0"]);
    let sounds = sound(&mut command, original, probe, options);
    command.args(["-map", "0:v:0", "-c:v", "copy"]);
    sound_copied(&mut command, original, probe, sounds);
    if tools.sets_durations() {
        // Without one the last frame may count as not shown. Not in seconds: versions differ in what a tick is here.
        command.args(["-bsf:v", "setts=pts=PTS:dts=DTS:duration=if(eq(N\\,0)\\,DURATION\\,DTS-PREV_INDTS)"]);
    }
    if options.codec == VideoCodec::H265 && matches!(options.container, Container::Mp4 | Container::Mov) {
        command.args(["-tag:v", "hvc1"]);
    }
    bare(&mut command);
    container_options(&mut command, probe, options);
    if time_base.num == 1 && matches!(options.container, Container::Mp4 | Container::Mov) {
        command.args(["-video_track_timescale", &time_base.den.to_string()]);
    }
    command.args(["-f", options.container.muxer()]).arg(address(output));
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    let (child, pipes) = Watched::start(command, "putting parts together", tools.stall)?;
    let Some(mut stdin) = pipes.stdin else { return Err(VideoError::NoFrames) };
    widen(&stdin);
    let fed = feed(&child, parts, &mut stdin);
    drop(stdin);
    match (fed, child.finish()) {
        (Ok(()), Ok(words)) if is_unwritten(&words) => {
            Err(VideoError::Codec { what: "putting parts together", words })
        }
        (Ok(()), Ok(_)) => Ok(()),
        // Who takes no more says why.
        (_, Err(e)) | (Err(e), _) => Err(e),
    }
}

/// One stream out of all parts: the first one's head, and what follows the head of each.
fn feed(child: &Watched, parts: &[PathBuf], to: &mut ChildStdin) -> Result<(), VideoError> {
    let mut first: Option<Vec<u8>> = None;
    for (part, path) in (1..).zip(parts) {
        let unreadable = |source: io::Error| VideoError::Part { part, source };
        let mut file = File::open(path).map_err(unreadable)?;
        let mut start = Vec::new();
        (&mut file).take(LONGEST_HEAD).read_to_end(&mut start).map_err(unreadable)?;
        let (head, rest) = encoded_head(&start).ok_or(VideoError::PartHead { part })?;
        let first = first.get_or_insert_with(|| head.to_owned());
        // Another encoder, or another version of it.
        if first != head {
            return Err(VideoError::PartHead { part });
        }
        let _waiting = child.waiting();
        if part == 1 {
            to.write_all(head).map_err(torn)?;
        }
        to.write_all(rest).map_err(torn)?;
        let mut buffer = vec![0; COPIED];
        loop {
            let n = file.read(&mut buffer).map_err(unreadable)?;
            if n == 0 {
                break;
            }
            let _waiting = child.waiting();
            to.write_all(&buffer[..n]).map_err(torn)?;
        }
    }
    Ok(())
}

fn torn(source: io::Error) -> VideoError {
    VideoError::Frames(source.into())
}
