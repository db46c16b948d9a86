//! State of playback: fields, their types, and getters that need no computation.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::notice::Notice;
use super::source::Source;
use crate::backend::{BackendHandle, MediaSource};
use crate::format::enumerated;
use crate::media_file::MediaInfo;
use crate::proto::rtsp::{Factor, Npt};
use crate::session::{
    Dialect, Goal, Presentation, RtspState, SessionStatus, SourceUrl, SpeedRefusal, StreamOptions,
    UntrustedCertificate,
};

/// Time from the report that data is missing, which follows 0.5 s of silence, to the banner.
const WAITING_BANNER_DELAY: Duration = Duration::from_secs(1);

/// Media that is open or being opened, and the state of its session.
#[derive(Debug)]
pub struct Playback {
    pub(super) backend: BackendHandle,
    /// Number of the current media. Each [`Playback::open`] and [`Playback::connect`] takes the next number; events and
    /// pictures with an older one are ignored.
    pub(super) generation: u64,
    pub(super) next_generation: u64,
    /// File that is being opened; the current media continues until that has succeeded.
    pub(super) opening: Option<Opening>,
    /// File that was open before [`Playback::connect`], kept until SETUP of the stream has succeeded.
    pub(super) previous_file: Option<PreviousFile>,
    pub(super) source: Option<Source>,
    /// `None` for a remote stream.
    pub(super) media_info: Option<MediaInfo>,
    /// Response to DESCRIBE; `None` before it.
    pub(super) presentation: Option<Presentation>,
    pub(super) status: SessionStatus,
    /// Goal that the user has set last; the session may not know it yet.
    pub(super) goal: Goal,
    /// Speed that the user has chosen; it stays when other media are opened.
    pub(super) speed: Factor,
    /// Speed at which the server plays instead of `speed`, if it has said so.
    pub(super) played_speed: Option<Factor>,
    /// Reason why the server plays at its own speed only; `None` if it has not said so.
    pub(super) speed_refusal: Option<SpeedRefusal>,
    /// Number of goals set in this generation. `status.goal_revision` equals it once the session knows the last one.
    pub(super) goal_revision: u64,
    /// Position on the time line: that of the last picture, of the last seek, or the end.
    pub(super) line_position: Option<Npt>,
    /// Position of the picture that is shown.
    pub(super) picture_position: Option<Npt>,
    /// Target of a seek in a remote stream that is not playing; its frame is received only after PLAY.
    pub(super) pending_seek: Option<Npt>,
    /// Position at which a reopened file continues, once it is set up and its index reaches that frame.
    pub(super) resume: Option<ResumePoint>,
    /// True after the first successful SETUP of this generation.
    pub(super) was_set_up: bool,
    /// Time at which data was reported as missing; `None` while it arrives.
    pub(super) waiting_since: Option<Instant>,
    pub(super) reconnect: Option<ReconnectWait>,
    pub(super) has_ended: bool,
    pub(super) notice: Option<Notice>,
    pub(super) sign_in_request: Option<SignInRequest>,
    pub(super) trust_request: Option<TrustRequest>,
}

/// File that is being opened.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Opening {
    pub generation: u64,
    pub source: Source,
    pub goal: Goal,
    pub resume: Option<ResumePoint>,
    /// Notice to show once the file is open.
    pub notice: Option<Notice>,
    /// Time of the request to open it.
    pub started_at: Instant,
    /// The file is opened again, because a stream could not be set up.
    pub(super) is_return: bool,
}

impl Opening {
    /// Returns the goal after the frame at which the film continues, if there is one.
    pub fn final_goal(&self) -> Goal {
        self.resume.map_or(self.goal, |resume| resume.goal)
    }
}

/// File to reopen if a stream cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PreviousFile {
    pub source: MediaSource,
    pub goal: Goal,
    pub resume: Option<ResumePoint>,
}

/// Frame at which a reopened file continues, by its index from 0, and the goal from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ResumePoint {
    pub frame: u64,
    pub goal: Goal,
}

/// Wait before the next attempt to reach a lost or busy server. No session exists meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReconnectWait {
    /// Host and port of the lost server.
    pub server: String,
    /// Number of the next attempt, from 1.
    pub attempt: u32,
    /// True if the server was not lost, but is busy.
    pub is_busy: bool,
    pub started_at: Instant,
    /// Time from `started_at` to the attempt.
    pub wait: Duration,
}

/// Request for a user name and password, to be shown as a dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInRequest {
    /// URL that requires them.
    pub url: SourceUrl,
    /// Options to connect with again.
    pub options: StreamOptions,
    /// True if the stream was to be played.
    pub play: bool,
    /// True if the server has refused the credentials in `url`.
    pub was_refused: bool,
}

