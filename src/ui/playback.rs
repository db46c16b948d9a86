//! What is being played, as the window knows it: what the user wants, what the backend has told, and what follows.

use std::time::{Duration, Instant};

use crate::backend::{Command, Event, EventKind, FilmSource, Handle};
use crate::media::FrameRate;
use crate::media_file::MediaInfo;
use crate::proto::rtsp::Npt;
use crate::session::{
    Command as SessionCommand, Event as SessionEvent, Failure, Goal, Interruption, MachineOptions,
    Presentation, RtspState, SourceUrl, Status,
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
    Film(FilmSource),
    /// A stream from somewhere.
    Stream(SourceUrl, MachineOptions),
}

impl Source {
    fn name(&self) -> String {
        match self {
            Self::Film(source) => source.name(),
            Self::Stream(url, _) => url.name(),
        }
    }
}

/// Something for the user to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Something went wrong; what, and what to try.
    Trouble(String),
    /// Nothing comes; it passes by itself.
    NoData(String),
    /// Something that is good to know.
    Hint(String),
}

impl Notice {
    /// The words.
    pub fn text(&self) -> &str {
        match self {
            Self::Trouble(text) | Self::NoData(text) | Self::Hint(text) => text,
        }
    }
}

/// The server is gone and is looked for; there is no session until it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Away {
    server: String,
    attempt: u32,
    since: Instant,
    /// How long until it is tried.
    wait: Duration,
}

impl Away {
    fn left(&self, now: Instant) -> Duration {
        self.wait.saturating_sub(now.saturating_duration_since(self.since))
    }
}

/// The server wants user and password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// What it wants them for.
    pub url: SourceUrl,
    /// How the stream is played.
    pub options: MachineOptions,
    /// The user wanted it to play.
    pub play: bool,
    /// Some were given, and not taken.
    pub was_refused: bool,
}

/// What is played and how far it is.
#[derive(Debug)]
pub struct Playback {
    backend: Handle,
    /// Given to each thing that is opened; what the backend tells of an older one is of no interest.
    generation: u64,
    next_generation: u64,
    /// What is being opened; what was open goes on until that has succeeded.
    opening: Option<Opening>,
    /// The film that was open when a stream was asked for, until that has been set up.
    left: Option<Left>,
    source: Option<Source>,
    film: Option<MediaInfo>,
    presentation: Option<Presentation>,
    status: Status,
    /// What the user wants; the backend may not have heard of it yet.
    goal: Goal,
    wishes: u64,
    position: Option<Npt>,
    /// Where a stream was moved to while it stood still; its picture is known only when it plays on.
    moved_to: Option<Npt>,
    /// Where a film that was opened anew is to go on, once it is set up and its index reaches so far.
    resume: Option<Resume>,
    /// There has been a session.
    was_set_up: bool,
    is_waiting: bool,
    away: Option<Away>,
    has_ended: bool,
    notice: Option<Notice>,
    sign_in: Option<SignIn>,
}

/// Something that is being opened.
#[derive(Debug, Clone, PartialEq)]
struct Opening {
    generation: u64,
    source: Source,
    goal: Goal,
    resume: Option<Resume>,
    /// What is to be read once it is open.
    notice: Option<Notice>,
}

/// A film to go back to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Left {
    source: FilmSource,
    goal: Goal,
    resume: Option<Resume>,
}

/// Where a film goes on, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Resume {
    frame: u64,
    goal: Goal,
}

/// Where the film is, for the time line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// The position on the screen.
    pub elapsed: Option<Npt>,
    /// The length, or what is known of it.
    pub length: Option<Npt>,
    /// More may become known.
    pub is_growing: bool,
    /// The frame on the screen, counted from 1.
    pub frame: Option<u64>,
    /// How many there are, or are known.
    pub frames: Option<u64>,
    /// The position can be moved.
    pub can_seek: bool,
}

impl Place {
    /// As it would be elsewhere in the film.
    pub fn moved_to(self, position: Npt, rate: Option<FrameRate>) -> Self {
        Self { elapsed: Some(position), frame: frame_at(position, rate, self.frames), ..self }
    }
}

