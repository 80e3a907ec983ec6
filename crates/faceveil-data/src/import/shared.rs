//! The public pictures for training and judging the lab's networks, by the fixed split.

use std::path::Path;

use super::paired::{sample, unlabelled};
use super::{Drawn, ImportError, Layout, Sample, Samples, name_of, open};
use crate::dataset::{self, DatasetError, Labels};
use crate::split::{Set, lab};

/// What the pictures are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To train on. The held-out pictures come along, marked as such, so that nothing that resembles one is used.
    Train,
    /// To judge with: only what is held out.
    Judge,
}

/// The public pictures under `shared` (the folder that holds `faces/`): the sets of the split, and `crops_web` and
/// `roboflow_yolo`, which are for training only.
///
/// # Errors
/// [`ImportError`] if a set is not complete.
pub fn shared(root: &Path, purpose: Purpose) -> Result<Samples, ImportError> {
    let mut all: Vec<Sample> = Vec::new();
    for set in Set::ALL {
        let parts: &[bool] = if purpose == Purpose::Train { &[false, true] } else { &[true] };
        for held_out in parts {
            let names = if *held_out { lab::held_out(set) } else { lab::training(set) };
            for item in dataset::load_names(root, set, &names).map_err(from_dataset)? {
                let name = name_of(&root.join("faces"), &item.image_path);
                all.push(Sample {
                    labels: item.labels,
                    drawn: drawn(set),
                    identity: identity(set, &item.name),
                    held_out: *held_out && purpose == Purpose::Train,
                    ..sample(name, item.image_path)
                });
            }
        }
    }
    let split = Box::new(all.into_iter().map(Ok));
    if purpose == Purpose::Judge {
        return Ok(split);
    }
    let faces = root.join("faces");
    let crops = under(&faces, unlabelled(&faces.join("crops_web"), Labels::Unknown, false));
    let roboflow = under(&faces, open(Layout::Yolo, &faces.join("roboflow_yolo"), &[])?);
    Ok(Box::new(split.chain(crops).chain(roboflow)))
}

const fn drawn(set: Set) -> Drawn {
    match set {
        Set::Fddb => Drawn::Ellipse,
        Set::YoutubeKeypoints => Drawn::Points,
        Set::MasksVoc | Set::WiderYolo | Set::Negatives | Set::Utkface => Drawn::Box,
    }
}

/// YouTube Faces names a frame by the person, then the number of the video and of the frame.
fn identity(set: Set, name: &str) -> Option<String> {
    let person = name.rsplit('/').next()?.rsplit_once('_')?.0;
    (set == Set::YoutubeKeypoints).then(|| person.to_owned())
}

/// The same pictures, named from `faces`.
fn under(faces: &Path, samples: Samples) -> Samples {
    let faces = faces.to_owned();
    Box::new(samples.map(move |found| {
        let found = found?;
        Ok(Sample { name: name_of(&faces, &found.path), ..found })
    }))
}

fn from_dataset(error: DatasetError) -> ImportError {
    match error {
        DatasetError::Io { path, source } => ImportError::Io { path, source },
        DatasetError::Truth { path, source } => ImportError::Truth { path, source },
        DatasetError::Unlisted { name, path } => ImportError::NoPicture { path, name },
        DatasetError::NoPicture { path } => ImportError::Missing { path, want: "picture" },
    }
}
