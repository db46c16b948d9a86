//! Definitions of the figures: name, description, fields and format of each.

use super::Snapshot;
use super::snapshot::PACKET_FIELDS;
use crate::format::{UNKNOWN, byte_size, count, counted, data_rate, milliseconds, or_unknown, percentage};
use crate::impairment::EmulatorStats;

/// Definition of a figure, for the statistics panel, the session summary and `docs/STATISTICS.md`.
pub struct Figure {
    /// Name of the figure.
    pub name: &'static str,
    /// Time that the figure is about.
    pub span: Span,
    /// Fields of [`Snapshot`] that it shows, as they are named in JSON.
    pub fields: &'static [&'static str],
    /// Definition in a few sentences, with the section of the RFC.
    pub description: &'static str,
    /// Formats the measured value; to be called through [`Figure::value`].
    measured: fn(&Snapshot) -> String,
    /// Formats the true value, which the emulated network counts; `None` if it counts no such figure.
    pub emulated: Option<fn(&EmulatorStats) -> String>,
}

/// Time that a figure is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// The last second of playback.
    LastSecond,
    /// The last packets or frames, each with less weight than the one after it.
    Smoothed,
    /// The last frames.
    Recent,
    /// The last report of the sender.
    LastReport,
    /// The moment at which it is shown.
    Now,
    /// Value that is measured once per session.
    Once,
    /// Playing time since SETUP, or the first response over HTTP.
    SinceSetup,
}

impl Span {
    /// Returns the span in words; `is_http` is true for a stream over HTTP, where there is no SETUP.
    pub fn words(self, is_http: bool) -> &'static str {
        match self {
            Self::LastSecond => "last second",
            Self::Smoothed => "smoothed",
            Self::Recent => "last frames",
            Self::LastReport => "last report",
            Self::Now => "now",
            Self::Once => "once",
            Self::SinceSetup if is_http => "since start",
            Self::SinceSetup => "since SETUP",
        }
    }
}

impl Figure {
    /// Returns true if the figure is a value of the last second, which the session summary leaves out.
    pub fn is_instantaneous(&self) -> bool {
        self.span == Span::LastSecond
    }

    /// Formats the value at this moment: "–" for one of the last second or the last packets unless the film plays.
    pub fn current_value(&self, snapshot: &Snapshot, is_playing: bool) -> String {
        let is_momentary = matches!(self.span, Span::LastSecond | Span::Smoothed);
        match is_momentary && !is_playing {
            true => UNKNOWN.to_owned(),
            false => self.value(snapshot),
        }
    }

    /// Formats the measured value; "–" if it is about packets, and there are none.
    pub fn value(&self, snapshot: &Snapshot) -> String {
        let is_about_packets = self.fields.iter().all(|field| PACKET_FIELDS.contains(field));
        match snapshot.lacks_packets && is_about_packets {
            true => UNKNOWN.to_owned(),
            false => (self.measured)(snapshot),
        }
    }
}

/// Reason why figures about packets are "–" over HTTP.
pub const NO_PACKETS_NOTE: &str = "HTTP has no packets, so figures about packets are –.";

/// Loss in each second, of which there is a chart.
pub const LOSS_PER_SECOND: &str = "Share of the packets expected in each second that did not arrive.";

/// Fresh area in each second, of which there is a chart if packets were lost.
pub const FRESH_AREA_PER_SECOND: &str =
    "Share of the picture that came from its own frame, mean over the frames that were due in each second.";

/// Returns the definition of the figure that shows this field of [`Snapshot`]; `None` if there is no such field.
pub fn figure_of(field: &str) -> Option<&'static Figure> {
    FIGURE_GROUPS.iter().flat_map(|group| group.figures).find(|figure| figure.fields.contains(&field))
}

/// Figures about one subject.
pub struct FigureGroup {
    /// Name of the subject.
    pub name: &'static str,
    /// Figures in the order in which they are shown.
    pub figures: &'static [Figure],
}

/// All figures, in the order in which they are shown.
pub static FIGURE_GROUPS: [FigureGroup; 5] = [
    FigureGroup { name: "Packets", figures: PACKETS },
    FigureGroup { name: "Jitter", figures: JITTER },
    FigureGroup { name: "Data", figures: DATA },
    FigureGroup { name: "Frames", figures: FRAMES },
    FigureGroup { name: "Time", figures: TIME },
];

