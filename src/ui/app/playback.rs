//! What is being played, as the window knows it: what the user wants, what the backend has told, and what follows.

use std::time::{Duration, Instant};

use crate::backend::{BackendEvent, BackendEventKind, BackendHandle, Command, MediaSource};
use crate::media::FrameRate;
use crate::media_file::MediaInfo;
use crate::proto::rtsp::Npt;
use crate::session::{
    Goal, Presentation, ReconnectReason, RtspOptions, RtspState, SessionCommand, SessionError, SessionEvent,
    SessionStatus, SourceUrl,
};
use crate::settings::Controls;

/// One of the buttons under the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Button {
    Setup,
    Play,
    Pause,
    Stop,
    Teardown,
}

impl Button {
    fn goal(self) -> Goal {
        match self {
            Self::Setup | Self::Pause => Goal::Ready,
            Self::Play => Goal::Playing,
            Self::Stop | Self::Teardown => Goal::Stopped,
        }
    }
}

/// What is played.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A film on this machine.
    Local(MediaSource),
    /// A stream from somewhere.
    Stream(SourceUrl, RtspOptions),
}

impl Source {
    fn name(&self) -> String {
        match self {
            Self::Local(source) => source.name(),
            Self::Stream(url, _) => url.display_name(),
        }
    }
}

/// Something for the user to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Something went wrong; what, and what to try.
    Error(String),
    /// Nothing comes; it passes by itself.
    NoData(String),
    /// Something that is good to know.
    Info(String),
}

impl Notice {
    /// The words.
    pub fn text(&self) -> &str {
        match self {
            Self::Error(text) | Self::NoData(text) | Self::Info(text) => text,
        }
    }
}

/// The server is gone and is looked for; there is no session until it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ReconnectWait {
    server: String,
    attempt: u32,
    started_at: Instant,
    /// How long until it is tried.
    wait: Duration,
}

impl ReconnectWait {
    fn remaining(&self, now: Instant) -> Duration {
        self.wait.saturating_sub(now.saturating_duration_since(self.started_at))
    }
}

/// The server wants user and password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInRequest {
    /// What it wants them for.
    pub url: SourceUrl,
    /// How the stream is played.
    pub options: RtspOptions,
    /// The user wanted it to play.
    pub play: bool,
    /// Some were given, and not taken.
    pub was_refused: bool,
}

/// What is played and how far it is.
#[derive(Debug)]
pub struct Playback {
    backend: BackendHandle,
    /// Given to each thing that is opened; what the backend tells of an older one is of no interest.
    generation: u64,
    next_generation: u64,
    /// What is being opened; what was open goes on until that has succeeded.
    opening: Option<Opening>,
    /// The film that was open when a stream was asked for, until that has been set up.
    previous_file: Option<PreviousFile>,
    source: Option<Source>,
    media_info: Option<MediaInfo>,
    presentation: Option<Presentation>,
    status: SessionStatus,
    /// What the user wants; the backend may not have heard of it yet.
    goal: Goal,
    goal_revision: u64,
    picture_position: Option<Npt>,
    /// Where a stream was moved to while it stood still; its picture is known only when it plays on.
    pending_seek: Option<Npt>,
    /// Where a film that was opened anew is to go on, once it is set up and its index reaches so far.
    resume: Option<ResumePoint>,
    /// There has been a session.
    was_set_up: bool,
    is_waiting: bool,
    reconnect: Option<ReconnectWait>,
    has_ended: bool,
    notice: Option<Notice>,
    sign_in_request: Option<SignInRequest>,
}

/// Something that is being opened.
#[derive(Debug, Clone, PartialEq)]
struct Opening {
    generation: u64,
    source: Source,
    goal: Goal,
    resume: Option<ResumePoint>,
    /// What is to be read once it is open.
    notice: Option<Notice>,
}

/// A film to go back to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PreviousFile {
    source: MediaSource,
    goal: Goal,
    resume: Option<ResumePoint>,
}

