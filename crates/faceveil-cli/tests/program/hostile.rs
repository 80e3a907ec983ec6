//! Runs the table of hostile inputs. The table is also the documentation,
//! `docs/hostile-inputs.md`: write it anew with `UPDATE_DOCS=1`.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::hostile_table::{Case, SECRET, cases};
use crate::hostile_videos;
use crate::sandbox::{PROGRAM, Ran, Sandbox, run};

pub fn set_mode(b: &Sandbox, path: &str, mode: u32) {
    std::fs::set_permissions(b.path(path), std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Runs the command in a shell that finds the program; as an ordinary user if asked to, when we are
/// root and can become one.
fn shell(b: &Sandbox, case: &Case) -> Option<Ran> {
    // A copy, because another user may not be let into the folder that the program was built in.
    let open = tempfile::tempdir().ok()?;
    std::fs::set_permissions(open.path(), std::fs::Permissions::from_mode(0o755)).ok()?;
    let search =
        |program: &Path| Some(format!("{}:{}", program.parent()?.display(), std::env::var("PATH").ok()?));
    let mut search_path = search(Path::new(PROGRAM))?;
    let mut command = b.command("sh");
    if case.not_root && is_root() {
        let copy = open.path().join("faceveil");
        std::fs::copy(PROGRAM, &copy).ok()?;
        search_path = search(&copy)?;
        command = b.command("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        let mut probe = Command::new("setpriv");
        probe.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&copy).arg("--version");
        if !probe.output().is_ok_and(|o| o.status.success()) {
            return None;
        }
        command.arg("sh");
    }
    Some(run(command.args(["-c", case.command]).env("PATH", search_path)))
}

fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|l| l.starts_with("Uid:") && l.split_whitespace().nth(2) == Some("0"))
}

fn check(case: &Case) {
    println!("{}: {}", case.what, case.command);
    let b = Sandbox::new();
    set_mode(&b, "", 0o777);
    std::fs::create_dir(b.path("out")).unwrap();
    set_mode(&b, "out", 0o777);
    (case.make)(&b);
    let (before, kept) = (b.files("in"), b.files("out"));
    let Some(ran) = shell(&b, case) else {
        eprintln!("SKIPPED: hostile inputs: {}: needs a user who is not root, or setpriv", case.what);
        return;
    };
    let line = format!("faceveil: {}", case.says);
    let said = |l: &str| line.strip_suffix('…').map_or(l == line, |start| l.starts_with(start));
    assert!(ran.stderr.lines().any(said), "{line:?} is not a line of: {}", ran.stderr);
    let ran = ran.exits(case.code);
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    assert!(ran.stdout.is_empty(), "{} bytes on standard output", ran.stdout.len());
    set_mode(&b, "out", 0o777);
    assert_eq!(b.names("out"), case.leaves, "what is left, temporary files included");
    assert!(b.files("in") == before, "an original has changed");
    let after = b.files("out");
    assert!(kept.iter().all(|(name, bytes)| after.get(name) == Some(bytes)), "an output was replaced");
    let leaks = |bytes: &Vec<u8>| bytes.windows(SECRET.len()).any(|w| w == SECRET);
    assert!(!after.values().any(leaks), "the secret was copied");
}

#[test]
fn hostile_inputs_give_what_the_table_says() {
    cases().iter().for_each(check);
}

#[test]
fn hostile_videos_give_what_the_table_says() {
    if crate::clips::ffmpeg_or_skip("hostile videos") {
        hostile_videos::cases().iter().for_each(check);
    }
}

fn table() -> String {
    let mut text = String::from(
        "# Hostile inputs, and what each gives\n\n\
         Every row is run by a test, which also checks that nothing is lost: the originals are unchanged, no\n\
         existing file is replaced, nothing half-written is left, nothing panics. The table is written by that\n\
         test: `UPDATE_DOCS=1 cargo test -p faceveil-cli --test program hostile`.\n\n\
         Exit codes: 0 all done, 1 nothing done, 2 partly done, 3 wrong usage.\n\n\
         | input | command | exit code | standard error has the line |\n|---|---|---|---|\n",
    );
    for Case { what, command, code, says, .. } in cases().into_iter().chain(hostile_videos::cases()) {
        let command = command.replace('|', "\\|");
        text += &format!("| {what} | `{command}` | {code} | `faceveil: {says}` |\n");
    }
    text
}

#[test]
fn the_documentation_is_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/hostile-inputs.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, table()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == table(), "{} is not the table; run with UPDATE_DOCS=1", path.display());
}
