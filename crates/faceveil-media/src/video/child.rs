//! A child process that is watched: what it complains of is kept, and it is ended when it makes no progress or is
//! no longer needed.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::VideoError;

/// Lines of complaint that are kept: the first, and this many of the last.
const KEPT_LINES: usize = 4;
/// Bytes of a line that are kept.
const LINE_BYTES: u64 = 400;
/// What decoders complain of in files that are whole.
const HARMLESS: [&str; 6] = [
    "co located POCs unavailable",
    "mmco: unref short failure",
    "deprecated pixel format",
    "Application provided",
    "non monotonically increasing dts",
    "Could not find ref with POC",
];
/// How often the watch looks.
const TICK: Duration = Duration::from_millis(100);
/// How often a process that should be ending is asked whether it has.
const WAIT: Duration = Duration::from_millis(3);

/// A watched process.
#[derive(Debug)]
pub(super) struct Watched {
    shared: Arc<Shared>,
    what: &'static str,
    words: Option<JoinHandle<String>>,
    watch: Option<JoinHandle<()>>,
    stall: Duration,
}

#[derive(Debug)]
struct Shared {
    child: Mutex<Child>,
    start: Instant,
    /// Milliseconds from `start` at which somebody began to wait for the process, plus 1; 0 while nobody waits.
    since: AtomicU64,
    stalled: AtomicBool,
    done: AtomicBool,
    complaint: OnceLock<String>,
}

/// While this is alive, somebody waits for the process.
pub(super) struct Waiting<'a>(&'a Shared);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.since.store(0, Ordering::Release);
    }
}

/// The ends of the pipes to a process.
pub(super) struct Pipes {
    pub stdin: Option<ChildStdin>,
    pub stdout: Option<ChildStdout>,
}

impl Watched {
    /// Starts `command`, which is doing `what`, and ends it when it was waited for longer than `stall`.
    pub(super) fn start(
        mut command: Command,
        what: &'static str,
        stall: Duration,
    ) -> Result<(Self, Pipes), VideoError> {
        let program = command.get_program().to_string_lossy().into_owned();
        let spawned = command.stderr(Stdio::piped()).spawn();
        let mut child = spawned.map_err(|source| VideoError::Start { program, source })?;
        let pipes = Pipes { stdin: child.stdin.take(), stdout: child.stdout.take() };
        let stderr = child.stderr.take();
        let shared = Arc::new(Shared {
            child: Mutex::new(child),
            start: Instant::now(),
            since: AtomicU64::new(0),
            stalled: AtomicBool::new(false),
            done: AtomicBool::new(false),
            complaint: OnceLock::new(),
        });
        let heard = shared.clone();
        let words = stderr.map(|stderr| thread::spawn(move || listen(stderr, &heard.complaint)));
        let watched = shared.clone();
        let watch = Some(thread::spawn(move || watched.watch(stall)));
        Ok((Self { shared, what, words, watch, stall }, pipes))
    }

    /// Says that somebody waits for the process from now on.
    pub(super) fn waiting(&self) -> Waiting<'_> {
        self.shared.since.store(self.shared.now() + 1, Ordering::Release);
        Waiting(&self.shared)
    }

    /// What it has complained of so far, first of all.
    pub(super) fn complaint(&self) -> Option<String> {
        self.shared.complaint.get().cloned()
    }

    /// Waits for the end of the process, and returns what it complained of.
    ///
    /// # Errors
    /// [`VideoError::Stalled`] if it had to be ended, [`VideoError::Codec`] if it failed.
    pub(super) fn finish(mut self) -> Result<String, VideoError> {
        let status = self.wait();
        self.shared.rest();
        let words = self.words.take().and_then(|w| w.join().ok()).unwrap_or_default();
        let status = status?;
        if self.shared.stalled.load(Ordering::Acquire) {
            return Err(VideoError::Stalled { what: self.what, after: self.stall });
        }
        if status.success() {
            return Ok(words);
        }
        let words = if words.is_empty() { format!("it ended with {status}") } else { words };
        Err(VideoError::Codec { what: self.what, words })
    }

    /// Why a pipe to the process broke: its end explains it better than the pipe.
    pub(super) fn blame(self, otherwise: VideoError) -> VideoError {
        self.finish().err().unwrap_or(otherwise)
    }

    fn wait(&self) -> Result<ExitStatus, VideoError> {
        let _waiting = self.waiting();
        loop {
            let done = self.shared.child().try_wait();
            match done {
                Ok(Some(status)) => return Ok(status),
                Ok(None) => thread::sleep(WAIT),
                Err(source) => return Err(VideoError::Start { program: self.what.to_owned(), source }),
            }
        }
    }
}

