//! Settings of the panels beside the video. Sans-I/O.

use std::str::FromStr;

use thiserror::Error;

/// Panel beside the video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PanelKind {
    /// Settings of the emulated network.
    Network,
    /// Statistics of the session.
    Statistics,
    /// RTSP messages of the session.
    Messages,
}

impl PanelKind {
    /// All panels, in the order of the header, of the window and of the shortcuts Ctrl+1 to Ctrl+3.
    pub const ALL: [Self; 3] = [Self::Network, Self::Statistics, Self::Messages];

    /// Returns the name in the settings file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Statistics => "statistics",
            Self::Messages => "messages",
        }
    }
}

/// Error of a text that names no panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a panel is network, statistics or messages")]
pub struct ParsePanelError;

impl FromStr for PanelKind {
    type Err = ParsePanelError;

    fn from_str(text: &str) -> Result<Self, ParsePanelError> {
        Self::ALL.into_iter().find(|panel| panel.as_str() == text).ok_or(ParsePanelError)
    }
}

/// Panels that are open, and their size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PanelSettings {
    /// Open panels, each at most once, in the order in which they were opened: the last one was opened last.
    pub open: Vec<PanelKind>,
    /// Width of a panel in logical pixels, from [`MIN_PANEL_WIDTH`] to [`MAX_PANEL_WIDTH`].
    pub width: u32,
    /// True for the lesson layout: a small picture, and all panels in a row.
    pub is_lesson: bool,
}

/// Minimum width of a panel, in logical pixels.
pub const MIN_PANEL_WIDTH: u32 = 300;

/// Maximum width of a panel, in logical pixels.
pub const MAX_PANEL_WIDTH: u32 = 800;

/// Width of a panel until another is set, in logical pixels.
const DEFAULT_PANEL_WIDTH: u32 = 380;

impl Default for PanelSettings {
    fn default() -> Self {
        Self { open: Vec::new(), width: DEFAULT_PANEL_WIDTH, is_lesson: false }
    }
}
