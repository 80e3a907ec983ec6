//! The kernels for 64-bit ARM, tested on a machine of another kind: built with Debian's compiler, whose package of
//! sources lets it build the standard library, and run in QEMU.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::python::call;

const TARGET: &str = "aarch64-unknown-linux-gnu";
/// What has to be there, and the Debian package that brings it.
const NEEDS: [(&str, &str); 6] = [
    ("/usr/bin/rustc", "rustc-web"),
    ("/usr/bin/cargo", "cargo-web"),
    ("/usr/lib/rustlib/src/rust/library/std/Cargo.toml", "rust-web-src"),
    ("/usr/bin/aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
    ("/usr/aarch64-linux-gnu/lib/libc.so.6", "libc6-dev-arm64-cross"),
    ("/usr/bin/qemu-aarch64", "qemu-user"),
];
/// Processors to emulate, and how many instruction sets of ours each has: portable, NEON, NEON with dot products.
const PROCESSORS: [(&str, usize); 2] = [("max", 3), ("cortex-a72", 2)];

/// The packages that are not there.
pub fn missing() -> Vec<&'static str> {
    NEEDS.iter().filter(|(path, _)| !Path::new(path).exists()).map(|(_, package)| *package).collect()
}

/// What to say where packages are missing.
pub fn advice(missing: &[impl std::borrow::Borrow<str>]) -> String {
    format!("apt-get install --no-install-recommends {}", missing.join(" "))
}

/// Builds the kernels and runs their tests on every emulated processor.
///
/// # Errors
/// If something is missing, or a test fails.
pub fn run(root: &Path) -> Result<()> {
    let missing = missing();
    if !missing.is_empty() {
        bail!("on Debian: {}", advice(&missing));
    }
    let built = target_folder()?;
    for (processor, isas) in PROCESSORS {
        println!("the kernels' tests on an emulated {processor}");
        call(
            Command::new("/usr/bin/cargo")
                .args(["test", "--locked", "--lib", "--target", TARGET, "-Zbuild-std=std,panic_abort,test"])
                .arg("--manifest-path")
                .arg(root.join("cross/Cargo.toml"))
                .env("CARGO_TARGET_DIR", &built)
                .env("RUSTC", "/usr/bin/rustc")
                // The released compiler may then build the standard library.
                .env("RUSTC_BOOTSTRAP", "1")
                .env_remove("RUSTUP_TOOLCHAIN")
                .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "aarch64-linux-gnu-gcc")
                .env(
                    "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER",
                    "qemu-aarch64 -L /usr/aarch64-linux-gnu",
                )
                .env("QEMU_CPU", processor)
                .env("FACEVEIL_ISAS", isas.to_string()),
        )?;
    }
    Ok(())
}

/// Beside what this program is built to: another compiler's files.
fn target_folder() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.parent().and_then(Path::parent).context("this program lies in a target folder")?;
    Ok(target.join("cross"))
}