/// Where a film goes on, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ResumePoint {
    frame: u64,
    goal: Goal,
}

/// Where the film is, for the time line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlaybackPosition {
    /// The position on the screen.
    pub elapsed: Option<Npt>,
    /// The length, or what is known of it.
    pub duration: Option<Npt>,
    /// More may become known.
    pub is_growing: bool,
    /// The frame on the screen, counted from 1.
    pub frame_number: Option<u64>,
    /// How many there are, or are known.
    pub frame_count: Option<u64>,
    /// The position can be moved.
    pub can_seek: bool,
}

impl PlaybackPosition {
    /// As it would be elsewhere in the film.
    pub fn at(self, position: Npt, frame_rate: Option<FrameRate>) -> Self {
        Self {
            elapsed: Some(position),
            frame_number: frame_number_at(position, frame_rate, self.frame_count),
            ..self
        }
    }
}

/// The number of the frame at this position, from 1.
fn frame_number_at(position: Npt, frame_rate: Option<FrameRate>, frame_count: Option<u64>) -> Option<u64> {
    frame_rate.map(|frame_rate| (frame_rate.frame_at(position) + 1).min(frame_count.unwrap_or(u64::MAX)))
}

/// Microseconds: the last picture to arrive is no further from the end, be it that some are lost.
const END_TOLERANCE_US: u64 = 500_000;

impl Playback {
    /// Nothing is played.
    pub fn new(backend: BackendHandle) -> Self {
        Self {
            backend,
            generation: 0,
            next_generation: 1,
            opening: None,
            previous_file: None,
            source: None,
            media_info: None,
            presentation: None,
            status: SessionStatus::IDLE,
            goal: Goal::Stopped,
            goal_revision: 0,
            picture_position: None,
            pending_seek: None,
            resume: None,
            was_set_up: false,
            is_waiting: false,
            reconnect: None,
            has_ended: false,
            notice: None,
            sign_in_request: None,
        }
    }

    /// Plays a film. What is played now goes on until it is open.
    pub fn open(&mut self, source: MediaSource, goal: Goal) {
        self.open_at(source, goal, None);
    }

    fn open_at(&mut self, source: MediaSource, goal: Goal, resume: Option<ResumePoint>) {
        let generation = self.allocate_generation();
        self.notice = None;
        let film = Source::Local(source.clone());
        self.opening = Some(Opening { generation, source: film, goal, resume, notice: None });
        self.backend.send(Command::Open { generation, source, goal });
    }

    /// Plays a stream. If it cannot be set up, what is open now is open again.
    pub fn connect(&mut self, url: SourceUrl, options: RtspOptions, goal: Goal) {
        let generation = self.allocate_generation();
        let previous_file = self.take_previous_file();
        self.backend.send(Command::Connect { generation, url: url.clone(), options, goal });
        self.switch_to(generation, Source::Stream(url, options), goal);
        self.previous_file = previous_file;
    }

    /// What is open, to be open again where it is, but standing still.
    fn take_previous_file(&mut self) -> Option<PreviousFile> {
        let Some(Source::Local(source)) = self.source.clone() else { return self.previous_file.take() };
        let goal = if self.goal == Goal::Stopped { Goal::Stopped } else { Goal::Ready };
        let resume = self.resume_point().map(|resume| ResumePoint { goal, ..resume });
        Some(PreviousFile { source, goal, resume })
    }

    /// Opens what was left for a stream that is not to be had; what is to be read stays.
    fn restore_previous_file(&mut self) {
        let Some(PreviousFile { source, goal, resume }) = self.previous_file.take() else { return };
        let notice = self.notice.take();
        self.open_at(source, goal, resume);
        self.notice.clone_from(&notice);
        if let Some(opening) = &mut self.opening {
            opening.notice = notice;
        }
    }

