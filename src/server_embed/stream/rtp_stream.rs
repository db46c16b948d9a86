//! State machine of a stream: from the frames that are due to the packets to send. Sans-I/O.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::active_play::{ActivePlay, FrameState, FrameTransmission};
use super::burst_limiter::BurstLimiter;
use super::identity::{Identity, retransmission_ssrc};
use super::packet_batch::{HeaderFields, PacketBatch};
use super::parity::ParityPackets;
use super::phase_grid::PhaseGrid;
use super::retransmission::Retransmissions;
use super::rtp_clock::RtpClock;
use super::sender_reports::{ReportTime, SenderReports};
use super::sequence::SequenceCounter;
use super::table_qualities::TableQualities;
use crate::media::container::FrameTimes;
use crate::media::payload::PacketizedFrame;
use crate::proto::fec::ParityLayout;
use crate::proto::rtcp::{Epoch, RtcpPacket};
use crate::server_embed::playback_speed::PlaybackSpeed;

/// Action that [`RtpStream::poll_output`] asks the caller for.
#[derive(Debug)]
pub enum StreamOutput {
    /// Request for the packets of this frame. To be answered with [`RtpStream::provide_frame`],
    /// [`RtpStream::skip_frame`] or [`RtpStream::end_at`].
    Fetch(u64),
    /// RTP packets of one frame to send now.
    Rtp(PacketBatch),
    /// RTP packet to send again, on the stream of retransmissions (RFC 4588).
    Retransmission(Vec<u8>),
    /// RTP packet with parity of others to send, on the stream of parity packets (RFC 5109, RFC 8627).
    Parity(Vec<u8>),
    /// Compound RTCP packet to send.
    Rtcp(Vec<u8>),
    /// End of the PLAY, after the interval of its last frame. The stream is paused there.
    Ended,
    /// Request to poll again at this instant, or after any input before it.
    Wait(Instant),
    /// Request to poll again after the next input.
    Idle,
}

/// Properties of a PLAY, for its response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlayStart {
    /// Number of the first frame to be sent, counted from 0 at the start of the file.
    pub frame: u64,
    /// Sequence number of its first packet.
    pub sequence: u16,
    /// RTP timestamp of the first frame, in ticks of 90 kHz.
    pub timestamp: u32,
    /// First frame after the end of the PLAY; `None` while the end of the file is not known.
    pub end: Option<u64>,
    /// Scale and Speed that the PLAY uses.
    pub playback_speed: PlaybackSpeed,
}

/// The RTP stream of one session.
///
/// Timestamps follow the wall clock across pauses and seeks, and sequence numbers continue: the receiver sees one
/// continuous source (RFC 2326 appendix B). With a Speed other than 1 the RTP clock runs at that speed. Afterwards it
/// is ahead of the wall clock, or is set to the wall clock by the next PLAY.
#[derive(Debug)]
pub struct RtpStream {
    times: FrameTimes,
    ssrc: u32,
    clock: RtpClock,
    sequence: SequenceCounter,
    table_qualities: TableQualities,
    reports: SenderReports,
    /// Next frame to send, also for a PLAY without a Range.
    position: u64,
    active_play: Option<ActivePlay>,
    burst_limiter: BurstLimiter,
    max_batch_length: usize,
    /// Grid on which a PLAY begins; `None` to begin at once.
    phase_grid: Option<PhaseGrid>,
    /// Frames that were skipped because they were late, since the last [`take_late_frames`](Self::take_late_frames).
    late_frames: u64,
    /// Packets for retransmission; `None` unless the receiver has asked for it.
    retransmissions: Option<Retransmissions>,
    /// Parity of the packets; `None` unless the receiver has asked for it.
    parity: Option<ParityPackets>,
}

/// Time until the next packet from which on sender reports are sent between frames. Receivers report missing data after
/// half a second.
const LONG_WAIT: Duration = Duration::from_millis(400);

/// Delay between the last RTP packet and BYE or the report of a long wait. Receivers that read their RTCP socket before
/// their RTP socket would otherwise drop packets that they have not read yet.
pub(super) const BYE_DELAY: Duration = Duration::from_millis(100);

