//! PURE. What is asked next, and in which words.

use std::time::Instant;

use super::{Goal, InFlight, Machine, Output, Stage, Step, TransportChoice, USER_AGENT, Whence};
use crate::proto::rtsp::{ChannelPair, Method, Npt, NptRange, Request, Transport, header};

impl Machine {
    pub(super) fn advance(&mut self, now: Instant) {
        if let Some(in_flight) = &self.in_flight {
            // The server holds nothing of ours yet, so nothing is lost by leaving.
            if self.goal == Goal::Stopped && matches!(in_flight.step, Step::Options | Step::Describe) {
                self.close();
            }
            return;
        }
        match (&self.stage, self.goal) {
            (Stage::Ready(_) | Stage::Playing(_), Goal::Stopped) => self.send(now, Step::Teardown),
            (_, Goal::Stopped) => self.close(),
            (Stage::Ready(_) | Stage::Playing(_), _) if self.restart.is_some() => {
                self.send(now, Step::Teardown)
            }
            (Stage::Away { .. }, _) => {}
            (Stage::Closed, _) => {
                self.stage = Stage::Connecting { deadline: now + self.options.patience };
                self.outputs.push_back(Output::Connect(self.url.clone()));
            }
            (Stage::Connecting { .. } | Stage::OpeningPorts(_), _) => {}
            (Stage::Connected, _) => self.send(now, Step::Options),
            (Stage::Greeted, _) => self.send(now, Step::Describe),
            (Stage::Described(_), _) => self.choose_address(now),
            (Stage::Addressed(..), _) => self.send(now, Step::SetUp),
            (Stage::Ready(_), Goal::Ready) => {}
            (Stage::Ready(_), Goal::Playing) => self.send(now, Step::Play),
            (Stage::Playing(_), Goal::Playing) if self.seek.is_none() => {}
            (Stage::Playing(_), Goal::Playing | Goal::Ready) => self.send(now, Step::Pause),
        }
    }

    fn choose_address(&mut self, now: Instant) {
        let Stage::Described(presentation) = std::mem::replace(&mut self.stage, Stage::Closed) else {
            return;
        };
        if self.options.transport == TransportChoice::Tcp || self.fell_back {
            let channels = ChannelPair { rtp: 0, rtcp: 1 };
            let transport = Transport { interleaved: Some(channels), ..Transport::tcp() };
            self.stage = Stage::Addressed(presentation, transport);
            self.advance(now);
        } else {
            self.stage = Stage::OpeningPorts(presentation);
            self.outputs.push_back(Output::OpenPorts(self.options.rtp_port));
        }
    }

    pub(super) fn send(&mut self, now: Instant, step: Step) {
        let range = if step == Step::Play { self.next_range() } else { None };
        self.send_with(now, step, range, 0);
    }

    /// Sends a request that has said so often already who asks.
    pub(super) fn send_with(&mut self, now: Instant, step: Step, range: Option<NptRange>, before: u32) {
        let cseq = self.next_cseq;
        self.next_cseq += 1;
        let mut request = self.request(step, cseq, range);
        let answer = self.authorization.answer(request.method.as_str(), &request.uri);
        let answers = before + u32::from(answer.is_some());
        if let Some(answer) = answer {
            request = request.with(header::AUTHORIZATION, answer);
        }
        let deadline = now + self.options.patience;
        self.in_flight = Some(InFlight { step, cseq, deadline, range, answers });
        self.last_request = Some(now);
        self.outputs.push_back(Output::Send(request));
    }

    /// The Range of the next PLAY; none where it goes on, or where there is nothing but now.
    fn next_range(&mut self) -> Option<NptRange> {
        let Stage::Ready(established) = &self.stage else { return None };
        match (self.seek.take(), established.from) {
            (Some(position), _) if !established.presentation.is_live() => Some(NptRange::from(position)),
            (None, Whence::Beginning) if !established.presentation.is_live() => {
                Some(NptRange::from(Npt::ZERO))
            }
            (_, Whence::Beginning | Whence::Here) => None,
        }
    }

    fn request(&self, step: Step, cseq: u32, range: Option<NptRange>) -> Request {
        let mut request = Request::new(step.method(self.knows_get_parameter), self.url_for(step))
            .with(header::CSEQ, cseq.to_string())
            .with(header::USER_AGENT, USER_AGENT);
        match (step, &self.stage) {
            (Step::Describe | Step::Refresh, _) => request = request.with(header::ACCEPT, "application/sdp"),
            (Step::SetUp, Stage::Addressed(presentation, transport)) => {
                let jpeg_header = presentation.offers_jpeg_header;
                let transport = Transport { jpeg_header, ..transport.clone() };
                request = request.with(header::TRANSPORT, transport.to_string());
            }
            _ => {}
        }
        if let Stage::Ready(established) | Stage::Playing(established) = &self.stage {
            request = request.with(header::SESSION, established.session.id.clone());
        }
        match range {
            Some(range) => request.with(header::RANGE, range.to_string()),
            None => request,
        }
    }

    fn url_for(&self, step: Step) -> String {
        match (&self.stage, step) {
            (Stage::Addressed(presentation, _), _) => presentation.stream_url.clone(),
            (_, Step::Refresh) => self.url.to_string(),
            (Stage::Ready(established) | Stage::Playing(established), _) => {
                established.presentation.aggregate_url.clone()
            }
            _ => self.url.to_string(),
        }
    }
}

impl Step {
    pub(super) fn method(self, knows_get_parameter: bool) -> Method {
        match self {
            Self::Options => Method::Options,
            Self::Describe | Self::Refresh => Method::Describe,
            Self::SetUp => Method::Setup,
            Self::Play => Method::Play,
            Self::Pause => Method::Pause,
            Self::Teardown => Method::Teardown,
            Self::SignOfLife if knows_get_parameter => Method::GetParameter,
            Self::SignOfLife => Method::Options,
        }
    }
}