    /// Opens the same film again, at a new rate for instance, and goes on at the same frame.
    pub fn reopen(&mut self) {
        if let Some(Opening { source: Source::Local(source), goal, resume, .. }) = self.opening.clone() {
            return self.open_at(source, goal, resume);
        }
        let Some(Source::Local(source)) = self.source.clone() else { return };
        match self.resume_point() {
            // It is set up and moved before it plays, so that its beginning is not seen.
            Some(resume) => self.open_at(source, Goal::Ready, Some(resume)),
            None => self.open(source, self.goal),
        }
    }

    /// A film that has ended, or is stopped, begins anew.
    fn resume_point(&self) -> Option<ResumePoint> {
        let is_unfinished = self.goal != Goal::Stopped && !self.has_ended;
        let frame = || self.position().frame_number.filter(|_| is_unfinished)?.checked_sub(1);
        self.resume.or_else(|| Some(ResumePoint { frame: frame()?, goal: self.goal }))
    }

    fn resume(&mut self) {
        let (Some(ResumePoint { frame, goal }), Some(film)) = (self.resume, &self.media_info) else { return };
        let progress = film.progress;
        let is_known = progress.frames > frame || progress.is_finished();
        if is_known && self.status.state == RtspState::Ready && !self.is_busy() {
            self.resume = None;
            self.seek(film.rate.npt_of(frame.min(progress.frames.saturating_sub(1))));
            if goal == Goal::Playing {
                self.set_goal(goal);
            }
        }
    }

    fn allocate_generation(&mut self) -> u64 {
        let generation = self.next_generation;
        self.next_generation += 1;
        generation
    }

    fn switch_to(&mut self, generation: u64, source: Source, goal: Goal) {
        *self = Self {
            generation,
            next_generation: self.next_generation,
            source: Some(source),
            goal,
            // The backend passes on a goal that is not where every session begins.
            goal_revision: u64::from(goal != Goal::Stopped),
            ..Self::new(self.backend.clone())
        };
    }

    /// A button was pressed. One that is not enabled does nothing.
    pub fn press(&mut self, button: Button, controls: Controls) {
        if !self.is_enabled(button, controls) {
            return;
        }
        self.set_goal(button.goal());
    }

    fn set_goal(&mut self, goal: Goal) {
        self.goal = goal;
        self.resume = None;
        self.goal_revision += 1;
        self.notice = None;
        self.has_ended = false;
        match (goal, &mut self.reconnect) {
            (Goal::Stopped, reconnect) => {
                self.picture_position = Some(Npt::ZERO);
                self.pending_seek = None;
                self.is_waiting = false;
                *reconnect = None;
            }
            // Whatever else is wanted during the wait, it is tried at once.
            (_, reconnect) => reconnect.iter_mut().for_each(|reconnect| reconnect.wait = Duration::ZERO),
        }
        self.command(SessionCommand::SetGoal(goal));
    }

    /// Passes a wish on to the session of what is played.
    fn command(&self, command: SessionCommand) {
        self.backend.send(Command::Session { generation: self.generation, command });
    }

    /// The user does not want to wait for the server any longer.
    pub fn cancel(&mut self) {
        self.set_goal(Goal::Stopped);
        self.restore_previous_file();
    }

    /// The user does not give the server the password that it wants.
    pub fn cancel_sign_in(&mut self, message: impl Into<String>) {
        self.show_error(message);
        self.restore_previous_file();
    }

    /// The user does not want to wait until the server is tried again.
    pub fn retry_now(&mut self) {
        self.set_goal(self.goal);
    }

    /// Nothing is open, or about to be.
    pub fn is_empty(&self) -> bool {
        self.source.is_none() && self.opening.is_none()
    }

    /// The button that leads one step on.
    pub fn next_button(&self, controls: Controls) -> Button {
        match (controls, self.status.state) {
            (Controls::Three, _) if self.goal == Goal::Playing => Button::Pause,
            (Controls::Three, _) | (Controls::Four, RtspState::Ready) => Button::Play,
            (Controls::Four, RtspState::Init) => Button::Setup,
            (Controls::Four, RtspState::Playing) => Button::Pause,
        }
    }

