//! Layout of the window.

use std::time::Instant;

use iced::widget::{center, column, container, mouse_area, opaque, row, stack, text};
use iced::{Element, Fill};

use super::message::Message;
use super::playback::{Button, Source};
use super::state::{App, Dialog};
use super::{banner, controls, header, start_screen, status_bar};
use crate::session::RtspState;
use crate::ui::dialog::{help, summary, trust};
use crate::ui::panel::{self, PanelKind, statistics};
use crate::ui::shortcuts::Shortcut;
use crate::ui::theme::{self, size, space};
use crate::ui::widget::click_position;
use crate::ui::widget::focus_layer::{covered, focus_layer};
use crate::ui::widget::video::{self, PictureHandle};

impl App {
    /// Returns the content of the window.
    pub fn view(&self) -> Element<'_, Message> {
        let content = match self.is_fullscreen {
            true => mouse_area(self.view_screen()).on_move(|_| Message::PointerMoved).into(),
            false => self.view_windowed(),
        };
        let dialog = self.dialog.as_ref().map(|dialog| view_dialog(dialog, self.playback.state()));
        // The same widgets with and without a dialog, which keep their state (focus, scrolling) when it opens.
        let layers = stack![covered(content, dialog.is_some())].extend(dialog);
        let layers = focus_layer(layers, Message::Shortcut(Shortcut::EscapeFromField));
        click_position::click_position(layers)
    }

    fn view_windowed(&self) -> Element<'_, Message> {
        column![
            header::view(self.settings.controls, self.panel).map(Message::Header),
            row![self.view_screen()].extend(self.view_panel()).height(Fill),
            self.view_controls(),
            status_bar::view(
                &self.playback,
                self.picture.as_ref().map(PictureHandle::picture),
                &self.session_record.figures().snapshot,
                &self.frame_rate_field,
            )
            .map(Message::FrameRate),
        ]
        .into()
    }

    fn view_controls(&self) -> Element<'_, Message> {
        let played_s = self.session_record.figures().snapshot.playing_s;
        let saving = controls::Saving {
            recording: self.recording,
            format: self.settings.recording_format,
            has_picture: self.picture.is_some(),
        };
        let bar =
            controls::view(&self.playback, self.settings.controls, self.drag_position, played_s, saving);
        bar.map(Message::Controls)
    }

    /// Returns the open panel, or `None`.
    pub fn view_panel(&self) -> Option<Element<'_, Message>> {
        self.panel.map(|panel| self.panel(panel))
    }

    fn panel(&self, panel: PanelKind) -> Element<'_, Message> {
        let (session_record, figures) = (&self.session_record, self.session_record.figures());
        let (toolbar, content) = match panel {
            PanelKind::Network => {
                let content = self.network.view(
                    self.playback.host(),
                    self.playback.is_http(),
                    figures.snapshot.emulated,
                );
                (None, content.map(Message::Network))
            }
            PanelKind::Statistics => {
                let is_dark = theme::is_dark(&self.theme());
                let is_playing = self.playback.state() == RtspState::Playing;
                let content = self.statistics.view(figures, session_record.history(), is_playing, is_dark);
                let toolbar = statistics::Panel::toolbar(figures);
                (Some(toolbar.map(Message::Statistics)), content.map(Message::Statistics))
            }
            PanelKind::Messages => {
                let toolbar = self.messages.toolbar(session_record.message_log(), self.now);
                let content = self.messages.view(session_record.message_log(), Instant::now());
                (Some(toolbar.map(Message::Messages)), content.map(Message::Messages))
            }
        };
        let on_close = Message::Header(header::Action::TogglePanel(panel));
        panel::layout::view(panel, toolbar, content, on_close)
    }

    /// Returns the area between header and controls: the start screen or the video, with the banner.
    fn view_screen(&self) -> Element<'_, Message> {
        let banner = banner::view(&self.playback, &self.session_record, self.start_hint(), self.now)
            .filter(|_| !self.banner_timeout.is_over())
            .map(|banner| banner.map(Message::Banner));
        let content = match self.playback.source() {
            // Below the start screen and not over it, where it could cover a button.
            None => {
                let banner = banner.map(|banner| container(banner).style(theme::page));
                column![start_screen::view(&self.logo).map(Message::Start)]
                    .extend(banner.map(Element::from))
                    .into()
            }
            Some(_) => self.view_video(banner),
        };
        match self.is_file_hovering {
            true => stack![content, view_drop_area()].into(),
            false => content,
        }
    }

    /// Returns the button to press while there is no picture yet, as a sentence.
    fn start_hint(&self) -> Option<&'static str> {
        let is_idle = self.playback.state() != RtspState::Playing && !self.playback.is_busy();
        if self.picture.is_some() || !is_idle {
            return None;
        }
        match (self.playback.source()?, self.playback.next_button(self.settings.controls)) {
            (_, Button::Setup) => Some("Press Setup to start."),
            // Not for a file, whose first frame is shown before it is played.
            (Source::Stream(..), Button::Play) => Some("Press Play to start."),
            _ => None,
        }
    }

    /// Returns the video with the banner over its lower edge and, in full screen, the controls.
    fn view_video<'a>(&'a self, banner: Option<Element<'a, Message>>) -> Element<'a, Message> {
        let video =
            mouse_area(video::video(self.picture.as_ref(), self.pixel_ratio(), Message::VideoResized))
                .on_double_click(Message::VideoDoubleClicked);
        let controls = self.has_overlay_controls().then(|| opaque(self.view_controls()));
        let overlay: Vec<_> = banner.into_iter().chain(controls).collect();
        match overlay.is_empty() {
            true => video.into(),
            false => stack![video, container(column(overlay)).align_bottom(Fill)].into(),
        }
    }
}

fn view_dialog(dialog: &Dialog, state: RtspState) -> Element<'_, Message> {
    let content = match dialog {
        Dialog::Connect(form) => form.view().map(Message::Connect),
        Dialog::Preferences(form, _) => form.view().map(Message::Preferences),
        Dialog::SignIn(_, form) => form.view().map(Message::SignIn),
        Dialog::Trust(request) => trust::view(&request.certificate).map(Message::Trust),
        Dialog::Summary(report, status) => summary::view(report, status.as_ref()).map(Message::Summary),
        Dialog::Help(page) => help::view(*page, state).map(Message::Help),
    };
    let (max_width, max_height) = match dialog {
        Dialog::Summary(..) | Dialog::Help(_) => (760.0, 640.0),
        _ => (520.0, f32::INFINITY),
    };
    let dialog = container(content)
        .max_width(max_width)
        .max_height(max_height)
        .padding(space::HUGE - space::TIGHT)
        .style(theme::dialog);
    opaque(center(opaque(dialog)).padding(space::HUGE).style(theme::backdrop))
}

fn view_drop_area<'a>() -> Element<'a, Message> {
    let label =
        text("Drop the film to open it").size(size::LARGE).font(theme::STRONG).color(iced::Color::WHITE);
    container(center(label)).width(Fill).height(Fill).style(theme::drop_area).into()
}
