//! Statistics panel: main figures, charts of the last minute, the last packets, and all figures.

use std::cell::Cell;
use std::time::Duration;

use iced::alignment::Vertical::Bottom;
use iced::widget::canvas::Cache;
use iced::widget::{Column, column, container, row, space, text, tooltip};
use iced::{Center, Element, Fill, Right};

use crate::format::{UNKNOWN, clock, data_rate, milliseconds, or_unknown, percentage};
use crate::stats::{FIGURE_GROUPS, Figure, Figures, NO_PACKETS_NOTE, Second, SessionHistory, Snapshot};
use crate::ui::theme::{self, size, space as distance};
use crate::ui::widget::chart::{SECONDS_SHOWN, Series, chart};
use crate::ui::widget::control::button;
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
    is_dark: bool,
}

/// Definition of a chart.
struct Plot {
    name: &'static str,
    tooltip: &'static str,
    /// Value of a second, in the unit that `format` expects; `None` if it was not measured.
    value: fn(&Second) -> Option<f64>,
    /// Smallest value for the top of the scale, in the unit of `value`.
    min_top: f64,
    format: fn(f64) -> String,
    colour: fn(&theme::Colours) -> iced::Color,
}

const CHARTS: [Plot; 5] = [
    Plot {
        name: "Data rate",
        tooltip: "Bits per second on the wire, headers included.",
        value: |second| Some(second.wire_bits_per_second),
        min_top: 100_000.0,
        format: data_rate,
        colour: |colours| colours.ready,
    },
    Plot {
        name: "Loss",
        tooltip: "Share of the packets expected in each second that did not arrive.",
        value: |second| {
            let (expected, lost) = (second.packets_expected?, second.packets_lost?);
            (expected > 0).then(|| (lost.max(0) as f64 / expected as f64).min(1.0))
        },
        min_top: 0.01,
        format: percentage,
        colour: |colours| colours.danger,
    },
    Plot {
        name: "Frame jitter",
        tooltip: "Interarrival jitter of the first packet of each frame, at the end of each second (RFC 3550 A.8).",
        value: |second| second.frame_jitter_ms,
        min_top: 1.0,
        format: milliseconds,
        colour: |colours| colours.warm,
    },
    Plot {
        name: "Frames shown",
        tooltip: "Frames shown in each second.",
        value: |second| Some(second.frames_shown_per_second),
        min_top: 10.0,
        format: per_second,
        colour: |colours| colours.playing,
    },
    Plot {
        name: "Buffer",
        tooltip: "Playing time of the frames in the jitter buffer, on average over each second.",
        value: |second| second.buffered_ms,
        min_top: 10.0,
        format: milliseconds,
        colour: |colours| colours.muted,
    },
];

/// Definition of one of the large figures.
struct LargeFigure {
    name: &'static str,
    tooltip: &'static str,
    value: fn(&Snapshot) -> String,
}

const LARGE_FIGURES: [LargeFigure; 6] = [
    LargeFigure {
        name: "lost",
        tooltip: "Packets lost since SETUP, as a share of those expected.",
        value: |s| or_unknown(s.loss_ratio, percentage),
    },
    LargeFigure {
        name: "on the wire",
        tooltip: "Bits on the wire in the last second, headers included.",
        value: |s| {
            if s.wire_octets == 0 { UNKNOWN.to_owned() } else { data_rate(s.wire_bits_per_second) }
        },
    },
    LargeFigure {
        name: "frames shown",
        tooltip: "Frames shown in the last second.",
        value: |s| {
            if s.frames_shown == 0 { UNKNOWN.to_owned() } else { per_second(s.frames_per_second_shown) }
        },
    },
    LargeFigure {
        name: "network delay",
        tooltip: "From the sender's media clock to the arrival of a frame's first packet, by its RTCP sender reports \
                (RFC 3550 §6.4.1).",
        value: |s| or_unknown(s.network_delay_ms, milliseconds),
    },
    LargeFigure {
        name: "end to end",
        tooltip: "From the sender's media clock to the screen, by its RTCP sender reports (RFC 3550 §6.4.1).",
        value: |s| or_unknown(s.end_to_end_ms, milliseconds),
    },
    LargeFigure {
        name: "stalls",
        tooltip: "Number of times that playback froze.",
        value: |s| or_unknown((s.playing_s > 0.0).then_some(s.stalls), |stalls| stalls.to_string()),
    },
];

