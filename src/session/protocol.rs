//! Parts in which clients differ, and everything around them that is the same for all protocols. Sans-I/O.

use std::fmt;
use std::time::Instant;

use bytes::Bytes;

use super::client::Client;
use super::data_timeout::RESUMED_READ_TIME;
use super::error::SessionError;
use super::events::{
    ClientInput, ClientOutput, NetworkPath, OutputQueue, SessionCommand, SessionEvent, TlsProblem,
};
use super::logged_message::Direction;
use super::machine::{Action, Machine};
use super::pipeline::Pipeline;
use super::rtp::frame_receiver::FrameReceiver;
use super::state::{Goal, SessionStatus};
use crate::impairment::{PacketKind, RawPacket};
use crate::net::clock_check::ClockJump;
use crate::proto::rtcp::Epoch;
use crate::proto::rtsp::{Factor, Method, Npt};
use crate::stats::{PacketLog, Snapshot};

/// Action that the state machine of a protocol alone asks for.
pub type ProtocolAction<P> = <<P as Protocol>::Machine as Machine>::Action;

/// Part of a client that depends on its protocol. Each implementation is a [`Client`].
pub trait Protocol: fmt::Debug + Send {
    /// State machine of requests and responses.
    type Machine: Machine;
    /// Receiver that turns packets into frames.
    type Receiver: FrameReceiver;

    /// True if the protocol has RTCP; otherwise datagrams on the RTCP port are ignored.
    const HAS_RTCP: bool = false;

    /// Scheme of URLs without encryption; with an `s` after it, that of encrypted ones.
    const SCHEME: &'static str = "rtsp";

    /// Returns the state machine and the stages of the media.
    fn parts(&self) -> (&Self::Machine, &Pipeline<Self::Receiver>);

    /// Returns the state machine and the stages of the media.
    fn parts_mut(&mut self) -> (&mut Self::Machine, &mut Pipeline<Self::Receiver>);

    /// Adds the figures of the receiver and of the network at `now`. Not called before SETUP.
    fn add_to(&mut self, now: Instant, snapshot: &mut Snapshot);

    /// Continues at another position. Protocols without positions ignore it.
    fn seek(&mut self, _now: Instant, _position: Npt) {}

    /// Plays at another speed. Protocols without one ignore it.
    fn set_speed(&mut self, _now: Instant, _speed: Factor) {}

    /// Informs the server that its packets are no longer received, before the session is torn down.
    fn send_bye(&mut self, _now: Instant) {}

    /// Sets the reading of both clocks from which times on the wall clock count. Protocols without RTCP ignore it.
    fn set_epoch(&mut self, _epoch: Epoch) {}

    /// Prepares for the bytes of a new connection.
    fn handle_connecting(&mut self) {}

    /// Stores addresses and IP version of the open connection.
    fn set_network_path(&mut self, _network_path: NetworkPath) {}

    /// Handles a connection that could not be opened, for the given reason, or that was closed.
    fn handle_connection_lost(&mut self, now: Instant, reason: Option<String>);

    /// Handles bytes from the connection.
    fn handle_bytes(&mut self, now: Instant, bytes: &Bytes);

    /// Finds out whether an RTP packet was sent again, before it passes the emulated network. Only RTSP has such
    /// packets.
    fn classify(&self, packet: RawPacket) -> RawPacket {
        packet
    }

    /// Handles a packet that left the emulated network at `now`.
    fn handle_packet(&mut self, now: Instant, packet: RawPacket);

    /// Checks the deadlines of requests and responses.
    fn handle_request_timeout(&mut self, now: Instant);

    /// Returns the next deadline of the protocol.
    fn poll_protocol_timeout(&self) -> Option<Instant>;

    /// Prepares for the response to a request that is being written.
    fn handle_request_sent(&mut self) {}

    /// Performs an action of this protocol.
    fn perform(&mut self, now: Instant, action: ProtocolAction<Self>);

    /// Drops what an error makes obsolete, before it is reported.
    fn handle_failed(&mut self) {}

    /// Closes the stages of the media, before the end of the session is reported.
    fn handle_closed(&mut self, now: Instant);

    /// Handles a frame that is shown now. Returns its position, where that is known.
    fn handle_frame_shown(&mut self, timestamp: i64) -> Option<Npt>;

    /// Checks for the end of the stream, for missing data, and for reports that are due.
    fn check_stream(&mut self, now: Instant);

    /// Stops the stages of the media at the end of the stream and passes it to the machine. Returns the position of the
    /// end, if the stream was played up to it.
    fn finish_stream(&mut self, now: Instant) -> Option<Npt>;

