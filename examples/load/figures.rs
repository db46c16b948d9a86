//! Figures of all viewers together.

use serde::Serialize;

use super::reception::Reception;

/// Sums and samples of all viewers.
#[derive(Debug, Default)]
pub struct Figures {
    failed: usize,
    packets: u64,
    bytes: u64,
    lost: u64,
    reordered: u64,
    frames: usize,
    first_packets_ms: Vec<f64>,
    gaps_ms: Vec<f64>,
    delays_ms: Vec<f64>,
}

/// Printed figures.
#[derive(Debug, Serialize)]
pub struct Report {
    viewers: usize,
    seconds: f64,
    /// Viewers whose connection ended early.
    failed: usize,
    packets: u64,
    bytes: u64,
    packets_lost: u64,
    packets_reordered: u64,
    frames: usize,
    frames_per_viewer_and_second: f64,
    frame_gap_p50_ms: f64,
    frame_gap_p99_ms: f64,
    /// Delay of frames against their RTP timestamps, after the earliest frame of the viewer.
    frame_delay_p50_ms: f64,
    frame_delay_p99_ms: f64,
    frame_delay_max_ms: f64,
    share_of_frames_within_5_ms: f64,
    first_packet_p50_ms: f64,
    first_packet_p99_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_cpu_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_cpu_microseconds_per_packet: Option<f64>,
}

impl Figures {
    /// Adds the figures of a viewer.
    pub fn add(&mut self, reception: &Reception) {
        self.failed += usize::from(reception.has_failed);
        self.packets += reception.packets;
        self.bytes += reception.bytes;
        self.lost += reception.lost();
        self.reordered += reception.reordered;
        self.frames += reception.frames.len();
        self.first_packets_ms.extend(reception.first_packet.map(|time| time.as_secs_f64() * 1_000.0));
        self.gaps_ms.extend(reception.gaps_ms());
        self.delays_ms.extend(reception.delays_ms());
    }

    /// Computes the printed figures. `cpu` is the CPU time of the server, in seconds.
    pub fn report(mut self, viewers: usize, seconds: f64, cpu: Option<f64>) -> Report {
        for samples in [&mut self.first_packets_ms, &mut self.gaps_ms, &mut self.delays_ms] {
            samples.sort_by(f64::total_cmp);
        }
        let (packets, delays) = (self.packets, &self.delays_ms);
        let punctual = delays.iter().filter(|delay| **delay <= 5.0).count();
        Report {
            viewers,
            seconds,
            failed: self.failed,
            packets,
            bytes: self.bytes,
            packets_lost: self.lost,
            packets_reordered: self.reordered,
            frames: self.frames,
            frames_per_viewer_and_second: rounded(self.frames as f64 / viewers.max(1) as f64 / seconds),
            frame_gap_p50_ms: percentile(&self.gaps_ms, 0.5),
            frame_gap_p99_ms: percentile(&self.gaps_ms, 0.99),
            frame_delay_p50_ms: percentile(delays, 0.5),
            frame_delay_p99_ms: percentile(delays, 0.99),
            frame_delay_max_ms: percentile(delays, 1.0),
            share_of_frames_within_5_ms: punctual as f64 / delays.len().max(1) as f64,
            first_packet_p50_ms: percentile(&self.first_packets_ms, 0.5),
            first_packet_p99_ms: percentile(&self.first_packets_ms, 0.99),
            server_cpu_seconds: cpu.map(rounded),
            server_cpu_microseconds_per_packet: cpu.map(|cpu| rounded(cpu * 1e6 / packets.max(1) as f64)),
        }
    }
}

/// Value below which this share of sorted samples lies; 0 without samples.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1) as f64;
    sorted.get((last * share).round() as usize).map_or(0.0, |value| rounded(*value))
}

fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}
