//! Charts of the Statistics panel.

use iced::Color;

use crate::format::{data_rate, milliseconds, or_unknown, percentage};
use crate::stats::{
    FRESH_AREA_PER_SECOND, Figure, LOSS_PER_SECOND, Second, SessionHistory, Snapshot, figure_of,
};
use crate::ui::theme::Colours;
use crate::ui::widget::chart::{Mark, SECONDS_SHOWN, Series};

/// Definition of a chart.
pub struct Plot {
    subject: Subject,
    /// True if the chart tells something about a session with these figures.
    is_shown: fn(&Snapshot) -> bool,
    /// Value of a second, in the unit that `format` expects; `None` if it was not measured.
    value: fn(&Second) -> Option<f64>,
    /// Smallest value for the top of the scale, in the unit of `value`.
    min_top: f64,
    format: fn(f64) -> String,
    colour: fn(&Colours) -> Color,
}

/// Subject of a chart.
enum Subject {
    /// Field of [`Snapshot`] whose figure gives name, definition and current value.
    Figure(&'static str),
    /// Value that has a figure about the complete session only: name and definition.
    EachSecond(&'static str, &'static str),
}

/// All charts, from top to bottom.
pub const CHARTS: [Plot; 6] = [
    Plot {
        subject: Subject::Figure("wire_bits_per_second"),
        is_shown: always,
        value: |second| Some(second.wire_bits_per_second),
        min_top: 100_000.0,
        format: data_rate,
        colour: |colours| colours.ready,
    },
    Plot {
        subject: Subject::EachSecond("Lost per second", LOSS_PER_SECOND),
        is_shown: always,
        value: |second| {
            let (expected, lost) = (second.packets_expected?, second.packets_lost?);
            (expected > 0).then(|| (lost.max(0) as f64 / expected as f64).min(1.0))
        },
        min_top: 0.01,
        format: percentage,
        colour: |colours| colours.danger,
    },
    Plot {
        subject: Subject::EachSecond("Fresh area per second", FRESH_AREA_PER_SECOND),
        is_shown: |snapshot| snapshot.frames_damaged > 0 || snapshot.packets_lost > 0,
        value: |second| second.fresh_area,
        min_top: 1.0,
        format: percentage,
        colour: |colours| colours.late,
    },
    Plot {
        subject: Subject::Figure("frame_jitter_ms"),
        is_shown: always,
        value: |second| second.frame_jitter_ms,
        min_top: 1.0,
        format: milliseconds,
        colour: |colours| colours.warm,
    },
    Plot {
        subject: Subject::Figure("frames_per_second_shown"),
        is_shown: always,
        value: |second| Some(second.frames_shown_per_second),
        min_top: 10.0,
        format: per_second,
        colour: |colours| colours.playing,
    },
    Plot {
        subject: Subject::Figure("buffered_ms"),
        is_shown: always,
        value: |second| second.buffered_ms,
        min_top: 10.0,
        format: milliseconds,
        colour: |colours| colours.muted,
    },
];

fn always(_: &Snapshot) -> bool {
    true
}

fn per_second(rate: f64) -> String {
    format!("{rate:.1} /s")
}

impl Plot {
    fn figure(&self) -> Option<&'static Figure> {
        match self.subject {
            Subject::Figure(field) => figure_of(field),
            Subject::EachSecond(..) => None,
        }
    }

    /// Returns true if the chart tells something about a session with these figures.
    pub fn is_shown(&self, snapshot: &Snapshot) -> bool {
        (self.is_shown)(snapshot)
    }

    /// Returns the title of the chart.
    pub fn name(&self) -> &'static str {
        match self.subject {
            Subject::Figure(field) => figure_of(field).map_or(field, |figure| figure.name),
            Subject::EachSecond(name, _) => name,
        }
    }

    /// Returns the time that the current value is about.
    pub fn span(&self) -> &'static str {
        self.figure().map_or("last full second", |figure| figure.span.words(false))
    }

    /// Returns the definition of the values.
    pub fn description(&self) -> &'static str {
        match self.subject {
            Subject::Figure(field) => figure_of(field).map_or("", |figure| figure.description),
            Subject::EachSecond(_, description) => description,
        }
    }

    /// Returns the current value, the same as in the list of all figures.
    pub fn current(&self, history: &SessionHistory, snapshot: &Snapshot, is_playing: bool) -> String {
        match self.figure() {
            Some(figure) => figure.current_value(snapshot, is_playing),
            None => {
                let last = history.timeline().seconds().back().and_then(self.value);
                or_unknown(last.filter(|_| is_playing), self.format)
            }
        }
    }

    /// Returns the values of the last minute, with a mark at each change of the emulated network.
    pub fn series(&self, history: &SessionHistory) -> Series {
        let seconds = history.timeline().seconds();
        let first = seconds.len().saturating_sub(SECONDS_SHOWN);
        Series {
            values: seconds.range(first..).map(self.value).collect(),
            min_top: self.min_top,
            format: self.format,
            colour: self.colour,
            marks: marks(history),
        }
    }
}

/// Returns the changes of the emulated network, without the settings that have applied from the start.
fn marks(history: &SessionHistory) -> Vec<Mark> {
    let Some(last) = history.timeline().seconds().back() else { return Vec::new() };
    let first_s = last.time_s - SECONDS_SHOWN as f64;
    let changes = history.emulator_changes().iter().skip(1).filter(|change| change.from_s > first_s);
    changes
        .map(|change| Mark {
            seconds_ago: last.time_s - change.from_s,
            label: format!("network: {}", change.words),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::impairment::{EmulatorSettings, PRESETS};

    #[test]
    fn changes_of_the_network_are_marked_at_their_time() {
        let mut history = SessionHistory::new(SystemTime::UNIX_EPOCH);
        let settings = |second| EmulatorSettings {
            is_on: second >= 100,
            impairments: PRESETS[4].impairments,
            ..EmulatorSettings::default()
        };
        for second in 1..=112u32 {
            let snapshot = Snapshot { playing_s: f64::from(second), ..Snapshot::default() };
            history.update(&snapshot, &settings(second));
        }
        let label = format!("network: {}", PRESETS[4].impairments);
        assert_eq!(CHARTS[0].series(&history).marks, [Mark { seconds_ago: 12.0, label }]);
        for second in 113..=180u32 {
            let snapshot = Snapshot { playing_s: f64::from(second), ..Snapshot::default() };
            history.update(&snapshot, &settings(second));
        }
        assert_eq!(CHARTS[0].series(&history).marks, [], "more than a minute ago");
    }

    #[test]
    fn every_chart_has_a_definition() {
        for plot in &CHARTS {
            assert!(!plot.description().is_empty(), "{} is not defined", plot.name());
        }
    }

    #[test]
    fn fresh_area_has_a_chart_once_packets_were_lost() {
        let names = |snapshot: &Snapshot| {
            let shown = CHARTS.iter().filter(|plot| plot.is_shown(snapshot));
            shown.map(Plot::name).collect::<Vec<_>>()
        };
        let complete = names(&Snapshot::default());
        assert_eq!(complete.len(), 5);
        assert!(!complete.contains(&"Fresh area per second"));
        let lossy = Snapshot { packets_lost: 1, ..Snapshot::default() };
        assert_eq!(names(&lossy)[1..3], ["Lost per second", "Fresh area per second"]);
    }
}
