//! Sockets and timers that the player, the server and the proxy share.

pub mod acceptor;
pub mod clock;
pub mod deadline;
pub mod udp_ports;
