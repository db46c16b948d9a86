//! Every figure that is shown: what it is called, what it means, how it is written.

use super::Snapshot;
use crate::format::{byte_size, count, data_rate, milliseconds, or_unknown, percentage};
use crate::impairment::EmulatorStats;

/// A figure.
pub struct Figure {
    /// What it is called.
    pub name: &'static str,
    /// Its fields in a [`Snapshot`], as JSON has them.
    pub fields: &'static [&'static str],
    /// What it means, in a sentence or two, with the section of the RFC.
    pub description: &'static str,
    /// What was measured.
    pub measured: fn(&Snapshot) -> String,
    /// What the emulated network knows of the same.
    pub emulated: Option<fn(&EmulatorStats) -> String>,
}

/// What is of the last second alone, and tells nothing of a session that is over.
const INSTANTANEOUS_FIELDS: [&str; 8] = [
    "bits_per_second",
    "wire_bits_per_second",
    "frames_per_second",
    "frames_per_second_shown",
    "playout_delay_ms",
    "network_delay_ms",
    "buffered_ms",
    "end_to_end_ms",
];

impl Figure {
    /// Whether it is of the last second alone.
    pub fn is_instantaneous(&self) -> bool {
        self.fields.iter().any(|field| INSTANTANEOUS_FIELDS.contains(field))
    }
}

/// Figures that belong together.
pub struct FigureGroup {
    /// What they are about.
    pub name: &'static str,
    /// The figures.
    pub figures: &'static [Figure],
}

/// All figures.
pub static FIGURE_GROUPS: [FigureGroup; 5] = [
    FigureGroup { name: "Packets", figures: PACKETS },
    FigureGroup { name: "Jitter", figures: JITTER },
    FigureGroup { name: "Data", figures: DATA },
    FigureGroup { name: "Pictures", figures: FRAMES },
    FigureGroup { name: "Time", figures: TIME },
];

const PACKETS: &[Figure] = &[
    Figure {
        name: "Expected",
        fields: &["packets_expected"],
        description: "RTP packets from the one that RTP-Info announced to the last that arrived or, once the stream has \
                ended or nothing comes any more, to the last that was sent (RFC 3550 appendix A.3).",
        measured: |s| count(s.packets_expected),
        emulated: Some(|t| count(t.packets())),
    },
    Figure {
        name: "Received",
        fields: &["packets_received"],
        description: "Different sequence numbers among the expected ones that arrived, however late.",
        measured: |s| count(s.packets_received),
        emulated: Some(|t| count(t.delivered + t.untouched)),
    },
    Figure {
        name: "Lost",
        fields: &["packets_lost", "loss_ratio"],
        description: "Expected less received, and the part of the expected that it is.",
        measured: |s| match s.loss_ratio {
            Some(part) => format!("{} ({})", count(s.packets_lost), percentage(part)),
            None => count(s.packets_lost),
        },
        emulated: Some(|t| {
            let lost = t.lost_random + t.lost_queue;
            match t.packets() {
                0 => count(lost),
                packets => format!("{} ({})", count(lost), percentage(lost as f64 / packets as f64)),
            }
        }),
    },
    Figure {
        name: "Lost by RFC 3550",
        fields: &["cumulative_lost"],
        description: "The cumulative number of packets lost of a receiver report: duplicates count as received, so it can \
                be below zero (RFC 3550 §6.4.1, appendix A.3).",
        measured: |s| {
            let sign = if s.cumulative_lost < 0 { "-" } else { "" };
            format!("{sign}{}", count(s.cumulative_lost.unsigned_abs()))
        },
        emulated: None,
    },
    Figure {
        name: "Rows of losses",
        fields: &["loss_bursts", "loss_burst_mean", "loss_burst_longest"],
        description: "How often packets were lost one behind the other, how many on average, and the most.",
        measured: |s| match s.loss_burst_mean {
            Some(mean) => {
                format!("{}, mean {mean:.1}, most {}", count(s.loss_bursts), count(s.loss_burst_longest))
            }
            None => "0".to_owned(),
        },
        emulated: None,
    },
    Figure {
        name: "Duplicated",
        fields: &["packets_duplicated"],
        description: "Packets that arrived once more.",
        measured: |s| count(s.packets_duplicated),
        emulated: Some(|t| count(t.duplicated)),
    },
    Figure {
        name: "Reordered",
        fields: &["packets_reordered", "reordered_farthest"],
        description: "Packets that arrived behind one with a higher sequence number, and how many sequence numbers behind \
                the farthest of them came (RFC 4737 §3.3, §4.2).",
        measured: |s| match s.packets_reordered {
            0 => "0".to_owned(),
            packets => format!("{}, at most {} behind", count(packets), count(s.reordered_farthest)),
        },
        emulated: None,
    },
    Figure {
        name: "Late for playout",
        fields: &["packets_late"],
        description: "Packets that arrived after those behind them had waited for them as long as the playout delay.",
        measured: |s| count(s.packets_late),
        emulated: None,
    },
];

