//! The figures of a comparison, as they stand in comparison.json.

use std::collections::BTreeMap;

use faceveil_eval::{
    Fidelity, LeakTable, Likeness, OutsideMean, Overlap, PictureVerdict, Rate, Summary, ToReference,
};
use serde::{Deserialize, Serialize};

use super::args::Plan;
use super::contestant::Way;
use super::cost::Cost;
use super::judge::{Entry, Outcome};
use super::reid::{Floor, Reid};
use super::slices::Slice;
use super::truth::{AGES, Case, GENDERS, RACES, Role};

/// A whole comparison.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Comparison {
    /// Program, version, revision and command.
    pub made_by: MadeBy,
    /// The sets.
    pub sets: Vec<SetInfo>,
    /// How the slices are defined, and how many faces or pictures each has.
    pub slices: Vec<SliceInfo>,
    /// Names and SHA-256 of the networks that judge.
    pub judges: Vec<(String, String)>,
    /// Re-identification with nothing hidden, and between different people.
    pub floor: Option<Floor>,
    /// The contestants.
    pub contestants: Vec<Row>,
}

/// Where a comparison comes from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MadeBy {
    /// Program and version.
    pub program: String,
    /// Commit, if it was built in a repository.
    pub revision: Option<String>,
    /// What was typed.
    pub command: Vec<String>,
    /// The processor that times were measured on.
    pub processor: Option<String>,
}

/// A set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SetInfo {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Pictures.
    pub pictures: usize,
    /// Faces.
    pub faces: usize,
    /// SHA-256 over the SHA-256 of its pictures and their labels.
    pub sha256: String,
}

/// A slice.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SliceInfo {
    /// Its name.
    pub name: String,
    /// What belongs to it.
    pub meaning: String,
    /// Pictures.
    pub pictures: usize,
    /// Faces.
    pub faces: usize,
}

/// A contestant and all its figures.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Its side.
    pub way: Way,
    /// What it is.
    pub what: String,
    /// Its networks with their SHA-256.
    pub models: Vec<(String, String)>,
    /// What it costs.
    pub cost: Cost,
    /// Of all sets that count.
    pub all: Figures,
    /// By set.
    pub sets: BTreeMap<String, Figures>,
    /// By slice, over all sets that count.
    pub slices: BTreeMap<String, Figures>,
    /// By the shorter side of the face in pixels: name of the range, faces.
    pub sizes: Vec<(String, LeakTable)>,
    /// By group of people.
    pub fairness: Vec<Group>,
    /// Whether hidden faces are recognised.
    pub reid: Option<Reid>,
}

/// Leaks in a group of people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// `race`, `gender` or `age`.
    pub of: String,
    /// The group.
    pub name: String,
    /// Its faces of at least 16 pixels.
    pub faces: LeakTable,
}

/// The figures of some pictures and faces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Pictures.
    pub pictures: usize,
    /// Pictures without output.
    pub missing: usize,
    /// The faces; of at least 16 pixels, of the slice `small` at least 8.
    pub faces: LeakTable,
    /// What changed outside the faces.
    pub outside: Option<OutsideMean>,
    /// Pictures with a changed region that touches no face.
    pub false_region: Option<Rate>,
    /// Likeness to the reference blur, mean over pictures with faces.
    pub likeness: Option<Likeness>,
    /// Intersection over union, recall and precision of what changed.
    pub mask: Option<[Option<f64>; 3]>,
    /// Faces that a detector finds in the original and in the output as well.
    pub detected: Option<Rate>,
}

/// A picture with one contestant's entry.
type Judged<'a> = (&'a Case, &'a Outcome, &'a Entry);