/// The number of the frame at this position, from 1.
fn frame_at(position: Npt, rate: Option<FrameRate>, frames: Option<u64>) -> Option<u64> {
    rate.map(|rate| (rate.frame_at(position) + 1).min(frames.unwrap_or(u64::MAX)))
}

/// Microseconds: the last picture to arrive is no further from the end, be it that some are lost.
const LAST_FRAMES: u64 = 500_000;

impl Playback {
    /// Nothing is played.
    pub fn new(backend: Handle) -> Self {
        Self {
            backend,
            generation: 0,
            next_generation: 1,
            opening: None,
            left: None,
            source: None,
            film: None,
            presentation: None,
            status: Status::IDLE,
            goal: Goal::Stopped,
            wishes: 0,
            position: None,
            moved_to: None,
            resume: None,
            was_set_up: false,
            is_waiting: false,
            away: None,
            has_ended: false,
            notice: None,
            sign_in: None,
        }
    }

    /// Plays a film. What is played now goes on until it is open.
    pub fn open(&mut self, source: FilmSource, goal: Goal) {
        self.open_at(source, goal, None);
    }

    fn open_at(&mut self, source: FilmSource, goal: Goal, resume: Option<Resume>) {
        let generation = self.take_generation();
        self.notice = None;
        let film = Source::Film(source.clone());
        self.opening = Some(Opening { generation, source: film, goal, resume, notice: None });
        self.backend.send(Command::Open { generation, source, goal });
    }

    /// Plays a stream. If it cannot be set up, what is open now is open again.
    pub fn connect(&mut self, url: SourceUrl, options: MachineOptions, goal: Goal) {
        let generation = self.take_generation();
        let left = self.leave();
        self.backend.send(Command::Connect { generation, url: url.clone(), options, goal });
        self.adopt(generation, Source::Stream(url, options), goal);
        self.left = left;
    }

    /// What is open, to be open again where it is, but standing still.
    fn leave(&mut self) -> Option<Left> {
        let Some(Source::Film(source)) = self.source.clone() else { return self.left.take() };
        let goal = if self.goal == Goal::Stopped { Goal::Stopped } else { Goal::Ready };
        let resume = self.place_to_resume().map(|resume| Resume { goal, ..resume });
        Some(Left { source, goal, resume })
    }

    /// Opens what was left for a stream that is not to be had; what is to be read stays.
    fn go_back(&mut self) {
        let Some(Left { source, goal, resume }) = self.left.take() else { return };
        let notice = self.notice.take();
        self.open_at(source, goal, resume);
        self.notice.clone_from(&notice);
        if let Some(opening) = &mut self.opening {
            opening.notice = notice;
        }
    }

    /// Opens the same film again, at a new rate for instance, and goes on at the same frame.
    pub fn reopen(&mut self) {
        if let Some(Opening { source: Source::Film(source), goal, resume, .. }) = self.opening.clone() {
            return self.open_at(source, goal, resume);
        }
        let Some(Source::Film(source)) = self.source.clone() else { return };
        match self.place_to_resume() {
            // It is set up and moved before it plays, so that its beginning is not seen.
            Some(resume) => self.open_at(source, Goal::Ready, Some(resume)),
            None => self.open(source, self.goal),
        }
    }

    /// A film that has ended, or is stopped, begins anew.
    fn place_to_resume(&self) -> Option<Resume> {
        let is_in_the_middle = self.goal != Goal::Stopped && !self.has_ended;
        let frame = || self.place().frame.filter(|_| is_in_the_middle)?.checked_sub(1);
        self.resume.or_else(|| Some(Resume { frame: frame()?, goal: self.goal }))
    }

    fn resume(&mut self) {
        let (Some(Resume { frame, goal }), Some(film)) = (self.resume, &self.film) else { return };
        let progress = film.progress;
        let is_known = progress.frames > frame || progress.is_over();
        if is_known && self.status.state == RtspState::Ready && !self.is_busy() {
            self.resume = None;
            self.seek(film.rate.npt_of(frame.min(progress.frames.saturating_sub(1))));
            if goal == Goal::Playing {
                self.set_goal(goal);
            }
        }
    }

    fn take_generation(&mut self) -> u64 {
        let generation = self.next_generation;
        self.next_generation += 1;
        generation
    }

