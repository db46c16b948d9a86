//! Inputs of the application: backend, window, keyboard, time and signals.

use std::time::Duration;

use iced::futures::SinkExt as _;
use iced::{Subscription, event, system, window};

use super::backend_subscription::BackendSubscription;
use super::message::Message;
use super::state::App;
use crate::backend::ShutdownSignal;
use crate::session::RtspState;
use crate::ui::shortcuts;

/// Interval of redraws while something visible depends on the time.
const TICK_INTERVAL: Duration = Duration::from_millis(200);

/// Interval of checks for a minimized window.
const MINIMIZED_INTERVAL: Duration = Duration::from_secs(1);

impl App {
    /// Returns all inputs that the application listens to in its current state.
    pub fn subscription(&self) -> Subscription<Message> {
        let backend_subscription = self
            .backend_subscription
            .as_ref()
            .map_or_else(Subscription::none, BackendSubscription::subscription);
        Subscription::batch([
            backend_subscription.map(Message::Backend),
            self.tick_subscription(),
            self.minimized_subscription(),
            self.place_subscription(),
            event::listen_with(map_event),
            window::open_events().map(Message::WindowOpened),
            system::theme_changes().map(Message::SystemTheme),
            shutdown_subscription(),
            self.start_subscription(),
            self.screen_saver_subscription(),
        ])
    }

    /// Returns the times at which to find out whether the window is minimized, which no event tells.
    fn minimized_subscription(&self) -> Subscription<Message> {
        match self.window.is_minimized || self.playback.state() == RtspState::Playing {
            true => iced::time::every(MINIMIZED_INTERVAL).map(|_| Message::CheckMinimized),
            false => Subscription::none(),
        }
    }

    /// Returns ticks while a file that is being opened, a countdown, missing data, a banner that disappears, the
    /// "Copied" label or the controls in full screen depend on the time.
    fn tick_subscription(&self) -> Subscription<Message> {
        let needs_ticks = self.playback.is_counting_down(self.now)
            || self.playback.is_opening() && self.playback.slow_opening(self.now).is_none()
            || self.playback.is_waiting() && !self.playback.has_waited(self.now)
            || self.messages.has_just_copied(self.now)
            || self.sharing.address_copied.is_recent(self.now)
            || self.banner_timeout.is_shown() && self.playback.source().is_some()
            || self.has_overlay_controls();
        match needs_ticks {
            true => iced::time::every(TICK_INTERVAL).map(Message::Tick),
            false => Subscription::none(),
        }
    }
}

fn shutdown_subscription() -> Subscription<Message> {
    Subscription::run(|| {
        iced::stream::channel(1, async |mut messages| {
            ShutdownSignal::listen().recv().await;
            // An error means that the window is already closed.
            let _ = messages.send(Message::ShutdownRequested).await;
        })
    })
}

/// Maps events of the window: keys that no widget has captured, dragged files, scale factor.
fn map_event(event: iced::Event, status: event::Status, _: window::Id) -> Option<Message> {
    match event {
        iced::Event::Keyboard(event) if status == event::Status::Ignored => {
            shortcuts::from_event(&event).map(Message::Shortcut)
        }
        iced::Event::Window(window::Event::FileHovered(_)) => Some(Message::FileHovered),
        iced::Event::Window(window::Event::FilesHoveredLeft) => Some(Message::FileHoverLeft),
        iced::Event::Window(window::Event::FileDropped(path)) => Some(Message::FileDropped(path)),
        // A window that is shown again gets the focus.
        iced::Event::Window(window::Event::Focused) => Some(Message::CheckMinimized),
        iced::Event::Window(window::Event::Rescaled(factor)) => Some(Message::ScaleFactor(factor)),
        iced::Event::Window(window::Event::Moved(_) | window::Event::Resized(_)) => {
            Some(Message::WindowChanged)
        }
        iced::Event::Window(window::Event::CloseRequested) => Some(Message::CloseRequested),
        _ => None,
    }
}
