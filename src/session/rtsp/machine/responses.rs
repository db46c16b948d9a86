//! Responses of the server, and their effects on the state machine. Sans-I/O.

use std::time::Instant;

use super::{
    EstablishedSession, Goal, InFlight, PlayFrom, PlayResponse, RequestKind, RtspAction, RtspMachine, Stage,
    TransportPreference, server_requests,
};
use crate::proto::mistake::Mistake;
use crate::proto::rtsp::{
    Factor, LowerTransport, Method, NptRange, Response, RtpInfo, SessionHeader, StatusCode as Code,
    Transport, header,
};
use crate::session::authorization::ChallengeOutcome;
use crate::session::backoff::Backoff;
use crate::session::error::SessionError;
use crate::session::machine::Machine as _;
use crate::session::presentation::Presentation;

impl RtspMachine {
    /// Handles a response of the server. Provisional responses (1xx) are ignored.
    pub fn handle_response(&mut self, now: Instant, response: &Response) {
        let cseq = response.headers.cseq();
        let is_provisional = response.status.code() < 200;
        if is_provisional || cseq.is_some_and(|cseq| self.is_late_response(cseq)) {
            return;
        }
        let Some(in_flight) = self.in_flight.take() else { return };
        self.last_response = Some(now);
        self.check_cseq(cseq, &in_flight);
        if response.status == Code::UNAUTHORIZED {
            return self.handle_challenge(now, &in_flight, response);
        }
        if server_requests::is_redirect(response.status)
            && matches!(in_flight.kind, RequestKind::Options | RequestKind::Describe | RequestKind::SetUp)
        {
            let method = in_flight.kind.method(self.supports_get_parameter);
            return self.handle_redirect(now, method, response);
        }
        let InFlight { kind, range, scale, .. } = in_flight;
        let error = (!response.status.is_success()).then(|| SessionError::Refused {
            method: kind.method(self.supports_get_parameter),
            status: response.status,
            reason_phrase: response.reason_phrase.clone(),
        });
        match kind {
            RequestKind::Options => self.handle_options(response),
            RequestKind::Describe => self.handle_describe(now, response, error),
            RequestKind::SetUp => self.handle_setup(now, response, error),
            RequestKind::Play => self.handle_play(now, response, (range, scale), error),
            RequestKind::Pause => self.handle_pause(now, response, error),
            RequestKind::Teardown => self.handle_teardown(now),
            RequestKind::KeepAlive => self.handle_keep_alive(now, error),
            RequestKind::RefreshDescription => self.handle_refresh(response),
        }
        self.advance(now);
    }

    /// Returns true if a response with this CSeq belongs to a request that was given up.
    fn is_late_response(&mut self, cseq: u32) -> bool {
        let is_in_flight = self.in_flight.as_ref().is_some_and(|in_flight| in_flight.cseq == cseq);
        !is_in_flight && self.cseq_check.take_late(cseq)
    }

    /// Counts a wrong CSeq. The response is that to the request in flight all the same: there is only one. Some cameras
    /// count from 0, always send the same number, or that of the request before.
    fn check_cseq(&mut self, cseq: Option<u32>, in_flight: &InFlight) {
        let Some(cseq) = cseq.filter(|cseq| *cseq != in_flight.cseq) else { return };
        self.cseq_check.is_unreliable = true;
        let method = in_flight.kind.method(self.supports_get_parameter);
        let place = format!("{cseq} in the response to {method} {}", in_flight.cseq);
        self.core.count_mistake(Mistake::WrongCseq, place);
    }

    /// Handles status 401: repeats the request with an Authorization header, if there are credentials.
    fn handle_challenge(&mut self, now: Instant, request: &InFlight, response: &Response) {
        let challenges: Vec<_> = response.headers.get_all(header::WWW_AUTHENTICATE).collect();
        match self.authorization.handle_challenge(&challenges, request.auth_attempts) {
            ChallengeOutcome::Retry => {
                if self.authorization.lacks_qop() {
                    self.core.count_mistake(Mistake::DigestWithoutQop, "");
                }
                self.send_request(now, request.kind, request.range, request.auth_attempts)
            }
            ChallengeOutcome::NoCredentials if request.kind == RequestKind::Options => {
                self.stage = Stage::OptionsReceived;
                self.advance(now);
            }
            ChallengeOutcome::NoCredentials => self.fail(SessionError::Unauthorized { was_refused: false }),
            ChallengeOutcome::Rejected => self.fail(SessionError::Unauthorized { was_refused: true }),
            ChallengeOutcome::UnsupportedScheme => {
                let method = request.kind.method(self.supports_get_parameter);
                let problem = "its authentication scheme is neither Basic nor Digest".to_owned();
                self.fail(SessionError::InvalidResponse { method, problem });
            }
        }
    }