/// Maximum lag of a frame behind its due time. Frames are skipped if the connection is slower than the media or the
/// machine was suspended.
const MAX_LAG: Duration = Duration::from_secs(1);

impl RtpStream {
    /// Creates a stream that is paused at frame 0.
    pub fn new(times: FrameTimes, identity: Identity, epoch: Epoch) -> Self {
        Self {
            times,
            ssrc: identity.ssrc,
            clock: RtpClock::new(identity.first_timestamp, epoch),
            sequence: SequenceCounter::per_packet(identity.first_sequence),
            table_qualities: TableQualities::default(),
            reports: SenderReports::new(identity.ssrc, identity.cname),
            position: 0,
            active_play: None,
            burst_limiter: BurstLimiter::default(),
            max_batch_length: 1,
            phase_grid: None,
            late_frames: 0,
            retransmissions: None,
            parity: None,
        }
    }

    /// Returns the stream with retransmission of the packets that the receiver requests by generic NACK (RFC 4588).
    pub fn with_retransmission(self) -> Self {
        // The first sequence number is random, because the SSRC is.
        let retransmissions = Retransmissions::new(retransmission_ssrc(self.ssrc), (self.ssrc >> 8) as u16);
        Self { retransmissions: Some(retransmissions), ..self }
    }

    /// Returns the stream with parity packets for packets in this arrangement.
    pub fn with_parity(self, layout: ParityLayout) -> Self {
        // The first sequence number is random, because the SSRC is.
        let parity = ParityPackets::new(self.ssrc, (self.ssrc >> 4) as u16, layout);
        Self { parity: Some(parity), ..self }
    }

    /// Sets the maximum number of packets that are sent together; 1 sends each packet when it is due. With
    /// retransmission or parity it is always 1.
    pub fn set_max_batch_length(&mut self, max_length: usize) {
        self.max_batch_length = max_length;
    }

    /// Sets the grid on which a PLAY begins from now on; `None` lets it begin at once.
    pub fn set_phase_grid(&mut self, phase_grid: Option<PhaseGrid>) {
        self.phase_grid = phase_grid;
    }

    fn max_batch_length(&self) -> usize {
        let has_repair = self.retransmissions.is_some() || self.parity.is_some();
        if has_repair { 1 } else { self.max_batch_length }
    }

    /// Creates a stream for a classroom program, without RTCP. Each frame is one packet, and its sequence number is
    /// the number of the frame, from 1. It keeps rising when the media starts again, because the programs drop
    /// packets with lower numbers than they have received.
    pub fn classroom(times: FrameTimes, identity: Identity, epoch: Epoch) -> Self {
        let (sequence, reports) = (SequenceCounter::per_frame(), SenderReports::disabled());
        Self { sequence, reports, ..Self::new(times, identity, epoch) }
    }

    /// Sets the reading of both clocks from which the NTP times of sender reports count, after one of them has jumped.
    pub fn set_epoch(&mut self, epoch: Epoch) {
        self.clock.set_epoch(epoch);
        self.reports.handle_clock_jump();
    }

    /// Synchronization source identifier of the stream.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Returns true if a PLAY is in progress.
    pub fn is_playing(&self) -> bool {
        self.active_play.is_some()
    }

    /// Next frame to send.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// First frame after the end of the PLAY in progress; `None` if the end is not known, and if no PLAY is in
    /// progress.
    pub fn end(&self) -> Option<u64> {
        self.active_play.as_ref()?.end
    }

    /// Starts a PLAY with frame `from`, or the current one if it is `None`, up to but not including frame `end`, or
    /// to the end of the file.
    pub fn play(
        &mut self,
        now: Instant,
        from: Option<u64>,
        end: Option<u64>,
        playback_speed: PlaybackSpeed,
    ) -> PlayStart {
        self.position = from.unwrap_or(self.position);
        self.start_play(now, end, None, playback_speed)
    }

    /// Continues the PLAY in progress from the current frame at another speed, with the same end. A frame of which
    /// some packets have not been sent is sent again.
    pub fn change_playback_speed(&mut self, now: Instant, playback_speed: PlaybackSpeed) -> PlayStart {
        match &self.active_play {
            Some(ActivePlay { end, pause_frame, .. }) => {
                self.start_play(now, *end, *pause_frame, playback_speed)
            }
            None => self.play_start(),
        }
    }

