//! Who takes part: what was typed, the networks behind it with their hashes, and what it costs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use faceveil::{Detection, DetectorName, EngineChoice, Level, RelativeSigma, Style};
use faceveil_infer::weights::sha256_of;
use serde::{Deserialize, Serialize};

use super::cost::{Cost, of_file, of_gate, of_level, of_network};
use super::paint::PaintingNet;
use crate::judge::direct::Direct;

/// What a contestant does with the faces it finds.
const STYLES: [&str; 4] = ["veil", "pixelate", "blur", "solid"];
/// Goes up when the same contestant would write other pictures than before.
const OUTPUTS: u32 = 2;

/// A side of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Finds boxes, then hides them.
    Detector,
    /// A small network that gives a mask or the picture itself.
    Network,
    /// Another program.
    Outside,
    /// What the others are held against.
    Baseline,
}

/// A contestant as it was typed.
#[derive(Clone, Debug, PartialEq)]
pub enum Spec {
    /// A level of ours.
    Level(Level, &'static str),
    /// One detector of ours.
    Detector(DetectorName, Option<f32>, &'static str),
    /// A gate network: the one inside the program, or a name and a file.
    Gate(Option<(String, PathBuf)>),
    /// A network of ours that gives the picture itself, in floats: a name and its file.
    Direct(String, PathBuf),
    /// A network in TFLite's int8 that gives the picture itself: a name and its file.
    Tflite(String, PathBuf),
    /// Files that another program wrote.
    Outputs(String, PathBuf),
    /// The picture as it is, or shrunk into a frame of that side.
    Nothing(Option<u32>),
    /// The true faces.
    Truth(&'static str),
}

impl Spec {
    /// One contestant, or all of ours.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Vec<Self>> {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        match kind {
            "all" if rest.is_empty() => return Ok(Self::all()),
            "gate" | "direct" | "outputs" | "tflite" if !rest.is_empty() => {
                let (name, path) =
                    rest.split_once('=').with_context(|| format!("{text:?} is not {kind}:NAME=PATH"))?;
                check_name(name)?;
                let (name, path) = (name.to_owned(), PathBuf::from(path));
                return Ok(vec![match kind {
                    "gate" => Self::Gate(Some((name, path))),
                    "direct" => Self::Direct(name, path),
                    "tflite" => Self::Tflite(name, path),
                    _ => Self::Outputs(name, path),
                }]);
            }
            "gate" => return Ok(vec![Self::Gate(None)]),
            _ => {}
        }
        let mut parts = text.split(',');
        let first = parts.next().unwrap_or("");
        let (mut style, mut threshold) = (STYLES[0], None);
        for part in parts {
            match part.split_once('=') {
                Some(("style", value)) => style = known_style(value)?,
                Some(("threshold", value)) => {
                    threshold = Some(value.parse().with_context(|| format!("{value:?} is no threshold"))?);
                }
                _ => bail!("{part:?} of {text:?} is neither style=STYLE nor threshold=T"),
            }
        }
        Ok(vec![match first.split_once(':') {
            Some(("level", name)) => {
                let level = Level::ALL.into_iter().find(|l| l.to_string() == name);
                Self::Level(level.with_context(|| format!("{name:?} is no level"))?, style)
            }
            Some(("detector", name)) => Self::Detector(name.parse()?, threshold, style),
            None if first == "nothing" => Self::Nothing(None),
            None if first == "nothing-128" => Self::Nothing(Some(128)),
            None if first == "truth" => Self::Truth(style),
            _ => bail!("{text:?} is no contestant; see --help"),
        }])
    }

    fn all() -> Vec<Self> {
        let levels = Level::ALL.map(|level| Self::Level(level, STYLES[0]));
        let styles = STYLES[1..].iter().map(|style| Self::Level(Level::Balanced, style));
        let detectors = DetectorName::ALL.map(|name| Self::Detector(name, None, STYLES[0]));
        let last = [
            Self::Gate(None),
            Self::Nothing(None),
            Self::Nothing(Some(128)),
            Self::Truth("veil"),
            Self::Truth("solid"),
        ];
        levels.into_iter().chain(styles).chain(detectors).chain(last).collect()
    }

    /// What it is called on the page and in files.
    pub fn name(&self) -> String {
        let styled =
            |name: String, style: &str| if style == STYLES[0] { name } else { format!("{name}-{style}") };
        match self {
            Self::Level(level, style) => styled(level.to_string(), style),
            Self::Detector(name, None, style) => styled(name.to_string(), style),
            Self::Detector(name, Some(threshold), style) => styled(format!("{name}-{threshold}"), style),
            Self::Gate(None) => "gate".to_owned(),
            Self::Gate(Some((name, _)))
            | Self::Direct(name, _)
            | Self::Outputs(name, _)
            | Self::Tflite(name, _) => name.clone(),
            Self::Nothing(None) => "nothing".to_owned(),
            Self::Nothing(Some(side)) => format!("nothing-{side}"),
            Self::Truth(style) => styled("truth".to_owned(), style),
        }
    }

    fn way(&self) -> Way {
        match self {
            Self::Level(..) | Self::Detector(..) => Way::Detector,
            Self::Gate(_) | Self::Direct(..) | Self::Tflite(..) => Way::Network,
            Self::Outputs(..) => Way::Outside,
            Self::Nothing(_) | Self::Truth(_) => Way::Baseline,
        }
    }
}

fn known_style(name: &str) -> Result<&'static str> {
    let found = STYLES.into_iter().find(|s| *s == name);
    found.with_context(|| format!("{name:?} is no style; there are {}", STYLES.join(", ")))
}

