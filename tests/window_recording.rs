//! Record and Snapshot in the window, and the backend that performs them.

mod common;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::app_harness::{AppHarness, DEFAULT_SIZE, MIN_SIZE, media_info};
use common::avi_files::AviOptions;
use common::jpegs::JpegKind;
use common::media_files::test_jpegs;
use iced::widget::Id;
use iced_test::selector;
use reelay::backend::{
    Backend, BackendEventKind, BackendOptions, BackendOutputs, Command, FrameRates, MediaSource,
    RecordingRequest, RecordingUpdate, SnapshotRequest,
};
use reelay::media::FrameRate;
use reelay::media_file::{MediaFile, MediaInfo};
use reelay::proto::rtsp::{Npt, RtspUrl};
use reelay::recording::{RecordingFormat, RecordingProgress, RecordingResult, SnapshotFormat, UserFolders};
use reelay::server_embed::{Observer, Server, ServerOptions};
use reelay::session::{
    Goal, RtspState, SessionCommand, SessionEvent, SourceUrl, StreamOptions, TransportPreference,
};
use reelay::settings::{Controls, Settings, ThemePreference};
use reelay::ui::{AppOptions, Message, Shortcut};

static SAMPLE: &[u8] = include_bytes!("../assets/sample.mjpeg");

fn sample() -> std::sync::Arc<MediaFile> {
    MediaFile::from_memory(SAMPLE, "sample", FrameRate::CLASSROOM).unwrap()
}

fn click(harness: &mut AppHarness, id: &'static str) {
    harness.interact(|ui| {
        ui.click(selector::id(Id::new(id))).unwrap();
    });
}

fn progress() -> RecordingProgress {
    RecordingProgress { frames: 240, length: Npt::from_micros(12_000_000), bytes: 3_421_000, left_out: 0 }
}

fn result(name: &str, error: Option<&str>) -> RecordingResult {
    RecordingResult {
        path: Path::new("/home/ann/Videos").join(name),
        recorded: progress(),
        error: error.map(str::to_owned),
        max_time_error: Npt::ZERO,
    }
}

fn emit(harness: &mut AppHarness, update: RecordingUpdate) {
    harness.emit_event(BackendEventKind::Recording(update));
}

/// Returns the window while it plays and records.
fn recording(controls: Controls, theme: ThemePreference) -> AppHarness {
    let mut harness = AppHarness::with_sample(controls, theme);
    harness.play();
    harness.send(Message::Shortcut(Shortcut::Record));
    assert!(matches!(harness.next_command(), Some(Command::StartRecording(_))));
    emit(&mut harness, RecordingUpdate::Progress(progress()));
    harness
}

#[test]
fn record_button_and_key_start_and_end_a_recording() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    click(&mut harness, "record");
    let Some(Command::StartRecording(request)) = harness.next_command() else {
        panic!("nothing is recorded")
    };
    assert_eq!((request.name.as_str(), request.format), ("sample.mjpeg", RecordingFormat::Mov));
    emit(&mut harness, RecordingUpdate::Progress(progress()));
    assert!(harness.shows("0:12, 3.42 MB"));
    harness.send(Message::Shortcut(Shortcut::Record));
    assert!(matches!(harness.next_command(), Some(Command::StopRecording)));
    // A second click waits for the film to be complete.
    assert!(harness.shows("Completing…"));
    click(&mut harness, "record");
    assert!(harness.next_command().is_none());
    emit(&mut harness, RecordingUpdate::Ended(result("sample.mov", None)));
    assert!(harness.shows("Recorded /home/ann/Videos/sample.mov: 240 frames, 12.000 s, 3.42 MB."));
    harness.click("Open file");
    let Some(Command::Open { source, goal, .. }) = harness.next_command() else { panic!("not opened") };
    assert_eq!(source, MediaSource::File(PathBuf::from("/home/ann/Videos/sample.mov")));
    assert_eq!(goal, Goal::Playing);
}

