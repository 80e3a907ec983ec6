//! The network exported in C99, compiled for Cortex-M, on the same frame.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use super::machine::{M4, M7};
use super::{inputs, value};
use crate::python::call;

const COMPILER: &str = "/usr/bin/arm-none-eabi-gcc";

/// The package that is not there.
pub fn missing() -> Option<&'static str> {
    (!Path::new(COMPILER).exists()).then_some("gcc-arm-none-eabi")
}

/// Compiles the gate network's C for M4 and M7, and holds its mask to `mask`, what the runtime in Rust gives. Gives
/// the processors and their instructions a run.
///
/// # Errors
/// If the masks differ.
pub fn run(root: &Path, folder: &Path, frame: &Path, mask: &str) -> Result<Vec<(&'static str, u64)>> {
    let source = folder.join("gate.c");
    inputs::converted(root, &root.join("models/gate/gate.tflite"), &source)?;
    let mut counted = Vec::new();
    for machine in [M4, M7] {
        let program = folder.join(format!("c99-{}.elf", machine.name));
        call(
            Command::new(COMPILER)
                .args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-O2", "-ffreestanding", "-nostdlib"])
                .args(["-mthumb", &format!("-mcpu={}", machine.cpu)])
                // A frame of 128 × 128 pixels of two bytes, a mask of 32 × 32; a tick of 40 ns is ten instructions.
                .args(["-DPIXELS=32768", "-DMASK=1024", "-DTICK_TENTHS=100", "-L"])
                .arg(root.join("firmware/link"))
                .args(["-T", &format!("{}.x", machine.name)])
                .arg(root.join("firmware/c99/main.c"))
                .arg(&source)
                .args(["-lgcc", "-o"])
                .arg(&program),
        )?;
        let said = machine.emulate(&program, &["c99", &frame.to_string_lossy()])?;
        let got = value(&said, "mask")?;
        ensure!(got == mask, "{}: the mask of the C99 export is {got}, in Rust {mask}", machine.cpu);
        println!("the C99 export on an emulated {}: the same mask", machine.cpu);
        counted.push((machine.cpu, value(&said, "network")?.parse()?));
    }
    Ok(counted)
}
