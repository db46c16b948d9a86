//! Buttons below the video: which are enabled, and the goal that a click sets.

use std::time::Duration;

use super::state::{Playback, ResumePoint};
use crate::backend::Command;
use crate::proto::rtsp::Npt;
use crate::session::{Goal, RtspState, SessionCommand};
use crate::settings::Controls;

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
    /// Returns the label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Setup => "Setup",
            Self::Play => "Play",
            Self::Pause => "Pause",
            Self::Stop => "Stop",
            Self::Teardown => "Teardown",
        }
    }

    /// Returns the goal that a click sets.
    pub(super) fn goal(self) -> Goal {
        match self {
            Self::Setup | Self::Pause => Goal::Ready,
            Self::Play => Goal::Playing,
            Self::Stop | Self::Teardown => Goal::Stopped,
        }
    }
}

impl Playback {
    /// Handles a click on a button; a disabled button does nothing.
    pub fn press(&mut self, button: Button, controls: Controls) {
        if !self.is_enabled(button, controls) {
            return;
        }
        self.set_goal(button.goal());
    }

    /// Plays again after the end.
    pub fn play_again(&mut self) {
        self.set_goal(Goal::Playing);
    }

    /// Sets the goal and sends it to the session. The window shows it at once; [`Playback::is_busy`] is true until the
    /// session has reached it.
    pub(super) fn set_goal(&mut self, goal: Goal) {
        self.goal = goal;
        let is_set_up_first = goal == Goal::Ready && self.status.state == RtspState::Init;
        self.resume = self.resume.filter(|_| is_set_up_first).map(|resume| ResumePoint { goal, ..resume });
        self.goal_revision += 1;
        self.notice = None;
        self.has_ended = false;
        match (goal, &mut self.reconnect) {
            (Goal::Stopped, reconnect) => {
                self.line_position = Some(Npt::ZERO);
                self.pending_seek = None;
                self.waiting_since = None;
                *reconnect = None;
            }
            // Any other goal during the wait makes the session try at once.
            (_, reconnect) => reconnect.iter_mut().for_each(|reconnect| reconnect.wait = Duration::ZERO),
        }
        self.send_command(SessionCommand::SetGoal(goal));
    }

    /// Sends a command to the session of the current media.
    pub(super) fn send_command(&self, command: SessionCommand) {
        self.backend.send(Command::Session { generation: self.generation, command });
    }

    /// Returns the set of buttons for the current media. Over HTTP there are no RTSP requests, so that there are always
    /// three buttons.
    pub fn controls(&self, preferred: Controls) -> Controls {
        if self.is_http() { Controls::Three } else { preferred }
    }

    /// Returns the button for the next step, which the space bar presses.
    pub fn next_button(&self, controls: Controls) -> Button {
        let controls = self.controls(controls);
        match (controls, self.status.state) {
            (Controls::Three, _) if self.goal == Goal::Playing => Button::Pause,
            (Controls::Three, _) | (Controls::Four, RtspState::Ready) => Button::Play,
            (Controls::Four, RtspState::Init) => Button::Setup,
            (Controls::Four, RtspState::Playing) => Button::Pause,
        }
    }

    /// Returns the button that ends the session.
    pub fn stop_button(&self, controls: Controls) -> Button {
        match self.controls(controls) {
            Controls::Three => Button::Stop,
            Controls::Four => Button::Teardown,
        }
    }

    /// Returns true if a button is enabled. Three buttons follow the goal; four buttons follow the RTSP state and are
    /// disabled while a request is in flight (RFC 2326 appendix A.1).
    pub fn is_enabled(&self, button: Button, controls: Controls) -> bool {
        if self.source.is_none() {
            return false;
        }
        match self.controls(controls) {
            Controls::Three => self.is_enabled_of_three(button),
            Controls::Four => !self.is_busy() && self.is_enabled_of_four(button),
        }
    }

    fn is_enabled_of_three(&self, button: Button) -> bool {
        match button {
            Button::Play => self.goal != Goal::Playing,
            Button::Pause => self.goal == Goal::Playing,
            Button::Stop => self.goal != Goal::Stopped,
            Button::Setup | Button::Teardown => false,
        }
    }

    fn is_enabled_of_four(&self, button: Button) -> bool {
        match button {
            Button::Setup => self.status.state == RtspState::Init,
            Button::Play => self.status.state == RtspState::Ready,
            Button::Pause => self.status.state == RtspState::Playing,
            Button::Teardown => self.status.state != RtspState::Init,
            Button::Stop => false,
        }
    }

    /// Returns true if the session has not reached the goal yet, or does not know the last one.
    pub fn is_busy(&self) -> bool {
        self.status.is_busy || self.status.goal_revision != self.goal_revision
    }

    /// Returns true if the user has stopped playback and the session is closed.
    pub fn has_stopped(&self) -> bool {
        self.goal == Goal::Stopped && self.status.state == RtspState::Init && !self.is_busy()
    }
}