    fn adopt(&mut self, generation: u64, source: Source, goal: Goal) {
        *self = Self {
            generation,
            next_generation: self.next_generation,
            source: Some(source),
            goal,
            // The backend passes on a goal that is not where every session begins.
            wishes: u64::from(goal != Goal::Stopped),
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
        self.wishes += 1;
        self.notice = None;
        self.has_ended = false;
        match (goal, &mut self.away) {
            (Goal::Stopped, away) => {
                self.position = Some(Npt::ZERO);
                self.moved_to = None;
                self.is_waiting = false;
                *away = None;
            }
            // Whatever else is wanted during the wait, it is tried at once.
            (_, away) => away.iter_mut().for_each(|away| away.wait = Duration::ZERO),
        }
        self.command(SessionCommand::SetGoal(goal));
    }

    /// Passes a wish on to the session of what is played.
    fn command(&self, command: SessionCommand) {
        self.backend.send(Command::Session { generation: self.generation, command });
    }

    /// The user does not want to wait for the server any longer.
    pub fn give_up(&mut self) {
        self.set_goal(Goal::Stopped);
        self.go_back();
    }

    /// The user does not give the server the password that it wants.
    pub fn turn_away(&mut self, sentence: impl Into<String>) {
        self.complain(sentence);
        self.go_back();
    }

    /// The user does not want to wait until the server is tried again.
    pub fn try_now(&mut self) {
        self.set_goal(self.goal);
    }

    /// Nothing is open, or about to be.
    pub fn has_nothing(&self) -> bool {
        self.source.is_none() && self.opening.is_none()
    }

    /// The button that leads one step on.
    pub fn next_step(&self, controls: Controls) -> Button {
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
        self.status.is_busy || self.status.wishes != self.wishes
    }

    /// The time line was moved here.
    pub fn seek(&mut self, position: Npt) {
        self.resume = None;
        self.has_ended = false;
        self.position = Some(position);
        self.command(SessionCommand::Seek(position));
        if self.goal != Goal::Playing {
            self.moved_to = Some(position);
            self.preview(position);
        }
    }

    /// Where it goes on, if that is not where the picture is. A film on this machine shows its picture at once.
    pub fn goes_on_at(&self, moving: Option<Npt>) -> Option<Npt> {
        let is_elsewhere = self.film.is_none() && self.goal != Goal::Playing;
        moving.or(self.moved_to).filter(|_| is_elsewhere)
    }

    /// Shows what is at a position, if the film is on this machine.
    pub fn preview(&self, position: Npt) {
        if let Some(film) = &self.film {
            let last = film.progress.frames.saturating_sub(1);
            self.backend.send(Command::Preview(film.rate.frame_at(position).min(last)));
        }
    }

    /// The backend has told something.
    pub fn take(&mut self, event: Event) {
        let Event { generation, kind } = event;
        let is_opening = self.opening.as_ref().is_some_and(|opening| opening.generation == generation);
        match kind {
            EventKind::Opened(film) if is_opening => {
                if let Some(Opening { generation, source, goal, resume, notice }) = self.opening.take() {
                    self.adopt(generation, source, goal);
                    self.resume = resume;
                    self.notice = notice.or_else(|| film.flaw().map(Notice::Hint));
                    self.film = Some(film);
                }
            }
            EventKind::OpenFailed(sentence) if is_opening => {
                self.opening = None;
                self.notice = Some(Notice::Trouble(sentence));
            }
            _ if generation != self.generation => {}
            EventKind::Progressed(progress) => {
                if let Some(film) = &mut self.film {
                    film.progress = progress;
                    // What went wrong in the meantime weighs more.
                    self.notice = self.notice.take().or_else(|| film.flaw().map(Notice::Hint));
                }
                self.resume();
            }
            EventKind::FilmFailed(sentence) => self.notice = Some(Notice::Trouble(sentence)),
            EventKind::Session(event) => self.take_session_event(event),
            EventKind::Opened(_) | EventKind::OpenFailed(_) => {}
        }
    }

    fn take_session_event(&mut self, event: SessionEvent) {
        match event {
            SessionEvent::Status(status) => self.take_status(status),
            // Who follows the conversation has heard it.
            SessionEvent::Said(_) => {}
            SessionEvent::Described(presentation) => self.described(presentation),
            SessionEvent::Started(_) => {
                self.moved_to = None;
                self.has_ended = false;
            }
            SessionEvent::Waiting(is_waiting) => {
                self.is_waiting = is_waiting;
                if !is_waiting && matches!(self.notice, Some(Notice::NoData(_))) {
                    self.notice = None;
                }
            }
            SessionEvent::Reached(end) => self.position = Some(end),
            SessionEvent::Ended => {
                self.is_waiting = false;
                self.has_ended = true;
                // It has stood there for the whole film.
                self.notice = self.notice.take().filter(|notice| !matches!(notice, Notice::Hint(_)));
            }
            SessionEvent::Failed(Failure::Unauthorized { was_refused }) => self.ask_for_sign_in(was_refused),
            SessionEvent::Interrupted(interruption) => self.interrupted(interruption),
            SessionEvent::Failed(failure) => {
                let sentence = self.explain(&failure);
                let is_passing = failure.is_passing();
                self.notice =
                    Some(if is_passing { Notice::NoData(sentence) } else { Notice::Trouble(sentence) });
                self.go_back();
            }
            SessionEvent::Closed => {
                self.is_waiting = false;
                self.away = None;
                self.moved_to = None;
                self.has_ended = false;
            }
            SessionEvent::SetUp(_) => {
                self.was_set_up = true;
                self.left = None;
                self.away = None;
            }
        }
    }

    fn take_status(&mut self, status: Status) {
        // What an older click has come to is not what the user wants now.
        if status.wishes == self.wishes {
            self.goal = status.goal;
        }
        self.status = status;
        if self.status.state != RtspState::Init {
            self.away = None;
        }
        self.resume();
    }

    /// The server of a film on this machine is this program itself, and what it refuses is the file's fault.
    fn explain(&self, failure: &Failure) -> String {
        match (failure, &self.source) {
            (Failure::Refused { status, .. }, Some(source @ Source::Film(_)))
                if [404, 415, 500].contains(&status.code()) =>
            {
                format!("{} is gone or was changed; open it again.", source.name())
            }
            _ => failure.to_string(),
        }
    }

    /// A stream is described again and again; what else it holds is told once, and hides nothing that matters more.
    fn described(&mut self, presentation: Presentation) {
        let is_known = self.presentation.as_ref().is_some_and(|known| known.others == presentation.others);
        if !is_known && self.notice.is_none() {
            self.notice = presentation.on_others().map(Notice::Hint);
        }
        self.presentation = Some(presentation);
    }

    fn ask_for_sign_in(&mut self, was_refused: bool) {
        if let Some(Source::Stream(url, options)) = self.source.clone() {
            self.sign_in = Some(SignIn { url, options, play: self.goal == Goal::Playing, was_refused });
        }
    }

    fn interrupted(&mut self, interruption: Interruption) {
        self.is_waiting = false;
        match interruption {
            Interruption::FellBack | Interruption::Redirected { .. } => {
                self.notice = Some(Notice::Hint(interruption.to_string()));
            }
            Interruption::Lost { server, attempt, wait } => {
                self.notice = None;
                self.away = Some(Away { server, attempt, since: Instant::now(), wait });
            }
        }
    }

    /// The server wants user and password; told once.
    pub fn take_sign_in(&mut self) -> Option<SignIn> {
        self.sign_in.take()
    }

    /// A picture is on the screen.
    pub fn shown(&mut self, position: Option<Npt>) {
        self.position = position.or(self.position);
    }

    /// The user has read it.
    pub fn dismiss_notice(&mut self) {
        self.notice = None;
    }

    /// Something that is good to know.
    pub fn inform(&mut self, sentence: impl Into<String>) {
        self.notice = Some(Notice::Hint(sentence.into()));
    }

    /// Something that went wrong outside the backend.
    pub fn complain(&mut self, sentence: impl Into<String>) {
        self.notice = Some(Notice::Trouble(sentence.into()));
    }

    /// What the user should read.
    pub fn notice(&self) -> Option<&Notice> {
        self.notice.as_ref()
    }

    /// The server that is being connected to for the first time. There is no picture yet that could be looked at.
    pub fn connecting_to(&self) -> Option<&str> {
        let is_wanted = self.goal != Goal::Stopped && self.is_busy();
        let is_first = !self.was_set_up && self.status.state == RtspState::Init;
        self.host().filter(|_| is_wanted && is_first)
    }

    /// The server is gone and is looked for.
    pub fn is_away(&self) -> bool {
        self.away.is_some()
    }

    /// The server is gone, and is not tried before some time has passed.
    pub fn is_counting_down(&self, now: Instant) -> bool {
        self.away.as_ref().is_some_and(|away| !away.left(now).is_zero())
    }

    /// That the server is gone, in words, and what comes next.
    pub fn on_absence(&self, now: Instant) -> Option<String> {
        let away = self.away.as_ref()?;
        let (server, left) = (away.server.clone(), away.left(now));
        if left.is_zero() {
            return Some(format!("{server} is gone. Connecting…"));
        }
        // A second that has begun counts.
        let wait = Duration::from_secs(u64::try_from(left.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX));
        Some(Interruption::Lost { server, attempt: away.attempt, wait }.to_string())
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
            Source::Film(_) => None,
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
    pub fn place(&self) -> Place {
        let described = self.presentation.as_ref().and_then(|presentation| presentation.range);
        let (length, is_growing, frames) = match &self.film {
            Some(film) => {
                let frames = film.progress.frames;
                (Some(film.rate.npt_of(frames)), !film.progress.is_over(), Some(frames))
            }
            None => {
                let end = described.and_then(|range| range.end);
                let frames = end.zip(self.rate()).map(|(end, rate)| rate.first_frame_from(end));
                (end, false, frames)
            }
        };
        let elapsed =
            self.position.map(|position| self.behind_last_frame(position, length).unwrap_or(position));
        let frame = elapsed.and_then(|position| frame_at(position, self.rate(), frames));
        // A range without a beginning is where it is, and can be asked for nothing else.
        let is_live = self.film.is_none() && described.is_some_and(|range| range.start.is_none());
        let can_seek = length.is_some() && !is_live && self.status.state != RtspState::Init;
        Place { elapsed, length, is_growing, frame, frames, can_seek }
    }

    /// The end of the film, once the last picture has had its time. A film that could not be read has ended elsewhere.
    fn behind_last_frame(&self, position: Npt, length: Option<Npt>) -> Option<Npt> {
        let left = length?.as_micros().saturating_sub(position.as_micros());
        length.filter(|_| self.has_ended && left <= LAST_FRAMES)
    }

    /// Frames a second, if they are stated.
    pub fn rate(&self) -> Option<FrameRate> {
        let stated = || {
            let rate = self.presentation.as_ref()?.frame_rate?;
            rate.to_string().parse().ok()
        };
        self.film.as_ref().map(|film| film.rate).or_else(stated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::SAMPLE_NAME;
    use crate::media::container::Layout;
    use crate::media::jpeg::Dimensions;
    use crate::media_file::Progress;
    use crate::proto::rtsp::{Response, RtspUrl, Status as RtspStatus};
    use crate::session::Failure;
    use tokio::sync::mpsc::UnboundedReceiver;

    fn film() -> MediaInfo {
        MediaInfo {
            id: 1,
            name: "movie.Mjpeg".to_owned(),
            layout: Layout::Classroom,
            dimensions: Dimensions { width: 384, height: 288 },
            rate: FrameRate::CLASSROOM,
            progress: Progress { frames: 500, outcome: Some(Default::default()), failed: false },
        }
    }

    fn opened(goal: Goal) -> (Playback, UnboundedReceiver<Command>) {
        let (backend, mut commands) = Handle::detached();
        let mut playback = Playback::new(backend);
        playback.open(FilmSource::Sample, goal);
        assert!(matches!(commands.try_recv(), Ok(Command::Open { generation: 1, .. })));
        playback.take(Event { generation: 1, kind: EventKind::Opened(film()) });
        (playback, commands)
    }

    fn tell(playback: &mut Playback, state: RtspState, goal: Goal, is_busy: bool) {
        let status = Status { state, goal, in_flight: None, is_busy, wishes: playback.wishes };
        let kind = EventKind::Session(SessionEvent::Status(status));
        playback.take(Event { generation: playback.generation, kind });
    }

    #[test]
    fn three_buttons_follow_the_users_wish_at_once() {
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
    fn what_an_older_click_has_come_to_does_not_undo_a_newer_one() {
        let (mut playback, _commands) = opened(Goal::Ready);
        tell(&mut playback, RtspState::Ready, Goal::Ready, false);
        let old =
            Status { state: RtspState::Ready, goal: Goal::Ready, in_flight: None, is_busy: false, wishes: 1 };
        playback.press(Button::Play, Controls::Three);
        playback.take(Event { generation: 1, kind: EventKind::Session(SessionEvent::Status(old)) });
        assert_eq!(playback.goal(), Goal::Playing);
        assert!(playback.is_busy());
        tell(&mut playback, RtspState::Ready, Goal::Ready, false);
        assert_eq!(playback.goal(), Goal::Ready, "the server refused");
    }

    #[test]
    fn four_buttons_follow_the_state_diagram() {
        let (mut playback, _commands) = opened(Goal::Stopped);
        let enabled = |playback: &Playback| {
            [Button::Setup, Button::Play, Button::Pause, Button::Teardown]
                .map(|button| playback.is_enabled(button, Controls::Four))
        };
        assert_eq!(enabled(&playback), [true, false, false, false]);
        playback.press(Button::Setup, Controls::Four);
        assert_eq!(enabled(&playback), [false; 4], "nothing while a request is in flight");
        tell(&mut playback, RtspState::Init, Goal::Ready, true);
        assert_eq!(enabled(&playback), [false; 4]);
        tell(&mut playback, RtspState::Ready, Goal::Ready, false);
        assert_eq!(enabled(&playback), [false, true, false, true]);
        tell(&mut playback, RtspState::Playing, Goal::Playing, false);
        assert_eq!(enabled(&playback), [false, false, true, true]);
    }

    #[test]
    fn a_film_that_cannot_be_opened_leaves_everything_as_it_was() {
        let (mut playback, _commands) = opened(Goal::Playing);
        playback.open(FilmSource::File("other.mjpeg".into()), Goal::Ready);
        let failed = EventKind::OpenFailed("other.mjpeg is empty; choose another file.".to_owned());
        playback.take(Event { generation: 2, kind: failed });
        assert_eq!((playback.name().as_deref(), playback.goal()), (Some(SAMPLE_NAME), Goal::Playing));
        assert!(playback.notice().is_some_and(|notice| notice.text().contains("is empty")));
    }

    #[test]
    fn what_is_told_of_something_older_is_of_no_interest() {
        let (mut playback, _commands) = opened(Goal::Playing);
        playback.open(FilmSource::Sample, Goal::Ready);
        playback.take(Event { generation: 2, kind: EventKind::Opened(film()) });
        playback.take(Event { generation: 1, kind: EventKind::Session(SessionEvent::Ended) });
        assert!(!playback.has_ended());
    }

    #[test]
    fn trouble_that_passes_takes_its_notice_along() {
        let (mut playback, _commands) = opened(Goal::Playing);
        let tell = |playback: &mut Playback, event| {
            playback.take(Event { generation: 1, kind: EventKind::Session(event) })
        };
        tell(&mut playback, SessionEvent::Waiting(true));
        tell(&mut playback, SessionEvent::Failed(Failure::NoData { by_udp: true, is_emulated: false }));
        assert!(playback.is_waiting() && playback.notice().is_some());
        tell(&mut playback, SessionEvent::Waiting(false));
        assert!(!playback.is_waiting() && playback.notice().is_none());
    }

    #[test]
    fn the_end_is_behind_the_last_frame() {
        let (mut playback, _commands) = opened(Goal::Playing);
        playback.shown(Some(Npt::from_micros(24_950_000)));
        playback.take(Event { generation: 1, kind: EventKind::Session(SessionEvent::Ended) });
        let place = playback.place();
        assert_eq!((place.elapsed, place.frame), (place.length, Some(500)));
        playback.shown(Some(Npt::from_micros(2_000_000)));
        assert_eq!(playback.place().frame, Some(41), "the film could not be read any further");
    }

    #[test]
    fn a_film_at_a_new_rate_goes_on_at_the_same_frame_as_soon_as_that_is_known() {
        for (goal, state) in [(Goal::Playing, RtspState::Playing), (Goal::Ready, RtspState::Ready)] {
            let (mut playback, mut commands) = opened(goal);
            tell(&mut playback, state, goal, false);
            playback.shown(Some(Npt::from_micros(5_000_000)));
            playback.reopen();
            assert!(matches!(
                commands.try_recv(),
                Ok(Command::Open { generation: 2, goal: Goal::Ready, .. })
            ));
            let mut faster = film();
            faster.rate = FrameRate::whole(40);
            let known = faster.progress;
            faster.progress = Progress { frames: 100, outcome: None, failed: false };
            playback.take(Event { generation: 2, kind: EventKind::Opened(faster) });
            tell(&mut playback, RtspState::Ready, Goal::Ready, false);
            assert!(commands.try_recv().is_err(), "the hundredth frame is not known");
            playback.take(Event { generation: 2, kind: EventKind::Progressed(known) });
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
    fn a_stream_that_is_not_to_be_had_gives_the_film_back_where_it_was() {
        let url = || SourceUrl::from(RtspUrl::parse("rtsp://h/x").unwrap());
        let options = MachineOptions::for_source(&url());
        let (mut playback, mut commands) = opened(Goal::Playing);
        tell(&mut playback, RtspState::Playing, Goal::Playing, false);
        playback.shown(Some(Npt::from_micros(5_000_000)));
        playback.connect(url(), options, Goal::Playing);
        // The first is not taken, and the second is refused.
        playback.connect(url(), options, Goal::Playing);
        while commands.try_recv().is_ok() {}
        let failure = Failure::Unauthorized { was_refused: true };
        let tell_failure = |playback: &mut Playback, failure| {
            let kind = EventKind::Session(SessionEvent::Failed(failure));
            playback.take(Event { generation: playback.generation, kind });
        };
        tell_failure(&mut playback, failure);
        assert!(commands.try_recv().is_err(), "it may be signed in");
        let refused = Failure::Unreachable { server: "h".to_owned(), why: "gone".to_owned() };
        let words = Some(Notice::Trouble(refused.to_string()));
        tell_failure(&mut playback, refused);
        let back = commands.try_recv();
        assert!(matches!(back, Ok(Command::Open { generation: 4, goal: Goal::Ready, .. })), "{back:?}");
        assert_eq!(playback.notice(), words.as_ref());
        playback.take(Event { generation: 4, kind: EventKind::Opened(film()) });
        tell(&mut playback, RtspState::Ready, Goal::Ready, false);
        assert_eq!(playback.notice(), words.as_ref());
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
        let kind = EventKind::Session(SessionEvent::SetUp(crate::proto::rtsp::Lower::Udp));
        playback.take(Event { generation: playback.generation, kind });
        while commands.try_recv().is_ok() {}
        tell_failure(&mut playback, Failure::ConnectionLost { server: "h".to_owned() });
        assert!(commands.try_recv().is_err(), "it has taken the film's place");
    }

    #[test]
    fn what_else_a_stream_holds_is_told_once() {
        let (mut playback, _commands) = opened(Goal::Playing);
        let tell = |playback: &mut Playback, event| {
            playback.take(Event { generation: 1, kind: EventKind::Session(event) })
        };
        let sdp = "v=0\nm=audio 0 RTP/AVP 0\nm=video 0 RTP/AVP 26\n";
        let response = Response::new(RtspStatus::OK).with_body("application/sdp", sdp);
        let with_sound = Presentation::read(&response, &RtspUrl::parse("rtsp://h/x").unwrap()).unwrap();
        tell(&mut playback, SessionEvent::Described(with_sound.clone()));
        let hint = "The stream also holds PCMU audio, which Reelay does not play.";
        assert_eq!(playback.notice(), Some(&Notice::Hint(hint.to_owned())));
        playback.dismiss_notice();
        tell(&mut playback, SessionEvent::Described(with_sound));
        assert_eq!(playback.notice(), None);
    }

    #[test]
    fn the_place_counts_frames_from_one() {
        let (mut playback, _commands) = opened(Goal::Ready);
        playback.shown(Some(Npt::from_micros(3_150_000)));
        let place = playback.place();
        assert_eq!((place.frame, place.frames), (Some(64), Some(500)));
        assert_eq!(place.length, Some(Npt::from_micros(25_000_000)));
        assert!(!place.can_seek && !place.is_growing);
    }
}
