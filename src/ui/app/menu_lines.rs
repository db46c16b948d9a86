//! Lines of the menus.

use super::menu::{Action, Line, Menu, ViewingOption};
use super::picture_action::PictureAction;
use super::playback::{Button, SPEEDS};
use super::state::App;
use super::transport;
use crate::proto::rtsp::Factor;
use crate::session::Scaling;
use crate::ui::shortcuts::Shortcut;

impl App {
    /// Returns the lines of a menu.
    pub(super) fn menu_lines(&self, menu: Menu) -> Vec<Line> {
        let entries = transport::entries(self.transport_state()).into_iter().map(Line::from);
        let submenus = [
            submenu("Picture…", Menu::Picture(menu.position())),
            submenu("Options…", Menu::Options(menu.position())),
        ];
        match menu {
            Menu::More => entries.chain(submenus).chain([self.sharing_line()]).collect(),
            Menu::Context(_) => {
                let first = self.button_lines().into_iter().chain(entries);
                first.chain(submenus).chain([self.sharing_line(), self.close_line()]).collect()
            }
            Menu::Speed(_) => self.speed_lines(),
            Menu::Picture(_) => self.picture_lines(),
            Menu::Options(_) => self.option_lines(),
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

    fn sharing_line(&self) -> Line {
        let action = self.can_share().then_some(Action::ToggleSharing);
        Line { name: "Serve to other players", shortcut: None, action, is_on: self.is_shared() }
    }

    fn close_line(&self) -> Line {
        let action = (!self.playback.is_empty()).then_some(Action::Close);
        Line { name: "Close", shortcut: Some(Shortcut::Close), action, is_on: false }
    }

    fn option_lines(&self) -> Vec<Line> {
        let options = [
            ("Play when opened", ViewingOption::PlayWhenOpened),
            ("Resume from the last position", ViewingOption::ResumeFilms),
            ("Keep on top", ViewingOption::KeepOnTop),
        ];
        let line = |(name, option)| Line {
            name,
            shortcut: None,
            action: Some(Action::ToggleOption(option)),
            is_on: self.is_option_on(option),
        };
        options.into_iter().map(line).collect()
    }

    fn speed_lines(&self) -> Vec<Line> {
        let current = self.playback.speed();
        let line = |(speed, name)| Line {
            name,
            shortcut: (speed == Factor::ONE).then_some(Shortcut::NormalSpeed),
            action: Some(Action::SetSpeed(speed)),
            is_on: speed == current,
        };
        SPEEDS.into_iter().map(line).collect()
    }

    fn picture_lines(&self) -> Vec<Line> {
        // The key goes through the sizes; it is shown beside the one that follows.
        let next = self.settings.picture_size.next();
        let sizes = Scaling::ALL.map(|size| {
            let shortcut = (size == next).then_some(Shortcut::NextPictureSize);
            (size_name(size), shortcut, PictureAction::SetSize(size))
        });
        let turns = [
            ("Rotate by 90°", Some(Shortcut::RotatePicture), PictureAction::Rotate),
            ("Flip left and right", Some(Shortcut::FlipPicture), PictureAction::Flip),
        ];
        let has_source = self.playback.source().is_some();
        let line = |(name, shortcut, action)| {
            let is_enabled = has_source || matches!(action, PictureAction::SetSize(_));
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