    /// Ends the stream. Status and close events precede [`SessionEvent::Ended`], for callers that stop reading at the
    /// latter.
    fn end_stream(&mut self, now: Instant) {
        let end = self.finish_stream(now);
        self.perform_actions(now);
        if let Some(end) = end {
            self.outputs().emit(SessionEvent::EndReached(end));
        }
        self.outputs().emit(SessionEvent::Ended);
    }

    /// Returns the queue of outputs.
    fn outputs(&mut self) -> &mut OutputQueue {
        &mut self.parts_mut().1.outputs
    }

    /// Performs all actions that the state machine asks for.
    fn perform_actions(&mut self, now: Instant) {
        while let Some(action) = self.parts_mut().0.poll_action() {
            self.perform_action(now, action);
        }
        let (machine, pipeline) = self.parts_mut();
        pipeline.presenter.handle_status(now, &machine.status());
    }

    /// Performs one action that the state machine asks for.
    fn perform_action(&mut self, now: Instant, action: Action<ProtocolAction<Self>>) {
        match action {
            Action::Connect { host, port, is_tls } => {
                self.handle_connecting();
                self.outputs().push(ClientOutput::Connect { host, port, is_tls });
            }
            Action::Disconnect => self.outputs().push(ClientOutput::Disconnect),
            Action::OpenPorts(port) => self.outputs().push(ClientOutput::OpenPorts(port)),
            Action::SendRequest { method, bytes } => {
                if method == Method::Play {
                    self.parts_mut().1.presenter.stats.record_play_request(now);
                }
                self.handle_request_sent();
                self.write_message(now, bytes);
            }
            Action::Closed => {
                self.handle_closed(now);
                self.parts_mut().1.emit_last_mistakes();
                self.outputs().emit(SessionEvent::Closed);
            }
            Action::Failed(error) => {
                self.handle_failed();
                self.outputs().emit(SessionEvent::Failed(error));
            }
            Action::CountMistake(mistake, place) => self.parts_mut().1.mistakes.record(now, mistake, &place),
            Action::Protocol(action) => self.perform(now, action),
        }
    }

    /// Writes a request or response, and reports it to the user.
    fn write_message(&mut self, now: Instant, bytes: Bytes) {
        self.emit_message(now, Direction::ClientToServer, &bytes);
        self.outputs().push(ClientOutput::Write(bytes));
    }

    /// Reports a request or response to the user, with the state that it leaves the session in.
    fn emit_message(&mut self, now: Instant, direction: Direction, bytes: &[u8]) {
        let (machine, pipeline) = self.parts_mut();
        pipeline.outputs.emit_message(now, direction, bytes, machine.status().state);
    }

    /// Passes a packet through the emulated network.
    fn send_to_emulator(&mut self, now: Instant, packet: RawPacket) {
        if let Some(packet) = self.parts_mut().1.emulator.send(now, packet) {
            self.handle_packet(now, packet);
        }
        self.receive_from_emulator(now);
    }

    /// Handles the packets that leave the emulated network by `now`.
    fn receive_from_emulator(&mut self, now: Instant) {
        while let Some((at, packet)) = self.parts_mut().1.emulator.poll_packet(now) {
            self.handle_packet(at, packet);
        }
    }

    /// Handles a command of the user.
    fn handle_command(&mut self, now: Instant, command: SessionCommand) {
        let is_setting = matches!(
            command,
            SessionCommand::SetPlayoutDelay(_)
                | SessionCommand::SetShowsDamaged(_)
                | SessionCommand::SetSpeed(_)
        );
        if self.parts().1.is_closed_by_server && !is_setting {
            // The server has closed the connection after the last frame: there is nothing left to wait for.
            self.end_stream(now);
        }
        match command {
            SessionCommand::SetGoal(goal) => self.handle_goal(now, goal),
            SessionCommand::Seek(position) => self.seek(now, position),
            SessionCommand::SetSpeed(speed) => self.set_speed(now, speed),
            SessionCommand::SetPlayoutDelay(delay) => self.parts_mut().1.set_playout_delay(delay),
            SessionCommand::SetShowsDamaged(shows_damaged) => {
                self.parts_mut().1.presenter.set_shows_damaged(shows_damaged);
            }
        }
    }

    /// Handles a connection that could not be encrypted. Another attempt would fail as well, so none is made.
    fn handle_tls_failed(&mut self, problem: TlsProblem) {
        let scheme = Self::SCHEME;
        self.parts_mut().0.fail(match problem {
            TlsProblem::Untrusted(certificate) => SessionError::UntrustedCertificate(certificate),
            TlsProblem::Unusable { server, reason } => SessionError::UnusableCertificate { server, reason },
            TlsProblem::NotTls { server } => SessionError::NotTls { server, scheme },
        });
    }