    /// Handles the response to OPTIONS. The request may be refused; only Public matters.
    fn handle_options(&mut self, response: &Response) {
        let public = response.headers.get_list(header::PUBLIC).unwrap_or_default();
        let get_parameter = Method::GetParameter;
        let is_listed = public.split(',').any(|method| method.trim() == get_parameter.as_str());
        self.supports_get_parameter = is_listed && !self.ignores_get_parameter;
        self.stage = Stage::OptionsReceived;
    }

    fn handle_describe(&mut self, now: Instant, response: &Response, error: Option<SessionError>) {
        let mut mistakes = Vec::new();
        let report = &mut |mistake, line: &str| {
            if mistakes.len() < MAX_DESCRIPTION_MISTAKES {
                mistakes.push((mistake, line.to_owned()));
            }
        };
        let parsed = error.map_or_else(|| Presentation::parse_reporting(response, &self.url, report), Err);
        for (mistake, line) in mistakes {
            self.core.count_mistake(mistake, line);
        }
        match parsed {
            Ok(presentation) => {
                self.core.push(RtspAction::Described(presentation.clone()));
                self.stage = Stage::Described(presentation);
            }
            Err(error) => self.handle_setup_error(now, response.status, error),
        }
    }

    /// Handles an error before the session is set up. During reconnection, a server that has just been restarted may
    /// not have its streams yet (404) or may be busy (5xx), so the next attempt follows.
    fn handle_setup_error(&mut self, now: Instant, status: Code, error: SessionError) {
        match self.backoff.is_active() && (status == Code::NOT_FOUND || status.code() >= 500) {
            true => self.reconnect_or_fail(now, error),
            false => self.fail(error),
        }
    }

    fn handle_refresh(&mut self, response: &Response) {
        let Ok(refreshed) = Presentation::parse(response, &self.url) else { return };
        if let Stage::Ready(established) | Stage::Playing(established) = &mut self.stage {
            established.presentation.range = refreshed.range;
            self.core.push(RtspAction::Described(established.presentation.clone()));
        }
    }

    fn handle_setup(&mut self, now: Instant, response: &Response, error: Option<SessionError>) {
        let Stage::ReadyToSetUp(presentation, requested) =
            std::mem::replace(&mut self.stage, Stage::Connected)
        else {
            return;
        };
        if let Some(error) = error {
            let is_udp_unsupported = response.status == Code::UNSUPPORTED_TRANSPORT
                && requested.lower_transport == LowerTransport::Udp;
            if is_udp_unsupported && self.options.transport == TransportPreference::Auto {
                self.has_fallen_back = true;
                self.stage = Stage::Described(presentation);
                return;
            }
            return self.handle_setup_error(now, response.status, error);
        }
        let transports =
            response.headers.get(header::TRANSPORT).map(Transport::parse_all).unwrap_or_default();
        let negotiated = transports.into_iter().next().unwrap_or_else(|| requested.clone());
        let invalid_response = |problem: &str| SessionError::InvalidResponse {
            method: Method::Setup,
            problem: problem.to_owned(),
        };
        if negotiated.lower_transport != requested.lower_transport {
            return self.fail(invalid_response("it selects a transport that was not requested"));
        }
        let session = response.headers.get(header::SESSION).and_then(SessionHeader::parse);
        if session.is_none() {
            self.core.count_mistake(Mistake::MissingSession, "");
        }
        let interleaved = negotiated.interleaved.or(requested.interleaved);
        let client_port = requested.client_port;
        let transport = Transport { interleaved, client_port, ..negotiated };
        let play_from = PlayFrom::Beginning;
        self.establish(EstablishedSession { presentation, session, play_from }, transport);
    }

    fn establish(&mut self, session: EstablishedSession, transport: Transport) {
        self.speed.start_session();
        self.core.push(RtspAction::SetUp(transport));
        // If the stream is to play, reconnection is complete when it does.
        if self.core.goal != Goal::Playing {
            self.backoff = Backoff::default();
        }
        self.stage = Stage::Ready(session);
    }

