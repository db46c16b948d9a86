//! `reelay convert` as a program, and AVI films that are served and probed.

mod common;

use std::fs;
use std::path::Path;

use common::avi_files::{AviOptions, Index};
use common::jpegs::JpegKind;
use common::media_files::{FileLayout, encode_file, test_jpegs};
use common::program::{fail, names, succeed};
use reelay::media::FrameRate;
use reelay::media_file::MediaFile;

/// Frames and their times in µs; the last time is the end.
#[track_caller]
fn read_film(path: &Path) -> (Vec<Vec<u8>>, Vec<u64>) {
    let film = MediaFile::open(path, "film", FrameRate::CLASSROOM).unwrap();
    let mut progress = film.progress();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let count = runtime.block_on(progress.wait_for(|progress| progress.is_finished())).unwrap().frames;
    assert_eq!(film.info().warning(), None);
    let frames = (0..count).map(|frame| film.read_frame(frame).unwrap().to_vec()).collect();
    (frames, (0..=count).map(|frame| film.times().npt_of(frame).as_micros()).collect())
}

fn frames() -> Vec<Vec<u8>> {
    test_jpegs(JpegKind::CustomHuffman, (96, 64), 50)
}

#[test]
fn conversion_keeps_each_byte_and_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let (at, frames) = (|name: &str| folder.path().join(name), frames());
    fs::write(at("movie.Mjpeg"), encode_file(FileLayout::Records(5), &frames)).unwrap();
    let (out, err) = succeed(folder.path(), &["convert", "movie.Mjpeg", "film.avi"]);
    assert!(out.starts_with("film.avi: 50 frames, 2.500 s, "), "{out}");
    assert_eq!(err, "movie.Mjpeg states no frame rate: 20 fps (assumed) is written; --fps sets another.\n");
    let times: Vec<u64> = (0..=50).map(|frame| frame * 50_000).collect();
    assert_eq!(read_film(&at("film.avi")), (frames.clone(), times));

    let (_, err) = succeed(folder.path(), &["convert", "film.avi", "raw.mjpeg"]);
    assert_eq!(err, "The target holds no times: open it with --fps 20.\n");
    assert_eq!(fs::read(at("raw.mjpeg")).unwrap(), frames.concat());
    succeed(folder.path(), &["convert", "raw.mjpeg", "back.mjpg", "--format", "classroom"]);
    assert_eq!(fs::read(at("back.mjpg")).unwrap(), fs::read(at("movie.Mjpeg")).unwrap());

    succeed(
        folder.path(),
        &["convert", "film.avi", "part.avi", "--from", "1", "--to", "0:01.5", "--fps", "29.97"],
    );
    let ntsc = FrameRate::new(30_000, 1_001).unwrap();
    let times = (0..=10).map(|frame| ntsc.npt_of(frame).as_micros()).collect();
    assert_eq!(read_film(&at("part.avi")), (frames[20..30].to_vec(), times));
}

/// A capture keeps the times, and the frames of different sizes that an AVI film cannot hold.
#[test]
fn capture_keeps_each_byte_and_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let frames = [frames(), test_jpegs(JpegKind::Standard420, (64, 48), 2)].concat();
    fs::write(at("in.mjpeg"), frames.concat()).unwrap();
    let (_, err) = succeed(folder.path(), &["convert", "in.mjpeg", "capture.mpjpeg"]);
    assert_eq!(err, "in.mjpeg states no frame rate: 20 fps (assumed) is written; --fps sets another.\n");
    let times: Vec<u64> = (0..=52).map(|frame| frame * 50_000).collect();
    assert_eq!(read_film(&at("capture.mpjpeg")), (frames.clone(), times.clone()));
    let (_, err) = succeed(folder.path(), &["convert", "capture.mpjpeg", "film.mov"]);
    assert_eq!(err, "");
    succeed(folder.path(), &["convert", "film.mov", "again.mpjpeg"]);
    assert_eq!(fs::read(at("again.mpjpeg")).unwrap(), fs::read(at("capture.mpjpeg")).unwrap());
    assert_eq!(read_film(&at("film.mov")), (frames, times));
}

