//! Disks that are full, slow, or do not respond.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use reelay::media::FrameRate;
use reelay::media_file::{MediaFile, RecordingPlace};
use reelay::recording::{Recorder, RecordingFormat, RecordingOptions};
use reelay::server_embed::{Observer, Server, ServerOptions};
use reelay::session::{
    FrameSinks, Goal, RecorderSlot, Session, SessionCommand, SessionEvent, SessionOptions, StreamOptions,
    TransportPreference,
};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::common::avi_files::AviOptions;
use crate::common::jpegs::{JpegKind, test_jpeg};
use crate::{
    RunningProgram, TEST_TIMEOUT, command, names, read_film, serve, signal, text, wait_for_length, write_film,
};

/// Runs a script in which `$REELAY` is the program; `prefix` makes the limits of the disk. `None` if the system has no
/// such limits.
fn run_script(folder: &Path, prefix: &[&str], script: &str) -> Option<Output> {
    fs::create_dir(folder.join("disk")).unwrap();
    let (program, arguments) = prefix.split_first().unwrap();
    let output = Command::new(program)
        .args(arguments)
        .arg(script)
        .current_dir(folder)
        .env("REELAY", env!("CARGO_BIN_EXE_reelay"))
        .output()
        .ok()?;
    let is_refused = output.status.code() == Some(99) || text(&output.stderr).contains("unshare");
    (!is_refused).then_some(output)
}

/// Checks what is left of a recording on a full disk, after `run` has run the script in the folder.
#[track_caller]
fn check_full_disk(name: &str, run: impl Fn(&Path, &str) -> Option<Output>) {
    let folder = tempfile::tempdir().unwrap();
    let frames = write_film(&folder.path().join("film.avi"), 700, (240, 1));
    let script = format!(
        "\"$REELAY\" probe film.avi --transport tcp --record disk/{name} >/dev/null 2>errors\n\
         code=$?; cp disk/* disk/.[!.]* . 2>/dev/null; exit $code"
    );
    let Some(output) = run(folder.path(), &script) else { return };
    let error = fs::read_to_string(folder.path().join("errors")).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains(&format!("The recording has ended, because disk/{name} cannot be written (")),
        "{error}"
    );
    assert!(error.contains("free some space, or record to another disk."), "{error}");
    assert_eq!(names(folder.path()), ["disk", "errors", "film.avi", name]);
    let (recorded, _) = read_film(&folder.path().join(name));
    assert!(recorded.len() > 50 && recorded.len() < 700, "{} frames", recorded.len());
    assert!(recorded[..] == frames[..recorded.len()], "{name}");
    let counted = format!("{name}: {} frames", recorded.len());
    assert!(error.contains(&counted), "not {counted}: {error}");
    // A film without a movie atom would be read, too, but not by other programs.
    let bytes = fs::read(folder.path().join(name)).unwrap();
    let has = |part: &[u8]| memchr::memmem::find(&bytes, part).is_some();
    let end = match name.rsplit_once('.').unwrap().1 {
        "mov" => has(b"moov"),
        "avi" => has(b"idx1"),
        "mpjpeg" => bytes.ends_with(b"--\r\n"),
        _ => true,
    };
    assert!(end, "{name}");
}

const FORMATS: [&str; 4] = ["out.mov", "out.avi", "out.mpjpeg", "out.mjpeg"];

#[test]
fn full_disk_ends_a_recording_with_a_sentence_and_a_complete_film() {
    for name in FORMATS {
        check_full_disk(name, |folder, script| {
            // A disk of 400 KiB in a user namespace, if the system allows one.
            let script = format!("mount -t tmpfs -o size=400k none disk || exit 99\n{script}");
            run_script(folder, &["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"], &script)
        });
    }
}

#[test]
fn limit_of_the_file_size_ends_a_recording_as_a_full_disk_does() {
    for name in FORMATS {
        check_full_disk(name, |folder, script| {
            // 300 or 600 KiB, as the unit of the shell is. The copy is made by another program, and has no limit.
            let script =
                script.replace("\"$REELAY\" probe", "(trap '' XFSZ; ulimit -f 600; exec \"$REELAY\" probe");
            run_script(folder, &["sh", "-c"], &script.replace("2>errors", "2>errors)"))
        });
    }
}

/// A folder of JPEG files has no index, and needs no space for one.
#[test]
fn full_disk_ends_a_folder_of_frames_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let frames = write_film(&folder.path().join("film.avi"), 700, (240, 1));
    let (_server, url) = serve(folder.path(), "film.avi");
    let script = format!(
        "mount -t tmpfs -o size=400k none disk || exit 99\n\
         \"$REELAY\" convert {url} disk/out/ >/dev/null 2>errors; code=$?; cp -r disk/. copy; exit $code"
    );
    let prefix = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"];
    let Some(output) = run_script(folder.path(), &prefix, &script) else { return };
    let error = fs::read_to_string(folder.path().join("errors")).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("The recording has ended, because disk/out/ cannot be written ("), "{error}");
    assert_eq!(names(&folder.path().join("copy")), ["out"], "{error}");
    let (recorded, _) = read_film(&folder.path().join("copy/out"));
    assert!(recorded.len() > 50 && recorded[..] == frames[..recorded.len()], "{} frames", recorded.len());
}

