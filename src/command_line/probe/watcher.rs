//! Observer of the session that `reelay probe` plays.

use std::io::ErrorKind;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;

use super::files::save_frame;
use super::progress::ProgressLine;
use super::summary::ProbeSummary;
use crate::command_line::arguments::ProbeArguments;
use crate::command_line::error::CommandError;
use crate::command_line::stderr;
use crate::impairment::{Emulator, EmulatorStats};
use crate::media::container::FrameTimes;
use crate::media::jpeg::{Dimensions, frame_dimensions};
use crate::proto::rtsp::LowerTransport;
use crate::recording::RecordingProgress;
use crate::session::{
    Dialect, Frame, NoDataCause, PeerMistake, SessionError, SessionEvent, incomplete_reason,
};
use crate::stats::{Figures, ReportSubject, SessionHistory, SessionReport, Snapshot};

/// Playing time of a stream without an end, if the arguments set none.
const DEFAULT_LIVE_DURATION: Duration = Duration::from_secs(10);

/// Reason why playing is over.
enum ProbeOutcome {
    /// The stream has ended, or the requested time or number of frames has been played.
    Ended,
    /// The session has failed.
    Failed(SessionError),
    /// A frame could not be saved, or the recording has ended.
    NotSaved(CommandError),
}

/// Observer that collects the figures of a session and decides when to stop.
pub struct Watcher<'a> {
    arguments: &'a ProbeArguments,
    /// The target is known to have an end, even if the server announces none.
    is_finite: bool,
    /// The target has an end, known or announced (RFC 2326 §C.1.5 `range`).
    has_end: bool,
    emulator: Emulator,
    figures: watch::Receiver<Figures>,
    history: SessionHistory,
    /// Time of the first response to PLAY.
    started_at: Option<Instant>,
    first_arrival: Option<Instant>,
    last_arrival: Option<Instant>,
    stopped_at: Option<Instant>,
    /// Times of the frames of a film; `None` for a stream.
    film_times: Option<FrameTimes>,
    /// Complete frames that have arrived.
    frames: u64,
    /// Size of the first frame.
    dimensions: Option<Dimensions>,
    transport: Option<LowerTransport>,
    server: Option<String>,
    /// Repair of lost packets that the server offers, in words.
    repair: Vec<&'static str>,
    /// Streams of the presentation that are not played.
    other_streams: Vec<String>,
    /// Mistakes of the server, one for each kind.
    mistakes: Vec<PeerMistake>,
    /// Progress of the recording; `None` without one.
    recorded: Option<RecordingProgress>,
    progress: ProgressLine,
    outcome: Option<ProbeOutcome>,
}

