//! PURE. What is answered without a session: OPTIONS, DESCRIBE, and everything that is wrong with a request.

use std::net::IpAddr;

use crate::media::reencode::rfc2435_size;
use crate::media_file::MediaInfo;
use crate::proto::rtsp::{
    Headers, Method, Request, Response, RtspUrl, SessionHeader, StatusCode, Version, header,
};
use crate::proto::sdp::{JPEG_PAYLOAD_TYPE, MediaDescription, SessionDescription};

/// The methods that the server understands, as `Public` and `Allow` list them.
pub const METHODS: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER";

/// What the server calls itself.
pub const SERVER_NAME: &str = concat!("Reelay/", env!("CARGO_PKG_VERSION"));

/// The path of a film's only stream, below that of the film.
pub const TRACK_CONTROL: &str = "track1";

/// The type of the entities of GET_PARAMETER and SET_PARAMETER (RFC 2326 §10.8).
pub const TEXT_PARAMETERS: &str = "text/parameters";

const APPLICATION_SDP: &str = "application/sdp";

/// What `Connection` says of a connection that ends.
pub const CONNECTION_CLOSE: &str = "close";

/// What a request's URL names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// `*`: the server itself.
    Server,
    /// A film as a whole: the presentation, in the words of RFC 2326.
    Presentation(String),
    /// A film's stream.
    Track(String),
}

impl Resource {
    /// Reads a request's URL.
    ///
    /// # Errors
    /// The refusal, if it is no URL of ours.
    pub fn from_request(request: &Request) -> Result<Self, Response> {
        if request.uri == "*" {
            return Ok(Self::Server);
        }
        let url = RtspUrl::parse(&request.uri).map_err(|error| {
            Response::error(StatusCode::BAD_REQUEST, format_args!("the URL cannot be read: {error}"))
        })?;
        let Some(path) = url.decoded_path() else {
            return Err(Response::error(StatusCode::BAD_REQUEST, "the path is not UTF-8"));
        };
        Ok(match path.rsplit_once('/') {
            Some((film, TRACK_CONTROL)) => Self::Track(film.to_owned()),
            _ if path.is_empty() => Self::Server,
            _ => Self::Presentation(path),
        })
    }

    /// The film that it names.
    pub fn media_name(&self) -> Option<&str> {
        match self {
            Self::Server => None,
            Self::Presentation(name) | Self::Track(name) => Some(name),
        }
    }
}

