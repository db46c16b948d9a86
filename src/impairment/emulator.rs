//! Shared state of the emulated network: settings, and packet counters of all sessions.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::link::LinkCounters;
use super::settings::Impairments;

/// Settings of the emulated network.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct EmulatorSettings {
    /// Emulation is on. While it is off, packets pass unchanged.
    pub is_on: bool,
    /// Seed of the random number generators. A new seed restarts them; other changes do not.
    pub seed: u64,
    /// Impairments of the network.
    pub impairments: Impairments,
}

/// A handle to the emulated network. All clones share settings and counters.
#[derive(Debug, Clone, Default)]
pub struct Emulator(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Number of changes of the settings. Session links compare it for each packet, which requires no lock.
    version: AtomicU64,
    settings: Mutex<EmulatorSettings>,
    sessions: Mutex<SessionRegistry>,
}

#[derive(Debug, Default)]
struct SessionRegistry {
    /// Counters of sessions, the newest last.
    sessions: VecDeque<Arc<Mutex<SessionCounters>>>,
    /// Sum of the counters that were removed.
    closed_total: EmulatorStats,
}

/// Number of sessions, closed ones included, above which counters of closed sessions are removed.
const MAX_SESSIONS: usize = 512;

impl SessionRegistry {
    /// Adds counters for a new session. If there are [`MAX_SESSIONS`], the oldest closed session is removed.
    fn register(&mut self) -> Arc<Mutex<SessionCounters>> {
        let is_closed = |session: &Arc<Mutex<SessionCounters>>| Arc::strong_count(session) == 1;
        if self.sessions.len() >= MAX_SESSIONS
            && let Some(oldest) = self.sessions.iter().position(is_closed)
            && let Some(session) = self.sessions.remove(oldest)
        {
            self.closed_total =
                lock(&session).stats().map_or(self.closed_total, |sum| self.closed_total.plus(sum));
        }
        let session = Arc::new(Mutex::default());
        self.sessions.push_back(Arc::clone(&session));
        session
    }
}

/// Counters of the RTP packets of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SessionCounters {
    /// SSRC of the last packet; `None` before the first one.
    pub ssrc: Option<u32>,
    /// Number of packets sent to the network, while emulation was on or off.
    pub packets: u64,
    /// Highest sequence number sent so far, modulo 2¹⁶.
    pub last_sequence: u16,
    /// Sequence number of the last packet, if it was behind the highest one.
    last_behind: Option<u16>,
    /// Counters of the packets that passed the emulated link.
    pub link: LinkCounters,
    /// Seed of the random number generators.
    pub seed: u64,
}

/// Actual loss of a session, to be compared with measurements. Counts RTP packets, without those in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct EmulatorStats {
    /// Number of packets sent while emulation was on, without those in flight.
    pub offered: u64,
    /// Number of packets delivered, without duplicates.
    pub delivered: u64,
    /// Number of packets lost at random.
    pub lost_random: u64,
    /// Number of packets lost because the queue was full.
    pub lost_queue: u64,
    /// Number of packets delivered twice.
    pub duplicated: u64,
    /// Number of packets delivered with an inverted bit.
    pub corrupted: u64,
    /// Seed of the random number generators.
    pub seed: u64,
    /// Number of packets that passed while emulation was off; not included in the other counts.
    #[serde(skip_serializing_if = "is_zero")]
    pub untouched: u64,
}

/// Returns true if to leave out `untouched`, which is always zero for commands: their emulation is never off.
fn is_zero(untouched: &u64) -> bool {
    *untouched == 0
}

impl Emulator {
    /// Creates a network with these settings.
    pub fn new(settings: EmulatorSettings) -> Self {
        let emulator = Self::default();
        emulator.configure(settings);
        emulator
    }

    /// Returns the current settings.
    pub fn settings(&self) -> EmulatorSettings {
        *lock(&self.0.settings)
    }

    /// Replaces the settings, with effect from the next packet on.
    pub fn configure(&self, settings: EmulatorSettings) {
        *lock(&self.0.settings) = settings;
        self.0.version.fetch_add(1, Ordering::Release);
    }

    /// Returns true if emulation is on.
    pub fn is_on(&self) -> bool {
        self.settings().is_on
    }

    pub(super) fn version(&self) -> u64 {
        self.0.version.load(Ordering::Acquire)
    }

    /// Adds counters for a new session.
    pub(super) fn register_session(&self) -> Arc<Mutex<SessionCounters>> {
        lock(&self.0.sessions).register()
    }

    /// Returns the sum over all sessions, closed ones included.
    pub fn total(&self) -> EmulatorStats {
        let sessions = lock(&self.0.sessions);
        let seed = self.settings().seed;
        let all = sessions.sessions.iter().filter_map(|counters| lock(counters).stats());
        all.fold(EmulatorStats { seed, ..sessions.closed_total }, EmulatorStats::plus)
    }