const PACKETS: &[Figure] = &[
    Figure {
        name: "Expected",
        span: Span::SinceSetup,
        fields: &["packets_expected"],
        description: "RTP packets from the first one, as RTP-Info announces it, to the last one received. Once the stream has \
                ended or no more packets arrive, to the last one sent, if that is known (RFC 3550 appendix A.3).",
        measured: |s| count(s.packets_expected),
        emulated: Some(|e| count(e.packets())),
    },
    Figure {
        name: "Received",
        span: Span::SinceSetup,
        fields: &["packets_received", "packets_foreign"],
        description: "Distinct sequence numbers received among those expected, however late. Packets that are not part of the \
                stream, because they are of another sender, SSRC or payload type, or no RTP packets, are stated if there \
                are any; they are ignored.",
        measured: |s| match s.packets_foreign {
            0 => count(s.packets_received),
            foreign => format!("{}, {} foreign", count(s.packets_received), count(foreign)),
        },
        emulated: Some(|e| count(e.delivered + e.untouched)),
    },
    Figure {
        name: "Lost",
        span: Span::SinceSetup,
        fields: &["packets_lost", "loss_ratio", "loss_doubt", "sequence_restarts"],
        description: "Expected − received, and its share of the expected packets. If the number is not exact, the reason is \
                stated: losses before the first packet are unknown unless RTP-Info announces it, and losses at the moment \
                when the sender restarts its sequence numbers or changes its SSRC always are. A restart itself is no loss \
                (RFC 3550 §8.2, appendix A.1).",
        measured: |s| {
            let loss = format_loss(s.packets_lost, s.loss_ratio);
            s.loss_doubt.map_or(loss.clone(), |doubt| format!("{loss}, {}", doubt.describe()))
        },
        emulated: Some(|e| {
            let lost = e.lost_random + e.lost_queue;
            format_loss(lost, (e.packets() > 0).then(|| lost as f64 / e.packets() as f64))
        }),
    },
    Figure {
        name: "Lost (RFC 3550)",
        span: Span::SinceSetup,
        fields: &["cumulative_lost"],
        description: "Cumulative number of packets lost, as a receiver report states it: duplicates count as received, so it \
                can be negative (RFC 3550 §6.4.1, appendix A.3).",
        measured: |s| {
            let sign = if s.cumulative_lost < 0 { "-" } else { "" };
            format!("{sign}{}", count(s.cumulative_lost.unsigned_abs()))
        },
        emulated: None,
    },
    Figure {
        name: "Loss bursts",
        span: Span::SinceSetup,
        fields: &["loss_bursts", "loss_burst_mean", "loss_burst_longest"],
        description: "Runs of consecutive lost packets, with their mean length and that of the longest, in packets.",
        measured: |s| match s.loss_burst_mean {
            Some(mean) => {
                let (bursts, longest) =
                    (counted(s.loss_bursts, "burst"), counted(s.loss_burst_longest, "packet"));
                format!("{bursts}, mean {mean:.1}, longest {longest}")
            }
            None => "0".to_owned(),
        },
        emulated: None,
    },
    Figure {
        name: "Duplicated",
        span: Span::SinceSetup,
        fields: &["packets_duplicated"],
        description: "Further copies of packets already received.",
        measured: |s| count(s.packets_duplicated),
        emulated: Some(|e| count(e.duplicated)),
    },
    Figure {
        name: "Reordered",
        span: Span::SinceSetup,
        fields: &["packets_reordered", "reordered_farthest"],
        description: "Packets received after one with a higher sequence number, and the largest distance behind the highest, \
                in sequence numbers (RFC 4737 §3.3, §4.2).",
        measured: |s| match s.packets_reordered {
            0 => "0".to_owned(),
            packets => {
                format!("{}, up to {} behind", counted(packets, "packet"), count(s.reordered_farthest))
            }
        },
        emulated: None,
    },
    Figure {
        name: "Late for playout",
        span: Span::SinceSetup,
        fields: &["packets_late"],
        description: "Packets received after the packets that follow them had waited for the playout delay.",
        measured: |s| count(s.packets_late),
        emulated: None,
    },
    Figure {
        name: "Repaired",
        span: Span::SinceSetup,
        fields: &["repaired_rtx", "repaired_fec", "packets_unrepaired", "unrepaired_ratio"],
        description: "Lost packets that the server has sent again in time (RFC 4588), or that were recovered from parity packets \
                in time (RFC 5109, RFC 8627); the rest of the lost packets and its share of the expected ones.",
        measured: |s| match (s.rtx_requests + s.fec_packets, s.repaired_rtx + s.repaired_fec) {
            (0, 0) => "0".to_owned(),
            (_, repaired) => {
                let rest = format_loss(s.packets_unrepaired, s.unrepaired_ratio);
                format!("{}, {rest} not", count(repaired))
            }
        },
        emulated: None,
    },
    Figure {
        name: "Repair traffic",
        span: Span::SinceSetup,
        fields: &[
            "rtx_packets",
            "rtx_octets",
            "fec_packets",
            "fec_octets",
            "rtx_requests",
            "rtx_request_octets",
        ],
        description: "Packets that were sent again, and parity packets, whether they were needed or not, with their bytes, headers \
                included; the export also has the requests for packets (RFC 4585) and their bytes. They change no other \
                figure of packets.",
        measured: |s| match s.rtx_packets + s.fec_packets {
            0 => "0".to_owned(),
            packets => format!("{} packets, {}", count(packets), byte_size(s.rtx_octets + s.fec_octets)),
        },
        emulated: None,
    },
];

