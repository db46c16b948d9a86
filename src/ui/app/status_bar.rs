//! Status bar at the bottom: state, name, size, rates and loss.

use iced::widget::{container, responsive, row, space, text};
use iced::{Center, Fill, Right};

use super::frame_rate;
use super::playback::Playback;
use crate::format::{UNKNOWN, percentage};
use crate::session::{Picture, RtspState};
use crate::stats::{Snapshot, figure_of};
use crate::ui::renderer::{Element, Text};
use crate::ui::text_format::state_name;
use crate::ui::theme::{self, size, space as distance};
use crate::ui::widget::hint::{Position, hint};
use crate::ui::widget::one_line::one_line;

/// Settings that the status bar shows.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// Field of an assumed frame rate.
    pub frame_rate: &'a frame_rate::Field,
    /// True if the user has chosen the rate of the film.
    pub has_chosen_rate: bool,
    /// The network is emulated.
    pub emulates: bool,
}

/// Returns the status bar.
pub fn view<'a>(
    playback: &Playback,
    picture: Option<&Picture>,
    stats: &Snapshot,
    settings: Settings<'a>,
) -> Element<'a, frame_rate::Message> {
    let (state, name) = (playback.state(), playback.name());
    let (assumed_rate, figures) = (playback.assumed_rate(), Figures::new(playback, picture, stats));
    let line = responsive(move |available| {
        let line = row![state_indicator(state)].spacing(distance::WIDE).align_y(Center);
        let line = match name.clone() {
            None => line.push(content("Nothing open".to_owned())),
            Some(name) => {
                let Settings { frame_rate, has_chosen_rate, emulates } = settings;
                let is_wide = available.width >= MIN_WIDTH_OF_ALL;
                let has_fixed_places = available.width >= MIN_WIDTH_OF_FIXED_PLACES;
                let emulation = (emulates && is_wide).then(emulation_mark);
                let spare = available.width
                    - figures.width(is_wide, has_fixed_places)
                    - name_width(&name)
                    - if emulation.is_some() { EMULATION_WIDTH } else { 0.0 };
                // While it plays, the name comes before the field.
                let has_field = spare >= FIELD_WIDTH || state != RtspState::Playing;
                let has_common_rates = spare >= FIELD_WIDTH + COMMON_RATES_WIDTH;
                let field = assumed_rate
                    .filter(|_| has_field)
                    .map(|rate| frame_rate.view(rate, has_chosen_rate, has_common_rates));
                line.push(name_label(name)).extend(emulation).push(figures.view(
                    field,
                    is_wide,
                    has_fixed_places,
                ))
            }
        };
        line.height(Fill).into()
    });
    let line = container(line).height(LINE_HEIGHT).padding([0.0, distance::WIDE]);
    container(line).padding([distance::SMALL - 1.0, 0.0]).width(Fill).style(theme::page).into()
}

/// Width of the line from which each text has a fixed place, so that the field of the frame rate does not move when
/// others change, in logical pixels.
const MIN_WIDTH_OF_FIXED_PLACES: f32 = 1_000.0;

/// Width of the line from which it has figures that are not known yet, the span of the loss, and the mark of an
/// emulated network, in logical pixels. In a narrower one the name needs the space.
const MIN_WIDTH_OF_ALL: f32 = 800.0;

/// Widths of the state, the mark of an emulated network, the field of an assumed frame rate, and the common rates
/// beside it, each with the space before it, in logical pixels.
const STATE_WIDTH: f32 = 100.0;
const EMULATION_WIDTH: f32 = 100.0;
const FIELD_WIDTH: f32 = 157.0;
const COMMON_RATES_WIDTH: f32 = 117.0;

/// Space between two texts at the right, in logical pixels.
const SPACING: f32 = distance::WIDE + distance::TIGHT;

/// Maximum width that a name is certain to have, in logical pixels.
const MAX_KEPT_NAME: f32 = 160.0;

/// Returns the width that a name is certain to have, with the space before it, in logical pixels.
fn name_width(name: &str) -> f32 {
    distance::WIDE + (name.chars().count() as f32 * CHARACTER_WIDTH).min(MAX_KEPT_NAME)
}

/// Widths of the places of both rates and of the loss, in logical pixels. Longer texts take more.
const RATE_WIDTHS: [f32; 3] = [88.0, 152.0, 106.0];

/// Width of a character on average, in logical pixels.
const CHARACTER_WIDTH: f32 = 6.8;

/// Returns the name of the media, shortened to the space beside the figures.
fn name_label<'a, Message: 'a>(name: String) -> Element<'a, Message> {
    container(one_line(name, size::SMALL).style(theme::muted)).width(Fill).center_y(LINE_HEIGHT).into()
}

/// Height of a line in logical pixels, that of a field.
const LINE_HEIGHT: f32 = 19.0;

