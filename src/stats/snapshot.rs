//! Figures of one session at one instant.

use serde::ser::Error as _;
use serde::{Serialize, Serializer};

use super::loss_doubt::LossDoubt;
use crate::impairment::EmulatorStats;

/// Figures of one session at one instant. `docs/STATISTICS.md` defines each.
///
/// Counts are since SETUP. Figures "per second" and delays without "mean" or "max" are those of the last second. Names
/// end in the unit: `_ms` for milliseconds and `_s` for seconds. Unknown figures are `None`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[serde(remote = "Self")]
pub struct Snapshot {
    /// True if frames arrive without packets, over HTTP. Then [`PACKET_FIELDS`] mean nothing, and are `null` in JSON.
    #[serde(skip)]
    pub lacks_packets: bool,
    /// Playing time in seconds, pauses not included.
    pub playing_s: f64,
    /// RTP packets from the first one that RTP-Info announced to the last one received; once the stream has ended, to
    /// the last one sent, if that is known.
    pub packets_expected: u64,
    /// Distinct packets received among those expected.
    pub packets_received: u64,
    /// Number of expected minus received packets.
    pub packets_lost: u64,
    /// Lost / expected packets, from 0 to 1; `None` before the first packet.
    pub loss_ratio: Option<f64>,
    /// Reason why the number of lost packets may not be exact; `None` if it is.
    pub loss_doubt: Option<LossDoubt>,
    /// Times that the sender restarted its sequence numbers or changed its SSRC, other than by PLAY.
    pub sequence_restarts: u64,
    /// Packets on the ports or channels of the session that are not part of the stream: of another sender, SSRC or
    /// payload type, or no RTP packets.
    pub packets_foreign: u64,
    /// Cumulative number of packets lost of a receiver report: duplicates count as received, so it can be negative (RFC
    /// 3550 §6.4.1, appendix A.3).
    pub cumulative_lost: i64,
    /// Number of runs of consecutive losses.
    pub loss_bursts: u64,
    /// Mean length of a loss burst, in packets; `None` before the first.
    pub loss_burst_mean: Option<f64>,
    /// Length of the longest loss burst, in packets.
    pub loss_burst_longest: u64,
    /// Further copies of packets already received.
    pub packets_duplicated: u64,
    /// Packets received after one with a higher sequence number.
    pub packets_reordered: u64,
    /// Largest distance of a reordered packet behind the highest sequence number, in packets (RFC 4737 §4.2).
    pub reordered_farthest: u64,
    /// Packets received too late for playout: the packets after them had stopped waiting for them.
    pub packets_late: u64,
    /// Lost packets that were sent again in time (RFC 4588).
    pub repaired_rtx: u64,
    /// Lost packets that were not repaired.
    pub packets_unrepaired: u64,
    /// Unrepaired / expected packets, from 0 to 1; `None` before the first packet.
    pub unrepaired_ratio: Option<f64>,
    /// Requests for packets, each packet counted once in each request (RFC 4585 §6.2.1).
    pub rtx_requests: u64,
    /// Bytes of these requests, with the headers of IP and UDP.
    pub rtx_request_octets: u64,
    /// Retransmissions received, whether they were needed or not.
    pub rtx_packets: u64,
    /// Bytes of these retransmissions, with the headers of RTP, UDP and IP.
    pub rtx_octets: u64,
    /// Lost packets that were recovered from parity packets in time (RFC 5109, RFC 8627).
    pub repaired_fec: u64,
    /// Parity packets received, whether they were needed or not.
    pub fec_packets: u64,
    /// Bytes of these parity packets, with the headers of RTP, UDP and IP.
    pub fec_octets: u64,
    /// Interarrival jitter (RFC 3550 §6.4.1, appendix A.8); `None` before the second packet.
    pub jitter_ms: Option<f64>,
    /// Mean interarrival jitter over the session, computed as in Wireshark (see `InterarrivalJitter::figures`).
    pub jitter_mean_ms: Option<f64>,
    /// Maximum interarrival jitter over the session, computed as in Wireshark.
    pub jitter_max_ms: Option<f64>,
    /// Interarrival jitter of the first packet of each frame, whose timestamp is the time at which it is to be sent.
    pub frame_jitter_ms: Option<f64>,
    /// Mean frame jitter over the session; `None` before the second frame.
    pub frame_jitter_mean_ms: Option<f64>,
    /// Maximum frame jitter over the session; `None` before the second frame.
    pub frame_jitter_max_ms: Option<f64>,
    /// RTP payload in bits per second, each packet counted once.
    pub bits_per_second: f64,
    /// Received bits per second, including duplicates and the headers of RTP, UDP and IP, or of RTP and interleaving.
    pub wire_bits_per_second: f64,
    /// Bytes of RTP payload, each packet counted once.
    pub payload_octets: u64,
    /// Bytes received, including duplicates and headers.
    pub wire_octets: u64,
    /// Frames of which all packets were received.
    pub frames_complete: u64,
    /// Frames that lack packets.
    pub frames_incomplete: u64,
    /// Incomplete frames whose last packet, which has the marker, was not received (RFC 2435 §3).
    #[serde(skip)]
    pub frames_without_marker: u64,
    /// Incomplete frames whose last packet was received, but whose fragments do not join.
    #[serde(skip)]
    pub frames_with_gaps: u64,
    /// Frames of which no packet was received, by the timestamps and sequence numbers around them.
    pub frames_lost: u64,
    /// Frames whose payload is invalid or not supported (RFC 2435 §3.1).
    pub frames_unusable: u64,
    /// Complete frames that cannot be decoded.
    pub frames_undecodable: u64,
    /// Frames that an earlier version of Reelay sent without APPn and COM segments, because their JPEG header is longer
    /// than a packet.
    pub headers_reduced: u64,
    /// Frames not shown because they were late.
    pub frames_dropped_late: u64,
    /// Frames shown, or due to be shown if there is no screen.
    pub frames_shown: u64,
    /// Frames shown, or due to be shown, that are incomplete: the parts that are missing show an earlier frame.
    pub frames_damaged: u64,
    /// Mean share of the picture that came from its own frame, from 0 to 1, over all frames that were due, shown or
    /// not; `None` before the first.
    pub fresh_area: Option<f64>,
    /// Frame times and their fresh areas, of which `fresh_area` is the mean.
    #[serde(skip)]
    pub frame_times: FrameTimeAreas,
    /// Frames per second by the timestamps of the sender.
    pub frames_per_second_sent: Option<f64>,
    /// Complete frames in the last second.
    pub frames_per_second: f64,
    /// Mean interval between the arrivals of complete frames over the session, pauses not included.
    pub frame_interval_mean_ms: Option<f64>,
    /// Maximum interval between the arrivals of complete frames over the session, pauses not included.
    pub frame_interval_max_ms: Option<f64>,
    /// Frames shown in the last second.
    pub frames_per_second_shown: f64,
    /// Time from sending the first PLAY to the first complete frame.
    pub first_frame_ms: Option<f64>,
    /// Mean time between completion and display of a frame.
    pub playout_delay_ms: Option<f64>,
    /// Delay that the jitter buffer holds, after the earliest arrival that the network allows.
    pub held_delay_ms: Option<f64>,
    /// Reason for that delay.
    pub held_delay_reason: Option<DelayReason>,
    /// Mean time from the sender's media clock to the arrival of the first packet of a frame, by the NTP and RTP
    /// timestamps of sender reports (RFC 3550 §6.4.1).
    pub network_delay_ms: Option<f64>,
    /// Mean network delay over the session.
    pub network_delay_mean_ms: Option<f64>,
    /// Maximum network delay over the session.
    pub network_delay_max_ms: Option<f64>,
    /// Mean playing time of the frames in the jitter buffer.
    pub buffered_ms: Option<f64>,
    /// Mean time from the sender's media clock to display, by the NTP and RTP timestamps of sender reports (RFC 3550
    /// §6.4.1).
    pub end_to_end_ms: Option<f64>,
    /// Mean end-to-end delay over the session.
    pub end_to_end_mean_ms: Option<f64>,
    /// True if the sender is on this machine, so the delays above are measured with one clock.
    pub is_one_clock: bool,
    /// Round-trip time to the sender, by RTCP extended reports (RFC 3611 §4.4, §4.5).
    pub round_trip_ms: Option<f64>,
    /// Number of stalls: freezes as the W3C defines them, see `Stalls`.
    pub stalls: u64,
    /// Total duration of stalls.
    pub stalled_ms: f64,
    /// Duration of the longest stall.
    pub longest_stall_ms: f64,
    /// Mean time to decode and scale a frame, over the session.
    pub decode_ms: Option<f64>,
    /// Maximum time to decode and scale a frame, over the session.
    pub decode_max_ms: Option<f64>,
    /// Figures of the emulated network; `None` if no packet has passed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emulated: Option<EmulatorStats>,
}

