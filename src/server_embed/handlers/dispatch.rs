//! Validation and routing of requests. Sans-I/O.

use super::resource::Resource;
use super::response::session_not_found;
use crate::proto::rtsp::{Method, Request, Response, SessionHeader, StatusCode, Version, header};

/// Methods that the server supports: the value of `Public` and `Allow`.
pub const METHODS: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER";

/// Checks everything about a request that does not depend on its target.
///
/// # Errors
/// Returns the response to send: 505, 400, 501, 405 or 551.
fn validate(request: &Request) -> Result<(), Response> {
    if request.version != Version::V1_0 {
        return Err(Response::error(
            StatusCode::RTSP_VERSION_NOT_SUPPORTED,
            "this server supports only RTSP/1.0",
        ));
    }
    validate_cseq(request)?;
    match &request.method {
        Method::Extension(token) => {
            return Err(Response::error(
                StatusCode::NOT_IMPLEMENTED,
                format_args!("the method {token:.40} is unknown"),
            ));
        }
        Method::Announce | Method::Record | Method::Redirect => {
            return Err(Response::error(StatusCode::METHOD_NOT_ALLOWED, "this server does not record")
                .with_header(header::ALLOW, METHODS));
        }
        _ => {}
    }
    let required = [header::REQUIRE, header::PROXY_REQUIRE];
    let options: Vec<_> = required.iter().flat_map(|name| request.headers.get_all(name)).collect();
    if !options.is_empty() {
        return Err(Response::new(StatusCode::OPTION_NOT_SUPPORTED)
            .with_header(header::UNSUPPORTED, options.join(", ")));
    }
    Ok(())
}

/// Checks that CSeq is a number. Its length is not limited, because it is only echoed (RFC 2326 §12.17).
fn validate_cseq(request: &Request) -> Result<(), Response> {
    match request.headers.get(header::CSEQ).map(str::trim) {
        None => Err(Response::error(StatusCode::BAD_REQUEST, "the request has no CSeq")),
        Some(cseq) if cseq.is_empty() || !cseq.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(Response::error(StatusCode::BAD_REQUEST, "the CSeq is not a number"))
        }
        Some(_) => Ok(()),
    }
}

/// Handler of a request.
#[derive(Debug)]
pub enum Dispatch {
    /// The response to send; no other handler is needed.
    Respond(Response),
    /// DESCRIBE: find the media file and call [`describe`](super::describe()).
    Describe(Resource),
    /// SETUP of a new session: find the media file and call [`negotiate`](crate::server_embed::setup::negotiate).
    SetUp(Resource),
    /// Request to pass to an existing session.
    Session {
        /// Identifier from the Session header.
        id: String,
        /// Target of the URL.
        resource: Resource,
    },
}

impl Dispatch {
    /// Replaces the target of the URL by the stream that it is an alias of, see [`Resource::resolve_track_alias`].
    pub fn resolve_track_alias(self, is_film: impl Fn(&str) -> bool) -> Self {
        match self {
            Self::SetUp(resource) => Self::SetUp(resource.resolve_track_alias(is_film)),
            Self::Session { id, resource } => {
                Self::Session { id, resource: resource.resolve_track_alias(is_film) }
            }
            other => other,
        }
    }
}

/// Validates a request and determines its handler.
pub fn dispatch(request: &Request) -> Dispatch {
    let resource = match validate(request).and_then(|()| Resource::from_request(request)) {
        Ok(resource) => resource,
        Err(refusal) => return Dispatch::Respond(refusal),
    };
    let session = request.headers.get(header::SESSION).and_then(SessionHeader::parse);
    match (&request.method, session) {
        (Method::Options, _) => Dispatch::Respond(options()),
        (Method::Describe, _) => Dispatch::Describe(resource),
        (_, Some(session)) => Dispatch::Session { id: session.id, resource },
        (Method::Setup, None) => Dispatch::SetUp(resource),
        // Without a session and a body these only keep the connection alive.
        (Method::GetParameter | Method::SetParameter, None) if request.body.is_empty() => {
            Dispatch::Respond(Response::new(StatusCode::OK))
        }
        (_, None) => Dispatch::Respond(session_not_found()),
    }
}

/// Returns the response to OPTIONS, with the supported methods in the Public header.
fn options() -> Response {
    Response::new(StatusCode::OK).with_header(header::PUBLIC, METHODS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, uri: &str) -> Request {
        Request::new(Method::parse(method), uri).with_header(header::CSEQ, "1")
    }

    fn refusal_status(request: &Request) -> u16 {
        validate(request).expect_err("the request is refused").status.code()
    }

    #[test]
    fn invalid_request_is_refused_with_matching_status() {
        let other_version = Request { version: Version { major: 2, minor: 0 }, ..request("OPTIONS", "*") };
        assert_eq!(refusal_status(&other_version), 505);
        assert_eq!(refusal_status(&Request::new(Method::Options, "*")), 400);
        for cseq in ["x", "", "-1", "1 2"] {
            assert_eq!(
                refusal_status(&Request::new(Method::Options, "*").with_header(header::CSEQ, cseq)),
                400
            );
        }
        assert!(
            validate(&Request::new(Method::Options, "*").with_header(header::CSEQ, "99999999999")).is_ok()
        );
        assert_eq!(refusal_status(&request("FETCH", "*")), 501);
        assert_eq!(refusal_status(&request("RECORD", "rtsp://h/f")), 405);
        assert!(validate(&request("ANNOUNCE", "rtsp://h/f")).unwrap_err().headers.get("Allow").is_some());
        let demanding = request("PLAY", "rtsp://h/f").with_header(header::REQUIRE, "funky-feature");
        let refusal = validate(&demanding).unwrap_err();
        assert_eq!((refusal.status.code(), refusal.headers.get("Unsupported")), (551, Some("funky-feature")));
        assert!(validate(&request("PLAY", "rtsp://h/f")).is_ok());
    }

    #[test]
    fn parameters_without_a_session_only_keep_the_connection_alive() {
        let status = |body: &'static str| {
            let request = Request { body: body.into(), ..request("GET_PARAMETER", "*") };
            match dispatch(&request) {
                Dispatch::Respond(response) => response.status.code(),
                _ => panic!("a session is looked up"),
            }
        };
        assert_eq!((status(""), status("position\r\n")), (200, 454));
    }
}
