//! Figures that `reelay probe` prints at the end, as text or as JSON.

use std::io::{self, Write};

use serde::Serialize;

use crate::impairment::EmulatorStats;
use crate::session::Dialect;
use crate::stats::DelayReason;

/// Figures of the complete session. The names of the fields are the keys of the JSON object, where an unknown value is
/// `null`.
#[derive(Debug, Default, Serialize)]
pub struct ProbeSummary {
    /// Frames that arrived complete.
    pub frames_complete: u64,
    /// Frames of which packets are missing.
    pub frames_incomplete: u64,
    /// Frames of which no packet arrived.
    pub frames_lost: Option<u64>,
    /// Incomplete frames that would have been shown.
    pub frames_damaged: u64,
    /// Mean share of the picture that came from its own frame, 0 to 1.
    pub fresh_area: Option<f64>,
    /// Frames that lost their APPn and COM segments because their header was longer than a packet.
    pub headers_reduced: Option<u64>,
    /// Distinct RTP packets that arrived, among those expected.
    pub packets_received: Option<u64>,
    /// RTP packets that were sent, known from their sequence numbers (RFC 3550 appendix A.3).
    pub packets_expected: Option<u64>,
    /// RTP packets that did not arrive.
    pub packets_lost: Option<u64>,
    /// RTP packets that arrived again.
    pub packets_duplicated: Option<u64>,
    /// RTP packets that arrived after one with a higher sequence number.
    pub packets_reordered: Option<u64>,
    /// RTP packets that arrived too late for playout: the packets after them had stopped waiting for them.
    pub packets_late: Option<u64>,
    /// Lost packets among the expected ones, 0 to 1.
    pub loss_ratio: Option<f64>,
    /// Lost RTP packets that were sent again in time (RFC 4588).
    pub repaired_rtx: Option<u64>,
    /// Lost RTP packets that were not repaired.
    pub packets_unrepaired: Option<u64>,
    /// Unrepaired packets among the expected ones, 0 to 1.
    pub unrepaired_ratio: Option<f64>,
    /// Packets requested again (RFC 4585 §6.2.1), each counted once in each request.
    pub rtx_requests: Option<u64>,
    /// Bytes of these requests, headers included.
    pub rtx_request_octets: Option<u64>,
    /// Retransmissions received (RFC 4588), whether they were needed or not.
    pub rtx_packets: Option<u64>,
    /// Bytes of these retransmissions, headers included.
    pub rtx_octets: Option<u64>,
    /// Lost RTP packets that were recovered from parity packets in time (RFC 5109, RFC 8627).
    pub repaired_fec: Option<u64>,
    /// Parity packets received, whether they were needed or not.
    pub fec_packets: Option<u64>,
    /// Bytes of these parity packets, headers included.
    pub fec_octets: Option<u64>,
    /// Interarrival jitter (RFC 3550 §6.4.1), in milliseconds.
    pub jitter_ms: Option<f64>,
    /// Mean interval between the arrivals of complete frames, in milliseconds.
    pub frame_interval_mean_ms: Option<f64>,
    /// Maximum interval between the arrivals of complete frames, in milliseconds.
    pub frame_interval_max_ms: Option<f64>,
    /// Mean time from the sender's clock to the arrival of a frame, in milliseconds.
    pub network_delay_ms: Option<f64>,
    /// Delay that the jitter buffer holds at the end, in milliseconds.
    pub playout_delay_ms: Option<f64>,
    /// Reason for that delay.
    pub playout_delay_reason: Option<DelayReason>,
    /// Number of stalls.
    pub stalls: u64,
    /// Total duration of stalls, in milliseconds.
    pub stalled_ms: f64,
    /// Mean data rate of RTP payload since the first frame, in bits per second.
    pub bitrate_bps: Option<f64>,
    /// Time from sending PLAY to the first complete frame, in milliseconds.
    pub first_frame_ms: Option<f64>,
    /// Time from the first frame to the end, in seconds.
    pub duration_s: Option<f64>,
    /// Width of the first frame, in pixels.
    pub width: Option<u16>,
    /// Height of the first frame, in pixels.
    pub height: Option<u16>,
    /// Mean rate at which complete frames arrived, in frames per second.
    pub frame_rate: Option<f64>,
    /// Frame rate of a film, in frames per second; `None` for a stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub film_rate: Option<f64>,
    /// True if the film states no frame rate; `None` for a stream.
    #[serde(rename = "film_rate_assumed", skip_serializing_if = "Option::is_none")]
    pub is_film_rate_assumed: Option<bool>,
    /// Frame rate of a film as text, `20 fps (assumed)`.
    #[serde(skip)]
    pub film_rate_text: Option<String>,
    /// Lower transport, `udp` or `tcp`.
    pub transport: Option<&'static str>,
    /// Protocol of the server.
    pub dialect: Option<Dialect>,
    /// Name of the server software (`Server` header or SDP `a=tool`); `None` if it is not stated.
    pub server: Option<String>,
    /// Streams of the presentation that were not played.
    pub others: Vec<String>,
    /// Mistakes of the server that were tolerated, one sentence for each kind.
    pub mistakes: Vec<String>,
    /// Counters of the emulated network; `None` if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emulated: Option<EmulatorStats>,
}

