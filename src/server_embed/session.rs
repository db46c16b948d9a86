//! PURE. One session of the server: the state machine of RFC 2326 appendix A.2, and the stream that it governs.

use std::time::{Duration, Instant};

use super::handlers::{Resource, TEXT_PARAMETERS};
use super::playback_speed::PlaybackSpeed;
use super::setup::NegotiatedTransport;
use super::stream::{PlayStart, RtpStream};
use crate::media::payload::PayloadFormat;
use crate::media_file::MediaInfo;
use crate::proto::rtsp::{
    Method, Npt, NptRange, RangeError, Request, Response, RtpInfo, SessionHeader, StatusCode, header,
};

/// How long a session is kept without a sign of life (RFC 2326 §12.37).
pub const DEFAULT_SESSION_TIMEOUT: Duration = Duration::from_secs(60);

/// A session that SETUP made. It is READY, or PLAYING while its stream runs; in INIT there is none.
#[derive(Debug)]
pub struct ServerSession {
    id: String,
    /// The film that it plays.
    media_name: String,
    transport: NegotiatedTransport,
    /// The URL of the stream as SETUP spelt it.
    track_url: String,
    stream: RtpStream,
    timeout: Duration,
    /// The stream has come to its end by itself since the last PLAY.
    has_ended: bool,
}

/// What became of a request.
#[derive(Debug)]
pub struct Handled {
    /// The answer.
    pub response: Response,
    /// The session is over.
    pub is_torn_down: bool,
}

impl From<Response> for Handled {
    fn from(response: Response) -> Self {
        Self { response, is_torn_down: false }
    }
}

impl ServerSession {
    /// The session that a SETUP makes, and its answer.
    pub fn set_up(
        id: String,
        request: &Request,
        media_name: &str,
        transport: NegotiatedTransport,
        stream: RtpStream,
        timeout: Duration,
    ) -> (Self, Response) {
        let (media_name, track_url) = (media_name.to_owned(), request.uri.trim_end_matches('/').to_owned());
        let session = Self { id, media_name, transport, track_url, stream, timeout, has_ended: false };
        let response = session.set_up_response();
        (session, response)
    }

    fn set_up_response(&self) -> Response {
        Response::new(StatusCode::OK)
            .with_header(header::TRANSPORT, self.transport.transport_header(self.stream.ssrc()).to_string())
            .with_header(
                header::SESSION,
                SessionHeader { id: self.id.clone(), timeout: Some(self.timeout) }.to_string(),
            )
    }

    /// What its requests call it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What SETUP agreed on.
    pub fn transport(&self) -> &NegotiatedTransport {
        &self.transport
    }

    /// What leaves.
    pub fn stream(&mut self) -> &mut RtpStream {
        &mut self.stream
    }

    /// The stream has come to its end by itself: the session is READY, and behind the last frame begins anew.
    pub fn handle_stream_end(&mut self, media: &MediaInfo) {
        self.has_ended = true;
        if media.is_complete() && self.stream.position() >= media.frames() {
            self.stream.stop_at(0);
        }
    }

    /// Answers a request of this session. Those that need none (OPTIONS, DESCRIBE) are not asked of it.
    pub fn handle_request(
        &mut self,
        now: Instant,
        request: &Request,
        resource: &Resource,
        media: &MediaInfo,
    ) -> Handled {
        if resource.media_name().is_some_and(|name| name != self.media_name) {
            return match request.method {
                // One session plays one film (RFC 2326 §10.4: a server refuses to aggregate with 459).
                Method::Setup => refuse(
                    StatusCode::AGGREGATE_OPERATION_NOT_ALLOWED,
                    "a session of this server plays one film",
                ),
                _ => refuse(StatusCode::SESSION_NOT_FOUND, "this session plays another film"),
            };
        }
        match request.method {
            Method::Play | Method::Pause if matches!(resource, Resource::Track(_)) => refuse(
                StatusCode::ONLY_AGGREGATE_OPERATION_ALLOWED,
                "the film is played and paused as a whole, by the URL without /track1",
            ),
            Method::Play => self.play(now, request, media),
            Method::Pause => self.pause(request, media),
            Method::Teardown => Handled { response: self.ok_response(), is_torn_down: true },
            Method::GetParameter => self.get_parameter(request, media),
            Method::SetParameter => self.set_parameter(request),
            // SETUP in READY could change the transport, in PLAYING it cannot (RFC 2326 §A.2, §10.4); here neither.
            _ => self.refuse_in_state("a session's transport is not changed; TEARDOWN comes first"),
        }
    }

    fn ok_response(&self) -> Response {
        Response::new(StatusCode::OK).with_header(header::SESSION, self.id.clone())
    }

