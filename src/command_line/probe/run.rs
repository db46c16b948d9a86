//! Run of `reelay probe`, from the target to the printed figures.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::files::{check_report, prepare_folder, write_report};
use super::watcher::Watcher;
use crate::backend::{self, ShutdownSignal};
use crate::command_line::arguments::ProbeArguments;
use crate::command_line::error::CommandError;
use crate::command_line::target::Target;
use crate::command_line::values::RecordFile;
use crate::command_line::{recording, stderr};
use crate::impairment::Emulator;
use crate::media::FrameRate;
use crate::media::container::FrameTimes;
use crate::media_file::{MediaFile, RecordingPlace};
use crate::net::deadline::wait_for_deadline;
use crate::recording::{Recorder, RecordingOptions};
use crate::server_embed::{Observer, RestartMarkers, Server, ServerEvent, ServerOptions};
use crate::session::{
    DEFAULT_PLAYOUT_DELAY, DEFAULT_SNAPSHOT_INTERVAL, Dialect, EmulatorOptions, EmulatorPlacement, Frame,
    FrameSinks, Goal, HttpOptions, Session, SessionCommand, SessionEvent, SessionOptions, SourceUrl,
    StreamOptions, TrustedCertificates,
};
use crate::stats::ReportSubject;

/// Maximum time that the end of the command waits for the response to TEARDOWN.
const TEARDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// Plays a film or stream and prints the figures.
///
/// # Errors
/// Returns a [`CommandError`] if the target cannot be played, the session fails, no complete frame arrives, or the
/// figures or a file cannot be written.
pub fn probe(arguments: &ProbeArguments) -> Result<(), CommandError> {
    let runtime = backend::runtime()
        .map_err(|error| CommandError::new(format!("The system cannot start threads: {error}.")))?;
    runtime.block_on(async {
        let emulator = Emulator::new(arguments.network.unwrap_or_default());
        let ResolvedTarget { url, server, times } = resolve_target(arguments, &emulator).await?;
        let placement =
            if server.is_some() { EmulatorPlacement::AtServer } else { EmulatorPlacement::AtClient };
        let result = play(arguments, url, times, EmulatorOptions { emulator, placement }).await;
        if let Some(server) = server {
            server.stop().await;
        }
        result
    })
}

/// Stream of the target, and the server that sends it if that is embedded.
struct ResolvedTarget {
    url: SourceUrl,
    /// Embedded server, if the target is a film.
    server: Option<Server>,
    /// Times of the film's frames; `None` for a stream.
    times: Option<FrameTimes>,
}

/// Opens the target, and starts the embedded server if it is a film.
async fn resolve_target(
    arguments: &ProbeArguments,
    emulator: &Emulator,
) -> Result<ResolvedTarget, CommandError> {
    match &arguments.target {
        Target::Stream(url) => Ok(ResolvedTarget { url: url.clone(), server: None, times: None }),
        Target::File(path) => {
            let film = MediaFile::open(path, &backend::file_name(path), arguments.rate)
                .map_err(|error| CommandError::new(error.to_string()))?;
            let options = ServerOptions {
                emulator: emulator.clone(),
                restart_markers: RestartMarkers::WhenEmulated,
                ..ServerOptions::default()
            };
            let server = Server::start(options, Observer::new(print_file_error)).await.map_err(|error| {
                CommandError::new(format!("The embedded server cannot listen on 127.0.0.1: {error}."))
            })?;
            let times = Some(film.times());
            let name = server.serve(film);
            Ok(ResolvedTarget { url: server.url_of(&name).into(), server: Some(server), times })
        }
    }
}

fn print_file_error(event: ServerEvent) {
    if let ServerEvent::MediaFileWarning { .. }
    | ServerEvent::MediaFileFailed { .. }
    | ServerEvent::FramesSkipped { .. } = event
    {
        stderr::print_line(event);
    }
}

async fn play(
    arguments: &ProbeArguments,
    url: SourceUrl,
    times: Option<FrameTimes>,
    emulation: EmulatorOptions,
) -> Result<(), CommandError> {
    if let Some(folder) = &arguments.save_frames {
        prepare_folder(folder)?;
    }
    if let Some(file) = &arguments.report {
        check_report(file)?;
    }
    let mut recorder =
        arguments.record.as_ref().map(|file| start_recording(file, times.as_ref())).transpose()?;
    let (frame_sender, frames) = mpsc::channel(64);
    let (event_sender, mut events) = mpsc::channel(64);
    let emulator = emulation.emulator.clone();
    // A classroom film always has an end, although its server announces none.
    let is_finite = emulation.placement == EmulatorPlacement::AtServer
        || arguments.target.dialect() == Dialect::Classroom;
    let options = SessionOptions {
        stream: stream_options(arguments),
        emulator: emulation,
        playout_delay: arguments.playout_delay.unwrap_or(DEFAULT_PLAYOUT_DELAY.into()),
        trusted: Arc::new(TrustedCertificates::anywhere(arguments.tls_fingerprint)),
        ..SessionOptions::default()
    };
    let subject = subject(arguments, &url, &options);
    let session = Session::start(url, options, FrameSinks::marked_tap(frame_sender), event_sender);
    session.send_command(SessionCommand::SetShowsDamaged(!arguments.drop_damaged));
    session.send_command(SessionCommand::SetGoal(Goal::Playing));

    let mut watcher = Watcher::new(arguments, is_finite, emulator, session.figures());
    watcher.set_film_times(times);
    let mut signal = ShutdownSignal::listen();
    watch(&session, &mut watcher, frames, &mut events, &mut recorder, &mut signal).await;
    let recorded = finish_recording(recorder, &mut signal).await;

    let figures = session.figures();
    tear_down(session, &mut events, &mut watcher).await;
    let snapshot = figures.borrow().snapshot;
    watcher.observe(&snapshot);
    let written =
        arguments.report.as_ref().map_or(Ok(()), |file| write_report(file, &watcher.report(subject)));
    // The figures are printed even if the report or the recording cannot be written.
    let mut results = [watcher.finish(snapshot), written, recorded].into_iter().filter_map(Result::err);
    let first = results.next();
    results.for_each(stderr::print_line);
    first.map_or(Ok(()), Err)
}