const JITTER: &[Figure] = &[
    Figure {
        name: "Interarrival jitter",
        fields: &["jitter_ms"],
        description: "How unevenly packets arrive against the clock of their timestamps, smoothed over 16 packets \
                (RFC 3550 §6.4.1, appendix A.8). Packets of one frame share a timestamp, so the time over which a \
                sender spreads them counts as well.",
        measured: |s| or_unknown(s.jitter_ms, milliseconds),
        emulated: None,
    },
    Figure {
        name: "Its mean and maximum",
        fields: &["jitter_mean_ms", "jitter_max_ms"],
        description: "Mean and maximum of the interarrival jitter after each packet without the marker bit, as Wireshark \
                computes them; after each packet where all have it.",
        measured: |s| format_mean_and_max(s.jitter_mean_ms, s.jitter_max_ms),
        emulated: None,
    },
    Figure {
        name: "Frame jitter",
        fields: &["frame_jitter_ms"],
        description: "The formula of RFC 3550 appendix A.8 over the first packets of frames alone: what the network does \
                to packets that were meant to leave at the time of their timestamp. For a classroom server, whose \
                timestamps are no clock, over whole pictures against their numbers.",
        measured: |s| or_unknown(s.frame_jitter_ms, milliseconds),
        emulated: None,
    },
    Figure {
        name: "Its mean and maximum",
        fields: &["frame_jitter_mean_ms", "frame_jitter_max_ms"],
        description: "Mean and maximum of the frame jitter after the first packet of each frame.",
        measured: |s| format_mean_and_max(s.frame_jitter_mean_ms, s.frame_jitter_max_ms),
        emulated: None,
    },
];

const DATA: &[Figure] = &[
    Figure {
        name: "Payload",
        fields: &["bits_per_second"],
        description: "Bits of RTP payload in the last second, each packet once.",
        measured: |s| data_rate(s.bits_per_second),
        emulated: None,
    },
    Figure {
        name: "On the wire",
        fields: &["wire_bits_per_second"],
        description: "Bits of everything that arrived in the last second, duplicates too, with the headers of RTP, UDP \
                and IP; over TCP with those of RTP and of the interleaved frame (RFC 2326 §10.12).",
        measured: |s| data_rate(s.wire_bits_per_second),
        emulated: None,
    },
    Figure {
        name: "Payload, whole session",
        fields: &["payload_octets", "playing_s"],
        description: "RTP payload since SETUP, and per second of playing.",
        measured: |s| format_total_and_rate(s.payload_octets, s.playing_s),
        emulated: None,
    },
    Figure {
        name: "On the wire, whole session",
        fields: &["wire_octets"],
        description: "Everything that arrived since SETUP, with the headers, and per second of playing.",
        measured: |s| format_total_and_rate(s.wire_octets, s.playing_s),
        emulated: None,
    },
];

const FRAMES: &[Figure] = &[
    Figure {
        name: "Sent",
        fields: &["frames_per_second_sent"],
        description: "Pictures a second by the median step of the timestamps (RFC 3550 §5.1, 90 kHz).",
        measured: |s| or_unknown(s.frames_per_second_sent, format_frame_rate),
        emulated: None,
    },
    Figure {
        name: "Arriving whole",
        fields: &["frames_per_second"],
        description: "Pictures that arrived whole in the last second.",
        measured: |s| format_frame_rate(s.frames_per_second),
        emulated: None,
    },
    Figure {
        name: "Being shown",
        fields: &["frames_per_second_shown"],
        description: "Pictures that were shown in the last second.",
        measured: |s| format_frame_rate(s.frames_per_second_shown),
        emulated: None,
    },
    Figure {
        name: "Complete",
        fields: &["frames_complete"],
        description: "Pictures that arrived whole.",
        measured: |s| count(s.frames_complete),
        emulated: None,
    },
    Figure {
        name: "Shown",
        fields: &["frames_shown"],
        description: "Pictures that were shown; without a window, those that would have been.",
        measured: |s| count(s.frames_shown),
        emulated: None,
    },
    Figure {
        name: "Incomplete",
        fields: &["frames_incomplete"],
        description: "Pictures of which some packets arrived and others did not. They are not shown.",
        measured: |s| count(s.frames_incomplete),
        emulated: None,
    },
    Figure {
        name: "Dropped late",
        fields: &["frames_dropped_late"],
        description: "Whole pictures that were passed over because the next one was due, or because the screen did not keep \
                up.",
        measured: |s| count(s.frames_dropped_late),
        emulated: None,
    },
    Figure {
        name: "Unusable",
        fields: &["frames_unusable"],
        description: "Pictures that arrived whole and cannot be understood (RFC 2435 §3.1).",
        measured: |s| count(s.frames_unusable),
        emulated: None,
    },
    Figure {
        name: "Undecodable",
        fields: &["frames_undecodable"],
        description: "Pictures that arrived whole and cannot be decoded. They are not shown.",
        measured: |s| count(s.frames_undecodable),
        emulated: None,
    },
    Figure {
        name: "Headers reduced",
        fields: &["headers_reduced"],
        description: "Pictures whose header is longer than a packet and travelled without APPn and COM segments.",
        measured: |s| count(s.headers_reduced),
        emulated: None,
    },
    Figure {
        name: "Decoding",
        fields: &["decode_ms", "decode_max_ms"],
        description: "Time to decode a picture and scale it to the window: mean and maximum of the session.",
        measured: |s| format_mean_and_max(s.decode_ms, s.decode_max_ms),
        emulated: None,
    },
];

