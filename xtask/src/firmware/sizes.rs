//! Instructions of networks that nobody need have trained: with weights by chance they cost the same.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use faceveil_int8::Model;
use faceveil_int8::model::FileBytes;
use faceveil_net::variation::SWEEP;
use serde_json::json;

use super::machine::M7;
use super::{inputs, missing, target_folder, value};

/// Counts a frame's instructions, of the network, mask and veil, on an emulated Cortex-M7, and writes them by the networks'
/// names, for `faceveil-lab sweep --instructions`. Without names: those that a sweep tries.
///
/// # Errors
/// If something is missing, a network is not known, or does not run.
pub fn count(root: &Path, names: &[String], out: &Path) -> Result<()> {
    let missing = missing();
    if !missing.is_empty() {
        bail!("on Debian: {}", crate::cross::advice(&missing));
    }
    let folder = target_folder()?;
    std::fs::create_dir_all(&folder)?;
    let listed = SWEEP.map(ToOwned::to_owned);
    let mut counts = BTreeMap::new();
    for name in if names.is_empty() { &listed[..] } else { names } {
        let count = of(root, &folder, name).with_context(|| name.clone())?;
        println!("{name}: {count} instructions");
        counts.insert(name, count);
    }
    let all = json!({"made_by": "cargo xtask firmware --count", "instructions": counts});
    std::fs::write(out, format!("{}\n", serde_json::to_string_pretty(&all)?))
        .with_context(|| out.display().to_string())
}

fn of(root: &Path, folder: &Path, name: &str) -> Result<u64> {
    let model = folder.join("by-chance.fv8");
    inputs::by_chance(root, name, &model)?;
    let file = FileBytes::new(&std::fs::read(&model)?);
    let side = Model::parse(file.bytes())?.input().width;
    let frame = folder.join(format!("portrait{side}.rgb565"));
    std::fs::write(&frame, inputs::rgb565(&inputs::portrait(root, side)?))?;
    let program = M7.build(root, folder, ("frame", &model), false)?;
    let said = M7.emulate(&program, &["frame", frame.to_str().context("a path of letters")?])?;
    Ok(value(&said, "instructions")?.parse()?)
}
