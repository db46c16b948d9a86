//! The dialog that asks for a stream's URL.

use iced::widget::{button, column, row, space, text, text_input};
use iced::{Element, Fill, Task};

use super::theme::{self, size, space as distance};
use crate::proto::rtsp::RtspUrl;
use crate::session::{MachineOptions, TransportChoice};

/// What has been typed so far.
#[derive(Debug, Clone, Default)]
pub struct Form {
    url: String,
    rtp_port: String,
    shows_more: bool,
    transport: TransportChoice,
    fault: Option<Fault>,
}

/// What is wrong with what was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fault {
    Url(String),
    Port(String),
}

/// What happens in the dialog.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum Message {
    Url(String),
    RtpPort(String),
    Transport(TransportChoice),
    More,
    Submit,
    Cancel,
}

/// What the dialog wants.
#[derive(Debug)]
pub enum Action {
    /// Nothing yet.
    None,
    /// Play this.
    Connect(RtspUrl, MachineOptions),
    /// Go away.
    Close,
}

/// The field that is typed into first.
const URL_FIELD: &str = "connect-url";

/// The field of the player's own port.
const RTP_PORT_FIELD: &str = "connect-rtp-port";

/// Puts the cursor into the URL field.
pub fn focus<M: Send + 'static>() -> Task<M> {
    iced::widget::operation::focus(URL_FIELD)
}

impl Form {
    /// Takes what happened.
    pub fn update(&mut self, message: Message) -> Action {
        match message {
            Message::Url(url) => {
                self.url = url;
                self.fault = None;
            }
            Message::RtpPort(port) => {
                self.rtp_port = port;
                self.fault = None;
            }
            Message::Transport(transport) => self.transport = transport,
            Message::More => self.shows_more = !self.shows_more,
            Message::Cancel => return Action::Close,
            Message::Submit => match self.read() {
                Ok((url, options)) => {
                    self.fault = None;
                    return Action::Connect(url, options);
                }
                Err(fault) => {
                    self.shows_more |= matches!(fault, Fault::Port(_));
                    self.fault = Some(fault);
                }
            },
        }
        Action::None
    }

    fn read(&self) -> Result<(RtspUrl, MachineOptions), Fault> {
        let typed = self.url.trim();
        let whole = if typed.contains("://") { typed.to_owned() } else { format!("rtsp://{typed}") };
        let url = RtspUrl::parse(&whole).map_err(|error| {
            Fault::Url(format!("This is no RTSP URL: {error}. Try rtsp://host:8554/path."))
        })?;
        let port = match self.rtp_port.trim() {
            "" => None,
            typed => {
                Some(typed.parse().ok().filter(|port: &u16| *port > 0 && port.is_multiple_of(2)).ok_or_else(
                    || {
                        Fault::Port(
                            "An RTP port is an even number from 2 to 65534; RTCP takes the next one."
                                .to_owned(),
                        )
                    },
                )?)
            }
        };
        let options =
            MachineOptions { transport: self.transport, rtp_port: port, ..MachineOptions::for_streams() };
        Ok((url, options))
    }

    /// The dialog.
    pub fn view(&self) -> Element<'_, Message> {
        let url = text_input("rtsp://host:port/path", &self.url)
            .id(URL_FIELD)
            .on_input(Message::Url)
            .on_submit(Message::Submit)
            .padding(10)
            .size(size::LARGE)
            .style(theme::field(matches!(self.fault, Some(Fault::Url(_)))));
        let more = if self.shows_more { "Less" } else { "More" };
        let buttons = row![
            button(text(more).size(size::NORMAL))
                .padding([9, 14])
                .style(theme::quiet)
                .on_press(Message::More),
            space::horizontal(),
            button(text("Cancel").size(size::NORMAL))
                .padding([9, 18])
                .style(theme::secondary)
                .on_press(Message::Cancel),
            button(text("Connect").size(size::NORMAL))
                .padding([9, 18])
                .style(theme::primary)
                .on_press(Message::Submit),
        ]
        .spacing(distance::SMALL);
        let mut content = column![
            text("Connect to a stream").size(size::LARGE + 2.0).font(theme::STRONG),
            text("The address of an RTSP server or camera that sends Motion JPEG.")
                .size(size::NORMAL)
                .style(theme::muted),
            url,
        ]
        .spacing(distance::NORMAL);
        if self.shows_more {
            content = content.push(self.more());
        }
        if let Some(Fault::Url(sentence) | Fault::Port(sentence)) = &self.fault {
            content = content.push(text(sentence.as_str()).size(size::NORMAL).style(theme::danger));
        }
        content.push(buttons).width(Fill).into()
    }

    fn more(&self) -> Element<'_, Message> {
        let port = text_input("any", &self.rtp_port)
            .id(RTP_PORT_FIELD)
            .on_input(Message::RtpPort)
            .on_submit(Message::Submit)
            .padding(8)
            .size(size::NORMAL)
            .width(110)
            .style(theme::field(matches!(self.fault, Some(Fault::Port(_)))));
        let transports = [
            ("Automatic", TransportChoice::Auto),
            ("UDP", TransportChoice::Udp),
            ("TCP", TransportChoice::Tcp),
        ];
        column![
            super::preferences::setting("The player's own RTP port", port),
            super::preferences::setting(
                "Transport",
                super::preferences::choices(transports, self.transport, Message::Transport)
            ),
        ]
        .spacing(distance::SMALL)
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submit(url: &str, port: &str) -> (Action, Form) {
        let mut form = Form::default();
        form.update(Message::Url(url.to_owned()));
        form.update(Message::RtpPort(port.to_owned()));
        (form.update(Message::Submit), form)
    }

    #[test]
    fn the_scheme_may_be_left_out_and_the_port_may_be_fixed() {
        let (Action::Connect(url, options), _) = submit(" camera:8554/live ", "") else { panic!() };
        assert_eq!((url.to_string().as_str(), options.rtp_port), ("rtsp://camera:8554/live", None));
        let (Action::Connect(_, options), _) = submit("rtsp://h/f", "25000") else { panic!() };
        assert_eq!(options.rtp_port, Some(25_000));
    }

    #[test]
    fn what_is_wrong_is_said_where_it_is() {
        let (action, form) = submit("http://h/f", "");
        assert!(matches!((action, form.fault), (Action::None, Some(Fault::Url(_)))));
        let (action, form) = submit("rtsp://h/f", "25001");
        assert!(matches!((action, form.fault, form.shows_more), (Action::None, Some(Fault::Port(_)), true)));
    }
}
