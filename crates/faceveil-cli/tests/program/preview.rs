//! `--preview`: the contact sheet.

use crate::sandbox::{Sandbox, jpeg, picture, portrait};

#[test]
fn it_shows_what_was_hidden_as_it_is_in_the_output() {
    let b = Sandbox::new();
    b.put("in/a.jpg", &portrait());
    b.put("in/b.jpg", &jpeg(64, 48, 1));
    let args = ["blur", "in", "-o", "out", "--style", "solid", "--color", "ff0000", "--preview", "sheet.png"];
    b.run(args.iter().chain(&["--hide-zone", "0,0,40,40"])).exits(0).says("preview sheet.png: 3 regions");
    let sheet = picture(&b.read("sheet.png"));
    let red = (0..sheet.height())
        .flat_map(|y| (0..sheet.width()).map(move |x| (x, y)))
        .filter(|&(x, y)| sheet.rgb8(x, y) == [255, 0, 0])
        .count();
    // Each region fills about a third of its tile of 176×176 pixels, round or square.
    assert!((15_000..60_000).contains(&red), "{red} red pixels of {}×{}", sheet.width(), sheet.height());
    for (name, head) in [("s.jpg", &b"\xff\xd8\xff"[..]), ("s.webp", b"RIFF")] {
        b.run(["blur", "in/a.jpg", "-o", "o.jpg", "--overwrite", "--preview", name]).exits(0);
        assert!(b.read(name).starts_with(head), "{name}");
    }
}

#[test]
fn it_replaces_nothing_unasked_and_no_photo_at_all() {
    let b = Sandbox::new();
    b.put("in/a.jpg", &jpeg(64, 48, 1));
    b.put("sheet.png", b"precious");
    let cases: [(&[&str], i32, &str); 7] = [
        (&["--preview", "sheet.png"], 1, "preview: sheet.png exists already; --overwrite replaces it"),
        (&["--preview", "none/sheet.png"], 1, "preview: none"),
        (&["--preview", "sheet.gif"], 3, "preview sheet.gif: must end in"),
        (&["--preview", "new.png", "--dry-run"], 3, "--dry-run makes none"),
        (&["--preview", "in/a.jpg", "--overwrite"], 3, "could replace a photo there"),
        (&["--preview", "out/a.jpg", "--overwrite"], 3, "could replace a photo there"),
        (&["--preview", "in/../in/./new.jpg", "--overwrite"], 3, "could replace a photo there"),
    ];
    let before = b.files(".");
    for (args, code, words) in cases {
        println!("{args:?}");
        b.run(["blur", "in", "-o", "out"].iter().chain(args)).exits(code).says(words);
        assert_eq!(b.files("."), before, "{args:?}");
    }
    let ran = b.run(["blur", "in", "-o", "out", "--preview", "new.png"]).exits(0);
    ran.says("preview new.png: nothing was hidden, so nothing was written");
    assert!(!b.exists("new.png"));
    // It would have the name of an output that is written meanwhile.
    let ran = b.run(["blur", "in", "-o", "o2", "--preview", "o2.png", "--hide-zone", "0,0,9,9"]).exits(0);
    ran.says("preview o2.png: 1 regions");
    std::fs::create_dir(b.path("o3")).unwrap();
    let args = ["blur", "in", "-o", "o3", "--preview", "o3/a.jpg", "--hide-zone", "0,0,9,9"];
    b.run(args).exits(2).says("preview: o3/a.jpg: exists already");
}
