//! Machines that QEMU has: building for them, and running there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::python::call;

/// How long a program may run. The longest one, a thesis network, takes a minute or two.
const PATIENCE: Duration = Duration::from_secs(900);

/// A machine that QEMU has.
#[derive(Clone, Copy)]
pub struct Machine {
    /// The firmware's feature.
    pub name: &'static str,
    pub cpu: &'static str,
    target: &'static str,
    board: &'static str,
    /// The firmware's profile: `release` is small, `quick` has fewer instructions.
    profile: &'static str,
}

const M: &str = "thumbv7em-none-eabihf";

pub const M4: Machine =
    Machine { name: "m4", cpu: "cortex-m4", target: M, board: "mps2-an386", profile: "release" };
pub const M7: Machine =
    Machine { name: "m7", cpu: "cortex-m7", target: M, board: "mps2-an500", profile: "quick" };
pub const M55: Machine = Machine {
    name: "m55",
    cpu: "cortex-m55",
    target: "thumbv8m.main-none-eabihf",
    board: "mps3-an547",
    profile: "quick",
};

impl Machine {
    /// Builds the firmware's `program` with `model` in it; `all_steps` for networks that are no gates.
    ///
    /// # Errors
    /// If it cannot be built.
    pub fn build(
        &self,
        root: &Path,
        folder: &Path,
        (program, model): (&str, &Path),
        all_steps: bool,
    ) -> Result<PathBuf> {
        let built = folder.join(self.name);
        let features = if all_steps { format!("{},all-steps", self.name) } else { self.name.to_owned() };
        call(
            Command::new("/usr/bin/cargo")
                .args(["build", "--quiet", "--locked", "-Zbuild-std=core"])
                .args(["--profile", self.profile, "--target", self.target])
                .args(["--features", &features, "--bin", program, "--manifest-path"])
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

    /// What the program says.
    ///
    /// # Errors
    /// If it does not end well, or not in time.
    pub fn emulate(&self, program: &Path, arguments: &[&str]) -> Result<String> {
        let mut host = "enable=on,target=native".to_owned();
        arguments.iter().for_each(|argument| host.extend([",arg=", argument]));
        let mut command = Command::new("/usr/bin/qemu-system-arm");
        command
            .args(["-machine", self.board, "-cpu", self.cpu, "-nographic", "-monitor", "none"])
            .args(["-serial", "none", "-icount", "shift=2", "-semihosting-config", &host, "-kernel"])
            .arg(program);
        said(&mut command, PATIENCE).with_context(|| self.cpu)
    }
}

/// Runs a command and gives what it wrote on standard error.
fn said(command: &mut Command, patience: Duration) -> Result<String> {
    // A file never fills up, as a pipe would.
    let file = tempfile::NamedTempFile::new()?;
    let streams = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file.reopen()?);
    let mut child = streams.spawn().with_context(|| format!("{command:?}"))?;
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if begun.elapsed() > patience {
            child.kill()?;
            child.wait()?;
            bail!("did not end within {} s, and said:\n{}", patience.as_secs(), text(file.path())?);
        }
        thread::sleep(Duration::from_millis(5));
    };
    let text = text(file.path())?;
    ensure!(status.success(), "{status}\n{text}");
    Ok(text)
}

fn text(path: &Path) -> Result<String> {
    Ok(String::from_utf8_lossy(&std::fs::read(path)?).into_owned())
}

/// Bytes of all that lies in flash: sections that are loaded, by the program headers of a 32-bit ELF file.
///
/// # Errors
/// If the file is none.
pub fn flash(program: &Path) -> Result<u64> {
    let bytes = std::fs::read(program)?;
    let word = |at: usize| -> Result<u32> {
        let four = bytes.get(at..at + 4).context("the program is cut off")?;
        Ok(u32::from_le_bytes(four.try_into()?))
    };
    let (start, count) = (word(28)? as usize, (word(44)? & 0xffff) as usize);
    // Type 1 is loaded; at 16 is the length in the file.
    (0..count).map(|n| start + 32 * n).try_fold(0, |sum, at| {
        let len = if word(at)? == 1 { word(at + 16)? } else { 0 };
        Ok(sum + u64::from(len))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hangs_is_ended_and_is_an_error() {
        let mut hangs = Command::new("sh");
        hangs.args(["-c", "echo so far >&2; exec sleep 600"]);
        let begun = Instant::now();
        let problem = said(&mut hangs, Duration::from_millis(300)).unwrap_err().to_string();
        assert!(problem.contains("did not end") && problem.contains("so far"), "{problem}");
        assert!(begun.elapsed() < Duration::from_secs(60));
        let mut ends = Command::new("sh");
        ends.args(["-c", "echo there >&2"]);
        assert_eq!(said(&mut ends, Duration::from_secs(60)).unwrap(), "there\n");
        let mut fails = Command::new("sh");
        fails.args(["-c", "echo why >&2; exit 3"]);
        assert!(said(&mut fails, Duration::from_secs(60)).unwrap_err().to_string().contains("why"));
    }
}
