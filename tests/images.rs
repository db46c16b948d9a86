//! Images as films: a JPEG file is a film of one frame, and a folder of them is a film.

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use common::jpegs::{JpegKind, test_jpeg};
use common::media_files::test_jpegs;
use common::mov_files::MovFile;
use common::odd_jpegs::{Oddity, odd_jpeg, with_metadata};
use common::program::{fail, names, succeed};
use reelay::media::FrameRate;
use reelay::media::container::ContainerFormat;
use reelay::media_file::{IndexProgress, Library, MediaFile};

/// Waits until the complete film is indexed.
fn wait_for_index(film: &MediaFile) -> IndexProgress {
    let mut progress = film.progress();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    *runtime.block_on(progress.wait_for(|progress| progress.is_finished())).unwrap()
}

#[track_caller]
fn open(path: &Path) -> Arc<MediaFile> {
    let name = path.file_name().unwrap().to_string_lossy();
    MediaFile::open(path, &name, FrameRate::CLASSROOM).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn open_error(path: &Path) -> String {
    let name = path.file_name().unwrap().to_string_lossy();
    MediaFile::open(path, &name, FrameRate::CLASSROOM).unwrap_err().to_string()
}

/// Returns all frames of a film.
#[track_caller]
fn frames_of(film: &MediaFile) -> Vec<Vec<u8>> {
    let count = wait_for_index(film).frames;
    (0..count).map(|frame| film.read_frame(frame).unwrap().to_vec()).collect()
}

fn write_all(folder: &Path, files: &[(&str, &[u8])]) {
    fs::create_dir_all(folder).unwrap();
    files.iter().for_each(|(name, content)| fs::write(folder.join(name), content).unwrap());
}

/// A photo as phones write it: an index of further pictures in APP2, and one behind EOI (CIPA DC-007).
fn phone_photo(seed: u32) -> Vec<u8> {
    let photo = test_jpeg(JpegKind::Thumbnail, (96, 64), seed, 0);
    let index = [&[0xFF, 0xE2, 0, 14][..], b"MPF\0MM\0\x2A\0\0\0\x08"].concat();
    let gain_map = test_jpeg(JpegKind::Grey, (48, 32), seed, 0);
    [&photo[..2], &index, &photo[2..], &gain_map].concat()
}

#[test]
fn image_is_one_frame_with_all_bytes_of_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let photo = test_jpeg(JpegKind::Thumbnail, (96, 64), 1, 0);
    let behind = |trailer: &[u8]| [&photo, trailer].concat();
    for (name, content) in [
        ("photo.jpg", photo.clone()),
        ("PHOTO.JPEG", photo.clone()),
        ("phone.jpg", phone_photo(2)),
        ("phone-without-a-known-extension", phone_photo(3)),
        (
            "samsung.jpg",
            odd_jpeg(Oddity::ReservedMarker, &behind(b"Image_UTC_Data1700000000000SEFHk\0SEFT\xFF\xD9")),
        ),
        ("motion.Jpg", behind(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom a film")),
        ("several.jpg", test_jpegs(JpegKind::Standard420, (64, 48), 3).concat()),
    ] {
        fs::write(folder.path().join(name), &content).unwrap();
        let film = open(&folder.path().join(name));
        assert_eq!(film.format(), ContainerFormat::Image, "{name}");
        assert!(frames_of(&film) == [content], "{name}");
        let info = film.info();
        assert_eq!((info.warning(), info.times.rate_text().as_str()), (None, "20 fps (assumed)"), "{name}");
        assert_eq!(info.range().to_string(), "npt=0.000-0.050", "{name}");
    }
    // The same bytes under the name of a film are a film.
    let several = test_jpegs(JpegKind::Standard420, (64, 48), 3);
    fs::write(folder.path().join("several.mjpeg"), several.concat()).unwrap();
    assert_eq!(frames_of(&open(&folder.path().join("several.mjpeg"))), several);
}

#[test]
fn image_without_end_marker_is_shown_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photo.jpg");
    let photo = test_jpeg(JpegKind::Standard420, (96, 64), 1, 0);
    fs::write(&path, &photo[..photo.len() - 40]).unwrap();
    let film = open(&path);
    assert!(frames_of(&film) == [&photo[..photo.len() - 40]]);
    let warning = "photo.jpg: 1 frame has no end marker and may be incomplete; copy or download it again.";
    assert_eq!(film.info().warning().as_deref(), Some(warning));
    fs::write(&path, &photo[..100]).unwrap();
    assert_eq!(
        open_error(&path),
        "photo.jpg is truncated: it ends in the middle of its first frame; copy or download it again."
    );
    fs::write(&path, b"\x89PNG\r\n").unwrap();
    assert_eq!(open_error(&path), "photo.jpg is a PNG image, not a Motion JPEG film; choose another file.");
}

/// Frames of every kind and of different sizes, and what else a folder may hold.
#[test]
fn folder_is_a_film_in_natural_order() {
    let folder = tempfile::tempdir().unwrap();
    let frames: Vec<_> = JpegKind::ALL.iter().map(|kind| test_jpeg(*kind, (96, 64), 1, 0)).collect();
    let (large, phone) = (test_jpeg(JpegKind::Standard420, (160, 120), 2, 0), phone_photo(4));
    let frames: Vec<_> = [frames, vec![large, phone]].concat();
    for (number, frame) in frames.iter().enumerate() {
        let name = [format!("img{number}.jpg"), format!("IMG{number:03}.JPEG")];
        fs::write(folder.path().join(&name[number % 2]), frame).unwrap();
    }
    write_all(
        folder.path(),
        &[(".hidden.jpg", &frames[0]), ("notes.txt", b"A letter."), ("a.png", b"\x89PNG")],
    );
    write_all(&folder.path().join("below"), &[("other.jpg", &frames[0])]);
    let film = open(folder.path());
    assert_eq!(film.format(), ContainerFormat::Folder);
    assert!(frames_of(&film) == frames);
    let info = film.info();
    assert_eq!((info.warning(), info.times.rate_text().as_str()), (None, "20 fps (assumed)"));
    assert_eq!(info.range().to_string(), "npt=0.000-0.900");
    assert_eq!((info.dimensions.width, info.dimensions.height), (96, 64));
}

#[test]
fn files_that_are_no_jpeg_are_skipped_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let frames = test_jpegs(JpegKind::Standard420, (96, 64), 3);
    let cut = &frames[0][..100];
    write_all(
        folder.path(),
        &[
            ("0.jpg", b""),
            ("1.jpg", &frames[0]),
            ("2.jpg", b"A letter."),
            ("3.jpg", &frames[1]),
            ("4.jpg", cut),
            ("5.jpg", &frames[2]),
        ],
    );
    let film = open(folder.path());
    assert!(frames_of(&film) == frames);
    let name = film.name().to_owned();
    let warning =
        format!("{name}: 3 files are not complete JPEGs and are skipped; copy or download them again.");
    assert_eq!(film.info().warning(), Some(warning));
    for number in [1, 3, 5] {
        fs::remove_file(folder.path().join(format!("{number}.jpg"))).unwrap();
    }
    let error = open_error(folder.path());
    assert_eq!(error, format!("{name} has no complete JPEG file; copy or download it again."));
}

