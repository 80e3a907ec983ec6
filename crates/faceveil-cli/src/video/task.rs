//! One video's task: which file, what is done to it, and what its sidecar will say.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use super::finished::Finished;
use super::record::VideoRecord;
use crate::choices::StyleName;
use crate::detection::Looking;
use crate::plan::{BlurPlan, check_flags_fit, hex};
use crate::recipe::Recipe;
use crate::rerender::way;
use crate::sidecar;
use crate::walk::{Found, Kind};

/// What is done to one video.
#[derive(Debug)]
pub struct VideoTask {
    /// The video.
    pub input: PathBuf,
    /// What is done to it.
    pub recipe: Recipe,
    /// The sidecar that is rendered again, and its SHA-256.
    pub replay: Option<(VideoRecord, String)>,
}

impl VideoTask {
    /// # Errors
    /// The file is a sidecar that cannot be used.
    pub fn new(plan: &BlurPlan, found: &Found) -> anyhow::Result<Self> {
        let Some(from) = &plan.from else {
            return Ok(Self { input: found.input.clone(), recipe: plan.recipe.clone(), replay: None });
        };
        if let Kind::Broken(why) = &found.kind {
            bail!("{why}");
        }
        let (record, bytes) = VideoRecord::read(&found.input)?;
        let chosen = from.chosen.clone().without_detector().over(record.settings.choices());
        check_flags_fit(&from.typed, chosen.style.unwrap_or(StyleName::Veil))?;
        let input = from.original(found, &record.source)?;
        let mut recipe = Recipe::new(&chosen, &Looking::nowhere())?;
        let hidden: Vec<_> = record.tracks.iter().map(|t| (t.hidden, &t.spans)).collect();
        let sha256 = hex(&Sha256::digest(&bytes));
        let all = format!("{} {} {:?} {hidden:?}", recipe.fingerprint, record.source.sha256, record.zones);
        recipe.fingerprint = hex(&Sha256::digest(all));
        Ok(Self { input, recipe, replay: Some((record, sha256)) })
    }

    /// The bytes of the sidecar beside `output`.
    ///
    /// # Errors
    /// There is more to record than a sidecar takes, or the way to the original cannot be told.
    pub fn complete(
        &self,
        mut record: VideoRecord,
        output: &Path,
        result: &Finished,
    ) -> anyhow::Result<Vec<u8>> {
        let path = sidecar::path_of(output);
        record.source.path = way(&path, &self.input)?;
        record.result.bytes = result.bytes;
        record.result.sha256 = result.sha256.clone().context("the result has no hash")?;
        record.previous = self.replay.as_ref().map(|(_, sha256)| sha256.clone());
        Ok(record.to_json()?)
    }
}
