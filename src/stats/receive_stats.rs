//! Figures of reception besides packet counts: bytes, frames and their timing.

use std::time::{Duration, Instant};

use super::frame_interval::FrameInterval;
use super::jitter::InterarrivalJitter;
use super::meter::RateMeter;
use super::snapshot::Snapshot;

/// Counters of the bytes and frames of one stream.
#[derive(Debug, Clone)]
pub struct ReceiveStats {
    /// Number of header bytes around each packet.
    packet_overhead: usize,
    wire: Traffic,
    payload: Traffic,
    packets_late: u64,
    frame_rate: RateMeter,
    frames_complete: u64,
    frames_incomplete: u64,
    frames_lost: u64,
    frames_without_marker: u64,
    frames_with_gaps: u64,
    /// Jitter of the first packets of frames.
    frame_jitter: InterarrivalJitter,
    frame_interval: FrameInterval,
    arrivals: ArrivalIntervals,
}

/// Part that an incomplete frame lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingPart {
    /// The payload format does not tell.
    Unknown,
    /// At least the last packet, which has the marker.
    Marker,
    /// Fragments before the last packet.
    Fragments,
}

/// Intervals between the arrivals of complete frames.
#[derive(Debug, Clone, Default)]
struct ArrivalIntervals {
    /// Arrival of the last frame; `None` before the first one, and after a pause.
    last: Option<Instant>,
    count: u64,
    total: Duration,
    max: Duration,
}

impl ArrivalIntervals {
    fn add(&mut self, now: Instant) {
        if let Some(last) = self.last.replace(now) {
            let interval = now.saturating_duration_since(last);
            self.count += 1;
            self.total = self.total.saturating_add(interval);
            self.max = self.max.max(interval);
        }
    }

    /// Mean and maximum in milliseconds; `None` before the second frame.
    fn figures(&self) -> Option<(f64, f64)> {
        let milliseconds = |span: Duration| span.as_secs_f64() * 1_000.0;
        (self.count > 0).then(|| (milliseconds(self.total) / self.count as f64, milliseconds(self.max)))
    }
}

/// Bytes in total and in the last second.
#[derive(Debug, Clone, Default)]
struct Traffic {
    total_bytes: u64,
    meter: RateMeter,
}

impl Traffic {
    fn add(&mut self, now: Instant, bytes: usize) {
        self.total_bytes += bytes as u64;
        self.meter.add(now, bytes as u64);
    }
}

impl ReceiveStats {
    /// Creates counters of zero. `packet_overhead` is the number of header bytes around each packet.
    pub fn new(packet_overhead: usize) -> Self {
        Self {
            packet_overhead,
            wire: Traffic::default(),
            payload: Traffic::default(),
            packets_late: 0,
            frame_rate: RateMeter::default(),
            frames_complete: 0,
            frames_incomplete: 0,
            frames_lost: 0,
            frames_without_marker: 0,
            frames_with_gaps: 0,
            frame_jitter: InterarrivalJitter::default(),
            frame_interval: FrameInterval::default(),
            arrivals: ArrivalIntervals::default(),
        }
    }

    /// Records a packet of `bytes` bytes, whether it is used or not.
    pub fn record_packet(&mut self, now: Instant, bytes: usize) {
        self.wire.add(now, bytes + self.packet_overhead);
    }

    /// Number of header bytes around each packet.
    pub fn packet_overhead(&self) -> usize {
        self.packet_overhead
    }

    /// Bytes received per second, with all headers, over the last second.
    pub fn wire_bytes_per_second(&mut self, now: Instant) -> f64 {
        self.wire.meter.per_second(now)
    }

    /// Records the payload of a packet that arrived for the first time, in bytes.
    pub fn record_payload(&mut self, now: Instant, bytes: usize) {
        self.payload.add(now, bytes);
    }

    /// Records a packet that arrived too late for playout.
    pub fn record_late_packet(&mut self) {
        self.packets_late += 1;
    }

    /// Records the extended timestamp of a packet. `starts_frame` is true for the first packet of a frame.
    pub fn record_timestamp(&mut self, now: Instant, timestamp: i64, starts_frame: bool) {
        if starts_frame {
            self.frame_jitter.update(now, timestamp as u32, true);
        }
        self.frame_interval.record_timestamp(timestamp);
    }

    /// Skips the interval to the next packet, which is not on the clock of the packets before it.
    pub fn mark_discontinuity(&mut self) {
        self.frame_jitter.mark_discontinuity();
        self.frame_interval.mark_discontinuity();
        self.arrivals.last = None;
    }

    /// Leaves the time before the next packet out of the jitter.
    pub fn mark_arrival_gap(&mut self) {
        self.frame_jitter.mark_discontinuity();
    }

    /// Records a complete frame.
    pub fn record_complete_frame(&mut self, now: Instant) {
        self.frames_complete += 1;
        self.frame_rate.add(now, 1);
        self.arrivals.add(now);
    }

    /// Records a frame that lacks packets which are lost.
    pub fn record_incomplete_frame(&mut self, missing: MissingPart) {
        self.frames_incomplete += 1;
        match missing {
            MissingPart::Unknown => {}
            MissingPart::Marker => self.frames_without_marker += 1,
            MissingPart::Fragments => self.frames_with_gaps += 1,
        }
    }

    /// Records frames of which no packet was received. `ticks` is the distance of the timestamps before and after them,
    /// and `packets` the number of packets that are missing between.
    pub fn record_lost_frames(&mut self, ticks: i64, packets: u16) {
        let intervals = self.frame_interval.intervals_in(ticks);
        self.frames_lost += intervals.saturating_sub(1).min(u64::from(packets));
    }

    /// Number of complete frames.
    pub fn frames_complete(&self) -> u64 {
        self.frames_complete
    }

    /// Number of complete and incomplete frames.
    pub fn frames_total(&self) -> u64 {
        self.frames_complete + self.frames_incomplete
    }

    /// Adds the figures of reception.
    pub fn add_to(&mut self, now: Instant, snapshot: &mut Snapshot) {
        if let Some(figures) = self.frame_jitter.figures() {
            snapshot.frame_jitter_ms = Some(figures.current);
            snapshot.frame_jitter_mean_ms = Some(figures.mean);
            snapshot.frame_jitter_max_ms = Some(figures.max);
        }
        if let Some((mean, max)) = self.arrivals.figures() {
            snapshot.frame_interval_mean_ms = Some(mean);
            snapshot.frame_interval_max_ms = Some(max);
        }
        snapshot.packets_late = self.packets_late;
        snapshot.bits_per_second = self.payload.meter.per_second(now) * 8.0;
        snapshot.wire_bits_per_second = self.wire.meter.per_second(now) * 8.0;
        snapshot.payload_octets = self.payload.total_bytes;
        snapshot.wire_octets = self.wire.total_bytes;
        snapshot.frames_complete = self.frames_complete;
        snapshot.frames_incomplete = self.frames_incomplete;
        snapshot.frames_lost = self.frames_lost;
        snapshot.frames_without_marker = self.frames_without_marker;
        snapshot.frames_with_gaps = self.frames_with_gaps;
        snapshot.frames_per_second_sent = self.frame_interval.frames_per_second();
        snapshot.frames_per_second = self.frame_rate.per_second(now);
    }
}
