//! Where inputs are found and where outputs go.

use crate::sandbox::{Sandbox, jpeg, png};

#[test]
fn a_folder_keeps_its_names_and_structure() {
    let b = Sandbox::new();
    b.put("in/a.jpg", &jpeg(40, 30, 1));
    b.put("in/.hidden/b.PNG", &png(40, 30, 2));
    b.put("in/x/y/c.jpeg", &jpeg(40, 30, 3));
    b.put("in/no ending", &jpeg(40, 30, 4));
    b.put("in/notes.txt", b"hello");
    b.put("in/.faceveil-123", &jpeg(40, 30, 5));
    let ran = b.run(["blur", "in", "-o", "out"]).exits(0).says("in/notes.txt: skipped: not a photo");
    assert!(!ran.stderr.contains(".faceveil-123"), "{}", ran.stderr);
    assert_eq!(b.names("out"), [".hidden/b.PNG", "a.jpg", "no ending", "x/y/c.jpeg"]);
}

#[test]
fn several_files_go_to_a_folder() {
    let b = Sandbox::new();
    b.put("p/a.jpg", &jpeg(40, 30, 1));
    b.put("q/b.png", &png(40, 30, 2));
    b.run(["blur", "p/a.jpg", "q/b.png", "-o", "new/out"]).exits(0);
    assert_eq!(b.names("new/out"), ["a.jpg", "b.png"]);
    b.run(["blur", "p/a.jpg", "-o", "one/"]).exits(0);
    assert_eq!(b.names("one"), ["a.jpg"]);
}

#[test]
fn two_inputs_never_share_an_output() {
    let b = Sandbox::new();
    b.put("p/a.jpg", &jpeg(40, 30, 1));
    b.put("q/a.jpg", &jpeg(40, 30, 2));
    b.run(["blur", "p/a.jpg", "-o", "alone.jpg"]).exits(0);
    for jobs in ["1", "4"] {
        let ran = b.run(["blur", "p", "q", "-o", "out", "--overwrite", "--jobs", jobs]).exits(2);
        ran.says("q/a.jpg: the output out/a.jpg is another input's already");
        assert_eq!(b.read("out/a.jpg"), b.read("alone.jpg"), "the first input wins");
    }
}

#[test]
fn the_ending_of_a_single_output_chooses_its_format() {
    let b = Sandbox::new();
    b.put("a.jpg", &jpeg(40, 30, 1));
    let magic: [(&str, &[u8]); 4] =
        [("o.png", b"\x89PNG"), ("o.JPG", b"\xff\xd8\xff"), ("o.jpeg", b"\xff\xd8\xff"), ("o.webp", b"RIFF")];
    for (name, head) in magic {
        b.run(["blur", "a.jpg", "-o", name]).exits(0);
        assert!(b.read(name).starts_with(head), "{name}");
    }
    b.run(["blur", "a.jpg", "-o", "o.tga"]).exits(3).says("must end in");
    b.run(["blur", "a.jpg", "-o", "o"]).exits(3).says("must end in");
    // In a folder the name stays, so the content's format does too.
    b.put("in/really a png.jpg", &png(40, 30, 1));
    b.run(["blur", "in", "-o", "out"]).exits(0);
    assert!(b.read("out/really a png.jpg").starts_with(b"\x89PNG"));
}

#[test]
fn existing_outputs_are_refused() {
    let b = Sandbox::new();
    b.put("a.jpg", &jpeg(40, 30, 1));
    b.put("o.jpg", b"precious");
    b.run(["blur", "a.jpg", "-o", "o.jpg"]).exits(1).says("a.jpg: the output o.jpg exists already");
    assert_eq!(b.read("o.jpg"), b"precious");
    b.run(["blur", "a.jpg", "-o", "o.jpg", "--overwrite"]).exits(0);
    assert!(b.read("o.jpg").starts_with(b"\xff\xd8\xff"));
}

