//! Messages on a connection: standard requests, interleaved RTCP, and their responses.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;
use tokio::time::sleep;

use super::Connection;
use crate::media_file::MediaFile;
use crate::proto::rtcp;
use crate::proto::rtsp::{
    FramingError, Message, Method, Request, Response, SessionHeader, StatusCode, header,
};
use crate::server_embed::auth::Authenticator;
use crate::server_embed::event::{self, ServerEvent};
use crate::server_embed::handlers::{self, Dispatch, Resource};
use crate::server_embed::ids::new_stream_identity;
use crate::server_embed::session_table::{SessionMessage, SessionResponse};

/// A response, and the sender to drop when it has been written.
pub type PendingResponse = (Response, Option<oneshot::Sender<()>>);

impl Connection {
    /// Handles a message; breaks if the connection is to be closed.
    pub(super) async fn handle_message(&mut self, message: Message) -> ControlFlow<()> {
        match message {
            Message::Request(request) => return self.handle_request(&request).await,
            Message::Interleaved { channel, packet } => self.handle_interleaved(channel, &packet),
            Message::Classroom(request) => self.handle_classroom(&request).await,
            // This server sends no requests, so it expects no responses.
            Message::Response(_) => {}
        }
        ControlFlow::Continue(())
    }

    async fn handle_request(&mut self, request: &Request) -> ControlFlow<()> {
        let (response, written) = self.respond(request).await;
        let session = request.headers.get(header::SESSION).and_then(SessionHeader::parse);
        self.emit_request_handled(Some(request.method.clone()), session, &response);
        let response = handlers::finalize_response(response, request);
        let is_last = response.headers.get(header::CONNECTION).is_some();
        self.write(response.encode(), written).await;
        match is_last {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    /// Passes interleaved RTCP to the session that owns the channel. Other packets are ignored.
    fn handle_interleaved(&self, channel: u8, packet: &[u8]) {
        let owner = self.sessions.iter().find(|(_, pair)| pair.is_some_and(|pair| pair.rtcp == channel));
        if let Some(inbox) = owner.and_then(|(id, _)| self.context.sessions.get(id))
            && let Ok(packets) = rtcp::parse(packet)
        {
            // Reports are dropped if the inbox is full; the client sends them repeatedly.
            let _ = inbox.try_send(SessionMessage::Rtcp(Instant::now(), packets));
        }
    }

    /// Sends the response to bytes that cannot be parsed, and waits until it is written.
    pub(super) async fn send_framing_error(&self, error: &FramingError, cseq: Option<u32>) {
        self.send_last_response(Response::error(error.status_code(), error), cseq).await;
    }

    /// Sends the response to a request that is not complete in time, and waits until it is written.
    pub(super) async fn send_request_timeout(&self, cseq: Option<u32>) {
        let seconds = self.context.limits.request_timeout.as_secs_f64();
        let reason = format!("the request was not complete after {seconds} s");
        self.send_last_response(Response::error(StatusCode::REQUEST_TIMEOUT, reason), cseq).await;
    }

    /// Sends the last response of a connection, and waits until it is written.
    async fn send_last_response(&self, response: Response, cseq: Option<u32>) {
        let response = response.with_header(header::CONNECTION, handlers::CONNECTION_CLOSE);
        let response = handlers::add_common_headers(response, cseq.map(|cseq| cseq.to_string()).as_deref());
        self.emit_request_handled(None, None, &response);
        let (written, done) = oneshot::channel();
        self.write(response.encode(), Some(written)).await;
        // Returns when `written` is dropped: the response is written, or the writer has ended.
        let _ = done.await;
    }

    /// Emits the event of a handled request. `session` is the Session header of the request; without one, that of the
    /// response is used.
    pub(super) fn emit_request_handled(
        &self,
        method: Option<Method>,
        session: Option<SessionHeader>,
        response: &Response,
    ) {
        let session = session.or_else(|| SessionHeader::parse(response.headers.get(header::SESSION)?));
        let peer = self.peer;
        self.context.emit_about(peer, || ServerEvent::RequestHandled {
            peer,
            method,
            session: session.map(|session| event::clip(&session.id)),
            status: response.status,
            reason: response.reason_phrase.clone(),
        });
    }

    async fn respond(&mut self, request: &Request) -> PendingResponse {
        if let Some(Err(refusal)) =
            self.context.auth.as_ref().map(|auth| auth.authenticate(request, &self.nonce))
        {
            return (self.refuse_unauthorized(request, refusal).await, None);
        }
        let is_film = |name: &str| self.context.library.contains(name);
        let dispatch = handlers::dispatch(request).resolve_track_alias(is_film);
        if let Dispatch::Respond(_) | Dispatch::Describe(_) = dispatch {
            self.keep_session_alive(request);
        }
        match dispatch {
            Dispatch::Respond(response) => (response, None),
            Dispatch::Describe(resource) => (self.describe(request, &resource).await, None),
            Dispatch::SetUp(resource) => (self.set_up(request, &resource).await, None),
            Dispatch::Session { id, resource } => self.forward_to_session(&id, request, resource).await,
        }
    }

    /// Delays the response to a wrong password, and closes the connection after a few. The connection keeps its place
    /// meanwhile, even if the client closes its side.
    async fn refuse_unauthorized(&mut self, request: &Request, refusal: Response) -> Response {
        if !Authenticator::attempts_password(request, &self.nonce) {
            return refusal;
        }
        self.wrong_passwords += 1;
        sleep(self.context.handle_wrong_password(self.peer)).await;
        match self.wrong_passwords >= self.context.limits.max_wrong_passwords
            && !handlers::wants_close(request)
        {
            true => refusal.with_header(header::CONNECTION, handlers::CONNECTION_CLOSE),
            false => refusal,
        }
    }

    /// Resets the timeout of the session that a request names, for requests that the session does not handle itself,
    /// such as OPTIONS (RFC 2326 §12.37).
    fn keep_session_alive(&self, request: &Request) {
        let session = request.headers.get(header::SESSION).and_then(SessionHeader::parse);
        if let Some(inbox) = session.and_then(|session| self.context.sessions.get(&session.id)) {
            // A full inbox holds other messages that reset the timeout.
            let _ = inbox.try_send(SessionMessage::KeepAlive(Instant::now()));
        }
    }

    /// Passes a request to a session and waits for its response.
    pub(super) async fn forward_to_session(
        &mut self,
        id: &str,
        request: &Request,
        resource: Resource,
    ) -> PendingResponse {
        let (response_sender, response_receiver) = oneshot::channel();
        let media_name = resource.media_name().map(str::to_owned);
        let message = SessionMessage::Request { request: request.clone(), resource, response_sender };
        let Some(inbox) = self.context.sessions.get(id) else { return (handlers::session_not_found(), None) };
        if inbox.send(message).await.is_err() {
            return (handlers::session_not_found(), None);
        }
        let result = response_receiver.await;
        let is_success = result.as_ref().is_ok_and(|result| result.response.status.is_success());
        if request.method == Method::Teardown && is_success {
            self.remove_closed_sessions(|session| session == id);
        }
        match result {
            // The session plays another file. If the requested one does not exist, 404 is the better response.
            Ok(SessionResponse { response, written }) if response.status == StatusCode::SESSION_NOT_FOUND => {
                let unknown = media_name.filter(|name| !self.context.library.contains(name));
                (unknown.map_or(response, |name| handlers::media_not_found(&name)), Some(written))
            }
            Ok(SessionResponse { response, written }) => (response, Some(written)),
            Err(_) => (handlers::session_not_found(), None),
        }
    }

    async fn describe(&mut self, request: &Request, resource: &Resource) -> Response {
        let (name, media_file) = match self.find_media(resource).await {
            Ok(found) => found,
            Err(refusal) => return refusal,
        };
        let host = self.local.ip().to_canonical();
        let identity = (!self.is_tls() && handlers::asks_for_repair(request)).then(new_stream_identity);
        let response = handlers::describe(request, resource, &media_file.info(), host, identity.as_ref());
        self.described = identity.map(|identity| (name, identity));
        response
    }

    /// Returns the media file that a URL names, and its name. Opens the file if necessary.
    ///
    /// # Errors
    /// Returns the response to send: 404, 415 or 500.
    pub(super) async fn find_media(&self, resource: &Resource) -> Result<(String, Arc<MediaFile>), Response> {
        let Some(name) = resource.media_name() else {
            return Err(Response::error(StatusCode::NOT_FOUND, "the URL names no film"));
        };
        let (context, requested) = (self.context.clone(), name.to_owned());
        let find = move || {
            let opened = context.open_media(&requested);
            opened.map(|found| found.map(|media_file| (media_file.is_available(), media_file)))
        };
        match tokio::task::spawn_blocking(find).await {
            Ok(Ok(Some((true, media_file)))) => Ok((name.to_owned(), media_file)),
            Ok(Ok(Some((false, _)))) => Err(Response::error(
                StatusCode::NOT_FOUND,
                "the file of this film is missing or was truncated",
            )),
            Ok(Ok(None)) => Err(handlers::media_not_found(name)),
            Ok(Err(error)) => Err(Response::error(StatusCode::UNSUPPORTED_MEDIA_TYPE, error)),
            Err(error) => Err(Response::error(StatusCode::INTERNAL_SERVER_ERROR, error)),
        }
    }
}
