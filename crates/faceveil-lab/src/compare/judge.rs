//! All contestants on all pictures, picture by picture: outputs are made where they are missing, and judged where that has
//! not been done. Everyone's are judged from files, by the same code.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use faceveil_core::face::Face;
use faceveil_data::truth::{Fit, TruthFace};
use faceveil_eval::{Judged, Original, Picture};
use faceveil_infer::weights::sha256_of;
use faceveil_media::Limits;
use faceveil_media::files::write_atomically;

use super::args::Plan;
use super::cache::{Journal, Judgement, Known};
use super::contestant::{Contestant, Spec};
use super::look::{Loaded, Looker, still_there};
use super::maker::Maker;
use super::slices::Facts;
use super::truth::{Case, Role};
use crate::dataset::ordered::in_order;
use crate::dataset::progress::Progress;

/// Goes up when the same files would be judged otherwise than before.
const JUDGE: u32 = 2;
/// Endings of pictures.
const ENDINGS: [&str; 4] = ["png", "jpg", "jpeg", "webp"];

/// What is known of a picture and everybody's output of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// SHA-256 of the picture.
    pub sha256: String,
    /// What it is like.
    pub facts: Facts,
    /// By contestant; `None` where another program has no folder for the set.
    pub entries: Vec<Option<Entry>>,
}

/// What is known of an output.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its file; `None` if there is none, so that all faces leak.
    pub output: Option<PathBuf>,
    /// SHA-256 of the file.
    pub sha256: Option<String>,
    /// How it is.
    pub judgement: Arc<Judgement>,
}

/// What is judged with.
pub struct Court<'a> {
    /// Who and where.
    pub plan: &'a Plan,
    /// The detector that looks at outputs.
    pub looker: Option<&'a Looker>,
    /// It looks at every n-th picture.
    pub look_every: usize,
    folders: Vec<HashMap<String, HashMap<String, PathBuf>>>,
}

/// One thread's tools.
struct Bench<'a> {
    makers: Vec<Option<Maker>>,
    loaded: Option<Loaded>,
    court: &'a Court<'a>,
}

/// A picture's outcome, and what of it was not known before.
struct Found {
    outcome: Outcome,
    facts: Option<(String, Facts)>,
    judged: Vec<(String, Arc<Judgement>)>,
}

impl<'a> Court<'a> {
    /// Looks through the other programs' folders.
    ///
    /// # Errors
    /// If one cannot be read, or holds two outputs of one picture.
    pub fn new(
        plan: &'a Plan,
        cases: &[Case],
        looker: Option<&'a Looker>,
        look_every: usize,
    ) -> Result<Self> {
        let mut folders = Vec::new();
        for contestant in &plan.contestants {
            let mut sets = HashMap::new();
            if let Spec::Outputs(_, folder) = &contestant.spec {
                for set in cases.iter().map(|c| &c.set) {
                    if !sets.contains_key(set) && folder.join(set).is_dir() {
                        sets.insert(set.clone(), outputs(&folder.join(set))?);
                    }
                }
                if sets.is_empty() {
                    bail!("{} holds no folder of any set that is judged", folder.display());
                }
            }
            folders.push(sets);
        }
        Ok(Self { plan, looker, look_every: look_every.max(1), folders })
    }

    /// Judges all of them, in their order.
    ///
    /// # Errors
    /// If a file cannot be read, written, decoded or judged.
    pub fn judge(
        &self,
        cases: &[Case],
        (known, journal): (&Known, &mut Journal),
        progress: &Progress,
    ) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::with_capacity(cases.len());
        progress.begin("judging", Some(cases.len() as u64));
        let done = in_order(
            cases.iter(),
            self.plan.jobs,
            || Bench::new(self),
            |bench, case: &Case| {
                let bench = bench.as_mut().map_err(|e| anyhow::anyhow!("{e:#}"))?;
                bench.judge(case, known).with_context(|| format!("{} {}", case.set, case.name))
            },
            |found: Result<Found>| -> Result<()> {
                let found = found?;
                outcomes.push(found.outcome);
                progress.step();
                journal.keep(found.facts, found.judged)
            },
        );
        progress.end();
        done.map(|()| outcomes)
    }

    fn output(&self, at: usize, case: &Case, sha256: &str) -> Option<PathBuf> {
        let contestant = &self.plan.contestants[at];
        if !contestant.is_ours() {
            return self.folders[at].get(&case.set)?.get(&case.name).cloned();
        }
        Some(place(&self.plan.work, contestant, case, sha256))
    }

    fn covers(&self, at: usize, set: &str) -> bool {
        self.plan.contestants[at].is_ours() || self.folders[at].contains_key(set)
    }
}