impl Figures {
    fn of(judged: &[Judged<'_>], slice: Option<Slice>) -> Self {
        let least = slice.map_or(16.0, Slice::least);
        let mut faces = Vec::new();
        for (case, outcome, entry) in judged {
            let chosen = slice.map(|s| s.faces(case, &outcome.facts));
            for (at, face) in entry.judgement.verdict.faces.iter().enumerate() {
                if face.px >= least && chosen.as_ref().is_none_or(|c| c[at]) {
                    faces.push(*face);
                }
            }
        }
        let verdicts: Vec<PictureVerdict> = judged.iter().map(|j| j.2.judgement.verdict.clone()).collect();
        let summary = Summary::of(&verdicts);
        let with_faces = judged.iter().filter(|j| !j.1.facts.faces.is_empty());
        let masks = with_faces.filter_map(|j| j.2.judgement.verdict.mask.as_ref()).collect::<Vec<_>>();
        let overlap = Overlap::sum(masks.iter().copied());
        let seen =
            judged.iter().filter_map(|j| j.2.judgement.seen).fold([0, 0], |s, n| [s[0] + n[0], s[1] + n[1]]);
        let likeness: Vec<Likeness> = judged.iter().filter_map(|j| j.2.judgement.likeness).collect();
        Self {
            pictures: judged.len(),
            missing: summary.outputs_missing,
            faces: LeakTable::of(&faces),
            outside: summary.outside,
            false_region: summary.images_with_false_region,
            likeness: mean_likeness(&likeness),
            mask: (!masks.is_empty()).then(|| [overlap.iou(), overlap.recall(), overlap.precision()]),
            detected: Rate::new(seen[1], seen[0]),
        }
    }
}

fn mean_likeness(all: &[Likeness]) -> Option<Likeness> {
    let mean = |part: &dyn Fn(&Likeness) -> Option<ToReference>| -> Option<ToReference> {
        let parts: Vec<ToReference> = all.iter().filter_map(part).collect();
        let n = parts.len() as f64;
        let of = |side: &dyn Fn(&ToReference) -> Fidelity| {
            let each = |f: &dyn Fn(Fidelity) -> f64| parts.iter().map(|p| f(side(p))).sum::<f64>() / n;
            Fidelity {
                mse: each(&|f| f.mse),
                mae: each(&|f| f.mae),
                ssim: each(&|f| f.ssim),
                psnr: each(&|f| f.psnr),
            }
        };
        (!parts.is_empty()).then(|| ToReference { output: of(&|p| p.output), nothing: of(&|p| p.nothing) })
    };
    Some(Likeness {
        all: mean(&|l| Some(l.all))?,
        inside: mean(&|l| l.inside),
        outside: mean(&|l| l.outside),
    })
}

/// The rows, without costs that must be measured and without re-identification.
pub fn rows(plan: &Plan, cases: &[Case], outcomes: &[Outcome]) -> Vec<Row> {
    let row = |(at, contestant): (usize, &super::contestant::Contestant)| {
        let entries: Vec<Judged<'_>> = cases
            .iter()
            .zip(outcomes)
            .filter_map(|(case, outcome)| Some((case, outcome, outcome.entries[at].as_ref()?)))
            .collect();
        let counted: Vec<Judged<'_>> = entries.iter().filter(|e| e.0.role == Role::Judged).copied().collect();
        let mut sets: BTreeMap<String, Vec<Judged<'_>>> = BTreeMap::new();
        entries.iter().for_each(|e| sets.entry(e.0.set.clone()).or_default().push(*e));
        let slices = Slice::ALL.into_iter().filter_map(|slice| {
            let some: Vec<_> = counted.iter().filter(|e| slice.picture(e.0, &e.1.facts)).copied().collect();
            (!some.is_empty()).then(|| (slice.name().to_owned(), Figures::of(&some, Some(slice))))
        });
        Row {
            name: contestant.name.clone(),
            way: contestant.way,
            what: contestant.what.clone(),
            models: contestant.models.clone(),
            cost: contestant.cost,
            all: Figures::of(&counted, None),
            sets: sets.iter().map(|(name, some)| (name.clone(), Figures::of(some, None))).collect(),
            slices: slices.collect(),
            sizes: sizes(&counted),
            fairness: fairness(&entries),
            reid: None,
        }
    };
    plan.contestants.iter().enumerate().map(row).collect()
}

fn sizes(counted: &[Judged<'_>]) -> Vec<(String, LeakTable)> {
    let verdicts: Vec<PictureVerdict> = counted.iter().map(|j| j.2.judgement.verdict.clone()).collect();
    let range = |bin: &faceveil_eval::Bin| {
        let to = bin.to.map_or("and over".to_owned(), |to| format!("to {to}"));
        (format!("{} {to} px", bin.from), bin.table)
    };
    Summary::of(&verdicts).by_px.iter().map(range).collect()
}

fn fairness(entries: &[Judged<'_>]) -> Vec<Group> {
    let pasted: Vec<_> = entries.iter().filter(|e| e.0.role == Role::Fairness).collect();
    let groups = [("race", &RACES[..]), ("gender", &GENDERS[..]), ("age", &AGES[..])];
    let groups = groups.into_iter().flat_map(|(of, names)| names.iter().map(move |name| (of, *name)));
    let of = |(of, name): (&str, &str)| {
        let faces =
            pasted.iter().flat_map(|(case, _, entry)| case.tags.iter().zip(&entry.judgement.verdict.faces));
        let faces = faces.filter(|(tags, face)| face.px >= 16.0 && tags.groups.get(of) == Some(&name));
        let faces = LeakTable::of(faces.map(|(_, face)| face));
        Group { of: of.to_owned(), name: name.to_owned(), faces }
    };
    groups.map(of).filter(|g| g.faces.faces > 0).collect()
}

/// The sets, in the order in which they were read.
pub fn sets(cases: &[Case], outcomes: &[Outcome]) -> Vec<SetInfo> {
    let mut sets: Vec<(SetInfo, String)> = Vec::new();
    for (case, outcome) in cases.iter().zip(outcomes) {
        let at = sets.iter().position(|s| s.0.name == case.set).unwrap_or_else(|| {
            let (name, role) = (case.set.clone(), case.role);
            sets.push((SetInfo { name, role, pictures: 0, faces: 0, sha256: String::new() }, String::new()));
            sets.len() - 1
        });
        let (info, text) = &mut sets[at];
        info.pictures += 1;
        info.faces += outcome.facts.faces.len();
        *text += &format!("{} {:?}\n", outcome.sha256, case.labels);
    }
    let hashed = |(info, text): (SetInfo, String)| SetInfo {
        sha256: faceveil_infer::weights::sha256_of(text.as_bytes()),
        ..info
    };
    sets.into_iter().map(hashed).collect()
}

/// The slices that have something.
pub fn slices(cases: &[Case], outcomes: &[Outcome]) -> Vec<SliceInfo> {
    let counted = || cases.iter().zip(outcomes).filter(|(c, _)| c.role == Role::Judged);
    let info = |slice: Slice| {
        let pictures = counted().filter(|(c, o)| slice.picture(c, &o.facts)).count();
        let least = slice.least();
        let faces = counted().map(|(c, o)| {
            let chosen = slice.faces(c, &o.facts);
            o.facts.faces.iter().zip(chosen).filter(|(f, chosen)| *chosen && f.px >= least).count()
        });
        let (name, meaning) = (slice.name().to_owned(), slice.meaning().to_owned());
        SliceInfo { name, meaning, pictures, faces: faces.sum() }
    };
    Slice::ALL.into_iter().map(info).filter(|s| s.pictures > 0).collect()
}
