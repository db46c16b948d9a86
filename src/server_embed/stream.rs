//! PURE. The RTP stream of one session: from the frames that are due to the packets that leave.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::pacer::{BurstLimiter, Pacer, duration_to_ticks};
use super::playback_speed::PlaybackSpeed;
use crate::media::FrameRate;
use crate::media::payload::PacketizedFrame;
use crate::proto::rtcp::{self, Epoch, ExtendedReportBlock, RtcpPacket, SenderInfo};

/// What a stream is called and where its counters begin. RFC 3550 §5.1 wants all of it random.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The synchronisation source.
    pub ssrc: u32,
    /// Of the first packet.
    pub first_sequence: u16,
    /// Of the instant at which the stream is made.
    pub first_timestamp: u32,
    /// The canonical name (RFC 7022 wants it to say nothing of the machine).
    pub cname: String,
}

/// What the stream wants now.
#[derive(Debug)]
pub enum StreamOutput {
    /// The packets of this frame, by [`Stream::provide`] or [`Stream::end_at`].
    Fetch(u64),
    /// Send this RTP packet.
    Rtp(Vec<u8>),
    /// Send this RTCP packet.
    Rtcp(Vec<u8>),
    /// The last frame has had its time; the stream stands still behind it.
    Ended,
    /// Nothing before this instant.
    Wait(Instant),
    /// Nothing before the next call.
    Idle,
}

/// What a PLAY will bring, for its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlayStart {
    /// The first frame.
    pub frame: u64,
    /// The sequence number of its first packet.
    pub sequence: u16,
    /// Its timestamp.
    pub timestamp: u32,
    /// The first frame that does not come any more, if that is known.
    pub end: Option<u64>,
    /// How fast it runs.
    pub playback_speed: PlaybackSpeed,
}

/// One session's stream.
///
/// Timestamps run with the clock on the wall, over pauses and seeks as well, and sequence numbers go on: what plays
/// the stream sees one continuous source (RFC 2326 appendix B). At another Speed they run as much faster or slower, and
/// from then on they are ahead of the wall, or catch up with it at the next PLAY.
#[derive(Debug)]
pub struct RtpStream {
    rate: FrameRate,
    identity: Identity,
    epoch: Epoch,
    next_sequence: u16,
    /// The frame with which a PLAY goes on.
    position: u64,
    /// The tick, counted from the first timestamp, that is taken next at the earliest.
    earliest_tick: u64,
    active_play: Option<ActivePlay>,
    packet_count: u32,
    payload_bytes: u32,
    next_report_at: Option<Instant>,
    last_report_at: Option<Instant>,
    /// A player wants to know how long a round trip takes.
    receiver_reference: Option<ReceiverReference>,
    is_bye_sent: bool,
    numbering: Numbering,
}

/// What a player has sent to be sent back (RFC 3611 §4.4).
#[derive(Debug, Clone, Copy)]
struct ReceiverReference {
    ssrc: u32,
    last_rr: u32,
    arrived_at: Instant,
}

/// What sequence numbers count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Numbering {
    /// The packets that leave.
    Packets,
    /// The frames of the film, also those that are passed over: a classroom program takes the number for that of the
    /// frame. It knows no RTCP either.
    Frames,
}

/// One PLAY.
#[derive(Debug)]
struct ActivePlay {
    pacer: Pacer,
    playback_speed: PlaybackSpeed,
    /// The tick of its first frame.
    first_tick: u64,
    /// The first frame that does not belong to it any more; `None` while the film's end is not known.
    end: Option<u64>,
    /// The frame before which it stops, as a PAUSE has asked for in advance. That is not the end of the stream.
    pause_frame: Option<u64>,
    frame_state: FrameState,
    /// When its latest packet left.
    last_sent_at: Option<Instant>,
}

#[derive(Debug)]
enum FrameState {
    /// The frame at the position has not been asked for.
    Due,
    /// It has been asked for and has not come.
    Fetching,
    /// It is here.
    Sending(FrameTransmission),
}

#[derive(Debug)]
struct FrameTransmission {
    frame: Arc<PacketizedFrame>,
    /// Packets that are gone.
    next_packet: usize,
    /// When the first of them left, or may leave; and the bursts since.
    pacing: Option<(Instant, BurstLimiter)>,
}

/// From one sender report to the next (RFC 3550 §6.2 asks for at least five seconds).
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// From one sender report to the next, when a player has asked for one.
const REQUESTED_REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// From the last packet to the goodbye. Players read RTCP before RTP, and leave what has not been read when they are
/// told that nothing more comes.
const BYE_DELAY: Duration = Duration::from_millis(100);

