//! Options of opening and of the window: play when opened, keep on top, continue where a film was left.

use std::time::{Duration, Instant};

use iced::{Task, window};

use super::menu::ViewingOption;
use super::message::Message;
use super::playback::{Button, Source};
use super::state::App;
use crate::session::RtspState;

/// Interval at which the frame on the screen is remembered while a film plays.
const REMEMBER_INTERVAL: Duration = Duration::from_secs(10);

impl App {
    pub(super) fn toggle_option(&mut self, option: ViewingOption) -> Task<Message> {
        let value = self.option_mut(option);
        *value = !*value;
        let effect = match option {
            ViewingOption::KeepOnTop => self.apply_window_level(),
            ViewingOption::PlayWhenOpened | ViewingOption::ResumeFilms => Task::none(),
        };
        Task::batch([effect, self.save_settings()])
    }

    fn option_mut(&mut self, option: ViewingOption) -> &mut bool {
        match option {
            ViewingOption::PlayWhenOpened => &mut self.settings.play_when_opened,
            ViewingOption::KeepOnTop => &mut self.settings.keep_on_top,
            ViewingOption::ResumeFilms => &mut self.settings.resume_films,
        }
    }

    /// Returns true if an option is on.
    pub(super) fn is_option_on(&self, option: ViewingOption) -> bool {
        match option {
            ViewingOption::PlayWhenOpened => self.settings.play_when_opened,
            ViewingOption::KeepOnTop => self.settings.keep_on_top,
            ViewingOption::ResumeFilms => self.settings.resume_films,
        }
    }

    /// Keeps the window above all others, or not. Wayland has no such level, and ignores it.
    pub(super) fn apply_window_level(&self) -> Task<Message> {
        let level = match self.settings.keep_on_top {
            true => window::Level::AlwaysOnTop,
            false => window::Level::Normal,
        };
        self.window.id.map_or_else(Task::none, |id| window::set_level(id, level))
    }

    /// Returns the number of the frame, from 0, at which a film was left; `None` if it begins at its start.
    pub(super) fn frame_to_resume(&self, source: &Source) -> Option<u64> {
        let path = source.file_path().filter(|_| self.settings.resume_films)?;
        self.settings.film(&path).left_at_frame
    }

    /// Remembers the frame on the screen as the one at which the film was left, every 10 seconds of playback.
    pub(super) fn remember_frame_regularly(&mut self) -> Task<Message> {
        let is_playing = self.playback.state() == RtspState::Playing;
        let elapsed = self.frame_remembered_at.map(|at| self.now.saturating_duration_since(at));
        match is_playing && elapsed.is_none_or(|elapsed| elapsed >= REMEMBER_INTERVAL) {
            true => self.remember_frame(),
            false => Task::none(),
        }
    }

    /// Remembers the frame on the screen as the one at which the film was left, and saves it.
    pub(super) fn remember_frame(&mut self) -> Task<Message> {
        match self.store_frame() {
            true => self.save_settings(),
            false => Task::none(),
        }
    }

    /// The same, saved with what was opened, at the latest at the end of the program.
    pub(super) fn remember_frame_soon(&mut self) {
        self.recents.is_changed |= self.store_frame();
    }

    /// Stores the frame on the screen in the settings; the first one needs no entry. Returns true if they have changed.
    fn store_frame(&mut self) -> bool {
        self.frame_remembered_at = Some(Instant::now());
        let is_wanted = self.settings.resume_films && self.settings.keep_recents;
        let path = self.playback.source().and_then(Source::file_path);
        let Some(path) = path.filter(|_| is_wanted) else { return false };
        let Some(frame) = self.playback.frame_to_leave() else { return false };
        let frame = Some(frame).filter(|frame| *frame > 0);
        if self.settings.film(&path).left_at_frame == frame {
            return false;
        }
        self.settings.change_film(path, |film| film.left_at_frame = frame);
        true
    }

    /// Handles a click on a button. The frame at which a film is stopped is remembered.
    pub(super) fn press(&mut self, button: Button) -> Task<Message> {
        let saving = match button {
            Button::Stop | Button::Teardown => self.remember_frame(),
            Button::Setup | Button::Play | Button::Pause => Task::none(),
        };
        self.playback.press(button, self.settings.controls);
        saving
    }
}
