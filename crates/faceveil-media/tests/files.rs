//! Reading and writing files: nothing waits, nothing is lost, nothing is left over.

use faceveil_media::Limits;
use faceveil_media::files::{ReadError, WriteError, read_photo, same_file, write_atomically};
use std::fs;
use std::path::Path;

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn reads_regular_files_of_the_right_size_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photo");
    let limits = Limits { max_file_bytes: 10, ..Limits::default() };
    fs::write(&path, [7; 10]).unwrap();
    assert_eq!(read_photo(&path, &limits).unwrap(), [7; 10]);
    fs::write(&path, [7; 11]).unwrap();
    assert!(matches!(read_photo(&path, &limits), Err(ReadError::TooLarge { bytes: 11, limit: 10 })));
    fs::write(&path, []).unwrap();
    assert!(matches!(read_photo(&path, &limits), Err(ReadError::Empty)));
    assert!(matches!(read_photo(folder.path(), &limits), Err(ReadError::NotRegular { kind: "a folder" })));
    assert!(matches!(read_photo(folder.path().join("none"), &limits), Err(ReadError::Open(_))));
}

/// Would wait for ever if opened like any file.
#[cfg(unix)]
#[test]
fn a_pipe_named_like_a_photo_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.jpg");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let got = read_photo(&path, &Limits::default());
    assert!(matches!(got, Err(ReadError::NotRegular { kind: "a pipe (FIFO)" })), "{got:?}");
    let got = read_photo("/dev/null", &Limits::default());
    assert!(matches!(got, Err(ReadError::NotRegular { kind: "a device" })), "{got:?}");
}

#[test]
fn an_existing_file_is_only_replaced_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.jpg");
    write_atomically(&path, b"first", false).unwrap();
    assert!(matches!(write_atomically(&path, b"second", false), Err(WriteError::Exists)));
    assert_eq!(fs::read(&path).unwrap(), b"first");
    write_atomically(&path, b"third", true).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"third");
    assert_eq!(names(folder.path()), ["out.jpg"]);
}

#[test]
fn nothing_is_left_after_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("folder");
    fs::create_dir(&taken).unwrap();
    fs::write(taken.join("inside"), b"kept").unwrap();
    let too_long = folder.path().join("n".repeat(300));
    assert!(
        matches!(write_atomically(&taken, b"x", true), Err(WriteError::Write(_))),
        "a folder is in the way"
    );
    assert!(matches!(write_atomically(&taken, b"x", false), Err(WriteError::Exists)));
    assert!(
        matches!(write_atomically(&too_long, b"x", false), Err(WriteError::Write(_))),
        "a name of 300 bytes"
    );
    let nowhere = folder.path().join("none").join("out.jpg");
    assert!(matches!(write_atomically(&nowhere, b"x", false), Err(WriteError::Folder(_))), "no such folder");
    assert!(matches!(write_atomically("/", b"x", true), Err(WriteError::NoFileName)));
    assert_eq!(names(folder.path()), ["folder"]);
    assert_eq!(fs::read(taken.join("inside")).unwrap(), b"kept");
}

#[cfg(unix)]
#[test]
fn a_dangling_link_is_not_followed_and_counts_as_existing() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("out.jpg");
    std::os::unix::fs::symlink(folder.path().join("elsewhere"), &link).unwrap();
    assert!(matches!(write_atomically(&link, b"x", false), Err(WriteError::Exists)));
    write_atomically(&link, b"x", true).unwrap();
    assert_eq!(names(folder.path()), ["out.jpg"]);
    assert!(link.symlink_metadata().unwrap().is_file());
}

#[cfg(unix)]
#[test]
fn permissions_are_those_of_any_new_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (ours, any) = (folder.path().join("ours"), folder.path().join("any"));
    write_atomically(&ours, b"x", false).unwrap();
    fs::write(&any, b"x").unwrap();
    let mode = |p: &Path| p.metadata().unwrap().permissions().mode();
    assert_eq!(mode(&ours), mode(&any));
}

#[cfg(unix)]
#[test]
fn one_file_under_several_names_is_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b, soft, hard] = ["a", "b", "soft", "hard"].map(|n| folder.path().join(n));
    fs::write(&a, b"x").unwrap();
    fs::write(&b, b"x").unwrap();
    std::os::unix::fs::symlink(&a, &soft).unwrap();
    fs::hard_link(&a, &hard).unwrap();
    let dotted = folder.path().join(".").join("a");
    for (other, want) in [(&a, true), (&b, false), (&soft, true), (&hard, true), (&dotted, true)] {
        assert_eq!(same_file(&a, other), want, "{}", other.display());
    }
    assert!(!same_file(&a, folder.path().join("none")));
}