impl Drop for Watched {
    /// Nobody wants its work any more.
    fn drop(&mut self) {
        self.shared.rest();
        {
            let mut child = self.shared.child();
            if matches!(child.try_wait(), Ok(None)) {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
        if let Some(watch) = self.watch.take() {
            watch.thread().unpark();
            let _ = watch.join();
        }
    }
}

impl Shared {
    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }

    fn rest(&self) {
        self.done.store(true, Ordering::Release);
    }

    fn watch(&self, stall: Duration) {
        let stall = u64::try_from(stall.as_millis()).unwrap_or(u64::MAX);
        while !self.done.load(Ordering::Acquire) {
            thread::park_timeout(TICK);
            let since = self.since.load(Ordering::Acquire);
            if since > 0 && self.now().saturating_sub(since) > stall {
                self.stalled.store(true, Ordering::Release);
                let _ = self.child().kill();
                return;
            }
        }
    }
}

/// The first complaint and the last few, without what repeats.
fn listen(stderr: ChildStderr, complaint: &OnceLock<String>) -> String {
    let mut from = BufReader::new(stderr);
    let mut first: Option<String> = None;
    let mut last: VecDeque<String> = VecDeque::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        match from.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line) {
            Ok(1..) => {}
            _ => break,
        }
        let words = without_address(String::from_utf8_lossy(&line).trim());
        let harmless = HARMLESS.iter().any(|known| words.contains(known));
        if words.is_empty() || harmless || last.back() == Some(&words) || first.as_ref() == Some(&words) {
            continue;
        }
        complaint.get_or_init(|| words.clone());
        if first.is_none() {
            first = Some(words);
            continue;
        }
        last.push_back(words);
        if last.len() > KEPT_LINES {
            last.pop_front();
        }
    }
    first.into_iter().chain(last).collect::<Vec<_>>().join("; ")
}

/// `[h264 @ 0x55d0c8a0] words` without the address, which says nothing and is never the same.
fn without_address(line: &str) -> String {
    match (line.strip_prefix('['), line.split_once(" @ 0x")) {
        (Some(_), Some((name, rest))) => {
            let words = rest.split_once(']').map_or(rest, |(_, words)| words);
            format!("{}:{words}", name.trim_start_matches('['))
        }
        _ => line.to_owned(),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str, stall: Duration) -> (Watched, Pipes) {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::piped());
        Watched::start(command, "the test", stall).unwrap()
    }

    #[test]
    fn a_process_that_hangs_is_ended() {
        let (child, pipes) = shell("exec sleep 1000", Duration::from_millis(300));
        {
            let _waiting = child.waiting();
            let mut byte = Vec::new();
            pipes.stdout.unwrap().read_to_end(&mut byte).unwrap();
        }
        let error = child.finish().unwrap_err();
        assert!(matches!(error, VideoError::Stalled { .. }), "{error}");
    }

    #[test]
    fn a_slow_process_that_nobody_waits_for_is_left_alone() {
        let (child, _pipes) = shell("sleep 0.6", Duration::from_millis(200));
        thread::sleep(Duration::from_millis(700));
        assert_eq!(child.finish().unwrap(), "");
    }

    #[test]
    fn its_complaints_are_kept_first_and_last() {
        let script = "for i in 1 2 3 4 5 6 7 8; do echo \"[mov @ 0x55$i] line $i\" >&2; done; exit 3";
        let (child, _pipes) = shell(script, Duration::from_secs(60));
        let error = child.finish().unwrap_err().to_string();
        assert_eq!(error, "the test failed: mov: line 1; mov: line 5; mov: line 6; mov: line 7; mov: line 8");
    }

    #[test]
    fn a_process_that_is_no_longer_needed_is_ended() {
        let (child, pipes) = shell("exec sleep 1000", Duration::from_secs(60));
        drop(child);
        let mut bytes = Vec::new();
        pipes.stdout.unwrap().read_to_end(&mut bytes).unwrap();
        assert!(bytes.is_empty());
    }
}