    /// Whether a button does something now.
    pub fn is_enabled(&self, button: Button, controls: Controls) -> bool {
        if self.source.is_none() {
            return false;
        }
        match controls {
            Controls::Three => match button {
                Button::Play => self.goal != Goal::Playing,
                Button::Pause => self.goal == Goal::Playing,
                Button::Stop => self.goal != Goal::Stopped,
                Button::Setup | Button::Teardown => false,
            },
            // The diagram of RFC 2326 appendix A.1.
            Controls::Four => {
                !self.is_busy()
                    && match button {
                        Button::Setup => self.status.state == RtspState::Init,
                        Button::Play => self.status.state == RtspState::Ready,
                        Button::Pause => self.status.state == RtspState::Playing,
                        Button::Teardown => self.status.state != RtspState::Init,
                        Button::Stop => false,
                    }
            }
        }
    }

    /// Something is on its way, or will be as soon as the backend hears of it.
    pub fn is_busy(&self) -> bool {
        self.status.is_busy || self.status.goal_revision != self.goal_revision
    }

    /// The time line was moved here.
    pub fn seek(&mut self, position: Npt) {
        self.resume = None;
        self.has_ended = false;
        self.picture_position = Some(position);
        self.command(SessionCommand::Seek(position));
        if self.goal != Goal::Playing {
            self.pending_seek = Some(position);
            self.preview(position);
        }
    }

    /// Where it goes on, if that is not where the picture is. A film on this machine shows its picture at once.
    pub fn pending_position(&self, drag_position: Option<Npt>) -> Option<Npt> {
        let is_off_screen = self.media_info.is_none() && self.goal != Goal::Playing;
        drag_position.or(self.pending_seek).filter(|_| is_off_screen)
    }

    /// Shows what is at a position, if the film is on this machine.
    pub fn preview(&self, position: Npt) {
        if let Some(film) = &self.media_info {
            let last_frame = film.progress.frames.saturating_sub(1);
            self.backend.send(Command::Preview(film.rate.frame_at(position).min(last_frame)));
        }
    }

    /// The backend has told something.
    pub fn handle_event(&mut self, event: BackendEvent) {
        let BackendEvent { generation, kind } = event;
        let is_opening = self.opening.as_ref().is_some_and(|opening| opening.generation == generation);
        match kind {
            BackendEventKind::Opened(film) if is_opening => {
                if let Some(Opening { generation, source, goal, resume, notice }) = self.opening.take() {
                    self.switch_to(generation, source, goal);
                    self.resume = resume;
                    self.notice = notice.or_else(|| film.flaw().map(Notice::Info));
                    self.media_info = Some(film);
                }
            }
            BackendEventKind::OpenFailed(sentence) if is_opening => {
                self.opening = None;
                self.notice = Some(Notice::Error(sentence));
            }
            _ if generation != self.generation => {}
            BackendEventKind::IndexProgress(progress) => {
                if let Some(film) = &mut self.media_info {
                    film.progress = progress;
                    // What went wrong in the meantime weighs more.
                    self.notice = self.notice.take().or_else(|| film.flaw().map(Notice::Info));
                }
                self.resume();
            }
            BackendEventKind::ReadFailed(sentence) => self.notice = Some(Notice::Error(sentence)),
            BackendEventKind::Session(event) => self.handle_session_event(event),
            BackendEventKind::Opened(_) | BackendEventKind::OpenFailed(_) => {}
        }
    }