    /// 455, with the methods that the state allows.
    fn refuse_in_state(&self, reason: &str) -> Handled {
        let allowed = if self.stream.is_playing() { METHODS_IN_PLAYING } else { METHODS_IN_READY };
        Response::error(StatusCode::METHOD_NOT_VALID_IN_THIS_STATE, reason)
            .with_header(header::ALLOW, allowed)
            .with_header(header::SESSION, self.id.clone())
            .into()
    }

    fn play(&mut self, now: Instant, request: &Request, media: &MediaInfo) -> Handled {
        let range = request.headers.get(header::RANGE).map(parse_range).transpose();
        let (range, playback_speed) =
            match range.and_then(|range| Ok((range, PlaybackSpeed::from_request(request)?))) {
                Ok(asked) => asked,
                Err(refusal) => return refusal.into(),
            };
        // Nothing is left behind the last frame, as who paused while it was shown could not know. A classroom program has
        // no other words for "from the beginning", and says them once it has the last picture, be it that the stream is
        // still waiting for that one's time to be over.
        let is_past_end = media.is_complete() && self.stream.position() >= media.frames();
        let keeps_position = range.is_none() && self.transport.form != PayloadFormat::Classroom;
        let restarts = is_past_end && !(self.stream.is_playing() && keeps_position);
        // A PLAY without a Range while PLAYING changes nothing (RFC 2326 §10.5) but the tempo, where it names one.
        if self.stream.is_playing() && range.is_none() && !restarts {
            let start = match playback_speed {
                Some(playback_speed) => self.stream.change_playback_speed(now, playback_speed),
                None => self.stream.play_start(),
            };
            return self.play_response(request, start, media).into();
        }
        let NptRange { start, end } = range.unwrap_or_default();
        let from = match start.map(|start| frame_at(media, start)).transpose() {
            Ok(from) => from,
            Err(refusal) => return refusal.into(),
        };
        let position = from.unwrap_or(if restarts { 0 } else { self.stream.position() });
        let end = end.map(|end| media.rate.first_frame_from(end));
        if end.is_some_and(|end| end <= position) {
            return refuse(StatusCode::INVALID_RANGE, "the range ends before it begins");
        }
        let end = if media.is_complete() {
            Some(end.map_or(media.frames(), |end| end.min(media.frames())))
        } else {
            end
        };
        let start = self.stream.play(now, Some(position), end, playback_speed.unwrap_or_default());
        self.has_ended = false;
        self.play_response(request, start, media).into()
    }

    fn play_response(&self, request: &Request, start: PlayStart, media: &MediaInfo) -> Response {
        let end = start.end.or(media.is_complete().then_some(media.frames()));
        let range = NptRange {
            start: Some(media.rate.npt_of(start.frame)),
            end: end.map(|end| media.rate.npt_of(end)),
        };
        let info = RtpInfo {
            url: self.track_url.clone(),
            sequence: Some(start.sequence),
            rtptime: Some(start.timestamp),
        };
        let response = self
            .ok_response()
            .with_header(header::RANGE, range.to_string())
            .with_header(header::RTP_INFO, info.to_string());
        start.playback_speed.add_headers(request, response)
    }

    fn pause(&mut self, request: &Request, media: &MediaInfo) -> Handled {
        // Who pauses a stream that has just ended cannot know it yet, and gets what it wants.
        if !self.stream.is_playing() && !self.has_ended {
            return self.refuse_in_state("nothing is playing");
        }
        match request.headers.get(header::RANGE).map(parse_range).transpose() {
            Err(refusal) => refusal.into(),
            Ok(Some(NptRange { start: Some(point), .. })) => self.pause_at(point, media),
            Ok(_) => {
                self.stream.pause();
                let range = NptRange::starting_at(media.rate.npt_of(self.stream.position()));
                self.ok_response().with_header(header::RANGE, range.to_string()).into()
            }
        }
    }

    /// A PAUSE in advance: the range gives the point, and one outside of what PLAY is to bring is 457 (RFC 2326 §10.6).
    fn pause_at(&mut self, point: Npt, media: &MediaInfo) -> Handled {
        let frame = media.rate.first_frame_from(point);
        if !self.stream.is_playing() || frame < self.stream.position() {
            return refuse(StatusCode::INVALID_RANGE, "that position has already been played");
        }
        let end = self.stream.end().or(media.is_complete().then_some(media.frames()));
        if end.is_some_and(|end| frame > end) {
            return refuse(StatusCode::INVALID_RANGE, "what is played ends before that position");
        }
        self.stream.pause_before(frame);
        self.ok_response()
            .with_header(header::RANGE, NptRange::starting_at(media.rate.npt_of(frame)).to_string())
            .into()
    }

