//! `faceveil-lab dataset` from outside: what a build writes, that it can be killed and goes on, and that nothing is divided
//! that belongs together.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use faceveil_lab::dataset::build::{REVIEW, SCAN, SKIPPED, SUMMARY, summary};
use faceveil_lab::dataset::picture::Picture;
use faceveil_lab::dataset::record::{MANIFEST, Record, Scanned, Skipped, lines, records};
use faceveil_lab::dataset::split::Part;

fn lab(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_faceveil-lab")).arg("dataset").args(args).output().unwrap()
}

fn ok(args: &[&str]) -> String {
    let out = lab(args);
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

fn fixture(folder: &Path, layout: &str, pictures: &str) -> String {
    let out = folder.join(layout);
    ok(&["fixture", layout, "--out", out.to_str().unwrap(), "-n", pictures]);
    format!("{layout}:{}", out.display())
}

fn all_records(folder: &Path) -> Vec<Record> {
    records(folder).unwrap().map(Result::unwrap).collect()
}

/// Every file under a folder but those of the work on the way, with its bytes.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("work") {
                    open.push(path);
                }
            } else {
                all.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    all
}

fn decode(path: &Path) -> Picture {
    Picture::decode(&fs::read(path).unwrap(), &Default::default()).unwrap()
}

#[test]
fn a_build_has_the_layout_and_its_files_agree() {
    let folder = tempfile::tempdir().unwrap();
    let (vgg, coco) = (fixture(folder.path(), "vggface2", "24"), fixture(folder.path(), "coco", "10"));
    let out = folder.path().join("set");
    let told = ok(&["build", "-s", &vgg, "-s", &coco, "-o", out.to_str().unwrap(), "--size", "96"]);
    assert!(told.contains("train: ") && told.contains("of vggface2: 24 pictures"), "{told}");
    let all = all_records(&out);
    assert_eq!(all.len(), 34);
    for record in &all {
        for (name, kind) in [(&record.file, ""), (&record.blur, "_blur"), (&record.mask, "_mask")] {
            let want = format!("{}{kind}/", record.split.name());
            assert!(name.starts_with(&want) && name.ends_with(".jpg"), "{name}");
        }
        let [frame, blur, mask] =
            [&record.file, &record.blur, &record.mask].map(|name| decode(&out.join(name)));
        assert_eq!((frame.width(), frame.height()), (96, 96));
        assert_eq!(record.content[0].max(record.content[1]), 96);
        let mut hidden = 0;
        for (y, x) in (0..96).flat_map(|y| (0..96).map(move |x| (y, x))) {
            let inside = mask.at(x, y)[0] >= 128;
            hidden += u32::from(inside);
            if x >= record.content[0] + 8 || y >= record.content[1] + 8 {
                assert!(frame.at(x, y).iter().all(|v| *v < 12), "{}: not black at ({x}, {y})", record.file);
            }
            // Blocks of a JPEG spread a change over 8 pixels.
            let near = record.ellipses().iter().any(|f| {
                let [l, t, r, b] = f.corners();
                (l - 9.0..r + 9.0).contains(&f64::from(x)) && (t - 9.0..b + 9.0).contains(&f64::from(y))
            });
            assert!(near || frame.at(x, y) == blur.at(x, y), "{}: blurred at ({x}, {y})", record.file);
        }
        assert_eq!(hidden > 0, !record.faces.is_empty(), "{}", record.file);
        assert!(record.faces.is_empty() || frame != blur, "{} is not blurred", record.file);
    }
    let numbers =
        |part: Part| all.iter().filter(|r| r.split == part).map(|r| r.file.clone()).collect::<Vec<_>>();
    for part in Part::ALL {
        let want: Vec<_> = (1..=numbers(part).len()).map(|n| format!("{}/{n:05}.jpg", part.name())).collect();
        assert!(!want.is_empty(), "{part:?}");
        assert_eq!(numbers(part), want);
    }
    let summary = summary(&out).unwrap();
    assert_eq!(summary.parts.values().map(|p| p[0]).sum::<u64>(), 34);
    assert_eq!(summary.config.seed, 1);
    assert_eq!(summary.manifest_sha256.len(), 64);
}

