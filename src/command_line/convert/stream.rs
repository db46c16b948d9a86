//! Conversion of a stream: it is played, and what arrives is recorded.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::progress_bar::ProgressBar;
use super::repetition::Repetition;
use crate::backend::ShutdownSignal;
use crate::command_line::arguments::ConvertArguments;
use crate::command_line::error::CommandError;
use crate::command_line::values::OutputFormat;
use crate::command_line::{recording, stderr};
use crate::media_file::RecordingPlace;
use crate::proto::rtsp::{LowerTransport, Npt};
use crate::recording::{Recorder, RecordingOptions, RecordingResult};
use crate::session::{
    Dialect, Frame, FrameQueue, FrameSinks, Goal, HttpOptions, ReconnectReason, Session, SessionCommand,
    SessionError, SessionEvent, SessionOptions, SourceUrl, StreamOptions, TransportPreference,
    TrustedCertificates,
};

/// Maximum time that the end of the command waits for the response to TEARDOWN.
const TEARDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// Status of a response that refuses the transport (RFC 2326 §11.3.10).
const UNSUPPORTED_TRANSPORT: u16 = 461;

/// Maximum number of attempts to connect again without a frame between them: about three minutes.
const MAX_ATTEMPTS: u32 = 10;

/// Reason why no more frames are recorded.
enum StreamEnd {
    /// The stream has ended, or Ctrl+C was pressed.
    Ended,
    /// The recording has ended, at its maximum length or with an error.
    Recorded(RecordingResult),
    /// The session has failed.
    Failed(SessionError),
    /// The server with this host and port did not come back.
    Lost(String),
    /// The stream has no positions, but a start was given.
    NoPositions,
}

/// Plays a stream and writes its frames until it ends, until the end of the part, or until Ctrl+C.
pub async fn convert_stream(url: &SourceUrl, arguments: &ConvertArguments) -> Result<(), CommandError> {
    let mut recorder = recording::start(options(arguments)?)?;
    let mut signal = ShutdownSignal::listen();
    let transport = arguments.transport.unwrap_or(TransportPreference::Tcp);
    let mut end = play(url, transport, arguments, &mut recorder, &mut signal).await;
    let is_refused = |end: &StreamEnd| matches!(end, StreamEnd::Failed(SessionError::Refused { status, .. }) if status.code() == UNSUPPORTED_TRANSPORT);
    if arguments.transport.is_none() && is_refused(&end) {
        end = play(url, TransportPreference::Udp, arguments, &mut recorder, &mut signal).await;
    }
    let (result, failure) = match end {
        StreamEnd::Recorded(result) => (result, None),
        end => (recording::finish(&mut recorder, &mut signal).await?, failure(&end)),
    };
    let has_frames = result.recorded.frames > 0;
    match (recording::report(result, true), failure) {
        // Without frames, the failure of the session is the reason.
        (Err(error), Some(failure)) if has_frames => {
            stderr::print_line(error);
            Err(failure)
        }
        (_, Some(failure)) => Err(failure),
        (reported, None) => reported,
    }
}

/// Returns the options of the recording.
///
/// # Errors
/// Returns an error if a part with an end is to be one image.
fn options(arguments: &ConvertArguments) -> Result<RecordingOptions, CommandError> {
    let from = arguments.from.unwrap_or(Npt::ZERO).as_micros();
    let length = arguments.to.map(|to| Npt::from_micros(to.as_micros().saturating_sub(from)));
    let is_image = arguments.format == OutputFormat::Image;
    if is_image && length.is_some_and(|length| length > Npt::ZERO) {
        return Err(CommandError::new(
            "A .jpg file holds one frame, the first one of the part; leave out the end of the part, or give a folder, such \
             as frames/.",
        ));
    }
    Ok(RecordingOptions {
        path: arguments.output.clone(),
        place: RecordingPlace::Aside { replaces_frames: arguments.force },
        format: arguments.format.recording_format(),
        stated_rate: None,
        rate: arguments.rate,
        max_length: length.filter(|_| !is_image),
        waits_over_tcp: true,
    })
}

