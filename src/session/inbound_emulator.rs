//! Emulated network in front of the receiver, and the packet counts of the sender. Sans-I/O.

use std::time::Instant;

use super::options::{EmulatorOptions, EmulatorPlacement};
use crate::impairment::{EmulatorStats, RawPacket, SessionCounters, SessionLink};
use crate::stats::SenderCounts;

/// Input of one client. Packets pass the emulated network there, if it is placed at the client.
#[derive(Debug)]
pub struct InboundEmulator {
    options: EmulatorOptions,
    /// Emulated link; `None` without a session, or if the network is at the server.
    link: Option<SessionLink>,
    /// SSRC from the Transport header of SETUP, for a source of which no packet arrives.
    announced_ssrc: Option<u32>,
    /// Number of RTP packets that the server has sent, from the sender report with BYE.
    reported_packets: Option<u32>,
    /// True if the server counts packets to other receivers too; `None` before its first report.
    counts_other_receivers: Option<bool>,
    /// Time of the last packet that entered the emulated network.
    last_entry: Option<Instant>,
}

/// Maximum number of packets in flight. A sender report this many packets above our count covers other receivers too.
const MAX_IN_FLIGHT: u64 = 256;

impl InboundEmulator {
    /// Creates an input without a session.
    pub fn new(options: EmulatorOptions) -> Self {
        Self {
            options,
            link: None,
            announced_ssrc: None,
            reported_packets: None,
            counts_other_receivers: None,
            last_entry: None,
        }
    }

    /// Returns true if the emulated network may be the reason why no packet has left it since this time. If it is at
    /// the server, that is not known, and taken to be so.
    pub fn may_hold_back(&self, since: Instant) -> bool {
        let is_at_server = self.options.placement == EmulatorPlacement::AtServer;
        self.is_on() && (is_at_server || self.last_entry.is_some_and(|at| at > since))
    }

    /// Returns true if the emulated network is on, so missing packets may be its losses.
    pub fn is_on(&self) -> bool {
        self.options.emulator.is_on()
    }

    /// Starts a session. `announced_ssrc` is from the Transport header of SETUP.
    pub fn open(&mut self, announced_ssrc: Option<u32>) {
        let is_at_client = self.options.placement == EmulatorPlacement::AtClient;
        self.link = is_at_client.then(|| SessionLink::new(&self.options.emulator));
        self.announced_ssrc = announced_ssrc;
        self.reported_packets = None;
        self.counts_other_receivers = None;
    }

    /// Ends the session and drops the packets in flight.
    pub fn close(&mut self) {
        self.link = None;
    }

    /// Handles the packet count of a sender report. `expected` is the number of packets known from sequence numbers.
    pub fn handle_sender_report(&mut self, packet_count: u32, expected: u64) {
        self.counts_other_receivers.get_or_insert(u64::from(packet_count) > expected + MAX_IN_FLIGHT);
    }

    /// Handles BYE, with the packet count of the sender report in the same compound packet.
    pub fn handle_bye(&mut self, packet_count: Option<u32>) {
        self.reported_packets = packet_count.filter(|_| self.counts_other_receivers != Some(true));
    }

    /// Sends a packet into the emulated network. Returns it at once if the network does not delay it.
    pub fn send(&mut self, now: Instant, packet: RawPacket) -> Option<RawPacket> {
        self.last_entry = Some(now);
        match &mut self.link {
            Some(link) => link.send(now, packet),
            None => Some(packet),
        }
    }

    /// Returns the next packet that leaves the network by `now`, with the time at which it left.
    pub fn poll_packet(&mut self, now: Instant) -> Option<(Instant, RawPacket)> {
        self.link.as_mut()?.poll_packet(now)
    }

    /// Returns the time at which the next packet may leave the network.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.link.as_ref()?.poll_timeout()
    }

    fn session_counters(&self, ssrc: Option<u32>) -> Option<SessionCounters> {
        self.options.emulator.session_counters(ssrc.or(self.announced_ssrc)?)
    }

    /// Returns the packet counts of the source with this SSRC; `None` if nothing is known.
    pub fn sender_counts(&self, ssrc: Option<u32>) -> Option<SenderCounts> {
        let counters = self.session_counters(ssrc);
        let reported = self.reported_packets.map(u64::from);
        if counters.is_none() && reported.is_none() {
            return None;
        }
        Some(SenderCounts {
            emulator: counters.map(|counters| (counters.packets, counters.last_sequence)),
            // An emulator at the server counts all packets itself.
            reported: reported
                .filter(|_| self.options.placement == EmulatorPlacement::AtClient || counters.is_none()),
            in_flight: counters.map_or(0, |counters| counters.link.in_flight),
        })
    }

    /// Returns the figures of the emulated network about packets of the source with this SSRC.
    pub fn stats(&self, ssrc: Option<u32>) -> Option<EmulatorStats> {
        self.session_counters(ssrc)?.stats()
    }

    /// Returns the figures about all packets of the link: datagrams of classroom servers may have no SSRC.
    pub fn link_stats(&self) -> Option<EmulatorStats> {
        self.link.as_ref()?.stats()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sender_count_including_other_receivers_is_ignored() {
        for (report_count, received, bye_count, expected) in
            [(100, 98, 140, Some(140)), (2_100, 100, 2_140, None), (0, 0, 40, Some(40))]
        {
            let mut emulator = InboundEmulator::new(EmulatorOptions::default());
            emulator.open(None);
            emulator.handle_sender_report(report_count, received);
            emulator.handle_sender_report(report_count + 20, received);
            emulator.handle_bye(Some(bye_count));
            assert_eq!(
                emulator.sender_counts(Some(1)).and_then(|sent| sent.reported),
                expected,
                "{report_count}"
            );
        }
    }
}
