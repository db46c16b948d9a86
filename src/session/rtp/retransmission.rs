//! Requests for packets that are missing, by generic NACK (RFC 4585 §6.2.1), and the packets that are sent again
//! (RFC 4588). Sans-I/O.
//!
//! A packet is missing from the arrival of a later one until it arrives, or until the packets after it stop waiting. It
//! is requested as often as the round trip and the RTCP bandwidth allow, and only as long as it can still come in time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::proto::rtp::{Packet, extend_sequence};
use crate::proto::rtx;
use crate::session::presentation::RetransmissionOffer;
use crate::stats::Snapshot;

/// Maximum number of packets that are missing at once; of more, the oldest are given up.
const MAX_MISSING: usize = 1_024;

/// Maximum number of repaired packets that are remembered, in case the original arrives after all.
const MAX_REPAIRED: usize = 4_096;

/// Maximum number of requests for a packet.
const MAX_REQUESTS: u32 = 8;

/// Time that a packet is waited for at first, because it may only have been overtaken.
const MIN_REORDER_WAIT: Duration = Duration::from_millis(2);

/// Fraction of the time of the reorder buffer for which a packet is waited for at most before its first request.
const MAX_REORDER_WAIT_DIVISOR: u32 = 4;

/// Interval between two requests for a packet while the round trip is unknown.
const DEFAULT_RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Minimum time beyond the round trip after which a packet is requested again.
const MIN_RETRY_MARGIN: Duration = Duration::from_millis(5);

/// Share of the rate of the stream for RTCP (RFC 3550 §6.2).
const RTCP_SHARE: f64 = 0.05;

/// Number of participants that share it: the sender and this receiver. With two, feedback needs no random delay
/// (RFC 4585 §3.5.2).
const PARTICIPANTS: f64 = 2.0;

/// Bytes of IP and UDP headers, which count in the RTCP bandwidth (RFC 3550 §6.2).
const UDP_OVERHEAD: usize = 28;

/// Maximum interval between two requests, also in a stream that is very slow.
const MAX_FEEDBACK_INTERVAL: Duration = Duration::from_millis(500);

/// Missing packets of one stream, and counts of their retransmissions.
#[derive(Debug)]
pub struct Retransmission {
    offer: RetransmissionOffer,
    /// SSRC of retransmissions; `None` until the description or the first one states it.
    ssrc: Option<u32>,
    /// Missing packets by extended sequence number.
    missing: BTreeMap<i64, MissingPacket>,
    /// Highest extended sequence number so far; `None` before the first.
    highest: Option<i64>,
    /// Packets whose retransmission was used.
    repaired: BTreeSet<i64>,
    /// Packets after the highest so far that were repaired in another way, and are not missing.
    repaired_otherwise: BTreeSet<i64>,
    /// Smoothed time from a request to the retransmission; `None` before the first.
    response_time: Option<Duration>,
    /// Round-trip time by RTCP.
    round_trip: Option<Duration>,
    /// Time that a packet is waited for before its first request.
    reorder_wait: Duration,
    /// Earliest time of the next request, by the RTCP bandwidth (RFC 4585 §3.5.3).
    next_feedback_at: Option<Instant>,
    counts: Counts,
}

#[derive(Debug)]
struct MissingPacket {
    found_at: Instant,
    /// Time at which the packets after it stop waiting.
    deadline: Instant,
    request_at: Instant,
    requests: u32,
    last_request: Option<Instant>,
}

#[derive(Debug, Default)]
struct Counts {
    repaired: u64,
    requests: u64,
    request_bytes: u64,
    packets: u64,
    bytes: u64,
}

/// Original of a retransmission that is still missing.
#[derive(Debug)]
pub struct RepairedPacket {
    /// Extended sequence number.
    pub sequence: i64,
    /// Packet as it was sent first.
    pub packet: Packet,
}

impl Retransmission {
    /// Creates the state of a stream whose server has made this offer.
    pub fn new(offer: RetransmissionOffer) -> Self {
        Self {
            offer,
            ssrc: offer.ssrc,
            missing: BTreeMap::new(),
            highest: None,
            repaired: BTreeSet::new(),
            repaired_otherwise: BTreeSet::new(),
            response_time: None,
            round_trip: None,
            reorder_wait: MIN_REORDER_WAIT,
            next_feedback_at: None,
            counts: Counts::default(),
        }
    }

    /// Returns the offer of the server.
    pub fn offer(&self) -> RetransmissionOffer {
        self.offer
    }

