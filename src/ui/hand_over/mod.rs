//! Hand-over of what a second start is to open to the window that is open already.
//!
//! Before a start opens a window, [`start()`] looks for the socket of the user's window on the same display. If there
//! is one, the arguments go there as a [`Request`], and the start ends when the window has taken them. If there is
//! none, the start gets a [`Listener`], whose [`Listener::serve`] passes on the arguments of later starts. Whatever
//! fails, the start opens a window of its own.
//!
//! The sockets are in a folder that only the user can enter. Systems without Unix sockets open a window for each start.

mod request;
#[cfg(unix)]
mod socket;
mod start;
#[cfg(not(unix))]
mod unsupported;

#[cfg(unix)]
pub use self::socket::{Listener, start};
pub use self::start::Start;
#[cfg(not(unix))]
pub use self::unsupported::{Listener, start};
pub use request::{MAX_PAYLOAD, Request, RequestError, payload_length};
