//! State machine of a session. Sans-I/O.

use std::time::{Duration, Instant};

use super::parameters;
use super::range::{frame_at, parse_range};
use crate::media_file::MediaInfo;
use crate::proto::rtsp::{
    Method, Npt, NptRange, Request, Response, RtpInfo, SessionHeader, StatusCode, header,
};
use crate::server_embed::handlers::Resource;
use crate::server_embed::playback_speed::PlaybackSpeed;
use crate::server_embed::setup::NegotiatedTransport;
use crate::server_embed::stream::{PlayStart, RtpStream};

/// Default session timeout; the one that RFC 2326 §12.37 defines for servers that do not state any.
pub const DEFAULT_SESSION_TIMEOUT: Duration = Duration::from_secs(60);

/// A session created by SETUP.
///
/// The session is in state PLAYING while its stream plays, otherwise in state READY. In state INIT there is no
/// session.
#[derive(Debug)]
pub struct ServerSession {
    id: String,
    /// Name of the media file in the library.
    media_name: String,
    transport: NegotiatedTransport,
    /// URL of the stream, spelled as in the SETUP request.
    track_url: String,
    stream: RtpStream,
    timeout: Duration,
    /// The stream has reached its end since the last PLAY.
    has_ended: bool,
}

/// Response to a request, and its effect on the session.
#[derive(Debug)]
pub struct Handled {
    /// Response to send to the client.
    pub response: Response,
    /// The session is over and must be removed.
    pub is_torn_down: bool,
}

impl From<Response> for Handled {
    fn from(response: Response) -> Self {
        Self { response, is_torn_down: false }
    }
}

/// Parsed headers of a PLAY request.
#[derive(Debug)]
struct PlayRequest {
    range: Option<NptRange>,
    /// `None` if the request has neither Scale nor Speed.
    playback_speed: Option<PlaybackSpeed>,
}

impl PlayRequest {
    fn parse(request: &Request) -> Result<Self, Response> {
        let range = request.headers.get(header::RANGE).map(parse_range).transpose()?;
        Ok(Self { range, playback_speed: PlaybackSpeed::from_request(request)? })
    }
}

