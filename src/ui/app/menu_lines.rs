//! Lines of the menus.

use super::menu::{Action, Line, Menu};
use super::playback::Button;
use super::state::App;
use super::{picture_view, transport};
use crate::session::Scaling;
use crate::ui::shortcuts::Shortcut;

impl App {
    /// Returns the lines of a menu.
    pub(super) fn menu_lines(&self, menu: Menu) -> Vec<Line> {
        let entries = transport::entries(self.transport_state()).into_iter().map(Line::from);
        let picture = submenu("Picture…", Menu::Picture(menu.position()));
        match menu {
            Menu::More => entries.chain([picture]).collect(),
            Menu::Context(_) => {
                let last = [picture, self.close_line()];
                self.button_lines().into_iter().chain(entries).chain(last).collect()
            }
            Menu::Picture(_) => self.picture_lines(),
        }
    }

    /// Returns lines for the next step and for stopping.
    fn button_lines(&self) -> [Line; 2] {
        let controls = self.settings.controls;
        let next = self.playback.next_button(controls);
        let stop = self.playback.stop_button(controls);
        let line = |button: Button, shortcut| {
            let is_enabled = self.playback.is_enabled(button, controls);
            let action = is_enabled.then_some(Action::Press(button));
            Line { name: button.name(), shortcut: Some(shortcut), action, is_on: false }
        };
        [line(next, Shortcut::PlayOrPause), line(stop, Shortcut::Stop)]
    }

    fn close_line(&self) -> Line {
        let action = (!self.playback.is_empty()).then_some(Action::Close);
        Line { name: "Close", shortcut: Some(Shortcut::Close), action, is_on: false }
    }

    fn picture_lines(&self) -> Vec<Line> {
        // The key goes through the sizes; it is shown beside the one that follows.
        let next = self.settings.picture_size.next();
        let sizes = Scaling::ALL.map(|size| {
            let shortcut = (size == next).then_some(Shortcut::NextPictureSize);
            (size_name(size), shortcut, picture_view::Action::SetSize(size))
        });
        let turns = [
            ("Rotate by 90°", Some(Shortcut::RotatePicture), picture_view::Action::Rotate),
            ("Flip left and right", Some(Shortcut::FlipPicture), picture_view::Action::Flip),
        ];
        let has_source = self.playback.source().is_some();
        let line = |(name, shortcut, action)| {
            let is_enabled = has_source || matches!(action, picture_view::Action::SetSize(_));
            Line {
                name,
                shortcut,
                action: is_enabled.then_some(Action::Picture(action)),
                is_on: self.is_picture_action_on(action),
            }
        };
        sizes.into_iter().chain(turns).map(line).collect()
    }
}

fn submenu(name: &'static str, menu: Menu) -> Line {
    Line { name, shortcut: None, action: Some(Action::Show(menu)), is_on: false }
}

fn size_name(size: Scaling) -> &'static str {
    match size {
        Scaling::Fit => "Fit the window",
        Scaling::Fill => "Fill the window",
        Scaling::Actual => "100 %",
    }
}
