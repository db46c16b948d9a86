//! The embedded server: films in, RTSP and RTP out.
//!
//! Pure parts decide ([`desk`], [`agreement`], [`classroom`], [`guard`], [`session`], [`stream`], [`tempo`], [`pacer`],
//! [`facts`]) and can be joined to a player without a socket; the others carry: a task for each connection, a task for each
//! session, a thread for each index that grows.

pub mod agreement;
pub mod classroom;
mod connection;
mod context;
pub mod desk;
mod event;
mod frames;
pub mod guard;
mod identity;
mod listener;
mod options;
pub mod pacer;
mod route;
mod sender;
pub mod session;
mod sessions;
pub mod stream;
pub mod tempo;
mod workers;

pub use event::{Observer, ServerEvent};
pub use frames::DEFAULT_CAPACITY;
pub use guard::Guard;
pub use listener::Server;
pub use options::ServerOptions;
