//! The sending end of the command channel.

use tokio::sync::mpsc;

use super::messages::Command;

/// Handle with which the window sends commands to the backend. Cheap to clone.
#[derive(Debug, Clone)]
pub struct BackendHandle {
    /// Unbounded, because a click must not be lost. The engine runs everything slow in tasks of its own, so the queue
    /// stays short.
    commands: mpsc::UnboundedSender<Command>,
}

impl BackendHandle {
    /// Creates a handle for this channel.
    pub(super) fn new(commands: mpsc::UnboundedSender<Command>) -> Self {
        Self { commands }
    }

    /// Creates a handle without a backend, for tests: the commands are read from the returned receiver.
    pub fn detached() -> (Self, mpsc::UnboundedReceiver<Command>) {
        let (commands, command_receiver) = mpsc::unbounded_channel();
        (Self { commands }, command_receiver)
    }

    /// Sends a command without waiting; the result arrives as an event.
    pub fn send(&self, command: Command) {
        if self.commands.send(command).is_err() {
            // The engine has ended, which happens only at shutdown.
            tracing::warn!("ignoring command after shutdown of the backend");
        }
    }
}
