//! Section of the preferences about the program: what it is, its version, and the licences of what it contains.

use iced::widget::{column, text};

use crate::about::{LICENCES, SUMMARY, VERSION_AND_NOTICES};
use crate::ui::renderer::{Column, drawn_by};
use crate::ui::theme::{self, size, space as distance};

/// Returns the section with summary, version and licences.
pub fn view<'a, Message: 'a>() -> Column<'a, Message> {
    let drawn_by = drawn_by().map(|name| text(format!("This window is drawn by {name}.")).size(size::SMALL));
    column![
        text(SUMMARY).size(size::NORMAL),
        text(format!("Reelay {VERSION_AND_NOTICES}")).size(size::SMALL).style(theme::muted),
        drawn_by.map(|line| line.style(theme::muted)),
        text("Licences of the crates in the program").size(size::NORMAL).font(theme::STRONG),
        text(LICENCES.trim_end()).size(size::SMALL).style(theme::muted),
    ]
    .spacing(distance::NORMAL)
}
