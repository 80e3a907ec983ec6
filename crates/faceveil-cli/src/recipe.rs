//! What is done to a photo once it is known where: the resolved choices, and what a sidecar tells of them.

use faceveil::{Outline, Settings};

use crate::choices::{Choices, KeepMetadata, OnNoFace, Shape, StyleName};
use crate::detection::Looking;
use crate::plan::{self, PlanError};
use crate::sidecar;

/// Choices with their defaults filled in and their numbers checked.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// How faces are found and hidden.
    pub settings: Settings,
    /// Whether capture time and camera survive.
    pub keep_safe_metadata: bool,
    /// The same for a sidecar.
    pub recorded: sidecar::Settings,
    /// The networks that look for faces.
    pub models: Vec<sidecar::Model>,
    /// SHA-256 in hexadecimal of all that shapes an output, this program's version included.
    pub fingerprint: String,
}

impl Recipe {
    /// # Errors
    /// [`PlanError`] if a number is out of range, or the overlay cannot be used.
    pub fn new(chosen: &Choices, looking: &Looking) -> Result<Self, PlanError> {
        let (settings, overlay_sha256) = plan::settings(chosen, looking)?;
        let on_no_face = chosen.on_no_face.unwrap_or(OnNoFace::Warn);
        let keep_safe_metadata = chosen.keep_metadata == Some(KeepMetadata::Safe);
        Ok(Self {
            recorded: recorded(chosen, &settings, &overlay_sha256),
            fingerprint: plan::fingerprint(chosen, looking, on_no_face, keep_safe_metadata, &overlay_sha256),
            models: models(&settings),
            settings,
            keep_safe_metadata,
        })
    }
}

fn models(settings: &Settings) -> Vec<sidecar::Model> {
    let used = settings.detection.models(settings.level).into_iter();
    used.map(|(name, sha256)| sidecar::Model { name, sha256 }).collect()
}

fn recorded(chosen: &Choices, settings: &Settings, overlay_sha256: &str) -> sidecar::Settings {
    use crate::choices::{Level, Rgb};
    use faceveil::Style;
    let mut recorded = sidecar::Settings {
        level: chosen.level.unwrap_or(Level::Balanced),
        style: chosen.style.unwrap_or(StyleName::Veil),
        cells: None,
        sigma: None,
        color: None,
        overlay_sha256: None,
        shape: if settings.outline == Outline::Box { Shape::Box } else { Shape::Ellipse },
        margin: settings.margin.unwrap_or(settings.detection.margin(settings.level)),
        feather: settings.feather,
        keep_metadata: chosen.keep_metadata.unwrap_or(KeepMetadata::None),
    };
    match &settings.style {
        Style::Pixelate { cells } => recorded.cells = Some(*cells),
        Style::Blur { .. } => recorded.sigma = Some(chosen.sigma.unwrap_or(plan::SIGMA)),
        Style::Solid { rgb } => recorded.color = Some(Rgb(*rgb)),
        Style::Image { .. } => recorded.overlay_sha256 = Some(overlay_sha256.to_owned()),
        _ => {}
    }
    recorded
}
