//! `faceveil blur --from`: hides what sidecars record, without looking for faces again.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail, ensure};
use faceveil::{Outline, Region, Zones};
use faceveil_core::policy::Policy;
use faceveil_core::redact::Shape;
use faceveil_media::{Album, Limits, files};
use sha2::{Digest, Sha256};

use crate::args::BlurArgs;
use crate::choices::{self, Choices};
use crate::detection::Looking;
use crate::marks::Marks;
use crate::plan::{PlanError, check_flags_fit, hex};
use crate::recipe::Recipe;
use crate::sidecar::{self, Origin, RegionRecord, Sidecar, Source};
use crate::video::record::{MAX_BYTES, VideoRecord, is_of_video};
use crate::walk::{Found, Input, Kind};

/// Pixels, or radians, by which a region may differ from what its face gives and still count as untouched:
/// another machine's sines differ in the last digit, an edit in the first.
const UNTOUCHED: f32 = 0.01;

/// How sidecars are rendered again.
#[derive(Clone, Debug)]
pub struct FromPlan {
    /// The photo or the folder of photos that was named, if one was.
    pub originals: Option<Input>,
    /// What was typed.
    pub typed: Choices,
    /// The same over the environment and the configuration file; sidecars lie under all of it.
    pub chosen: Choices,
}

/// What is worked on: photos, or sidecars and how they are rendered.
///
/// # Errors
/// [`PlanError`] if what was typed does not go with `--from`.
pub fn inputs(args: &BlurArgs, chosen: &Choices) -> Result<(Vec<Input>, Option<FromPlan>), PlanError> {
    let look = |paths: &[PathBuf]| -> Vec<Input> { paths.iter().map(|p| Input::look(p)).collect() };
    let typed = &args.choices;
    if args.from.is_empty() {
        return Ok((look(&args.inputs), None));
    }
    let searching = [
        ("level", typed.level.is_some()),
        ("detector", typed.detector.is_some()),
        ("model", typed.model.is_some()),
        ("threshold", typed.threshold.is_some()),
        ("engine", typed.engine.is_some()),
        ("keep-zone", typed.keep_zone.is_some()),
        ("lead", typed.lead.is_some()),
        ("hold", typed.hold.is_some()),
        ("detect-every", typed.detect_every.is_some()),
        ("start", args.start.is_some()),
        ("end", args.end.is_some()),
        ("thumbnails", args.thumbnails),
    ];
    if let Some((flag, _)) = searching.into_iter().find(|(_, given)| *given) {
        return Err(PlanError::FromSearches(flag));
    }
    let sidecars = look(&args.from);
    let single = matches!(sidecars[..], [Input::File(_)]);
    let originals = match &look(&args.inputs)[..] {
        [] => None,
        [photo @ Input::File(_)] if single => Some(photo.clone()),
        [folder @ Input::Folder(_)] => Some(folder.clone()),
        _ => return Err(PlanError::FromInput),
    };
    if sidecars.iter().any(|i| matches!(i, Input::Stdin)) {
        return Err(PlanError::Stdin);
    }
    Ok((sidecars, Some(FromPlan { originals, typed: typed.clone(), chosen: chosen.clone() })))
}

impl FromPlan {
    /// Where the original of a sidecar is.
    ///
    /// # Errors
    /// The sidecar cannot be read, or says nothing that helps.
    pub fn original_of(&self, found: &Found) -> anyhow::Result<PathBuf> {
        let bytes =
            files::read_photo(&found.input, &Limits { max_file_bytes: MAX_BYTES, ..Limits::default() })?;
        let source = match is_of_video(&bytes) {
            true => VideoRecord::parse(&bytes)?.source,
            false => Sidecar::parse(&bytes)?.source,
        };
        self.original(found, &source)
    }

    /// The same for a sidecar that is read already.
    ///
    /// # Errors
    /// It says nothing that helps.
    pub fn original(&self, found: &Found, source: &Source) -> anyhow::Result<PathBuf> {
        let recorded = source.path.as_deref().map(Path::new);
        match &self.originals {
            Some(Input::Folder(folder)) => {
                // As it was found by the run that wrote the sidecar, else just by its name.
                let place = sidecar::output_of(&found.relative).map(|relative| folder.join(relative));
                let name = recorded.and_then(Path::file_name).map(|name| folder.join(name));
                let known = place.iter().chain(&name).find(|path| path.is_file()).cloned();
                known.or(place).or(name).context("nothing says which photo it belongs to")
            }
            Some(Input::File(photo)) => Ok(photo.clone()),
            _ => {
                let folder = found.input.parent().unwrap_or(Path::new(""));
                let path = recorded.map(|path| folder.join(path));
                path.context("it does not say where the photo is; name the photo as INPUT")
            }
        }
    }
}

/// A sidecar that is rendered again.
#[derive(Debug)]
pub struct Rerender {
    /// What it records.
    pub record: Sidecar,
    /// SHA-256 of its bytes in hexadecimal.
    pub sha256: String,
    /// The photo it belongs to.
    pub original: PathBuf,
    /// What is done to the photo: what was typed, over what is recorded.
    pub recipe: Recipe,
}