const JITTER: &[Figure] = &[
    Figure {
        name: "Interarrival jitter",
        span: Span::Smoothed,
        fields: &["jitter_ms"],
        description: "Variation of packet arrival times against RTP timestamps, smoothed over 16 packets (RFC 3550 §6.4.1, \
                appendix A.8). Packets of one frame share a timestamp, so the time over which a sender spreads them counts \
                as jitter.",
        measured: |s| or_unknown(s.jitter_ms, milliseconds),
        emulated: None,
    },
    Figure {
        name: "Interarrival jitter, mean / maximum",
        span: Span::SinceSetup,
        fields: &["jitter_mean_ms", "jitter_max_ms"],
        description: "Mean and maximum of the interarrival jitter after each packet without the marker bit, as Wireshark \
                computes them; after each packet if all have the marker bit.",
        measured: |s| format_mean_and_max(s.jitter_mean_ms, s.jitter_max_ms),
        emulated: None,
    },
    Figure {
        name: "Frame jitter",
        span: Span::Smoothed,
        fields: &["frame_jitter_ms"],
        description: "Interarrival jitter (RFC 3550 appendix A.8) of the first packet of each frame only: the variation that \
                the network adds to packets sent at the time of their timestamp. For a classroom server, whose timestamps \
                are not a clock, the variation of complete frames against their frame numbers.",
        measured: |s| or_unknown(s.frame_jitter_ms, milliseconds),
        emulated: None,
    },
    Figure {
        name: "Frame jitter, mean / maximum",
        span: Span::SinceSetup,
        fields: &["frame_jitter_mean_ms", "frame_jitter_max_ms"],
        description: "Mean and maximum of the frame jitter after the first packet of each frame.",
        measured: |s| format_mean_and_max(s.frame_jitter_mean_ms, s.frame_jitter_max_ms),
        emulated: None,
    },
];

const DATA: &[Figure] = &[
    Figure {
        name: "Payload",
        span: Span::LastSecond,
        fields: &["bits_per_second"],
        description: "RTP payload received in the last second, each packet counted once; over HTTP the JPEG frames.",
        measured: |s| data_rate(s.bits_per_second),
        emulated: None,
    },
    Figure {
        name: "On the wire",
        span: Span::LastSecond,
        fields: &["wire_bits_per_second"],
        description: "All data received in the last second, including duplicates and the headers of RTP, UDP and IP; over TCP \
                the headers of RTP and of the interleaved packet (RFC 2326 §10.12); over HTTP all bytes of the responses.",
        measured: |s| data_rate(s.wire_bits_per_second),
        emulated: None,
    },
    Figure {
        name: "Payload, total",
        span: Span::SinceSetup,
        fields: &["payload_octets", "playing_s"],
        description: "RTP payload received since SETUP, and its mean rate over the playing time.",
        measured: |s| format_total_and_rate(s.payload_octets, s.playing_s),
        emulated: None,
    },
    Figure {
        name: "On the wire, total",
        span: Span::SinceSetup,
        fields: &["wire_octets"],
        description: "All data received since SETUP, including duplicates and headers, and its mean rate over the playing time.",
        measured: |s| format_total_and_rate(s.wire_octets, s.playing_s),
        emulated: None,
    },
];

