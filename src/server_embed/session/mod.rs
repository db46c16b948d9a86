//! A session of the server: the state machine of RFC 2326 appendix A.2 and the stream that it controls. Sans-I/O.
//!
//! [`ServerSession::set_up`] creates a session and the response to SETUP. [`ServerSession::handle_request`] responds to
//! the other requests; in between, the caller polls [`ServerSession::stream`] for packets.

mod parameters;
mod range;
mod server_session;

pub use server_session::{DEFAULT_SESSION_TIMEOUT, Handled, ServerSession};
