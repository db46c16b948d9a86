//! Interface of the receivers of a stream, and the counters and buffers that they share. Sans-I/O.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use super::reorder_buffer::ReorderBuffer;
use crate::proto::rtp::Packet;
use crate::session::frame::Frame;
use crate::stats::{Fate, PacketLog, ReceiveStats, RtpReceiver};

/// Receiver of one stream: packets in, frames out.
pub trait FrameReceiver: fmt::Debug + Send {
    /// Returns the buffers between packets and frames.
    fn buffers(&self) -> &StreamBuffers;

    /// Returns the buffers between packets and frames.
    fn buffers_mut(&mut self) -> &mut StreamBuffers;

    /// Assembles the packets that are in order at `now`, or whose gap has timed out.
    fn release(&mut self, now: Instant);

    /// Discards the frame that has begun; it does not count as incomplete. The figures remain.
    fn stop(&mut self);

    /// Returns the time at which [`FrameReceiver::release`] is to be called.
    fn poll_timeout(&self) -> Option<Instant> {
        self.buffers().reorder_buffer.poll_timeout()
    }

    /// Returns the extended timestamp of the frame that lacks packets before others that have arrived, and the time
    /// from which it need not wait for them; `None` if no packet waits for a gap.
    fn waiting_frame(&self) -> Option<(i64, Instant)> {
        None
    }

    /// Assembles the packets behind a gap without waiting for it any longer.
    fn skip_gap(&mut self, _now: Instant) {}

    /// Returns the next frame, complete or not.
    fn poll_frame(&mut self) -> Option<Frame> {
        self.buffers_mut().frames.pop_front()
    }

    /// Sets the time that packets wait for a gap before them to fill.
    fn set_reorder_timeout(&mut self, timeout: Duration) {
        self.buffers_mut().reorder_buffer.set_timeout(timeout);
    }

    /// Leaves the time before the next packet out of the jitter, because the packet was not read when it arrived.
    fn mark_arrival_gap(&mut self) {
        let buffers = self.buffers_mut();
        buffers.rtp_receiver.mark_arrival_gap();
        buffers.stats.mark_arrival_gap();
    }

    /// Returns the arrival time of the last packet; `None` before the first.
    fn last_packet(&self) -> Option<Instant> {
        self.buffers().last_packet
    }

    /// Returns the last packets, each with its fate.
    fn packet_log(&self) -> &PacketLog {
        &self.buffers().packet_log
    }
}

/// Maximum number of arrivals that are kept until they are polled.
const MAX_ARRIVALS: usize = 1_024;

/// Counters and buffers between the packets of a stream and its frames.
#[derive(Debug)]
pub struct StreamBuffers {
    /// Counter of sequence numbers.
    pub rtp_receiver: RtpReceiver,
    /// Packets that wait for a gap before them to fill.
    pub reorder_buffer: ReorderBuffer,
    /// Frames, complete or not, that have not been polled yet.
    pub frames: VecDeque<Frame>,
    /// Arrivals of the last packets, with the extended timestamps of their frames, the oldest first. Empty where
    /// timestamps are not a clock, so that an adaptive playout delay stays at its minimum.
    pub arrivals: VecDeque<(Instant, i64)>,
    /// Counters of bytes and frames.
    pub stats: ReceiveStats,
    /// Fates of the last packets.
    pub packet_log: PacketLog,
    /// Arrival time of the last packet.
    pub last_packet: Option<Instant>,
}

impl StreamBuffers {
    /// Creates empty buffers. `packet_overhead` is the number of header bytes around each packet.
    pub fn new(reorder_timeout: Duration, packet_overhead: usize) -> Self {
        Self {
            rtp_receiver: RtpReceiver::default(),
            reorder_buffer: ReorderBuffer::new(reorder_timeout),
            frames: VecDeque::new(),
            arrivals: VecDeque::new(),
            stats: ReceiveStats::new(packet_overhead),
            packet_log: PacketLog::default(),
            last_packet: None,
        }
    }

    /// Records a packet of `bytes` bytes that arrived at `now`, whether it is used or not.
    pub fn record_packet(&mut self, now: Instant, bytes: usize) {
        self.last_packet = Some(now);
        self.stats.record_packet(now, bytes);
    }

    /// Inserts a packet into the reorder buffer and logs its fate, which is [`Fate::Late`] if its place has passed.
    /// `sequence` and `timestamp` are extended.
    pub fn push_packet(
        &mut self,
        now: Instant,
        sequence: i64,
        timestamp: i64,
        ends_frame: bool,
        packet: Packet,
        fate: Fate,
    ) {
        let is_in_time = self.reorder_buffer.push(now, sequence, packet);
        if !is_in_time {
            self.stats.record_late_packet();
        }
        let fate = if is_in_time { fate } else { Fate::Late };
        self.packet_log.record_received(sequence, timestamp, ends_frame, fate);
    }

    /// Inserts a packet of a frame that is finished already, so that those after it need not wait for its place, and
    /// logs it as late.
    pub fn push_late_packet(&mut self, now: Instant, sequence: i64, timestamp: i64, packet: Packet) {
        self.stats.record_late_packet();
        self.packet_log.record_received(sequence, timestamp, packet.header.marker, Fate::Late);
        self.reorder_buffer.push(now, sequence, packet);
    }

    /// Records the arrival of a packet of the frame with this extended timestamp, for the playout delay.
    pub fn record_arrival(&mut self, now: Instant, timestamp: i64) {
        if self.arrivals.len() >= MAX_ARRIVALS {
            self.arrivals.pop_front();
        }
        self.arrivals.push_back((now, timestamp));
    }

    /// Counts sequence numbers from `sequence` again and discards what was buffered (RFC 3550 §8.2, appendix A.1).
    /// Returns `sequence`, extended.
    pub fn restart_count(&mut self, now: Instant, sequence: u16) -> i64 {
        let first = self.rtp_receiver.init_seq(now, sequence);
        self.reorder_buffer.restart_at(Some(first));
        self.packet_log.clear();
        first
    }

    /// Discards buffered packets and frames; what follows does not continue the stream.
    pub fn discard(&mut self) {
        self.reorder_buffer.restart_at(None);
        self.frames.clear();
        self.arrivals.clear();
        self.stats.mark_discontinuity();
    }
}
