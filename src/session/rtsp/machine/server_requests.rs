//! PURE. What a server orders by itself: to go elsewhere, or to go.

use std::time::Instant;

use super::{Machine, Output, Restart, Stage, Step};
use crate::proto::rtsp::{Method, Request, Response, RtspUrl, SessionHeader, Status as Code, header};
use crate::session::error::Failure;
use crate::session::reconnect::Interruption;
use crate::session::rtsp::authorization::Authorization;

/// How often a server may send us elsewhere.
const MOST_REDIRECTIONS: u32 = 5;

/// The answers that name another place (RFC 2326 §11.3; 307 is HTTP's word for 302). A proxy, which 305 asks for, is
/// not taken from a stranger.
const ELSEWHERE: [u16; 4] = [301, 302, 303, 307];

impl Machine {
    /// The server asks something itself. It is answered.
    pub fn server_request(&mut self, now: Instant, request: &Request) {
        match request.method {
            Method::Options | Method::GetParameter | Method::SetParameter => self.reply(request, Code::OK),
            Method::Teardown => self.told_to_go(now, request),
            Method::Redirect => self.told_to_go_elsewhere(now, request),
            _ => self.reply(request, Code::NOT_IMPLEMENTED),
        }
    }

    fn reply(&mut self, request: &Request, code: Code) {
        let mut response = Response::new(code);
        for name in [header::CSEQ, header::SESSION] {
            if let Some(value) = request.headers.get(name) {
                response = response.with(name, value);
            }
        }
        self.outputs.push_back(Output::Reply(response));
    }

    /// Whether a request of the server's is about the session that there is; one that names none can only be.
    fn is_of_this_session(&self, request: &Request) -> bool {
        let (Stage::Ready(established) | Stage::Playing(established)) = &self.stage else { return false };
        let named = request.headers.get(header::SESSION).and_then(SessionHeader::parse);
        named.is_none_or(|session| session.id == established.session.id)
    }

    /// RFC 2326 leaves TEARDOWN to clients, but servers use it that end a session before its time.
    fn told_to_go(&mut self, now: Instant, request: &Request) {
        if !self.is_of_this_session(request) {
            return self.reply(request, Code::SESSION_NOT_FOUND);
        }
        self.reply(request, Code::OK);
        match &self.in_flight {
            // Both want the same at the same time.
            Some(in_flight) if in_flight.step == Step::Teardown => {
                self.in_flight = None;
                self.torn_down();
                self.advance(now);
            }
            _ => self.fail(Failure::EndedByServer { server: self.server() }),
        }
    }

    /// A session that stands is torn down first, and goes on there (RFC 2326 §10.10). It goes at once: when the server
    /// would rather have it, in Range, is a wall-clock time, and ours is another one.
    fn told_to_go_elsewhere(&mut self, now: Instant, request: &Request) {
        let Some(url) = self.place_of(request.headers.get(header::LOCATION)) else {
            return self.reply(request, Code::BAD_REQUEST);
        };
        self.reply(request, Code::OK);
        let is_setting_up = self.in_flight.as_ref().is_some_and(|in_flight| in_flight.step == Step::SetUp);
        match &self.stage {
            Stage::Ready(_) | Stage::Playing(_) => self.restart = Some(Restart::Elsewhere(url)),
            _ if is_setting_up => self.restart = Some(Restart::Elsewhere(url)),
            _ => return self.go_to(now, url),
        }
        self.advance(now);
    }

    /// An answer says that the stream is elsewhere.
    pub(super) fn redirected(&mut self, now: Instant, method: Method, response: &Response) {
        match self.place_of(response.headers.get(header::LOCATION)) {
            Some(url) => self.go_to(now, url),
            None => {
                let what = "it sends us elsewhere and does not say where".to_owned();
                self.fail(Failure::BadAnswer { method, what });
            }
        }
    }

    fn place_of(&self, location: Option<&str>) -> Option<RtspUrl> {
        self.url.join(location?).ok()
    }

    fn go_to(&mut self, now: Instant, url: RtspUrl) {
        if self.turn_to(url) {
            self.advance(now);
        }
    }

    /// From now on another URL is meant; what stands of the old one is left behind. `false` if this happens too often.
    fn turn_to(&mut self, url: RtspUrl) -> bool {
        self.redirections += 1;
        if self.redirections > MOST_REDIRECTIONS {
            self.fail(Failure::TooManyRedirections { most: MOST_REDIRECTIONS });
            return false;
        }
        // A password is for the server that it was given for.
        if url.server() != self.url.server() {
            self.authorization = Authorization::of(&url);
        }
        tracing::debug!(%url, "the server sends us elsewhere");
        self.url = url;
        self.leave();
        true
    }

    /// The session is torn down that was to begin again.
    pub(super) fn begin_again(&mut self, restart: Restart) {
        match restart {
            Restart::OnTheConnection => {
                self.leave();
                self.outputs.push_back(Output::Interrupted(Interruption::FellBack));
            }
            Restart::Elsewhere(url) => {
                let server = url.server();
                if self.turn_to(url) {
                    self.outputs.push_back(Output::Interrupted(Interruption::Redirected { server }));
                }
            }
        }
    }
}

/// Whether an answer names another place.
pub(super) fn leads_elsewhere(status: Code) -> bool {
    ELSEWHERE.contains(&status.code())
}
