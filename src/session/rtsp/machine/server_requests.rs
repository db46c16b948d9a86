//! Requests of the server: REDIRECT, TEARDOWN and keep-alive. Sans-I/O.

use std::time::{Duration, Instant};

use super::{PendingReconnect, RequestKind, RtspAction, RtspMachine, Stage};
use crate::proto::mistake::Mistake;
use crate::proto::rtsp::{Method, Request, Response, RtspUrl, SessionHeader, StatusCode as Code, header};
use crate::session::authorization::Authorization;
use crate::session::error::SessionError;
use crate::session::machine::Machine as _;
use crate::session::reconnect::ReconnectReason;

/// Maximum number of redirects without a complete frame between them.
const MAX_REDIRECTS: u32 = 5;

/// Minimum time between two redirects of a session. A server that redirects every session to itself would otherwise
/// cause thousands of connections per second, even if it sends a frame before each.
const MIN_REDIRECT_INTERVAL: Duration = Duration::from_secs(1);

/// Status codes that redirect to another URL (RFC 2326 §11.3; 307 is defined by HTTP like 302). 305 is not among them:
/// a proxy that a server names is not trusted.
const REDIRECT_CODES: [u16; 4] = [301, 302, 303, 307];

impl RtspMachine {
    /// Handles a request of the server and responds to it. One that was received together with the end of the
    /// connection is ignored.
    pub fn handle_server_request(&mut self, now: Instant, request: &Request) {
        if let Stage::Closed | Stage::WaitingToReconnect { .. } = self.stage {
            return;
        }
        match request.method {
            Method::Options | Method::GetParameter | Method::SetParameter => self.respond(request, Code::OK),
            Method::Teardown => self.handle_teardown_request(now, request),
            Method::Redirect => self.handle_redirect_request(now, request),
            _ => self.respond(request, Code::NOT_IMPLEMENTED),
        }
    }

    fn respond(&mut self, request: &Request, status: Code) {
        let mut response = Response::new(status);
        for name in [header::CSEQ, header::SESSION] {
            if let Some(value) = request.headers.get(name) {
                response = response.with_header(name, value);
            }
        }
        self.core.push(RtspAction::SendResponse(response));
    }

    /// Returns true if a request is about the current session. One without a Session header is.
    fn is_for_current_session(&self, request: &Request) -> bool {
        let (Stage::Ready(established) | Stage::Playing(established)) = &self.stage else { return false };
        let stated = request.headers.get(header::SESSION).and_then(SessionHeader::parse);
        let both = stated.as_ref().zip(established.session.as_ref());
        both.is_none_or(|(stated, current)| stated.id == current.id)
    }

    /// Handles TEARDOWN. RFC 2326 §10.7 defines it for clients only, but servers send it to end a session.
    fn handle_teardown_request(&mut self, now: Instant, request: &Request) {
        if !self.is_for_current_session(request) {
            return self.respond(request, Code::SESSION_NOT_FOUND);
        }
        self.respond(request, Code::OK);
        match &self.in_flight {
            // Both sides tear the session down at the same time.
            Some(in_flight) if in_flight.kind == RequestKind::Teardown => {
                self.in_flight = None;
                self.handle_teardown(now);
                self.advance(now);
            }
            _ => self.fail(SessionError::EndedByServer { server: self.host_and_port() }),
        }
    }

    /// Handles REDIRECT: an established session is torn down first and continues at the new URL (RFC 2326 §10.10). The
    /// time in the Range header is ignored and the session moves at once, because it is a wall-clock time of the
    /// server.
    fn handle_redirect_request(&mut self, now: Instant, request: &Request) {
        let Some(url) = self.redirect_url(request.headers.get(header::LOCATION)) else {
            return self.respond(request, Code::BAD_REQUEST);
        };
        self.respond(request, Code::OK);
        let is_setting_up =
            self.in_flight.as_ref().is_some_and(|in_flight| in_flight.kind == RequestKind::SetUp);
        match &self.stage {
            Stage::Ready(_) | Stage::Playing(_) => {
                self.pending_reconnect = Some(PendingReconnect::Redirect(url))
            }
            _ if is_setting_up => self.pending_reconnect = Some(PendingReconnect::Redirect(url)),
            _ => return self.redirect_to(now, url),
        }
        self.advance(now);
    }

    /// Handles a response that redirects to another URL.
    pub(super) fn handle_redirect(&mut self, now: Instant, method: Method, response: &Response) {
        match self.redirect_url(response.headers.get(header::LOCATION)) {
            Some(url) => self.redirect_to(now, url),
            None => {
                let problem = "it redirects without a valid Location".to_owned();
                self.fail(SessionError::InvalidResponse { method, problem });
            }
        }
    }

    fn redirect_url(&self, location: Option<&str>) -> Option<RtspUrl> {
        self.url.join(location?).ok()
    }

    fn redirect_to(&mut self, now: Instant, url: RtspUrl) {
        if self.switch_url(url) {
            self.advance(now);
        }
    }

    /// Replaces the URL and closes the connection. Fails and returns false after too many redirects, and if a password
    /// would no longer be encrypted.
    fn switch_url(&mut self, url: RtspUrl) -> bool {
        self.redirects += 1;
        if self.redirects > MAX_REDIRECTS {
            self.fail(SessionError::TooManyRedirects { max: MAX_REDIRECTS });
            return false;
        }
        if self.url.is_tls() && !url.is_tls() && self.authorization.has_credentials() {
            self.fail(SessionError::InsecureRedirect { server: url.host_and_port() });
            return false;
        }
        // Credentials are sent only to the server that they were given for.
        if !url.has_same_origin(&self.url) {
            self.authorization = Authorization::new(url.credentials());
        }
        tracing::debug!(%url, "redirected");
        self.url = url;
        self.disconnect();
        true
    }

    /// Waits before the next session if the last redirect of one is less than [`MIN_REDIRECT_INTERVAL`] ago.
    fn wait_between_redirects(&mut self, now: Instant) {
        let earliest = self.last_redirect.map(|last| last + MIN_REDIRECT_INTERVAL);
        let until = earliest.map_or(now, |earliest| earliest.max(now));
        self.last_redirect = Some(until);
        if until > now {
            self.stage = Stage::WaitingToReconnect { until };
        }
    }

    /// Sets the session up again after it was torn down.
    pub(super) fn reconnect(&mut self, now: Instant, pending: PendingReconnect) {
        match pending {
            PendingReconnect::TcpFallback => {
                self.disconnect();
                self.core.push(RtspAction::Reconnecting(ReconnectReason::TcpFallback));
            }
            PendingReconnect::ClockJump(jump) => {
                let server = self.host_and_port();
                self.disconnect();
                // The network may need some seconds, too; further attempts follow.
                let (_, wait) = self.backoff.next_attempt();
                self.stage = Stage::WaitingToReconnect { until: now + wait };
                self.core.push(RtspAction::Reconnecting(ReconnectReason::ClockJumped { server, jump }));
            }
            PendingReconnect::Redirect(url) => {
                let server = url.host_and_port();
                if url == self.url {
                    self.core.count_mistake(Mistake::RedirectToItself, "");
                }
                if self.switch_url(url) {
                    self.wait_between_redirects(now);
                    self.core.push(RtspAction::Reconnecting(ReconnectReason::Redirected { server }));
                }
            }
        }
    }
}

/// Returns true if a status redirects to another URL.
pub(super) fn is_redirect(status: Code) -> bool {
    REDIRECT_CODES.contains(&status.code())
}
