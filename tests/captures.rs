//! Saved HTTP streams as media files.

mod common;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use common::jpegs::JpegKind;
use common::media_files::{FileLayout, encode_file, test_jpegs};
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use reelay::media::FrameRate;
use reelay::media::container::{
    self, ContainerFormat, FileDefects, FrameEntry, ReadRequest, SourceFile, identify,
};
use reelay::media_file::MediaFile;

fn frames(count: u32) -> Vec<Vec<u8>> {
    test_jpegs(JpegKind::Thumbnail, (64, 48), count)
}

/// Waits for the complete index, and returns the number of frames.
fn wait_for_index(film: &MediaFile) -> u64 {
    let mut progress = film.progress();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(progress.wait_for(|progress| progress.is_finished())).unwrap().frames
}

fn open(path: &Path, content: &[u8]) -> Arc<MediaFile> {
    fs::write(path, content).unwrap();
    MediaFile::open(path, "film.mpjpeg", FrameRate::CLASSROOM).unwrap()
}

/// Returns the parts of a stream, with this header line in each, in which `{n}` is the number of the frame and
/// `{length}` its length.
fn stream(frames: &[Vec<u8>], line_end: &str, header: &str) -> Vec<u8> {
    let part = |(number, jpeg): (usize, &Vec<u8>)| {
        let header = header.replace("{n}", &number.to_string()).replace("{length}", &jpeg.len().to_string());
        [format!("--cam{line_end}{header}{line_end}{line_end}").as_bytes(), jpeg, line_end.as_bytes()]
            .concat()
    };
    frames.iter().enumerate().flat_map(part).collect()
}

#[test]
fn streams_are_read_with_any_length_and_line_end() {
    let folder = tempfile::tempdir().unwrap();
    let (path, frames) = (folder.path().join("film.mpjpeg"), frames(12));
    for head in ["", "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=--cam\r\n\r\n"] {
        for header in [
            "Content-Type: image/jpeg",
            "Content-Type: image/jpeg\r\nContent-Length: {length}",
            "Content-Type: image/jpeg\r\nContent-Length: 17",
            "Content-Type: image/jpeg\r\nContent-Length: 2147483647",
        ] {
            for line_end in ["\r\n", "\n"] {
                let case = format!("{head:?} {header:?} {line_end:?}");
                let header = header.replace("\r\n", line_end);
                let body = stream(&frames, line_end, &header);
                let film = open(&path, &[head.as_bytes(), &body].concat());
                assert_eq!(
                    (film.format(), wait_for_index(&film)),
                    (ContainerFormat::Multipart, 12),
                    "{case}"
                );
                for (number, jpeg) in (0..).zip(&frames) {
                    assert_eq!(film.read_frame(number).unwrap(), jpeg[..], "{case}");
                }
                assert_eq!(film.times().rate_text(), "20 fps (assumed)", "{case}");
                assert_eq!(film.info().warning(), None, "{case}");
            }
        }
    }
}

#[test]
fn timestamps_of_the_parts_are_the_times_of_the_film() {
    let folder = tempfile::tempdir().unwrap();
    let (path, frames) = (folder.path().join("film.mpjpeg"), frames(10));
    let film = open(&path, &stream(&frames, "\r\n", "X-Timestamp: 1700000000.{n}00000"));
    assert_eq!((wait_for_index(&film), film.times().rate_text().as_str()), (10, "10 fps"));
    let times: Vec<_> = (0..=10).map(|frame| film.times().npt_of(frame).as_micros()).collect();
    assert_eq!(times, (0..=10).map(|frame| frame * 100_000).collect::<Vec<_>>());
}

#[test]
fn capture_that_ends_in_a_frame_is_truncated() {
    let folder = tempfile::tempdir().unwrap();
    let (path, frames) = (folder.path().join("film.mpjpeg"), frames(5));
    let complete = stream(&frames, "\r\n", "Content-Length: {length}");
    let film = open(&path, &complete[..complete.len() - 30]);
    assert_eq!(wait_for_index(&film), 4);
    let warning = "film.mpjpeg is truncated: 1 incomplete frame is skipped; copy or download it again.";
    assert_eq!(film.info().warning().as_deref(), Some(warning));
}

