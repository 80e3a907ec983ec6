//! Judges a folder of outputs of a public set: `cargo run --release -p faceveil-eval --example
//! judge -- SHARED SET PART OUT`, for instance `judge ../shared fddb report outputs`. With `--only`
//! pictures without output are left out instead of counted as leaks. Prints the summary as JSON.

use std::error::Error;
use std::path::Path;

use faceveil_data::dataset;
use faceveil_data::split::{Part, Set};
use faceveil_eval::{Summary, judge_folder};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [shared, set, part, out, rest @ ..] = arguments.as_slice() else {
        return Err("usage: judge SHARED SET PART OUT [--only]".into());
    };
    let set = Set::ALL.into_iter().find(|s| s.name() == set).ok_or("no such set")?;
    let part = Part::ALL.into_iter().find(|p| p.name() == part).ok_or("no such part")?;
    let mut items = dataset::load(Path::new(shared), set, part)?;
    if rest.iter().any(|option| option == "--only") {
        let there = |item: &dataset::Item| {
            ["jpg", "png"].iter().any(|s| Path::new(out).join(format!("{}.{s}", item.flat_name())).exists())
        };
        items.retain(there);
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let start = std::time::Instant::now();
    let verdicts = judge_folder(&items, Path::new(out), threads)?;
    eprintln!("{} pictures in {:.2?} on {threads} threads", verdicts.len(), start.elapsed());
    println!("{}", serde_json::to_string_pretty(&Summary::of(&verdicts))?);
    Ok(())
}
