//! Packetizing and depacketizing JPEGs of every kind and size.

mod common;

use std::path::Path;

use bytes::Bytes;
use common::jpegs::{JpegKind, test_jpeg};
use common::odd_jpegs::{Oddity, odd_jpeg, rgb_jpeg, with_metadata};
use reelay::media::FrameRate;
use reelay::media::decode::decode;
use reelay::media::jpeg::{Dimensions, JpegHeader, ReceivedParts, repair, standalone};
use reelay::media::payload::{
    Assembled, AssembledFrame, Depacketizer, MAX_CLASSROOM_FRAME_SIZE, PacketizedFrame, PayloadFormat,
    Rfc2435Frame, UNKNOWN_END, UnsupportedJpeg, packetize, starts_frame,
};
use reelay::media::reencode::{Quality, to_rfc2435};
use reelay::media_file::MediaFile;
use reelay::proto::rtp::{Extension, Header, Packet};

const SIZE: (u16, u16) = (160, 120);

/// Returns the RTP packets of a frame as a receiver parses them.
fn parse_packets(frame: &PacketizedFrame, timestamp: u32) -> Vec<Packet> {
    parse_packets_of_quality(frame, timestamp, 255)
}

/// Returns the RTP packets of a frame with this Q field, if the format has quantization tables.
fn parse_packets_of_quality(frame: &PacketizedFrame, timestamp: u32, quality: u8) -> Vec<Packet> {
    (0..frame.packets().len())
        .map(|index| {
            let mut bytes = Vec::new();
            frame.write_packet(index, index as u16, timestamp, 9, &mut bytes);
            frame.set_quality(quality, &mut bytes);
            Packet::parse(bytes.into()).unwrap()
        })
        .collect()
}

fn assemble(packets: &[Packet]) -> Vec<Assembled> {
    let mut depacketizer = Depacketizer::new(None);
    packets.iter().for_each(|packet| depacketizer.push(packet));
    std::iter::from_fn(|| depacketizer.poll_frame()).collect()
}

fn single_frame(packets: &[Packet]) -> AssembledFrame {
    match assemble(packets).as_slice() {
        [Assembled::Frame(frame)] if frame.is_complete() => frame.clone(),
        other => panic!("not one complete frame: {other:?}"),
    }
}

/// Returns the bytes of `complete` outside the missing ranges of `frame`.
fn without_missing(complete: &[u8], frame: &AssembledFrame) -> Vec<u8> {
    let is_received = |position: &usize| !frame.missing.iter().any(|range| range.contains(position));
    (0..complete.len()).filter(is_received).map(|position| complete[position]).collect()
}

#[test]
fn extended_sequential_frame_with_separate_scans_is_decoded_like_a_baseline_one() {
    let baseline = test_jpeg(JpegKind::SeparateScans, (40, 24), 3, 0);
    let sof = baseline.windows(2).position(|bytes| bytes == [0xFF, 0xC0]).unwrap();
    let mut extended = baseline.clone();
    extended[sof + 1] = 0xC1;
    assert!(decode_pixels(&extended) == decode_pixels(&baseline));
}

#[test]
fn original_header_format_is_bit_exact() {
    for kind in JpegKind::ALL {
        for size in [(16, 16), SIZE, (2_100, 40)] {
            let jpeg = test_jpeg(kind, size, 3, 30);
            let frame = packetize(&jpeg, PayloadFormat::OriginalHeader).unwrap();
            assert!(frame.packets().iter().all(|packet| packet.len() <= 1_412), "{kind:?}");
            let received = single_frame(&parse_packets(&frame, 77));
            assert_eq!(received.jpeg, jpeg, "{kind:?} {size:?}");
            assert_eq!((received.timestamp, received.headers_reduced), (77, false));
        }
    }
}

/// Returns the bytes that a receiver saves.
fn original_bytes(frame: &AssembledFrame) -> Vec<u8> {
    match frame.inserted_restarts {
        Some(inserted) => inserted.remove(&frame.jpeg).unwrap(),
        None => frame.jpeg.to_vec(),
    }
}

#[test]
fn frame_with_inserted_restarts_is_restored_and_shows_the_same_pixels() {
    use JpegKind::{CustomHuffmanRestarts, Progressive, Restarts, SeparateScans};
    for kind in JpegKind::ALL {
        for size in [(16, 16), SIZE, (2_100, 40)] {
            let jpeg = test_jpeg(kind, size, 3, 30);
            let frame = packetize(&jpeg, PayloadFormat::OriginalWithRestarts).unwrap();
            assert!(frame.packets().iter().all(|packet| packet.len() <= 1_412), "{kind:?}");
            let received = single_frame(&parse_packets(&frame, 77));
            assert!(original_bytes(&received) == jpeg, "{kind:?} {size:?}");
            assert!(decode_pixels(&received.jpeg) == decode_pixels(&jpeg), "{kind:?} {size:?}");
            let without = packetize(&jpeg, PayloadFormat::OriginalWithoutRestarts).unwrap();
            let received_without = single_frame(&parse_packets(&without, 78));
            assert!(without.restart_error().is_none() && received_without.inserted_restarts.is_none());
            assert!(received_without.jpeg == jpeg, "{kind:?} {size:?}");
            // A short frame of custom tables may lack a code that is needed.
            let is_unchanged = matches!(kind, Progressive | Restarts | CustomHuffmanRestarts | SeparateScans);
            if is_unchanged {
                assert!(frame.restart_error().is_some() && received.inserted_restarts.is_none(), "{kind:?}");
            } else if kind == JpegKind::Standard420 {
                assert!(frame.restart_error().is_none() && received.inserted_restarts.is_some());
            }
        }
    }
}

