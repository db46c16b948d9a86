//! Tests of a stream on virtual time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::rtp_stream::BYE_DELAY;
use super::*;
use crate::media::FrameRate;
use crate::media::container::FrameTimes;
use crate::media::payload::{PacketizedFrame, PayloadFormat, packetize};
use crate::proto::rtcp::{self, Epoch, ExtendedReportBlock, NtpTime, RtcpPacket, SenderInfo};
use crate::proto::rtp::Packet;
use crate::proto::rtsp::Factor;
use crate::server_embed::playback_speed::PlaybackSpeed;

fn frame(length: usize) -> Arc<PacketizedFrame> {
    frame_in_format(PayloadFormat::OriginalHeader, length)
}

/// A JPEG with `length` bytes of entropy-coded data, in packets.
fn frame_in_format(format: PayloadFormat, length: usize) -> Arc<PacketizedFrame> {
    let mut jpeg = vec![0xFF, 0xD8, 0xFF, 0xC0, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0];
    jpeg.extend_from_slice(&[0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0]);
    jpeg.resize(jpeg.len() + length, 0x55);
    jpeg.extend_from_slice(&[0xFF, 0xD9]);
    Arc::new(packetize(&jpeg, format).unwrap())
}

fn stream(now: Instant) -> RtpStream {
    let identity =
        Identity { ssrc: 7, first_sequence: 65_534, first_timestamp: u32::MAX - 100, cname: "x".to_owned() };
    RtpStream::new(
        FrameTimes::Assumed(FrameRate::per_second(20)),
        identity,
        Epoch { instant: now, ntp: NtpTime(1 << 32) },
    )
}

fn parse(batch: &PacketBatch) -> impl Iterator<Item = Packet> {
    batch.packets().map(|packet| Packet::parse(packet.to_vec().into()).unwrap())
}

