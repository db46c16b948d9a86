//! The panel at the right of the picture. One is open at a time; the header opens and closes them.

pub mod message_filter;
pub mod messages;
pub mod network;
pub mod statistics;

use iced::widget::{Column, button, container, row, scrollable, space, text};
use iced::{Center, Element, Fill};

use super::theme::{self, size, space as distance};
use super::widget::focus;
use super::widget::icon::{Icon, icon};

/// A panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PanelKind {
    /// What the emulated network does.
    Network,
    /// What arrives.
    Statistics,
    /// What is said.
    Messages,
}

/// The button that closes a panel has no words, and needs a name.
const CLOSE_ID: &str = "close-panel";

impl PanelKind {
    /// All of them, as the header shows them.
    pub const ALL: [Self; 3] = [Self::Network, Self::Statistics, Self::Messages];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Network => "Network",
            Self::Statistics => "Statistics",
            Self::Messages => "Messages",
        }
    }

    /// What it is for, and its keys.
    pub fn about(self) -> &'static str {
        match self {
            Self::Network => "Loss, delay and jitter to try (Ctrl+1)",
            Self::Statistics => "What arrives, measured (Ctrl+2)",
            Self::Messages => "What player and server say to each other (Ctrl+3)",
        }
    }

    fn width(self) -> f32 {
        match self {
            Self::Network => 320.0,
            Self::Statistics | Self::Messages => 400.0,
        }
    }

    /// Whether what is newest stands at the bottom, and is what one wants to see.
    fn is_newest_last(self) -> bool {
        self == Self::Messages
    }
}

/// A panel around its content, which is scrolled if it is longer than the window; the head stays where it is.
pub fn view<'a, M: Clone + 'a>(
    panel: PanelKind,
    toolbar: Option<Element<'a, M>>,
    content: Element<'a, M>,
    on_close: M,
) -> Element<'a, M> {
    let close = button(icon(Icon::Close)).padding(6).style(theme::quiet).on_press(on_close);
    let title = row![
        text(panel.name()).size(size::LARGE).font(theme::STRONG),
        space::horizontal(),
        container(close).id(CLOSE_ID),
    ]
    .align_y(Center);
    // The scroll bar stands in the padding at the right.
    let padding = iced::Padding::ZERO.right(distance::WIDE);
    let scrolled =
        scrollable(container(content).padding(padding)).width(Fill).height(Fill).style(theme::scroll_bar);
    let scrolled = if panel.is_newest_last() { scrolled.anchor_bottom() } else { scrolled };
    let whole = Column::new()
        .push(container(title).padding(iced::Padding::ZERO.right(distance::NORMAL)))
        .extend(toolbar.map(|toolbar| container(toolbar).padding(padding).into()))
        .push(scrolled);
    container(whole.spacing(distance::SMALL))
        .id(focus::PANEL_ID)
        .width(panel.width())
        .height(Fill)
        .padding(iced::Padding::new(distance::NORMAL).left(distance::WIDE).right(distance::TIGHT))
        .style(theme::panel)
        .into()
}
