//! The session summary: every figure, what was measured beside what is true, and ways to keep it.

use iced::widget::{Column, Row, Text, button, column, container, row, scrollable, space, text, tooltip};
use iced::{Center, Element, Fill};

use super::icon::{Icon, icon};
use super::theme::{self, size, space as distance};
use crate::stats::{Line, Report};

/// What happens in the summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Message {
    Copy,
    SaveCsv,
    SaveJson,
    Close,
}

/// What has become of the summary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// It is somewhere now; a sentence says where.
    Yes(String),
    /// It is not; a sentence says why.
    No(String),
}

/// The close button has no words, and needs a name.
const CLOSE: &str = "close-summary";

/// The summary of a session. It stays when it has been kept: it may be wanted in another form as well.
pub fn view<'a>(report: &'a Report, kept: Option<&'a Kept>) -> Element<'a, Message> {
    let close = button(icon(Icon::Close)).padding(6).style(theme::quiet).on_press(Message::Close);
    let title = row![
        text("Session summary").size(size::TITLE).font(theme::STRONG),
        space::horizontal(),
        container(close).id(CLOSE)
    ]
    .align_y(Center);
    let heading =
        report.heading().into_iter().map(|line| text(line).size(size::NORMAL).style(theme::muted).into());
    let figures = column![Column::with_children(heading).spacing(2), table(report)].spacing(distance::WIDE);
    let figures = container(figures).padding(iced::Padding::ZERO.right(distance::WIDE));
    // It takes what the rest leaves: the buttons stay in a window of any size.
    let figures = scrollable(figures).style(theme::scroll_bar).height(Fill);
    let kept = kept.map(|kept| match kept {
        Kept::Yes(sentence) => told(sentence).into(),
        Kept::No(sentence) => told(sentence).style(theme::danger).into(),
    });
    column![title, figures].extend(kept).push(buttons()).spacing(distance::WIDE).into()
}

fn told(sentence: &str) -> Text<'_> {
    text(sentence).size(size::NORMAL).wrapping(text::Wrapping::WordOrGlyph)
}

fn buttons<'a>() -> Row<'a, Message> {
    let keep = |words, message| {
        button(text(words).size(size::NORMAL)).padding([8, 14]).style(theme::secondary).on_press(message)
    };
    row![
        keep("Copy as text", Message::Copy),
        keep("Save CSV…", Message::SaveCsv),
        keep("Save JSON…", Message::SaveJson),
        space::horizontal(),
        button(text("Close").size(size::NORMAL))
            .padding([8, 18])
            .style(theme::primary)
            .on_press(Message::Close),
    ]
    .spacing(distance::SMALL)
}

fn table(report: &Report) -> Element<'_, Message> {
    let has_truth = report.lines().flat_map(|(_, lines)| lines).any(|line| line.truth.is_some());
    let groups = report.lines().enumerate().map(|(index, (group, lines))| {
        let words = |words| text(words).size(size::SMALL).style(theme::muted);
        let head = row![text(group).size(size::NORMAL).font(theme::STRONG).width(NAME)];
        // The columns are named once, where both are used.
        let head = match (index, has_truth) {
            (0, true) => head
                .push(words("measured").width(Fill))
                .push(words("true, by the emulated network").width(TRUTH)),
            _ => head,
        };
        column![head.align_y(Center)]
            .extend(lines.into_iter().map(|line| one(line, has_truth)))
            .spacing(distance::TIGHT)
            .into()
    });
    Column::with_children(groups).spacing(distance::NORMAL).into()
}

/// How wide the names are, and what is true.
const NAME: f32 = 190.0;
const TRUTH: f32 = 190.0;

fn one<'a>(line: Line, has_truth: bool) -> Element<'a, Message> {
    let Line { name, about, measured, truth } = line;
    let words = |words| text(words).size(size::NORMAL);
    let content =
        row![text(name).size(size::NORMAL).style(theme::muted).width(NAME), words(measured).width(Fill)];
    let content =
        if has_truth { content.push(words(truth.unwrap_or_default()).width(TRUTH)) } else { content };
    let about = container(text(about).size(size::SMALL)).max_width(360).padding([6, 10]).style(theme::hint);
    tooltip(content, about, tooltip::Position::Bottom).gap(2).into()
}
