//! PURE. The goal of the user, and the state that the responses have made of the session.

use crate::proto::rtsp::Method;

/// What the user wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// No session.
    Stopped,
    /// A session that stands still.
    Ready,
    /// A session that plays.
    Playing,
}

/// The states of RFC 2326 appendix A.1, as the replies have made them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum RtspState {
    Init,
    Ready,
    Playing,
}

/// Where a session is and where it is going.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionStatus {
    /// What the replies have made it.
    pub state: RtspState,
    /// What the user wants.
    pub goal: Goal,
    /// The request that is in flight.
    pub in_flight: Option<Method>,
    /// It is on its way: something is in flight, or a connection is being made.
    pub is_busy: bool,
    /// How many of the user's wishes have been taken note of.
    pub goal_revision: u64,
}

impl SessionStatus {
    /// Nothing set up, nothing wanted.
    pub const IDLE: Self = Self {
        state: RtspState::Init,
        goal: Goal::Stopped,
        in_flight: None,
        is_busy: false,
        goal_revision: 0,
    };
}
