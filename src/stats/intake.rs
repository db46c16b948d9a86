//! What a player takes in, apart from the numbers of its packets: octets, pictures, and when they were to be sent.

use std::time::Instant;

use super::jitter::Jitter;
use super::meter::Meter;
use super::snapshot::Snapshot;
use super::steps::Steps;

/// Counts what comes of one stream.
#[derive(Debug, Clone)]
pub struct Intake {
    /// Octets of headers around each packet.
    headers: usize,
    wire: Traffic,
    payload: Traffic,
    packets_late: u64,
    frames: Meter,
    frames_complete: u64,
    frames_incomplete: u64,
    /// Of the first packets of frames.
    frame_jitter: Jitter,
    steps: Steps,
}

/// Octets, in all and in the last second.
#[derive(Debug, Clone, Default)]
struct Traffic {
    octets: u64,
    meter: Meter,
}

impl Traffic {
    fn add(&mut self, now: Instant, octets: usize) {
        self.octets += octets as u64;
        self.meter.add(now, octets as u64);
    }
}

impl Intake {
    /// Nothing has come; what comes has so many octets of headers around each packet.
    pub fn new(headers: usize) -> Self {
        Self {
            headers,
            wire: Traffic::default(),
            payload: Traffic::default(),
            packets_late: 0,
            frames: Meter::default(),
            frames_complete: 0,
            frames_incomplete: 0,
            frame_jitter: Jitter::default(),
            steps: Steps::default(),
        }
    }

    /// A packet of so many octets. Everything that comes is carried, whether it is of use or not.
    pub fn packet(&mut self, now: Instant, octets: usize) {
        self.wire.add(now, octets + self.headers);
    }

    /// So many octets of payload, which were missing.
    pub fn payload(&mut self, now: Instant, octets: usize) {
        self.payload.add(now, octets);
    }

    /// A packet came too late for playout.
    pub fn packet_late(&mut self) {
        self.packets_late += 1;
    }

    /// A packet of this timestamp, extended. `begins_frame` if it is the first one of a frame.
    pub fn timed(&mut self, now: Instant, timestamp: i64, begins_frame: bool) {
        if begins_frame {
            self.frame_jitter.packet(now, timestamp as u32, true);
        }
        self.steps.packet(timestamp);
    }

    /// What comes next is not on the clock of what came.
    pub fn interrupt(&mut self) {
        self.frame_jitter.interrupt();
        self.steps.interrupt();
    }

    /// A picture is whole.
    pub fn frame_complete(&mut self, now: Instant) {
        self.frames_complete += 1;
        self.frames.add(now, 1);
    }

    /// A picture will never be whole.
    pub fn frame_incomplete(&mut self) {
        self.frames_incomplete += 1;
    }

    /// Pictures that were whole.
    pub fn frames_complete(&self) -> u64 {
        self.frames_complete
    }

    /// Pictures that were whole, and those that were not.
    pub fn frames_seen(&self) -> u64 {
        self.frames_complete + self.frames_incomplete
    }

    /// Adds what is known here to the figures.
    pub fn add_to(&mut self, now: Instant, snapshot: &mut Snapshot) {
        if let Some(figures) = self.frame_jitter.figures() {
            snapshot.frame_jitter_ms = Some(figures.now);
            snapshot.frame_jitter_mean_ms = Some(figures.mean);
            snapshot.frame_jitter_max_ms = Some(figures.max);
        }
        snapshot.packets_late = self.packets_late;
        snapshot.bits_per_second = self.payload.meter.per_second(now) * 8.0;
        snapshot.wire_bits_per_second = self.wire.meter.per_second(now) * 8.0;
        snapshot.payload_octets = self.payload.octets;
        snapshot.wire_octets = self.wire.octets;
        snapshot.frames_complete = self.frames_complete;
        snapshot.frames_incomplete = self.frames_incomplete;
        snapshot.frames_per_second_sent = self.steps.per_second();
        snapshot.frames_per_second = self.frames.per_second(now);
    }
}