    fn start_play(
        &mut self,
        now: Instant,
        end: Option<u64>,
        pause_frame: Option<u64>,
        playback_speed: PlaybackSpeed,
    ) -> PlayStart {
        let send_rate = playback_speed.send_rate(self.times.rate());
        let origin = self.phase_grid.map_or(now, |grid| grid.next_step(now, send_rate));
        let first_tick = self.clock.tick_at(origin);
        let mut play = ActivePlay::new(self.times.clone(), origin, self.position, first_tick, playback_speed);
        (play.end, play.pause_frame) = (end, pause_frame);
        self.active_play = Some(play);
        if let Some(retransmissions) = &mut self.retransmissions {
            retransmissions.clear();
        }
        if let Some(parity) = &mut self.parity {
            parity.clear();
        }
        self.reports.handle_play(now);
        self.play_start()
    }

    /// Properties of the packets that are sent next.
    pub fn play_start(&self) -> PlayStart {
        let (tick, end, playback_speed) = match &self.active_play {
            Some(play) => (play.tick_of(self.position), play.stop_frame(), play.playback_speed),
            None => (self.clock.earliest_tick(), None, PlaybackSpeed::default()),
        };
        let (frame, sequence) = (self.position, self.sequence.next());
        PlayStart { frame, sequence, timestamp: self.clock.timestamp(tick), end, playback_speed }
    }

    /// Schedules a pause before this frame (PAUSE with a Range header, RFC 2326 §10.6). Replaces an earlier one; has
    /// no effect at or after the end of the PLAY.
    pub fn pause_before(&mut self, frame: u64) {
        if let Some(play) = &mut self.active_play {
            play.pause_frame = Some(frame).filter(|frame| play.end.is_none_or(|end| *frame < end));
        }
    }

    /// Pauses at this frame.
    pub fn stop_at(&mut self, frame: u64) {
        self.active_play = None;
        self.position = frame;
    }

    /// Pauses at once. A frame of which some packets have not been sent is sent again by the next PLAY.
    pub fn pause(&mut self) {
        self.active_play = None;
    }

    /// Handles RTCP of the receiver. The response to a receiver reference time (RFC 3611 §4.4) is sent with the next
    /// sender report.
    pub fn handle_rtcp(&mut self, now: Instant, packets: &[RtcpPacket]) {
        self.reports.handle_rtcp(now, packets);
        let Some(retransmissions) = &mut self.retransmissions else { return };
        for packet in packets {
            if let RtcpPacket::GenericNack { media_ssrc, lost, .. } = packet
                && *media_ssrc == self.ssrc
            {
                retransmissions.handle_nack(now, lost);
            }
        }
    }

    /// Returns the number of frames that were skipped because they were late, and counts from 0 again.
    pub fn take_late_frames(&mut self) -> u64 {
        std::mem::take(&mut self.late_frames)
    }

    /// Provides the packets of a frame requested by [`StreamOutput::Fetch`].
    pub fn provide_frame(&mut self, frame: u64, packets: Arc<PacketizedFrame>) {
        let quality = packets.quantization_tables().map(|tables| self.table_qualities.quality(tables));
        if let Some(play) = self.play_fetching(frame) {
            play.frame_state = FrameState::Sending(FrameTransmission::new(packets, quality));
        }
    }

    /// Skips a requested frame that cannot be sent in the payload format of the session.
    pub fn skip_frame(&mut self, frame: u64) {
        if let Some(play) = self.play_fetching(frame) {
            play.frame_state = FrameState::Due;
            self.advance();
        }
    }

    /// Ends the PLAY before a requested frame, because the file has no such frame.
    pub fn end_at(&mut self, frame: u64) {
        if let Some(play) = self.play_fetching(frame) {
            play.frame_state = FrameState::Due;
            play.end = Some(frame);
        }
    }

    /// The PLAY in progress, if it waits for this frame.
    fn play_fetching(&mut self, frame: u64) -> Option<&mut ActivePlay> {
        let is_next = self.position == frame;
        self.active_play.as_mut().filter(|play| is_next && matches!(play.frame_state, FrameState::Fetching))
    }

