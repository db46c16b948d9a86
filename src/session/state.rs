//! Goal of the user, and state of the session. Sans-I/O.

use crate::proto::rtsp::Method;

/// State that the user wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// The session is torn down and the connection closed.
    Stopped,
    /// A session that is set up and paused.
    Ready,
    /// A session that plays.
    Playing,
}

/// State of an RTSP client (RFC 2326 appendix A.1). Only responses change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RtspState {
    /// The initial state: no session is set up.
    Init,
    /// The session is set up, and no media is sent.
    Ready,
    /// Media is being sent.
    Playing,
}

/// Status of a session: its state, and the progress towards the goal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionStatus {
    /// State after the last response.
    pub state: RtspState,
    /// State that the user wants.
    pub goal: Goal,
    /// Method of the request in flight; `None` if there is none, or only a keep-alive.
    pub in_flight: Option<Method>,
    /// True while a request is in flight, a connection or the UDP ports are being opened, or a reconnect is pending.
    pub is_busy: bool,
    /// Number of goals that the user has set so far.
    pub goal_revision: u64,
}

impl SessionStatus {
    /// Status before the first command: no session, and none wanted.
    pub const IDLE: Self = Self {
        state: RtspState::Init,
        goal: Goal::Stopped,
        in_flight: None,
        is_busy: false,
        goal_revision: 0,
    };
}