/// Where our output of a picture lies.
pub fn place(work: &Path, contestant: &Contestant, case: &Case, sha256: &str) -> PathBuf {
    let folder = format!("{}-{}", contestant.name, &contestant.fingerprint[..8]);
    let jpeg = case
        .path
        .extension()
        .is_some_and(|s| s.eq_ignore_ascii_case("jpg") || s.eq_ignore_ascii_case("jpeg"));
    let ending = if jpeg && !matches!(contestant.spec, Spec::Nothing(Some(_)) | Spec::Tflite(..)) {
        "jpg"
    } else {
        "png"
    };
    // Where the true faces are hidden, other labels are another output.
    let made_of = match contestant.spec {
        Spec::Truth(_) => sha256_of(format!("{sha256} {:?}", case.labels).as_bytes()),
        _ => sha256.to_owned(),
    };
    work.join("outputs").join(folder).join(&case.set).join(format!(
        "{}.{}.{ending}",
        case.name,
        &made_of[..8]
    ))
}

/// A folder's pictures by their names without suffix.
fn outputs(folder: &Path) -> Result<HashMap<String, PathBuf>> {
    let mut found = HashMap::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let ending = path.extension().map(|s| s.to_string_lossy().to_lowercase()).unwrap_or_default();
        let Some(stem) = path.file_stem().filter(|_| ENDINGS.contains(&&*ending)) else { continue };
        if let Some(other) = found.insert(stem.to_string_lossy().into_owned(), path.clone()) {
            bail!("{} and {} are outputs of the same picture", other.display(), path.display());
        }
    }
    Ok(found)
}

impl<'a> Bench<'a> {
    fn new(court: &'a Court<'a>) -> Result<Self> {
        let makers = court.plan.contestants.iter().map(|c| Maker::new(c).with_context(|| c.name.clone()));
        let loaded = court.looker.map(Looker::load).transpose()?;
        Ok(Self { makers: makers.collect::<Result<_>>()?, loaded, court })
    }

    fn judge(&mut self, case: &Case, known: &Known) -> Result<Found> {
        let bytes = fs::read(&case.path).with_context(|| case.path.display().to_string())?;
        let sha256 = sha256_of(&bytes);
        let key = sha256_of(format!("{JUDGE} {sha256} {:?}", case.labels).as_bytes());
        let desk = Desk { case, bytes: &bytes, original: OnceCell::new(), before: HashMap::new() };
        let (facts, new_facts) = match known.facts(&key) {
            Some(facts) => (facts, None),
            None => {
                let facts = Facts::of(desk.original()?.picture(), desk.original()?.faces());
                (facts.clone(), Some((key.clone(), facts)))
            }
        };
        // By the picture and not by its turn, so that other pictures beside it change nothing.
        let turn = usize::from_str_radix(&sha256[..4], 16).unwrap_or(0).is_multiple_of(self.court.look_every);
        let looks = case.role != Role::Shown && turn && !facts.faces.is_empty();
        let (mut desk, mut entries, mut judged) = (desk, Vec::new(), Vec::new());
        for contestant in 0..self.makers.len() {
            if !self.court.covers(contestant, &case.set) {
                entries.push(None);
                continue;
            }
            let output = self.output(contestant, case, &sha256, &desk)?;
            let (file, bytes) = output.map_or((None, None), |(file, bytes)| (Some(file), Some(bytes)));
            let hash = bytes.as_ref().map(|b| sha256_of(b));
            let looker = self.court.looker.filter(|_| looks).map_or("", |l| &l.sha256);
            let about = format!("{key} {} {looker}", hash.as_deref().unwrap_or("none"));
            let about = sha256_of(about.as_bytes());
            let judgement = match known.judgement(&about) {
                Some(judgement) => judgement,
                None => {
                    let new = Arc::new(self.judgement(&mut desk, bytes.as_deref(), looks)?);
                    judged.push((about, new.clone()));
                    new
                }
            };
            entries.push(Some(Entry { output: file, sha256: hash, judgement }));
        }
        Ok(Found { outcome: Outcome { sha256, facts, entries }, facts: new_facts, judged })
    }

