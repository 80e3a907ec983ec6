//! The programs of libheif, as processes of their own. Only here does this crate run any.

use crate::{DecodeError, EncodeError, Format};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const DECODERS: &[&str] = &["heif-dec", "heif-convert"];
const ENCODERS: &[&str] = &["heif-enc"];
const QUALITY: &str = "90";
/// Takes 40 % of the time of `slow`, the default, for the same size: 4.1 seconds of one core instead of 10.2 for 5
/// megapixels, 2.19 instead of 2.18 MB.
const X265_PRESET: [&str; 2] = ["-p", "preset=fast"];

/// With libheif 1.15, 10 bits crash the encoder of AVIF in any other chroma sampling.
const SAMPLING_OF_OLD: [&str; 2] = ["-p", "chroma=422"];

/// Address space that a decoder gets, and more for each pixel: planes in two forms of up to 16 bits, and
/// what its threads reserve without using it.
const BASE_BYTES: u64 = 4 << 30;
const BYTES_A_PIXEL: u64 = 64;
/// Seconds of one core at most; and how many times as long by the clock, which also ends who only waits.
const DECODE_SECONDS: u64 = 600;
const ENCODE_SECONDS: u64 = 7200;
const PATIENCE: u32 = 10;
/// What is read of complaints.
const COMPLAINT_BYTES: u64 = 4096;
/// Beside its pixels a PNG has some text at most: no profile that we keep is larger.
const SLACK_BYTES: u64 = 64 << 20;

/// Why a program gave nothing.
#[derive(Debug)]
pub(super) enum ToolError {
    /// None of these is in the path.
    Missing(&'static [&'static str]),
    /// It could not be run, or its files could not be written or read.
    Io(io::Error),
    /// What it says.
    Failed(String),
}

impl From<io::Error> for ToolError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl ToolError {
    pub fn of_decoding(self, format: Format) -> DecodeError {
        match self {
            Self::Missing(programs) => DecodeError::NoProgram { format, programs },
            Self::Io(e) => {
                DecodeError::Decoder { format, message: format!("its decoder cannot be run: {e}") }
            }
            Self::Failed(message) => DecodeError::Decoder { format, message },
        }
    }

    pub fn of_encoding(self, format: Format) -> EncodeError {
        match self {
            Self::Missing(programs) => EncodeError::NoProgram { format, programs },
            Self::Io(e) => EncodeError::Encoder { format, message: format!("it cannot be run: {e}") },
            Self::Failed(message) => EncodeError::Encoder { format, message },
        }
    }
}

/// The picture as a PNG, upright, of 16 bits a sample if it has more than 8.
pub(super) fn decode(bytes: &[u8], format: Format, pixels: u64) -> Result<Vec<u8>, ToolError> {
    let folder = folder()?;
    let input = folder.path().join(format!("in.{}", ending(format)));
    let output = folder.path().join("out.png");
    std::fs::write(&input, bytes)?;
    let most = pixels.saturating_mul(9).saturating_add(SLACK_BYTES);
    let bounds = Bounds {
        memory: Some(BASE_BYTES.saturating_add(BYTES_A_PIXEL.saturating_mul(pixels))),
        file: Some(most),
        seconds: DECODE_SECONDS,
    };
    run(DECODERS, bounds, &["--quiet".as_ref(), input.as_ref(), output.as_ref()])?;
    read(&output, most)
}

/// The file of a PNG's picture.
pub(super) fn encode(png: &[u8], format: Format, options: &[String]) -> Result<Vec<u8>, ToolError> {
    let folder = folder()?;
    let input = folder.path().join("in.png");
    let output = folder.path().join(format!("out.{}", ending(format)));
    std::fs::write(&input, png)?;
    let mut common: Vec<&OsStr> = vec!["-q".as_ref(), QUALITY.as_ref()];
    if format == Format::Avif {
        common.push("-A".as_ref());
    }
    common.extend(options.iter().map(OsStr::new));
    common.extend([OsStr::new("-o"), output.as_ref(), input.as_ref()]);
    // Its input is ours: no bound on memory, which differs by encoder.
    let run = |arguments: &[&OsStr]| {
        run(ENCODERS, Bounds { memory: None, file: None, seconds: ENCODE_SECONDS }, arguments)
    };
    let with = |more: [&'static str; 2]| [&more.map(OsStr::new)[..], &common].concat();
    match format {
        // What another encoder than x265 does not know ends it at once.
        Format::Heic => run(&with(X265_PRESET)).or_else(|_| run(&common))?,
        _ => run(&common).or_else(|first| run(&with(SAMPLING_OF_OLD)).map_err(|_| first))?,
    }
    read(&output, u64::MAX)
}

/// What passes between us and them is the original: for nobody else's eyes, and gone afterwards.
fn folder() -> io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("faceveil-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir()
}

fn ending(format: Format) -> &'static str {
    if format == Format::Avif { "avif" } else { "heic" }
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, ToolError> {
    let file = match File::open(path) {
        // Its complaint is not always an exit code.
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Err(ToolError::Failed("no picture came".into()));
        }
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(ToolError::Failed(format!("more than {limit} bytes came")));
    }
    Ok(bytes)
}