#[test]
fn recording_is_marked_in_fullscreen_while_controls_are_hidden() {
    let mut harness = recording(Controls::Three, ThemePreference::Dark);
    harness.send(Message::WindowOpened(iced::window::Id::unique()));
    harness.send(Message::Shortcut(Shortcut::Fullscreen));
    harness.send(Message::Tick(Instant::now() + Duration::from_secs(9)));
    assert!(!harness.shows("Pause") && harness.shows("0:12, 3.42 MB"));
    harness.assert_snapshot("recording-fullscreen", DEFAULT_SIZE);
    emit(&mut harness, RecordingUpdate::Ended(result("sample.mov", None)));
    assert!(!harness.shows("0:12, 3.42 MB"));
}

#[test]
fn nothing_can_be_recorded_or_saved_at_the_start_screen() {
    let mut harness = AppHarness::new(Controls::Three, ThemePreference::Dark);
    assert!(!harness.has_id_at(DEFAULT_SIZE, "record") && !harness.has_id_at(DEFAULT_SIZE, "snapshot"));
    harness.send(Message::Shortcut(Shortcut::Record));
    harness.send(Message::Shortcut(Shortcut::Snapshot));
    assert!(harness.next_command().is_none());
}

#[test]
fn snapshot_is_the_frame_on_the_screen() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Light);
    harness.play();
    click(&mut harness, "snapshot");
    let Some(Command::SaveSnapshot(request)) = harness.next_command() else { panic!("nothing is saved") };
    assert!(request.jpeg == sample().read_frame(73).unwrap());
    assert_eq!((request.name.as_str(), request.format), ("sample.mjpeg", SnapshotFormat::Jpeg));
    harness.emit_event(BackendEventKind::SnapshotSaved(Ok("/home/ann/Pictures/sample.jpg".into())));
    assert!(harness.shows("Saved as /home/ann/Pictures/sample.jpg.") && harness.shows("Show folder"));
    harness.assert_snapshot("snapshot-saved-light", DEFAULT_SIZE);
    harness.emit_event(BackendEventKind::SnapshotSaved(Err("The snapshot cannot be saved.".to_owned())));
    assert!(harness.shows("The snapshot cannot be saved.") && !harness.shows("Show folder"));
}

#[test]
fn classroom_format_says_that_times_are_lost_before_it_starts() {
    let settings = Settings { recording_format: RecordingFormat::Classroom, ..Settings::default() };
    let mut harness = AppHarness::with_settings(settings);
    harness.open_another_file();
    harness.send(Message::Shortcut(Shortcut::Record));
    assert!(
        harness.shows("The classroom format holds no times: the recording plays at 20 frames per second.")
    );
}

#[test]
fn streams_that_are_not_recorded_are_named() {
    let mut harness = AppHarness::with_settings(Settings::default());
    harness.app.open(MediaSource::File("/films/talk.avi".into()), false);
    let generation = std::iter::from_fn(|| harness.next_command()).find_map(|command| match command {
        Command::Open { generation, .. } => Some(generation),
        _ => None,
    });
    harness.expect_events_of(generation.unwrap(), Goal::Ready);
    let other_streams = vec!["PCM sound".to_owned(), "subtitles".to_owned()];
    harness.emit_event(BackendEventKind::Opened(MediaInfo { other_streams, ..media_info(200) }));
    harness.send(Message::Shortcut(Shortcut::Record));
    assert!(harness.shows("The recording does not contain PCM sound and subtitles."));
}

#[test]
fn recording_that_fails_says_what_is_left() {
    let mut harness = recording(Controls::Three, ThemePreference::Dark);
    let error = "The recording has ended, because the disk is full; free some space.";
    emit(&mut harness, RecordingUpdate::Ended(result("sample.mov", Some(error))));
    let recorded = "Recorded /home/ann/Videos/sample.mov: 240 frames, 12.000 s, 3.42 MB.";
    assert!(harness.shows(&format!("{error} {recorded}")) && harness.shows("Open file"));
    harness.send(Message::Shortcut(Shortcut::Record));
    assert!(matches!(harness.next_command(), Some(Command::StartRecording(_))), "it can begin again");
    let nothing = RecordingResult { recorded: RecordingProgress::default(), ..result("", Some("No frame.")) };
    emit(&mut harness, RecordingUpdate::Ended(nothing));
    assert!(harness.shows("No frame.") && !harness.shows("Open file"));
}

