//! Client of cameras over HTTP: requests, reception, and missing data. Sans-I/O.

mod actions;
mod data_timeout;

use std::time::Instant;

use bytes::Bytes;

use super::error::HttpError;
use super::machine::{BodyUse, HttpAction, HttpMachine};
use super::receiver::HttpFrameReceiver;
use crate::impairment::RawPacket;
use crate::media::multipart::{MultipartReader, PartEvent, PartFrame, parse_time};
use crate::proto::http::{BodyReader, HeadError, HeadReader, HttpUrl, MediaType, ResponseHead};
use crate::proto::mistake::Mistake;
use crate::proto::rtsp::Npt;
use crate::session::events::{ClientOutput, NetworkPath};
use crate::session::logged_message::Direction;
use crate::session::machine::Machine as _;
use crate::session::options::ClientOptions;
use crate::session::pipeline::Pipeline;
use crate::session::protocol::Protocol;
use crate::session::state::RtspState;
use crate::stats::Snapshot;

/// Client of cameras that send Motion JPEG over HTTP, which is driven as a [`Client`](crate::session::Client).
#[derive(Debug)]
pub struct HttpClient {
    machine: HttpMachine,
    pipeline: Pipeline<HttpFrameReceiver>,
    inbound: Inbound,
    /// SSRC for the emulated network.
    ssrc: u32,
    is_local: bool,
    /// True once missing data was reported as an error, since data arrived last.
    has_reported_no_data: bool,
    /// True once missing data was taken for a broken connection, since data arrived last.
    has_stalled: bool,
    /// True once unusable frames were reported as an error.
    has_reported_unusable: bool,
    /// Names in the last part header that was reported as a message.
    reported_part: Option<String>,
    /// Number of part headers that were reported as messages in this body.
    reported_parts: u32,
    /// Status code of the last response.
    last_status: Option<u16>,
    /// The server has shown that the stream is live.
    is_live: bool,
    /// True if a close between two frames ends a stream that is not live.
    ends_at_close: bool,
}

/// Bytes that are expected on the connection.
#[derive(Debug, Default)]
enum Inbound {
    /// None: no request has been sent.
    #[default]
    Nothing,
    /// The head of a response.
    Head(HeadReader),
    /// The body of a response; `parts` is `None` if it is of no interest.
    Body { body: BodyReader, parts: Option<Box<MultipartReader>> },
}

/// Maximum number of part headers that are reported as messages for one response. Further ones differ from those in
/// their values only.
const MAX_REPORTED_PARTS: u32 = 8;

impl HttpClient {
    /// Creates a client without a connection.
    pub fn new(url: HttpUrl, options: ClientOptions) -> Self {
        Self {
            pipeline: Pipeline::new(&options),
            machine: HttpMachine::new(url, options.stream),
            is_live: false,
            ends_at_close: options.stream.http.ends_at_close,
            inbound: Inbound::Nothing,
            ssrc: options.rtcp_identity.ssrc,
            is_local: false,
            has_reported_no_data: false,
            has_stalled: false,
            has_reported_unusable: false,
            reported_part: None,
            reported_parts: 0,
            last_status: None,
        }
    }
}

impl Protocol for HttpClient {
    type Machine = HttpMachine;
    type Receiver = HttpFrameReceiver;

    const SCHEME: &'static str = "http";

    fn parts(&self) -> (&HttpMachine, &Pipeline<HttpFrameReceiver>) {
        (&self.machine, &self.pipeline)
    }

    fn parts_mut(&mut self) -> (&mut HttpMachine, &mut Pipeline<HttpFrameReceiver>) {
        (&mut self.machine, &mut self.pipeline)
    }

    fn add_to(&mut self, now: Instant, snapshot: &mut Snapshot) {
        if let Some(receiver) = &mut self.pipeline.receiver {
            receiver.add_to(now, snapshot);
        }
        snapshot.is_one_clock = self.is_local;
        snapshot.emulated = self.pipeline.emulator.link_stats();
    }

    fn set_network_path(&mut self, network_path: NetworkPath) {
        self.is_local = network_path.is_local;
    }

    fn handle_connecting(&mut self) {
        self.inbound = Inbound::Nothing;
    }

    fn handle_connection_lost(&mut self, now: Instant, reason: Option<String>) {
        let inbound = std::mem::take(&mut self.inbound);
        match inbound {
            Inbound::Body { body, parts } if body.ends_with_connection() => {
                let is_clean = reason.is_none() && self.is_film_end(parts.as_deref());
                self.finish_body(now, parts, is_clean);
            }
            _ => self.machine.handle_connection_lost(now, reason),
        }
    }

    fn handle_bytes(&mut self, now: Instant, bytes: &Bytes) {
        let mut input = bytes.clone();
        while !input.is_empty() && self.read(now, &mut input) {
            self.perform_actions(now);
        }
        // The head of the first response sets the stream up, and its bytes count too.
        if let Some(receiver) = &mut self.pipeline.receiver {
            receiver.record_bytes(now, bytes.len());
        }
    }

