//! Sockets, threads and clocks around a client.
//!
//! [`Session::start`] spawns the task and returns the handle. The task passes bytes and datagrams between the client
//! and the network, performs the client's outputs, and calls the client at its next deadline. RTP is received on a
//! thread of its own.

mod connection;
mod frame_queue;
mod frame_sinks;
mod rtp_thread;
mod session;
mod source_filter;
mod task;
mod tls;
mod udp;

pub use frame_queue::{FrameQueue, QueuedFrame, RecorderSlot};
pub use frame_sinks::{FrameSinks, Screen};
pub use session::Session;