#[test]
fn notice_says_what_a_recording_lacks_and_why_it_has_ended() {
    let mut harness = recording(Controls::Three, ThemePreference::Dark);
    harness.emit_figures();
    emit(&mut harness, RecordingUpdate::Ended(result("sample.mov", None)));
    assert!(harness.shows(
        "Recorded /home/ann/Videos/sample.mov: 240 frames, 12.000 s, 3.42 MB. Not recorded: 198 incomplete \
         frames. It ended with the session."
    ));
    // Those before it do not count.
    harness.send(Message::Shortcut(Shortcut::Record));
    harness.send(Message::Shortcut(Shortcut::Record));
    emit(&mut harness, RecordingUpdate::Ended(result("sample.mov", None)));
    assert!(harness.shows("Recorded /home/ann/Videos/sample.mov: 240 frames, 12.000 s, 3.42 MB."));
}

#[test]
fn names_of_recordings_have_no_password() {
    let mut harness = AppHarness::with_http_camera(Controls::Three, ThemePreference::Dark);
    harness.send(Message::Shortcut(Shortcut::Record));
    harness.send(Message::Shortcut(Shortcut::Snapshot));
    let Some(Command::StartRecording(request)) = harness.next_command() else {
        panic!("nothing is recorded")
    };
    let Some(Command::SaveSnapshot(snapshot)) = harness.next_command() else { panic!("nothing is saved") };
    assert_eq!((request.name.as_str(), snapshot.name.as_str()), ("video.cgi", "video.cgi"));
}

#[test]
fn formats_are_preferences() {
    let mut harness = AppHarness::with_sample(Controls::Three, ThemePreference::Dark);
    harness.send(Message::Shortcut(Shortcut::Preferences));
    harness.click("Playing");
    harness.click("Classroom");
    assert!(
        harness.shows("The classroom format holds no times: the recording plays at 20 frames per second.")
    );
    harness.click("AVI");
    harness.click("PNG");
    harness.click("Apply");
    let settings = harness.app.settings();
    assert_eq!(
        (settings.recording_format, settings.snapshot_format),
        (RecordingFormat::Avi, SnapshotFormat::Png)
    );
}

#[test]
fn recordings_match_snapshots() {
    recording(Controls::Three, ThemePreference::Dark).assert_snapshot("recording-dark", DEFAULT_SIZE);
    recording(Controls::Three, ThemePreference::Light).assert_snapshot("recording-light", DEFAULT_SIZE);
    recording(Controls::Four, ThemePreference::Dark).assert_snapshot("recording-smallest", MIN_SIZE);
    let mut harness = recording(Controls::Three, ThemePreference::Dark);
    emit(&mut harness, RecordingUpdate::Ended(result("sample 2026-11-29 03.24.05.mov", None)));
    harness.assert_snapshot("recorded-dark", DEFAULT_SIZE);
}

#[test]
fn folders_of_the_options_are_used() {
    let folders = UserFolders { videos: "/films".into(), pictures: "/images".into() };
    let mut harness = AppHarness::with_options(AppOptions { folders, ..AppOptions::default() });
    harness.open_another_file();
    harness.show_frame(3);
    harness.send(Message::Shortcut(Shortcut::Record));
    harness.send(Message::Shortcut(Shortcut::Snapshot));
    let Some(Command::StartRecording(request)) = harness.next_command() else {
        panic!("nothing is recorded")
    };
    let Some(Command::SaveSnapshot(snapshot)) = harness.next_command() else { panic!("nothing is saved") };
    assert_eq!((request.folder, snapshot.folder), (PathBuf::from("/films"), PathBuf::from("/images")));
}

