//! PURE. The dialect of classroom programs: what their requests ask of a session, and how they are answered.
//!
//! A connection is a session of theirs. Some send no identifier, some the first that they ever got; so each connection
//! has one number, which answers it in all that it sets up, and is asked for nowhere.

use std::time::Duration;

use bytes::Bytes;

use super::desk::Resource;
use crate::proto::rtsp::{ClassroomRequest, Headers, Method, Request, Response, Status, header};

/// Silence that ends a request whose end nothing else tells.
pub const REQUEST_SILENCE: Duration = Duration::from_millis(50);

/// What a connection knows of the classroom program at its other end.
#[derive(Debug)]
pub struct Classroom {
    /// Six digits: the programs read the identifier as a number.
    number: u32,
    session: Option<ClassroomSession>,
}

/// The session that the program has set up.
#[derive(Debug)]
struct ClassroomSession {
    /// Its identifier among all sessions of the server, which the program never sees.
    id: String,
    film: String,
}

impl Classroom {
    /// For a connection that will answer with this number.
    pub fn new(number: u32) -> Self {
        Self { number, session: None }
    }

    /// A session has been set up.
    pub fn entered(&mut self, id: String, film: String) {
        self.session = Some(ClassroomSession { id, film });
    }

    /// The session is over.
    pub fn left(&mut self) {
        self.session = None;
    }

    /// Finds who answers a request.
    pub fn route(&self, request: &ClassroomRequest) -> Destination {
        if request.cseq.is_none() {
            return refuse(Status::BAD_REQUEST, "the request has no CSeq");
        }
        match (&request.method, &self.session) {
            (Method::Setup, _) => match request.client_port {
                Some(port) => Destination::SetUp { file: request.file.clone(), port },
                None => refuse(Status::UNSUPPORTED_TRANSPORT, "SETUP names no port for RTP"),
            },
            (Method::Play | Method::Pause | Method::Teardown, Some(session)) => {
                Destination::Session(session.request(request.method.clone()))
            }
            (Method::Teardown, None) => Destination::Answered(Response::new(Status::OK)),
            (Method::Play | Method::Pause, None) => {
                refuse(Status::METHOD_NOT_VALID_IN_STATE, "SETUP comes first")
            }
            _ => refuse(
                Status::NOT_IMPLEMENTED,
                "a classroom program may ask for SETUP, PLAY, PAUSE and TEARDOWN",
            ),
        }
    }

    /// What ends the session that is set up, for another to take its place.
    pub fn teardown(&self) -> Option<SessionRequest> {
        self.session.as_ref().map(|session| session.request(Method::Teardown))
    }

    /// An answer as the programs understand it: refusals name the session 0.
    pub fn answer(&self, request: &ClassroomRequest, mut response: Response) -> Response {
        // Who pauses what stands still has what it wants; and a program that is refused PAUSE waits for ever.
        if request.method == Method::Pause
            && self.session.is_some()
            && response.status == Status::METHOD_NOT_VALID_IN_STATE
        {
            response = Response::new(Status::OK);
        }
        let number = if response.status.is_success() { self.number } else { 0 };
        response.headers = Headers::default();
        response
            .with(header::CSEQ, request.cseq.unwrap_or_default().to_string())
            .with(header::SESSION, number.to_string())
    }
}

/// Who answers a classroom program's request.
#[derive(Debug)]
pub enum Destination {
    /// Nobody else: this is the answer.
    Answered(Response),
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
    fn request(&self, method: Method) -> SessionRequest {
        SessionRequest {
            id: self.id.clone(),
            request: Request::new(method, self.film.clone()),
            resource: Resource::Film(self.film.clone()),
        }
    }
}

/// An answer for the wire: three lines, read by their place, and no blank one, which makes some programs close.
pub fn write(answer: &Response) -> Bytes {
    let value = |name| answer.headers.get(name).unwrap_or("0");
    let (cseq, session) = (value(header::CSEQ), value(header::SESSION));
    format!("RTSP/1.0 {}\r\nCSeq: {cseq}\r\nSession: {session}\r\n", answer.status).into()
}

/// The refusal of everything where a password is asked for.
pub fn not_admitted() -> Response {
    Response::refusal(Status::UNAUTHORIZED, "classroom programs know no passwords")
}

fn refuse(status: Status, why: &str) -> Destination {
    Destination::Answered(Response::refusal(status, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method) -> ClassroomRequest {
        ClassroomRequest { method, file: "movie.Mjpeg".to_owned(), cseq: Some(7), client_port: None }
    }

    fn refused(classroom: &Classroom, request: &ClassroomRequest) -> u16 {
        match classroom.route(request) {
            Destination::Answered(response) => response.status.code(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn answers_are_three_lines() {
        let classroom = Classroom::new(123_456);
        let answer = |response| write(&classroom.answer(&request(Method::Setup), response));
        let agreed = Response::new(Status::OK).with(header::TRANSPORT, "RTP/AVP;unicast");
        assert_eq!(answer(agreed), "RTSP/1.0 200 OK\r\nCSeq: 7\r\nSession: 123456\r\n");
        let missing = Response::refusal(Status::NOT_FOUND, "no film\r\nis served");
        assert_eq!(answer(missing), "RTSP/1.0 404 Not Found\r\nCSeq: 7\r\nSession: 0\r\n");
    }

    #[test]
    fn what_needs_a_session_is_refused_without_one() {
        let mut classroom = Classroom::new(123_456);
        let setup = ClassroomRequest { client_port: Some(25_000), ..request(Method::Setup) };
        assert!(matches!(classroom.route(&setup), Destination::SetUp { port: 25_000, .. }));
        assert_eq!(refused(&classroom, &request(Method::Setup)), 461);
        assert_eq!(refused(&classroom, &ClassroomRequest { cseq: None, ..setup }), 400);
        assert_eq!(refused(&classroom, &request(Method::Describe)), 501);
        assert_eq!([Method::Play, Method::Pause].map(|m| refused(&classroom, &request(m))), [455; 2]);
        assert_eq!(refused(&classroom, &request(Method::Teardown)), 200);
        classroom.entered("id".to_owned(), "films/movie.Mjpeg".to_owned());
        for method in [Method::Play, Method::Pause, Method::Teardown] {
            let Destination::Session(asked) = classroom.route(&request(method.clone())) else {
                panic!("{method} asks no session")
            };
            assert_eq!((asked.id.as_str(), asked.request.method), ("id", method));
            assert_eq!(asked.resource.film(), Some("films/movie.Mjpeg"));
        }
        classroom.left();
        assert_eq!(refused(&classroom, &request(Method::Play)), 455);
    }

    #[test]
    fn a_pause_of_what_stands_still_is_granted_and_one_before_setup_is_not() {
        let mut classroom = Classroom::new(123_456);
        let status = |classroom: &Classroom, method| {
            let refusal = Response::refusal(Status::METHOD_NOT_VALID_IN_STATE, "nothing is playing");
            classroom.answer(&request(method), refusal).status.code()
        };
        assert_eq!(status(&classroom, Method::Pause), 455);
        classroom.entered("id".to_owned(), "movie.Mjpeg".to_owned());
        assert_eq!((status(&classroom, Method::Pause), status(&classroom, Method::Play)), (200, 455));
    }
}
