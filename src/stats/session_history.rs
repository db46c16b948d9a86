//! History of a session while it runs.

use std::time::SystemTime;

use super::session_report::{EmulatorChange, ReportSubject, SessionReport};
use super::{Snapshot, Timeline};
use crate::impairment::EmulatorSettings;

/// History of a session: its newest figures, its timeline, and the settings of the emulated network.
#[derive(Debug, Clone)]
pub struct SessionHistory {
    started_at: SystemTime,
    snapshot: Snapshot,
    timeline: Timeline,
    emulator_changes: Vec<EmulatorChange>,
}

/// Maximum number of network settings that are recorded.
const MAX_CHANGES: usize = 1_000;

/// Minimum time in seconds that a setting must last to be recorded.
const MIN_SETTING_SECONDS: f64 = 1.0;

impl SessionHistory {
    /// Creates the history of a session that starts at `now`.
    pub fn new(now: SystemTime) -> Self {
        Self {
            started_at: now,
            snapshot: Snapshot::default(),
            timeline: Timeline::default(),
            emulator_changes: Vec::new(),
        }
    }

    /// Adds figures, measured with these settings of the emulated network. Returns true if a second has ended.
    pub fn update(&mut self, snapshot: &Snapshot, settings: &EmulatorSettings) -> bool {
        if snapshot.is_new_session(&self.snapshot) {
            // The figures belong to a new session.
            self.emulator_changes.clear();
        }
        self.snapshot = *snapshot;
        self.push_change(EmulatorChange::new(snapshot.playing_s, settings));
        self.timeline.update(snapshot)
    }

    /// Records a change of the settings. Values that a slider passes through last too short a time to be recorded.
    fn push_change(&mut self, change: EmulatorChange) {
        let is_same = |last: Option<&EmulatorChange>| last.is_some_and(|last| last.has_same_effect(&change));
        let is_brief = self
            .emulator_changes
            .last()
            .is_some_and(|last| change.from_s - last.from_s < MIN_SETTING_SECONDS);
        if is_brief && self.emulator_changes.len() > 1 && !is_same(self.emulator_changes.last()) {
            self.emulator_changes.pop();
        }
        if !is_same(self.emulator_changes.last()) && self.emulator_changes.len() < MAX_CHANGES {
            // The first settings have applied since SETUP.
            let from_s = if self.emulator_changes.is_empty() { 0.0 } else { change.from_s };
            self.emulator_changes.push(EmulatorChange { from_s, ..change });
        }
    }

    /// Newest figures of the session.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Timeline of the session.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Settings of the emulated network, in the order in which they applied; the first ones apply from the start.
    pub fn emulator_changes(&self) -> &[EmulatorChange] {
        &self.emulator_changes
    }

    /// Builds a report of the session up to the newest figures.
    pub fn report(&self, subject: ReportSubject) -> SessionReport {
        let mut timeline = self.timeline.clone();
        timeline.finish(&self.snapshot);
        let seconds = timeline.seconds().iter().copied().collect();
        SessionReport::new(subject, self.started_at, self.snapshot, seconds, self.emulator_changes.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::impairment::{Impairments, LossModel};

    #[test]
    fn emulator_changes_are_recorded_with_their_time() {
        let mut history = SessionHistory::new(SystemTime::UNIX_EPOCH);
        let off = EmulatorSettings::default();
        let lossy =
            Impairments { loss: LossModel { ratio: 0.05, mean_burst: None }, ..Impairments::default() };
        let on = EmulatorSettings { is_on: true, seed: 7, impairments: lossy };
        let at = |playing_s| Snapshot { playing_s, ..Snapshot::default() };
        let ended =
            [(0.5, off), (1.2, off), (1.5, on), (2.1, on)].map(|(time, set)| history.update(&at(time), &set));
        assert_eq!(ended, [false, true, false, true]);
        let report = history.report(ReportSubject::default());
        let settings: Vec<_> = report.network().iter().map(|set| (set.from_s, set.words.as_str())).collect();
        assert_eq!(settings, [(0.0, "off"), (1.5, "5 % loss")]);
        assert_eq!(report.seconds().len(), 2);
        history.update(&at(0.2), &on);
        assert_eq!(history.report(ReportSubject::default()).network().len(), 1);
    }

    #[test]
    fn intermediate_slider_values_are_not_recorded() {
        let mut history = SessionHistory::new(SystemTime::UNIX_EPOCH);
        let lossy = |ratio| EmulatorSettings {
            is_on: true,
            seed: 7,
            impairments: Impairments {
                loss: LossModel { ratio, mean_burst: None },
                ..Impairments::default()
            },
        };
        let mut observe = |playing_s, settings| {
            history.update(&Snapshot { playing_s, ..Snapshot::default() }, &settings);
            let network = history.report(ReportSubject::default()).network().to_vec();
            network.iter().map(|change| (change.from_s, change.words.clone())).collect::<Vec<_>>()
        };
        let change = |from_s, words: &str| (from_s, words.to_owned());
        observe(2.0, EmulatorSettings::default());
        for step in 1..=20u32 {
            observe(2.0 + f64::from(step) / 4.0, lossy(f64::from(step) / 200.0));
        }
        let dragged = observe(9.0, lossy(0.1));
        assert_eq!(dragged, [change(0.0, "off"), change(7.0, "10 % loss")]);
        // A value that is changed back at once is not recorded.
        observe(9.25, lossy(0.5));
        assert_eq!(observe(9.5, lossy(0.1)), dragged);
    }
}
