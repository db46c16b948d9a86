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

impl Record {
    /// A session begins.
    pub fn begin(now: SystemTime) -> Self {
        Self { began: now, snapshot: Snapshot::default(), timeline: Timeline::default(), network: Vec::new() }
    }

    /// New figures have come, while the network is set like this. Whether a second has ended.
    pub fn observe(&mut self, snapshot: &Snapshot, conditions: &Conditions) -> bool {
        if snapshot.playing_s < self.snapshot.playing_s {
            // They are of the next session already.
            self.network.clear();
        }
        self.snapshot = *snapshot;
        let setting = Setting::new(snapshot.playing_s, conditions);
        if self.network.last().is_none_or(|last| !last.is_like(&setting))
            && self.network.len() < MOST_SETTINGS
        {
            self.network.push(setting);
        }
        self.timeline.observe(snapshot)
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
        assert_eq!(settings, [(0.5, "off"), (1.5, "5 % loss")]);
        assert_eq!(report.seconds().len(), 2);
        record.observe(&at(0.2), &on);
        assert_eq!(record.report(Subject::default()).network().len(), 1);
    }
}
