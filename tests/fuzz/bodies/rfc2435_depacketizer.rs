//! Depacketizer of RFC 2435 and of original headers: frames have no more bytes than their packets and a header.

use reelay::media::jpeg::Dimensions;
use reelay::media::payload::{Assembled, Depacketizer, PayloadFormat, packetize, starts_frame};
use reelay::proto::rtp::Packet;

use super::input::{Input, put_block};
use super::jpegs::{JpegKind, test_jpeg};

/// Maximum length of the header that is made from the fields of RFC 2435, in bytes.
const MAX_HEADER: usize = 1_024;

/// Maximum length of a header that is kept for later frames, in bytes.
const MAX_KNOWN_HEADER: usize = 64 * 1_024;

fn check(frame: &Assembled) -> usize {
    let Assembled::Frame(frame) = frame else { return 0 };
    assert!(frame.missing.windows(2).all(|pair| pair[0].end <= pair[1].start), "{:?}", frame.missing);
    assert!(frame.missing.iter().all(|range| range.start < range.end), "{:?}", frame.missing);
    if let Some(inserted) = frame.inserted_restarts {
        let _ = inserted.remove(&frame.jpeg);
    }
    if frame.is_complete() {
        assert!(frame.jpeg.starts_with(&[0xFF, 0xD8]), "{:?}", frame.jpeg.first_chunk::<8>());
    }
    frame.jpeg.len()
}

pub fn body(data: &[u8]) {
    let mut input = Input::new(data);
    let dimensions = (input.byte() % 2 == 1).then_some(Dimensions { width: 4_096, height: 2_160 });
    let mut depacketizer = Depacketizer::new(dimensions);
    let (mut received, mut returned, mut frames, mut packets, mut extensions) = (0, 0, 0, 0, 0);
    while !input.is_empty() {
        let Ok(packet) = Packet::parse(input.block().to_vec().into()) else { continue };
        starts_frame(&packet);
        packets += 1;
        let extension = packet.extension.as_ref().map_or(0, |extension| extension.body.len());
        received += packet.payload.len() + extension;
        extensions += extension;
        depacketizer.push(&packet);
        while let Some(frame) = depacketizer.poll_frame() {
            frames += 1;
            returned += check(&frame);
        }
        assert_eq!(depacketizer.is_mid_frame(), !packet.header.marker);
    }
    depacketizer.finish();
    while let Some(frame) = depacketizer.poll_frame() {
        frames += 1;
        returned += check(&frame);
    }
    assert!(!depacketizer.is_mid_frame() && frames <= packets);
    // A frame may have the header of an earlier one, which was received in extensions.
    let max_header = MAX_HEADER + extensions.min(MAX_KNOWN_HEADER);
    assert!(returned <= received + frames * max_header, "{returned} bytes from {received}");
}

/// Returns the packets of frames, each with its length.
pub fn packet_blocks(jpegs: &[Vec<u8>], format: PayloadFormat) -> Vec<Vec<u8>> {
    let (mut sequence, mut blocks) = (65_530u16, Vec::new());
    for (number, jpeg) in (0..).zip(jpegs) {
        let frame = packetize(jpeg, format).expect("a frame that the format carries");
        for index in 0..frame.packets().len() {
            let mut packet = Vec::new();
            frame.write_packet(index, sequence, 3_600 * number, 7, &mut packet);
            if format == PayloadFormat::Rfc2435WithRestarts {
                frame.set_quality(128, &mut packet);
            }
            sequence = sequence.wrapping_add(1);
            blocks.push(packet);
        }
    }
    blocks
}

pub fn seeds() -> Vec<Vec<u8>> {
    use JpegKind::{
        CustomHuffman, FillBytes, LongHeader, Progressive, Restarts, Standard420, Standard422, WithoutDht,
    };
    let seed = |kinds: &[JpegKind], format| {
        let jpegs: Vec<_> = kinds.iter().map(|kind| test_jpeg(*kind, (64, 48), 1, 40)).collect();
        let mut seed = vec![0];
        packet_blocks(&jpegs, format).iter().for_each(|packet| put_block(&mut seed, packet));
        seed
    };
    vec![
        seed(&[Standard420, Standard422], PayloadFormat::Rfc2435),
        seed(&[Restarts, WithoutDht], PayloadFormat::Rfc2435),
        seed(&[LongHeader, Standard420], PayloadFormat::OriginalHeader),
        seed(&[Progressive, FillBytes], PayloadFormat::OriginalHeader),
        seed(&[Standard420, Standard420], PayloadFormat::OriginalWithRestarts),
        seed(&[LongHeader, LongHeader], PayloadFormat::OriginalWithRestarts),
        seed(&[CustomHuffman, CustomHuffman], PayloadFormat::OriginalWithRestarts),
        seed(&[Standard420, Standard422], PayloadFormat::Rfc2435WithRestarts),
    ]
}