/// An encoder that writes no EOI: complete frames if all files are like this, and doubtful ones if others are not.
#[test]
fn folder_of_frames_without_eoi_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    let frames = test_jpegs(JpegKind::Standard420, (96, 64), 3);
    let odd: Vec<_> = frames.iter().map(|frame| odd_jpeg(Oddity::NoEoi, frame)).collect();
    write_all(folder.path(), &[("1.jpg", &odd[0]), ("2.jpg", &odd[1]), ("3.jpg", &odd[2])]);
    let film = open(folder.path());
    assert!(frames_of(&film) == odd);
    assert_eq!(film.info().warning(), None);
    write_all(folder.path(), &[("4.jpg", &frames[0])]);
    let film = open(folder.path());
    assert_eq!(wait_for_index(&film).frames, 4);
    let warning = film.info().warning().unwrap();
    assert!(warning.contains(": 3 frames have no end marker and may be incomplete;"), "{warning}");
}

#[test]
fn changed_file_is_not_the_end_of_the_film() {
    let folder = tempfile::tempdir().unwrap();
    let frames = test_jpegs(JpegKind::Standard420, (96, 64), 6);
    for (number, frame) in frames.iter().enumerate() {
        fs::write(folder.path().join(format!("{number}.jpg")), frame).unwrap();
    }
    let at = |number: usize| folder.path().join(format!("{number}.jpg"));
    let (library, film) = (Library::default(), open(folder.path()));
    assert_eq!(wait_for_index(&film).frames, 6);
    let name = library.add(film.clone());
    let served = || library.media_file(&name, |_| {}).unwrap().unwrap();
    assert_eq!(served().id(), film.id());
    // Overwritten in place, which no time of the folder shows.
    fs::write(at(1), &frames[1][..200]).unwrap();
    fs::write(at(2), vec![b'x'; frames[2].len()]).unwrap();
    fs::write(at(3), [&frames[3][..], b"more"].concat()).unwrap();
    for (number, reason) in [(1, "it was changed"), (2, "no frame is where"), (3, "it was changed")] {
        let error = film.read_frame(number).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData, "{number}");
        assert!(error.to_string().contains(reason), "{error}");
    }
    let reopened = served();
    assert_ne!(reopened.id(), film.id(), "the folder is read again after a change was noticed");
    assert!(
        frames_of(&reopened) == [&frames[0][..], &[&frames[3][..], b"more"].concat(), &frames[4], &frames[5]]
    );
    fs::remove_file(at(4)).unwrap();
    let error = reopened.read_frame(2).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    assert!(error.to_string().starts_with("4.jpg cannot be read: "), "{error}");
    assert_eq!(reopened.read_frame(3).unwrap(), frames[5][..]);
    assert_eq!(wait_for_index(&served()).frames, 3, "a file that is removed changes the folder");
    fs::remove_dir_all(folder.path()).unwrap();
    assert!(!reopened.is_available());
}

