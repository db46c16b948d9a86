//! The time line: the slider, the times beside it, and the card with time and picture of the frame under the pointer.

use iced::mouse::ScrollDelta;
use iced::widget::image::{self, Image};
use iced::widget::text::Wrapping;
use iced::widget::{column, container, mouse_area, row, text};
use iced::{Center, Fill, Right};

use super::playback::PlaybackPosition;
use crate::backend::{Thumbnail, ThumbnailRequest};
use crate::proto::rtsp::Npt;
use crate::ui::renderer::Element;
use crate::ui::text_format;
use crate::ui::theme::{self, size, space as distance};
use crate::ui::widget::control::{button, slider};
use crate::ui::widget::hint::{Position, hint};
use crate::ui::widget::hover_card::{Card, hover_card};

/// Request of the time line to the application.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Action {
    /// Drag to a position that is not final.
    Drag(Npt),
    /// Release of the handle.
    Release,
    /// Movement of the wheel.
    Scroll(ScrollDelta),
    /// Movement of the pointer, with the position there; `None` when it has left.
    Hover(Option<Npt>),
    /// Click on the length, which shows the remaining time, or the length again.
    ToggleRemaining,
}

/// Pointer over the time line, and the picture of the frame there.
#[derive(Debug, Default)]
pub struct Hover {
    /// Position under the pointer; `None` if the pointer is elsewhere.
    pub position: Option<Npt>,
    /// Request that was sent last.
    pub requested: Option<ThumbnailRequest>,
    /// Newest thumbnail of the film.
    pub picture: Option<HoverPicture>,
}

/// Thumbnail with its image handle, which costs the renderer a copy of the pixels.
#[derive(Debug, Clone)]
pub struct HoverPicture {
    handle: image::Handle,
    /// Width and height in logical pixels.
    size: (f32, f32),
}

impl HoverPicture {
    /// Creates the handle of a thumbnail.
    pub fn new(thumbnail: &Thumbnail) -> Self {
        let Thumbnail { pixels, width, height, .. } = thumbnail;
        let handle = image::Handle::from_rgba(*width, *height, pixels.clone());
        Self { handle, size: (*width as f32 * PICTURE_SCALE, *height as f32 * PICTURE_SCALE) }
    }
}

/// Input over the time line, and what it shows.
#[derive(Debug, Default)]
pub struct TimeLineInput {
    /// Position that the line is being dragged to.
    pub drag: Option<Npt>,
    /// Pointer over the line, and the picture of the frame there.
    pub hover: Hover,
    /// The line shows the remaining time in place of the length.
    pub shows_remaining: bool,
    /// Wheel movement that has not led to a seek yet, in lines.
    pub scrolled_lines: f32,
}

/// State of the time line that is not that of playback.
#[derive(Debug, Clone)]
pub struct TimeLine {
    /// Position that it is being dragged to.
    pub drag: Option<Npt>,
    /// The remaining time is shown in place of the length.
    pub shows_remaining: bool,
    /// Content of the card; `None` for no card.
    pub card: Option<HoverCardContent>,
}

/// Content of the card above the time line.
#[derive(Debug, Clone)]
pub struct HoverCardContent {
    /// Position above which it is.
    pub position: Npt,
    /// Number of the frame there, from 1; `None` without a known frame rate.
    pub frame: Option<u64>,
    /// False in the part of a film that is not indexed yet.
    pub is_indexed: bool,
    /// Picture of that frame, or of the one before while it is being decoded; `None` for streams.
    pub picture: Option<HoverPicture>,
}

/// Logical pixels per pixel of a thumbnail, which is sharp on a screen with a scale of 200 %.
const PICTURE_SCALE: f32 = 0.5;

/// Returns the time line of a film.
pub fn view(position: PlaybackPosition, state: TimeLine) -> Element<'static, Action> {
    let end = position.line_end();
    // The time of the frame on the screen. The handle is where the user drags it to, or where playback has arrived.
    let shown = match (position.shown, position.duration) {
        (None, None) => String::new(),
        (shown, _) => text_format::time(shown.unwrap_or_default()),
    };
    let shown = text(shown).size(size::SMALL).width(time_width(end)).wrapping(Wrapping::None);
    row![shown, line(position, state.card), length(position, state.shows_remaining)]
        .spacing(distance::SMALL)
        .align_y(Center)
        .into()
}

