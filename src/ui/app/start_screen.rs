//! Start screen, shown until something is opened.

use iced::widget::{Column, center, column, container, image, responsive, row, scrollable, text};
use iced::{Center, Element, Fill};

use crate::ui::theme::{self, size, space};
use crate::ui::widget::control::button;
use crate::ui::widget::icon::{Icon, icon};

/// Request of the start screen to the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Show the file dialog.
    Open,
    /// Show the dialog for a folder.
    OpenFolder,
    /// Show the Connect dialog.
    Connect,
    /// Play the built-in sample.
    PlaySample,
}

/// Returns the start screen. In a small window the logo, the title and the hint are left out, in this order; the
/// buttons stay. The hint is also left out if `lacks_drops`, which means that dropped files are not delivered.
pub fn view(logo: &image::Handle, lacks_drops: bool) -> Element<'_, Action> {
    let content = responsive(move |available| {
        let columns = match available.width {
            width if width < MIN_TWO_COLUMN_WIDTH => Columns::One,
            width if width < MIN_THREE_COLUMN_WIDTH => Columns::Two,
            _ => Columns::Three,
        };
        let spare_height = available.height - columns.rows() * (BUTTON_HEIGHT + space::NORMAL);
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
        let (hint, title) = ((!lacks_drops && fits(HINT_HEIGHT)).then(hint), fits(TITLE_HEIGHT).then(title));
        let logo = fits(LOGO_SIZE).then(|| image(logo.clone()).width(LOGO_SIZE).height(LOGO_SIZE).into());
        let content = [logo, title, Some(action_buttons(columns)), hint].into_iter().flatten();
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

/// Minimum width for three buttons side by side, in logical pixels.
const MIN_THREE_COLUMN_WIDTH: f32 = 620.0;

/// Maximum number of buttons side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Columns {
    One,
    Two,
    Three,
}

impl Columns {
    /// Returns the number of rows of the buttons.
    fn rows(self) -> f32 {
        match self {
            Self::One => 4.0,
            Self::Two => 3.0,
            Self::Three => 2.0,
        }
    }
}

fn title<'a>() -> Element<'a, Action> {
    column![
        text("Reelay").size(size::TITLE).font(theme::STRONG),
        text("Plays Motion JPEG over RTSP and RTP").size(size::LARGE).style(theme::muted),
    ]
    .spacing(space::TIGHT)
    .align_x(Center)
    .into()
}

fn action_buttons<'a>(columns: Columns) -> Element<'a, Action> {
    let sample = action_button(Icon::Play, "Play the sample film", theme::primary, Action::PlaySample);
    let open = action_button(Icon::Open, "Open a film…", theme::secondary, Action::Open);
    let folder = action_button(Icon::Open, "Open a folder…", theme::secondary, Action::OpenFolder);
    let connect = action_button(Icon::Connect, "Connect to a stream…", theme::secondary, Action::Connect);
    let choices = match columns {
        Columns::One => column![sample, open, folder, connect],
        Columns::Two => column![sample, row![open, folder].spacing(space::NORMAL), connect],
        Columns::Three => column![sample, row![open, folder, connect].spacing(space::NORMAL)],
    };
    choices.spacing(space::NORMAL).align_x(Center).into()
}

fn hint<'a>() -> Element<'a, Action> {
    text("or drop a film or a folder of JPEG files here").size(size::SMALL).style(theme::muted).into()
}

fn action_button<'a>(
    symbol: Icon,
    label: &'a str,
    style: fn(&iced::Theme, iced::widget::button::Status) -> iced::widget::button::Style,
    action: Action,
) -> Element<'a, Action> {
    let content =
        row![icon(symbol), text(label).size(size::LARGE)].spacing(space::SMALL + 2.0).align_y(Center);
    button(content).padding([11, 20]).style(style).on_press(action).into()
}