/// A backend that plays the sample film.
struct Playing {
    backend: Backend,
    outputs: BackendOutputs,
    runtime: tokio::runtime::Runtime,
}

impl Playing {
    fn start() -> Self {
        Self::with(Command::Open { generation: 1, source: MediaSource::Sample, goal: Goal::Ready })
    }

    /// Starts a backend that opens or connects to something, and waits until it is set up.
    fn with(command: Command) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let options = BackendOptions {
            frame_rates: FrameRates::new(FrameRate::CLASSROOM),
            playout_delay: Duration::ZERO,
        };
        let (backend, outputs) = Backend::start(options).unwrap();
        let mut playing = Self { backend, outputs, runtime };
        playing.send(command);
        playing.wait_for(|event| match event {
            BackendEventKind::Session(SessionEvent::Status(status)) => {
                (status.state == RtspState::Ready).then_some(())
            }
            _ => None,
        });
        playing
    }

    fn send(&self, command: Command) {
        self.backend.handle().send(command);
    }

    fn set_goal(&self, goal: Goal) {
        self.send(Command::Session { generation: 1, command: SessionCommand::SetGoal(goal) });
    }

    /// Waits for an event, for at most 60 seconds.
    fn wait_for<T>(&mut self, mut find: impl FnMut(BackendEventKind) -> Option<T>) -> T {
        let events = &mut self.outputs.events;
        let found = async {
            loop {
                let event = events.recv().await.expect("the backend has ended");
                if let Some(found) = find(event.kind) {
                    return found;
                }
            }
        };
        let waiting = async { tokio::time::timeout(Duration::from_secs(60), found).await };
        self.runtime.block_on(waiting).expect("no matching event within 60 seconds")
    }

    /// Records until this many frames are written.
    fn record(&mut self, folder: &Path, frames: u64) {
        self.send(Command::StartRecording(RecordingRequest {
            name: "sample.mjpeg".to_owned(),
            folder: folder.to_owned(),
            format: RecordingFormat::Mov,
            stated_rate: None,
        }));
        self.set_goal(Goal::Playing);
        self.wait_for_recorded(frames);
    }

    /// Waits until this many frames are written.
    fn wait_for_recorded(&mut self, frames: u64) {
        self.wait_for(|event| match event {
            BackendEventKind::Recording(RecordingUpdate::Progress(progress)) => {
                (progress.frames >= frames).then_some(())
            }
            _ => None,
        });
    }

    fn wait_for_end(&mut self) -> RecordingResult {
        self.wait_for(|event| match event {
            BackendEventKind::Recording(RecordingUpdate::Ended(result)) => Some(result),
            _ => None,
        })
    }
}

/// Checks that a complete recording has the frames of the sample film, in order from one of them on.
#[track_caller]
fn assert_is_sample(path: &Path) {
    let (film, sample) = (MediaFile::open(path, "film", FrameRate::CLASSROOM).unwrap(), sample());
    let count = film.info().frames();
    assert!(count > 0 && film.info().is_complete());
    let first = film.read_frame(0).unwrap();
    let start = (0..200).find(|frame| sample.read_frame(*frame).unwrap() == first).unwrap();
    for frame in 0..count {
        assert!(
            film.read_frame(frame).unwrap() == sample.read_frame(start + frame).unwrap(),
            "frame {frame}"
        );
        assert!(film.times().npt_of(frame).as_micros().abs_diff(frame * 50_000) <= 24, "frame {frame}");
    }
    let index = PathBuf::from(format!("{}.index", path.display()));
    assert!(!index.exists());
}

#[test]
fn stop_of_the_recording_leaves_a_complete_film_while_the_film_plays_on() {
    let (folder, mut playing) = (tempfile::tempdir().unwrap(), Playing::start());
    playing.record(folder.path(), 5);
    playing.send(Command::StopRecording);
    let result = playing.wait_for_end();
    assert_eq!(result.error, None);
    assert!(result.path.starts_with(folder.path()), "{}", result.path.display());
    assert_is_sample(&result.path);
    playing.backend.shutdown();
}