    /// Passes the goal of the user to the state machine.
    fn handle_goal(&mut self, now: Instant, goal: Goal) {
        if goal == Goal::Stopped {
            // The screen stops at once, before the server has responded.
            self.parts_mut().1.presenter.clear();
            self.send_bye(now);
        }
        self.parts_mut().0.set_goal(now, goal);
    }

    /// Counts silence from `now`, and extends the deadline of a response, because the process was stopped and what has
    /// arrived meanwhile has not been read.
    fn handle_resumed(&mut self, now: Instant) {
        let (machine, pipeline) = self.parts_mut();
        pipeline.data_timeout.resume(now);
        if let Some(deadline) = machine.deadline_mut() {
            *deadline = (*deadline).max(now + RESUMED_READ_TIME);
        }
    }

    /// Handles a jump of a clock: a session that can be set up again is, because the server may have ended it. Delays
    /// count from the new reading in any case.
    fn handle_clock_jump(&mut self, now: Instant, jump: ClockJump, epoch: Epoch) {
        self.handle_resumed(now);
        self.set_epoch(epoch);
        let (machine, pipeline) = self.parts_mut();
        pipeline.presenter.set_epoch(epoch);
        if machine.handle_clock_jump(now, jump) {
            // Neither the silence nor the time that has passed says anything about the film.
            pipeline.stop(now);
        }
    }

    /// Does everything that follows from an input or a timeout.
    fn advance(&mut self, now: Instant) {
        self.perform_actions(now);
        self.present(now);
        self.check_stream(now);
        self.perform_actions(now);
        let (machine, pipeline) = self.parts_mut();
        pipeline.emit_mistakes(now);
        pipeline.outputs.emit_status(machine.status());
    }

    /// Moves frames through the jitter buffer to the screen.
    fn present(&mut self, now: Instant) {
        let pipeline = self.parts_mut().1;
        pipeline.collect_frames(now);
        if let Some(frame) = pipeline.presenter.poll_frame(now) {
            let position = self.handle_frame_shown(frame.timestamp);
            self.outputs().push(ClientOutput::Show { frame, position });
        }
    }
}

impl<P: Protocol> Client for P {
    fn handle_input(&mut self, now: Instant, input: ClientInput) {
        match input {
            ClientInput::Command(command) => self.handle_command(now, command),
            ClientInput::Connected(network_path) => {
                self.set_network_path(network_path);
                self.parts_mut().0.handle_connected(now);
            }
            ClientInput::ConnectionLost(reason) => self.handle_connection_lost(now, reason),
            ClientInput::TlsFailed(problem) => self.handle_tls_failed(problem),
            ClientInput::Received(bytes) => self.handle_bytes(now, &bytes),
            ClientInput::Ports(Ok(ports)) => self.parts_mut().0.handle_ports_opened(now, ports),
            ClientInput::Ports(Err(reason)) => self.parts_mut().0.handle_ports_failed(reason),
            ClientInput::Packet(RawPacket { kind: PacketKind::Rtcp, .. }) if !P::HAS_RTCP => {}
            ClientInput::Packet(packet) => {
                let packet = self.classify(packet);
                self.send_to_emulator(now, packet);
            }
            ClientInput::Resumed => self.handle_resumed(now),
            ClientInput::ClockJumped { jump, epoch } => self.handle_clock_jump(now, jump, epoch),
        }
        Protocol::advance(self, now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.handle_request_timeout(now);
        self.receive_from_emulator(now);
        if let Some(receiver) = &mut self.parts_mut().1.receiver {
            receiver.release(now);
        }
        Protocol::advance(self, now);
    }

    fn poll_output(&mut self) -> Option<ClientOutput> {
        self.outputs().pop()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.parts().1.poll_timeout().into_iter().chain(self.poll_protocol_timeout()).min()
    }

    fn status(&self) -> SessionStatus {
        self.parts().0.status()
    }

    fn snapshot(&mut self, now: Instant) -> Snapshot {
        let mut snapshot = Snapshot::default();
        if self.parts().1.receiver.is_some() {
            self.add_to(now, &mut snapshot);
            self.parts_mut().1.presenter.add_to(now, &mut snapshot);
        }
        snapshot
    }

    fn packet_log(&self) -> Option<&PacketLog> {
        self.parts().1.receiver.as_ref().map(P::Receiver::packet_log)
    }
}
