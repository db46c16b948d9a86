//! Banners that disappear by themselves, after their time or by Escape.

use std::time::{Duration, Instant};

use super::playback::{Notice, Playback};
use super::session_record::SessionRecord;

/// Banner that asks for nothing. Errors, and banners that say what is happening, stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PassingBanner {
    /// Information, or the file that was saved.
    Notice(Notice),
    /// End of the film.
    Ended,
    /// End of the session by Stop or Teardown.
    Stopped,
}

impl PassingBanner {
    /// Returns the banner that would be shown; `None` if there is none, or if it stays.
    pub fn current(playback: &Playback, session_record: &SessionRecord) -> Option<Self> {
        match playback.notice() {
            Some(notice) => notice.is_passing().then(|| Self::Notice(notice.clone())),
            None if playback.connecting_host().is_some() => None,
            None if playback.has_ended() => Some(Self::Ended),
            None if playback.has_stopped() && session_record.has_played() => Some(Self::Stopped),
            None => None,
        }
    }

    /// Returns the time for which the banner is shown, enough to read it and to click on its buttons.
    fn time_shown(&self) -> Duration {
        match self {
            Self::Notice(_) => Duration::from_secs(12),
            Self::Ended | Self::Stopped => Duration::from_secs(6),
        }
    }
}

/// State of the banner that disappears by itself.
#[derive(Debug, Clone, Default)]
pub enum BannerTimeout {
    /// There is no such banner.
    #[default]
    None,
    /// The banner has been shown since this time.
    Shown(PassingBanner, Instant),
    /// The banner has been shown for its time, or was closed, and returns only after another one.
    Over(PassingBanner),
}

impl BannerTimeout {
    /// Gives the banner its whole time again.
    pub fn restart(&mut self, now: Instant) {
        if let Self::Shown(_, since) = self {
            *since = now;
        }
    }

    /// Updates the state with the banner that would be shown.
    pub fn handle_banner(&mut self, banner: Option<PassingBanner>, now: Instant) {
        let known = match self {
            Self::None => None,
            Self::Shown(known, _) | Self::Over(known) => Some(&*known),
        };
        if known != banner.as_ref() {
            *self = banner.map_or(Self::None, |banner| Self::Shown(banner, now));
        }
        if let Self::Shown(banner, since) = self
            && now.saturating_duration_since(*since) >= banner.time_shown()
        {
            self.close();
        }
    }

    /// Hides the banner before its time is over.
    pub fn close(&mut self) {
        if let Self::Shown(banner, _) = self {
            *self = Self::Over(banner.clone());
        }
    }

    /// Returns true if a banner is shown that disappears by itself.
    pub fn is_shown(&self) -> bool {
        matches!(self, Self::Shown(..))
    }

    /// Returns true if the banner is over.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Over(_))
    }
}
