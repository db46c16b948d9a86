//! The Statistics panel: the figures that matter, the last minute, the last packets, and every figure.

use std::cell::Cell;
use std::time::Duration;

use iced::alignment::Vertical::Bottom;
use iced::widget::canvas::Cache;
use iced::widget::{Column, button, column, container, row, space, text, tooltip};
use iced::{Center, Element, Fill, Right};

use super::chart::{SECONDS, Series, chart};
use super::packets;
use super::theme::{self, size, space as distance};
use crate::format::{UNKNOWN, clock, data_rate, milliseconds, or_unknown, ratio};
use crate::stats::{Figure, Figures, GROUPS, Record, Second, Snapshot};

/// What the panel asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Tell the whole session.
    Summarize,
}

/// What is drawn and need not be drawn again until there is something new.
#[derive(Debug, Default)]
pub struct Panel {
    charts: [Cache; CHARTS.len()],
    packets: Cache,
    drawn: Cell<Option<Drawn>>,
}

/// What the drawings are of.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Drawn {
    seconds: u64,
    is_dark: bool,
}

/// One of the charts.
struct Plot {
    name: &'static str,
    about: &'static str,
    value: fn(&Second) -> Option<f64>,
    least_top: f64,
    words: fn(f64) -> String,
    colour: fn(&theme::Colours) -> iced::Color,
}

const CHARTS: [Plot; 5] = [
    Plot {
        name: "Data rate",
        about: "Bits on the wire each second, headers included.",
        value: |second| Some(second.wire_bits_per_second),
        least_top: 100_000.0,
        words: data_rate,
        colour: |colours| colours.ready,
    },
    Plot {
        name: "Loss",
        about: "Of the packets expected in each second, the part that did not arrive.",
        value: |second| {
            let expected = second.packets_expected as f64;
            (expected > 0.0).then(|| (second.packets_lost.max(0) as f64 / expected).min(1.0))
        },
        least_top: 0.01,
        words: ratio,
        colour: |colours| colours.danger,
    },
    Plot {
        name: "Frame jitter",
        about: "Interarrival jitter of the first packets of frames at the end of each second (RFC 3550 A.8).",
        value: |second| second.frame_jitter_ms,
        least_top: 1.0,
        words: milliseconds,
        colour: |colours| colours.warm,
    },
    Plot {
        name: "Pictures shown",
        about: "Pictures shown in each second.",
        value: |second| Some(second.frames_shown_per_second),
        least_top: 10.0,
        words: per_second,
        colour: |colours| colours.playing,
    },
    Plot {
        name: "Buffer",
        about: "For how long the pictures that wait would last, on average over each second.",
        value: |second| second.buffered_ms,
        least_top: 10.0,
        words: milliseconds,
        colour: |colours| colours.muted,
    },
];

/// One of the large figures.
struct Large {
    name: &'static str,
    about: &'static str,
    value: fn(&Snapshot) -> String,
}

const LARGE: [Large; 6] = [
    Large {
        name: "lost",
        about: "Packets lost of those expected, since SETUP.",
        value: |s| or_unknown(s.loss_ratio, ratio),
    },
    Large {
        name: "on the wire",
        about: "Bits in the last second, headers included.",
        value: |s| {
            if s.packets_received == 0 { UNKNOWN.to_owned() } else { data_rate(s.wire_bits_per_second) }
        },
    },
    Large {
        name: "pictures shown",
        about: "Pictures shown in the last second.",
        value: |s| {
            if s.frames_shown == 0 { UNKNOWN.to_owned() } else { per_second(s.frames_per_second_shown) }
        },
    },
    Large {
        name: "network delay",
        about: "From the sender's media clock to the arrival of a picture's first packet, by its RTCP sender reports \
                (RFC 3550 §6.4.1).",
        value: |s| or_unknown(s.network_delay_ms, milliseconds),
    },
    Large {
        name: "end to end",
        about: "From the sender's media clock to the screen, by its RTCP sender reports (RFC 3550 §6.4.1).",
        value: |s| or_unknown(s.end_to_end_ms, milliseconds),
    },
    Large {
        name: "stalls",
        about: "How often the picture stood still although it should have moved.",
        value: |s| or_unknown((s.playing_s > 0.0).then_some(s.stalls), |stalls| stalls.to_string()),
    },
];

fn per_second(rate: f64) -> String {
    format!("{rate:.1} /s")
}

impl Panel {
    /// There are new figures.
    pub fn refresh(&self) {
        self.packets.clear();
    }

    /// What stands above the figures and does not move with them.
    pub fn head<'a>(figures: &Figures) -> Element<'a, Action> {
        let has_played = figures.snapshot.playing_s > 0.0;
        row![
            text(in_words(&figures.snapshot)).size(size::SMALL).style(theme::muted).width(Fill),
            button(text("Session summary…").size(size::SMALL))
                .padding([5, 10])
                .style(theme::secondary)
                .on_press_maybe(has_played.then_some(Action::Summarize))
        ]
        .align_y(Center)
        .into()
    }

