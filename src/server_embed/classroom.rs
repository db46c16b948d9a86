//! PURE. The dialect of classroom programs: what their requests ask of a session, and how they are answered.
//!
//! A connection is a session of theirs. Some send no identifier, some the first that they ever got; so each connection
//! has one number, which answers it in all that it sets up, and is asked for nowhere.

use std::time::Duration;

use bytes::Bytes;

use super::handlers::Resource;
use crate::proto::rtsp::{ClassroomRequest, Headers, Method, Request, Response, StatusCode, header};

/// Silence that ends a request whose end nothing else tells.
pub const REQUEST_END_TIMEOUT: Duration = Duration::from_millis(50);

/// What a connection knows of the classroom program at its other end.
#[derive(Debug)]
pub struct ClassroomPeer {
    /// Six digits: the programs read the identifier as a number.
    session_number: u32,
    session: Option<ClassroomSession>,
}

/// The session that the program has set up.
#[derive(Debug)]
struct ClassroomSession {
    /// Its identifier among all sessions of the server, which the program never sees.
    id: String,
    media_name: String,
}

impl ClassroomPeer {
    /// For a connection that will answer with this number.
    pub fn new(session_number: u32) -> Self {
        Self { session_number, session: None }
    }

    /// A session has been set up.
    pub fn set_session(&mut self, id: String, media_name: String) {
        self.session = Some(ClassroomSession { id, media_name });
    }

    /// The session is over.
    pub fn clear_session(&mut self) {
        self.session = None;
    }

    /// Finds who answers a request.
    pub fn dispatch(&self, request: &ClassroomRequest) -> ClassroomDispatch {
        if request.cseq.is_none() {
            return refuse(StatusCode::BAD_REQUEST, "the request has no CSeq");
        }
        match (&request.method, &self.session) {
            (Method::Setup, _) => match request.client_port {
                Some(port) => ClassroomDispatch::SetUp { file: request.file.clone(), port },
                None => refuse(StatusCode::UNSUPPORTED_TRANSPORT, "SETUP names no port for RTP"),
            },
            (Method::Play | Method::Pause | Method::Teardown, Some(session)) => {
                ClassroomDispatch::Session(session.session_request(request.method.clone()))
            }
            (Method::Teardown, None) => ClassroomDispatch::Respond(Response::new(StatusCode::OK)),
            (Method::Play | Method::Pause, None) => {
                refuse(StatusCode::METHOD_NOT_VALID_IN_THIS_STATE, "SETUP comes first")
            }
            _ => refuse(
                StatusCode::NOT_IMPLEMENTED,
                "a classroom program may ask for SETUP, PLAY, PAUSE and TEARDOWN",
            ),
        }
    }

    /// What ends the session that is set up, for another to take its place.
    pub fn teardown_request(&self) -> Option<SessionRequest> {
        self.session.as_ref().map(|session| session.session_request(Method::Teardown))
    }

    /// An answer as the programs understand it: refusals name the session 0.
    pub fn finalize_response(&self, request: &ClassroomRequest, mut response: Response) -> Response {
        // Who pauses what stands still has what it wants; and a program that is refused PAUSE waits for ever.
        if request.method == Method::Pause
            && self.session.is_some()
            && response.status == StatusCode::METHOD_NOT_VALID_IN_THIS_STATE
        {
            response = Response::new(StatusCode::OK);
        }
        let number = if response.status.is_success() { self.session_number } else { 0 };
        response.headers = Headers::default();
        response
            .with_header(header::CSEQ, request.cseq.unwrap_or_default().to_string())
            .with_header(header::SESSION, number.to_string())
    }
}

/// Who answers a classroom program's request.
#[derive(Debug)]
pub enum ClassroomDispatch {
    /// Nobody else: this is the answer.
    Respond(Response),
    /// Whoever finds the film; it makes a session.
    SetUp {
        /// The film, as the program calls it.
        file: String,
        /// Where RTP goes.
        port: u16,
    },
    /// The session that is set up.
    Session(SessionRequest),
}

/// A request in the words that sessions understand.
#[derive(Debug)]
pub struct SessionRequest {
    /// Which session is asked.
    pub id: String,
    /// What it is asked.
    pub request: Request,
    /// What it plays.
    pub resource: Resource,
}