    fn handle_packet(&mut self, now: Instant, RawPacket { bytes, .. }: RawPacket) {
        let receiver = self.pipeline.receiver.as_mut();
        if let Some(frame) = receiver.and_then(|receiver| receiver.handle_packet(&bytes)) {
            self.receive_frame(now, frame);
        }
    }

    fn handle_request_timeout(&mut self, now: Instant) {
        self.machine.handle_timeout(now);
    }

    fn poll_protocol_timeout(&self) -> Option<Instant> {
        self.machine.poll_timeout().into_iter().chain(self.poll_data_timeout()).min()
    }

    fn perform(&mut self, now: Instant, action: HttpAction) {
        match action {
            HttpAction::Poll(request) => {
                self.expect_response();
                self.outputs().push(ClientOutput::Write(request));
            }
            HttpAction::SetUp(presentation) => self.handle_set_up(*presentation),
            HttpAction::Started { requested_at } => self.handle_started(now, requested_at),
            HttpAction::Paused => self.handle_paused(now),
            // The last frame is still to be shown.
            HttpAction::Ended => self.pipeline.is_closed_by_server = true,
            HttpAction::Reconnecting(reason) => self.handle_reconnecting(now, reason),
        }
    }

    fn handle_request_sent(&mut self) {
        self.expect_response();
    }

    fn handle_closed(&mut self, now: Instant) {
        self.inbound = Inbound::Nothing;
        self.pipeline.close(now);
    }

    /// Returns no position: a live stream has none.
    fn handle_frame_shown(&mut self, _timestamp: i64) -> Option<Npt> {
        None
    }

    fn check_stream(&mut self, now: Instant) {
        self.check_end(now);
        self.check_data_timeout(now);
        self.check_unusable_frames();
    }

    fn finish_stream(&mut self, now: Instant) -> Option<Npt> {
        self.pipeline.is_closed_by_server = false;
        self.pipeline.stop(now);
        self.machine.handle_stream_end(now);
        None
    }
}

/// Bytes that arrive on the connection.
impl HttpClient {
    /// Reads from the front of `input`. Returns false if nothing more is to be read.
    fn read(&mut self, now: Instant, input: &mut Bytes) -> bool {
        match &mut self.inbound {
            Inbound::Nothing => {
                tracing::debug!(bytes = input.len(), "ignoring bytes without a request");
                false
            }
            Inbound::Head(reader) => {
                reader.push(&std::mem::take(input));
                let head = reader.poll();
                if let Ok(Some(_)) = &head {
                    *input = reader.take_rest();
                }
                self.handle_head(now, head)
            }
            Inbound::Body { .. } => self.read_body(now, input),
        }
    }

    fn read_body(&mut self, now: Instant, input: &mut Bytes) -> bool {
        let Inbound::Body { body, parts } = &mut self.inbound else { return false };
        let decoded = match body.decode(input) {
            Ok(decoded) => decoded,
            Err(problem) => {
                self.inbound = Inbound::Nothing;
                let server = self.machine.host_and_port();
                self.machine.handle_unreadable(HttpError::Body { server, problem });
                return false;
            }
        };
        let is_complete = body.is_complete();
        if let (Some(decoded), Some(parts)) = (&decoded, parts) {
            parts.push(decoded);
            self.handle_parts(now);
        }
        if is_complete && let Inbound::Body { parts, .. } = std::mem::take(&mut self.inbound) {
            self.finish_body(now, parts, true);
        }
        decoded.is_some() || is_complete
    }

    /// Handles the end of a body. `is_clean` is false if the end of the connection is also that of the body.
    fn finish_body(&mut self, now: Instant, parts: Option<Box<MultipartReader>>, is_clean: bool) {
        let is_in_part = parts.as_ref().is_some_and(|parts| parts.is_in_part());
        // The delimiter after the last part says that the stream has ended, although the length of the body is unknown.
        let is_clean = is_clean || parts.as_ref().is_some_and(|parts| parts.is_closed());
        if let Some(mut parts) = parts {
            parts.finish();
            self.drain_parts(now, &mut parts);
        }
        self.perform_actions(now);
        match is_in_part && !is_clean && !self.machine.is_polled() {
            true => self.machine.handle_connection_lost(now, None),
            false => self.machine.handle_body_end(now, is_clean),
        }
    }

    /// Returns true if a connection that the server has closed is the end of a film.
    fn is_film_end(&self, parts: Option<&MultipartReader>) -> bool {
        let has_frames =
            self.pipeline.receiver.as_ref().is_some_and(|receiver| receiver.frames_complete() > 0);
        let is_between = parts.is_some_and(|parts| !parts.is_in_part());
        self.ends_at_close && !self.is_live && !self.machine.is_polled() && has_frames && is_between
    }

    /// Prepares for the response to a request.
    fn expect_response(&mut self) {
        self.inbound = Inbound::Head(HeadReader::default());
    }

