//! Opening the page in the user's browser.

use std::io::{self, Write};
use std::process::{Command, Stdio};

use tempfile::NamedTempFile;

/// Whether there is a desktop on which a page can open.
pub fn has_desktop() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(any(windows, target_os = "macos")) || set("WAYLAND_DISPLAY") || set("DISPLAY")
}

/// Opens `url` by a file that leads there and that only this user can read: arguments of a process are
/// seen by all users. The file must live until the page is loaded.
///
/// # Errors
/// The file cannot be written, or there is no program to open it.
pub fn open(url: &str) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix("faceveil-review-").suffix(".html").tempfile()?;
    write!(
        file,
        "<!DOCTYPE html><meta http-equiv=\"refresh\" content=\"0;url={url}\"><a href=\"{url}\">faceveil</a>"
    )?;
    file.flush()?;
    let program = match () {
        () if cfg!(windows) => "explorer",
        () if cfg!(target_os = "macos") => "open",
        () => "xdg-open",
    };
    let quiet = Stdio::null;
    let mut child =
        Command::new(program).arg(file.path()).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn()?;
    // It may be the browser itself, and live for long.
    std::thread::spawn(move || child.wait());
    Ok(file)
}