const TIME: &[Figure] = &[
    Figure {
        name: "First picture",
        fields: &["first_frame_ms"],
        description: "From sending the session's first PLAY to its first whole picture. The playout delay is not in it.",
        measured: |s| or_unknown(s.first_frame_ms, milliseconds),
        emulated: None,
    },
    Figure {
        name: "Playout delay",
        fields: &["playout_delay_ms"],
        description: "How long pictures waited from being whole to being shown, on average over the last second.",
        measured: |s| or_unknown(s.playout_delay_ms, milliseconds),
        emulated: None,
    },
    Figure {
        name: "Network delay",
        fields: &["network_delay_ms"],
        description: "From the sender's media clock to the arrival of a picture's first packet, on average over the last \
                second, by the NTP and RTP timestamps of its sender reports (RFC 3550 §6.4.1). It is known of \
                pictures that never become whole, too. Exact where the sender is on this machine.",
        measured: |s| or_unknown(s.network_delay_ms, milliseconds),
        emulated: None,
    },
    Figure {
        name: "Network delay, whole session",
        fields: &["network_delay_mean_ms", "network_delay_max_ms"],
        description: "Mean and maximum of the network delay over the session.",
        measured: |s| format_mean_and_max(s.network_delay_mean_ms, s.network_delay_max_ms),
        emulated: None,
    },
    Figure {
        name: "Buffer",
        fields: &["buffered_ms"],
        description: "For how long the pictures that wait for their time would last if nothing more came: the mean of the \
                last second, before and after each picture arrives.",
        measured: |s| or_unknown(s.buffered_ms, milliseconds),
        emulated: None,
    },
    Figure {
        name: "End to end",
        fields: &["end_to_end_ms", "is_one_clock"],
        description: "From the sender's media clock to the screen, on average over the last second, by the NTP and RTP \
                timestamps of its sender reports (RFC 3550 §6.4.1). Exact where the sender is on this machine, and as \
                good as both clocks agree elsewhere.",
        measured: |s| match (s.end_to_end_ms, s.is_one_clock) {
            (Some(delay), true) => milliseconds(delay),
            (Some(delay), false) => format!("{}, by two clocks", milliseconds(delay)),
            (None, _) => or_unknown(None, milliseconds),
        },
        emulated: None,
    },
    Figure {
        name: "End to end, mean",
        fields: &["end_to_end_mean_ms"],
        description: "From the sender's media clock to the screen, on average over the session.",
        measured: |s| or_unknown(s.end_to_end_mean_ms, milliseconds),
        emulated: None,
    },
    Figure {
        name: "Round trip",
        fields: &["round_trip_ms"],
        description: "To the sender and back, by extended RTCP reports (RFC 3611 §4.4, §4.5), where the sender offers them \
                in its description (§5.1).",
        measured: |s| or_unknown(s.round_trip_ms, milliseconds),
        emulated: None,
    },
    Figure {
        name: "Stalls",
        fields: &["stalls", "stalled_ms", "longest_stall_ms"],
        description: "How often a picture stood for three times as long as the last 30 did on average and at least 150 ms \
                longer, for how long in all, and the longest: a freeze of the W3C's WebRTC statistics.",
        measured: |s| match s.stalls {
            0 => "0".to_owned(),
            stalls => format!(
                "{}, {} in all, longest {}",
                count(stalls),
                milliseconds(s.stalled_ms),
                milliseconds(s.longest_stall_ms)
            ),
        },
        emulated: None,
    },
];

fn format_mean_and_max(mean: Option<f64>, max: Option<f64>) -> String {
    or_unknown(mean.zip(max), |(mean, max)| format!("{}, {}", milliseconds(mean), milliseconds(max)))
}

fn format_frame_rate(rate: f64) -> String {
    format!("{rate:.1} /s")
}

/// Bytes, and what they make a second.
fn format_total_and_rate(bytes: u64, seconds: f64) -> String {
    match seconds > 0.0 {
        true => format!("{}, {}", byte_size(bytes), data_rate(bytes as f64 * 8.0 / seconds)),
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
    fn unknown_figures_are_formatted() {
        let (empty, emulated) = (Snapshot::default(), EmulatorStats::default());
        for figure in FIGURE_GROUPS.iter().flat_map(|group| group.figures) {
            assert!(!(figure.measured)(&empty).is_empty(), "{}", figure.name);
            assert!(figure.emulated.is_none_or(|write| !write(&emulated).is_empty()));
        }
    }
}