#[test]
fn packet_with_inserted_restarts_is_decoded_without_the_others() {
    for format in [PayloadFormat::OriginalWithRestarts, PayloadFormat::Rfc2435WithRestarts] {
        check_that_packets_are_decoded_without_the_others(format);
    }
}

fn check_that_packets_are_decoded_without_the_others(format: PayloadFormat) {
    let jpeg = test_jpeg(JpegKind::Standard420, (320, 240), 1, 60);
    let frame = packetize(&jpeg, format).unwrap();
    let count = frame.packets().len();
    assert!(count > 12, "{count}");
    let parse_packets = |frame, timestamp| parse_packets_of_quality(frame, timestamp, 128);
    let mut expected = Vec::new();
    decode(&jpeg, &mut expected).unwrap();
    for lost in 0..count {
        // The first frame is complete, so the header of the second is known by its identity or by the Q field.
        let mut stream = parse_packets(&frame, 100);
        stream.extend(
            parse_packets(&frame, 4_600).into_iter().enumerate().filter(|(n, _)| *n != lost).map(|(_, p)| p),
        );
        stream.extend(parse_packets(&frame, 9_100));
        let assembled = assemble(&stream);
        let [Assembled::Frame(first), Assembled::Frame(second), Assembled::Frame(_)] = &assembled[..] else {
            panic!("without packet {lost}")
        };
        assert!(first.is_complete() && !second.is_complete());
        let parts =
            ReceivedParts { jpeg: &second.jpeg, missing: &second.missing, restarts: &second.restarts };
        let (repaired, area) = repair(parts).unwrap();
        assert!(area.share() > 1.0 - 2.5 / count as f64, "without packet {lost}: {}", area.share());
        let mut pixels = Vec::new();
        assert_eq!(decode(&repaired, &mut pixels), Ok((320, 240)));
        for rectangle in area.fresh() {
            // At the edges, chrominance is interpolated with the neighbours.
            for row in rectangle.top + 2..rectangle.top + rectangle.height - 2 {
                let bytes = (row * 320 + rectangle.left + 2) * 4
                    ..(row * 320 + rectangle.left + rectangle.width - 2) * 4;
                assert!(pixels[bytes.clone()] == expected[bytes], "without packet {lost}: row {row}");
            }
        }
    }
}

#[test]
fn rfc_2435_with_restarts_states_the_intervals_of_each_packet() {
    for kind in [JpegKind::Standard420, JpegKind::Standard422, JpegKind::WithoutDht, JpegKind::WithComment] {
        let jpeg = test_jpeg(kind, (320, 240), 5, 60);
        let frame = packetize(&jpeg, PayloadFormat::Rfc2435WithRestarts).unwrap();
        assert_eq!(frame.restart_error(), None, "{kind:?}");
        assert!(frame.packets().iter().all(|packet| packet.len() <= 1_412), "{kind:?}");
        let packets = parse_packets(&frame, 0);
        let received = single_frame(&packets).jpeg;
        assert!(decode_pixels(&received) == decode_pixels(&jpeg), "{kind:?}");
        let interval = JpegHeader::parse(&received).unwrap().restart_interval();
        let mut next_interval = 0;
        for packet in &packets {
            let jpeg_type = if kind == JpegKind::Standard422 { 64 } else { 65 };
            assert_eq!((packet.payload[4], packet.payload[5]), (jpeg_type, 255), "{kind:?}");
            assert_eq!(packet.payload[8..10], interval.to_be_bytes());
            // First and last packet of its intervals, of which the first has this index.
            let count = u16::from_be_bytes([packet.payload[10], packet.payload[11]]);
            assert_eq!(count, 0xC000 | next_interval, "{kind:?}");
            let markers = packet.payload.windows(2).filter(|w| w[0] == 0xFF && (0xD0..0xD8).contains(&w[1]));
            next_interval += markers.count() as u16;
        }
        assert!(next_interval > 20, "{kind:?} {next_interval}");
    }
    let own = test_jpeg(JpegKind::Restarts, SIZE, 5, 40);
    let frame = packetize(&own, PayloadFormat::Rfc2435WithRestarts).unwrap();
    assert_eq!(frame.restart_error(), Some("frame with restart markers of its own"));
    assert!(frame.packets() == packetize(&own, PayloadFormat::Rfc2435).unwrap().packets());
}

#[test]
fn tables_are_known_only_by_a_quality_that_names_them() {
    let frame = packetize(&test_jpeg(JpegKind::Standard420, SIZE, 1, 60), PayloadFormat::Rfc2435WithRestarts);
    let frame = frame.unwrap();
    let is_usable = |first: u8, second: u8| {
        let mut stream = parse_packets_of_quality(&frame, 100, first);
        stream.extend(parse_packets_of_quality(&frame, 4_600, second).into_iter().skip(1));
        let assembled = assemble(&stream);
        let [_, Assembled::Frame(frame)] = &assembled[..] else { panic!() };
        repair(ReceivedParts { jpeg: &frame.jpeg, missing: &frame.missing, restarts: &frame.restarts })
            .is_some()
    };
    assert!(is_usable(128, 128) && is_usable(254, 254));
    assert!(!is_usable(255, 255), "tables of one frame only");
    assert!(!is_usable(128, 129), "unknown tables");
    assert!(is_usable(255, 50), "tables that are computed from the quality");
}

