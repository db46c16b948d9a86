//! State of the recording, as the controls show it.

use crate::recording::{RecordingFormat, RecordingProgress};
use crate::ui::shortcuts::{Shortcut, with_key};

/// Recording of what the window plays.
#[derive(Debug, Default)]
pub struct Recording {
    /// State, as the controls show it.
    pub state: RecordingState,
    /// Incomplete frames since it was started.
    pub losses: RecordedLosses,
    /// The film has ended since it was started.
    pub has_film_ended: bool,
}

impl Recording {
    /// Begins a recording; `incomplete` is the number of incomplete frames in the figures of the session.
    pub fn start(incomplete: u64) -> Self {
        let state = RecordingState::On(RecordingProgress::default());
        Self { state, losses: RecordedLosses::new(incomplete), has_film_ended: false }
    }
}

/// State of the recording, as the controls show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RecordingState {
    /// Nothing is recorded.
    #[default]
    Off,
    /// A recording has started, and this much of it is written.
    On(RecordingProgress),
    /// The film is being completed.
    Ending,
}

impl RecordingState {
    /// Returns the text beside the red mark: time and size. `None` if nothing is recorded.
    pub fn label(self) -> Option<String> {
        match self {
            Self::Off => None,
            Self::On(RecordingProgress { frames: 0, left_out: 0, .. }) => {
                Some("waiting for frames".to_owned())
            }
            Self::On(progress) => Some(progress.summary()),
            Self::Ending => Some("Completing…".to_owned()),
        }
    }
}

/// Incomplete frames while something is recorded, which may span several sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordedLosses {
    /// Number of incomplete frames since the recording was started.
    pub incomplete: u64,
    /// Number in the figures of the session.
    last: u64,
}

impl RecordedLosses {
    /// Begins to count; `total` is the number in the figures of the session.
    pub fn new(total: u64) -> Self {
        Self { incomplete: 0, last: total }
    }

    /// Adds what is new in the figures of the session. They begin at 0 again with each session.
    pub fn update(&mut self, total: u64) {
        self.incomplete += total.checked_sub(self.last).unwrap_or(total);
        self.last = total;
    }
}

/// Returns the tooltip of the button Record.
pub fn record_tooltip(is_open: bool, state: RecordingState, format: RecordingFormat) -> String {
    match (is_open, state) {
        (_, RecordingState::On(_)) => with_key("Stop recording", Shortcut::Record),
        (_, RecordingState::Ending) => "The recording is being completed".to_owned(),
        (false, _) => "Record: open a film or a stream first".to_owned(),
        (true, _) => match format.warning() {
            Some(warning) => format!("{}. {warning}", with_key("Record", Shortcut::Record)),
            None => with_key("Record", Shortcut::Record),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incomplete_frames_are_counted_over_several_sessions() {
        let mut losses = RecordedLosses::new(198);
        let totals = [200, 203, 0, 0, 7];
        let counts = totals.map(|total| {
            losses.update(total);
            losses.incomplete
        });
        assert_eq!(counts, [2, 5, 5, 5, 12]);
    }

    #[test]
    fn tooltip_says_why_the_button_is_disabled_and_what_a_format_loses() {
        let tooltip = |is_open, state| record_tooltip(is_open, state, RecordingFormat::Mov);
        assert_eq!(tooltip(true, RecordingState::Off), "Record (Ctrl+R)");
        assert_eq!(tooltip(false, RecordingState::Off), "Record: open a film or a stream first");
        assert_eq!(
            tooltip(true, RecordingState::On(RecordingProgress::default())),
            "Stop recording (Ctrl+R)"
        );
        let classroom = record_tooltip(true, RecordingState::Off, RecordingFormat::Classroom);
        assert!(classroom.contains("holds no times"), "{classroom}");
    }
}
