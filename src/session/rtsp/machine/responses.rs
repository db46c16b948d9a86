//! PURE. What the answers mean.

use std::time::Instant;

use super::{
    Established, Goal, InFlight, Machine, Output, Stage, Start, Step, TransportChoice, Whence,
    server_requests,
};
use crate::proto::rtsp::{
    Factor, Lower, Method, NptRange, Response, RtpInfo, SessionHeader, Status as Code, Transport, header,
};
use crate::session::error::Failure;
use crate::session::presentation::Presentation;
use crate::session::rtsp::authorization::Verdict;
use crate::session::rtsp::retry::Retry;

impl Machine {
    /// An answer has come.
    pub fn response(&mut self, now: Instant, response: &Response) {
        // One that is not to the request in flight is late; one without a number can only be to it.
        let is_ours =
            |in_flight: &mut InFlight| response.headers.cseq().is_none_or(|cseq| cseq == in_flight.cseq);
        if response.status.code() < 200 {
            return;
        }
        let Some(in_flight) = self.in_flight.take_if(is_ours) else { return };
        if response.status == Code::UNAUTHORIZED {
            return self.challenged(now, &in_flight, response);
        }
        if server_requests::leads_elsewhere(response.status)
            && matches!(in_flight.step, Step::Options | Step::Describe | Step::SetUp)
        {
            let method = in_flight.step.method(self.knows_get_parameter);
            return self.redirected(now, method, response);
        }
        let InFlight { step, range, .. } = in_flight;
        let refusal = (!response.status.is_success()).then(|| Failure::Refused {
            method: step.method(self.knows_get_parameter),
            status: response.status,
            reason: response.reason.clone(),
        });
        match step {
            Step::Options => self.greeted(response),
            Step::Describe => self.described(now, response, refusal),
            Step::SetUp => self.set_up(now, response, refusal),
            Step::Play => self.played(now, response, range, refusal),
            Step::Pause => self.paused(now, response, refusal),
            Step::Teardown => self.torn_down(),
            Step::SignOfLife => self.heard_of(now, refusal),
            Step::Refresh => self.refreshed(response),
        }
        self.advance(now);
    }

    /// The server wants to know who asks.
    fn challenged(&mut self, now: Instant, asked: &InFlight, response: &Response) {
        match self.authorization.challenged(response, asked.answers) {
            Verdict::Answerable => self.send_with(now, asked.step, asked.range, asked.answers),
            Verdict::Unknown if asked.step == Step::Options => {
                self.stage = Stage::Greeted;
                self.advance(now);
            }
            Verdict::Unknown => self.fail(Failure::Unauthorized { was_refused: false }),
            Verdict::Refused => self.fail(Failure::Unauthorized { was_refused: true }),
            Verdict::Unreadable => {
                let method = asked.step.method(self.knows_get_parameter);
                let what = "it asks for a password in a way that is neither Basic nor Digest".to_owned();
                self.fail(Failure::BadAnswer { method, what });
            }
        }
    }

    /// OPTIONS may be refused: it was only a greeting.
    fn greeted(&mut self, response: &Response) {
        let public = response.headers.get_list(header::PUBLIC).unwrap_or_default();
        let get_parameter = Method::GetParameter;
        self.knows_get_parameter = public.split(',').any(|method| method.trim() == get_parameter.as_str());
        self.stage = Stage::Greeted;
    }

    fn described(&mut self, now: Instant, response: &Response, refusal: Option<Failure>) {
        match refusal.map_or_else(|| Presentation::read(response, &self.url), Err) {
            Ok(presentation) => {
                self.outputs.push_back(Output::Described(presentation.clone()));
                self.stage = Stage::Described(presentation);
            }
            Err(failure) => self.refused_on_the_way(now, response.status, failure),
        }
    }

    /// There is no session yet. A server that has just been started again may not know its streams, nor have room.
    fn refused_on_the_way(&mut self, now: Instant, status: Code, failure: Failure) {
        match self.retry.is_under_way() && (status == Code::NOT_FOUND || status.code() >= 500) {
            true => self.lose(now, failure),
            false => self.fail(failure),
        }
    }

    fn refreshed(&mut self, response: &Response) {
        let Ok(fresh) = Presentation::read(response, &self.url) else { return };
        if let Stage::Ready(established) | Stage::Playing(established) = &mut self.stage {
            established.presentation.range = fresh.range;
            self.outputs.push_back(Output::Described(established.presentation.clone()));
        }
    }

