//! `reelay probe`: plays without a window, and measures.

use std::fs;
use std::io::{self, IsTerminal, Write as _};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use tokio::sync::{mpsc, watch};

use super::arguments::{ProbeArguments, ReportFile, ReportFormat, Target};
use super::error::CommandError;
use super::stderr;
use crate::backend::{self, ShutdownSignal};
use crate::impairment::{Emulator, EmulatorStats};
use crate::media::jpeg::{Dimensions, JpegHeader};
use crate::media_file::MediaFile;
use crate::net::deadline::wait_for_deadline;
use crate::proto::rtsp::LowerTransport;
use crate::server_embed::{Observer, Server, ServerEvent, ServerOptions};
use crate::session::{
    Dialect, EmulatorOptions, EmulatorPlacement, Frame, FrameSinks, Goal, RtspOptions, Session,
    SessionCommand, SessionError, SessionEvent, SessionOptions, SourceUrl,
};
use crate::stats::{Figures, ReportSubject, SessionHistory, SessionReport, Snapshot};

/// How long a stream without an end is played.
const DEFAULT_LIVE_DURATION: Duration = Duration::from_secs(10);

/// How long TEARDOWN may take.
const TEARDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// Plays to the end and prints what was measured.
///
/// # Errors
/// When nothing could be played, or not one whole frame came.
pub fn probe(arguments: &ProbeArguments) -> Result<(), CommandError> {
    let runtime = backend::runtime()
        .map_err(|error| CommandError::new(format!("The system has no threads to give: {error}.")))?;
    runtime.block_on(async {
        let emulator = Emulator::new(arguments.network.unwrap_or_default());
        let (url, server) = resolve_target(arguments, &emulator).await?;
        let place = if server.is_some() { EmulatorPlacement::AtServer } else { EmulatorPlacement::AtClient };
        let result = play(arguments, url, EmulatorOptions { emulator, placement: place }).await;
        if let Some(server) = server {
            server.stop().await;
        }
        result
    })
}

/// The URL to play, and the embedded server if the target is a file.
async fn resolve_target(
    arguments: &ProbeArguments,
    emulator: &Emulator,
) -> Result<(SourceUrl, Option<Server>), CommandError> {
    match &arguments.target {
        Target::Stream(url) => Ok((url.clone(), None)),
        Target::File(path) => {
            let film = MediaFile::open(path, &backend::file_name(path), arguments.rate)
                .map_err(|error| CommandError::new(error.to_string()))?;
            let options = ServerOptions { emulator: emulator.clone(), ..ServerOptions::default() };
            let server = Server::start(options, Observer::new(print_file_error)).await.map_err(|error| {
                CommandError::new(format!("The embedded server cannot listen on 127.0.0.1: {error}."))
            })?;
            let name = server.serve(film);
            Ok((server.url_of(&name).into(), Some(server)))
        }
    }
}

fn print_file_error(event: ServerEvent) {
    if let ServerEvent::MediaFileWarning { .. } | ServerEvent::MediaFileFailed { .. } = event {
        stderr::print_line(event);
    }
}