    /// Moves to the next frame of the schedule, but not beyond the stop frame. The last frame of the range is sent even
    /// where Scale would skip it: it stays on the screen.
    fn advance(&mut self) {
        let Some(play) = &self.active_play else { return };
        let mut next = play.pacer.next_frame(self.position);
        if let Some(stop) = play.stop_frame() {
            let last = stop.saturating_sub(1);
            let skips_last = next >= stop && self.position < last && play.is_end_of_stream();
            next = if skips_last { last } else { next.min(stop) };
        }
        self.skip_frames(next.saturating_sub(self.position));
    }

    fn skip_frames(&mut self, count: u64) {
        self.position += count;
        self.sequence.record_frames(count);
    }

    /// Returns what to do now. Call it again after each output, until it returns [`StreamOutput::Wait`] or
    /// [`StreamOutput::Idle`].
    pub fn poll_output(&mut self, now: Instant) -> StreamOutput {
        if self.active_play.is_none() || !self.has_pending_repair() {
            return self.poll_play(now);
        }
        let Some(next_burst) = self.burst_limiter.wait_until(now, 1) else {
            let repair = self.next_parity_packet(now).or_else(|| self.next_retransmission(now));
            return repair.unwrap_or_else(|| self.poll_play(now));
        };
        match self.poll_play(now) {
            StreamOutput::Wait(until) => StreamOutput::Wait(until.min(next_burst)),
            StreamOutput::Idle => StreamOutput::Wait(next_burst),
            output => output,
        }
    }

    fn has_pending_repair(&self) -> bool {
        self.retransmissions.as_ref().is_some_and(Retransmissions::has_pending)
            || self.parity.as_ref().is_some_and(ParityPackets::has_pending)
    }

    fn next_retransmission(&mut self, now: Instant) -> Option<StreamOutput> {
        let retransmissions = self.retransmissions.as_mut()?;
        let retransmission = retransmissions.next_packet(now)?;
        self.burst_limiter.record_packets(now, 1);
        self.reports.record_repair(retransmissions.ssrc(), retransmission.payload_bytes);
        Some(StreamOutput::Retransmission(retransmission.bytes))
    }

    fn next_parity_packet(&mut self, now: Instant) -> Option<StreamOutput> {
        let parity = self.parity.as_mut()?;
        let packet = parity.next_packet()?;
        self.burst_limiter.record_packets(now, 1);
        self.reports.record_repair(parity.ssrc(), packet.payload_bytes);
        Some(StreamOutput::Parity(packet.bytes))
    }

    /// Returns what the PLAY in progress demands now.
    fn poll_play(&mut self, now: Instant) -> StreamOutput {
        let max_length = self.max_batch_length();
        let Some(play) = &mut self.active_play else { return StreamOutput::Idle };
        let stop = play.stop_frame();
        match &mut play.frame_state {
            FrameState::Fetching => StreamOutput::Idle,
            FrameState::Due if stop.is_some_and(|stop| self.position >= stop) => self.finish(now),
            FrameState::Due => {
                self.skip_late_frames(now);
                self.request_frame()
            }
            FrameState::Sending(transmission) => {
                let burst = (&self.burst_limiter, max_length);
                let due = transmission.wait_until(now, &play.pacer, self.position, burst);
                match due {
                    Some(due) if due < now + LONG_WAIT => StreamOutput::Wait(due),
                    _ if self.reports.is_due(now) => self.next_report(now),
                    Some(due) => self.wait_long(now, due),
                    None => self.next_batch(now).map_or(StreamOutput::Idle, StreamOutput::Rtp),
                }
            }
        }
    }

    fn next_report(&mut self, now: Instant) -> StreamOutput {
        let time = self.report_time(now);
        StreamOutput::Rtcp(self.reports.next_report(now, time))
    }

    /// Waits for a packet that is due at `due`, and sends reports until then.
    fn wait_long(&mut self, now: Instant, due: Instant) -> StreamOutput {
        let last_sent_at = self.active_play.as_ref().and_then(|play| play.last_sent_at);
        match self.reports.handle_long_wait(last_sent_at.map_or(now, |sent| sent + BYE_DELAY)) {
            Some(report_at) if report_at <= now => self.next_report(now),
            report_at => StreamOutput::Wait(report_at.map_or(due, |report_at| report_at.min(due))),
        }
    }