#[test]
#[cfg(unix)]
fn link_out_of_the_folder_is_never_read() {
    use std::os::unix::fs::symlink;
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let frames = test_jpegs(JpegKind::Standard420, (96, 64), 3);
    write_all(other.path(), &[("secret.jpg", &frames[2])]);
    write_all(folder.path(), &[("1.jpg", &frames[0]), ("2.jpg", &frames[1])]);
    symlink(other.path().join("secret.jpg"), folder.path().join("0.jpg")).unwrap();
    symlink(folder.path().join("1.jpg"), folder.path().join("3.jpg")).unwrap();
    let film = open(folder.path());
    assert!(frames_of(&film) == [&frames[0][..], &frames[1], &frames[0]]);
    // A link takes the place of a file after it was indexed.
    fs::remove_file(folder.path().join("2.jpg")).unwrap();
    symlink(other.path().join("secret.jpg"), folder.path().join("2.jpg")).unwrap();
    let error = film.read_frame(1).unwrap_err();
    assert!(error.to_string().contains("it is a link out of the folder"), "{error}");
}

#[test]
fn folder_of_films_or_of_neither_is_refused_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("frames");
    let frame = test_jpeg(JpegKind::Standard420, (96, 64), 1, 0);
    write_all(&at, &[("notes.txt", b"A letter.")]);
    assert_eq!(
        open_error(&at),
        "frames is a folder without .mov, .mp4, .avi, .mpjpeg, .mjpeg, .mjpg and .mjp films, and without JPEG files; \
         choose another one."
    );
    write_all(&at, &[("1.jpg", &frame)]);
    write_all(&at.join("below"), &[("film.mjpeg", &frame)]);
    let film = at.join("below/film.mjpeg");
    assert_eq!(
        open_error(&at),
        format!(
            "frames is a folder of films, so its JPEG files are not played as one; open one of them, such as {}, or serve \
             all of them with \"reelay serve\".",
            film.display()
        )
    );
}

/// The index grows in the background, however many files there are.
#[test]
fn first_frame_of_a_large_folder_does_not_wait_for_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let frame = test_jpeg(JpegKind::Standard420, (32, 32), 1, 0);
    let first = folder.path().join("1.jpg");
    fs::write(&first, &frame).unwrap();
    for number in 2..=40_000 {
        fs::hard_link(&first, folder.path().join(format!("{number}.jpg"))).unwrap();
    }
    let film = open(folder.path());
    assert!(!film.info().is_complete(), "40,000 files are not read before the film is open");
    assert_eq!(film.read_frame(0).unwrap(), frame[..]);
    assert_eq!(wait_for_index(&film).frames, 40_000);
    assert_eq!(film.read_frame(39_999).unwrap(), frame[..]);
}