/// Frames of encoders that compute Huffman tables for each frame have their header in two packets.
#[test]
fn own_huffman_tables_are_in_two_packets() {
    let mut with_packet_of_its_own = std::collections::BTreeSet::new();
    for width in (320..400).step_by(16) {
        let jpeg = test_jpeg(JpegKind::CustomHuffman, (width, 240), 2, 60);
        let frame = packetize(&jpeg, PayloadFormat::OriginalWithRestarts).unwrap();
        assert_eq!(frame.restart_error(), None);
        assert!(frame.packets().iter().all(|packet| packet.len() <= 1_412));
        let complete = parse_packets(&frame, 77);
        assert!(original_bytes(&single_frame(&complete)) == jpeg, "{width}");
        let headers: Vec<_> = complete.iter().filter_map(|packet| packet.extension.as_ref()).collect();
        assert_eq!(headers.len(), 2);
        assert!(complete[0].extension.is_some() && headers[0] == headers[1]);
        let is_empty = |packet: &Packet| packet.payload.len() == 16;
        with_packet_of_its_own.insert(complete.iter().any(is_empty));
        for lost in 0..complete.len() {
            let mut packets = complete.clone();
            packets.remove(lost);
            packets.extend(parse_packets(&frame, 4_577));
            let assembled = assemble(&packets);
            let [Assembled::Frame(frame), _] = &assembled[..] else { panic!("without packet {lost}") };
            if is_empty(&complete[lost]) {
                assert!(frame.is_complete() && original_bytes(frame) == jpeg, "{width}");
                continue;
            }
            let parts =
                ReceivedParts { jpeg: &frame.jpeg, missing: &frame.missing, restarts: &frame.restarts };
            let (_, area) = repair(parts).unwrap();
            let share = area.share();
            assert!(share > 1.0 - 3.0 / complete.len() as f64, "without packet {lost}: {share}");
            assert!(share < 1.0, "without packet {lost}");
        }
    }
    assert_eq!(with_packet_of_its_own.len(), 2, "with and without a packet of its own");
    let cameras = test_jpeg(JpegKind::Standard420, (320, 240), 2, 60);
    let frame = packetize(&cameras, PayloadFormat::OriginalWithRestarts).unwrap();
    let packets = parse_packets(&frame, 77);
    assert_eq!(packets.iter().filter(|packet| packet.extension.is_some()).count(), 1);
}

#[test]
fn header_is_known_only_by_its_identity() {
    let jpegs = [1, 2].map(|seed| {
        with_metadata(&test_jpeg(JpegKind::Standard420, SIZE, seed, 60), &[(0xE1, 9 + seed as usize)])
    });
    let frames = jpegs.each_ref().map(|jpeg| packetize(jpeg, PayloadFormat::OriginalWithRestarts).unwrap());
    let mut stream = parse_packets(&frames[0], 100);
    stream.extend(parse_packets(&frames[1], 4_600).into_iter().skip(1));
    stream.extend(parse_packets(&frames[0], 9_100).into_iter().skip(1));
    let assembled = assemble(&stream);
    let [_, Assembled::Frame(unknown), Assembled::Frame(known)] = &assembled[..] else { panic!() };
    let is_usable = |frame: &AssembledFrame| {
        repair(ReceivedParts { jpeg: &frame.jpeg, missing: &frame.missing, restarts: &frame.restarts })
            .is_some()
    };
    assert!(!is_usable(unknown) && is_usable(known));
}

#[test]
fn lost_part_of_a_long_known_header_costs_nothing() {
    let jpeg = with_metadata(&test_jpeg(JpegKind::Standard420, SIZE, 1, 0), &[(0xE1, 6_000)]);
    let frame = packetize(&jpeg, PayloadFormat::OriginalWithRestarts).unwrap();
    for lost in 0..4 {
        let mut stream = parse_packets(&frame, 100);
        let mut second = parse_packets(&frame, 4_600);
        second.remove(lost);
        stream.extend(second);
        let assembled = assemble(&stream);
        let [Assembled::Frame(_), Assembled::Frame(second)] = &assembled[..] else { panic!("{lost}") };
        assert!(second.is_complete() && original_bytes(second) == jpeg, "without packet {lost}");
    }
}

#[test]
fn frame_just_below_16_mib_is_bit_exact() {
    let jpeg = test_jpeg(JpegKind::Classroom444, (4_000, 4_000), 1, 255);
    assert!((15 << 20..16 << 20).contains(&jpeg.len()), "{}", jpeg.len());
    let frame = packetize(&jpeg, PayloadFormat::OriginalHeader).unwrap();
    assert_eq!(single_frame(&parse_packets(&frame, 0)).jpeg, jpeg);
    let too_large = [jpeg.clone(), jpeg].concat();
    assert_eq!(packetize(&too_large, PayloadFormat::OriginalHeader).unwrap_err(), UnsupportedJpeg::TooLarge);
}

