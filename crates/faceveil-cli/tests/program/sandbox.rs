//! A temporary folder in which the real program runs, and pictures to run it on.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_faceveil");

/// A folder that is the program's working directory and home.
pub struct Sandbox {
    folder: TempDir,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ran {
    /// Exit code; -1 after a signal.
    pub code: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    /// Standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).expect("standard output is UTF-8")
    }

    /// The lines of standard output, each parsed as JSON.
    pub fn json(&self) -> Vec<serde_json::Value> {
        let parse = |l: &str| serde_json::from_str(l).unwrap_or_else(|e| panic!("{l:?}: {e}"));
        self.text().lines().map(parse).collect()
    }

    /// Fails with everything the program said unless it exited with `code`.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            code,
            "stderr: {}\nstdout: {}",
            self.stderr,
            String::from_utf8_lossy(&self.stdout)
        );
        self
    }

    /// Fails unless standard error has `words`.
    #[track_caller]
    pub fn says(self, words: &str) -> Self {
        assert!(self.stderr.contains(words), "{words:?} is not in stderr: {}", self.stderr);
        self
    }
}

impl Sandbox {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root().join(relative)
    }

    /// Writes a file, and the folders above it.
    pub fn put(&self, relative: impl AsRef<Path>, bytes: &[u8]) -> PathBuf {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    pub fn exists(&self, relative: impl AsRef<Path>) -> bool {
        self.path(relative).symlink_metadata().is_ok()
    }

    pub fn read(&self, relative: impl AsRef<Path>) -> Vec<u8> {
        let path = self.path(relative);
        fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// The program, ready to be given arguments, in a clean environment.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"FACEVEIL_") {
                command.env_remove(name);
            }
        }
        command.current_dir(self.root()).env("HOME", self.root()).env_remove("XDG_CONFIG_HOME");
        command
    }

    /// Runs the program with nothing on standard input.
    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        run(self.command(PROGRAM).args(args))
    }

    /// Runs the program with `input` on standard input.
    pub fn pipe(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut command = self.command(PROGRAM);
        let mut child = command
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || stdin.write_all(input));
            ran(child.wait_with_output().unwrap())
        })
    }

    /// Every file below a folder with its content, links and special files with what they are.
    pub fn files(&self, relative: impl AsRef<Path>) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.path(relative), Path::new(""), &mut files);
        files
    }

    /// Names of the files below a folder.
    pub fn names(&self, relative: impl AsRef<Path>) -> Vec<String> {
        self.files(relative).keys().map(|p| p.to_string_lossy().into_owned()).collect()
    }
}

pub fn run(command: &mut Command) -> Ran {
    ran(command.stdin(Stdio::null()).output().expect("the program starts"))
}

fn ran(output: std::process::Output) -> Ran {
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn collect(folder: &Path, relative: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let entry = entry.unwrap();
        let (path, name) = (entry.path(), relative.join(entry.file_name()));
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            collect(&path, &name, files);
        } else if kind.is_file() {
            files.insert(name, fs::read(&path).unwrap_or_else(|e| e.to_string().into_bytes()));
        } else {
            files.insert(name, format!("{kind:?}").into_bytes());
        }
    }
}

/// A photo with one face, at about 178,65 to 270,177 of 512×512 pixels.
pub fn portrait() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/sample.jpg");
    fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A decoded picture.
pub fn picture(bytes: &[u8]) -> faceveil_core::raster::Raster {
    let limits = faceveil_media::Limits::default();
    faceveil_media::decode(bytes, &limits).unwrap_or_else(|e| panic!("{e}")).raster
}

/// A picture without faces: RGB, a gradient with a little noise, different for each `seed`.
pub fn scene(width: u32, height: u32, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut pixels = Vec::with_capacity((width * height * 3) as usize);
    for y in 0..height {
        for x in 0..width {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (state >> 28) as u8;
            pixels.extend([
                (x * 200 / width) as u8 + noise,
                (y * 200 / height) as u8 + noise,
                (seed * 40 % 200) as u8 + noise,
            ]);
        }
    }
    pixels
}

pub fn jpeg(width: u16, height: u16, seed: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let pixels = scene(width.into(), height.into(), seed);
    jpeg_encoder::Encoder::new(&mut bytes, 90)
        .encode(&pixels, width, height, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    bytes
}

pub fn png(width: u32, height: u32, seed: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&scene(width, height, seed)).unwrap();
    writer.finish().unwrap();
    bytes
}