    fn handle_head(&mut self, now: Instant, head: Result<Option<(ResponseHead, Bytes)>, HeadError>) -> bool {
        let (head, bytes) = match head {
            Ok(Some(head)) => head,
            Ok(None) => return false,
            Err(problem) => {
                self.inbound = Inbound::Nothing;
                let server = self.machine.host_and_port();
                self.machine.handle_unreadable(HttpError::NotHttp { server, problem });
                return false;
            }
        };
        let was_polled = self.machine.is_polled() && self.machine.status().state == RtspState::Playing;
        let use_of_body = self.machine.handle_response(now, &head);
        // Of snapshots that are polled, only the first response and those that differ are reported.
        if !(was_polled && self.last_status.replace(head.status) == Some(head.status)) {
            self.emit_message(now, Direction::ServerToClient, &bytes);
        }
        self.last_status = Some(head.status);
        let has_started = self.start_body(&head, use_of_body);
        if let Inbound::Body { body, .. } = &self.inbound
            && body.is_complete()
            && let Inbound::Body { parts, .. } = std::mem::take(&mut self.inbound)
        {
            // The body is empty.
            self.finish_body(now, parts, true);
        }
        has_started
    }

    fn start_body(&mut self, head: &ResponseHead, use_of_body: BodyUse) -> bool {
        let body = match (use_of_body, BodyReader::new(head)) {
            // The action that sends the next request prepares for its response.
            (BodyUse::Close, _) => {
                self.inbound = Inbound::Nothing;
                return false;
            }
            (BodyUse::None, _) => return true,
            (_, Ok(body)) => body,
            (_, Err(problem)) => {
                self.inbound = Inbound::Nothing;
                let server = self.machine.host_and_port();
                self.machine.handle_unreadable(HttpError::Body { server, problem });
                return false;
            }
        };
        self.is_live = head.forbids_caching();
        let media_type = MediaType::parse(head.get("Content-Type").unwrap_or_default());
        let parts = (use_of_body == BodyUse::Frames).then(|| {
            let parts = MultipartReader::new(media_type.boundary.as_deref(), media_type.is_multipart());
            let time = head.get("X-Timestamp").filter(|_| self.machine.is_polled());
            Box::new(parts.with_time(time.and_then(|time| parse_time("x-timestamp", time))))
        });
        (self.reported_part, self.reported_parts) = (None, 0);
        self.inbound = Inbound::Body { body, parts };
        true
    }

    fn handle_parts(&mut self, now: Instant) {
        let Inbound::Body { parts: Some(parts), .. } = &mut self.inbound else { return };
        let mut parts = std::mem::replace(parts, Box::new(MultipartReader::new(None, false)));
        self.drain_parts(now, &mut parts);
        if let Inbound::Body { parts: Some(slot), .. } = &mut self.inbound {
            *slot = parts;
        }
    }

    fn drain_parts(&mut self, now: Instant, parts: &mut MultipartReader) {
        while let Some(event) = parts.poll_event() {
            match event {
                PartEvent::Header(text) => self.report_part(now, &text),
                PartEvent::Frame(frame) => {
                    self.machine.count_frame();
                    self.handle_frame(now, frame);
                }
                PartEvent::Mistake(mistake, place) => self.pipeline.mistakes.record(now, mistake, &place),
                PartEvent::Unusable(reason) => {
                    if let Some(receiver) = &mut self.pipeline.receiver {
                        receiver.record_unusable(reason);
                    }
                }
            }
        }
    }

    /// Reports the header of a part as a message: the first one of a response, and those with other names in them.
    fn report_part(&mut self, now: Instant, text: &str) {
        let names: String =
            text.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
        let is_known = self.reported_part.as_ref() == Some(&names);
        let is_silent = self.machine.is_polled() || self.reported_parts >= MAX_REPORTED_PARTS;
        if !is_known && !is_silent {
            self.reported_part = Some(names);
            self.reported_parts += 1;
            self.emit_message(now, Direction::ServerToClient, text.trim_start().as_bytes());
        }
    }

    /// Passes a frame through the emulated network, if there is one.
    fn handle_frame(&mut self, now: Instant, frame: PartFrame) {
        let is_emulated = self.pipeline.emulator.is_on();
        let Some(receiver) = &mut self.pipeline.receiver else { return };
        if !is_emulated && !receiver.has_frames_in_flight() {
            return self.receive_frame(now, frame);
        }
        for packet in receiver.packetize(&frame) {
            self.send_to_emulator(now, packet);
        }
    }

    fn receive_frame(&mut self, now: Instant, frame: PartFrame) {
        let Some(receiver) = &mut self.pipeline.receiver else { return };
        let sender_time = frame.time;
        // Cameras state the time of day. A saved stream does too, and then it is not known to be a film.
        self.is_live |= sender_time.is_some();
        let had_given_up = receiver.has_given_up_sender_times();
        let timestamp = receiver.receive(now, frame);
        if !had_given_up && receiver.has_given_up_sender_times() {
            self.pipeline.mistakes.record(now, Mistake::UnusablePartTimes, "");
        }
        if let (Some(timestamp), Some(time)) = (timestamp, sender_time) {
            self.measure_delay(now, timestamp, time);
        }
        self.show_first_frame();
        self.machine.handle_frame();
    }
}
