//! The README does what it says: its commands are run, its configuration is read, its links lead somewhere.

#[allow(dead_code)] // other tests use the rest
#[path = "program/sandbox.rs"]
mod sandbox;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use faceveil_cli::choices::Choices;
use faceveil_cli::plan::hex;
use faceveil_cli::sidecar::Sidecar;
use sha2::{Digest, Sha256};

/// Commands of the README that are not run here, and why.
const NOT_RUN: [(&str, &str); 4] = [
    (
        "faceveil blur photos -o gpu/ --detector centerface --engine ort --ort-library libonnxruntime.so --ort-provider cuda",
        "it needs ONNX Runtime and a GPU",
    ),
    ("faceveil review reviewed/", "it serves until it is ended; the tests of review start it"),
    ("cargo xtask test", "it runs this test"),
    (
        "cargo install --locked --path crates/faceveil-cli",
        "it builds for minutes and writes to the user's home",
    ),
];
/// What a line that builds the program first begins with; the program is built already.
const BUILD_AND_RUN: &str = "cargo run --release -p faceveil-cli -- ";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The fenced blocks of a page: the word after the opening fence, and the lines.
fn blocks(page: &str) -> Vec<(&str, Vec<&str>)> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            blocks.push((language, lines.by_ref().take_while(|l| *l != "```").collect()));
        }
    }
    blocks
}

fn blocks_of<'a>(page: &'a str, language: &str) -> Vec<Vec<&'a str>> {
    blocks(page).into_iter().filter(|(l, _)| *l == language).map(|(_, lines)| lines).collect()
}

/// A page without its fenced blocks.
fn prose(page: &str) -> String {
    let mut fenced = false;
    let kept = page.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    });
    kept.collect::<Vec<_>>().join("\n")
}

#[cfg(unix)]
mod commands {
    use super::*;
    use sandbox::{PROGRAM, Ran, Sandbox, run};

    /// A folder as the README's reader has it, and the program in the path.
    struct Reader {
        sandbox: Sandbox,
        bin: tempfile::TempDir,
        /// Whether FFmpeg is here, which made a video.
        videos: bool,
    }

    impl Reader {
        fn new() -> Self {
            let sandbox = Sandbox::new();
            for file in [
                "assets/sample.jpg",
                "assets/smiley.png",
                "config/example.toml",
                "models/retinaface/retinaface_mobilenet0.25.onnx",
            ] {
                sandbox.put(file, &fs::read(repository().join(file)).unwrap());
            }
            let sample = sandbox.read("assets/sample.jpg");
            sandbox.put("photos/portrait.jpg", &sample);
            sandbox.put("photos/trip/portrait.jpg", &sample);
            sandbox.put("photos/trip/notes.txt", b"Houston\n");
            let bin = tempfile::tempdir().unwrap();
            std::os::unix::fs::symlink(PROGRAM, bin.path().join("faceveil")).unwrap();
            let videos = talk(&sandbox);
            if !videos {
                eprintln!("\n*** SKIPPED: the README's commands on videos: FFmpeg is not installed ***\n");
            }
            Self { sandbox, bin, videos }
        }

        /// Runs a line in a shell; the exit code must be 0, or N after a final `# exits N`.
        fn run(&self, line: &str) -> Result<Ran, String> {
            let (command, note) = line.split_once(" # ").unwrap_or((line, ""));
            let want = match note.trim().strip_prefix("exits ") {
                Some(code) => code.parse().map_err(|e| format!("{line}: {e}"))?,
                None => 0,
            };
            let command = match command.strip_prefix(BUILD_AND_RUN) {
                Some(args) => format!("faceveil {args}"),
                None => command.to_owned(),
            };
            let mut path = vec![self.bin.path().to_owned()];
            path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
            let mut shell = self.sandbox.command("sh");
            shell.args(["-c", &command]).env("PATH", std::env::join_paths(path).unwrap());
            let ran = run(&mut shell);
            if ran.code == want {
                Ok(ran)
            } else {
                Err(format!("{line}: exits {}, not {want}: {}", ran.code, ran.stderr))
            }
        }
    }

    /// Makes a short video of the portrait, with sound.
    fn talk(sandbox: &Sandbox) -> bool {
        fs::create_dir_all(sandbox.path("clips")).unwrap();
        let mut ffmpeg = std::process::Command::new("ffmpeg");
        ffmpeg.current_dir(sandbox.root()).args([
            "-v",
            "error",
            "-loop",
            "1",
            "-t",
            "1",
            "-i",
            "assets/sample.jpg",
        ]);
        ffmpeg.args([
            "-f",
            "lavfi",
            "-i",
            "sine=d=1",
            "-vf",
            "scale=256:256",
            "-pix_fmt",
            "yuv420p",
            "clips/talk.mp4",
        ]);
        ffmpeg.status().is_ok_and(|status| status.success())
    }