const FRAMES: &[Figure] = &[
    Figure {
        name: "Sent per second",
        span: Span::Recent,
        fields: &["frames_per_second_sent"],
        description: "Frame rate of the sender, from the median interval of the timestamps (RFC 3550 §5.1, 90 kHz); over HTTP \
                of the times in X-Timestamp.",
        measured: |s| or_unknown(s.frames_per_second_sent, format_frame_rate),
        emulated: None,
    },
    Figure {
        name: "Complete per second",
        span: Span::LastSecond,
        fields: &["frames_per_second"],
        description: "Complete frames received in the last second.",
        measured: |s| format_frame_rate(s.frames_per_second),
        emulated: None,
    },
    Figure {
        name: "Interval of complete frames",
        span: Span::SinceSetup,
        fields: &["frame_interval_mean_ms", "frame_interval_max_ms"],
        description: "Interval between the arrivals of complete frames: mean and maximum over the session, without pauses.",
        measured: |s| match s.frame_interval_mean_ms.zip(s.frame_interval_max_ms) {
            Some((mean, max)) => format!("mean {}, longest {}", milliseconds(mean), milliseconds(max)),
            None => UNKNOWN.to_owned(),
        },
        emulated: None,
    },
    Figure {
        name: "Shown per second",
        span: Span::LastSecond,
        fields: &["frames_per_second_shown"],
        description: "Frames shown in the last second.",
        measured: |s| format_frame_rate(s.frames_per_second_shown),
        emulated: None,
    },
    Figure {
        name: "Complete",
        span: Span::SinceSetup,
        fields: &["frames_complete"],
        description: "Frames of which all packets were received.",
        measured: |s| count(s.frames_complete),
        emulated: None,
    },
    Figure {
        name: "Shown",
        span: Span::SinceSetup,
        fields: &["frames_shown"],
        description: "Frames shown; without a window, frames that would have been shown.",
        measured: |s| count(s.frames_shown),
        emulated: None,
    },
    Figure {
        name: "Incomplete",
        span: Span::SinceSetup,
        fields: &["frames_incomplete"],
        description: "Frames of which some packets were received and others were not.",
        measured: |s| count(s.frames_incomplete),
        emulated: None,
    },
    Figure {
        name: "Lost",
        span: Span::SinceSetup,
        fields: &["frames_lost"],
        description: "Frames of which no packet was received, by the timestamps and sequence numbers of the frames around them.",
        measured: |s| count(s.frames_lost),
        emulated: None,
    },
    Figure {
        name: "Shown damaged",
        span: Span::SinceSetup,
        fields: &["frames_damaged"],
        description: "Incomplete frames that were shown; they count as shown too. What is missing was taken from the frame before.",
        measured: |s| count(s.frames_damaged),
        emulated: None,
    },
    Figure {
        name: "Fresh area",
        span: Span::SinceSetup,
        fields: &["fresh_area"],
        description: "Share of the picture that came from its own frame, mean over all frames that were due: 1 for a complete \
                frame, the part that arrived for a damaged one, 0 for one that was lost or not shown.",
        measured: |s| or_unknown(s.fresh_area, percentage),
        emulated: None,
    },
    Figure {
        name: "Dropped late",
        span: Span::SinceSetup,
        fields: &["frames_dropped_late"],
        description: "Frames that were not shown because the next one was due, or because the screen did not keep up.",
        measured: |s| count(s.frames_dropped_late),
        emulated: None,
    },
    Figure {
        name: "Unusable",
        span: Span::SinceSetup,
        fields: &["frames_unusable"],
        description: "Frames whose payload is invalid or not supported (RFC 2435 §3.1).",
        measured: |s| count(s.frames_unusable),
        emulated: None,
    },
    Figure {
        name: "Undecodable",
        span: Span::SinceSetup,
        fields: &["frames_undecodable"],
        description: "Complete frames that cannot be decoded. They are not shown.",
        measured: |s| count(s.frames_undecodable),
        emulated: None,
    },
    Figure {
        name: "Headers reduced",
        span: Span::SinceSetup,
        fields: &["headers_reduced"],
        description: "Frames whose sender has left out APPn and COM segments, because their header is long. Reelay sends all of them.",
        measured: |s| count(s.headers_reduced),
        emulated: None,
    },
    Figure {
        name: "Decoding, mean / maximum",
        span: Span::SinceSetup,
        fields: &["decode_ms", "decode_max_ms"],
        description: "Time to decode a frame and scale it to the window: mean and maximum over the session.",
        measured: |s| format_mean_and_max(s.decode_ms, s.decode_max_ms),
        emulated: None,
    },
];

