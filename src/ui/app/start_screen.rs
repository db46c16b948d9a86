//! Start screen, shown until something is opened: what can be opened, what was opened before, and lessons to begin
//! with.

use iced::alignment::Horizontal;
use iced::widget::{center, column, container, image, responsive, row, scrollable, text};
use iced::{Center, Fill, Size};

use super::recent_list::RecentList;
use super::recent_state;
use crate::ui::renderer::{Column, Element, Row};
use crate::ui::theme::{self, size, space};
use crate::ui::widget::control::button;
use crate::ui::widget::icon::{Icon, icon};

/// Request of the start screen to the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Show the file dialog.
    Open,
    /// Show the dialog for a folder.
    OpenFolder,
    /// Show the Connect dialog.
    Connect,
    /// Play the built-in sample.
    PlaySample,
    /// Play the sample, and show what the program is for.
    Lesson(Lesson),
    /// Use the list of what was opened before.
    Recent(recent_state::Action),
}

/// Use of the program that the start screen offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lesson {
    /// Lose packets in the emulated network.
    Loss,
    /// Read the requests and responses.
    Messages,
    /// Serve the film to other players.
    Serve,
}

impl Lesson {
    const ALL: [Self; 3] = [Self::Loss, Self::Messages, Self::Serve];

    /// Returns the title of the card.
    pub fn title(self) -> &'static str {
        match self {
            Self::Loss => "Lose 5 % of the packets",
            Self::Messages => "Read the messages",
            Self::Serve => "Serve the sample film",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::Loss => "The sample film over an emulated network, with all of its faults to try.",
            Self::Messages => "The sample film, beside each RTSP request and its response.",
            Self::Serve => "The sample film for other players in your network, such as VLC.",
        }
    }
}

/// Returns the start screen. In a small window the logo, the title and the hint are left out, in this order; the rest
/// stays, and is scrolled where it does not fit. The hint is also left out if `lacks_drops`, which means that dropped
/// files are not delivered.
pub fn view<'a>(logo: &'a image::Handle, recents: RecentList<'a>, lacks_drops: bool) -> Element<'a, Action> {
    let content = responsive(move |available| {
        let available = match has_banner_space(&recents, available, lacks_drops) {
            true => without_banner(available),
            false => available,
        };
        let content = match (recents.is_empty(), available.width >= MIN_RECENT_WIDTH) {
            (true, _) => without_recents(logo, available, lacks_drops),
            (false, true) => beside_recents(logo, &recents, available, lacks_drops),
            (false, false) => above_recents(&recents, available),
        };
        let content = container(content).padding([space::WIDE, space::HUGE]).center_x(Fill);
        container(center(scrollable(content).style(theme::scroll_bar))).height(available.height).into()
    });
    container(content).width(Fill).height(Fill).style(theme::page).into()
}

/// Returns true if the lower edge is kept free for a banner, so that nothing moves when one comes: the content needs
/// neither scrolling nor a shorter list of recents for it.
pub fn has_banner_space(recents: &RecentList<'_>, available: Size, lacks_drops: bool) -> bool {
    let reduced = without_banner(available);
    match (recents.is_empty(), available.width >= MIN_RECENT_WIDTH) {
        (true, _) => Centred::new(reduced, lacks_drops).height <= reduced.height,
        (false, true) => {
            let beside = |size| Beside::new(recents, size, lacks_drops).height(size);
            beside(available) <= reduced.height && beside(reduced) == beside(available)
        }
        (false, false) => {
            let buttons = Columns::of_width(available.width - 2.0 * space::HUGE).height();
            let parts = buttons + recents.height() + cards_height(available.width);
            parts + 4.0 * space::WIDE <= reduced.height
        }
    }
}

/// Returns the size of the start screen above a banner.
fn without_banner(available: Size) -> Size {
    Size::new(available.width, available.height - BANNER_HEIGHT)
}

/// Height of a banner with two lines of text and the space around it, in logical pixels.
const BANNER_HEIGHT: f32 = 88.0;

// Heights of the parts, in logical pixels.
const LOGO_SIZE: f32 = 96.0;
const SMALL_LOGO_SIZE: f32 = 56.0;
const TITLE_HEIGHT: f32 = 60.0;
const BUTTON_HEIGHT: f32 = 43.0;
const HINT_HEIGHT: f32 = 17.0;

/// Minimum width for two buttons side by side, in logical pixels.
const MIN_TWO_COLUMN_WIDTH: f32 = 430.0;

/// Minimum width for three buttons side by side, in logical pixels.
const MIN_THREE_COLUMN_WIDTH: f32 = 620.0;

/// Minimum width for cards whose descriptions have two lines, in logical pixels.
const MIN_WIDE_CARDS_WIDTH: f32 = 860.0;

