//! The programs `ffmpeg` and `ffprobe`: where they are, and what they can do.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::VideoError;

/// Containers that a file may be: what cameras, phones and browsers write. No playlists, no image sequences, and
/// nothing that opens other files.
const DEMUXERS: &str = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,live_flv,asf,ogg,mxf,ivf,h264,hevc,m4v,dv,gif,apng,nut,yuv4mpegpipe,obu,wtv,vc1,mjpeg";

/// The programs, and how they are run.
#[derive(Clone, Debug)]
pub struct Tools {
    ffmpeg: OsString,
    ffprobe: OsString,
    /// Whether `-fps_mode` is known, which replaced `-vsync` in FFmpeg 5.1.
    fps_mode: bool,
    /// How long a program may make no progress.
    pub stall: Duration,
}

impl Tools {
    /// The programs in the path, or those that the environment names in `FACEVEIL_FFMPEG` and `FACEVEIL_FFPROBE`.
    ///
    /// # Errors
    /// [`VideoError::NoFfmpeg`] if one is not there or does not run.
    pub fn find(env: impl Fn(&str) -> Option<OsString>, stall: Duration) -> Result<Self, VideoError> {
        let named =
            |variable: &str, usual: &str| env(variable).filter(|v| !v.is_empty()).unwrap_or(usual.into());
        let (ffmpeg, ffprobe) = (named("FACEVEIL_FFMPEG", "ffmpeg"), named("FACEVEIL_FFPROBE", "ffprobe"));
        let version = version(&ffmpeg)?;
        self::version(&ffprobe)?;
        Ok(Self { ffmpeg, ffprobe, fps_mode: knows_fps_mode(&version), stall })
    }

    /// `ffmpeg` that asks nothing and says only what went wrong.
    pub(super) fn ffmpeg(&self) -> Command {
        let mut command = Command::new(&self.ffmpeg);
        command
            .args(["-hide_banner", "-nostdin", "-nostats", "-v", "error"])
            .env("AV_LOG_FORCE_NOCOLOR", "1");
        command
    }

    /// `ffprobe` that says only what went wrong, and what it is asked.
    pub(super) fn ffprobe(&self) -> Command {
        let mut command = Command::new(&self.ffprobe);
        command.args(["-hide_banner", "-v", "error"]).env("AV_LOG_FORCE_NOCOLOR", "1").stdin(Stdio::null());
        command
    }

    /// Whether the bit stream filter `setts` can set durations.
    pub(super) fn sets_durations(&self) -> bool {
        // It came at the same time.
        self.fps_mode
    }

    /// The options that keep every frame at its time.
    pub(super) fn every_frame(&self) -> [&'static str; 2] {
        if self.fps_mode { ["-fps_mode", "passthrough"] } else { ["-vsync", "passthrough"] }
    }
}

/// Options before the `-i` of a file, and the file's own: it may only be a container of the list, and open nothing
/// else.
pub(super) fn input(command: &mut Command, path: &Path) {
    command.args(["-protocol_whitelist", "file,pipe", "-format_whitelist", DEMUXERS]);
    // FFmpeg would take it for a single picture.
    if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("mjpeg") || e.eq_ignore_ascii_case("mjpg")) {
        command.args(["-f", "mjpeg"]);
    }
    command.arg("-i");
    command.arg(address(path));
}

/// A path that is never taken for an option or a protocol.
pub(super) fn address(path: &Path) -> OsString {
    let mut address = OsString::from("file:");
    address.push(path);
    address
}

/// What `program -version` says first.
fn version(program: &OsString) -> Result<String, VideoError> {
    let missing = || VideoError::NoFfmpeg { program: program.to_string_lossy().into_owned() };
    let output = Command::new(program).arg("-version").stdin(Stdio::null()).output();
    let output = output.ok().filter(|o| o.status.success()).ok_or_else(missing)?;
    let words = String::from_utf8_lossy(&output.stdout);
    Ok(words.lines().next().unwrap_or_default().to_owned())
}

/// Releases are numbered; versions built from the repository are new.
fn knows_fps_mode(version: &str) -> bool {
    let number = version.split_whitespace().nth(2).unwrap_or_default().trim_start_matches('n');
    let mut parts = number.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= (5, 1),
        (Some(Ok(major)), _) => major >= 5,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_tell_the_option() {
        let cases = [
            ("ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000-2026", true),
            ("ffmpeg version 4.4.2-0ubuntu0.22.04.1 Copyright", false),
            ("ffmpeg version 5.0.1 Copyright", false),
            ("ffmpeg version n7.1 Copyright", true),
            ("ffmpeg version 6.0 Copyright", true),
            ("ffmpeg version N-112233-gabcdef Copyright", true),
            ("ffmpeg version 2024-01-01-git-abc Copyright", true),
            ("", true),
        ];
        for (words, want) in cases {
            assert_eq!(knows_fps_mode(words), want, "{words}");
        }
    }

    #[test]
    fn a_missing_program_is_one_clear_line() {
        let env = |name: &str| (name == "FACEVEIL_FFMPEG").then(|| OsString::from("/nowhere/ffmpeg"));
        let error = Tools::find(env, Duration::from_secs(1)).unwrap_err().to_string();
        assert!(error.contains("/nowhere/ffmpeg") && error.contains("apt install ffmpeg"), "{error}");
        assert!(!error.contains('\n'));
    }
}
