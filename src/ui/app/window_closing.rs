//! Asking the window for its size and place, and saving them.
//!
//! Moved and resized windows send an event for each step. The first one starts a timer; at its end the window is asked
//! for its place, which is then saved together with what was opened, at most once in [`INTERVAL`]. It is asked and
//! saved once more before the program ends.

use std::thread;
use std::time::Duration;

use iced::{Point, Size, Subscription, Task, window};
use tokio::sync::oneshot;

use super::message::Message;
use super::state::App;
use super::window_place::{WindowPlace, initial_place, remembered, scale_of};
use super::window_size::{position_on, size_on, sizes_after_scaling};

/// Time from a change of the window until it is saved.
const INTERVAL: Duration = Duration::from_secs(1);

/// Maximum time that saving the settings delays the end of the program.
const SAVE_TIMEOUT: Duration = Duration::from_secs(1);

/// Asks a window for its place.
fn ask(id: window::Id) -> Task<WindowPlace> {
    window::size(id).then(move |size| {
        window::position(id).then(move |position| {
            window::monitor_size(id).then(move |monitor| {
                window::is_maximized(id).then(move |is_maximized| {
                    window::is_minimized(id).then(move |is_minimized| {
                        window::mode(id).map(move |mode| WindowPlace {
                            size,
                            position,
                            monitor,
                            is_maximized,
                            is_minimized,
                            mode,
                        })
                    })
                })
            })
        })
    })
}

impl App {
    /// Returns the time at which to ask a changed window for its place, and to save what was opened.
    pub(super) fn place_subscription(&self) -> Subscription<Message> {
        match self.window.place.is_changed || self.recents.is_changed {
            true => iced::time::every(INTERVAL).map(|_| Message::CheckPlace),
            false => Subscription::none(),
        }
    }

    /// Remembers that the window was moved or resized.
    pub(super) fn handle_window_changed(&mut self) {
        self.window.place.is_changed = true;
    }

    pub(super) fn check_place(&mut self) -> Task<Message> {
        self.window.place.is_changed = false;
        self.window.id.map_or_else(Task::none, |id| ask(id).map(Message::PlaceFound))
    }

    /// Enlarges the window, and its minimum, if text and controls do not fit after their scale has changed.
    pub(super) fn fit_to_scale(&self) -> Task<Message> {
        let Some(id) = self.window.id else { return Task::none() };
        let is_fullscreen = self.window.is_fullscreen;
        ask(id).then(move |place| {
            let (min, enlarged) = sizes_after_scaling(place.size, place.monitor);
            let keeps_size = is_fullscreen || place.is_maximized;
            let resizing = enlarged.filter(|_| !keeps_size);
            Task::batch([
                window::set_min_size(id, Some(min)),
                resizing.map_or_else(Task::none, |size| window::resize(id, size)),
            ])
        })
    }

    /// Moves and shrinks a window that has just opened, so that it is on its monitor.
    pub(super) fn fit_on_monitor(&self, monitor: Option<Size>) -> Task<Message> {
        let (Some(id), Some(monitor)) = (self.window.id, monitor) else { return Task::none() };
        if self.settings.window.is_maximized {
            // Window managers of X11 ignore it before the window is shown.
            return window::maximize(id, true);
        }
        let (wanted, position) = initial_place(&self.settings);
        let (min, _) = sizes_after_scaling(wanted, Some(monitor));
        let fitting = size_on(monitor, wanted, self.settings.window.size.is_some());
        let size = fitting.unwrap_or(wanted);
        let scale = scale_of(&self.settings);
        // Of a place on a monitor that is gone, nothing can be kept.
        let fitting_position = position
            .map(|position| position_on(monitor * scale, position, size * scale).unwrap_or(Point::ORIGIN));
        let moving = fitting_position.filter(|_| fitting_position != position);
        Task::batch([
            window::set_min_size(id, Some(min)),
            fitting.map_or_else(Task::none, |size| window::resize(id, size)),
            moving.map_or_else(Task::none, |position| window::move_to(id, position)),
        ])
    }

    /// Stores the place of the window in the settings, and saves them if it or what was opened has changed. Ends the
    /// program if that was requested.
    pub(super) fn handle_place(&mut self, place: WindowPlace) -> Task<Message> {
        let before = self.settings.window;
        self.settings.window = remembered(before, place, scale_of(&self.settings));
        let is_saved = !self.recents.take_changed() && self.settings.window == before;
        match (self.window.place.is_closing, is_saved) {
            (true, true) => iced::exit(),
            (true, false) => self.save_and_exit(),
            (false, true) => Task::none(),
            (false, false) => self.save_settings(),
        }
    }

    /// Ends the program after the place of the window was saved; at once if that is requested again.
    pub(super) fn quit(&mut self) -> Task<Message> {
        if std::mem::replace(&mut self.window.place.is_closing, true) {
            return iced::exit();
        }
        self.remember_frame_soon();
        match self.window.id {
            Some(_) => self.check_place(),
            None => iced::exit(),
        }
    }

    fn save_and_exit(&self) -> Task<Message> {
        let pending = self.pending_save();
        let (sender, saved) = oneshot::channel();
        // The runtime would wait for a blocking task of its own without a limit.
        let thread =
            thread::Builder::new().name("save".to_owned()).spawn(move || sender.send(pending.save()));
        let saving = Task::future(async move {
            let saved = match thread {
                Ok(_) => tokio::time::timeout(SAVE_TIMEOUT, saved).await,
                Err(error) => Ok(Ok(Err(error))),
            };
            match saved {
                Ok(Ok(Err(error))) => tracing::warn!(%error, "cannot save the settings"),
                Ok(_) => {}
                Err(_) => tracing::warn!("saving the settings takes too long"),
            }
        });
        saving.then(|()| iced::exit())
    }
}
