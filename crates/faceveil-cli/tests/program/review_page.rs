//! The page of `review` in a real browser: what a person does there is on the disk afterwards.

use std::time::Duration;

use faceveil_cli::sidecar::{Origin, Sidecar};
use faceveil_core::geom::RectF;

use crate::browser::Browser;
use crate::review::{Server, batch};
use crate::sandbox::{Sandbox, picture};

/// Where a point of the picture is in the window.
fn at(browser: &mut Browser, x: f64, y: f64) -> (f64, f64) {
    let expression = format!(
        "(() => {{ const p = new DOMPoint({x}, {y}).matrixTransform(document.getElementById('stage').getScreenCTM()); return [p.x, p.y]; }})()"
    );
    let place = browser.eval(&expression);
    (place[0].as_f64().unwrap(), place[1].as_f64().unwrap())
}

fn record(b: &Sandbox) -> Sidecar {
    Sidecar::parse(&b.read("out/a.jpg.faceveil.json")).unwrap()
}

fn near(got: RectF, want: [f32; 4]) -> bool {
    let got = [got.left, got.top, got.right, got.bottom];
    got.iter().zip(want).all(|(got, want)| (got - want).abs() <= 3.0)
}

/// Writes what is seen to the folder in `FACEVEIL_TEST_SCREENSHOTS`, if somebody wants to look.
fn look(browser: &mut Browser, name: &str) {
    if let Some(folder) = std::env::var_os("FACEVEIL_TEST_SCREENSHOTS") {
        std::thread::sleep(Duration::from_millis(400));
        std::fs::write(std::path::Path::new(&folder).join(name), browser.screenshot()).unwrap();
    }
}

#[test]
fn a_person_reviews_a_picture() {
    let b = batch();
    let profile = tempfile::tempdir().unwrap();
    let Some(mut browser) = Browser::start(profile.path()) else {
        println!("SKIPPED: there is no Chromium on this machine, so the page of `review` is NOT tested");
        return;
    };
    let before = record(&b);
    let server = Server::start(&b, &["out"]);
    browser.open(&server.url);
    browser.wait_for("document.body?.dataset.open === '0'");
    let seen = "fetch(document.getElementById('photo').getAttribute('href')).then(r => r.blob()).then(createImageBitmap).then(i => [i.width, i.height])";
    assert_eq!(browser.eval(seen), serde_json::json!([512, 512]));
    assert_eq!(browser.eval("document.querySelectorAll('#shapes .hiding').length"), 1);
    look(&mut browser, "opened.png");

    // Adds one by mouse, undoes it, and redoes it.
    let count = "document.querySelectorAll('#regions li').length";
    browser.click("#add");
    let (from, to) = (at(&mut browser, 40.0, 300.0), at(&mut browser, 140.0, 420.0));
    browser.drag(from, to);
    assert_eq!(browser.eval(count), 2);
    browser.key("z", 2);
    assert_eq!(browser.eval(count), 1);
    browser.key("y", 2);
    assert_eq!(browser.eval(count), 2);
    assert_eq!(record(&b), before, "nothing is written unasked");
    browser.key("s", 0);
    browser.wait_for("document.getElementById('words').textContent === '1 saved.'");
    let added = record(&b);
    let region = &added.regions[1];
    assert_eq!((region.origin, region.hidden, &*region.id), (Origin::Added, true, "r2"));
    assert!(near(region.region.bounds(), [40.0, 300.0, 140.0, 420.0]), "{:?}", region.region);

    // Moves it by a key, five pixels to the right, and by mouse; makes it wider by its handle.
    browser.click("#regions li:nth-child(2) .pick");
    for _ in 0..5 {
        browser.key("ArrowRight", 2);
    }
    let (from, to) = (at(&mut browser, 95.0, 360.0), at(&mut browser, 95.0, 390.0));
    browser.drag(from, to);
    let handle = browser.middle("[data-handle=e]");
    let to = at(&mut browser, 185.0, 390.0);
    browser.drag(handle, to);
    look(&mut browser, "edited.png");
    // Renders: the sidecar is saved first, and the output differs in that region only.
    let old = picture(&b.read("out/a.jpg"));
    browser.click("#render");
    browser.wait_for("document.getElementById('words').textContent === '1 written.'");
    let moved = record(&b);
    let bounds = moved.regions[1].region.bounds();
    assert!(near(bounds, [45.0, 330.0, 185.0, 450.0]), "{bounds:?}");
    assert_eq!(moved.regions[0], before.regions[0], "the other region");
    assert!(moved.previous.is_some() && moved.result != before.result);
    let new = picture(&b.read("out/a.jpg"));
    let differs = |x, y| old.rgb8(x, y).iter().zip(new.rgb8(x, y)).any(|(a, b)| a.abs_diff(b) > 24);
    let inside = |x: u32, y: u32| {
        // A JPEG's blocks at the edge of the region change as a whole.
        let (x, y, m) = (x as f32, y as f32, 24.0);
        (bounds.left - m..bounds.right + m).contains(&x) && (bounds.top - m..bounds.bottom + m).contains(&y)
    };
    let places = || (0..512).flat_map(|y| (0..512).map(move |x| (x, y)));
    let outside: Vec<_> = places().filter(|&(x, y)| differs(x, y) && !inside(x, y)).take(5).collect();
    assert_eq!(outside, [], "pixels outside the new region have changed");
    assert!(places().filter(|&(x, y)| differs(x, y)).count() > 500, "nothing was hidden");

    // Shows the face: a decision with its reason.
    browser.key(",", 0);
    browser.key("Delete", 0);
    assert_eq!(browser.eval("document.querySelectorAll('#shapes .shown').length"), 1);
    browser.click("#note");
    browser.call("Input.insertText", serde_json::json!({ "text": "she has agreed" }));
    browser.click("#save");
    browser.wait_for("document.getElementById('words').textContent === '1 saved.'");
    let shown = record(&b);
    assert_eq!((shown.regions[0].hidden, shown.regions[0].note.as_deref()), (false, Some("she has agreed")));

    // Somebody else's edit is not overwritten.
    let mut other = shown.clone();
    other.add(1, moved.regions[1].region.shapes.clone(), 0.0);
    other.write(&b.path("out/a.jpg.faceveil.json"), true).unwrap();
    browser.key("x", 0);
    assert_eq!(browser.complaints, [] as [String; 0]);
    browser.key("s", 0);
    browser.wait_for("document.getElementById('words').textContent.includes('has changed since')");
    assert_eq!(record(&b), other);
    look(&mut browser, "conflict.png");
    browser.click("#reload");
    browser.wait_for("document.querySelectorAll('#regions li').length === 3");

    browser.key("?", 8);
    assert_eq!(browser.eval("document.getElementById('help').open"), true);
    look(&mut browser, "help.png");
    browser.click("#help-close");
    let phone = serde_json::json!({ "width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": true });
    browser.call("Emulation.setDeviceMetricsOverride", phone);
    browser.wait_for("document.documentElement.scrollWidth <= 390");
    look(&mut browser, "phone.png");
}
