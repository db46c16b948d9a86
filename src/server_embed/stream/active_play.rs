//! The PLAY in progress: its schedule, its end, and the frame that is being sent. Sans-I/O.

use std::sync::Arc;
use std::time::Instant;

use super::burst_limiter::BurstLimiter;
use super::pacer::Pacer;
use super::packet_batch::{HeaderFields, PacketBatch, batch_length};
use crate::media::container::FrameTimes;
use crate::media::payload::PacketizedFrame;
use crate::server_embed::playback_speed::PlaybackSpeed;

/// State of one PLAY.
#[derive(Debug)]
pub struct ActivePlay {
    /// Schedule of the frames.
    pub pacer: Pacer,
    /// Scale and Speed of the PLAY.
    pub playback_speed: PlaybackSpeed,
    /// First frame after the end of the PLAY; `None` while the end of the file is not known.
    pub end: Option<u64>,
    /// Frame before which a PAUSE with a Range header stops the PLAY (RFC 2326 §10.6). The stream does not end there.
    pub pause_frame: Option<u64>,
    /// State of the frame at the position of the stream.
    pub frame_state: FrameState,
    /// Instant at which the last packet was sent; `None` before the first.
    pub last_sent_at: Option<Instant>,
    /// Tick of the first frame, on the RTP clock of the stream.
    first_tick: u64,
}

/// State of the frame at the position of the stream.
#[derive(Debug)]
pub enum FrameState {
    /// The frame has not been requested yet.
    Due,
    /// The frame has been requested and is not available yet.
    Fetching,
    /// The frame is available; its packets are being sent.
    Sending(FrameTransmission),
}

/// The packets of one frame, some of which have been sent.
#[derive(Debug)]
pub struct FrameTransmission {
    frame: Arc<PacketizedFrame>,
    /// Q field of the packets; `None` in formats without quantization tables.
    quality: Option<u8>,
    /// Index of the next packet to send.
    next_packet: usize,
    /// Instant from which the packets are spread; `None` before the first poll.
    started_at: Option<Instant>,
}

impl ActivePlay {
    /// Starts a PLAY in which frame `position` is due at `origin` and has the RTP timestamp of `first_tick`.
    pub fn new(
        times: FrameTimes,
        origin: Instant,
        position: u64,
        first_tick: u64,
        playback_speed: PlaybackSpeed,
    ) -> Self {
        Self {
            pacer: Pacer::new(times, origin, position, playback_speed),
            playback_speed,
            end: None,
            pause_frame: None,
            frame_state: FrameState::Due,
            last_sent_at: None,
            first_tick,
        }
    }

    /// First frame that is not sent; `None` while the end of the file is not known.
    pub fn stop_frame(&self) -> Option<u64> {
        self.pause_frame.into_iter().chain(self.end).min()
    }

    /// Returns true if the PLAY stops at its end, and false if it stops at a PAUSE with a Range header.
    pub fn is_end_of_stream(&self) -> bool {
        self.pause_frame.is_none_or(|pause| self.end.is_some_and(|end| end <= pause))
    }

    /// Tick of a frame.
    pub fn tick_of(&self, frame: u64) -> u64 {
        self.first_tick + self.pacer.ticks(frame)
    }

    /// Tick of an instant on the clock of this PLAY, which runs at its Speed.
    pub fn tick_at(&self, now: Instant) -> u64 {
        (self.first_tick + self.pacer.ticks_at(now)).saturating_sub(self.pacer.ticks_until_start(now))
    }

    /// Returns the next packets of the frame that is being sent, at most `max_length`, and counts them as sent at
    /// `now`; `None` if no frame is being sent.
    pub fn next_batch(
        &mut self,
        now: Instant,
        fields: HeaderFields,
        max_length: usize,
    ) -> Option<PacketBatch> {
        let FrameState::Sending(transmission) = &mut self.frame_state else { return None };
        let batch = transmission.next_batch(fields, max_length);
        self.last_sent_at = Some(now);
        if batch.remaining() == 0 {
            self.frame_state = FrameState::Due;
        }
        Some(batch)
    }
}

impl FrameTransmission {
    /// Starts with the first packet. `quality` names the quantization tables of the frame, if the format has any.
    pub fn new(frame: Arc<PacketizedFrame>, quality: Option<u8>) -> Self {
        Self { frame, quality, next_packet: 0, started_at: None }
    }

    /// Instant at which the next packets, at most `max_length`, may be sent; `None` if that is now.
    pub fn wait_until(
        &mut self,
        now: Instant,
        pacer: &Pacer,
        frame: u64,
        (burst_limiter, max_length): (&BurstLimiter, usize),
    ) -> Option<Instant> {
        // The packets of a frame that was read late are spread as well, from now on.
        let started_at = *self.started_at.get_or_insert_with(|| pacer.due(frame).max(now));
        let due = started_at + pacer.packet_offset(frame, self.next_packet, self.frame.packets().len());
        if now < due {
            return Some(due);
        }
        burst_limiter.wait_until(now, batch_length(self.remaining(), max_length))
    }

    fn next_batch(&mut self, fields: HeaderFields, max_length: usize) -> PacketBatch {
        let first = self.next_packet;
        self.next_packet += batch_length(self.remaining(), max_length);
        PacketBatch::new(self.frame.clone(), first..self.next_packet, fields, self.quality)
    }

    /// Number of packets that have not been sent.
    fn remaining(&self) -> usize {
        self.frame.packets().len().saturating_sub(self.next_packet)
    }
}
