//! Sentences for the user, shown in the banner.

/// Sentence for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Error: what happened, and what to try.
    Error(String),
    /// Missing data; removed when data arrives again.
    NoData(String),
    /// Information without an error, such as streams that are not played.
    Info(String),
}

impl Notice {
    /// Returns the sentence, without its kind.
    pub fn text(&self) -> &str {
        match self {
            Self::Error(text) | Self::NoData(text) | Self::Info(text) => text,
        }
    }
}