    fn handle_session_event(&mut self, event: SessionEvent) {
        match event {
            SessionEvent::Status(status) => self.handle_status(status),
            // Who follows the conversation has heard it.
            SessionEvent::Message(_) => {}
            SessionEvent::Described(presentation) => self.handle_described(presentation),
            SessionEvent::Started(_) => {
                self.pending_seek = None;
                self.has_ended = false;
            }
            SessionEvent::Waiting(is_waiting) => {
                self.is_waiting = is_waiting;
                if !is_waiting && matches!(self.notice, Some(Notice::NoData(_))) {
                    self.notice = None;
                }
            }
            SessionEvent::EndReached(end) => self.picture_position = Some(end),
            SessionEvent::Ended => {
                self.is_waiting = false;
                self.has_ended = true;
                // It has stood there for the whole film.
                self.notice = self.notice.take().filter(|notice| !matches!(notice, Notice::Info(_)));
            }
            SessionEvent::Failed(SessionError::Unauthorized { was_refused }) => {
                self.request_sign_in(was_refused)
            }
            SessionEvent::Reconnecting(interruption) => self.handle_reconnecting(interruption),
            SessionEvent::Failed(failure) => {
                let sentence = self.error_message(&failure);
                let is_passing = failure.is_transient();
                self.notice =
                    Some(if is_passing { Notice::NoData(sentence) } else { Notice::Error(sentence) });
                self.restore_previous_file();
            }
            SessionEvent::Closed => {
                self.is_waiting = false;
                self.reconnect = None;
                self.pending_seek = None;
                self.has_ended = false;
            }
            SessionEvent::SetUp(_) => {
                self.was_set_up = true;
                self.previous_file = None;
                self.reconnect = None;
            }
        }
    }

    fn handle_status(&mut self, status: SessionStatus) {
        // What an older click has come to is not what the user wants now.
        if status.goal_revision == self.goal_revision {
            self.goal = status.goal;
        }
        self.status = status;
        if self.status.state != RtspState::Init {
            self.reconnect = None;
        }
        self.resume();
    }

    /// The server of a film on this machine is this program itself, and what it refuses is the file's fault.
    fn error_message(&self, error: &SessionError) -> String {
        match (error, &self.source) {
            (SessionError::Refused { status, .. }, Some(source @ Source::Local(_)))
                if [404, 415, 500].contains(&status.code()) =>
            {
                format!("{} is gone or was changed; open it again.", source.name())
            }
            _ => error.to_string(),
        }
    }

    /// A stream is described again and again; what else it holds is told once, and hides nothing that matters more.
    fn handle_described(&mut self, presentation: Presentation) {
        let is_known =
            self.presentation.as_ref().is_some_and(|known| known.other_streams == presentation.other_streams);
        if !is_known && self.notice.is_none() {
            self.notice = presentation.other_streams_note().map(Notice::Info);
        }
        self.presentation = Some(presentation);
    }

    fn request_sign_in(&mut self, was_refused: bool) {
        if let Some(Source::Stream(url, options)) = self.source.clone() {
            self.sign_in_request =
                Some(SignInRequest { url, options, play: self.goal == Goal::Playing, was_refused });
        }
    }

    fn handle_reconnecting(&mut self, reconnecting: ReconnectReason) {
        self.is_waiting = false;
        match reconnecting {
            ReconnectReason::TcpFallback | ReconnectReason::Redirected { .. } => {
                self.notice = Some(Notice::Info(reconnecting.to_string()));
            }
            ReconnectReason::ServerLost { server, attempt, wait } => {
                self.notice = None;
                self.reconnect = Some(ReconnectWait { server, attempt, started_at: Instant::now(), wait });
            }
        }
    }

    /// The server wants user and password; told once.
    pub fn take_sign_in_request(&mut self) -> Option<SignInRequest> {
        self.sign_in_request.take()
    }

    /// A picture is on the screen.
    pub fn set_picture_position(&mut self, position: Option<Npt>) {
        self.picture_position = position.or(self.picture_position);
    }

    /// The user has read it.
    pub fn dismiss_notice(&mut self) {
        self.notice = None;
    }

