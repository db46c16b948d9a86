//! PURE. The RTP stream of one session: from the frames that are due to the packets that leave.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::pacer::{Bursts, Pacer, ticks};
use super::tempo::Tempo;
use crate::media::FrameRate;
use crate::media::payload::PacketizedFrame;
use crate::proto::rtcp::{self, Epoch, ExtendedBlock, Rtcp, SenderInfo};

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
pub enum Output {
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
pub struct Start {
    /// The first frame.
    pub frame: u64,
    /// The sequence number of its first packet.
    pub sequence: u16,
    /// Its timestamp.
    pub timestamp: u32,
    /// The first frame that does not come any more, if that is known.
    pub end: Option<u64>,
    /// How fast it runs.
    pub tempo: Tempo,
}

/// One session's stream.
///
/// Timestamps run with the clock on the wall, over pauses and seeks as well, and sequence numbers go on: what plays
/// the stream sees one continuous source (RFC 2326 appendix B). At another Speed they run as much faster or slower, and
/// from then on they are ahead of the wall, or catch up with it at the next PLAY.
#[derive(Debug)]
pub struct Stream {
    rate: FrameRate,
    identity: Identity,
    epoch: Epoch,
    next_sequence: u16,
    /// The frame with which a PLAY goes on.
    position: u64,
    /// The tick, counted from the first timestamp, that is taken next at the earliest.
    earliest_tick: u64,
    run: Option<Run>,
    packets: u32,
    octets: u32,
    report_due: Option<Instant>,
    reported_at: Option<Instant>,
    /// A player wants to know how long a round trip takes.
    reference: Option<Reference>,
    said_goodbye: bool,
    numbering: Numbering,
}

/// What a player has sent to be sent back (RFC 3611 §4.4).
#[derive(Debug, Clone, Copy)]
struct Reference {
    ssrc: u32,
    middle: u32,
    arrival: Instant,
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
struct Run {
    pacer: Pacer,
    tempo: Tempo,
    /// The tick of its first frame.
    first_tick: u64,
    /// The first frame that does not belong to it any more; `None` while the film's end is not known.
    end: Option<u64>,
    /// The frame before which it stops, as a PAUSE has asked for in advance. That is not the end of the stream.
    pauses_before: Option<u64>,
    step: Step,
    /// When its latest packet left.
    sent_at: Option<Instant>,
}

#[derive(Debug)]
enum Step {
    /// The frame at the position has not been asked for.
    Due,
    /// It has been asked for and has not come.
    Fetching,
    /// It is here.
    Sending(Sending),
}

#[derive(Debug)]
struct Sending {
    packets: Arc<PacketizedFrame>,
    /// Packets that are gone.
    sent: usize,
    /// When the first of them left, or may leave; and the bursts since.
    pace: Option<(Instant, Bursts)>,
}

/// From one sender report to the next (RFC 3550 §6.2 asks for at least five seconds).
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// From one sender report to the next, when a player has asked for one.
const ANSWER_INTERVAL: Duration = Duration::from_secs(1);

/// From the last packet to the goodbye. Players read RTCP before RTP, and leave what has not been read when they are
/// told that nothing more comes.
const GOODBYE_DELAY: Duration = Duration::from_millis(100);

/// Further behind than this the stream gives up frames: the way out is too slow for the film, or the machine slept.
const LONGEST_LAG: Duration = Duration::from_secs(1);

impl Stream {
    /// A stream that stands still at frame 0.
    pub fn new(rate: FrameRate, identity: Identity, epoch: Epoch) -> Self {
        Self {
            rate,
            next_sequence: identity.first_sequence,
            earliest_tick: 0,
            identity,
            epoch,
            position: 0,
            run: None,
            packets: 0,
            octets: 0,
            report_due: None,
            reported_at: None,
            reference: None,
            said_goodbye: false,
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
        self.run.is_some()
    }

    /// The frame that is sent next.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The first frame that the running PLAY does not bring; `None` where that is not known, and where nothing runs.
    pub fn end(&self) -> Option<u64> {
        self.run.as_ref()?.end
    }

    /// Begins with a frame, or goes on at the current one; up to `end`, or to the end of the film.
    pub fn play(&mut self, now: Instant, from: Option<u64>, end: Option<u64>, tempo: Tempo) -> Start {
        self.position = from.unwrap_or(self.position);
        self.begin(now, end, None, tempo)
    }

    /// Goes on at the current frame at another tempo, up to where it was to go. A frame of which some packets have not
    /// left is sent anew.
    pub fn change_tempo(&mut self, now: Instant, tempo: Tempo) -> Start {
        match &self.run {
            Some(Run { end, pauses_before, .. }) => self.begin(now, *end, *pauses_before, tempo),
            None => self.start(),
        }
    }

    fn begin(&mut self, now: Instant, end: Option<u64>, pauses_before: Option<u64>, tempo: Tempo) -> Start {
        self.run = Some(Run {
            pacer: Pacer::new(self.rate, now, self.position, tempo),
            tempo,
            first_tick: self.tick_at(now),
            end,
            pauses_before,
            step: Step::Due,
            sent_at: None,
        });
        self.report_due = (self.numbering == Numbering::Packets).then_some(now);
        self.said_goodbye = false;
        self.start()
    }

    /// What is sent next.
    pub fn start(&self) -> Start {
        let (tick, end, tempo) = match &self.run {
            Some(run) => (run.tick(self.position), run.stop(), run.tempo),
            None => (self.earliest_tick, None, Tempo::default()),
        };
        let (frame, sequence) = (self.position, self.next_sequence);
        Start { frame, sequence, timestamp: self.timestamp(tick), end, tempo }
    }

    /// Stops before this frame, as a PAUSE with a Range asks for, and no more where one before it asked. Frames from the
    /// end on that PLAY gave are not reached.
    pub fn pause_before(&mut self, frame: u64) {
        if let Some(run) = &mut self.run {
            run.pauses_before = Some(frame).filter(|frame| run.end.is_none_or(|end| *frame < end));
        }
    }

    /// Stands still at this frame.
    pub fn move_to(&mut self, frame: u64) {
        self.run = None;
        self.position = frame;
    }

    /// Stops at once. A frame of which some packets have not left is sent anew by the next PLAY.
    pub fn pause(&mut self) {
        self.run = None;
    }

    /// A player has sent RTCP. What it wants to measure a round trip with is answered soon, with the next report.
    pub fn heard(&mut self, now: Instant, packets: &[Rtcp]) {
        for packet in packets {
            if let Rtcp::Extended { ssrc, block: ExtendedBlock::ReferenceTime(ntp) } = packet {
                self.reference = Some(Reference { ssrc: *ssrc, middle: ntp.middle(), arrival: now });
                let earliest = self.reported_at.map_or(now, |at| (at + ANSWER_INTERVAL).max(now));
                self.report_due = self.report_due.map(|due| due.min(earliest));
            }
        }
    }

    /// Here are the packets of a frame that was asked for.
    pub fn provide(&mut self, frame: u64, packets: Arc<PacketizedFrame>) {
        if let Some(run) = self.fetching(frame) {
            run.step = Step::Sending(Sending { packets, sent: 0, pace: None });
        }
    }

    /// A frame that was asked for cannot be sent in this form, and is passed over.
    pub fn skip(&mut self, frame: u64) {
        if let Some(run) = self.fetching(frame) {
            run.step = Step::Due;
            self.go_on();
        }
    }

    /// To the next frame that leaves, but not beyond the end.
    fn go_on(&mut self) {
        let Some(run) = &self.run else { return };
        let next = run.pacer.next(self.position);
        let next = run.stop().map_or(next, |stop| next.min(stop));
        self.pass_over(next.saturating_sub(self.position));
    }

    fn pass_over(&mut self, frames: u64) {
        self.position += frames;
        if self.numbering == Numbering::Frames {
            // Counts modulo 2^16.
            self.next_sequence = self.next_sequence.wrapping_add(frames as u16);
        }
    }

    /// There is no such frame: the film ends before it.
    pub fn end_at(&mut self, frame: u64) {
        if let Some(run) = self.fetching(frame) {
            run.step = Step::Due;
            run.end = Some(frame);
        }
    }

    /// The run, if it waits for this frame.
    fn fetching(&mut self, frame: u64) -> Option<&mut Run> {
        let waits = self.position == frame;
        self.run.as_mut().filter(|run| waits && matches!(run.step, Step::Fetching))
    }

    /// What is to be done now. Call again after each thing done, until [`Output::Wait`] or [`Output::Idle`].
    pub fn poll(&mut self, now: Instant) -> Output {
        let Some(run) = &mut self.run else { return Output::Idle };
        let stop = run.stop();
        match &mut run.step {
            Step::Fetching => Output::Idle,
            Step::Due if stop.is_some_and(|stop| self.position >= stop) => self.finish(now),
            Step::Due => {
                self.give_up_what_is_late(now);
                self.fetch()
            }
            Step::Sending(sending) => {
                if let Some(due) = sending.wait(now, &run.pacer, self.position) {
                    return Output::Wait(due);
                }
                if self.report_due.is_some_and(|due| now >= due) {
                    return Output::Rtcp(self.sender_report(now));
                }
                Output::Rtp(self.next_packet(now))
            }
        }
    }

    /// RTCP for a stream that is torn down; empty if it was never heard, or has said so already.
    pub fn goodbye(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.packets == 0 || self.said_goodbye || self.numbering == Numbering::Frames {
            return None;
        }
        self.said_goodbye = true;
        let bye = Rtcp::Bye { ssrcs: vec![self.identity.ssrc] };
        Some(rtcp::write(&[self.report(now), self.description(), bye]))
    }

    /// The last frame is on the screen for its whole interval before the film is over.
    fn finish(&mut self, now: Instant) -> Output {
        let Some(run) = &self.run else { return Output::Idle };
        let taken = run.sent_at.filter(|_| run.is_the_end()).map(|sent| sent + GOODBYE_DELAY);
        let due = run.pacer.due(self.position).max(taken.unwrap_or(now));
        if now < due {
            return Output::Wait(due);
        }
        let goodbye = if run.is_the_end() { self.goodbye(now) } else { None };
        match goodbye {
            Some(goodbye) => Output::Rtcp(goodbye),
            None => {
                self.run = None;
                Output::Ended
            }
        }
    }

    fn give_up_what_is_late(&mut self, now: Instant) {
        let Some(run) = &self.run else { return };
        if now.saturating_duration_since(run.pacer.due(self.position)) > LONGEST_LAG {
            let current = run.pacer.frame_at(now);
            let next = run.stop().map_or(current, |stop| current.min(stop.saturating_sub(1)));
            self.pass_over(next.saturating_sub(self.position));
        }
    }

    fn fetch(&mut self) -> Output {
        if let Some(run) = &mut self.run {
            run.step = Step::Fetching;
        }
        Output::Fetch(self.position)
    }

    fn next_packet(&mut self, now: Instant) -> Vec<u8> {
        let mut packet = Vec::new();
        let Some(run) = &mut self.run else { return packet };
        let tick = run.tick(self.position);
        let timestamp = self.identity.first_timestamp.wrapping_add(tick as u32);
        let Step::Sending(sending) = &mut run.step else { return packet };
        sending.packets.write_packet(
            sending.sent,
            self.next_sequence,
            timestamp,
            self.identity.ssrc,
            &mut packet,
        );
        let payload = sending.packets.payload_octets(sending.sent);
        let is_last = sending.count(now);
        run.sent_at = Some(now);
        if is_last {
            run.step = Step::Due;
        }
        self.earliest_tick = tick + run.pacer.interval_ticks();
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload as u32);
        if self.numbering == Numbering::Packets {
            self.next_sequence = self.next_sequence.wrapping_add(1);
        }
        if is_last {
            self.go_on();
        }
        packet
    }

