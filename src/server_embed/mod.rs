//! The embedded server: films in, RTSP and RTP out.
//!
//! Pure parts decide ([`desk`], [`agreement`], [`classroom`], [`guard`], [`session`], [`stream`], [`tempo`], [`pacer`],
//! [`facts`]) and can be joined to a player without a socket; the others carry: a task for each connection, a task for each
//! session, a thread for each index that grows.

pub mod auth;
mod blocking_pool;
pub mod classroom;
mod connection;
mod context;
mod event;
mod frame_cache;
pub mod handlers;
mod ids;
mod listener;
mod options;
pub mod playback_speed;
mod rtp_sender;
pub mod session;
mod session_table;
mod session_task;
pub mod setup;
pub mod stream;

pub use auth::Authenticator;
pub use event::{Observer, ServerEvent};
pub use frame_cache::DEFAULT_CACHE_CAPACITY;
pub use listener::Server;
pub use options::ServerOptions;
