//! Demuxers: every frame is inside the file, and reading ends. Without an index, frames are also in order, and the same
//! however the file is read.

use reelay::media::container::{
    AviMuxer, ContainerFormat, FileDefects, FrameEntry, HEAD_LENGTH, MovMuxer, MultipartMuxer, Muxer,
    MuxerWrite, ReadRequest, SourceFile, identify, open,
};
use reelay::media::jpeg::{Dimensions, MAX_FRAME_SIZE};
use reelay::media::{FrameRate, TimeBase};
use reelay::proto::rtsp::Npt;

use super::input::Input;
use super::jpegs::{JpegKind, test_jpeg};

/// Reads a file in pieces of at most `max_length` bytes.
fn demux(file: &[u8], format: ContainerFormat, max_length: usize) -> (Vec<FrameEntry>, FileDefects) {
    let source = SourceFile { length: file.len() as u64, assumed_rate: FrameRate::CLASSROOM };
    let mut demuxer = open(format, source);
    let (mut entries, mut reads) = (Vec::new(), 0);
    while let ReadRequest::Range { offset, length } = demuxer.poll_read() {
        assert!(length > 0, "read of no bytes at {offset}");
        let rest = usize::try_from(offset).ok().and_then(|offset| file.get(offset..)).unwrap_or_default();
        demuxer.handle_bytes(offset, &rest[..rest.len().min(length).min(max_length)], &mut entries);
        reads += 1;
        assert!(reads <= 2 * file.len() + 10, "the file is read again and again");
    }
    (entries, demuxer.defects())
}

pub fn body(data: &[u8]) {
    let mut input = Input::new(data);
    let max_length = [1, 7, 300][usize::from(input.byte()) % 3];
    let file = input.rest();
    let format = identify(&file[..file.len().min(HEAD_LENGTH)]).unwrap_or(ContainerFormat::Raw);
    let (entries, defects) = demux(file, format, usize::MAX);
    for entry in &entries {
        assert!(
            entry.offset + u64::from(entry.length) <= file.len() as u64,
            "{entry:?} is outside of the file"
        );
        assert!(entry.length as usize <= MAX_FRAME_SIZE);
    }
    assert!(entries.is_sorted_by_key(|entry| entry.time), "frames are not in presentation order");
    if matches!(format, ContainerFormat::Raw | ContainerFormat::Classroom | ContainerFormat::Multipart) {
        check_order(file, &entries);
        assert_eq!(demux(file, format, max_length), (entries, defects));
    }
    check_image(file);
}

/// Checks that a file that is read as an image is one frame, or none for a reason.
fn check_image(file: &[u8]) {
    let (entries, defects) = demux(file, ContainerFormat::Image, usize::MAX);
    let FileDefects { damaged, oversized, is_truncated, unmarked, .. } = defects;
    match &entries[..] {
        [frame] => {
            assert_eq!((frame.offset, frame.length as usize), (0, file.len()));
            assert!(file.starts_with(&[0xFF, 0xD8]) && unmarked <= 1);
        }
        _ => assert!(entries.is_empty() && damaged + oversized + u64::from(is_truncated) == 1),
    }
}

/// Checks that frames follow one another in a file.
fn check_order(file: &[u8], entries: &[FrameEntry]) {
    let mut end = 0;
    for (number, entry) in entries.iter().enumerate() {
        let jpeg = &file[entry.offset as usize..][..entry.length as usize];
        assert!(jpeg.starts_with(&[0xFF, 0xD8]));
        assert!(entry.offset >= end, "frame {number} begins inside another");
        assert!(number == 0 || entry.time > entries[number - 1].time);
        end = entry.offset + u64::from(entry.length);
    }
}

/// Returns a file with these frames.
fn written(mut muxer: impl Muxer, jpegs: &[Vec<u8>]) -> Vec<u8> {
    let (mut writes, mut file) = (Vec::new(), Vec::new());
    for (number, jpeg) in (0..).zip(jpegs) {
        muxer.write_frame(jpeg.clone().into(), Npt::from_micros(number * 40_000), &mut writes).unwrap();
    }
    muxer.finish(Npt::from_micros(jpegs.len() as u64 * 40_000), &mut writes);
    for write in writes {
        match write {
            MuxerWrite::Append(bytes) => file.extend_from_slice(&bytes),
            MuxerWrite::Patch { offset, bytes } => {
                file[offset as usize..][..bytes.len()].copy_from_slice(&bytes)
            }
        }
    }
    file
}

pub fn seeds() -> Vec<Vec<u8>> {
    const SIZE: Dimensions = Dimensions { width: 32, height: 32 };
    let clock = TimeBase::new(25, 1).unwrap();
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
        written(AviMuxer::new(SIZE, clock), &jpegs),
        written(MovMuxer::new(SIZE, clock), &jpegs),
        written(MultipartMuxer, &jpegs),
    ];
    seeds.iter_mut().for_each(|seed| seed.insert(0, 0));
    seeds
}
