//! JPEG frames: their markers, their headers, and the way through the payload formats.

use reelay::media::jpeg::{
    FrameParser, JpegHeader, ParseStatus, check_decoding_cost, normalize_for_decoder, standalone,
    undecodable_kind,
};
use reelay::media::payload::{
    Assembled, AssembledFrame, Depacketizer, MAX_PACKET_SIZE, PayloadFormat, Rfc2435Frame, packetize,
};
use reelay::proto::rtp::Packet;

use super::input::{Input, pieces};
use super::jpegs::{JpegKind, test_jpeg};

/// Returns the status after all bytes, and the number of bytes that belong to the frame.
fn walk(pieces: &[&[u8]]) -> (Option<bool>, usize) {
    let (mut parser, mut position) = (FrameParser::default(), 0);
    for piece in pieces {
        match parser.advance(piece) {
            ParseStatus::Incomplete => position += piece.len(),
            ParseStatus::Complete { consumed } => return (Some(true), position + consumed),
            ParseStatus::Invalid { consumed, .. } => return (Some(false), position + consumed),
        }
    }
    (None, position)
}

fn check_header(jpeg: &[u8]) {
    let Ok(header) = JpegHeader::parse(jpeg) else { return };
    let mut end = 2;
    for segment in header.segments() {
        assert!(segment.range.start >= end && segment.range.end <= jpeg.len(), "{segment:?}");
        end = segment.range.end;
    }
    assert_eq!(end, header.scan_data_start());
    assert_eq!(&jpeg[2..end], header.header_bytes());
    let _ = (undecodable_kind(&header), check_decoding_cost(&header), header.dimensions());
}

/// Sends a frame in packets, and returns the frame that is received; `None` if the format cannot carry it.
fn transmit(jpeg: &[u8], format: PayloadFormat) -> Option<AssembledFrame> {
    let frame = packetize(jpeg, format).ok()?;
    let (mut depacketizer, mut buffer, mut bytes) = (Depacketizer::new(None), Vec::new(), 0);
    for index in 0..frame.packets().len() {
        frame.write_packet(index, index as u16, 90_000, 7, &mut buffer);
        assert!(buffer.len() <= MAX_PACKET_SIZE, "a packet of {} bytes", buffer.len());
        bytes += buffer.len();
        depacketizer.push(&Packet::parse(buffer.clone().into()).expect("our packets are valid"));
    }
    assert_eq!(bytes, frame.bytes());
    let received = depacketizer.poll_frame();
    assert!(!depacketizer.is_mid_frame() && depacketizer.poll_frame().is_none());
    match received {
        Some(Assembled::Frame(frame)) => Some(frame),
        other => panic!("{format:?}: {other:?}"),
    }
}

fn check_formats(jpeg: &[u8]) {
    if let Some(received) = transmit(jpeg, PayloadFormat::OriginalWithRestarts) {
        let original = received.inserted_restarts.map(|inserted| inserted.remove(&received.jpeg));
        let original = original.map_or(received.jpeg.to_vec(), |original| original.expect("it was checked"));
        assert!(original == jpeg, "the restart markers are not removed");
    }
    if let Some(received) = transmit(jpeg, PayloadFormat::OriginalHeader) {
        assert!(received.is_complete());
        assert_eq!(received.jpeg, jpeg, "the frame has changed");
    }
    if let Some(received) = transmit(jpeg, PayloadFormat::Rfc2435) {
        assert!(received.is_complete());
        let (sent, received) = (Rfc2435Frame::parse(jpeg), Rfc2435Frame::parse(&received.jpeg));
        let blocks =
            |frame: Result<Rfc2435Frame<'_>, _>| format!("{:?}", frame.expect("a frame of RFC 2435"));
        assert_eq!(blocks(received), blocks(sent));
    }
    for format in [PayloadFormat::Classroom, PayloadFormat::SmallClassroom] {
        // A small frame is never re-encoded, which takes long.
        if jpeg.len() < 10_000
            && let Ok(frame) = packetize(jpeg, format)
        {
            assert!(frame.packets().len() == 1 && frame.packets()[0][12..] == *normalize_for_decoder(jpeg));
        }
    }
}

pub fn body(data: &[u8]) {
    let mut input = Input::new(data);
    let (choice, max_length) = (input.byte(), [1, 5, 100][usize::from(input.byte()) % 3]);
    let jpeg = input.rest();
    let (status, length) = walk(&[jpeg]);
    assert_eq!(walk(&pieces(jpeg, choice, max_length)), (status, length));
    check_header(jpeg);
    check_formats(jpeg);
    let _ = normalize_for_decoder(jpeg);
    // Standard Huffman tables take 420 bytes, and EOI 2.
    let complete = standalone(jpeg);
    assert!(complete.len() <= jpeg.len() + 422 && complete.starts_with(&jpeg[..jpeg.len().min(2)]));
}

/// Returns small frames of every kind.
pub fn jpegs() -> Vec<Vec<u8>> {
    JpegKind::ALL.iter().map(|kind| test_jpeg(*kind, (40, 24), 1, 30)).collect()
}

pub fn seeds() -> Vec<Vec<u8>> {
    jpegs().iter().map(|jpeg| [&[0, 0], &jpeg[..]].concat()).collect()
}
