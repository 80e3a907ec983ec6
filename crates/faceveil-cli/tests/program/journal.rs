//! Interrupted batches go on where they stopped.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::sandbox::{PROGRAM, Ran, Sandbox, jpeg};

const ARGS: [&str; 6] = ["blur", "in", "-o", "out", "--journal", "j"];

fn sandbox(count: u32) -> Sandbox {
    let b = Sandbox::new();
    for n in 0..count {
        b.put(format!("in/{n:03}.jpg"), &jpeg(160, 120, n));
    }
    b
}

fn with(b: &Sandbox, more: &[&str]) -> Ran {
    b.run(ARGS.iter().chain(more))
}

fn statuses(ran: &Ran) -> Vec<(String, String)> {
    let text = |v: &serde_json::Value| v.as_str().unwrap_or_default().to_owned();
    ran.json().iter().map(|l| (text(&l["input"]), text(&l["status"]))).collect()
}

fn count(ran: &Ran, status: &str) -> usize {
    statuses(ran).iter().filter(|(_, s)| s == status).count()
}

#[cfg(unix)]
#[test]
fn a_killed_batch_goes_on_without_redoing_files() {
    use std::os::unix::fs::MetadataExt;
    let b = sandbox(40);
    let mut child = b.command(PROGRAM);
    let mut child = child.args(ARGS).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while b.names("out").len() < 12 {
        assert!(start.elapsed() < Duration::from_secs(120), "no progress");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let finished = |name: &String| !name.starts_with(".faceveil-");
    let before: Vec<_> = b.names("out").into_iter().filter(finished).collect();
    println!("killed after {} of 40", before.len());
    assert!(before.len() < 40, "killed too late to tell anything");
    let inode = |name: &String| b.path("out").join(name).metadata().unwrap().ino();
    let inodes: Vec<_> = before.iter().map(inode).collect();

    let ran = with(&b, &["--json"]).exits(0);
    let resumed: HashSet<_> = statuses(&ran)
        .into_iter()
        .filter(|(_, s)| s == "resumed")
        .map(|(i, _)| i.replace("in/", ""))
        .collect();
    assert_eq!(resumed, before.iter().cloned().collect(), "exactly the finished files are resumed");
    assert_eq!(before.iter().map(inode).collect::<Vec<_>>(), inodes, "a finished file was written again");
    let all: Vec<_> = b.names("out").into_iter().filter(finished).collect();
    assert_eq!(all.len(), 40);
    assert_eq!(count(&with(&b, &["--json"]).exits(0), "resumed"), 40);
}

#[test]
fn an_output_whose_second_line_is_missing_is_known_by_its_content() {
    let b = sandbox(2);
    with(&b, &["--jobs", "1"]).exits(0);
    // As if killed right after the output was put in place.
    let text = String::from_utf8(b.read("j")).unwrap();
    let lines: Vec<_> = text.lines().filter(|l| !l.contains("\"durable\":true")).collect();
    assert_eq!(lines.len(), 3, "{text}");
    b.put("j", (lines.join("\n") + "\n").as_bytes());
    assert_eq!(count(&with(&b, &["--json"]).exits(0), "resumed"), 2);
    // Another file of the same size in its place is not.
    let other = vec![0; b.read("out/000.jpg").len()];
    b.put("out/000.jpg", &other);
    let ran = with(&b, &["--json"]).exits(2).says("out/000.jpg exists already");
    assert_eq!(count(&ran, "resumed"), 1);
    assert_eq!(b.read("out/000.jpg"), other);
}

#[test]
fn a_half_written_last_line_is_dropped() {
    let b = sandbox(3);
    with(&b, &[]).exits(0);
    let whole = b.read("j");
    let from = whole.len() - 200;
    for length in [from, whole.len() - 1] {
        b.put("j", &whole[..length]);
        assert_eq!(count(&with(&b, &["--json"]).exits(0), "resumed"), 3, "cut to {length} bytes");
    }
    for length in [0, 1, 10] {
        b.put("j", &whole[..length]);
        with(&b, &[]).exits(1).says("exists already");
        with(&b, &["--overwrite"]).exits(0);
    }
}

#[test]
fn what_is_gone_or_changed_is_done_again() {
    let b = sandbox(4);
    with(&b, &[]).exits(0);
    std::fs::remove_file(b.path("out/001.jpg")).unwrap();
    let ran = with(&b, &["--json"]).exits(0);
    assert_eq!((count(&ran, "resumed"), count(&ran, "no_face")), (3, 1));
    b.put("in/002.jpg", &jpeg(160, 120, 99));
    let old = b.read("out/002.jpg");
    with(&b, &[]).exits(2).says("in/002.jpg: the output out/002.jpg was done before the photo changed");
    assert_eq!(b.read("out/002.jpg"), old);
    let ran = with(&b, &["--json", "--overwrite"]).exits(0);
    assert_eq!((count(&ran, "resumed"), count(&ran, "no_face")), (3, 1));
    assert_ne!(b.read("out/002.jpg"), old);
}

#[test]
fn other_settings_are_not_resumed() {
    let b = sandbox(2);
    with(&b, &[]).exits(0);
    let other = ["--style", "solid", "--json"];
    let ran = with(&b, &other).exits(1).says("was done with other settings");
    assert_eq!(count(&ran, "failed"), 2);
    assert_eq!(count(&with(&b, &["--style", "solid", "--overwrite", "--json"]).exits(0), "no_face"), 2);
    assert_eq!(count(&with(&b, &other).exits(0), "resumed"), 2);
    // A limit or a number of workers shapes no output.
    assert_eq!(count(&with(&b, &["--style", "solid", "--jobs", "1", "--json"]).exits(0), "resumed"), 2);
}

#[test]
fn a_dry_run_reads_the_journal() {
    let b = sandbox(2);
    with(&b, &[]).exits(0);
    b.put("in/new.jpg", &jpeg(160, 120, 9));
    let before = b.files(".");
    let ran = with(&b, &["--dry-run", "--json"]).exits(0);
    assert_eq!((count(&ran, "resumed"), count(&ran, "dry_run")), (2, 1));
    assert_eq!(b.files("."), before);
}

#[test]
fn only_a_journal_is_written_to() {
    let b = sandbox(1);
    b.put("j", b"my diary\n");
    with(&b, &[]).exits(1).says("journal j: exists, but is not a journal");
    assert_eq!(b.read("j"), b"my diary\n");
    b.put("j", b"{\"faceveil_journal\":1}\nnonsense\n");
    with(&b, &[]).exits(1).says("journal j: line 2 is damaged");
    assert!(!b.exists("out"));
}

#[test]
fn two_runs_never_share_a_journal() {
    let b = sandbox(1);
    let mut file = OpenOptions::new().append(true).create(true).open(b.path("j")).unwrap();
    file.lock().unwrap();
    with(&b, &[]).exits(1).says("journal j: another run is using this journal");
    file.write_all(b"{\"faceveil_journal\":1}\n").unwrap();
    drop(file);
    with(&b, &[]).exits(0);
}
