//! Headers that every response carries, and refusals that several handlers use. Sans-I/O.

use crate::about::PRODUCT;
use crate::proto::rtsp::{Headers, Request, Response, StatusCode, header};

/// Value of the `Connection` header on the last message of a connection.
pub const CONNECTION_CLOSE: &str = "close";

/// Adds the headers that depend on the request: CSeq, Server, Timestamp, and `Connection: close`.
pub fn finalize_response(mut response: Response, request: &Request) -> Response {
    // Echoed, so that the client can measure the round-trip time (RFC 2326 §12.38).
    if let Some(timestamp) = request.headers.get(header::TIMESTAMP) {
        response = response.with_header(header::TIMESTAMP, timestamp);
    }
    if wants_close(request) {
        response = response.with_header(header::CONNECTION, CONNECTION_CLOSE);
    }
    add_common_headers(response, request.headers.get(header::CSEQ))
}

/// Returns true if the connection is to be closed after the response (RFC 2326 §12.10).
pub fn wants_close(request: &Request) -> bool {
    let mut tokens = request.headers.get_all(header::CONNECTION).flat_map(|value| value.split(','));
    tokens.any(|token| token.trim().eq_ignore_ascii_case(CONNECTION_CLOSE))
}

/// Adds CSeq, as the first header, and Server. `cseq` is the value in the request; `None` if it has none.
pub fn add_common_headers(mut response: Response, cseq: Option<&str>) -> Response {
    let mut headers = Headers::default();
    if let Some(cseq) = cseq {
        headers.append(header::CSEQ, cseq.trim());
    }
    for (name, value) in response.headers.iter() {
        headers.append(name.to_owned(), value);
    }
    headers.append(header::SERVER, PRODUCT);
    response.headers = headers;
    response
}

/// Returns the response to a request for a session that does not exist, or that names no session: 454.
pub fn session_not_found() -> Response {
    Response::error(StatusCode::SESSION_NOT_FOUND, "the session does not exist or has expired")
}

/// Returns the response to a request for a media file that is not served: 404.
pub fn media_not_found(name: &str) -> Response {
    Response::error(StatusCode::NOT_FOUND, format_args!("no film is served as \"{name:.80}\""))
}
