//! Status bar at the bottom: state, name, size, rates and loss.

use iced::widget::{Row, container, responsive, row, space, text};
use iced::{Center, Element, Fill};

use super::playback::Playback;
use crate::format as figure;
use crate::format::UNKNOWN;
use crate::session::{Picture, RtspState};
use crate::stats::Snapshot;
use crate::ui::text_format::{self, state_name};
use crate::ui::theme::{self, size, space as distance};

/// Returns the status bar.
pub fn view<'a, Message: 'a>(
    playback: &Playback,
    picture: Option<&Picture>,
    stats: &Snapshot,
) -> Element<'a, Message> {
    let line = row![state_indicator(playback)].spacing(distance::WIDE).align_y(Center);
    let line = match playback.name() {
        None => line.push(content("Nothing open".to_owned())),
        Some(name) => line
            .push(name_label(name))
            .push(Row::with_children(figures(playback, picture, stats)).spacing(distance::HUGE)),
    };
    container(line).padding([distance::SMALL, distance::WIDE]).width(Fill).style(theme::page).into()
}

/// Returns the name of the media, shortened to the space beside the figures.
fn name_label<'a, Message: 'a>(name: String) -> Element<'a, Message> {
    let shown = responsive(move |available| {
        let name = text_format::truncated(&name, (available.width / CHARACTER_WIDTH) as usize);
        container(content(name)).center_y(Fill).clip(true).into()
    });
    shown.height(LINE_HEIGHT).into()
}

/// Average width of a character of a name, in logical pixels.
const CHARACTER_WIDTH: f32 = 6.8;

/// Height of a line in logical pixels, 1.3 times the font size.
const LINE_HEIGHT: f32 = size::SMALL * 1.3;

fn figures<'a, Message: 'a>(
    playback: &Playback,
    picture: Option<&Picture>,
    stats: &Snapshot,
) -> [Element<'a, Message>; 4] {
    let is_playing = playback.state() == RtspState::Playing;
    let size = picture.map_or(UNKNOWN.to_owned(), |p| format!("{}×{}", p.source_width, p.source_height));
    let rate = match (is_playing, playback.frame_times()) {
        (true, _) => format!("{:.1} frames/s", stats.frames_per_second),
        (false, Some(times)) if playback.is_local() => times.rate_text(),
        // The rate of a stream is not assumed but described by its server.
        (false, Some(times)) => format!("{} fps", times.rate()),
        (false, None) => format!("{UNKNOWN} frames/s"),
    };
    let data_rate = match is_playing {
        true => figure::data_rate(stats.bits_per_second),
        false => format!("{UNKNOWN} bit/s"),
    };
    let loss = stats.loss_ratio.map_or(UNKNOWN.to_owned(), figure::percentage);
    [size, rate, data_rate, format!("Loss {loss}")].map(|figure| content(figure).into())
}

fn content<'a>(label: String) -> iced::widget::Text<'a> {
    text(label).size(size::SMALL).style(theme::muted).wrapping(text::Wrapping::None)
}

fn state_indicator<'a, Message: 'a>(playback: &Playback) -> Element<'a, Message> {
    let state = playback.state();
    let dot = container(space()).width(10).height(10).style(theme::state_dot(state));
    let name = text(state_name(state)).size(size::SMALL).font(theme::STRONG).style(theme::state_text(state));
    row![dot, name.width(66)].spacing(distance::SMALL).align_y(Center).into()
}
