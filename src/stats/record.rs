//! What is remembered of a session while it goes on.

use std::time::SystemTime;

use super::report::{Report, Setting, Subject};
use super::{Snapshot, Timeline};
use crate::impairment::Conditions;

/// The newest figures of a session, how they came about second by second, and what the emulated network was set to.
#[derive(Debug, Clone)]
pub struct Record {
    began: SystemTime,
    snapshot: Snapshot,
    timeline: Timeline,
    network: Vec<Setting>,
}

/// Settings of the network that are remembered. Whoever moves a slider more often than this is not after a record.
const MOST_SETTINGS: usize = 1_000;

/// Seconds that a setting must stand to be remembered.
const SHORTEST_S: f64 = 1.0;

impl Record {
    /// A session begins.
    pub fn begin(now: SystemTime) -> Self {
        Self { began: now, snapshot: Snapshot::default(), timeline: Timeline::default(), network: Vec::new() }
    }

    /// New figures have come, while the network is set like this. Whether a second has ended.
    pub fn observe(&mut self, snapshot: &Snapshot, conditions: &Conditions) -> bool {
        if snapshot.is_of_another_session(&self.snapshot) {
            // They are of the next session already.
            self.network.clear();
        }
        self.snapshot = *snapshot;
        self.set(Setting::new(snapshot.playing_s, conditions));
        self.timeline.observe(snapshot)
    }

    /// What a slider passes on its way stands for no time, and is not remembered.
    fn set(&mut self, setting: Setting) {
        let is_like = |last: Option<&Setting>| last.is_some_and(|last| last.is_like(&setting));
        let passed = self.network.last().is_some_and(|last| setting.from_s - last.from_s < SHORTEST_S);
        if passed && self.network.len() > 1 && !is_like(self.network.last()) {
            self.network.pop();
        }
        if !is_like(self.network.last()) && self.network.len() < MOST_SETTINGS {
            // The first has stood since the session was set up.
            let from_s = if self.network.is_empty() { 0.0 } else { setting.from_s };
            self.network.push(Setting { from_s, ..setting });
        }
    }

    /// The newest figures.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The seconds.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Everything, up to the newest figures.
    pub fn report(&self, subject: Subject) -> Report {
        let mut timeline = self.timeline.clone();
        timeline.finish(&self.snapshot);
        let seconds = timeline.seconds().iter().copied().collect();
        Report::new(subject, self.began, self.snapshot, seconds, self.network.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::impairment::{Impairments, Loss};

    #[test]
    fn what_the_network_was_set_to_is_remembered_from_when_on() {
        let mut record = Record::begin(SystemTime::UNIX_EPOCH);
        let off = Conditions::default();
        let lossy = Impairments { loss: Loss { ratio: 0.05, mean_burst: None }, ..Impairments::default() };
        let on = Conditions { is_on: true, seed: 7, impairments: lossy };
        let at = |playing_s| Snapshot { playing_s, ..Snapshot::default() };
        let ended =
            [(0.5, off), (1.2, off), (1.5, on), (2.1, on)].map(|(time, set)| record.observe(&at(time), &set));
        assert_eq!(ended, [false, true, false, true]);
        let report = record.report(Subject::default());
        let settings: Vec<_> = report.network().iter().map(|set| (set.from_s, set.words.as_str())).collect();
        assert_eq!(settings, [(0.0, "off"), (1.5, "5 % loss")]);
        assert_eq!(report.seconds().len(), 2);
        record.observe(&at(0.2), &on);
        assert_eq!(record.report(Subject::default()).network().len(), 1);
    }

    #[test]
    fn what_a_slider_passes_is_not_remembered() {
        let mut record = Record::begin(SystemTime::UNIX_EPOCH);
        let lossy = |ratio| Conditions {
            is_on: true,
            seed: 7,
            impairments: Impairments { loss: Loss { ratio, mean_burst: None }, ..Impairments::default() },
        };
        let mut observe = |playing_s, conditions| {
            record.observe(&Snapshot { playing_s, ..Snapshot::default() }, &conditions);
            let network = record.report(Subject::default()).network().to_vec();
            network.iter().map(|set| (set.from_s, set.words.clone())).collect::<Vec<_>>()
        };
        let set = |from_s, words: &str| (from_s, words.to_owned());
        observe(2.0, Conditions::default());
        for step in 1..=20u32 {
            observe(2.0 + f64::from(step) / 4.0, lossy(f64::from(step) / 200.0));
        }
        let dragged = observe(9.0, lossy(0.1));
        assert_eq!(dragged, [set(0.0, "off"), set(7.0, "10 % loss")]);
        // There and back at once is nowhere.
        observe(9.25, lossy(0.5));
        assert_eq!(observe(9.5, lossy(0.1)), dragged);
    }
}
