//! Tests of the depacketizer for classroom streams.

use super::*;

/// A minimal frame: SOI, SOF0, SOS, `length + 1` bytes of data, EOI.
fn jpeg_frame(number: u8, length: usize) -> Vec<u8> {
    let head = [0xFF, 0xD8, 0xFF, 0xC0, 0, 3, 8, 0xFF, 0xDA, 0, 2, number];
    [&head[..], &vec![number; length], &[0xFF, 0xD9]].concat()
}

fn packet(sequence: u16, has_marker: bool, payload: &[u8]) -> Bytes {
    let marker = if has_marker { 0x80 } else { 0 };
    let [high, low] = sequence.to_be_bytes();
    [&[0x80, 26 | marker, high, low, 0, 0, 0, 0, 0, 0, 0, 0], payload].concat().into()
}

fn offset_packet(sequence: u16, offset: usize, total: usize, data: &[u8]) -> Bytes {
    let framing = [(offset as u32).to_be_bytes(), (total as u32).to_be_bytes()].concat();
    packet(sequence, false, &[&framing, data].concat())
}

/// Returns the sequence numbers of complete frames, and `None` for incomplete ones.
fn assemble(depacketizer: &mut ClassroomDepacketizer, datagrams: &[Bytes]) -> Vec<Option<u16>> {
    for datagram in datagrams {
        if let Some(datagram) = depacketizer.classify(datagram) {
            depacketizer.push(&datagram);
        }
    }
    let frames = std::iter::from_fn(|| depacketizer.poll_frame());
    frames.map(|frame| frame.is_complete().then_some(frame.sequence)).collect()
}

fn chunks_by_frame(number: u16) -> Vec<Bytes> {
    let jpeg = jpeg_frame(number as u8, 3_000);
    let chunks: Vec<_> = jpeg.chunks(1_400).collect();
    let last = chunks.len() - 1;
    chunks.iter().enumerate().map(|(index, chunk)| packet(number, index == last, chunk)).collect()
}

fn chunks_by_packet(number: u16) -> Vec<Bytes> {
    let jpeg = jpeg_frame(number as u8, 3_000);
    let chunks: Vec<_> = jpeg.chunks(1_400).map(<[u8]>::to_vec).collect();
    let (first, last) = (number * 3, chunks.len() - 1);
    let chunks = (0u16..).zip(&chunks);
    chunks.map(|(index, chunk)| packet(first + index, usize::from(index) == last, chunk)).collect()
}

#[test]
fn whole_frame_in_a_datagram_of_any_version_is_emitted() {
    let jpeg = jpeg_frame(7, 100);
    for version in [0x80, 0x00] {
        let mut datagram = packet(1, false, &jpeg).to_vec();
        datagram[0] = version;
        let mut depacketizer = ClassroomDepacketizer::default();
        let datagram = depacketizer.classify(&datagram.into()).unwrap();
        depacketizer.push(&datagram);
        let frame = depacketizer.poll_frame().unwrap();
        assert!(frame.is_complete());
        assert_eq!((frame.jpeg, frame.sequence), (Bytes::from(jpeg.clone()), 1));
        assert_eq!(depacketizer.variant(), Some(ClassroomVariant::WholeFrame));
    }
}

#[test]
fn chunks_sharing_a_frame_sequence_are_joined() {
    let mut depacketizer = ClassroomDepacketizer::default();
    let datagrams = [1, 2, 3].map(chunks_by_frame).concat();
    assert_eq!(assemble(&mut depacketizer, &datagrams), [Some(1), Some(2), Some(3)]);
    assert_eq!(depacketizer.variant(), Some(ClassroomVariant::ChunksByFrame));
    // The last chunk of frame 4 and the first chunk of frame 5 are lost.
    let mut datagrams = [4, 5, 6].map(chunks_by_frame).concat();
    datagrams.drain(2..4);
    assert_eq!(assemble(&mut depacketizer, &datagrams), [None, None, Some(6)]);
}

#[test]
fn chunks_with_own_sequence_are_joined() {
    let mut depacketizer = ClassroomDepacketizer::default();
    let mut datagrams = [1, 2, 3, 4].map(chunks_by_packet).concat();
    // The middle of frame 2 and the first packet of frame 3 are lost.
    datagrams.remove(6);
    datagrams.remove(4);
    assert_eq!(assemble(&mut depacketizer, &datagrams), [Some(3), None, None, Some(12)]);
    assert_eq!(depacketizer.variant(), Some(ClassroomVariant::ChunksByPacket));
}