/// Frame times, and the shares of the area that came from their own frames, since SETUP.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FrameTimeAreas {
    /// Number of frame times: frames shown, lost, dropped or not shown.
    pub count: u64,
    /// Sum of the shares, each from 0 to 1.
    pub fresh: f64,
}

impl FrameTimeAreas {
    /// Returns the mean share since an earlier count, from 0 to 1; `None` without a frame time since then.
    pub fn fresh_area_since(self, earlier: Self) -> Option<f64> {
        let count = self.count.saturating_sub(earlier.count);
        (count > 0).then(|| ((self.fresh - earlier.fresh) / count as f64).clamp(0.0, 1.0))
    }
}

/// Reason for the delay that a jitter buffer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DelayReason {
    /// The user has set it.
    Fixed,
    /// The network is so calm that the minimum suffices.
    Minimum,
    /// The delay of the network varies.
    Jitter,
    /// Lost packets need the time to be sent again.
    Retransmission,
    /// The delay of the network varies by more than the maximum.
    Maximum,
}

impl DelayReason {
    /// Returns the reason as the end of a sentence.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Minimum => "the minimum",
            Self::Jitter => "for the jitter",
            Self::Retransmission => "for retransmission",
            Self::Maximum => "the maximum",
        }
    }
}

/// Fields of [`Snapshot`] about packets, as they are named in JSON.
pub const PACKET_FIELDS: [&str; 31] = [
    "packets_expected",
    "packets_received",
    "packets_lost",
    "loss_ratio",
    "loss_doubt",
    "sequence_restarts",
    "packets_foreign",
    "cumulative_lost",
    "loss_bursts",
    "loss_burst_mean",
    "loss_burst_longest",
    "packets_duplicated",
    "packets_reordered",
    "reordered_farthest",
    "packets_late",
    "repaired_rtx",
    "packets_unrepaired",
    "unrepaired_ratio",
    "rtx_requests",
    "rtx_request_octets",
    "rtx_packets",
    "rtx_octets",
    "repaired_fec",
    "fec_packets",
    "fec_octets",
    "jitter_ms",
    "jitter_mean_ms",
    "jitter_max_ms",
    "frames_lost",
    "headers_reduced",
    "round_trip_ms",
];

