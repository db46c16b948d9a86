//! PURE. What a server orders by itself: to go elsewhere, or to go.

use std::time::Instant;

use super::{Action, PendingReconnect, RequestKind, RtspMachine, Stage};
use crate::proto::rtsp::{Method, Request, Response, RtspUrl, SessionHeader, StatusCode as Code, header};
use crate::session::error::SessionError;
use crate::session::reconnect::ReconnectReason;
use crate::session::rtsp::authorization::Authorization;

/// How often a server may send us elsewhere.
const MAX_REDIRECTS: u32 = 5;

/// The answers that name another place (RFC 2326 §11.3; 307 is HTTP's word for 302). A proxy, which 305 asks for, is
/// not taken from a stranger.
const REDIRECT_CODES: [u16; 4] = [301, 302, 303, 307];

impl RtspMachine {
    /// The server asks something itself. It is answered.
    pub fn handle_server_request(&mut self, now: Instant, request: &Request) {
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
        self.actions.push_back(Action::SendResponse(response));
    }

    /// Whether a request of the server's is about the session that there is; one that names none can only be.
    fn is_for_current_session(&self, request: &Request) -> bool {
        let (Stage::Ready(established) | Stage::Playing(established)) = &self.stage else { return false };
        let session_header = request.headers.get(header::SESSION).and_then(SessionHeader::parse);
        session_header.is_none_or(|session| session.id == established.session.id)
    }

    /// RFC 2326 leaves TEARDOWN to clients, but servers use it that end a session before its time.
    fn handle_teardown_request(&mut self, now: Instant, request: &Request) {
        if !self.is_for_current_session(request) {
            return self.respond(request, Code::SESSION_NOT_FOUND);
        }
        self.respond(request, Code::OK);
        match &self.in_flight {
            // Both want the same at the same time.
            Some(in_flight) if in_flight.kind == RequestKind::Teardown => {
                self.in_flight = None;
                self.handle_teardown();
                self.advance(now);
            }
            _ => self.fail(SessionError::EndedByServer { server: self.host_and_port() }),
        }
    }

    /// A session that stands is torn down first, and goes on there (RFC 2326 §10.10). It goes at once: when the server
    /// would rather have it, in Range, is a wall-clock time, and ours is another one.
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

    /// An answer says that the stream is elsewhere.
    pub(super) fn handle_redirect(&mut self, now: Instant, method: Method, response: &Response) {
        match self.redirect_url(response.headers.get(header::LOCATION)) {
            Some(url) => self.redirect_to(now, url),
            None => {
                let problem = "it sends us elsewhere and does not say where".to_owned();
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

    /// From now on another URL is meant; what stands of the old one is left behind. `false` if this happens too often.
    fn switch_url(&mut self, url: RtspUrl) -> bool {
        self.redirects += 1;
        if self.redirects > MAX_REDIRECTS {
            self.fail(SessionError::TooManyRedirects { max: MAX_REDIRECTS });
            return false;
        }
        // A password is for the server that it was given for.
        if url.host_and_port() != self.url.host_and_port() {
            self.authorization = Authorization::from_url(&url);
        }
        tracing::debug!(%url, "the server sends us elsewhere");
        self.url = url;
        self.disconnect();
        true
    }

    /// The session is torn down that was to begin again.
    pub(super) fn reconnect(&mut self, pending: PendingReconnect) {
        match pending {
            PendingReconnect::TcpFallback => {
                self.disconnect();
                self.actions.push_back(Action::Reconnecting(ReconnectReason::TcpFallback));
            }
            PendingReconnect::Redirect(url) => {
                let server = url.host_and_port();
                if self.switch_url(url) {
                    self.actions.push_back(Action::Reconnecting(ReconnectReason::Redirected { server }));
                }
            }
        }
    }
}

/// Whether an answer names another place.
pub(super) fn is_redirect(status: Code) -> bool {
    REDIRECT_CODES.contains(&status.code())
}
