//! How long our contestants take: processor time of one thread, from pixels to pixels, median of some pictures. The
//! processor's time and not the clock's, so that what else runs on the machine counts for little.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use faceveil_infer::weights::sha256_of;
use faceveil_media::Limits;
use faceveil_media::files::write_atomically;

use super::contestant::Contestant;
use super::maker::Maker;
use super::truth::{Case, Role};
use crate::dataset::progress::Progress;

/// Pictures that are looked at before the clock is read.
const WARM: usize = 2;

/// Milliseconds a picture of each contestant of ours, in their order. What has been measured on this processor is kept in
/// `file`.
///
/// # Errors
/// If a picture cannot be read or hidden.
pub fn measure(
    contestants: &[Contestant],
    cases: &[Case],
    pictures: usize,
    file: &Path,
    progress: &Progress,
) -> Result<Vec<Option<f64>>> {
    let counted: Vec<&Case> = cases.iter().filter(|c| c.role == Role::Judged).collect();
    let step = (counted.len() / pictures.max(1)).max(1);
    let chosen: Vec<&&Case> = counted.iter().step_by(step).take(pictures).collect();
    if chosen.is_empty() {
        return Ok(vec![None; contestants.len()]);
    }
    let names: String = chosen.iter().map(|c| format!("{} {}\n", c.set, c.name)).collect();
    let mut known: BTreeMap<String, f64> =
        fs::read(file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    progress.begin("timing", Some(contestants.len() as u64));
    let mut times = Vec::new();
    for contestant in contestants {
        let about = format!("{} {:?} {names}", contestant.fingerprint, processor());
        let key = sha256_of(about.as_bytes());
        if contestant.is_ours() && !known.contains_key(&key) {
            let ms = time(contestant, &chosen).with_context(|| format!("timing {}", contestant.name))?;
            known.insert(key.clone(), ms);
            write_atomically(file, &serde_json::to_vec_pretty(&known)?, true)?;
        }
        times.push(known.get(&key).copied());
        progress.step();
    }
    progress.end();
    Ok(times)
}

fn time(contestant: &Contestant, chosen: &[&&Case]) -> Result<f64> {
    let mut maker = Maker::new(contestant)?.context("another program is not run here")?;
    let mut all = Vec::new();
    for (at, case) in chosen.iter().cycle().take(chosen.len() + WARM).enumerate() {
        let bytes = fs::read(&case.path).with_context(|| case.path.display().to_string())?;
        let mut raster = faceveil_media::decode(&bytes, &Limits::default())?.raster;
        let picture = faceveil_eval::Picture::from(raster.clone());
        let faces = case.faces_in(&picture).unwrap_or_default();
        let before = processor_time();
        maker.hide(&mut raster, &faces)?;
        if at >= WARM {
            all.push((processor_time() - before) * 1e3);
        }
    }
    all.sort_by(f64::total_cmp);
    Ok(all[all.len() / 2])
}

/// Seconds that this process has computed.
#[cfg(unix)]
fn processor_time() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Seconds since the first call: elsewhere the clock has to do.
#[cfg(not(unix))]
fn processor_time() -> f64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed().as_secs_f64()
}

/// The processor's name, if the system tells.
pub fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("model name"))?;
    Some(line.trim_start_matches([' ', '\t', ':']).to_owned())
}
