//! Line on the terminal that shows the progress of `reelay probe`.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::command_line::stderr;
use crate::format;
use crate::recording::RecordingProgress;
use crate::stats::{Figures, Snapshot};

/// Minimum interval between two updates of the line.
const UPDATE_INTERVAL: Duration = Duration::from_millis(250);

/// Progress line. Nothing is printed if stderr is not a terminal.
#[derive(Debug, Default)]
pub struct ProgressLine {
    /// Time of the last update; `None` before the first one.
    last_printed: Option<Instant>,
    /// Number of characters of the longest line that was printed.
    width: usize,
}

impl ProgressLine {
    /// Prints the line again if [`UPDATE_INTERVAL`] has passed since the last update. `recorded` is the progress of the
    /// recording, if there is one.
    pub fn update(
        &mut self,
        frames: u64,
        first_arrival: Option<Instant>,
        figures: &watch::Receiver<Figures>,
        recorded: Option<&RecordingProgress>,
    ) {
        let is_due = self.last_printed.is_none_or(|printed| printed.elapsed() >= UPDATE_INTERVAL);
        if !is_due || !io::stderr().is_terminal() {
            return;
        }
        self.last_printed = Some(Instant::now());
        let seconds = first_arrival.map_or(0.0, |first_arrival| first_arrival.elapsed().as_secs_f64());
        let line = line(frames, seconds, &figures.borrow().snapshot, recorded);
        self.width = self.width.max(line.chars().count());
        stderr::print(format!("\r{line:width$}", width = self.width));
    }

    /// Erases the line, before other output on the terminal.
    pub fn clear(&self) {
        if self.last_printed.is_some() {
            stderr::print(format!("\r{:width$}\r", "", width = self.width));
            stderr::flush();
        }
    }
}

/// Returns the line. The time of the recording takes the place of that since the first frame.
fn line(frames: u64, seconds: f64, snapshot: &Snapshot, recorded: Option<&RecordingProgress>) -> String {
    let frames = format::counted(frames, "frame");
    let (rate, loss) = (snapshot.bits_per_second / 1e6, snapshot.loss_ratio.unwrap_or_default() * 100.0);
    let received = format!("{rate:.2} Mbit/s, {loss:.1} % lost");
    match recorded {
        Some(recorded) => format!("{frames}, {received}, recorded {}", recorded.summary()),
        None => format!("{frames}, {seconds:.1} s, {received}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtsp::Npt;

    #[test]
    fn line_has_time_and_size_of_the_recording() {
        let snapshot =
            Snapshot { loss_ratio: Some(0.025), bits_per_second: 1_970_000.0, ..Snapshot::default() };
        let shown = line(1_234, 61.7, &snapshot, None);
        assert_eq!(shown, "1,234 frames, 61.7 s, 1.97 Mbit/s, 2.5 % lost");
        let recorded = RecordingProgress {
            frames: 1_230,
            length: Npt::from_micros(61_500_000),
            bytes: 15_000_000,
            left_out: 0,
        };
        let shown = line(1_234, 61.7, &snapshot, Some(&recorded));
        assert_eq!(shown, "1,234 frames, 1.97 Mbit/s, 2.5 % lost, recorded 1:01, 15.00 MB");
        let slow = RecordingProgress { left_out: 1_004, ..recorded };
        let shown = line(1, 61.7, &snapshot, Some(&slow));
        assert_eq!(shown, "1 frame, 1.97 Mbit/s, 2.5 % lost, recorded 1:01, 15.00 MB, 1,004 left out");
    }
}