fn line(position: PlaybackPosition, card: Option<HoverCardContent>) -> Element<'static, Action> {
    let elapsed = position.elapsed.unwrap_or_default();
    let end = position.line_end();
    let line = slider(0.0..=slider_value(end).max(1.0), slider_value(elapsed.min(end)), |to| {
        Action::Drag(Npt::from_micros(to as u64))
    });
    // The arrow keys seek, whatever control has the focus.
    let line = line.id(TIME_LINE_ID).enabled(position.can_seek);
    let line = match position.can_seek {
        true => {
            let indexed = indexed_part(position);
            line.on_release(Action::Release).style(move |theme, status| match indexed {
                Some(indexed) => theme::indexing_slider_style(theme, status, indexed),
                None => theme::slider_style(theme, status),
            })
        }
        // iced has no disabled slider: this one has a muted style, and the application ignores its messages.
        false => line.style(theme::disabled_slider_style),
    };
    let line = mouse_area(line.step(1.0).width(Fill)).on_scroll(Action::Scroll);
    let is_hovered = card.is_some();
    let card = card.filter(|_| end > Npt::ZERO).map(|card| Card {
        at: (slider_value(card.position) / slider_value(end)) as f32,
        content: card_content(card),
    });
    hover_card(line, card, is_hovered, move |at| {
        let position = at.map(|at| Npt::from_micros((f64::from(at) * slider_value(end)) as u64));
        Action::Hover(position.filter(|_| end > Npt::ZERO))
    })
}

/// Returns the part of the line behind the handle that is indexed, from 0 to 1; `None` if that is all of it.
fn indexed_part(position: PlaybackPosition) -> Option<f32> {
    let (end, indexed) = (slider_value(position.line_end()), slider_value(position.duration?));
    let elapsed = slider_value(position.elapsed.unwrap_or_default()).min(indexed);
    (indexed < end).then(|| ((indexed - elapsed) / (end - elapsed)) as f32)
}

fn card_content(card: HoverCardContent) -> Element<'static, Action> {
    let picture =
        card.picture.filter(|_| card.is_indexed).map(|HoverPicture { handle, size: (width, height) }| {
            Image::new(handle).width(width).height(height).into()
        });
    let time = text_format::time(card.position);
    let label = match card.frame {
        _ if !card.is_indexed => format!("{time}   not indexed yet"),
        Some(frame) => format!("{time}   frame {frame}"),
        None => time,
    };
    let label = text(label).size(size::SMALL).wrapping(Wrapping::None);
    let content = column(picture).push(label).spacing(distance::TIGHT).align_x(Center);
    container(content).padding(distance::TIGHT).style(theme::tooltip).into()
}

/// Returns the length, or the remaining time; a click changes between them.
fn length(position: PlaybackPosition, shows_remaining: bool) -> Element<'static, Action> {
    let end = position.line_end();
    let label = |content: String| {
        let content = text(content).size(size::SMALL).width(time_width(end)).wrapping(Wrapping::None);
        content.align_x(Right).style(theme::muted)
    };
    if position.duration.is_none() {
        return label(String::new()).into();
    }
    let shown = position.shown.unwrap_or_default();
    let content = match (shows_remaining, position.is_growing) {
        (true, _) => format!("−{}", text_format::time(remaining(end, shown))),
        (false, false) => text_format::time(end),
        // The index is still growing.
        (false, true) => format!("{} …", text_format::time(end)),
    };
    let about = match (shows_remaining, position.is_growing) {
        (true, _) => "Remaining time; click for the length",
        (false, false) => "Length; click for the remaining time",
        (false, true) => {
            "Expected length: the film is being indexed, and only the part that is can be reached"
        }
    };
    let pressed = button(label(content)).padding(0).style(theme::menu_line).on_press(Action::ToggleRemaining);
    hint(container(pressed).id(LENGTH_ID), about, Position::Top)
}

fn remaining(duration: Npt, shown: Npt) -> Npt {
    Npt::from_micros(duration.as_micros().saturating_sub(shown.as_micros()))
}

/// Converts a position to the value of the slider, in µs. Exact up to 2⁵³ µs, which is 285 years.
fn slider_value(position: Npt) -> f64 {
    position.as_micros() as f64
}

/// Returns the line of a live stream, which has no length: the playing time, and a mark.
pub fn live_line<'a>(is_playing: bool, played_s: f64) -> Element<'a, Action> {
    let played = Npt::from_micros((played_s.max(0.0) * 1e6) as u64);
    let label = container(text("Live").size(size::SMALL).font(theme::STRONG))
        .padding([0, 8])
        .style(theme::live_mark(is_playing));
    row![text(text_format::time(played)).size(size::SMALL).width(Fill).wrapping(Wrapping::None), label]
        .spacing(distance::SMALL)
        .align_y(Center)
        .height(HEIGHT)
        .into()
}

/// Height of the line, in logical pixels.
pub const HEIGHT: f32 = 17.0;

/// Id of the time line.
const TIME_LINE_ID: &str = "time-line";

/// Id of the length, whose text changes.
const LENGTH_ID: &str = "length";

/// Returns the width of a time in logical pixels. It depends on the duration only, so that the time line keeps its
/// length during playback.
fn time_width(duration: Npt) -> f32 {
    if duration.as_micros() < 3_600_000_000 { 64.0 } else { 92.0 }
}
