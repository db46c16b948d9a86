//! Actions of the keyboard shortcuts.

use iced::{Point, Task};

use super::menu::Menu;
use super::message::Message;
use super::picture_action::PictureAction;
use super::state::{App, Dialog};
use super::{header, start_screen, transport};
use crate::proto::rtsp::Factor;
use crate::settings::{MAX_INTERFACE_SCALE, MIN_INTERFACE_SCALE};
use crate::ui::dialog::file_dialog::PickKind;
use crate::ui::shortcuts::Shortcut;

/// Place of the menu that a key opens, in logical pixels of the window: over the upper left corner of the picture.
const MENU_PLACE: Point = Point::new(24.0, 72.0);

/// Step of the size of text and controls, in percent of the usual size.
const ZOOM_STEP: u8 = 10;

impl App {
    pub(super) fn handle_shortcut(&mut self, shortcut: Shortcut) -> Task<Message> {
        match shortcut {
            Shortcut::Quit => self.quit(),
            Shortcut::ZoomIn => self.zoom(i16::from(ZOOM_STEP)),
            Shortcut::ZoomOut => self.zoom(-i16::from(ZOOM_STEP)),
            Shortcut::ZoomReset => self.zoom(i16::MIN),
            _ if self.dialog.is_some() => self.handle_dialog_shortcut(shortcut),
            _ => self.handle_player_shortcut(shortcut),
        }
    }

    fn handle_player_shortcut(&mut self, shortcut: Shortcut) -> Task<Message> {
        if self.menu.take().is_some() && matches!(shortcut, Shortcut::Escape | Shortcut::Menu) {
            return Task::none();
        }
        if shows_controls(shortcut) {
            // In full screen, they show what the key has changed.
            self.window.pointer_moved_at = Some(self.now);
        }
        match shortcut {
            Shortcut::PlayOrPause if self.playback.is_empty() => {
                return self.handle_start(start_screen::Action::PlaySample);
            }
            Shortcut::PlayOrPause => {
                let button = self.playback.next_button(self.settings.controls);
                self.playback.press(button, self.settings.controls);
            }
            Shortcut::Stop => return self.press(self.playback.stop_button(self.settings.controls)),
            Shortcut::Close if self.playback.is_empty() => return self.quit(),
            Shortcut::Close => return self.close_media(),
            Shortcut::Next => self.open_next(),
            Shortcut::Previous => self.open_previous(),
            Shortcut::PlayList if self.play_list.entries().is_empty() => {}
            Shortcut::PlayList => return self.handle_transport(transport::Action::ShowList),
            Shortcut::Repeat => self.cycle_repeat(),
            Shortcut::Record => self.toggle_recording(),
            Shortcut::Snapshot => self.save_snapshot(),
            Shortcut::NextPictureSize => {
                let size = self.settings.picture_size.next();
                return self.handle_picture_action(PictureAction::SetSize(size));
            }
            Shortcut::RotatePicture => return self.handle_picture_action(PictureAction::Rotate),
            Shortcut::FlipPicture => return self.handle_picture_action(PictureAction::Flip),
            Shortcut::Menu if self.playback.is_empty() => {}
            Shortcut::Menu => self.menu = Some(Menu::Context(MENU_PLACE)),
            Shortcut::Fullscreen => return self.toggle_fullscreen(),
            Shortcut::Open => return self.handle_header(header::Action::Open),
            Shortcut::OpenFolder => return self.pick(PickKind::Folder),
            Shortcut::Connect => return self.show_connect_dialog(),
            Shortcut::Preferences => return self.show_preferences_dialog(),
            Shortcut::Panel(panel) => return self.handle_header(header::Action::TogglePanel(panel)),
            Shortcut::Escape => return self.handle_escape(),
            Shortcut::Skip(seconds) => self.skip(seconds),
            Shortcut::StepFrame(is_forward) => self.step(is_forward),
            Shortcut::ChangeSpeed(is_faster) => self.playback.change_speed(is_faster),
            Shortcut::NormalSpeed => self.playback.set_speed(Factor::ONE),
            Shortcut::SeekToStart => self.seek_to_start(),
            Shortcut::SeekToEnd => self.seek_to_end(),
            Shortcut::Help => self.show_help(),
            // The others are handled before.
            _ => {}
        }
        Task::none()
    }

    fn handle_dialog_shortcut(&mut self, shortcut: Shortcut) -> Task<Message> {
        match shortcut {
            Shortcut::Escape | Shortcut::EscapeFromField => self.close_dialog(),
            Shortcut::Confirm => return self.confirm_dialog(),
            // The key that opens a dialog closes it.
            Shortcut::Help if matches!(self.dialog, Some(Dialog::Help(_))) => self.close_dialog(),
            Shortcut::PlayList if matches!(self.dialog, Some(Dialog::PlayList)) => self.close_dialog(),
            _ => {}
        }
        Task::none()
    }

    /// Changes the size of text and controls by this many percent of the usual size.
    fn zoom(&mut self, percent: i16) -> Task<Message> {
        let scale = i16::from(self.settings.interface_scale).saturating_add(percent);
        let scale = scale.clamp(i16::from(MIN_INTERFACE_SCALE), i16::from(MAX_INTERFACE_SCALE));
        let scale = u8::try_from(scale).unwrap_or(MIN_INTERFACE_SCALE);
        if scale == self.settings.interface_scale {
            return Task::none();
        }
        self.settings.interface_scale = scale;
        self.set_video_area(self.video_area);
        Task::batch([self.fit_to_scale(), self.save_settings()])
    }

    fn handle_escape(&mut self) -> Task<Message> {
        if self.window.is_fullscreen {
            return self.toggle_fullscreen();
        }
        match self.playback.notice() {
            None if self.playback.is_reconnecting() => self.cancel(),
            _ => {
                self.banner_timeout.close();
                self.playback.dismiss_notice();
            }
        }
        Task::none()
    }
}

/// Returns true if the effect of a key is visible in the bar of controls only.
fn shows_controls(shortcut: Shortcut) -> bool {
    matches!(
        shortcut,
        Shortcut::ChangeSpeed(_)
            | Shortcut::NormalSpeed
            | Shortcut::Record
            | Shortcut::Repeat
            | Shortcut::Skip(_)
            | Shortcut::SeekToStart
            | Shortcut::SeekToEnd
    )
}
