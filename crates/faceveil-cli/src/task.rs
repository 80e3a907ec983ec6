//! One file's task: which photo, what is done to it, and what its sidecar will say.

use std::path::Path;

use anyhow::anyhow;
use faceveil_media::{Album, Format, Photo};
use sha2::{Digest, Sha256};

use crate::marks::Marks;
use crate::plan::{BlurPlan, hex};
use crate::recipe::Recipe;
use crate::rerender::{Rerender, way};
use crate::sidecar::{Output, Sidecar, Source};
use crate::walk::{Found, Kind};

/// What is done to one file.
pub struct Task<'a> {
    /// The file.
    pub found: &'a Found,
    how: How<'a>,
}

enum How<'a> {
    /// Look for faces.
    Search(&'a Recipe),
    /// The file is a sidecar.
    Render(Box<Rerender>),
}

/// A file that was read.
pub struct Original {
    /// Its picture, or all pages or frames.
    pub album: Album,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// SHA-256 of the file in hexadecimal; empty if it was not asked for.
    pub sha256: String,
}

impl Original {
    /// `album` was decoded from `bytes`; `hashed` asks for their SHA-256.
    pub fn new(album: Album, bytes: &[u8], hashed: bool) -> Self {
        let sha256 = if hashed { hex(&Sha256::digest(bytes)) } else { String::new() };
        Self { album, bytes: bytes.len() as u64, sha256 }
    }

    /// The first picture.
    pub fn first(&self) -> &Photo {
        self.album.first()
    }
}

impl<'a> Task<'a> {
    /// # Errors
    /// The file is a sidecar that cannot be used.
    pub fn new(plan: &'a BlurPlan, found: &'a Found) -> anyhow::Result<Self> {
        let how = match &plan.from {
            None => How::Search(&plan.recipe),
            Some(from) => How::Render(Box::new(Rerender::load(from, found)?)),
        };
        Ok(Self { found, how })
    }

    /// The sidecar that is rendered again, if one is.
    pub fn sidecar(&self) -> Option<&Rerender> {
        match &self.how {
            How::Search(_) => None,
            How::Render(sidecar) => Some(sidecar),
        }
    }

    /// Where the photo is; `-` for standard input.
    pub fn photo(&self) -> &Path {
        self.sidecar().map_or(&self.found.input, |sidecar| &sidecar.original)
    }

    /// What is done to it.
    pub fn recipe(&self) -> &Recipe {
        match &self.how {
            How::Search(recipe) => recipe,
            How::Render(sidecar) => &sidecar.recipe,
        }
    }

    /// What the journal takes for settings.
    pub fn fingerprint(&self) -> &str {
        &self.recipe().fingerprint
    }

    /// The error with the photo's place, if the report names another file.
    pub fn placed(&self, error: impl std::error::Error + Send + Sync + 'static) -> anyhow::Error {
        match self.sidecar() {
            Some(sidecar) => anyhow!(error).context(sidecar.original.display().to_string()),
            None => error.into(),
        }
    }

    /// The bytes of the sidecar that goes to `path`.
    ///
    /// # Errors
    /// There is more to record than a sidecar takes, or the way to the original cannot be told.
    pub fn record(
        &self,
        path: &Path,
        original: &Original,
        marks: &Marks,
        format: Format,
        output: &[u8],
    ) -> anyhow::Result<Vec<u8>> {
        let known = self.found.kind != Kind::Stdin;
        let recipe = self.recipe();
        let models = match self.sidecar() {
            Some(sidecar) => sidecar.record.models.clone(),
            None => recipe.models.clone(),
        };
        let record = Sidecar {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            source: Source {
                path: if known { way(path, self.photo())? } else { None },
                bytes: original.bytes,
                sha256: original.sha256.clone(),
            },
            result: Output { format, bytes: output.len() as u64, sha256: hex(&Sha256::digest(output)) },
            pages: original.album.pages().iter().map(|p| [p.raster.width(), p.raster.height()]).collect(),
            models,
            settings: recipe.recorded.clone(),
            faces: marks.faces.clone(),
            regions: marks.regions.clone(),
            previous: self.sidecar().map(|sidecar| sidecar.sha256.clone()),
        };
        Ok(record.to_json()?)
    }
}
