//! Sockets, threads and clocks around a client.
//!
//! [`Session`] is the handle. Its task carries bytes and datagrams between the client and the network, and calls the
//! client at its next deadline. RTP is received on a thread of its own.

mod connection;
mod frame_sinks;
mod rtp_thread;
mod session;
mod task;
mod udp;

pub use frame_sinks::{FrameSinks, Screen};
pub use session::Session;