#[test]
fn a_killed_build_goes_on_and_ends_the_same_with_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let (vgg, celeba) = (fixture(folder.path(), "vggface2", "20"), fixture(folder.path(), "celeba-hq", "4"));
    let build = |name: &str, jobs: &str| {
        let out = folder.path().join(name);
        ok(&["build", "-s", &vgg, "-s", &celeba, "-o", out.to_str().unwrap(), "--size", "64", "-j", jobs]);
        out
    };
    let whole = build("one", "1");
    let want = contents(&whole);
    assert_eq!(want, contents(&build("three", "3")));
    // As if killed at many places: the files of lines cut off, what comes later absent.
    let (scan, manifest) = (fs::read(whole.join(SCAN)).unwrap(), fs::read(whole.join(MANIFEST)).unwrap());
    for (case, (scanned, written)) in [
        (0, None),
        (scan.len() / 3, None),
        (scan.len() - 1, None),
        (scan.len(), Some(0)),
        (scan.len(), Some(manifest.len() / 2)),
        (scan.len(), Some(manifest.len())),
    ]
    .into_iter()
    .enumerate()
    {
        let out = folder.path().join(format!("cut{case}"));
        fs::create_dir_all(out.join("work")).unwrap();
        fs::copy(whole.join("build.json"), out.join("build.json")).unwrap();
        fs::write(out.join(SCAN), &scan[..scanned]).unwrap();
        if let Some(written) = written {
            fs::write(out.join(MANIFEST), &manifest[..written]).unwrap();
            for (name, bytes) in &want {
                let path = out.join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                if name.components().count() > 1 {
                    fs::write(path, bytes).unwrap();
                }
            }
        }
        let again = build(&format!("cut{case}"), "2");
        assert_eq!(contents(&again), want, "case {case}");
    }
    // Done is done, and nothing else may be put there.
    let before = fs::metadata(whole.join(SUMMARY)).unwrap().modified().unwrap();
    build("one", "1");
    assert_eq!(fs::metadata(whole.join(SUMMARY)).unwrap().modified().unwrap(), before);
    let other = lab(&["build", "-s", &vgg, "-o", whole.to_str().unwrap(), "--size", "64"]);
    assert_eq!(other.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&other.stderr).contains("other settings"));
    let foreign = lab(&["build", "-s", &vgg, "-o", folder.path().to_str().unwrap()]);
    assert_eq!(foreign.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&foreign.stderr).contains("not empty"));
}

#[test]
fn people_and_near_duplicates_are_never_divided() {
    let folder = tempfile::tempdir().unwrap();
    fixture(folder.path(), "vggface2", "60");
    let pictures = folder.path().join("copies");
    fs::create_dir(&pictures).unwrap();
    // Copies of some at other sizes, in another set: the same photo as far as anyone can see.
    let train = folder.path().join("vggface2/train");
    let mut copied = 0;
    for person in fs::read_dir(&train).unwrap() {
        let person = person.unwrap().path();
        let original = decode(&person.join("0001_01.jpg"));
        let small = original.resized(original.width() * 2 / 3, original.height() * 2 / 3).unwrap();
        let name = format!("{}.png", person.file_name().unwrap().to_str().unwrap());
        let file = fs::File::create(pictures.join(name)).unwrap();
        let mut encoder = png::Encoder::new(file, small.width(), small.height());
        encoder.set_color(png::ColorType::Rgb);
        encoder.write_header().unwrap().write_image_data(small.pixels()).unwrap();
        copied += 1;
    }
    let out = folder.path().join("set");
    let vgg = format!("vggface2:{}", folder.path().join("vggface2").display());
    let copies = format!("faceless:{}", pictures.display());
    ok(&[
        "build",
        "-s",
        &copies,
        "-s",
        &vgg,
        "-o",
        out.to_str().unwrap(),
        "--size",
        "32",
        "--split",
        "50/25/25",
    ]);
    let all = all_records(&out);
    let mut parts: BTreeMap<String, BTreeSet<Part>> = BTreeMap::new();
    for record in &all {
        let person = record.identity.clone().unwrap_or_else(|| record.source.replace(".png", ""));
        parts.entry(person).or_default().insert(record.split);
    }
    assert_eq!((all.len(), parts.len(), copied), (60 + copied, 15, 12));
    assert!(parts.values().all(|parts| parts.len() == 1), "{parts:?}");
    let used: BTreeSet<Part> = all.iter().map(|r| r.split).collect();
    assert_eq!(used.len(), 3);
}