    /// Returns a compound RTCP packet with BYE for a session that is over; `None` if no packet was ever sent, if BYE
    /// has been sent since the last PLAY, and for classroom programs.
    pub fn bye(&mut self, now: Instant) -> Option<Vec<u8>> {
        let time = self.report_time(now);
        self.reports.bye(time)
    }

    /// Waits for the interval of the last frame, sends BYE at the end of the stream, and ends the PLAY.
    fn finish(&mut self, now: Instant) -> StreamOutput {
        let Some(play) = &self.active_play else { return StreamOutput::Idle };
        let is_end_of_stream = play.is_end_of_stream();
        let earliest_bye = play.last_sent_at.filter(|_| is_end_of_stream).map(|sent| sent + BYE_DELAY);
        let due = play.pacer.end_before(self.position).max(earliest_bye.unwrap_or(now));
        if now + LONG_WAIT <= due {
            return self.wait_long(now, due);
        }
        if now < due {
            return StreamOutput::Wait(due);
        }
        let bye = if is_end_of_stream { self.bye(now) } else { None };
        match bye {
            Some(bye) => StreamOutput::Rtcp(bye),
            None => {
                self.active_play = None;
                StreamOutput::Ended
            }
        }
    }

    fn skip_late_frames(&mut self, now: Instant) {
        let Some(play) = &self.active_play else { return };
        if now.saturating_duration_since(play.pacer.due(self.position)) > MAX_LAG {
            let current = play.pacer.frame_at(now);
            let next = play.stop_frame().map_or(current, |stop| current.min(stop.saturating_sub(1)));
            let skipped = play.pacer.send_index(next).saturating_sub(play.pacer.send_index(self.position));
            self.late_frames = self.late_frames.saturating_add(skipped);
            self.skip_frames(next.saturating_sub(self.position));
        }
    }

    fn request_frame(&mut self) -> StreamOutput {
        if let Some(play) = &mut self.active_play {
            play.frame_state = FrameState::Fetching;
        }
        StreamOutput::Fetch(self.position)
    }

    fn next_batch(&mut self, now: Instant) -> Option<PacketBatch> {
        let max_length = self.max_batch_length();
        let play = self.active_play.as_mut()?;
        let tick = play.tick_of(self.position);
        let fields = HeaderFields {
            sequence: self.sequence.next(),
            timestamp: self.clock.timestamp(tick),
            ssrc: self.ssrc,
        };
        let batch = play.next_batch(now, fields, max_length)?;
        self.clock.set_earliest_tick(tick + play.pacer.interval_ticks(self.position));
        self.burst_limiter.record_packets(now, batch.packet_count());
        self.reports.record_packets(batch.packet_count(), batch.payload_bytes());
        self.record_for_repair(now, &batch, fields.timestamp);
        self.sequence.record_packets(batch.packet_count());
        if batch.remaining() == 0 {
            self.advance();
        }
        Some(batch)
    }

    /// Keeps packets for retransmission, and adds them to the parity packets.
    fn record_for_repair(&mut self, now: Instant, batch: &PacketBatch, timestamp: u32) {
        if self.retransmissions.is_none() && self.parity.is_none() {
            return;
        }
        for ((packet, sequence), following) in batch.packets().zip(batch.sequences()).zip(1..) {
            let bytes = packet.to_vec();
            if let Some(parity) = &mut self.parity {
                let remaining = batch.remaining() + batch.packet_count() - following;
                parity.record_packet(&bytes, timestamp, remaining);
            }
            if let Some(retransmissions) = &mut self.retransmissions {
                retransmissions.record_packet(now, sequence, bytes);
            }
        }
    }

    /// Both clocks at an instant. During a PLAY the RTP clock is that of the PLAY, which may be ahead of the wall
    /// clock.
    fn report_time(&self, now: Instant) -> ReportTime {
        let tick = match &self.active_play {
            Some(play) => play.tick_at(now),
            None => self.clock.tick_at(now),
        };
        ReportTime { ntp: self.clock.ntp_at(now), rtp_timestamp: self.clock.timestamp(tick) }
    }
}