impl Serialize for Snapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.lacks_packets {
            return Self::serialize(self, serializer);
        }
        let mut fields = Self::serialize(self, serde_json::value::Serializer).map_err(S::Error::custom)?;
        for name in PACKET_FIELDS {
            if let Some(field) = fields.get_mut(name) {
                *field = serde_json::Value::Null;
            }
        }
        fields.serialize(serializer)
    }
}

impl Snapshot {
    /// Counts this number of the lost packets as repaired.
    pub fn record_repaired(&mut self, packets: u64) {
        self.packets_unrepaired = self.packets_unrepaired.saturating_sub(packets);
        let (unrepaired, expected) = (self.packets_unrepaired, self.packets_expected);
        self.unrepaired_ratio = (expected > 0).then(|| unrepaired as f64 / expected as f64);
    }

    /// Returns true if these figures belong to a later session than `previous`. Playing time alone is not enough: when
    /// a film has ended, the time without data by which the end was detected is subtracted.
    pub fn is_new_session(&self, previous: &Self) -> bool {
        let received = |snapshot: &Self| match snapshot.lacks_packets {
            true => snapshot.wire_octets,
            false => snapshot.packets_received,
        };
        let has_less = received(self) < received(previous);
        has_less || received(self) == 0 && self.playing_s < previous.playing_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packet_figures_without_packets_are_null_in_json() {
        let with_packets = serde_json::to_value(Snapshot::default()).unwrap();
        let without = serde_json::to_value(Snapshot { lacks_packets: true, ..Snapshot::default() }).unwrap();
        for name in PACKET_FIELDS {
            assert!(without[name].is_null(), "{name}");
        }
        assert_eq!(with_packets["packets_lost"], 0);
        let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&with_packets), keys(&without));
    }
}