    /// Returns true if this is the SSRC of the retransmissions.
    pub fn is_source(&self, ssrc: u32) -> bool {
        self.ssrc == Some(ssrc)
    }

    /// Continues with the packet of this extended sequence number, or with the next that arrives if it is `None`.
    /// Nothing before it is requested.
    pub fn restart_at(&mut self, first: Option<i64>) {
        self.missing.clear();
        self.repaired.clear();
        self.repaired_otherwise.clear();
        self.highest = first.map(|first| first - 1);
    }

    /// Gives up the packets before this extended sequence number, because the packets after them have been used.
    pub fn skip_before(&mut self, next: i64) {
        while self.missing.first_key_value().is_some_and(|(first, _)| *first < next) {
            self.missing.pop_first();
        }
    }

    /// Records the arrival of an original packet. `timeout` is the time that it waits for a gap before it to fill.
    /// Returns true if its retransmission was used already; then it does not count as repaired any more.
    pub fn record_arrival(&mut self, now: Instant, sequence: i64, timeout: Duration) -> bool {
        let highest = *self.highest.get_or_insert(sequence);
        if sequence > highest {
            self.add_missing(now, highest + 1..sequence, timeout);
            self.highest = Some(sequence);
        } else if let Some(missing) = self.missing.remove(&sequence) {
            // It was only overtaken: the next one is waited for a little longer before it is requested.
            let lateness = now.saturating_duration_since(missing.found_at);
            self.reorder_wait =
                self.reorder_wait.mul_f64(0.98).max(lateness.mul_f64(1.25)).max(MIN_REORDER_WAIT);
        }
        let was_repaired = self.repaired.remove(&sequence);
        self.counts.repaired -= u64::from(was_repaired);
        was_repaired
    }

    fn add_missing(&mut self, now: Instant, gap: std::ops::Range<i64>, timeout: Duration) {
        let first = gap.start.max(gap.end.saturating_sub(MAX_MISSING as i64));
        let request_at = now + self.reorder_wait.min(timeout / MAX_REORDER_WAIT_DIVISOR);
        for sequence in first..gap.end {
            if self.repaired_otherwise.contains(&sequence) {
                continue;
            }
            let packet = MissingPacket {
                found_at: now,
                deadline: now + timeout,
                request_at,
                requests: 0,
                last_request: None,
            };
            self.missing.insert(sequence, packet);
        }
        self.repaired_otherwise = self.repaired_otherwise.split_off(&gap.end);
        while self.missing.len() > MAX_MISSING {
            self.missing.pop_first();
        }
    }

    /// Records that a packet was repaired in another way, and need not be sent again.
    pub fn record_other_repair(&mut self, sequence: i64) {
        self.missing.remove(&sequence);
        if self.highest.is_none_or(|highest| sequence > highest)
            && self.repaired_otherwise.len() < MAX_MISSING
        {
            self.repaired_otherwise.insert(sequence);
        }
    }

    /// Handles an RTP packet with the payload type of retransmissions, of `size` bytes with all headers. Returns the
    /// original if it is still missing. `payload_type` and `ssrc` are those of the stream.
    ///
    /// # Errors
    /// Returns an error if the packet is not of this stream, or too short.
    pub fn handle_packet(
        &mut self,
        now: Instant,
        packet: Packet,
        size: usize,
        (payload_type, ssrc): (u8, u32),
    ) -> Result<Option<RepairedPacket>, NotRetransmission> {
        if self.ssrc.is_some_and(|ssrc| ssrc != packet.header.ssrc) || packet.header.ssrc == ssrc {
            return Err(NotRetransmission);
        }
        let source = packet.header.ssrc;
        let packet = rtx::restore(packet, payload_type, ssrc).ok_or(NotRetransmission)?;
        self.ssrc = Some(source);
        self.counts.packets += 1;
        self.counts.bytes += size as u64;
        let Some(highest) = self.highest else { return Ok(None) };
        let sequence = extend_sequence(highest, packet.header.sequence);
        // It was sent twice, the original was only late, or it is too late itself.
        let Some(missing) = self.missing.remove(&sequence) else { return Ok(None) };
        if let Some(requested_at) = missing.last_request.filter(|_| missing.requests == 1) {
            let sample = now.saturating_duration_since(requested_at);
            let smoothed = self.response_time.map_or(sample, |previous| (previous * 7 + sample) / 8);
            self.response_time = Some(smoothed);
        }
        self.counts.repaired += 1;
        self.repaired.insert(sequence);
        if self.repaired.len() > MAX_REPAIRED {
            self.repaired.pop_first();
        }
        Ok(Some(RepairedPacket { sequence, packet }))
    }

