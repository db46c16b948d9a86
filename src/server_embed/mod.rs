//! The embedded server: serves media files over RTSP and RTP.
//!
//! # Structure
//!
//! Sans-I/O parts make the decisions and can be connected to a client without sockets, on virtual time: [`auth`],
//! [`classroom`] (the dialect of classroom programs), [`handlers`] (routing, OPTIONS, DESCRIBE), [`setup`] (transport
//! negotiation), [`session`] (the state machine), [`playback_speed`] and [`stream`] (RTP and RTCP). The other parts use
//! sockets and tasks: one task per connection and one per session, and one thread per index while it grows.
//!
//! # Call order
//!
//! 1. [`Server::start`] listens and accepts. Each connection gets a task (`connection`) that reads messages, and a
//!    writer (`connection_writer`) with a queue for responses and interleaved packets. `connection_threads` has the
//!    threads on which a server with many viewers runs them.
//! 2. The connection passes a request to [`auth`] and [`handlers::dispatch()`]. It responds to OPTIONS, DESCRIBE and
//!    invalid requests itself.
//! 3. SETUP: the connection calls [`setup::negotiate`], creates a [`session::ServerSession`] with a
//!    [`stream::RtpStream`], registers it in the session table, and spawns its session task (`session_task`).
//! 4. Other requests go through the session table to the session task. It calls
//!    [`handle_request`](session::ServerSession::handle_request) and returns the response to the connection, which
//!    writes it. The task sends no packets before the response is written.
//! 5. While the session plays, the task polls the stream. It reads the requested frames from the frame cache, which
//!    reads and packetizes each frame once for all sessions, and sends packets through the emulated network to UDP
//!    sockets or to the queue of the connection.
//! 6. TEARDOWN, the session timeout, the end of a connection that the session needs, or shutdown end the task. It
//!    removes the session from the table and sends BYE.

pub mod auth;
mod blocking_pool;
pub mod classroom;
mod connection;
mod connection_threads;
mod connection_writer;
mod context;
mod event;
mod frame_cache;
pub mod handlers;
mod ids;
mod interleaved_packets;
mod listener;
mod options;
pub mod playback_speed;
mod rtp_sender;
pub mod session;
mod session_table;
mod session_task;
pub mod setup;
mod socket_table;
pub mod stream;

pub use auth::Authenticator;
pub use event::{Observer, ServerEvent};
pub use frame_cache::DEFAULT_CACHE_CAPACITY;
pub use listener::Server;
pub use options::{MANY_SESSIONS, RestartMarkers, Segmentation, ServerOptions, ThreadOptions};
