//! Chooses the linker script of the machine.

use std::env;

fn main() {
    let folder = env::var("CARGO_MANIFEST_DIR").expect("set by cargo");
    println!("cargo::rerun-if-changed=link");
    println!("cargo::rustc-link-search={folder}/link");
    // So that the workspace can be looked at with a host's toolchain too.
    if env::var("CARGO_CFG_TARGET_ARCH").as_deref() != Ok("arm") {
        return;
    }
    let machine = ["m4", "m7", "m55"].into_iter().find(|name| env::var_os(format!("CARGO_FEATURE_{}", name.to_uppercase())).is_some());
    let machine = machine.expect("choose a machine: --features m4, m7 or m55");
    println!("cargo::rustc-link-arg=-T{machine}.x");
}
