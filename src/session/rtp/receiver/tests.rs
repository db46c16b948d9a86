use super::*;
use crate::media::payload::{PacketizedFrame, PayloadFormat, packetize};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

const FRAMES: usize = 60;

fn packetized_frame() -> PacketizedFrame {
    let pixels: Vec<u8> =
        (0..160 * 160 * 3u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut jpeg = Vec::new();
    let mut encoder = Encoder::new(&mut jpeg, 90);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.encode(&pixels, 160, 160, ColorType::Rgb).unwrap();
    packetize(&jpeg, PayloadFormat::OriginalHeader).unwrap()
}

/// Packets of a film in order. `sequence` maps the number of the frame and of the packet to a sequence number.
fn stream_packets(sequence: impl Fn(usize, usize) -> u16) -> Vec<Bytes> {
    let packetized = packetized_frame();
    assert!(packetized.packets().len() > 3, "{} packets", packetized.packets().len());
    let mut packets = Vec::new();
    for frame in 0..FRAMES {
        for index in 0..packetized.packets().len() {
            let (mut packet, timestamp) = (Vec::new(), 3_000_000_000 + frame as u32 * 4_500);
            packetized.write_packet(index, sequence(frame, packets.len()), timestamp, 7, &mut packet);
            packets.push(Bytes::from(packet));
        }
    }
    packets
}

/// Receives a film whose first packet is announced with these values. Returns the figures and the number of
/// complete frames.
fn receive_stream(sequence: Option<u16>, rtptime: Option<u32>, packets: &[Bytes]) -> (Snapshot, usize) {
    let now = Instant::now();
    let mut receiver = RtpFrameReceiver::new(26, None, None, 28, Duration::from_millis(50));
    receiver.start(AnnouncedPacket { sequence, rtptime, announced_at: now });
    packets.iter().for_each(|packet| {
        receiver.handle_packet(now, packet.clone());
    });
    // All gaps have timed out.
    receiver.release(now + Duration::from_secs(1));
    let mut snapshot = Snapshot::default();
    receiver.add_to(now, None, &mut snapshot);
    (snapshot, std::iter::from_fn(|| receiver.poll_frame()).filter(Frame::is_complete).count())
}

#[track_caller]
fn assert_no_loss((snapshot, frames): (Snapshot, usize), packets: usize) {
    let Snapshot { packets_expected, packets_received, packets_lost, frames_incomplete, .. } = snapshot;
    let packets = packets as u64;
    assert_eq!((packets_expected, packets_received, packets_lost), (packets, packets, 0));
    assert_eq!((frames, frames_incomplete), (FRAMES, 0));
}

#[test]
fn missing_markers_and_fragments_that_do_not_join_are_told_apart() {
    let count = |modify: fn(&mut Vec<u8>)| {
        let packets = stream_packets(|_, index| 1_000 + index as u16);
        let modified = packets.iter().map(|packet| {
            let mut packet = packet.to_vec();
            modify(&mut packet);
            packet.into()
        });
        let (snapshot, frames) = receive_stream(None, None, &modified.collect::<Vec<_>>());
        assert_eq!((frames, snapshot.packets_lost), (0, 0));
        let Snapshot { frames_incomplete, frames_without_marker, frames_with_gaps, .. } = snapshot;
        (frames_incomplete, frames_without_marker, frames_with_gaps)
    };
    // The end of the last frame is not known without a marker.
    let frames = FRAMES as u64;
    assert_eq!(count(|packet| packet[1] &= 0x7F), (frames - 1, frames - 1, 0));
    let shift_fragments = |packet: &mut Vec<u8>| {
        let payload = packet.len() - Packet::parse(packet.clone().into()).unwrap().payload.len();
        let offset = &mut packet[payload + 1..payload + 4];
        if *offset != [0; 3] {
            offset[2] ^= 1;
        }
    };
    assert_eq!(count(shift_fragments), (frames, 0, frames));
}

#[test]
fn stray_packet_is_ignored() {
    let mut packets = stream_packets(|_, index| 1_000 + index as u16);
    let all = packets.len();
    let mut stray = packets[all / 2].to_vec();
    stray[2..4].copy_from_slice(&20_000u16.to_be_bytes());
    packets.insert(all / 2, stray.into());
    assert_no_loss(receive_stream(Some(1_000), Some(3_000_000_000), &packets), all);
}

#[test]
fn sequence_restart_is_not_loss() {
    for restart in [20, 30_000, 50_000] {
        let restart_index = FRAMES / 2 * packetized_frame().packets().len();
        let packets = stream_packets(|_, index| match index.checked_sub(restart_index) {
            None => 1_000 + index as u16,
            Some(offset) => restart + offset as u16,
        });
        assert_no_loss(receive_stream(Some(1_000), Some(3_000_000_000), &packets), packets.len());
    }
}

/// Neither a stray packet directly before the restart nor one of another format is part of the stream.
#[test]
fn stray_packets_before_a_restart_are_not_counted() {
    let restart_index = FRAMES / 2 * packetized_frame().packets().len();
    let mut packets = stream_packets(|_, index| match index.checked_sub(restart_index) {
        None => 1_000 + index as u16,
        Some(offset) => 30_000 + offset as u16,
    });
    let all = packets.len();
    let mut stray = packets[restart_index].to_vec();
    stray[2..4].copy_from_slice(&50_000u16.to_be_bytes());
    let mut other_format = stray.clone();
    other_format[1] = 96;
    packets.splice(restart_index..restart_index, [other_format.into(), stray.into()]);
    let (snapshot, frames) = receive_stream(Some(1_000), Some(3_000_000_000), &packets);
    assert_eq!((snapshot.packets_foreign, snapshot.sequence_restarts), (1, 1));
    assert_no_loss((snapshot, frames), all);
}

/// Consecutive packets alone prove a restart while the rate of the stream is unknown and the timestamp stays the same.
#[test]
fn restart_within_the_first_frame_is_not_loss() {
    let packetized = packetized_frame();
    for restart in [500, 30_000, 60_000] {
        let sequences = (1_000..1_003).chain((0..100).map(|offset: u16| offset.wrapping_add(restart)));
        let packets: Vec<_> = sequences
            .map(|sequence| {
                let mut packet = Vec::new();
                packetized.write_packet(0, sequence, 3_000_000_000, 7, &mut packet);
                Bytes::from(packet)
            })
            .collect();
        let (snapshot, _) = receive_stream(None, None, &packets);
        let Snapshot { packets_expected, packets_received, packets_lost, sequence_restarts, .. } = snapshot;
        assert_eq!((packets_expected, packets_received, packets_lost), (103, 103, 0), "{restart}");
        assert_eq!((sequence_restarts, snapshot.loss_doubt), (1, Some(LossDoubt::Restart)), "{restart}");
    }
}

/// The next frame proves the restart, and the packets before it were taken for stray ones or duplicates.
#[test]
fn restart_within_the_first_frame_that_ends_soon_is_not_loss() {
    let packetized = packetized_frame();
    let cases = [(3, 500, 1), (3, 500, 40), (3, 500, 63), (3, 30_000, 40), (3, 65_530, 40), (50, 1_000, 40)];
    for (before, restart, rest_of_frame) in cases {
        let after = (0..100u16).map(|offset| {
            (offset.wrapping_add(restart), u32::from(offset.saturating_sub(rest_of_frame - 1).min(1)))
        });
        let packets: Vec<_> = (1_000..1_000 + before)
            .map(|sequence| (sequence, 0))
            .chain(after)
            .map(|(sequence, frame)| {
                let mut packet = Vec::new();
                packetized.write_packet(0, sequence, 3_000_000_000 + frame * 4_500, 7, &mut packet);
                Bytes::from(packet)
            })
            .collect();
        let (snapshot, _) = receive_stream(None, None, &packets);
        let Snapshot { packets_expected, packets_received, packets_lost, packets_duplicated, .. } = snapshot;
        let counts = (packets_expected, packets_received, packets_lost, packets_duplicated);
        let packets = packets.len() as u64;
        assert_eq!(counts, (packets, packets, 0, 0), "{restart}, {rest_of_frame}");
        assert_eq!(snapshot.sequence_restarts, 1, "{restart}, {rest_of_frame}");
    }
}

#[test]
fn datagram_that_is_no_rtp_packet_is_foreign() {
    let mut packets = stream_packets(|_, index| 1_000 + index as u16);
    let all = packets.len();
    packets.extend([Bytes::from_static(b"junk"), Bytes::new()]);
    let (snapshot, frames) = receive_stream(Some(1_000), Some(3_000_000_000), &packets);
    assert_eq!(snapshot.packets_foreign, 2);
    assert_no_loss((snapshot, frames), all);
}

#[test]
fn wrong_rtp_info_is_not_loss() {
    let packets = stream_packets(|_, index| 1_000 + index as u16);
    for (sequence, rtptime) in [
        (0, Some(0)),
        (31_000, Some(3_000_000_000)),
        (31_000, None),
        (60_000, None),
        (1_003, Some(3_000_000_000)),
        (1_020, None),
    ] {
        assert_no_loss(receive_stream(Some(sequence), rtptime, &packets), packets.len());
    }
    let (snapshot, _) = receive_stream(Some(990), Some(3_000_000_000), &packets);
    assert_eq!(snapshot.packets_lost, 10, "a plausible announcement reveals lost packets");
}
