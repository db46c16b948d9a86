//! Why a command fails.

use std::fmt;

/// A sentence for people: what went wrong, and what to try.
#[derive(Debug)]
pub struct CommandError(String);

impl CommandError {
    /// An error of these words.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CommandError {}