fn per_second(rate: f64) -> String {
    format!("{rate:.1} /s")
}

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

    /// Returns the content of the panel.
    pub fn view<'a>(
        &'a self,
        figures: &'a Figures,
        record: &'a SessionHistory,
        is_playing: bool,
        is_dark: bool,
    ) -> Element<'a, Action> {
        self.clear_stale_caches(CacheKey { seconds: record.timeline().total_seconds(), is_dark });
        let charts = self.charts(record, is_playing);
        let lacks_packets = figures.snapshot.lacks_packets;
        let note = lacks_packets.then(|| text(NO_PACKETS_NOTE).size(size::SMALL).style(theme::muted).into());
        let packet_grid = (!lacks_packets).then(|| self.packet_grid(figures));
        column![large_figures(&figures.snapshot)]
            .extend(note)
            .push(charts)
            .extend(packet_grid)
            .push(all_figures(&figures.snapshot))
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

    fn charts(&self, record: &SessionHistory, is_playing: bool) -> Column<'_, Action> {
        let seconds = record.timeline().seconds();
        let first = seconds.len().saturating_sub(SECONDS_SHOWN);
        let charts = CHARTS.iter().zip(&self.charts).map(|(plot, cache)| {
            let values: Vec<_> = seconds.range(first..).map(plot.value).collect();
            // A current value is shown only during playback.
            let last = values.last().copied().flatten().filter(|_| is_playing);
            let current = or_unknown(last, plot.format);
            let series = Series { values, min_top: plot.min_top, colour: plot.colour };
            let scale = format!("0 to {}", (plot.format)(series.top()));
            let title = row![
                text(plot.name).size(size::SMALL),
                text(scale).size(size::TINY).style(theme::muted).width(Fill),
                text(current).size(size::SMALL).font(theme::STRONG)
            ]
            .spacing(distance::SMALL)
            .align_y(Center);
            let content = column![title, chart(cache, series)].spacing(distance::TIGHT);
            with_tooltip(content.into(), plot.tooltip)
        });
        Column::with_children(charts).spacing(distance::SMALL).push(row![
            text("60 seconds of playback").size(size::TINY).style(theme::muted).width(Fill),
            text("latest").size(size::TINY).style(theme::muted)
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

fn large_figures<'a>(snapshot: &Snapshot) -> Element<'a, Action> {
    let figure = |large: &LargeFigure| {
        let figure = (large.value)(snapshot);
        let (number, unit) = figure.split_once(' ').unwrap_or((&figure, ""));
        let value = row![
            text(number.to_owned()).size(size::FIGURE).font(theme::STRONG).wrapping(text::Wrapping::None),
            container(text(unit.to_owned()).size(size::NORMAL).wrapping(text::Wrapping::None))
                .padding(iced::Padding::ZERO.bottom(4)),
        ]
        .spacing(distance::TIGHT)
        .align_y(Bottom);
        let content = column![value, text(large.name).size(size::SMALL).style(theme::muted)];
        container(with_tooltip(content.into(), large.tooltip)).width(Fill).into()
    };
    let lines =
        LARGE_FIGURES.chunks(3).map(|line| row(line.iter().map(figure)).spacing(distance::SMALL).into());
    Column::with_children(lines).spacing(distance::NORMAL).into()
}

/// Returns all figures, by group.
fn all_figures<'a>(snapshot: &Snapshot) -> Element<'a, Action> {
    let groups = FIGURE_GROUPS.iter().map(|group| {
        let title = text(group.name).size(size::NORMAL).font(theme::STRONG);
        let figures = group.figures.iter().map(|figure| figure_row(figure, snapshot));
        column![title].extend(figures).spacing(distance::TIGHT).into()
    });
    Column::with_children(groups).spacing(distance::NORMAL).into()
}

fn figure_row<'a>(figure: &'static Figure, snapshot: &Snapshot) -> Element<'a, Action> {
    let line = row![
        text(figure.name).size(size::SMALL).style(theme::muted),
        space::horizontal(),
        text(figure.value(snapshot)).size(size::SMALL).align_x(Right)
    ]
    .spacing(distance::SMALL)
    .align_y(Center);
    with_tooltip(line.into(), figure.description)
}

/// Adds a tooltip below the content.
fn with_tooltip<'a>(content: Element<'a, Action>, description: &'a str) -> Element<'a, Action> {
    let label =
        container(text(description).size(size::SMALL)).max_width(320).padding([6, 10]).style(theme::tooltip);
    tooltip(content, label, tooltip::Position::Bottom).gap(4).into()
}
