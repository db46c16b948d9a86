//! Why the command line means nothing.

/// What was typed means nothing. The text says what, and what to try.
#[derive(Debug, PartialEq, Eq)]
pub struct ArgumentError {
    words: String,
    /// The help that lists what there is instead.
    help: Option<&'static str>,
}

impl ArgumentError {
    /// An error of these words.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self { words: sentence.into(), help: None }
    }

    /// The same, of a command that has a help of its own.
    pub fn with_help(self, help: &'static str) -> Self {
        Self { help: self.help.and(Some(help)), ..self }
    }
}

impl std::fmt::Display for ArgumentError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.help {
            None => f.write_str(&self.words),
            Some(help) => write!(f, "{}; \"{help}\" lists what there is.", self.words),
        }
    }
}

impl std::error::Error for ArgumentError {}

impl From<lexopt::Error> for ArgumentError {
    fn from(error: lexopt::Error) -> Self {
        Self { words: error.to_string(), help: Some("reelay --help") }
    }
}
