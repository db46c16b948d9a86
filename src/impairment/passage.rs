//! The way of one session's packets through the network.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::datagram::{Datagram, Kind};
use super::link::Link;
use super::network::{Account, Conditions, Emulated, Network, lock};
use super::settings::Impairments;

/// A link of the network, and what is set on it as far as is known.
#[derive(Debug)]
pub struct Passage {
    network: Network,
    version: u64,
    conditions: Conditions,
    link: Link<Datagram>,
    account: Arc<Mutex<Account>>,
}

impl Passage {
    /// A way for a session that begins.
    pub fn new(network: &Network) -> Self {
        let (version, conditions) = (network.version(), network.conditions());
        let account = network.open_account();
        lock(&account).seed = conditions.seed;
        Self {
            network: network.clone(),
            version,
            conditions,
            link: Link::new(in_force(&conditions), conditions.seed),
            account,
        }
    }

    /// A packet wants to pass. It is given back at once if the network is not in its way.
    pub fn admit(&mut self, now: Instant, packet: Datagram) -> Option<Datagram> {
        self.look_at_conditions(now);
        let identity = packet.identity();
        let is_clear = !self.conditions.is_on && self.link.is_empty();
        let given_back = match is_clear {
            true => Some(packet),
            false => {
                self.link.offer(now, packet);
                None
            }
        };
        if let Some((source, sequence)) = identity {
            let mut account = lock(&self.account);
            account.note(source, sequence);
            account.counters = self.link.counters(Kind::Rtp);
        }
        given_back
    }

    /// The next packet that has come out, and when it did.
    pub fn poll(&mut self, now: Instant) -> Option<(Instant, Datagram)> {
        if self.link.is_empty() {
            return None;
        }
        self.look_at_conditions(now);
        let out = self.link.poll(now)?;
        lock(&self.account).counters = self.link.counters(Kind::Rtp);
        Some(out)
    }

    /// When the next packet may come out.
    pub fn deadline(&self) -> Option<Instant> {
        self.link.deadline()
    }

    /// What the network has done to what came this way, whoever sent it.
    pub fn emulated(&self) -> Option<Emulated> {
        lock(&self.account).emulated()
    }

    fn look_at_conditions(&mut self, now: Instant) {
        let version = self.network.version();
        if version == self.version {
            return;
        }
        self.version = version;
        let conditions = self.network.conditions();
        if conditions.seed != self.conditions.seed {
            self.link.reseed(conditions.seed);
            lock(&self.account).seed = conditions.seed;
        }
        self.conditions = conditions;
        self.link.set(now, in_force(&conditions));
    }
}

/// A network that is switched off while packets are under way lets them finish, and has no other faults.
fn in_force(conditions: &Conditions) -> Impairments {
    if conditions.is_on { conditions.impairments } else { Impairments::default() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::settings::Loss;
    use super::*;

    const SOURCE: u32 = 7;

    fn packet(sequence: u16) -> Datagram {
        let mut octets = vec![0x80, 26];
        octets.extend(sequence.to_be_bytes());
        octets.extend([0; 4]);
        octets.extend(SOURCE.to_be_bytes());
        Datagram::rtp(octets)
    }

    #[test]
    fn a_network_that_is_off_is_not_in_the_way() {
        let (now, network) = (Instant::now(), Network::default());
        let mut passage = Passage::new(&network);
        for sequence in [65_534, 65_535, 0, 65_533] {
            let packet = packet(sequence);
            let octets = packet.octets.as_ptr();
            let passed = passage.admit(now, packet).unwrap();
            assert_eq!(passed.octets.as_ptr(), octets, "not even copied");
        }
        let account = network.account(SOURCE).unwrap();
        assert_eq!((account.packets, account.last_sequence, account.emulated()), (4, 0, None));
    }

    #[test]
    fn switched_on_it_acts_and_switched_off_it_lets_what_is_under_way_finish() {
        let (now, network) = (Instant::now(), Network::default());
        let mut passage = Passage::new(&network);
        let delay = Duration::from_millis(40);
        let impairments = Impairments { delay, ..Impairments::default() };
        network.set(Conditions { is_on: true, seed: 1, impairments });
        assert!(network.is_acting());
        assert_eq!(passage.admit(now, packet(1)), None);
        network.set(Conditions { is_on: false, seed: 1, impairments });
        assert_eq!(passage.admit(now, packet(2)), None, "it does not overtake");
        assert_eq!(network.account(SOURCE).unwrap().emulated().unwrap().offered, 0, "all are under way");
        let due = now + delay;
        assert_eq!(passage.deadline(), Some(due));
        assert_eq!(passage.poll(due), Some((due, packet(1))));
        assert_eq!(passage.poll(due), Some((due, packet(2))));
        assert_eq!(passage.admit(due, packet(3)), Some(packet(3)));
        let emulated = network.account(SOURCE).unwrap().emulated().unwrap();
        assert_eq!((emulated.offered, emulated.delivered), (2, 2));
    }

    #[test]
    fn another_seed_begins_anew_and_nothing_else_does() {
        let (now, network) = (Instant::now(), Network::default());
        let conditions = |seed, ratio| Conditions {
            is_on: true,
            seed,
            impairments: Impairments { loss: Loss { ratio, mean_burst: None }, ..Impairments::default() },
        };
        let mut passage = Passage::new(&network);
        let mut fates = |conditions: Conditions| {
            network.set(conditions);
            let pass = |sequence| {
                assert_eq!(passage.admit(now, packet(sequence)), None);
                passage.poll(now).is_some()
            };
            (0..200).map(pass).collect::<Vec<_>>()
        };
        let first = fates(conditions(3, 0.3));
        assert_ne!(fates(conditions(3, 0.3)), first, "chance goes on");
        fates(conditions(4, 0.3));
        assert_eq!(fates(conditions(3, 0.3)), first);
    }
}
