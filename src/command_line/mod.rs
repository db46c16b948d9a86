//! What can be typed: arguments, help, and the commands that need no window.

mod address;
mod arguments;
mod help;
mod link;
mod network;
mod probe;
mod serve;
pub mod stderr;

pub use arguments::{
    ArgumentError, Invocation, LinkArguments, ProbeArguments, ReportFile, ReportFormat, ServeArguments,
    Target, WindowArguments, parse,
};
pub use link::link;
pub use probe::probe;
pub use serve::serve;

/// A sentence for people: what went wrong, and what to try.
#[derive(Debug)]
pub struct CommandError(String);

impl CommandError {
    /// An error of these words.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl std::fmt::Display for CommandError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CommandError {}