    /// The contestant's file, made if it is ours and not there yet.
    fn output(
        &mut self,
        at: usize,
        case: &Case,
        sha256: &str,
        desk: &Desk<'_>,
    ) -> Result<Option<(PathBuf, Vec<u8>)>> {
        let Some(path) = self.court.output(at, case, sha256) else { return Ok(None) };
        let place = || path.display().to_string();
        if let Some(maker) = &mut self.makers[at]
            && !path.is_file()
        {
            let photo = faceveil_media::decode(desk.bytes, &Limits::default())?;
            let made = maker.make(photo, desk.original()?.faces()).with_context(place)?;
            fs::create_dir_all(path.parent().context("it lies in a folder")?)?;
            write_atomically(&path, &made, true).with_context(place)?;
            return Ok(Some((path, made)));
        }
        let bytes = fs::read(&path).with_context(place)?;
        Ok(Some((path, bytes)))
    }

    fn judgement(&mut self, desk: &mut Desk<'_>, output: Option<&[u8]>, looks: bool) -> Result<Judgement> {
        let Some(bytes) = output else { return self.without_output(desk, looks) };
        let Judged { verdict, likeness, fit, output } = desk.original()?.judge(bytes)?;
        let seen = match &mut self.loaded {
            Some(loaded) if looks => {
                let before = desk.before(loaded, &fit, output.size())?.to_vec();
                Some([before.len(), still_there(&before, &loaded.faces(&output)?)])
            }
            _ => None,
        };
        Ok(Judgement { verdict, likeness, seen })
    }
}

impl Bench<'_> {
    /// Who writes nothing has hidden nothing: what the detector finds in the original is found still.
    fn without_output(&mut self, desk: &Desk<'_>, looks: bool) -> Result<Judgement> {
        let original = desk.original()?;
        let seen = match &mut self.loaded {
            Some(loaded) if looks => {
                let before = loaded.faces(original.picture())?.len();
                Some([before, before])
            }
            _ => None,
        };
        Ok(Judgement { verdict: original.without_output(), likeness: None, seen })
    }
}

/// A picture being judged: it is decoded when it is first needed.
struct Desk<'a> {
    case: &'a Case,
    bytes: &'a [u8],
    original: OnceCell<Original>,
    /// What the detector finds in the original, by where it lies in outputs.
    before: HashMap<String, Vec<Face>>,
}

impl Desk<'_> {
    fn original(&self) -> Result<&Original> {
        if let Some(original) = self.original.get() {
            return Ok(original);
        }
        let picture = Picture::decode(self.bytes).with_context(|| self.case.path.display().to_string())?;
        let faces: Vec<TruthFace> = self
            .case
            .faces_in(&picture)
            .with_context(|| format!("{}: nobody said where the faces are", self.case.path.display()))?;
        Ok(self.original.get_or_init(|| Original::new(picture, faces)))
    }

    fn before(&mut self, loaded: &mut Loaded, fit: &Fit, size: (usize, usize)) -> Result<&[Face]> {
        let key = format!("{fit:?} {size:?}");
        if !self.before.contains_key(&key) {
            let faces = loaded.faces(&self.original()?.fitted(fit, size))?;
            self.before.insert(key.clone(), faces);
        }
        Ok(&self.before[&key])
    }
}