impl ClassroomSession {
    fn session_request(&self, method: Method) -> SessionRequest {
        SessionRequest {
            id: self.id.clone(),
            request: Request::new(method, self.media_name.clone()),
            resource: Resource::Presentation(self.media_name.clone()),
        }
    }
}

/// An answer for the wire: three lines, read by their place, and no blank one, which makes some programs close.
pub fn encode(response: &Response) -> Bytes {
    let value = |name| response.headers.get(name).unwrap_or("0");
    let (cseq, session) = (value(header::CSEQ), value(header::SESSION));
    format!("RTSP/1.0 {}\r\nCSeq: {cseq}\r\nSession: {session}\r\n", response.status).into()
}

/// The refusal of everything where a password is asked for.
pub fn unauthorized() -> Response {
    Response::error(StatusCode::UNAUTHORIZED, "classroom programs know no passwords")
}

fn refuse(status: StatusCode, reason: &str) -> ClassroomDispatch {
    ClassroomDispatch::Respond(Response::error(status, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method) -> ClassroomRequest {
        ClassroomRequest { method, file: "movie.Mjpeg".to_owned(), cseq: Some(7), client_port: None }
    }

    fn refusal_status(classroom: &ClassroomPeer, request: &ClassroomRequest) -> u16 {
        match classroom.dispatch(request) {
            ClassroomDispatch::Respond(response) => response.status.code(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn responses_are_three_lines() {
        let classroom = ClassroomPeer::new(123_456);
        let answer = |response| encode(&classroom.finalize_response(&request(Method::Setup), response));
        let agreed = Response::new(StatusCode::OK).with_header(header::TRANSPORT, "RTP/AVP;unicast");
        assert_eq!(answer(agreed), "RTSP/1.0 200 OK\r\nCSeq: 7\r\nSession: 123456\r\n");
        let missing = Response::error(StatusCode::NOT_FOUND, "no film\r\nis served");
        assert_eq!(answer(missing), "RTSP/1.0 404 Not Found\r\nCSeq: 7\r\nSession: 0\r\n");
    }

    #[test]
    fn requests_without_session_are_refused() {
        let mut classroom = ClassroomPeer::new(123_456);
        let setup = ClassroomRequest { client_port: Some(25_000), ..request(Method::Setup) };
        assert!(matches!(classroom.dispatch(&setup), ClassroomDispatch::SetUp { port: 25_000, .. }));
        assert_eq!(refusal_status(&classroom, &request(Method::Setup)), 461);
        assert_eq!(refusal_status(&classroom, &ClassroomRequest { cseq: None, ..setup }), 400);
        assert_eq!(refusal_status(&classroom, &request(Method::Describe)), 501);
        assert_eq!([Method::Play, Method::Pause].map(|m| refusal_status(&classroom, &request(m))), [455; 2]);
        assert_eq!(refusal_status(&classroom, &request(Method::Teardown)), 200);
        classroom.set_session("id".to_owned(), "films/movie.Mjpeg".to_owned());
        for method in [Method::Play, Method::Pause, Method::Teardown] {
            let ClassroomDispatch::Session(asked) = classroom.dispatch(&request(method.clone())) else {
                panic!("{method} asks no session")
            };
            assert_eq!((asked.id.as_str(), asked.request.method), ("id", method));
            assert_eq!(asked.resource.media_name(), Some("films/movie.Mjpeg"));
        }
        classroom.clear_session();
        assert_eq!(refusal_status(&classroom, &request(Method::Play)), 455);
    }

    #[test]
    fn pause_while_ready_succeeds_and_before_setup_is_455() {
        let mut classroom = ClassroomPeer::new(123_456);
        let status = |classroom: &ClassroomPeer, method| {
            let refusal = Response::error(StatusCode::METHOD_NOT_VALID_IN_THIS_STATE, "nothing is playing");
            classroom.finalize_response(&request(method), refusal).status.code()
        };
        assert_eq!(status(&classroom, Method::Pause), 455);
        classroom.set_session("id".to_owned(), "movie.Mjpeg".to_owned());
        assert_eq!((status(&classroom, Method::Pause), status(&classroom, Method::Play)), (200, 455));
    }
}
