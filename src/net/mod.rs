//! Sockets and timers that the player, the server and the proxy share.
//!
//! [`acceptor::Acceptor`] accepts TCP connections up to a limit, [`udp_ports::SocketPair`] binds a UDP port pair for
//! RTP and RTCP, [`deadline::wait_for_deadline`] sleeps until the next timeout of a state machine, and
//! [`clock::epoch`] reads the clocks for one.

pub mod acceptor;
pub mod clock;
pub mod deadline;
pub mod udp_ports;
