//! The figures of one session at one instant.

use serde::Serialize;

use crate::impairment::EmulatorStats;

/// The figures of one session at one instant. `docs/STATISTICS.md` defines each.
///
/// Counts are since SETUP, what is called "per second" is of the last second, spans are in milliseconds unless the
/// name says otherwise, and what is not known is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Snapshot {
    /// Seconds that it has played.
    pub playing_s: f64,
    /// RTP packets from the first that was announced to the last that arrived; when the stream has ended, to the last
    /// that was sent, if that is known.
    pub packets_expected: u64,
    /// Different RTP packets among these that arrived.
    pub packets_received: u64,
    /// Those that did not.
    pub packets_lost: u64,
    /// Lost of expected; unknown before anything was expected.
    pub loss_ratio: Option<f64>,
    /// "Cumulative number of packets lost" of a receiver report: duplicates count as received (RFC 3550 §6.4.1,
    /// appendix A.3).
    pub cumulative_lost: i64,
    /// Rows of losses.
    pub loss_bursts: u64,
    /// Packets in a row of losses, on average.
    pub loss_burst_mean: Option<f64>,
    /// Packets in the longest row of losses.
    pub loss_burst_longest: u64,
    /// Packets that arrived again.
    pub packets_duplicated: u64,
    /// Packets that arrived behind one with a higher sequence number.
    pub packets_reordered: u64,
    /// How far the farthest of these came behind the highest, in sequence numbers.
    pub reordered_farthest: u64,
    /// Packets that arrived too late for playout: what followed them had waited for the playout delay, and went on
    /// without them.
    pub packets_late: u64,
    /// Interarrival jitter (RFC 3550 §6.4.1, appendix A.8); unknown before two packets have arrived.
    pub jitter_ms: Option<f64>,
    /// Its mean.
    pub jitter_mean_ms: Option<f64>,
    /// The highest that it has been.
    pub jitter_max_ms: Option<f64>,
    /// The same of the first packets of frames alone, whose timestamps say when they were to be sent.
    pub frame_jitter_ms: Option<f64>,
    /// Its mean.
    pub frame_jitter_mean_ms: Option<f64>,
    /// The highest that it has been.
    pub frame_jitter_max_ms: Option<f64>,
    /// Bits of RTP payload in the last second.
    pub bits_per_second: f64,
    /// The same with the headers of RTP, UDP and IP, or of the interleaved frame.
    pub wire_bits_per_second: f64,
    /// Bytes of RTP payload in all.
    pub payload_octets: u64,
    /// The same with the headers.
    pub wire_octets: u64,
    /// Pictures that arrived whole.
    pub frames_complete: u64,
    /// Pictures of which something is missing.
    pub frames_incomplete: u64,
    /// Pictures that arrived whole and cannot be understood.
    pub frames_unusable: u64,
    /// Pictures that arrived whole and cannot be decoded.
    pub frames_undecodable: u64,
    /// Pictures that lost their APPn and COM segments because their header was longer than a packet.
    pub headers_reduced: u64,
    /// Pictures that were due too late to be shown.
    pub frames_dropped_late: u64,
    /// Pictures that were shown, or would have been if there were a screen.
    pub frames_shown: u64,
    /// Pictures a second that are sent, by the steps of their timestamps.
    pub frames_per_second_sent: Option<f64>,
    /// Pictures that arrived whole in the last second.
    pub frames_per_second: f64,
    /// Pictures that were shown in the last second.
    pub frames_per_second_shown: f64,
    /// From the first PLAY to the first whole picture.
    pub first_frame_ms: Option<f64>,
    /// How long pictures waited from being whole to being shown, on average over the last second.
    pub playout_delay_ms: Option<f64>,
    /// From the sender's clock to the arrival of a picture's first packet, on average over the last second (RFC 3550
    /// §6.4.1).
    pub network_delay_ms: Option<f64>,
    /// The same over the session.
    pub network_delay_mean_ms: Option<f64>,
    /// The longest that it was.
    pub network_delay_max_ms: Option<f64>,
    /// For how long the pictures that wait would last, on average over the last second.
    pub buffered_ms: Option<f64>,
    /// From the sender's clock to the screen, on average over the last second (RFC 3550 §6.4.1: NTP and RTP
    /// timestamps of sender reports).
    pub end_to_end_ms: Option<f64>,
    /// The same over the session.
    pub end_to_end_mean_ms: Option<f64>,
    /// The sender is on this machine, so that both clocks of the lines above are one.
    pub is_one_clock: bool,
    /// To the sender and back, by RTCP (RFC 3611 §4.4, §4.5).
    pub round_trip_ms: Option<f64>,
    /// How often the picture stood still although it should have moved.
    pub stalls: u64,
    /// For how long in all.
    pub stalled_ms: f64,
    /// The longest time.
    pub longest_stall_ms: f64,
    /// Time to decode and scale a picture, on average.
    pub decode_ms: Option<f64>,
    /// The longest that it took.
    pub decode_max_ms: Option<f64>,
    /// What the emulated network has done to the packets, if it was ever in their way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emulated: Option<EmulatorStats>,
}

impl Snapshot {
    /// Whether these figures are of a later session than those. Time alone does not tell: when a film has ended, the
    /// silence by which that was found out is taken back.
    pub fn is_new_session(&self, previous: &Self) -> bool {
        let has_less = self.packets_received < previous.packets_received;
        has_less || self.packets_received == 0 && self.playing_s < previous.playing_s
    }
}