/// Looks at a request before anyone else does.
///
/// # Errors
/// The refusal: 505, 400, 501, 405 or 551.
fn validate(request: &Request) -> Result<(), Response> {
    if request.version != Version::V1_0 {
        return Err(Response::error(StatusCode::RTSP_VERSION_NOT_SUPPORTED, "this server speaks RTSP/1.0"));
    }
    match request.headers.get(header::CSEQ).map(str::trim) {
        None => return Err(Response::error(StatusCode::BAD_REQUEST, "the request has no CSeq")),
        // However long it is, it is only sent back (RFC 2326 §12.17).
        Some(cseq) if cseq.is_empty() || !cseq.bytes().all(|byte| byte.is_ascii_digit()) => {
            return Err(Response::error(StatusCode::BAD_REQUEST, "the CSeq is not a number"));
        }
        Some(_) => {}
    }
    match &request.method {
        Method::Extension(token) => {
            return Err(Response::error(
                StatusCode::NOT_IMPLEMENTED,
                format_args!("no such method as {token:.40}"),
            ));
        }
        Method::Announce | Method::Record | Method::Redirect => {
            return Err(Response::error(
                StatusCode::METHOD_NOT_ALLOWED,
                "films are played here, not recorded",
            )
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

/// Who answers a request.
#[derive(Debug)]
pub enum Dispatch {
    /// Nobody else: this is the answer.
    Respond(Response),
    /// Whoever knows the film: by [`describe`].
    Describe(Resource),
    /// Whoever knows the film: by [`agree`](super::setup::agree), which makes a session.
    SetUp(Resource),
    /// The session of this identifier.
    Session {
        /// Which.
        id: String,
        /// What the URL names.
        resource: Resource,
    },
}

/// Finds who answers a request.
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
        // A sign of life of the connection alone.
        (Method::GetParameter | Method::SetParameter, None) if request.body.is_empty() => {
            Dispatch::Respond(Response::new(StatusCode::OK))
        }
        (_, None) => Dispatch::Respond(session_not_found()),
    }
}

/// The refusal of a request whose session does not exist, or that names none.
pub fn session_not_found() -> Response {
    Response::error(StatusCode::SESSION_NOT_FOUND, "there is no such session, or it has expired")
}

/// Signs the answer to a request.
pub fn finalize_response(mut response: Response, request: &Request) -> Response {
    // Who asks sees by it how long the way is (RFC 2326 §12.38).
    if let Some(timestamp) = request.headers.get(header::TIMESTAMP) {
        response = response.with_header(header::TIMESTAMP, timestamp);
    }
    if wants_close(request) {
        response = response.with_header(header::CONNECTION, CONNECTION_CLOSE);
    }
    add_common_headers(response, request.headers.get(header::CSEQ))
}

/// Whether nothing is to come on the connection behind the answer (RFC 2326 §12.10).
pub fn wants_close(request: &Request) -> bool {
    let mut tokens = request.headers.get_all(header::CONNECTION).flat_map(|value| value.split(','));
    tokens.any(|token| token.trim().eq_ignore_ascii_case(CONNECTION_CLOSE))
}

/// The headers that every response carries, given the `CSeq` of the request.
pub fn add_common_headers(mut response: Response, cseq: Option<&str>) -> Response {
    let mut headers = Headers::default();
    if let Some(cseq) = cseq {
        headers.append(header::CSEQ, cseq.trim());
    }
    for (name, value) in response.headers.iter() {
        headers.append(name.to_owned(), value);
    }
    headers.append(header::SERVER, SERVER_NAME);
    response.headers = headers;
    response
}

/// The answer to OPTIONS.
fn options() -> Response {
    Response::new(StatusCode::OK).with_header(header::PUBLIC, METHODS)
}

/// The refusal of a film that is not served.
pub fn media_not_found(name: &str) -> Response {
    Response::error(StatusCode::NOT_FOUND, format_args!("no film is served as \"{name:.80}\""))
}

/// Version of a film's description (`o=`); it never changes while the film is open.
const SDP_VERSION: u64 = 1;

/// The answer to DESCRIBE.
pub fn describe(request: &Request, resource: &Resource, media: &MediaInfo, host: IpAddr) -> Response {
    if !accepts_sdp(request) {
        return Response::error(StatusCode::NOT_ACCEPTABLE, "films are described as application/sdp");
    }
    Response::new(StatusCode::OK)
        .with_header(header::CONTENT_BASE, format!("{}/", presentation_url(&request.uri, resource)))
        .with_body(APPLICATION_SDP, session_description(media).encode((media.id, SDP_VERSION), host))
}

/// The URL of the film, as the URL of the film or of its stream spells it; without a query, as what is appended would be
/// part of that.
fn presentation_url<'a>(url: &'a str, resource: &Resource) -> &'a str {
    let url = url.split('?').next().unwrap_or_default().trim_end_matches('/');
    match resource {
        // However it is escaped, the stream is the last segment.
        Resource::Track(_) => url.rsplit_once('/').map_or(url, |(film, _)| film),
        _ => url,
    }
}

fn accepts_sdp(request: &Request) -> bool {
    let mut types = request.headers.get_all(header::ACCEPT).flat_map(|value| value.split(',')).peekable();
    types.peek().is_none()
        || types.any(|accepted| {
            let (kind, parameters) = accepted.split_once(';').unwrap_or((accepted, ""));
            let kinds = [APPLICATION_SDP, "application/*", "*/*"];
            !has_zero_quality(parameters) && kinds.iter().any(|one| kind.trim().eq_ignore_ascii_case(one))
        })
}

/// A quality of 0 says that something is not wanted (RFC 2068 §3.9).
fn has_zero_quality(parameters: &str) -> bool {
    let quality =
        parameters.split(';').filter_map(|parameter| parameter.split_once('=')).find_map(|(name, value)| {
            name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse::<f64>().ok())
        });
    quality.flatten().is_some_and(|quality| quality <= 0.0)
}

