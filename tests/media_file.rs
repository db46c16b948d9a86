//! Opening media files of every layout, and refusing all others.

mod common;

use std::fs;
use std::path::Path;

use common::jpegs::JpegKind;
use common::media_files::{FileLayout, encode_file, test_file, test_jpegs};
use common::mov_files::MovFile;
use common::odd_jpegs::{Oddity, frame_header_at, odd_jpeg};
use reelay::media::FrameRate;
use reelay::media::container::{ContainerFormat, FileDefects};
use reelay::media_file::{IndexProgress, Library, MediaFile};
use reelay::proto::rtsp::NptRange;

const SIZE: (u16, u16) = (96, 64);

/// Waits until the complete file is indexed.
fn wait_for_index(film: &MediaFile) -> IndexProgress {
    let mut progress = film.progress();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    *runtime.block_on(progress.wait_for(|progress| progress.defects.is_some())).unwrap()
}

#[test]
fn every_layout_is_indexed_frame_by_frame() {
    let layouts = [
        (FileLayout::Records(5), ContainerFormat::Classroom),
        (FileLayout::Records(6), ContainerFormat::Classroom),
        (FileLayout::Records(10), ContainerFormat::Classroom),
        (FileLayout::MultiFrameRecords(4), ContainerFormat::Classroom),
        (FileLayout::Raw, ContainerFormat::Raw),
        (FileLayout::Multipart, ContainerFormat::Multipart),
    ];
    for (layout, format) in layouts {
        for kind in [JpegKind::Classroom444, JpegKind::Thumbnail, JpegKind::Progressive] {
            let file = test_file(layout, test_jpegs(kind, SIZE, 10));
            let film = MediaFile::open(file.path(), "film", FrameRate::CLASSROOM).unwrap();
            assert_eq!((wait_for_index(&film).frames, film.format()), (10, format), "{layout:?}");
            for (number, jpeg) in (0..).zip(&file.frames) {
                assert_eq!(film.read_frame(number).unwrap(), jpeg[..]);
            }
            assert!(film.read_frame(10).is_err());
        }
    }
}

#[test]
fn dimensions_and_duration_are_known() {
    let file = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Standard420, SIZE, 50));
    let film = MediaFile::open(file.path(), "film", FrameRate::per_second(25)).unwrap();
    wait_for_index(&film);
    let info = film.info();
    assert_eq!((info.dimensions.width, info.dimensions.height), SIZE);
    assert_eq!(info.range(), NptRange::parse("npt=0-2").unwrap());
    let slower = MediaFile::open(file.path(), "film", FrameRate::per_second(10)).unwrap();
    wait_for_index(&slower);
    assert_eq!(slower.info().range(), NptRange::parse("npt=0-5").unwrap());
}

#[test]
fn truncated_file_plays_up_to_the_cut() {
    let file = test_file(FileLayout::Records(5), test_jpegs(JpegKind::WithComment, SIZE, 10));
    let complete = fs::read(file.path()).unwrap();
    fs::write(file.path(), &complete[..complete.len() - 100]).unwrap();
    let film = MediaFile::open(file.path(), "film", FrameRate::CLASSROOM).unwrap();
    let progress = wait_for_index(&film);
    assert_eq!(progress.frames, 9);
    assert!(progress.defects.unwrap().is_truncated);
}

/// Frames that are too large to be sent are counted as oversized, not as damage.
#[test]
fn oversized_frames_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mjpeg");
    let [small, other] = &test_jpegs(JpegKind::Standard420, SIZE, 2)[..] else { panic!() };
    // SOI, then 257 comment segments of 64 KiB.
    let comment = [&[0xFF, 0xFE, 0xFF, 0xFF][..], &[0; 0xFFFD]].concat();
    let huge = [&small[..2], &comment.repeat(257), &small[2..]].concat();
    fs::write(&path, huge.repeat(2)).unwrap();
    assert_eq!(
        open_error(&path),
        "film.mjpeg has frames larger than 16.8 MB; encode it again with a lower quality."
    );
    fs::write(&path, [&huge[..], other].concat()).unwrap();
    let film = MediaFile::open(&path, "film.mjpeg", FrameRate::CLASSROOM).unwrap();
    let progress = wait_for_index(&film);
    assert_eq!((progress.frames, progress.defects.unwrap().oversized), (1, 1));
}