fn failure(end: &StreamEnd) -> Option<CommandError> {
    match end {
        StreamEnd::Ended | StreamEnd::Recorded(_) => None,
        StreamEnd::Failed(error) => Some(CommandError::of_session(error)),
        StreamEnd::Lost(server) => Some(CommandError::new(format!(
            "{server} has not come back after {MAX_ATTEMPTS} attempts; connect again when it is back."
        ))),
        StreamEnd::NoPositions => Some(CommandError::new("The stream has no positions; leave out --from.")),
    }
}

/// Plays the stream once, and passes its frames to the recording.
async fn play(
    url: &SourceUrl,
    transport: TransportPreference,
    arguments: &ConvertArguments,
    recorder: &mut Recorder,
    signal: &mut ShutdownSignal,
) -> StreamEnd {
    if arguments.from.is_some() && url.dialect() != Dialect::Standard {
        return StreamEnd::NoPositions;
    }
    let options = SessionOptions {
        stream: StreamOptions {
            transport,
            http: HttpOptions { ends_at_close: true, ..HttpOptions::default() },
            ..StreamOptions::for_source(url)
        },
        trusted: Arc::new(TrustedCertificates::anywhere(arguments.tls_fingerprint)),
        ..SessionOptions::default()
    };
    let (frame_sender, frames) = mpsc::channel(64);
    let (event_sender, events) = mpsc::channel(64);
    let session = Session::start(url.clone(), options, FrameSinks::tap_only(frame_sender), event_sender);
    // With a start, the stream is played from there once it is set up.
    let goal = if arguments.from.is_some() { Goal::Ready } else { Goal::Playing };
    session.send_command(SessionCommand::SetGoal(goal));
    let mut playing = Playing {
        session,
        frames,
        events,
        from: arguments.from,
        waits: false,
        has_frames: false,
        attempts: Attempts::default(),
        repetition: (url.dialect() == Dialect::Http).then(Repetition::default),
    };
    let end = playing.run(recorder, signal).await;
    let Playing { session, mut events, .. } = playing;
    // Later events must not block the session.
    tokio::select! {
        () = session.finish(TEARDOWN_TIMEOUT) => {}
        () = async { while events.recv().await.is_some() {} } => {}
    }
    end
}

/// Session whose frames are recorded.
struct Playing {
    session: Session,
    frames: mpsc::Receiver<Frame>,
    events: mpsc::Receiver<SessionEvent>,
    /// Start of the part, until it was requested.
    from: Option<Npt>,
    /// Frames arrive on the connection, so that the server waits for a slow disk.
    waits: bool,
    has_frames: bool,
    attempts: Attempts,
    /// Frames over HTTP, by which a film that begins again is noticed; RTSP states its end.
    repetition: Option<Repetition>,
}

/// Number of attempts to connect again since the last frame.
#[derive(Debug, Default)]
struct Attempts(u32);

impl Attempts {
    /// Counts an attempt that follows after a wait. Returns the server if it was the last one.
    fn count(&mut self, reason: &ReconnectReason) -> Option<String> {
        let (ReconnectReason::ServerLost { server, .. } | ReconnectReason::ServerBusy { server, .. }) =
            reason
        else {
            return None;
        };
        self.0 += 1;
        (self.0 > MAX_ATTEMPTS).then(|| server.clone())
    }
}

impl Playing {
    async fn run(&mut self, recorder: &mut Recorder, signal: &mut ShutdownSignal) -> StreamEnd {
        let (queue, mut progress) = (recorder.queue(), recorder.progress());
        let mut bar = ProgressBar::new("Recording");
        loop {
            let end = tokio::select! {
                // Frames before events, so that frames that arrived before the end are recorded.
                biased;
                result = recorder.finished() => Some(StreamEnd::Recorded(result)),
                Some(frame) = self.frames.recv() => self.handle_frame(frame, &queue, signal).await,
                Some(event) = self.events.recv() => self.handle_event(event, &mut bar),
                Ok(()) = progress.changed() => {
                    bar.update_recording(&progress.borrow_and_update());
                    None
                }
                () = signal.recv() => Some(StreamEnd::Ended),
            };
            if let Some(end) = end {
                bar.clear();
                return end;
            }
        }
    }