    /// The tick of an instant, but never one that was taken before.
    fn tick_at(&self, now: Instant) -> u64 {
        ticks(now.saturating_duration_since(self.epoch.instant)).max(self.earliest_tick)
    }

    /// Wraps, as timestamps do.
    fn timestamp(&self, tick: u64) -> u32 {
        self.identity.first_timestamp.wrapping_add(tick as u32)
    }

    fn sender_report(&mut self, now: Instant) -> Vec<u8> {
        self.report_due = Some(now + REPORT_INTERVAL);
        self.reported_at = Some(now);
        let answer = self
            .reference
            .take()
            .map(|reference| Rtcp::Extended { ssrc: self.identity.ssrc, block: reference.answer(now) });
        let packets: Vec<_> = [self.report(now), self.description()].into_iter().chain(answer).collect();
        rtcp::write(&packets)
    }

    fn report(&self, now: Instant) -> Rtcp {
        let elapsed = now.saturating_duration_since(self.epoch.instant);
        let tick = match &self.run {
            // The clock of the frames that are leaving, which may be ahead of that of the epoch.
            Some(run) => run.tick_at(now),
            None => self.tick_at(now),
        };
        let info = SenderInfo {
            ntp: self.epoch.ntp.plus(elapsed),
            rtp_timestamp: self.timestamp(tick),
            packets: self.packets,
            octets: self.octets,
        };
        Rtcp::SenderReport { ssrc: self.identity.ssrc, info, blocks: Vec::new() }
    }

