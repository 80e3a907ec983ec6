//! The firmware: kernels and the example on emulated Cortex-M4, M7 and M55, built with Debian's compiler, and held to
//! what this machine computes.

mod c99;
mod chart;
mod figures;
mod inputs;
mod machine;
mod sizes;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use faceveil_int8::model::FileBytes;
use faceveil_int8::{Frame, Input, Model, PixelFormat};

use self::figures::{Figure, Figures};
use self::machine::{M4, M7, M55, Machine};
pub use self::sizes::count;

/// What has to be there, and the Debian package that brings it.
const NEEDS: [(&str, &str); 5] = [
    ("/usr/bin/rustc", "rustc-web"),
    ("/usr/bin/cargo", "cargo-web"),
    ("/usr/lib/rustlib/src/rust/library/core/Cargo.toml", "rust-web-src"),
    ("/usr/bin/rust-lld", "rust-web-llvm"),
    ("/usr/bin/qemu-system-arm", "qemu-system-arm"),
];

/// Where our networks run, with the side of their frames.
const OURS: [(Machine, &str, usize); 3] = [(M4, "gate-96", 96), (M7, "gate", 128), (M55, "gate", 128)];

/// The thesis's networks in int8: their files, and what the comparison calls them.
const THESIS: [&str; 3] = ["studentv1_int8", "studentv2_int8", "teacher_int8"];

/// The packages that are not there. Once they are, others may be missing: `rust-lld` is a link to a linker whose package
/// has its name, and which none of these depends on.
pub fn missing() -> Vec<String> {
    let package = |path: &str, package: &str| {
        let linked = std::fs::read_link(path).ok();
        let linked =
            linked.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        linked.unwrap_or_else(|| package.to_owned())
    };
    NEEDS.iter().filter(|(path, _)| !Path::new(path).exists()).map(|(path, of)| package(path, of)).collect()
}

/// The same, and what only the C99 export's check needs, without which that alone is skipped.
pub fn wanted() -> Vec<String> {
    missing().into_iter().chain(c99::missing().map(ToOwned::to_owned)).collect()
}

/// Tests the kernels on every machine, then runs the example there and here: all numbers that do not depend on the
/// machine must be equal. With `write` the counts go to `docs/tiny.json`, `docs/tiny.md` and `docs/tiny.svg`.
///
/// # Errors
/// If something is missing, a kernel differs, or the example does.
pub fn run(root: &Path, shared: &Path, write: bool) -> Result<()> {
    let missing = missing();
    if !missing.is_empty() {
        bail!("on Debian: {}", crate::cross::advice(&missing));
    }
    let folder = target_folder()?;
    std::fs::create_dir_all(&folder)?;
    let mut figures = Figures::default();
    let mut mask = None;
    for (machine, name, side) in OURS {
        let (network, trained) = inputs::network(root, &folder, name)?;
        kernels(root, &folder, &machine, &network)?;
        let portrait = folder.join(format!("portrait{side}.rgb565"));
        std::fs::write(&portrait, inputs::rgb565(&inputs::portrait(root, side)?))?;
        let all = inputs::hiding_all(&network, &folder)?;
        for (model, frame) in [(&network, "portrait"), (&all, "all hidden")] {
            let said = example(root, &folder, &machine, (model, name), &portrait)?;
            let figure = Figure::read(&said, (name, machine.cpu, frame))?;
            if frame == "portrait" && name == "gate" {
                ensure!(!trained || figure.hidden > Some(0), "the network does not see the face");
                mask = Some((value(&said, "mask")?.to_owned(), portrait.clone()));
            }
            figures.networks.push(Figure { trained, ..figure });
        }
    }
    match (c99::missing(), mask) {
        (Some(package), _) => {
            skip(&format!("the C99 export on Cortex-M: {}", crate::cross::advice(&[package])))
        }
        (None, Some((mask, frame))) => {
            for (cpu, count) in c99::run(root, &folder, &frame, &mask)? {
                figures.networks.push(Figure::of_c99(cpu, count));
            }
        }
        (None, None) => {}
    }
    thesis(root, shared, &folder, &mut figures)?;
    if write {
        figures::write(root, &figures)?;
    }
    Ok(())
}