    fn handle_play(
        &mut self,
        now: Instant,
        response: &Response,
        (requested, scale): (Option<NptRange>, Option<Factor>),
        error: Option<SessionError>,
    ) {
        let Stage::Ready(established) = std::mem::replace(&mut self.stage, Stage::Connected) else { return };
        let resumes = requested.is_none() && established.play_from == PlayFrom::PausedPosition;
        if let Some(error) = error {
            if let Some(scale) = scale.filter(|_| !is_session_not_found(&error)) {
                self.stage = Stage::Ready(established);
                return self.handle_scale_refused(scale, requested, response.status);
            }
            self.seek = requested.and_then(|range| range.start);
            return self.handle_session_error(now, error, Stage::Ready(established), Goal::Ready);
        }
        let range = response.headers.get(header::RANGE).and_then(|value| NptRange::parse(value).ok());
        let rtp_info = response.headers.get_list(header::RTP_INFO).unwrap_or_default();
        let rtp_info = RtpInfo::parse_all(&rtp_info);
        let played = response.headers.get(header::SCALE).and_then(|value| Factor::parse(value).ok());
        if let Some(scale) = scale {
            self.handle_scale(scale, played);
        }
        let stream_url = &established.presentation.stream_url;
        let stream_info = rtp_info.iter().find(|entry| entry.url == *stream_url).or(rtp_info.first());
        let mut range = range.or(requested).unwrap_or_default();
        // If the response states no end, that of the description applies.
        range.end = range.end.or(established.presentation.range.and_then(|described| described.end));
        self.core.push(RtspAction::Started(PlayResponse {
            range,
            sequence: stream_info.and_then(|entry| entry.sequence),
            rtptime: stream_info.and_then(|entry| entry.rtptime),
            scale: played.unwrap_or_default(),
            resumes,
        }));
        self.backoff = Backoff::default();
        self.stage = Stage::Playing(established);
    }

    fn handle_pause(&mut self, now: Instant, response: &Response, error: Option<SessionError>) {
        let established = match std::mem::replace(&mut self.stage, Stage::Connected) {
            Stage::Playing(established) => established,
            // The stream ended while the request was in flight.
            other => return self.stage = other,
        };
        match error {
            // The stream ended before the request arrived, and its BYE is lost or late.
            Some(_) if response.status == Code::METHOD_NOT_VALID_IN_THIS_STATE => {
                self.core.push(RtspAction::Paused { is_seeking: self.seek.is_some() });
                self.stage =
                    Stage::Ready(EstablishedSession { play_from: PlayFrom::Beginning, ..established });
            }
            Some(error) => self.handle_session_error(now, error, Stage::Playing(established), Goal::Playing),
            None => {
                self.core.push(RtspAction::Paused { is_seeking: self.seek.is_some() });
                self.stage =
                    Stage::Ready(EstablishedSession { play_from: PlayFrom::PausedPosition, ..established });
            }
        }
    }

    /// Handles a refused request of an established session, which returns to `stage` and `goal` unless the server no
    /// longer knows it.
    fn handle_session_error(&mut self, now: Instant, error: SessionError, stage: Stage, goal: Goal) {
        self.stage = stage;
        if is_session_not_found(&error) {
            return self.reconnect_or_fail(now, error);
        }
        self.seek = None;
        self.speed.give_up();
        // A Stop that was requested meanwhile still applies.
        if self.core.goal != Goal::Stopped {
            self.core.goal = goal;
        }
        self.core.report_error(error);
    }

    /// Ends the session, whatever the status of the TEARDOWN response, and sets it up again if that is pending.
    pub(super) fn handle_teardown(&mut self, now: Instant) {
        let goal = self.core.goal;
        match self.pending_reconnect.take().filter(|_| goal != Goal::Stopped) {
            Some(pending) => self.reconnect(now, pending),
            None => self.close_keeping_goal(),
        }
    }

    fn handle_keep_alive(&mut self, now: Instant, error: Option<SessionError>) {
        if let Some(error) = error.filter(is_session_not_found) {
            self.reconnect_or_fail(now, error);
        }
    }
}

/// Maximum number of mistakes of a session description that are counted.
const MAX_DESCRIPTION_MISTAKES: usize = 100;

/// Returns true if the server no longer knows the session (454), for example because it was restarted.
fn is_session_not_found(error: &SessionError) -> bool {
    matches!(error, SessionError::Refused { status: Code::SESSION_NOT_FOUND, .. })
}