    fn description(&self) -> Rtcp {
        Rtcp::SourceDescription { ssrc: self.identity.ssrc, cname: self.identity.cname.clone() }
    }
}

impl Reference {
    fn answer(&self, now: Instant) -> ExtendedBlock {
        let delay = rtcp::delay_units(now.saturating_duration_since(self.arrival));
        ExtendedBlock::DelaySinceReference { ssrc: self.ssrc, last_reference: self.middle, delay }
    }
}

impl Sending {
    /// When the next packet may leave, if not now.
    fn wait(&mut self, now: Instant, pacer: &Pacer, frame: u64) -> Option<Instant> {
        // A frame that was read too late is spread like any other, from when it is there.
        let begin = || pacer.due(frame).max(now);
        let (begins, bursts) =
            self.pace.get_or_insert_with(|| (begin(), Bursts::new(begin(), pacer.longest_spread())));
        let due = *begins + pacer.packet_offset(frame, self.sent, self.packets.packets().len());
        if now < due {
            return Some(due);
        }
        bursts.wait(now)
    }

    /// One packet more is gone; whether it was the last.
    fn count(&mut self, now: Instant) -> bool {
        self.sent += 1;
        if let Some((_, bursts)) = &mut self.pace {
            bursts.sent(now);
        }
        self.sent == self.packets.packets().len()
    }
}

impl Run {
    /// The first frame that does not leave; `None` while that is not known.
    fn stop(&self) -> Option<u64> {
        self.pauses_before.into_iter().chain(self.end).min()
    }

