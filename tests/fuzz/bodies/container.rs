//! Demuxers: every frame is inside the file, in order, and the same however the file is read.

use reelay::media::FrameRate;
use reelay::media::container::{
    ContainerFormat, FileDefects, FrameEntry, HEAD_LENGTH, ReadRequest, identify, open,
};
use reelay::media::jpeg::MAX_FRAME_SIZE;

use super::input::Input;
use super::jpegs::{JpegKind, test_jpeg};

/// Reads a file in pieces of at most `max_length` bytes.
fn demux(file: &[u8], format: ContainerFormat, max_length: usize) -> (Vec<FrameEntry>, FileDefects) {
    let mut demuxer = open(format, FrameRate::CLASSROOM);
    let (mut entries, mut reads) = (Vec::new(), 0);
    while let ReadRequest::Range { offset, length } = demuxer.poll_read() {
        assert!(length > 0 && offset <= file.len() as u64, "read of {length} bytes at {offset}");
        let rest = &file[offset as usize..];
        demuxer.handle_bytes(offset, &rest[..rest.len().min(length).min(max_length)], &mut entries);
        reads += 1;
        assert!(reads <= file.len() + 2, "the file is read again and again");
    }
    (entries, demuxer.defects())
}

pub fn body(data: &[u8]) {
    let mut input = Input::new(data);
    let max_length = [1, 7, 300][usize::from(input.byte()) % 3];
    let file = input.rest();
    let format = identify(&file[..file.len().min(HEAD_LENGTH)]).unwrap_or(ContainerFormat::Raw);
    let (entries, defects) = demux(file, format, usize::MAX);
    let mut end = 0;
    for (number, entry) in entries.iter().enumerate() {
        let jpeg = &file[entry.offset as usize..][..entry.length as usize];
        assert!(jpeg.starts_with(&[0xFF, 0xD8]) && jpeg.len() <= MAX_FRAME_SIZE);
        assert!(entry.offset >= end, "frame {number} begins inside another");
        assert!(number == 0 || entry.time > entries[number - 1].time);
        end = entry.offset + u64::from(entry.length);
    }
    assert_eq!(demux(file, format, max_length), (entries, defects));
}

pub fn seeds() -> Vec<Vec<u8>> {
    let kinds = [JpegKind::Classroom444, JpegKind::Standard420, JpegKind::Thumbnail, JpegKind::FillBytes];
    let jpegs: Vec<_> = kinds.iter().map(|kind| test_jpeg(*kind, (32, 32), 1, 0)).collect();
    let without_eoi: Vec<_> = jpegs.iter().map(|jpeg| jpeg[..jpeg.len() - 2].to_vec()).collect();
    let records = |digits: usize| -> Vec<u8> {
        let record = |jpeg: &Vec<u8>| [format!("{:0digits$}", jpeg.len()).as_bytes(), jpeg].concat();
        jpegs.iter().flat_map(record).collect()
    };
    let multipart = |jpeg: &Vec<u8>| [b"\r\n--b\r\nContent-Type: image/jpeg\r\n\r\n", &jpeg[..]].concat();
    let mut seeds = vec![
        records(5),
        records(10),
        jpegs.concat(),
        without_eoi.concat(),
        jpegs.iter().flat_map(multipart).collect(),
        b"RIFF\0\0\0\0AVI LIST".to_vec(),
    ];
    seeds.iter_mut().for_each(|seed| seed.insert(0, 0));
    seeds
}