#[test]
fn stop_of_the_film_ends_the_recording_with_a_complete_film() {
    let (folder, mut playing) = (tempfile::tempdir().unwrap(), Playing::start());
    playing.record(folder.path(), 5);
    playing.set_goal(Goal::Stopped);
    assert_is_sample(&playing.wait_for_end().path);
    playing.backend.shutdown();
}

#[test]
fn end_of_the_film_ends_the_recording_with_a_complete_film() {
    let (folder, mut playing) = (tempfile::tempdir().unwrap(), Playing::start());
    playing.record(folder.path(), 5);
    let seek = SessionCommand::Seek(Npt::from_micros(9_000_000));
    playing.send(Command::Session { generation: 1, command: seek });
    let result = playing.wait_for_end();
    let recorded = MediaFile::open(&result.path, "recording", FrameRate::CLASSROOM).unwrap();
    let last = recorded.info().frames() - 1;
    assert_eq!(
        recorded.read_frame(last).unwrap(),
        sample().read_frame(199).unwrap(),
        "the last frame of the film"
    );
    playing.backend.shutdown();
}

#[test]
fn pause_is_not_in_the_recording() {
    let (folder, mut playing) = (tempfile::tempdir().unwrap(), Playing::start());
    playing.record(folder.path(), 5);
    playing.set_goal(Goal::Ready);
    playing.wait_for(|event| match event {
        BackendEventKind::Session(SessionEvent::Status(status)) => {
            (status.state == RtspState::Ready && !status.is_busy).then_some(())
        }
        _ => None,
    });
    std::thread::sleep(Duration::from_millis(700));
    playing.set_goal(Goal::Playing);
    playing.wait_for(|event| match event {
        BackendEventKind::Recording(RecordingUpdate::Progress(progress)) => {
            (progress.frames >= 15).then_some(())
        }
        _ => None,
    });
    playing.send(Command::StopRecording);
    assert_is_sample(&playing.wait_for_end().path);
    playing.backend.shutdown();
}

/// Set in the process that records with a limit of the file size.
const LIMITED_FOLDER: &str = "REELAY_TEST_LIMITED_FOLDER";

/// The limit belongs to a process, so this test runs itself in one of its own. 500 kB or 1 MB, as the unit of the shell
/// is.
#[test]
#[cfg(unix)]
fn full_disk_ends_the_recording_of_the_window_with_a_complete_film() {
    let name = "full_disk_ends_the_recording_of_the_window_with_a_complete_film";
    let Some(folder) = std::env::var_os(LIMITED_FOLDER) else {
        let folder = tempfile::tempdir().unwrap();
        let script = format!("trap '' XFSZ; ulimit -f 1000; exec \"$0\" --exact {name} --nocapture");
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &script]).arg(std::env::current_exe().unwrap()).env(LIMITED_FOLDER, folder.path());
        let output = shell.output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
        return;
    };
    let mut playing = Playing::start();
    playing.record(Path::new(&folder), 1);
    let result = playing.wait_for_end();
    let error = result.error.clone().expect("the disk is not full");
    assert!(error.contains("cannot be written (") && error.contains("free some space"), "{error}");
    assert_is_sample(&result.path);
    let film = MediaFile::open(&result.path, "film", FrameRate::CLASSROOM).unwrap();
    assert_eq!(film.info().frames(), result.recorded.frames);
    // The film goes on playing, and can be recorded again.
    playing.record(Path::new(&folder), 3);
    playing.send(Command::StopRecording);
    assert_eq!(playing.wait_for_end().error, None);
    playing.backend.shutdown();
}

/// Server of a film at 50 frames per second in a runtime of its own, which can be killed.
struct KillableServer {
    runtime: tokio::runtime::Runtime,
    server: Server,
    url: RtspUrl,
}

