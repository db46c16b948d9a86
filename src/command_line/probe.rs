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
use crate::backend::{self, EndSignal};
use crate::impairment::{Emulated, Network};
use crate::media::jpeg::{Dimensions, JpegHeader};
use crate::media_file::Film;
use crate::net::deadline::until;
use crate::proto::rtsp::Lower;
use crate::server_embed::{Observer, Server, ServerEvent, ServerOptions};
use crate::session::{
    Command, Dialect, Emulation, Event, Failure, Frame, FrameOutlets, Goal, MachineOptions, Place, Session,
    SessionOptions, SourceUrl,
};
use crate::stats::{Figures, Record, Report, Snapshot, Subject};

/// How long a stream without an end is played.
const WITHOUT_END: Duration = Duration::from_secs(10);

/// How long TEARDOWN may take.
const TEARDOWN_PATIENCE: Duration = Duration::from_secs(1);

/// Plays to the end and prints what was measured.
///
/// # Errors
/// When nothing could be played, or not one whole frame came.
pub fn probe(arguments: &ProbeArguments) -> Result<(), CommandError> {
    let runtime = backend::runtime()
        .map_err(|error| CommandError::new(format!("The system has no threads to give: {error}.")))?;
    runtime.block_on(async {
        let network = Network::new(arguments.network.unwrap_or_default());
        let (url, server) = find_target(arguments, &network).await?;
        let place = if server.is_some() { Place::AtServer } else { Place::WayIn };
        let result = play(arguments, url, Emulation { network, place }).await;
        if let Some(server) = server {
            server.stop().await;
        }
        result
    })
}

/// The URL to play, and the embedded server if the target is a file.
async fn find_target(
    arguments: &ProbeArguments,
    network: &Network,
) -> Result<(SourceUrl, Option<Server>), CommandError> {
    match &arguments.target {
        Target::Stream(url) => Ok((url.clone(), None)),
        Target::File(path) => {
            let film = Film::open(path, &backend::film_name(path), arguments.rate)
                .map_err(|error| CommandError::new(error.to_string()))?;
            let options = ServerOptions { network: network.clone(), ..ServerOptions::default() };
            let server = Server::start(options, Observer::new(tell_of_film)).await.map_err(|error| {
                CommandError::new(format!("The embedded server cannot listen on 127.0.0.1: {error}."))
            })?;
            let name = server.serve(film);
            Ok((server.url_of(&name).into(), Some(server)))
        }
    }
}

fn tell_of_film(event: ServerEvent) {
    if let ServerEvent::FilmFlawed { .. } | ServerEvent::FilmFailed { .. } = event {
        stderr::tell(event);
    }
}

async fn play(arguments: &ProbeArguments, url: SourceUrl, emulation: Emulation) -> Result<(), CommandError> {
    let is_file = emulation.place == Place::AtServer;
    if let Some(folder) = &arguments.save_frames {
        make(folder)?;
    }
    let (frame_sender, mut frames) = mpsc::channel(64);
    let (event_sender, mut events) = mpsc::channel(64);
    let network = emulation.network.clone();
    let options =
        SessionOptions { machine: machine_options(arguments), emulation, ..SessionOptions::default() };
    let subject = subject(arguments, &url, &options);
    let session = Session::start(url, options, FrameOutlets::tap(frame_sender), event_sender);
    session.command(Command::SetGoal(Goal::Playing));

    let mut figures = session.figures();
    // A classroom server's film has an end, although nobody says where.
    let certainly_ends = is_file || dialect(arguments) == Dialect::Classroom;
    let mut watcher = Watcher::new(arguments, certainly_ends, network, figures.clone());
    let mut end_signal = EndSignal::listen();
    while watcher.outcome.is_none() {
        let stop_at = watcher.stop_at();
        tokio::select! {
            // Frames before events: what arrived before the end counts.
            biased;
            Some(frame) = frames.recv() => watcher.take_frame(&frame)?,
            Some(event) = events.recv() => watcher.take_event(event),
            Ok(()) = figures.changed() => watcher.observe(&figures.borrow_and_update().snapshot),
            () = until(stop_at) => watcher.stop(),
            () = end_signal.arrives() => watcher.stop(),
        }
    }
    // What comes after the decision to stop is not looked at, but must not block the session.
    frames.close();
    let drained = async { while events.recv().await.is_some() {} };
    tokio::select! {
        () = session.finish(TEARDOWN_PATIENCE) => {}
        () = drained => {}
    }
    let snapshot = figures.borrow().snapshot;
    watcher.observe(&snapshot);
    if let Some(file) = &arguments.report {
        write_report(file, &watcher.record.report(watcher.subject(subject)))?;
    }
    watcher.finish(snapshot)
}

