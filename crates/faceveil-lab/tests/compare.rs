//! `faceveil-lab compare` on drawn pictures: figures that can be foreseen, nothing judged twice, and the page in a real browser.

#[allow(dead_code)]
#[path = "../../faceveil-cli/tests/program/browser.rs"]
mod browser;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use browser::Browser;
use serde_json::{Value, json};

/// Drawn pictures, one of them without output by the other program.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bench = Self { folder };
        let done = lab(&["dataset", "fixture", "coco", "--pictures", "10", "--out", &bench.path("coco")]);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        bench
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn compare(&self, more: &[&str]) -> Output {
        let portrait = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/sample.jpg");
        let (truth, out) = (format!("drawn=coco:{}", self.path("coco")), self.path("out"));
        let (portrait, curves) = (portrait.display().to_string(), format!("a run={}", self.path("log.csv")));
        fs::write(self.path("log.csv"), "epoch,loss,val_loss\n0,3,4\n1,2,3\n2,1,2\n").unwrap();
        let given = [
            "compare",
            "--quiet",
            "--truth",
            &truth,
            "--truth",
            "sample",
            "--portrait",
            &portrait,
            "--out",
            &out,
        ];
        let ours =
            ["--curves", &curves, "--look", "yunet", "--look-every", "1", "--timed", "2", "--shown", "3"];
        lab(&[&given[..], &ours, more].concat())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path("out/comparison.json")).unwrap()).unwrap()
    }

    fn judged(&self) -> Vec<u8> {
        fs::read(self.path("out/kept/judged.jsonl")).unwrap()
    }
}

fn lab(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_faceveil-lab")).args(arguments).output().unwrap()
}

fn row<'a>(comparison: &'a Value, name: &str) -> &'a Value {
    comparison["contestants"].as_array().unwrap().iter().find(|r| r["name"] == name).unwrap()
}

const CONTESTANTS: [&str; 12] = [
    "--contestant",
    "truth",
    "--contestant",
    "truth,style=solid",
    "--contestant",
    "nothing",
    "--contestant",
    "nothing-128",
    "--contestant",
    "detector:yunet",
    "--contestant",
    "gate",
];

