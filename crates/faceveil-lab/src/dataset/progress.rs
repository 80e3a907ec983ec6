//! How far it is: a line on a terminal, nothing elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar that shows itself on a terminal only.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    quiet: bool,
}

impl Progress {
    /// `quiet` shows nothing even there.
    pub fn new(quiet: bool) -> Self {
        Self { bar: ProgressBar::hidden(), quiet }
    }

    /// Begins a piece of work of `total` steps, if that is known.
    pub fn begin(&self, what: &'static str, total: Option<u64>) {
        if self.quiet {
            return;
        }
        let template = match total {
            Some(_) => "{msg} {wide_bar} {pos}/{len} {per_sec} {eta}",
            None => "{msg} {spinner} {pos} pictures, {per_sec}",
        };
        self.bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
        self.bar.set_message(what);
        match total {
            Some(total) => self.bar.set_length(total),
            None => self.bar.unset_length(),
        }
        self.bar.reset();
        self.bar.enable_steady_tick(Duration::from_millis(200));
    }

    /// One more is done.
    pub fn step(&self) {
        self.bar.inc(1);
    }

    /// The piece of work is done.
    pub fn end(&self) {
        self.bar.disable_steady_tick();
        self.bar.finish_and_clear();
    }
}