async fn play(
    arguments: &ProbeArguments,
    url: SourceUrl,
    emulation: EmulatorOptions,
) -> Result<(), CommandError> {
    let is_file = emulation.placement == EmulatorPlacement::AtServer;
    if let Some(folder) = &arguments.save_frames {
        create_folder(folder)?;
    }
    let (frame_sender, mut frames) = mpsc::channel(64);
    let (event_sender, mut events) = mpsc::channel(64);
    let emulator = emulation.emulator.clone();
    let options =
        SessionOptions { rtsp: rtsp_options(arguments), emulator: emulation, ..SessionOptions::default() };
    let subject = subject(arguments, &url, &options);
    let session = Session::start(url, options, FrameSinks::tap_only(frame_sender), event_sender);
    session.send_command(SessionCommand::SetGoal(Goal::Playing));

    let mut figures = session.figures();
    // A classroom server's film has an end, although nobody says where.
    let certainly_ends = is_file || dialect(arguments) == Dialect::Classroom;
    let mut watcher = Watcher::new(arguments, certainly_ends, emulator, figures.clone());
    let mut end_signal = ShutdownSignal::listen();
    while watcher.outcome.is_none() {
        let stop_at = watcher.stop_deadline();
        tokio::select! {
            // Frames before events: what arrived before the end counts.
            biased;
            Some(frame) = frames.recv() => watcher.handle_frame(&frame)?,
            Some(event) = events.recv() => watcher.handle_event(event),
            Ok(()) = figures.changed() => watcher.observe(&figures.borrow_and_update().snapshot),
            () = wait_for_deadline(stop_at) => watcher.stop(),
            () = end_signal.recv() => watcher.stop(),
        }
    }
    // What comes after the decision to stop is not looked at, but must not block the session.
    frames.close();
    let drained = async { while events.recv().await.is_some() {} };
    tokio::select! {
        () = session.finish(TEARDOWN_TIMEOUT) => {}
        () = drained => {}
    }
    let snapshot = figures.borrow().snapshot;
    watcher.observe(&snapshot);
    if let Some(file) = &arguments.report {
        write_report(file, &watcher.record.report(watcher.complete_subject(subject)))?;
    }
    watcher.finish(snapshot)
}

fn rtsp_options(arguments: &ProbeArguments) -> RtspOptions {
    RtspOptions { transport: arguments.transport, rtp_port: arguments.rtp_port, ..RtspOptions::default() }
}

fn create_folder(folder: &Path) -> Result<(), CommandError> {
    fs::create_dir_all(folder).map_err(|error| {
        CommandError::new(format!("{} cannot be made ({error}); choose another folder.", folder.display()))
    })
}

fn subject(arguments: &ProbeArguments, url: &SourceUrl, options: &SessionOptions) -> ReportSubject {
    let (name, url) = match &arguments.target {
        Target::File(path) => (backend::file_name(path), None),
        Target::Stream(_) => (url.display_name(), Some(url.to_string())),
    };
    ReportSubject {
        name,
        url,
        dialect: dialect(arguments).as_str(),
        playout_delay_ms: u64::try_from(options.playout_delay.as_millis()).unwrap_or(u64::MAX),
        network_place: options.emulator.placement.to_string(),
        ..ReportSubject::default()
    }
}

fn write_report(file: &ReportFile, report: &SessionReport) -> Result<(), CommandError> {
    let bytes = match file.format {
        ReportFormat::Csv => report.to_csv().map_err(io::Error::from),
        ReportFormat::Json => report.to_json().map_err(io::Error::from),
    };
    bytes.and_then(|bytes| fs::write(&file.path, bytes)).map_err(|error| {
        CommandError::new(format!(
            "{} cannot be written ({error}); choose another file.",
            file.path.display()
        ))
    })
}

fn dialect(arguments: &ProbeArguments) -> Dialect {
    match &arguments.target {
        Target::Stream(url) => url.dialect(),
        Target::File(_) => Dialect::Standard,
    }
}

/// Why it is over.
enum ProbeOutcome {
    Ended,
    Failed(SessionError),
}

/// Follows a session and remembers what is to be reported.
struct Watcher<'a> {
    arguments: &'a ProbeArguments,
    /// The target has an end, whatever is said of it.
    is_finite: bool,
    has_end: bool,
    emulator: Emulator,
    figures: watch::Receiver<Figures>,
    record: SessionHistory,
    first_arrival: Option<Instant>,
    last_arrival: Option<Instant>,
    stopped_at: Option<Instant>,
    frames: u64,
    dimensions: Option<Dimensions>,
    transport: Option<LowerTransport>,
    server: Option<String>,
    /// What the stream holds besides, and is not played.
    other_streams: Vec<String>,
    progress: ProgressLine,
    outcome: Option<ProbeOutcome>,
}