/// Frames of a folder, and a phone's photo, reach the player byte for byte through the embedded server.
#[test]
fn probed_images_arrive_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let metadata = with_metadata(&test_jpeg(JpegKind::Standard420, (160, 120), 5, 0), &[(0xE1, 40_000)]);
    let frames = [test_jpegs(JpegKind::CustomHuffman, (96, 64), 8), vec![metadata, phone_photo(6)]].concat();
    for (number, frame) in (0..).zip(&frames) {
        write_all(&folder.path().join("in"), &[(format!("{number}.jpg").as_str(), frame)]);
    }
    fs::write(folder.path().join("photo.jpg"), &frames[9]).unwrap();
    for (film, expected) in [("in/", &frames[..]), ("photo.jpg", &frames[9..])] {
        let (out, err) =
            succeed(folder.path(), &["probe", film, "--save-frames", "out", "--transport", "tcp"]);
        assert_eq!(err, "");
        assert!(out.contains(&format!("{} complete, 0 incomplete", expected.len())), "{out}");
        for (number, frame) in (1..).zip(expected) {
            let saved = fs::read(folder.path().join(format!("out/{number:06}.jpg"))).unwrap();
            assert!(saved == *frame, "frame {number} of {film}");
        }
        fs::remove_dir_all(folder.path().join("out")).unwrap();
    }
}

#[test]
fn images_are_converted_to_films_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let frames = test_jpegs(JpegKind::Standard420, (96, 64), 5);
    for (number, frame) in (0..).zip(&frames) {
        write_all(&folder.path().join("in"), &[(format!("{number}.jpg").as_str(), frame)]);
    }
    fs::write(folder.path().join("photo.jpg"), phone_photo(1)).unwrap();
    let (out, err) = succeed(folder.path(), &["convert", "in", "film.avi"]);
    assert!(out.starts_with("film.avi: 5 frames, 0.250 s, "), "{out}");
    assert_eq!(err, "in states no frame rate: 20 fps (assumed) is written; --fps sets another.\n");
    assert!(frames_of(&open(&folder.path().join("film.avi"))) == frames);
    succeed(folder.path(), &["convert", "in/", "film.mov", "--fps", "10", "--from", "0.1", "--to", "0.3"]);
    let film = open(&folder.path().join("film.mov"));
    assert!(frames_of(&film) == frames[1..3]);
    assert_eq!(film.times().rate_text(), "10 fps");
    // In a film whose frames end with EOI, the pictures behind the photo would be frames.
    for (source, target) in
        [("photo.jpg", "photo.mjpeg"), ("photo.jpg", "photo.mpjpeg"), ("photo.mov", "photo.mjpeg")]
    {
        if source == "photo.mov" {
            succeed(folder.path(), &["convert", "photo.jpg", "photo.mov"]);
        }
        let error = fail(folder.path(), &["convert", source, target]);
        assert!(error.contains(&format!("Frame 1 of {source} has other data behind its JPEG")), "{error}");
        assert!(!folder.path().join(target).exists());
    }
    fs::remove_file(folder.path().join("photo.mov")).unwrap();
    succeed(folder.path(), &["convert", "photo.jpg", "photo.mov"]);
    assert!(frames_of(&open(&folder.path().join("photo.mov"))) == [phone_photo(1)]);
}

/// Frames of every kind go into a folder and come back.
#[test]
fn film_is_converted_to_a_folder_and_back_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let kinds = JpegKind::ALL.iter().map(|kind| test_jpeg(*kind, (96, 64), 1, 0));
    let frames: Vec<_> = kinds.chain([test_jpeg(JpegKind::Standard420, (64, 48), 2, 0)]).collect();
    fs::write(at("in.mjpeg"), frames.concat()).unwrap();
    let (out, err) = succeed(folder.path(), &["convert", "in.mjpeg", "frames/", "--fps", "25"]);
    assert!(out.starts_with("frames/: 17 frames, 0.680 s, "), "{out}");
    assert_eq!(err, "The target holds no times: open it with --fps 25.\n");
    assert_eq!(names(folder.path()), ["frames", "in.mjpeg"]);
    let files: Vec<_> =
        names(&at("frames")).iter().map(|name| fs::read(at("frames").join(name)).unwrap()).collect();
    assert!(files == frames);
    assert_eq!(names(&at("frames"))[16], "000017.jpg");
    succeed(folder.path(), &["convert", "frames", "back.mjpeg"]);
    assert_eq!(fs::read(at("back.mjpeg")).unwrap(), frames.concat());
    // An existing folder needs no separator.
    fs::create_dir(at("empty")).unwrap();
    succeed(folder.path(), &["convert", "frames", "empty", "--from", "0.1", "--to", "0.2"]);
    assert_eq!(names(&at("empty")), ["000001.jpg", "000002.jpg"]);
    assert_eq!(fs::read(at("empty/000001.jpg")).unwrap(), frames[2]);
}

