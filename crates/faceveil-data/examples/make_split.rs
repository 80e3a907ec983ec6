//! Writes the lists of the split: `cargo run --release -p faceveil-data --example make_split --
//! FACES OUT`, with the folder that holds the sets and the folder for the lists.

use std::error::Error;
use std::path::PathBuf;

use faceveil_data::split::{Part, Set, make::lab_masks, make::make};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(faces), Some(out)) = (arguments.next(), arguments.next()) else {
        return Err("usage: make_split FACES OUT".into());
    };
    for set in Set::ALL {
        for (part, names) in Part::ALL.iter().zip(make(&faces, set)?) {
            let path = out.join(format!("{}-{}.txt", set.name(), part.name()));
            std::fs::write(&path, names.iter().map(|name| format!("{name}\n")).collect::<String>())?;
            println!("{}: {}", path.display(), names.len());
        }
    }
    let held_out = lab_masks(&faces)?;
    std::fs::write(
        out.join("masks_voc-lab.txt"),
        held_out.iter().map(|n| format!("{n}\n")).collect::<String>(),
    )?;
    Ok(())
}
