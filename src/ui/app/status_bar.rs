//! The line at the bottom: state, film, size, rates, loss.

use iced::widget::{Row, container, responsive, row, space, text};
use iced::{Center, Element, Fill};

use super::playback::Playback;
use super::text_format;
use crate::format as figure;
use crate::format::UNKNOWN;
use crate::session::{Picture, RtspState};
use crate::stats::Snapshot;
use crate::ui::theme::{self, size, space as distance};

/// The line.
pub fn view<'a, Message: 'a>(
    playback: &Playback,
    picture: Option<&Picture>,
    stats: &Snapshot,
) -> Element<'a, Message> {
    let line = row![state_indicator(playback)].spacing(distance::WIDE).align_y(Center);
    let line = match playback.name() {
        None => line.push(content("No film".to_owned())),
        Some(name) => line
            .push(name_label(name))
            .push(Row::with_children(figures(playback, picture, stats)).spacing(distance::HUGE)),
    };
    container(line).padding([distance::SMALL, distance::WIDE]).width(Fill).style(theme::page).into()
}

/// The name of what is played, as far as there is room beside the figures.
fn name_label<'a, Message: 'a>(name: String) -> Element<'a, Message> {
    let shown = responsive(move |available| {
        let name = text_format::truncated(&name, (available.width / CHARACTER_WIDTH) as usize);
        container(content(name)).center_y(Fill).clip(true).into()
    });
    shown.height(LINE_HEIGHT).into()
}

/// How wide a character of a name is, roughly.
const CHARACTER_WIDTH: f32 = 6.8;

/// How high a line is: 1.3 times its text.
const LINE_HEIGHT: f32 = size::SMALL * 1.3;

fn figures<'a, Message: 'a>(
    playback: &Playback,
    picture: Option<&Picture>,
    stats: &Snapshot,
) -> [Element<'a, Message>; 4] {
    let is_playing = playback.state() == RtspState::Playing;
    let size = picture.map_or(UNKNOWN.to_owned(), |p| format!("{}×{}", p.source_width, p.source_height));
    let rate = match (is_playing, playback.frame_rate()) {
        (true, _) => format!("{:.1} frames/s", stats.frames_per_second),
        (false, Some(rate)) => format!("{rate} frames/s"),
        (false, None) => format!("{UNKNOWN} frames/s"),
    };
    let data_rate = match is_playing {
        true => figure::data_rate(stats.bits_per_second),
        false => format!("{UNKNOWN} bit/s"),
    };
    let loss = stats.loss_ratio.map_or(UNKNOWN.to_owned(), figure::percentage);
    [size, rate, data_rate, format!("Loss {loss}")].map(|figure| content(figure).into())
}

fn content<'a>(words: String) -> iced::widget::Text<'a> {
    text(words).size(size::SMALL).style(theme::muted).wrapping(text::Wrapping::None)
}

/// The name of a state, as RFC 2326 and the classroom spell it.
pub fn state_name(state: RtspState) -> &'static str {
    match state {
        RtspState::Init => "INIT",
        RtspState::Ready => "READY",
        RtspState::Playing => "PLAYING",
    }
}

fn state_indicator<'a, Message: 'a>(playback: &Playback) -> Element<'a, Message> {
    let state = playback.state();
    let dot = container(space()).width(10).height(10).style(theme::state_dot(state));
    let name = text(state_name(state)).size(size::SMALL).font(theme::STRONG).style(theme::state_text(state));
    row![dot, name.width(66)].spacing(distance::SMALL).align_y(Center).into()
}