#[test]
fn films_of_odd_jpegs_are_indexed_without_complaint() {
    for oddity in Oddity::ALL {
        let odd = |jpeg: &Vec<u8>| odd_jpeg(oddity, jpeg);
        let frames: Vec<_> = test_jpegs(JpegKind::Standard420, SIZE, 8).iter().map(odd).collect();
        for layout in [FileLayout::Raw, FileLayout::Records(5)] {
            let file = test_file(layout, frames.clone());
            let film = MediaFile::open(file.path(), "film", FrameRate::CLASSROOM).unwrap();
            let progress = wait_for_index(&film);
            assert_eq!((progress.frames, progress.defects), (8, Some(FileDefects::default())), "{oddity:?}");
            assert_eq!(film.info().warning(), None, "{oddity:?}");
            assert_eq!((film.info().dimensions.width, film.info().dimensions.height), SIZE, "{oddity:?}");
            for (number, jpeg) in (0..).zip(&file.frames) {
                assert_eq!(film.read_frame(number).unwrap(), jpeg[..], "{oddity:?}");
            }
        }
    }
}

#[test]
fn first_frame_of_width_zero_is_counted_and_left_out() {
    let mut frames = test_jpegs(JpegKind::Standard420, SIZE, 8);
    let frame_header = frame_header_at(&frames[0]);
    frames[0][frame_header + 7..frame_header + 9].fill(0);
    for layout in [FileLayout::Raw, FileLayout::Records(5)] {
        let file = test_file(layout, frames.clone());
        let film = MediaFile::open(file.path(), "film", FrameRate::CLASSROOM).unwrap();
        let progress = wait_for_index(&film);
        assert_eq!((progress.frames, progress.defects.unwrap().damaged), (7, 1), "{layout:?}");
        assert_eq!(film.read_frame(0).unwrap(), frames[1][..]);
        assert_eq!((film.info().dimensions.width, film.info().dimensions.height), SIZE);
    }
}

#[test]
fn invalid_header_of_the_first_frame_does_not_refuse_the_film() {
    let mut frames = test_jpegs(JpegKind::Standard420, SIZE, 4);
    let frame_header = frame_header_at(&frames[0]);
    frames[0][frame_header + 9] = 4;
    let file = test_file(FileLayout::Raw, frames.clone());
    let film = MediaFile::open(file.path(), "film", FrameRate::CLASSROOM).unwrap();
    assert_eq!((film.info().dimensions.width, film.info().dimensions.height), SIZE);
    fs::write(file.path(), &frames[0]).unwrap();
    assert!(open_error(file.path()).contains("the header of its first frame is invalid"));
}

#[test]
fn film_that_the_decoder_cannot_show_is_named_when_it_opens() {
    let kinds = [
        (0xC3, 8, "lossless JPEG"),
        (0xC5, 8, "hierarchical JPEG"),
        (0xC9, 8, "arithmetic-coded JPEG"),
        (0xC1, 12, "JPEG with 12 bits per sample"),
    ];
    for (sof, precision, kind) in kinds {
        let mut frames = test_jpegs(JpegKind::Standard420, SIZE, 2);
        for jpeg in &mut frames {
            let frame_header = frame_header_at(jpeg);
            (jpeg[frame_header + 1], jpeg[frame_header + 4]) = (sof, precision);
        }
        let file = test_file(FileLayout::Raw, frames);
        let film = MediaFile::open(file.path(), "film.mjpeg", FrameRate::CLASSROOM).unwrap();
        let sentence = format!(
            "film.mjpeg cannot be shown, because its frames are {kind}; convert them to baseline JPEG."
        );
        assert_eq!(film.info().warning(), Some(sentence));
    }
}