/// A damaged file can repeat its beginning within a frame.
#[test]
fn frame_whose_scan_begins_like_a_jpeg_is_bit_exact() {
    let jpeg = test_jpeg(JpegKind::Standard420, SIZE, 1, 0);
    let scan_start = JpegHeader::parse(&jpeg).unwrap().scan_data_start();
    let damaged = [&jpeg[..scan_start], &jpeg].concat();
    let frame = packetize(&damaged, PayloadFormat::OriginalHeader).unwrap();
    assert_eq!(single_frame(&parse_packets(&frame, 0)).jpeg, damaged);
    assert_eq!(Rfc2435Frame::parse(&damaged).unwrap_err(), UnsupportedJpeg::MalformedHeader);
}

/// A phone's photo has other pictures, or a film, behind its JPEG.
#[test]
fn rfc_2435_carries_nothing_behind_the_jpeg() {
    for kind in [JpegKind::Standard420, JpegKind::Restarts] {
        let jpeg = test_jpeg(kind, SIZE, 1, 0);
        let photo = [&jpeg[..], &test_jpeg(kind, (16, 16), 2, 0), b"\0\0\0\x18ftypmp42"].concat();
        let [alone, followed] =
            [&jpeg, &photo].map(|frame| packetize(frame, PayloadFormat::Rfc2435).unwrap());
        assert!(alone.packets() == followed.packets(), "{kind:?}");
        let complete = packetize(&photo, PayloadFormat::OriginalHeader).unwrap();
        assert_eq!(single_frame(&parse_packets(&complete, 0)).jpeg, photo, "{kind:?}");
    }
}

#[test]
fn rfc_2435_carries_no_eoi() {
    let jpeg = test_jpeg(JpegKind::Standard420, SIZE, 1, 0);
    let repeated = [&jpeg[..], &[0xFF, 0xD9, 0xFF, 0xD9]].concat();
    let packets = |jpeg: &[u8]| parse_packets(&packetize(jpeg, PayloadFormat::Rfc2435).unwrap(), 0);
    assert!(packets(&repeated) == packets(&jpeg));
    assert!(single_frame(&packets(&repeated)).jpeg.ends_with(&[0xFF, 0xD9]));
}

#[test]
fn header_of_any_length_is_bit_exact() {
    let jpeg = test_jpeg(JpegKind::Standard420, SIZE, 1, 0);
    // Around one and two packets, byte by byte; and segments of full length.
    let lengths = (500..820).chain(1_900..2_180).map(|length| vec![(0xE1, length)]);
    for segments in lengths.chain([vec![(0xE1, 65_533), (0xE2, 65_533), (0xE2, 65_533), (0xFE, 65_533)]]) {
        let jpeg = with_metadata(&jpeg, &segments);
        let frame = packetize(&jpeg, PayloadFormat::OriginalHeader).unwrap();
        assert!(frame.packets().iter().all(|packet| packet.len() <= 1_412), "{segments:?}");
        let packets = parse_packets(&frame, 0);
        let received = single_frame(&packets);
        assert!(received.jpeg == jpeg && !received.headers_reduced, "{segments:?}");
        let starts: Vec<_> = packets.iter().map(starts_frame).collect();
        assert_eq!(starts.iter().filter(|starts| **starts).count(), 1, "{segments:?}");
        assert!(starts[0]);
    }
}

#[test]
fn missing_packet_of_a_long_header_makes_the_frame_incomplete() {
    let jpeg = with_metadata(&test_jpeg(JpegKind::Standard420, SIZE, 1, 0), &[(0xE1, 6_000)]);
    let frame = packetize(&jpeg, PayloadFormat::OriginalHeader).unwrap();
    let count = frame.packets().len();
    assert!(count > 6);
    for missing in 0..count {
        let mut stream = parse_packets(&frame, 100);
        stream.remove(missing);
        stream.extend(parse_packets(&frame, 4_600));
        let assembled = assemble(&stream);
        let [Assembled::Frame(first), Assembled::Frame(second)] = &assembled[..] else {
            panic!("without packet {missing}: {assembled:?}")
        };
        assert!(!first.is_complete() && second.jpeg == jpeg, "without packet {missing}");
    }
}

#[test]
fn rgb_frame_behind_a_long_icc_profile_keeps_its_colours() {
    let jpeg = rgb_jpeg(SIZE, 3);
    let without_adobe = test_jpeg(JpegKind::Classroom444, SIZE, 3, 0);
    assert_ne!(decode_pixels(&jpeg), decode_pixels(&without_adobe), "APP14 changes the colours");
    let received = single_frame(&parse_packets(&packetize(&jpeg, PayloadFormat::OriginalHeader).unwrap(), 0));
    assert_eq!(received.jpeg, jpeg);
    assert_eq!(decode_pixels(&received.jpeg), decode_pixels(&jpeg));
}

#[test]
fn odd_jpegs_are_shown_in_every_payload_format() {
    let plain = test_jpeg(JpegKind::Standard420, SIZE, 5, 40);
    let pixels = decode_pixels(&plain);
    for oddity in Oddity::ALL {
        let jpeg = odd_jpeg(oddity, &plain);
        assert!(decode_pixels(&jpeg) == pixels, "{oddity:?}");
        let receive =
            |jpeg: &[u8], format| single_frame(&parse_packets(&packetize(jpeg, format).unwrap(), 0)).jpeg;
        assert_eq!(receive(&jpeg, PayloadFormat::OriginalHeader), jpeg, "{oddity:?}");
        // A frame without a height has to be decoded and encoded again.
        if oddity != Oddity::HeightAfterScan {
            let fitting = to_rfc2435(&jpeg, Quality::default()).unwrap();
            assert!(decode_pixels(&receive(&fitting, PayloadFormat::Rfc2435)) == pixels, "{oddity:?}");
        }
        let classroom = classroom_payload(&jpeg);
        assert!(classroom.ends_with(&[0xFF, 0xD9]) && decode_pixels(&classroom) == pixels, "{oddity:?}");
        let saved = standalone(&jpeg);
        assert!(saved.starts_with(&jpeg) && saved.ends_with(&[0xFF, 0xD9]), "{oddity:?}");
    }
    assert_eq!(standalone(&plain), plain);
    let progressive = test_jpeg(JpegKind::Progressive, SIZE, 5, 40);
    let without_eoi = progressive.strip_suffix(&[0xFF, 0xD9]).unwrap();
    assert!(decode_pixels(without_eoi) == decode_pixels(&progressive), "progressive JPEG without EOI");
}

