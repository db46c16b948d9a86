//! Actions of the keyboard shortcuts.

use iced::Task;

use super::message::Message;
use super::playback::Button;
use super::shortcuts::Shortcut;
use super::state::App;
use super::{header, start_screen};
use crate::settings::Controls;
use crate::ui::dialog::file_dialog::PickKind;

impl App {
    pub(super) fn handle_shortcut(&mut self, shortcut: Shortcut) -> Task<Message> {
        if self.dialog.is_some() {
            return self.handle_dialog_shortcut(shortcut);
        }
        match shortcut {
            Shortcut::PlayOrPause if self.playback.is_empty() => {
                return self.handle_start(start_screen::Action::PlaySample);
            }
            Shortcut::PlayOrPause => {
                let button = self.playback.next_button(self.settings.controls);
                self.playback.press(button, self.settings.controls);
            }
            Shortcut::Stop => {
                let button = match self.playback.controls(self.settings.controls) {
                    Controls::Three => Button::Stop,
                    Controls::Four => Button::Teardown,
                };
                self.playback.press(button, self.settings.controls);
            }
            Shortcut::Record => self.toggle_recording(),
            Shortcut::Snapshot => self.save_snapshot(),
            Shortcut::Open => return self.handle_header(header::Action::Open),
            Shortcut::OpenFolder => return self.pick(PickKind::Folder),
            Shortcut::Connect => return self.show_connect_dialog(),
            Shortcut::Preferences => return self.show_preferences_dialog(),
            // Panels are not visible in full screen.
            Shortcut::Panel(panel) if !self.is_fullscreen => {
                return self.handle_header(header::Action::TogglePanel(panel));
            }
            Shortcut::Panel(_) => {}
            Shortcut::Fullscreen => return self.toggle_fullscreen(),
            Shortcut::Escape => return self.handle_escape(),
            Shortcut::Skip(seconds) => self.skip(seconds),
            Shortcut::EscapeFromField | Shortcut::Confirm => {}
        }
        Task::none()
    }

    fn handle_dialog_shortcut(&mut self, shortcut: Shortcut) -> Task<Message> {
        match shortcut {
            Shortcut::Escape | Shortcut::EscapeFromField => self.close_dialog(),
            Shortcut::Confirm => return self.confirm_dialog(),
            _ => {}
        }
        Task::none()
    }

    fn handle_escape(&mut self) -> Task<Message> {
        if self.is_fullscreen {
            return self.toggle_fullscreen();
        }
        match self.playback.notice() {
            None if self.playback.is_reconnecting() => self.playback.cancel(),
            _ => {
                self.banner_timeout.close();
                self.playback.dismiss_notice();
            }
        }
        Task::none()
    }
}