fn check_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
        bail!("{name:?} is no name: letters, digits, dashes, underlines and full stops");
    }
    Ok(())
}

/// The style of that name, as the program has it by default.
///
/// # Errors
/// If there is none.
pub fn style(name: &str) -> Result<Style> {
    Ok(match name {
        "pixelate" => Style::Pixelate { cells: 4 },
        "blur" => Style::Blur { sigma: RelativeSigma::new(0.25)? },
        "solid" => Style::Solid { rgb: [0; 3] },
        "veil" => Style::Veil,
        other => bail!("{other:?} is no style"),
    })
}

/// What another program's folder says of it, in `about.json`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct About {
    /// What it is.
    what: Option<String>,
    /// A network of `faceveil-lab nets` that it is made of; its costs are those.
    network: Option<String>,
    /// [`Way`].
    way: Option<Way>,
    /// Milliseconds of one core a picture.
    time_ms: Option<f64>,
    /// Bytes of its network.
    flash_bytes: Option<u64>,
    /// Names and hashes of its networks.
    models: Vec<(String, String)>,
}

/// A contestant ready to take part.
#[derive(Clone, Debug)]
pub struct Contestant {
    /// What it is called.
    pub name: String,
    /// Which side it is on.
    pub way: Way,
    /// What it is, in words.
    pub what: String,
    /// What was typed.
    pub spec: Spec,
    /// Hash of all that its outputs depend on beside the picture; of another program's outputs nothing is known.
    pub fingerprint: String,
    /// Names and SHA-256 of its networks.
    pub models: Vec<(String, String)>,
    /// What it costs, as far as that can be told without running it.
    pub cost: Cost,
    /// The file of a gate or painting network.
    pub file: Option<Vec<u8>>,
}

