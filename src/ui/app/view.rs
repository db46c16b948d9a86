//! Layout of the window.

use iced::widget::{center, column, container, mouse_area, opaque, responsive, stack, text};
use iced::{Fill, Size};

use super::menu::{self, Menu};
use super::message::Message;
use super::play_list::{Entry, PlayList};
use super::playback::{Button, Source};
use super::state::{App, Dialog};
use super::{banner, controls, header, sharing_bar, start_screen, status_bar, transport};
use crate::backend::Sharing;
use crate::session::RtspState;
use crate::ui::dialog::{help, play_list, trust};
use crate::ui::panel::arrangement::Arrangement;
use crate::ui::renderer::Element;
use crate::ui::shortcuts::Shortcut;
use crate::ui::theme::{self, Toggle, size, space};
use crate::ui::widget::click_position;
use crate::ui::widget::focus_layer::{FocusLayer, covered, focus_layer};
use crate::ui::widget::video::{self, PictureHandle};

impl App {
    /// Returns the content of the window.
    pub fn view(&self) -> Element<'_, Message> {
        let content = responsive(|window| match self.window.is_fullscreen {
            true => self.view_fullscreen(window),
            false => self.view_windowed(window),
        });
        let over = match (&self.dialog, self.menu) {
            (Some(dialog), _) => Some(view_dialog(dialog, &self.play_list, self.playback.state())),
            (None, Some(menu)) => Some(self.view_menu(menu)),
            (None, None) => None,
        };
        // The same widgets with and without a dialog, which keep their state (focus, scrolling) when it opens.
        let layers = stack![covered(content, over.is_some())].extend(over);
        let layers = focus_layer(
            layers,
            FocusLayer {
                on_field_escape: Message::Shortcut(Shortcut::EscapeFromField),
                // In full screen, the controls are shown while they are used.
                on_focus_key: self.window.is_fullscreen.then_some(Message::PointerMoved),
                has_dialog: self.dialog.is_some(),
                has_menu: self.menu.is_some() && self.dialog.is_none(),
            },
        );
        click_position::click_position(layers)
    }

    fn view_fullscreen(&self, window: Size) -> Element<'_, Message> {
        let arrangement = self.arrange_panels(window);
        let panels = self.view_overlay_panels(&arrangement);
        let screen = self.view_screen(arrangement.total_width());
        let screen = mouse_area(screen).on_move(|_| Message::PointerMoved);
        stack![screen].extend(panels).into()
    }

    fn view_windowed(&self, window: Size) -> Element<'_, Message> {
        let arrangement = self.arrange_panels(window);
        let panels = header::Panels {
            open: self.open_panels(),
            visible: arrangement.visible(),
            lesson: match (self.settings.panels.is_lesson, &arrangement) {
                (true, Arrangement::Columns { .. }) => Toggle::Hidden,
                (true, _) => Toggle::On,
                (false, _) => Toggle::Off,
            },
            emulates: self.network.settings().is_on,
        };
        column![
            header::view(self.settings.controls, &panels, !self.playback.is_empty(), window.width)
                .map(Message::Header),
            self.view_middle(self.view_screen(0.0), &arrangement),
        ]
        .extend(self.view_sharing_bar(window.width))
        // Before something is open, there is nothing to control.
        .extend((!self.playback.is_empty()).then(|| self.view_controls()))
        .push(self.view_status_bar())
        .into()
    }

    /// Returns the bar with the address of the film; `None` if it is not served.
    fn view_sharing_bar(&self, width: f32) -> Option<Element<'_, Message>> {
        match &self.sharing.state {
            Sharing::At { url, viewers } => {
                let has_copied = self.sharing.address_copied.is_recent(self.now);
                Some(sharing_bar::view(url, *viewers, has_copied, width).map(Message::Sharing))
            }
            Sharing::Off | Sharing::Failed(_) => None,
        }
    }

    fn view_status_bar(&self) -> Element<'_, Message> {
        let bar = status_bar::view(
            &self.playback,
            self.picture.as_ref().map(PictureHandle::picture),
            &self.session_record.figures().snapshot,
            status_bar::Settings {
                frame_rate: &self.frame_rate_field,
                has_chosen_rate: self.has_chosen_rate(),
                emulates: self.network.settings().is_on,
            },
        );
        bar.map(Message::FrameRate)
    }

    fn view_controls(&self) -> Element<'_, Message> {
        let played_s = self.session_record.figures().snapshot.playing_s;
        let state = self.transport_state();
        let bar = controls::view(&self.playback, self.settings.controls, self.time_line(), played_s, state);
        bar.map(Message::Controls)
    }

    pub(super) fn transport_state(&self) -> transport::State<'_> {
        transport::State {
            list: &self.play_list,
            controls: self.playback.controls(self.settings.controls),
            recording: self.recording.state,
            format: self.settings.recording_format,
            is_open: self.playback.source().is_some(),
            can_step: self.playback.can_step(),
            speed: self.playback.speed(),
            speed_obstacle: self.playback.speed_obstacle(),
            has_picture: self.picture.is_some(),
            is_fullscreen: self.window.is_fullscreen,
        }
    }

    fn view_menu(&self, menu: Menu) -> Element<'_, Message> {
        menu::view(menu, self.menu_lines(menu)).map(Message::Menu)
    }

    /// Returns the area between header and controls: the start screen or the video, with the banner. `covered` is the
    /// width at the right that panels cover, in logical pixels.
    fn view_screen(&self, covered: f32) -> Element<'_, Message> {
        let content = match self.playback.source() {
            None => responsive(|available| self.view_start_screen(available)).into(),
            Some(_) => self.view_video(self.view_banner(), covered),
        };
        match self.is_file_hovering {
            true => stack![content, view_drop_area()].into(),
            false => content,
        }
    }

    fn view_banner(&self) -> Option<Element<'_, Message>> {
        banner::view(&self.playback, &self.session_record, self.start_hint(), self.now)
            .filter(|_| !self.banner_timeout.is_over())
            .map(|banner| banner.map(Message::Banner))
    }

    /// Returns the start screen with the banner in the space that it keeps for one, or below it in a small window.
    fn view_start_screen(&self, available: Size) -> Element<'_, Message> {
        let recents = self.recent_list();
        let has_space = start_screen::has_banner_space(&recents, available, self.lacks_drops);
        let screen = start_screen::view(&self.logo, recents, self.lacks_drops).map(Message::Start);
        let (over, below) = match has_space {
            true => (self.view_banner().map(|banner| container(banner).align_bottom(Fill)), None),
            false => (None, self.view_banner().map(|banner| container(banner).style(theme::page))),
        };
        // The same widgets with and without a banner, so that the start screen keeps its focus and its scrolling.
        let screen = stack![screen].extend(over.map(Element::from));
        column![screen].extend(below.map(Element::from)).into()
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

    /// Returns the video with the banner over its lower edge and, in full screen, the controls, or the mark of a
    /// recording while they are hidden; nothing is where panels cover the video.
    fn view_video<'a>(&'a self, banner: Option<Element<'a, Message>>, covered: f32) -> Element<'a, Message> {
        let video = video::video(self.picture.as_ref(), self.pixel_ratio(), Message::VideoResized)
            .on_right_press(|at| Message::ShowMenu(Menu::Context(at)));
        let video = mouse_area(video).on_double_click(Message::VideoDoubleClicked);
        let controls = self.has_overlay_controls().then(|| opaque(self.view_controls()));
        let has_mark = self.window.is_fullscreen && controls.is_none();
        let padding = iced::Padding::ZERO.right(covered);
        let lower: Vec<_> = banner.into_iter().chain(controls).collect();
        let lower = (!lower.is_empty()).then(|| container(column(lower)).align_bottom(Fill).padding(padding));
        let mark = has_mark.then(|| self.view_recording_mark()).flatten();
        let mark = mark.map(|mark| container(mark).align_right(Fill).padding(padding));
        let layers: Vec<_> = lower.into_iter().chain(mark).map(Element::from).collect();
        match layers.is_empty() {
            true => video.into(),
            false => stack![video].extend(layers).into(),
        }
    }

    /// Returns the mark of a recording, for a corner of the video; `None` if nothing is recorded.
    fn view_recording_mark(&self) -> Option<Element<'_, Message>> {
        let label = controls::recording_label(self.recording.state)?;
        let mark = container(label).padding([space::TIGHT, space::SMALL]).style(theme::banner(false));
        Some(container(mark).padding(space::NORMAL).into())
    }
}