struct Bounds {
    /// Bytes of address space.
    memory: Option<u64>,
    /// Bytes of a file that it writes.
    file: Option<u64>,
    /// Of one core.
    seconds: u64,
}

fn run(names: &'static [&'static str], bounds: Bounds, arguments: &[&OsStr]) -> Result<(), ToolError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let program = find(&path, names).ok_or(ToolError::Missing(names))?;
    let mut command = bounded(&program, &bounds);
    let mut complaints = tempfile::tempfile()?;
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(complaints.try_clone()?);
    let status = wait(command.spawn()?, Duration::from_secs(bounds.seconds) * PATIENCE)?;
    if status.success() {
        return Ok(());
    }
    let mut complaint = Vec::new();
    complaints.seek(SeekFrom::Start(0))?;
    complaints.take(COMPLAINT_BYTES).read_to_end(&mut complaint)?;
    let complaint = String::from_utf8_lossy(&complaint);
    let first = complaint.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("without a word");
    let name = program.file_name().unwrap_or_default().display();
    Err(ToolError::Failed(format!("{name}: {} ({status})", first.escape_debug())))
}

fn wait(mut child: Child, most: Duration) -> Result<ExitStatus, ToolError> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if start.elapsed() > most {
            child.kill()?;
            child.wait()?;
            return Err(ToolError::Failed(format!("it did not end within {} seconds", most.as_secs())));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(40));
    }
}

/// The first of these programs in the folders of `path`; relative folders are not looked into.
fn find(path: &OsStr, names: &[&str]) -> Option<PathBuf> {
    let folders: Vec<PathBuf> = std::env::split_paths(path).filter(|folder| folder.is_absolute()).collect();
    let ending = std::env::consts::EXE_SUFFIX;
    let mut places =
        names.iter().flat_map(|name| folders.iter().map(move |f| f.join(format!("{name}{ending}"))));
    places.find(|place| place.is_file())
}

/// The shell knows how to bound a program. Where it cannot set a bound, the others still hold.
#[cfg(unix)]
fn bounded(program: &Path, bounds: &Bounds) -> Command {
    const SCRIPT: &str = r#"
        try() { (ulimit "$@") 2>/dev/null && ulimit "$@"; }
        try -c 0
        try -t "$1"
        [ -z "$2" ] || try -v "$2"
        [ -z "$3" ] || try -f "$3"
        shift 3
        exec "$@""#;
    let units = |bytes: Option<u64>, unit: u64| bytes.map_or(String::new(), |n| (n / unit).to_string());
    let mut command = Command::new("/bin/sh");
    command.args(["-c", SCRIPT, "faceveil", &bounds.seconds.to_string()]);
    // Kibibytes, and blocks of 512 bytes.
    command.args([units(bounds.memory, 1024), units(bounds.file, 512)]).arg(program);
    command
}

#[cfg(not(unix))]
fn bounded(program: &Path, _: &Bounds) -> Command {
    Command::new(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_looked_for_in_absolute_folders_only() {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("heif-convert{}", std::env::consts::EXE_SUFFIX);
        std::fs::write(folder.path().join(&name), b"").unwrap();
        let path = std::env::join_paths([Path::new("."), Path::new(""), folder.path()]).unwrap();
        assert_eq!(find(&path, DECODERS), Some(folder.path().join(&name)));
        assert_eq!(find(OsStr::new("."), DECODERS), None);
        assert_eq!(find(OsStr::new(""), DECODERS), None);
    }

    #[cfg(unix)]
    #[test]
    fn who_only_waits_is_ended() {
        let sleeping = || Command::new("/bin/sh").args(["-c", "exec sleep 1000"]).spawn().unwrap();
        let got = wait(sleeping(), Duration::from_millis(50));
        assert!(matches!(&got, Err(ToolError::Failed(why)) if why.contains("did not end")), "{got:?}");
    }

    #[cfg(unix)]
    #[test]
    fn bounds_hold_and_complaints_are_told() {
        let say = |bounds: Bounds, script: &str| {
            let output = bounded(Path::new("/bin/sh"), &bounds).args(["-c", script]).output().unwrap();
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        let bounds = || Bounds { memory: Some(1 << 30), file: Some(1 << 20), seconds: 7 };
        assert_eq!(say(bounds(), "ulimit -t"), "7");
        assert_eq!(say(bounds(), "ulimit -c"), "0");
        if cfg!(target_os = "linux") {
            assert_eq!(say(bounds(), "ulimit -v"), "1048576");
            assert_ne!(say(bounds(), "ulimit -f"), "unlimited");
        }
        let none = Bounds { memory: None, file: None, seconds: 7 };
        assert_eq!(say(none, "ulimit -f; echo \"$#\""), "unlimited\n0");
    }
}