#[test]
fn header_extension_follows_onvif_layout() {
    let jpeg = test_jpeg(JpegKind::Classroom444, SIZE, 1, 90);
    let header = JpegHeader::parse(&jpeg).unwrap();
    let packets = parse_packets(&packetize(&jpeg, PayloadFormat::OriginalHeader).unwrap(), 0);
    let first = packets[0].extension.as_ref().unwrap();
    assert_eq!(first.profile, 0xFFD8);
    assert_eq!(first.body.len() % 4, 0);
    let scan_header = &jpeg[header.sos_segment().range.clone()];
    let padding = first.body.len() - header.header_bytes().len();
    let (segments, end) = first.body.split_at(first.body.len() - scan_header.len());
    assert_eq!(end, scan_header);
    let (segments, fill) = segments.split_at(segments.len() - padding);
    assert!(fill.iter().all(|byte| *byte == 0xFF) && jpeg[2..].starts_with(segments));
    for other in &packets[1..] {
        let extension = other.extension.as_ref().unwrap();
        assert_eq!((extension.profile, extension.body.len()), (0xFFFF, 0));
    }
    assert_eq!(packets.iter().filter(|packet| packet.header.marker).count(), 1);
    assert!(packets.last().unwrap().header.marker);
}

fn decode_pixels(jpeg: &[u8]) -> (Vec<u8>, (u32, u32)) {
    let mut pixels = Vec::new();
    let size = decode(jpeg, &mut pixels).unwrap();
    (pixels, size)
}

#[test]
fn rfc_2435_format_keeps_pixels_exact() {
    let kinds = [
        JpegKind::Standard420,
        JpegKind::Standard422,
        JpegKind::Restarts,
        JpegKind::WithComment,
        JpegKind::WithoutDht,
    ];
    for kind in kinds.into_iter().chain([JpegKind::Thumbnail, JpegKind::FillBytes, JpegKind::LongHeader]) {
        let jpeg = test_jpeg(kind, SIZE, 5, 40);
        let received = single_frame(&parse_packets(&packetize(&jpeg, PayloadFormat::Rfc2435).unwrap(), 0));
        assert_eq!(decode_pixels(&received.jpeg), decode_pixels(&jpeg), "{kind:?}");
    }
}

#[test]
fn payload_header_follows_rfc_2435() {
    let jpeg = test_jpeg(JpegKind::Restarts, (642, 478), 5, 40);
    let frame = packetize(&jpeg, PayloadFormat::Rfc2435).unwrap();
    let packets = parse_packets(&frame, 0);
    // RFC 2435 §3.1: type-specific 0, offset 0, type 65 (type 1 with restart markers), Q 255, 81 by 60 blocks of 8
    // pixels. §3.1.7: restart interval 4, F and L set, count 0x3FFF. §3.1.8: MBZ 0, precision 0, length 128 bytes.
    assert_eq!(packets[0].payload[..8], [0, 0, 0, 0, 65, 255, 81, 60]);
    assert_eq!(packets[0].payload[8..16], [0, 4, 0xFF, 0xFF, 0, 0, 0, 128]);
    let data = |packet: &Packet, skipped: usize| packet.payload.len() - skipped;
    let mut offset = data(&packets[0], 8 + 4 + 4 + 128);
    for packet in &packets[1..] {
        let [_, o2, o1, o0, kind, ..] = packet.payload[..8] else { panic!() };
        assert_eq!((u32::from_be_bytes([0, o2, o1, o0]) as usize, kind), (offset, 65));
        assert_eq!(packet.payload[8..12], [0, 4, 0xFF, 0xFF]);
        assert!(packet.extension.is_none());
        offset += data(packet, 12);
    }
}

#[test]
fn unsupported_jpegs_are_refused_with_reason() {
    let refused = |kind, size| packetize(&test_jpeg(kind, size, 1, 0), PayloadFormat::Rfc2435).unwrap_err();
    assert_eq!(refused(JpegKind::Classroom444, SIZE), UnsupportedJpeg::Subsampling);
    assert_eq!(refused(JpegKind::CustomHuffman, SIZE), UnsupportedJpeg::HuffmanTables);
    assert_eq!(refused(JpegKind::SeparateScans, SIZE), UnsupportedJpeg::Components);
    assert_eq!(refused(JpegKind::Grey, SIZE), UnsupportedJpeg::Components);
    assert_eq!(refused(JpegKind::Progressive, SIZE), UnsupportedJpeg::NotBaseline);
    assert_eq!(refused(JpegKind::Standard420, (2_048, 16)), UnsupportedJpeg::TooLarge);
    assert!(packetize(&test_jpeg(JpegKind::Standard420, (2_040, 16), 1, 0), PayloadFormat::Rfc2435).is_ok());
}

