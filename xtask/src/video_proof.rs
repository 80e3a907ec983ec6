//! The tables of videos, beside deface on the same clips in the same run: `docs/video-proof.md`, and all figures in
//! `docs/video-proof.json`. Clips are made of the `report` part with seeds that no setting was tried on; their truth
//! is known. On the public clips the referee (Python) judges, where it is at hand.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;
use faceveil_data::split::Part;
use faceveil_eval::VideoJudge;
use serde_json::{Value, json};

use crate::clips::plays::{self, PLAYS};
use crate::clips::sprite::Cast;
use crate::clips::write::{self, Reader};
use crate::python::environment;
use crate::{film, proof, test, video_page};

/// The peer, its folder and its arguments.
const PEERS: [(&str, &str, &[&str]); 2] =
    [("deface 1.5.0", "deface", &[]), ("deface 1.5.0, 0.1", "deface-0.1", &["--thresh", "0.1"])];
/// Every how many frames of the public clips the referee judges.
const EVERY: &str = "5";

/// What to prove.
#[derive(Args, Clone, Debug)]
pub struct VideoProof {
    /// Where clips and outputs go; clips and deface's outputs are kept there between runs.
    #[arg(long, default_value = "proof-out/video")]
    work: PathBuf,
    /// Seeds of the clips.
    #[arg(long, value_delimiter = ',', default_values_t = [101u64])]
    seeds: Vec<u64>,
    /// Levels to measure.
    #[arg(long, value_delimiter = ',', default_values_t = ["fast".to_owned(), "balanced".to_owned(), "thorough".to_owned()])]
    levels: Vec<String>,
    /// The program, where it is built already.
    #[arg(long)]
    program: Option<PathBuf>,
    /// Leave the public clips out.
    #[arg(long)]
    no_public: bool,
    /// Also write frames with a leak as PNG, before and after.
    #[arg(long)]
    show: bool,
}

/// Measures everything and writes both files.
///
/// # Errors
/// If a program fails or the public pictures are not there.
pub fn run(root: &Path, shared: &Path, chosen: &VideoProof) -> Result<()> {
    let work = root.join(&chosen.work);
    let deface = environment(root)?.with_file_name("deface");
    let program = chosen.program.clone().map_or_else(|| test::program(root, "release"), Ok)?;
    let clips = clips(shared, chosen, &work.join("clips"))?;
    let mut rows = Vec::new();
    for (who, place, arguments) in PEERS {
        let hide = |clip: &Path, out: &Path| {
            if out.is_file() { Ok(()) } else { run_deface(&deface, arguments, clip, out) }
        };
        rows.push(measured(who, &clips, &work.join(place), chosen.show, hide)?);
    }
    for level in &chosen.levels {
        let hide = |clip: &Path, out: &Path| run_ours(&program, level, clip, out);
        rows.push(measured(&format!("faceveil {level}"), &clips, &work.join(level), chosen.show, hide)?);
    }
    let public =
        if chosen.no_public { Value::Null } else { public(root, shared, chosen, &work, &program, &deface)? };
    let figures = json!({
        "command": std::env::args().skip(1).collect::<Vec<_>>().join(" "),
        "version": env!("CARGO_PKG_VERSION"),
        "machine": proof::machine(),
        "clips": clips.len(),
        "programs": rows,
        "public": public,
    });
    std::fs::write(
        root.join("docs/video-proof.json"),
        format!("{}\n", serde_json::to_string_pretty(&figures)?),
    )?;
    video_page::write(root, &figures)
}

/// A clip by its play and seed.
struct Clip {
    play: &'static str,
    path: PathBuf,
}

/// Makes the clips that are not there yet.
fn clips(shared: &Path, chosen: &VideoProof, folder: &Path) -> Result<Vec<Clip>> {
    std::fs::create_dir_all(folder)?;
    let mut clips = Vec::new();
    for &seed in &chosen.seeds {
        let mut cast = None;
        for play in PLAYS {
            let path = folder.join(format!("{play}-{seed}.mp4"));
            if !write::truth_of(&path).is_file() {
                let cast = match &mut cast {
                    Some(cast) => cast,
                    none => none.insert(Cast::load(shared, Part::Report, seed)?),
                };
                println!("making {}", path.display());
                write::write(&path, plays::frames(cast, play, seed))?;
            }
            clips.push(Clip { play, path });
        }
    }
    Ok(clips)
}

