//! Pictures that networks are judged on by their masks alone, decoded once: those that were kept out of training to choose
//! on, and those that are held out.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use faceveil_core::raster::Raster;
use faceveil_data::dataset::{self, Item};
use faceveil_data::split::{Set, lab};
use faceveil_data::truth::TruthFace;
use faceveil_infer::gate::Gate;
use faceveil_media::Limits;

use super::coverage::Looked;
use crate::train::sources;

/// News photos, people with masks, pictures without a face.
pub const SETS: [Set; 3] = [Set::Fddb, Set::MasksVoc, Set::Negatives];

/// Pictures of [`SETS`] with their faces.
pub struct Pictures {
    /// A list a set.
    sets: [Vec<(Raster, Vec<TruthFace>)>; 3],
}

impl Pictures {
    /// Those kept to choose on.
    ///
    /// # Errors
    /// If a picture or its annotation is missing or cannot be understood.
    pub fn kept(shared: &Path) -> Result<Self> {
        Self::load(|set| sources::kept(shared, set))
    }

    /// Every n-th of those that nothing is trained or chosen on.
    ///
    /// # Errors
    /// As [`Self::kept`].
    pub fn held_out(shared: &Path, every: usize) -> Result<Self> {
        Self::load(|set| {
            let items = dataset::load_names(shared, set, &lab::held_out(set))?;
            Ok(items.into_iter().step_by(every.max(1)).collect())
        })
    }

    fn load(items: impl Fn(Set) -> Result<Vec<Item>>) -> Result<Self> {
        let mut sets = [Vec::new(), Vec::new(), Vec::new()];
        for (set, pictures) in SETS.into_iter().zip(&mut sets) {
            for item in items(set)? {
                let place = || item.image_path.display().to_string();
                let bytes = fs::read(&item.image_path).with_context(place)?;
                let raster = faceveil_media::decode(&bytes, &Limits::default()).with_context(place)?.raster;
                let faces = item.faces(raster.width(), raster.height()).with_context(place)?;
                pictures.push((raster, faces));
            }
        }
        Ok(Self { sets })
    }

    /// The masks that `gate` gives.
    ///
    /// # Errors
    /// If the network cannot look at one.
    pub fn look(&self, gate: &Gate) -> Result<[Vec<Looked>; 3]> {
        let mut looked = [Vec::new(), Vec::new(), Vec::new()];
        for (set, looked) in self.sets.iter().zip(&mut looked) {
            for (raster, faces) in set {
                looked.push(Looked { mask: gate.mask(raster)?, faces: faces.clone() });
            }
        }
        Ok(looked)
    }

    /// How many there are of each set.
    pub fn counts(&self) -> [usize; 3] {
        [0, 1, 2].map(|set| self.sets[set].len())
    }
}
