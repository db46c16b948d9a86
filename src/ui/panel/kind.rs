//! The list of panels.

/// Panel at the right of the video.
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
    /// All panels, in the order of the header and of the shortcuts Ctrl+1 to Ctrl+3.
    pub const ALL: [Self; 3] = [Self::Network, Self::Statistics, Self::Messages];

    /// Returns the title of the panel, which is also the label of its button.
    pub fn name(self) -> &'static str {
        match self {
            Self::Network => "Network",
            Self::Statistics => "Statistics",
            Self::Messages => "Messages",
        }
    }

    /// Returns the content of the panel, for the tooltip of its button.
    pub fn tooltip(self) -> &'static str {
        match self {
            Self::Network => "Emulate loss, delay and jitter",
            Self::Statistics => "Statistics of the received stream",
            Self::Messages => "RTSP requests and responses",
        }
    }

    /// Returns the width in logical pixels.
    pub(super) fn width(self) -> f32 {
        match self {
            Self::Network => 320.0,
            Self::Statistics | Self::Messages => 400.0,
        }
    }

    /// Returns true if new content is added at the bottom, so that the panel stays scrolled to its end.
    pub(super) fn is_newest_last(self) -> bool {
        self == Self::Messages
    }
}
