//! The emulated network, as everyone who sends through it sees it: its settings, and what has become of the packets.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::link::Counters;
use super::settings::Impairments;

/// What is set.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Conditions {
    /// The master switch.
    pub is_on: bool,
    /// Where chance begins. Another seed begins anew; any other change goes on.
    pub seed: u64,
    /// The faults.
    pub impairments: Impairments,
}

/// A handle to the network. What is set through one is seen through all.
#[derive(Debug, Clone, Default)]
pub struct Network(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Counts the changes of the conditions, so that those who look at every packet need not lock.
    version: AtomicU64,
    conditions: Mutex<Conditions>,
    ledger: Mutex<Ledger>,
}

#[derive(Debug, Default)]
struct Ledger {
    /// One for each session, the newest last.
    accounts: VecDeque<Arc<Mutex<Account>>>,
    /// The sum of those that are not kept any more.
    closed: Emulated,
}

/// Accounts that are kept, those of sessions that are over among them.
const MOST_ACCOUNTS: usize = 512;

impl Ledger {
    /// A new account takes the place of one whose session is over. There are as many others as there are sessions.
    fn open(&mut self) -> Arc<Mutex<Account>> {
        let is_over = |account: &Arc<Mutex<Account>>| Arc::strong_count(account) == 1;
        if self.accounts.len() >= MOST_ACCOUNTS
            && let Some(oldest) = self.accounts.iter().position(is_over)
            && let Some(account) = self.accounts.remove(oldest)
        {
            self.closed = lock(&account).emulated().map_or(self.closed, |sum| self.closed.plus(sum));
        }
        let account = Arc::new(Mutex::default());
        self.accounts.push_back(Arc::clone(&account));
        account
    }
}

/// What has become of the RTP packets of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Account {
    /// Who sends them.
    pub source: Option<u32>,
    /// How many have come to the network, whether it was in their way or not.
    pub packets: u64,
    /// The sequence number of the last of them.
    pub last_sequence: u16,
    /// What has become of those in whose way it was.
    pub counters: Counters,
    /// Where chance began.
    pub seed: u64,
}

/// The truth about a session, to stand beside what was measured. Its packets are those of RTP; what is still under way
/// is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Emulated {
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
    #[serde(skip_serializing_if = "is_none")]
    pub untouched: u64,
}

/// A network that is on all the time, as that of a command, has nothing to say of this.
fn is_none(untouched: &u64) -> bool {
    *untouched == 0
}

impl Network {
    /// A network of these conditions.
    pub fn new(conditions: Conditions) -> Self {
        let network = Self::default();
        network.set(conditions);
        network
    }

    /// What is set.
    pub fn conditions(&self) -> Conditions {
        *lock(&self.0.conditions)
    }

    /// Sets everything, from the next packet on.
    pub fn set(&self, conditions: Conditions) {
        *lock(&self.0.conditions) = conditions;
        self.0.version.fetch_add(1, Ordering::Release);
    }

    /// Whether the network is switched on, and what happens to packets may be its doing.
    pub fn is_acting(&self) -> bool {
        self.conditions().is_on
    }

    pub(super) fn version(&self) -> u64 {
        self.0.version.load(Ordering::Acquire)
    }

    /// A new account, for a session that begins.
    pub(super) fn open_account(&self) -> Arc<Mutex<Account>> {
        lock(&self.0.ledger).open()
    }

    /// What has become of the packets of all sessions.
    pub fn total(&self) -> Emulated {
        let ledger = lock(&self.0.ledger);
        let seed = self.conditions().seed;
        let all = ledger.accounts.iter().filter_map(|account| lock(account).emulated());
        all.fold(Emulated { seed, ..ledger.closed }, Emulated::plus)
    }

    /// The account of the session in which this source sends.
    pub fn account(&self, source: u32) -> Option<Account> {
        let ledger = lock(&self.0.ledger);
        ledger
            .accounts
            .iter()
            .rev()
            .map(|account| *lock(account))
            .find(|account| account.source == Some(source))
    }
}

impl fmt::Display for Emulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offered, delivered, lost_random, lost_queue, duplicated, corrupted, .. } = self;
        write!(
            f,
            "{delivered} of {offered} RTP packets delivered, {lost_random} lost at random and {lost_queue} to the \
             queue, {duplicated} duplicated, {corrupted} corrupted"
        )
    }
}

impl Emulated {
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

impl Account {
    /// A packet has come to the network.
    pub(super) fn note(&mut self, source: u32, sequence: u16) {
        let goes_on = self.source == Some(source) && self.packets > 0;
        // One that was overtaken is not the last.
        if !goes_on || sequence.wrapping_sub(self.last_sequence) < 1 << 15 {
            self.last_sequence = sequence;
        }
        self.source = Some(source);
        self.packets += 1;
    }

    /// The truth, if the network was ever in the way.
    pub fn emulated(&self) -> Option<Emulated> {
        let Counters { offered, delivered, lost_random, lost_queue, duplicated, corrupted, .. } =
            self.counters;
        (offered > 0).then_some(Emulated {
            offered: self.counters.settled(),
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
    fn the_total_is_of_all_sessions_however_many_there_were() {
        let network = Network::default();
        let count = |account: &Arc<Mutex<Account>>, packets: u64| {
            let mut account = lock(account);
            account.packets += packets;
            account.counters.offered += packets;
            account.counters.delivered += packets;
        };
        let long = network.open_account();
        for _ in 0..2 * MOST_ACCOUNTS {
            count(&network.open_account(), 3);
        }
        count(&long, 5);
        assert_eq!(network.total().delivered, 3 * 2 * MOST_ACCOUNTS as u64 + 5);
        assert_eq!(lock(&network.0.ledger).accounts.len(), MOST_ACCOUNTS);
    }
}