    /// Counts a packet that [`Retransmission::handle_packet`] has returned as lost, because its frame was finished
    /// without it.
    pub fn reject(&mut self, sequence: i64) {
        self.counts.repaired -= u64::from(self.repaired.remove(&sequence));
    }

    /// Returns the sequence numbers to request at `now`, in rising order; `None` if nothing is to be requested.
    /// `round_trip` is the time that RTCP has measured. Call [`Retransmission::record_request`] when they are sent.
    pub fn poll_request(&mut self, now: Instant, round_trip: Option<Duration>) -> Option<Vec<u16>> {
        self.round_trip = round_trip.or(self.round_trip);
        self.missing.retain(|_, packet| packet.deadline > now);
        if self.next_feedback_at.is_some_and(|at| now < at) {
            return None;
        }
        let (response_time, retry_interval) = (self.expected_response_time(), self.retry_interval());
        let mut requested = Vec::new();
        for (sequence, packet) in &mut self.missing {
            if packet.request_at > now || packet.requests >= MAX_REQUESTS {
                continue;
            }
            if now + response_time > packet.deadline {
                // It cannot come in time any more.
                packet.requests = MAX_REQUESTS;
                continue;
            }
            packet.requests += 1;
            packet.last_request = Some(now);
            packet.request_at = now + retry_interval;
            requested.push(*sequence as u16);
        }
        self.counts.requests += requested.len() as u64;
        (!requested.is_empty()).then_some(requested)
    }

    /// Records a request of `size` bytes of UDP payload. The next one may follow after the interval that keeps RTCP
    /// within its share of the rate of the stream, in bytes per second.
    pub fn record_request(&mut self, now: Instant, size: usize, bytes_per_second: f64) {
        let size = size + UDP_OVERHEAD;
        self.counts.request_bytes += size as u64;
        let seconds = PARTICIPANTS * size as f64 / (RTCP_SHARE * bytes_per_second.max(1.0));
        self.next_feedback_at = Some(now + MAX_FEEDBACK_INTERVAL.min(Duration::from_secs_f64(seconds)));
    }

    /// Returns the time at which to call [`Retransmission::poll_request`]; `None` if nothing can be requested.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let open = self.missing.values().filter(|packet| packet.requests < MAX_REQUESTS);
        let next = open.map(|packet| packet.request_at.min(packet.deadline)).min()?;
        Some(self.next_feedback_at.map_or(next, |at| at.max(next)))
    }

    /// Time from a request to the retransmission; zero while nothing is known about it.
    fn expected_response_time(&self) -> Duration {
        self.response_time.or(self.round_trip).unwrap_or_default()
    }

    fn retry_interval(&self) -> Duration {
        let known = self.response_time.or(self.round_trip);
        known.map_or(DEFAULT_RETRY_INTERVAL, |time| time + (time / 4).max(MIN_RETRY_MARGIN))
    }

    /// Adds the figures of retransmission to those of the packets of the stream.
    pub fn add_to(&self, snapshot: &mut Snapshot) {
        let Counts { repaired, requests, request_bytes, packets, bytes } = self.counts;
        snapshot.repaired_rtx = repaired;
        snapshot.rtx_requests = requests;
        snapshot.rtx_request_octets = request_bytes;
        snapshot.rtx_packets = packets;
        snapshot.rtx_octets = bytes;
        snapshot.record_repaired(repaired);
    }
}

