//! Statistics panel: main figures, charts of the last minute, the last packets, and all figures.

use std::cell::Cell;
use std::time::Duration;

use iced::alignment::Vertical::Bottom;
use iced::widget::{column, container, row, space, text};
use iced::{Center, Fill, FillPortion, Right};

use super::statistics_charts::CHARTS;
use crate::format::{clock, count, milliseconds, or_unknown, percentage};
use crate::stats::{FIGURE_GROUPS, Figure, Figures, NO_PACKETS_NOTE, SessionHistory, Snapshot, figure_of};
use crate::ui::renderer::{Cache, Column, Element, Row};
use crate::ui::text_format::with_units_kept;
use crate::ui::theme::{self, size, space as distance};
use crate::ui::widget::chart::chart;
use crate::ui::widget::control::button;
use crate::ui::widget::hint::{Position, hint};
use crate::ui::widget::packet_grid;

/// Request of the panel to the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Show the session summary.
    ShowSummary,
}

/// Caches of the drawings.
#[derive(Debug, Default)]
pub struct Panel {
    charts: [Cache; CHARTS.len()],
    packet_grid: Cache,
    cache_key: Cell<Option<CacheKey>>,
}

/// Value that changes when the charts have to be redrawn.
#[derive(Debug, Clone, Copy, PartialEq)]
struct CacheKey {
    /// Number of seconds measured so far.
    seconds: u64,
    /// Number of changes of the emulated network so far.
    changes: usize,
    is_dark: bool,
}

/// Fields of [`Snapshot`] whose figures are shown large.
const LARGE_FIGURES: [&str; 6] = [
    "packets_lost",
    "wire_bits_per_second",
    "frames_per_second_shown",
    "network_delay_ms",
    "end_to_end_ms",
    "stalls",
];

/// Width of a large figure in logical pixels.
const LARGE_FIGURE_WIDTH: f32 = 109.0;

impl Panel {
    /// Redraws the packet grid with the next view; to be called when there are new figures.
    pub fn refresh(&self) {
        self.packet_grid.clear();
    }

    /// Returns the row above the content, which is not scrolled.
    pub fn toolbar<'a>(figures: &Figures) -> Element<'a, Action> {
        let has_played = figures.snapshot.playing_s > 0.0;
        row![
            text(playing_time_label(&figures.snapshot)).size(size::SMALL).style(theme::muted).width(Fill),
            button(text("Session summary…").size(size::SMALL))
                .padding([5, 10])
                .style(theme::secondary)
                .on_press_maybe(has_played.then_some(Action::ShowSummary))
        ]
        .align_y(Center)
        .into()
    }

    /// Returns the content of the panel, with tooltips at `hints`.
    pub fn view<'a>(
        &'a self,
        figures: &'a Figures,
        record: &'a SessionHistory,
        is_playing: bool,
        is_dark: bool,
        hints: Position,
    ) -> Element<'a, Action> {
        let changes = record.emulator_changes().len();
        self.clear_stale_caches(CacheKey { seconds: record.timeline().total_seconds(), changes, is_dark });
        let snapshot = &figures.snapshot;
        let lacks_packets = snapshot.lacks_packets;
        let note = lacks_packets.then(|| text(NO_PACKETS_NOTE).size(size::SMALL).style(theme::muted).into());
        let packet_grid = (!lacks_packets).then(|| self.packet_grid(figures));
        let row = |figure| figure_row(figure, snapshot, is_playing, hints);
        column![large_figures(snapshot, is_playing, hints)]
            .extend(note)
            .push(self.charts(record, snapshot, is_playing, hints))
            .extend(packet_grid)
            .push(all_figures(row))
            .spacing(distance::WIDE)
            .width(Fill)
            .into()
    }

    fn clear_stale_caches(&self, key: CacheKey) {
        let previous = self.cache_key.replace(Some(key));
        if previous != Some(key) {
            self.charts.iter().for_each(Cache::clear);
        }
        if previous.is_none_or(|previous| previous.is_dark != key.is_dark) {
            self.packet_grid.clear();
        }
    }

    fn charts(
        &self,
        record: &SessionHistory,
        snapshot: &Snapshot,
        is_playing: bool,
        hints: Position,
    ) -> Column<'_, Action> {
        let shown = CHARTS.iter().zip(&self.charts).filter(|(plot, _)| plot.is_shown(snapshot));
        let charts = shown.map(|(plot, cache)| {
            let title = row![
                text(plot.name()).size(size::SMALL),
                text(plot.span()).size(size::TINY).style(theme::muted),
            ]
            .spacing(distance::SMALL)
            .align_y(Center);
            let current = plot.current(record, snapshot, is_playing);
            let line = row![
                hint(title, plot.description(), hints),
                space::horizontal(),
                text(current).size(size::SMALL).font(theme::STRONG)
            ]
            .align_y(Center);
            column![line, chart(cache, plot.series(record))].spacing(distance::TIGHT).into()
        });
        let axis = |label| text(label).size(size::TINY).style(theme::muted);
        Column::with_children(charts).spacing(distance::NORMAL).push(row![
            axis("60 seconds of playback; vertical lines: the network was changed").width(Fill),
            axis("latest")
        ])
    }

    fn packet_grid<'a>(&'a self, figures: &'a Figures) -> Element<'a, Action> {
        let title = text("Last packets, one row per frame").size(size::SMALL);
        column![
            title,
            packet_grid::packet_grid(&self.packet_grid, &figures.packet_rows),
            packet_grid::legend()
        ]
        .spacing(distance::SMALL)
        .into()
    }
}

