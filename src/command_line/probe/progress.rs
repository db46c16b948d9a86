//! Line on the terminal that shows the progress of `reelay probe`.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::command_line::stderr;
use crate::stats::Figures;

/// Minimum interval between two updates of the line.
const UPDATE_INTERVAL: Duration = Duration::from_millis(250);

/// Progress line. Nothing is printed if stderr is not a terminal.
#[derive(Debug, Default)]
pub struct ProgressLine {
    /// Time of the last update; `None` before the first one.
    last_printed: Option<Instant>,
}

impl ProgressLine {
    /// Prints the line again if [`UPDATE_INTERVAL`] has passed since the last update.
    pub fn update(
        &mut self,
        frames: u64,
        first_arrival: Option<Instant>,
        figures: &watch::Receiver<Figures>,
    ) {
        let is_due = self.last_printed.is_none_or(|printed| printed.elapsed() >= UPDATE_INTERVAL);
        if !is_due || !io::stderr().is_terminal() {
            return;
        }
        self.last_printed = Some(Instant::now());
        let seconds = first_arrival.map_or(0.0, |first_arrival| first_arrival.elapsed().as_secs_f64());
        let snapshot = figures.borrow().snapshot;
        let loss = snapshot.loss_ratio.unwrap_or_default() * 100.0;
        stderr::print(format!(
            "\r{frames} frames, {seconds:.1} s, {:.2} Mbit/s, {loss:.1} % lost   ",
            snapshot.bits_per_second / 1e6
        ));
    }

    /// Erases the line, before other output on the terminal.
    pub fn clear(&self) {
        if self.last_printed.is_some() {
            stderr::print(format!("\r{:60}\r", ""));
            stderr::flush();
        }
    }
}