/// The packet is no retransmission of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotRetransmission;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtp::Header;
    use bytes::Bytes;

    const MS: Duration = Duration::from_millis(1);
    const TIMEOUT: Duration = Duration::from_millis(100);

    fn offer() -> RetransmissionOffer {
        RetransmissionOffer { payload_type: 97, ssrc: None, reduced_size: true }
    }

    fn retransmission(sequence: u16, ssrc: u32) -> Packet {
        let header = Header { marker: false, payload_type: 97, sequence: 0, timestamp: 5, ssrc };
        let payload = [&sequence.to_be_bytes()[..], b"payload"].concat();
        Packet { header, extension: None, payload: Bytes::from(payload) }
    }

    #[test]
    fn missing_packets_are_requested_until_they_cannot_come_in_time() {
        let start = Instant::now();
        let mut state = Retransmission::new(offer());
        state.restart_at(Some(65_534));
        assert!(!state.record_arrival(start, 65_538, TIMEOUT));
        let mut requests = Vec::new();
        let mut now = start;
        while let Some(at) = state.poll_timeout() {
            now = now.max(at);
            if let Some(lost) = state.poll_request(now, Some(20 * MS)) {
                requests.push(((now - start).as_millis(), lost));
                state.record_request(now, 16, 1e9);
            }
        }
        let lost = vec![65_534, 65_535, 0, 1];
        let expected: Vec<_> = [2, 27, 52, 77].map(|at| (at, lost.clone())).into();
        assert_eq!(requests, expected);
    }

    #[test]
    fn requests_stay_within_the_rtcp_bandwidth() {
        let start = Instant::now();
        let mut state = Retransmission::new(offer());
        state.record_arrival(start, 0, TIMEOUT);
        let (mut bytes, mut now) = (0, start);
        for sequence in 1..1_000 {
            now += 10 * MS;
            // Each second packet is lost; packets of 1,000 bytes.
            state.record_arrival(now, 2 * sequence, TIMEOUT);
            if let Some(lost) = state.poll_request(now, Some(5 * MS)) {
                let size = 12 + 4 * lost.len();
                bytes += size + UDP_OVERHEAD;
                state.record_request(now, size, 100_000.0);
            }
        }
        let share = bytes as f64 / (100_000.0 * (now - start).as_secs_f64());
        assert!((0.01..=RTCP_SHARE / PARTICIPANTS).contains(&share), "{share}");
    }

    #[test]
    fn packet_has_one_fate_though_original_and_retransmissions_arrive() {
        let now = Instant::now();
        let mut state = Retransmission::new(offer());
        let repaired = |state: &mut Retransmission, sequence| {
            state.handle_packet(now + 30 * MS, retransmission(sequence, 8), 50, (26, 7)).unwrap()
        };
        state.record_arrival(now, 10, TIMEOUT);
        state.record_arrival(now, 13, TIMEOUT);
        assert_eq!(state.poll_request(now + 2 * MS, None), Some(vec![11, 12]));
        let first = repaired(&mut state, 11).unwrap();
        assert_eq!((first.sequence, first.packet.header.ssrc, first.packet.header.payload_type), (11, 7, 26));
        assert!(repaired(&mut state, 11).is_none(), "a second copy");
        assert!(repaired(&mut state, 13).is_none(), "the packet has arrived");
        assert_eq!(state.counts.repaired, 1);
        assert!(state.record_arrival(now + 40 * MS, 11, TIMEOUT), "the original was late");
        assert_eq!(state.counts.repaired, 0);
        state.skip_before(13);
        assert!(repaired(&mut state, 12).is_none(), "the packets after it have been used");
        assert_eq!((state.counts.repaired, state.counts.packets, state.counts.bytes), (0, 4, 200));
        assert_eq!(state.expected_response_time(), 28 * MS);
    }

    #[test]
    fn packets_repaired_by_parity_are_remembered_within_a_limit() {
        let mut state = Retransmission::new(offer());
        (0..2 * MAX_MISSING as i64).for_each(|sequence| state.record_other_repair(sequence));
        assert_eq!(state.repaired_otherwise.len(), MAX_MISSING);
    }

    #[test]
    fn packets_of_another_source_are_rejected() {
        let now = Instant::now();
        let mut state = Retransmission::new(RetransmissionOffer { ssrc: Some(8), ..offer() });
        state.record_arrival(now, 0, TIMEOUT);
        state.record_arrival(now, 2, TIMEOUT);
        for (packet, ssrc) in [(retransmission(1, 9), 7), (retransmission(1, 8), 8)] {
            assert_eq!(state.handle_packet(now, packet, 50, (26, ssrc)).unwrap_err(), NotRetransmission);
        }
        let short = Packet { payload: Bytes::from_static(b"x"), ..retransmission(1, 8) };
        assert!(state.handle_packet(now, short, 50, (26, 7)).is_err());
        assert_eq!(state.counts.packets, 0);
    }

    #[test]
    fn state_is_bounded() {
        let now = Instant::now();
        let mut state = Retransmission::new(offer());
        state.record_arrival(now, 0, TIMEOUT);
        for sequence in 1..20_000 {
            state.record_arrival(now, 2 * sequence, TIMEOUT);
            let _ = state.handle_packet(now, retransmission((2 * sequence - 1) as u16, 8), 50, (26, 7));
        }
        assert_eq!((state.repaired.len(), state.missing.len()), (MAX_REPAIRED, 0));
        state.record_arrival(now, i64::from(u32::MAX), TIMEOUT);
        assert_eq!(state.missing.len(), MAX_MISSING);
    }
}