/// Said before and after what is around it scrolls by.
fn skip(what: &str) {
    eprintln!("\n*** SKIPPED: {what} ***\n");
}

fn kernels(root: &Path, folder: &Path, machine: &Machine, model: &Path) -> Result<()> {
    println!("kernels on an emulated {}", machine.cpu);
    let kernels = machine.build(root, folder, ("kernels", model), false)?;
    print!("{}", machine.emulate(&kernels, &["kernels"])?);
    Ok(())
}

/// Runs the example there and here; gives what it said there, and the flash.
fn example(
    root: &Path,
    folder: &Path,
    machine: &Machine,
    (model, name): (&Path, &str),
    frame: &Path,
) -> Result<String> {
    let program = machine.build(root, folder, ("frame", model), false)?;
    let path = frame.to_str().context("a path of letters")?;
    let there = machine.emulate(&program, &["frame", path])?;
    let here = host(root, model, path)?;
    for name in ["mask", "hidden", "frame"] {
        let (there, here) = (value(&there, name)?, value(&here, name)?);
        ensure!(there == here, "{}: {name} is {there}, on this machine {here}", machine.cpu);
    }
    let said = format!("{there}flash {}\n", machine::flash(&program)?);
    println!("{name} on {}\n{said}", machine.cpu);
    Ok(said)
}

fn host(root: &Path, model: &Path, frame: &str) -> Result<String> {
    let output = std::process::Command::new(env!("CARGO"))
        .current_dir(root)
        .args([
            "run",
            "--quiet",
            "--package",
            "faceveil-int8",
            "--features",
            "std",
            "--example",
            "frame",
            "--",
        ])
        .arg(model)
        .arg(frame)
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The thesis's networks in the same runtime, on a Cortex-M7 with memory enough.
fn thesis(root: &Path, shared: &Path, folder: &Path, figures: &mut Figures) -> Result<()> {
    let frame = folder.join("portrait128.rgb");
    let pixels = inputs::portrait(root, 128)?;
    std::fs::write(&frame, &pixels)?;
    for name in THESIS {
        let tflite = shared.join(format!("models/thesis/{name}.tflite"));
        if !tflite.is_file() {
            skip(&format!("the thesis's network {name} on Cortex-M7: no file {}", tflite.display()));
            continue;
        }
        let model = folder.join(format!("{name}.fv8"));
        inputs::converted(root, &tflite, &model)?;
        let program = M7.build(root, folder, ("network", &model), true)?;
        let there = M7.emulate(&program, &["network", frame.to_str().context("a path of letters")?])?;
        let (there_sum, here_sum) = (value(&there, "output")?, output_here(&model, &pixels)?.to_string());
        ensure!(there_sum == here_sum, "{name}: the output is {there_sum}, on this machine {here_sum}");
        let said = format!("{there}flash {}\n", machine::flash(&program)?);
        println!("{name} on {}\n{said}", M7.cpu);
        let figure = Figure::read(&said, (&format!("thesis-{name}"), M7.cpu, "portrait"))?;
        figures.networks.push(Figure { trained: true, ..figure });
    }
    Ok(())
}

/// FNV-1a of the network's first output for a frame of RGB888.
fn output_here(model: &Path, bytes: &[u8]) -> Result<u32> {
    let file = FileBytes::new(&std::fs::read(model)?);
    let model = Model::parse(file.bytes())?;
    let mut arena = vec![0; model.arena_len()];
    let (width, height) = (model.input().width, model.input().height);
    let frame = Frame { format: PixelFormat::Rgb888, width, height, bytes };
    let out = model.run(Input::Frame(frame), &mut arena)?;
    let step = |hash: u32, &value: &i8| (hash ^ u32::from(value as u8)).wrapping_mul(0x0100_0193);
    Ok(out.iter().fold(0x811c_9dc5, step))
}

/// The number behind a name at the start of a line.
fn value<'t>(text: &'t str, name: &str) -> Result<&'t str> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.with_context(|| format!("no {name} in:\n{text}"))
}

/// Beside what this program is built to: another compiler's files.
fn target_folder() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.parent().and_then(Path::parent).context("this program lies in a target folder")?;
    Ok(target.join("firmware"))
}