#[test]
fn missing_packet_makes_only_its_own_frame_incomplete() {
    let jpeg = test_jpeg(JpegKind::Standard420, SIZE, 1, 60);
    for format in [PayloadFormat::Rfc2435, PayloadFormat::OriginalHeader] {
        let frame = packetize(&jpeg, format).unwrap();
        let count = frame.packets().len();
        assert!(count >= 3);
        for missing in 0..count {
            let mut stream = parse_packets(&frame, 100);
            stream.remove(missing);
            stream.extend(parse_packets(&frame, 4_600));
            let assembled = assemble(&stream);
            let [Assembled::Frame(first), Assembled::Frame(second)] = &assembled[..] else {
                panic!("without packet {missing}: {assembled:?}")
            };
            assert!(!first.is_complete() && second.is_complete());
            assert_eq!((first.timestamp, second.timestamp), (100, 4_600));
            if missing == 0 {
                assert_eq!(first.missing[0].start, 0, "the header is unknown");
            } else {
                let expected = without_missing(&second.jpeg, first);
                // RFC 2435 does not carry EOI; the depacketizer appends it to complete frames only.
                let without_eoi = expected.strip_suffix(&[0xFF, 0xD9]).unwrap_or(&expected);
                assert!(first.jpeg == expected || first.jpeg == without_eoi, "without packet {missing}");
                let is_open = first.missing[0].end == UNKNOWN_END;
                assert_eq!(is_open, missing == count - 1, "without packet {missing}");
            }
        }
    }
}

#[test]
fn overlapping_fragments_make_a_frame_incomplete() {
    let frame = packetize(&test_jpeg(JpegKind::Standard420, SIZE, 1, 60), PayloadFormat::Rfc2435).unwrap();
    let mut stream = parse_packets(&frame, 100);
    assert!(stream.len() >= 3);
    stream.insert(1, stream[1].clone());
    let assembled = assemble(&stream);
    let [Assembled::Frame(first)] = &assembled[..] else { panic!("{assembled:?}") };
    assert_eq!(first.missing.last().map(|range| range.end), Some(UNKNOWN_END));
    assert!(first.jpeg.len() <= single_frame(&parse_packets(&frame, 0)).jpeg.len());
}

#[test]
fn computed_and_cached_quantization_tables_are_used() {
    let jpeg = test_jpeg(JpegKind::Standard420, SIZE, 1, 0);
    let complete = parse_packets(&packetize(&jpeg, PayloadFormat::Rfc2435).unwrap(), 0);
    let with_quality = |quality: u8, has_tables: bool| {
        let mut packets = complete.clone();
        for packet in &mut packets {
            let mut payload = packet.payload.to_vec();
            payload[5] = quality;
            packet.payload = payload.into();
        }
        if !has_tables {
            let first = &packets[0].payload;
            let kept = if quality < 128 { vec![] } else { vec![0, 0, 0, 0] };
            packets[0].payload = [&first[..8], &kept[..], &first[8 + 4 + 128..]].concat().into();
        }
        packets
    };
    let size = decode_pixels(&single_frame(&with_quality(85, false)).jpeg).1;
    assert_eq!(size, (160, 120));
    // Tables for a Q of 128 to 254 may be sent once and are valid for all later frames (RFC 2435 §3.1.8).
    let mut stream = [with_quality(200, true), with_quality(200, false)].concat();
    stream[complete.len()..].iter_mut().for_each(|packet| packet.header.timestamp = 9);
    let assembled = assemble(&stream);
    assert!(
        matches!(&assembled[..], [Assembled::Frame(a), Assembled::Frame(b)] if a.is_complete() && a.jpeg == b.jpeg)
    );
    for unusable in [with_quality(0, false), with_quality(120, false), with_quality(201, false)] {
        assert!(matches!(assemble(&unusable)[..], [Assembled::Unusable(_)]));
    }
}

#[test]
fn zero_dimensions_are_taken_from_sdp() {
    let jpeg = test_jpeg(JpegKind::Standard420, SIZE, 1, 0);
    let mut packets = parse_packets(&packetize(&jpeg, PayloadFormat::Rfc2435).unwrap(), 0);
    for packet in &mut packets {
        let mut payload = packet.payload.to_vec();
        payload[6..8].fill(0);
        packet.payload = payload.into();
    }
    assert!(matches!(assemble(&packets)[..], [Assembled::Unusable(_)]));
    let mut depacketizer = Depacketizer::new(Some(Dimensions { width: 160, height: 120 }));
    packets.iter().for_each(|packet| depacketizer.push(packet));
    assert!(matches!(depacketizer.poll_frame(), Some(Assembled::Frame(frame)) if frame.is_complete()));
}

/// Packets of RFC 2435 with the header segments of `parts` in the extensions of the first packets.
fn with_extensions(jpeg: &[u8], parts: &[&[u8]], replay: bool) -> Vec<Packet> {
    let mut packets = parse_packets(&packetize(jpeg, PayloadFormat::Rfc2435).unwrap(), 0);
    for (index, packet) in packets.iter_mut().enumerate() {
        let mut body = parts.get(index).map(|part| part.to_vec()).unwrap_or_default();
        body.resize(body.len().next_multiple_of(4), 0xFF);
        let profile: u16 = if index == 0 { 0xFFD8 } else { 0xFFFF };
        packet.extension = Some(if replay {
            let nested = [&profile.to_be_bytes()[..], &(body.len() as u16 / 4).to_be_bytes(), &body].concat();
            Extension { profile: 0xABAC, body: [vec![7; 12], nested].concat().into() }
        } else {
            Extension { profile, body: body.into() }
        });
    }
    packets
}

