//! Session summary: each statistic as measured and as counted by the emulator, and its export.

use iced::widget::{column, container, mouse_area, row, scrollable, space, stack, text};
use iced::{Center, Fill, Right};

use crate::stats::{ReportLine, SessionReport};
use crate::ui::dialog::layout::title;
use crate::ui::renderer::{Column, Element, Row, Text};
use crate::ui::text_format::with_units_kept;
use crate::ui::theme::{self, size, space as distance};
use crate::ui::widget::control::button;
use crate::ui::widget::hint::{Position, hint};
use crate::ui::widget::icon::{Icon, icon};

/// Message of the dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Message {
    Copy,
    SaveCsv,
    SaveJson,
    /// The pointer is on a figure with this definition.
    Describe(&'static str),
    Close,
}

/// Result of the last export of the summary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportStatus {
    /// The summary was exported; holds a sentence with the path.
    Done(String),
    /// The export failed; holds a sentence with the reason.
    Failed(String),
}

/// State of the dialog.
#[derive(Debug)]
pub struct Summary {
    /// Figures of the session.
    pub report: SessionReport,
    /// Result of the last export; `None` before the first.
    pub status: Option<ExportStatus>,
    /// Definition of the figure that the pointer was on last; `None` before the first.
    pub described: Option<&'static str>,
    /// Longest definition that was shown. Its height is kept, because rows would move under the pointer otherwise.
    pub longest_described: &'static str,
}

/// Text in place of a definition.
const NOTHING_DESCRIBED: &str = "Point at a figure for its definition.";

/// Id of the close button, which has no text for tests to find it by.
const CLOSE_ID: &str = "close-summary";

/// Id of the check marks, which have no text for tests to find them by.
const CHECK_ID: &str = "summary-equal";

impl Summary {
    /// Creates the dialog of a report.
    pub fn new(report: SessionReport) -> Self {
        Self { report, status: None, described: None, longest_described: NOTHING_DESCRIBED }
    }

    /// Returns the content of the dialog. It stays open after an export, so that the summary can be exported in another
    /// format as well.
    pub fn view(&self) -> Element<'_, Message> {
        let close = button(icon(Icon::Close)).padding(6).style(theme::quiet).on_press(Message::Close);
        let heading_row = row![title("Session summary"), space::horizontal(), container(close).id(CLOSE_ID)]
            .align_y(Center);
        let heading = self.report.heading().into_iter();
        let heading = heading.map(|line| text(line).size(size::NORMAL).style(theme::muted).into());
        let figures =
            column![Column::with_children(heading).spacing(2), table(&self.report)].spacing(distance::WIDE);
        let figures = container(figures).padding(iced::Padding::ZERO.right(distance::WIDE));
        // Takes the remaining height, so that the buttons stay visible in a window of any size.
        let figures = scrollable(figures).style(theme::scroll_bar).height(Fill);
        let status = self.status.as_ref().map(|status| match status {
            ExportStatus::Done(sentence) => status_text(sentence).into(),
            ExportStatus::Failed(sentence) => status_text(sentence).style(theme::danger).into(),
        });
        column![heading_row, figures, self.description()]
            .extend(status)
            .push(buttons())
            .spacing(distance::WIDE)
            .into()
    }

    /// Shows the definition of a figure.
    pub fn describe(&mut self, definition: &'static str) {
        self.described = Some(definition);
        if definition.len() > self.longest_described.len() {
            self.longest_described = definition;
        }
    }

    /// Returns the definition of a figure, at a place of its own: a tooltip would cover other figures.
    fn description(&self) -> Element<'_, Message> {
        let line = |sentence| text(sentence).size(size::SMALL).width(Fill);
        let space = line(self.longest_described).color(iced::Color::TRANSPARENT);
        stack![space, line(self.described.unwrap_or(NOTHING_DESCRIBED)).style(theme::muted)].into()
    }
}

fn status_text(message: &str) -> Text<'_> {
    text(message).size(size::NORMAL).wrapping(text::Wrapping::WordOrGlyph)
}

fn buttons<'a>() -> Row<'a, Message> {
    let export_button = |label, message| {
        button(text(label).size(size::NORMAL)).padding([8, 14]).style(theme::secondary).on_press(message)
    };
    row![
        export_button("Copy as text", Message::Copy),
        export_button("Save seconds (CSV)…", Message::SaveCsv),
        export_button("Save all (JSON)…", Message::SaveJson),
        space::horizontal(),
        button(text("Close").size(size::NORMAL))
            .padding([8, 18])
            .style(theme::primary)
            .on_press(Message::Close),
    ]
    .spacing(distance::SMALL)
}

fn table(report: &SessionReport) -> Element<'_, Message> {
    let has_emulated =
        report.figure_groups().flat_map(|(_, lines)| lines).any(|line| line.emulated.is_some());
    let groups = report.figure_groups().enumerate().map(|(index, (group, lines))| {
        let label = |label| text(label).size(size::SMALL).style(theme::muted).align_x(Right);
        let header = row![text(group).size(size::NORMAL).font(theme::STRONG).width(NAME_WIDTH)];
        // Column titles once, and only if there are two columns.
        let header = match (index, has_emulated) {
            (0, true) => header
                .push(label("measured").width(Fill))
                .push(label("counted by the emulator").width(EMULATED_WIDTH))
                .push(space().width(CHECK_WIDTH)),
            _ => header,
        };
        column![header.spacing(distance::SMALL).align_y(Center)]
            .extend(lines.into_iter().map(|line| table_row(line, has_emulated)))
            .spacing(distance::TIGHT)
            .into()
    });
    Column::with_children(groups).spacing(distance::NORMAL).into()
}

/// Width of the column of names, in logical pixels.
const NAME_WIDTH: f32 = 228.0;

/// Width of the column of the emulator's counts, in logical pixels.
const EMULATED_WIDTH: f32 = 156.0;

/// Width of the column of check marks, in logical pixels.
const CHECK_WIDTH: f32 = 16.0;

fn table_row<'a>(line: ReportLine, has_emulated: bool) -> Element<'a, Message> {
    let ReportLine { name, description, measured, emulated } = line;
    let is_equal = emulated.as_ref() == Some(&measured);
    let value = |value: String| text(with_units_kept(&value)).size(size::NORMAL).align_x(Right);
    let name = text(name).size(size::NORMAL).style(theme::muted);
    let name = container(name).width(NAME_WIDTH);
    let content = row![name, value(measured).width(Fill)].spacing(distance::SMALL).align_y(Center);
    let content = match has_emulated {
        true => content
            .push(value(emulated.unwrap_or_default()).width(EMULATED_WIDTH))
            .push(container(is_equal.then(check_mark)).width(CHECK_WIDTH)),
        false => content,
    };
    mouse_area(content).on_enter(Message::Describe(description)).into()
}

/// Returns the mark of a figure whose measured value is the true one.
fn check_mark<'a>() -> Element<'a, Message> {
    let mark = container(icon(Icon::Check)).id(CHECK_ID).style(theme::check_mark);
    hint(mark, "Measured and counted are equal.", Position::Left)
}
