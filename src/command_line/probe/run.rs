//! Run of `reelay probe`, from the target to the printed figures.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::files::{check_report, prepare_folder, write_report};
use super::watcher::Watcher;
use crate::backend::{self, ShutdownSignal};
use crate::command_line::arguments::ProbeArguments;
use crate::command_line::error::CommandError;
use crate::command_line::stderr;
use crate::command_line::target::Target;
use crate::impairment::Emulator;
use crate::media::container::FrameTimes;
use crate::media_file::MediaFile;
use crate::net::deadline::wait_for_deadline;
use crate::server_embed::{Observer, Server, ServerEvent, ServerOptions};
use crate::session::{
    Dialect, EmulatorOptions, EmulatorPlacement, Frame, FrameSinks, Goal, RtspOptions, Session,
    SessionCommand, SessionEvent, SessionOptions, SourceUrl, TrustedCertificates,
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

/// What is played.
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
            let options = ServerOptions { emulator: emulator.clone(), ..ServerOptions::default() };
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
    let (frame_sender, frames) = mpsc::channel(64);
    let (event_sender, mut events) = mpsc::channel(64);
    let emulator = emulation.emulator.clone();
    // A classroom film always has an end, although its server announces none.
    let is_finite = emulation.placement == EmulatorPlacement::AtServer
        || arguments.target.dialect() == Dialect::Classroom;
    let options = SessionOptions {
        rtsp: rtsp_options(arguments),
        emulator: emulation,
        trusted: Arc::new(TrustedCertificates {
            at_servers: Vec::new(),
            anywhere: arguments.tls_fingerprint,
        }),
        ..SessionOptions::default()
    };
    let subject = subject(arguments, &url, &options);
    let session = Session::start(url, options, FrameSinks::tap_only(frame_sender), event_sender);
    session.send_command(SessionCommand::SetGoal(Goal::Playing));

    let mut watcher = Watcher::new(arguments, is_finite, emulator, session.figures());
    watcher.set_film_times(times);
    watch(&session, &mut watcher, frames, &mut events).await;

    let figures = session.figures();
    // Events after the decision to stop do not count, except for mistakes of the server, but must not block the session.
    let drained = async {
        while let Some(event) = events.recv().await {
            if let SessionEvent::PeerMistake(mistake) = event {
                watcher.handle_mistake(mistake);
            }
        }
    };
    tokio::select! {
        () = session.finish(TEARDOWN_TIMEOUT) => {}
        () = drained => {}
    }
    let snapshot = figures.borrow().snapshot;
    watcher.observe(&snapshot);
    let written =
        arguments.report.as_ref().map_or(Ok(()), |file| write_report(file, &watcher.report(subject)));
    // The figures are printed even if the report cannot be written.
    match (watcher.finish(snapshot), written) {
        (Err(error), Err(report_error)) => {
            stderr::print_line(report_error);
            Err(error)
        }
        (finished, written) => finished.and(written),
    }
}

/// Passes frames, events and figures to the watcher until it stops. Later frames are dropped.
async fn watch(
    session: &Session,
    watcher: &mut Watcher<'_>,
    mut frames: mpsc::Receiver<Frame>,
    events: &mut mpsc::Receiver<SessionEvent>,
) {
    let mut figures = session.figures();
    let mut end_signal = ShutdownSignal::listen();
    while !watcher.has_stopped() {
        let stop_at = watcher.stop_deadline();
        tokio::select! {
            // Frames before events, so that frames that arrived before the end are counted.
            biased;
            Some(frame) = frames.recv() => watcher.handle_frame(&frame),
            Some(event) = events.recv() => watcher.handle_event(event),
            Ok(()) = figures.changed() => watcher.observe(&figures.borrow_and_update().snapshot),
            () = wait_for_deadline(stop_at) => watcher.stop(),
            () = end_signal.recv() => watcher.stop(),
        }
    }
}

fn rtsp_options(arguments: &ProbeArguments) -> RtspOptions {
    let options = RtspOptions {
        transport: arguments.transport,
        rtp_port: arguments.rtp_port,
        ..RtspOptions::default()
    };
    match arguments.snapshot_rate {
        Some(rate) => RtspOptions { snapshot_interval: rate.interval(), ..options },
        None => options,
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
        playout_delay_ms: u64::try_from(options.playout_delay.as_millis()).unwrap_or(u64::MAX),
        network_place: options.emulator.placement.to_string(),
        ..ReportSubject::default()
    }
}