impl<'a> Watcher<'a> {
    fn new(
        arguments: &'a ProbeArguments,
        is_finite: bool,
        emulator: Emulator,
        figures: watch::Receiver<Figures>,
    ) -> Self {
        Self {
            arguments,
            is_finite,
            has_end: is_finite,
            emulator,
            figures,
            record: SessionHistory::new(SystemTime::now()),
            first_arrival: None,
            last_arrival: None,
            stopped_at: None,
            frames: 0,
            dimensions: None,
            transport: None,
            server: None,
            other_streams: Vec::new(),
            progress: ProgressLine::default(),
            outcome: None,
        }
    }

    fn stop_deadline(&self) -> Option<Instant> {
        self.first_arrival
            .zip(play_duration(self.arguments, self.has_end))
            .map(|(first, length)| first + length)
    }

    fn stop(&mut self) {
        self.stopped_at = Some(Instant::now());
        self.outcome = Some(ProbeOutcome::Ended);
    }

    fn handle_event(&mut self, event: SessionEvent) {
        match event {
            SessionEvent::Described(presentation) => {
                self.has_end = self.is_finite || presentation.range.is_some_and(|range| range.end.is_some());
                self.server = presentation.server;
                self.other_streams = presentation.other_streams;
            }
            SessionEvent::SetUp(lower) => {
                self.transport = Some(lower);
                self.record = SessionHistory::new(SystemTime::now());
            }
            SessionEvent::Failed(failure) => {
                self.stop();
                self.outcome = Some(ProbeOutcome::Failed(failure));
            }
            SessionEvent::Ended | SessionEvent::Closed => {
                self.stop();
                // The silence by which the end of a classroom film is known is no part of it.
                if dialect(self.arguments) == Dialect::Classroom {
                    self.stopped_at = self.last_arrival.or(self.stopped_at);
                }
            }
            SessionEvent::Reconnecting(interruption) => stderr::print_line(interruption),
            SessionEvent::Status(_)
            | SessionEvent::Message(_)
            | SessionEvent::Started(_)
            | SessionEvent::Waiting(_)
            | SessionEvent::EndReached(_) => {}
        }
    }

    fn observe(&mut self, snapshot: &Snapshot) {
        self.record.update(snapshot, &self.emulator.settings());
    }

    fn complete_subject(&self, subject: ReportSubject) -> ReportSubject {
        ReportSubject {
            server: self.server.clone(),
            transport: self.transport.map(LowerTransport::name),
            ..subject
        }
    }

    fn handle_frame(&mut self, frame: &Frame) -> Result<(), CommandError> {
        self.frames += 1;
        self.first_arrival.get_or_insert(frame.arrival);
        self.last_arrival = Some(frame.arrival);
        if self.dimensions.is_none() {
            self.dimensions =
                JpegHeader::parse(&frame.jpeg).ok().map(|header| header.frame_header().dimensions);
        }
        if let Some(folder) = &self.arguments.save_frames {
            save_frame(folder, self.frames, &frame.jpeg)?;
        }
        self.progress.update(self.frames, self.first_arrival, &self.figures);
        if self.arguments.frames == Some(self.frames) {
            self.stop();
        }
        Ok(())
    }

    fn finish(self, snapshot: Snapshot) -> Result<(), CommandError> {
        self.progress.clear();
        let findings = self.summary(&snapshot);
        if let (Some(ProbeOutcome::Failed(failure)), 0, false) =
            (&self.outcome, self.frames, self.arguments.json)
        {
            return Err(self.playback_error(failure));
        }
        let printed = if self.arguments.json { findings.print_json() } else { findings.print_text() };
        printed.map_err(|error| CommandError::new(format!("The figures cannot be printed: {error}.")))?;
        match self.outcome {
            Some(ProbeOutcome::Failed(ref failure)) => Err(self.playback_error(failure)),
            _ if self.frames == 0 => Err(self.no_frames_error()),
            _ => Ok(()),
        }
    }

    /// Who asked for a bad network need look no further.
    fn playback_error(&self, failure: &SessionError) -> CommandError {
        match failure {
            SessionError::NoData { is_udp: by_udp, .. } if self.is_emulated() => {
                let failure = SessionError::NoData { is_udp: *by_udp, is_emulated: true };
                CommandError::new(failure.to_string())
            }
            _ => CommandError::new(failure.to_string()),
        }
    }