#[test]
fn folder_with_files_is_written_only_with_force() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let frames = test_jpegs(JpegKind::Standard420, (96, 64), 3);
    fs::write(at("in.mjpeg"), frames.concat()).unwrap();
    write_all(&at("out"), &[("000001.jpg", b"old"), ("000004.jpg", b"old"), ("notes.txt", b"A letter.")]);
    let error = fail(folder.path(), &["convert", "in.mjpeg", "out/"]);
    assert_eq!(
        error,
        "reelay: out/ is not empty; choose another folder, or replace its numbered .jpg files with --force.\n"
    );
    let error = fail(folder.path(), &["convert", "in.mjpeg", "out", "--force"]);
    assert_eq!(
        error,
        "reelay: out holds 000004.jpg, which would be mistaken for a part of the film; move it, or choose another \
         folder.\n"
    );
    assert_eq!(names(&at("out")), ["000001.jpg", "000004.jpg", "notes.txt"]);
    assert_eq!(fs::read(at("out/000001.jpg")).unwrap(), b"old");
    fs::remove_file(at("out/000004.jpg")).unwrap();
    succeed(folder.path(), &["convert", "in.mjpeg", "out", "--force"]);
    assert_eq!(names(&at("out")), ["000001.jpg", "000002.jpg", "000003.jpg", "notes.txt"]);
    assert_eq!(fs::read(at("out/000001.jpg")).unwrap(), frames[0]);
    let error = fail(folder.path(), &["convert", "out", "./out/", "--force"]);
    assert!(error.contains("is the film itself"), "{error}");
    let error = fail(folder.path(), &["convert", "out", "in.mjpeg/"]);
    assert_eq!(error, "reelay: in.mjpeg/ is a file; choose another name for the folder.\n");
    let error = fail(folder.path(), &["convert", "out", "missing/frames/"]);
    assert!(error.starts_with("reelay: missing/frames/ cannot be written ("), "{error}");
}

#[test]
fn one_frame_is_converted_to_an_image() {
    let folder = tempfile::tempdir().unwrap();
    let frames = test_jpegs(JpegKind::CustomHuffman, (96, 64), 30);
    fs::write(folder.path().join("in.mjpeg"), frames.concat()).unwrap();
    let error = fail(folder.path(), &["convert", "in.mjpeg", "photo.jpg"]);
    assert_eq!(
        error,
        "reelay: A .jpg file holds one frame, and the part of in.mjpeg has 30; give the time of one as both --from and \
         --to, or for all of them a folder, such as frames/.\n"
    );
    assert_eq!(names(folder.path()), ["in.mjpeg"]);
    let (_, err) =
        succeed(folder.path(), &["convert", "in.mjpeg", "photo.jpg", "--from", "1.02", "--to", "1.02"]);
    assert_eq!(err, "");
    assert_eq!(fs::read(folder.path().join("photo.jpg")).unwrap(), frames[20]);
    succeed(folder.path(), &["convert", "photo.jpg", "copy.jpeg"]);
    assert_eq!(fs::read(folder.path().join("copy.jpeg")).unwrap(), frames[20]);
}

