//! Packets and frames that one viewer has received.

use std::time::{Duration, Instant};

use super::Window;

/// Figures of one viewer. Only the first packet counts outside of the window.
#[derive(Debug)]
pub struct Reception {
    /// Time from PLAY to the first packet; `None` if none has arrived.
    pub first_packet: Option<Duration>,
    /// The connection has ended before the measurement.
    pub has_failed: bool,
    /// Packets in the window.
    pub packets: u64,
    /// Bytes of these packets, with RTP headers.
    pub bytes: u64,
    /// Packets of which the sequence number is lower than that of an earlier one.
    pub reordered: u64,
    /// Complete or incomplete frames that began in the window.
    pub frames: Vec<FrameArrival>,
    play_sent_at: Instant,
    /// First and highest sequence number in the window, without wrapping.
    sequences: Option<(u64, u64)>,
}

/// Arrival of a frame.
#[derive(Debug, Clone, Copy)]
pub struct FrameArrival {
    /// Time from PLAY to its first packet.
    pub at: Duration,
    /// RTP timestamp, in ticks of 90 kHz.
    pub timestamp: u32,
}

impl Reception {
    /// Creates empty figures.
    pub fn new(play_sent_at: Instant) -> Self {
        Self {
            first_packet: None,
            has_failed: false,
            packets: 0,
            bytes: 0,
            reordered: 0,
            frames: Vec::new(),
            play_sent_at,
            sequences: None,
        }
    }

    /// Counts a packet.
    pub fn add(&mut self, packet: &[u8], window: Option<Window>) {
        let now = Instant::now();
        self.first_packet.get_or_insert_with(|| now - self.play_sent_at);
        if !window.is_some_and(|window| (window.begin..window.end).contains(&now)) {
            return;
        }
        let Some([_, _, s0, s1, t0, t1, t2, t3]) = packet.first_chunk() else { return };
        self.packets += 1;
        self.bytes += packet.len() as u64;
        self.count_sequence(u16::from_be_bytes([*s0, *s1]));
        let timestamp = u32::from_be_bytes([*t0, *t1, *t2, *t3]);
        if self.frames.last().is_none_or(|last| last.timestamp != timestamp) {
            self.frames.push(FrameArrival { at: now - self.play_sent_at, timestamp });
        }
    }

    fn count_sequence(&mut self, sequence: u16) {
        let Some((_, highest)) = &mut self.sequences else {
            let first = (1 << 16) + u64::from(sequence);
            self.sequences = Some((first, first));
            return;
        };
        let step = i64::from(sequence.wrapping_sub(*highest as u16) as i16);
        if step < 0 {
            self.reordered += 1;
        }
        *highest = (*highest).max(highest.saturating_add_signed(step));
    }

    /// Number of packets that the sequence numbers show as sent and that have not arrived.
    pub fn lost(&self) -> u64 {
        let sent = self.sequences.map_or(0, |(first, highest)| highest - first + 1);
        sent.saturating_sub(self.packets)
    }

    /// Delays of the frames after the one that arrived with the smallest, in milliseconds: their times of arrival
    /// against their RTP timestamps. Empty if no frame has arrived.
    pub fn delays_ms(&self) -> Vec<f64> {
        let Some(first) = self.frames.get(1) else { return Vec::new() };
        let offset = |frame: &FrameArrival| {
            let ticks = i64::from(frame.timestamp.wrapping_sub(first.timestamp) as i32);
            (frame.at.as_secs_f64() - first.at.as_secs_f64()) * 1_000.0 - ticks as f64 / 90.0
        };
        // The window may begin in the middle of a frame.
        let offsets: Vec<_> = self.frames[1..].iter().map(offset).collect();
        let smallest = offsets.iter().copied().fold(f64::INFINITY, f64::min);
        offsets.iter().map(|offset| offset - smallest).collect()
    }

    /// Intervals between the first packets of consecutive frames, in milliseconds.
    pub fn gaps_ms(&self) -> Vec<f64> {
        let arrivals = self.frames.get(1..).unwrap_or_default();
        arrivals.windows(2).map(|pair| (pair[1].at - pair[0].at).as_secs_f64() * 1_000.0).collect()
    }
}
