//! `faceveil models`, `completions` and `man`.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use serde_json::json;

use crate::args::Cli;

/// Lists the models inside the program.
///
/// # Errors
/// A model is damaged, or standard output cannot be written to.
pub fn models(as_json: bool) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    for m in faceveil::models() {
        let found = m.computed_sha256();
        ensure!(found == m.sha256, "{} has SHA-256 {found}, must be {}", m.name, m.sha256);
        if as_json {
            let line = json!({
                "name": m.name, "task": m.task, "licence": m.licence,
                "origin": m.origin, "sha256": m.sha256, "bytes": m.bytes.len(),
            });
            writeln!(out, "{line}")?;
        } else {
            writeln!(
                out,
                "{}\n  task:    {}\n  licence: {}\n  origin:  {}",
                m.name, m.task, m.licence, m.origin
            )?;
            writeln!(out, "  sha256:  {}\n  bytes:   {}", m.sha256, m.bytes.len())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a completion script.
///
/// # Errors
/// Standard output cannot be written to.
pub fn completions(shell: Shell) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "faceveil", &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the main manual page, or writes all pages to a folder.
///
/// # Errors
/// The place cannot be written to.
pub fn man(folder: Option<&Path>) -> anyhow::Result<ExitCode> {
    let mut main = Cli::command();
    main.build();
    let Some(folder) = folder else {
        clap_mangen::Man::new(main).render(&mut io::stdout().lock())?;
        return Ok(ExitCode::SUCCESS);
    };
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let pages: Vec<Command> = main.get_subcommands().filter(|c| c.get_name() != "help").cloned().collect();
    write_page(folder, "faceveil".to_owned(), main)?;
    for page in pages {
        write_page(folder, format!("faceveil-{}", page.get_name()), page)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn write_page(folder: &Path, name: String, command: Command) -> anyhow::Result<()> {
    let path = folder.join(format!("{name}.1"));
    let mut page = Vec::new();
    clap_mangen::Man::new(command.name(name)).render(&mut page)?;
    std::fs::write(&path, page).with_context(|| path.display().to_string())
}