    fn no_frames_error(&self) -> CommandError {
        CommandError::new(match self.is_emulated() {
            true => {
                "Not one whole frame has arrived through the emulated network; lower its loss or raise its throughput."
            }
            false => "Not one whole frame has arrived; check the stream with another player.",
        })
    }

    fn is_emulated(&self) -> bool {
        self.arguments.network.is_some_and(|network| network.is_on)
    }

    /// What the emulated network has done, if one was asked for. One that got nothing to do has done nothing.
    fn emulated(&self, snapshot: &Snapshot) -> Option<EmulatorStats> {
        let conditions = self.arguments.network?;
        Some(snapshot.emulated.unwrap_or(EmulatorStats { seed: conditions.seed, ..EmulatorStats::default() }))
    }

    fn summary(&self, snapshot: &Snapshot) -> ProbeSummary {
        let duration = self
            .first_arrival
            .zip(self.stopped_at)
            .map(|(first, stopped)| stopped.saturating_duration_since(first));
        let duration = duration.filter(|duration| !duration.is_zero());
        let spacing = self
            .first_arrival
            .zip(self.last_arrival)
            .map(|(first, last)| last.saturating_duration_since(first));
        ProbeSummary {
            frames_complete: self.frames,
            frames_incomplete: snapshot.frames_incomplete,
            headers_reduced: snapshot.headers_reduced,
            packets_received: snapshot.packets_received,
            packets_expected: snapshot.packets_expected,
            packets_lost: snapshot.packets_lost,
            packets_duplicated: snapshot.packets_duplicated,
            packets_reordered: snapshot.packets_reordered,
            packets_late: snapshot.packets_late,
            loss_ratio: snapshot.loss_ratio,
            jitter_ms: snapshot.jitter_ms,
            bitrate_bps: duration
                .map(|duration| snapshot.payload_octets as f64 * 8.0 / duration.as_secs_f64()),
            first_frame_ms: snapshot.first_frame_ms,
            duration_s: duration.map(|duration| duration.as_secs_f64()),
            width: self.dimensions.map(|dimensions| dimensions.width),
            height: self.dimensions.map(|dimensions| dimensions.height),
            frame_rate: spacing
                .filter(|spacing| !spacing.is_zero())
                .map(|spacing| (self.frames - 1) as f64 / spacing.as_secs_f64()),
            transport: self.transport.map(LowerTransport::name),
            dialect: self.transport.map(|_| dialect(self.arguments)),
            server: self.server.clone(),
            others: self.other_streams.clone(),
            emulated: self.emulated(snapshot),
        }
    }
}

/// How long it is played; `None` to its end, or until so many frames have come.
fn play_duration(arguments: &ProbeArguments, has_end: bool) -> Option<Duration> {
    let is_endless = !has_end && arguments.frames.is_none();
    arguments.seconds.or(is_endless.then_some(DEFAULT_LIVE_DURATION))
}

fn save_frame(folder: &Path, number: u64, jpeg: &[u8]) -> Result<(), CommandError> {
    let path = folder.join(format!("{number:06}.jpg"));
    fs::write(&path, jpeg).map_err(|error| {
        CommandError::new(format!("{} cannot be written ({error}); choose another folder.", path.display()))
    })
}

/// What was measured; `null` where it is unknown.
#[derive(Debug, Serialize)]
struct ProbeSummary {
    frames_complete: u64,
    frames_incomplete: u64,
    headers_reduced: u64,
    packets_received: u64,
    packets_expected: u64,
    packets_lost: u64,
    packets_duplicated: u64,
    packets_reordered: u64,
    packets_late: u64,
    loss_ratio: Option<f64>,
    jitter_ms: Option<f64>,
    bitrate_bps: Option<f64>,
    first_frame_ms: Option<f64>,
    duration_s: Option<f64>,
    width: Option<u16>,
    height: Option<u16>,
    frame_rate: Option<f64>,
    transport: Option<&'static str>,
    dialect: Option<Dialect>,
    server: Option<String>,
    others: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    emulated: Option<EmulatorStats>,
}

