//! `reelay convert` of a stream to JPEG files: a folder of all frames, or one file of the first.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;

use crate::common::jpegs::JpegKind;
use crate::common::media_files::test_jpegs;
use crate::{
    RunningProgram, command, fail, names, read_film, serve, signal, start_camera, succeed, wait_for_length,
    write_film,
};

/// Reads the files of a folder in the order of their names.
fn files(folder: &Path) -> Vec<Vec<u8>> {
    names(folder).iter().map(|name| fs::read(folder.join(name)).unwrap()).collect()
}

#[test]
fn stream_is_converted_to_a_folder_of_its_frames() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let film = write_film(&at("film.avi"), 40, (40, 1));
    let (_server, url) = serve(folder.path(), "film.avi");
    let (out, err) = succeed(folder.path(), &["convert", &url, "frames/"]);
    assert!(out.starts_with("frames/: 40 frames, 1.00"), "{out}");
    assert!(err.contains("The target holds no times; choose .mov to keep them."), "{err}");
    assert!(files(&at("frames")) == film);
    assert_eq!((names(&at("frames"))[39].as_str(), names(folder.path()).len()), ("000040.jpg", 2));

    let error = fail(folder.path(), &["convert", &url, "frames/"]);
    assert!(error.contains("frames/ is not empty; choose another folder, or replace"), "{error}");
    fs::write(at("frames/notes.txt"), "A letter.").unwrap();
    let part = ["convert", &url, "frames", "--force", "--from", "0.5", "--duration", "0.25"];
    succeed(folder.path(), &part);
    assert_eq!(names(&at("frames")).len(), 11, "no frame of the old film stays, and the letter does");
    fs::remove_file(at("frames/notes.txt")).unwrap();
    assert!(files(&at("frames")) == film[20..30]);
    assert_eq!(names(folder.path()), ["film.avi", "frames"]);

    let error = fail(folder.path(), &["convert", "rtsp://127.0.0.1:1/film", "nothing/"]);
    assert!(error.contains("cannot be reached"), "{error}");
    fs::write(at("frames/photo.jpg"), &film[0]).unwrap();
    let error = fail(folder.path(), &["convert", &url, "frames", "--force"]);
    assert!(
        error.contains("frames holds photo.jpg, which would be mistaken for a part of the film"),
        "{error}"
    );
    assert_eq!((names(folder.path()).len(), names(&at("frames")).len()), (2, 11), "nothing was written");
}

#[test]
fn image_of_a_stream_is_its_first_frame() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let film = write_film(&at("film.avi"), 40, (40, 1));
    let (_server, url) = serve(folder.path(), "film.avi");
    let (out, err) = succeed(folder.path(), &["convert", &url, "one.jpg"]);
    assert!(out.starts_with("one.jpg: 1 frame, ") && err.is_empty(), "{out}{err}");
    assert!(fs::read(at("one.jpg")).unwrap() == film[0]);
    let error = fail(folder.path(), &["convert", &url, "one.jpg"]);
    assert!(
        error.contains("one.jpg exists already; choose another name, or replace it with --force."),
        "{error}"
    );
    for end in [&[][..], &["--to", "0.5"]] {
        succeed(folder.path(), &[&["convert", &url, "one.jpg", "--force", "--from", "0.5"], end].concat());
        assert!(fs::read(at("one.jpg")).unwrap() == film[20], "{end:?}");
    }
    let error = fail(folder.path(), &["convert", &url, "two.jpg", "--duration", "1"]);
    assert!(
        error.contains("A .jpg file holds one frame, the first one of the part; leave out the end"),
        "{error}"
    );
    assert_eq!(names(folder.path()), ["film.avi", "one.jpg"]);
}

#[test]
fn camera_and_classroom_server_are_converted_to_jpeg_files() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // Sizes that an AVI film cannot hold.
    let sizes = [(96, 64), (64, 48)].map(|size| test_jpegs(JpegKind::Standard420, size, 12)).concat();
    let url = start_camera(sizes.clone());
    let (_, err) = succeed(folder.path(), &["convert", &url, "camera/", "--duration", "2"]);
    assert!(!err.contains("secret") && !err.contains("hidden"), "{err}");
    assert!(files(&at("camera")) == sizes[..20]);
    succeed(folder.path(), &["convert", &url, "camera.jpg"]);
    assert!(fs::read(at("camera.jpg")).unwrap() == sizes[0]);

    let film = write_film(&at("film.avi"), 20, (20, 1));
    let (_server, url) = serve(folder.path(), "film.avi");
    let source = url.strip_prefix("rtsp://").unwrap();
    succeed(folder.path(), &["convert", "--classroom", source, "lesson/"]);
    assert!(files(&at("lesson")) == film);
    succeed(folder.path(), &["convert", "--classroom", source, "lesson.jpg"]);
    assert!(fs::read(at("lesson.jpg")).unwrap() == film[0]);
}

#[test]
fn ctrl_c_completes_a_folder_and_a_killed_program_leaves_a_hidden_one() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let film = write_film(&at("film.avi"), 1_500, (50, 1));
    let (_server, url) = serve(folder.path(), "film.avi");
    for (name, signal_name) in [("complete", "INT"), ("killed", "KILL")] {
        let mut convert = command(folder.path(), &["convert", &url, &format!("{name}/")]);
        let mut convert =
            RunningProgram(convert.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
        let part = at(&format!(".{name}.part"));
        wait_for_length(&part.join("000010.jpg"), 1);
        assert!(!at(name).exists());
        signal(&convert.0, signal_name);
        let status = convert.0.wait().unwrap();
        let mut err = String::new();
        convert.0.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!(status.code(), Some(0).filter(|_| signal_name == "INT"), "{err}");
    }
    assert_eq!(names(folder.path()), [".killed.part", "complete", "film.avi"]);
    for name in ["complete", ".killed.part"] {
        let recorded = read_film(&at(name)).0;
        // The last frame of a killed program may have been written in part.
        let complete = recorded.len() - usize::from(name != "complete");
        assert!(complete >= 9 && recorded[..complete] == film[..complete], "{name}: {complete} frames");
    }
}
