//! The firmware: kernels and the example on emulated Cortex-M4, M7 and M55, built with Debian's compiler, and held to
//! what this machine computes.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::python::call;

/// What has to be there, and the Debian package that brings it.
const NEEDS: [(&str, &str); 5] = [
    ("/usr/bin/rustc", "rustc-web"),
    ("/usr/bin/cargo", "cargo-web"),
    ("/usr/lib/rustlib/src/rust/library/core/Cargo.toml", "rust-web-src"),
    ("/usr/bin/rust-lld", "rust-web-llvm"),
    ("/usr/bin/qemu-system-arm", "qemu-system-arm"),
];

/// A machine that QEMU has.
struct Machine {
    /// The firmware's feature.
    name: &'static str,
    cpu: &'static str,
    target: &'static str,
    board: &'static str,
    /// The firmware's profile: `release` is small, `quick` has fewer instructions.
    profile: &'static str,
    /// The network that is run there, and the side of its frames.
    network: (&'static str, usize),
}

const M: &str = "thumbv7em-none-eabihf";
const MACHINES: [Machine; 4] = [
    Machine {
        name: "m4",
        cpu: "cortex-m4",
        target: M,
        board: "mps2-an386",
        profile: "release",
        network: ("gate-96", 96),
    },
    Machine {
        name: "m7",
        cpu: "cortex-m7",
        target: M,
        board: "mps2-an500",
        profile: "release",
        network: ("gate-96", 96),
    },
    Machine {
        name: "m7",
        cpu: "cortex-m7",
        target: M,
        board: "mps2-an500",
        profile: "quick",
        network: ("gate", 128),
    },
    Machine {
        name: "m55",
        cpu: "cortex-m55",
        target: "thumbv8m.main-none-eabihf",
        board: "mps3-an547",
        profile: "quick",
        network: ("gate", 128),
    },
];

/// The packages that are not there.
pub fn missing() -> Vec<&'static str> {
    NEEDS.iter().filter(|(path, _)| !Path::new(path).exists()).map(|(_, package)| *package).collect()
}

/// Tests the kernels on every machine, then runs the example there and here: all numbers that do not depend on the
/// machine must be equal.
///
/// # Errors
/// If something is missing, a kernel differs, or the example does.
pub fn run(root: &Path) -> Result<()> {
    let missing = missing();
    if !missing.is_empty() {
        bail!("on Debian: {}", crate::cross::advice(&missing));
    }
    let folder = target_folder()?;
    std::fs::create_dir_all(&folder)?;
    for machine in &MACHINES {
        let (network, side) = machine.network;
        let model = folder.join(format!("{network}.fv8"));
        let example =
            ["run", "--quiet", "--package", "faceveil-quant", "--example", "untrained", "--", network];
        call(Command::new(env!("CARGO")).current_dir(root).args(example).arg(&model))?;
        let frame = folder.join(format!("frame{side}.rgb565"));
        std::fs::write(&frame, pattern(side))?;
        println!("kernels on an emulated {}", machine.cpu);
        let kernels = machine.build(root, &folder, &model, "kernels")?;
        print!("{}", machine.emulate(&kernels, &["kernels"])?);
        let program = machine.build(root, &folder, &model, "frame")?;
        let frame = frame.to_str().context("a path of letters")?;
        let there = machine.emulate(&program, &["frame", frame])?;
        let here = host(root, &model, frame)?;
        for name in ["mask", "hidden", "frame"] {
            let (there, here) = (value(&there, name)?, value(&here, name)?);
            ensure!(there == here, "{}: {name} is {there}, on this machine {here}", machine.cpu);
        }
        println!("{network} on {}, flash {}\n{there}", machine.cpu, flash(&program)?);
    }
    Ok(())
}

impl Machine {
    fn build(&self, root: &Path, folder: &Path, model: &Path, program: &str) -> Result<PathBuf> {
        let built = folder.join(self.name);
        call(
            Command::new("/usr/bin/cargo")
                .args([
                    "build",
                    "--quiet",
                    "--locked",
                    "--profile",
                    self.profile,
                    "-Zbuild-std=core",
                    "--target",
                    self.target,
                ])
                .args(["--features", self.name, "--bin", program, "--manifest-path"])
                .arg(root.join("firmware/Cargo.toml"))
                .env("CARGO_TARGET_DIR", &built)
                .env("FACEVEIL_MODEL", model)
                .env("RUSTC", "/usr/bin/rustc")
                // The released compiler may then build the core library, and leave out the text of panics.
                .env("RUSTC_BOOTSTRAP", "1")
                .env(
                    "RUSTFLAGS",
                    format!("-Ctarget-cpu={} -Zunstable-options -Cpanic=immediate-abort", self.cpu),
                )
                .env_remove("RUSTUP_TOOLCHAIN"),
        )?;
        Ok(built.join(self.target).join(self.profile).join(program))
    }

    /// What the program says; an error if it does not end well.
    fn emulate(&self, program: &Path, arguments: &[&str]) -> Result<String> {
        let mut host = "enable=on,target=native".to_owned();
        arguments.iter().for_each(|argument| host.extend([",arg=", argument]));
        let output = Command::new("/usr/bin/qemu-system-arm")
            .args([
                "-machine",
                self.board,
                "-cpu",
                self.cpu,
                "-nographic",
                "-monitor",
                "none",
                "-serial",
                "none",
            ])
            .args(["-icount", "shift=2", "-semihosting-config", &host, "-kernel"])
            .arg(program)
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{}: {}\n{said}", self.cpu, output.status);
        Ok(said)
    }
}

fn host(root: &Path, model: &Path, frame: &str) -> Result<String> {
    let output = Command::new(env!("CARGO"))
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

/// The number behind a name at the start of a line.
fn value<'t>(text: &'t str, name: &str) -> Result<&'t str> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.with_context(|| format!("no {name} in:\n{text}"))
}

/// Bytes of all that lies in flash: sections that are loaded, by the program headers of a 32-bit ELF file.
fn flash(program: &Path) -> Result<u32> {
    let bytes = std::fs::read(program)?;
    let word = |at: usize| -> Result<u32> {
        let four = bytes.get(at..at + 4).context("the program is cut off")?;
        Ok(u32::from_le_bytes(four.try_into()?))
    };
    let (start, count) = (word(28)? as usize, (word(44)? & 0xffff) as usize);
    // Type 1 is loaded; at 16 is the length in the file.
    (0..count).map(|n| start + 32 * n).try_fold(0, |sum, at| {
        let len = if word(at)? == 1 { word(at + 16)? } else { 0 };
        Ok(sum + len)
    })
}

/// A frame with edges, slopes and all colours: RGB565.
fn pattern(side: usize) -> Vec<u8> {
    let pixel = |i: usize| {
        let (x, y) = (i % side, i / side);
        let (red, green, blue) = (x * 31 / side, (y * 63 / side) ^ (x & 8), (x * y / 16) & 31);
        (red << 11 | green << 5 | blue) as u16
    };
    (0..side * side).flat_map(|i| pixel(i).to_le_bytes()).collect()
}

/// Beside what this program is built to: another compiler's files.
fn target_folder() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.parent().and_then(Path::parent).context("this program lies in a target folder")?;
    Ok(target.join("firmware"))
}
