//! Emulated link of one session.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::emulator::{Emulator, EmulatorSettings, EmulatorStats, SessionCounters, lock};
use super::link::Link;
use super::packet::{PacketKind, RawPacket};
use super::settings::Impairments;

/// A [`Link`] that follows the settings of an [`Emulator`] and reports to its counters.
#[derive(Debug)]
pub struct SessionLink {
    emulator: Emulator,
    /// Version of the settings in `settings`.
    version: u64,
    settings: EmulatorSettings,
    link: Link<RawPacket>,
    counters: Arc<Mutex<SessionCounters>>,
}

impl SessionLink {
    /// Creates the link of a new session.
    pub fn new(emulator: &Emulator) -> Self {
        let (version, settings) = (emulator.version(), emulator.settings());
        let counters = emulator.register_session();
        lock(&counters).seed = settings.seed;
        Self {
            emulator: emulator.clone(),
            version,
            settings,
            link: Link::new(active_impairments(&settings), settings.seed),
            counters,
        }
    }

    /// Returns true if packets pass unchanged and at once, because emulation is off and no packets are in flight. Such
    /// packets may be counted with [`record_bypassed`](Self::record_bypassed) instead of [`send`](Self::send).
    pub fn is_bypassed(&mut self, now: Instant) -> bool {
        self.update_settings(now);
        !self.settings.is_on && self.link.is_empty()
    }

    /// Counts RTP packets of a stream that were sent past the link while it was bypassed.
    pub fn record_bypassed(&mut self, ssrc: u32, sequences: impl Iterator<Item = u16>) {
        let mut counters = lock(&self.counters);
        sequences.for_each(|sequence| counters.record_packet(ssrc, sequence));
    }

    /// Sends a packet. Returns it immediately if emulation is off and no packets are in flight.
    pub fn send(&mut self, now: Instant, packet: RawPacket) -> Option<RawPacket> {
        let ssrc_and_sequence = packet.ssrc_and_sequence();
        let bypassed = match self.is_bypassed(now) {
            true => Some(packet),
            false => {
                self.link.send(now, packet);
                None
            }
        };
        if let Some((ssrc, sequence)) = ssrc_and_sequence {
            let mut counters = lock(&self.counters);
            counters.record_packet(ssrc, sequence);
            counters.link = self.link.counters(PacketKind::Rtp);
        }
        bypassed
    }

    /// Returns the next packet that is delivered by `now`, with the time of its delivery.
    pub fn poll_packet(&mut self, now: Instant) -> Option<(Instant, RawPacket)> {
        if self.link.is_empty() {
            return None;
        }
        self.update_settings(now);
        let out = self.link.poll_packet(now)?;
        lock(&self.counters).link = self.link.counters(PacketKind::Rtp);
        Some(out)
    }

    /// Returns the time at which to call [`poll_packet`](Self::poll_packet); `None` if no packets are in flight.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.link.poll_timeout()
    }

    /// Returns the actual loss of this session, for all SSRCs; `None` if no packet was sent while emulation was on.
    pub fn stats(&self) -> Option<EmulatorStats> {
        lock(&self.counters).stats()
    }

    fn update_settings(&mut self, now: Instant) {
        let version = self.emulator.version();
        if version == self.version {
            return;
        }
        self.version = version;
        let settings = self.emulator.settings();
        if settings.seed != self.settings.seed {
            self.link.reseed(settings.seed);
            lock(&self.counters).seed = settings.seed;
        }
        self.settings = settings;
        self.link.set_impairments(now, active_impairments(&settings));
    }
}

/// Returns the impairments to apply: none while emulation is off. Packets in flight are delivered nevertheless.
fn active_impairments(settings: &EmulatorSettings) -> Impairments {
    if settings.is_on { settings.impairments } else { Impairments::default() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::impairment::settings::LossModel;

    const SSRC: u32 = 7;

    fn packet(sequence: u16) -> RawPacket {
        let mut bytes = vec![0x80, 26];
        bytes.extend(sequence.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(SSRC.to_be_bytes());
        RawPacket::rtp(bytes)
    }

    #[test]
    fn disabled_emulator_passes_packets_through() {
        let (now, emulator) = (Instant::now(), Emulator::default());
        let mut link = SessionLink::new(&emulator);
        for sequence in [65_534, 65_535, 0, 65_533] {
            let packet = packet(sequence);
            let bytes = packet.bytes.as_ptr();
            let passed = link.send(now, packet).unwrap();
            assert_eq!(passed.bytes.as_ptr(), bytes, "the packet is not copied");
        }
        let counters = emulator.session_counters(SSRC).unwrap();
        assert_eq!((counters.packets, counters.last_sequence, counters.stats()), (4, 0, None));
        assert!(link.is_bypassed(now));
        link.record_bypassed(SSRC, 1..4);
        let counters = emulator.session_counters(SSRC).unwrap();
        assert_eq!((counters.packets, counters.last_sequence), (7, 3));
    }

    #[test]
    fn disabling_lets_packets_in_flight_finish() {
        let (now, emulator) = (Instant::now(), Emulator::default());
        let mut link = SessionLink::new(&emulator);
        let delay = Duration::from_millis(40);
        let impairments = Impairments { delay, ..Impairments::default() };
        emulator.configure(EmulatorSettings { is_on: true, seed: 1, impairments });
        assert!(emulator.is_on());
        assert_eq!(link.send(now, packet(1)), None);
        emulator.configure(EmulatorSettings { is_on: false, seed: 1, impairments });
        assert!(!link.is_bypassed(now));
        assert_eq!(link.send(now, packet(2)), None, "the packet does not overtake those in flight");
        assert_eq!(
            emulator.session_counters(SSRC).unwrap().stats().unwrap().offered,
            0,
            "all packets are in flight"
        );
        let due = now + delay;
        assert_eq!(link.poll_timeout(), Some(due));
        assert_eq!(link.poll_packet(due), Some((due, packet(1))));
        assert_eq!(link.poll_packet(due), Some((due, packet(2))));
        assert_eq!(link.send(due, packet(3)), Some(packet(3)));
        let stats = emulator.session_counters(SSRC).unwrap().stats().unwrap();
        assert_eq!((stats.offered, stats.delivered), (2, 2));
    }

    #[test]
    fn only_a_new_seed_restarts_random_sequence() {
        let (now, emulator) = (Instant::now(), Emulator::default());
        let settings = |seed, ratio| EmulatorSettings {
            is_on: true,
            seed,
            impairments: Impairments {
                loss: LossModel { ratio, mean_burst: None },
                ..Impairments::default()
            },
        };
        let mut link = SessionLink::new(&emulator);
        let mut deliveries = |settings: EmulatorSettings| {
            emulator.configure(settings);
            let is_delivered = |sequence| {
                assert_eq!(link.send(now, packet(sequence)), None);
                link.poll_packet(now).is_some()
            };
            (0..200).map(is_delivered).collect::<Vec<_>>()
        };
        let first = deliveries(settings(3, 0.3));
        assert_ne!(deliveries(settings(3, 0.3)), first, "the same seed does not restart the sequence");
        deliveries(settings(4, 0.3));
        assert_eq!(deliveries(settings(3, 0.3)), first);
    }
}