    /// Something that is good to know.
    pub fn show_info(&mut self, message: impl Into<String>) {
        self.notice = Some(Notice::Info(message.into()));
    }

    /// Something that went wrong outside the backend.
    pub fn show_error(&mut self, message: impl Into<String>) {
        self.notice = Some(Notice::Error(message.into()));
    }

    /// Shows an error that stays when the film that is being opened is open.
    pub fn show_error_while_opening(&mut self, message: String) {
        self.notice = Some(Notice::Error(message));
        if let Some(opening) = &mut self.opening {
            opening.notice.clone_from(&self.notice);
        }
    }

    /// What the user should read.
    pub fn notice(&self) -> Option<&Notice> {
        self.notice.as_ref()
    }

    /// The server that is being connected to for the first time. There is no picture yet that could be looked at.
    pub fn connecting_host(&self) -> Option<&str> {
        let is_wanted = self.goal != Goal::Stopped && self.is_busy();
        let is_first = !self.was_set_up && self.status.state == RtspState::Init;
        self.host().filter(|_| is_wanted && is_first)
    }

    /// The server is gone and is looked for.
    pub fn is_reconnecting(&self) -> bool {
        self.reconnect.is_some()
    }

    /// The server is gone, and is not tried before some time has passed.
    pub fn is_counting_down(&self, now: Instant) -> bool {
        self.reconnect.as_ref().is_some_and(|reconnect| !reconnect.remaining(now).is_zero())
    }

    /// That the server is gone, in words, and what comes next.
    pub fn reconnect_message(&self, now: Instant) -> Option<String> {
        let reconnect = self.reconnect.as_ref()?;
        let (server, remaining) = (reconnect.server.clone(), reconnect.remaining(now));
        if remaining.is_zero() {
            return Some(format!("{server} is gone. Connecting…"));
        }
        // A second that has begun counts.
        let wait =
            Duration::from_secs(u64::try_from(remaining.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX));
        Some(ReconnectReason::ServerLost { server, attempt: reconnect.attempt, wait }.to_string())
    }

    /// No data comes.
    pub fn is_waiting(&self) -> bool {
        self.is_waiting
    }

    /// The film is over.
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// The user has stopped it, and the server knows.
    pub fn has_stopped(&self) -> bool {
        self.goal == Goal::Stopped && self.status.state == RtspState::Init && !self.is_busy()
    }

    /// The number of what is played; its pictures carry it.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// What is played.
    pub fn source(&self) -> Option<&Source> {
        self.source.as_ref()
    }

    /// The server of a stream that comes from elsewhere.
    pub fn host(&self) -> Option<&str> {
        match self.source()? {
            Source::Stream(url, _) => Some(url.host()),
            Source::Local(_) => None,
        }
    }

    /// What it is called.
    pub fn name(&self) -> Option<String> {
        self.source.as_ref().map(Source::name)
    }

    /// What the replies have made of the session.
    pub fn state(&self) -> RtspState {
        self.status.state
    }

    /// What the user wants.
    pub fn goal(&self) -> Goal {
        self.goal
    }

    /// Where the film is.
    pub fn position(&self) -> PlaybackPosition {
        let described_range = self.presentation.as_ref().and_then(|presentation| presentation.range);
        let (length, is_growing, frames) = match &self.media_info {
            Some(film) => {
                let frames = film.progress.frames;
                (Some(film.rate.npt_of(frames)), !film.progress.is_finished(), Some(frames))
            }
            None => {
                let end = described_range.and_then(|range| range.end);
                let frames = end.zip(self.frame_rate()).map(|(end, rate)| rate.first_frame_from(end));
                (end, false, frames)
            }
        };
        let elapsed =
            self.picture_position.map(|position| self.end_position(position, length).unwrap_or(position));
        let frame = elapsed.and_then(|position| frame_number_at(position, self.frame_rate(), frames));
        // A range without a beginning is where it is, and can be asked for nothing else.
        let is_live = self.media_info.is_none() && described_range.is_some_and(|range| range.start.is_none());
        let can_seek = length.is_some() && !is_live && self.status.state != RtspState::Init;
        PlaybackPosition {
            elapsed,
            duration: length,
            is_growing,
            frame_number: frame,
            frame_count: frames,
            can_seek,
        }
    }

