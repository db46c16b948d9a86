//! Behaviour of [`Playback`] as a unit: commands to the backend, events from it, and the state in between.

use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;

use super::{Button, Notice, Playback};
use crate::backend::{BackendEvent, BackendEventKind, BackendHandle, Command, MediaSource, SAMPLE_NAME};
use crate::media::FrameRate;
use crate::media::container::{ContainerFormat, FrameTimes};
use crate::media::jpeg::Dimensions;
use crate::media_file::{IndexProgress, MediaInfo};
use crate::proto::rtsp::{LowerTransport, Npt, Response, RtspUrl, StatusCode as RtspStatus};
use crate::session::{
    Goal, NoDataCause, Presentation, RtspState, SessionCommand, SessionError, SessionEvent, SessionStatus,
    SourceUrl, StreamOptions,
};
use crate::settings::Controls;

fn media_info() -> MediaInfo {
    MediaInfo {
        id: 1,
        name: "movie.Mjpeg".to_owned(),
        format: ContainerFormat::Classroom,
        dimensions: Dimensions { width: 384, height: 288 },
        undecodable_kind: None,
        times: FrameTimes::Assumed(FrameRate::CLASSROOM),
        other_streams: Vec::new(),
        progress: IndexProgress {
            frames: 500,
            defects: Some(Default::default()),
            ..IndexProgress::default()
        },
    }
}

fn opened(goal: Goal) -> (Playback, UnboundedReceiver<Command>) {
    let (backend, mut commands) = BackendHandle::detached();
    let mut playback = Playback::new(backend);
    playback.open(MediaSource::Sample, goal);
    assert!(matches!(commands.try_recv(), Ok(Command::Open { generation: 1, .. })));
    playback.handle_event(BackendEvent { generation: 1, kind: BackendEventKind::Opened(media_info()) });
    (playback, commands)
}

fn set_status(playback: &mut Playback, state: RtspState, goal: Goal, is_busy: bool) {
    let status =
        SessionStatus { state, goal, in_flight: None, is_busy, goal_revision: playback.goal_revision };
    let kind = BackendEventKind::Session(SessionEvent::Status(status));
    playback.handle_event(BackendEvent { generation: playback.generation, kind });
}

#[test]
fn file_that_opens_slowly_is_named() {
    let (backend, _commands) = BackendHandle::detached();
    let mut playback = Playback::new(backend);
    playback.open(MediaSource::Sample, Goal::Ready);
    let now = Instant::now();
    assert_eq!(playback.slow_opening(now - Duration::from_secs(1)), None);
    let later = now + Duration::from_millis(500);
    assert_eq!(playback.slow_opening(later).as_deref(), Some(SAMPLE_NAME));
    playback.handle_event(BackendEvent { generation: 1, kind: BackendEventKind::Opened(media_info()) });
    assert_eq!(playback.slow_opening(later), None);
}

#[test]
fn three_buttons_follow_goal_immediately() {
    let (mut playback, mut commands) = opened(Goal::Ready);
    let enabled = |playback: &Playback| {
        [Button::Play, Button::Pause, Button::Stop].map(|button| playback.is_enabled(button, Controls::Three))
    };
    assert_eq!(enabled(&playback), [true, false, true]);
    playback.press(Button::Play, Controls::Three);
    assert_eq!(enabled(&playback), [false, true, true]);
    playback.press(Button::Play, Controls::Three);
    playback.press(Button::Stop, Controls::Three);
    assert_eq!(enabled(&playback), [true, false, false]);
    assert!(matches!(
        commands.try_recv(),
        Ok(Command::Session { command: SessionCommand::SetGoal(Goal::Playing), .. })
    ));
    assert!(matches!(
        commands.try_recv(),
        Ok(Command::Session { command: SessionCommand::SetGoal(Goal::Stopped), .. })
    ));
    assert!(commands.try_recv().is_err(), "a disabled button sends nothing");
}

#[test]
fn stale_status_does_not_override_newer_goal() {
    let (mut playback, _commands) = opened(Goal::Ready);
    set_status(&mut playback, RtspState::Ready, Goal::Ready, false);
    let old = SessionStatus {
        state: RtspState::Ready,
        goal: Goal::Ready,
        in_flight: None,
        is_busy: false,
        goal_revision: 1,
    };
    playback.press(Button::Play, Controls::Three);
    playback.handle_event(BackendEvent {
        generation: 1,
        kind: BackendEventKind::Session(SessionEvent::Status(old)),
    });
    assert_eq!(playback.goal(), Goal::Playing);
    assert!(playback.is_busy());
    set_status(&mut playback, RtspState::Ready, Goal::Ready, false);
    assert_eq!(playback.goal(), Goal::Ready, "the status of the newest goal is taken over");
}