/// Creates a named pipe, which blocks the writer until something reads it: a disk that does not respond.
fn blocked_file(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

fn recorder(path: &Path, waits_over_tcp: bool) -> Recorder {
    let options = RecordingOptions {
        path: path.to_owned(),
        place: RecordingPlace::Direct,
        format: RecordingFormat::Classroom,
        stated_rate: None,
        rate: None,
        max_length: None,
        waits_over_tcp,
    };
    Recorder::start(options).unwrap()
}

/// Returns true if the elements of `part` are in `all`, in their order.
fn is_part(part: &[Vec<u8>], all: &[Vec<u8>]) -> bool {
    let mut all = all.iter();
    part.iter().all(|element| all.any(|other| other == element))
}

/// Number of frames that wait for the disk.
const QUEUED: u64 = 2_048;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disk_that_does_not_write_delays_no_frame_of_the_session() {
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("film.avi");
    let frames = write_film(&film, 2_400, (480, 1));
    let server = Server::start(ServerOptions::default(), Observer::new(|_| {})).await.unwrap();
    let name = server.serve(MediaFile::open(&film, "film.avi", FrameRate::CLASSROOM).unwrap());
    let path = blocked_file(folder.path(), "out.mjpeg");
    let mut recorder = recorder(&path, false);
    let slot = RecorderSlot::default();
    slot.set(Some(recorder.queue()));
    let (event_sender, mut events) = mpsc::channel(64);
    let stream = StreamOptions { transport: TransportPreference::Tcp, ..StreamOptions::default() };
    let options = SessionOptions { stream, ..SessionOptions::default() };
    let sinks = FrameSinks { recorder: slot, ..FrameSinks::default() };
    let session = Session::start(server.url_of(&name), options, sinks, event_sender);
    session.send_command(SessionCommand::SetGoal(Goal::Playing));
    let ended = async { while events.recv().await.expect("no end") != SessionEvent::Ended {} };
    timeout(TEST_TIMEOUT, ended).await.unwrap();

    // The film has ended although nothing was written.
    let figures = session.figures().borrow().snapshot;
    assert_eq!((figures.packets_lost, figures.frames_incomplete), (0, 0));
    let left_out = recorder.recorded().left_out;
    assert!(left_out > 0);
    assert_eq!(figures.frames_complete, QUEUED + left_out);
    assert_eq!(recorder.recorded().frames, 0);

    let reading = tokio::task::spawn_blocking(move || fs::read(path).unwrap());
    recorder.stop();
    let result = timeout(TEST_TIMEOUT, recorder.finished()).await.unwrap();
    assert_eq!(
        (result.error.clone(), result.recorded.frames, result.recorded.left_out),
        (None, QUEUED, left_out)
    );
    let note = format!("{left_out} frames left out, because the disk was too slow; record to another disk.");
    assert_eq!(result.notes(), [note]);
    let written = folder.path().join("written.mjpeg");
    fs::write(&written, reading.await.unwrap()).unwrap();
    let recorded = tokio::task::spawn_blocking(move || read_film(&written).0).await.unwrap();
    assert_eq!(recorded.len() as u64, QUEUED);
    assert!(is_part(&recorded, &frames));
}

#[test]
fn second_ctrl_c_ends_a_recording_whose_disk_does_not_respond() {
    let folder = tempfile::tempdir().unwrap();
    write_film(&folder.path().join("film.avi"), 400, (20, 1));
    blocked_file(folder.path(), "out.mjpeg");
    let arguments = ["probe", "film.avi", "--record", "out.mjpeg", "--save-frames", "frames"];
    let mut probe = command(folder.path(), &arguments);
    let mut probe = RunningProgram(probe.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    wait_for_length(&folder.path().join("frames/000001.jpg"), 1);
    let (code, errors) = interrupt_until_end(&mut probe);
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains("The recording is not complete, because the disk has not responded"), "{errors}");
}

/// Sends Ctrl+C until a program ends. Returns its exit status and what it has printed on stderr.
fn interrupt_until_end(program: &mut RunningProgram) -> (Option<i32>, String) {
    let started = std::time::Instant::now();
    let status = loop {
        if let Some(status) = program.0.try_wait().unwrap() {
            break status;
        }
        assert!(started.elapsed() < TEST_TIMEOUT, "it does not end");
        // Signals that arrive before the first one is handled count once.
        signal(&program.0, "INT");
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    let mut errors = String::new();
    std::io::Read::read_to_string(&mut program.0.stderr.take().unwrap(), &mut errors).unwrap();
    (status.code(), errors)
}

#[test]
fn second_ctrl_c_of_a_conversion_names_the_part_that_stays() {
    let folder = tempfile::tempdir().unwrap();
    // Each frame is longer than what a pipe holds.
    let frames: Vec<_> =
        (0..30).map(|seed| test_jpeg(JpegKind::Standard420, (640, 480), seed, 255)).collect();
    assert!(frames[0].len() > 100_000, "{} bytes", frames[0].len());
    fs::write(folder.path().join("film.avi"), AviOptions::default().encode(&frames)).unwrap();
    let (_server, url) = serve(folder.path(), "film.avi");
    let part = blocked_file(folder.path(), ".out.mjpeg.part");
    let mut convert = command(folder.path(), &["convert", &url, "out.mjpeg"]);
    let mut convert = RunningProgram(convert.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    // The file is opened and written to. The pipe is full before the first frame is written.
    let mut read = fs::File::open(part).unwrap();
    std::io::Read::read_exact(&mut read, &mut [0; 1_000]).unwrap();
    let (code, errors) = interrupt_until_end(&mut convert);
    assert_eq!(code, Some(1), "{errors}");
    let advice = "the disk has not responded; open .out.mjpeg.part with Reelay, which finds its frames.";
    assert!(errors.contains(advice), "{errors}");
}