/// Further behind than this the stream gives up frames: the way out is too slow for the film, or the machine slept.
const MAX_LAG: Duration = Duration::from_secs(1);

impl RtpStream {
    /// A stream that stands still at frame 0.
    pub fn new(rate: FrameRate, identity: Identity, epoch: Epoch) -> Self {
        Self {
            rate,
            next_sequence: identity.first_sequence,
            earliest_tick: 0,
            identity,
            epoch,
            position: 0,
            active_play: None,
            packet_count: 0,
            payload_bytes: 0,
            next_report_at: None,
            last_report_at: None,
            receiver_reference: None,
            is_bye_sent: false,
            numbering: Numbering::Packets,
        }
    }

    /// A stream for a classroom program: each frame is one packet, whose sequence number is that of the frame, from 1
    /// on. It goes on where the film begins anew, because the programs drop what is numbered lower than what they had.
    pub fn classroom(rate: FrameRate, identity: Identity, epoch: Epoch) -> Self {
        let identity = Identity { first_sequence: 1, ..identity };
        Self { numbering: Numbering::Frames, ..Self::new(rate, identity, epoch) }
    }

    /// Who sends.
    pub fn ssrc(&self) -> u32 {
        self.identity.ssrc
    }

    /// Whether frames are leaving.
    pub fn is_playing(&self) -> bool {
        self.active_play.is_some()
    }

    /// The frame that is sent next.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The first frame that the running PLAY does not bring; `None` where that is not known, and where nothing runs.
    pub fn end(&self) -> Option<u64> {
        self.active_play.as_ref()?.end
    }

    /// Begins with a frame, or goes on at the current one; up to `end`, or to the end of the film.
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

