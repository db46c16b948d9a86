//! The requests of a classroom program on a connection.

use super::Connection;
use crate::net::clock;
use crate::proto::rtsp::{ClassroomRequest, Method, Request, Response, Status};
use crate::server_embed::agreement::Agreement;
use crate::server_embed::classroom::{self, Destination, SessionRequest};
use crate::server_embed::desk::{self, Resource};
use crate::server_embed::identity::{new_identity, new_session_id};
use crate::server_embed::session::Session;
use crate::server_embed::stream::Stream;

impl Connection {
    pub(super) async fn take_classroom(&mut self, request: &ClassroomRequest) {
        let (response, written) = match self.classroom.route(request) {
            _ if self.context.guard.is_some() => (classroom::not_admitted(), None),
            Destination::Answered(response) => (response, None),
            Destination::SetUp { file, port } => (self.set_up_classroom(&file, port).await, None),
            Destination::Session(SessionRequest { id, request, resource }) => {
                self.ask_session(&id, &request, resource).await
            }
        };
        if request.method == Method::Teardown && response.status.is_success() {
            self.classroom.left();
        }
        let answer = self.classroom.answer(request, response);
        self.tell(Some(request.method.clone()), None, &answer);
        self.write(classroom::write(&answer), written).await;
    }

    /// Sets up anew what has been set up before: a connection is one session.
    async fn set_up_classroom(&mut self, file: &str, port: u16) -> Response {
        let Some(name) = self.context.library.name_like(file) else { return desk::no_such_film(file) };
        let (name, film) = match self.film(&Resource::Film(name)).await {
            Ok(found) => found,
            Err(refusal) => return refusal,
        };
        if let Some(SessionRequest { id, request, resource }) = self.classroom.teardown() {
            // One that is already gone needs no telling.
            let _ = self.ask_session(&id, &request, resource).await;
            self.classroom.left();
        }
        let sockets = match self.context.sockets_on(self.local.ip().to_canonical()) {
            Ok(sockets) => sockets,
            Err(error) => return Response::refusal(Status::INTERNAL_ERROR, error),
        };
        let (id, request) = (new_session_id(), Request::new(Method::Setup, name.clone()));
        let stream = Stream::classroom(film.info().rate, new_identity(), clock::epoch());
        let agreement = Agreement::classroom(port, sockets.ports());
        let (session, agreed) =
            Session::set_up(id.clone(), &request, &name, agreement, stream, self.context.session_timeout);
        let response = self.begin_session(session, film, Some(sockets), agreed);
        if response.status.is_success() {
            self.classroom.entered(id, name);
        }
        response
    }
}