    /// The end of the film, once the last picture has had its time. A film that could not be read has ended elsewhere.
    fn end_position(&self, position: Npt, duration: Option<Npt>) -> Option<Npt> {
        let remaining = duration?.as_micros().saturating_sub(position.as_micros());
        duration.filter(|_| self.has_ended && remaining <= END_TOLERANCE_US)
    }

    /// Frames a second, if they are stated.
    pub fn frame_rate(&self) -> Option<FrameRate> {
        let stated = || {
            let rate = self.presentation.as_ref()?.frame_rate?;
            rate.to_string().parse().ok()
        };
        self.media_info.as_ref().map(|film| film.rate).or_else(stated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::SAMPLE_NAME;
    use crate::media::container::ContainerFormat;
    use crate::media::jpeg::Dimensions;
    use crate::media_file::IndexProgress;
    use crate::proto::rtsp::{Response, RtspUrl, StatusCode as RtspStatus};
    use crate::session::SessionError;
    use tokio::sync::mpsc::UnboundedReceiver;

    fn media_info() -> MediaInfo {
        MediaInfo {
            id: 1,
            name: "movie.Mjpeg".to_owned(),
            layout: ContainerFormat::Classroom,
            dimensions: Dimensions { width: 384, height: 288 },
            rate: FrameRate::CLASSROOM,
            progress: IndexProgress { frames: 500, outcome: Some(Default::default()), has_failed: false },
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
    fn three_buttons_follow_goal_immediately() {
        let (mut playback, mut commands) = opened(Goal::Ready);
        let enabled = |playback: &Playback| {
            [Button::Play, Button::Pause, Button::Stop]
                .map(|button| playback.is_enabled(button, Controls::Three))
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
        assert!(commands.try_recv().is_err(), "a button that is not enabled sends nothing");
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
        assert_eq!(playback.goal(), Goal::Ready, "the server refused");
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
        assert_eq!(enabled(&playback), [false; 4], "nothing while a request is in flight");
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
        playback.handle_event(BackendEvent {
            generation: 1,
            kind: BackendEventKind::Session(SessionEvent::Ended),
        });
        assert!(!playback.has_ended());
    }

    #[test]
    fn no_data_notice_clears_when_data_resumes() {
        let (mut playback, _commands) = opened(Goal::Playing);
        let send_event = |playback: &mut Playback, event| {
            playback.handle_event(BackendEvent { generation: 1, kind: BackendEventKind::Session(event) })
        };
        send_event(&mut playback, SessionEvent::Waiting(true));
        send_event(
            &mut playback,
            SessionEvent::Failed(SessionError::NoData { is_udp: true, is_emulated: false }),
        );
        assert!(playback.is_waiting() && playback.notice().is_some());
        send_event(&mut playback, SessionEvent::Waiting(false));
        assert!(!playback.is_waiting() && playback.notice().is_none());
    }

    #[test]
    fn position_at_end_equals_duration() {
        let (mut playback, _commands) = opened(Goal::Playing);
        playback.set_picture_position(Some(Npt::from_micros(24_950_000)));
        playback.handle_event(BackendEvent {
            generation: 1,
            kind: BackendEventKind::Session(SessionEvent::Ended),
        });
        let position = playback.position();
        assert_eq!((position.elapsed, position.frame_number), (position.duration, Some(500)));
        playback.set_picture_position(Some(Npt::from_micros(2_000_000)));
        assert_eq!(playback.position().frame_number, Some(41), "the film could not be read any further");
    }

    #[test]
    fn reopening_at_new_frame_rate_resumes_at_same_frame() {
        for (goal, state) in [(Goal::Playing, RtspState::Playing), (Goal::Ready, RtspState::Ready)] {
            let (mut playback, mut commands) = opened(goal);
            set_status(&mut playback, state, goal, false);
            playback.set_picture_position(Some(Npt::from_micros(5_000_000)));
            playback.reopen();
            assert!(matches!(
                commands.try_recv(),
                Ok(Command::Open { generation: 2, goal: Goal::Ready, .. })
            ));
            let mut faster = media_info();
            faster.rate = FrameRate::per_second(40);
            let known = faster.progress;
            faster.progress = IndexProgress { frames: 100, outcome: None, has_failed: false };
            playback.handle_event(BackendEvent { generation: 2, kind: BackendEventKind::Opened(faster) });
            set_status(&mut playback, RtspState::Ready, Goal::Ready, false);
            assert!(commands.try_recv().is_err(), "the hundredth frame is not known");
            playback
                .handle_event(BackendEvent { generation: 2, kind: BackendEventKind::IndexProgress(known) });
            let Ok(Command::Session { generation: 2, command: SessionCommand::Seek(position) }) =
                commands.try_recv()
            else {
                panic!("{goal:?}")
            };
            assert_eq!(position.as_micros(), 2_500_000, "a hundred frames are half as long");
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
        let options = RtspOptions::for_source(&url());
        let (mut playback, mut commands) = opened(Goal::Playing);
        set_status(&mut playback, RtspState::Playing, Goal::Playing, false);
        playback.set_picture_position(Some(Npt::from_micros(5_000_000)));
        playback.connect(url(), options, Goal::Playing);
        // The first is not taken, and the second is refused.
        playback.connect(url(), options, Goal::Playing);
        while commands.try_recv().is_ok() {}
        let failure = SessionError::Unauthorized { was_refused: true };
        let tell_failure = |playback: &mut Playback, failure| {
            let kind = BackendEventKind::Session(SessionEvent::Failed(failure));
            playback.handle_event(BackendEvent { generation: playback.generation, kind });
        };
        tell_failure(&mut playback, failure);
        assert!(commands.try_recv().is_err(), "it may be signed in");
        let refused = SessionError::Unreachable { server: "h".to_owned(), reason: "gone".to_owned() };
        let expected_notice = Some(Notice::Error(refused.to_string()));
        tell_failure(&mut playback, refused);
        let command = commands.try_recv();
        assert!(matches!(command, Ok(Command::Open { generation: 4, goal: Goal::Ready, .. })), "{command:?}");
        assert_eq!(playback.notice(), expected_notice.as_ref());
        playback.handle_event(BackendEvent { generation: 4, kind: BackendEventKind::Opened(media_info()) });
        set_status(&mut playback, RtspState::Ready, Goal::Ready, false);
        assert_eq!(playback.notice(), expected_notice.as_ref());
        let Ok(Command::Session { generation: 4, command: SessionCommand::Seek(position) }) =
            commands.try_recv()
        else {
            panic!()
        };
        assert_eq!(position.as_micros(), 5_000_000);
        assert!(matches!(commands.try_recv(), Ok(Command::Preview(100))));
        assert!(commands.try_recv().is_err(), "it stands still");

        let (mut playback, mut commands) = opened(Goal::Ready);
        playback.connect(url(), options, Goal::Ready);
        let kind = BackendEventKind::Session(SessionEvent::SetUp(crate::proto::rtsp::LowerTransport::Udp));
        playback.handle_event(BackendEvent { generation: playback.generation, kind });
        while commands.try_recv().is_ok() {}
        tell_failure(&mut playback, SessionError::ConnectionLost { server: "h".to_owned() });
        assert!(commands.try_recv().is_err(), "it has taken the film's place");
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
        let hint = "The stream also holds PCMU audio, which Reelay does not play.";
        assert_eq!(playback.notice(), Some(&Notice::Info(hint.to_owned())));
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
}