/// Texts at the right of the bar.
struct Figures {
    size: String,
    /// Frame rate of the film, before it plays; `None` if it is assumed.
    film_rate: Option<String>,
    /// Measured rates: what is shown, and the definition. Their values are those of the Statistics panel.
    rates: Vec<(String, &'static str)>,
    /// Loss of the session, and its definition.
    lost: Option<(String, &'static str)>,
}

impl Figures {
    fn new(playback: &Playback, picture: Option<&Picture>, stats: &Snapshot) -> Self {
        let is_playing = playback.state() == RtspState::Playing;
        let film_rate = match playback.frame_times() {
            _ if is_playing || playback.assumed_rate().is_some() => None,
            Some(times) => Some(format!("{} fps", times.rate())),
            None => None,
        };
        let current = |field, words: fn(String) -> String| {
            figure_of(field)
                .map(|figure| (words(figure.current_value(stats, is_playing)), figure.description))
        };
        let loss = stats.loss_ratio.map_or(UNKNOWN.to_owned(), percentage);
        let lost = figure_of("packets_lost").map(|figure| (format!("{loss} lost"), figure.description));
        let shown = current("frames_per_second_shown", |rate| format!("{rate} shown"));
        let wire = current("wire_bits_per_second", |rate| format!("{rate} on the wire"));
        Self {
            size: picture.map_or(UNKNOWN.to_owned(), |p| format!("{}×{}", p.source_width, p.source_height)),
            film_rate,
            rates: [shown, wire].into_iter().flatten().collect(),
            lost,
        }
    }

    /// Returns the width of the texts and of the state, in logical pixels. It does not change while a film plays.
    fn width(&self, is_wide: bool, has_fixed_places: bool) -> f32 {
        let texts = self.rates.iter().chain(&self.lost).map(|(shown, _)| shown);
        let measured = texts.zip(RATE_WIDTHS).map(|(shown, width)| match shown.starts_with(UNKNOWN) {
            true if !is_wide => 0.0,
            true if !has_fixed_places => SPACING + shown.chars().count() as f32 * CHARACTER_WIDTH,
            _ => SPACING + width,
        });
        let film_rate = self.film_rate.iter().chain([&self.size]);
        let film_rate = film_rate.map(|shown| SPACING + shown.chars().count() as f32 * CHARACTER_WIDTH);
        STATE_WIDTH + measured.chain(film_rate).sum::<f32>()
    }

    /// Returns the texts, with the field of an assumed frame rate. `is_wide` keeps those that have no value.
    fn view<'a>(
        &self,
        assumed_rate: Option<Element<'a, frame_rate::Message>>,
        is_wide: bool,
        has_fixed_places: bool,
    ) -> Element<'a, frame_rate::Message> {
        // Unlike the rates, the loss is that of the whole session.
        let lost = self.lost.clone();
        let lost = lost.map(|(lost, about)| (if is_wide { lost + " in all" } else { lost }, about));
        let measured = self.rates.iter().cloned().chain(lost);
        let measured = measured
            .zip(RATE_WIDTHS)
            .filter(|((shown, _), _)| is_wide || !shown.starts_with(UNKNOWN))
            .map(|((shown, description), width)| {
                let width = width.max(shown.chars().count() as f32 * CHARACTER_WIDTH);
                let shown = content(shown);
                let shown = if has_fixed_places { shown.width(width).align_x(Right) } else { shown };
                hint(shown, description, Position::Top)
            });
        row![hint(content(self.size.clone()), "Width and height of the film, in pixels.", Position::Top)]
            .extend(assumed_rate)
            .extend(self.film_rate.clone().map(|rate| {
                hint(content(rate), "Frame rate that the film or the server states.", Position::Top)
            }))
            .extend(measured)
            .spacing(SPACING)
            .align_y(Center)
            .into()
    }
}

fn content<'a>(label: String) -> Text<'a> {
    text(label).size(size::SMALL).style(theme::muted).wrapping(text::Wrapping::None)
}

/// Returns the mark of an emulated network, which stays on from one film to the next.
fn emulation_mark<'a, Message: 'a>() -> Element<'a, Message> {
    let mark = text("Emulation: on").size(size::SMALL).style(theme::mark).wrapping(text::Wrapping::None);
    hint(mark, "Packets pass an emulated network with faults. Ctrl+1 shows its settings.", Position::Top)
}

fn state_indicator<'a, Message: 'a>(state: RtspState) -> Element<'a, Message> {
    let dot = container(space()).width(10).height(10).style(theme::state_dot(state));
    let name = text(state_name(state)).size(size::SMALL).font(theme::STRONG).style(theme::state_text(state));
    row![dot, name.width(66)].spacing(distance::SMALL).align_y(Center).into()
}
