//! List of what was opened before, on the start screen.

use iced::widget::{column, container, image, row, scrollable, space, text};
use iced::{Center, ContentFit, Fill, widget::Id};
use jiff::{Timestamp, Zoned};

use super::posters::{POSTER_SIZE, Posters};
use super::recent_state::Action;
use crate::backend::file_name;
use crate::session::Dialect;
use crate::settings::{LastAttempt, Recent, RecentSource, RecentStream};
use crate::ui::renderer::{Column, Element};
use crate::ui::theme::{self, size, space as distance};
use crate::ui::widget::control::button;
use crate::ui::widget::focusable::ControlKey;
use crate::ui::widget::hint::{Position, hint};
use crate::ui::widget::icon::{Icon, icon, icon_sized};
use crate::ui::widget::one_line::one_line;

/// Films and streams that were opened before, with their posters.
pub struct RecentList<'a> {
    /// Films and streams, the last one first.
    pub recents: &'a [Recent],
    /// Posters of the films.
    pub posters: &'a Posters,
    /// Present time, with the time zone in which times are shown.
    pub now: Zoned,
}

/// Height of a line of the list, in logical pixels.
const LINE_HEIGHT: f32 = 52.0;

/// Height of the title with the distance to the list, in logical pixels.
const TITLE_HEIGHT: f32 = 38.0;

impl<'a> RecentList<'a> {
    /// Returns true if nothing was opened before.
    pub fn is_empty(&self) -> bool {
        self.recents.is_empty()
    }

    /// Returns the height of the complete list, in logical pixels.
    pub fn height(&self) -> f32 {
        TITLE_HEIGHT + self.recents.len() as f32 * LINE_HEIGHT
    }

    /// Returns the list, which is scrolled if there is less space.
    pub fn view(&self) -> Element<'a, Action> {
        let clear = button(text("Clear all").size(size::SMALL))
            .padding([5, 10])
            .style(theme::quiet)
            .on_press(Action::Clear);
        let title = row![text("Recent").size(size::LARGE).font(theme::STRONG), space::horizontal(), clear];
        let title = container(title.align_y(Center)).height(TITLE_HEIGHT);
        let lines = self.recents.iter().enumerate().map(|(index, recent)| self.line(index, recent));
        let list = scrollable(Column::with_children(lines).width(Fill)).width(Fill).style(theme::scroll_bar);
        column![title, list].width(Fill).into()
    }

    fn line(&self, index: usize, recent: &Recent) -> Element<'a, Action> {
        let when = when(recent.opened, &self.now);
        let (picture, name, details, failure) = match &recent.source {
            RecentSource::Film(path) => {
                let folder = path.parent().map(|folder| folder.to_string_lossy().into_owned());
                let poster = match self.posters.get(path) {
                    Some(poster) => image(poster.clone()).content_fit(ContentFit::Contain).into(),
                    None => icon(Icon::Play),
                };
                (poster, file_name(path), folder.unwrap_or_default(), None)
            }
            RecentSource::Stream(stream) => {
                let failure = match stream.last_attempt {
                    Some(LastAttempt::Failed) => Some(" · failed"),
                    Some(LastAttempt::Unreachable) => Some(" · not reachable"),
                    Some(LastAttempt::Connected) | None => None,
                };
                (icon(Icon::Connect), stream.address.clone(), stream_details(stream), failure)
            }
        };
        let detail = |label, style| one_line(label, size::SMALL).style(style);
        let failure = failure.map(|failure| detail(failure.to_owned(), theme::danger as fn(&_) -> _).into());
        let details = row![detail(format!("{when} · {details}"), theme::muted)].extend(failure);
        let picture = container(picture).center_x(POSTER_SIZE.0).center_y(POSTER_SIZE.1).style(theme::poster);
        let labels = column![one_line(name, size::NORMAL), details].spacing(1).width(Fill);
        let open = button(row![picture, labels].spacing(distance::NORMAL).align_y(Center).height(Fill))
            .padding([0, 6])
            .width(Fill)
            .height(LINE_HEIGHT)
            .style(theme::menu_line)
            .on_press(Action::Open(recent.source.clone()))
            .id(entry_id(index));
        let (source, last) = (recent.source.clone(), self.recents.len() - 1);
        let open = open.on_key(move |key| key_action(key, index, last, &source));
        let remove = button(icon_sized(Icon::Close, 12.0))
            .padding(10)
            .style(theme::quiet)
            .on_press(Action::Forget(recent.source.clone()));
        let remove = container(remove).id(format!("forget {}", recent.source.text()));
        row![open, hint(remove, "Remove from this list", Position::Left)]
            .spacing(distance::TIGHT)
            .align_y(Center)
            .padding(iced::Padding::ZERO.right(distance::NORMAL))
            .into()
    }
}

/// Returns the request of a key while the entry has the focus; `None` if it has none. `last` is the index of the last
/// entry.
fn key_action(key: ControlKey, index: usize, last: usize, source: &RecentSource) -> Option<Action> {
    match key {
        ControlKey::Vertical(steps) => {
            Some(Action::Focus(index.saturating_add_signed(-isize::from(steps)).min(last)))
        }
        ControlKey::Delete => Some(Action::ForgetFocused(index, source.clone())),
        _ => None,
    }
}

/// Returns the id of an entry, by its index from 0.
pub fn entry_id(index: usize) -> Id {
    Id::from(format!("recent-{index}"))
}

/// Returns the protocol of a stream, and whether it was connected to last time.
fn stream_details(stream: &RecentStream) -> String {
    let kind = match stream.dialect {
        Dialect::Standard => "RTSP",
        Dialect::Classroom => "classroom server",
        Dialect::Http => "HTTP",
    };
    match stream.last_attempt {
        Some(LastAttempt::Connected) => format!("{kind} · connected"),
        Some(LastAttempt::Failed | LastAttempt::Unreachable) | None => kind.to_owned(),
    }
}

/// Returns a time as the user would say it: "today 14:05", "yesterday 14:05", or the date.
fn when(opened: Timestamp, now: &Zoned) -> String {
    let opened = opened.to_zoned(now.time_zone().clone());
    let yesterday = now.date().yesterday();
    match opened.date() {
        date if date == now.date() => opened.strftime("today %H:%M").to_string(),
        date if yesterday.is_ok_and(|yesterday| date == yesterday) => {
            opened.strftime("yesterday %H:%M").to_string()
        }
        _ => opened.strftime("%-d %b %Y").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::{self, TimeZone};

    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        let zone = TimeZone::fixed(tz::offset(1));
        let now = "2026-11-29T00:30:00Z".parse::<Timestamp>().unwrap().to_zoned(zone);
        for (opened, expected) in [
            ("2026-11-29T00:29:00Z", "today 01:29"),
            ("2026-11-28T23:00:00Z", "today 00:00"),
            ("2026-11-28T22:59:00Z", "yesterday 23:59"),
            ("2026-11-27T22:59:00Z", "27 Nov 2026"),
            ("2025-01-02T12:00:00Z", "2 Jan 2025"),
            // The clock was changed.
            ("2026-12-01T12:00:00Z", "1 Dec 2026"),
        ] {
            assert_eq!(when(opened.parse().unwrap(), &now), expected, "{opened}");
        }
    }
}