/// A program's outputs of all clips, judged.
fn measured(
    who: &str,
    clips: &[Clip],
    folder: &Path,
    show: bool,
    hide: impl Fn(&Path, &Path) -> Result<()>,
) -> Result<Value> {
    std::fs::create_dir_all(folder)?;
    let mut all = VideoJudge::default();
    let mut by_play = serde_json::Map::new();
    let mut seconds = 0.0;
    for play in PLAYS {
        let mut of_play = VideoJudge::default();
        for clip in clips.iter().filter(|clip| clip.play == play) {
            let out = folder.join(clip.path.file_name().context("a clip has a name")?);
            let start = Instant::now();
            hide(&clip.path, &out)?;
            seconds += start.elapsed().as_secs_f64();
            of_play.append(&judge(&clip.path, &out, show)?);
        }
        println!("{}", crate::video_trial::line(&format!("{who} {play}"), &of_play.summary()));
        by_play.insert(play.to_owned(), serde_json::to_value(of_play.summary())?);
        all.append(&of_play);
    }
    println!("{}", crate::video_trial::line(who, &all.summary()));
    Ok(json!({ "who": who, "all": all.summary(), "plays": by_play, "seconds": seconds }))
}

fn judge(clip: &Path, out: &Path, show: bool) -> Result<VideoJudge> {
    let truth = write::read_truth(clip)?;
    let (mut before, mut after) = (Reader::open(clip)?, Reader::open(out)?);
    let mut judge = VideoJudge::default();
    for (i, actors) in truth.iter().enumerate() {
        let original = before.frame()?.with_context(|| format!("{} is too short", clip.display()))?;
        let output = after.frame()?.with_context(|| format!("{} is too short", out.display()))?;
        let verdicts = film::judge(&mut judge, &original, &output, actors)?;
        if show && verdicts.iter().any(|v| v.status.is_leak()) {
            write::png(&out.with_extension(format!("{i:03}-a.png")), &original)?;
            write::png(&out.with_extension(format!("{i:03}-b.png")), &output)?;
        }
    }
    ensure!(before.frame()?.is_none() && after.frame()?.is_none(), "{} has more frames", out.display());
    Ok(judge)
}

fn run_deface(deface: &Path, arguments: &[&str], clip: &Path, out: &Path) -> Result<()> {
    println!("deface on {}", clip.display());
    let mut command = Command::new(deface);
    command.args(arguments).arg(clip).arg("-o").arg(out);
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn run_ours(program: &Path, level: &str, clip: &Path, out: &Path) -> Result<()> {
    let mut command = Command::new(program);
    command.args(["blur", "--quiet", "--overwrite", "--on-no-face", "copy", "--level", level]);
    command.arg(clip).arg("-o").arg(out);
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// The public clips, judged by the referee with SCRFD and YuNet as truth; null where they are not at hand.
fn public(
    root: &Path,
    shared: &Path,
    chosen: &VideoProof,
    work: &Path,
    program: &Path,
    deface: &Path,
) -> Result<Value> {
    let judge = shared.join("referee/judge.py");
    let [scrfd, yunet] = ["scrfd", "yunet"].map(|name| model(shared, name));
    let (Some(scrfd), Some(yunet), true) = (scrfd, yunet, judge.is_file()) else { return Ok(Value::Null) };
    let python = environment(root)?;
    let mut rows = Vec::new();
    let mut videos: Vec<PathBuf> = std::fs::read_dir(shared.join("faces/video"))?
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "mp4"))
        .collect();
    videos.sort();
    for clip in &videos {
        let name = clip.file_name().context("a clip has a name")?;
        let peer = std::iter::once(("deface 1.5.0".to_owned(), "deface".to_owned()));
        let ours = chosen.levels.iter().map(|level| (format!("faceveil {level}"), level.clone()));
        for (who, place) in peer.chain(ours) {
            let out = work.join(&place).join(name);
            match place.as_str() {
                "deface" if out.is_file() => {}
                "deface" => run_deface(deface, &[], clip, &out)?,
                level => run_ours(program, level, clip, &out)?,
            }
            let report = out.with_extension("referee.json");
            let mut command = Command::new(&python);
            command.arg("-B").arg(&judge).arg("video").arg("--orig").arg(clip).arg("--out").arg(&out);
            command.arg("--scrfd").arg(&scrfd).arg("--yunet").arg(&yunet).arg("--report").arg(&report);
            command.args(["--every", EVERY]);
            println!("referee on {who}, {}", clip.display());
            let output = command.output()?;
            ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
            let mut report: Value = serde_json::from_slice(&std::fs::read(&report)?)?;
            report.as_object_mut().map(|r| r.remove("frames"));
            rows.push(json!({ "clip": name.to_string_lossy(), "who": who, "referee": report }));
        }
    }
    Ok(rows.into())
}

/// A network of the shared folder by the start of its name.
fn model(shared: &Path, name: &str) -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = walk(&shared.join("models"))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "onnx"))
        .filter(|path| path.file_name().is_some_and(|n| n.to_string_lossy().to_lowercase().contains(name)))
        .collect();
    found.sort();
    found.into_iter().next()
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(|entry| entry.ok().map(|e| e.path()));
    paths.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