    /// Records a frame, and waits for the disk if the server then waits too. Returns the reason if no more frames are
    /// recorded.
    async fn handle_frame(
        &mut self,
        frame: Frame,
        queue: &FrameQueue,
        signal: &mut ShutdownSignal,
    ) -> Option<StreamEnd> {
        if self.is_repeated(&frame) {
            return Some(StreamEnd::Ended);
        }
        let is_interrupted = self.waits
            && tokio::select! {
                () = queue.wait_for_space() => false,
                () = signal.recv() => true,
            };
        queue.push(frame);
        self.has_frames = true;
        self.attempts = Attempts::default();
        is_interrupted.then_some(StreamEnd::Ended)
    }

    /// Returns true if the film begins again with a frame.
    fn is_repeated(&mut self, frame: &Frame) -> bool {
        self.repetition.as_mut().is_some_and(|repetition| repetition.is_repeated(&frame.jpeg))
    }

    /// Handles an event of the session. Returns the reason if no more frames arrive.
    fn handle_event(&mut self, event: SessionEvent, bar: &mut ProgressBar) -> Option<StreamEnd> {
        match event {
            SessionEvent::Described(presentation) => {
                bar.clear();
                recording::print_left_out_streams(&presentation);
                (self.from.is_some() && presentation.is_live()).then_some(StreamEnd::NoPositions)
            }
            SessionEvent::SetUp(transport) => {
                self.waits = transport == LowerTransport::Tcp;
                if let Some(from) = self.from.take() {
                    self.session.send_command(SessionCommand::Seek(from));
                    self.session.send_command(SessionCommand::SetGoal(Goal::Playing));
                }
                None
            }
            SessionEvent::Reconnecting(reason) => {
                let lost = self.attempts.count(&reason);
                if let Some(repetition) = &mut self.repetition {
                    repetition.handle_reconnection();
                }
                if lost.is_none() {
                    bar.clear();
                    stderr::print_line(reason);
                }
                lost.map(StreamEnd::Lost)
            }
            SessionEvent::Failed(error) if error.is_transient() && self.has_frames => {
                bar.clear();
                stderr::print_line(error);
                None
            }
            SessionEvent::Failed(error) => Some(StreamEnd::Failed(error)),
            SessionEvent::Ended | SessionEvent::Closed => Some(StreamEnd::Ended),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the number of attempts up to the end, with a frame after some of them.
    fn attempts_until_lost(is_frame_after: impl Fn(u32) -> bool) -> Option<u32> {
        let mut attempts = Attempts::default();
        (1..100).find(|number| {
            let server = "camera:554".to_owned();
            let wait = Duration::from_secs(1);
            // The number in the event begins again with every session, even if no frame has arrived in it.
            let lost = attempts.count(&ReconnectReason::ServerLost { server, attempt: 1, wait });
            if is_frame_after(*number) {
                attempts = Attempts::default();
            }
            lost.is_some()
        })
    }

    #[test]
    fn server_that_does_not_come_back_is_given_up() {
        assert_eq!(attempts_until_lost(|_| false), Some(MAX_ATTEMPTS + 1));
        assert_eq!(attempts_until_lost(|number| number == 7), Some(7 + MAX_ATTEMPTS + 1));
        assert_eq!(attempts_until_lost(|number| number % 10 == 0), None);
    }

    #[test]
    fn reconnection_without_a_wait_is_no_attempt() {
        let redirected = ReconnectReason::Redirected { server: "camera:554".to_owned() };
        let mut attempts = Attempts::default();
        assert!((0..100).all(|_| attempts.count(&redirected).is_none()));
    }
}
