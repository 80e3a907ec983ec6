//! Before and after: the worst pictures of each contestant first.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use faceveil_eval::PictureVerdict;
use serde::Serialize;

use crate::compare::judge::{Entry, Outcome};
use crate::compare::truth::{Case, Role};
use crate::dataset::thumbnail::thumbnail;

/// Longest side of a shown picture, pixels.
const LONGEST: u16 = 280;

/// What the page's script draws.
#[derive(Debug, Default, Serialize)]
pub struct Gallery {
    /// Names of the contestants that have pictures.
    contestants: Vec<String>,
    /// Originals as data addresses, by a number.
    before: BTreeMap<usize, String>,
    /// By contestant, the worst first.
    shown: Vec<Vec<Shown>>,
}

#[derive(Debug, Serialize)]
struct Shown {
    /// Number of the original.
    picture: usize,
    after: String,
    words: String,
}

impl Gallery {
    /// `most` pictures of each contestant: of all sets, or only of those that may be passed on.
    ///
    /// # Errors
    /// If a picture cannot be read.
    pub fn new(
        names: &[&str],
        cases: &[Case],
        outcomes: &[Outcome],
        most: usize,
        publishable: bool,
    ) -> Result<Self> {
        let mut gallery = Self::default();
        for (at, name) in names.iter().enumerate() {
            let chosen = worst(cases, outcomes, at, most, publishable);
            if chosen.is_empty() {
                continue;
            }
            let mut shown = Vec::new();
            for (picture, entry, path) in chosen {
                if let std::collections::btree_map::Entry::Vacant(free) = gallery.before.entry(picture) {
                    free.insert(thumbnail(&cases[picture].path, LONGEST)?);
                }
                let words =
                    format!("{}: {}", label(&cases[picture], publishable), words(&entry.judgement.verdict));
                shown.push(Shown { picture, after: thumbnail(path, LONGEST)?, words });
            }
            gallery.contestants.push((*name).to_owned());
            gallery.shown.push(shown);
        }
        Ok(gallery)
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.contestants.is_empty()
    }

    /// For a script element: no `<` can end it early.
    ///
    /// # Errors
    /// None today.
    pub fn json(&self) -> Result<String> {
        Ok(serde_json::to_string(self)?.replace('<', "\\u003c"))
    }
}

/// Names of research pictures name people.
fn label(case: &Case, publishable: bool) -> String {
    if publishable || case.person.is_none() {
        format!("{}, {}", case.set, case.name)
    } else {
        case.set.clone()
    }
}

fn worst<'a>(
    cases: &[Case],
    outcomes: &'a [Outcome],
    contestant: usize,
    most: usize,
    publishable: bool,
) -> Vec<(usize, &'a Entry, &'a Path)> {
    let role = if publishable { Role::Shown } else { Role::Judged };
    let mut all: Vec<(usize, &Entry, &Path)> = cases
        .iter()
        .zip(outcomes)
        .enumerate()
        .filter(|(_, (case, _))| case.role == role)
        .filter_map(|(at, (_, outcome))| {
            let entry = outcome.entries[contestant].as_ref()?;
            Some((at, entry, entry.output.as_deref()?))
        })
        .collect();
    all.sort_by(|a, b| badness(&b.1.judgement.verdict).total_cmp(&badness(&a.1.judgement.verdict)));
    all.truncate(most);
    all
}

/// Sizes of the leaking faces, then what changed elsewhere.
fn badness(verdict: &PictureVerdict) -> f64 {
    let leaks: f64 = verdict.faces.iter().filter(|f| f.status.is_leak()).map(|f| 0.2 + f.share).sum();
    leaks + verdict.outside.map_or(0.0, |o| 0.1 * o.changed_share + 0.01 * o.false_regions as f64)
}

fn words(verdict: &PictureVerdict) -> String {
    let judged = verdict.faces.iter().filter(|f| f.status.is_judged()).count();
    let leaks = verdict.faces.iter().filter(|f| f.status.is_leak()).count();
    let faces =
        if judged == 0 { "no face judged".to_owned() } else { format!("{leaks} of {judged} faces leak") };
    let other = verdict
        .outside
        .map_or(String::new(), |o| format!(", {:.1} % of the rest changed", 100.0 * o.changed_share));
    faces + &other
}

#[cfg(test)]
mod tests {
    use super::*;
    use faceveil_data::truth::TruthFace;

    #[test]
    fn a_leaking_face_is_worse_than_a_changed_wall() {
        let face = TruthFace::from_box(0.0, 0.0, 40.0, 40.0);
        let leaking = faceveil_eval::no_output(100, 100, &[face]);
        let fine = faceveil_eval::no_output(100, 100, &[]);
        assert!(badness(&leaking) > badness(&fine));
        assert_eq!(words(&leaking), "1 of 1 faces leak");
        assert_eq!(words(&fine), "no face judged");
    }
}
