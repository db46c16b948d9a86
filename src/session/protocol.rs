//! What distinguishes one client from another; everything else stands here, once, for all of them.

use std::fmt;
use std::time::Instant;

use bytes::Bytes;

use super::client::Client;
use super::events::{ClientInput, ClientOutput, NetworkPath, SessionCommand};
use super::pipeline::{FrameReceiver, Pipeline};
use super::state::{Goal, SessionStatus};
use crate::impairment::{PacketKind, RawPacket};
use crate::proto::rtsp::{Npt, PortPair};
use crate::stats::{PacketLog, Snapshot};

/// The part of a client that depends on its protocol. Whatever implements it is a [`Client`].
pub trait Protocol: fmt::Debug + Send {
    /// From packets to frames.
    type Receiver: FrameReceiver;

    /// The protocol has RTCP. Datagrams on the RTCP port of one that has none are ignored.
    const HAS_RTCP: bool;

    /// The stages that all clients share.
    fn pipeline(&self) -> &Pipeline<Self::Receiver>;

    /// The stages that all clients share.
    fn pipeline_mut(&mut self) -> &mut Pipeline<Self::Receiver>;

    /// State, goal and the request in flight.
    fn session_status(&self) -> SessionStatus;

    /// The figures at `now`.
    fn session_snapshot(&mut self, now: Instant) -> Snapshot;

    /// Pursues a goal. For [`Goal::Stopped`] the screen has been told already.
    fn set_goal(&mut self, now: Instant, goal: Goal);

    /// Plays on from another position, where the protocol has positions.
    fn seek(&mut self, now: Instant, position: Npt);

    /// The connection is open.
    fn handle_connected(&mut self, now: Instant, network_path: NetworkPath);

    /// The connection could not be opened, for this reason, or was closed.
    fn handle_connection_lost(&mut self, now: Instant, reason: Option<String>);

    /// Bytes have arrived on the connection.
    fn handle_bytes(&mut self, now: Instant, bytes: &Bytes);

    /// The UDP ports are open, or cannot be had for this reason.
    fn handle_ports(&mut self, now: Instant, ports: Result<PortPair, String>);

    /// A packet has passed the emulated network at `now`.
    fn handle_packet(&mut self, now: Instant, packet: RawPacket);

    /// Time has passed for requests and responses.
    fn handle_request_timeout(&mut self, now: Instant);

    /// When the protocol has something to do next.
    fn poll_protocol_timeout(&self) -> Option<Instant>;

    /// Performs the next action that the state machine asks for; `false` if there is none.
    fn perform_next_action(&mut self, now: Instant) -> bool;

    /// The frame of this timestamp is shown: its position, where that is known.
    fn handle_frame_shown(&mut self, timestamp: i64) -> Option<Npt>;

    /// Looks for the end of the stream, for missing data, and for reports that are due.
    fn check_stream(&mut self, now: Instant);

    /// Ends what is played: the stream is at its end.
    fn end_stream(&mut self, now: Instant);

    /// Performs all actions that the state machine asks for.
    fn perform_actions(&mut self, now: Instant) {
        while self.perform_next_action(now) {}
        let status = self.session_status();
        self.pipeline_mut().presenter.handle_status(now, &status);
    }

    /// Passes a packet through the emulated network.
    fn send_to_emulator(&mut self, now: Instant, packet: RawPacket) {
        if let Some(packet) = self.pipeline_mut().emulator.send(now, packet) {
            self.handle_packet(now, packet);
        }
        self.receive_from_emulator(now);
    }

    /// Handles the packets that leave the emulated network by `now`.
    fn receive_from_emulator(&mut self, now: Instant) {
        while let Some((at, packet)) = self.pipeline_mut().emulator.poll_packet(now) {
            self.handle_packet(at, packet);
        }
    }

    /// Handles a wish of the user.
    fn handle_command(&mut self, now: Instant, command: SessionCommand) {
        let ends_stream =
            self.pipeline().is_closed_by_server && !matches!(command, SessionCommand::SetPlayoutDelay(_));
        if ends_stream {
            // There is no server any more to ask, and nothing to wait for.
            self.end_stream(now);
        }
        match command {
            SessionCommand::SetGoal(goal) => {
                if goal == Goal::Stopped {
                    // The screen obeys before the server does.
                    self.pipeline_mut().presenter.jitter_buffer.clear();
                }
                self.set_goal(now, goal);
            }
            SessionCommand::Seek(position) => self.seek(now, position),
            SessionCommand::SetPlayoutDelay(delay) => self.pipeline_mut().set_playout_delay(delay),
        }
    }

    /// Does everything that follows from an input or a timeout.
    fn advance(&mut self, now: Instant) {
        self.perform_actions(now);
        self.present(now);
        self.check_stream(now);
        self.perform_actions(now);
        let status = self.session_status();
        self.pipeline_mut().outputs.emit_status(status);
    }

    /// Moves frames through the jitter buffer to the screen.
    fn present(&mut self, now: Instant) {
        self.pipeline_mut().collect_frames();
        if let Some(frame) = self.pipeline_mut().presenter.poll_frame(now) {
            let position = self.handle_frame_shown(frame.timestamp);
            self.pipeline_mut().outputs.push(ClientOutput::Show { frame, position });
        }
    }
}

impl<P: Protocol> Client for P {
    fn handle_input(&mut self, now: Instant, input: ClientInput) {
        match input {
            ClientInput::Command(command) => self.handle_command(now, command),
            ClientInput::Connected(path) => self.handle_connected(now, path),
            ClientInput::ConnectionLost(reason) => self.handle_connection_lost(now, reason),
            ClientInput::Received(bytes) => self.handle_bytes(now, &bytes),
            ClientInput::Ports(ports) => self.handle_ports(now, ports),
            ClientInput::Packet(RawPacket { kind: PacketKind::Rtcp, .. }) if !P::HAS_RTCP => {}
            ClientInput::Packet(datagram) => self.send_to_emulator(now, datagram),
        }
        self.advance(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.handle_request_timeout(now);
        self.receive_from_emulator(now);
        if let Some(receiver) = &mut self.pipeline_mut().receiver {
            receiver.handle_timeout(now);
        }
        self.advance(now);
    }

    fn poll_output(&mut self) -> Option<ClientOutput> {
        self.pipeline_mut().outputs.pop()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.pipeline().poll_timeout().into_iter().chain(self.poll_protocol_timeout()).min()
    }

    fn status(&self) -> SessionStatus {
        self.session_status()
    }

    fn snapshot(&mut self, now: Instant) -> Snapshot {
        self.session_snapshot(now)
    }

    fn packet_log(&self) -> Option<&PacketLog> {
        self.pipeline().receiver.as_ref().map(P::Receiver::packet_log)
    }
}