/// Runs the stream on virtual time, with a file of `frames` frames; returns each RTP packet and when it was sent.
fn send_until(stream: &mut RtpStream, from: Instant, until: Instant, frames: u64) -> Vec<(Duration, Packet)> {
    let (mut now, mut sent) = (from, Vec::new());
    while now < until {
        match stream.poll_output(now) {
            StreamOutput::Fetch(index) if index < frames => stream.provide_frame(index, frame(3_000)),
            StreamOutput::Fetch(index) => stream.end_at(index),
            StreamOutput::Rtp(batch) => sent.extend(parse(&batch).map(|packet| (now - from, packet))),
            StreamOutput::Rtcp(_) | StreamOutput::Retransmission(_) | StreamOutput::Parity(_) => {}
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
fn batches_of_a_frame_are_spread_and_have_the_same_packets() {
    let now = Instant::now();
    let send = |max_batch_length| {
        let mut stream = stream(now);
        stream.set_max_batch_length(max_batch_length);
        stream.play(now, None, Some(3), PlaybackSpeed::default());
        let mut sent = Vec::new();
        let mut at = now;
        loop {
            match stream.poll_output(at) {
                StreamOutput::Fetch(index) => stream.provide_frame(index, frame(47_000)),
                StreamOutput::Rtp(batch) => {
                    sent.push(((at - now).as_micros(), parse(&batch).collect::<Vec<_>>()))
                }
                StreamOutput::Wait(due) => at = due,
                StreamOutput::Ended => break,
                other => drop(other),
            }
        }
        sent
    };
    let (single, batches) = (send(1), send(16));
    let lengths: Vec<_> = batches.iter().map(|(at, packets)| (*at, packets.len())).collect();
    assert_eq!(lengths[3..6], [(50_000, 12), (52_823, 11), (55_411, 11)]);
    let packets = |sent: Vec<(u128, Vec<Packet>)>| {
        sent.into_iter().flat_map(|(_, packets)| packets).collect::<Vec<_>>()
    };
    let (single, batches) = (packets(single), packets(batches));
    assert_eq!(single.len(), 3 * 34);
    for (one, other) in single.iter().zip(&batches) {
        assert_eq!((one.header, &one.payload), (other.header, &other.payload));
    }
}

/// The delay of the start shows neither in the timestamps nor in the intervals between frames.
#[test]
fn plays_on_a_grid_have_frames_at_the_same_times() {
    let origin = Instant::now();
    let send = |after_ms: u64| {
        let now = origin + Duration::from_millis(after_ms);
        let mut stream = stream(origin);
        stream.set_max_batch_length(48);
        stream.set_phase_grid(Some(PhaseGrid::new(origin, 16)));
        let start = stream.play(now, None, Some(3), PlaybackSpeed::default());
        let sent = send_until(&mut stream, now, now + Duration::from_secs(10), 3);
        assert_eq!(sent[0].1.header.timestamp, start.timestamp);
        let mut frames: Vec<_> =
            sent.iter().map(|(at, packet)| ((now + *at - origin), packet.header.timestamp)).collect();
        frames.dedup();
        frames
    };
    // A step is an eighth of 50 ms.
    let frames = |due_micros: [u64; 3]| {
        due_micros.map(|micros| {
            let ticks = u32::try_from(micros * 9 / 100).unwrap();
            (Duration::from_micros(micros), (u32::MAX - 100).wrapping_add(ticks))
        })
    };
    assert_eq!(send(0), frames([0, 50_000, 100_000]));
    assert_eq!(send(49), frames([50_000, 100_000, 150_000]));
    let (one, other) = (send(1), send(6));
    assert_eq!(one, other);
    assert_eq!(one[0].0, Duration::from_micros(6_250));
}

#[test]
fn bye_is_sent_after_last_frame_interval_and_bye_delay() {
    let now = Instant::now();
    let mut stream = stream(now);
    stream.play(now, None, None, PlaybackSpeed::default());
    let sent = send_until(&mut stream, now, now + Duration::from_millis(90), 2);
    let StreamOutput::Wait(due) = stream.poll_output(now + Duration::from_millis(90)) else { panic!() };
    assert!(due - now >= Duration::from_millis(100), "both frame intervals have passed");
    assert_eq!(due - now, sent.last().unwrap().0 + BYE_DELAY);
    let StreamOutput::Rtcp(bytes) = stream.poll_output(due) else { panic!() };
    let packets = rtcp::parse(&bytes).unwrap();
    assert!(matches!(packets[0], RtcpPacket::SenderReport { info: SenderInfo { packet_count: 6, .. }, .. }));
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
        assert_eq!(stream.bye(now).is_none(), position == 10, "BYE is sent at the end, not at a pause");
    }
}

#[test]
fn sender_report_counts_only_payload_bytes() {
    let now = Instant::now();
    let mut stream = stream(now);
    stream.play(now, None, Some(2), PlaybackSpeed::default());
    let sent = send_until(&mut stream, now, now + Duration::from_millis(60), 2);
    let report = rtcp::parse(&stream.bye(now).unwrap()).unwrap();
    let RtcpPacket::SenderReport { info, .. } = report[0] else { panic!() };
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
    let send_reference = |stream: &mut RtpStream, at: Instant, middle: u64| {
        let block = ExtendedReportBlock::ReceiverReferenceTime(NtpTime(middle << 16));
        stream.handle_rtcp(at, &[RtcpPacket::ExtendedReport { ssrc: 5, block }]);
    };
    let mut blocks = Vec::new();
    send_reference(&mut stream, now, 1);
    stream.play(now, None, Some(200), PlaybackSpeed::default());
    let mut at = now;
    while at < now + 4 * second {
        match stream.poll_output(at) {
            StreamOutput::Fetch(index) => stream.provide_frame(index, frame(10)),
            StreamOutput::Rtcp(bytes) => {
                blocks.extend(rtcp::parse(&bytes).unwrap().into_iter().filter_map(|packet| match packet {
                    RtcpPacket::ExtendedReport { block, .. } => Some((at - now, block)),
                    _ => None,
                }))
            }
            StreamOutput::Wait(due) => {
                at = due;
                // At each frame of the second from 1 s to 2 s.
                if (second..2 * second).contains(&(at - now)) {
                    send_reference(&mut stream, at, 2);
                }
            }
            StreamOutput::Rtp(_)
            | StreamOutput::Retransmission(_)
            | StreamOutput::Parity(_)
            | StreamOutput::Idle
            | StreamOutput::Ended => {}
        }
    }
    let dlrr =
        |last_rr, delay_since_last_rr| ExtendedReportBlock::Dlrr { ssrc: 5, last_rr, delay_since_last_rr };
    let expected = [
        (Duration::ZERO, dlrr(1, 0)),
        (second, dlrr(2, 0)),
        (2 * second, dlrr(2, rtcp::dlsr_units(Duration::from_millis(50)))),
    ];
    assert_eq!(blocks, expected);
}

#[test]
fn reference_time_from_before_a_clock_jump_is_not_returned() {
    let now = Instant::now();
    let has_reference = |jumps: bool| {
        let mut stream = stream(now);
        let reference = ExtendedReportBlock::ReceiverReferenceTime(NtpTime(1 << 16));
        stream.handle_rtcp(now, &[RtcpPacket::ExtendedReport { ssrc: 5, block: reference }]);
        if jumps {
            stream.set_epoch(Epoch { instant: now, ntp: NtpTime(9 << 32) });
        }
        stream.play(now, None, None, PlaybackSpeed::default());
        let report = (0..20).find_map(|_| match stream.poll_output(now) {
            StreamOutput::Fetch(index) => {
                stream.provide_frame(index, frame(10));
                None
            }
            StreamOutput::Rtcp(packet) => Some(packet),
            _ => None,
        });
        let packets = rtcp::parse(&report.unwrap()).unwrap();
        packets.iter().any(|packet| matches!(packet, RtcpPacket::ExtendedReport { .. }))
    };
    assert!(has_reference(false) && !has_reference(true));
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
    let mut stream = RtpStream::classroom(FrameTimes::Assumed(FrameRate::per_second(20)), identity, epoch);
    let mut play = |start: Instant, from: Option<u64>| {
        stream.play(start, from, None, PlaybackSpeed::default());
        let (mut now, mut numbers) = (start, Vec::new());
        loop {
            match stream.poll_output(now) {
                // Frame 3 cannot be sent in this format; the file ends before frame 5.
                StreamOutput::Fetch(3) => stream.skip_frame(3),
                StreamOutput::Fetch(5) => stream.end_at(5),
                StreamOutput::Fetch(index) => {
                    stream.provide_frame(index, frame_in_format(PayloadFormat::Classroom, 3_000))
                }
                StreamOutput::Rtp(batch) => {
                    let packets: Vec<_> = parse(&batch).collect();
                    assert!(packets.iter().all(|packet| packet.header.marker));
                    numbers.extend(packets.iter().map(|packet| packet.header.sequence));
                }
                StreamOutput::Rtcp(_) | StreamOutput::Retransmission(_) | StreamOutput::Parity(_) => {
                    panic!("RTCP is sent to a classroom program")
                }
                StreamOutput::Wait(due) => now = due,
                StreamOutput::Ended => return numbers,
                StreamOutput::Idle => panic!("the stream has not ended"),
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

/// First packet of each frame: milliseconds after the start, and RTP ticks after the first frame.
fn frame_times(sent: &[(Duration, Packet)]) -> Vec<(u128, u32)> {
    let first = sent[0].1.header.timestamp;
    let is_first = |at: usize| at == 0 || sent[at - 1].1.header.marker;
    let first_packets = (0..sent.len()).filter(|at| is_first(*at)).map(|at| &sent[at]);
    first_packets.map(|(at, p)| (at.as_millis(), p.header.timestamp.wrapping_sub(first))).collect()
}

#[test]
fn scale_and_speed_apply_until_end_of_stream() {
    let now = Instant::now();
    for (scale, speed, expected, end) in [
        (2_000, 1_000, &[(0, 0), (50, 4_500), (100, 9_000)][..], 150),
        (4_000, 1_000, &[(0, 0), (50, 4_500)], 100),
        (3_000, 1_000, &[(0, 0), (50, 4_500), (66, 6_000)], 100),
        (8_000, 1_000, &[(0, 0), (25, 2_250)], 50),
        (500, 1_000, &[(0, 0), (100, 9_000), (200, 18_000), (300, 27_000), (400, 36_000)], 500),
        (1_000, 5_000, &[(0, 0), (10, 4_500), (20, 9_000), (30, 13_500), (40, 18_000)], 50),
    ] {
        let (mut stream, fresh) = (stream(now), stream(now));
        let start = stream.play(now, None, Some(5), playback_speed(scale, speed));
        assert_eq!((start.end, start.playback_speed), (Some(5), playback_speed(scale, speed)));
        let sent = send_until(&mut stream, now, now + Duration::from_secs(10), 100);
        assert_eq!(frame_times(&sent), expected, "{scale} {speed}");
        assert_eq!((stream.position(), stream.is_playing()), (5, false), "{scale} {speed}");
        let bye_at = sent.last().unwrap().0 + BYE_DELAY;
        let end = Duration::from_millis(end).max(bye_at);
        assert_eq!(duration_of_five_frames(fresh, now, playback_speed(scale, speed)), end, "{scale} {speed}");
    }
}

/// Duration of a PLAY of five frames, including the interval of the last one.
fn duration_of_five_frames(mut stream: RtpStream, now: Instant, playback_speed: PlaybackSpeed) -> Duration {
    stream.play(now, None, Some(5), playback_speed);
    let mut at = now;
    loop {
        match stream.poll_output(at) {
            StreamOutput::Fetch(index) => stream.provide_frame(index, frame(3_000)),
            StreamOutput::Wait(due) => at = due,
            StreamOutput::Ended => return at - now,
            StreamOutput::Rtp(_)
            | StreamOutput::Retransmission(_)
            | StreamOutput::Parity(_)
            | StreamOutput::Rtcp(_)
            | StreamOutput::Idle => {}
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
    assert_eq!(start.timestamp, (u32::MAX - 100).wrapping_add(11 * 4_500), "no timestamp is used twice");
    let sent = send_until(&mut stream, now + ms(510), now + ms(700), 100);
    assert_eq!(frame_times(&sent), [(0, 0), (50, 4_500), (100, 9_000), (150, 13_500)]);
    assert_eq!(stream.position(), 19);
    stream.pause_before(24);
    send_until(&mut stream, now + ms(700), now + ms(2_000), 100);
    assert_eq!((stream.position(), stream.is_playing()), (24, false));
    let start = stream.play(now + ms(2_000), None, None, PlaybackSpeed::default());
    assert_eq!((start.frame, start.playback_speed), (24, PlaybackSpeed::default()));
    let sent = send_until(&mut stream, now + ms(2_000), now + ms(2_060), 100);
    assert_eq!(frame_times(&sent), [(0, 0), (50, 4_500)]);
}

/// Sender reports state the clock of the frames that are sent, which continues after them.
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
                let RtcpPacket::SenderReport { info, .. } = rtcp::parse(&bytes).unwrap()[0] else { panic!() };
                reports.push(((at - now).as_secs(), info.rtp_timestamp.wrapping_sub(u32::MAX - 100)));
            }
            StreamOutput::Wait(due) => at = due,
            StreamOutput::Rtp(_)
            | StreamOutput::Retransmission(_)
            | StreamOutput::Parity(_)
            | StreamOutput::Idle
            | StreamOutput::Ended => {}
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
    assert_eq!(
        (stream.take_late_frames(), stream.take_late_frames()),
        (120, 0),
        "every fourth frame is sent"
    );
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

#[test]
fn requested_packets_are_sent_again_while_playing() {
    let start = Instant::now();
    let mut stream = stream(start).with_retransmission();
    stream.play(start, None, Some(40), PlaybackSpeed::default());
    let nack = |lost: &[u16]| RtcpPacket::GenericNack { ssrc: 5, media_ssrc: 7, lost: lost.to_vec() };
    let (mut now, mut resent, mut sources) = (start, Vec::new(), Vec::new());
    let mut has_requested = false;
    loop {
        match stream.poll_output(now) {
            StreamOutput::Fetch(index) => stream.provide_frame(index, frame(3_000)),
            StreamOutput::Rtp(_) | StreamOutput::Parity(_) | StreamOutput::Idle => {}
            StreamOutput::Retransmission(bytes) => {
                let packet = Packet::parse(bytes.into()).unwrap();
                assert_eq!((packet.header.ssrc, packet.header.payload_type), (!7, RTX_PAYLOAD_TYPE));
                resent.push(u16::from_be_bytes([packet.payload[0], packet.payload[1]]));
            }
            StreamOutput::Rtcp(bytes) => {
                sources.extend(rtcp::parse(&bytes).unwrap().into_iter().filter_map(|packet| match packet {
                    RtcpPacket::SenderReport { ssrc, info, .. } => Some((ssrc, info.packet_count)),
                    _ => None,
                }))
            }
            StreamOutput::Wait(due) => {
                if !has_requested && now > start + Duration::from_millis(500) {
                    has_requested = true;
                    stream.handle_rtcp(now, &[nack(&[65_535, 1, 30_000])]);
                    let other = RtcpPacket::GenericNack { ssrc: 5, media_ssrc: 8, lost: vec![2] };
                    stream.handle_rtcp(now, &[other]);
                }
                now = due;
            }
            StreamOutput::Ended => break,
        }
    }
    assert!(resent.contains(&65_535) && resent.contains(&1), "{resent:?}");
    assert!(!resent.contains(&30_000) && !resent.contains(&2), "{resent:?}");
    let last = sources.iter().rfind(|(ssrc, _)| *ssrc == !7);
    assert_eq!(last, None, "BYE is that of the stream");
    stream.handle_rtcp(now, &[nack(&[1])]);
    assert!(matches!(stream.poll_output(now), StreamOutput::Idle), "the PLAY has ended");
}