#[test]
fn four_buttons_follow_rtsp_state() {
    let (mut playback, _commands) = opened(Goal::Stopped);
    let enabled = |playback: &Playback| {
        [Button::Setup, Button::Play, Button::Pause, Button::Teardown]
            .map(|button| playback.is_enabled(button, Controls::Four))
    };
    assert_eq!(enabled(&playback), [true, false, false, false]);
    playback.press(Button::Setup, Controls::Four);
    assert_eq!(enabled(&playback), [false; 4], "no button is enabled while a request is in flight");
    set_status(&mut playback, RtspState::Init, Goal::Ready, true);
    assert_eq!(enabled(&playback), [false; 4]);
    set_status(&mut playback, RtspState::Ready, Goal::Ready, false);
    assert_eq!(enabled(&playback), [false, true, false, true]);
    set_status(&mut playback, RtspState::Playing, Goal::Playing, false);
    assert_eq!(enabled(&playback), [false, false, true, true]);
}

#[test]
fn failed_open_keeps_current_playback() {
    let (mut playback, _commands) = opened(Goal::Playing);
    playback.open(MediaSource::File("other.mjpeg".into()), Goal::Ready);
    let failed = BackendEventKind::OpenFailed("other.mjpeg is empty; choose another file.".to_owned());
    playback.handle_event(BackendEvent { generation: 2, kind: failed });
    assert_eq!((playback.name().as_deref(), playback.goal()), (Some(SAMPLE_NAME), Goal::Playing));
    assert!(playback.notice().is_some_and(|notice| notice.text().contains("is empty")));
}

#[test]
fn events_of_older_generation_are_ignored() {
    let (mut playback, _commands) = opened(Goal::Playing);
    playback.open(MediaSource::Sample, Goal::Ready);
    playback.handle_event(BackendEvent { generation: 2, kind: BackendEventKind::Opened(media_info()) });
    playback
        .handle_event(BackendEvent { generation: 1, kind: BackendEventKind::Session(SessionEvent::Ended) });
    assert!(!playback.has_ended());
}

#[test]
fn no_data_notice_clears_when_data_resumes() {
    let (mut playback, _commands) = opened(Goal::Playing);
    let send_event = |playback: &mut Playback, event| {
        playback.handle_event(BackendEvent { generation: 1, kind: BackendEventKind::Session(event) })
    };
    send_event(&mut playback, SessionEvent::Waiting(true));
    send_event(&mut playback, SessionEvent::Failed(SessionError::NoData(NoDataCause::NetworkOrServer)));
    assert!(playback.is_waiting() && playback.notice().is_some());
    send_event(&mut playback, SessionEvent::Waiting(false));
    assert!(!playback.is_waiting() && playback.notice().is_none());
}

#[test]
fn position_at_end_equals_duration() {
    let (mut playback, _commands) = opened(Goal::Playing);
    playback.set_picture_position(Some(Npt::from_micros(24_950_000)));
    playback
        .handle_event(BackendEvent { generation: 1, kind: BackendEventKind::Session(SessionEvent::Ended) });
    let position = playback.position();
    assert_eq!((position.elapsed, position.frame_number), (position.duration, Some(500)));
    assert_eq!(position.shown, position.duration);
    playback.set_picture_position(Some(Npt::from_micros(2_000_000)));
    assert_eq!(playback.position().frame_number, Some(41), "a file that ended early stays at its last frame");
    let end = Npt::from_micros(25_000_000);
    let reached = BackendEventKind::Session(SessionEvent::EndReached(end));
    playback.handle_event(BackendEvent { generation: 1, kind: reached });
    let position = playback.position();
    assert_eq!((position.elapsed, position.frame_number), (Some(end), Some(41)));
    assert_eq!(position.shown, Some(Npt::from_micros(2_000_000)), "the label is that of the screen");
}

#[test]
fn reopening_at_new_frame_rate_resumes_at_same_frame() {
    for (goal, state) in [(Goal::Playing, RtspState::Playing), (Goal::Ready, RtspState::Ready)] {
        let (mut playback, mut commands) = opened(goal);
        set_status(&mut playback, state, goal, false);
        playback.set_picture_position(Some(Npt::from_micros(5_000_000)));
        playback.reopen();
        assert!(matches!(commands.try_recv(), Ok(Command::Open { generation: 2, goal: Goal::Ready, .. })));
        let mut faster = media_info();
        faster.times = FrameTimes::Assumed(FrameRate::per_second(40));
        let known = faster.progress;
        faster.progress = IndexProgress { frames: 100, ..IndexProgress::default() };
        playback.handle_event(BackendEvent { generation: 2, kind: BackendEventKind::Opened(faster) });
        set_status(&mut playback, RtspState::Ready, Goal::Ready, false);
        assert!(commands.try_recv().is_err(), "frame 100 is not indexed yet");
        playback.handle_event(BackendEvent { generation: 2, kind: BackendEventKind::IndexProgress(known) });
        let Ok(Command::Session { generation: 2, command: SessionCommand::Seek(position) }) =
            commands.try_recv()
        else {
            panic!("{goal:?}")
        };
        assert_eq!(position.as_micros(), 2_500_000, "frame 100 at 40 frames/s");
        assert!(matches!(commands.try_recv(), Ok(Command::Preview(100))));
        let plays = matches!(
            commands.try_recv(),
            Ok(Command::Session { generation: 2, command: SessionCommand::SetGoal(Goal::Playing) })
        );
        assert_eq!(plays, goal == Goal::Playing);
    }
}

