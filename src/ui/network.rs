//! The Network panel: a bad network to try.

use iced::widget::text;
use iced::{Element, Fill};

use super::theme::{self, size};

/// Where the emulated network acts, in words. `host` is the server of a stream that comes from elsewhere.
pub fn view<'a, Message: 'a>(host: Option<&str>) -> Element<'a, Message> {
    let place = match host {
        None => "between the embedded server and this player".to_owned(),
        Some(host) => format!("on this player's way in, behind {host}"),
    };
    text(format!("It acts {place}.")).size(size::SMALL).style(theme::muted).width(Fill).into()
}
