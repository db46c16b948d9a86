//! What stands there before anything is played: what to do.

use iced::widget::{Column, button, center, column, container, image, responsive, row, scrollable, text};
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

/// The start screen: as much of it as there is room for. What can be pressed comes first.
pub fn view(logo: &image::Handle) -> Element<'_, Action> {
    let content = responsive(|room| {
        let is_narrow = room.width < NARROW;
        let rows = if is_narrow { 3.0 } else { 2.0 };
        let beside = room.height - rows * (CHOICE + space::NORMAL);
        let gap = if beside >= HINT + TITLE + LOGO + 3.0 * space::HUGE { space::HUGE } else { space::NORMAL };
        let mut left = beside;
        let mut fits = |height: f32| {
            let fits = height + gap <= left;
            left -= if fits { height + gap } else { 0.0 };
            fits
        };
        let (hint, title) = (fits(HINT).then(hint), fits(TITLE).then(title));
        let logo = fits(LOGO).then(|| image(logo.clone()).width(LOGO).height(LOGO).into());
        let content = [logo, title, Some(choices(is_narrow)), hint].into_iter().flatten();
        let content = container(Column::with_children(content).spacing(gap).align_x(Center)).center_x(Fill);
        center(scrollable(content).style(theme::scroll_bar)).into()
    });
    container(content).width(Fill).height(Fill).style(theme::page).into()
}

/// How high the parts of the start screen are.
const LOGO: f32 = 96.0;
const TITLE: f32 = 60.0;
const CHOICE: f32 = 43.0;
const HINT: f32 = 17.0;

/// Two choices side by side need more.
const NARROW: f32 = 430.0;

fn title<'a>() -> Element<'a, Action> {
    column![
        text("Reelay").size(size::TITLE).font(theme::STRONG),
        text("Plays Motion JPEG through RTSP and RTP").size(size::LARGE).style(theme::muted),
    ]
    .spacing(space::TIGHT)
    .align_x(Center)
    .into()
}

fn choices<'a>(is_narrow: bool) -> Element<'a, Action> {
    let sample = choice(Icon::Play, "Play the sample film", theme::primary, Action::PlaySample);
    let open = choice(Icon::Open, "Open a film…", theme::secondary, Action::Open);
    let connect = choice(Icon::Connect, "Connect to a stream…", theme::secondary, Action::Connect);
    let choices = match is_narrow {
        true => column![sample, open, connect],
        false => column![sample, row![open, connect].spacing(space::NORMAL)],
    };
    choices.spacing(space::NORMAL).align_x(Center).into()
}

fn hint<'a>() -> Element<'a, Action> {
    text("or drop a .mjpeg file on this window").size(size::SMALL).style(theme::muted).into()
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