    fn set_up(&mut self, now: Instant, response: &Response, refusal: Option<Failure>) {
        let Stage::Addressed(presentation, asked) = std::mem::replace(&mut self.stage, Stage::Connected)
        else {
            return;
        };
        if let Some(refusal) = refusal {
            let no_datagrams = response.status == Code::UNSUPPORTED_TRANSPORT && asked.lower == Lower::Udp;
            if no_datagrams && self.options.transport == TransportChoice::Auto {
                self.fell_back = true;
                self.stage = Stage::Described(presentation);
                return;
            }
            return self.refused_on_the_way(now, response.status, refusal);
        }
        let answer = response.headers.get(header::TRANSPORT).map(Transport::parse_all).unwrap_or_default();
        let agreed = answer.into_iter().next().unwrap_or_else(|| asked.clone());
        let bad_answer = |what: &str| Failure::BadAnswer { method: Method::Setup, what: what.to_owned() };
        if agreed.lower != asked.lower {
            return self.fail(bad_answer("it chose a transport that was not asked for"));
        }
        match response.headers.get(header::SESSION).and_then(SessionHeader::parse) {
            None => self.fail(bad_answer("it names no session")),
            Some(session) => {
                let interleaved = agreed.interleaved.or(asked.interleaved);
                let client_port = asked.client_port;
                self.outputs.push_back(Output::SetUp(Transport { interleaved, client_port, ..agreed }));
                // Where it is to play, the server is found again when it does.
                if self.goal != Goal::Playing {
                    self.retry = Retry::default();
                }
                self.stage = Stage::Ready(Established { presentation, session, from: Whence::Beginning });
            }
        }
    }

    fn played(
        &mut self,
        now: Instant,
        response: &Response,
        asked: Option<NptRange>,
        refusal: Option<Failure>,
    ) {
        let Stage::Ready(established) = std::mem::replace(&mut self.stage, Stage::Connected) else { return };
        let goes_on = asked.is_none() && established.from == Whence::Here;
        if let Some(refusal) = refusal {
            self.seek = asked.and_then(|range| range.start);
            return self.refused_in_session(now, refusal, Stage::Ready(established), Goal::Ready);
        }
        let range = response.headers.get(header::RANGE).and_then(|value| NptRange::parse(value).ok());
        let info = response.headers.get_list(header::RTP_INFO).unwrap_or_default();
        let info = RtpInfo::parse_all(&info);
        let scale = response.headers.get(header::SCALE).and_then(|value| Factor::parse(value).ok());
        let stream_url = &established.presentation.stream_url;
        let ours = info.iter().find(|entry| entry.url == *stream_url).or(info.first());
        let mut range = range.or(asked).unwrap_or_default();
        // What the description says of the end holds where the answer says nothing.
        range.end = range.end.or(established.presentation.range.and_then(|whole| whole.end));
        self.outputs.push_back(Output::Started(Start {
            range,
            sequence: ours.and_then(|entry| entry.sequence),
            rtptime: ours.and_then(|entry| entry.rtptime),
            scale: scale.unwrap_or_default(),
            goes_on,
        }));
        self.retry = Retry::default();
        self.redirections = 0;
        self.stage = Stage::Playing(established);
    }

    fn paused(&mut self, now: Instant, response: &Response, refusal: Option<Failure>) {
        let established = match std::mem::replace(&mut self.stage, Stage::Connected) {
            Stage::Playing(established) => established,
            // The stream ended while the request was in flight.
            other => return self.stage = other,
        };
        match refusal {
            // The stream ended before the request arrived, and the word of it is lost or on its way.
            Some(_) if response.status == Code::METHOD_NOT_VALID_IN_STATE => {
                self.outputs.push_back(Output::Paused { seeks: self.seek.is_some() });
                self.stage = Stage::Ready(Established { from: Whence::Beginning, ..established });
            }
            Some(refusal) => {
                self.refused_in_session(now, refusal, Stage::Playing(established), Goal::Playing)
            }
            None => {
                self.outputs.push_back(Output::Paused { seeks: self.seek.is_some() });
                self.stage = Stage::Ready(Established { from: Whence::Here, ..established });
            }
        }
    }

    /// A request of a session was refused: the session stays as it was, unless the server does not know it any more.
    fn refused_in_session(&mut self, now: Instant, refusal: Failure, stage: Stage, goal: Goal) {
        self.stage = stage;
        if is_of_no_session(&refusal) {
            return self.lose(now, refusal);
        }
        self.seek = None;
        // Stopping is still possible, and still wanted.
        if self.goal != Goal::Stopped {
            self.goal = goal;
        }
        self.outputs.push_back(Output::Failed(refusal));
    }

    /// Whatever the server says to TEARDOWN, the session is over.
    pub(super) fn torn_down(&mut self) {
        let goal = self.goal;
        if let Some(restart) = self.restart.take().filter(|_| goal != Goal::Stopped) {
            return self.begin_again(restart);
        }
        self.close();
        // The user may have pressed Play since.
        self.goal = goal;
    }

    fn heard_of(&mut self, now: Instant, refusal: Option<Failure>) {
        if let Some(refusal) = refusal.filter(is_of_no_session) {
            self.lose(now, refusal);
        }
    }
}

/// The server has forgotten the session, as one does that was restarted.
fn is_of_no_session(refusal: &Failure) -> bool {
    matches!(refusal, Failure::Refused { status: Code::SESSION_NOT_FOUND, .. })
}
