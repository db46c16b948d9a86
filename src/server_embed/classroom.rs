//! The RTSP dialect of classroom programs: routing of their requests, and encoding of the responses. Sans-I/O.
//!
//! A connection has one session. Some programs send no session identifier, others always the first one that they
//! received. So every response on a connection states the same number, and the number in requests is ignored.

use bytes::Bytes;

use super::handlers::Resource;
use crate::proto::rtsp::{ClassroomRequest, Headers, Method, Request, Response, StatusCode, header};

/// State of the classroom program on one connection.
#[derive(Debug)]
pub struct ClassroomPeer {
    /// Session number in responses. Six digits, because the programs parse it as a number.
    session_number: u32,
    session: Option<ClassroomSession>,
}

/// Session that the program has set up.
#[derive(Debug)]
struct ClassroomSession {
    /// Identifier within the server, which the program never receives.
    id: String,
    media_name: String,
}

impl ClassroomPeer {
    /// Creates the state of a new connection, whose responses state this session number.
    pub fn new(session_number: u32) -> Self {
        Self { session_number, session: None }
    }

    /// Records that a session has been set up.
    pub fn set_session(&mut self, id: String, media_name: String) {
        self.session = Some(ClassroomSession { id, media_name });
    }

    /// Records that the session is over.
    pub fn clear_session(&mut self) {
        self.session = None;
    }

    /// Validates a request and determines its handler.
    pub fn dispatch(&self, request: &ClassroomRequest) -> ClassroomDispatch {
        if request.cseq.is_none() {
            return refuse(StatusCode::BAD_REQUEST, "the request has no CSeq");
        }
        match (&request.method, &self.session) {
            (Method::Setup, _) if request.wants_tcp => refuse(StatusCode::UNSUPPORTED_TRANSPORT, TCP_REFUSAL),
            (Method::Setup, _) => match request.client_port {
                Some(port) => ClassroomDispatch::SetUp {
                    file: request.file.clone(),
                    port,
                    has_small_buffer: request.is_java_style,
                },
                None => refuse(StatusCode::UNSUPPORTED_TRANSPORT, "SETUP states no client_port"),
            },
            (Method::Play | Method::Pause | Method::Teardown, Some(session)) => {
                ClassroomDispatch::Session(session.session_request(request.method.clone()))
            }
            (Method::Teardown, None) => ClassroomDispatch::Respond(Response::new(StatusCode::OK)),
            (Method::Play | Method::Pause, None) => {
                refuse(StatusCode::METHOD_NOT_VALID_IN_THIS_STATE, "send SETUP first")
            }
            _ => refuse(
                StatusCode::NOT_IMPLEMENTED,
                "only SETUP, PLAY, PAUSE and TEARDOWN are supported for classroom programs",
            ),
        }
    }

    /// TEARDOWN request for the current session, before another SETUP; `None` if there is no session.
    pub fn teardown_request(&self) -> Option<SessionRequest> {
        self.session.as_ref().map(|session| session.session_request(Method::Teardown))
    }

    /// Reduces the headers of a response to CSeq and Session, which the programs read. Refusals state session 0.
    pub fn finalize_response(&self, request: &ClassroomRequest, mut response: Response) -> Response {
        // PAUSE while nothing plays succeeds: the state is the requested one, and the programs wait forever after a
        // refusal.
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

/// Handler of a request of a classroom program.
#[derive(Debug)]
pub enum ClassroomDispatch {
    /// The response to send; no other handler is needed.
    Respond(Response),
    /// SETUP: find the media file and create a session.
    SetUp {
        /// Media file as named by the program.
        file: String,
        /// Port on which the program receives RTP.
        port: u16,
        /// The receive buffer of the program has 15,000 bytes.
        has_small_buffer: bool,
    },
    /// Request to pass to the current session.
    Session(SessionRequest),
}

/// Request of a classroom program, translated to a standard request of its session.
#[derive(Debug)]
pub struct SessionRequest {
    /// Identifier of the session.
    pub id: String,
    /// Request in standard RTSP, without headers.
    pub request: Request,
    /// Media file of the session.
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

/// Reason of the refusal of RTP over a TCP connection to the program.
const TCP_REFUSAL: &str = "frames are sent over UDP only; use Transport: RTP/UDP";

/// Encodes a response as three lines, which the programs read by position. There is no blank line, because some
/// programs close the connection after one. Only the refusal of a transport that a program could change has more than
/// the recommended reason phrase.
pub fn encode(response: &Response) -> Bytes {
    let value = |name| response.headers.get(name).unwrap_or("0");
    let (cseq, session) = (value(header::CSEQ), value(header::SESSION));
    let status = match response.reason_phrase.ends_with(TCP_REFUSAL) {
        true => format!("{} {}", response.status.code(), response.reason_phrase),
        false => response.status.to_string(),
    };
    format!("RTSP/1.0 {status}\r\nCSeq: {cseq}\r\nSession: {session}\r\n").into()
}

/// Returns the response to every request if the server requires a password: 401.
pub fn unauthorized() -> Response {
    Response::error(
        StatusCode::UNAUTHORIZED,
        "this server needs a password, which classroom programs cannot send",
    )
}

/// Response of a server with TLS to any request: the frames would be sent in datagrams, which are not encrypted.
pub fn unencrypted() -> Response {
    Response::error(
        StatusCode::UNSUPPORTED_TRANSPORT,
        "this server encrypts, and classroom programs receive over UDP only",
    )
}

fn refuse(status: StatusCode, reason: &str) -> ClassroomDispatch {
    ClassroomDispatch::Respond(Response::error(status, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method) -> ClassroomRequest {
        let (file, cseq, client_port) = ("movie.Mjpeg".to_owned(), Some(7), None);
        ClassroomRequest { method, file, cseq, client_port, wants_tcp: false, is_java_style: false }
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
        let encoded = |response| encode(&classroom.finalize_response(&request(Method::Setup), response));
        let accepted = Response::new(StatusCode::OK).with_header(header::TRANSPORT, "RTP/AVP;unicast");
        assert_eq!(encoded(accepted), "RTSP/1.0 200 OK\r\nCSeq: 7\r\nSession: 123456\r\n");
        let missing = Response::error(StatusCode::NOT_FOUND, "no film\r\nis served");
        assert_eq!(encoded(missing), "RTSP/1.0 404 Not Found\r\nCSeq: 7\r\nSession: 0\r\n");
    }

    #[test]
    fn setup_of_a_tcp_connection_is_461_with_the_reason() {
        let classroom = ClassroomPeer::new(123_456);
        let setup = ClassroomRequest { client_port: Some(25_000), wants_tcp: true, ..request(Method::Setup) };
        let ClassroomDispatch::Respond(refusal) = classroom.dispatch(&setup) else { panic!("accepted") };
        assert_eq!(
            encode(&classroom.finalize_response(&setup, refusal)),
            "RTSP/1.0 461 Unsupported Transport: frames are sent over UDP only; use Transport: RTP/UDP\r\n\
             CSeq: 7\r\nSession: 0\r\n"
        );
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
            let ClassroomDispatch::Session(forwarded) = classroom.dispatch(&request(method.clone())) else {
                panic!("{method} is not forwarded to the session")
            };
            assert_eq!((forwarded.id.as_str(), forwarded.request.method), ("id", method));
            assert_eq!(forwarded.resource.media_name(), Some("films/movie.Mjpeg"));
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
