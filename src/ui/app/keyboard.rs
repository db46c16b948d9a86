//! Actions of the keyboard shortcuts.

use iced::Task;

use super::message::Message;
use super::shortcuts::Shortcut;
use super::state::App;
use super::{header, start_screen, transport};
use crate::ui::dialog::file_dialog::PickKind;
use crate::ui::widget::focus;

impl App {
    pub(super) fn handle_shortcut(&mut self, shortcut: Shortcut) -> Task<Message> {
        if self.dialog.is_some() {
            return self.handle_dialog_shortcut(shortcut);
        }
        if self.menu.take().is_some() && shortcut == Shortcut::Escape {
            return Task::none();
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
                let button = self.playback.stop_button(self.settings.controls);
                self.playback.press(button, self.settings.controls);
            }
            Shortcut::Close if self.playback.is_empty() => return iced::exit(),
            Shortcut::Close => self.close_media(),
            Shortcut::Next => self.open_next(),
            Shortcut::Previous => self.open_previous(),
            Shortcut::PlayList if self.play_list.entries().is_empty() => {}
            Shortcut::PlayList => return self.handle_transport(transport::Action::ShowList),
            Shortcut::Repeat => self.play_list.cycle_repeat(),
            Shortcut::StepForward => self.step(true),
            Shortcut::StepBack => self.step(false),
            Shortcut::Record => self.toggle_recording(),
            Shortcut::Snapshot => self.save_snapshot(),
            Shortcut::Fullscreen => return self.toggle_fullscreen(),
            Shortcut::Open => return self.handle_header(header::Action::Open),
            Shortcut::OpenFolder => return self.pick(PickKind::Folder),
            Shortcut::Connect => return self.show_connect_dialog(),
            Shortcut::Preferences => return self.show_preferences_dialog(),
            Shortcut::Panel(panel) => return self.handle_header(header::Action::TogglePanel(panel)),
            Shortcut::Escape => return self.handle_escape(),
            Shortcut::Skip(seconds) => self.skip(seconds),
            Shortcut::MoveFocus(step) => return focus::advance(step, focus::PANEL_ID),
            Shortcut::EscapeFromField | Shortcut::Confirm => {}
        }
        Task::none()
    }

    fn handle_dialog_shortcut(&mut self, shortcut: Shortcut) -> Task<Message> {
        match shortcut {
            Shortcut::MoveFocus(step) => return focus::advance(step, focus::DIALOG_ID),
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
            None if self.playback.is_reconnecting() => self.cancel(),
            _ => {
                self.banner_timeout.close();
                self.playback.dismiss_notice();
            }
        }
        Task::none()
    }
}