#[test]
fn bad_pictures_are_listed_counted_and_skipped() {
    let folder = tempfile::tempdir().unwrap();
    fixture(folder.path(), "coco", "6");
    let train = folder.path().join("coco/train2017");
    let plain = folder.path().join("plain");
    fs::create_dir(&plain).unwrap();
    let good = fs::read(fs::read_dir(&train).unwrap().next().unwrap().unwrap().path()).unwrap();
    fs::write(plain.join("good.jpg"), &good).unwrap();
    fs::write(plain.join("twin.jpg"), &good).unwrap();
    fs::write(plain.join("cut.jpg"), &good[..good.len() / 2]).unwrap();
    fs::write(plain.join("empty.jpg"), b"").unwrap();
    fs::write(plain.join("text.png"), b"not a picture").unwrap();
    let source = format!("faceless:{}", plain.display());
    let out = folder.path().join("set");
    let told = ok(&["build", "-s", &source, "-o", out.to_str().unwrap(), "--size", "32"]);
    assert!(told.contains("not used"), "{told}");
    assert_eq!(all_records(&out).iter().map(|r| r.source.clone()).collect::<Vec<_>>(), ["good.jpg"]);
    let skipped: Vec<Skipped> = lines(&out.join(SKIPPED)).unwrap().map(Result::unwrap).collect();
    let names: Vec<_> = skipped.iter().map(|s| s.source.as_str()).collect();
    assert_eq!(names, ["cut.jpg", "empty.jpg", "text.png", "twin.jpg"]);
    assert!(skipped.iter().all(|s| !s.reason.is_empty()), "{skipped:?}");
    assert_eq!(summary(&out).unwrap().skipped.values().sum::<u64>(), 4);
    // Nothing at all is an error, and so is a source that is not there.
    fs::remove_file(plain.join("good.jpg")).unwrap();
    fs::remove_file(plain.join("twin.jpg")).unwrap();
    let nothing = lab(&["build", "-s", &source, "-o", folder.path().join("none").to_str().unwrap()]);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("none of 3 pictures"), "{nothing:?}");
    let nowhere = lab(&["build", "-s", "yolo:/nowhere", "-o", folder.path().join("x").to_str().unwrap()]);
    assert_eq!(nowhere.status.code(), Some(1));
    for wrong in [&["build", "-s", "x:y", "-o", "z"][..], &["build", "-s", "yolo:y", "-o"]] {
        assert_eq!(lab(wrong).status.code(), Some(3), "{wrong:?}");
    }
}

#[test]
fn sources_that_change_on_the_way_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let coco = fixture(folder.path(), "coco", "8");
    let out = folder.path().join("set");
    let args = ["build", "-s", &coco, "-o", out.to_str().unwrap(), "--size", "32"];
    ok(&args);
    fs::remove_file(out.join(SUMMARY)).unwrap();
    fs::remove_file(out.join(MANIFEST)).unwrap();
    let record: Scanned = lines(&out.join(SCAN)).unwrap().next().unwrap().unwrap();
    fs::write(&record.path, b"other").unwrap();
    ok(&args);
    let skipped: Vec<Skipped> = lines(&out.join(SKIPPED)).unwrap().map(Result::unwrap).collect();
    assert!(skipped.len() == 1 && skipped[0].reason.contains("changed"), "{skipped:?}");
    // A picture more in front of those that were looked at moves all of them.
    for name in [SUMMARY, MANIFEST] {
        fs::remove_file(out.join(name)).unwrap();
    }
    let scanned = fs::read(out.join(SCAN)).unwrap();
    let list = folder.path().join("coco/annotations/instances_train2017.json");
    let json = fs::read_to_string(&list).unwrap();
    let first = json.find("\"images\":[").unwrap() + "\"images\":[".len();
    let more = r#"{"id":999999,"file_name":"000000000009.jpg"},"#;
    fs::write(&list, [&json[..first], more, &json[first..]].concat()).unwrap();
    let changed = lab(&args);
    assert_eq!(changed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&changed.stderr).contains("begin anew"), "{changed:?}");
    assert_eq!(fs::read(out.join(SCAN)).unwrap(), scanned, "nothing was added");
}

#[test]
fn presets_take_what_there_is_and_say_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let vgg = fixture(folder.path(), "vggface2", "12");
    let out = folder.path().join("v2");
    let built = lab(&["build", "--preset", "thesis-v2", "-s", &vgg, "-o", out.to_str().unwrap()]);
    assert!(built.status.success(), "{built:?}");
    let said = String::from_utf8_lossy(&built.stderr).into_owned();
    assert!(said.contains("1400 pictures of celeba-hq: none are given") && said.contains("fddb"), "{said}");
    assert_eq!(all_records(&out).len(), 12);
    let refused = lab(&["build", "--preset", "thesis-v1", "-s", &vgg, "-o", out.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(3));

    let coco = fixture(folder.path(), "coco", "12");
    let bias = folder.path().join("bias");
    ok(&[
        "build",
        "--preset",
        "centre-bias",
        "-s",
        &vgg,
        "-s",
        &coco,
        "-o",
        bias.to_str().unwrap(),
        "--size",
        "64",
    ]);
    let all = all_records(&bias);
    assert_eq!(all.len(), 4 * 25 * 4);
    for record in &all {
        assert_eq!((record.split, record.faces.len()), (Part::Test, 1));
        let tag = |name: &str| {
            let value = record.tags.iter().find_map(|t| t.strip_prefix(name)).unwrap();
            value.trim_start_matches('=').parse::<f64>().unwrap()
        };
        let face = record.ellipses()[0];
        let long = tag("share") * 64.0;
        assert!((face.side_long() - long).abs() < 0.01, "{record:?}");
        let at = |cell: f64| long / 2.0 + (64.0 - long) * cell / 4.0;
        assert!(
            (face.cx - at(tag("column"))).abs() < 0.01 && (face.cy - at(tag("row"))).abs() < 0.01,
            "{record:?}"
        );
    }
}

