//! Buttons below the video.

use crate::session::Goal;

/// Button below the video.
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
    /// Returns the goal that a click sets.
    pub(super) fn goal(self) -> Goal {
        match self {
            Self::Setup | Self::Pause => Goal::Ready,
            Self::Play => Goal::Playing,
            Self::Stop | Self::Teardown => Goal::Stopped,
        }
    }
}