const TIME: &[Figure] = &[
    Figure {
        name: "First frame",
        span: Span::Once,
        fields: &["first_frame_ms"],
        description: "Time from sending the first PLAY of the session, or GET over HTTP, to its first complete frame, without the \
                playout delay.",
        measured: |s| or_unknown(s.first_frame_ms, milliseconds),
        emulated: None,
    },
    Figure {
        name: "Playout delay",
        span: Span::LastSecond,
        fields: &["playout_delay_ms"],
        description: "Time from the completion of a frame to its display, mean of the last second.",
        measured: |s| or_unknown(s.playout_delay_ms, milliseconds),
        emulated: None,
    },
    Figure {
        name: "Delay held",
        span: Span::Now,
        fields: &["held_delay_ms", "held_delay_reason"],
        description: "Playout delay that the jitter buffer holds, after the earliest arrival of the last seconds, and the reason: \
                a fixed delay; or one that follows the 99.5th percentile of the delays of the last 10 s, between 50 ms and \
                1 s, and leaves room for retransmission.",
        measured: |s| {
            or_unknown(s.held_delay_ms.zip(s.held_delay_reason), |(delay, reason)| {
                format!("{}, {}", milliseconds(delay), reason.describe())
            })
        },
        emulated: None,
    },
    Figure {
        name: "Network delay",
        span: Span::LastSecond,
        fields: &["network_delay_ms"],
        description: "Time from the sender's media clock to the arrival of the first packet of a frame, mean of the last \
                second, by the NTP and RTP timestamps of sender reports (RFC 3550 §6.4.1). Frames that stay incomplete \
                count too. Over HTTP by the times in X-Timestamp, if they are those of a clock. Exact if the sender is on \
                this machine.",
        measured: |s| or_unknown(s.network_delay_ms, milliseconds),
        emulated: None,
    },
    Figure {
        name: "Network delay, mean / maximum",
        span: Span::SinceSetup,
        fields: &["network_delay_mean_ms", "network_delay_max_ms"],
        description: "Mean and maximum of the network delay over the session.",
        measured: |s| format_mean_and_max(s.network_delay_mean_ms, s.network_delay_max_ms),
        emulated: None,
    },
    Figure {
        name: "Buffer",
        span: Span::LastSecond,
        fields: &["buffered_ms"],
        description: "Time for which the frames in the jitter buffer would last if no more arrived: mean of the last second, \
                measured before and after the arrival of each frame.",
        measured: |s| or_unknown(s.buffered_ms, milliseconds),
        emulated: None,
    },
    Figure {
        name: "End to end",
        span: Span::LastSecond,
        fields: &["end_to_end_ms", "is_one_clock"],
        description: "Time from the sender's media clock to the screen, mean of the last second, by the NTP and RTP timestamps \
                of sender reports (RFC 3550 §6.4.1), or X-Timestamp over HTTP. Exact if the sender is on this machine; \
                otherwise it includes the difference between the two clocks.",
        measured: |s| match (s.end_to_end_ms, s.is_one_clock) {
            (Some(delay), true) => milliseconds(delay),
            (Some(delay), false) => format!("{} (two clocks)", milliseconds(delay)),
            (None, _) => or_unknown(None, milliseconds),
        },
        emulated: None,
    },
    Figure {
        name: "End to end, mean",
        span: Span::SinceSetup,
        fields: &["end_to_end_mean_ms"],
        description: "Time from the sender's media clock to the screen, mean of the session.",
        measured: |s| or_unknown(s.end_to_end_mean_ms, milliseconds),
        emulated: None,
    },
    Figure {
        name: "Round trip",
        span: Span::LastReport,
        fields: &["round_trip_ms"],
        description: "Round-trip time to the sender, by RTCP extended reports (RFC 3611 §4.4, §4.5), if the sender offers them \
                in its SDP (§5.1).",
        measured: |s| or_unknown(s.round_trip_ms, milliseconds),
        emulated: None,
    },
    Figure {
        name: "Stalls",
        span: Span::SinceSetup,
        fields: &["stalls", "stalled_ms", "longest_stall_ms"],
        description: "Times that a frame stayed on the screen for at least three times the mean of the last 30 frames, and at \
                least 150 ms longer than it (a freeze in the W3C's WebRTC statistics), with the total and the longest \
                duration. Frames that this computer drops because it is too slow are not stalls.",
        measured: |s| match s.stalls {
            0 => "0".to_owned(),
            stalls => format!(
                "{}, {} in all, longest {}",
                counted(stalls, "stall"),
                milliseconds(s.stalled_ms),
                milliseconds(s.longest_stall_ms)
            ),
        },
        emulated: None,
    },
];

