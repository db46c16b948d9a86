//! Responses of the server, and their effects on the state machine. Sans-I/O.

use std::time::{Duration, Instant};

use super::{BodyUse, HttpAction, HttpMachine, Link};
use crate::proto::decimal::parse_digits;
use crate::proto::http::{MediaType, ResponseHead, retry_after};
use crate::session::authorization::{Authorization, ChallengeOutcome};
use crate::session::error::SessionError;
use crate::session::http::error::HttpError;
use crate::session::machine::Machine as _;
use crate::session::state::RtspState;

/// Maximum number of redirects without a frame between them.
const MAX_REDIRECTS: u32 = 5;

/// Time for the first frame to arrive after the response, if the stream is only to be set up.
const FIRST_FRAME_TIMEOUT: Duration = Duration::from_secs(10);

impl HttpMachine {
    /// Handles the head of a response. Returns what is to be done with its body.
    pub fn handle_response(&mut self, now: Instant, head: &ResponseHead) -> BodyUse {
        let Link::AwaitingResponse { .. } = self.link else { return BodyUse::Close };
        if head.status < 200 {
            return BodyUse::None;
        }
        self.keeps_connection = head.keeps_connection();
        match head.status {
            200..=299 => self.handle_success(now, head),
            301 | 302 | 303 | 307 | 308 => self.handle_redirect(now, head),
            401 => self.handle_challenge(now, head),
            429 | 503 => self.handle_busy(now, head),
            status => {
                let reason = head.reason.trim_end_matches('.').to_owned();
                self.fail_or_retry(now, HttpError::Refused { status, reason })
            }
        }
    }

    fn handle_success(&mut self, now: Instant, head: &ResponseHead) -> BodyUse {
        let coding = head.get("Content-Encoding").unwrap_or_default();
        if !coding.is_empty() && !coding.eq_ignore_ascii_case("identity") {
            return self.refuse(HttpError::Compressed { coding: coding.to_owned() });
        }
        let media_type = MediaType::parse(head.get("Content-Type").unwrap_or_default());
        if !is_playable(&media_type) {
            return self.refuse(HttpError::OtherType { essence: media_type.essence });
        }
        self.auth_attempts = 0;
        self.has_new_challenge = false;
        let length = head.get("Content-Length");
        let has_length = length.is_some() && !media_type.is_multipart();
        // The length of an endless stream is an invention, and a snapshot may have a smaller picture in it.
        let is_file = length.and_then(parse_digits::<u64>).is_some_and(|length| length <= MAX_FILM_LENGTH);
        self.may_be_film = has_length && is_file && !media_type.is_image() && !head.forbids_caching();
        self.is_polled = media_type.is_image() || has_length;
        self.frames_in_response = 0;
        self.link = Link::Receiving { deadline: now + FIRST_FRAME_TIMEOUT };
        if !std::mem::replace(&mut self.is_set_up, true) {
            let presentation = self.presentation(head);
            self.core.push(HttpAction::SetUp(Box::new(presentation)));
        }
        self.advance(now);
        BodyUse::Frames
    }

    fn handle_redirect(&mut self, now: Instant, head: &ResponseHead) -> BodyUse {
        self.redirects += 1;
        if self.redirects > MAX_REDIRECTS {
            return self.refuse(HttpError::TooManyRedirects { max: MAX_REDIRECTS });
        }
        let Some(location) = head.get("Location") else { return self.refuse(HttpError::NoLocation) };
        match self.url.redirected(location) {
            Ok(url) => {
                if url.credentials() != self.url.credentials() {
                    self.authorization = Authorization::new(url.credentials());
                }
                (self.url, self.auth_attempts) = (url, 0);
                self.connect_again(now)
            }
            Err(error) => self.refuse(HttpError::Redirect(error)),
        }
    }

    /// Handles status 401: repeats the request with an Authorization header, if there are credentials.
    fn handle_challenge(&mut self, now: Instant, head: &ResponseHead) -> BodyUse {
        let challenges: Vec<_> = head.get_all("WWW-Authenticate").collect();
        let attempts = if self.has_new_challenge { self.auth_attempts } else { 0 };
        let was_refused = match self.authorization.handle_challenge(&challenges, attempts) {
            ChallengeOutcome::Retry => return self.retry(now, head),
            ChallengeOutcome::UnsupportedScheme => return self.refuse(HttpError::UnknownScheme),
            ChallengeOutcome::NoCredentials => false,
            ChallengeOutcome::Rejected => true,
        };
        self.fail(SessionError::Unauthorized { was_refused });
        BodyUse::Close
    }

    /// Repeats the request. The connection is kept where that is possible: some servers use one nonce per connection.
    fn retry(&mut self, now: Instant, head: &ResponseHead) -> BodyUse {
        self.has_new_challenge = true;
        let length = head.get("Content-Length").and_then(parse_digits::<u64>);
        match self.keeps_connection && length.is_some_and(|length| length <= MAX_DISCARDED) {
            true => {
                self.link = Link::Discarding { deadline: now + self.options.response_timeout };
                BodyUse::Discard
            }
            false => self.connect_again(now),
        }
    }

    /// Handles a server that is busy: waits as long as it says, or reports it.
    fn handle_busy(&mut self, now: Instant, head: &ResponseHead) -> BodyUse {
        let retry_after = retry_after(head);
        match retry_after.filter(|_| self.options.reconnects) {
            Some(seconds) => {
                self.reconnect(now, Some(Duration::from_secs(seconds.max(1))));
                BodyUse::Close
            }
            None => self.fail_or_retry(now, HttpError::Busy { status: head.status, retry_after }),
        }
    }

    /// Handles an error of the server. During reconnection, a camera that has just been restarted may not have its
    /// streams yet (404) or may be busy (5xx), so the next attempt follows.
    fn fail_or_retry(&mut self, now: Instant, error: HttpError) -> BodyUse {
        let (HttpError::Refused { status, .. } | HttpError::Busy { status, .. }) = error else {
            return self.refuse(error);
        };
        let is_temporary = matches!(status, 404 | 408 | 429 | 500..);
        match is_temporary && (self.backoff.is_active() || self.state == RtspState::Playing) {
            true => self.reconnect_or_fail(now, SessionError::Http(error)),
            false => self.fail(SessionError::Http(error)),
        }
        BodyUse::Close
    }

    fn refuse(&mut self, error: HttpError) -> BodyUse {
        self.fail(SessionError::Http(error));
        BodyUse::Close
    }

    fn connect_again(&mut self, now: Instant) -> BodyUse {
        self.disconnect();
        self.connect(now);
        BodyUse::Close
    }
}

/// Maximum length in bytes of a response that is taken for a film if it has several frames.
const MAX_FILM_LENGTH: u64 = 1_000_000_000;

/// Maximum length in bytes of a body that is read although it is of no interest.
const MAX_DISCARDED: u64 = 64 * 1024;

/// Returns true if a body of this type can contain frames. The type may be missing, or one that says nothing.
fn is_playable(media_type: &MediaType) -> bool {
    let is_unknown =
        matches!(media_type.essence.as_str(), "" | "application/octet-stream" | "video/x-motion-jpeg");
    let is_jpeg =
        matches!(media_type.essence.as_str(), "image/jpeg" | "image/jpg" | "image/pjpeg" | "video/jpeg");
    media_type.is_multipart() || is_unknown || is_jpeg || media_type.essence.contains("mjpeg")
}