fn playing_time_label(snapshot: &Snapshot) -> String {
    match snapshot.playing_s > 0.0 {
        true if snapshot.lacks_packets => {
            format!("{} played since the first response", clock(Duration::from_secs_f64(snapshot.playing_s)))
        }
        true => format!("{} played since SETUP", clock(Duration::from_secs_f64(snapshot.playing_s))),
        false => "Nothing played yet".to_owned(),
    }
}

fn large_figures<'a>(snapshot: &Snapshot, is_playing: bool, hints: Position) -> Element<'a, Action> {
    let figures = LARGE_FIGURES.into_iter().filter_map(figure_of).map(|figure| {
        let value = large_value(figure, snapshot, is_playing);
        let (number, unit) = value.split_once(' ').unwrap_or((&value, ""));
        let value = row![
            text(number.to_owned()).size(size::FIGURE).font(theme::STRONG).wrapping(text::Wrapping::None),
            container(text(unit.to_owned()).size(size::NORMAL).wrapping(text::Wrapping::None))
                .padding(iced::Padding::ZERO.bottom(4)),
        ]
        .spacing(distance::TIGHT)
        .align_y(Bottom);
        let span = figure.span.words(snapshot.lacks_packets);
        let content = column![
            value,
            text(figure.name).size(size::SMALL),
            text(span).size(size::TINY).style(theme::muted)
        ];
        container(hint(content, figure.description, hints)).width(LARGE_FIGURE_WIDTH).into()
    });
    let figures = Row::with_children(figures).spacing(distance::TIGHT).wrap();
    figures.vertical_spacing(distance::NORMAL).into()
}

/// Returns the value of a large figure: the first number of the figure, and of the loss only its share.
fn large_value(figure: &Figure, snapshot: &Snapshot, is_playing: bool) -> String {
    match figure.fields[0] {
        "packets_lost" => or_unknown(snapshot.loss_ratio, percentage),
        "stalls" => or_unknown((snapshot.playing_s > 0.0).then_some(snapshot.stalls), count),
        "end_to_end_ms" if is_playing => or_unknown(snapshot.end_to_end_ms, milliseconds),
        _ => figure.current_value(snapshot, is_playing),
    }
}

/// Returns all figures, by group.
fn all_figures<'a>(figure_row: impl Fn(&'static Figure) -> Element<'a, Action>) -> Element<'a, Action> {
    let groups = FIGURE_GROUPS.iter().map(|group| {
        let title = text(group.name).size(size::NORMAL).font(theme::STRONG);
        let figures = group.figures.iter().map(&figure_row);
        column![title].extend(figures).spacing(distance::TIGHT).into()
    });
    Column::with_children(groups).spacing(distance::NORMAL).into()
}

fn figure_row<'a>(
    figure: &'static Figure,
    snapshot: &Snapshot,
    is_playing: bool,
    hints: Position,
) -> Element<'a, Action> {
    let span = figure.span.words(snapshot.lacks_packets);
    let name = row![
        text(figure.name).size(size::SMALL).style(theme::muted),
        text(span).size(size::TINY).style(theme::muted)
    ]
    .spacing(6)
    .align_y(Bottom)
    .wrap();
    let value = text(with_units_kept(&figure.current_value(snapshot, is_playing))).size(size::SMALL);
    row![
        container(hint(name, figure.description, hints)).width(FillPortion(5)),
        value.width(FillPortion(4)).align_x(Right)
    ]
    .spacing(distance::SMALL)
    .into()
}
