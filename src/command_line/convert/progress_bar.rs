//! Progress bar on the terminal.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use crate::command_line::stderr;
use crate::format;
use crate::recording::RecordingProgress;

/// Minimum interval between two updates.
const UPDATE_INTERVAL: Duration = Duration::from_millis(200);

/// Number of characters of the bar.
const WIDTH: u64 = 30;

/// Progress bar. Nothing is printed if stderr is not a terminal.
#[derive(Debug)]
pub struct ProgressBar {
    /// Task, for the line: `Writing`.
    task: &'static str,
    /// Time of the last update; `None` before the first one.
    last_printed: Option<Instant>,
}

impl ProgressBar {
    /// Creates a bar that is not printed yet.
    pub fn new(task: &'static str) -> Self {
        Self { task, last_printed: None }
    }

    /// Prints the bar again if [`UPDATE_INTERVAL`] has passed. `total` is `None` while it is not known.
    pub fn update(&mut self, done: u64, total: Option<u64>) {
        self.print(|task| line(task, done, total));
    }

    /// Prints how much of a stream is recorded, if [`UPDATE_INTERVAL`] has passed since the last update.
    pub fn update_recording(&mut self, recorded: &RecordingProgress) {
        self.print(|task| format!("{}, {}", line(task, recorded.frames, None), recorded.summary()));
    }

    /// Prints a line about the task, if it is due.
    fn print(&mut self, line: impl FnOnce(&str) -> String) {
        let is_due = self.last_printed.is_none_or(|printed| printed.elapsed() >= UPDATE_INTERVAL);
        if is_due && io::stderr().is_terminal() {
            self.last_printed = Some(Instant::now());
            stderr::print(format!("\r{}   ", line(self.task)));
        }
    }

    /// Erases the bar, before other output on the terminal.
    pub fn clear(&mut self) {
        if self.last_printed.take().is_some() {
            stderr::print(format!("\r{:79}\r", ""));
        }
    }
}

fn line(task: &str, done: u64, total: Option<u64>) -> String {
    let Some(total) = total.filter(|total| *total > 0) else {
        return format!("{task}: {} frames", format::count(done));
    };
    let filled = usize::try_from(done.min(total) * WIDTH / total).unwrap_or(0);
    let bar = format!("{:<width$}", "#".repeat(filled), width = WIDTH as usize);
    let percent = done.min(total) * 100 / total;
    format!("{task} [{bar}] {percent:3} %, {} of {} frames", format::count(done), format::count(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bar_is_filled_in_proportion() {
        assert_eq!(line("Reading", 1_234, None), "Reading: 1,234 frames");
        let half = line("Writing", 500, Some(1_000));
        assert_eq!(half, "Writing [###############               ]  50 %, 500 of 1,000 frames");
        assert!(line("Writing", 1_000, Some(1_000)).contains("#] 100 %"));
    }
}