    /// Returns the counters of the newest session with this SSRC; `None` if there is none.
    pub fn session_counters(&self, ssrc: u32) -> Option<SessionCounters> {
        let registry = lock(&self.0.sessions);
        let mut newest_first = registry.sessions.iter().rev().map(|counters| *lock(counters));
        newest_first.find(|counters| counters.ssrc == Some(ssrc))
    }
}

impl fmt::Display for EmulatorStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offered, delivered, lost_random, lost_queue, duplicated, corrupted, .. } = self;
        write!(
            f,
            "{delivered} of {offered} RTP packets delivered, {lost_random} lost at random and {lost_queue} to the \
             queue, {duplicated} duplicated, {corrupted} corrupted"
        )
    }
}

impl EmulatorStats {
    fn plus(self, other: Self) -> Self {
        Self {
            offered: self.offered + other.offered,
            delivered: self.delivered + other.delivered,
            lost_random: self.lost_random + other.lost_random,
            lost_queue: self.lost_queue + other.lost_queue,
            duplicated: self.duplicated + other.duplicated,
            corrupted: self.corrupted + other.corrupted,
            seed: self.seed,
            untouched: self.untouched + other.untouched,
        }
    }

    /// Returns the number of packets of the session, while emulation was on or off.
    pub fn packets(&self) -> u64 {
        self.offered + self.untouched
    }
}

/// Maximum distance of a reordered packet behind the highest sequence number.
const MAX_REORDERING: u16 = 1_024;

/// Maximum distance of two packets that show a restarted count together.
const MAX_NEIGHBOUR_DISTANCE: u16 = 16;

impl SessionCounters {
    /// Counts a packet sent to the network.
    pub(super) fn record_packet(&mut self, ssrc: u32, sequence: u16) {
        let is_same_stream = self.ssrc == Some(ssrc) && self.packets > 0;
        // A reordered packet does not decrease the highest sequence number, but two in a row show that the sender has
        // restarted its count (RFC 3550 appendix A.1). Far behind, they may have been reordered as well.
        let behind = self.last_sequence.wrapping_sub(sequence);
        let is_ahead = behind == 0 || behind > 1 << 15;
        let has_restarted = self.last_behind.is_some_and(|last| match sequence.wrapping_sub(last) {
            1 => true,
            step => behind > MAX_REORDERING && (step as i16).unsigned_abs() <= MAX_NEIGHBOUR_DISTANCE,
        });
        let advances = !is_same_stream || is_ahead || has_restarted;
        self.last_behind = (!advances).then_some(sequence);
        if advances {
            self.last_sequence = sequence;
        }
        self.ssrc = Some(ssrc);
        self.packets += 1;
    }

    /// Returns the actual loss; `None` if no packet was sent while emulation was on.
    pub fn stats(&self) -> Option<EmulatorStats> {
        let LinkCounters { offered, delivered, lost_random, lost_queue, duplicated, corrupted, .. } =
            self.link;
        (offered > 0).then_some(EmulatorStats {
            offered: self.link.completed(),
            delivered,
            lost_random,
            lost_queue,
            duplicated,
            corrupted,
            seed: self.seed,
            untouched: self.packets.saturating_sub(offered),
        })
    }
}

/// Locks a mutex. A panic of another thread does not invalidate settings or counters, so poisoning is ignored.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restarted_count_is_recognized_though_its_packets_are_reordered() {
        let last_sequence = |sequences: &[u16]| {
            let mut counters = SessionCounters::default();
            sequences.iter().for_each(|sequence| counters.record_packet(7, *sequence));
            counters.last_sequence
        };
        assert_eq!(last_sequence(&[428, 429, 57_522, 57_521, 57_524, 57_523]), 57_524);
        assert_eq!(last_sequence(&[428, 429, 57_521, 57_522]), 57_522);
        assert_eq!(last_sequence(&[428, 429, 57_522, 430]), 430, "a single stray packet is no restart");
        assert_eq!(last_sequence(&[100, 95, 98, 97]), 100, "reordered packets are no restart");
    }

    #[test]
    fn total_includes_evicted_sessions() {
        let emulator = Emulator::default();
        let count = |counters: &Arc<Mutex<SessionCounters>>, packets: u64| {
            let mut counters = lock(counters);
            counters.packets += packets;
            counters.link.offered += packets;
            counters.link.delivered += packets;
        };
        let first_session = emulator.register_session();
        for _ in 0..2 * MAX_SESSIONS {
            count(&emulator.register_session(), 3);
        }
        count(&first_session, 5);
        assert_eq!(emulator.total().delivered, 3 * 2 * MAX_SESSIONS as u64 + 5);
        assert_eq!(lock(&emulator.0.sessions).sessions.len(), MAX_SESSIONS);
    }
}