/// Request to look at a certificate that is not trusted, to be shown as a dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustRequest {
    /// URL of the stream; the certificate may be that of another server, to which it redirects.
    pub url: SourceUrl,
    /// Options to connect with again.
    pub options: StreamOptions,
    /// True if the stream was to be played.
    pub play: bool,
    /// Certificate that was not accepted.
    pub certificate: UntrustedCertificate,
}

impl Playback {
    /// Creates a playback without media.
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
            speed: Factor::ONE,
            played_speed: None,
            speed_refusal: None,
            line_position: None,
            picture_position: None,
            pending_seek: None,
            resume: None,
            was_set_up: false,
            waiting_since: None,
            reconnect: None,
            has_ended: false,
            notice: None,
            sign_in_request: None,
            trust_request: None,
        }
    }

    /// Returns the number of the current media, which its events and pictures carry.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Returns the origin of the current media; `None` if nothing is open.
    pub fn source(&self) -> Option<&Source> {
        self.source.as_ref()
    }

    /// Returns the name of the current media.
    pub fn name(&self) -> Option<String> {
        self.source.as_ref().map(Source::name)
    }

    /// Returns the host of a remote stream; `None` for a local file.
    pub fn host(&self) -> Option<&str> {
        match self.source()? {
            Source::Stream(url, _) => Some(url.host()),
            Source::Local(_) => None,
        }
    }

    /// Returns host and port of a remote stream; `None` for a local file.
    pub fn host_and_port(&self) -> Option<String> {
        match self.source()? {
            Source::Stream(url, _) => Some(url.host_and_port()),
            Source::Local(_) => None,
        }
    }

    /// Returns true if the current media is a stream over HTTP.
    pub fn is_http(&self) -> bool {
        matches!(self.source(), Some(Source::Stream(url, _)) if url.dialect() == Dialect::Http)
    }

    /// Returns true if nothing is open and nothing is being opened.
    pub fn is_empty(&self) -> bool {
        self.source.is_none() && self.opening.is_none()
    }

    /// Returns the RTSP state, as the responses of the server have set it.
    pub fn state(&self) -> RtspState {
        self.status.state
    }

    /// Returns the goal that the user has set last.
    pub fn goal(&self) -> Goal {
        self.goal
    }

    /// Returns true if SETUP has succeeded for the current media.
    pub fn was_set_up(&self) -> bool {
        self.was_set_up
    }

    /// Returns true if no data has arrived for a while although the session is playing.
    pub fn is_waiting(&self) -> bool {
        self.waiting_since.is_some()
    }

    /// Returns true if data has been missing for so long that the banner says so. Shorter gaps are not shown.
    pub fn has_waited(&self, now: Instant) -> bool {
        self.waiting_since.is_some_and(|since| now.saturating_duration_since(since) >= WAITING_BANNER_DELAY)
    }

    /// Returns true if the end of the stream was reached and its last frame shown.
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Returns the notice to show in the banner; `None` if there is none.
    pub fn notice(&self) -> Option<&Notice> {
        self.notice.as_ref()
    }

    /// Shows information in the banner, in place of the current notice.
    pub fn show_info(&mut self, message: impl Into<String>) {
        self.notice = Some(Notice::Info(message.into()));
    }

    /// Shows an error that happened outside the backend.
    pub fn show_error(&mut self, message: impl Into<String>) {
        self.notice = Some(Notice::Error(message.into()));
    }

    /// Shows an error that stays when the file that is being opened is open.
    pub fn show_error_while_opening(&mut self, message: String) {
        self.notice = Some(Notice::Error(message));
        if let Some(opening) = &mut self.opening {
            opening.notice.clone_from(&self.notice);
        }
    }

    /// Marks the error that is shown as that of a film of the start screen.
    pub fn mark_as_recent(&mut self, path: PathBuf) {
        if let Some(Notice::Error(text)) = &mut self.notice {
            self.notice = Some(Notice::RecentFailed { text: std::mem::take(text), path });
        }
    }

    /// Shows where a file was saved. It stays when the file that is being opened is open.
    pub fn show_saved(&mut self, text: String, path: PathBuf, is_error: bool) {
        self.notice = Some(Notice::Saved { text, path, is_error });
        if let Some(opening) = &mut self.opening {
            opening.notice.clone_from(&self.notice);
        }
    }

    /// Returns the path of the file that the notice says was saved.
    pub fn saved_path(&self) -> Option<&Path> {
        self.notice.as_ref().and_then(Notice::saved_path)
    }

    /// Returns the names of the streams of the film or the stream that are not played; `None` if there are none.
    pub fn other_streams(&self) -> Option<String> {
        let of_stream = || self.presentation.as_ref().map(|presentation| &presentation.other_streams);
        let of_film = self.media_info.as_ref().map(|info| &info.other_streams);
        of_film.or_else(of_stream).and_then(|others| enumerated(others))
    }

    /// Removes the notice from the banner.
    pub fn dismiss_notice(&mut self) {
        self.notice = None;
    }
}