fn machine_options(arguments: &ProbeArguments) -> MachineOptions {
    MachineOptions {
        transport: arguments.transport,
        rtp_port: arguments.rtp_port,
        ..MachineOptions::default()
    }
}

fn make(folder: &Path) -> Result<(), CommandError> {
    fs::create_dir_all(folder).map_err(|error| {
        CommandError::new(format!("{} cannot be made ({error}); choose another folder.", folder.display()))
    })
}

fn subject(arguments: &ProbeArguments, url: &SourceUrl, options: &SessionOptions) -> Subject {
    let (name, url) = match &arguments.target {
        Target::File(path) => (backend::film_name(path), None),
        Target::Stream(_) => (url.name(), Some(url.to_string())),
    };
    Subject {
        name,
        url,
        dialect: dialect(arguments).name(),
        playout_delay_ms: u64::try_from(options.playout_delay.as_millis()).unwrap_or(u64::MAX),
        network_place: options.emulation.place.to_string(),
        ..Subject::default()
    }
}

fn write_report(file: &ReportFile, report: &Report) -> Result<(), CommandError> {
    let octets = match file.format {
        ReportFormat::Csv => report.csv().map_err(io::Error::from),
        ReportFormat::Json => report.json().map_err(io::Error::from),
    };
    octets.and_then(|octets| fs::write(&file.path, octets)).map_err(|error| {
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
enum Outcome {
    Ended,
    Failed(Failure),
}

/// Follows a session and remembers what is to be reported.
struct Watcher<'a> {
    arguments: &'a ProbeArguments,
    /// The target has an end, whatever is said of it.
    certainly_ends: bool,
    has_end: bool,
    network: Network,
    figures: watch::Receiver<Figures>,
    record: Record,
    first: Option<Instant>,
    last: Option<Instant>,
    stopped: Option<Instant>,
    frames: u64,
    dimensions: Option<Dimensions>,
    transport: Option<Lower>,
    server: Option<String>,
    /// What the stream holds besides, and is not played.
    others: Vec<String>,
    progress: ProgressLine,
    outcome: Option<Outcome>,
}

impl<'a> Watcher<'a> {
    fn new(
        arguments: &'a ProbeArguments,
        certainly_ends: bool,
        network: Network,
        figures: watch::Receiver<Figures>,
    ) -> Self {
        Self {
            arguments,
            certainly_ends,
            has_end: certainly_ends,
            network,
            figures,
            record: Record::begin(SystemTime::now()),
            first: None,
            last: None,
            stopped: None,
            frames: 0,
            dimensions: None,
            transport: None,
            server: None,
            others: Vec::new(),
            progress: ProgressLine::default(),
            outcome: None,
        }
    }

    fn stop_at(&self) -> Option<Instant> {
        self.first.zip(length(self.arguments, self.has_end)).map(|(first, length)| first + length)
    }

    fn stop(&mut self) {
        self.stopped = Some(Instant::now());
        self.outcome = Some(Outcome::Ended);
    }

    fn take_event(&mut self, event: Event) {
        match event {
            Event::Described(presentation) => {
                self.has_end =
                    self.certainly_ends || presentation.range.is_some_and(|range| range.end.is_some());
                self.server = presentation.server;
                self.others = presentation.others;
            }
            Event::SetUp(lower) => {
                self.transport = Some(lower);
                self.record = Record::begin(SystemTime::now());
            }
            Event::Failed(failure) => {
                self.stop();
                self.outcome = Some(Outcome::Failed(failure));
            }
            Event::Ended | Event::Closed => {
                self.stop();
                // The silence by which the end of a classroom film is known is no part of it.
                if dialect(self.arguments) == Dialect::Classroom {
                    self.stopped = self.last.or(self.stopped);
                }
            }
            Event::Interrupted(interruption) => stderr::tell(interruption),
            Event::Status(_) | Event::Said(_) | Event::Started(_) | Event::Waiting(_) | Event::Reached(_) => {
            }
        }
    }

    fn observe(&mut self, snapshot: &Snapshot) {
        self.record.observe(snapshot, &self.network.conditions());
    }

    fn subject(&self, subject: Subject) -> Subject {
        Subject { server: self.server.clone(), transport: self.transport.map(Lower::name), ..subject }
    }

    fn take_frame(&mut self, frame: &Frame) -> Result<(), CommandError> {
        self.frames += 1;
        self.first.get_or_insert(frame.arrival);
        self.last = Some(frame.arrival);
        if self.dimensions.is_none() {
            self.dimensions = JpegHeader::parse(&frame.jpeg).ok().map(|header| header.frame().dimensions);
        }
        if let Some(folder) = &self.arguments.save_frames {
            save(folder, self.frames, &frame.jpeg)?;
        }
        self.progress.show(self.frames, self.first, &self.figures);
        if self.arguments.frames == Some(self.frames) {
            self.stop();
        }
        Ok(())
    }

    fn finish(self, snapshot: Snapshot) -> Result<(), CommandError> {
        self.progress.clear();
        let findings = self.findings(&snapshot);
        if let (Some(Outcome::Failed(failure)), 0, false) = (&self.outcome, self.frames, self.arguments.json)
        {
            return Err(self.failed(failure));
        }
        let printed = if self.arguments.json { findings.print_json() } else { findings.print_for_people() };
        printed.map_err(|error| CommandError::new(format!("The figures cannot be printed: {error}.")))?;
        match self.outcome {
            Some(Outcome::Failed(ref failure)) => Err(self.failed(failure)),
            _ if self.frames == 0 => Err(self.nothing_arrived()),
            _ => Ok(()),
        }
    }

    /// Who asked for a bad network need look no further.
    fn failed(&self, failure: &Failure) -> CommandError {
        match failure {
            Failure::NoData { by_udp, .. } if self.is_emulated() => {
                let failure = Failure::NoData { by_udp: *by_udp, is_emulated: true };
                CommandError::new(failure.to_string())
            }
            _ => CommandError::new(failure.to_string()),
        }
    }

    fn nothing_arrived(&self) -> CommandError {
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
    fn emulated(&self, snapshot: &Snapshot) -> Option<Emulated> {
        let conditions = self.arguments.network?;
        Some(snapshot.emulated.unwrap_or(Emulated { seed: conditions.seed, ..Emulated::default() }))
    }

    fn findings(&self, snapshot: &Snapshot) -> Findings {
        let duration =
            self.first.zip(self.stopped).map(|(first, stopped)| stopped.saturating_duration_since(first));
        let duration = duration.filter(|duration| !duration.is_zero());
        let spacing = self.first.zip(self.last).map(|(first, last)| last.saturating_duration_since(first));
        Findings {
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
            transport: self.transport.map(Lower::name),
            dialect: self.transport.map(|_| dialect(self.arguments)),
            server: self.server.clone(),
            others: self.others.clone(),
            emulated: self.emulated(snapshot),
        }
    }
}

/// How long it is played; `None` to its end, or until so many frames have come.
fn length(arguments: &ProbeArguments, has_end: bool) -> Option<Duration> {
    let is_endless = !has_end && arguments.frames.is_none();
    arguments.seconds.or(is_endless.then_some(WITHOUT_END))
}

fn save(folder: &Path, number: u64, jpeg: &[u8]) -> Result<(), CommandError> {
    let path = folder.join(format!("{number:06}.jpg"));
    fs::write(&path, jpeg).map_err(|error| {
        CommandError::new(format!("{} cannot be written ({error}); choose another folder.", path.display()))
    })
}

/// What was measured; `null` where it is unknown.
#[derive(Debug, Serialize)]
struct Findings {
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
    emulated: Option<Emulated>,
}

impl Findings {
    fn print_json(&self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, self)?;
        writeln!(out)
    }

    fn print_for_people(&self) -> io::Result<()> {
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
    shown: Option<Instant>,
}

impl ProgressLine {
    fn show(&mut self, frames: u64, first: Option<Instant>, figures: &watch::Receiver<Figures>) {
        let is_due = self.shown.is_none_or(|shown| shown.elapsed() >= Duration::from_millis(250));
        if !is_due || !io::stderr().is_terminal() {
            return;
        }
        self.shown = Some(Instant::now());
        let seconds = first.map_or(0.0, |first| first.elapsed().as_secs_f64());
        let snapshot = figures.borrow().snapshot;
        let loss = snapshot.loss_ratio.unwrap_or_default() * 100.0;
        stderr::show(format!(
            "\r{frames} frames, {seconds:.1} s, {:.2} Mbit/s, {loss:.1} % lost   ",
            snapshot.bits_per_second / 1e6
        ));
    }

    fn clear(&self) {
        if self.shown.is_some() {
            stderr::show(format!("\r{:60}\r", ""));
            stderr::flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_line::arguments::{Invocation, parse};

    #[test]
    fn only_what_would_never_end_ends_by_itself() {
        let length = |line: &str, has_end| {
            let Ok(Invocation::Probe(arguments)) = parse(line.split_whitespace().map(Into::into)) else {
                panic!("{line}")
            };
            length(&arguments, has_end).map(|length| length.as_secs())
        };
        assert_eq!(length("probe rtsp://h/film", true), None);
        assert_eq!(length("probe rtsp://h/live", false), Some(10));
        assert_eq!(length("probe rtsp://h/live --frames 1000", false), None);
        assert_eq!(length("probe rtsp://h/live --frames 1000 --seconds 5", false), Some(5));
        assert_eq!(length("probe rtsp://h/film --seconds 30", true), Some(30));
    }
}