/// ONVIF cameras send only those segments that RFC 2435 cannot express, such as a size that is not a multiple of 8.
#[test]
fn partial_onvif_header_is_completed_from_rfc_2435() {
    for kind in [JpegKind::Standard420, JpegKind::Standard422, JpegKind::Restarts] {
        let jpeg = test_jpeg(kind, (642, 478), 1, 60);
        let header = JpegHeader::parse(&jpeg).unwrap();
        let segment = |code: u8| {
            let found = header.segments().iter().find(|segment| segment.code == code).unwrap();
            &jpeg[found.range.clone()]
        };
        let (frame_header, scan_header, tables) = (segment(0xC0), segment(0xDA), segment(0xDB));
        let both = [frame_header, scan_header].concat();
        let soi_and_tables = [&[0xFF, 0xD8], tables, frame_header].concat();
        let split = frame_header.split_at(8);
        let cases: [&[&[u8]]; 6] = [
            &[frame_header],
            &[&both],
            &[frame_header, scan_header],
            &[split.0, split.1],
            &[&soi_and_tables],
            &[&[], frame_header],
        ];
        for (number, parts) in cases.into_iter().enumerate() {
            for replay in [false, true] {
                let received = single_frame(&with_extensions(&jpeg, parts, replay));
                let (received, sent) = (decode_pixels(&received.jpeg), decode_pixels(&jpeg));
                assert!(received == sent, "{kind:?}, case {number}, replay {replay}: {:?}", received.1);
            }
        }
        let without_second = |mut packets: Vec<Packet>| {
            packets.remove(1);
            packets
        };
        let assembled =
            assemble(&without_second(with_extensions(&jpeg, &[frame_header, scan_header], false)));
        assert!(matches!(&assembled[..], [Assembled::Frame(frame)] if !frame.is_complete()));
    }
}

/// Servers on small cameras (ESP32) send the complete JPEG after the payload header.
#[test]
fn complete_jpeg_after_the_payload_header_is_used_as_it_is() {
    for kind in [JpegKind::Classroom444, JpegKind::Standard422, JpegKind::LongHeader] {
        let jpeg = test_jpeg(kind, SIZE, 1, 60);
        let tables = [&[0, 0, 0, 128][..], &[1; 128]].concat();
        let payload_headers: [(u8, u8, &[u8]); 4] =
            [(1, 80, &[]), (1, 255, &[]), (0, 255, &tables), (65, 80, &[0, 4, 0xFF, 0xFF])];
        for (jpeg_type, quality, headers) in payload_headers {
            let mut offset = 0;
            let chunks = jpeg.chunks(1_000).zip(0..).map(|(chunk, sequence)| {
                let [_, o2, o1, o0] = u32::to_be_bytes(offset as u32);
                let headers = if sequence == 0 || jpeg_type >= 64 { headers } else { &[] };
                let main = [0, o2, o1, o0, jpeg_type, quality, 20, 15];
                offset += chunk.len();
                let header = Header {
                    marker: offset == jpeg.len(),
                    payload_type: 26,
                    sequence,
                    timestamp: 0,
                    ssrc: 9,
                };
                Packet { header, extension: None, payload: [&main, headers, chunk].concat().into() }
            });
            let received = single_frame(&chunks.collect::<Vec<_>>());
            assert_eq!(received.jpeg, jpeg, "{kind:?}, type {jpeg_type}, quality {quality}");
        }
    }
}

#[test]
fn hostile_payloads_never_panic() {
    let jpeg = test_jpeg(JpegKind::Restarts, SIZE, 1, 0);
    use PayloadFormat::{OriginalHeader, OriginalWithRestarts, Rfc2435, Rfc2435WithRestarts};
    let standard = test_jpeg(JpegKind::Standard420, SIZE, 1, 0);
    let with_restarts = [(&standard, OriginalWithRestarts), (&standard, Rfc2435WithRestarts)];
    for (jpeg, format) in [(&jpeg, Rfc2435), (&jpeg, OriginalHeader)].into_iter().chain(with_restarts) {
        let complete = parse_packets(&packetize(jpeg, format).unwrap(), 0);
        for cut in 0..complete[0].payload.len().min(200) {
            let mut packet = complete[0].clone();
            packet.payload.truncate(cut);
            packet.header.marker = true;
            let _ = assemble(&[packet]);
        }
        for byte in 0..160 {
            for value in [0, 1, 0x7F, 0x80, 0xFF] {
                let mut changed = complete.clone();
                let mut payload = changed[0].payload.to_vec();
                payload[byte] = value;
                changed[0].payload = payload.into();
                for assembled in assemble(&changed) {
                    if let Assembled::Frame(frame) = assembled {
                        let _ = decode(&frame.jpeg, &mut Vec::new());
                    }
                }
            }
        }
    }
}

/// Returns the payload of the only packet of a frame in the classroom format.
fn classroom_payload(jpeg: &[u8]) -> Vec<u8> {
    let frame = packetize(jpeg, PayloadFormat::Classroom).unwrap();
    let [packet] = &parse_packets(&frame, 5)[..] else { panic!("not one packet") };
    assert!(packet.header.marker && packet.extension.is_none());
    assert_eq!(packet.header.payload_type, 26);
    assert!(frame.packets()[0].len() <= 20_480, "larger than the classroom programs' receive buffer");
    packet.payload.to_vec()
}

