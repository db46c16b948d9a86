//! Names and icons of the panels.

use crate::settings::PanelKind;
use crate::ui::widget::icon::Icon;

impl PanelKind {
    /// Returns the title of the panel, which is also the label of its button.
    pub fn name(self) -> &'static str {
        match self {
            Self::Network => "Network",
            Self::Statistics => "Statistics",
            Self::Messages => "Messages",
        }
    }

    /// Returns the icon of the panel's button.
    pub fn icon(self) -> Icon {
        match self {
            Self::Network => Icon::Network,
            Self::Statistics => Icon::Statistics,
            Self::Messages => Icon::Messages,
        }
    }

    /// Returns the content of the panel, for the tooltip of its button.
    pub fn tooltip(self) -> &'static str {
        match self {
            Self::Network => "Network: emulate loss, delay and jitter",
            Self::Statistics => "Statistics of the received stream",
            Self::Messages => "Messages: RTSP requests and responses",
        }
    }

    /// Returns the id of the panel's close button, which has no text for tests to find it by.
    pub(super) fn close_id(self) -> &'static str {
        match self {
            Self::Network => "close-network",
            Self::Statistics => "close-statistics",
            Self::Messages => "close-messages",
        }
    }

    /// Returns true if new content is added at the bottom, so that the panel stays scrolled to its end.
    pub(super) fn is_newest_last(self) -> bool {
        self == Self::Messages
    }
}