impl KillableServer {
    fn start(film: &Path, listen: SocketAddr) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let options = ServerOptions { listen, ..ServerOptions::default() };
        let (server, url) = runtime.block_on(async {
            let server = Server::start(options, Observer::new(|_| {})).await.unwrap();
            let name = server.serve(MediaFile::open(film, "film.avi", FrameRate::CLASSROOM).unwrap());
            let url = server.url_of(&name);
            (server, url)
        });
        Self { runtime, server, url }
    }

    /// Ends without a BYE, and returns the address.
    fn kill(self) -> SocketAddr {
        let address = self.server.address();
        self.runtime.shutdown_background();
        address
    }
}

#[test]
fn gap_of_a_lost_connection_stays_in_the_recording() {
    let folder = tempfile::tempdir().unwrap();
    let frames = test_jpegs(JpegKind::Standard420, (96, 64), 500);
    let film = folder.path().join("film.avi");
    fs::write(&film, AviOptions { rate: (50, 1), ..AviOptions::default() }.encode(&frames)).unwrap();
    let server = KillableServer::start(&film, ([127, 0, 0, 1], 0).into());
    let url = SourceUrl::from(server.url.clone());
    let options = StreamOptions { transport: TransportPreference::Tcp, ..StreamOptions::for_source(&url) };
    let mut playing = Playing::with(Command::Connect { generation: 1, url, options, goal: Goal::Ready });
    let recordings = folder.path().join("recordings");
    playing.record(&recordings, 20);
    let address = server.kill();
    playing.wait_for(|event| match event {
        BackendEventKind::Session(SessionEvent::Reconnecting(_)) => Some(()),
        _ => None,
    });
    let server = KillableServer::start(&film, address);
    playing.wait_for(|event| match event {
        BackendEventKind::Session(SessionEvent::Started(_)) => Some(()),
        _ => None,
    });
    playing.wait_for_recorded(60);
    playing.send(Command::StopRecording);
    let result = playing.wait_for_end();
    assert_eq!(result.error, None);
    let recorded = MediaFile::open(&result.path, "film", FrameRate::CLASSROOM).unwrap();
    let count = recorded.info().frames();
    let times: Vec<_> = (0..count).map(|frame| recorded.times().npt_of(frame).as_micros()).collect();
    let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).filter(|gap| *gap > 25_000).collect();
    assert!(gaps.len() == 1 && gaps[0] >= 1_000_000, "{gaps:?}");
    for number in 0..count {
        let frame = recorded.read_frame(number).unwrap().to_vec();
        assert!(frames.contains(&frame), "frame {number}");
    }
    playing.backend.shutdown();
    server.kill();
}

#[test]
fn closing_the_window_completes_the_recording() {
    let (folder, mut playing) = (tempfile::tempdir().unwrap(), Playing::start());
    playing.record(folder.path(), 5);
    playing.backend.shutdown();
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    assert_is_sample(&files[0]);
}

#[test]
fn backend_saves_snapshots_and_says_why_not() {
    let (folder, mut playing) = (tempfile::tempdir().unwrap(), Playing::start());
    let request = SnapshotRequest {
        jpeg: sample().read_frame(7).unwrap(),
        name: "sample.mjpeg".to_owned(),
        folder: folder.path().join("Pictures"),
        format: SnapshotFormat::Jpeg,
    };
    fs::write(folder.path().join("file"), b"").unwrap();
    let blocked = SnapshotRequest { folder: folder.path().join("file"), ..request.clone() };
    let saved = |event| match event {
        BackendEventKind::SnapshotSaved(saved) => Some(saved),
        _ => None,
    };
    playing.send(Command::SaveSnapshot(request.clone()));
    let path = playing.wait_for(saved).unwrap();
    assert!(fs::read(path).unwrap() == request.jpeg);
    playing.send(Command::SaveSnapshot(blocked));
    let sentence = playing.wait_for(saved).unwrap_err();
    assert!(sentence.starts_with("The snapshot cannot be saved in "), "{sentence}");
    playing.backend.shutdown();
}