/// A program that is killed leaves nothing but a hidden folder, which the next run removes.
#[test]
#[cfg(target_os = "linux")]
fn killed_conversion_leaves_no_part_of_a_film() {
    let folder = tempfile::tempdir().unwrap();
    let frames = test_jpegs(JpegKind::Standard420, (96, 64), 40);
    fs::write(folder.path().join("in.mjpeg"), frames.concat()).unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    for target in ["new/", "empty"] {
        // A limit on the length of files, whose signal kills the program at its first write.
        let script = format!("ulimit -f 0; exec {} convert in.mjpeg {target}", env!("CARGO_BIN_EXE_reelay"));
        let output = Command::new("bash").current_dir(folder.path()).args(["-c", &script]).output().unwrap();
        assert!(!output.status.success());
        let visible = |name: &String| !name.starts_with('.');
        assert!(!folder.path().join("new").exists() || target == "empty");
        assert_eq!(names(&folder.path().join("empty")).iter().filter(|name| visible(name)).count(), 0);
        succeed(folder.path(), &["convert", "in.mjpeg", target]);
        assert_eq!(names(&folder.path().join(target)).len(), 40, "{target}");
    }
    assert_eq!(names(folder.path()), ["empty", "in.mjpeg", "new"]);
}

/// Starts `reelay serve` with these paths, and returns the paths of the URLs that it prints up to the one of `last`.
fn served_names(folder: &Path, paths: &[&str], last: &str) -> Vec<String> {
    let mut serve = Command::new(env!("CARGO_BIN_EXE_reelay"));
    serve.current_dir(folder).args(["serve", "--listen", "127.0.0.1:0"]).args(paths);
    let mut server = serve.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (mut lines, mut names) = (BufReader::new(server.stdout.take().unwrap()).lines(), Vec::new());
    while names.last().is_none_or(|name| name != last) {
        let url = lines.next().expect("the server ends before it prints the last URL").unwrap();
        names.push(url.splitn(4, '/').nth(3).unwrap().to_owned());
    }
    server.kill().unwrap();
    server.wait().unwrap();
    names
}

#[test]
fn folder_of_films_is_served_without_the_images_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let frames = test_jpegs(JpegKind::Standard420, (96, 64), 3);
    let film = frames.concat();
    write_all(&folder.path().join("films"), &[("1.jpg", &frames[0]), ("a.mjpeg", &film)]);
    write_all(&folder.path().join("films/below"), &[("2.jpg", &frames[0])]);
    write_all(&folder.path().join("my frames"), &[("1.jpg", &frames[0]), ("2.jpg", &frames[1])]);
    fs::write(folder.path().join("photo.jpg"), &frames[2]).unwrap();
    let names = served_names(folder.path(), &["films", "my frames/", "photo.jpg"], "photo.jpg");
    assert_eq!(names, ["a.mjpeg", "my%20frames", "photo.jpg"]);
    // A folder without a name of its own in the argument has the one that it has on the disk.
    let inside = folder.path().join("my frames");
    assert_eq!(served_names(&inside, &["."], "my%20frames"), ["my%20frames"]);
    write_all(&folder.path().join("letters"), &[("notes.txt", b"A letter.")]);
    let error = fail(folder.path(), &["serve", "letters"]);
    assert!(error.starts_with("reelay: letters is a folder without .mov, "), "{error}");
}

/// The result of a time lapse beside its images is no film that Reelay plays.
#[test]
#[cfg(target_os = "linux")]
fn folder_of_films_without_urls_is_refused_with_the_reason() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = tempfile::tempdir().unwrap();
    let frames = test_jpegs(JpegKind::Standard420, (96, 64), 2);
    let films = folder.path().join("films");
    write_all(&films, &[("1.jpg", &frames[0])]);
    fs::write(films.join(std::ffi::OsStr::from_bytes(b"caf\xE9.mjpeg")), frames.concat()).unwrap();
    let error = fail(folder.path(), &["serve", "films", "--listen", "127.0.0.1:0"]);
    let sentence = "reelay: No film of films is served, because the names of the films, or of their folders, are not UTF-8; \
                    rename them.\n";
    assert!(error.ends_with(sentence), "{error}");
}

#[test]
fn film_of_another_codec_does_not_make_a_folder_a_list_of_films() {
    let folder = tempfile::tempdir().unwrap();
    let frames = test_jpegs(JpegKind::Standard420, (96, 64), 2);
    let h264 = MovFile { codec: *b"avc1", brand: *b"isom", ..MovFile::new(vec![b"not a JPEG".to_vec()], 20) };
    write_all(folder.path(), &[("1.jpg", &frames[0]), ("2.jpg", &frames[1]), ("a.mp4", &h264.encode())]);
    assert!(frames_of(&open(folder.path())) == frames);
    let found = Library::default().add_folder(folder.path(), FrameRate::CLASSROOM).unwrap();
    assert_eq!(found.names, Vec::<String>::new());
    assert!(found.skipped[0].starts_with("a.mp4 is an MP4 film whose video is H.264"), "{found:?}");
    write_all(folder.path(), &[("b.mov", &MovFile::new(frames, 20).encode())]);
    assert!(open_error(folder.path()).contains("is a folder of films"));
}