#[test]
fn the_report_is_one_page_that_loads_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let coco = fixture(folder.path(), "coco", "14");
    let out = folder.path().join("set");
    ok(&["build", "-s", &coco, "-o", out.to_str().unwrap(), "--size", "48"]);
    ok(&["report", out.to_str().unwrap()]);
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    let lower = page.to_lowercase();
    for outside in ["<script", "http://", "https://", "src=\"/", "onload", "@import"] {
        assert!(!lower.contains(outside), "{outside}");
    }
    assert!(page.matches("data:image/jpeg;base64,").count() == 14 * 3, "each picture, blurred, its mask");
    assert!(page.contains("Where the") && page.contains("Faces a picture") && page.contains("<rect"));
    let incomplete = lab(&["report", folder.path().to_str().unwrap()]);
    assert_eq!(incomplete.status.code(), Some(1));
    let Some(errors) = console_errors(&out.join("report.html")) else {
        eprintln!("SKIPPED: the_report_is_one_page_that_loads_nothing: needs chromium");
        return;
    };
    assert_eq!(errors, Vec::<String>::new());
}

/// What a browser complains about; `None` if there is none.
fn console_errors(page: &Path) -> Option<Vec<String>> {
    let url = format!("file://{}", page.display());
    let args = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"];
    let out = Command::new("chromium").args(args).arg(&url).output().ok()?;
    let dom = String::from_utf8_lossy(&out.stdout);
    assert!(dom.contains("<h2>Counts</h2>"), "the browser shows another page: {dom:.300}");
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    Some(said.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect())
}

fn shared(test: &str) -> Option<PathBuf> {
    let root = std::env::var_os("FACEVEIL_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let found = root.join("faces").is_dir();
    if !found {
        eprintln!("SKIPPED: {test}: needs the shared pictures");
    }
    found.then_some(root)
}

#[test]
fn real_pictures_of_every_kind_become_a_dataset() {
    let Some(shared) = shared("real_pictures_of_every_kind_become_a_dataset") else { return };
    let faces = shared.join("faces");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("set");
    let sources: Vec<String> = [
        ("20*fddb", "fddb"),
        ("20*yolo", "roboflow_yolo"),
        ("20*voc", "masks_voc"),
        ("20*keypoints68", "youtube_keypoints"),
        ("10*folder", "crops_web"),
        ("10*faceless", "negatives"),
    ]
    .into_iter()
    .flat_map(|(kind, name)| ["-s".to_owned(), format!("{kind}:{}", faces.join(name).display())])
    .collect();
    let mut args = vec!["build", "-o", out.to_str().unwrap()];
    args.extend(sources.iter().map(String::as_str));
    ok(&args);
    let all = all_records(&out);
    let mut sets: BTreeMap<&str, usize> = BTreeMap::new();
    all.iter().for_each(|r| *sets.entry(&r.set).or_default() += 1);
    for (set, least) in
        [("fddb", 19), ("yolo", 19), ("voc", 19), ("keypoints68", 19), ("folder", 6), ("faceless", 10)]
    {
        assert!(sets.get(set).is_some_and(|n| *n >= least), "{set}: {sets:?}");
    }
    for record in &all {
        assert_eq!(record.detected, record.set == "folder", "{record:?}");
        assert_eq!(
            record.faces.is_empty(),
            record.set == "faceless" || record.faces.is_empty() && record.set == "yolo",
            "{record:?}"
        );
    }
    assert!(out.join(REVIEW).is_file());

    // Labels by detectors are a source of their own.
    let labels = folder.path().join("labels.jsonl");
    let crops = format!("8*folder:{}", faces.join("crops_web").display());
    let told =
        ok(&["label", "-s", &crops, "-o", labels.to_str().unwrap(), "--labellers", "yunet,blazeface-short"]);
    assert!(told.starts_with("8 pictures"), "{told}");
    let source = format!("labels:{}", labels.display());
    let again = folder.path().join("labelled");
    ok(&["build", "-s", &source, "-o", again.to_str().unwrap(), "--labellers", "none"]);
    let all = all_records(&again);
    // Labelled by detectors they stay, and none counts as face-free because nothing was found in it.
    assert!(all.iter().all(|r| r.set == "labels" && r.detected && !r.faces.is_empty()), "{all:?}");
}
