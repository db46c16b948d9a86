//! Depacketizer of classroom servers: frames have no more bytes than their datagrams.

use reelay::media::payload::{AssembledFrame, ClassroomDatagram, ClassroomDepacketizer};
use reelay::proto::rtp::Header;

use super::input::{Input, put_block};
use super::jpegs::{JpegKind, test_jpeg};

fn check(frame: &AssembledFrame) -> usize {
    assert!(frame.missing.windows(2).all(|pair| pair[0].end <= pair[1].start), "{:?}", frame.missing);
    if frame.is_complete() {
        assert!(frame.jpeg.starts_with(&[0xFF, 0xD8]), "{:?}", frame.jpeg.first_chunk::<8>());
    }
    frame.jpeg.len()
}

pub fn body(data: &[u8]) {
    let mut input = Input::new(data);
    let mut depacketizer = ClassroomDepacketizer::default();
    let (mut received, mut returned) = (0, 0);
    while !input.is_empty() {
        let datagram = input.block().to_vec().into();
        let Some(classified) = depacketizer.classify(&datagram) else { continue };
        received += datagram.len();
        if let ClassroomDatagram::Packet { payload, .. } = &classified {
            ClassroomDepacketizer::starts_frame(payload);
        }
        depacketizer.push(&classified);
        returned +=
            std::iter::from_fn(|| depacketizer.poll_frame()).map(|frame| check(&frame)).sum::<usize>();
        assert!(returned <= received, "{returned} bytes from {received}");
    }
    let _ = (depacketizer.variant(), depacketizer.ssrc());
    depacketizer.finish();
    returned += std::iter::from_fn(|| depacketizer.poll_frame()).map(|frame| check(&frame)).sum::<usize>();
    assert!(returned <= received, "{returned} bytes from {received}");
}

/// Returns the datagrams of frames in one of the ways in which classroom servers fragment them: 0 for whole frames, 1
/// and 2 for chunks numbered by frame and by packet, 3 for chunks with their offset, 4 for slices, and 5 for chunks
/// after a header of the server's own.
pub fn datagrams(way: usize, jpegs: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let (mut packets, mut datagrams) = (0, Vec::new());
    for (frame, jpeg) in (0..).zip(jpegs) {
        let chunk_length = if way == 0 { jpeg.len() } else { 500 };
        let chunks: Vec<_> = jpeg.chunks(chunk_length).collect();
        for (index, chunk) in chunks.iter().enumerate() {
            packets += 1;
            let sequence = if matches!(way, 2 | 5) { packets } else { frame + 1 };
            let marker = index + 1 == chunks.len();
            let timestamp = 4_500 * u32::from(frame);
            let header = Header { marker, payload_type: 26, sequence, timestamp, ssrc: 123 }.encode(false);
            let own = match way {
                3 => [((index * chunk_length) as u32).to_be_bytes(), (jpeg.len() as u32).to_be_bytes()]
                    .concat(),
                5 => [(index as u16).to_be_bytes(), (chunks.len() as u16).to_be_bytes()].concat(),
                _ => Vec::new(),
            };
            datagrams.push(match (way, index) {
                (4, 1..) => chunk.to_vec(),
                _ => [&header[..], &own, chunk].concat(),
            });
        }
    }
    datagrams
}

pub fn seeds() -> Vec<Vec<u8>> {
    let jpegs: Vec<_> = [JpegKind::Classroom444, JpegKind::Thumbnail, JpegKind::Standard420]
        .iter()
        .map(|kind| test_jpeg(*kind, (64, 48), 1, 40))
        .collect();
    (0..6)
        .map(|way| {
            let mut seed = Vec::new();
            datagrams(way, &jpegs).iter().for_each(|datagram| put_block(&mut seed, datagram));
            seed
        })
        .collect()
}