#[test]
fn missing_packets_make_one_incomplete_frame() {
    let chunked = |first: u16, timestamp: u8| {
        let jpeg = jpeg_frame(first as u8, 8_000);
        let chunks = jpeg.chunks(1_000).enumerate();
        let packets = chunks.map(|(index, chunk)| {
            let mut packet = packet(first + index as u16, index == 8, chunk).to_vec();
            packet[7] = timestamp;
            Bytes::from(packet)
        });
        packets.collect::<Vec<_>>()
    };
    for (missing, timestamps, expected) in [
        (&[10][..], [0, 0], &[Some(0), None, Some(18)][..]),
        (&[10, 12, 13, 16], [0, 0], &[Some(0), None, Some(18)]),
        // The last packet of one frame and the first ones of the next are lost: only timestamps separate them.
        (&[16, 17, 18], [1, 2], &[Some(0), None, None]),
        (&[17, 18, 20], [0, 0], &[Some(0), None]),
    ] {
        let datagrams = [chunked(0, 0), chunked(9, timestamps[0]), chunked(18, timestamps[1])].concat();
        let arrives = |packet: &Bytes| !missing.contains(&packet[3]);
        let datagrams: Vec<_> = datagrams.into_iter().filter(arrives).collect();
        assert_eq!(assemble(&mut ClassroomDepacketizer::default(), &datagrams), expected, "{missing:?}");
    }
}

#[test]
fn frame_without_start_is_not_part_of_the_previous_frame() {
    let unmarked = |number: u16| {
        let packets = chunks_by_packet(number).into_iter();
        packets.map(|packet| {
            let mut packet = packet.to_vec();
            packet[1] = 26;
            Bytes::from(packet)
        })
    };
    let datagrams: Vec<_> = unmarked(0).chain(unmarked(1).skip(1)).chain(unmarked(2)).collect();
    assert_eq!(assemble(&mut ClassroomDepacketizer::default(), &datagrams), [Some(0), None, Some(6)]);
}

#[test]
fn overlapping_chunks_are_bounded() {
    let mut depacketizer = ClassroomDepacketizer::default();
    let first = offset_packet(1, 0, 50_000, &jpeg_frame(1, 100));
    let overlapping = (0..2_000).map(|offset| offset_packet(1, 200 + offset, 50_000, &[1; 40_000]));
    let datagrams: Vec<_> = [first].into_iter().chain(overlapping).collect();
    assert_eq!(assemble(&mut depacketizer, &datagrams), [None]);
}

#[test]
fn variant_is_detected_after_small_frames() {
    let small = packet(1, true, &jpeg_frame(1, 10));
    let mut by_frame = vec![small.clone()];
    by_frame.extend(chunks_by_frame(2));
    let mut depacketizer = ClassroomDepacketizer::default();
    assert_eq!(assemble(&mut depacketizer, &by_frame), [Some(1), Some(2)]);
    assert_eq!(depacketizer.variant(), Some(ClassroomVariant::ChunksByFrame));
    let mut by_packet = vec![packet(2, true, &jpeg_frame(1, 10))];
    by_packet.extend(chunks_by_packet(1));
    let mut depacketizer = ClassroomDepacketizer::default();
    assert_eq!(assemble(&mut depacketizer, &by_packet), [Some(2), Some(3)]);
    assert_eq!(depacketizer.variant(), Some(ClassroomVariant::ChunksByPacket));
}

#[test]
fn thumbnail_at_packet_start_is_not_a_frame() {
    // The body of APP1 is a JPEG, and the second packet begins with it.
    let thumbnail = jpeg_frame(9, 50);
    let head = [0xFF, 0xD8, 0xFF, 0xE1, 0, thumbnail.len() as u8 + 2];
    let rest = [&thumbnail, &jpeg_frame(8, 100)[2..]].concat();
    let mut depacketizer = ClassroomDepacketizer::default();
    assert_eq!(assemble(&mut depacketizer, &chunks_by_packet(1)), [Some(3)]);
    let datagrams = [packet(6, false, &head), packet(7, true, &rest)];
    assert_eq!(assemble(&mut depacketizer, &datagrams), [Some(6)]);
}

