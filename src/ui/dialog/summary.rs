//! The session summary: every figure, what was measured beside what is true, and ways to keep it.

use iced::widget::{Column, Row, Text, button, column, container, row, scrollable, space, text, tooltip};
use iced::{Center, Element, Fill};

use crate::stats::{ReportLine, SessionReport};
use crate::ui::theme::{self, size, space as distance};
use crate::ui::widget::icon::{Icon, icon};

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
pub enum ExportStatus {
    /// It is somewhere now; a sentence says where.
    Done(String),
    /// It is not; a sentence says why.
    Failed(String),
}

/// The close button has no words, and needs a name.
const CLOSE_ID: &str = "close-summary";

/// The summary of a session. It stays when it has been kept: it may be wanted in another form as well.
pub fn view<'a>(report: &'a SessionReport, status: Option<&'a ExportStatus>) -> Element<'a, Message> {
    let close = button(icon(Icon::Close)).padding(6).style(theme::quiet).on_press(Message::Close);
    let title = row![
        text("Session summary").size(size::TITLE).font(theme::STRONG),
        space::horizontal(),
        container(close).id(CLOSE_ID)
    ]
    .align_y(Center);
    let heading =
        report.heading().into_iter().map(|line| text(line).size(size::NORMAL).style(theme::muted).into());
    let figures = column![Column::with_children(heading).spacing(2), table(report)].spacing(distance::WIDE);
    let figures = container(figures).padding(iced::Padding::ZERO.right(distance::WIDE));
    // It takes what the rest leaves: the buttons stay in a window of any size.
    let figures = scrollable(figures).style(theme::scroll_bar).height(Fill);
    let status = status.map(|status| match status {
        ExportStatus::Done(sentence) => status_text(sentence).into(),
        ExportStatus::Failed(sentence) => status_text(sentence).style(theme::danger).into(),
    });
    column![title, figures].extend(status).push(buttons()).spacing(distance::WIDE).into()
}

fn status_text(message: &str) -> Text<'_> {
    text(message).size(size::NORMAL).wrapping(text::Wrapping::WordOrGlyph)
}

fn buttons<'a>() -> Row<'a, Message> {
    let export_button = |words, message| {
        button(text(words).size(size::NORMAL)).padding([8, 14]).style(theme::secondary).on_press(message)
    };
    row![
        export_button("Copy as text", Message::Copy),
        export_button("Save CSV…", Message::SaveCsv),
        export_button("Save JSON…", Message::SaveJson),
        space::horizontal(),
        button(text("Close").size(size::NORMAL))
            .padding([8, 18])
            .style(theme::primary)
            .on_press(Message::Close),
    ]
    .spacing(distance::SMALL)
}

fn table(report: &SessionReport) -> Element<'_, Message> {
    let has_truth = report.figure_groups().flat_map(|(_, lines)| lines).any(|line| line.emulated.is_some());
    let groups = report.figure_groups().enumerate().map(|(index, (group, lines))| {
        let words = |words| text(words).size(size::SMALL).style(theme::muted);
        let header = row![text(group).size(size::NORMAL).font(theme::STRONG).width(NAME_WIDTH)];
        // The columns are named once, where both are used.
        let header = match (index, has_truth) {
            (0, true) => header
                .push(words("measured").width(Fill))
                .push(words("true, by the emulated network").width(TRUTH_WIDTH)),
            _ => header,
        };
        column![header.align_y(Center)]
            .extend(lines.into_iter().map(|line| table_row(line, has_truth)))
            .spacing(distance::TIGHT)
            .into()
    });
    Column::with_children(groups).spacing(distance::NORMAL).into()
}

/// How wide the names are, and what is true.
const NAME_WIDTH: f32 = 190.0;
const TRUTH_WIDTH: f32 = 190.0;

fn table_row<'a>(line: ReportLine, has_truth: bool) -> Element<'a, Message> {
    let ReportLine { name, description: about, measured, emulated: truth } = line;
    let words = |words| text(words).size(size::NORMAL);
    let content = row![
        text(name).size(size::NORMAL).style(theme::muted).width(NAME_WIDTH),
        words(measured).width(Fill)
    ];
    let content =
        if has_truth { content.push(words(truth.unwrap_or_default()).width(TRUTH_WIDTH)) } else { content };
    let about =
        container(text(about).size(size::SMALL)).max_width(360).padding([6, 10]).style(theme::tooltip);
    tooltip(content, about, tooltip::Position::Bottom).gap(2).into()
}
