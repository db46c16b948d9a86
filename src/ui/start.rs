//! What stands there before anything is played: what to do.

use iced::widget::{button, center, column, container, image, row, text};
use iced::{Center, Element, Fill};

use super::icon::{Icon, icon};
use super::theme::{self, size, space};

/// What the start screen asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Choose a film.
    Open,
    /// Enter a URL.
    Connect,
    /// Play the film that the program brings along.
    PlaySample,
}

/// The start screen.
pub fn view(logo: &image::Handle) -> Element<'_, Action> {
    let title = column![
        text("Reelay").size(size::TITLE).font(theme::STRONG),
        text("Plays Motion JPEG through RTSP and RTP").size(size::LARGE).style(theme::muted),
    ]
    .spacing(space::TIGHT)
    .align_x(Center);
    let choices = column![
        choice(Icon::Play, "Play the sample film", theme::primary, Action::PlaySample),
        row![
            choice(Icon::Open, "Open a film…", theme::secondary, Action::Open),
            choice(Icon::Connect, "Connect to a stream…", theme::secondary, Action::Connect),
        ]
        .spacing(space::NORMAL),
    ]
    .spacing(space::NORMAL)
    .align_x(Center);
    let hint = text("or drop a .mjpeg file on this window").size(size::SMALL).style(theme::muted);
    let content = column![image(logo.clone()).width(96).height(96), title, choices, hint]
        .spacing(space::HUGE)
        .align_x(Center);
    container(center(content)).width(Fill).height(Fill).style(theme::page).into()
}

fn choice<'a>(
    sign: Icon,
    label: &'a str,
    style: fn(&iced::Theme, button::Status) -> button::Style,
    action: Action,
) -> Element<'a, Action> {
    let content = row![icon(sign), text(label).size(size::LARGE)].spacing(space::SMALL + 2.0).align_y(Center);
    button(content).padding([11, 20]).style(style).on_press(action).into()
}