impl ProbeSummary {
    /// Prints the figures on stdout as one JSON object.
    pub fn print_json(&self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, self)?;
        writeln!(out)
    }

    /// Prints the figures on stdout, one subject per line.
    pub fn print_text(&self) -> io::Result<()> {
        self.write_text(&mut io::stdout().lock())
    }

    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        if let (Some(width), Some(height)) = (self.width, self.height) {
            writeln!(out, "frame size   {width}×{height}, {}", quantity(self.frame_rate, "frames/s"))?;
        }
        if let Some(rate) = &self.film_rate_text {
            writeln!(out, "film rate    {rate}")?;
        }
        writeln!(
            out,
            "frames       {} complete, {} incomplete, {} shown damaged, fresh area {}",
            self.frames_complete,
            self.frames_incomplete,
            self.frames_damaged,
            quantity(self.fresh_area.map(|share| share * 100.0), "%")
        )?;
        self.write_packets(out)?;
        writeln!(
            out,
            "intervals    {} between frames, longest {}",
            quantity(self.frame_interval_mean_ms, "ms"),
            quantity(self.frame_interval_max_ms, "ms")
        )?;
        writeln!(
            out,
            "delay        {}",
            quantity(self.network_delay_ms, "ms from the sender's clock to arrival")
        )?;
        if let (Some(delay), Some(reason)) = (self.playout_delay_ms, self.playout_delay_reason) {
            writeln!(out, "playout      {delay:.0} ms, {}", reason.describe())?;
        }
        let stalls = if self.stalls == 1 { "stall" } else { "stalls" };
        writeln!(out, "stalls       {} {stalls}, {:.2} ms in all", self.stalls, self.stalled_ms)?;
        writeln!(out, "data rate    {}", quantity(self.bitrate_bps.map(|rate| rate / 1e6), "Mbit/s"))?;
        writeln!(out, "first frame  {}", quantity(self.first_frame_ms, self.first_frame_unit()))?;
        writeln!(out, "duration     {}", quantity(self.duration_s, "s"))?;
        let (transport, server) =
            (self.transport.unwrap_or("unknown"), self.server.as_deref().unwrap_or("unknown"));
        writeln!(out, "transport    {transport}, server {server}")?;
        if !self.others.is_empty() {
            writeln!(out, "not played   {}", self.others.join(", "))?;
        }
        for mistake in &self.mistakes {
            writeln!(out, "mistake      {mistake}")?;
        }
        match &self.emulated {
            Some(stats) => write_emulated(out, stats),
            None => Ok(()),
        }
    }
}