/// A file of a served folder that is replaced by a link is not opened, before and after its first request.
#[test]
#[cfg(unix)]
fn served_film_that_becomes_a_link_is_not_opened() {
    use std::os::unix::fs::symlink;
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let film = test_jpegs(JpegKind::Standard420, (96, 64), 2).concat();
    write_all(folder.path(), &[("a.mjpeg", &film), ("b.mjpeg", &film)]);
    write_all(other.path(), &[("secret.mjpeg", &film)]);
    let library = Library::default();
    library.add_folder(folder.path(), FrameRate::CLASSROOM).unwrap();
    assert!(library.media_file("a.mjpeg", |_| {}).unwrap().is_some());
    for name in ["a.mjpeg", "b.mjpeg"] {
        fs::remove_file(folder.path().join(name)).unwrap();
        symlink(other.path().join("secret.mjpeg"), folder.path().join(name)).unwrap();
        let error = library.media_file(name, |_| {}).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("{name} is a link out of the folder that is served; serve the film itself.")
        );
        fs::remove_file(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name), &film).unwrap();
        assert!(library.media_file(name, |_| {}).unwrap().is_some());
    }
}

#[test]
fn target_inside_of_the_converted_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("frames");
    let frames = test_jpegs(JpegKind::Standard420, (96, 64), 2);
    write_all(&inside, &[("1.jpg", &frames[0]), ("2.jpg", &frames[1])]);
    for (current, input, target) in [
        (&inside, ".", "film.avi"),
        (&inside, ".", "below/"),
        (&folder.path().to_owned(), "frames", "frames/film.mov"),
    ] {
        let error = fail(current, &["convert", input, target]);
        assert!(error.contains("would be a part of the film"), "{error}");
    }
    assert_eq!(names(&inside), ["1.jpg", "2.jpg"]);
}

#[test]
fn conversion_of_a_folder_that_is_gone_fails() {
    let folder = tempfile::tempdir().unwrap();
    let frames = test_jpegs(JpegKind::Standard420, (96, 64), 2);
    let images = folder.path().join("frames");
    write_all(&images, &[("1.jpg", &frames[0]), ("2.jpg", &frames[1])]);
    let film = open(&images);
    let first = film.entry(0).unwrap();
    fs::remove_file(images.join("1.jpg")).unwrap();
    let kind = |film: &MediaFile| film.read_start(first, 10).unwrap_err().kind();
    assert_eq!(kind(&film), std::io::ErrorKind::InvalidData, "the frame is left out");
    fs::remove_dir_all(&images).unwrap();
    assert_eq!(kind(&film), std::io::ErrorKind::NotFound, "nothing can be read");
}

#[test]
fn hidden_films_are_not_served() {
    let folder = tempfile::tempdir().unwrap();
    let film = test_jpegs(JpegKind::Standard420, (96, 64), 2).concat();
    write_all(folder.path(), &[("a.mjpeg", &film), (".b.mjpeg", &film)]);
    write_all(&folder.path().join(".trash"), &[("c.mjpeg", &film)]);
    let found = Library::default().add_folder(folder.path(), FrameRate::CLASSROOM).unwrap();
    assert_eq!((found.names.as_slice(), found.skipped.len()), (&["a.mjpeg".to_owned()][..], 0));
}

/// A folder for the part of a film may be a link that another user has placed there.
#[test]
#[cfg(unix)]
fn part_that_is_a_link_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let frames = test_jpegs(JpegKind::Standard420, (96, 64), 2);
    let precious = folder.path().join("precious");
    write_all(&precious, &[("000001.jpg", &frames[0])]);
    fs::write(folder.path().join("film.mjpeg"), frames.concat()).unwrap();
    std::os::unix::fs::symlink(&precious, folder.path().join(".out.part")).unwrap();
    let error = fail(folder.path(), &["convert", "film.mjpeg", "out/"]);
    assert!(error.contains("out"), "{error}");
    assert_eq!(names(&precious), ["000001.jpg"]);
}
