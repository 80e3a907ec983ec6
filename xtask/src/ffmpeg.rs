//! FFmpeg, which videos need: whether it is here, and how it gets here.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};

/// Sees to it that `ffmpeg` and `ffprobe` are in the path: on Debian and its relatives they are installed if this runs
/// as root.
///
/// # Errors
/// If they are not there and cannot be installed, with how to do it.
pub fn find() -> Result<()> {
    if is_here() {
        return Ok(());
    }
    println!("installing FFmpeg for the tests of videos");
    let apt = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(args).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let install = ["install", "-y", "--no-install-recommends", "ffmpeg"];
    if (apt(&install) || apt(&["update"]) && apt(&install)) && is_here() {
        return Ok(());
    }
    bail!(
        "install it: apt install ffmpeg, dnf install ffmpeg-free, brew install ffmpeg or winget install ffmpeg"
    )
}

fn is_here() -> bool {
    let runs = |program| {
        let ran = Command::new(program).arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        ran.is_ok_and(|status| status.success())
    };
    runs("ffmpeg") && runs("ffprobe")
}
