//! PURE. The player's way in: past the emulated network, if it stands there, and what is known of what was sent.

use std::time::Instant;

use super::options::{EmulatorOptions, EmulatorPlacement};
use crate::impairment::{EmulatorStats, RawPacket, SessionCounters, SessionLink};
use crate::stats::SenderCounts;

/// The way in of one player.
#[derive(Debug)]
pub struct EmulatorTap {
    options: EmulatorOptions,
    /// There is one while a session is set up, if the network stands here.
    link: Option<SessionLink>,
    /// What the server said in SETUP, for a source of which nothing arrives.
    announced_ssrc: Option<u32>,
    /// RTP packets that the server has sent, as it says at the end.
    reported_packets: Option<u32>,
    /// Whether the server counts packets that were never meant for us, as its first report has told.
    counts_other_receivers: Option<bool>,
}

/// More packets than these are not under way: who says that it has sent so many more counts others.
const MAX_IN_FLIGHT: u64 = 256;

impl EmulatorTap {
    /// A way in on which nothing comes yet.
    pub fn new(options: EmulatorOptions) -> Self {
        Self {
            options,
            link: None,
            announced_ssrc: None,
            reported_packets: None,
            counts_other_receivers: None,
        }
    }

    /// Whether what does not arrive may have been taken by the emulated network.
    pub fn is_on(&self) -> bool {
        self.options.emulator.is_on()
    }

    /// A session is set up.
    pub fn open(&mut self, announced_ssrc: Option<u32>) {
        let is_at_client = self.options.placement == EmulatorPlacement::AtClient;
        self.link = is_at_client.then(|| SessionLink::new(&self.options.emulator));
        self.announced_ssrc = announced_ssrc;
        self.reported_packets = None;
        self.counts_other_receivers = None;
    }

    /// The session is over, and what is under way goes with it.
    pub fn close(&mut self) {
        self.link = None;
    }

    /// The server says how many RTP packets it has sent, while so many are known of.
    pub fn handle_sender_report(&mut self, packet_count: u32, expected: u64) {
        self.counts_other_receivers.get_or_insert(u64::from(packet_count) > expected + MAX_IN_FLIGHT);
    }

    /// The server says goodbye, and how many RTP packets it has sent.
    pub fn handle_bye(&mut self, packet_count: Option<u32>) {
        self.reported_packets = packet_count.filter(|_| self.counts_other_receivers != Some(true));
    }

    /// A packet comes. It is given back at once if the network is not in its way.
    pub fn send(&mut self, now: Instant, packet: RawPacket) -> Option<RawPacket> {
        match &mut self.link {
            Some(link) => link.send(now, packet),
            None => Some(packet),
        }
    }

    /// The next packet that is through the network, and when it was.
    pub fn poll_packet(&mut self, now: Instant) -> Option<(Instant, RawPacket)> {
        self.link.as_mut()?.poll_packet(now)
    }

    /// When the next packet may be through.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.link.as_ref()?.poll_timeout()
    }

    fn session_counters(&self, ssrc: Option<u32>) -> Option<SessionCounters> {
        self.options.emulator.session_counters(ssrc.or(self.announced_ssrc)?)
    }

    /// What is known of what this source has sent.
    pub fn sender_counts(&self, ssrc: Option<u32>) -> Option<SenderCounts> {
        let counters = self.session_counters(ssrc);
        let reported = self.reported_packets.map(u64::from);
        if counters.is_none() && reported.is_none() {
            return None;
        }
        Some(SenderCounts {
            emulator: counters.map(|counters| (counters.packets, counters.last_sequence)),
            // At the server's way out everything was counted that was sent.
            reported: reported
                .filter(|_| self.options.placement == EmulatorPlacement::AtClient || counters.is_none()),
            in_flight: counters.map_or(0, |counters| counters.link.in_flight),
        })
    }

    /// What the network has done to what this source has sent.
    pub fn stats(&self, ssrc: Option<u32>) -> Option<EmulatorStats> {
        self.session_counters(ssrc)?.stats()
    }

    /// The same of everything that came this way: datagrams of a classroom server need not name their source.
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
            let mut tap = EmulatorTap::new(EmulatorOptions::default());
            tap.open(None);
            tap.handle_sender_report(report_count, received);
            tap.handle_sender_report(report_count + 20, received);
            tap.handle_bye(Some(bye_count));
            assert_eq!(tap.sender_counts(Some(1)).and_then(|sent| sent.reported), expected, "{report_count}");
        }
    }
}