fn format_loss(lost: u64, ratio: Option<f64>) -> String {
    match ratio {
        Some(ratio) => format!("{} ({})", count(lost), percentage(ratio)),
        None => count(lost),
    }
}

fn format_mean_and_max(mean: Option<f64>, max: Option<f64>) -> String {
    or_unknown(mean.zip(max), |(mean, max)| format!("{} / {}", milliseconds(mean), milliseconds(max)))
}

fn format_frame_rate(rate: f64) -> String {
    format!("{rate:.1} /s")
}

/// Formats a number of bytes, and their mean rate over the playing time in seconds.
fn format_total_and_rate(bytes: u64, seconds: f64) -> String {
    match seconds > 0.0 {
        true => format!("{}, mean {}", byte_size(bytes), data_rate(bytes as f64 * 8.0 / seconds)),
        false => byte_size(bytes),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_snapshot_field_is_defined_once() {
        let json = serde_json::to_value(Snapshot::default()).unwrap();
        let fields: BTreeSet<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
        let mut defined = BTreeSet::new();
        for figure in FIGURE_GROUPS.iter().flat_map(|group| group.figures) {
            for field in figure.fields {
                assert!(defined.insert(*field), "{field} is defined twice");
            }
        }
        assert_eq!(defined, fields);
    }

    #[test]
    fn figure_of_the_last_second_has_no_value_while_nothing_plays() {
        let shown = figure_of("frames_per_second_shown").unwrap();
        let snapshot = Snapshot { frames_per_second_shown: 14.0, ..Snapshot::default() };
        assert_eq!(shown.current_value(&snapshot, true), "14.0 /s");
        assert_eq!(shown.current_value(&snapshot, false), UNKNOWN);
    }

    #[test]
    fn figures_about_packets_are_unknown_without_packets() {
        let snapshot = Snapshot { lacks_packets: true, ..Snapshot::default() };
        for group in &FIGURE_GROUPS {
            for figure in group.figures.iter().filter(|_| group.name == "Packets") {
                assert_eq!(figure.value(&snapshot), UNKNOWN, "{}", figure.name);
            }
        }
        let complete = FRAMES.iter().find(|figure| figure.name == "Complete").unwrap();
        assert_eq!(complete.value(&snapshot), "0");
    }

    #[test]
    fn unknown_figures_are_formatted() {
        let (empty, emulated) = (Snapshot::default(), EmulatorStats::default());
        for figure in FIGURE_GROUPS.iter().flat_map(|group| group.figures) {
            assert!(!figure.value(&empty).is_empty(), "{}", figure.name);
            assert!(figure.emulated.is_none_or(|write| !write(&emulated).is_empty()));
        }
    }
}
