//! Requests of classroom programs on a connection.

use super::Connection;
use crate::net::clock;
use crate::proto::rtsp::{ClassroomRequest, Method, Request, Response, StatusCode};
use crate::server_embed::classroom::{self, ClassroomDispatch, SessionRequest};
use crate::server_embed::handlers::{self, Resource};
use crate::server_embed::ids::{new_session_id, new_stream_identity};
use crate::server_embed::session::ServerSession;
use crate::server_embed::setup::NegotiatedTransport;
use crate::server_embed::stream::RtpStream;

impl Connection {
    /// Handles a request of a classroom program and writes the response.
    pub(super) async fn handle_classroom(&mut self, request: &ClassroomRequest) {
        let (response, written) = match self.classroom.dispatch(request) {
            _ if self.context.auth.is_some() => (classroom::unauthorized(), None),
            _ if self.is_tls() => (classroom::unencrypted(), None),
            ClassroomDispatch::Respond(response) => (response, None),
            ClassroomDispatch::SetUp { file, port, has_small_buffer } => {
                (self.set_up_classroom(&file, port, has_small_buffer).await, None)
            }
            ClassroomDispatch::Session(SessionRequest { id, request, resource }) => {
                self.forward_to_session(&id, &request, resource).await
            }
        };
        if request.method == Method::Teardown && response.status.is_success() {
            self.classroom.clear_session();
        }
        let final_response = self.classroom.finalize_response(request, response);
        self.emit_request_handled(Some(request.method.clone()), None, &final_response);
        self.write(classroom::encode(&final_response), written).await;
    }

    /// Handles SETUP. Replaces the session that an earlier SETUP created, because a connection has only one.
    async fn set_up_classroom(&mut self, file: &str, port: u16, has_small_buffer: bool) -> Response {
        let library = &self.context.library;
        // The last segment may name the track: `movie.Mjpeg/trackID=0`.
        let without_track = || file.rsplit_once('/').and_then(|(film, _)| library.find_name(film));
        let Some(name) = library.find_name(file).or_else(without_track) else {
            return handlers::media_not_found(file);
        };
        let (name, media_file) = match self.find_media(&Resource::Presentation(name)).await {
            Ok(found) => found,
            Err(refusal) => return refusal,
        };
        if let Some(SessionRequest { id, request, resource }) = self.classroom.teardown_request() {
            // The response does not matter: the session may have ended already.
            let _ = self.forward_to_session(&id, &request, resource).await;
            self.classroom.clear_session();
        }
        let sockets = match self.context.sockets_at(self.local.ip().to_canonical()) {
            Ok(sockets) => sockets,
            Err(error) => return Response::error(StatusCode::INTERNAL_SERVER_ERROR, error),
        };
        let (id, request) = (new_session_id(), Request::new(Method::Setup, name.clone()));
        let stream = RtpStream::classroom(media_file.times(), new_stream_identity(), clock::epoch());
        let transport = NegotiatedTransport::classroom(port, has_small_buffer, sockets.pair.ports());
        let (session, setup_response) = ServerSession::set_up(
            id.clone(),
            &request,
            &name,
            transport,
            stream,
            self.context.session_timeout,
        );
        let response = self.start_session(session, media_file, Some(sockets), setup_response);
        if response.status.is_success() {
            self.classroom.set_session(id, name);
        }
        response
    }
}