/// Minimum width for the recents beside the buttons, in logical pixels.
const MIN_RECENT_WIDTH: f32 = 760.0;

/// Maximum width of the buttons and the recents, and of the cards, in logical pixels.
const MAX_WIDTH: f32 = 1_000.0;

/// Width of the buttons beside the recents, in logical pixels.
const LEFT_WIDTH: f32 = 280.0;

/// Maximum number of buttons side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Columns {
    One,
    Two,
    Three,
}

impl Columns {
    fn of_width(width: f32) -> Self {
        match width {
            width if width < MIN_TWO_COLUMN_WIDTH => Self::One,
            width if width < MIN_THREE_COLUMN_WIDTH => Self::Two,
            _ => Self::Three,
        }
    }

    /// Returns the height of the buttons.
    fn height(self) -> f32 {
        let rows = match self {
            Self::One => 4.0,
            Self::Two => 3.0,
            Self::Three => 2.0,
        };
        rows * BUTTON_HEIGHT + (rows - 1.0) * space::NORMAL
    }
}

/// Returns the height of a card in a window of this width, for the lines that its description needs.
fn card_height(width: f32) -> f32 {
    match width {
        width if width < MIN_THREE_COLUMN_WIDTH => 64.0,
        width if width < MIN_WIDE_CARDS_WIDTH => 100.0,
        _ => 84.0,
    }
}

/// Returns the height of all cards in a window of this width.
fn cards_height(width: f32) -> f32 {
    match width < MIN_THREE_COLUMN_WIDTH {
        true => 3.0 * card_height(width) + 2.0 * space::SMALL,
        false => card_height(width),
    }
}

/// Parts that are shown where they fit.
#[derive(Debug, Clone, Copy)]
struct Extras {
    has_hint: bool,
    has_title: bool,
    has_logo: bool,
    /// Height of those that are shown, with the gap beside each.
    height: f32,
}

impl Extras {
    /// Chooses from the hint, the title and the logo, in this order.
    fn that_fit(spare_height: f32, gap: f32, logo_size: f32, lacks_drops: bool) -> Self {
        let mut height = 0.0;
        let mut fits = |part: f32| {
            let fits = height + part + gap <= spare_height;
            height += if fits { part + gap } else { 0.0 };
            fits
        };
        let has_hint = !lacks_drops && fits(HINT_HEIGHT);
        let (has_title, has_logo) = (fits(TITLE_HEIGHT), fits(logo_size));
        Self { has_hint, has_title, has_logo, height }
    }
}

/// Everything in the middle, one below the other.
#[derive(Debug, Clone, Copy)]
struct Centred {
    columns: Columns,
    gap: f32,
    extras: Extras,
    /// Height of the content with the space around it.
    height: f32,
}

impl Centred {
    fn new(available: Size, lacks_drops: bool) -> Self {
        let columns = Columns::of_width(available.width);
        let fixed = columns.height() + cards_height(available.width) + 2.0 * space::WIDE;
        let spare_height = available.height - fixed;
        let fits = |gap: f32| HINT_HEIGHT + TITLE_HEIGHT + LOGO_SIZE + 4.0 * gap <= spare_height;
        let gap = [space::HUGE, space::WIDE].into_iter().find(|gap| fits(*gap)).unwrap_or(space::NORMAL);
        let extras = Extras::that_fit(spare_height - gap, gap, LOGO_SIZE, lacks_drops);
        Self { columns, gap, extras, height: fixed + gap + extras.height }
    }
}

fn without_recents(logo: &image::Handle, available: Size, lacks_drops: bool) -> Element<'_, Action> {
    let Centred { columns, gap, extras, .. } = Centred::new(available, lacks_drops);
    let logo = extras.has_logo.then(|| logo_image(logo, LOGO_SIZE));
    let title = extras.has_title.then(|| title(Horizontal::Center));
    let hint = extras.has_hint.then(hint);
    let cards = cards(available.width);
    let content = [logo, title, Some(action_buttons(columns)), hint, Some(cards)].into_iter().flatten();
    Column::with_children(content).spacing(gap).align_x(Center).max_width(MAX_WIDTH).into()
}

/// The buttons at the left, the recents at the right, and the cards below both.
#[derive(Debug, Clone, Copy)]
struct Beside {
    extras: Extras,
    /// Height of buttons and recents.
    upper_height: f32,
}

impl Beside {
    fn new(recents: &RecentList<'_>, available: Size, lacks_drops: bool) -> Self {
        let above = available.height - cards_height(available.width) - 2.0 * space::WIDE - space::HUGE;
        let buttons_height = 4.0 * BUTTON_HEIGHT + 3.0 * space::SMALL;
        let extras = Extras::that_fit(above - buttons_height, space::WIDE, SMALL_LOGO_SIZE, lacks_drops);
        let left_height = buttons_height + extras.height;
        let upper_height = recents.height().max(left_height).min(above.max(buttons_height));
        Self { extras, upper_height }
    }