impl ProbeSummary {
    fn print_json(&self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, self)?;
        writeln!(out)
    }

    fn print_text(&self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let number =
            |value: Option<f64>, unit: &str| value.map_or("unknown".to_owned(), |v| format!("{v:.2} {unit}"));
        if let (Some(width), Some(height)) = (self.width, self.height) {
            writeln!(out, "picture      {width}×{height}, {}", number(self.frame_rate, "frames/s"))?;
        }
        writeln!(
            out,
            "frames       {} complete, {} incomplete",
            self.frames_complete, self.frames_incomplete
        )?;
        writeln!(
            out,
            "packets      {} of {} received, {} lost ({}), {} duplicated, {} reordered",
            self.packets_received,
            self.packets_expected,
            self.packets_lost,
            number(self.loss_ratio.map(|ratio| ratio * 100.0), "%"),
            self.packets_duplicated,
            self.packets_reordered
        )?;
        writeln!(out, "jitter       {}", number(self.jitter_ms, "ms"))?;
        writeln!(out, "data rate    {}", number(self.bitrate_bps.map(|rate| rate / 1e6), "Mbit/s"))?;
        writeln!(out, "first frame  {}", number(self.first_frame_ms, "ms after PLAY"))?;
        writeln!(out, "duration     {}", number(self.duration_s, "s"))?;
        let (transport, server) =
            (self.transport.unwrap_or("unknown"), self.server.as_deref().unwrap_or("unknown"));
        writeln!(out, "transport    {transport}, server {server}")?;
        if !self.others.is_empty() {
            writeln!(out, "not played   {}", self.others.join(", "))?;
        }
        if let Some(truth) = self.emulated {
            writeln!(
                out,
                "emulated     {} of {} delivered, {} lost at random and {} to the queue, {} duplicated, \
                 {} corrupted; seed {}",
                truth.delivered,
                truth.offered,
                truth.lost_random,
                truth.lost_queue,
                truth.duplicated,
                truth.corrupted,
                truth.seed
            )?;
        }
        Ok(())
    }
}

/// A line on the terminal that tells how far it is.
#[derive(Debug, Default)]
struct ProgressLine {
    last_printed: Option<Instant>,
}

impl ProgressLine {
    fn update(&mut self, frames: u64, first_arrival: Option<Instant>, figures: &watch::Receiver<Figures>) {
        let is_due = self.last_printed.is_none_or(|shown| shown.elapsed() >= Duration::from_millis(250));
        if !is_due || !io::stderr().is_terminal() {
            return;
        }
        self.last_printed = Some(Instant::now());
        let seconds = first_arrival.map_or(0.0, |first_arrival| first_arrival.elapsed().as_secs_f64());
        let snapshot = figures.borrow().snapshot;
        let loss = snapshot.loss_ratio.unwrap_or_default() * 100.0;
        stderr::print(format!(
            "\r{frames} frames, {seconds:.1} s, {:.2} Mbit/s, {loss:.1} % lost   ",
            snapshot.bits_per_second / 1e6
        ));
    }

    fn clear(&self) {
        if self.last_printed.is_some() {
            stderr::print(format!("\r{:60}\r", ""));
            stderr::flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_line::arguments::{Invocation, parse};

    #[test]
    fn only_endless_streams_stop_by_default() {
        let length = |line: &str, has_end| {
            let Ok(Invocation::Probe(arguments)) = parse(line.split_whitespace().map(Into::into)) else {
                panic!("{line}")
            };
            play_duration(&arguments, has_end).map(|length| length.as_secs())
        };
        assert_eq!(length("probe rtsp://h/film", true), None);
        assert_eq!(length("probe rtsp://h/live", false), Some(10));
        assert_eq!(length("probe rtsp://h/live --frames 1000", false), None);
        assert_eq!(length("probe rtsp://h/live --frames 1000 --seconds 5", false), Some(5));
        assert_eq!(length("probe rtsp://h/film --seconds 30", true), Some(30));
    }
}