    /// The panel's content.
    pub fn view<'a>(
        &'a self,
        figures: &'a Figures,
        record: &'a Record,
        is_playing: bool,
        is_dark: bool,
    ) -> Element<'a, Action> {
        self.clear_what_is_old(Drawn { seconds: record.timeline().count(), is_dark });
        let charts = self.charts(record, is_playing);
        column![large(&figures.snapshot), charts, self.packets(figures), all(&figures.snapshot)]
            .spacing(distance::WIDE)
            .width(Fill)
            .into()
    }

    fn clear_what_is_old(&self, fresh: Drawn) {
        let old = self.drawn.replace(Some(fresh));
        if old != Some(fresh) {
            self.charts.iter().for_each(Cache::clear);
        }
        if old.is_none_or(|old| old.is_dark != fresh.is_dark) {
            self.packets.clear();
        }
    }

    fn charts(&self, record: &Record, is_playing: bool) -> Column<'_, Action> {
        let seconds = record.timeline().seconds();
        let first = seconds.len().saturating_sub(SECONDS);
        let charts = CHARTS.iter().zip(&self.charts).map(|(plot, cache)| {
            let values: Vec<_> = seconds.range(first..).map(plot.value).collect();
            // What was last is not what is: when nothing plays, there is no value.
            let last = values.last().copied().flatten().filter(|_| is_playing);
            let now = or_unknown(last, plot.words);
            let series = Series { values, least_top: plot.least_top, colour: plot.colour };
            let scale = format!("0 to {}", (plot.words)(series.top()));
            let title = row![
                text(plot.name).size(size::SMALL),
                text(scale).size(size::TINY).style(theme::muted).width(Fill),
                text(now).size(size::SMALL).font(theme::STRONG)
            ]
            .spacing(distance::SMALL)
            .align_y(Center);
            let whole = column![title, chart(cache, series)].spacing(distance::TIGHT);
            explained(whole.into(), plot.about)
        });
        Column::with_children(charts).spacing(distance::SMALL).push(row![
            text("60 seconds of playing").size(size::TINY).style(theme::muted).width(Fill),
            text("the last one").size(size::TINY).style(theme::muted)
        ])
    }

    fn packets<'a>(&'a self, figures: &'a Figures) -> Element<'a, Action> {
        let title = text("The last packets, a row for each picture").size(size::SMALL);
        column![title, packets::packets(&self.packets, &figures.rows), packets::legend()]
            .spacing(distance::SMALL)
            .into()
    }
}

fn in_words(snapshot: &Snapshot) -> String {
    match snapshot.playing_s > 0.0 {
        true => format!("Since SETUP, {} of playing", clock(Duration::from_secs_f64(snapshot.playing_s))),
        false => "Nothing has been played yet".to_owned(),
    }
}

fn large<'a>(snapshot: &Snapshot) -> Element<'a, Action> {
    let figure = |large: &Large| {
        let words = (large.value)(snapshot);
        let (number, unit) = words.split_once(' ').unwrap_or((&words, ""));
        let value = row![
            text(number.to_owned()).size(size::FIGURE).font(theme::STRONG).wrapping(text::Wrapping::None),
            container(text(unit.to_owned()).size(size::NORMAL).wrapping(text::Wrapping::None))
                .padding(iced::Padding::ZERO.bottom(4)),
        ]
        .spacing(distance::TIGHT)
        .align_y(Bottom);
        let whole = column![value, text(large.name).size(size::SMALL).style(theme::muted)];
        container(explained(whole.into(), large.about)).width(Fill).into()
    };
    let lines = LARGE.chunks(3).map(|line| row(line.iter().map(figure)).spacing(distance::SMALL).into());
    Column::with_children(lines).spacing(distance::NORMAL).into()
}

/// Every figure, by group.
fn all<'a>(snapshot: &Snapshot) -> Element<'a, Action> {
    let groups = GROUPS.iter().map(|group| {
        let title = text(group.name).size(size::NORMAL).font(theme::STRONG);
        let figures = group.figures.iter().map(|figure| one(figure, snapshot));
        column![title].extend(figures).spacing(distance::TIGHT).into()
    });
    Column::with_children(groups).spacing(distance::NORMAL).into()
}

fn one<'a>(figure: &'static Figure, snapshot: &Snapshot) -> Element<'a, Action> {
    let line = row![
        text(figure.name).size(size::SMALL).style(theme::muted),
        space::horizontal(),
        text((figure.measured)(snapshot)).size(size::SMALL).align_x(Right)
    ]
    .spacing(distance::SMALL)
    .align_y(Center);
    explained(line.into(), figure.about)
}

/// With words about it under the pointer.
fn explained<'a>(content: Element<'a, Action>, about: &'a str) -> Element<'a, Action> {
    let words = container(text(about).size(size::SMALL)).max_width(320).padding([6, 10]).style(theme::hint);
    tooltip(content, words, tooltip::Position::Bottom).gap(4).into()
}
