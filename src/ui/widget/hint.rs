//! Tooltip of a button, a figure or a title.

use std::time::Duration;

use iced::widget::{container, text, tooltip};

use crate::ui::renderer::Element;
use crate::ui::theme::{self, size};

pub use iced::widget::tooltip::Position;

/// Time that the pointer must rest before a tooltip appears, so that none covers what the pointer passes on its way.
const DELAY: Duration = Duration::from_millis(600);

/// Maximum width of a tooltip in logical pixels.
const MAX_WIDTH: f32 = 320.0;

/// Distance from the content in logical pixels. A line of text fits between a button of the header and the title of the
/// panel below it.
const GAP: f32 = 1.0;

/// Adds a tooltip beside the content.
pub fn hint<'a, Message: 'a>(
    content: impl Into<Element<'a, Message>>,
    label: impl text::IntoFragment<'a>,
    position: Position,
) -> Element<'a, Message> {
    let label = text(label).size(size::SMALL);
    let label = container(label).max_width(MAX_WIDTH).padding([2, 8]).style(theme::tooltip);
    tooltip(content, label, position).gap(GAP).delay(DELAY).into()
}
