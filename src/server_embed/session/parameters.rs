//! GET_PARAMETER and SET_PARAMETER (RFC 2326 §10.8, §10.9). Sans-I/O.

use crate::proto::rtsp::{Npt, Request, Response, StatusCode, header};

/// Content type of request and response bodies.
const TEXT_PARAMETERS: &str = "text/parameters";

/// The only parameter: the position of the session, in npt. It is read-only.
const POSITION_PARAMETER: &str = "position";

/// Returns the response to GET_PARAMETER: `ok` with the values of the requested parameters. A request without
/// parameters is a keep-alive (RFC 2326 §10.8).
///
/// # Errors
/// Returns the response to send: 451 for an unknown parameter, 415 or 400 for a body that cannot be parsed.
pub fn get(request: &Request, position: Npt, ok: Response) -> Result<Response, Response> {
    let mut body = String::new();
    for name in parse_names(request)? {
        if !name.eq_ignore_ascii_case(POSITION_PARAMETER) {
            return Err(parameter_not_understood(name));
        }
        body.push_str(&format!("{POSITION_PARAMETER}: {position}\r\n"));
    }
    Ok(if body.is_empty() { ok } else { ok.with_body(TEXT_PARAMETERS, body) })
}

/// Returns the response to SET_PARAMETER: `ok` for a request without parameters, which is a keep-alive.
///
/// # Errors
/// Returns the response to send: 458 for the read-only parameter, 451 for an unknown one, 415 or 400 for a body that
/// cannot be parsed.
pub fn set(request: &Request, ok: Response) -> Result<Response, Response> {
    match parse_names(request)?.first() {
        None => Ok(ok),
        Some(name) if name.eq_ignore_ascii_case(POSITION_PARAMETER) => Err(Response::error(
            StatusCode::PARAMETER_IS_READ_ONLY,
            "the position is set with PLAY and a Range header",
        )),
        Some(name) => Err(parameter_not_understood(name)),
    }
}

/// Returns the response 451 with the name of the unknown parameter in its body (RFC 2326 §10.8).
fn parameter_not_understood(name: &str) -> Response {
    Response::new(StatusCode::PARAMETER_NOT_UNDERSTOOD).with_body(TEXT_PARAMETERS, format!("{name:.80}\r\n"))
}

/// Parses the parameter names in the body of a request.
fn parse_names(request: &Request) -> Result<Vec<&str>, Response> {
    if request.body.is_empty() {
        return Ok(Vec::new());
    }
    let content_type = request.headers.get(header::CONTENT_TYPE).unwrap_or(TEXT_PARAMETERS);
    if !content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(TEXT_PARAMETERS) {
        return Err(Response::error(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "parameters must be sent as text/parameters",
        ));
    }
    let Ok(text) = std::str::from_utf8(&request.body) else {
        return Err(Response::error(StatusCode::BAD_REQUEST, "the parameters are not UTF-8"));
    };
    let names = text.lines().map(|line| line.split(':').next().unwrap_or_default().trim());
    Ok(names.filter(|name| !name.is_empty()).collect())
}