/// A film that is replaced, extended or truncated while it is served is described as it is now.
#[test]
fn changed_film_is_opened_again() {
    let file = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Standard420, SIZE, 10));
    let library = Library::default();
    let open = || library.media_file("film", |_| {});
    let first = MediaFile::open(file.path(), "film", FrameRate::CLASSROOM).unwrap();
    library.add(first.clone());
    assert_eq!(open().unwrap().unwrap().id(), first.id(), "an unchanged film is not opened again");

    let complete = fs::read(file.path()).unwrap();
    let replacement = test_jpegs(JpegKind::Classroom444, (64, 32), 3);
    let other = file.folder().join("other.mjpeg");
    fs::write(&other, encode_file(FileLayout::Raw, &replacement)).unwrap();
    fs::rename(&other, file.path()).unwrap();
    let replaced = open().unwrap().unwrap();
    assert_ne!(replaced.id(), first.id());
    assert_eq!(wait_for_index(&replaced).frames, 3);
    assert_eq!(replaced.info().dimensions.width, 64);
    assert_eq!(replaced.read_frame(2).unwrap(), replacement[2][..]);
    assert_eq!(first.read_frame(9).unwrap(), file.frames[9][..], "a session keeps the film that it plays");

    let extended = encode_file(FileLayout::Raw, &[&replacement[..], &replacement[..]].concat());
    fs::write(file.path(), extended).unwrap();
    assert_eq!(wait_for_index(&open().unwrap().unwrap()).frames, 6);

    let cut = complete.len() - 100;
    fs::write(file.path(), &complete[..cut]).unwrap();
    let overwritten = open().unwrap().unwrap();
    assert_eq!(wait_for_index(&overwritten).frames, 9);
    assert_eq!(open().unwrap().unwrap().id(), overwritten.id());
    let error = replaced.read_frame(2).unwrap_err();
    assert_eq!(error.to_string(), "the file was overwritten after it was opened");

    fs::write(file.path(), vec![b'x'; complete.len()]).unwrap();
    assert!(open().unwrap_err().to_string().contains("is a text file"));
}

/// Returns the error message with which a file is refused: one sentence, or one that ends with a command.
fn open_error(path: &Path) -> String {
    let message = MediaFile::open(path, "film.mjpeg", FrameRate::CLASSROOM).unwrap_err().to_string();
    assert!(!message.contains('\n') && message.ends_with(['.', 'i']), "{message}");
    message
}

#[test]
fn invalid_files_are_refused_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mjpeg");
    let with = |content: &[u8]| {
        fs::write(&path, content).unwrap();
        open_error(&path)
    };
    assert_eq!(with(b""), "film.mjpeg is empty; choose another file.");
    let h264 = MovFile { codec: *b"avc1", brand: *b"isom", ..MovFile::new(vec![b"not a JPEG".to_vec()], 20) };
    let mp4 = with(&h264.encode());
    assert!(
        mp4.starts_with("film.mjpeg is an MP4 film whose video is H.264, not Motion JPEG; convert it first")
            && mp4.contains("/film.mjpeg -c:v mjpeg -q:v 3 -an ")
            && mp4.ends_with("/film.avi"),
        "{mp4}"
    );
    assert_eq!(
        with(b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41"),
        "film.mjpeg is an MP4 film without its index (moov), and has no Motion JPEG frame; copy or record it again."
    );
    assert_eq!(with(b"hello"), "film.mjpeg is a text file, not a Motion JPEG film; choose another file.");
    assert!(with(&[1; 70_000]).contains("its first 64 KiB contain no frame"));
    let first = &encode_file(FileLayout::Records(5), &test_jpegs(JpegKind::WithComment, SIZE, 1));
    assert!(with(&first[..first.len() / 2]).contains("it ends in the middle of its first frame"));
    assert!(with(&[0xFF, 0xD8, 0xFF, 0xD9, 0, 0]).contains("it has no complete frame"));
    assert!(
        open_error(folder.path()).contains("film.mjpeg is a folder of films; open one of them, such as ")
    );
    assert!(open_error(Path::new("/dev/null")).contains("is not a file"));
    assert!(open_error(&folder.path().join("nothing")).starts_with("There is no file "));
}

#[test]
fn hostile_files_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mjpeg");
    let mut state = 7u32;
    for round in 0..200u32 {
        let mut content = encode_file(FileLayout::Records(5), &test_jpegs(JpegKind::Restarts, (32, 32), 3));
        for _ in 0..=round % 9 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = state as usize % content.len();
            content[at] = (state >> 24) as u8;
        }
        fs::write(&path, &content).unwrap();
        if let Ok(film) = MediaFile::open(&path, "film", FrameRate::CLASSROOM) {
            let frames = wait_for_index(&film).frames;
            for frame in 0..frames {
                let jpeg = film.read_frame(frame).unwrap();
                let _ = reelay::media::decode::decode(&jpeg, &mut Vec::new());
            }
        }
    }
}