/// Ends the session with TEARDOWN. Events from now on do not count, except for mistakes of the server, but must not
/// block the session.
async fn tear_down(session: Session, events: &mut mpsc::Receiver<SessionEvent>, watcher: &mut Watcher<'_>) {
    let drained = async {
        while let Some(event) = events.recv().await {
            if let SessionEvent::PeerMistake(mistake) = event {
                watcher.handle_mistake(mistake);
            }
        }
    };
    // The session drops its sender of events when it has ended, so all of them are read.
    tokio::join!(session.finish(TEARDOWN_TIMEOUT), drained);
}

/// Starts the recording of the session. `times` are those of the film, if it is one on this machine.
fn start_recording(file: &RecordFile, times: Option<&FrameTimes>) -> Result<Recorder, CommandError> {
    recording::start(RecordingOptions {
        path: file.path.clone(),
        place: RecordingPlace::Direct,
        format: file.format,
        stated_rate: times.map(FrameTimes::rate),
        rate: None,
        max_length: None,
        waits_over_tcp: false,
    })
}

/// Completes the recording, and prints what it contains. An error that has ended it is reported by the watcher.
async fn finish_recording(
    recorder: Option<Recorder>,
    signal: &mut ShutdownSignal,
) -> Result<(), CommandError> {
    let Some(mut recorder) = recorder else { return Ok(()) };
    recording::report(recording::finish(&mut recorder, signal).await?, false)
}

/// Passes frames, events and figures to the watcher until it stops. Later frames are dropped.
async fn watch(
    session: &Session,
    watcher: &mut Watcher<'_>,
    mut frames: mpsc::Receiver<Frame>,
    events: &mut mpsc::Receiver<SessionEvent>,
    recorder: &mut Option<Recorder>,
    signal: &mut ShutdownSignal,
) {
    let mut figures = session.figures();
    while !watcher.has_stopped() {
        let stop_at = watcher.stop_deadline();
        tokio::select! {
            // Frames before events, so that frames that arrived before the end are counted.
            biased;
            Some(frame) = frames.recv() => {
                let is_saved = watcher.saves_frames() || recorder.is_some();
                let frame = if is_saved { frame.into_original() } else { frame };
                if let Some(recorder) = recorder {
                    recorder.queue().push(frame.clone());
                }
                watcher.handle_frame(&frame);
            }
            Some(event) = events.recv() => {
                record_event(recorder.as_ref(), &event);
                watcher.handle_event(event);
            }
            error = wait_for_recording_error(recorder) => watcher.handle_recording_error(error),
            Ok(()) = figures.changed() => {
                watcher.observe(&figures.borrow_and_update().snapshot);
                if let Some(recorder) = recorder {
                    watcher.handle_recorded(recorder.recorded());
                }
            }
            () = wait_for_deadline(stop_at) => watcher.stop(),
            () = signal.recv() => watcher.stop(),
        }
    }
}

/// Passes an event to the recording, and prints what it leaves out.
fn record_event(recorder: Option<&Recorder>, event: &SessionEvent) {
    match (recorder, event) {
        (Some(_), SessionEvent::Described(presentation)) => recording::print_left_out_streams(presentation),
        (Some(recorder), SessionEvent::Status(status)) => recorder.handle_status(status),
        _ => {}
    }
}

/// Waits until the recording ends by itself, which is an error, and prints what it contains. Never returns without one.
async fn wait_for_recording_error(recorder: &mut Option<Recorder>) -> CommandError {
    let Some(running) = recorder else { return std::future::pending().await };
    let result = running.finished().await;
    *recorder = None;
    match recording::report(result, false) {
        Err(error) => error,
        Ok(()) => CommandError::new("The recording has ended."),
    }
}

fn stream_options(arguments: &ProbeArguments) -> StreamOptions {
    let snapshot_interval = arguments.snapshot_rate.map_or(DEFAULT_SNAPSHOT_INTERVAL, FrameRate::interval);
    StreamOptions {
        transport: arguments.transport,
        rtp_port: arguments.rtp_port,
        retransmission: arguments.retransmission,
        fec: arguments.fec,
        http: HttpOptions { snapshot_interval, ..HttpOptions::default() },
        ..StreamOptions::default()
    }
}

fn subject(arguments: &ProbeArguments, url: &SourceUrl, options: &SessionOptions) -> ReportSubject {
    let (name, url) = match &arguments.target {
        Target::File(path) => (backend::file_name(path), None),
        Target::Stream(_) => (url.display_name(), Some(url.to_string())),
    };
    ReportSubject {
        name,
        url,
        dialect: arguments.target.dialect().as_str(),
        playout_delay_ms: u64::try_from(options.playout_delay.initial().as_millis()).unwrap_or(u64::MAX),
        network_place: options.emulator.placement.to_string(),
        ..ReportSubject::default()
    }
}
