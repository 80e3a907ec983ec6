//! `--hide-zone` and `--keep-zone`.

use crate::sandbox::{Ran, Sandbox, picture, png, portrait};
use crate::sidecar::record;
use faceveil_cli::sidecar::Origin;

fn boxes(ran: &Ran) -> Vec<Vec<f64>> {
    let line = &ran.json()[0];
    let regions = line["regions"].as_array().cloned().unwrap_or_default();
    let numbers = |r: &serde_json::Value| r.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    regions.iter().map(numbers).collect()
}

#[test]
fn a_hide_zone_hides_its_pixels_and_no_other() {
    let b = Sandbox::new();
    b.put("a.png", &png(100, 60, 1));
    let args = ["blur", "a.png", "-o", "o.png", "--feather", "0", "--style", "solid", "--color", "ff00ff"];
    let zones = ["--hide-zone", "10,20,30,10", "--hide-zone", "90%,50%,10%,50%"];
    let ran =
        b.run(args.iter().chain(&zones)).exits(0).says("a.png: no face found; only its zones are hidden");
    assert!(ran.stdout.is_empty());
    let (before, after) = (picture(&b.read("a.png")), picture(&b.read("o.png")));
    for (x, y) in (0..60).flat_map(|y| (0..100).map(move |x| (x, y))) {
        let inside = (10..40).contains(&x) && (20..30).contains(&y) || x >= 90 && y >= 30;
        let want = if inside { [255, 0, 255] } else { before.rgb8(x, y) };
        assert_eq!(after.rgb8(x, y), want, "({x}, {y})");
    }
}

#[test]
fn a_keep_zone_keeps_only_faces_that_lie_wholly_inside() {
    let b = Sandbox::new();
    b.put("a.jpg", &portrait());
    let cases: [(&[&str], usize, usize); 7] = [
        (&[], 1, 0),
        (&["--keep-zone", "0,0,100%,100%"], 0, 1),
        (&["--keep-zone", "150,20,150,200"], 0, 1),
        // The face's box is inside, but not all that would be hidden.
        (&["--keep-zone", "175,60,100,120"], 1, 0),
        (&["--keep-zone", "0,0,220,100%", "--keep-zone", "220,0,292,100%"], 1, 0),
        // Hiding wins, and then hides the whole face.
        (&["--keep-zone", "0,0,100%,100%", "--hide-zone", "200,100,5,5"], 2, 0),
        (&["--keep-zone", "0,0,100%,100%", "--hide-zone", "0,0,10,10"], 1, 1),
    ];
    for (zones, hidden, visible) in cases {
        let args = ["blur", "a.jpg", "-o", "o.jpg", "--json", "--overwrite", "--sidecar"];
        let ran = b.run(args.iter().chain(zones)).exits(0);
        println!("{zones:?} {}", ran.text());
        assert_eq!(boxes(&ran).len(), hidden, "{zones:?}");
        assert_eq!(ran.json()[0]["visible"].as_u64().unwrap_or(0), visible as u64, "{zones:?}");
        assert_eq!((&ran.json()[0]["faces"], &ran.json()[0]["status"]), (&1.into(), &"ok".into()));
        let sidecar = record(&b, "o.jpg.faceveil.json");
        let [face, zones @ ..] = &sidecar.regions[..] else { panic!("no region") };
        assert!(zones.iter().all(|z| z.origin == Origin::Zone && z.hidden));
        assert_eq!((face.hidden, face.note.is_some()), (visible == 0, visible > 0));
    }
    let ran = b.run(["blur", "a.jpg", "-o", "p.png", "--keep-zone", "0,0,100%,100%"]).exits(0);
    ran.says("a.jpg: 1 region left visible, as asked").says("1 left visible");
    assert_eq!(picture(&b.read("p.png")), picture(&b.read("a.jpg")), "nothing is hidden");
}

#[test]
fn zones_are_checked_and_come_from_all_layers() {
    let b = Sandbox::new();
    b.put("a.png", &png(100, 60, 1));
    for (zone, words) in [
        ("1,2,3", "is not X,Y,WIDTH,HEIGHT"),
        ("a,2,3,4", "neither pixels"),
        ("-5,2,3,4", "must be 0 to 1000000 pixels"),
        ("90%,0,20%,5", "beyond 100 %"),
        ("1,1,0,1", "covers nothing"),
    ] {
        for flag in ["--hide-zone", "--keep-zone"] {
            b.run(["blur", "a.png", "-o", "o.png", flag, zone]).exits(3).says(words);
        }
    }
    let ran = b.run(["blur", "a.png", "-o", "o.png", "--hide-zone", "100,0,5,5"]).exits(1);
    ran.says("a.png: the hide zone 100,0,5,5 lies outside the picture of 100×60 pixels");
    assert!(!b.exists("o.png"));
    b.put("c.toml", b"hide-zone = [\"0,0,5,5\", \"10,0,5,5\"]");
    let dry = ["blur", "a.png", "-o", "o.png", "--dry-run", "--json"];
    assert_eq!(boxes(&b.run(dry.iter().chain(&["--config", "c.toml"]))).len(), 2);
    let mut command = b.command(crate::sandbox::PROGRAM);
    let ran = crate::sandbox::run(command.args(dry).env("FACEVEIL_HIDE_ZONE", "0,0,5,5;10,0,5,5;20,0,5,5"));
    assert_eq!(boxes(&ran), [[0.0, 0.0, 5.0, 5.0], [10.0, 0.0, 15.0, 5.0], [20.0, 0.0, 25.0, 5.0]]);
}

#[test]
fn other_zones_are_other_settings() {
    let b = Sandbox::new();
    b.put("in/a.png", &png(100, 60, 1));
    let args = ["blur", "in", "-o", "out", "--journal", "j", "--hide-zone"];
    b.run(args.iter().chain(&["0,0,5,5"])).exits(0);
    b.run(args.iter().chain(&["0,0,6,5"])).exits(1).says("was done with other settings");
    assert!(b.run(args.iter().chain(&["0,0,5,5"])).exits(0).stderr.contains("1 by an earlier run"));
}
