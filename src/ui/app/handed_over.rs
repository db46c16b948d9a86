//! Opening of what the command line names, that of this program and that of later starts.

use iced::{Subscription, Task, window};

use super::later_starts::LaterStarts;
use super::message::Message;
use super::playback::Source;
use super::state::App;
use crate::backend::{Command, FrameRates, MediaSource};
use crate::command_line::{Target, WindowArguments};
use crate::media::FrameRate;
use crate::session::StreamOptions;
use crate::ui::hand_over::Listener;

impl App {
    /// Takes what later starts hand over.
    pub fn listen(&mut self, listener: Listener) {
        self.later_starts = Some(LaterStarts::new(listener));
    }

    /// Returns what later starts hand over. Nothing is taken once the window is being closed.
    pub(super) fn start_subscription(&self) -> Subscription<Message> {
        match &self.later_starts {
            Some(starts) if !self.window.place.is_closing => starts.subscription(),
            _ => Subscription::none(),
        }
    }

    /// Opens what the command line names; does nothing if that is nothing.
    pub fn open_targets(&mut self, arguments: WindowArguments) {
        let WindowArguments { targets, snapshot_rate, play, .. } = arguments;
        self.open_all(targets.into_iter().map(|target| source(target, snapshot_rate)), play);
    }

    /// Opens what another start of the program names, with its options, and shows the window.
    pub(super) fn handle_handed_over(&mut self, arguments: WindowArguments) -> Task<Message> {
        if !arguments.targets.is_empty() {
            self.close_dialog();
            self.menu = None;
        }
        if let Some(theme) = arguments.theme {
            self.theme_override = Some(theme);
        }
        if let Some(rate) = arguments.rate {
            self.frame_rates = FrameRates::new(rate);
            self.backend.send(Command::SetFrameRates(self.frame_rates.clone()));
        }
        self.open_targets(arguments);
        self.window.id.map_or_else(Task::none, raise)
    }
}

/// Brings a window to the front. Where the desktop does not let a program do so, it marks the window.
fn raise(id: window::Id) -> Task<Message> {
    let attention = window::UserAttention::Informational;
    Task::batch([
        window::minimize(id, false),
        window::request_user_attention(id, Some(attention)),
        window::gain_focus(id),
    ])
}

fn source(target: Target, snapshot_rate: Option<FrameRate>) -> Source {
    match target {
        Target::File(path) => Source::Local(MediaSource::File(path)),
        Target::Stream(url) => {
            let mut options = StreamOptions::for_source(&url);
            if let Some(rate) = snapshot_rate {
                options.http.snapshot_interval = rate.interval();
            }
            Source::Stream(url, options)
        }
    }
}
