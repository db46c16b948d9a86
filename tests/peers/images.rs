//! Folders of JPEG files: ffmpeg writes the same files as Reelay, and reads Reelay's.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::mov_films::frames_of_reelay;
use super::programs::{has_ffmpeg, lock_tests, run};
use super::serve_process::REELAY_PROGRAM;

/// Returns the contents of the JPEG files of a folder, in the order of their names.
fn files(folder: &Path) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn ffmpeg(folder: &Path, arguments: &[&str]) {
    run(Command::new("ffmpeg").current_dir(folder).args(["-v", "error"]).args(arguments));
}

fn convert(folder: &Path, arguments: &[&str]) {
    run(Command::new(REELAY_PROGRAM).current_dir(folder).arg("convert").args(arguments));
}

#[test]
fn ffmpeg_and_reelay_write_the_same_folder_and_read_it() {
    let _lock = lock_tests();
    if !has_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (at, path) = (|name: &str| folder.path().join(name), folder.path());
    let source = ["-f", "lavfi", "-i", "testsrc=size=160x120:rate=20:duration=2", "-c:v", "mjpeg"];
    ffmpeg(path, &[&source[..], &["film.avi"]].concat());
    fs::create_dir(at("ffmpeg")).unwrap();
    ffmpeg(path, &["-i", "film.avi", "-c", "copy", "ffmpeg/%06d.jpg"]);
    convert(path, &["film.avi", "reelay/"]);
    assert_eq!(files(&at("reelay")).len(), 40);
    assert!(files(&at("reelay")) == files(&at("ffmpeg")));
    // Back to a film, by both programs.
    let frames = files(&at("reelay")).concat();
    ffmpeg(path, &["-framerate", "20", "-i", "reelay/%06d.jpg", "-c", "copy", "-f", "mjpeg", "back.mjpeg"]);
    assert!(fs::read(at("back.mjpeg")).unwrap() == frames);
    convert(path, &["ffmpeg", "back.avi", "--fps", "20"]);
    assert_eq!(frames_of_reelay(&at("back.avi")), frames_of_reelay(&at("film.avi")));
}
