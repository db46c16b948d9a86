//! Start screen, shown until something is opened.

use iced::widget::{Column, button, center, column, container, image, responsive, row, scrollable, text};
use iced::{Center, Element, Fill};

use crate::ui::theme::{self, size, space};
use crate::ui::widget::icon::{Icon, icon};

/// Request of the start screen to the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Show the file dialog.
    Open,
    /// Show the Connect dialog.
    Connect,
    /// Play the built-in sample.
    PlaySample,
}

/// Returns the start screen. In a small window the logo, the title and the hint are left out, in this order; the
/// buttons stay.
pub fn view(logo: &image::Handle) -> Element<'_, Action> {
    let content = responsive(|available| {
        let is_narrow = available.width < MIN_TWO_COLUMN_WIDTH;
        let rows = if is_narrow { 3.0 } else { 2.0 };
        let spare_height = available.height - rows * (BUTTON_HEIGHT + space::NORMAL);
        let gap = if spare_height >= HINT_HEIGHT + TITLE_HEIGHT + LOGO_SIZE + 3.0 * space::HUGE {
            space::HUGE
        } else {
            space::NORMAL
        };
        let mut remaining = spare_height;
        let mut fits = |height: f32| {
            let fits = height + gap <= remaining;
            remaining -= if fits { height + gap } else { 0.0 };
            fits
        };
        let (hint, title) = (fits(HINT_HEIGHT).then(hint), fits(TITLE_HEIGHT).then(title));
        let logo = fits(LOGO_SIZE).then(|| image(logo.clone()).width(LOGO_SIZE).height(LOGO_SIZE).into());
        let content = [logo, title, Some(action_buttons(is_narrow)), hint].into_iter().flatten();
        let content = container(Column::with_children(content).spacing(gap).align_x(Center)).center_x(Fill);
        center(scrollable(content).style(theme::scroll_bar)).into()
    });
    container(content).width(Fill).height(Fill).style(theme::page).into()
}

// Heights of the parts, in logical pixels.
const LOGO_SIZE: f32 = 96.0;
const TITLE_HEIGHT: f32 = 60.0;
const BUTTON_HEIGHT: f32 = 43.0;
const HINT_HEIGHT: f32 = 17.0;

/// Minimum width for two buttons side by side, in logical pixels.
const MIN_TWO_COLUMN_WIDTH: f32 = 430.0;

fn title<'a>() -> Element<'a, Action> {
    column![
        text("Reelay").size(size::TITLE).font(theme::STRONG),
        text("Plays Motion JPEG over RTSP and RTP").size(size::LARGE).style(theme::muted),
    ]
    .spacing(space::TIGHT)
    .align_x(Center)
    .into()
}

fn action_buttons<'a>(is_narrow: bool) -> Element<'a, Action> {
    let sample = action_button(Icon::Play, "Play the sample film", theme::primary, Action::PlaySample);
    let open = action_button(Icon::Open, "Open a film…", theme::secondary, Action::Open);
    let connect = action_button(Icon::Connect, "Connect to a stream…", theme::secondary, Action::Connect);
    let choices = match is_narrow {
        true => column![sample, open, connect],
        false => column![sample, row![open, connect].spacing(space::NORMAL)],
    };
    choices.spacing(space::NORMAL).align_x(Center).into()
}

fn hint<'a>() -> Element<'a, Action> {
    text("or drop a film on this window").size(size::SMALL).style(theme::muted).into()
}

fn action_button<'a>(
    symbol: Icon,
    label: &'a str,
    style: fn(&iced::Theme, button::Status) -> button::Style,
    action: Action,
) -> Element<'a, Action> {
    let content =
        row![icon(symbol), text(label).size(size::LARGE)].spacing(space::SMALL + 2.0).align_y(Center);
    button(content).padding([11, 20]).style(style).on_press(action).into()
}
