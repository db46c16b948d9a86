//! What distinguishes one client from another; everything else stands here, once, for all of them.

use std::fmt;
use std::time::Instant;

use bytes::Bytes;

use super::client::Client;
use super::events::{Command, Input, Output, Path};
use super::pipeline::{FrameReceiver, Pipeline};
use super::state::{Goal, Status};
use crate::impairment::{Datagram, Kind};
use crate::proto::rtsp::{Npt, PortPair};
use crate::stats::{Snapshot, Strip};

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
    fn session_status(&self) -> Status;

    /// The figures at `now`.
    fn session_snapshot(&mut self, now: Instant) -> Snapshot;

    /// Pursues a goal. For [`Goal::Stopped`] the screen has been told already.
    fn set_goal(&mut self, now: Instant, goal: Goal);

    /// Plays on from another position, where the protocol has positions.
    fn seek(&mut self, now: Instant, position: Npt);

    /// The connection is open.
    fn handle_connected(&mut self, now: Instant, path: Path);

    /// The connection could not be opened, for this reason, or was closed.
    fn handle_connection_lost(&mut self, now: Instant, reason: Option<String>);

    /// Bytes have arrived on the connection.
    fn handle_bytes(&mut self, now: Instant, bytes: &Bytes);

    /// The UDP ports are open, or cannot be had for this reason.
    fn handle_ports(&mut self, now: Instant, ports: Result<PortPair, String>);

    /// A packet has passed the emulated network at `now`.
    fn handle_packet(&mut self, now: Instant, packet: Datagram);

    /// Time has passed for requests and responses.
    fn handle_request_timeout(&mut self, now: Instant);

    /// When the protocol has something to do next.
    fn poll_protocol_timeout(&self) -> Option<Instant>;

    /// Performs the next action that the state machine asks for; `false` if there is none.
    fn perform_next_action(&mut self, now: Instant) -> bool;

    /// The frame of this timestamp is shown: its position, where that is known.
    fn handle_shown(&mut self, timestamp: i64) -> Option<Npt>;

    /// Looks for the end of the stream, for missing data, and for reports that are due.
    fn check(&mut self, now: Instant);

    /// Ends what is played: the stream is at its end.
    fn end(&mut self, now: Instant);

    /// Performs all actions that the state machine asks for.
    fn perform_actions(&mut self, now: Instant) {
        while self.perform_next_action(now) {}
        let status = self.session_status();
        self.pipeline_mut().presenter.follow(now, &status);
    }

    /// Passes a packet through the emulated network.
    fn admit(&mut self, now: Instant, packet: Datagram) {
        if let Some(packet) = self.pipeline_mut().emulator.admit(now, packet) {
            self.handle_packet(now, packet);
        }
        self.release(now);
    }

    /// Handles the packets that leave the emulated network by `now`.
    fn release(&mut self, now: Instant) {
        while let Some((at, packet)) = self.pipeline_mut().emulator.poll(now) {
            self.handle_packet(at, packet);
        }
    }

    /// Handles a wish of the user.
    fn handle_command(&mut self, now: Instant, command: Command) {
        let ends = self.pipeline().is_hung_up && !matches!(command, Command::SetPlayoutDelay(_));
        if ends {
            // There is no server any more to ask, and nothing to wait for.
            self.end(now);
        }
        match command {
            Command::SetGoal(goal) => {
                if goal == Goal::Stopped {
                    // The screen obeys before the server does.
                    self.pipeline_mut().presenter.playout.clear();
                }
                self.set_goal(now, goal);
            }
            Command::Seek(position) => self.seek(now, position),
            Command::SetPlayoutDelay(delay) => self.pipeline_mut().set_playout_delay(delay),
        }
    }

    /// Does everything that follows from an input or a timeout.
    fn advance(&mut self, now: Instant) {
        self.perform_actions(now);
        self.present(now);
        self.check(now);
        self.perform_actions(now);
        let status = self.session_status();
        self.pipeline_mut().outputs.tell_status(status);
    }

    /// Moves frames through the jitter buffer to the screen.
    fn present(&mut self, now: Instant) {
        self.pipeline_mut().collect_frames();
        if let Some(frame) = self.pipeline_mut().presenter.show(now) {
            let position = self.handle_shown(frame.timestamp);
            self.pipeline_mut().outputs.push(Output::Show { frame, position });
        }
    }
}

impl<P: Protocol> Client for P {
    fn handle_input(&mut self, now: Instant, input: Input) {
        match input {
            Input::Command(command) => self.handle_command(now, command),
            Input::Connected(path) => self.handle_connected(now, path),
            Input::ConnectionLost(reason) => self.handle_connection_lost(now, reason),
            Input::Received(bytes) => self.handle_bytes(now, &bytes),
            Input::Ports(ports) => self.handle_ports(now, ports),
            Input::Datagram(Datagram { kind: Kind::Rtcp, .. }) if !P::HAS_RTCP => {}
            Input::Datagram(datagram) => self.admit(now, datagram),
        }
        self.advance(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.handle_request_timeout(now);
        self.release(now);
        if let Some(receiver) = &mut self.pipeline_mut().receiver {
            receiver.handle_timeout(now);
        }
        self.advance(now);
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.pipeline_mut().outputs.poll()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.pipeline().poll_timeout().into_iter().chain(self.poll_protocol_timeout()).min()
    }

    fn status(&self) -> Status {
        self.session_status()
    }

    fn snapshot(&mut self, now: Instant) -> Snapshot {
        self.session_snapshot(now)
    }

    fn packet_log(&self) -> Option<&Strip> {
        self.pipeline().receiver.as_ref().map(P::Receiver::packet_log)
    }
}