/// The index of a capture of 4 GiB is filled in the background, and its first frame is there before.
#[test]
fn first_frame_of_a_large_capture_does_not_wait_for_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let (path, frames) = (folder.path().join("film.mpjpeg"), frames(3));
    let mut file = File::create(&path).unwrap();
    file.write_all(&stream(&frames, "\r\n", "Content-Length: {length}")).unwrap();
    // The file has holes and takes no space on the disk.
    file.set_len(4 << 30).unwrap();
    let film = MediaFile::open(&path, "film.mpjpeg", FrameRate::CLASSROOM).unwrap();
    assert!(!film.info().is_complete(), "4 GiB are not read before the film is open");
    assert_eq!(film.read_frame(0).unwrap(), frames[0][..]);
}

/// Reads a file in pieces of at most `max_length` bytes.
fn demux(file: &[u8], max_length: usize) -> (Vec<FrameEntry>, FileDefects) {
    let source = SourceFile { length: file.len() as u64, assumed_rate: FrameRate::CLASSROOM };
    let mut demuxer = container::open(ContainerFormat::Multipart, source);
    let (mut entries, mut reads) = (Vec::new(), 0);
    while let ReadRequest::Range { offset, length } = demuxer.poll_read() {
        let rest = &file[offset as usize..];
        demuxer.handle_bytes(offset, &rest[..rest.len().min(length).min(max_length)], &mut entries);
        reads += 1;
        assert!(reads <= file.len() + 10, "the file is read again");
    }
    (entries, demuxer.defects())
}

fn mutate(random: &mut Pcg64Mcg, file: &mut Vec<u8>) {
    for _ in 0..random.random_range(1..6) {
        if file.is_empty() {
            return;
        }
        let at = random.random_range(0..file.len());
        let end = (at + random.random_range(0..60)).min(file.len());
        match random.random_range(0..5) {
            0 => file[at] = random.random(),
            1 => file[at] = *b"\r\n:-9\xFF\xD8\xD9".get(random.random_range(0..8)).unwrap(),
            2 => drop(file.drain(at..end)),
            3 => {
                let copied = file[at..end].to_vec();
                let to = random.random_range(0..file.len());
                file.splice(to..to, copied);
            }
            _ => file.truncate(at.max(file.len() / 2)),
        }
    }
}

/// `REELAY_CAPTURE_MUTATIONS=n` tries another number of mutated files.
#[test]
fn mutated_captures_are_read_within_bounds() {
    let count = std::env::var("REELAY_CAPTURE_MUTATIONS").map_or(3_000, |count| count.parse().unwrap());
    let frames = test_jpegs(JpegKind::Restarts, (16, 16), 4);
    let http = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=cam\r\n\r\n";
    let files = [
        encode_file(FileLayout::Multipart, &frames),
        stream(&frames, "\n", "Content-Length: {length}\nX-Timestamp: 1700000000.{n}"),
        [&http[..], &stream(&frames, "\r\n", "X-Timestamp: {n}")].concat(),
    ];
    let (mut random, mut found) = (Pcg64Mcg::seed_from_u64(5), 0);
    for round in 0..count {
        let mut file = files[round % files.len()].clone();
        mutate(&mut random, &mut file);
        let (entries, defects) = demux(&file, usize::MAX);
        let mut end = 0;
        for entry in &entries {
            assert!(entry.offset >= end, "round {round}: {entry:?} begins inside another frame");
            end = entry.offset + u64::from(entry.length);
            assert!(end <= file.len() as u64, "round {round}: {entry:?} is outside of the file");
            assert!(file[entry.offset as usize..].starts_with(&[0xFF, 0xD8]), "round {round}");
        }
        let times = entries.iter().map(|entry| entry.time);
        assert!(times.is_sorted_by(|earlier, later| earlier < later), "round {round}");
        let pieces = demux(&file, random.random_range(1..40));
        assert_eq!(pieces, (entries.clone(), defects), "round {round}");
        let _ = identify(&file);
        found += entries.len();
    }
    assert!(found > count, "only {found} frames were found");
}