    /// Returns the height of the content with the space around it.
    fn height(self, available: Size) -> f32 {
        self.upper_height + space::HUGE + cards_height(available.width) + 2.0 * space::WIDE
    }
}

fn beside_recents<'a>(
    logo: &'a image::Handle,
    recents: &RecentList<'a>,
    available: Size,
    lacks_drops: bool,
) -> Element<'a, Action> {
    let Beside { extras, upper_height } = Beside::new(recents, available, lacks_drops);
    let logo = extras.has_logo.then(|| logo_image(logo, SMALL_LOGO_SIZE));
    let title = extras.has_title.then(|| title(Horizontal::Left));
    let hint = extras.has_hint.then(hint);
    let left = [logo, title, Some(stacked_buttons()), hint].into_iter().flatten();
    let left = Column::with_children(left).spacing(space::WIDE).width(LEFT_WIDTH);
    let right = recents.view().map(Action::Recent);
    let upper = row![left, right].spacing(space::HUGE + space::NORMAL).height(upper_height);
    column![upper, cards(available.width)].spacing(space::HUGE).max_width(MAX_WIDTH).into()
}

/// Returns the buttons, the recents below them, and the cards at the end.
fn above_recents<'a>(recents: &RecentList<'a>, available: Size) -> Element<'a, Action> {
    let buttons = action_buttons(Columns::of_width(available.width - 2.0 * space::HUGE));
    let recents = container(recents.view().map(Action::Recent)).height(recents.height());
    column![container(buttons).center_x(Fill), recents, cards(available.width)].spacing(space::WIDE).into()
}

fn logo_image(logo: &image::Handle, size: f32) -> Element<'_, Action> {
    image(logo.clone()).width(size).height(size).into()
}

fn title<'a>(alignment: Horizontal) -> Element<'a, Action> {
    column![
        text("Reelay").size(size::TITLE).font(theme::STRONG),
        text("Plays Motion JPEG over RTSP and RTP").size(size::LARGE).style(theme::muted),
    ]
    .spacing(space::TIGHT)
    .align_x(alignment)
    .into()
}

/// Returns the buttons in up to three columns, of their own widths.
fn action_buttons<'a>(columns: Columns) -> Element<'a, Action> {
    let [sample, open, folder, connect] = buttons(iced::Shrink);
    let choices = match columns {
        Columns::One => column![sample, open, folder, connect],
        Columns::Two => column![sample, row![open, folder].spacing(space::NORMAL), connect],
        Columns::Three => column![sample, row![open, folder, connect].spacing(space::NORMAL)],
    };
    choices.spacing(space::NORMAL).align_x(Center).into()
}

/// Returns the buttons one below the other, all of the same width.
fn stacked_buttons<'a>() -> Element<'a, Action> {
    Column::with_children(buttons(Fill)).spacing(space::SMALL).into()
}

fn buttons<'a>(width: iced::Length) -> [Element<'a, Action>; 4] {
    [
        (Icon::Play, "Play the sample film", Action::PlaySample),
        (Icon::Open, "Open a film…", Action::Open),
        (Icon::Open, "Open a folder…", Action::OpenFolder),
        (Icon::Connect, "Connect to a stream…", Action::Connect),
    ]
    .map(|(symbol, label, action)| {
        let style = if action == Action::PlaySample { theme::primary } else { theme::secondary };
        let content =
            row![icon(symbol), text(label).size(size::LARGE)].spacing(space::SMALL + 2.0).align_y(Center);
        button(content).padding([11, 20]).width(width).style(style).on_press(action).into()
    })
}

fn hint<'a>() -> Element<'a, Action> {
    text("or drop a film or a folder of JPEG files here").size(size::SMALL).style(theme::muted).into()
}

/// Returns the cards: side by side, or one below the other in a narrow window.
fn cards<'a>(width: f32) -> Element<'a, Action> {
    let is_narrow = width < MIN_THREE_COLUMN_WIDTH;
    let cards = Lesson::ALL.map(|lesson| card(lesson, card_height(width)));
    match is_narrow {
        true => Column::with_children(cards).spacing(space::SMALL).into(),
        false => Row::with_children(cards).spacing(space::NORMAL).into(),
    }
}

fn card<'a>(lesson: Lesson, height: f32) -> Element<'a, Action> {
    let content = column![
        text(lesson.title()).size(size::NORMAL).font(theme::STRONG),
        text(lesson.description()).size(size::SMALL).style(theme::muted),
    ]
    .spacing(space::TIGHT);
    button(content)
        .padding([space::NORMAL, space::NORMAL])
        .width(Fill)
        .height(height)
        .style(theme::card(false))
        .on_press(Action::Lesson(lesson))
        .into()
}