fn view_play_list(list: &PlayList) -> Element<'_, Message> {
    let line = |entry: &Entry| play_list::Line { name: entry.source.name(), has_failed: entry.has_failed };
    let lines = list.entries().iter().map(line);
    play_list::view(lines, list.current(), list.repeat().description()).map(Message::PlayList)
}

fn view_dialog<'a>(dialog: &'a Dialog, list: &'a PlayList, state: RtspState) -> Element<'a, Message> {
    let content = match dialog {
        Dialog::Connect(form) => form.view().map(Message::Connect),
        Dialog::Preferences(form, _) => form.view().map(Message::Preferences),
        Dialog::SignIn(_, form) => form.view().map(Message::SignIn),
        Dialog::Trust(request) => trust::view(&request.certificate).map(Message::Trust),
        Dialog::Summary(summary) => summary.view().map(Message::Summary),
        Dialog::PlayList => view_play_list(list),
        Dialog::Help(page) => help::view(*page, state).map(Message::Help),
    };
    let (max_width, max_height) = match dialog {
        Dialog::Summary(..) => (780.0, f32::INFINITY),
        Dialog::Help(_) => (760.0, 640.0),
        Dialog::PlayList => (560.0, 560.0),
        // The same size for each section.
        Dialog::Preferences(..) => (600.0, 520.0),
        _ => (520.0, f32::INFINITY),
    };
    let padding = iced::Padding::new(space::HUGE - space::TIGHT);
    let padding = match dialog {
        // Its scroll bar is in the padding.
        Dialog::Preferences(..) => padding.right(space::HUGE - space::TIGHT - space::WIDE),
        _ => padding,
    };
    let dialog =
        container(content).max_width(max_width).max_height(max_height).padding(padding).style(theme::dialog);
    opaque(center(opaque(dialog)).padding(space::HUGE).style(theme::backdrop))
}

fn view_drop_area<'a>() -> Element<'a, Message> {
    let label =
        text("Drop the film to open it").size(size::LARGE).font(theme::STRONG).color(iced::Color::WHITE);
    container(center(label)).width(Fill).height(Fill).style(theme::drop_area).into()
}