#[test]
fn film_of_variable_rate_keeps_its_times_in_avi() {
    let folder = tempfile::tempdir().unwrap();
    let mut sparse = Vec::new();
    for frame in &frames()[..10] {
        sparse.extend([vec![], vec![], frame.clone()]);
    }
    sparse.extend([frames()[10].clone(), vec![], vec![]]);
    let options = AviOptions { has_sound: true, rate: (90, 1), ..AviOptions::default() };
    fs::write(folder.path().join("in.avi"), options.encode(&sparse)).unwrap();
    let (out, err) = succeed(folder.path(), &["convert", "in.avi", "out.avi"]);
    assert_eq!(err, "in.avi also contains PCM sound, which is left out.\n");
    assert!(out.starts_with("out.avi: 11 frames, 0.344 s, "), "{out}");
    let ((frames, times), (source, source_times)) =
        (read_film(&folder.path().join("out.avi")), read_film(&folder.path().join("in.avi")));
    assert!(frames == source);
    // The film begins with its first frame.
    let expected = source_times.iter().map(|time| time - source_times[0]);
    assert!(times.iter().zip(expected).all(|(time, expected)| time.abs_diff(expected) <= 1), "{times:?}");
}

#[test]
fn what_the_target_cannot_hold_is_said_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut long = frames();
    long[20].resize(100_000, 0);
    fs::write(folder.path().join("long.avi"), AviOptions::default().encode(&long)).unwrap();
    let error = fail(folder.path(), &["convert", "long.avi", "out.mjpeg", "--format", "classroom"]);
    assert_eq!(
        error,
        "reelay: Frame 21 of long.avi has 100000 bytes, and the classroom format holds at most 99999; choose another \
         format.\n"
    );
    let sizes =
        [test_jpegs(JpegKind::Standard420, (96, 64), 2), test_jpegs(JpegKind::Standard420, (64, 48), 2)]
            .concat();
    fs::write(folder.path().join("sizes.mjpeg"), sizes.concat()).unwrap();
    let error = fail(folder.path(), &["convert", "sizes.mjpeg", "out.avi"]);
    assert!(error.contains("Frame 3 of sizes.mjpeg has 64×48 pixels and not 96×64"), "{error}");
    assert_eq!(names(folder.path()), ["long.avi", "sizes.mjpeg"]);
}

#[test]
fn existing_file_is_replaced_only_with_force_and_never_in_part() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("in.mjpeg"), frames().concat()).unwrap();
    fs::write(at("out.avi"), b"old").unwrap();
    let error = fail(folder.path(), &["convert", "in.mjpeg", "out.avi"]);
    assert!(
        error.contains("out.avi exists already; choose another name, or replace it with --force."),
        "{error}"
    );
    let error = fail(folder.path(), &["convert", "in.mjpeg", "./in.mjpeg", "--force"]);
    assert!(error.contains("is the film itself"), "{error}");
    // The place of the aside file is taken by a folder, so the film cannot be written.
    fs::create_dir(at(".out.avi.part")).unwrap();
    let error = fail(folder.path(), &["convert", "in.mjpeg", "out.avi", "--force"]);
    assert!(error.contains("out.avi cannot be written ("), "{error}");
    assert_eq!(fs::read(at("out.avi")).unwrap(), b"old");
    fs::remove_dir(at(".out.avi.part")).unwrap();
    succeed(folder.path(), &["convert", "in.mjpeg", "out.avi", "--force"]);
    assert_eq!(read_film(&at("out.avi")).0, frames());
    assert_eq!(names(folder.path()), ["in.mjpeg", "out.avi"]);
}

#[test]
fn film_of_another_codec_is_refused_with_the_command_that_converts_it() {
    let folder = tempfile::tempdir().unwrap();
    let film = AviOptions { codec: *b"XVID", ..AviOptions::default() }.encode(&frames());
    fs::write(folder.path().join("in.avi"), film).unwrap();
    let error = fail(folder.path(), &["convert", "in.avi", "out.mjpeg"]);
    assert!(error.ends_with("MPEG-4, not Motion JPEG; convert it first: ffmpeg -i in.avi -c:v mjpeg -q:v 3 -an in-converted.avi\n"), "{error}");
}

/// An AVI film of every layout reaches the player byte for byte, through the embedded server.
#[test]
fn probed_avi_film_arrives_byte_for_byte() {
    let frames = test_jpegs(JpegKind::WithComment, (96, 64), 20);
    for index in [Index::FromMovi, Index::OpenDml, Index::None] {
        let folder = tempfile::tempdir().unwrap();
        let options = AviOptions { index, rate: (50, 1), has_sound: true, ..AviOptions::default() };
        fs::write(folder.path().join("film.avi"), options.encode(&frames)).unwrap();
        let (out, err) =
            succeed(folder.path(), &["probe", "film.avi", "--save-frames", "frames", "--transport", "tcp"]);
        assert!(out.contains("frames       20 complete, 0 incomplete"), "{out}");
        assert!(err.contains("film.avi also contains PCM sound, which Reelay does not play."), "{err}");
        let saved = names(&folder.path().join("frames"));
        let saved: Vec<_> =
            saved.iter().map(|name| fs::read(folder.path().join("frames").join(name)).unwrap()).collect();
        assert!(saved == frames, "{index:?}");
    }
}