    fn get_parameter(&self, request: &Request, media: &MediaInfo) -> Handled {
        let names = match parse_parameters(request) {
            Ok(names) => names,
            Err(refusal) => return refusal.into(),
        };
        let mut body = String::new();
        for name in names {
            if !name.eq_ignore_ascii_case(POSITION_PARAMETER) {
                return refuse_parameter(name);
            }
            body.push_str(&format!(
                "{POSITION_PARAMETER}: {}\r\n",
                media.rate.npt_of(self.stream.position())
            ));
        }
        // Without parameters it is a sign of life (RFC 2326 §10.8).
        match body.is_empty() {
            true => self.ok_response().into(),
            false => self.ok_response().with_body(TEXT_PARAMETERS, body).into(),
        }
    }

    fn set_parameter(&self, request: &Request) -> Handled {
        match parse_parameters(request) {
            Err(refusal) => refusal.into(),
            Ok(names) => match names.first() {
                None => self.ok_response().into(),
                Some(name) if name.eq_ignore_ascii_case(POSITION_PARAMETER) => {
                    refuse(StatusCode::PARAMETER_IS_READ_ONLY, "a position is set by PLAY with a Range")
                }
                Some(name) => refuse_parameter(name),
            },
        }
    }
}

/// What PLAYING allows: everything but SETUP.
const METHODS_IN_PLAYING: &str = "OPTIONS, DESCRIBE, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER";

/// What READY allows: nothing is there to be paused.
const METHODS_IN_READY: &str = "OPTIONS, DESCRIBE, PLAY, TEARDOWN, GET_PARAMETER, SET_PARAMETER";

/// The parameter that tells where the film is.
const POSITION_PARAMETER: &str = "position";

fn refuse(status: StatusCode, reason: &str) -> Handled {
    Response::error(status, reason).into()
}

/// 451, with the parameter that is not understood (RFC 2326 §10.8).
fn refuse_parameter(name: &str) -> Handled {
    Response::new(StatusCode::PARAMETER_NOT_UNDERSTOOD)
        .with_body(TEXT_PARAMETERS, format!("{name:.80}\r\n"))
        .into()
}

/// The frame at a position that a Range begins with.
///
/// # Errors
/// 457 behind the end; 456 where nothing is known yet.
fn frame_at(film: &MediaInfo, position: Npt) -> Result<u64, Response> {
    let (frame, end) = (film.rate.frame_at(position), film.rate.npt_of(film.frames()));
    match (frame < film.frames(), film.is_complete()) {
        (true, _) => Ok(frame),
        (false, true) => {
            Err(Response::error(StatusCode::INVALID_RANGE, format_args!("the film ends at {end}")))
        }
        (false, false) => Err(Response::error(
            StatusCode::HEADER_FIELD_NOT_VALID,
            format_args!("the film is still being read, and known up to {end}"),
        )),
    }
}

fn parse_range(value: &str) -> Result<NptRange, Response> {
    let mut parameters = value.split(';').skip(1).filter_map(|parameter| parameter.split('=').next());
    if parameters.any(|name| name.trim().eq_ignore_ascii_case("time")) {
        return Err(Response::error(
            StatusCode::HEADER_FIELD_NOT_VALID,
            "this server starts to play at once, not at a set time",
        ));
    }
    NptRange::parse(value).map_err(|error| match error {
        RangeError::UnsupportedUnit => {
            Response::error(StatusCode::NOT_IMPLEMENTED, "ranges are understood as npt")
        }
        RangeError::Malformed => Response::error(StatusCode::BAD_REQUEST, "the Range cannot be read"),
    })
}

/// The names of the parameters in a request's entity.
fn parse_parameters(request: &Request) -> Result<Vec<&str>, Response> {
    if request.body.is_empty() {
        return Ok(Vec::new());
    }
    let kind = request.headers.get(header::CONTENT_TYPE).unwrap_or(TEXT_PARAMETERS);
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(TEXT_PARAMETERS) {
        return Err(Response::error(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "parameters come as text/parameters",
        ));
    }
    let Ok(text) = std::str::from_utf8(&request.body) else {
        return Err(Response::error(StatusCode::BAD_REQUEST, "the parameters are not UTF-8"));
    };
    let names = text.lines().map(|line| line.split(':').next().unwrap_or_default().trim());
    Ok(names.filter(|name| !name.is_empty()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media_file::IndexProgress;
    use crate::media_file::info::tests::info;

    #[test]
    fn positions_are_found_refused_or_not_known_yet() {
        let film = info(500);
        let status = |film: &MediaInfo, micros| {
            frame_at(film, Npt::from_micros(micros)).map_err(|refusal| refusal.status.code())
        };
        assert_eq!(status(&film, 0), Ok(0));
        assert_eq!(status(&film, 20_000_000), Ok(400));
        assert_eq!(status(&film, 24_999_999), Ok(499));
        assert_eq!(status(&film, 25_000_000), Err(457));
        let growing =
            MediaInfo { progress: IndexProgress { frames: 500, ..IndexProgress::default() }, ..film };
        assert_eq!(status(&growing, 25_000_000), Err(456));
    }
}