#[test]
fn failed_stream_restores_previous_file_and_position() {
    let url = || SourceUrl::from(RtspUrl::parse("rtsp://h/x").unwrap());
    let options = StreamOptions::for_source(&url());
    let (mut playback, mut commands) = opened(Goal::Playing);
    set_status(&mut playback, RtspState::Playing, Goal::Playing, false);
    playback.set_picture_position(Some(Npt::from_micros(5_000_000)));
    playback.connect(url(), options, Goal::Playing);
    // The file stays the one to go back to after a second connect.
    playback.connect(url(), options, Goal::Playing);
    while commands.try_recv().is_ok() {}
    let failure = SessionError::Unauthorized { was_refused: true };
    let fail = |playback: &mut Playback, failure| {
        let kind = BackendEventKind::Session(SessionEvent::Failed(failure));
        playback.handle_event(BackendEvent { generation: playback.generation, kind });
    };
    fail(&mut playback, failure);
    assert!(commands.try_recv().is_err(), "the user can still sign in");
    let unreachable = SessionError::Unreachable { server: "h".to_owned(), reason: "gone".to_owned() };
    let expected_notice = Some(Notice::Error(unreachable.to_string()));
    fail(&mut playback, unreachable);
    let command = commands.try_recv();
    assert!(matches!(command, Ok(Command::Open { generation: 4, goal: Goal::Ready, .. })), "{command:?}");
    assert_eq!(playback.notice(), expected_notice.as_ref());
    playback.handle_event(BackendEvent { generation: 4, kind: BackendEventKind::Opened(media_info()) });
    set_status(&mut playback, RtspState::Ready, Goal::Ready, false);
    assert_eq!(playback.notice(), expected_notice.as_ref());
    let Ok(Command::Session { generation: 4, command: SessionCommand::Seek(position) }) = commands.try_recv()
    else {
        panic!()
    };
    assert_eq!(position.as_micros(), 5_000_000);
    assert!(matches!(commands.try_recv(), Ok(Command::Preview(100))));
    assert!(commands.try_recv().is_err(), "the file stays paused");

    let (mut playback, mut commands) = opened(Goal::Ready);
    playback.connect(url(), options, Goal::Ready);
    let kind = BackendEventKind::Session(SessionEvent::SetUp(LowerTransport::Udp));
    playback.handle_event(BackendEvent { generation: playback.generation, kind });
    while commands.try_recv().is_ok() {}
    fail(&mut playback, SessionError::ConnectionLost { server: "h".to_owned() });
    assert!(commands.try_recv().is_err(), "after SETUP the stream has replaced the file");
}

#[test]
fn unplayed_media_are_announced_once() {
    let (mut playback, _commands) = opened(Goal::Playing);
    let send_event = |playback: &mut Playback, event| {
        playback.handle_event(BackendEvent { generation: 1, kind: BackendEventKind::Session(event) })
    };
    let sdp = "v=0\nm=audio 0 RTP/AVP 0\nm=video 0 RTP/AVP 26\n";
    let response = Response::new(RtspStatus::OK).with_body("application/sdp", sdp);
    let with_audio = Presentation::parse(&response, &RtspUrl::parse("rtsp://h/x").unwrap()).unwrap();
    send_event(&mut playback, SessionEvent::Described(with_audio.clone()));
    let note = with_audio.other_streams_note().expect("the stream has audio");
    assert_eq!(playback.notice(), Some(&Notice::Info(note)));
    playback.dismiss_notice();
    send_event(&mut playback, SessionEvent::Described(with_audio));
    assert_eq!(playback.notice(), None);
}

#[test]
fn frame_numbers_start_at_one() {
    let (mut playback, _commands) = opened(Goal::Ready);
    playback.set_picture_position(Some(Npt::from_micros(3_150_000)));
    let position = playback.position();
    assert_eq!((position.frame_number, position.frame_count), (Some(64), Some(500)));
    assert_eq!(position.duration, Some(Npt::from_micros(25_000_000)));
    assert!(!position.can_seek && !position.is_growing);
}