impl Contestant {
    /// Reads what it needs.
    ///
    /// # Errors
    /// If a file is missing or is not what it should be.
    pub fn load(spec: Spec) -> Result<Self> {
        let (mut way, mut file) = (spec.way(), None);
        let (what, models, cost) = match &spec {
            Spec::Level(level, style) => {
                let models = Detection::Level.models(*level);
                (format!("level {level}, {style}"), models, of_level(*level))
            }
            Spec::Detector(name, threshold, style) => {
                let detection = Detection::Detector {
                    name: *name,
                    threshold: *threshold,
                    engine: EngineChoice::default(),
                };
                let threshold = threshold.unwrap_or(name.usual_threshold());
                let cost = name.weights().map_or_else(Cost::default, |w| of_file(w.bytes));
                (
                    format!("detector {name} from {threshold}, {style}"),
                    detection.models(Level::Balanced),
                    cost,
                )
            }
            Spec::Gate(named) => {
                let bytes = match named {
                    Some((_, path)) => fs::read(path).with_context(|| path.display().to_string())?,
                    None => {
                        let inside = faceveil::models().iter().find(|m| m.name == "gate");
                        inside.context("this build leaves the gate network out")?.bytes.to_vec()
                    }
                };
                let (architecture, cost) = of_gate(&bytes)?;
                let models = vec![(spec.name(), sha256_of(&bytes))];
                file = Some(bytes);
                (format!("network {architecture}: a mask, veil"), models, cost)
            }
            Spec::Direct(name, path) => {
                let bytes = fs::read(path).with_context(|| path.display().to_string())?;
                let models = vec![(name.clone(), sha256_of(&bytes))];
                let net = Direct::load(path)?;
                (
                    format!("a network that gives the picture itself, in {}", net.numbers()),
                    models,
                    net.cost()?,
                )
            }
            Spec::Tflite(name, path) => {
                let bytes = fs::read(path).with_context(|| path.display().to_string())?;
                let models = vec![(name.clone(), sha256_of(&bytes))];
                let cost = PaintingNet::from_tflite(&bytes)?.cost()?;
                file = Some(bytes);
                ("a network that gives the picture itself, int8, in our runtime".to_owned(), models, cost)
            }
            Spec::Outputs(name, folder) => {
                let about = about(folder)?;
                way = about.way.unwrap_or(way);
                let mut cost = match &about.network {
                    Some(network) => of_network(network)?,
                    None => Cost::default(),
                };
                cost.time_ms = about.time_ms;
                cost.flash_bytes = about.flash_bytes.or(cost.flash_bytes);
                (about.what.unwrap_or_else(|| format!("outputs of {name}")), about.models, cost)
            }
            Spec::Nothing(None) => ("the picture as it is".to_owned(), Vec::new(), Cost::default()),
            Spec::Nothing(Some(side)) => {
                (format!("the picture shrunk into {side} × {side} pixels"), Vec::new(), Cost::default())
            }
            Spec::Truth(style) => (format!("the true faces, {style}"), Vec::new(), Cost::default()),
        };
        let search = match &spec {
            Spec::Level(level, _) => format!("{:?} {}", level.search(), level.margin()),
            _ => String::new(),
        };
        let all = format!("{OUTPUTS} {} {spec:?} {models:?} {search}", env!("CARGO_PKG_VERSION"));
        let fingerprint = sha256_of(all.as_bytes());
        Ok(Self { name: spec.name(), way, what, spec, fingerprint, models, cost, file })
    }

    /// Whether its pictures are made here.
    pub fn is_ours(&self) -> bool {
        !matches!(self.spec, Spec::Outputs(..))
    }
}

fn about(folder: &Path) -> Result<About> {
    if !folder.is_dir() {
        bail!("{} is no folder", folder.display());
    }
    let path = folder.join("about.json");
    if !path.is_file() {
        return Ok(About::default());
    }
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_typed() {
        for (text, names) in [
            ("level:fast", "fast"),
            ("level:balanced,style=solid", "balanced-solid"),
            ("detector:yunet,threshold=0.5", "yunet-0.5"),
            ("gate:new=a,b=c.fvnw", "new"),
            ("outputs:deface=some/folder", "deface"),
            ("tflite:student=v1.tflite", "student"),
            ("direct:mine=last.ckpt", "mine"),
            ("nothing-128", "nothing-128"),
            ("truth,style=blur", "truth-blur"),
        ] {
            let specs = Spec::parse(text).unwrap();
            assert_eq!(specs.iter().map(Spec::name).collect::<Vec<_>>(), [names], "{text}");
        }
        for bad in [
            "",
            "level",
            "level:",
            "level:slow",
            "detector:x",
            "gate:x",
            "outputs:a/b=c",
            "truth,style=x",
            "all,x=1",
            "x",
        ] {
            assert!(Spec::parse(bad).is_err(), "{bad:?}");
        }
        let mut names: Vec<String> = Spec::parse("all").unwrap().iter().map(Spec::name).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!((names.len(), all), (19, 19));
        for style_name in STYLES {
            assert!(style(style_name).is_ok(), "{style_name}");
        }
    }

    #[test]
    fn another_threshold_is_another_contestant() {
        let of = |text: &str| Contestant::load(Spec::parse(text).unwrap().remove(0)).unwrap();
        let (a, b) = (of("detector:yunet"), of("detector:yunet,threshold=0.5"));
        assert_ne!(a.fingerprint, b.fingerprint);
        assert_eq!(a.models[0].1.len(), 64);
        assert!(a.cost.parameters.is_some_and(|n| (70_000..90_000).contains(&n)), "{:?}", a.cost);
    }
}