impl Rerender {
    /// Reads a sidecar and resolves what is to be done.
    ///
    /// # Errors
    /// The sidecar or what it records cannot be used.
    pub fn load(from: &FromPlan, found: &Found) -> anyhow::Result<Self> {
        if let Kind::Broken(why) = &found.kind {
            bail!("{why}");
        }
        let (record, bytes) = Sidecar::read(&found.input)?;
        let chosen = from.chosen.clone().without_detector().over(record.settings.choices());
        check_flags_fit(&from.typed, chosen.style.unwrap_or(choices::StyleName::Veil))?;
        let original = from.original(found, &record.source)?;
        let mut recipe = Recipe::new(&chosen, &Looking::nowhere())?;
        recipe.fingerprint = fingerprint(&recipe, &record);
        Ok(Self { recipe, record, sha256: hex(&Sha256::digest(bytes)), original })
    }

    /// Whether the file of this hash, which became `album`, is what the sidecar was written for.
    ///
    /// # Errors
    /// They are not.
    pub fn check_original(&self, sha256: &str, album: &Album) -> anyhow::Result<()> {
        let want = &self.record.source.sha256;
        let place = self.original.display();
        ensure!(
            sha256 == want,
            "{place} is not the photo that the sidecar was written for: its SHA-256 is {sha256}, not {want}"
        );
        let (got, want) = (album.pages().len(), self.record.pages.len());
        ensure!(got == want, "{place} has {got} pages or frames, the sidecar says {want}");
        for (photo, [width, height]) in album.pages().iter().zip(&self.record.pages) {
            let (w, h) = (photo.raster.width(), photo.raster.height());
            ensure!(
                [w, h] == [*width, *height],
                "{place} has {w}×{h} pixels, the sidecar says {width}×{height}"
            );
        }
        Ok(())
    }

    /// What is to be hidden now: regions as they were drawn by the program follow the settings of today,
    /// all others stay as they were drawn; the zones of each page come on top.
    ///
    /// # Errors
    /// The recorded settings draw no regions.
    pub fn marks(&self, zones: &[Zones]) -> anyhow::Result<Marks> {
        let then = &self.record.settings;
        let outline = if then.shape == choices::Shape::Box { Outline::Box } else { Outline::Ellipse };
        let then = Policy::new(outline, then.margin, then.feather)?;
        let settings = &self.recipe.settings;
        let margin = self.recipe.recorded.margin;
        let now = Policy::new(settings.outline, margin, settings.feather)?;
        let mut regions = self.record.regions.clone();
        for region in &mut regions {
            let face = region.face.as_ref().and_then(|id| self.record.face(id));
            if let Some(face) = face.filter(|_| region.origin == Origin::Detected)
                && is_untouched(region, &then.region(face))
            {
                region.region = now.region(face);
            }
        }
        let mut marks = Marks { faces: self.record.faces.clone(), regions };
        marks.hide_zones(zones, settings.feather);
        Ok(marks)
    }
}

/// What the journal takes for settings: the recipe, and what is hidden. A sidecar that was only rewritten
/// with another result has the same.
fn fingerprint(recipe: &Recipe, record: &Sidecar) -> String {
    let hidden: Vec<_> = record.regions.iter().filter(|r| r.hidden).collect();
    let all = format!("{} {} {:?} {hidden:?}", recipe.fingerprint, record.source.sha256, record.faces);
    hex(&Sha256::digest(all))
}

fn is_untouched(record: &RegionRecord, drawn: &Region) -> bool {
    let near = |a: f32, b: f32| (a - b).abs() <= UNTOUCHED;
    let same = |(a, b): (&Shape, &Shape)| match (a, b) {
        (Shape::Box(a), Shape::Box(b)) => {
            near(a.left, b.left) && near(a.top, b.top) && near(a.right, b.right) && near(a.bottom, b.bottom)
        }
        (Shape::Ellipse(a), Shape::Ellipse(b)) => {
            near(a.centre.x, b.centre.x)
                && near(a.centre.y, b.centre.y)
                && near(a.radius_x, b.radius_x)
                && near(a.radius_y, b.radius_y)
                && near(a.angle, b.angle)
        }
        _ => false,
    };
    let region = &record.region;
    near(region.feather, drawn.feather)
        && region.shapes.len() == drawn.shapes.len()
        && region.shapes.iter().zip(&drawn.shapes).all(same)
}

/// Where `original` is, seen from the folder of `sidecar`; `None` if the way is not UTF-8.
///
/// # Errors
/// What the system says if one of the folders cannot be resolved.
pub fn way(sidecar: &Path, original: &Path) -> anyhow::Result<Option<String>> {
    let folder = |path: &Path| {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        folder.canonicalize().with_context(|| folder.display().to_string())
    };
    let (from, to) = (folder(sidecar)?, folder(original)?);
    let name = original.file_name().ok_or_else(|| anyhow!("{} is no file", original.display()))?;
    let shared = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    // Other drives have nothing in common: then the whole path is the way.
    let way: PathBuf = if shared == 0 {
        to.join(name)
    } else {
        let up = from.components().skip(shared).map(|_| Path::new(".."));
        up.chain(to.components().skip(shared).map(|c| Path::new(c.as_os_str())))
            .collect::<PathBuf>()
            .join(name)
    };
    // One spelling on all systems.
    Ok(way.to_str().map(|text| if cfg!(windows) { text.replace('\\', "/") } else { text.to_owned() }))
}