impl ServerSession {
    /// Creates a session with a paused stream; returns it and the response to `request`, a SETUP.
    pub fn set_up(
        id: String,
        request: &Request,
        media_name: &str,
        transport: NegotiatedTransport,
        stream: RtpStream,
        timeout: Duration,
    ) -> (Self, Response) {
        let stream = if transport.has_retransmission() { stream.with_retransmission() } else { stream };
        let stream = match transport.parity_layout() {
            Some(layout) => stream.with_parity(layout),
            None => stream,
        };
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

    /// Session identifier (RFC 2326 §3.4).
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Transport negotiated by SETUP.
    pub fn transport(&self) -> &NegotiatedTransport {
        &self.transport
    }

    /// Stream of the session, to be polled for packets.
    pub fn stream(&mut self) -> &mut RtpStream {
        &mut self.stream
    }

    /// Handles the end of the stream: the session is READY. After the last frame of the file, the next PLAY without a
    /// Range starts at the beginning.
    pub fn handle_stream_end(&mut self, media: &MediaInfo) {
        self.has_ended = true;
        if media.is_complete() && self.stream.position() >= media.frames() {
            self.stream.stop_at(0);
        }
    }

    /// Handles a request that names this session. OPTIONS and DESCRIBE are handled without the session.
    pub fn handle_request(
        &mut self,
        now: Instant,
        request: &Request,
        resource: &Resource,
        media: &MediaInfo,
    ) -> Handled {
        if resource.media_name().is_some_and(|name| name != self.media_name) {
            return match request.method {
                // A session has one media file; 459 refuses to aggregate another (RFC 2326 §10.4).
                Method::Setup => refuse(
                    StatusCode::AGGREGATE_OPERATION_NOT_ALLOWED,
                    "a session of this server plays only one film",
                ),
                _ => refuse(StatusCode::SESSION_NOT_FOUND, "this session plays another film"),
            };
        }
        match request.method {
            Method::Play | Method::Pause if matches!(resource, Resource::Track(_)) => refuse(
                StatusCode::ONLY_AGGREGATE_OPERATION_ALLOWED,
                "PLAY and PAUSE need the URL of the film, without /track1",
            ),
            Method::Play => self.play(now, request, media).unwrap_or_else(|refusal| refusal).into(),
            Method::Pause => self.pause(request, media),
            Method::Teardown => Handled { response: self.ok_response(), is_torn_down: true },
            Method::GetParameter => {
                let position = media.times.npt_of(self.stream.position());
                parameters::get(request, position, self.ok_response())
                    .unwrap_or_else(|refusal| refusal)
                    .into()
            }
            Method::SetParameter => {
                parameters::set(request, self.ok_response()).unwrap_or_else(|refusal| refusal).into()
            }
            // SETUP may change the transport in READY and not in PLAYING (RFC 2326 §A.2, §10.4); this server refuses
            // both.
            _ => self.refuse_in_state("the transport of a session cannot be changed; send TEARDOWN first"),
        }
    }

    fn ok_response(&self) -> Response {
        Response::new(StatusCode::OK).with_header(header::SESSION, self.id.clone())
    }

    /// Refuses a request with 455 and the methods that the current state allows.
    fn refuse_in_state(&self, reason: &str) -> Handled {
        let allowed = if self.stream.is_playing() { METHODS_IN_PLAYING } else { METHODS_IN_READY };
        Response::error(StatusCode::METHOD_NOT_VALID_IN_THIS_STATE, reason)
            .with_header(header::ALLOW, allowed)
            .with_header(header::SESSION, self.id.clone())
            .into()
    }

    fn play(&mut self, now: Instant, request: &Request, media: &MediaInfo) -> Result<Response, Response> {
        let PlayRequest { range, playback_speed } = PlayRequest::parse(request)?;
        let restarts = self.restarts(range.is_some(), media);
        // In PLAYING, a PLAY without a Range only changes the speed, if it states one (RFC 2326 §10.5).
        if self.stream.is_playing() && range.is_none() && !restarts {
            let start = match playback_speed {
                Some(playback_speed) => self.stream.change_playback_speed(now, playback_speed),
                None => self.stream.play_start(),
            };
            return Ok(self.play_response(request, start, media));
        }
        let NptRange { start, end } = range.unwrap_or_default();
        let from = start.map(|start| frame_at(media, start)).transpose()?;
        let position = from.unwrap_or(if restarts { 0 } else { self.stream.position() });
        let end = end.map(|end| media.times.first_frame_from(end));
        if end.is_some_and(|end| end <= position) {
            return Err(Response::error(StatusCode::INVALID_RANGE, "the range ends before it starts"));
        }
        let end = if media.is_complete() {
            Some(end.map_or(media.frames(), |end| end.min(media.frames())))
        } else {
            end
        };
        let start = self.stream.play(now, Some(position), end, playback_speed.unwrap_or_default());
        self.has_ended = false;
        Ok(self.play_response(request, start, media))
    }

    /// Returns true if a PLAY without a start position starts at the beginning, because all frames of the file have
    /// been sent. A client that paused during the last frame cannot know that none is left.
    ///
    /// A PLAY without a Range during PLAYING continues, though, except for classroom programs: they have no Range
    /// header to ask for the beginning, and send PLAY as soon as they have the last frame, even if its interval is
    /// not over.
    fn restarts(&self, has_range: bool, media: &MediaInfo) -> bool {
        let is_past_end = media.is_complete() && self.stream.position() >= media.frames();
        let keeps_position = !has_range && !self.transport.payload_format.is_classroom();
        is_past_end && !(self.stream.is_playing() && keeps_position)
    }

    fn play_response(&self, request: &Request, start: PlayStart, media: &MediaInfo) -> Response {
        let end = start.end.or(media.is_complete().then_some(media.frames()));
        let range = NptRange {
            start: Some(media.times.npt_of(start.frame)),
            end: end.map(|end| media.times.npt_of(end)),
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
        // Allowed at the end of the stream as well: the client may have sent PAUSE before it could know of the end.
        if !self.stream.is_playing() && !self.has_ended {
            return self.refuse_in_state("nothing is playing");
        }
        match request.headers.get(header::RANGE).map(parse_range).transpose() {
            Err(refusal) => refusal.into(),
            Ok(Some(NptRange { start: Some(position), .. })) => self.pause_at(position, media),
            Ok(_) => {
                self.stream.pause();
                let range = NptRange::starting_at(media.times.npt_of(self.stream.position()));
                self.ok_response().with_header(header::RANGE, range.to_string()).into()
            }
        }
    }

    /// Schedules a pause at the start of a Range; 457 if it is outside the range of the PLAY (RFC 2326 §10.6).
    fn pause_at(&mut self, position: Npt, media: &MediaInfo) -> Handled {
        let frame = media.times.first_frame_from(position);
        if !self.stream.is_playing() || frame < self.stream.position() {
            return refuse(StatusCode::INVALID_RANGE, "that position has already been played");
        }
        let end = self.stream.end().or(media.is_complete().then_some(media.frames()));
        if end.is_some_and(|end| frame > end) {
            return refuse(StatusCode::INVALID_RANGE, "the range of PLAY ends before that position");
        }
        self.stream.pause_before(frame);
        self.ok_response()
            .with_header(header::RANGE, NptRange::starting_at(media.times.npt_of(frame)).to_string())
            .into()
    }
}

/// Value of Allow in state PLAYING: everything but SETUP.
const METHODS_IN_PLAYING: &str = "OPTIONS, DESCRIBE, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER";

/// Value of Allow in state READY: neither SETUP nor PAUSE.
const METHODS_IN_READY: &str = "OPTIONS, DESCRIBE, PLAY, TEARDOWN, GET_PARAMETER, SET_PARAMETER";

fn refuse(status: StatusCode, reason: &str) -> Handled {
    Response::error(status, reason).into()
}