    /// Whether it stops because nothing more comes, and not because a PAUSE was asked for in advance.
    fn is_the_end(&self) -> bool {
        self.pauses_before.is_none_or(|pause| self.end.is_some_and(|end| end <= pause))
    }

    fn tick(&self, frame: u64) -> u64 {
        self.first_tick + self.pacer.ticks(frame)
    }

    fn tick_at(&self, now: Instant) -> u64 {
        self.first_tick + self.pacer.ticks_at(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::payload::{Form, packetize};
    use crate::proto::rtcp::NtpTime;
    use crate::proto::rtp::Packet;
    use crate::proto::rtsp::Factor;

    fn frame(length: usize) -> Arc<PacketizedFrame> {
        frame_as(Form::OriginalHeader, length)
    }

    /// A picture of `length` octets of data and nothing else that matters.
    fn frame_as(form: Form, length: usize) -> Arc<PacketizedFrame> {
        let mut jpeg = vec![0xFF, 0xD8, 0xFF, 0xC0, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0];
        jpeg.extend_from_slice(&[0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0]);
        jpeg.resize(jpeg.len() + length, 0x55);
        jpeg.extend_from_slice(&[0xFF, 0xD9]);
        Arc::new(packetize(&jpeg, form).unwrap())
    }

    fn stream(now: Instant) -> Stream {
        let identity = Identity {
            ssrc: 7,
            first_sequence: 65_534,
            first_timestamp: u32::MAX - 100,
            cname: "x".to_owned(),
        };
        Stream::new(FrameRate::whole(20), identity, Epoch { instant: now, ntp: NtpTime(1 << 32) })
    }

    /// Runs the stream on a clock of its own; every packet with the time at which it left.
    fn run(stream: &mut Stream, from: Instant, until: Instant, frames: u64) -> Vec<(Duration, Packet)> {
        let (mut now, mut sent) = (from, Vec::new());
        while now < until {
            match stream.poll(now) {
                Output::Fetch(index) if index < frames => stream.provide(index, frame(3_000)),
                Output::Fetch(index) => stream.end_at(index),
                Output::Rtp(octets) => sent.push((now - from, Packet::parse(octets.into()).unwrap())),
                Output::Rtcp(_) => {}
                Output::Wait(due) => now = due,
                Output::Idle | Output::Ended => break,
            }
        }
        sent
    }

    #[test]
    fn frames_leave_on_the_media_clock_and_packets_are_spread() {
        let now = Instant::now();
        let mut stream = stream(now);
        let start = stream.play(now, None, Some(3), Tempo::default());
        assert_eq!((start.frame, start.sequence, start.timestamp), (0, 65_534, u32::MAX - 100));
        let sent = run(&mut stream, now, now + Duration::from_secs(10), 3);
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
    fn the_end_says_goodbye_after_the_last_frame_has_had_its_time_and_players_theirs() {
        let now = Instant::now();
        let mut stream = stream(now);
        stream.play(now, None, None, Tempo::default());
        let sent = run(&mut stream, now, now + Duration::from_millis(90), 2);
        let Output::Wait(due) = stream.poll(now + Duration::from_millis(90)) else { panic!() };
        assert!(due - now >= Duration::from_millis(100), "two intervals");
        assert_eq!(due - now, sent.last().unwrap().0 + GOODBYE_DELAY);
        let Output::Rtcp(octets) = stream.poll(due) else { panic!() };
        let packets = rtcp::parse(&octets).unwrap();
        assert!(matches!(packets[0], Rtcp::SenderReport { info: SenderInfo { packets: 6, .. }, .. }));
        assert_eq!(packets[2], Rtcp::Bye { ssrcs: vec![7] });
        assert!(matches!(stream.poll(due), Output::Ended));
        assert!(stream.goodbye(due).is_none());
    }

    #[test]
    fn a_second_pause_in_advance_takes_the_place_of_the_first() {
        let now = Instant::now();
        for (pauses, position) in [(&[5, 7][..], 7), (&[7, 5], 5), (&[5, 10], 10)] {
            let mut stream = stream(now);
            stream.play(now, None, Some(10), Tempo::default());
            pauses.iter().for_each(|frame| stream.pause_before(*frame));
            run(&mut stream, now, now + Duration::from_secs(1), 10);
            assert_eq!((stream.position(), stream.is_playing()), (position, false));
            assert_eq!(stream.goodbye(now).is_none(), position == 10, "the end has said so, a pause has not");
        }
    }

    #[test]
    fn reports_count_octets_of_payload_alone() {
        let now = Instant::now();
        let mut stream = stream(now);
        stream.play(now, None, Some(2), Tempo::default());
        let sent = run(&mut stream, now, now + Duration::from_millis(60), 2);
        let Rtcp::SenderReport { info, .. } = stream.report(now) else { panic!() };
        let payload: usize = sent.iter().map(|(_, packet)| packet.payload.len()).sum();
        assert!(sent.iter().any(|(_, packet)| packet.extension.is_some()));
        assert_eq!((info.packets, info.octets), (sent.len() as u32, payload as u32));
    }

    #[test]
    fn a_pause_in_the_middle_of_a_frame_sends_it_anew_and_timestamps_go_on_with_the_wall() {
        let now = Instant::now();
        let mut stream = stream(now);
        stream.play(now, None, None, Tempo::default());
        run(&mut stream, now, now + Duration::from_millis(51), 10);
        stream.pause();
        assert_eq!(stream.position(), 1);
        let later = now + Duration::from_secs(10);
        let start = stream.play(later, None, None, Tempo::default());
        assert_eq!(start.timestamp, (u32::MAX - 100).wrapping_add(900_000));
        let sent = run(&mut stream, later, later + Duration::from_millis(1), 10);
        assert_eq!(sent.len(), 3);
        assert_eq!(sent[0].1.header.sequence, start.sequence);
        assert_eq!(sent[0].1.header.timestamp, start.timestamp);
    }

    #[test]
    fn who_asks_for_a_round_trip_gets_it_with_the_next_report_and_that_is_soon() {
        let now = Instant::now();
        let mut stream = stream(now);
        let second = Duration::from_secs(1);
        let ask = |stream: &mut Stream, at: Instant, middle: u64| {
            let block = ExtendedBlock::ReferenceTime(NtpTime(middle << 16));
            stream.heard(at, &[Rtcp::Extended { ssrc: 5, block }]);
        };
        let mut answers = Vec::new();
        ask(&mut stream, now, 1);
        stream.play(now, None, Some(200), Tempo::default());
        let mut at = now;
        while at < now + 4 * second {
            match stream.poll(at) {
                Output::Fetch(index) => stream.provide(index, frame(10)),
                Output::Rtcp(octets) => answers.extend(rtcp::parse(&octets).unwrap().into_iter().filter_map(
                    |packet| match packet {
                        Rtcp::Extended { block, .. } => Some((at - now, block)),
                        _ => None,
                    },
                )),
                Output::Wait(due) => {
                    at = due;
                    // At each frame of a second.
                    if (second..2 * second).contains(&(at - now)) {
                        ask(&mut stream, at, 2);
                    }
                }
                Output::Rtp(_) | Output::Idle | Output::Ended => {}
            }
        }
        let answer =
            |last_reference, delay| ExtendedBlock::DelaySinceReference { ssrc: 5, last_reference, delay };
        let expected = [
            (Duration::ZERO, answer(1, 0)),
            (second, answer(2, 0)),
            (2 * second, answer(2, rtcp::delay_units(Duration::from_millis(50)))),
        ];
        assert_eq!(answers, expected);
    }

    #[test]
    fn a_seek_at_once_never_takes_a_timestamp_twice() {
        let now = Instant::now();
        let mut stream = stream(now);
        stream.play(now, None, None, Tempo::default());
        run(&mut stream, now, now + Duration::from_millis(1), 10);
        let start = stream.play(now + Duration::from_millis(1), Some(5), None, Tempo::default());
        assert_eq!(start.timestamp, (u32::MAX - 100).wrapping_add(4_500));
        assert_eq!(start.frame, 5);
    }

    #[test]
    fn for_a_classroom_program_sequence_numbers_are_those_of_frames_and_go_on_after_the_end() {
        let now = Instant::now();
        let identity = Identity { ssrc: 7, first_sequence: 9, first_timestamp: 5, cname: "x".to_owned() };
        let epoch = Epoch { instant: now, ntp: NtpTime(1 << 32) };
        let mut stream = Stream::classroom(FrameRate::whole(20), identity, epoch);
        let mut play = |from: Instant, begin: Option<u64>| {
            stream.play(from, begin, None, Tempo::default());
            let (mut now, mut numbers) = (from, Vec::new());
            loop {
                match stream.poll(now) {
                    // One that cannot be carried, and the end.
                    Output::Fetch(3) => stream.skip(3),
                    Output::Fetch(5) => stream.end_at(5),
                    Output::Fetch(index) => stream.provide(index, frame_as(Form::Classroom, 3_000)),
                    Output::Rtp(octets) => {
                        let header = Packet::parse(octets.into()).unwrap().header;
                        assert!(header.marker);
                        numbers.push(header.sequence);
                    }
                    Output::Rtcp(_) => panic!("a classroom program knows no RTCP"),
                    Output::Wait(due) => now = due,
                    Output::Ended => return numbers,
                    Output::Idle => panic!("no end"),
                }
            }
        };
        assert_eq!(play(now, None), [1, 2, 3, 5]);
        assert_eq!(play(now + Duration::from_secs(1), Some(0)), [6, 7, 8, 10]);
        assert!(stream.goodbye(now).is_none());
        stream.play(now, Some(0), Some(1_000), Tempo::default());
        let late = now + Duration::from_secs(3);
        assert!(matches!(stream.poll(late), Output::Fetch(60)));
        assert_eq!(stream.start().sequence, 71);
    }

    #[test]
    fn what_is_a_second_late_is_given_up() {
        let now = Instant::now();
        let mut stream = stream(now);
        stream.play(now, None, Some(1_000), Tempo::default());
        assert!(matches!(stream.poll(now), Output::Fetch(0)));
        stream.provide(0, frame(10));
        let late = now + Duration::from_secs(3);
        run(&mut stream, late, late + Duration::from_micros(1), 0);
        assert_eq!(stream.position(), 60);
    }

    fn tempo(scale: u32, speed: u32) -> Tempo {
        Tempo { scale: Factor::thousandths(scale), speed: Factor::thousandths(speed) }
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
    fn scale_and_speed_are_told_and_kept_to_the_end() {
        let now = Instant::now();
        for (scale, speed, expected, over) in [
            (2_000, 1_000, &[(0, 0), (50, 4_500), (100, 9_000)][..], 150),
            (4_000, 1_000, &[(0, 0), (50, 4_500)], 100),
            (500, 1_000, &[(0, 0), (100, 9_000), (200, 18_000), (300, 27_000), (400, 36_000)], 500),
            (1_000, 5_000, &[(0, 0), (10, 4_500), (20, 9_000), (30, 13_500), (40, 18_000)], 50),
        ] {
            let (mut stream, fresh) = (stream(now), stream(now));
            let start = stream.play(now, None, Some(5), tempo(scale, speed));
            assert_eq!((start.end, start.tempo), (Some(5), tempo(scale, speed)));
            let sent = run(&mut stream, now, now + Duration::from_secs(10), 100);
            assert_eq!(first_packets(&sent), expected, "{scale} {speed}");
            assert_eq!((stream.position(), stream.is_playing()), (5, false), "{scale} {speed}");
            let taken = sent.last().unwrap().0 + GOODBYE_DELAY;
            let over = Duration::from_millis(over).max(taken);
            assert_eq!(time_of_all_five(fresh, now, tempo(scale, speed)), over, "{scale} {speed}");
        }
    }

    /// How long five frames take, with the time that the last one has.
    fn time_of_all_five(mut stream: Stream, now: Instant, tempo: Tempo) -> Duration {
        stream.play(now, None, Some(5), tempo);
        let mut at = now;
        loop {
            match stream.poll(at) {
                Output::Fetch(index) => stream.provide(index, frame(3_000)),
                Output::Wait(due) => at = due,
                Output::Ended => return at - now,
                Output::Rtp(_) | Output::Rtcp(_) | Output::Idle => {}
            }
        }
    }

    #[test]
    fn a_tempo_changes_at_once_keeps_the_end_and_is_over_with_the_next_play() {
        let now = Instant::now();
        let ms = Duration::from_millis;
        let mut stream = stream(now);
        stream.play(now, None, Some(40), Tempo::default());
        run(&mut stream, now, now + ms(510), 100);
        assert_eq!(stream.position(), 11);
        let start = stream.change_tempo(now + ms(510), tempo(2_000, 1_000));
        assert_eq!((start.frame, start.end), (11, Some(40)));
        assert_eq!(start.timestamp, (u32::MAX - 100).wrapping_add(11 * 4_500), "none is taken twice");
        let sent = run(&mut stream, now + ms(510), now + ms(700), 100);
        assert_eq!(first_packets(&sent), [(0, 0), (50, 4_500), (100, 9_000), (150, 13_500)]);
        assert_eq!(stream.position(), 19);
        stream.pause_before(24);
        run(&mut stream, now + ms(700), now + ms(2_000), 100);
        assert_eq!((stream.position(), stream.is_playing()), (24, false));
        let start = stream.play(now + ms(2_000), None, None, Tempo::default());
        assert_eq!((start.frame, start.tempo), (24, Tempo::default()));
        let sent = run(&mut stream, now + ms(2_000), now + ms(2_060), 100);
        assert_eq!(first_packets(&sent), [(0, 0), (50, 4_500)]);
    }

    /// The clock that sender reports give belongs to the frames that leave, and goes on behind them.
    #[test]
    fn reports_keep_to_the_clock_of_what_is_hurried_and_timestamps_never_go_back() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let mut stream = stream(now);
        stream.play(now, None, None, tempo(1_000, 4_000));
        let mut at = now;
        let mut reports = Vec::new();
        while at < now + 6 * second {
            match stream.poll(at) {
                Output::Fetch(index) => stream.provide(index, frame(10)),
                Output::Rtcp(octets) => {
                    let Rtcp::SenderReport { info, .. } = rtcp::parse(&octets).unwrap()[0] else { panic!() };
                    reports.push(((at - now).as_secs(), info.rtp_timestamp.wrapping_sub(u32::MAX - 100)));
                }
                Output::Wait(due) => at = due,
                Output::Rtp(_) | Output::Idle | Output::Ended => {}
            }
        }
        assert_eq!(reports, [(0, 0), (5, 4 * 450_000)]);
        stream.pause();
        let later = stream.play(now + 7 * second, None, None, Tempo::default());
        let next = (u32::MAX - 100).wrapping_add(4 * 540_000);
        assert_eq!((later.timestamp, later.frame), (next, 480));
    }

    #[test]
    fn what_is_late_is_given_up_at_every_tempo() {
        let now = Instant::now();
        let mut stream = stream(now);
        stream.play(now, None, Some(1_000), tempo(4_000, 2_000));
        let late = now + Duration::from_secs(3);
        assert!(matches!(stream.poll(late), Output::Fetch(480)));
        assert_eq!(stream.start().timestamp, (u32::MAX - 100).wrapping_add(2 * 270_000));
    }

    #[test]
    fn a_picture_that_cannot_be_carried_is_passed_over_in_its_turn() {
        let now = Instant::now();
        let mut stream = stream(now);
        stream.play(now, None, Some(10), tempo(3_000, 1_000));
        assert!(matches!(stream.poll(now), Output::Fetch(0)));
        stream.skip(0);
        assert!(matches!(stream.poll(now), Output::Fetch(3)));
    }
}
