//! Chooses the linker script of the machine, and puts the network of `FACEVEIL_MODEL` in.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    network();
    let folder = env::var("CARGO_MANIFEST_DIR").expect("set by cargo");
    println!("cargo::rerun-if-changed=link");
    println!("cargo::rustc-link-search={folder}/link");
    // So that the workspace can be looked at with a host's toolchain too.
    if env::var("CARGO_CFG_TARGET_ARCH").as_deref() != Ok("arm") {
        return;
    }
    let feature = |name: &&str| env::var_os(format!("CARGO_FEATURE_{}", name.to_uppercase())).is_some();
    let machine = ["m4", "m7", "m55"].into_iter().find(feature);
    let machine = machine.expect("choose a machine: --features m4, m7 or m55");
    println!("cargo::rustc-link-arg=-T{machine}.x");
}

/// Writes `model.rs`: the file, its arena's length and its input's size; without a file an error for who includes it.
fn network() {
    println!("cargo::rerun-if-env-changed=FACEVEIL_MODEL");
    let out = PathBuf::from(env::var("OUT_DIR").expect("set by cargo"));
    let text = match env::var("FACEVEIL_MODEL") {
        Ok(path) => constants(Path::new(&path)),
        Err(_) => "compile_error!(\"set FACEVEIL_MODEL to the file of a gate network (.fv8)\");".to_owned(),
    };
    fs::write(out.join("model.rs"), text).expect("cargo's folder can be written");
}

fn constants(path: &Path) -> String {
    println!("cargo::rerun-if-changed={}", path.display());
    let bytes = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    // See `faceveil_int8::format`; the firmware itself checks the file.
    let word =
        |n: usize| bytes.get(4 * n..4 * n + 4).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    let (arena, height, width) = (word(4), word(5) & 0xffff, word(5) >> 16);
    let path = path.canonicalize().expect("it was read");
    format!(
        "const ARENA_LEN: usize = {arena};\nconst WIDTH: usize = {width};\nconst HEIGHT: usize = {height};\n\
         static MODEL: Aligned<[u8; {}]> = Aligned(*include_bytes!({path:?}));\n",
        bytes.len()
    )
}
