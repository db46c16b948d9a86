//! Conversion of a stream: it is played, and what arrives is recorded.

use std::time::Duration;

use tokio::sync::mpsc;

use super::progress_bar::ProgressBar;
use crate::backend::ShutdownSignal;
use crate::command_line::arguments::ConvertArguments;
use crate::command_line::error::CommandError;
use crate::command_line::values::OutputFormat;
use crate::command_line::{recording, stderr};
use crate::media_file::RecordingPlace;
use crate::proto::rtsp::{LowerTransport, Npt};
use crate::recording::{Recorder, RecordingOptions, RecordingResult};
use crate::session::{
    Dialect, Frame, FrameSinks, Goal, RtspOptions, Session, SessionCommand, SessionError, SessionEvent,
    SessionOptions, SourceUrl, TransportPreference,
};

/// Maximum time that the end of the command waits for the response to TEARDOWN.
const TEARDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// Status of a response that refuses the transport (RFC 2326 §11.3.10).
const UNSUPPORTED_TRANSPORT: u16 = 461;

/// Reason why no more frames are recorded.
enum StreamEnd {
    /// The stream has ended, or Ctrl+C was pressed.
    Ended,
    /// The recording has ended, at its maximum length or with an error.
    Recorded(RecordingResult),
    /// The session has failed.
    Failed(SessionError),
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
        end => {
            recorder.stop();
            (recorder.finished().await, failure(&end))
        }
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

fn options(arguments: &ConvertArguments) -> Result<RecordingOptions, CommandError> {
    let format = arguments.format.recording_format().ok_or_else(|| {
        CommandError::new(match arguments.format {
            OutputFormat::Folder => {
                "A stream cannot be converted to a folder; \"reelay probe\" with --save-frames saves its frames."
            }
            _ => "A stream cannot be written in this format; choose a name that ends in .mov.",
        })
    })?;
    let from = arguments.from.unwrap_or(Npt::ZERO).as_micros();
    let max_length = arguments.to.map(|to| Npt::from_micros(to.as_micros().saturating_sub(from)));
    Ok(RecordingOptions {
        path: arguments.output.clone(),
        place: RecordingPlace::Aside,
        format,
        stated_rate: None,
        rate: arguments.rate,
        max_length,
        waits_over_tcp: true,
    })
}

fn failure(end: &StreamEnd) -> Option<CommandError> {
    match end {
        StreamEnd::Ended | StreamEnd::Recorded(_) => None,
        StreamEnd::Failed(error) => Some(CommandError::new(error.to_string())),
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
        rtsp: RtspOptions { transport, ..RtspOptions::for_source(url) },
        ..SessionOptions::default()
    };
    let (frame_sender, frames) = mpsc::channel(64);
    let (event_sender, events) = mpsc::channel(64);
    let session = Session::start(url.clone(), options, FrameSinks::tap_only(frame_sender), event_sender);
    // With a start, the stream is played from there once it is set up.
    let goal = if arguments.from.is_some() { Goal::Ready } else { Goal::Playing };
    session.send_command(SessionCommand::SetGoal(goal));
    let mut playing =
        Playing { session, frames, events, from: arguments.from, waits: false, has_frames: false };
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
                Some(frame) = self.frames.recv() => {
                    if self.waits {
                        queue.wait_for_space().await;
                    }
                    queue.push(frame);
                    self.has_frames = true;
                    None
                }
                Some(event) = self.events.recv() => self.handle_event(event, &mut bar),
                Ok(()) = progress.changed() => {
                    bar.update(progress.borrow_and_update().frames, None);
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
                bar.clear();
                stderr::print_line(reason);
                None
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
