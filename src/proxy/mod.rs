//! A proxy that puts the emulated network between a third-party RTSP client and server.
//!
//! Clients connect to the proxy, and the proxy opens a connection to the server for each of them. Messages are
//! forwarded line by line and unchanged, except for the ports in Transport headers, so that RTP and RTCP pass through
//! the proxy as well. Packets from the server, in datagrams or interleaved, pass through the emulator; packets from
//! the client are forwarded at once.
//!
//! [`Proxy::start`] listens in the background of a tokio runtime until the [`Proxy`] is dropped. `part_reader` and
//! `transport` are sans-I/O; the other files use sockets.

mod connection;
mod connection_reader;
mod interleaved;
mod listener;
mod media_track;
pub mod part_reader;
pub mod transport;

pub use listener::{Proxy, ProxyEvent, ProxyObserver, ProxyOptions};
