//! Bar with the address at which the film is served to other players.

use iced::widget::text::Wrapping;
use iced::widget::{container, row, text};
use iced::{Center, Fill};

use crate::ui::renderer::{Element, Row};
use crate::ui::theme::{self, size, space as distance};
use crate::ui::widget::control::{Button, button};
use crate::ui::widget::one_line::one_line;

/// Request of the bar to the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Copy the address to the clipboard.
    Copy,
    /// Serve the film no longer.
    Stop,
}

/// Width of the window from which the address has a label, in logical pixels.
const MIN_WIDTH_OF_LABEL: f32 = 800.0;

/// Returns the bar with this URL and this number of players, in a window of this width in logical pixels. `has_copied`
/// is true shortly after the URL was copied.
pub fn view(url: &str, viewers: usize, has_copied: bool, width: f32) -> Element<'_, Action> {
    let about = text("Address for other players:").size(size::NORMAL).wrapping(Wrapping::None);
    let about = (width >= MIN_WIDTH_OF_LABEL).then_some(about);
    let url = one_line(url.to_owned(), size::NORMAL).font(theme::STRONG);
    let viewers =
        text(viewers_label(viewers)).size(size::NORMAL).style(theme::muted).wrapping(Wrapping::None);
    let address = Row::new().push(about).push(url).spacing(distance::SMALL);
    let copy = if has_copied { "Copied" } else { "Copy address" };
    let content = row![
        container(address).width(Fill).clip(true),
        viewers,
        labelled_button(copy, Action::Copy),
        labelled_button("Stop serving", Action::Stop),
    ]
    .spacing(distance::SMALL)
    .align_y(Center);
    container(content).padding([6.0, distance::WIDE]).style(theme::bar).into()
}

fn viewers_label(viewers: usize) -> String {
    match viewers {
        0 => "no viewers".to_owned(),
        1 => "1 viewer".to_owned(),
        viewers => format!("{viewers} viewers"),
    }
}

fn labelled_button(label: &str, action: Action) -> Button<'_, Action> {
    button(text(label).size(size::SMALL)).padding([5, 10]).style(theme::secondary).on_press(action)
}
