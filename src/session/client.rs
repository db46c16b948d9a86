//! The contract of a client: one session over one protocol, without a socket and without a clock.
//!
//! Whoever drives a client passes in what happens with [`Client::handle_input`], asks for what is to be done with
//! [`Client::poll_output`] until there is nothing left, and calls [`Client::handle_timeout`] when the instant of
//! [`Client::poll_timeout`] has come. All clients give the same outputs, events and figures, so the driver, the window
//! and `probe` know one kind.

use std::fmt;
use std::time::Instant;

use super::events::{ClientInput, ClientOutput};
use super::state::SessionStatus;
use crate::stats::{PacketLog, Snapshot};

/// A client of one protocol.
pub trait Client: fmt::Debug + Send {
    /// Handles something that has happened at `now`.
    fn handle_input(&mut self, now: Instant, input: ClientInput);

    /// Handles the passing of time; to be called at [`Client::poll_timeout`], or at any other time.
    fn handle_timeout(&mut self, now: Instant);

    /// Returns the next thing to do; to be called until there is nothing, after each input and each timeout.
    fn poll_output(&mut self) -> Option<ClientOutput>;

    /// Returns when [`Client::handle_timeout`] is to be called next; it changes with every input.
    fn poll_timeout(&self) -> Option<Instant>;

    /// State, goal and the request in flight.
    fn status(&self) -> SessionStatus;

    /// The figures at `now`.
    fn snapshot(&mut self, now: Instant) -> Snapshot;

    /// The last packets, each with its fate; none before SETUP.
    fn packet_log(&self) -> Option<&PacketLog>;
}