#[test]
fn offset_chunks_are_reordered_and_deduplicated() {
    let jpeg = jpeg_frame(3, 3_000);
    let chunks = |sequence| {
        let mut offset = 0;
        let packets = jpeg.chunks(1_000).map(move |data| {
            let packet = offset_packet(sequence, offset, 3_014, data);
            offset += data.len();
            packet
        });
        packets.collect::<Vec<_>>()
    };
    let mut depacketizer = ClassroomDepacketizer::default();
    assert_eq!(assemble(&mut depacketizer, &chunks(1)), [Some(1)]);
    let mut mixed = chunks(2);
    mixed.swap(0, 2);
    mixed.insert(1, mixed[0].clone());
    assert_eq!(assemble(&mut depacketizer, &mixed), [Some(2)]);
    let mut with_gap = chunks(3);
    with_gap.remove(1);
    with_gap.extend(chunks(4));
    assert_eq!(assemble(&mut depacketizer, &with_gap), [None, Some(4)]);
    assert_eq!(depacketizer.variant(), Some(ClassroomVariant::OffsetHeader));
}

/// Returns the packets of a frame, each payload after the header that `own_header` returns for its index.
fn packets_with_own_header(
    jpeg: &[u8],
    chunk_length: usize,
    sequence: impl Fn(usize) -> u16,
    own_header: impl Fn(usize, bool) -> Vec<u8>,
    has_marker: bool,
) -> Vec<Bytes> {
    let chunks: Vec<_> = jpeg.chunks(chunk_length).collect();
    let packets = chunks.iter().enumerate().map(|(index, chunk)| {
        let is_last = index + 1 == chunks.len();
        packet(sequence(index), has_marker && is_last, &[&own_header(index, is_last), *chunk].concat())
    });
    packets.collect()
}

fn complete_frames(depacketizer: &mut ClassroomDepacketizer, datagrams: &[Bytes]) -> Vec<Bytes> {
    let mut frames = Vec::new();
    for datagram in datagrams {
        if let Some(datagram) = depacketizer.classify(datagram) {
            depacketizer.push(&datagram);
        }
        let polled = std::iter::from_fn(|| depacketizer.poll_frame());
        frames.extend(polled.filter(AssembledFrame::is_complete).map(|frame| frame.jpeg));
    }
    frames
}

#[test]
fn header_of_fragment_count_and_size_is_stripped() {
    let jpegs: Vec<_> = (1..6).map(|number| jpeg_frame(number, 6_000)).collect();
    let mut datagrams = Vec::new();
    // Sequence numbers are frame numbers with jumps, and a parity packet follows each frame.
    for (jpeg, number) in jpegs.iter().zip([1u16, 2, 5, 6, 9]) {
        let own_header = |index: usize, _: bool| {
            let numbers = [index as u16, jpeg.len().div_ceil(2_000) as u16, jpeg.len() as u16];
            numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
        };
        datagrams.extend(packets_with_own_header(jpeg, 2_000, |_| number, own_header, true));
        let mut parity = packet(number, false, &[0x55; 1_000]).to_vec();
        parity[1] = 127;
        // In the middle of a frame too.
        datagrams.insert(datagrams.len() - 2, parity.clone().into());
        datagrams.push(parity.into());
    }
    let mut depacketizer = ClassroomDepacketizer::default();
    assert!(complete_frames(&mut depacketizer, &datagrams) == jpegs);
    assert_eq!(depacketizer.variant(), Some(ClassroomVariant::ChunksByFrame));
}

#[test]
fn header_of_frame_and_last_flag_is_stripped() {
    let jpegs: Vec<_> = (0..5).map(|number| jpeg_frame(number, 3_000)).collect();
    let mut datagrams = Vec::new();
    for (number, jpeg) in (0u32..).zip(&jpegs) {
        let own_header = |_: usize, is_last: bool| [&number.to_be_bytes()[..], &[u8::from(is_last)]].concat();
        let sequence = |index: usize| 70 + number as u16 * 3 + index as u16;
        datagrams.extend(packets_with_own_header(jpeg, 1_400, sequence, own_header, false));
    }
    let mut version0: Vec<_> = datagrams.iter().map(|datagram| datagram.to_vec()).collect();
    version0.iter_mut().for_each(|datagram| datagram[0] = 0);
    for datagrams in [datagrams, version0.into_iter().map(Bytes::from).collect()] {
        let mut depacketizer = ClassroomDepacketizer::default();
        assert!(complete_frames(&mut depacketizer, &datagrams) == jpegs);
        assert_eq!(depacketizer.variant(), Some(ClassroomVariant::ChunksByPacket));
    }
}

