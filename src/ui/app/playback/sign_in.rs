//! Requests for a user name and password.

use super::source::Source;
use super::state::{Playback, SignInRequest};
use crate::session::Goal;

impl Playback {
    pub(super) fn request_sign_in(&mut self, was_refused: bool) {
        if let Some(Source::Stream(url, options)) = self.source.clone() {
            self.sign_in_request =
                Some(SignInRequest { url, options, play: self.goal == Goal::Playing, was_refused });
        }
    }

    /// Returns a new sign-in request, once.
    pub fn take_sign_in_request(&mut self) -> Option<SignInRequest> {
        self.sign_in_request.take()
    }

    /// Shows the reason why no stream is played after a cancelled sign-in, and reopens the previous file.
    pub fn cancel_sign_in(&mut self, message: impl Into<String>) {
        self.show_error(message);
        self.restore_previous_file();
    }
}