impl<'a> Watcher<'a> {
    /// Creates the watcher of a session whose figures arrive in `figures`. `is_finite` states that the target is known
    /// to have an end.
    pub fn new(
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
            history: SessionHistory::new(SystemTime::now()),
            started_at: None,
            first_arrival: None,
            last_arrival: None,
            stopped_at: None,
            film_times: None,
            frames: 0,
            dimensions: None,
            transport: None,
            server: None,
            repair: Vec::new(),
            other_streams: Vec::new(),
            mistakes: Vec::new(),
            recorded: None,
            progress: ProgressLine::default(),
            outcome: None,
        }
    }

    /// Sets the times of the film that is played.
    pub fn set_film_times(&mut self, times: Option<FrameTimes>) {
        self.film_times = times;
    }

    /// Returns true if playing is over.
    pub fn has_stopped(&self) -> bool {
        self.outcome.is_some()
    }

    /// Returns the time at which to stop, counted from the first complete frame, or from PLAY if none has arrived;
    /// `None` before PLAY, and if only the end of the stream or the number of frames stops it.
    pub fn stop_deadline(&self) -> Option<Instant> {
        self.first_arrival
            .or(self.started_at)
            .zip(play_duration(self.arguments, self.has_end))
            .map(|(first, duration)| first + duration)
    }

    /// Ends playing now, without an error.
    pub fn stop(&mut self) {
        self.stopped_at = Some(Instant::now());
        self.outcome = Some(ProbeOutcome::Ended);
    }

    /// Handles an event of the session.
    pub fn handle_event(&mut self, event: SessionEvent) {
        match event {
            SessionEvent::Described(presentation) => {
                self.has_end = self.is_finite || presentation.range.is_some_and(|range| range.end.is_some());
                self.repair = presentation.repair();
                self.server = presentation.server;
                self.other_streams = presentation.other_streams;
            }
            SessionEvent::SetUp(transport) => {
                self.transport = Some(transport);
                self.history = SessionHistory::new(SystemTime::now());
            }
            SessionEvent::Started(_) => {
                self.started_at.get_or_insert_with(Instant::now);
            }
            SessionEvent::Failed(error) => {
                self.stop();
                self.outcome = Some(ProbeOutcome::Failed(error));
            }
            SessionEvent::Ended | SessionEvent::Closed => {
                self.stop();
                // The end of a classroom film is detected by silence, which is not part of the film.
                if self.arguments.target.dialect() == Dialect::Classroom {
                    self.stopped_at = self.last_arrival.or(self.stopped_at);
                }
            }
            SessionEvent::PeerMistake(mistake) => self.handle_mistake(mistake),
            SessionEvent::Reconnecting(reason) => stderr::print_line(reason),
            SessionEvent::Status(_)
            | SessionEvent::Message(_)
            | SessionEvent::SpeedSet(_)
            | SessionEvent::Waiting(_)
            | SessionEvent::PortSpelling(_)
            | SessionEvent::EndReached(_) => {}
        }
    }

    /// Keeps a mistake of the server, or the new count of a known one.
    pub fn handle_mistake(&mut self, mistake: PeerMistake) {
        match self.mistakes.iter_mut().find(|known| known.mistake == mistake.mistake) {
            Some(known) => *known = mistake,
            None => self.mistakes.push(mistake),
        }
    }

    /// Adds the figures of a moment to the history.
    pub fn observe(&mut self, snapshot: &Snapshot) {
        self.history.update(snapshot, &self.emulator.settings());
    }

    /// Returns true if the bytes of the frames are saved.
    pub fn saves_frames(&self) -> bool {
        self.arguments.save_frames.is_some()
    }

    /// Counts a complete frame, saves it if `--save-frames` was given, and stops after the last requested frame, or if
    /// one cannot be saved.
    pub fn handle_frame(&mut self, frame: &Frame) {
        self.frames += 1;
        self.first_arrival.get_or_insert(frame.arrival);
        self.last_arrival = Some(frame.arrival);
        if self.dimensions.is_none() {
            self.dimensions = frame_dimensions(&frame.jpeg);
        }
        if let Some(folder) = &self.arguments.save_frames {
            let saved = save_frame(folder, self.frames, &frame.jpeg);
            if let Err(error) = saved {
                self.stop();
                self.outcome = Some(ProbeOutcome::NotSaved(error));
                return;
            }
        }
        self.progress.update(self.frames, self.first_arrival, &self.figures, self.recorded.as_ref());
        if self.arguments.frames == Some(self.frames) {
            self.stop();
        }
    }

    /// Stores the progress of the recording, for the progress line.
    pub fn handle_recorded(&mut self, recorded: RecordingProgress) {
        self.recorded = Some(recorded);
    }

    /// Stops playing, because the recording has ended with this error.
    pub fn handle_recording_error(&mut self, error: CommandError) {
        self.stop();
        self.outcome = Some(ProbeOutcome::NotSaved(error));
    }

    /// Returns the report of the session; the server and the transport are added to its subject.
    pub fn report(&self, subject: ReportSubject) -> SessionReport {
        self.history.report(ReportSubject {
            server: self.server.clone(),
            transport: self.transport.map(LowerTransport::name),
            repair: self.repair.clone(),
            ..subject
        })
    }

    /// Prints the figures.
    ///
    /// # Errors
    /// Returns a [`CommandError`] if the session failed, no complete frame arrived, a frame could not be saved, or the
    /// figures cannot be printed. A reader that has closed the pipe wants no more of them, which is no error.
    pub fn finish(self, snapshot: Snapshot) -> Result<(), CommandError> {
        self.progress.clear();
        let summary = self.summary(&snapshot);
        if let (Some(ProbeOutcome::Failed(error)), 0, false) =
            (&self.outcome, self.frames, self.arguments.json)
        {
            return Err(self.playback_error(error));
        }
        let printed = if self.arguments.json { summary.print_json() } else { summary.print_text() };
        match printed {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                return Err(CommandError::new(format!("The figures cannot be printed: {error}.")));
            }
            _ => {}
        }
        match self.outcome {
            Some(ProbeOutcome::Failed(ref error)) => Err(self.playback_error(error)),
            Some(ProbeOutcome::NotSaved(error)) => Err(error),
            _ if self.frames == 0 => Err(self.no_frames_error(&snapshot)),
            _ => Ok(()),
        }
    }

    /// Returns the error of the session. Missing data is attributed to the emulated network if there is one.
    fn playback_error(&self, error: &SessionError) -> CommandError {
        match error {
            SessionError::NoData(_) if self.is_emulated() => {
                let error = SessionError::NoData(NoDataCause::EmulatedNetwork);
                CommandError::new(error.to_string())
            }
            _ => CommandError::of_session(error),
        }
    }

    fn no_frames_error(&self, snapshot: &Snapshot) -> CommandError {
        CommandError::new(match self.is_emulated() {
            true => {
                "No complete frame has arrived through the emulated network; lower its loss or raise its throughput."
                    .to_owned()
            }
            false => {
                let reason = incomplete_reason(snapshot);
                format!("No complete frame has arrived: {reason}; check the stream with another player.")
            }
        })
    }

    fn is_emulated(&self) -> bool {
        self.arguments.network.is_some_and(|network| network.is_on)
    }

    /// Returns the counters of the emulated network, all zero if no packet reached it; `None` if no network was
    /// emulated.
    fn emulated(&self, snapshot: &Snapshot) -> Option<EmulatorStats> {
        let settings = self.arguments.network?;
        Some(snapshot.emulated.unwrap_or(EmulatorStats { seed: settings.seed, ..EmulatorStats::default() }))
    }

    fn summary(&self, snapshot: &Snapshot) -> ProbeSummary {
        let since_first = |end: Option<Instant>| {
            self.first_arrival
                .zip(end)
                .map(|(first, end)| end.saturating_duration_since(first))
                .filter(|duration| !duration.is_zero())
        };
        let duration = since_first(self.stopped_at);
        let packets = |number: u64| (!snapshot.lacks_packets).then_some(number);
        let payload_bits = snapshot.payload_octets as f64 * 8.0;
        ProbeSummary {
            frames_complete: self.frames,
            frames_incomplete: snapshot.frames_incomplete,
            frames_lost: packets(snapshot.frames_lost),
            frames_damaged: snapshot.frames_damaged,
            fresh_area: snapshot.fresh_area,
            headers_reduced: packets(snapshot.headers_reduced),
            packets_received: packets(snapshot.packets_received),
            packets_expected: packets(snapshot.packets_expected),
            packets_lost: packets(snapshot.packets_lost),
            packets_duplicated: packets(snapshot.packets_duplicated),
            packets_reordered: packets(snapshot.packets_reordered),
            packets_late: packets(snapshot.packets_late),
            loss_ratio: snapshot.loss_ratio,
            repaired_rtx: packets(snapshot.repaired_rtx),
            packets_unrepaired: packets(snapshot.packets_unrepaired),
            unrepaired_ratio: snapshot.unrepaired_ratio,
            rtx_requests: packets(snapshot.rtx_requests),
            rtx_request_octets: packets(snapshot.rtx_request_octets),
            rtx_packets: packets(snapshot.rtx_packets),
            rtx_octets: packets(snapshot.rtx_octets),
            repaired_fec: packets(snapshot.repaired_fec),
            fec_packets: packets(snapshot.fec_packets),
            fec_octets: packets(snapshot.fec_octets),
            jitter_ms: snapshot.jitter_ms,
            frame_interval_mean_ms: snapshot.frame_interval_mean_ms,
            frame_interval_max_ms: snapshot.frame_interval_max_ms,
            network_delay_ms: snapshot.network_delay_mean_ms,
            playout_delay_ms: snapshot.held_delay_ms,
            playout_delay_reason: snapshot.held_delay_reason,
            stalls: snapshot.stalls,
            stalled_ms: snapshot.stalled_ms,
            bitrate_bps: duration.map(|duration| payload_bits / duration.as_secs_f64()),
            first_frame_ms: snapshot.first_frame_ms,
            duration_s: duration.map(|duration| duration.as_secs_f64()),
            width: self.dimensions.map(|dimensions| dimensions.width),
            height: self.dimensions.map(|dimensions| dimensions.height),
            frame_rate: since_first(self.last_arrival)
                .map(|duration| (self.frames - 1) as f64 / duration.as_secs_f64()),
            film_rate: self.film_times.as_ref().map(|times| times.rate().as_f64()),
            is_film_rate_assumed: self.film_times.as_ref().map(FrameTimes::is_assumed),
            film_rate_text: self.film_times.as_ref().map(FrameTimes::rate_text),
            transport: self.transport.map(LowerTransport::name),
            dialect: self.transport.map(|_| self.arguments.target.dialect()),
            server: self.server.clone(),
            others: self.other_streams.clone(),
            mistakes: self.mistakes.iter().map(PeerMistake::sentence).collect(),
            emulated: self.emulated(snapshot),
        }
    }
}

/// Returns the maximum time after the first frame; `None` to play to the end, or until enough frames have arrived.
fn play_duration(arguments: &ProbeArguments, has_end: bool) -> Option<Duration> {
    let is_endless = !has_end && arguments.frames.is_none();
    arguments.seconds.or(is_endless.then_some(DEFAULT_LIVE_DURATION))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_line::arguments::{Invocation, parse};

    #[test]
    fn only_endless_streams_stop_by_default() {
        let duration = |line: &str, has_end| {
            let Ok(Invocation::Probe(arguments)) = parse(line.split_whitespace().map(Into::into), |_| false)
            else {
                panic!("{line}")
            };
            play_duration(&arguments, has_end).map(|duration| duration.as_secs())
        };
        assert_eq!(duration("probe rtsp://h/film", true), None);
        assert_eq!(duration("probe rtsp://h/live", false), Some(10));
        assert_eq!(duration("probe rtsp://h/live --frames 1000", false), None);
        assert_eq!(duration("probe rtsp://h/live --frames 1000 --seconds 5", false), Some(5));
        assert_eq!(duration("probe rtsp://h/film --seconds 30", true), Some(30));
    }
}
