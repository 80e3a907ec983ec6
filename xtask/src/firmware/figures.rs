//! What was counted: `docs/tiny.json`, and the tables of `docs/tiny.md` between their marks.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use super::{chart, value};

/// One network on one processor. Sizes in bytes.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figure {
    pub network: String,
    pub processor: String,
    /// What it looked at.
    pub frame: String,
    /// Else its weights are by chance.
    pub trained: bool,
    pub macs: Option<u64>,
    pub model: Option<u64>,
    pub flash: Option<u64>,
    pub arena: Option<u64>,
    pub stack: Option<u64>,
    pub pixels: Option<u64>,
    pub bits: Option<u64>,
    pub hidden: Option<u64>,
    /// Of the network alone.
    pub network_instructions: Option<u64>,
    pub instructions: u64,
}

/// All that was counted.
#[derive(Debug, Default, Serialize)]
pub struct Figures {
    pub made_by: String,
    /// A frame's instructions on a Cortex-M7 by the comparison's names of the networks; read by `faceveil-lab compare`.
    pub instructions: BTreeMap<String, u64>,
    pub networks: Vec<Figure>,
}

impl Figure {
    /// From what the example says.
    ///
    /// # Errors
    /// If a number is missing.
    pub fn read(said: &str, (network, processor, frame): (&str, &str, &str)) -> Result<Self> {
        let of = |name: &str| value(said, name).ok().and_then(|text| text.parse().ok());
        Ok(Self {
            network: network.to_owned(),
            processor: processor.to_owned(),
            frame: frame.to_owned(),
            trained: false,
            macs: of("macs"),
            model: of("model"),
            flash: of("flash"),
            arena: of("arena"),
            stack: of("stack"),
            pixels: of("pixels"),
            bits: of("bits"),
            hidden: of("hidden"),
            network_instructions: of("network"),
            instructions: of("instructions").context("no instructions were counted")?,
        })
    }

    /// Of the network exported in C99.
    pub fn of_c99(processor: &str, instructions: u64) -> Self {
        Self {
            network: "gate, C99".to_owned(),
            processor: processor.to_owned(),
            frame: "portrait".to_owned(),
            trained: true,
            instructions,
            ..Self::default()
        }
    }

    /// Arena, stack and frame.
    fn ram(&self) -> Option<u64> {
        Some(self.arena? + self.stack? + self.pixels?)
    }

    /// Of mask and veil.
    fn veil(&self) -> Option<u64> {
        Some(self.instructions - self.network_instructions?)
    }
}

impl Figures {
    fn find(&self, network: &str, processor: &str, frame: &str) -> Option<&Figure> {
        let is = |f: &&Figure| f.network == network && f.processor == processor && f.frame == frame;
        self.networks.iter().find(is)
    }
}

/// Writes all of it.
///
/// # Errors
/// If a file cannot be read or written, or the page has no marks.
pub fn write(root: &Path, figures: &Figures) -> Result<()> {
    let on_m7 = figures.networks.iter().filter(|f| f.processor == "cortex-m7" && f.frame == "portrait");
    let all = Figures {
        made_by: "cargo xtask firmware --write".to_owned(),
        instructions: on_m7.map(|f| (f.network.clone(), f.instructions)).collect(),
        networks: figures.networks.clone(),
    };
    let docs = root.join("docs");
    std::fs::write(docs.join("tiny.json"), format!("{}\n", serde_json::to_string_pretty(&all)?))?;
    let page = docs.join("tiny.md");
    let mut text = std::fs::read_to_string(&page)?;
    for (name, table) in [("ours", ours(&all)), ("beside", beside(&all))] {
        text = between_marks(&text, name, &table?)?;
    }
    std::fs::write(page, text)?;
    std::fs::write(docs.join("tiny.svg"), chart::draw(&bars(&all)))?;
    Ok(())
}

/// Replaces what lies between `<!-- name -->` and `<!-- end of name -->`.
fn between_marks(text: &str, name: &str, table: &str) -> Result<String> {
    let (start, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let no_mark = || format!("no mark {name:?} in docs/tiny.md");
    let (before, rest) = text.split_once(&start).with_context(no_mark)?;
    let (_, after) = rest.split_once(&end).with_context(no_mark)?;
    Ok(format!("{before}{start}{table}{end}{after}"))
}

fn kb(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "-".to_owned(), |b| format!("{:.1}", b as f64 / 1024.0))
}

fn millions(count: Option<u64>) -> String {
    count.map_or_else(|| "-".to_owned(), |n| format!("{:.2} M", n as f64 / 1e6))
}