fn session_description(media: &MediaInfo) -> SessionDescription {
    let size = rfc2435_size(media.dimensions);
    SessionDescription {
        name: media.name.clone(),
        control: Some("*".to_owned()),
        range: Some(media.range()),
        tool: Some(SERVER_NAME.to_owned()),
        media: vec![MediaDescription {
            media_type: "video".to_owned(),
            formats: vec![JPEG_PAYLOAD_TYPE],
            rtpmaps: vec![(JPEG_PAYLOAD_TYPE, "JPEG/90000".to_owned())],
            control: Some(TRACK_CONTROL.to_owned()),
            range: None,
            frame_rate: Some(media.rate.as_f64()),
            dimensions: Some((size.width, size.height)),
            jpeg_header: true,
            receiver_rtt: true,
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media_file::IndexProgress;
    use crate::media_file::info::tests::info;

    fn request(method: &str, uri: &str) -> Request {
        Request::new(Method::parse(method), uri).with_header(header::CSEQ, "1")
    }

    fn refusal_status(request: &Request) -> u16 {
        validate(request).expect_err("refused").status.code()
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
    fn url_resolves_to_server_presentation_or_track() {
        let of = |uri: &str| {
            Resource::from_request(&request("SETUP", uri)).map_err(|refusal| refusal.status.code())
        };
        assert_eq!(of("*"), Ok(Resource::Server));
        assert_eq!(of("rtsp://h:8554/"), Ok(Resource::Server));
        assert_eq!(
            of("rtsp://h:8554/a%20b/film.mjpeg/"),
            Ok(Resource::Presentation("a b/film.mjpeg".to_owned()))
        );
        assert_eq!(of("rtsp://h:8554/film.mjpeg/track1"), Ok(Resource::Track("film.mjpeg".to_owned())));
        assert_eq!(of("movie.Mjpeg"), Err(400));
        assert_eq!(of("rtsp://h/%FF"), Err(400));
    }

    #[test]
    fn describe_returns_content_base_track_and_range() {
        let film = info(500);
        let resource = Resource::Presentation(film.name.clone());
        let request =
            request("DESCRIBE", "rtsp://127.0.0.1:8554/movie").with_header(header::ACCEPT, "application/sdp");
        let response = describe(&request, &resource, &film, "127.0.0.1".parse().unwrap());
        assert_eq!(response.headers.get(header::CONTENT_BASE), Some("rtsp://127.0.0.1:8554/movie/"));
        for url in [
            "rtsp://h/movie?quality=1",
            "rtsp://h/movie/",
            "rtsp://h/movie/track1?x=/",
            "rtsp://h/movie/%74rack1",
        ] {
            let request = Request { uri: url.to_owned(), ..request.clone() };
            let resource = Resource::from_request(&request).unwrap();
            let response = describe(&request, &resource, &film, "127.0.0.1".parse().unwrap());
            assert_eq!(response.headers.get(header::CONTENT_BASE), Some("rtsp://h/movie/"), "{url}");
        }
        let text = std::str::from_utf8(&response.body).unwrap();
        for line in [
            "a=range:npt=0.000-25.000",
            "a=rtpmap:26 JPEG/90000",
            "a=framerate:20",
            "a=x-reelay-jpeg-header:1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in {text}");
        }
        let growing =
            MediaInfo { progress: IndexProgress { frames: 500, ..IndexProgress::default() }, ..film };
        let response = describe(&request, &resource, &growing, "127.0.0.1".parse().unwrap());
        assert!(std::str::from_utf8(&response.body).unwrap().contains("a=range:npt=0.000-\r\n"));
    }

    #[test]
    fn describe_without_accepted_sdp_is_406() {
        let film = info(1);
        let status = |accept: &'static str| {
            let request = request("DESCRIBE", "rtsp://h/movie").with_header(header::ACCEPT, accept);
            describe(&request, &Resource::Presentation("movie".to_owned()), &film, "::1".parse().unwrap())
                .status
                .code()
        };
        assert_eq!(status("application/rtsl, application/mheg"), 406);
        assert_eq!(status("text/html, application/SDP;level=2"), 200);
        assert_eq!(status("*/*"), 200);
        assert_eq!(status("application/sdp; q=0, text/html"), 406);
        assert_eq!(status("application/sdp;q=0.5"), 200);
    }
}
