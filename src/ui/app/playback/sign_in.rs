//! Requests to the user before a stream is connected to again: for a user name and password, or about a certificate.

use super::source::Source;
use super::state::{Playback, SignInRequest, TrustRequest};
use crate::session::{Goal, UntrustedCertificate};

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

    pub(super) fn request_trust(&mut self, certificate: UntrustedCertificate) {
        if let Some(Source::Stream(url, options)) = self.source.clone() {
            let play = self.goal == Goal::Playing;
            self.trust_request = Some(TrustRequest { url, options, play, certificate });
        }
    }

    /// Returns a new request about a certificate, once.
    pub fn take_trust_request(&mut self) -> Option<TrustRequest> {
        self.trust_request.take()
    }

    /// Shows the reason why no stream is played after a cancelled request, and reopens the previous file.
    pub fn cancel_connecting(&mut self, message: impl Into<String>) {
        self.show_error(message);
        self.restore_previous_file();
    }
}
