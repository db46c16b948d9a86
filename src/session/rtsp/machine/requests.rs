//! Requests of the client: which one is next, and its headers. Sans-I/O.

use std::time::Instant;

use super::{Goal, InFlight, PlayFrom, RequestKind, RtspMachine, Stage, TransportPreference};
use crate::about::PRODUCT;
use crate::proto::rtsp::{ChannelPair, LowerTransport, Method, Npt, NptRange, Request, Transport, header};
use crate::session::error::SessionError;
use crate::session::machine::Machine as _;

impl RtspMachine {
    /// Sends the request that leads from the stage towards the goal, unless one is in flight.
    pub(super) fn send_next_request(&mut self, now: Instant) {
        if let Some(in_flight) = &self.in_flight {
            // The server has no session yet, so there is nothing to tear down.
            if self.core.goal == Goal::Stopped
                && matches!(in_flight.kind, RequestKind::Options | RequestKind::Describe)
            {
                self.close();
            }
            return;
        }
        match (&self.stage, self.core.goal) {
            (Stage::Ready(_) | Stage::Playing(_), Goal::Stopped) => self.send(now, RequestKind::Teardown),
            (_, Goal::Stopped) => self.close(),
            (Stage::Ready(_) | Stage::Playing(_), _) if self.pending_reconnect.is_some() => {
                self.send(now, RequestKind::Teardown)
            }
            (Stage::WaitingToReconnect { .. }, _) => {}
            (Stage::Closed, _) => self.connect(now),
            (Stage::Connecting { .. } | Stage::OpeningPorts(_), _) => {}
            (Stage::Connected, _) => self.send(now, RequestKind::Options),
            (Stage::OptionsReceived, _) => self.send(now, RequestKind::Describe),
            (Stage::Described(_), _) => self.choose_transport(now),
            (Stage::ReadyToSetUp(..), _) => self.send(now, RequestKind::SetUp),
            (Stage::Ready(_), Goal::Ready) => {}
            (Stage::Ready(_), Goal::Playing) => self.send(now, RequestKind::Play),
            (Stage::Playing(_), Goal::Playing) if self.seek.is_none() && !self.must_change_speed() => {}
            (Stage::Playing(_), Goal::Playing | Goal::Ready) => self.send(now, RequestKind::Pause),
        }
    }

    fn connect(&mut self, now: Instant) {
        self.stage = Stage::Connecting { deadline: now + self.options.response_timeout };
        // Encrypted packets over UDP (SRTP, RFC 3711) are not supported, and others would not be encrypted.
        match self.url.is_tls() && self.options.transport == TransportPreference::Udp {
            true => self.fail(SessionError::UdpOverTls),
            false => self.core.connect(self.url.host(), self.url.port(), self.url.is_tls()),
        }
    }

    fn choose_transport(&mut self, now: Instant) {
        let Stage::Described(presentation) = std::mem::replace(&mut self.stage, Stage::Closed) else {
            return;
        };
        let is_tcp_chosen = self.options.transport == TransportPreference::Tcp;
        if self.url.is_tls() || is_tcp_chosen || self.has_fallen_back {
            let channels = ChannelPair { rtp: 0, rtcp: 1 };
            let transport = Transport { interleaved: Some(channels), ..Transport::tcp() };
            self.stage = Stage::ReadyToSetUp(presentation, transport);
            self.advance(now);
        } else {
            self.stage = Stage::OpeningPorts(presentation);
            self.core.open_ports(self.options.rtp_port);
        }
    }

    pub(super) fn send(&mut self, now: Instant, kind: RequestKind) {
        let range = if kind == RequestKind::Play { self.next_range() } else { None };
        self.send_request(now, kind, range, 0);
    }

