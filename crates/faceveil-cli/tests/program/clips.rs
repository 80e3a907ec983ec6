//! Videos to run the program on, made by FFmpeg on the spot, and what is in them.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::sandbox::Sandbox;

/// Whether FFmpeg is here; says loudly what is skipped if not.
pub fn ffmpeg_or_skip(what: &str) -> bool {
    let runs = |program| {
        let ran = Command::new(program).arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        ran.is_ok_and(|status| status.success())
    };
    let there = runs("ffmpeg") && runs("ffprobe");
    if !there {
        eprintln!("\n*** SKIPPED: {what}: FFmpeg is not installed ***\n");
    }
    there
}

/// Runs `ffmpeg` in the sandbox.
#[track_caller]
pub fn ffmpeg<S: AsRef<OsStr>>(b: &Sandbox, args: impl IntoIterator<Item = S>) {
    let mut command = Command::new("ffmpeg");
    command.current_dir(b.root()).stdin(Stdio::null());
    let output = command.args(["-v", "error", "-y"]).args(args).output().expect("ffmpeg starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// As [`ffmpeg`], with the arguments as one line.
#[track_caller]
pub fn make(b: &Sandbox, line: &str) {
    ffmpeg(b, line.split_whitespace());
}

/// A second of moving patterns without a face, with sound: `in/plain.mp4`.
pub fn plain(b: &Sandbox) {
    std::fs::create_dir_all(b.path("in")).unwrap();
    make(
        b,
        "-f lavfi -i testsrc2=s=320x240:r=25:d=1 -f lavfi -i sine=r=44100:d=1.2 -c:v libx264 -preset ultrafast \
         -pix_fmt yuv420p -c:a aac in/plain.mp4",
    );
}

/// Two seconds of a portrait that moves, with sound and things that must not survive: `in/face.mp4`.
pub fn face(b: &Sandbox) {
    b.put("portrait.jpg", &crate::sandbox::portrait());
    std::fs::create_dir_all(b.path("in")).unwrap();
    ffmpeg(
        b,
        [
            "-loop",
            "1",
            "-framerate",
            "25",
            "-t",
            "2",
            "-i",
            "portrait.jpg",
            "-f",
            "lavfi",
            "-i",
            "sine=d=2",
            "-vf",
            "crop=320:240:60+40*t:20+10*t",
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
            "-crf",
            "16",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
            "-metadata",
            "location=+48.1+011.5/",
            "-metadata",
            "title=Secret title",
            "-metadata:s:v",
            "handler_name=Secret camera",
            "-timecode",
            "01:00:00:00",
            "in/face.mp4",
        ],
    );
}

/// What `ffprobe` prints with `args`: values with commas between them.
#[track_caller]
pub fn ffprobe(b: &Sandbox, args: &str) -> String {
    printed(b, "csv=p=0", args)
}

#[track_caller]
fn printed(b: &Sandbox, form: &str, args: &str) -> String {
    let mut command = Command::new("ffprobe");
    command.current_dir(b.root()).args(["-v", "error", "-of", form]).args(args.split_whitespace());
    let output = command.output().expect("ffprobe starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Times at which the frames of a file are shown, in seconds, in order.
#[track_caller]
pub fn times(b: &Sandbox, file: &str) -> Vec<f64> {
    let lines = ffprobe(b, &format!("-select_streams v:0 -show_entries frame=pts_time {file}"));
    let number = |line: &str| line.trim().trim_end_matches(',').parse().ok();
    lines.lines().filter_map(number).collect()
}

/// When each packet of sound is heard, in seconds, and a hash of it.
#[track_caller]
pub fn sound(b: &Sandbox, file: &str) -> Vec<(f64, String)> {
    let args =
        "-select_streams a:0 -show_packets -show_data_hash md5 -show_entries packet=pts_time,data_hash";
    let lines = printed(b, "compact=p=0", &format!("{args} {file}"));
    let field =
        |line: &str, name: &str| line.split('|').find_map(|f| f.strip_prefix(name).map(str::to_owned));
    let packet = |line: &str| Some((field(line, "pts_time=")?.parse().ok()?, field(line, "data_hash=")?));
    lines.lines().filter_map(packet).collect()
}

/// A hash of each frame's samples as they are, upright.
#[track_caller]
pub fn pictures(b: &Sandbox, file: &str, pixels: &str) -> Vec<String> {
    let mut command = Command::new("ffmpeg");
    command.current_dir(b.root()).stdin(Stdio::null()).args(["-v", "error", "-i", file, "-map", "0:v:0"]);
    let output = command.args(["-vsync", "passthrough", "-pix_fmt", pixels, "-f", "framemd5", "-"]).output();
    let text = String::from_utf8(output.expect("ffmpeg starts").stdout).unwrap();
    let hash = |line: &str| line.rsplit(',').next().unwrap_or_default().trim().to_owned();
    text.lines().filter(|l| !l.starts_with('#')).map(hash).collect()
}

/// A frame as a decoded picture.
#[track_caller]
pub fn frame(b: &Sandbox, file: impl AsRef<Path>, seconds: &str) -> faceveil_core::raster::Raster {
    let file = file.as_ref().to_str().unwrap();
    ffmpeg(b, ["-ss", seconds, "-i", file, "-frames:v", "1", "shot.png"]);
    crate::sandbox::picture(&b.read("shot.png"))
}