/// What `truth,style=solid` wrote, as another program's folder, without one picture.
fn copied(bench: &Bench) -> PathBuf {
    let from = fs::read_dir(bench.path("out/kept/outputs")).unwrap().map(|e| e.unwrap().path());
    let from = from
        .into_iter()
        .find(|p| p.file_name().unwrap().to_string_lossy().starts_with("truth-solid"))
        .unwrap();
    let to = PathBuf::from(bench.path("other"));
    fs::create_dir_all(to.join("drawn")).unwrap();
    let mut files: Vec<PathBuf> =
        fs::read_dir(from.join("drawn")).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    for file in &files[1..] {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let (stem, rest) = name.split_once('.').unwrap();
        let ending = rest.rsplit_once('.').unwrap().1;
        fs::copy(file, to.join("drawn").join(format!("{stem}.{ending}"))).unwrap();
    }
    fs::write(to.join("about.json"), r#"{"what":"a <copy>","network":"gate","time_ms":7.5}"#).unwrap();
    to
}

#[test]
fn figures_are_what_they_must_be_and_nothing_is_judged_twice() {
    let bench = Bench::new();
    let done = bench.compare(&CONTESTANTS);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let comparison = bench.json();
    let leak = |name: &str| row(&comparison, name)["all"]["faces"]["leak"]["rate"].as_f64().unwrap();
    assert_eq!((leak("truth-solid"), leak("nothing"), leak("nothing-128")), (0.0, 1.0, 1.0));
    assert!(leak("truth") < 0.2, "{}", leak("truth"));
    let nothing = row(&comparison, "nothing");
    assert_eq!(nothing["all"]["outside"]["changed_share"], 0.0);
    assert_eq!(nothing["all"]["likeness"]["all"]["output"], nothing["all"]["likeness"]["all"]["nothing"]);
    assert_eq!(nothing["all"]["detected"]["rate"], 1.0, "what a detector finds, it finds again");
    let mask = |name: &str, at: usize| row(&comparison, name)["all"]["mask"][at].as_f64().unwrap_or(0.0);
    assert!(mask("truth-solid", 1) > 0.9 && mask("truth-solid", 2) > 0.3 && mask("nothing", 1) == 0.0);
    let set = |name: &str| {
        comparison["sets"].as_array().unwrap().iter().find(|s| s["name"] == name).unwrap().clone()
    };
    assert_eq!(
        (set("drawn")["pictures"].clone(), set("sample")["role"].clone()),
        (json!(10), json!("shown"))
    );
    assert!(row(&comparison, "yunet")["cost"]["time_ms"].as_f64().unwrap() > 0.0);

    let before = bench.judged();
    assert!(bench.compare(&CONTESTANTS).status.success());
    assert_eq!(bench.judged(), before, "all was known");
    // Killed in the middle of a line: the rest is judged again, and the figures are the same.
    fs::write(bench.path("out/kept/judged.jsonl"), &before[..before.len() / 2]).unwrap();
    assert!(bench.compare(&CONTESTANTS).status.success());
    assert_eq!(row(&bench.json(), "yunet")["all"], row(&comparison, "yunet")["all"]);

    let other = format!("outputs:other={}", copied(&bench).display());
    let done = bench.compare(&[&CONTESTANTS[..], &["--contestant", &other]].concat());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let comparison = bench.json();
    let other = row(&comparison, "other");
    assert_eq!((&other["all"]["missing"], &other["cost"]["parameters"]), (&json!(1), &json!(59873)));
    assert!(other["all"]["faces"]["leak"]["rate"].as_f64().unwrap() > 0.0, "a missing output leaks");
    assert_eq!(other["sets"].get("sample"), None, "the set was never given to it");
    let csv = fs::read_to_string(bench.path("out/comparison.csv")).unwrap();
    assert!(csv.lines().all(|l| l.split(',').count() == 7), "{csv}");
    assert!(
        csv.contains("other,cost,time_ms,7.500000,,,")
            && csv.contains("other,all,missing_outputs,1.000000,,,")
    );
    let seen = |name: &str| row(&comparison, name)["sets"]["drawn"]["detected"]["of"].as_u64().unwrap();
    assert_eq!(seen("other"), seen("truth-solid"), "what is missing is seen as it was");
    let page = fs::read_to_string(bench.path("out/comparison.html")).unwrap();
    assert!(page.contains(">other*</td>") && page.contains("other was judged on 10 of"), "the row is marked");
    assert!(!page.contains(">truth*</td>"));
}

#[test]
fn what_cannot_be_compared_is_said() {
    let bench = Bench::new();
    let empty = bench.path("empty");
    fs::create_dir(&empty).unwrap();
    let empty = format!("outputs:x={empty}");
    for (arguments, code, words) in [
        (&["--contestant", "nobody"][..], 3, "no contestant"),
        (&[], 3, "nobody to compare"),
        (&["--contestant", "nothing", "--contestant", "nothing"], 3, "two contestants"),
        (&["--contestant", &empty], 1, "no folder of any set"),
        (&["--contestant", "nothing", "--truth", "public", "--shared", "no/such"], 1, "no/such"),
    ] {
        let done = bench.compare(arguments);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
    assert!(!Path::new(&bench.path("out/comparison.html")).exists());
}

/// Writes what is seen to the folder in `FACEVEIL_TEST_SCREENSHOTS`, if somebody wants to look.
fn look(browser: &mut Browser, name: &str) {
    if let Some(folder) = std::env::var_os("FACEVEIL_TEST_SCREENSHOTS") {
        std::thread::sleep(std::time::Duration::from_millis(400));
        fs::write(Path::new(&folder).join(name), browser.screenshot()).unwrap();
    }
}

#[test]
fn the_page_works_in_a_browser() {
    let bench = Bench::new();
    let profile = tempfile::tempdir().unwrap();
    let Some(mut browser) = Browser::start(profile.path()) else {
        println!("SKIPPED: there is no Chromium on this machine, so the page of `compare` is NOT tested");
        return;
    };
    let done = bench.compare(&[&CONTESTANTS[..], &["--publishable"]].concat());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let page = bench.path("out/comparison.html");
    let text = fs::read_to_string(&page).unwrap();
    assert!(
        !text.contains("http://")
            || text.matches("http://").count() == text.matches("http://www.w3.org").count()
    );
    assert!(!text.contains("https://"), "it needs a network");
    browser.open(&format!("file://{page}"));
    browser.wait_for("document.body?.dataset.shown === 'truth'");
    // Time, collateral and parameters need two contestants that have them; the training's curve.
    assert!(browser.eval("document.querySelectorAll('.plot svg').length").as_u64().unwrap() >= 3);
    let drawn = "[...document.querySelectorAll('.plot svg')].every(s => s.querySelectorAll('circle, polyline').length > 0 && s.getBoundingClientRect().height > 150)";
    assert_eq!(browser.eval(drawn), true);
    assert_eq!(browser.eval("document.querySelectorAll('table').length > 8"), true);
    let images = "Promise.all([...document.querySelectorAll('#gallery img')].map(i => i.decode().then(() => i.naturalWidth)))";
    let widths = browser.eval(images);
    assert_eq!(widths.as_array().unwrap().len(), 6, "three pictures before and after");
    assert!(widths.as_array().unwrap().iter().all(|w| w.as_u64().unwrap() > 50), "{widths}");
    look(&mut browser, "compare-top.png");

    browser.eval("document.getElementById('gallery').scrollIntoView({ block: 'center' })");
    let at = "document.querySelector('.pair').style.getPropertyValue('--at')";
    let clip = "getComputedStyle(document.querySelector('.pair .after')).clipPath";
    let whole = browser.eval(clip);
    let middle = browser.middle("#gallery input");
    browser.drag(middle, (middle.0 + 60.0, middle.1));
    let moved: f64 = browser.eval(at).as_str().unwrap().trim_end_matches('%').parse().unwrap();
    assert!(moved > 60.0, "{moved}");
    assert_ne!(browser.eval(clip), whole, "less of the output shows");
    look(&mut browser, "compare-slider.png");
    browser.eval("(() => { const c = document.getElementById('contestant'); c.selectedIndex = 2; c.dispatchEvent(new Event('change')); })()");
    browser.wait_for("document.body.dataset.shown === 'nothing'");

    let phone = json!({ "width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": true });
    browser.call("Emulation.setDeviceMetricsOverride", phone);
    browser.wait_for("document.documentElement.scrollWidth <= 390");
    assert_eq!(
        browser.eval("parseFloat(getComputedStyle(document.querySelector('td')).fontSize) >= 12"),
        true
    );
    let letters =
        "[...document.querySelectorAll('.plot svg text')].every(t => t.getBoundingClientRect().height >= 8)";
    assert_eq!(browser.eval(letters), true, "letters of the plots on a phone");
    browser.eval("window.scrollTo(0, 0)");
    look(&mut browser, "compare-phone.png");
    assert_eq!(browser.complaints, [] as [String; 0]);
}