    /// Sends a request. `previous_attempts` is the number of times that it was sent with an Authorization header
    /// before.
    pub(super) fn send_request(
        &mut self,
        now: Instant,
        kind: RequestKind,
        range: Option<NptRange>,
        previous_attempts: u32,
    ) {
        let cseq = self.core.take_cseq();
        let scale = if kind == RequestKind::Play { self.next_scale() } else { None };
        let mut request = self.build_request(kind, cseq, range);
        if let Some(scale) = scale {
            request = request.with_header(header::SCALE, scale.to_string());
        }
        let authorization = self.authorization.value(request.method.as_str(), &request.uri);
        let auth_attempts = previous_attempts + u32::from(authorization.is_some());
        if let Some(authorization) = authorization {
            request = request.with_header(header::AUTHORIZATION, authorization);
        }
        let deadline = now + self.options.response_timeout;
        self.in_flight = Some(InFlight { kind, cseq, deadline, range, scale, auth_attempts });
        self.last_request = Some(now);
        self.core.send_request(request.method.clone(), request.encode());
    }

    /// Returns the Range of the next PLAY; `None` if it continues after PAUSE, or if the stream is live.
    fn next_range(&mut self) -> Option<NptRange> {
        let Stage::Ready(established) = &self.stage else { return None };
        match (self.seek.take(), established.play_from) {
            (Some(position), _) if !established.presentation.is_live() => {
                Some(NptRange::starting_at(position))
            }
            (None, PlayFrom::Beginning) if !established.presentation.is_live() => {
                Some(NptRange::starting_at(Npt::ZERO))
            }
            (_, PlayFrom::Beginning | PlayFrom::PausedPosition) => None,
        }
    }

    fn build_request(&self, kind: RequestKind, cseq: u32, range: Option<NptRange>) -> Request {
        let mut request = Request::new(kind.method(self.supports_get_parameter), self.request_url(kind))
            .with_header(header::CSEQ, cseq.to_string())
            .with_header(header::USER_AGENT, PRODUCT);
        match (kind, &self.stage) {
            (RequestKind::Describe | RequestKind::RefreshDescription, _) => {
                request = request.with_header(header::ACCEPT, "application/sdp");
                if self.options.retransmission && self.may_use_udp() {
                    request = request.with_header(header::X_REELAY_RETRANSMISSION, "1");
                }
                if let Some(layout) = self.options.fec.filter(|_| self.may_use_udp()) {
                    request = request.with_header(header::X_REELAY_FEC, layout.to_string());
                }
            }
            (RequestKind::SetUp, Stage::ReadyToSetUp(presentation, transport)) => {
                let jpeg_header = presentation.offers_jpeg_header;
                let is_udp = transport.lower_transport == LowerTransport::Udp;
                let has_feedback =
                    is_udp && self.options.retransmission && presentation.retransmission().is_some();
                // Earlier versions of Reelay's server ignore the second parameter.
                let jpeg_restart = jpeg_header;
                let transport = Transport { jpeg_header, jpeg_restart, has_feedback, ..transport.clone() };
                request = request.with_header(header::TRANSPORT, transport.to_string());
            }
            _ => {}
        }
        if let Stage::Ready(established) | Stage::Playing(established) = &self.stage
            && let Some(session) = &established.session
        {
            request = request.with_header(header::SESSION, session.id.clone());
        }
        match range {
            Some(range) => request.with_header(header::RANGE, range.to_string()),
            None => request,
        }
    }

    /// Returns true if packets may travel over UDP.
    fn may_use_udp(&self) -> bool {
        let is_tcp = self.options.transport == TransportPreference::Tcp || self.has_fallen_back;
        !is_tcp && !self.url.is_tls()
    }

    fn request_url(&self, kind: RequestKind) -> String {
        match (&self.stage, kind) {
            (Stage::ReadyToSetUp(presentation, _), _) => presentation.stream_url.clone(),
            (_, RequestKind::RefreshDescription) => self.url.to_string(),
            (Stage::Ready(established) | Stage::Playing(established), _) => {
                established.presentation.aggregate_url.clone()
            }
            _ => self.url.to_string(),
        }
    }
}

impl RequestKind {
    pub(super) fn method(self, supports_get_parameter: bool) -> Method {
        match self {
            Self::Options => Method::Options,
            Self::Describe | Self::RefreshDescription => Method::Describe,
            Self::SetUp => Method::Setup,
            Self::Play => Method::Play,
            Self::Pause => Method::Pause,
            Self::Teardown => Method::Teardown,
            Self::KeepAlive if supports_get_parameter => Method::GetParameter,
            Self::KeepAlive => Method::Options,
        }
    }
}