#[test]
fn classroom_format_sends_small_frames_unchanged() {
    for kind in JpegKind::ALL {
        let jpeg = test_jpeg(kind, SIZE, 3, 30);
        let complete = reelay::media::jpeg::normalize_for_decoder(&jpeg);
        assert!(complete.len() <= MAX_CLASSROOM_FRAME_SIZE, "{kind:?}: {}", complete.len());
        assert_eq!(classroom_payload(&jpeg), complete.as_ref(), "{kind:?}");
    }
}

/// Returns the mean difference per channel (0 to 255) between two pictures of the same shape, at 64 × 64 points.
fn mean_difference(a: &[u8], b: &[u8]) -> f64 {
    let (mut pixels_a, mut pixels_b) = (Vec::new(), Vec::new());
    let (size_a, size_b) = (decode(a, &mut pixels_a).unwrap(), decode(b, &mut pixels_b).unwrap());
    let at = |pixels: &[u8], (width, height): (u32, u32), x: u32, y: u32| {
        let (column, row) = (x * width / 64, y * height / 64);
        pixels[((row * width + column) * 4) as usize..][..3].to_vec()
    };
    let mut sum = 0;
    for (x, y) in (0..64).flat_map(|y| (0..64).map(move |x| (x, y))) {
        let both = at(&pixels_a, size_a, x, y).into_iter().zip(at(&pixels_b, size_b, x, y));
        sum += both.map(|(a, b)| u32::from(a.abs_diff(b))).sum::<u32>();
    }
    f64::from(sum) / f64::from(64 * 64 * 3)
}

#[test]
fn classroom_format_recodes_large_frames_to_fit() {
    for (kind, size, noise, shrinks) in [
        (JpegKind::Classroom444, (640, 480), 0, false),
        (JpegKind::Standard420, (480, 360), 20, false),
        (JpegKind::Progressive, (1_280, 720), 20, true),
        (JpegKind::Grey, (1_920, 1_080), 10, true),
        (JpegKind::WithoutDht, (2_100, 400), 255, true),
        (JpegKind::Standard422, (8_000, 3), 255, true),
    ] {
        let jpeg = test_jpeg(kind, size, 7, noise);
        assert!(jpeg.len() > MAX_CLASSROOM_FRAME_SIZE, "{kind:?}: {}", jpeg.len());
        let fitted = classroom_payload(&jpeg);
        let Dimensions { width, height } = JpegHeader::parse(&fitted).unwrap().frame_header().dimensions;
        assert_eq!((width, height) != size, shrinks, "{kind:?}: {width}x{height}");
        let difference = mean_difference(&jpeg, &fitted);
        assert!(difference < 8.0 + f64::from(noise) / 4.0, "{kind:?}: the mean difference is {difference}");
    }
}

#[test]
fn classroom_format_refuses_large_undecodable_frames() {
    let mut jpeg = test_jpeg(JpegKind::Standard420, (640, 480), 7, 100);
    let header = JpegHeader::parse(&jpeg).unwrap().scan_data_start();
    jpeg[2..header].fill(0x55);
    assert_eq!(packetize(&jpeg, PayloadFormat::Classroom).unwrap_err(), UnsupportedJpeg::MalformedHeader);
}

/// Returns the number of packets of a film's first frames, and by how much their bytes would grow if all packets of a
/// frame but the last had the length of the longest one, so that the kernel could divide one datagram into them.
fn padding_cost(film: &Path, format: PayloadFormat) -> (usize, f64) {
    let film = MediaFile::open(film, "film", FrameRate::CLASSROOM).unwrap();
    let (mut count, mut length, mut padded_length) = (0, 0, 0);
    for number in 0..FRAMES_MEASURED {
        // A shorter film, or one that is not indexed further yet.
        let Ok(jpeg) = film.read_frame(number) else { break };
        let frame = packetize(&jpeg, format).unwrap();
        let lengths: Vec<_> = frame.packets().iter().map(Bytes::len).collect();
        let (Some(longest), Some(last)) = (lengths.iter().max(), lengths.last()) else { continue };
        count += lengths.len();
        length += lengths.iter().sum::<usize>();
        padded_length += longest * (lengths.len() - 1) + last;
    }
    (count, padded_length as f64 / length as f64 - 1.0)
}

/// Number of frames of each film whose padding is measured.
const FRAMES_MEASURED: u64 = 100;

/// Packets that are aligned with restart markers are sent as they are, and not as segments of equal length.
#[test]
fn equal_lengths_of_aligned_packets_would_cost_too_much() {
    const MAX_COST: f64 = 0.05;
    let films = std::env::var("REELAY_FILMS").unwrap_or_else(|_| "assets/sample.mjpeg".to_owned());
    for film in films.split(':') {
        let (packets, cost) = padding_cost(Path::new(film), PayloadFormat::OriginalWithRestarts);
        println!("{film}: {packets} packets, {:+.1} % with padding", 100.0 * cost);
        assert!(packets > 0 && cost > MAX_COST, "{film}: {packets} packets, {cost}");
        assert_eq!(padding_cost(Path::new(film), PayloadFormat::OriginalHeader).1, 0.0, "{film}");
    }
}
