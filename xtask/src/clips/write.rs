//! Clips as files: lossless video by a child `ffmpeg`, and the truth as a JSON line a frame.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use faceveil_data::truth::TruthFace;
use serde_json::{Value, json};

use super::{Actor, Frame, HEIGHT, RATE, WIDTH};

/// The truth beside a clip.
pub fn truth_of(clip: &Path) -> PathBuf {
    clip.with_extension("truth.jsonl")
}

/// Writes `frames` as H.264 without loss, 4:2:0.
///
/// # Errors
/// If ffmpeg fails or is missing.
pub fn write(clip: &Path, frames: impl Iterator<Item = Frame>) -> Result<()> {
    let size = format!("{WIDTH}x{HEIGHT}");
    let rate = RATE.to_string();
    let mut child = Command::new("ffmpeg")
        .args([
            "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", &size, "-r", &rate, "-i", "-",
        ])
        .args(["-vf", "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"])
        .args([
            "-colorspace",
            "bt709",
            "-color_primaries",
            "bt709",
            "-color_trc",
            "bt709",
            "-color_range",
            "tv",
        ])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-qp", "0"])
        .arg(clip)
        .stdin(Stdio::piped())
        .spawn()
        .context("ffmpeg")?;
    let mut pipe = child.stdin.take().context("ffmpeg has no input")?;
    let mut truth = String::new();
    for frame in frames {
        pipe.write_all(&frame.rgb)?;
        let faces: Vec<Value> = frame.actors.iter().map(line).collect();
        truth += &format!("{}\n", json!({ "faces": faces }));
    }
    drop(pipe);
    ensure!(child.wait()?.success(), "ffmpeg failed on {}", clip.display());
    std::fs::write(truth_of(clip), truth)?;
    Ok(())
}

fn line(actor: &Actor) -> Value {
    let TruthFace { cx, cy, sxx, sxy, syy } = actor.face;
    json!({ "id": actor.id, "ellipse": [cx, cy, sxx, sxy, syy], "visible": actor.visible })
}

/// The faces of each frame of a clip.
///
/// # Errors
/// If the file is missing or damaged.
pub fn read_truth(clip: &Path) -> Result<Vec<Vec<Actor>>> {
    let text = std::fs::read_to_string(truth_of(clip))?;
    let actor = |value: &Value| {
        let ellipse: [f64; 5] = serde_json::from_value(value["ellipse"].clone())?;
        let [cx, cy, sxx, sxy, syy] = ellipse;
        let face = TruthFace { cx, cy, sxx, sxy, syy };
        let (id, visible) =
            (value["id"].as_u64().context("id")?, value["visible"].as_f64().context("visible")?);
        Ok(Actor { id, face, visible })
    };
    let frame = |line: &str| {
        let value: Value = serde_json::from_str(line)?;
        value["faces"].as_array().context("faces")?.iter().map(actor).collect::<Result<Vec<_>>>()
    };
    text.lines().map(frame).collect()
}

/// The frames of a video, one after the other, as RGB of `WIDTH` × `HEIGHT` pixels.
pub struct Reader {
    video: PathBuf,
    child: Child,
    pipe: ChildStdout,
}

impl Reader {
    /// # Errors
    /// If ffmpeg is missing.
    pub fn open(video: &Path) -> Result<Self> {
        let size = format!("{WIDTH}x{HEIGHT}");
        let mut child = Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(video)
            .args(["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", &size, "-"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("ffmpeg")?;
        let pipe = child.stdout.take().context("ffmpeg has no output")?;
        Ok(Self { video: video.to_owned(), child, pipe })
    }

    /// The next frame; `None` after the last.
    ///
    /// # Errors
    /// If ffmpeg fails, or the last frame is cut off.
    pub fn frame(&mut self) -> Result<Option<Vec<u8>>> {
        let bytes = WIDTH * HEIGHT * 3;
        let mut frame = Vec::with_capacity(bytes);
        (&mut self.pipe).take(bytes as u64).read_to_end(&mut frame)?;
        if frame.is_empty() {
            ensure!(self.child.wait()?.success(), "ffmpeg failed on {}", self.video.display());
            return Ok(None);
        }
        ensure!(frame.len() == bytes, "{} ends within a frame", self.video.display());
        Ok(Some(frame))
    }
}

/// A frame as a picture to look at.
///
/// # Errors
/// If the file cannot be written.
pub fn png(path: &Path, rgb: &[u8]) -> Result<()> {
    let mut child = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"])
        .args(["-s", &format!("{WIDTH}x{HEIGHT}"), "-i", "-", "-frames:v", "1"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .context("ffmpeg")?;
    child.stdin.take().context("ffmpeg has no input")?.write_all(rgb)?;
    ensure!(child.wait()?.success(), "ffmpeg failed on {}", path.display());
    Ok(())
}
