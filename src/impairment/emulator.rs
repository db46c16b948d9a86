//! The emulated network, as everyone who sends through it sees it: its settings, and what has become of the packets.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::link::LinkCounters;
use super::settings::Impairments;

/// What is set.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct EmulatorSettings {
    /// The master switch.
    pub is_on: bool,
    /// Where chance begins. Another seed begins anew; any other change goes on.
    pub seed: u64,
    /// The faults.
    pub impairments: Impairments,
}

/// A handle to the network. What is set through one is seen through all.
#[derive(Debug, Clone, Default)]
pub struct Emulator(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Counts the changes of the conditions, so that those who look at every packet need not lock.
    version: AtomicU64,
    settings: Mutex<EmulatorSettings>,
    sessions: Mutex<SessionRegistry>,
}

#[derive(Debug, Default)]
struct SessionRegistry {
    /// One for each session, the newest last.
    sessions: VecDeque<Arc<Mutex<SessionCounters>>>,
    /// The sum of those that are not kept any more.
    closed_total: EmulatorStats,
}

/// Accounts that are kept, those of sessions that are over among them.
const MAX_SESSIONS: usize = 512;

impl SessionRegistry {
    /// A new account takes the place of one whose session is over. There are as many others as there are sessions.
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

/// What has become of the RTP packets of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SessionCounters {
    /// Who sends them.
    pub ssrc: Option<u32>,
    /// How many have come to the network, whether it was in their way or not.
    pub packets: u64,
    /// The sequence number of the last of them.
    pub last_sequence: u16,
    /// What has become of those in whose way it was.
    pub link: LinkCounters,
    /// Where chance began.
    pub seed: u64,
}

/// The truth about a session, to stand beside what was measured. Its packets are those of RTP; what is still under way
/// is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct EmulatorStats {
    /// Packets that were offered and have left.
    pub offered: u64,
    /// Those that were delivered.
    pub delivered: u64,
    /// Those that vanished at random.
    pub lost_random: u64,
    /// Those that found the queue full.
    pub lost_queue: u64,
    /// Those that were delivered twice.
    pub duplicated: u64,
    /// Those that were delivered with a wrong bit.
    pub corrupted: u64,
    /// Where chance began.
    pub seed: u64,
    /// Packets that passed while the network was switched off, and are none of those above.
    #[serde(skip_serializing_if = "is_zero")]
    pub untouched: u64,
}

/// A network that is on all the time, as that of a command, has nothing to say of this.
fn is_zero(untouched: &u64) -> bool {
    *untouched == 0
}

impl Emulator {
    /// A network of these conditions.
    pub fn new(settings: EmulatorSettings) -> Self {
        let emulator = Self::default();
        emulator.configure(settings);
        emulator
    }

    /// What is set.
    pub fn settings(&self) -> EmulatorSettings {
        *lock(&self.0.settings)
    }

    /// Sets everything, from the next packet on.
    pub fn configure(&self, settings: EmulatorSettings) {
        *lock(&self.0.settings) = settings;
        self.0.version.fetch_add(1, Ordering::Release);
    }

    /// Whether the network is switched on, and what happens to packets may be its doing.
    pub fn is_on(&self) -> bool {
        self.settings().is_on
    }

    pub(super) fn version(&self) -> u64 {
        self.0.version.load(Ordering::Acquire)
    }

    /// A new account, for a session that begins.
    pub(super) fn register_session(&self) -> Arc<Mutex<SessionCounters>> {
        lock(&self.0.sessions).register()
    }

    /// What has become of the packets of all sessions.
    pub fn total(&self) -> EmulatorStats {
        let sessions = lock(&self.0.sessions);
        let seed = self.settings().seed;
        let all = sessions.sessions.iter().filter_map(|account| lock(account).stats());
        all.fold(EmulatorStats { seed, ..sessions.closed_total }, EmulatorStats::plus)
    }

    /// The account of the session in which this source sends.
    pub fn session_counters(&self, ssrc: u32) -> Option<SessionCounters> {
        let sessions = lock(&self.0.sessions);
        sessions
            .sessions
            .iter()
            .rev()
            .map(|account| *lock(account))
            .find(|account| account.ssrc == Some(ssrc))
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

    /// All packets of the session: those in whose way the network was, and the others.
    pub fn packets(&self) -> u64 {
        self.offered + self.untouched
    }
}

impl SessionCounters {
    /// A packet has come to the network.
    pub(super) fn record_packet(&mut self, ssrc: u32, sequence: u16) {
        let is_same_stream = self.ssrc == Some(ssrc) && self.packets > 0;
        // One that was overtaken is not the last.
        if !is_same_stream || sequence.wrapping_sub(self.last_sequence) < 1 << 15 {
            self.last_sequence = sequence;
        }
        self.ssrc = Some(ssrc);
        self.packets += 1;
    }

    /// The truth, if the network was ever in the way.
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

/// What a thread that panicked held is as good as before.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn total_includes_evicted_sessions() {
        let emulator = Emulator::default();
        let count = |account: &Arc<Mutex<SessionCounters>>, packets: u64| {
            let mut account = lock(account);
            account.packets += packets;
            account.link.offered += packets;
            account.link.delivered += packets;
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
