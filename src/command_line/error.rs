//! Failure of a command.

use thiserror::Error;

/// Failure of a command: one sentence that says what went wrong and what to try.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct CommandError(String);

impl CommandError {
    /// Creates an error with this sentence.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}
