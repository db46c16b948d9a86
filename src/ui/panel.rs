//! The panel at the right of the picture. One is open at a time; the header opens and closes them.

use iced::widget::{Column, button, column, container, row, scrollable, space, text};
use iced::{Center, Element, Fill};

use super::icon::{Icon, icon};
use super::theme::{self, size, space as distance};

/// A panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Panel {
    /// What the emulated network does.
    Network,
}

/// How wide a panel is.
pub const WIDTH: f32 = 320.0;

/// The button that closes a panel has no words, and needs a name.
const CLOSE: &str = "close-panel";

impl Panel {
    /// All of them, as the header shows them.
    pub const ALL: [Self; 1] = [Self::Network];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Network => "Network",
        }
    }

    /// What it is for.
    pub fn about(self) -> &'static str {
        match self {
            Self::Network => "Loss, delay and jitter to try",
        }
    }
}

/// A panel around its content, which is scrolled if it is longer than the window.
pub fn view<'a, M: Clone + 'a>(panel: Panel, content: Element<'a, M>, on_close: M) -> Element<'a, M> {
    let close = button(icon(Icon::Close)).padding(6).style(theme::quiet).on_press(on_close);
    let title = row![
        text(panel.name()).size(size::LARGE).font(theme::STRONG),
        space::horizontal(),
        container(close).id(CLOSE),
    ]
    .align_y(Center);
    // The scroll bar stands in the padding at the right.
    let content = container(content).padding(iced::Padding::ZERO.right(distance::WIDE));
    let whole: Column<'_, M> = column![
        container(title).padding(iced::Padding::ZERO.right(distance::NORMAL)),
        scrollable(content).width(Fill).height(Fill).style(theme::scroll_bar),
    ];
    container(whole.spacing(distance::SMALL))
        .width(WIDTH)
        .height(Fill)
        .padding(iced::Padding::new(distance::NORMAL).left(distance::WIDE).right(distance::TIGHT))
        .style(theme::panel)
        .into()
}
