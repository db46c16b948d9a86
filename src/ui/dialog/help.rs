//! Help: all keys, and what the buttons send.

use iced::widget::{column, container, row, scrollable, space, text};
use iced::{Center, Fill};

use crate::session::RtspState;
use crate::ui::dialog::layout::title;
use crate::ui::renderer::{Column, Element};
use crate::ui::shortcuts::TABLE;
use crate::ui::theme::{self, size, space as distance};
use crate::ui::widget::choices::choices;
use crate::ui::widget::control::button;
use crate::ui::widget::icon::{Icon, icon};
use crate::ui::widget::state_diagram::state_diagram;

/// Page of the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Page {
    /// All keys.
    #[default]
    Keys,
    /// Requests of the buttons, and the states of a session.
    Buttons,
}

/// Message of the dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Message {
    Page(Page),
    Close,
}

/// Id of the close button, which has no text for tests to find it by.
const CLOSE_ID: &str = "close-help";

/// Width of the column of keys, in logical pixels.
const KEYS_WIDTH: f32 = 176.0;

/// Width of the column of buttons, in logical pixels.
const BUTTON_WIDTH: f32 = 78.0;

/// Requests of the three buttons.
const THREE_BUTTONS: [(&str, &str); 3] =
    [("Play", "PLAY; SETUP before it, if there is no session"), ("Pause", "PAUSE"), ("Stop", "TEARDOWN")];

/// Requests of the four buttons.
const FOUR_BUTTONS: [(&str, &str); 4] =
    [("Setup", "SETUP"), ("Play", "PLAY"), ("Pause", "PAUSE"), ("Teardown", "TEARDOWN")];

/// Questions about the buttons, and their answers.
const QUESTIONS: [(&str, &str); 4] = [
    (
        "When does SETUP go out?",
        "With three buttons, when a film or a stream is opened, so that Play only needs PLAY and starts at once; and \
         before PLAY, when Play is pressed after Stop. With four buttons, only when Setup is pressed. The first SETUP \
         follows OPTIONS and DESCRIBE, which tell what the server can do and which streams it has; classroom servers \
         know neither.",
    ),
    (
        "Why is Stop a TEARDOWN?",
        "Stop means that you are done: TEARDOWN ends the session, and the server frees its ports and its memory. The next \
         Play needs a new session, and starts at the beginning.",
    ),
    (
        "When is PAUSE the better choice?",
        "When playback is to go on soon. PAUSE only stops the packets: the session keeps its ports and its position, \
         and the next PLAY continues there, or with \"Range: npt=0-\" at the beginning, without a new SETUP. But the \
         server keeps everything until then, and ends a session whose player sends nothing for the session timeout, \
         often 60 s.",
    ),
    (
        "Why are some of the four buttons disabled?",
        "A request that does not fit the state is an error (455 Method Not Valid in This State). The four buttons are \
         enabled only in the states from which the diagram has an arrow. The three buttons send what is missing on \
         the way. Over HTTP there are no such requests: Play requests the stream, and Pause and Stop close it.",
    ),
];

/// Id of the scrolled content, which begins at its top on each page.
pub const SCROLL_ID: &str = "help-content";

/// Returns the content of the dialog; `state` is that of the session.
pub fn view<'a>(page: Page, state: RtspState) -> Element<'a, Message> {
    let close = button(icon(Icon::Close)).padding(6).style(theme::quiet).on_press(Message::Close);
    let heading = row![title("Help"), space::horizontal(), container(close).id(CLOSE_ID)].align_y(Center);
    let pages = [("Keys", Page::Keys), ("What the buttons send", Page::Buttons)];
    let content = match page {
        Page::Keys => keys(),
        Page::Buttons => buttons(state),
    };
    let content = container(content).padding(iced::Padding::ZERO.right(distance::WIDE));
    let content = scrollable(content).id(SCROLL_ID).width(Fill).height(Fill).style(theme::scroll_bar);
    column![heading, row![choices(pages, page, Message::Page)], content].spacing(distance::WIDE).into()
}

fn keys<'a>() -> Element<'a, Message> {
    let rows = TABLE.iter().map(|shortcut| {
        row![
            text(shortcut.keys()).size(size::NORMAL).font(theme::STRONG).width(KEYS_WIDTH),
            text(sentence(shortcut.action)).size(size::NORMAL).width(Fill),
        ]
        .spacing(distance::NORMAL)
        .into()
    });
    Column::with_children(rows).spacing(distance::SMALL).into()
}

/// Returns a description with its first letter in upper case.
fn sentence(description: &str) -> String {
    let mut letters = description.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn buttons<'a>(state: RtspState) -> Element<'a, Message> {
    let both = row![button_set("Three buttons", &THREE_BUTTONS), button_set("Four buttons", &FOUR_BUTTONS),]
        .spacing(distance::WIDE);
    let questions = QUESTIONS.map(|(question, answer)| {
        column![heading(question), text(answer).size(size::NORMAL).style(theme::muted)]
            .spacing(distance::TIGHT)
            .into()
    });
    let diagram = column![heading("States of the session; the current one is lit"), state_diagram(state)]
        .spacing(distance::TIGHT);
    column![both, diagram].extend(questions).spacing(distance::WIDE).into()
}

fn heading(label: &str) -> Element<'_, Message> {
    text(label).size(size::NORMAL).font(theme::STRONG).into()
}

fn button_set<'a>(title: &'a str, set: &[(&'a str, &'a str)]) -> Element<'a, Message> {
    let rows = set.iter().map(|(button, requests)| {
        row![
            text(*button).size(size::NORMAL).width(BUTTON_WIDTH),
            text(*requests).size(size::NORMAL).style(theme::muted).width(Fill),
        ]
        .spacing(distance::SMALL)
        .into()
    });
    let content = column![heading(title)].extend(rows).spacing(distance::TIGHT);
    container(content).padding(distance::NORMAL).width(Fill).style(theme::choices).into()
}