    #[test]
    fn every_command_of_the_readme_does_what_it_says() {
        let page = read(repository().join("README.md"));
        let reader = Reader::new();
        let mut not_run: BTreeSet<_> = NOT_RUN.iter().map(|(line, _)| *line).collect();
        let (mut ran, mut wrong) = (0, Vec::new());
        for (language, lines) in blocks(&page) {
            match language {
                "toml" => drop(reader.sandbox.put("faceveil.toml", lines.join("\n").as_bytes())),
                "sh" => {
                    for line in lines {
                        if NOT_RUN.iter().any(|(skipped, _)| *skipped == line) {
                            not_run.remove(line);
                            continue;
                        }
                        ran += 1;
                        if !reader.videos && line.contains("clips") {
                            continue;
                        }
                        wrong.extend(reader.run(line).err());
                    }
                }
                _ => {}
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(not_run.is_empty(), "no longer in the README: {not_run:?}");
        assert!(ran >= 15, "only {ran} commands were found");
        // The first command's output is what the README shows: hidden, and rid of its metadata.
        let hidden = reader.sandbox.read("hidden.jpg");
        let has = |bytes: &[u8], word: &[u8]| bytes.windows(word.len()).any(|w| w == word);
        for word in [&b"Exif"[..], b"Sample Camera", b"SN-000042"] {
            assert!(has(&reader.sandbox.read("assets/sample.jpg"), word), "the sample has no {word:?}");
            assert!(!has(&hidden, word), "{word:?} is left");
        }
    }

    #[test]
    fn a_wrong_command_is_noticed() {
        let reader = Reader::new();
        let cases = [
            "faceveil blur assets/sample.jpg -o a.jpg --no-such-flag",
            "faceveil blur assets/sample.jpg -o a.jpg --style fog",
            "faceveil blur missing.jpg -o a.jpg",
            "faceveil models # exits 2",
            "cargo run --release -p faceveil-cli -- blurr assets/sample.jpg -o a.jpg",
        ];
        for line in cases {
            assert!(reader.run(line).is_err(), "{line}");
        }
    }

    #[test]
    fn the_json_shown_has_the_fields_that_are_printed() {
        let page = read(repository().join("README.md"));
        let reader = Reader::new();
        let ran = reader.run("faceveil blur photos/portrait.jpg -o batch/ --json").unwrap();
        let mut compared = 0;
        for line in blocks_of(&page, "json").concat() {
            let shown: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(fields(&shown), fields(&ran.json()[0]), "{line}");
            assert_eq!(
                (&shown["status"], &shown["faces"]),
                (&ran.json()[0]["status"], &ran.json()[0]["faces"])
            );
            compared += 1;
        }
        assert_eq!(compared, 1);
    }

    fn fields(value: &serde_json::Value) -> Vec<String> {
        let keys = |v: &serde_json::Value| v.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        [keys(value), keys(&value["ms"])].concat()
    }
}

#[test]
fn the_library_s_five_lines_are_those_of_its_doc_test() {
    let page = read(repository().join("README.md"));
    let doc = read(repository().join("crates/faceveil/src/lib.rs"));
    let doc: Vec<&str> = doc.lines().filter_map(|l| l.strip_prefix("//! ")).collect();
    let [example] = &blocks_of(&page, "rust")[..] else { panic!("one block of Rust") };
    assert!(doc.windows(example.len()).any(|lines| lines == example), "{example:#?}");
}

#[test]
fn the_example_configuration_has_every_choice() {
    let text = read(repository().join("config/example.toml"));
    let name = |line: &str| line.strip_prefix("# ")?.split_once(" = ").map(|(name, _)| name.to_owned());
    let is_name = |n: &String| n.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let (mut keys, mut uncommented) = (BTreeSet::new(), String::new());
    for line in text.lines() {
        let key = name(line).filter(is_name);
        uncommented.push_str(if key.is_some() { &line[2..] } else { line });
        uncommented.push('\n');
        keys.extend(key);
    }
    assert_eq!(Choices::from_toml(&text), Ok(Choices::default()), "as it is, it chooses nothing");
    Choices::from_toml(&uncommented).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(keys, Choices::names().into_iter().collect());
}

#[test]
fn the_sidecar_shown_is_one() {
    let page = read(repository().join("docs/sidecar.md"));
    let [example] = &blocks_of(&page, "json")[..] else { panic!("one block of JSON") };
    let sidecar = Sidecar::parse(example.join("\n").as_bytes()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(sidecar.regions.iter().filter(|r| r.hidden).count(), 1);
    // Whatever the example has is explained.
    let value: serde_json::Value = serde_json::from_str(&example.join("\n")).unwrap();
    let mut names = BTreeSet::new();
    field_names(&value, &mut names);
    let explained = prose(&page);
    let missing: Vec<_> = names.iter().filter(|n| !is_explained(&explained, n)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(names.len() > 30, "{names:?}");
}

fn is_explained(page: &str, name: &str) -> bool {
    [format!("`{name}`"), format!(".{name}`"), format!("`{name}.")].iter().any(|n| page.contains(n))
}

fn field_names(value: &serde_json::Value, names: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Array(items) => items.iter().for_each(|v| field_names(v, names)),
        serde_json::Value::Object(fields) => {
            names.extend(fields.keys().cloned());
            fields.values().for_each(|v| field_names(v, names));
        }
        _ => {}
    }
}

#[test]
fn the_tables_of_files_have_their_true_hashes() {
    let mut rows = Vec::new();
    for page in ["models/README.md", "assets/README.md"] {
        let folder = repository().join(page).with_file_name("");
        for row in read(repository().join(page)).lines().filter(|l| l.starts_with("| `")) {
            let cells: Vec<&str> = row.split('|').map(|c| c.trim().trim_matches('`')).collect();
            let hash = cells[cells.len() - 2];
            if hash.len() == 64 {
                let bytes = fs::read(folder.join(cells[1])).unwrap();
                assert_eq!(hex(&Sha256::digest(&bytes)), hash, "{page}: {}", cells[1]);
                rows.push(row.to_owned());
            }
        }
    }
    assert!(rows.len() >= 4, "only {} rows have a hash", rows.len());
    for model in faceveil::models() {
        let row = rows.iter().find(|r| r.contains(model.sha256));
        let row = row.unwrap_or_else(|| panic!("{} is not in models/README.md", model.name));
        assert!(row.contains(model.licence), "{} is under {}: {row}", model.name, model.licence);
    }
}

#[test]
fn every_relative_link_leads_somewhere() {
    let root = repository();
    let mut pages: Vec<PathBuf> =
        ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "assets/README.md", "models/README.md"]
            .map(|p| root.join(p))
            .into();
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|e| e.unwrap().path());
    pages.extend(docs.filter(|p| p.extension().is_some_and(|e| e == "md")));
    let (mut checked, mut broken) = (0, Vec::new());
    for page in pages {
        for link in links(&prose(&read(&page))) {
            checked += 1;
            if let Err(why) = check_link(&page, &link) {
                broken.push(format!("{}: {link}: {why}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(checked >= 15, "only {checked} links were found");
}

#[test]
fn a_broken_link_is_noticed() {
    let page = repository().join("README.md");
    for (link, sound) in
        [("docs/nowhere.md", false), ("docs/threat-model.md#nowhere", false), ("docs/threat-model.md", true)]
    {
        assert_eq!(check_link(&page, link).is_ok(), sound, "{link}");
    }
    assert_eq!(
        links("[a](b.md) ![c](d/e.jpg) <https://x.y> [f](https://x.y) [g](#h)"),
        ["b.md", "d/e.jpg", "#h"]
    );
}

/// Targets of a page's inline links and pictures that are not addresses.
fn links(prose: &str) -> Vec<String> {
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let targets = targets.map(|(target, _)| target.to_owned());
    targets.filter(|t| !t.contains("://") && !t.starts_with("mailto:")).collect()
}

fn check_link(page: &Path, link: &str) -> Result<(), &'static str> {
    let (file, heading) = link.split_once('#').map_or((link, None), |(f, h)| (f, Some(h)));
    let target = if file.is_empty() { page.to_owned() } else { page.with_file_name("").join(file) };
    if !target.exists() {
        return Err("no such file");
    }
    let headings =
        |text: String| prose(&text).lines().filter(|l| l.starts_with('#')).map(anchor).collect::<Vec<_>>();
    match heading {
        Some(h) if !headings(read(&target)).iter().any(|have| have == h) => Err("no such heading"),
        _ => Ok(()),
    }
}

/// The anchor that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    words.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>().replace(' ', "-")
}
