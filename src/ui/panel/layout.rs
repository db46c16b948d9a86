//! Frame of a panel: title, close button, toolbar and scroll bar.

use iced::widget::{container, row, scrollable, space, text};
use iced::{Center, Fill};

use crate::settings::PanelKind;
use crate::ui::renderer::{Column, Element};
use crate::ui::theme::{self, size, space as distance};
use crate::ui::widget::control::button;
use crate::ui::widget::hold_scroll::hold_scroll;
use crate::ui::widget::icon::{Icon, icon};
use crate::ui::widget::scroll_direction;

/// Parts of a panel below its title.
pub struct Parts<'a, M> {
    /// Buttons above the content, which are scrolled with it in a low panel; `None` if there are none.
    pub toolbar: Option<Element<'a, M>>,
    /// Buttons in place of title and toolbar in a low panel; `None` for a panel that keeps both.
    pub short_toolbar: Option<Element<'a, M>>,
    /// Rows between toolbar and content that are never scrolled; `None` if there are none.
    pub fixed_rows: Option<Element<'a, M>>,
    /// Content, which is scrolled.
    pub content: Element<'a, M>,
}

/// Minimum height of a panel whose toolbar stays in place, in logical pixels. In a lower one it would leave no space to
/// the content.
const MIN_HEIGHT_OF_FIXED_TOOLBAR: f32 = 260.0;

/// Returns a panel of these parts, which fills the available area, of about this height in logical pixels.
pub fn view<'a, M: Clone + 'a>(
    panel: PanelKind,
    height: f32,
    Parts { toolbar, short_toolbar, fixed_rows, content }: Parts<'a, M>,
    on_close: M,
) -> Element<'a, M> {
    let close = button(icon(Icon::Close)).padding(6).style(theme::quiet).on_press(on_close);
    let (title, fixed, scrolled) = match (height >= MIN_HEIGHT_OF_FIXED_TOOLBAR, short_toolbar) {
        (true, _) => (None, toolbar, None),
        (false, Some(short_toolbar)) => (Some(short_toolbar), None, None),
        (false, None) => (None, None, toolbar),
    };
    let title = title.unwrap_or_else(|| text(panel.name()).size(size::LARGE).font(theme::STRONG).into());
    let title = row![title, space::horizontal(), container(close).id(panel.close_id())].align_y(Center);
    // The scroll bar is drawn in the padding at the right.
    let padding = iced::Padding::ZERO.right(distance::WIDE);
    let content = Column::new().extend(scrolled).push(content).spacing(distance::NORMAL);
    let scrolled =
        scrollable(container(content).padding(padding)).width(Fill).height(Fill).style(theme::scroll_bar);
    let scrolled = match panel.is_newest_last() {
        true => hold_scroll(scrolled.anchor_bottom().id(scroll_direction::anchored_at_bottom())),
        false => scrolled.into(),
    };
    let content = Column::new()
        .push(container(title).padding(iced::Padding::ZERO.right(distance::NORMAL)))
        .extend(fixed.into_iter().chain(fixed_rows).map(|part| container(part).padding(padding).into()))
        .push(scrolled);
    container(content.spacing(distance::SMALL))
        .width(Fill)
        .height(Fill)
        .padding(iced::Padding::new(distance::WIDE).bottom(distance::NORMAL).right(distance::TIGHT))
        .style(theme::panel)
        .into()
}
