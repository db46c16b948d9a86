//! Mistakes of the peer during a session, each kind with a count. Sans-I/O.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::proto::mistake::Mistake;

/// Mistake that the peer has made at least once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerMistake {
    /// Kind of the mistake.
    pub mistake: Mistake,
    /// Place of the first one, without control characters, at most 80 characters long; empty if the kind says it all.
    pub place: String,
    /// Number of times that it was made, at least 1.
    pub count: u64,
    /// Time of the first one. With the kind it identifies the entry.
    pub first_at: Instant,
}

impl PeerMistake {
    /// Returns a sentence: what is wrong, where, how often, which section says so, and how it was read.
    pub fn sentence(&self) -> String {
        let place = if self.place.is_empty() { String::new() } else { format!(" ({})", self.place) };
        let times = if self.count > 1 { format!(", {} times", self.count) } else { String::new() };
        let Self { mistake, .. } = self;
        format!("{}{place}{times}; {}: {}.", mistake.description(), mistake.reference(), mistake.reading())
    }
}

/// Mistakes of the peer, one entry for each kind.
///
/// [`PeerMistakes::record`] counts a mistake, and [`PeerMistakes::poll`] returns the entries that are to be shown: each
/// at once, and then with its count whenever that has grown, at most once per second.
#[derive(Debug, Default)]
pub struct PeerMistakes {
    /// Entries with what was returned of them, in the order of their first mistake. As many as there are kinds.
    entries: Vec<Entry>,
    /// Indices of entries that have changed since they were returned.
    changed: VecDeque<usize>,
}

#[derive(Debug)]
struct Entry {
    mistake: PeerMistake,
    /// Time at which the entry was returned last; `None` before the first time.
    polled_at: Option<Instant>,
}

/// Maximum number of characters of a place.
const MAX_PLACE_LENGTH: usize = 80;

/// Minimum interval between two reports of the same entry.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

impl PeerMistakes {
    /// Counts a mistake. `place` is kept for the first one of its kind.
    pub fn record(&mut self, now: Instant, mistake: Mistake, place: &str) {
        let known = self.entries.iter().position(|entry| entry.mistake.mistake == mistake);
        let index = known.unwrap_or_else(|| {
            let place = place.chars().filter(|c| !c.is_control()).take(MAX_PLACE_LENGTH).collect();
            let mistake = PeerMistake { mistake, place, count: 0, first_at: now };
            tracing::debug!(mistake = %mistake.sentence(), "reading around a mistake of the peer");
            self.entries.push(Entry { mistake, polled_at: None });
            self.entries.len() - 1
        });
        let entry = &mut self.entries[index];
        entry.mistake.count = entry.mistake.count.saturating_add(1);
        if !self.changed.contains(&index) {
            self.changed.push_back(index);
        }
    }

    /// Returns the next entry that is to be shown at `now`.
    pub fn poll(&mut self, now: Instant) -> Option<PeerMistake> {
        let is_due = |index: &usize| {
            let polled_at = self.entries[*index].polled_at;
            polled_at.is_none_or(|at| now.saturating_duration_since(at) >= REPORT_INTERVAL)
        };
        let position = self.changed.iter().position(is_due)?;
        let entry = &mut self.entries[self.changed.remove(position)?];
        entry.polled_at = Some(now);
        Some(entry.mistake.clone())
    }

    /// Returns the next entry that has changed since it was returned, at the end of the session.
    pub fn poll_last(&mut self) -> Option<PeerMistake> {
        let index = self.changed.pop_front()?;
        Some(self.entries[index].mistake.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_reported_at_once_and_then_once_a_second() {
        let (now, mut mistakes) = (Instant::now(), PeerMistakes::default());
        for _ in 0..5 {
            mistakes.record(now, Mistake::WrongCseq, "PLAY\u{1b}[2J");
            mistakes.record(now, Mistake::MissingSession, "");
        }
        let first = mistakes.poll(now).unwrap();
        assert_eq!((first.mistake, first.place.as_str(), first.count), (Mistake::WrongCseq, "PLAY[2J", 5));
        assert_eq!(
            mistakes.poll(now).unwrap().sentence(),
            "The response to SETUP has no Session header, 5 times; RFC 2326 §12.37: requests are sent without a Session header."
        );
        assert_eq!(mistakes.poll(now), None);
        mistakes.record(now, Mistake::WrongCseq, "PAUSE");
        assert_eq!(mistakes.poll(now + REPORT_INTERVAL / 2), None, "it was shown less than a second ago");
        let again = mistakes.poll(now + REPORT_INTERVAL).unwrap();
        assert_eq!((again.count, again.place.as_str(), again.first_at), (6, "PLAY[2J", now));
        mistakes.record(now + REPORT_INTERVAL, Mistake::WrongCseq, "");
        assert_eq!(mistakes.poll_last().map(|mistake| mistake.count), Some(7));
        assert_eq!(mistakes.poll_last(), None);
    }

    #[test]
    fn place_is_clipped() {
        let (now, mut mistakes) = (Instant::now(), PeerMistakes::default());
        mistakes.record(now, Mistake::HeaderWithoutColon, &"é".repeat(60_000));
        assert_eq!(mistakes.poll(now).unwrap().place.chars().count(), MAX_PLACE_LENGTH);
    }
}