impl ProbeSummary {
    /// Prints the figures of packets; over HTTP, that there are none.
    fn write_packets(&self, out: &mut impl Write) -> io::Result<()> {
        if self.is_http() {
            return writeln!(out, "packets      – (HTTP has no packets, so loss and jitter are unknown)");
        }
        let number = |packets: Option<u64>| packets.unwrap_or_default();
        writeln!(
            out,
            "packets      {} of {} received, {} lost ({}), {} duplicated, {} reordered",
            number(self.packets_received),
            number(self.packets_expected),
            number(self.packets_lost),
            quantity(self.loss_ratio.map(|ratio| ratio * 100.0), "%"),
            number(self.packets_duplicated),
            number(self.packets_reordered)
        )?;
        if self.rtx_requests.is_some_and(|requests| requests > 0) {
            writeln!(
                out,
                "repaired     {} by retransmission, {} not ({}); {} requests, {} retransmissions",
                number(self.repaired_rtx),
                number(self.packets_unrepaired),
                quantity(self.unrepaired_ratio.map(|ratio| ratio * 100.0), "%"),
                number(self.rtx_requests),
                number(self.rtx_packets)
            )?;
        }
        if self.fec_packets.is_some_and(|packets| packets > 0) {
            writeln!(
                out,
                "repaired     {} from {} parity packets, {} not ({})",
                number(self.repaired_fec),
                number(self.fec_packets),
                number(self.packets_unrepaired),
                quantity(self.unrepaired_ratio.map(|ratio| ratio * 100.0), "%")
            )?;
        }
        writeln!(out, "jitter       {}", quantity(self.jitter_ms, "ms"))
    }

    fn is_http(&self) -> bool {
        self.dialect == Some(Dialect::Http)
    }

    fn first_frame_unit(&self) -> &'static str {
        if self.is_http() { "ms after GET" } else { "ms after PLAY" }
    }
}

fn write_emulated(out: &mut impl Write, stats: &EmulatorStats) -> io::Result<()> {
    writeln!(
        out,
        "emulated     {} of {} delivered, {} lost at random and {} to the queue, {} duplicated, {} corrupted; seed {}",
        stats.delivered,
        stats.offered,
        stats.lost_random,
        stats.lost_queue,
        stats.duplicated,
        stats.corrupted,
        stats.seed
    )
}

fn quantity(value: Option<f64>, unit: &str) -> String {
    value.map_or("unknown".to_owned(), |value| format!("{value:.2} {unit}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(summary: &ProbeSummary) -> String {
        let mut text = Vec::new();
        summary.write_text(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn unknown_figures_are_said_to_be_unknown() {
        let text = text(&ProbeSummary::default());
        assert!(text.contains("packets      0 of 0 received, 0 lost (unknown), 0 duplicated"), "{text}");
        assert!(text.contains("transport    unknown, server unknown\n"), "{text}");
        assert!(!text.contains("frame size") && !text.contains("emulated"), "{text}");
    }

    #[test]
    fn known_figures_have_units() {
        let summary = ProbeSummary {
            width: Some(64),
            height: Some(48),
            frame_rate: Some(20.0),
            film_rate_text: Some("20 fps (assumed)".to_owned()),
            loss_ratio: Some(0.125),
            bitrate_bps: Some(1_500_000.0),
            others: vec!["audio".to_owned()],
            emulated: Some(EmulatorStats { seed: 7, ..EmulatorStats::default() }),
            ..ProbeSummary::default()
        };
        let text = text(&summary);
        for line in [
            "frame size   64×48, 20.00 frames/s",
            "film rate    20 fps (assumed)",
            "data rate    1.50 Mbit/s",
            "not played   audio",
        ] {
            assert!(text.lines().any(|printed| printed == line), "{line}: {text}");
        }
        assert!(text.contains("lost (12.50 %)") && text.ends_with("0 corrupted; seed 7\n"), "{text}");
    }
}