    /// Goes on at the current frame at another tempo, up to where it was to go. A frame of which some packets have not
    /// left is sent anew.
    pub fn change_playback_speed(&mut self, now: Instant, playback_speed: PlaybackSpeed) -> PlayStart {
        match &self.active_play {
            Some(ActivePlay { end, pause_frame: pauses_before, .. }) => {
                self.start_play(now, *end, *pauses_before, playback_speed)
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
        self.active_play = Some(ActivePlay {
            pacer: Pacer::new(self.rate, now, self.position, playback_speed),
            playback_speed,
            first_tick: self.tick_at(now),
            end,
            pause_frame,
            frame_state: FrameState::Due,
            last_sent_at: None,
        });
        self.next_report_at = (self.numbering == Numbering::Packets).then_some(now);
        self.is_bye_sent = false;
        self.play_start()
    }

    /// What is sent next.
    pub fn play_start(&self) -> PlayStart {
        let (tick, end, playback_speed) = match &self.active_play {
            Some(run) => (run.tick_of(self.position), run.stop_frame(), run.playback_speed),
            None => (self.earliest_tick, None, PlaybackSpeed::default()),
        };
        let (frame, sequence) = (self.position, self.next_sequence);
        PlayStart { frame, sequence, timestamp: self.timestamp(tick), end, playback_speed }
    }

    /// Stops before this frame, as a PAUSE with a Range asks for, and no more where one before it asked. Frames from the
    /// end on that PLAY gave are not reached.
    pub fn pause_before(&mut self, frame: u64) {
        if let Some(run) = &mut self.active_play {
            run.pause_frame = Some(frame).filter(|frame| run.end.is_none_or(|end| *frame < end));
        }
    }

    /// Stands still at this frame.
    pub fn stop_at(&mut self, frame: u64) {
        self.active_play = None;
        self.position = frame;
    }

    /// Stops at once. A frame of which some packets have not left is sent anew by the next PLAY.
    pub fn pause(&mut self) {
        self.active_play = None;
    }

    /// A player has sent RTCP. What it wants to measure a round trip with is answered soon, with the next report.
    pub fn handle_rtcp(&mut self, now: Instant, packets: &[RtcpPacket]) {
        for packet in packets {
            if let RtcpPacket::ExtendedReport {
                ssrc,
                block: ExtendedReportBlock::ReceiverReferenceTime(ntp),
            } = packet
            {
                self.receiver_reference =
                    Some(ReceiverReference { ssrc: *ssrc, last_rr: ntp.middle_bits(), arrived_at: now });
                let earliest =
                    self.last_report_at.map_or(now, |at| (at + REQUESTED_REPORT_INTERVAL).max(now));
                self.next_report_at = self.next_report_at.map(|due| due.min(earliest));
            }
        }
    }

    /// Here are the packets of a frame that was asked for.
    pub fn provide_frame(&mut self, frame: u64, packets: Arc<PacketizedFrame>) {
        if let Some(run) = self.play_fetching(frame) {
            run.frame_state =
                FrameState::Sending(FrameTransmission { frame: packets, next_packet: 0, pacing: None });
        }
    }

    /// A frame that was asked for cannot be sent in this form, and is passed over.
    pub fn skip_frame(&mut self, frame: u64) {
        if let Some(run) = self.play_fetching(frame) {
            run.frame_state = FrameState::Due;
            self.advance();
        }
    }

    /// To the next frame that leaves, but not beyond the end.
    fn advance(&mut self) {
        let Some(run) = &self.active_play else { return };
        let next = run.pacer.next_frame(self.position);
        let next = run.stop_frame().map_or(next, |stop| next.min(stop));
        self.skip_frames(next.saturating_sub(self.position));
    }

    fn skip_frames(&mut self, count: u64) {
        self.position += count;
        if self.numbering == Numbering::Frames {
            // Counts modulo 2^16.
            self.next_sequence = self.next_sequence.wrapping_add(count as u16);
        }
    }

    /// There is no such frame: the film ends before it.
    pub fn end_at(&mut self, frame: u64) {
        if let Some(run) = self.play_fetching(frame) {
            run.frame_state = FrameState::Due;
            run.end = Some(frame);
        }
    }

    /// The run, if it waits for this frame.
    fn play_fetching(&mut self, frame: u64) -> Option<&mut ActivePlay> {
        let is_next = self.position == frame;
        self.active_play.as_mut().filter(|run| is_next && matches!(run.frame_state, FrameState::Fetching))
    }

    /// What is to be done now. Call again after each thing done, until [`Output::Wait`] or [`Output::Idle`].
    pub fn poll_output(&mut self, now: Instant) -> StreamOutput {
        let Some(run) = &mut self.active_play else { return StreamOutput::Idle };
        let stop = run.stop_frame();
        match &mut run.frame_state {
            FrameState::Fetching => StreamOutput::Idle,
            FrameState::Due if stop.is_some_and(|stop| self.position >= stop) => self.finish(now),
            FrameState::Due => {
                self.skip_late_frames(now);
                self.request_frame()
            }
            FrameState::Sending(sending) => {
                if let Some(due) = sending.wait_until(now, &run.pacer, self.position) {
                    return StreamOutput::Wait(due);
                }
                if self.next_report_at.is_some_and(|due| now >= due) {
                    return StreamOutput::Rtcp(self.compound_report(now));
                }
                StreamOutput::Rtp(self.next_packet(now))
            }
        }
    }

    /// RTCP for a stream that is torn down; empty if it was never heard, or has said so already.
    pub fn bye(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.packet_count == 0 || self.is_bye_sent || self.numbering == Numbering::Frames {
            return None;
        }
        self.is_bye_sent = true;
        let packet = RtcpPacket::Bye { ssrcs: vec![self.identity.ssrc] };
        Some(rtcp::encode(&[self.sender_report_packet(now), self.source_description(), packet]))
    }

    /// The last frame is on the screen for its whole interval before the film is over.
    fn finish(&mut self, now: Instant) -> StreamOutput {
        let Some(run) = &self.active_play else { return StreamOutput::Idle };
        let earliest_bye = run.last_sent_at.filter(|_| run.is_end_of_stream()).map(|sent| sent + BYE_DELAY);
        let due = run.pacer.due(self.position).max(earliest_bye.unwrap_or(now));
        if now < due {
            return StreamOutput::Wait(due);
        }
        let bye = if run.is_end_of_stream() { self.bye(now) } else { None };
        match bye {
            Some(bye) => StreamOutput::Rtcp(bye),
            None => {
                self.active_play = None;
                StreamOutput::Ended
            }
        }
    }

    fn skip_late_frames(&mut self, now: Instant) {
        let Some(run) = &self.active_play else { return };
        if now.saturating_duration_since(run.pacer.due(self.position)) > MAX_LAG {
            let current = run.pacer.frame_at(now);
            let next = run.stop_frame().map_or(current, |stop| current.min(stop.saturating_sub(1)));
            self.skip_frames(next.saturating_sub(self.position));
        }
    }

    fn request_frame(&mut self) -> StreamOutput {
        if let Some(run) = &mut self.active_play {
            run.frame_state = FrameState::Fetching;
        }
        StreamOutput::Fetch(self.position)
    }

    fn next_packet(&mut self, now: Instant) -> Vec<u8> {
        let mut packet = Vec::new();
        let Some(run) = &mut self.active_play else { return packet };
        let tick = run.tick_of(self.position);
        let timestamp = self.identity.first_timestamp.wrapping_add(tick as u32);
        let FrameState::Sending(sending) = &mut run.frame_state else { return packet };
        sending.frame.write_packet(
            sending.next_packet,
            self.next_sequence,
            timestamp,
            self.identity.ssrc,
            &mut packet,
        );
        let payload = sending.frame.payload_length(sending.next_packet);
        let is_last = sending.record_packet(now);
        run.last_sent_at = Some(now);
        if is_last {
            run.frame_state = FrameState::Due;
        }
        self.earliest_tick = tick + run.pacer.interval_ticks();
        self.packet_count = self.packet_count.wrapping_add(1);
        self.payload_bytes = self.payload_bytes.wrapping_add(payload as u32);
        if self.numbering == Numbering::Packets {
            self.next_sequence = self.next_sequence.wrapping_add(1);
        }
        if is_last {
            self.advance();
        }
        packet
    }

    /// The tick of an instant, but never one that was taken before.
    fn tick_at(&self, now: Instant) -> u64 {
        duration_to_ticks(now.saturating_duration_since(self.epoch.instant)).max(self.earliest_tick)
    }

    /// Wraps, as timestamps do.
    fn timestamp(&self, tick: u64) -> u32 {
        self.identity.first_timestamp.wrapping_add(tick as u32)
    }

    fn compound_report(&mut self, now: Instant) -> Vec<u8> {
        self.next_report_at = Some(now + REPORT_INTERVAL);
        self.last_report_at = Some(now);
        let dlrr = self.receiver_reference.take().map(|reference| RtcpPacket::ExtendedReport {
            ssrc: self.identity.ssrc,
            block: reference.dlrr_block(now),
        });
        let packets: Vec<_> =
            [self.sender_report_packet(now), self.source_description()].into_iter().chain(dlrr).collect();
        rtcp::encode(&packets)
    }

    fn sender_report_packet(&self, now: Instant) -> RtcpPacket {
        let elapsed = now.saturating_duration_since(self.epoch.instant);
        let tick = match &self.active_play {
            // The clock of the frames that are leaving, which may be ahead of that of the epoch.
            Some(run) => run.tick_at(now),
            None => self.tick_at(now),
        };
        let info = SenderInfo {
            ntp: self.epoch.ntp.plus(elapsed),
            rtp_timestamp: self.timestamp(tick),
            packet_count: self.packet_count,
            octet_count: self.payload_bytes,
        };
        RtcpPacket::SenderReport { ssrc: self.identity.ssrc, info, blocks: Vec::new() }
    }

    fn source_description(&self) -> RtcpPacket {
        RtcpPacket::SourceDescription { ssrc: self.identity.ssrc, cname: self.identity.cname.clone() }
    }
}

impl ReceiverReference {
    fn dlrr_block(&self, now: Instant) -> ExtendedReportBlock {
        let delay = rtcp::dlsr_units(now.saturating_duration_since(self.arrived_at));
        ExtendedReportBlock::Dlrr { ssrc: self.ssrc, last_rr: self.last_rr, delay_since_last_rr: delay }
    }
}

impl FrameTransmission {
    /// When the next packet may leave, if not now.
    fn wait_until(&mut self, now: Instant, pacer: &Pacer, frame: u64) -> Option<Instant> {
        // A frame that was read too late is spread like any other, from when it is there.
        let begin = || pacer.due(frame).max(now);
        let (started_at, burst_limiter) =
            self.pacing.get_or_insert_with(|| (begin(), BurstLimiter::new(begin(), pacer.max_spread())));
        let due = *started_at + pacer.packet_offset(frame, self.next_packet, self.frame.packets().len());
        if now < due {
            return Some(due);
        }
        burst_limiter.wait_until(now)
    }

    /// One packet more is gone; whether it was the last.
    fn record_packet(&mut self, now: Instant) -> bool {
        self.next_packet += 1;
        if let Some((_, burst_limiter)) = &mut self.pacing {
            burst_limiter.record_packet(now);
        }
        self.next_packet == self.frame.packets().len()
    }
}

impl ActivePlay {
    /// The first frame that does not leave; `None` while that is not known.
    fn stop_frame(&self) -> Option<u64> {
        self.pause_frame.into_iter().chain(self.end).min()
    }

    /// Whether it stops because nothing more comes, and not because a PAUSE was asked for in advance.
    fn is_end_of_stream(&self) -> bool {
        self.pause_frame.is_none_or(|pause| self.end.is_some_and(|end| end <= pause))
    }

    fn tick_of(&self, frame: u64) -> u64 {
        self.first_tick + self.pacer.ticks(frame)
    }

    fn tick_at(&self, now: Instant) -> u64 {
        self.first_tick + self.pacer.ticks_at(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::payload::{PayloadFormat, packetize};
    use crate::proto::rtcp::NtpTime;
    use crate::proto::rtp::Packet;
    use crate::proto::rtsp::Factor;

    fn frame(length: usize) -> Arc<PacketizedFrame> {
        frame_with_form(PayloadFormat::OriginalHeader, length)
    }

    /// A picture of `length` bytes of data and nothing else that matters.
    fn frame_with_form(form: PayloadFormat, length: usize) -> Arc<PacketizedFrame> {
        let mut jpeg = vec![0xFF, 0xD8, 0xFF, 0xC0, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0];
        jpeg.extend_from_slice(&[0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0]);
        jpeg.resize(jpeg.len() + length, 0x55);
        jpeg.extend_from_slice(&[0xFF, 0xD9]);
        Arc::new(packetize(&jpeg, form).unwrap())
    }

    fn stream(now: Instant) -> RtpStream {
        let identity = Identity {
            ssrc: 7,
            first_sequence: 65_534,
            first_timestamp: u32::MAX - 100,
            cname: "x".to_owned(),
        };
        RtpStream::new(FrameRate::per_second(20), identity, Epoch { instant: now, ntp: NtpTime(1 << 32) })
    }

    /// Runs the stream on a clock of its own; every packet with the time at which it left.
    fn send_until(
        stream: &mut RtpStream,
        from: Instant,
        until: Instant,
        frames: u64,
    ) -> Vec<(Duration, Packet)> {
        let (mut now, mut sent) = (from, Vec::new());
        while now < until {
            match stream.poll_output(now) {
                StreamOutput::Fetch(index) if index < frames => stream.provide_frame(index, frame(3_000)),
                StreamOutput::Fetch(index) => stream.end_at(index),
                StreamOutput::Rtp(bytes) => sent.push((now - from, Packet::parse(bytes.into()).unwrap())),
                StreamOutput::Rtcp(_) => {}
                StreamOutput::Wait(due) => now = due,
                StreamOutput::Idle | StreamOutput::Ended => break,
            }
        }
        sent
    }

    #[test]
    fn frames_follow_media_clock_and_packets_are_spread() {
        let now = Instant::now();
        let mut stream = stream(now);
        let start = stream.play(now, None, Some(3), PlaybackSpeed::default());
        assert_eq!((start.frame, start.sequence, start.timestamp), (0, 65_534, u32::MAX - 100));
        let sent = send_until(&mut stream, now, now + Duration::from_secs(10), 3);
        let times: Vec<_> = sent.iter().map(|(at, _)| at.as_micros()).collect();
        assert_eq!(times, [0, 0, 0, 50_000, 52_666, 55_333, 100_000, 102_666, 105_333]);
        let sequences: Vec<_> = sent.iter().map(|(_, p)| p.header.sequence).collect();
        assert_eq!(sequences, [65_534, 65_535, 0, 1, 2, 3, 4, 5, 6]);
        let marks: Vec<_> = sent.iter().map(|(_, p)| p.header.marker).collect();
        assert_eq!(marks, [false, false, true, false, false, true, false, false, true]);
        assert_eq!(sent[3].1.header.timestamp, (u32::MAX - 100).wrapping_add(4_500));
        assert!(!stream.is_playing());
        assert_eq!(stream.position(), 3);
    }

    #[test]
    fn bye_is_sent_after_last_frame_interval_and_bye_delay() {
        let now = Instant::now();
        let mut stream = stream(now);
        stream.play(now, None, None, PlaybackSpeed::default());
        let sent = send_until(&mut stream, now, now + Duration::from_millis(90), 2);
        let StreamOutput::Wait(due) = stream.poll_output(now + Duration::from_millis(90)) else { panic!() };
        assert!(due - now >= Duration::from_millis(100), "two intervals");
        assert_eq!(due - now, sent.last().unwrap().0 + BYE_DELAY);
        let StreamOutput::Rtcp(bytes) = stream.poll_output(due) else { panic!() };
        let packets = rtcp::parse(&bytes).unwrap();
        assert!(matches!(
            packets[0],
            RtcpPacket::SenderReport { info: SenderInfo { packet_count: 6, .. }, .. }
        ));
        assert_eq!(packets[2], RtcpPacket::Bye { ssrcs: vec![7] });
        assert!(matches!(stream.poll_output(due), StreamOutput::Ended));
        assert!(stream.bye(due).is_none());
    }

    #[test]
    fn second_scheduled_pause_replaces_the_first() {
        let now = Instant::now();
        for (pauses, position) in [(&[5, 7][..], 7), (&[7, 5], 5), (&[5, 10], 10)] {
            let mut stream = stream(now);
            stream.play(now, None, Some(10), PlaybackSpeed::default());
            pauses.iter().for_each(|frame| stream.pause_before(*frame));
            send_until(&mut stream, now, now + Duration::from_secs(1), 10);
            assert_eq!((stream.position(), stream.is_playing()), (position, false));
            assert_eq!(stream.bye(now).is_none(), position == 10, "the end has said so, a pause has not");
        }
    }

    #[test]
    fn sender_report_counts_only_payload_bytes() {
        let now = Instant::now();
        let mut stream = stream(now);
        stream.play(now, None, Some(2), PlaybackSpeed::default());
        let sent = send_until(&mut stream, now, now + Duration::from_millis(60), 2);
        let RtcpPacket::SenderReport { info, .. } = stream.sender_report_packet(now) else { panic!() };
        let payload: usize = sent.iter().map(|(_, packet)| packet.payload.len()).sum();
        assert!(sent.iter().any(|(_, packet)| packet.extension.is_some()));
        assert_eq!((info.packet_count, info.octet_count), (sent.len() as u32, payload as u32));
    }

    #[test]
    fn play_after_mid_frame_pause_resends_frame_with_wall_clock_timestamp() {
        let now = Instant::now();
        let mut stream = stream(now);
        stream.play(now, None, None, PlaybackSpeed::default());
        send_until(&mut stream, now, now + Duration::from_millis(51), 10);
        stream.pause();
        assert_eq!(stream.position(), 1);
        let later = now + Duration::from_secs(10);
        let start = stream.play(later, None, None, PlaybackSpeed::default());
        assert_eq!(start.timestamp, (u32::MAX - 100).wrapping_add(900_000));
        let sent = send_until(&mut stream, later, later + Duration::from_millis(1), 10);
        assert_eq!(sent.len(), 3);
        assert_eq!(sent[0].1.header.sequence, start.sequence);
        assert_eq!(sent[0].1.header.timestamp, start.timestamp);
    }

    #[test]
    fn reference_time_is_answered_with_early_sender_report() {
        let now = Instant::now();
        let mut stream = stream(now);
        let second = Duration::from_secs(1);
        let ask = |stream: &mut RtpStream, at: Instant, middle: u64| {
            let block = ExtendedReportBlock::ReceiverReferenceTime(NtpTime(middle << 16));
            stream.handle_rtcp(at, &[RtcpPacket::ExtendedReport { ssrc: 5, block }]);
        };
        let mut answers = Vec::new();
        ask(&mut stream, now, 1);
        stream.play(now, None, Some(200), PlaybackSpeed::default());
        let mut at = now;
        while at < now + 4 * second {
            match stream.poll_output(at) {
                StreamOutput::Fetch(index) => stream.provide_frame(index, frame(10)),
                StreamOutput::Rtcp(bytes) => answers.extend(
                    rtcp::parse(&bytes).unwrap().into_iter().filter_map(|packet| match packet {
                        RtcpPacket::ExtendedReport { block, .. } => Some((at - now, block)),
                        _ => None,
                    }),
                ),
                StreamOutput::Wait(due) => {
                    at = due;
                    // At each frame of a second.
                    if (second..2 * second).contains(&(at - now)) {
                        ask(&mut stream, at, 2);
                    }
                }
                StreamOutput::Rtp(_) | StreamOutput::Idle | StreamOutput::Ended => {}
            }
        }
        let answer = |last_reference, delay| ExtendedReportBlock::Dlrr {
            ssrc: 5,
            last_rr: last_reference,
            delay_since_last_rr: delay,
        };
        let expected = [
            (Duration::ZERO, answer(1, 0)),
            (second, answer(2, 0)),
            (2 * second, answer(2, rtcp::dlsr_units(Duration::from_millis(50)))),
        ];
        assert_eq!(answers, expected);
    }

    #[test]
    fn immediate_seek_does_not_reuse_timestamp() {
        let now = Instant::now();
        let mut stream = stream(now);
        stream.play(now, None, None, PlaybackSpeed::default());
        send_until(&mut stream, now, now + Duration::from_millis(1), 10);
        let start = stream.play(now + Duration::from_millis(1), Some(5), None, PlaybackSpeed::default());
        assert_eq!(start.timestamp, (u32::MAX - 100).wrapping_add(4_500));
        assert_eq!(start.frame, 5);
    }

    #[test]
    fn classroom_sequence_numbers_count_frames_across_replays() {
        let now = Instant::now();
        let identity = Identity { ssrc: 7, first_sequence: 9, first_timestamp: 5, cname: "x".to_owned() };
        let epoch = Epoch { instant: now, ntp: NtpTime(1 << 32) };
        let mut stream = RtpStream::classroom(FrameRate::per_second(20), identity, epoch);
        let mut play = |from: Instant, begin: Option<u64>| {
            stream.play(from, begin, None, PlaybackSpeed::default());
            let (mut now, mut numbers) = (from, Vec::new());
            loop {
                match stream.poll_output(now) {
                    // One that cannot be carried, and the end.
                    StreamOutput::Fetch(3) => stream.skip_frame(3),
                    StreamOutput::Fetch(5) => stream.end_at(5),
                    StreamOutput::Fetch(index) => {
                        stream.provide_frame(index, frame_with_form(PayloadFormat::Classroom, 3_000))
                    }
                    StreamOutput::Rtp(bytes) => {
                        let header = Packet::parse(bytes.into()).unwrap().header;
                        assert!(header.marker);
                        numbers.push(header.sequence);
                    }
                    StreamOutput::Rtcp(_) => panic!("a classroom program knows no RTCP"),
                    StreamOutput::Wait(due) => now = due,
                    StreamOutput::Ended => return numbers,
                    StreamOutput::Idle => panic!("no end"),
                }
            }
        };
        assert_eq!(play(now, None), [1, 2, 3, 5]);
        assert_eq!(play(now + Duration::from_secs(1), Some(0)), [6, 7, 8, 10]);
        assert!(stream.bye(now).is_none());
        stream.play(now, Some(0), Some(1_000), PlaybackSpeed::default());
        let late = now + Duration::from_secs(3);
        assert!(matches!(stream.poll_output(late), StreamOutput::Fetch(60)));
        assert_eq!(stream.play_start().sequence, 71);
    }

    #[test]
    fn frames_more_than_a_second_late_are_skipped() {
        let now = Instant::now();
        let mut stream = stream(now);
        stream.play(now, None, Some(1_000), PlaybackSpeed::default());
        assert!(matches!(stream.poll_output(now), StreamOutput::Fetch(0)));
        stream.provide_frame(0, frame(10));
        let late = now + Duration::from_secs(3);
        send_until(&mut stream, late, late + Duration::from_micros(1), 0);
        assert_eq!(stream.position(), 60);
    }

    fn playback_speed(scale: u32, speed: u32) -> PlaybackSpeed {
        PlaybackSpeed { scale: Factor::from_thousandths(scale), speed: Factor::from_thousandths(speed) }
    }

    /// The first packets of the frames that left: after how many milliseconds, and how far from the first on the RTP
    /// clock.
    fn first_packets(sent: &[(Duration, Packet)]) -> Vec<(u128, u32)> {
        let first = sent[0].1.header.timestamp;
        let begins = |at: usize| at == 0 || sent[at - 1].1.header.marker;
        let numbers = (0..sent.len()).filter(|at| begins(*at)).map(|at| &sent[at]);
        numbers.map(|(at, p)| (at.as_millis(), p.header.timestamp.wrapping_sub(first))).collect()
    }

    #[test]
    fn scale_and_speed_apply_until_end_of_stream() {
        let now = Instant::now();
        for (scale, speed, expected, over) in [
            (2_000, 1_000, &[(0, 0), (50, 4_500), (100, 9_000)][..], 150),
            (4_000, 1_000, &[(0, 0), (50, 4_500)], 100),
            (500, 1_000, &[(0, 0), (100, 9_000), (200, 18_000), (300, 27_000), (400, 36_000)], 500),
            (1_000, 5_000, &[(0, 0), (10, 4_500), (20, 9_000), (30, 13_500), (40, 18_000)], 50),
        ] {
            let (mut stream, fresh) = (stream(now), stream(now));
            let start = stream.play(now, None, Some(5), playback_speed(scale, speed));
            assert_eq!((start.end, start.playback_speed), (Some(5), playback_speed(scale, speed)));
            let sent = send_until(&mut stream, now, now + Duration::from_secs(10), 100);
            assert_eq!(first_packets(&sent), expected, "{scale} {speed}");
            assert_eq!((stream.position(), stream.is_playing()), (5, false), "{scale} {speed}");
            let taken = sent.last().unwrap().0 + BYE_DELAY;
            let over = Duration::from_millis(over).max(taken);
            assert_eq!(
                duration_of_five_frames(fresh, now, playback_speed(scale, speed)),
                over,
                "{scale} {speed}"
            );
        }
    }

    /// How long five frames take, with the time that the last one has.
    fn duration_of_five_frames(
        mut stream: RtpStream,
        now: Instant,
        playback_speed: PlaybackSpeed,
    ) -> Duration {
        stream.play(now, None, Some(5), playback_speed);
        let mut at = now;
        loop {
            match stream.poll_output(at) {
                StreamOutput::Fetch(index) => stream.provide_frame(index, frame(3_000)),
                StreamOutput::Wait(due) => at = due,
                StreamOutput::Ended => return at - now,
                StreamOutput::Rtp(_) | StreamOutput::Rtcp(_) | StreamOutput::Idle => {}
            }
        }
    }

    #[test]
    fn speed_change_keeps_end_and_is_reset_by_next_play() {
        let now = Instant::now();
        let ms = Duration::from_millis;
        let mut stream = stream(now);
        stream.play(now, None, Some(40), PlaybackSpeed::default());
        send_until(&mut stream, now, now + ms(510), 100);
        assert_eq!(stream.position(), 11);
        let start = stream.change_playback_speed(now + ms(510), playback_speed(2_000, 1_000));
        assert_eq!((start.frame, start.end), (11, Some(40)));
        assert_eq!(start.timestamp, (u32::MAX - 100).wrapping_add(11 * 4_500), "none is taken twice");
        let sent = send_until(&mut stream, now + ms(510), now + ms(700), 100);
        assert_eq!(first_packets(&sent), [(0, 0), (50, 4_500), (100, 9_000), (150, 13_500)]);
        assert_eq!(stream.position(), 19);
        stream.pause_before(24);
        send_until(&mut stream, now + ms(700), now + ms(2_000), 100);
        assert_eq!((stream.position(), stream.is_playing()), (24, false));
        let start = stream.play(now + ms(2_000), None, None, PlaybackSpeed::default());
        assert_eq!((start.frame, start.playback_speed), (24, PlaybackSpeed::default()));
        let sent = send_until(&mut stream, now + ms(2_000), now + ms(2_060), 100);
        assert_eq!(first_packets(&sent), [(0, 0), (50, 4_500)]);
    }

    /// The clock that sender reports give belongs to the frames that leave, and goes on behind them.
    #[test]
    fn sender_reports_follow_accelerated_clock_without_going_back() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let mut stream = stream(now);
        stream.play(now, None, None, playback_speed(1_000, 4_000));
        let mut at = now;
        let mut reports = Vec::new();
        while at < now + 6 * second {
            match stream.poll_output(at) {
                StreamOutput::Fetch(index) => stream.provide_frame(index, frame(10)),
                StreamOutput::Rtcp(bytes) => {
                    let RtcpPacket::SenderReport { info, .. } = rtcp::parse(&bytes).unwrap()[0] else {
                        panic!()
                    };
                    reports.push(((at - now).as_secs(), info.rtp_timestamp.wrapping_sub(u32::MAX - 100)));
                }
                StreamOutput::Wait(due) => at = due,
                StreamOutput::Rtp(_) | StreamOutput::Idle | StreamOutput::Ended => {}
            }
        }
        assert_eq!(reports, [(0, 0), (5, 4 * 450_000)]);
        stream.pause();
        let later = stream.play(now + 7 * second, None, None, PlaybackSpeed::default());
        let next = (u32::MAX - 100).wrapping_add(4 * 540_000);
        assert_eq!((later.timestamp, later.frame), (next, 480));
    }

    #[test]
    fn late_frames_are_skipped_at_any_speed() {
        let now = Instant::now();
        let mut stream = stream(now);
        stream.play(now, None, Some(1_000), playback_speed(4_000, 2_000));
        let late = now + Duration::from_secs(3);
        assert!(matches!(stream.poll_output(late), StreamOutput::Fetch(480)));
        assert_eq!(stream.play_start().timestamp, (u32::MAX - 100).wrapping_add(2 * 270_000));
    }

    #[test]
    fn skipped_frame_is_followed_by_next_scaled_frame() {
        let now = Instant::now();
        let mut stream = stream(now);
        stream.play(now, None, Some(10), playback_speed(3_000, 1_000));
        assert!(matches!(stream.poll_output(now), StreamOutput::Fetch(0)));
        stream.skip_frame(0);
        assert!(matches!(stream.poll_output(now), StreamOutput::Fetch(3)));
    }
}