#[test]
fn own_header_of_any_length_up_to_16_bytes_is_stripped() {
    let jpegs: Vec<_> = (1..4).map(|number| jpeg_frame(number, 3_000)).collect();
    for length in 0..=MAX_OWN_HEADER_LENGTH + 1 {
        let datagrams: Vec<_> = (1u16..)
            .zip(&jpegs)
            .flat_map(|(number, jpeg)| {
                let own_header = |_: usize, _: bool| vec![0xA5; length];
                packets_with_own_header(jpeg, 1_400, |_| number, own_header, true)
            })
            .collect();
        let frames = complete_frames(&mut ClassroomDepacketizer::default(), &datagrams);
        match length {
            0..=MAX_OWN_HEADER_LENGTH => assert!(frames == jpegs, "{length}"),
            _ => assert!(frames.is_empty(), "{length}"),
        }
    }
}

#[test]
fn thumbnail_near_packet_start_does_not_change_the_own_header() {
    let thumbnail = jpeg_frame(9, 50);
    let app1 = [&[0xFF, 0xE1, 0, thumbnail.len() as u8 + 6, 1, 2, 3, 4], &thumbnail[..]].concat();
    let jpeg = [&[0xFF, 0xD8], &app1[..], &jpeg_frame(8, 100)[2..]].concat();
    // The second payload begins with two bytes of APP1, and the thumbnail follows.
    for own_header in [&[][..], &[7, 7, 7]] {
        let payloads = [[own_header, &jpeg[..8]].concat(), [own_header, &jpeg[8..]].concat()];
        let datagrams: Vec<_> = (0..3u16)
            .flat_map(|number| {
                let sequence = number * 2;
                [packet(sequence, false, &payloads[0]), packet(sequence + 1, true, &payloads[1])]
            })
            .collect();
        let frames = complete_frames(&mut ClassroomDepacketizer::default(), &datagrams);
        assert!(frames == [&jpeg[..]; 3], "{}", frames.len());
    }
}

#[test]
fn headerless_slices_join_the_previous_packet() {
    let mut depacketizer = ClassroomDepacketizer::default();
    for number in 1..4 {
        let whole = packet(number, true, &jpeg_frame(number as u8, 10_000));
        let slices: Vec<_> = whole.chunks(4_096).map(Bytes::copy_from_slice).collect();
        assert_eq!(assemble(&mut depacketizer, &slices), [Some(number)]);
    }
    assert_eq!(depacketizer.variant(), Some(ClassroomVariant::Sliced));
    let whole = packet(4, true, &jpeg_frame(4, 10_000));
    let without_header: Vec<_> = whole.chunks(4_096).skip(1).map(Bytes::copy_from_slice).collect();
    assert_eq!(assemble(&mut depacketizer, &without_header), []);
}

#[test]
fn junk_is_ignored_and_endless_frames_are_bounded() {
    let mut depacketizer = ClassroomDepacketizer::default();
    for junk in [&b""[..], b"hello", &[0x80, 0x1A, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], &[0xFF; 2_000]] {
        assert_eq!(depacketizer.classify(&Bytes::copy_from_slice(junk)), None);
    }
    // A frame length of 4 GiB is rejected.
    assert_eq!(
        assemble(&mut depacketizer, &[offset_packet(1, 0, u32::MAX as usize, &jpeg_frame(1, 50))]),
        []
    );
    assert_eq!(assemble(&mut depacketizer, &[offset_packet(1, 0, 64, &jpeg_frame(1, 50))]), [Some(1)]);
    let beyond = offset_packet(2, 60, 64, &[0; 50]);
    assert_eq!(assemble(&mut depacketizer, &[beyond]), [None]);

    // A frame without EOI ends at 16 MiB.
    let mut depacketizer = ClassroomDepacketizer::default();
    let head = &jpeg_frame(1, 60_000)[..60_000];
    assert_eq!(assemble(&mut depacketizer, &[packet(1, false, head)]), []);
    let endless: Vec<_> = (0..300).map(|_| packet(1, false, &[1; 60_000])).collect();
    assert_eq!(assemble(&mut depacketizer, &endless), [None]);
}
