//! Keeping the screen saver away while a film plays in a window that can be seen.

use std::hash::{Hash, Hasher};

use iced::futures::Stream;
use iced::{Subscription, stream};
use tokio::sync::watch;

use super::message::Message;
use super::state::App;
use crate::backend::screen_saver;
use crate::session::RtspState;

/// Current wish that the screen saver does not come.
#[derive(Debug, Clone)]
struct Wish(watch::Receiver<bool>);

impl Hash for Wish {
    /// Hashes a constant: there is one screen, and iced must recognize its subscription as the same one each time.
    fn hash<H: Hasher>(&self, state: &mut H) {
        "screen saver".hash(state);
    }
}

fn follow(wish: &Wish) -> impl Stream<Item = Message> + use<> {
    let wanted = wish.0.clone();
    stream::channel(1, async move |_| screen_saver::follow(wanted).await)
}

impl App {
    /// Returns true if the screen saver is kept away: while something plays and is seen.
    pub fn keeps_screen_on(&self) -> bool {
        self.playback.state() == RtspState::Playing
            && !self.window.is_minimized
            && !self.window.place.is_closing
    }

    /// Passes on whether the screen saver is kept away, if that has changed.
    pub(super) fn update_screen_saver(&self) {
        let keeps_screen_on = self.keeps_screen_on();
        self.screen_on
            .send_if_modified(|current| std::mem::replace(current, keeps_screen_on) != keeps_screen_on);
    }

    pub(super) fn screen_saver_subscription(&self) -> Subscription<Message> {
        Subscription::run_with(Wish(self.screen_on.subscribe()), follow)
    }
}