#[test]
fn originals_are_never_outputs() {
    let b = Sandbox::new();
    let photo = jpeg(40, 30, 1);
    b.put("in/a.jpg", &photo);
    b.put("in/sub/a.jpg", &jpeg(40, 30, 2));
    b.put("other/a.jpg", &jpeg(40, 30, 3));
    std::fs::hard_link(b.path("in/a.jpg"), b.path("hard.jpg")).unwrap();
    let cases: [(&[&str], i32, &str); 8] = [
        (&["in/a.jpg", "-o", "in/a.jpg"], 1, "is the input itself"),
        (&["in/a.jpg", "-o", "./in/../in/a.jpg"], 1, "is the input itself"),
        (&["in/a.jpg", "-o", "hard.jpg"], 1, "is the input itself"),
        (&["in/a.jpg", "-o", "in/"], 1, "is an input itself"),
        (&["in", "-o", "in/."], 3, "the output folder is the input folder"),
        (&["in/sub", "-o", "in"], 3, "lies inside the output folder"),
        (&["in/sub", "-o", "."], 3, "lies inside the output folder"),
        (&["other/a.jpg", "in/a.jpg", "-o", "in"], 1, "is an input itself"),
    ];
    let before = b.files(".");
    for (args, code, words) in cases {
        println!("{args:?}");
        b.run(["blur"].iter().chain(args).chain(&["--overwrite"])).exits(code).says(words);
        assert_eq!(b.files("."), before, "{args:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_to_the_original_is_the_original() {
    use std::os::unix::fs::symlink;
    let b = Sandbox::new();
    b.put("in/a.jpg", &jpeg(40, 30, 1));
    symlink("in/a.jpg", b.path("link.jpg")).unwrap();
    symlink("in", b.path("folder")).unwrap();
    b.run(["blur", "in/a.jpg", "-o", "link.jpg", "--overwrite"]).exits(1).says("is the input itself");
    b.run(["blur", "link.jpg", "-o", "in/a.jpg", "--overwrite"]).exits(1).says("is the input itself");
    b.run(["blur", "in", "-o", "folder", "--overwrite"]).exits(3).says("is the input folder");
    // A link that is an input is followed; one that is an output is replaced, and its target kept.
    b.put("precious.jpg", b"precious");
    symlink("precious.jpg", b.path("out.jpg")).unwrap();
    b.run(["blur", "folder/a.jpg", "-o", "out.jpg", "--overwrite"]).exits(0);
    assert_eq!(b.read("precious.jpg"), b"precious");
    assert!(b.read("out.jpg").starts_with(b"\xff\xd8\xff"));
}

#[test]
fn the_output_folder_inside_the_input_is_not_walked() {
    let b = Sandbox::new();
    b.put("in/a.jpg", &jpeg(40, 30, 1));
    b.put("in/out/old.jpg", &jpeg(40, 30, 2));
    let ran = b.run(["blur", "in", "-o", "in/out"]).exits(0);
    assert_eq!(ran.stderr.matches("in/out: the output folder, not walked").count(), 1, "{}", ran.stderr);
    assert_eq!(b.names("in/out"), ["a.jpg", "old.jpg"]);
    b.run(["blur", ".", "-o", "fresh"]).exits(0);
    assert_eq!(b.names("fresh"), ["in/a.jpg", "in/out/a.jpg", "in/out/old.jpg"]);
}

#[test]
fn globs_are_expanded_when_the_shell_has_not() {
    let b = Sandbox::new();
    for (n, name) in ["a.jpg", "b.png", "sub/c.jpg", "sub/deep/d.jpg", "[odd].jpg"].iter().enumerate() {
        b.put(format!("in/{name}"), &jpeg(40, 30, n as u32));
    }
    let cases: [(&str, &[&str]); 6] = [
        ("in/*.jpg", &["[odd].jpg", "a.jpg"]),
        ("in/**/*.jpg", &["[odd].jpg", "a.jpg", "sub/c.jpg", "sub/deep/d.jpg"]),
        ("in/*/*.jpg", &["sub/c.jpg"]),
        ("in/s*", &["sub/c.jpg", "sub/deep/d.jpg"]),
        ("in/?.[jp]*", &["a.jpg", "b.png"]),
        ("in/[odd].jpg", &["[odd].jpg"]),
    ];
    for (n, (glob, want)) in cases.into_iter().enumerate() {
        let out = format!("out{n}/");
        b.run(["blur", glob, "-o", &out]).exits(0);
        assert_eq!(b.names(&out), want, "{glob}");
    }
    b.run(["blur", "in/*.gif", "-o", "none/"]).exits(1).says("in/*.gif: no file matches");
    b.run(["blur", "in/*.jpg", "-o", "x.jpg"]).exits(3).says("several inputs need a folder");
}

#[test]
fn standard_streams() {
    let b = Sandbox::new();
    let photo = jpeg(40, 30, 1);
    b.put("a.jpg", &photo);
    b.run(["blur", "a.jpg", "-o", "want.jpg"]).exits(0);
    let want = b.read("want.jpg");
    assert_eq!(b.pipe(&["blur", "-", "-o", "-"], &photo).exits(0).stdout, want);
    assert_eq!(b.run(["blur", "a.jpg", "-o", "-"]).exits(0).stdout, want);
    assert!(b.pipe(&["blur", "-", "-o", "p.png"], &photo).exits(0).stdout.is_empty());
    assert!(b.read("p.png").starts_with(b"\x89PNG"));
    assert_eq!(b.pipe(&["detect", "-"], &photo).exits(0).json()[0]["input"], "-");
    for nothing in [&b""[..], b"text"] {
        assert!(b.pipe(&["blur", "-", "-o", "-"], nothing).exits(1).stdout.is_empty());
    }
    let usage: [&[&str]; 5] = [
        &["-", "a.jpg", "-o", "out/"],
        &["-", "-o", "out/"],
        &["a.jpg", "a.jpg", "-o", "-"],
        &["a.jpg", "-o", "-", "--json"],
        &["a.jpg", "-o", "-", "--journal", "j"],
    ];
    for args in usage {
        println!("{args:?}");
        b.run(["blur"].iter().chain(args)).exits(3).says("(standard ");
    }
}