/// The table of our networks, a column a processor.
fn ours(figures: &Figures) -> Result<String> {
    let columns =
        [("gate-96", "cortex-m4", "96²"), ("gate", "cortex-m7", "128²"), ("gate", "cortex-m55", "128²")];
    let (mut text, mut typical, mut dearest) = ("| |".to_owned(), Vec::new(), Vec::new());
    for (network, processor, side) in columns {
        let find = |frame| figures.find(network, processor, frame).context("a network was not run");
        typical.push(find("portrait")?);
        dearest.push(find("all hidden")?);
        write!(text, " {}, `{network}` {side} |", processor.replace("cortex-m", "Cortex-M"))?;
    }
    text += "\n|---|---|---|---|\n";
    let mut row = |name: &str, of: &[&Figure], cell: &dyn Fn(&Figure) -> String| {
        let cells: String = of.iter().map(|figure| format!(" {} |", cell(figure))).collect();
        writeln!(text, "| {name} |{cells}")
    };
    let bold = |cell: String| format!("**{cell}**");
    row("weights", &typical, &|f| if f.trained { "trained" } else { "by chance" }.to_owned())?;
    row("multiplications", &typical, &|f| millions(f.macs))?;
    row("network file, KB", &typical, &|f| kb(f.model))?;
    row("**flash**, KB", &typical, &|f| bold(kb(f.flash)))?;
    row("arena, KB", &dearest, &|f| kb(f.arena))?;
    row("stack, KB", &dearest, &|f| kb(f.stack))?;
    row("frame, KB", &dearest, &|f| kb(f.pixels))?;
    row("**RAM** (arena + stack + frame), KB", &dearest, &|f| bold(kb(f.ram())))?;
    row("bits, KB", &dearest, &|f| kb(f.bits))?;
    row("instructions of the network", &typical, &|f| millions(f.network_instructions))?;
    let pixels = |f: &Figure| f.pixels.unwrap_or(0) / 2;
    let hidden = |f: &Figure| format!("{} of {}", f.hidden.unwrap_or(0), pixels(f));
    row("portrait: hidden pixels", &typical, &hidden)?;
    row("portrait: of mask and veil", &typical, &|f| millions(f.veil()))?;
    row("**portrait: instructions a frame**", &typical, &|f| bold(millions(Some(f.instructions))))?;
    row("all hidden: hidden pixels", &dearest, &hidden)?;
    row("all hidden: of mask and veil", &dearest, &|f| millions(f.veil()))?;
    row("**all hidden: instructions a frame**", &dearest, &|f| bold(millions(Some(f.instructions))))?;
    Ok(text)
}

/// Ours and the thesis's on the M7, and ours in C99.
fn beside(figures: &Figures) -> Result<String> {
    let ours = figures.find("gate", "cortex-m7", "portrait").context("the gate network was not run")?;
    let mut text = "| network | processor | multiplications | network file, KB | flash, KB | arena, KB | stack, KB | frame, KB \
                    | RAM, KB | instructions a frame | times ours |\n|---|---|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for f in figures.networks.iter().filter(|f| f.frame == "portrait" && f.trained) {
        let times = f.instructions as f64 / ours.instructions as f64;
        writeln!(
            text,
            "| `{}` | {} | {} | {} | {} | {} | {} | {} | {} | {} | {times:.2} |",
            f.network,
            f.processor.replace("cortex-m", "Cortex-M"),
            millions(f.macs),
            kb(f.model),
            kb(f.flash),
            kb(f.arena),
            kb(f.stack),
            kb(f.pixels),
            kb(f.ram()),
            millions(Some(f.instructions)),
        )?;
    }
    Ok(text)
}

/// The chart's groups: for each measure a bar a network on the M7.
fn bars(figures: &Figures) -> Vec<chart::Group> {
    let on_m7: Vec<&Figure> = figures
        .networks
        .iter()
        .filter(|f| f.processor == "cortex-m7" && f.frame == "portrait" && f.flash.is_some())
        .collect();
    let group = |title: &str, of: &dyn Fn(&Figure) -> Option<f64>, unit: &'static str| chart::Group {
        title: title.to_owned(),
        unit,
        bars: on_m7.iter().filter_map(|f| Some((f.network.clone(), of(f)?))).collect(),
    };
    let kb = |bytes: Option<u64>| bytes.map(|b| b as f64 / 1024.0);
    vec![
        group("Flash", &|f| kb(f.flash), "KB"),
        group("RAM: arena, stack, frame", &|f| kb(f.ram()), "KB"),
        group("Instructions a frame", &|f| Some(f.instructions as f64 / 1e6), "M"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_example_says_is_read() {
        let said = "mask 7\nhidden 12\narena 1000\nstack 24\npixels 2048\nnetwork 900\ninstructions 1000\n";
        let figure = Figure::read(said, ("gate", "cortex-m7", "portrait")).unwrap();
        assert_eq!((figure.ram(), figure.veil(), figure.flash), (Some(3072), Some(100), None));
        assert!(Figure::read("mask 7\n", ("gate", "cortex-m7", "portrait")).is_err());
    }

    #[test]
    fn only_what_lies_between_the_marks_is_replaced() {
        let page = "a\n<!-- x -->\nold\n<!-- end of x -->\nb\n";
        let want = "a\n<!-- x -->\nnew\n<!-- end of x -->\nb\n";
        assert_eq!(between_marks(page, "x", "new\n").unwrap(), want);
        assert!(between_marks(page, "y", "new\n").is_err());
    }
}
